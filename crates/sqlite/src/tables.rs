//! Which tables a store has: their names, and what is kept in them.

use std::{fmt, sync::Arc};

use rusqlite::Connection;

use crate::{error::OpenError, schema, sql::Sql};

/// The tables of a store: their prefix, and whether events are kept in an outbox.
///
/// A [`SqliteStore`](crate::SqliteStore) gives its own, for a [`SqliteTransaction`](crate::SqliteTransaction) on the same
/// file. Clones are cheap.
///
/// ```
/// use inquiry_otl_sqlite::Tables;
///
/// let tables = Tables::with_prefix("links_")?.with_outbox();
/// assert_eq!(tables.prefix(), "links_");
/// # Ok::<(), inquiry_otl_sqlite::PrefixError>(())
/// ```
#[derive(Clone)]
pub struct Tables {
    names: Arc<Names>,
    has_outbox: bool,
}

struct Names {
    prefix: String,
    sql: Sql,
}

impl Tables {
    /// Tables whose names begin with `otl_`, without an outbox.
    #[must_use]
    pub fn new() -> Self {
        Self::named("otl_")
    }

    /// Tables whose names begin with that prefix, without an outbox.
    ///
    /// # Errors
    /// [`PrefixError`] unless it is a letter and up to 30 letters, digits and `_`, all in lower case.
    pub fn with_prefix(prefix: &str) -> Result<Self, PrefixError> {
        let mut bytes = prefix.bytes();
        let good = bytes.next().is_some_and(|first| first.is_ascii_lowercase())
            && bytes.len() <= 30
            && bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
            // The engine's own.
            && !prefix.starts_with("sqlite_");
        if good { Ok(Self::named(prefix)) } else { Err(PrefixError) }
    }

    /// The same tables, with events kept until somebody acknowledges them (V1).
    #[must_use]
    pub fn with_outbox(mut self) -> Self {
        self.has_outbox = true;
        self
    }

    /// What the names of the tables begin with.
    #[must_use]
    pub fn prefix(&self) -> &str {
        &self.names.prefix
    }

    /// Whether events are kept.
    #[must_use]
    pub const fn has_outbox(&self) -> bool {
        self.has_outbox
    }

    /// Creates these tables, or brings them up to the version of this library, in one transaction of its own. A store
    /// does so when it is opened; this is for an application that has only connections of its own.
    ///
    /// # Errors
    /// [`OpenError`]; then nothing was changed.
    pub fn migrate(&self, connection: &mut Connection) -> Result<(), OpenError> {
        schema::migrate(connection, self.prefix())
    }

    pub(crate) fn sql(&self) -> &Sql {
        &self.names.sql
    }

    fn named(prefix: &str) -> Self {
        let names = Names { prefix: prefix.to_owned(), sql: Sql::new(prefix) };
        Self { names: Arc::new(names), has_outbox: false }
    }
}

impl Default for Tables {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Tables {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tables")
            .field("prefix", &self.prefix())
            .field("has_outbox", &self.has_outbox)
            .finish_non_exhaustive()
    }
}

/// The prefix is not a letter and up to 30 letters, digits and `_`, all in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct PrefixError;

impl fmt::Display for PrefixError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a prefix of tables is a letter and up to 30 letters, digits and \"_\", in lower case")
    }
}

impl std::error::Error for PrefixError {}
