//! Commands within a transaction of the application's own.

use inquiry_otl::{
    LinkStore, Released, Retry, StoreErrorKind,
    redemption::{Mode, Redeem, Refusal, Release, Verdict},
    store::IssueOutcome,
};
use inquiry_otl_testkit::postgres;
use tokio_postgres::IsolationLevel;

use crate::support::{
    Schema, connection, created, digest, expire, issue, issued, key, redeem, sec, until_blocked, verdict,
};

/// S1: what happens in a transaction happens if it commits, and is not there if it rolls back.
#[tokio::test]
async fn a_transaction_is_whole() {
    let schema = Schema::new();
    let store = schema.store().await;
    created(&store, 1).await;
    issued(&store, 1, 1).await;
    let mut client = store.pool().get().await.unwrap();
    for commits in [false, true] {
        let transaction = client.transaction().await.unwrap();
        transaction.batch_execute("CREATE TEMP TABLE mine (n int) ON COMMIT DROP").await.unwrap();
        let within = store.within(&transaction);
        created(&within, 2).await;
        issued(&within, 2, 2).await;
        assert!(matches!(within.issue(issue(2, 2)).await.unwrap(), IssueOutcome::Taken));
        assert_eq!(verdict(&within, 1).await, Verdict::FirstUse);
        assert_eq!(verdict(&within, 2).await, Verdict::FirstUse);
        expire(&within, 2).await.unwrap();
        assert_eq!(store.inquiry(key(2)).await.unwrap(), None, "seen before the commit");
        if commits {
            transaction.commit().await.unwrap();
        } else {
            transaction.rollback().await.unwrap();
        }
        assert_eq!(store.inquiry(key(2)).await.unwrap().is_some(), commits);
    }
    let used = Verdict::Refused(Refusal::Used { first_at: sec(2) });
    assert_eq!(verdict(&store, 1).await, used);
}

/// D1, S4: under stricter isolation, whoever comes too late gets a conflict, not a wrong answer, and is refused when the
/// transaction is begun anew.
#[tokio::test]
async fn the_loser_of_a_race_is_told() {
    let schema = Schema::new();
    let store = schema.store().await;
    for (n, isolation) in [(1, IsolationLevel::RepeatableRead), (2, IsolationLevel::Serializable)] {
        created(&store, n).await;
        issued(&store, n, n).await;
        let mut client = connection(&postgres::shared().url()).await;
        let transaction = client.build_transaction().isolation_level(isolation).start().await.unwrap();
        // Its snapshot is of this moment.
        transaction.query_one("SELECT 1", &[]).await.unwrap();
        assert_eq!(verdict(&store, n).await, Verdict::FirstUse);
        let error = store.within(&transaction).redeem(redeem(n)).await.unwrap_err();
        assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Conflict, Retry::WholeTransaction));
        transaction.rollback().await.unwrap();
        let transaction = client.build_transaction().isolation_level(isolation).start().await.unwrap();
        let used = Verdict::Refused(Refusal::Used { first_at: sec(2) });
        assert_eq!(verdict(&store.within(&transaction), n).await, used);
        // What expired meanwhile is seen by the next transaction, too.
        transaction.commit().await.unwrap();
    }
}

/// D1: two transactions that redeem one link at once: the second waits for the first, and is refused if that commits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_second_waits_for_the_first() {
    let schema = Schema::new();
    let store = schema.store().await;
    created(&store, 1).await;
    for (n, commits) in [(1, true), (2, false)] {
        issued(&store, 1, n).await;
        let mut client = store.pool().get().await.unwrap();
        let transaction = client.transaction().await.unwrap();
        assert_eq!(verdict(&store.within(&transaction), n).await, Verdict::FirstUse);
        let other = tokio::spawn({
            let store = store.clone();
            async move {
                let command = Redeem { session: redeem(n + 50).session, ..redeem(n) };
                store.redeem(command).await.unwrap().unwrap().verdict
            }
        });
        until_blocked(&schema, transaction.client(), &[&other]).await;
        let expected = if commits {
            transaction.commit().await.unwrap();
            Verdict::Refused(Refusal::Used { first_at: sec(2) })
        } else {
            transaction.rollback().await.unwrap();
            Verdict::FirstUse
        };
        assert_eq!(other.await.unwrap(), expected, "committed: {commits}");
    }
}

/// S4: two transactions that take two inquiries in different orders: one of them fails, and says to begin anew.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_deadlock_is_a_conflict() {
    let schema = Schema::new();
    let store = schema.store().await;
    for n in [1, 2] {
        created(&store, n).await;
        issued(&store, n, n).await;
    }
    let url = postgres::shared().url();
    let (mut first, mut second) = (connection(&url).await, connection(&url).await);
    let (first, second) = (first.transaction().await.unwrap(), second.transaction().await.unwrap());
    assert_eq!(verdict(&store.within(&first), 1).await, Verdict::FirstUse);
    assert_eq!(verdict(&store.within(&second), 2).await, Verdict::FirstUse);
    let (within_first, within_second) = (store.within(&first), store.within(&second));
    let (one, other) = tokio::join!(within_first.redeem(redeem(2)), within_second.redeem(redeem(1)));
    let error = match (one, other) {
        (Err(error), Ok(_)) | (Ok(_), Err(error)) => error,
        both => panic!("two transactions that wait for each other: {both:?}"),
    };
    assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Conflict, Retry::WholeTransaction));
}

/// D5, S4: a transaction that releases a claim and then goes on with its inquiry, against one that has the inquiry and comes
/// to the link: nobody waits in a circle, since a release takes the inquiry first as everything does.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_release_takes_the_inquiry_first() {
    let schema = Schema::new();
    let store = schema.store().await;
    created(&store, 1).await;
    issued(&store, 1, 1).await;
    let claim = Mode::Claim { token: digest(7), until: sec(900) };
    store.redeem(Redeem { mode: claim, ..redeem(1) }).await.unwrap();
    let mut client = store.pool().get().await.unwrap();
    let transaction = client.transaction().await.unwrap();
    let within = store.within(&transaction);
    let release = Release {
        tenant: key(1).tenant,
        inquiry: key(1).inquiry,
        link: issue(1, 1).link,
        claim: digest(7),
        now: sec(3),
    };
    assert_eq!(within.release(release).await.unwrap(), Some(Released::Released));
    let other = tokio::spawn({
        let store = store.clone();
        async move { verdict(&store, 1).await }
    });
    until_blocked(&schema, transaction.client(), &[&other]).await;
    assert_eq!(verdict(&within, 1).await, Verdict::FirstUse);
    transaction.commit().await.unwrap();
    assert_eq!(other.await.unwrap(), Verdict::Refused(Refusal::Used { first_at: sec(2) }));
}
