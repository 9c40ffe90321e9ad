//! Tables are made once, whoever makes them; names of schemas are only names.

use std::error::Error;

use inquiry_otl::{LinkStore, Retry, StoreErrorKind, redemption::Verdict};
use inquiry_otl_postgres::{SchemaName, SchemaNameError, VersionError, migration_script, upgrade_script};
use inquiry_otl_testkit::postgres;

use crate::support::{Schema, created, issued, key, open, verdict};

/// S1: a migration can be run again, and keeps what there is.
#[tokio::test]
async fn migrating_twice_changes_nothing() {
    let schema = Schema::new();
    let store = schema.store().await;
    created(&store, 1).await;
    issued(&store, 1, 1).await;
    store.migrate().await.unwrap();
    assert_eq!(verdict(&store, 1).await, Verdict::FirstUse);
}

/// S1: eight processes that start at once make one set of tables.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn migrating_at_once_makes_one() {
    let schema = Schema::new();
    let starts: Vec<_> = (0..8)
        .map(|_| {
            let store = open(&postgres::shared().url(), schema.options());
            tokio::spawn(async move { store.migrate().await })
        })
        .collect();
    for start in starts {
        start.await.unwrap().unwrap();
    }
    assert_eq!(schema.sql("SELECT count(*) FROM schema_version"), "1");
}

/// S4: a program says so at its start if tables are missing, or are of a program that is newer.
#[tokio::test]
async fn another_version_is_told() {
    let schema = Schema::new();
    let store = open(&postgres::shared().url(), schema.options());
    let told = |error: inquiry_otl::StoreError| {
        assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Internal, Retry::Useless));
        *error.source().unwrap().downcast_ref::<VersionError>().unwrap()
    };
    assert_eq!(told(store.check().await.unwrap_err()), VersionError::Missing);
    let error = store.inquiry(key(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Internal, Retry::Useless));
    store.migrate().await.unwrap();
    store.check().await.unwrap();
    schema.sql("INSERT INTO schema_version VALUES (1000)");
    let newer = VersionError::Other { found: 1000, needed: 2 };
    assert_eq!(told(store.check().await.unwrap_err()), newer);
    assert_eq!(told(store.migrate().await.unwrap_err()), newer);
    assert!(newer.to_string().contains("newer"), "{newer}");
}

/// S1: tables of the first version get what the second one added, and keep what they had; also by a migration tool that ran
/// the script, and where somebody made an index ahead.
#[tokio::test]
async fn an_older_version_is_brought_up() {
    let older = "DROP INDEX inquiries_by_status, inquiries_by_template, inquiries_by_reference; \
        UPDATE schema_version SET version = 1";
    let count = "SELECT count(*) FROM pg_indexes WHERE schemaname = current_schema AND indexname LIKE 'inquiries_by_%'";
    for by_script in [false, true] {
        let schema = Schema::new();
        let store = schema.store().await;
        created(&store, 1).await;
        issued(&store, 1, 1).await;
        schema.sql(older);
        schema.sql("CREATE INDEX inquiries_by_reference ON inquiries (tenant, reference, created_at, id) WHERE reference IS NOT NULL");
        let error = store.check().await.unwrap_err();
        let older = *error.source().unwrap().downcast_ref::<VersionError>().unwrap();
        assert_eq!(older, VersionError::Other { found: 1, needed: 2 });
        if by_script {
            let name = SchemaName::new(schema.0.as_str()).unwrap();
            postgres::shared().sql(&format!(
                "SET client_min_messages = warning; BEGIN; {} COMMIT",
                upgrade_script(&name, 1)
            ));
        } else {
            store.migrate().await.unwrap();
        }
        store.check().await.unwrap();
        assert_eq!(schema.sql(count).trim(), "3");
        assert_eq!(schema.sql("SELECT version FROM schema_version").trim(), "2");
        assert_eq!(verdict(&store, 1).await, Verdict::FirstUse);
    }
}

/// S1: the script for another migration tool does the same.
#[tokio::test]
async fn the_script_makes_the_same() {
    let schema = Schema::new();
    let name = SchemaName::new(schema.0.as_str()).unwrap();
    postgres::shared()
        .sql(&format!("SET client_min_messages = warning; BEGIN; {} COMMIT", migration_script(&name)));
    let store = open(&postgres::shared().url(), schema.options());
    store.check().await.unwrap();
    created(&store, 1).await;
    issued(&store, 1, 1).await;
    assert_eq!(verdict(&store, 1).await, Verdict::FirstUse);
}

/// S6: any name that is taken works as it is; what is more than a name is refused.
#[tokio::test]
async fn a_schema_has_a_name_and_nothing_else() {
    for name in ["select", "With-Dash", "1st", &"x".repeat(63)] {
        let schema = Schema(SchemaName::new(name).unwrap());
        let store = schema.store().await;
        created(&store, 1).await;
        issued(&store, 1, 1).await;
        assert_eq!(verdict(&store, 1).await, Verdict::FirstUse, "{name}");
    }
    for (name, error) in [
        ("", SchemaNameError::Length),
        (&*"x".repeat(64), SchemaNameError::Length),
        ("a\"; DROP TABLE links; --", SchemaNameError::Alphabet),
        ("$body$", SchemaNameError::Alphabet),
        ("{schema}", SchemaNameError::Alphabet),
        ("ä", SchemaNameError::Alphabet),
        ("pg_catalog", SchemaNameError::Reserved),
        ("PG_temp", SchemaNameError::Reserved),
    ] {
        assert_eq!(SchemaName::new(name), Err(error), "{name}");
    }
}
