//! The outbox: every durable event, in order, until somebody has acknowledged it (V1).

use std::collections::BTreeMap;

use super::{
    Fixture,
    race::race,
    stage::{DEADLINE, Stage, purge_long_after, sec},
};
use crate::{
    event::{Event, Revocation},
    id::InquiryId,
    inquiry::Action,
    issuance::{IssueLink, Outstanding},
    store::{CreateOutcome, Delivery, Housekeeping, IssueOutcome, LinkStore, Outbox, Sweep},
};

/// V1: every event that a command told of is delivered once, in the order of its inquiry; a refusal is none.
pub async fn every_event_is_delivered_in_order<F: Fixture>(fixture: &F)
where
    F::Store: Outbox + Housekeeping,
{
    let stage = Stage::new(fixture).await;
    let mut told = Vec::new();
    for tenant in ["one", "two"] {
        told.extend(story(&stage.tenant(tenant)).await);
    }
    let sweep = Sweep { now: sec(DEADLINE), limit: 100, event: stage.new_event_id() };
    told.extend(stage.store.sweep(sweep).await.expect("the store failed to sweep").events);
    let delivered = pending(&stage).await.into_iter().map(|delivery| delivery.event).collect();
    assert_eq!(by_inquiry(delivered), by_inquiry(told), "what is delivered, and what the answers told of");
}

/// V1, S1: simultaneous commands on one inquiry leave their events in the order of their numbers.
pub async fn a_race_is_delivered_in_order<F: Fixture>(fixture: &F)
where
    F::Store: Outbox + Housekeeping,
{
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let racers = stage.clone();
    race(8, move |_| {
        let stage = racers.clone();
        async move {
            for _ in 0..5 {
                let link = stage.issue(inquiry, sec(1)).await;
                stage.revoke(inquiry, Revocation::Link(link.id), sec(2)).await;
            }
        }
    })
    .await;
    let numbers: Vec<_> =
        pending(&stage).await.into_iter().filter_map(|delivery| delivery.event.sequence).collect();
    assert_eq!(
        numbers,
        (1..=81).collect::<Vec<_>>(),
        "the numbers of the events of an inquiry, as delivered"
    );
}

/// V1: what nobody acknowledged is delivered again, also after a restart; what somebody did is gone.
pub async fn delivery_goes_on_until_acknowledged<F: Fixture>(fixture: &F)
where
    F::Store: Outbox + Housekeeping,
{
    let stage = Stage::new(fixture).await;
    story(&stage).await;
    let first = pending(&stage).await;
    assert_eq!(pending(&stage).await, first, "what nobody acknowledged is delivered again");
    let stage = stage.reopened(fixture).await;
    assert_eq!(pending(&stage).await, first, "also after a restart");
    let (mine, rest) = first.split_at(3);
    let receipts: Vec<_> = mine.iter().map(|delivery| delivery.receipt.clone()).collect();
    let acknowledge = || stage.store.acknowledge(receipts.clone());
    assert_eq!(acknowledge().await.expect("the store failed"), 3, "how many were there to be acknowledged");
    assert_eq!(pending(&stage).await, rest, "what was acknowledged is gone, and nothing else");
    assert_eq!(acknowledge().await.expect("the store failed"), 0, "acknowledging again does nothing");
    let stage = stage.reopened(fixture).await;
    assert_eq!(pending(&stage).await, rest, "and is not back after a restart");
}

/// V1: the outbox can be read a page at a time, without acknowledging anything.
pub async fn the_outbox_has_pages<F: Fixture>(fixture: &F)
where
    F::Store: Outbox + Housekeeping,
{
    let stage = Stage::new(fixture).await;
    for tenant in ["one", "two", "three"] {
        story(&stage.tenant(tenant)).await;
    }
    let all = pending(&stage).await;
    let mut seen: Vec<Delivery> = Vec::new();
    loop {
        let after = seen.last().map(|delivery| delivery.receipt.clone());
        let page = stage.store.pending(after, 4).await.expect("the store failed to deliver");
        assert_eq!(page.len(), (all.len() - seen.len()).min(4), "how many events are on a page");
        if page.is_empty() {
            break;
        }
        seen.extend(page);
    }
    assert_eq!(seen, all, "the events, page by page");
}

/// S3, V1: an inquiry is not purged before its events are acknowledged.
pub async fn an_inquiry_waits_for_its_events<F: Fixture>(fixture: &F)
where
    F::Store: Outbox + Housekeeping,
{
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    stage.act(inquiry, Action::Expire, sec(1)).await;
    let purged = stage.store.purge(purge_long_after()).await.expect("the store failed to purge");
    assert_eq!(purged.inquiries, 0, "an inquiry was purged before its events were acknowledged");
    let waiting = pending(&stage).await;
    assert_eq!(waiting.len(), 2, "the events of an inquiry after a purge");
    let receipts = waiting.into_iter().map(|delivery| delivery.receipt).collect();
    stage.store.acknowledge(receipts).await.expect("the store failed to acknowledge");
    let purged = stage.store.purge(purge_long_after()).await.expect("the store failed to purge");
    assert_eq!(purged.inquiries, 1, "an inquiry whose events are all acknowledged");
}

/// Something of everything that is an event, and some that is none.
async fn story<S: LinkStore + 'static>(stage: &Stage<S>) -> Vec<Event> {
    let mut told = Vec::new();
    for _ in 0..2 {
        let inquiry = stage.new_inquiry_id();
        let command = stage.new_inquiry(inquiry, super::stage::policy(), sec(0));
        let CreateOutcome::Created(events) = stage.create(command).await else {
            panic!("a new inquiry was not created");
        };
        told.extend(stage.events(inquiry, &events));
        told.extend(stage.events(inquiry, &stage.act(inquiry, Action::Start, sec(1)).await));
        let mut last = None;
        for _ in 0..2 {
            let new = stage.new_link(inquiry, sec(2));
            let command = IssueLink { outstanding: Outstanding::Supersede, ..new };
            let IssueOutcome::Issued { link, events } = stage.issue_as(command).await else {
                panic!("a link of an open inquiry was not created");
            };
            told.extend(stage.events(inquiry, &events));
            last = Some(link);
        }
        let link = last.expect("two links");
        for _ in 0..2 {
            // The second is refused.
            let attempted = stage.redeem_as(stage.new_redeem(link.digest, sec(3))).await;
            told.extend(stage.events(inquiry, &attempted.events));
        }
        stage.start(inquiry, sec(3)).await;
        for _ in 0..2 {
            // The second finds it revoked.
            match stage.revoke(inquiry, Revocation::Link(link.id), sec(4)).await {
                crate::store::RevokeOutcome::Revoked(events) => told.extend(stage.events(inquiry, &events)),
                other => assert!(matches!(other, crate::store::RevokeOutcome::Already(_)), "{other:?}"),
            }
        }
        told.extend(stage.events(inquiry, &stage.act(inquiry, Action::Complete, sec(5)).await));
        told.extend(stage.events(inquiry, &stage.act(inquiry, Action::Redact, sec(6)).await));
    }
    // One that only time ends.
    let inquiry = stage.new_inquiry_id();
    let command = stage.new_inquiry(inquiry, super::stage::policy(), sec(0));
    let CreateOutcome::Created(events) = stage.create(command).await else {
        panic!("a new inquiry was not created");
    };
    told.extend(stage.events(inquiry, &events));
    told
}

/// Among inquiries there is no order.
fn by_inquiry(events: Vec<Event>) -> BTreeMap<(String, Option<InquiryId>), Vec<Event>> {
    let mut sorted: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for event in events {
        sorted.entry((event.tenant.to_string(), event.inquiry)).or_default().push(event);
    }
    sorted
}

async fn pending<S: LinkStore + Outbox + 'static>(stage: &Stage<S>) -> Vec<Delivery> {
    stage.store.pending(None, 10_000).await.expect("the store failed to deliver")
}
