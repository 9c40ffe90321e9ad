//! What can be measured, and why it could not be.

use std::time::Duration;

use thiserror::Error;

use super::work::{Load, Work};
use crate::error::{CreateError, Error, IssueError, RevokeError};

/// Something that carries out batches of work and says how long each took.
pub trait Candidate {
    /// Its name in a report.
    fn name(&self) -> &str;

    /// Carries out one batch. What it needs is made before, and is not part of the time.
    ///
    /// # Errors
    /// [`BenchError`]: a batch that did not do what it should is not worth a figure.
    fn batch(&mut self, work: Work, load: Load) -> Result<Timed, BenchError>;
}

/// What a batch came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timed {
    /// It took that long.
    Took(Duration),
    /// The candidate has no such work, and does not appear in that line.
    Cannot,
}

/// Why there is no figure.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BenchError {
    /// A call failed.
    #[error(transparent)]
    Call(#[from] Error),
    /// A call gave another answer than it must.
    #[error("{work}: another answer than it must be: {answer}")]
    Answer {
        /// At which work.
        work: &'static str,
        /// What it was.
        answer: String,
    },
    /// A candidate of another kind failed.
    #[error("{0}")]
    Other(String),
}

impl BenchError {
    pub(super) fn answer(work: Work, answer: &impl std::fmt::Debug) -> Self {
        Self::Answer { work: work.name(), answer: format!("{answer:?}") }
    }
}

/// By way of the error of all calls.
macro_rules! by_way_of_error {
    ($($error:ty),+) => {
        $(impl From<$error> for BenchError {
            fn from(error: $error) -> Self {
                Self::Call(error.into())
            }
        })+
    };
}
by_way_of_error!(CreateError, IssueError, RevokeError, crate::store::StoreError);
