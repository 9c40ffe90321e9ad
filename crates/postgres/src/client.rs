//! Connections that see warnings, and the pool of them.

use std::{
    collections::HashMap,
    fmt,
    future::{Future, poll_fn},
    ops::{Deref, DerefMut},
    pin::Pin,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use deadpool::{
    Runtime,
    managed::{self, Metrics, QueueMode, RecycleError, RecycleResult, Timeouts},
};
use inquiry_otl::{Retry, StoreError, StoreErrorKind};
use tokio::{task::JoinHandle, time::timeout};
use tokio_postgres::{
    AsyncMessage, Config, Connection, Error, Socket, Statement,
    error::{DbError, Severity},
    tls::{MakeTlsConnect, TlsConnect},
};

use crate::{Options, sql};

/// A pool of [`Client`]s: an application may use it for its own statements, too.
pub type Pool = managed::Pool<Manager>;

/// A pool of connections for that configuration; nothing is connected before it is needed.
///
/// Every connection has the timeouts of the options, `READ COMMITTED` as its default isolation, and plans that avoid
/// sequential scans and are not compiled (`jit`).
///
/// # Errors
/// [`StoreError`], if the pool was refused.
pub fn pool<T>(config: Config, tls: T, options: &Options) -> Result<Pool, StoreError>
where
    T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
    T::Stream: Send + 'static,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    let timeouts =
        Timeouts { wait: Some(options.pool_timeout), create: Some(options.connect_timeout), recycle: None };
    Pool::builder(Manager::new(config, tls, options))
        .max_size(options.connections)
        .runtime(Runtime::Tokio1)
        // The connection that was used last: its statements are prepared.
        .queue_mode(QueueMode::Lifo)
        .timeouts(timeouts)
        .build()
        .map_err(|_| StoreError::new(StoreErrorKind::Internal, Retry::Useless))
}

/// Makes the connections of a [`Pool`].
pub struct Manager {
    config: Config,
    connect: Box<dyn Connect>,
    settings: String,
    connect_timeout: Duration,
}

impl Manager {
    /// A manager for that configuration, for a pool of the application's own making.
    pub fn new<T>(mut config: Config, tls: T, options: &Options) -> Self
    where
        T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
        T::Stream: Send + 'static,
        T::TlsConnect: Send,
        <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
    {
        if config.get_application_name().is_none() {
            config.application_name("inquiry-otl");
        }
        if config.get_connect_timeout().is_none() {
            config.connect_timeout(options.connect_timeout);
        }
        let (settings, connect_timeout) = (settings(options), options.connect_timeout);
        Self { config, connect: Box::new(tls), settings, connect_timeout }
    }
}

impl fmt::Debug for Manager {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Manager").finish_non_exhaustive()
    }
}

/// What each connection begins with. A lock that is waited for, and a transaction that nobody ends, block others; the
/// plan of a prepared statement, made when a table had a few rows, is kept while it grows to millions. Where a scan cannot
/// be avoided, it counts as so dear that the server would compile the plan, which takes seconds.
fn settings(options: &Options) -> String {
    let millis = |timeout: Duration| timeout.as_millis().clamp(1, 2_147_483_647);
    format!(
        "SET statement_timeout = {}; SET lock_timeout = {}; SET idle_in_transaction_session_timeout = {}; \
         SET default_transaction_isolation = 'read committed'; SET enable_seqscan = off; SET jit = off",
        millis(options.statement_timeout),
        millis(options.lock_timeout),
        millis(options.patience()),
    )
}

impl managed::Manager for Manager {
    type Type = Client;
    type Error = Error;

    async fn create(&self) -> Result<Client, Error> {
        let client = self.connect.connect(&self.config, self.connect_timeout).await?;
        client.batch_execute(&self.settings).await?;
        Ok(client)
    }

    /// A connection that is closed is replaced. Whether it is so costs no round trip.
    async fn recycle(&self, client: &mut Client, _: &Metrics) -> RecycleResult<Error> {
        if client.is_closed() || client.given_up.load(Ordering::Relaxed) {
            return Err(RecycleError::message("the connection is closed"));
        }
        Ok(())
    }
}

/// A connection of a [`Pool`]: a [`tokio_postgres::Client`] that counts the warnings of its server.
///
/// A wait for a synchronous standby that is cancelled ends with a *success* and a warning: the transaction is
/// committed here and perhaps nowhere else. So a commit is confirmed if [`warnings`](Self::warnings) is the same
/// after it as before.
pub struct Client {
    inner: tokio_postgres::Client,
    task: JoinHandle<()>,
    warnings: Arc<AtomicU64>,
    /// Whether this side gave it up.
    given_up: AtomicBool,
    cancel: Box<dyn Fn() -> Boxed<'static, Result<(), Error>> + Send + Sync>,
    connect_timeout: Duration,
    statements: Mutex<HashMap<Arc<str>, Statement>>,
}

impl Client {
    /// How many warnings its server has sent.
    #[must_use]
    pub fn warnings(&self) -> u64 {
        self.warnings.load(Ordering::Acquire)
    }

    /// Closes the connection, so that the server rolls back what is open, and the pool makes another.
    pub(crate) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
        self.task.abort();
    }

    /// Asks the server, over a connection of its own, to stop what it does here; whether that was heard by anybody.
    pub(crate) async fn cancel(&self) -> bool {
        matches!(timeout(self.connect_timeout, (self.cancel)()).await, Ok(Ok(())))
    }

    /// A statement, prepared once for each connection.
    pub(crate) async fn prepared(&self, statement: &sql::Statement) -> Result<Statement, Error> {
        let known =
            self.statements.lock().unwrap_or_else(PoisonError::into_inner).get(&statement.text).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let prepared = self.inner.prepare_typed(&statement.text, statement.types).await?;
        let mut statements = self.statements.lock().unwrap_or_else(PoisonError::into_inner);
        statements.insert(Arc::clone(&statement.text), prepared.clone());
        Ok(prepared)
    }
}

impl Deref for Client {
    type Target = tokio_postgres::Client;

    fn deref(&self) -> &Self::Target {
        &self.inner
    }
}

impl DerefMut for Client {
    fn deref_mut(&mut self) -> &mut Self::Target {
        &mut self.inner
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("warnings", &self.warnings()).finish_non_exhaustive()
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        self.task.abort();
    }
}

type Boxed<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Connects, whatever the kind of TLS.
trait Connect: Send + Sync {
    fn connect<'a>(&'a self, config: &'a Config, within: Duration) -> Boxed<'a, Result<Client, Error>>;
}

impl<T> Connect for T
where
    T: MakeTlsConnect<Socket> + Clone + Send + Sync + 'static,
    T::Stream: Send + 'static,
    T::TlsConnect: Send,
    <T::TlsConnect as TlsConnect<Socket>>::Future: Send,
{
    fn connect<'a>(&'a self, config: &'a Config, within: Duration) -> Boxed<'a, Result<Client, Error>> {
        Box::pin(async move {
            let (inner, connection) = config.connect(self.clone()).await?;
            let warnings = Arc::new(AtomicU64::new(0));
            let task = tokio::spawn(drive(connection, Arc::clone(&warnings)));
            let (token, tls) = (inner.cancel_token(), self.clone());
            Ok(Client {
                inner,
                task,
                warnings,
                given_up: AtomicBool::new(false),
                cancel: Box::new(move || {
                    let (token, tls) = (token.clone(), tls.clone());
                    Box::pin(async move { token.cancel_query(tls).await })
                }),
                connect_timeout: within,
                statements: Mutex::default(),
            })
        })
    }
}

/// Moves the bytes of a connection, and counts its warnings.
///
/// A notice is seen here before the driver hands on what the server sent after it, so whoever has the end of an
/// answer sees every warning that came with it.
async fn drive<S>(mut connection: Connection<Socket, S>, warnings: Arc<AtomicU64>)
where
    S: tokio::io::AsyncRead + tokio::io::AsyncWrite + Unpin,
{
    while let Some(Ok(message)) = poll_fn(|context| connection.poll_message(context)).await {
        if matches!(&message, AsyncMessage::Notice(notice) if is_warning(notice)) {
            warnings.fetch_add(1, Ordering::Release);
        }
    }
}

fn is_warning(notice: &DbError) -> bool {
    match notice.parsed_severity() {
        Some(Severity::Debug | Severity::Log | Severity::Info | Severity::Notice) => false,
        // Anything that is not known to be harmless.
        Some(_) | None => true,
    }
}
