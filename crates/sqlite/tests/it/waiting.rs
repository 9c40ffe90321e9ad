//! Locks of others, queues that are full, calls that waited too long.

use std::{
    future::Future,
    pin::pin,
    task::{Context, Poll, Waker},
    time::{Duration, Instant},
};

use inquiry_otl::{LinkStore, Retry, StoreErrorKind, redemption::Verdict};
use inquiry_otl_sqlite::SqliteStore;

use crate::support::{Directory, create, created, inquiry, issued, redeem, verdict};

/// S4: whoever waits too long for somebody else's lock is told so, and nothing was written; reads do not wait.
#[tokio::test]
async fn a_lock_is_waited_for() {
    let directory = Directory::new();
    let timeout = Duration::from_millis(100);
    let store = SqliteStore::builder().with_busy_timeout(timeout).open(directory.file()).unwrap();
    created(&store, 1).await;
    issued(&store, 1, 1).await;
    let other = directory.connection();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let began = Instant::now();
    let error = store.redeem(redeem(1)).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Timeout, Retry::Safe));
    assert!(timeout <= began.elapsed());
    let key =
        inquiry_otl::store::InquiryKey { tenant: inquiry_otl::TenantId::default(), inquiry: inquiry(1) };
    assert!(store.inquiry(key).await.unwrap().is_some());
    other.execute_batch("COMMIT").unwrap();
    assert_eq!(verdict(&store, 1).await, Verdict::FirstUse);
}

/// S4: a full queue says so at once; what waited too long in it is not begun; what was begun is done.
#[tokio::test]
async fn a_queue_is_bounded() {
    const CALL: Duration = Duration::from_secs(1);
    let number = |n: usize| u32::try_from(n).unwrap();
    let directory = Directory::new();
    let store = SqliteStore::builder()
        .with_queue(2)
        .with_busy_timeout(Duration::from_secs(20))
        .with_call_timeout(CALL)
        .open(directory.file())
        .unwrap();
    let other = directory.connection();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    // None, if the queue is full.
    let ask = |n| {
        let mut call = Box::pin(store.create_inquiry(create(n)));
        match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Pending => Some(call),
            Poll::Ready(answer) => {
                let error = answer.unwrap_err();
                assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Overloaded, Retry::Safe));
                None
            }
        }
    };
    // The first is begun, and waits for the lock, with whatever came while it began; then two wait for it.
    let mut calls = Vec::new();
    let mut times_full = 0;
    while times_full < 2 {
        if let Some(call) = ask(number(calls.len())) {
            calls.push(call);
            times_full = 0;
        } else {
            times_full += 1;
            tokio::time::sleep(CALL + CALL / 2).await;
        }
    }
    other.execute_batch("COMMIT").unwrap();
    let late = calls.len() - 2;
    assert!(0 < late, "the first is not begun");
    for (n, call) in (0..).zip(calls) {
        let answer = call.await;
        if n < late {
            assert!(answer.is_ok(), "{answer:?}");
        } else {
            let error = answer.unwrap_err();
            assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Timeout, Retry::Safe));
        }
    }
    for n in 0..late + 3 {
        let tenant = inquiry_otl::TenantId::default();
        let key = inquiry_otl::store::InquiryKey { tenant, inquiry: inquiry(number(n)) };
        assert_eq!(store.inquiry(key).await.unwrap().is_some(), n < late, "inquiry {n}");
    }
}

/// S1, D5: what was asked is done though the caller went away, and the last handle too.
#[tokio::test]
async fn what_was_asked_is_done() {
    let directory = Directory::new();
    let store = directory.store();
    created(&store, 1).await;
    issued(&store, 1, 1).await;
    {
        let call = pin!(store.redeem(redeem(1)));
        // It may be answered at once; what matters is that nobody waits for it any more.
        let _ = call.poll(&mut Context::from_waker(Waker::noop()));
    }
    drop(store);
    assert!(matches!(verdict(&directory.store(), 1).await, Verdict::Refused(_)));
}

/// S1: with the last handle the file is closed.
#[tokio::test]
async fn the_last_handle_closes_the_file() {
    let directory = Directory::new();
    for _ in 0..20 {
        let store = directory.store();
        let clone = store.clone();
        created(&SqliteStore::in_memory().unwrap(), 1).await;
        drop(store);
        drop(clone.create_inquiry(create(1)).await);
        drop(clone);
    }
    // Nobody has the file open any more: it can be locked as a whole.
    directory.connection().execute_batch("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE; COMMIT").unwrap();
}

/// S1: whoever gives up a call and then looks what became of it sees it done, though it took its time.
#[tokio::test]
async fn a_call_that_was_given_up_is_seen() {
    let directory = Directory::new();
    let store = directory.store();
    created(&store, 1).await;
    for n in 0..20 {
        issued(&store, 1, n).await;
        let other = directory.connection();
        other.execute_batch("BEGIN IMMEDIATE").unwrap();
        {
            let call = pin!(store.redeem(redeem(n)));
            assert!(call.poll(&mut Context::from_waker(Waker::noop())).is_pending());
        }
        let tenant = inquiry_otl::TenantId::default();
        let link = inquiry_otl::store::LinkName::Digest(crate::support::digest(n));
        let mut look = pin!(store.inspect(inquiry_otl::store::Inspect { tenant, link }));
        assert!(look.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        other.execute_batch("COMMIT").unwrap();
        let view = look.await.unwrap().unwrap();
        assert!(matches!(view.link.state, inquiry_otl::record::LinkState::Used(_)), "{view:?}");
    }
}
