//! A commit that waits for a standby is interrupted: PostgreSQL answers as if all were well.

use std::{pin::Pin, sync::Arc, thread::sleep, time::Duration};

use inquiry_otl::{
    Attempt, Claim, Claiming, Grant, GrantKind, LinkRequest, NewInquiry, Redemption, Retry, Revocation,
    Service, StoreError, StoreErrorKind,
    error::{ChangeError, CreateError, IssueError, RevokeError, SessionError},
};
use inquiry_otl_postgres::PostgresStore;
use tokio::task::JoinHandle;
use tokio_postgres::NoTls;

use crate::{
    pair::Pair,
    traffic::{Sent, same_person, second_person, send, session_of, template},
    world,
};

/// D1, S4: when the wait for the standby is cancelled, the engine returns its row with a warning only; the store answers
/// *unconfirmed*, and the attempt key recovers the first answer.
pub(crate) fn a_cancelled_wait_is_no_grant() {
    let runtime = world::runtime();
    let pair = Pair::start();
    let service = Arc::new(runtime.block_on(world::migrated(&pair.primary.url())));
    let links = runtime.block_on(send(&service, 10, 1));
    pair.primary.sql("CREATE TABLE plain (id int PRIMARY KEY, used bool NOT NULL)");
    pair.primary.sql("INSERT INTO plain VALUES (1, false)");
    pair.standby.freeze();

    // The trap is set: by hand, the row comes back as if nothing had happened.
    let url = pair.primary.url();
    let by_hand = runtime.spawn(async move {
        let (client, connection) = tokio_postgres::connect(&url, NoTls).await.unwrap();
        tokio::spawn(connection);
        client.query("UPDATE plain SET used = true WHERE id = 1 AND NOT used RETURNING id", &[]).await
    });
    pair.interrupt("pg_cancel_backend", 1);
    assert_eq!(runtime.block_on(by_hand).unwrap().unwrap().len(), 1);

    // One by itself, then many at once, which may travel together.
    for some in [0..1, 1..10] {
        let attempts: Vec<_> = some
            .clone()
            .map(|number| runtime.spawn(redeem(Arc::clone(&service), Arc::clone(&links), number)))
            .collect();
        interrupt_until_answered(&pair, &attempts);
        for attempt in attempts {
            let fault = runtime.block_on(attempt).unwrap().expect_err("not replicated, and no grant");
            assert_eq!((fault.kind(), fault.retry()), (StoreErrorKind::Unconfirmed, Retry::SameAttempt));
        }
    }
    // Asked again, it is no better confirmed than before.
    let again = runtime.spawn(redeem(Arc::clone(&service), Arc::clone(&links), 0));
    pair.interrupt("pg_cancel_backend", 1);
    let fault = runtime.block_on(again).unwrap().expect_err("still not replicated");
    assert_eq!((fault.kind(), fault.retry()), (StoreErrorKind::Unconfirmed, Retry::SameAttempt));

    pair.standby.thaw();
    runtime.block_on(async {
        for link in links.iter() {
            let session = session_of(&service, &link.url).await;
            let grant = same_person(&service, link).await;
            assert_eq!((grant.kind, Some(grant.session.id)), (GrantKind::Repeat, session));
            assert!(second_person(&service, &link.url).await.is_none());
        }
    });
}

/// D1, S4: what holds of a redemption holds of every write.
pub(crate) fn every_write_says_that_it_is_unconfirmed() {
    let runtime = world::runtime();
    let pair = Pair::start();
    let service = Arc::new(runtime.block_on(world::migrated(&pair.primary.url())));
    let links = runtime.block_on(send(&service, 4, 1));
    let [committed, released] = [0, 1].map(|number| runtime.block_on(claim(&service, &links[number])));
    let fresh = links[3].inquiry;
    pair.standby.freeze();

    let on = || Arc::clone(&service);
    let request = LinkRequest::resume(fresh);
    let many = vec![request.clone(), request.clone()];
    let (url, attempt) = (links[2].url.clone(), Attempt::new());
    let (of_commit, of_claim, of_release) = (on(), on(), on());
    let (of_create, of_start, of_issue, of_many, of_session, of_revoke) =
        (on(), on(), on(), on(), on(), on());
    let writes: [(&str, Retry, Write); 9] = [
        ("claim", Retry::SameAttempt, write(async move { of_claim.claim(&url, &attempt).await.err() })),
        ("commit", Retry::SameAttempt, write(async move { of_commit.commit(&committed).await.err() })),
        ("release", Retry::Safe, write(async move { of_release.release(&released).await.err() })),
        (
            "create",
            Retry::Unknown,
            write(async move {
                match of_create.create(NewInquiry::from_template(template())).await {
                    Err(CreateError::Store(fault)) => Some(fault),
                    _ => None,
                }
            }),
        ),
        (
            "start",
            Retry::Unknown,
            write(async move {
                match of_start.start(fresh).await {
                    Err(ChangeError::Store(fault)) => Some(fault),
                    _ => None,
                }
            }),
        ),
        (
            "issue",
            Retry::Unknown,
            write(async move {
                match of_issue.issue(request).await {
                    Err(IssueError::Store(fault)) => Some(fault),
                    _ => None,
                }
            }),
        ),
        (
            "issue many",
            Retry::Unknown,
            write(async move {
                match of_many.issue_many(many).await.pop() {
                    Some(Err(IssueError::Store(fault))) => Some(fault),
                    _ => None,
                }
            }),
        ),
        (
            "start a session",
            Retry::Unknown,
            write(async move {
                match of_session.start_session(fresh).await {
                    Err(SessionError::Store(fault)) => Some(fault),
                    _ => None,
                }
            }),
        ),
        (
            "revoke",
            Retry::Unknown,
            write(async move {
                match of_revoke.revoke(fresh, Revocation::Everything).await {
                    Err(RevokeError::Store(fault)) => Some(fault),
                    _ => None,
                }
            }),
        ),
    ];
    for (what, retry, write) in writes {
        let write = runtime.spawn(write);
        interrupt_until_answered(&pair, std::slice::from_ref(&write));
        let fault = runtime.block_on(write).unwrap().unwrap_or_else(|| panic!("{what}: no fault"));
        assert_eq!((fault.kind(), fault.retry()), (StoreErrorKind::Unconfirmed, retry), "{what}");
    }
    pair.standby.thaw();
    // Each of them happened, and asking again finds it so.
    runtime.block_on(async {
        assert!(second_person(&service, &links[0].url).await.is_none());
        assert!(second_person(&service, &links[1].url).await.is_some(), "the claim was given back");
        let diagnosis = service.diagnose(&links[3].url).await.unwrap();
        assert_eq!(diagnosis.refusal.map(|refusal| refusal.name()), Some("revoked"));
    });
}

type Write = Pin<Box<dyn Future<Output = Option<StoreError>> + Send>>;

fn write(future: impl Future<Output = Option<StoreError>> + Send + 'static) -> Write {
    Box::pin(future)
}

/// D1, S4: when the connection is ended during the wait, nobody is let in, and the attempt key recovers the answer.
pub(crate) fn an_ended_wait_is_no_grant() {
    let runtime = world::runtime();
    let pair = Pair::start();
    let service = Arc::new(runtime.block_on(world::migrated(&pair.primary.url())));
    let links = runtime.block_on(send(&service, 1, 1));
    pair.standby.freeze();
    let attempt = runtime.spawn(redeem(Arc::clone(&service), Arc::clone(&links), 0));
    pair.interrupt("pg_terminate_backend", 1);
    let fault = runtime.block_on(attempt).unwrap().expect_err("not replicated, and no grant");
    assert_eq!(fault.retry(), Retry::SameAttempt, "{fault:?}");
    pair.standby.thaw();
    runtime.block_on(async {
        let session = session_of(&service, &links[0].url).await;
        let grant = same_person(&service, &links[0]).await;
        assert_eq!((grant.kind, Some(grant.session.id)), (GrantKind::Repeat, session));
        assert!(second_person(&service, &links[0].url).await.is_none());
    });
}

/// D1: the commit of one's own transaction is one's own to confirm: when its wait is cancelled it succeeds, and only the
/// count of warnings tells.
pub(crate) fn a_cancelled_commit_of_ones_own_warns() {
    let runtime = world::runtime();
    let pair = Pair::start();
    let service = Arc::new(runtime.block_on(world::migrated(&pair.primary.url())));
    let links = runtime.block_on(send(&service, 1, 1));
    let url = pair.primary.url();
    pair.standby.freeze();
    let own = runtime.spawn(async move {
        let store = world::opened(&url).await;
        let mut client = store.pool().get().await.unwrap();
        let before = client.warnings();
        let transaction = client.transaction().await.unwrap();
        same_person(&Service::new(store.within(&transaction)), &links[0]).await;
        transaction.commit().await.unwrap();
        client.warnings() - before
    });
    pair.interrupt("pg_cancel_backend", 1);
    assert_eq!(runtime.block_on(own).unwrap(), 1);
    pair.standby.thaw();
}

/// A redemption by the link's own attempt.
async fn redeem(
    service: Arc<Service<PostgresStore>>,
    links: Arc<[Sent]>,
    number: usize,
) -> Result<Grant, StoreError> {
    match service.redeem(&links[number].url, &links[number].attempt).await? {
        Redemption::Granted(grant) => Ok(grant),
        answer => panic!("the link is this attempt's: {answer:?}"),
    }
}

async fn claim(service: &Service<PostgresStore>, link: &Sent) -> Claim {
    match service.claim(&link.url, &Attempt::new()).await.unwrap() {
        Claiming::Claimed(claim) => claim,
        answer => panic!("nobody else has this link: {answer:?}"),
    }
}

/// Cancels every wait for the standby, until all of them have an answer.
fn interrupt_until_answered<T>(pair: &Pair, calls: &[JoinHandle<T>]) {
    while !calls.iter().all(JoinHandle::is_finished) {
        pair.primary.sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
        sleep(Duration::from_millis(20));
    }
}
