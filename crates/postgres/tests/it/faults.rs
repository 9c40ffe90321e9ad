//! Servers that are slow, full, away or back again: what is told, and that the store goes on by itself (S4).

use std::time::Duration;

use inquiry_otl::{
    LinkStore, Retry, StoreError, StoreErrorKind,
    redemption::{Redeem, Verdict},
};
use inquiry_otl_postgres::Options;
use inquiry_otl_testkit::postgres::{self, Postgres};

use crate::support::{
    Schema, connection, create, created, digest, expire, issue, issued, key, open, patient, redeem, store_on,
    verdict,
};

fn told(error: &StoreError) -> (StoreErrorKind, Retry) {
    (error.kind(), error.retry())
}

/// An attempt that can be asked again (D6).
fn attempt(n: u32) -> Redeem {
    Redeem { attempt: Some(digest(1_000 + n)), ..redeem(n) }
}

/// S4: a pool without a free connection says that it has more to do than it can take.
#[tokio::test]
async fn a_pool_that_is_empty_says_so() {
    let schema = Schema::new();
    let options = schema.options().with_connections(1).with_pool_timeout(Duration::from_secs(1));
    let store = schema.store_with(options).await;
    created(&store, 1).await;
    let taken = store.pool().get().await.unwrap();
    let error = store.inquiry(key(1)).await.unwrap_err();
    assert_eq!(told(&error), (StoreErrorKind::Overloaded, Retry::Safe));
    drop(taken);
    assert!(store.inquiry(key(1)).await.unwrap().is_some());
}

/// S4: a lock that somebody keeps is waited for, but not for ever; nothing was written.
#[tokio::test]
async fn a_lock_is_not_waited_for_for_ever() {
    let schema = Schema::new();
    for (options, what) in [
        (schema.options().with_lock_timeout(Duration::from_secs(1)), "a lock"),
        (schema.options().with_statement_timeout(Duration::from_secs(1)), "a statement"),
    ] {
        schema.store().await;
        let store = open(&postgres::shared().url(), options.with_connections(1));
        if what == "a lock" {
            created(&store, 1).await;
            issued(&store, 1, 1).await;
        }
        let mut other = connection(&postgres::shared().url()).await;
        let holds = other.transaction().await.unwrap();
        holds.batch_execute(&format!("SELECT FROM \"{}\".inquiries FOR UPDATE", schema.0)).await.unwrap();
        for _ in 0..2 {
            let error = store.redeem(redeem(1)).await.unwrap_err();
            assert_eq!(told(&error), (StoreErrorKind::Timeout, Retry::Safe), "{what}");
            let error = expire(&store, 1).await.unwrap_err();
            assert_eq!(told(&error), (StoreErrorKind::Timeout, Retry::Safe), "{what}");
        }
        holds.rollback().await.unwrap();
        assert!(store.inquiry(key(1)).await.unwrap().is_some(), "the connection is good again");
    }
    let store = schema.store().await;
    assert_eq!(verdict(&store, 1).await, Verdict::FirstUse);
}

/// S4, D6: a server that says nothing is given up, the fate is unknown, and the attempt key tells it later.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_silent_server_is_given_up() {
    let server = Postgres::start();
    let beside = store_on(&server, patient()).await;
    created(&beside, 1).await;
    issued(&beside, 1, 1).await;
    let options = Options::new()
        .with_statement_timeout(Duration::from_secs(1))
        .with_connect_timeout(Duration::from_secs(1))
        .with_connections(2);
    let store = open(&server.url(), options);
    // It has a connection.
    assert!(store.inquiry(key(1)).await.unwrap().is_some());
    server.freeze();
    let error = store.redeem(attempt(1)).await.unwrap_err();
    assert_eq!(told(&error), (StoreErrorKind::Timeout, Retry::SameAttempt));
    // The connection was given up, and no other can be made.
    let error = store.redeem(attempt(1)).await.unwrap_err();
    assert_eq!(told(&error), (StoreErrorKind::Unavailable, Retry::Safe));
    server.thaw();
    let verdict = beside.redeem(attempt(1)).await.unwrap().unwrap().verdict;
    assert!(matches!(verdict, Verdict::FirstUse | Verdict::Repeat), "{verdict:?}");
}

/// S4: a server that was restarted, cleanly or not, is used again without a fault, also over connections that were idle.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_is_back_is_used_again() {
    let mut server = Postgres::start();
    let store = store_on(&server, patient().with_connections(1)).await;
    for n in 1..=3 {
        created(&store, n).await;
        issued(&store, n, n).await;
    }
    for n in 1..=2 {
        let idle = store.pool().get().await.unwrap();
        if n == 1 {
            server.stop();
        } else {
            server.kill();
        }
        while !idle.is_closed() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        drop(idle);
        let error = store.redeem(attempt(3)).await.unwrap_err();
        assert_eq!(told(&error), (StoreErrorKind::Unavailable, Retry::Safe), "nobody there");
        server.restart();
        assert_eq!(verdict(&store, n).await, Verdict::FirstUse);
    }
}

/// S4: a session that is ended in the middle of a redemption leaves its fate open; before, it leaves nothing.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_is_cut_leaves_the_fate_open() {
    let server = Postgres::start();
    let store = store_on(&server, patient()).await;
    created(&store, 1).await;
    issued(&store, 1, 1).await;
    let mut other = connection(&server.url()).await;
    let holds = other.transaction().await.unwrap();
    holds.batch_execute("SELECT FROM inquiry_otl.inquiries FOR UPDATE").await.unwrap();
    for (write, retry) in [(false, Retry::SameAttempt), (true, Retry::Unknown)] {
        let waiting = tokio::spawn({
            let store = store.clone();
            async move {
                if write {
                    store.issue(issue(1, 2)).await.map(|_| ())
                } else {
                    store.redeem(attempt(1)).await.map(|_| ())
                }
            }
        });
        let end = "SELECT count(pg_terminate_backend(pid, 10000)) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
        while server.sql(end) != "1" {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        let error = waiting.await.unwrap().unwrap_err();
        assert_eq!(told(&error), (StoreErrorKind::Unavailable, retry), "{error:?}");
    }
    holds.rollback().await.unwrap();
    assert_eq!(verdict(&store, 1).await, Verdict::FirstUse);
}

/// S4: a server that takes no writes is as good as away, and nothing was written.
#[tokio::test]
async fn a_server_without_writes_is_away() {
    let schema = Schema::new();
    let store = schema.store_with(schema.options().with_connections(1)).await;
    created(&store, 1).await;
    issued(&store, 1, 1).await;
    let client = store.pool().get().await.unwrap();
    client.batch_execute("SET default_transaction_read_only = on").await.unwrap();
    drop(client);
    let error = store.redeem(redeem(1)).await.unwrap_err();
    assert_eq!(told(&error), (StoreErrorKind::Unavailable, Retry::Safe));
    // On another connection, as to another server, it works.
    assert_eq!(verdict(&store, 1).await, Verdict::FirstUse);
}

/// S4: statements that the server forgot are no fault for more than one call.
#[tokio::test]
async fn forgotten_statements_are_prepared_again() {
    let schema = Schema::new();
    let store = schema.store_with(schema.options().with_connections(1)).await;
    created(&store, 1).await;
    let client = store.pool().get().await.unwrap();
    client.batch_execute("DISCARD PLANS; DEALLOCATE ALL").await.unwrap();
    drop(client);
    let error = store.create_inquiry(create(2)).await.unwrap_err();
    assert_eq!(told(&error), (StoreErrorKind::Unavailable, Retry::Safe));
    created(&store, 2).await;
}
