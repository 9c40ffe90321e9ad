//! What goes wrong in the engine, and what a caller is told of it (S4).

use std::{error::Error, fmt};

use inquiry_otl::{Retry, StoreError, StoreErrorKind};
use rusqlite::{ErrorCode, ffi};

/// Why a store was not opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The tables were made by a newer version of this library.
    Newer {
        /// The version of the tables.
        found: u32,
        /// The newest version that this library knows.
        known: u32,
    },
    /// There are no tables, or of an older version, and the store was not to migrate.
    Older {
        /// The version of the tables; 0 if there are none.
        found: u32,
        /// The version that this library needs.
        needed: u32,
    },
    /// The file cannot have a write-ahead log: it is no file, or lies where memory cannot be shared.
    NoWriteAheadLog,
    /// The SQLite that is linked is older than 3.37, which has no strict tables.
    OldEngine,
    /// A thread could not be started.
    Thread(std::io::Error),
    /// SQLite failed.
    Engine(rusqlite::Error),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Newer { found, known } => {
                write!(f, "the tables are of version {found}, and this library knows versions up to {known}")
            }
            Self::Older { found, needed } => {
                write!(
                    f,
                    "the tables are of version {found}, and this library needs version {needed}: migrate"
                )
            }
            Self::NoWriteAheadLog => f.write_str("the database cannot have a write-ahead log"),
            Self::OldEngine => f.write_str("SQLite is older than 3.37"),
            Self::Thread(_) => f.write_str("a thread of the store could not be started"),
            Self::Engine(_) => f.write_str("SQLite failed"),
        }
    }
}

impl Error for OpenError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Thread(error) => Some(error),
            Self::Engine(error) => Some(error),
            _ => None,
        }
    }
}

impl From<rusqlite::Error> for OpenError {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error)
    }
}

/// Why a command could not be carried out.
#[derive(Debug)]
pub(crate) enum Fault {
    Engine(rusqlite::Error),
    Unreadable(Unreadable),
    NotInTransaction,
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Engine(error)
    }
}

impl From<Unreadable> for Fault {
    fn from(unreadable: Unreadable) -> Self {
        Self::Unreadable(unreadable)
    }
}

/// How far a command had come when it failed: what may have been written follows from it.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stage {
    /// Its transaction was rolled back: nothing was written.
    Undone,
    /// Its transaction was being committed; whoever asks again is told to do it like this.
    Committing(Retry),
    /// It was part of a transaction of the application's.
    OwnTransaction,
}

impl Fault {
    /// What the caller is told.
    pub(crate) fn at(self, stage: Stage) -> StoreError {
        let (kind, retry) = self.judge(stage);
        self.behind(StoreError::new(kind, retry))
    }

    /// The same error with this as its source.
    pub(crate) fn behind(self, error: StoreError) -> StoreError {
        match self {
            Self::Engine(source) => error.with_source(source),
            Self::Unreadable(source) => error.with_source(source),
            Self::NotInTransaction => error.with_source(NotInTransaction),
        }
    }

    pub(crate) fn judge(&self, stage: Stage) -> (StoreErrorKind, Retry) {
        match self {
            Self::Engine(error) => judge(error.sqlite_error(), stage),
            Self::Unreadable(_) => (StoreErrorKind::Corrupt, Retry::Useless),
            Self::NotInTransaction => (StoreErrorKind::Internal, Retry::Useless),
        }
    }

    /// Whether the engine refused what was written.
    pub(crate) fn is_constraint(&self) -> bool {
        matches!(self, Self::Engine(error) if error.sqlite_error_code() == Some(ErrorCode::ConstraintViolation))
    }

    /// Whether the connection should be made anew: it may remember what is not true any more.
    pub(crate) fn spoils_connection(&self) -> bool {
        let Self::Engine(error) = self else {
            return false;
        };
        error.sqlite_error().is_some_and(|failure| {
            is_moved(*failure)
                || matches!(
                    failure.code,
                    ErrorCode::SystemIoFailure
                        | ErrorCode::CannotOpen
                        | ErrorCode::DatabaseCorrupt
                        | ErrorCode::NotADatabase
                        | ErrorCode::ApiMisuse
                )
        })
    }
}

fn judge(failure: Option<&ffi::Error>, stage: Stage) -> (StoreErrorKind, Retry) {
    let Some(failure) = failure else {
        return (StoreErrorKind::Internal, Retry::Useless);
    };
    let (kind, retry) = match failure.code {
        ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked | ErrorCode::FileLockingProtocolFailed => {
            (StoreErrorKind::Timeout, Retry::Safe)
        }
        ErrorCode::OutOfMemory => (StoreErrorKind::Overloaded, Retry::Safe),
        ErrorCode::SystemIoFailure
        | ErrorCode::DiskFull
        | ErrorCode::CannotOpen
        | ErrorCode::OperationAborted
        | ErrorCode::OperationInterrupted => (StoreErrorKind::Unavailable, Retry::Safe),
        ErrorCode::ReadOnly if is_moved(*failure) => (StoreErrorKind::Unavailable, Retry::Safe),
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => (StoreErrorKind::Corrupt, Retry::Useless),
        _ => (StoreErrorKind::Internal, Retry::Useless),
    };
    match (stage, kind, retry) {
        // What waits for a lock has written nothing; all else may stand in the log, to be found at the next start.
        (Stage::Committing(in_doubt), StoreErrorKind::Unavailable | StoreErrorKind::Overloaded, _) => {
            (StoreErrorKind::Unconfirmed, in_doubt)
        }
        (Stage::OwnTransaction, StoreErrorKind::Timeout, _) => {
            (StoreErrorKind::Conflict, Retry::WholeTransaction)
        }
        (Stage::OwnTransaction, kind, Retry::Safe) => (kind, Retry::WholeTransaction),
        (_, kind, retry) => (kind, retry),
    }
}

/// Whether somebody moved or deleted the file under an open connection.
fn is_moved(failure: ffi::Error) -> bool {
    failure.extended_code == ffi::SQLITE_READONLY_DBMOVED
}

/// A column that holds what it cannot hold; the value is not shown.
#[derive(Debug)]
pub(crate) struct Unreadable(pub(crate) String);

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the column \"{}\" cannot be read", self.0)
    }
}

impl Error for Unreadable {}

/// A command was to be part of a transaction, and none is open on that connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct NotInTransaction;

impl fmt::Display for NotInTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no transaction is open on this connection")
    }
}

impl Error for NotInTransaction {}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(extended_code: i32, stage: Stage) -> (StoreErrorKind, Retry) {
        let error =
            Fault::Engine(rusqlite::Error::SqliteFailure(ffi::Error::new(extended_code), None)).at(stage);
        (error.kind(), error.retry())
    }

    /// S4, D1: what the engine says, and how far the command was, decide what the caller is told.
    #[test]
    fn each_failure_is_told_by_its_stage() {
        let (undone, own) = (Stage::Undone, Stage::OwnTransaction);
        let committing = Stage::Committing(Retry::SameAttempt);
        for code in [ffi::SQLITE_BUSY, ffi::SQLITE_BUSY_SNAPSHOT, ffi::SQLITE_LOCKED, ffi::SQLITE_PROTOCOL] {
            assert_eq!(told(code, undone), (StoreErrorKind::Timeout, Retry::Safe), "{code}");
            assert_eq!(told(code, committing), (StoreErrorKind::Timeout, Retry::Safe), "{code}");
            assert_eq!(told(code, own), (StoreErrorKind::Conflict, Retry::WholeTransaction), "{code}");
        }
        for code in [
            ffi::SQLITE_FULL,
            ffi::SQLITE_IOERR_FSYNC,
            ffi::SQLITE_IOERR_WRITE,
            ffi::SQLITE_IOERR_SHMMAP,
            ffi::SQLITE_CANTOPEN,
            ffi::SQLITE_INTERRUPT,
            ffi::SQLITE_READONLY_DBMOVED,
        ] {
            assert_eq!(told(code, undone), (StoreErrorKind::Unavailable, Retry::Safe), "{code}");
            assert_eq!(told(code, committing), (StoreErrorKind::Unconfirmed, Retry::SameAttempt), "{code}");
            assert_eq!(told(code, own), (StoreErrorKind::Unavailable, Retry::WholeTransaction), "{code}");
        }
        assert_eq!(told(ffi::SQLITE_NOMEM, undone), (StoreErrorKind::Overloaded, Retry::Safe));
        assert_eq!(
            told(ffi::SQLITE_NOMEM, Stage::Committing(Retry::Unknown)),
            (StoreErrorKind::Unconfirmed, Retry::Unknown)
        );
        for stage in [undone, committing, own] {
            for code in [ffi::SQLITE_CORRUPT, ffi::SQLITE_CORRUPT_INDEX, ffi::SQLITE_NOTADB] {
                assert_eq!(told(code, stage), (StoreErrorKind::Corrupt, Retry::Useless), "{code}");
            }
            for code in [
                ffi::SQLITE_READONLY,
                ffi::SQLITE_CONSTRAINT_CHECK,
                ffi::SQLITE_CONSTRAINT_FOREIGNKEY,
                ffi::SQLITE_ERROR,
                ffi::SQLITE_PERM,
                ffi::SQLITE_AUTH,
                ffi::SQLITE_MISMATCH,
                ffi::SQLITE_TOOBIG,
            ] {
                assert_eq!(told(code, stage), (StoreErrorKind::Internal, Retry::Useless), "{code}");
            }
        }
        let other = Fault::Engine(rusqlite::Error::InvalidQuery).at(undone);
        assert_eq!((other.kind(), other.retry()), (StoreErrorKind::Internal, Retry::Useless));
    }
}
