//! How a store is opened.

use std::{path::Path, sync::Arc, time::Duration};

use crate::{
    connection::Place,
    error::OpenError,
    store::{Inner, SqliteStore},
    tables::{PrefixError, Tables},
    worker::{Role, Worker},
};

/// Says how a store is to be opened, then opens it.
///
/// ```
/// use std::time::Duration;
/// use inquiry_otl_sqlite::SqliteStore;
///
/// let store = SqliteStore::builder()
///     .with_prefix("links_")?
///     .with_outbox()
///     .with_busy_timeout(Duration::from_secs(2))
///     .in_memory()?;
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use = "it does nothing until it opens a store"]
pub struct Builder {
    tables: Tables,
    busy_timeout: Duration,
    call_timeout: Duration,
    queue: usize,
    synchronous: Synchronous,
    migrates: bool,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            tables: Tables::new(),
            busy_timeout: Duration::from_secs(5),
            call_timeout: Duration::from_secs(10),
            queue: 1_024,
            synchronous: Synchronous::Full,
            migrates: true,
        }
    }

    /// Sets what the names of the tables begin with; `otl_` unless told otherwise.
    ///
    /// # Errors
    /// [`PrefixError`] unless it is a letter and up to 30 letters, digits and `_`, all in lower case.
    pub fn with_prefix(mut self, prefix: &str) -> Result<Self, PrefixError> {
        let tables = Tables::with_prefix(prefix)?;
        self.tables = if self.tables.has_outbox() { tables.with_outbox() } else { tables };
        Ok(self)
    }

    /// Keeps events until somebody acknowledges them, in the transaction of what they tell of (V1).
    pub fn with_outbox(mut self) -> Self {
        self.tables = self.tables.with_outbox();
        self
    }

    /// Sets how long a call waits for another process, or another handle, that writes; 5 seconds unless told
    /// otherwise. Then it is answered with a timeout, and nothing was written.
    pub const fn with_busy_timeout(mut self, timeout: Duration) -> Self {
        self.busy_timeout = timeout;
        self
    }

    /// Sets how long a call may have waited for the calls before it; 10 seconds unless told otherwise. Then it is not
    /// begun, but answered with a timeout.
    pub const fn with_call_timeout(mut self, timeout: Duration) -> Self {
        self.call_timeout = timeout;
        self
    }

    /// Sets how many calls may wait at a time, for writing and for reading each: at least 1, and 1024 unless told otherwise. One more
    /// is told at once that the store is overloaded.
    pub const fn with_queue(mut self, calls: usize) -> Self {
        self.queue = calls;
        self
    }

    /// Sets when a write counts as done; [`Synchronous::Full`] unless told otherwise.
    pub const fn with_synchronous(mut self, synchronous: Synchronous) -> Self {
        self.synchronous = synchronous;
        self
    }

    /// Neither makes the file nor changes the tables: they must be there, in the version of this library.
    /// [`Tables::migrate`] makes them. In memory there is nothing that could be there.
    pub const fn without_migration(mut self) -> Self {
        self.migrates = false;
        self
    }

    /// Opens a store in that file, with two threads: one that writes and one that reads. It waits for the disk.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn open(self, path: impl AsRef<Path>) -> Result<SqliteStore, OpenError> {
        let place = self.place(Some(path.as_ref()));
        let connection = place.open(self.migrates)?;
        let reading = place.reader()?;
        let writer = Worker::start(Role::Writes, place.clone(), connection, self.limits())?;
        let reader = match reading {
            Some(connection) => Some(Worker::start(Role::Reads, place, connection, self.limits())?),
            None => None,
        };
        Ok(self.store(writer, reader))
    }

    /// Opens a store in memory, with one thread: all is forgotten with its last handle. It is for tests.
    ///
    /// # Errors
    /// [`OpenError`].
    pub fn in_memory(self) -> Result<SqliteStore, OpenError> {
        let place = self.place(None);
        let connection = place.open(true)?;
        let writer = Worker::start(Role::Writes, place, connection, self.limits())?;
        Ok(self.store(writer, None))
    }

    fn place(&self, file: Option<&Path>) -> Place {
        Place {
            file: file.map(Path::to_owned),
            tables: self.tables.clone(),
            busy_timeout: self.busy_timeout,
            synchronous: self.synchronous,
        }
    }

    const fn limits(&self) -> (usize, Duration) {
        (self.queue, self.call_timeout)
    }

    fn store(self, writer: Worker, reader: Option<Worker>) -> SqliteStore {
        SqliteStore { inner: Arc::new(Inner { reader, writer, tables: self.tables }) }
    }
}

/// When a write counts as done: what of it a loss of power may take (D1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Synchronous {
    /// When the disk says that it has it. What was acknowledged stays, as long as the disk tells the truth.
    #[default]
    Full,
    /// When the operating system has it. It outlives the process, but **a loss of power, or a crash of the operating
    /// system, takes acknowledged redemptions back**, and a link that was used can then be used again. The file itself
    /// stays sound.
    Normal,
}

impl Synchronous {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::Full => "FULL",
            Self::Normal => "NORMAL",
        }
    }
}
