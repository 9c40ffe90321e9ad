//! The server's own records, in an SQLite file of its own: whatever the store of links does not keep.
//!
//! One thread writes, one reads. Writes that come while the disk is busy with a transaction go together in the next one; each
//! is answered after its commit, and one that fails fails alone.

pub(crate) mod figures;
pub(crate) mod idempotency;
pub(crate) mod mails;
#[cfg(test)]
mod plans;
pub(crate) mod root;
pub(crate) mod templates;
#[cfg(test)]
mod tests;
pub(crate) mod timeline;
pub(crate) mod tokens;
pub(crate) mod webhooks;

use std::{
    error::Error,
    path::{Path, PathBuf},
    str::FromStr,
    thread,
    time::Duration,
};

use inquiry_otl::{Retry, StoreError, StoreErrorKind, Timestamp};
use rusqlite::{Connection, Transaction, TransactionBehavior, types::Type};
use serde::{Serialize, de::DeserializeOwned};
use thiserror::Error;
use tokio::sync::{mpsc, oneshot};

use crate::files;

/// The tables of each subject, in the order in which they refer to one another.
const TABLES: [&str; 8] = [
    root::TABLES,
    tokens::TABLES,
    templates::TABLES,
    timeline::TABLES,
    figures::TABLES,
    idempotency::TABLES,
    webhooks::TABLES,
    mails::TABLES,
];
/// The version of the tables, in `user_version`.
const VERSION: i32 = 2;
/// How many calls may wait.
const QUEUE: usize = 1024;
/// How many writes share a transaction.
const BATCH: usize = 64;

/// A handle on the records; clones share the file.
#[derive(Clone)]
pub(crate) struct Records {
    path: PathBuf,
    writer: mpsc::Sender<Write>,
    reader: mpsc::Sender<Read>,
}

/// A write: done within a transaction, if there is one, and told after its commit.
type Write = Box<dyn FnOnce(rusqlite::Result<&mut Transaction<'_>>) -> Answer + Send>;
type Answer = Box<dyn FnOnce(rusqlite::Result<()>) + Send>;
type Read = Box<dyn FnOnce(&Connection) + Send>;

impl Records {
    /// Opens the file, and makes its tables if they are not there.
    pub(crate) fn open(path: &Path) -> Result<Self, RecordsError> {
        files::make_database(path).map_err(RecordsError::File)?;
        let mut first = connect(path)?;
        migrate(&mut first)?;
        let second = connect(path)?;
        let (writer, writing) = mpsc::channel(QUEUE);
        let (reader, reading) = mpsc::channel(QUEUE);
        thread::Builder::new().name("records-write".to_owned()).spawn(move || write_all(first, writing))?;
        thread::Builder::new().name("records-read".to_owned()).spawn(move || read_all(&second, reading))?;
        Ok(Self { path: path.to_owned(), writer, reader })
    }

    /// Carries out a write whole, or not at all; answers once it is on disk.
    ///
    /// A caller who goes away changes nothing: what was asked for is carried out.
    pub(crate) async fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, RecordsError> {
        let (tell, told) = oneshot::channel();
        let write: Write = Box::new(move |begun| {
            let done = begun.and_then(|transaction| alone(transaction, work));
            Box::new(move |committed| {
                // Whoever asked may be gone.
                drop(tell.send(committed.and(done)));
            })
        });
        self.writer.try_send(write).map_err(|_| RecordsError::Overloaded)?;
        Ok(told.await.map_err(|_| RecordsError::Closed)??)
    }

    /// Reads what is on disk.
    pub(crate) async fn read<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, RecordsError> {
        let (tell, told) = oneshot::channel();
        let read: Read = Box::new(move |connection| drop(tell.send(work(connection))));
        self.reader.try_send(read).map_err(|_| RecordsError::Overloaded)?;
        Ok(told.await.map_err(|_| RecordsError::Closed)??)
    }

    /// Writes what is there already: whether anything can be written shows at the disk alone.
    pub(crate) async fn try_write(&self) -> Result<(), RecordsError> {
        self.write(|to| to.pragma_update(None, "user_version", VERSION)).await
    }

    /// Empties the log of writes, where what was deleted would be readable until it is written over.
    ///
    /// It waits until nobody reads or writes, so it has a connection of its own: nobody waits behind it.
    pub(crate) async fn forget(&self) -> Result<(), RecordsError> {
        let path = self.path.clone();
        let emptied = tokio::task::spawn_blocking(move || {
            connect(&path)?.query_row("PRAGMA wal_checkpoint(TRUNCATE)", [], |row| row.get(0))
        });
        let is_busy: bool = emptied.await.map_err(|_| RecordsError::Closed)??;
        if is_busy { Err(RecordsError::Busy) } else { Ok(()) }
    }
}

/// Does a write so that, if it fails, those before and after it are none the worse.
fn alone<T>(
    transaction: &mut Transaction<'_>,
    work: impl FnOnce(&Transaction<'_>) -> rusqlite::Result<T>,
) -> rusqlite::Result<T> {
    transaction.execute_batch("SAVEPOINT one")?;
    let done = work(transaction);
    transaction.execute_batch(if done.is_ok() { "RELEASE one" } else { "ROLLBACK TO one; RELEASE one" })?;
    done
}

fn write_all(mut connection: Connection, mut writes: mpsc::Receiver<Write>) {
    while let Some(first) = writes.blocking_recv() {
        let mut batch = vec![first];
        while batch.len() < BATCH
            && let Ok(next) = writes.try_recv()
        {
            batch.push(next);
        }
        match connection.transaction_with_behavior(TransactionBehavior::Immediate) {
            Ok(mut transaction) => {
                let answers: Vec<_> = batch.into_iter().map(|write| write(Ok(&mut transaction))).collect();
                let committed = transaction.commit();
                for answer in answers {
                    answer(committed.as_ref().copied().map_err(again));
                }
            }
            Err(error) => {
                for write in batch {
                    write(Err(again(&error)))(Ok(()));
                }
            }
        }
    }
}

/// The same failure for another caller: each is told the code.
fn again(error: &rusqlite::Error) -> rusqlite::Error {
    match error {
        rusqlite::Error::SqliteFailure(code, text) => rusqlite::Error::SqliteFailure(*code, text.clone()),
        _ => rusqlite::Error::InvalidQuery,
    }
}

fn read_all(connection: &Connection, mut reads: mpsc::Receiver<Read>) {
    while let Some(read) = reads.blocking_recv() {
        read(connection);
    }
}

fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let connection = Connection::open(path)?;
    connection.busy_timeout(Duration::from_secs(5))?;
    connection.pragma_update(None, "journal_mode", "wal")?;
    connection.pragma_update(None, "synchronous", "full")?;
    connection.pragma_update(None, "foreign_keys", true)?;
    // What is deleted is overwritten: people's addresses do not stay behind in the file.
    connection.pragma_update(None, "secure_delete", true)?;
    Ok(connection)
}

fn migrate(connection: &mut Connection) -> Result<(), RecordsError> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version: i32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    match version {
        VERSION => return Ok(()),
        0 => TABLES.iter().try_for_each(|tables| transaction.execute_batch(tables))?,
        _ => return Err(RecordsError::Version),
    }
    transaction.pragma_update(None, "user_version", VERSION)?;
    Ok(transaction.commit()?)
}

/// What a column of JSON is to hold.
pub(crate) fn to_json(value: &impl Serialize) -> rusqlite::Result<String> {
    serde_json::to_string(value).map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))
}

/// What a column of JSON holds.
fn from_json<T: DeserializeOwned>(text: &str) -> rusqlite::Result<T> {
    serde_json::from_str(text).map_err(unreadable)
}

/// What a column of text holds: an id, an address.
fn from_text<T: FromStr<Err: Into<Box<dyn Error + Send + Sync>>>>(text: &str) -> rusqlite::Result<T> {
    text.parse().map_err(unreadable)
}

/// The instant in a column of microseconds.
fn from_micros(micros: i64) -> rusqlite::Result<Timestamp> {
    Timestamp::from_unix_micros(micros).map_err(unreadable)
}

fn unreadable(error: impl Into<Box<dyn Error + Send + Sync>>) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(0, Type::Text, error.into())
}

/// Why the records could not be read or written.
#[derive(Debug, Error)]
pub(crate) enum RecordsError {
    /// Too many calls are waiting.
    #[error("too many calls wait for the server's records")]
    Overloaded,
    /// Others use them.
    #[error("the server's records are in use")]
    Busy,
    /// The server is ending.
    #[error("the server's records are closed")]
    Closed,
    /// The file is of another version of this program.
    #[error("the server's records are of another version of this program")]
    Version,
    /// The file cannot be made.
    #[error("the file of the server's records cannot be made")]
    File(#[source] std::io::Error),
    /// The engine failed.
    #[error("the server's records cannot be used")]
    Sqlite(#[from] rusqlite::Error),
    /// The machine has no thread for them.
    #[error("the server's records have no thread")]
    Thread(#[from] std::io::Error),
}

/// For what is asked of the records through a trait of the library: nothing was written, or nobody can tell.
impl From<RecordsError> for StoreError {
    fn from(error: RecordsError) -> Self {
        Self::new(StoreErrorKind::Unavailable, Retry::Safe).with_source(error)
    }
}
