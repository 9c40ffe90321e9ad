//! Where the stores of these tests come from.

use inquiry_otl::Service;
use inquiry_otl_postgres::{Options, PostgresStore};
use inquiry_otl_testkit::{
    faults::{Durable, Engine},
    postgres::Postgres,
};
use tokio::runtime::{Builder, Runtime};
use tokio_postgres::NoTls;

/// The store, for the scenarios that every store must pass.
pub(crate) struct OnPostgres;

impl Durable for OnPostgres {
    type Store = PostgresStore;

    const NAME: &'static str = "postgres";

    fn engine(&self) -> Box<dyn Engine> {
        let server = Postgres::start();
        runtime().block_on(migrated(&server.url()));
        Box::new(Server(server))
    }

    async fn open(&self, place: &str) -> PostgresStore {
        opened(place).await
    }
}

struct Server(Postgres);

impl Engine for Server {
    fn place(&self) -> String {
        self.0.url()
    }

    fn port(&self) -> Option<u16> {
        Some(self.0.port())
    }

    fn place_at(&self, port: u16) -> Option<String> {
        Some(self.0.url_at(port))
    }

    fn kill(&mut self) {
        self.0.kill();
    }

    fn restart(&mut self) {
        self.0.restart();
    }
}

pub(crate) fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(4).enable_all().build().unwrap()
}

/// A store whose tables are there already.
pub(crate) async fn opened(url: &str) -> PostgresStore {
    opened_with(url, Options::new()).await
}

pub(crate) async fn opened_with(url: &str, options: Options) -> PostgresStore {
    let store = PostgresStore::connect(url.parse().unwrap(), NoTls, options).unwrap();
    store.check().await.unwrap();
    store
}

/// A service on a server that had no tables yet.
pub(crate) async fn migrated(url: &str) -> Service<PostgresStore> {
    let store = PostgresStore::connect(url.parse().unwrap(), NoTls, Options::new()).unwrap();
    store.migrate().await.unwrap();
    Service::new(store)
}
