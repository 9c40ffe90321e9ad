//! What went wrong, and whether to ask again (S4).

use std::{error::Error, fmt, io};

use deadpool::managed::{PoolError, TimeoutType};
use inquiry_otl::{Retry, StoreError, StoreErrorKind};
use tokio_postgres::error::{Severity, SqlState};

/// What a command was about to do, which says what a lost answer means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fate {
    /// Nothing that doing it again would do twice.
    Harmless,
    /// A redemption, a claim or a commit, which its attempt key or claim token finds again (D5, D6).
    Attempt,
    /// A write that nobody can recognise.
    Write,
}

impl Fate {
    /// Whether to ask again when nobody knows whether it happened.
    const fn unknown(self) -> Retry {
        match self {
            Self::Harmless => Retry::Safe,
            Self::Attempt => Retry::SameAttempt,
            Self::Write => Retry::Unknown,
        }
    }
}

/// Why a command has no answer.
#[derive(Debug)]
pub(crate) enum Fault {
    /// The server or the way to it.
    Engine(tokio_postgres::Error),
    /// No answer in time.
    Silence,
    /// A warning came with the answer: perhaps it will not last (D1).
    Unconfirmed,
    /// A column holds what this version cannot read.
    Unreadable(String),
    /// What the function in the database wrote is not what the rules say.
    Disagrees,
    /// Somebody else's receipt.
    Foreign,
}

impl From<tokio_postgres::Error> for Fault {
    fn from(error: tokio_postgres::Error) -> Self {
        Self::Engine(error)
    }
}

impl Fault {
    /// The fault of a command on a connection of the store's own.
    pub(crate) fn of(&self, fate: Fate) -> StoreError {
        let (kind, retry) = self.judged(fate);
        StoreError::new(kind, retry).with_source(Cause::from(self))
    }

    fn judged(&self, fate: Fate) -> (StoreErrorKind, Retry) {
        match self {
            Self::Engine(error) => judge(error, fate),
            Self::Silence => (StoreErrorKind::Timeout, fate.unknown()),
            Self::Unconfirmed => (StoreErrorKind::Unconfirmed, fate.unknown()),
            Self::Unreadable(_) | Self::Disagrees => (StoreErrorKind::Corrupt, Retry::Useless),
            Self::Foreign => (StoreErrorKind::Internal, Retry::Useless),
        }
    }

    /// The fault of a command in a transaction of the caller's, who can only begin it anew.
    pub(crate) fn in_transaction(&self) -> StoreError {
        let (kind, retry) = self.judged(Fate::Harmless);
        let retry = if retry == Retry::Useless { retry } else { Retry::WholeTransaction };
        StoreError::new(kind, retry).with_source(Cause::from(self))
    }

    /// Whether the connection may be in a state that nobody knows.
    pub(crate) fn spoils_connection(&self) -> bool {
        match self {
            Self::Engine(error) => match error.code().map(SqlState::code) {
                // A statement was forgotten by the server, or is made for other tables; another server is the primary.
                Some(code) => ["26", "0A", "25"].iter().any(|class| code.starts_with(class)),
                None => true,
            },
            // Whoever ends it closes the connection.
            Self::Silence | Self::Unconfirmed | Self::Unreadable(_) | Self::Disagrees | Self::Foreign => {
                false
            }
        }
    }
}

/// What the server's word, or its silence, means (S4).
fn judge(error: &tokio_postgres::Error, fate: Fate) -> (StoreErrorKind, Retry) {
    use StoreErrorKind::{Internal, Unavailable};
    let Some(answer) = error.as_db_error() else {
        return if is_of_the_way(error) { (Unavailable, fate.unknown()) } else { (Internal, fate.unknown()) };
    };
    // An error ends the transaction before its commit. After a fatal one the connection is gone, and with it the
    // knowledge.
    let fatal = answer.parsed_severity().is_none_or(|severity| severity != Severity::Error);
    let (kind, retry) = meaning(answer.code().code());
    (kind, if fatal { fate.unknown() } else { retry })
}

/// What a SQLSTATE says, and whether to ask again where nothing was written.
fn meaning(code: &str) -> (StoreErrorKind, Retry) {
    use StoreErrorKind::{Conflict, Corrupt, Internal, Overloaded, Timeout, Unavailable};
    match code {
        "57014" | "55P03" => (Timeout, Retry::Safe),
        "40001" | "40P01" | "25P02" => (Conflict, Retry::Safe),
        // A primary that became a standby.
        "25006" => (Unavailable, Retry::Safe),
        "XX001" | "XX002" => (Corrupt, Retry::Useless),
        code => match code.get(..2) {
            Some("08" | "25" | "57" | "58" | "26" | "0A") => (Unavailable, Retry::Safe),
            Some("53") => (Overloaded, Retry::Safe),
            _ => (Internal, Retry::Useless),
        },
    }
}

fn is_of_the_way(error: &tokio_postgres::Error) -> bool {
    error.is_closed() || error.source().is_some_and(<dyn Error>::is::<io::Error>)
}

/// Whether a fault of many may be that of one of them: then nothing was written, and each is asked for by itself.
pub(crate) fn is_of_one(error: &StoreError) -> bool {
    let written = !matches!(error.retry(), Retry::Safe | Retry::Useless);
    let of_all = matches!(error.kind(), StoreErrorKind::Unavailable | StoreErrorKind::Overloaded);
    !written && !of_all
}

/// Nothing was sent: there is no connection to send it over.
pub(crate) fn no_connection(error: PoolError<tokio_postgres::Error>) -> StoreError {
    use StoreErrorKind::{Overloaded, Unavailable};
    let (kind, retry) = match &error {
        PoolError::Timeout(TimeoutType::Wait) => (Overloaded, Retry::Safe),
        // That there is no connection is no fault of one row's.
        PoolError::Timeout(_) => (Unavailable, Retry::Safe),
        PoolError::Backend(error) => {
            error.as_db_error().map_or((Unavailable, Retry::Safe), |answer| meaning(answer.code().code()))
        }
        PoolError::Closed | PoolError::NoRuntimeSpecified | PoolError::PostCreateHook(_) => {
            (Unavailable, Retry::Safe)
        }
    };
    StoreError::new(kind, retry).with_source(match error {
        PoolError::Backend(error) => Cause::of(&error),
        PoolError::Timeout(TimeoutType::Wait) => Cause("no connection is free".to_owned()),
        _ => Cause("no connection could be made".to_owned()),
    })
}

/// What is told of a cause: no value, no name of a host, a user, a database or a file, no part of a statement.
#[derive(Debug)]
struct Cause(String);

impl Cause {
    fn of(error: &tokio_postgres::Error) -> Self {
        if let Some(answer) = error.as_db_error() {
            let code = answer.code().code();
            // The server's own messages name roles, databases, files and values.
            let what = answer.constraint().unwrap_or_else(|| in_words(code));
            return Self(format!("SQLSTATE {code}: {what}"));
        }
        // The driver's own text names what failed, and its source is not part of it.
        match error.source().and_then(|source| source.downcast_ref::<io::Error>()) {
            Some(io) => Self(format!("{error}: {}", io.kind())),
            None => Self(error.to_string()),
        }
    }
}

/// What a SQLSTATE says, in words of our own.
fn in_words(code: &str) -> &'static str {
    match code {
        "57014" => "the statement was stopped, by its timeout or by somebody",
        "55P03" => "somebody held a lock for too long",
        "40P01" => "two transactions waited for each other",
        "25006" => "the server takes no writes",
        "53100" => "the disk is full",
        "53200" => "the server is out of memory",
        "53300" => "there are too many connections",
        code => match code.get(..2) {
            Some("08") => "the connection failed",
            Some("23") => "a constraint was violated",
            Some("25") => "the transaction is in a state that it should not be in",
            Some("26") => "the server forgot a statement",
            Some("28") => "the server refused who asked",
            Some("3D") => "there is no such database",
            Some("40") => "the transaction was rolled back",
            Some("42") => "something that the statement names is not there, or is not allowed",
            Some("53") => "the server has not enough of something",
            Some("55") => "something is not in a state to be used",
            Some("57") => "the server or somebody stepped in",
            Some("58") => "the system that the server runs on failed",
            Some("XX") => "the server is in error",
            _ => "no more is told of it",
        },
    }
}

impl From<&Fault> for Cause {
    fn from(fault: &Fault) -> Self {
        match fault {
            Fault::Engine(error) => Self::of(error),
            Fault::Silence => Self("the server did not answer".to_owned()),
            Fault::Unconfirmed => Self("the server committed with a warning".to_owned()),
            Fault::Unreadable(column) => Self(format!("the column {column} cannot be read")),
            Fault::Disagrees => Self("the database did not do what the rules say".to_owned()),
            Fault::Foreign => Self("a receipt that this store did not make".to_owned()),
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Error for Cause {}
