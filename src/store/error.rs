//! A fault of the store: never a refusal, never a grant (S4).

use std::{error::Error, fmt};

/// Why a store could not answer, and whether asking again is safe (S4).
///
/// It holds no code and no connection string: an adapter gives only such sources.
///
/// ```
/// use inquiry_otl::{Retry, StoreError, StoreErrorKind};
///
/// let error = StoreError::new(StoreErrorKind::Unavailable, Retry::Safe);
/// assert_eq!(error.to_string(), "the store cannot be reached; asking again is safe");
/// ```
#[derive(Debug)]
pub struct StoreError {
    kind: StoreErrorKind,
    retry: Retry,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StoreError {
    /// A fault of that kind.
    #[must_use]
    pub const fn new(kind: StoreErrorKind, retry: Retry) -> Self {
        Self { kind, retry, source: None }
    }

    /// The same fault, with what caused it.
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What kind of fault it is.
    #[must_use]
    pub const fn kind(&self) -> StoreErrorKind {
        self.kind
    }

    /// Whether asking again is safe.
    #[must_use]
    pub const fn retry(&self) -> Retry {
        self.retry
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.kind {
            StoreErrorKind::Unavailable => "the store cannot be reached",
            StoreErrorKind::Timeout => "the store did not answer in time",
            StoreErrorKind::Overloaded => "the store has more to do than it can take",
            StoreErrorKind::Unconfirmed => "the store could not confirm what it wrote",
            StoreErrorKind::Conflict => "the store could not order this call among others",
            StoreErrorKind::Corrupt => "the store holds a record that cannot be read",
            StoreErrorKind::Internal => "the store failed",
        })?;
        f.write_str(match self.retry {
            Retry::Safe => "; asking again is safe",
            Retry::SameAttempt => "; asking again is safe with the same attempt key",
            Retry::WholeTransaction => "; the whole transaction may be tried again",
            Retry::Useless => "; asking again is useless",
            Retry::Unknown => "",
        })
    }
}

impl Error for StoreError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}

/// What went wrong in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum StoreErrorKind {
    /// It cannot be reached.
    Unavailable,
    /// It did not answer in time.
    Timeout,
    /// It has more to do than it can take.
    Overloaded,
    /// It wrote, and could not confirm that the write will last (D1).
    Unconfirmed,
    /// It could not order this call among others.
    Conflict,
    /// It holds a record that cannot be read.
    Corrupt,
    /// Anything else.
    Internal,
}

/// Whether a call that failed may be made again (S4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Retry {
    /// Nothing was written; or it was, and does no harm twice, as with a release: ask again.
    Safe,
    /// It may have been written: ask again with the same attempt key, which finds the first answer (D6). A commit is
    /// asked again with the same claim, which finds it as well (D5). A claim that was written is *busy* until its lease ends.
    SameAttempt,
    /// It was part of the caller's own transaction, which must be tried again as a whole.
    WholeTransaction,
    /// The same call fails again.
    Useless,
    /// Nobody knows.
    Unknown,
}
