//! A commit that waits for a standby is interrupted: PostgreSQL answers as if all were well.

use std::{slice, sync::Arc};

use inquiry_otl::{
    Attempt, Claim, Claiming, Error, Grant, GrantKind, LinkRequest, NewInquiry, OnOutstanding, Redemption,
    Retry, Revocation, Service, StoreError, StoreErrorKind,
};
use inquiry_otl_postgres::PostgresStore;
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
        pair.interrupt_until_answered(&attempts);
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

/// D1, S4, L6: what holds of a redemption holds of every write, also of one that finds its work done by an earlier one
/// that was not confirmed.
pub(crate) fn every_write_says_that_it_is_unconfirmed() {
    let runtime = world::runtime();
    let pair = Pair::start();
    let service = Arc::new(runtime.block_on(world::migrated(&pair.primary.url())));
    let links = runtime.block_on(send(&service, 4, 1));
    let claims = [0, 1].map(|number| runtime.block_on(claim(&service, &links[number])));
    let (claims, mut writes) = (Arc::new(claims), Vec::new());
    pair.standby.freeze();
    writes.extend(["claim", "commit"].map(|write| (write, Retry::SameAttempt)));
    writes.push(("release", Retry::Safe));
    let others = ["create", "start", "issue", "issue many", "start a session", "revoke", "revoke"];
    writes.extend(others.map(|write| (write, Retry::Unknown)));
    for (what, retry) in writes {
        let call = write(what, Arc::clone(&service), Arc::clone(&links), Arc::clone(&claims));
        let call = runtime.spawn(call);
        pair.interrupt_until_answered(slice::from_ref(&call));
        match runtime.block_on(call).unwrap() {
            Err(Error::Store(fault)) => {
                assert_eq!((fault.kind(), fault.retry()), (StoreErrorKind::Unconfirmed, retry), "{what}");
            }
            other => panic!("{what}: {other:?}"),
        }
    }
    pair.standby.thaw();
    // Each of them happened.
    runtime.block_on(async {
        assert!(second_person(&service, &links[0].url).await.is_none());
        assert!(second_person(&service, &links[1].url).await.is_some(), "the claim was given back");
        let diagnosis = service.diagnose(&links[3].url).await.unwrap();
        assert_eq!(diagnosis.refusal.map(|refusal| refusal.name()), Some("revoked"));
    });
}

/// A call that writes.
async fn write(
    what: &str,
    service: Arc<Service<PostgresStore>>,
    links: Arc<[Sent]>,
    claims: Arc<[Claim; 2]>,
) -> Result<(), Error> {
    let inquiry = links[3].inquiry;
    let request = LinkRequest::resume(inquiry).on_outstanding(OnOutstanding::Keep);
    match what {
        "claim" => drop(service.claim(&links[2].url, &Attempt::new()).await?),
        "commit" => drop(service.commit(&claims[0]).await?),
        "release" => drop(service.release(&claims[1]).await?),
        "create" => drop(service.create(NewInquiry::from_template(template())).await?),
        "start" => drop(service.start(inquiry).await?),
        "issue" => drop(service.issue(request).await?),
        "issue many" => {
            for link in service.issue_many([request.clone(), request]).await {
                link?;
            }
        }
        "start a session" => drop(service.start_session(inquiry).await?),
        "revoke" => drop(service.revoke(inquiry, Revocation::AllLinks).await?),
        _ => panic!("{what}?"),
    }
    Ok(())
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
