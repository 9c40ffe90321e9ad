//! Announcing expiries by time (I6, V1).

use std::collections::BTreeSet;

use super::{
    Fixture,
    stage::{DEADLINE, Stage, interval, micros, policy, sec},
};
use crate::{
    event::EventKind,
    inquiry::{Action, Expiry, Status},
    issuance::{IssueLink, Lifetime},
    redemption::{Refusal, Verdict},
    store::{Housekeeping, LinkStore, Sweep, Swept},
    time::Timestamp,
};

/// I6, I5, V1: a sweep at the deadline, and not before it, writes the expiry, and tells of it once.
pub async fn a_sweep_announces_an_expiry_once<F: Fixture>(fixture: &F)
where
    F::Store: Housekeeping,
{
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let until = Lifetime::Until(sec(DEADLINE));
    let link = stage.issue_link(IssueLink { lifetime: until, ..stage.new_link(inquiry, sec(1)) }).await;
    let session = stage.start(inquiry, sec(1)).await;
    let before = stage.all(inquiry).await;
    let early = sweep(&stage, micros(sec(DEADLINE), -1), 100).await;
    assert_eq!(early, Swept::default(), "a sweep a microsecond before the deadline");
    assert_eq!(stage.all(inquiry).await, before, "a sweep before the deadline changed something");

    let now = sec(DEADLINE + 7);
    let event = stage.new_event_id();
    let swept = stage.store.sweep(Sweep { now, limit: 100, event }).await.expect("the store failed to sweep");
    let kind = EventKind::InquiryExpired { cause: Expiry::Deadline, expired_at: sec(DEADLINE) };
    let sequence = Some(before.inquiry.last_sequence + 1);
    let expected = crate::Event::new(event, stage.tenant, Some(inquiry), sequence, now, kind);
    assert_eq!(swept.events, [expected], "the event of an expiry that a sweep met");
    let after = stage.record(inquiry).await;
    assert_eq!(
        (after.inquiry.status, after.version),
        (Status::Expired, before.inquiry.version + 1),
        "the inquiry"
    );
    assert_eq!(after.inquiry.expired_at, Some(sec(DEADLINE)), "an expiry by time is dated by the deadline");
    assert_eq!(Some(after.last_sequence), sequence, "a sweep counts its events");
    assert_ne!(after.epoch, before.inquiry.epoch, "a sweep ends the epoch of what expired");
    assert!(!stage.is_live(inquiry, session, sec(2)).await, "a session of an ended epoch is live");
    let gone = Verdict::Refused(Refusal::InquiryExpired { at: sec(DEADLINE) });
    assert_eq!(stage.redeem(link, now).await, gone, "a link after the sweep");
    assert_eq!(sweep(&stage, now, 100).await, Swept::default(), "a second sweep announced something again");

    // At the deadline itself.
    stage.inquiry().await;
    assert_eq!(sweep(&stage, sec(DEADLINE), 100).await.events.len(), 1, "a sweep at the deadline");
}

/// I6, R3: a sweep leaves alone what has not expired, what ended otherwise, and what was given more time.
pub async fn a_sweep_leaves_the_rest<F: Fixture>(fixture: &F)
where
    F::Store: Housekeeping,
{
    let stage = Stage::new(fixture).await;
    let mut rest = Vec::new();
    for actions in [
        &[Action::Start, Action::Complete][..],
        &[Action::Start, Action::Complete, Action::Approve],
        &[Action::Expire],
        &[Action::Resume],
        &[Action::Expire, Action::Resume],
    ] {
        let inquiry = stage.inquiry().await;
        for action in actions {
            stage.act(inquiry, *action, sec(5)).await;
        }
        rest.push(inquiry);
    }
    rest.push(stage.inquiry_with(policy().with_after_create(interval(DEADLINE + 10)), sec(0)).await);
    let mut before = Vec::new();
    for inquiry in &rest {
        before.push(stage.all(*inquiry).await);
    }
    assert_eq!(sweep(&stage, sec(DEADLINE), 100).await, Swept::default(), "a sweep with nothing to announce");
    for (inquiry, before) in rest.iter().zip(before) {
        assert_eq!(stage.all(*inquiry).await, before, "a sweep changed an inquiry that was not due");
    }
}

/// I6, S3, S6: a sweep of all tenants stops at its limit, says so, and the next one goes on.
pub async fn a_sweep_stops_at_its_limit<F: Fixture>(fixture: &F)
where
    F::Store: Housekeeping,
{
    let stage = Stage::new(fixture).await;
    let mut due = BTreeSet::new();
    for tenant in ["one", "two"] {
        for _ in 0..4 {
            due.insert((tenant.to_owned(), stage.tenant(tenant).inquiry().await));
        }
    }
    let mut told = BTreeSet::new();
    for _ in 0..20 {
        let swept = sweep(&stage, sec(DEADLINE), 3).await;
        assert!(swept.events.len() <= 3, "a sweep announced more than its limit");
        assert!(
            swept.more || told.len() + swept.events.len() == due.len(),
            "a sweep left some and said it did not"
        );
        let ids: BTreeSet<_> = swept.events.iter().map(|event| event.id).collect();
        assert_eq!(ids.len(), swept.events.len(), "two events of a sweep have one id");
        for event in swept.events {
            let inquiry = event.inquiry.expect("an expiry has its inquiry");
            assert!(told.insert((event.tenant.to_string(), inquiry)), "an expiry was announced twice");
        }
        if !swept.more {
            break;
        }
    }
    assert_eq!(told, due, "the expiries that were announced, a few at a time");
}

async fn sweep<S: LinkStore + Housekeeping + 'static>(stage: &Stage<S>, now: Timestamp, limit: u32) -> Swept {
    let sweep = Sweep { now, limit, event: stage.new_event_id() };
    stage.store.sweep(sweep).await.expect("the store failed to sweep")
}
