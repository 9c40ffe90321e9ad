//! A synchronous standby that confirms nothing: what is told, and what is left at work on the server (D1, S4).

use std::{sync::Arc, time::Duration};

use inquiry_otl::{
    LinkStore, Retry, StoreError, StoreErrorKind,
    redemption::{Redeem, Refusal, Verdict},
    store::Outbox,
};
use inquiry_otl_postgres::{Options, PostgresStore};
use inquiry_otl_testkit::postgres::Postgres;
use tokio::task::JoinHandle;

use crate::support::{created, digest, event, expire, issued, open, patient, redeem, sec, store_on_url};

/// A server whose commits wait for a standby that is not there.
fn alone() -> Postgres {
    Postgres::start_with(&["synchronous_standby_names = 'nobody'"])
}

/// A store whose commits do not wait, for what is there before and after, with an inquiry and a link of each number.
async fn beside(server: &Postgres, links: u32) -> PostgresStore {
    let url = format!("{} options='-c synchronous_commit=local'", server.url());
    let store = store_on_url(&url, patient().with_outbox()).await;
    for n in 0..links {
        created(&store, n).await;
        issued(&store, n, n).await;
    }
    store
}

/// A store with three connections, which gives a call up after four seconds; each call has a connection of its own.
fn hasty(server: &Postgres) -> PostgresStore {
    let options = Options::new()
        .without_gathering()
        .with_connections(3)
        .with_statement_timeout(Duration::from_secs(2))
        .with_pool_timeout(Duration::from_secs(1));
    open(&server.url(), options)
}

/// An attempt that can be asked again (D6).
fn attempt(n: u32) -> Redeem {
    Redeem { attempt: Some(digest(1_000 + n)), ..redeem(n) }
}

/// Somebody else's attempt.
fn other(n: u32) -> Redeem {
    Redeem { session: redeem(n + 500).session, ..redeem(n) }
}

fn told(error: &StoreError) -> (StoreErrorKind, Retry) {
    (error.kind(), error.retry())
}

/// How many of the server's processes wait for the standby.
fn waiting(server: &Postgres) -> usize {
    server.sql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'").parse().unwrap()
}

/// Cancels the one wait for the standby; what came of the call.
async fn cancelled<T>(server: &Postgres, call: JoinHandle<Result<T, StoreError>>) -> Result<T, StoreError> {
    let cancel = "SELECT count(pg_cancel_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
    while server.sql(cancel) != "1" {
        assert!(!call.is_finished(), "it did not wait for the standby");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    call.await.unwrap()
}

/// D1, V1: a commit whose wait for the synchronous standby was cancelled is not confirmed, and not granted. Nor is
/// what others would be told because of it: that the link is used, or what happened.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cancelled_wait_is_unconfirmed() {
    let server = alone();
    let beside = beside(&server, 2).await;
    let receipts = beside.pending(None, 99).await.unwrap().into_iter().map(|delivery| delivery.receipt);
    beside.acknowledge(receipts.collect()).await.unwrap();
    let store = open(&server.url(), patient().with_outbox());

    let call = |command: Redeem| {
        let store = store.clone();
        tokio::spawn(async move { store.redeem(command).await.map(|_| ()) })
    };
    for (what, command) in [("first", attempt(1)), ("again", attempt(1)), ("other", other(1))] {
        let error = cancelled(&server, call(command)).await.unwrap_err();
        assert_eq!(told(&error), (StoreErrorKind::Unconfirmed, Retry::SameAttempt), "{what}: {error:?}");
    }
    let changing = store.clone();
    let error =
        cancelled(&server, tokio::spawn(async move { expire(&changing, 0).await })).await.unwrap_err();
    assert_eq!(told(&error), (StoreErrorKind::Unconfirmed, Retry::Unknown), "{error:?}");
    let reading = store.clone();
    let error =
        cancelled(&server, tokio::spawn(async move { reading.pending(None, 9).await })).await.unwrap_err();
    assert_eq!(told(&error), (StoreErrorKind::Unconfirmed, Retry::Safe), "{error:?}");

    // It was committed here: its attempt finds it, and somebody else is refused.
    assert_eq!(beside.redeem(attempt(1)).await.unwrap().unwrap().verdict, Verdict::Repeat);
    let used = Verdict::Refused(Refusal::Used { first_at: sec(2) });
    assert_eq!(beside.redeem(other(1)).await.unwrap().unwrap().verdict, used);
    let ids: Vec<_> =
        beside.pending(None, 9).await.unwrap().into_iter().map(|delivery| delivery.event.id).collect();
    assert_eq!(ids, [event(1), event(0)], "a redemption, and an expiry");
}

/// S4, D1: calls that are given up while the standby hangs leave nothing at work: the server has never more processes than
/// the pool has connections, and whoever finds none of them free is told so.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waits_that_are_given_up_do_not_pile_up() {
    let server = alone();
    let beside = beside(&server, 12).await;
    let store = Arc::new(hasty(&server));
    for round in 0..2 {
        let calls: Vec<_> = (0..6)
            .map(|n| {
                let store = Arc::clone(&store);
                tokio::spawn(async move { store.redeem(attempt(round * 6 + n)).await })
            })
            .collect();
        let (mut silent, mut refused) = (0, 0);
        for call in calls {
            match told(&call.await.unwrap().expect_err("nobody confirms it")) {
                (StoreErrorKind::Timeout, Retry::SameAttempt) => silent += 1,
                (StoreErrorKind::Overloaded, Retry::Safe) => refused += 1,
                other => panic!("{other:?}"),
            }
            assert!(waiting(&server) <= 3);
        }
        assert_eq!((silent, refused), (3, 3), "round {round}");
        until_waiting(&server, 0).await;
    }
    all_are_found(&beside, 12).await;
}

/// Each attempt is made again: it was the first use, or is now. Some of them had happened.
async fn all_are_found(beside: &PostgresStore, links: u32) {
    let mut happened = 0;
    for n in 0..links {
        match beside.redeem(attempt(n)).await.unwrap().unwrap().verdict {
            Verdict::FirstUse => {}
            Verdict::Repeat => happened += 1,
            verdict => panic!("{verdict:?}"),
        }
    }
    assert!(0 < happened, "nothing was committed here");
}

/// S4: nor do those whose callers went away: a connection is somebody else's when the server is done with it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn waits_that_nobody_waits_for_do_not_pile_up() {
    let server = alone();
    let beside = beside(&server, 8).await;
    let store = hasty(&server);
    let mut most = 0;
    for n in 0..8 {
        let call = tokio::time::timeout(Duration::from_millis(500), store.redeem(attempt(n))).await;
        assert!(!matches!(call, Ok(Ok(_))), "{call:?}");
        most = most.max(waiting(&server));
    }
    assert_eq!(most, 3, "as many as there are connections");
    until_waiting(&server, 0).await;
    all_are_found(&beside, 8).await;
}

/// D1, S4: of calls that go together each is told that their commit is not confirmed, and none is carried out again by itself.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn calls_that_go_together_are_unconfirmed_together() {
    let server = alone();
    let beside = beside(&server, 12).await;
    let store = open(&server.url(), patient().with_outbox());
    let call = |n| {
        let store = store.clone();
        crate::support::waiting(async move { store.redeem(redeem(n)).await })
    };
    let mut lanes = Vec::new();
    for n in 0..2 {
        lanes.push(call(n));
        until_waiting(&server, lanes.len()).await;
    }
    let together: Vec<_> = (2..12).map(call).collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(waiting(&server), 2, "the others wait for these");
    server.sql(CANCEL);
    for lane in lanes {
        assert_eq!(
            told(&lane.await.unwrap().unwrap_err()),
            (StoreErrorKind::Unconfirmed, Retry::SameAttempt)
        );
    }
    until_waiting(&server, 1).await;
    // Once: whoever is carried out again waits again.
    server.sql(CANCEL);
    for call in together {
        let answer =
            tokio::time::timeout(Duration::from_secs(60), call).await.expect("it was carried out again");
        assert_eq!(told(&answer.unwrap().unwrap_err()), (StoreErrorKind::Unconfirmed, Retry::SameAttempt));
    }
    assert_eq!(waiting(&server), 0);
    for n in 2..12 {
        let used = Verdict::Refused(Refusal::Used { first_at: sec(2) });
        assert_eq!(beside.redeem(other(n)).await.unwrap().unwrap().verdict, used, "it was committed here");
    }
}

const CANCEL: &str = "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";

async fn until_waiting(server: &Postgres, count: usize) {
    for _ in 0..3_000 {
        if waiting(server) == count {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("{} processes wait for the standby, not {count}", waiting(server));
}
