//! The conformance suite, on a server of its own: every store in a schema that is dropped after its check.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test may panic")]

use std::{
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use inquiry_otl::{
    conformance::Fixture,
    store::{AnyLinkStore, Outbox, Receipt},
};
use inquiry_otl_postgres::{Options, PostgresStore, SchemaName};
use inquiry_otl_testkit::postgres;
use tokio_postgres::NoTls;

mod plain {
    use super::Stores;

    inquiry_otl::link_store_conformance!(Stores::without_outbox());
    inquiry_otl::directory_conformance!(Stores::without_outbox());
    inquiry_otl::housekeeping_conformance!(Stores::without_outbox());
}

mod with_an_outbox {
    use super::Stores;

    inquiry_otl::link_store_conformance!(Stores::with_outbox());
    inquiry_otl::directory_conformance!(Stores::with_outbox());
    inquiry_otl::housekeeping_conformance!(Stores::with_outbox());
    inquiry_otl::outbox_conformance!(Stores::with_outbox());
}

mod erased {
    use super::{Erased, Stores};

    inquiry_otl::link_store_conformance!(Erased(Stores::without_outbox()));
}

/// Stores in schemas of their own, which go with it.
struct Stores {
    options: Options,
    schemas: Mutex<Vec<SchemaName>>,
}

impl Stores {
    fn without_outbox() -> Self {
        // The machine that runs this may be busy, and says nothing of the store by that.
        let patient = Options::new()
            .with_connections(8)
            .with_pool_timeout(Duration::from_secs(60))
            .with_connect_timeout(Duration::from_secs(60))
            .with_statement_timeout(Duration::from_secs(60))
            .with_lock_timeout(Duration::from_secs(60));
        Self { options: patient, schemas: Mutex::default() }
    }

    fn with_outbox() -> Self {
        let mut stores = Self::without_outbox();
        stores.options = stores.options.clone().with_outbox();
        stores
    }

    fn open(&self, schema: SchemaName) -> PostgresStore {
        let config = postgres::shared().url().parse().unwrap();
        PostgresStore::connect(config, NoTls, self.options.clone().with_schema(schema)).unwrap()
    }
}

impl Fixture for Stores {
    type Store = PostgresStore;

    async fn fresh(&self) -> PostgresStore {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("check_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let schema = SchemaName::new(&name).unwrap();
        self.schemas.lock().unwrap().push(schema.clone());
        let store = self.open(schema);
        store.migrate().await.unwrap();
        store
    }

    async fn reopen(&self, store: PostgresStore) -> PostgresStore {
        store.pool().close();
        let schema = self.schemas.lock().unwrap().last().unwrap().clone();
        let store = self.open(schema);
        store.check().await.unwrap();
        store
    }

    async fn deliver(&self, store: &PostgresStore) {
        let waiting = store.pending(None, u32::MAX).await.unwrap();
        let receipts: Vec<Receipt> = waiting.into_iter().map(|delivery| delivery.receipt).collect();
        store.acknowledge(receipts).await.unwrap();
    }
}

impl Drop for Stores {
    fn drop(&mut self) {
        for schema in self.schemas.get_mut().unwrap().iter() {
            postgres::shared().sql(&format!(
                "SET client_min_messages = warning; DROP SCHEMA IF EXISTS \"{schema}\" CASCADE"
            ));
        }
    }
}

/// The same behind a handle.
struct Erased(Stores);

impl Fixture for Erased {
    type Store = AnyLinkStore;

    async fn fresh(&self) -> AnyLinkStore {
        AnyLinkStore::new(self.0.fresh().await)
    }
}
