//! What was called, and what came of it.

use crate::{Answer, Call};

/// A call, and what its client knows of it. Instants are of one clock that does not go back, the same for all clients.
#[derive(Clone, Debug)]
pub struct Recorded {
    /// Who called.
    pub client: u32,
    /// What.
    pub call: Call,
    /// Before the store heard of it.
    pub invoked: u64,
    /// What came of it.
    pub end: End,
}

/// How a call ended, as its client knows it.
#[derive(Clone, Debug)]
pub enum End {
    /// It was answered.
    Answered {
        /// After the answer.
        at: u64,
        /// The answer.
        answer: Answer,
    },
    /// It failed, with the word that nothing was written: it must not have taken effect.
    NothingWritten,
    /// Nobody knows: it failed in another way, or its client died. It may take effect at any time, or never.
    Unknown,
}

impl Recorded {
    /// When it was over, for whoever called after that; never, if nobody knows.
    pub(crate) const fn over(&self) -> u64 {
        match &self.end {
            End::Answered { at, .. } => *at,
            End::NothingWritten | End::Unknown => u64::MAX,
        }
    }
}
