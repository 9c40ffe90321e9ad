//! The store that the configuration names.

use std::{io, net::IpAddr, path::Path, time::Duration};

use inquiry_otl::{MemoryStore, StoreError, store::AnyStore};
use inquiry_otl_postgres::{Options, PostgresStore};
use inquiry_otl_redis::RedisStore;
use inquiry_otl_sqlite::SqliteStore;
use rustls_platform_verifier::ConfigVerifierExt;
use thiserror::Error;
use tokio_postgres::config::{Config, Host, SslMode};
use tokio_postgres_rustls::MakeRustlsConnect;
use url::Url;

use crate::{config::SecretUrl, files};

/// What keys in Redis begin with.
const REDIS_PREFIX: &str = "otl";

/// How long replicas may take to have a write.
const REPLICAS_WAIT: Duration = Duration::from_millis(200);

/// Opens the store, and makes its tables if they are not there. It keeps its events until they are taken.
///
/// # Errors
/// [`OpenError`], which says why, without the URL: it may hold a password.
pub(crate) async fn open(url: &SecretUrl) -> Result<AnyStore, OpenError> {
    let url = url.expose();
    match url.split_once(':') {
        Some(("memory", "")) => Ok(AnyStore::new(MemoryStore::new().with_outbox())),
        // Of two slashes some make the root of all files, and others nothing.
        Some(("sqlite", path)) if path.is_empty() || path.starts_with("//") => Err(OpenError::File),
        Some(("sqlite", path)) => {
            files::make_database(Path::new(path))?;
            let store = SqliteStore::builder().with_outbox().open(path)?;
            Ok(AnyStore::new(store))
        }
        Some(("postgres" | "postgresql", _)) => {
            let config = postgres(url)?;
            let tls = MakeRustlsConnect::new(rustls::ClientConfig::with_platform_verifier()?);
            let store = PostgresStore::connect(config, tls, Options::new().with_outbox())?;
            store.migrate().await?;
            Ok(AnyStore::new(store))
        }
        Some(("redis" | "rediss", _)) => {
            let store = RedisStore::builder(REDIS_PREFIX).outbox().replicas(replicas(url)?, REPLICAS_WAIT);
            Ok(AnyStore::new(store.open(url).await?))
        }
        _ => Err(OpenError::Scheme),
    }
}

/// How PostgreSQL is reached: across a network by TLS alone, unless the URL says `sslmode=disable`.
///
/// Left to itself, the driver gives its password in the clear to a server that has no TLS, and so to whoever takes its place.
fn postgres(url: &str) -> Result<Config, OpenError> {
    // Whom TLS lets in is verified in any case, as by libpq under these names.
    let url =
        url.replace("sslmode=verify-full", "sslmode=require").replace("sslmode=verify-ca", "sslmode=require");
    // What the driver says of a URL repeats parts of it.
    let mut config: Config = url.parse().map_err(|_| OpenError::Url)?;
    let is_here = |host: &Host| match host {
        Host::Tcp(name) => name == "localhost" || name.parse().is_ok_and(|ip: IpAddr| ip.is_loopback()),
        #[cfg(unix)]
        Host::Unix(_) => true,
    };
    let all_here =
        config.get_hosts().iter().all(is_here) && config.get_hostaddrs().iter().all(IpAddr::is_loopback);
    if config.get_ssl_mode() == SslMode::Prefer && !all_here {
        config.ssl_mode(SslMode::Require);
    }
    Ok(config)
}

/// How many replicas must have a write before it is acknowledged: `?replicas=` in the URL, of which the driver knows nothing.
fn replicas(url: &str) -> Result<u16, OpenError> {
    let url = Url::parse(url).map_err(|_| OpenError::Url)?;
    let count = url.query_pairs().find(|(name, _)| name == "replicas");
    count.map_or(Ok(0), |(_, count)| count.parse().map_err(|_| OpenError::Url))
}

/// Why a store could not be opened.
#[derive(Debug, Error)]
pub(crate) enum OpenError {
    /// The URL begins with something else.
    #[error("a store is sqlite:FILE, postgres://…, redis://… or memory:")]
    Scheme,
    /// The file is given in a way that could mean two.
    #[error("a store in SQLite is sqlite:FILE, as in sqlite:links.db or sqlite:/var/lib/otl/links.db")]
    File,
    /// The rest of the URL is no good.
    #[error("the URL of the store cannot be read")]
    Url,
    /// TLS cannot be used.
    #[error("the certificates of this machine cannot be used")]
    Tls(#[from] rustls::Error),
    /// The file cannot be made.
    #[error("the store's file cannot be made")]
    Make(#[from] io::Error),
    /// The file cannot be opened.
    #[error("the store's file cannot be opened")]
    Sqlite(#[from] inquiry_otl_sqlite::OpenError),
    /// The server cannot be used.
    #[error("the store's server cannot be used")]
    Redis(#[from] inquiry_otl_redis::OpenError),
    /// The server cannot be used.
    #[error("the store's server cannot be used")]
    Postgres(#[from] StoreError),
}
