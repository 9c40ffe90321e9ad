//! What the engine or the driver said, as a fault of the store (S4).

use std::{fmt, io};

use inquiry_otl::{Retry, StoreError, StoreErrorKind};
use redis::{ErrorKind, RedisError, ServerErrorKind};

/// What a call that was sent, and never answered, may have done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It writes nothing, or the same again.
    None,
    /// It may be a grant, which its attempt key or claim token finds again.
    Attempt,
    /// It may have written.
    #[default]
    Write,
}

impl Effect {
    /// What may be done after a call whose fate is unknown.
    pub(crate) const fn unknown(self) -> Retry {
        match self {
            Self::None => Retry::Safe,
            Self::Attempt => Retry::SameAttempt,
            Self::Write => Retry::Unknown,
        }
    }
}

/// A fault, without what the engine said in detail: that could be a key, a value or a place.
pub(crate) fn fault(error: &RedisError, effect: Effect) -> StoreError {
    let (kind, retry) = judge(error, effect);
    StoreError::new(kind, retry).with_source(Said::of(error))
}

fn judge(error: &RedisError, effect: Effect) -> (StoreErrorKind, Retry) {
    if is_not_executed(error) {
        return (StoreErrorKind::Unavailable, Retry::Safe);
    }
    match error.kind() {
        ErrorKind::AuthenticationFailed
        | ErrorKind::InvalidClientConfig
        | ErrorKind::RESP3NotSupported
        | ErrorKind::Server(ServerErrorKind::NoPerm) => return (StoreErrorKind::Internal, Retry::Useless),
        ErrorKind::Io if error.is_timeout() => return (StoreErrorKind::Timeout, effect.unknown()),
        ErrorKind::Io => return (StoreErrorKind::Unavailable, effect.unknown()),
        _ => {}
    }
    match error.code() {
        Some("OOM") => (StoreErrorKind::Overloaded, Retry::Safe),
        Some("BUSY") => (StoreErrorKind::Timeout, Retry::Safe),
        Some("WRONGTYPE") => (StoreErrorKind::Corrupt, Retry::Useless),
        Some("NOAUTH" | "WRONGPASS") => (StoreErrorKind::Internal, Retry::Useless),
        // A script stops, before it writes, at a record that it cannot read.
        Some("ERR") if error.detail().is_some_and(|detail| detail.contains("user_script")) => {
            (StoreErrorKind::Corrupt, Retry::Useless)
        }
        _ => (StoreErrorKind::Internal, effect.unknown()),
    }
}

/// Whether the call was turned away before it was carried out: another node's, or nobody's for now.
pub(crate) fn is_not_executed(error: &RedisError) -> bool {
    matches!(
        error.kind(),
        ErrorKind::ClusterConnectionNotFound
            | ErrorKind::Server(
                ServerErrorKind::Moved
                    | ServerErrorKind::Ask
                    | ServerErrorKind::TryAgain
                    | ServerErrorKind::ClusterDown
                    | ServerErrorKind::MasterDown
                    | ServerErrorKind::BusyLoading
                    | ServerErrorKind::ReadOnly
            )
    ) || matches!(error.code(), Some("MISCONF" | "NOREPLICAS"))
        || error.is_connection_refusal()
}

/// A record that cannot be read, or that a script judged otherwise than the rule does.
pub(crate) fn corrupt(what: &'static str) -> StoreError {
    StoreError::new(StoreErrorKind::Corrupt, Retry::Useless).with_source(what)
}

/// The code of an error, or what kind it is.
#[derive(Debug)]
struct Said(String);

impl Said {
    fn of(error: &RedisError) -> Self {
        let io = std::error::Error::source(error).and_then(|source| source.downcast_ref::<io::Error>());
        Self(match (error.code(), io) {
            (Some(code), _) => code.to_owned(),
            (None, Some(io)) => io.kind().to_string(),
            (None, None) => error.category().to_owned(),
        })
    }
}

impl fmt::Display for Said {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Redis: {}", self.0)
    }
}

impl std::error::Error for Said {}
