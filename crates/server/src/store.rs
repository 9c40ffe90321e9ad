//! The store that the configuration names.

use inquiry_otl::{MemoryStore, StoreError, store::AnyStore};
use inquiry_otl_postgres::{Options, PostgresStore};
use inquiry_otl_redis::RedisStore;
use inquiry_otl_sqlite::SqliteStore;
use rustls_platform_verifier::ConfigVerifierExt;
use thiserror::Error;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::config::SecretUrl;

/// What keys in Redis begin with.
const REDIS_PREFIX: &str = "otl";

/// Opens the store, and makes its tables if they are not there. It keeps its events until they are taken.
///
/// # Errors
/// [`OpenError`], which says why, without the URL: it may hold a password.
pub(crate) async fn open(url: &SecretUrl) -> Result<AnyStore, OpenError> {
    let url = url.expose();
    match url.split_once(':') {
        Some(("memory", "")) => Ok(AnyStore::new(MemoryStore::new().with_outbox())),
        Some(("sqlite", path)) => {
            let store = SqliteStore::builder().with_outbox().open(path)?;
            Ok(AnyStore::new(store))
        }
        Some(("postgres" | "postgresql", _)) => {
            // What the driver says of a URL repeats parts of it.
            let config = url.parse().map_err(|_| OpenError::Url)?;
            let tls = MakeRustlsConnect::new(rustls::ClientConfig::with_platform_verifier()?);
            let store = PostgresStore::connect(config, tls, Options::new().with_outbox())?;
            store.migrate().await?;
            Ok(AnyStore::new(store))
        }
        Some(("redis" | "rediss", _)) => {
            Ok(AnyStore::new(RedisStore::builder(REDIS_PREFIX).outbox().open(url).await?))
        }
        _ => Err(OpenError::Scheme),
    }
}

/// Why a store could not be opened.
#[derive(Debug, Error)]
pub(crate) enum OpenError {
    /// The URL begins with something else.
    #[error("a store is sqlite:FILE, postgres://…, redis://… or memory:")]
    Scheme,
    /// The rest of the URL is no good.
    #[error("the URL of the store cannot be read")]
    Url,
    /// TLS cannot be used.
    #[error("the certificates of this machine cannot be used")]
    Tls(#[from] rustls::Error),
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
