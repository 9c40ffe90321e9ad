//! Connections, and what is asked of each of them.

use std::{
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::{builder::Synchronous, error::OpenError, patience::Wait, schema, tables::Tables};

/// Where the records are, and how a connection to them is made.
#[derive(Clone, Debug)]
pub(crate) struct Place {
    /// The file; none for memory.
    pub(crate) file: Option<PathBuf>,
    pub(crate) tables: Tables,
    pub(crate) busy_timeout: Duration,
    pub(crate) synchronous: Synchronous,
}

impl Place {
    /// The first connection: it makes the file and the tables, if it is to.
    pub(crate) fn open(&self, migrate: bool) -> Result<Connection, OpenError> {
        if rusqlite::version_number() < 3_037_000 {
            return Err(OpenError::OldEngine);
        }
        let mut connection = match &self.file {
            Some(file) if migrate => self.connect(file, WRITES | OpenFlags::SQLITE_OPEN_CREATE)?,
            Some(file) => self.connect(file, WRITES)?,
            None => self.settled(Connection::open_in_memory()?)?,
        };
        // Before anything else is changed: what is refused stays as it is.
        if migrate {
            schema::migrate(&mut connection, self.tables.prefix())?;
        } else {
            schema::check(&connection, self.tables.prefix())?;
        }
        if self.file.is_some() {
            self.start_log(&connection)?;
        }
        Ok(connection)
    }

    /// A connection that writes, to tables that are there; none to memory, which went with its connection.
    pub(crate) fn writer(&self) -> Result<Option<Connection>, OpenError> {
        let Some(file) = &self.file else {
            return Ok(None);
        };
        let connection = self.connect(file, WRITES)?;
        schema::check(&connection, self.tables.prefix())?;
        self.start_log(&connection)?;
        Ok(Some(connection))
    }

    /// A connection that only reads; none to memory, which has only one.
    pub(crate) fn reader(&self) -> Result<Option<Connection>, OpenError> {
        let Some(file) = &self.file else {
            return Ok(None);
        };
        let connection = self.connect(file, OpenFlags::SQLITE_OPEN_READ_ONLY)?;
        schema::check(&connection, self.tables.prefix())?;
        Ok(Some(connection))
    }

    fn connect(&self, file: &Path, flags: OpenFlags) -> Result<Connection, OpenError> {
        // One thread has each connection.
        self.settled(Connection::open_with_flags(file, flags | OpenFlags::SQLITE_OPEN_NO_MUTEX)?)
    }

    /// What every connection is told.
    fn settled(&self, connection: Connection) -> Result<Connection, OpenError> {
        connection.busy_timeout(self.busy_timeout)?;
        connection.pragma_update(None, "foreign_keys", true)?;
        connection.pragma_update(None, "trusted_schema", false)?;
        connection.set_prepared_statement_cache_capacity(64);
        Ok(connection)
    }

    /// How a connection that writes makes it last, and what it holds for that: links are found at random, and what a
    /// transaction takes is mostly the pages that it reads, logs and copies.
    fn start_log(&self, connection: &Connection) -> Result<(), OpenError> {
        self.switch_to_log(connection)?;
        connection.pragma_update(None, "synchronous", self.synchronous.as_str())?;
        // Where fsync leaves data in the drive's cache (macOS); elsewhere they do nothing.
        connection.pragma_update(None, "fullfsync", true)?;
        connection.pragma_update(None, "checkpoint_fullfsync", true)?;
        // In pages of 4 KiB, where the engine would take 1,000: what is changed often is copied less often.
        connection.pragma_update(None, "wal_autocheckpoint", 4_096)?;
        // In KiB, and at the most, where the engine would take 2,000.
        connection.pragma_update(None, "cache_size", -32_768)?;
        // A log that grew in a burst does not keep its size.
        connection.pragma_update(None, "journal_size_limit", 64_i64 << 20)?;
        Ok(())
    }

    /// The write-ahead log: it stays with the file. The engine does not wait for its lock here, so this does.
    fn switch_to_log(&self, connection: &Connection) -> Result<(), OpenError> {
        let wait = Wait::begin();
        loop {
            let mode = connection
                .pragma_update_and_check(None, "journal_mode", "wal", |row| row.get::<_, String>(0));
            match mode {
                Ok(mode) if mode == "wal" => return Ok(()),
                Ok(_) => return Err(OpenError::NoWriteAheadLog),
                Err(error)
                    if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                        && !wait.is_longer_than(self.busy_timeout) =>
                {
                    thread::sleep(Duration::from_millis(5));
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// For a connection that writes.
const WRITES: OpenFlags = OpenFlags::SQLITE_OPEN_READ_WRITE;
