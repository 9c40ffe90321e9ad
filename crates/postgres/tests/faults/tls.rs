//! Connections that are encrypted, to a server whose certificate is verified.

use std::{error::Error, path::Path, time::Duration};

use inquiry_otl::{Retry, Service, StoreErrorKind};
use inquiry_otl_postgres::{Options, PostgresStore};
use inquiry_otl_testkit::postgres::Postgres;
use rustls::{
    ClientConfig, RootCertStore,
    pki_types::{CertificateDer, pem::PemObject},
};
use tokio_postgres::Config;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::{
    pair::{configure, until},
    traffic::{same_person, second_person, send},
    world,
};

/// S4: the store goes over TLS as the application sets it up; a server that cannot prove itself is not talked to, and
/// the fault names nothing of where it is.
pub(crate) fn a_certificate_is_verified() {
    let runtime = world::runtime();
    let (server, ca) = Postgres::start_tls();
    let (_other, foreign) = Postgres::start_tls();
    let config: Config = format!("{} password=hunter2 sslmode=require", server.url()).parse().unwrap();
    runtime.block_on(async {
        let store = PostgresStore::connect(config.clone(), trusting(&ca), Options::new()).unwrap();
        store.migrate().await.unwrap();
        let service = Service::new(store);
        let links = send(&service, 1, 1).await;
        same_person(&service, &links[0]).await;
        assert!(second_person(&service, &links[0].url).await.is_none());
        let ours = "SELECT bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid) \
                    WHERE application_name = 'inquiry-otl'";
        assert_eq!(over_tls(&config, &ca, ours).await, Some(true));

        let store = PostgresStore::connect(config, trusting(&foreign), Options::new()).unwrap();
        let fault = store.check().await.expect_err("somebody else's authority");
        assert_eq!((fault.kind(), fault.retry()), (StoreErrorKind::Unavailable, Retry::Safe));
        let mut told = vec![format!("{store:?}")];
        let mut next: Option<&dyn Error> = Some(&fault);
        while let Some(error) = next {
            told.push(format!("{error} {error:?}"));
            next = error.source();
        }
        let told = told.join(" ");
        for secret in ["127.0.0.1", "postgres", &server.port().to_string(), "sslmode", "hunter2"] {
            assert!(!told.contains(secret), "{told}");
        }
    });
}

/// S4: a server that takes TLS only is told over TLS to stop what a caller gave up.
pub(crate) fn an_order_to_stop() {
    let runtime = world::runtime();
    let (server, ca) = Postgres::start_tls();
    let config: Config = format!("{} sslmode=require", server.url()).parse().unwrap();
    runtime.block_on(async {
        let store = PostgresStore::connect(config.clone(), trusting(&ca), Options::new()).unwrap();
        store.migrate().await.unwrap();
        let links = send(&Service::new(store), 1, 1).await;
        configure(&server, "synchronous_standby_names", "nobody");
        let options = Options::new().with_statement_timeout(Duration::from_millis(100));
        let hasty = Service::new(PostgresStore::connect(config, trusting(&ca), options).unwrap());
        let waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        let call = tokio::spawn(async move { hasty.redeem(&links[0].url, &links[0].attempt).await });
        until("it waits for the standby", || server.sql(waits) == "1");
        let fault = call.await.unwrap().expect_err("nobody confirms it");
        assert_eq!((fault.kind(), fault.retry()), (StoreErrorKind::Timeout, Retry::SameAttempt));
        until("the server stops", || server.sql(waits) == "0");
    });
}

fn trusting(ca: &Path) -> MakeRustlsConnect {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from_pem_file(ca).unwrap()).unwrap();
    MakeRustlsConnect::new(ClientConfig::builder().with_root_certificates(roots).with_no_client_auth())
}

/// What the server says to that, over a verified connection of its own: it takes no other.
async fn over_tls(config: &Config, ca: &Path, statement: &str) -> Option<bool> {
    let (client, connection) = config.connect(trusting(ca)).await.unwrap();
    tokio::spawn(connection);
    client.query_one(statement, &[]).await.unwrap().get(0)
}
