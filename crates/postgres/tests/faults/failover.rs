//! The primary dies in the middle of traffic, and a synchronous standby takes its place.

use std::{collections::HashMap, slice, sync::Arc, time::Duration};

use inquiry_otl::{GrantKind, LinkRequest, NewInquiry, OnOutstanding, Retry, Service, StoreErrorKind};
use inquiry_otl_postgres::{Options, PostgresStore};

use crate::{
    pair::Pair,
    traffic::{Told, Traffic, same_person, second_person, send, session_of, template},
    world,
};

/// D1: with a synchronous standby, no acknowledged redemption and no acknowledged link is lost by a failover, and no
/// link is used twice.
pub(crate) fn acknowledged_is_kept() {
    let runtime = world::runtime();
    for round in 0..3 {
        let pair = Pair::start();
        let service = Arc::new(runtime.block_on(world::migrated(&pair.url())));
        let links = runtime.block_on(send(&service, 50, 22));
        let (traffic, issuing) = {
            let _runtime = runtime.enter();
            (Traffic::begin(&service, &links), runtime.spawn(issue_until_it_fails(Arc::clone(&service))))
        };
        runtime.block_on(traffic.reaches(300 + 200 * round));

        let _promoted = pair.fail_over();

        // The same store goes on: it knows both places.
        let told = runtime.block_on(traffic.end());
        let issued = runtime.block_on(issuing).unwrap();
        runtime.block_on(async {
            let mut told: HashMap<_, _> = told.into_iter().collect();
            let (mut granted, mut faults, mut unsure) = (0, 0, 0);
            for (number, link) in links.iter().enumerate() {
                match told.remove(&number) {
                    // S1, D1: it happened, and stays so.
                    Some(Told::Granted(session)) => {
                        granted += 1;
                        assert!(second_person(&service, &link.url).await.is_none());
                        assert_eq!(session_of(&service, &link.url).await, Some(session));
                        let again = same_person(&service, link).await;
                        assert_eq!((again.kind, again.session.id), (GrantKind::Repeat, session));
                    }
                    // It happened or it did not: the attempt finds out.
                    Some(Told::Fault(fault)) => {
                        faults += 1;
                        let first = same_person(&service, link).await;
                        unsure += usize::from(first.kind == GrantKind::Repeat);
                        match fault.retry() {
                            Retry::Safe => assert_eq!(first.kind, GrantKind::FirstUse, "{fault:?}"),
                            word => assert_eq!(word, Retry::SameAttempt, "{fault:?}"),
                        }
                        assert!(second_person(&service, &link.url).await.is_none());
                    }
                    None => {
                        assert_eq!(same_person(&service, link).await.kind, GrantKind::FirstUse);
                        assert!(second_person(&service, &link.url).await.is_none());
                    }
                }
            }
            for url in &issued {
                assert!(service.diagnose(url).await.unwrap().link.is_some(), "an acknowledged link is lost");
            }
            assert!(granted < links.len(), "the primary was killed too late");
            println!(
                "failover {}: {granted} of {} acknowledged and all kept; {faults} faults, of which {unsure} had happened; \
                 {} issued meanwhile and all kept",
                round + 1,
                links.len(),
                issued.len()
            );
        });
    }
}

/// D1, S4: a primary that goes on after its standby took its place confirms nothing, so that of the two only the new one
/// grants.
pub(crate) fn the_old_primary_grants_nothing() {
    let runtime = world::runtime();
    let mut pair = Pair::start();
    runtime.block_on(world::migrated(&pair.primary.url()));
    let options = Options::new().with_statement_timeout(Duration::from_secs(1));
    let old = Arc::new(Service::new(runtime.block_on(world::opened_with(&pair.primary.url(), options))));
    let links = runtime.block_on(send(&old, 2, 1));
    pair.standby.promote();
    let new = Service::new(runtime.block_on(world::opened(&pair.standby.url())));

    // One wait lasts until the store gives up and ends it, the other until somebody cancels it.
    let attempt = |number: usize| {
        let (old, links) = (Arc::clone(&old), Arc::clone(&links));
        runtime.spawn(async move { old.redeem(&links[number].url, &links[number].attempt).await })
    };
    let fault = runtime.block_on(attempt(0)).unwrap().expect_err("nobody confirms it");
    assert_eq!((fault.kind(), fault.retry()), (StoreErrorKind::Timeout, Retry::SameAttempt));
    let cancelled = attempt(1);
    pair.interrupt_until_answered(slice::from_ref(&cancelled));
    let fault = runtime.block_on(cancelled).unwrap().expect_err("nobody confirms it");
    assert_eq!((fault.kind(), fault.retry()), (StoreErrorKind::Unconfirmed, Retry::SameAttempt));

    runtime.block_on(async {
        for link in links.iter() {
            assert_eq!(same_person(&new, link).await.kind, GrantKind::FirstUse);
            assert!(second_person(&new, &link.url).await.is_none());
        }
    });
}

/// The URLs of the links whose issue was acknowledged.
async fn issue_until_it_fails(service: Arc<Service<PostgresStore>>) -> Vec<String> {
    let inquiry = service.create(NewInquiry::from_template(template())).await.unwrap();
    let request = LinkRequest::resume(inquiry.id).on_outstanding(OnOutstanding::Keep);
    let mut issued = Vec::new();
    while let Ok(link) = service.issue(request.clone()).await {
        issued.push(link.url.expose().to_owned());
    }
    issued
}
