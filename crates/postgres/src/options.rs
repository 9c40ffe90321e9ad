//! What an application chooses when it opens the store.

use std::time::Duration;

use crate::SchemaName;

/// How a [`PostgresStore`](crate::PostgresStore) behaves. The defaults are for production.
///
/// ```
/// use std::time::Duration;
/// use inquiry_otl_postgres::Options;
///
/// let options = Options::new().with_outbox().with_connections(32).with_statement_timeout(Duration::from_secs(3));
/// # let _ = options;
/// ```
#[derive(Clone, Debug)]
pub struct Options {
    pub(crate) schema: SchemaName,
    pub(crate) outbox: bool,
    pub(crate) connections: usize,
    pub(crate) connect_timeout: Duration,
    pub(crate) pool_timeout: Duration,
    pub(crate) statement_timeout: Duration,
    pub(crate) lock_timeout: Duration,
    pub(crate) gathers: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self::new()
    }
}

impl Options {
    /// Schema `inquiry_otl`, no outbox, at most 16 connections; 5 seconds to connect, 3 to wait for a connection,
    /// 5 for a statement, 3 of them for a lock; calls that come together go together.
    #[must_use]
    pub fn new() -> Self {
        Self {
            schema: SchemaName::default(),
            outbox: false,
            connections: 16,
            connect_timeout: Duration::from_secs(5),
            pool_timeout: Duration::from_secs(3),
            statement_timeout: Duration::from_secs(5),
            lock_timeout: Duration::from_secs(3),
            gathers: true,
        }
    }

    /// The schema that holds the store's tables.
    #[must_use]
    pub fn with_schema(mut self, schema: SchemaName) -> Self {
        self.schema = schema;
        self
    }

    /// Keeps every event in the outbox, until it is acknowledged (V1). All processes on one schema choose alike.
    #[must_use]
    pub const fn with_outbox(mut self) -> Self {
        self.outbox = true;
        self
    }

    /// Carries out each redemption, and each creation of a link, in a transaction of its own.
    ///
    /// Otherwise those that come while two transactions of their kind are under way go together in the next, up to 256 of
    /// them: each has its own answer, given after the commit, and one that fails fails alone. Alone, a call goes at once
    /// either way.
    ///
    /// A call that gathers waits for those before it, too, and ends after twice what one by itself may take at the most: with
    /// the defaults after 20 seconds. One that had not begun by then is told so: a timeout after which a retry is safe.
    #[must_use]
    pub const fn without_gathering(mut self) -> Self {
        self.gathers = false;
        self
    }

    /// How many connections at the most; at least one.
    #[must_use]
    pub fn with_connections(mut self, connections: usize) -> Self {
        self.connections = connections.max(1);
        self
    }

    /// How long connecting may take.
    #[must_use]
    pub const fn with_connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long a call may wait for a free connection, before it is told that the store is overloaded.
    #[must_use]
    pub const fn with_pool_timeout(mut self, timeout: Duration) -> Self {
        self.pool_timeout = timeout;
        self
    }

    /// How long a statement may take on the server. After two seconds more without an answer, the call is given up: the
    /// server is told to stop, and the connection is closed.
    #[must_use]
    pub const fn with_statement_timeout(mut self, timeout: Duration) -> Self {
        self.statement_timeout = timeout;
        self
    }

    /// How long a statement may wait for a lock.
    #[must_use]
    pub const fn with_lock_timeout(mut self, timeout: Duration) -> Self {
        self.lock_timeout = timeout;
        self
    }

    /// How long the store waits for an answer of the server.
    pub(crate) const fn patience(&self) -> Duration {
        self.statement_timeout.saturating_add(Duration::from_secs(2))
    }
}
