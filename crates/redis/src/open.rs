//! Opening a store: where it is, how long to wait, what to keep.

use std::{fmt, time::Duration};

use inquiry_otl::StoreError;
use redis::{
    Client, IntoConnectionInfo, Value,
    aio::{ConnectionManager, ConnectionManagerConfig},
};

use crate::{
    cluster::Cluster,
    connection::{Connection, Engine, Replicas},
    fault::{Effect, fault},
    fields::text,
    keys::{Keys, PARTITIONS},
    store::RedisStore,
};

/// The version of the layout of keys and records.
const FORMAT: u32 = 2;

/// How a [`RedisStore`] is opened.
///
/// ```no_run
/// # async fn open() -> Result<(), inquiry_otl_redis::OpenError> {
/// use std::time::Duration;
///
/// use inquiry_otl_redis::RedisStore;
///
/// let store = RedisStore::builder("otl")
///     .replicas(1, Duration::from_millis(100))
///     .outbox()
///     .open("redis://127.0.0.1:6379")
///     .await?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Builder {
    prefix: String,
    outbox: bool,
    replicas: Option<Replicas>,
    connect_timeout: Duration,
    response_timeout: Duration,
}

impl Builder {
    pub(crate) fn new(prefix: &str) -> Self {
        Self {
            prefix: prefix.to_owned(),
            outbox: false,
            replicas: None,
            connect_timeout: Duration::from_secs(2),
            response_timeout: Duration::from_secs(2),
        }
    }

    /// Keeps durable events until they are acknowledged (V1). Off unless asked for: somebody must take them away.
    pub fn outbox(mut self) -> Self {
        self.outbox = true;
        self
    }

    /// Answers a write only when that many replicas have it in memory, and waits at most that long, in whole milliseconds
    /// from 1; fewer replicas are [`Unconfirmed`](inquiry_otl::StoreErrorKind::Unconfirmed), never a grant (D1).
    ///
    /// Off unless asked for. The waiting holds up what else is on the connection to that server.
    pub fn replicas(mut self, count: u16, timeout: Duration) -> Self {
        self.replicas = (0 < count).then_some(Replicas { count, timeout });
        self
    }

    /// How long to wait for a connection: 2 seconds unless told otherwise.
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// How long to wait for an answer, beside the wait for replicas: 2 seconds unless told otherwise.
    pub fn response_timeout(mut self, timeout: Duration) -> Self {
        self.response_timeout = timeout;
        self
    }

    /// Opens the store on a single server, as in `redis://user:password@host:6379/0`.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open(self, server: impl IntoConnectionInfo) -> Result<RedisStore, OpenError> {
        let client = Client::open(server).map_err(|error| OpenError::Store(fault(&error, Effect::None)))?;
        self.single(client).await
    }

    /// Opens the store on a single server, by a client of the caller's making.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn single(self, client: Client) -> Result<RedisStore, OpenError> {
        let keys = Keys::new(&self.prefix)?;
        #[cfg(feature = "tls")]
        Self::choose_cryptography();
        let manager = ConnectionManager::new_with_config(client, self.config())
            .await
            .map_err(|error| OpenError::Store(fault(&error, Effect::None)))?;
        self.with(Engine::Single(manager), keys).await
    }

    /// Opens the store on a cluster of which some nodes are known.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn open_cluster<T: IntoConnectionInfo>(
        self,
        nodes: impl IntoIterator<Item = T>,
    ) -> Result<RedisStore, OpenError> {
        let clients = nodes.into_iter().map(Client::open).collect::<Result<Vec<_>, _>>();
        self.cluster(clients.map_err(|error| OpenError::Store(fault(&error, Effect::None)))?).await
    }

    /// Opens the store on a cluster, by clients of the caller's making for some of its nodes. The others are reached as the
    /// first of these is: with its user, password and certificates.
    ///
    /// # Errors
    /// [`OpenError`].
    pub async fn cluster(self, nodes: impl IntoIterator<Item = Client>) -> Result<RedisStore, OpenError> {
        let keys = Keys::new(&self.prefix)?;
        #[cfg(feature = "tls")]
        Self::choose_cryptography();
        let cluster = Cluster::new(nodes, self.config())
            .await
            .map_err(|error| OpenError::Store(fault(&error, Effect::None)))?;
        self.with(Engine::Cluster(cluster.into()), keys).await
    }

    fn config(&self) -> ConnectionManagerConfig {
        ConnectionManagerConfig::new()
            // One attempt for whoever waits: the next call begins the next.
            .set_number_of_retries(0)
            .set_connection_timeout(Some(self.connect_timeout))
            .set_response_timeout(Some(self.patience()))
    }

    fn patience(&self) -> Duration {
        let wait = self.replicas.map_or(Duration::ZERO, |replicas| replicas.timeout);
        self.response_timeout.saturating_add(wait)
    }

    /// The driver needs somebody to have chosen a cryptography for the process: this one, unless the application did.
    #[cfg(feature = "tls")]
    fn choose_cryptography() {
        if rustls::crypto::CryptoProvider::get_default().is_none() {
            // Whoever was faster chose one as well.
            let _ = rustls::crypto::ring::default_provider().install_default();
        }
    }

    async fn with(self, engine: Engine, keys: Keys) -> Result<RedisStore, OpenError> {
        let connection = Connection { engine, replicas: self.replicas };
        check_format(&connection, &keys).await?;
        Ok(RedisStore::new(connection, keys, self.outbox))
    }
}

/// The first store of a prefix says how it keeps things; the others agree or are told.
async fn check_format(connection: &Connection, keys: &Keys) -> Result<(), OpenError> {
    let ours = format!("{FORMAT}/{PARTITIONS}");
    let key = keys.format();
    let mut set = redis::cmd("SETNX");
    set.arg(&key).arg(&ours);
    connection.command(&key, &set, Effect::None).await.map_err(OpenError::Store)?;
    let mut get = redis::cmd("GET");
    get.arg(&key);
    let value: Value = connection.command(&key, &get, Effect::None).await.map_err(OpenError::Store)?;
    match text(&value) {
        Some(theirs) if theirs == ours => Ok(()),
        theirs => {
            Err(OpenError::Format { theirs: theirs.unwrap_or_default().chars().take(32).collect(), ours })
        }
    }
}

/// Why a store was not opened.
#[derive(Debug)]
#[non_exhaustive]
pub enum OpenError {
    /// The prefix is not one: 1 to 48 letters, digits and `-`, `_`, `.`, `:`.
    Prefix,
    /// What stands under the prefix is kept in another way, by an older or newer version.
    Format {
        /// The version and the number of partitions of what is there.
        theirs: String,
        /// Those of this version.
        ours: String,
    },
    /// The engine could not be reached, or refused.
    Store(StoreError),
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Prefix => f.write_str("a prefix is 1 to 48 letters, digits and - _ . :"),
            Self::Format { theirs, ours } => {
                write!(
                    f,
                    "the records under this prefix are of format \"{theirs}\", and this version keeps \"{ours}\""
                )
            }
            Self::Store(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for OpenError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Store(error) => error.source(),
            Self::Prefix | Self::Format { .. } => None,
        }
    }
}
