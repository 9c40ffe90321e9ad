//! Expiry by time: every command judges by its own instant, and the first write that meets it makes it durable (I6).

use std::future::Future;

use super::{
    Fixture,
    stage::{DEADLINE, Stage, interval, micros, sec},
};
use crate::{
    event::{Event, EventKind, Recorded, Revocation},
    id::InquiryId,
    inquiry::{Action, Expiry, Status},
    issuance::Lifetime,
    redemption::{Redeem, Refusal, Verdict},
    session::{NotOpen, SessionRefusal},
    store::{ChangeOutcome, IssueOutcome, LinkStore, RevokeOutcome},
    time::Timestamp,
};

/// I5, I6: a redemption and a claim at the deadline are refused, and write the expiry.
pub async fn a_redemption_meets_the_deadline<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    for claims in [false, true] {
        at_the_deadline(&stage, |stage, inquiry, now| async move {
            let mut command = stage.new_link(inquiry, sec(1));
            command.lifetime = Lifetime::Until(micros(now, 9_000_000));
            let link = stage.issue_link(command).await;
            let before = stage.record(inquiry).await.last_sequence;
            let (claim, _) = stage.new_claim(link, now);
            let command =
                if claims { claim } else { Redeem { mode: crate::redemption::Mode::Once, ..claim } };
            let attempted = stage.redeem_as(command).await;
            let expired = Verdict::Refused(Refusal::InquiryExpired { at: sec(DEADLINE) });
            assert!(
                attempted.verdict == expired || !matches!(attempted.verdict, Verdict::Refused(_)),
                "at the deadline a link was refused as {:?}",
                attempted.verdict
            );
            (attempted.verdict != expired, before, attempted.events)
        })
        .await;
    }
}

/// I5, I6: a commit at the deadline is refused, whatever its lease, and writes the expiry.
pub async fn a_commit_meets_the_deadline<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    at_the_deadline(&stage, |stage, inquiry, now| async move {
        let mut command = stage.new_link(inquiry, sec(1));
        command.lifetime = Lifetime::Until(sec(DEADLINE));
        let link = stage.issue_link(command).await;
        let held = stage.claim(link, sec(DEADLINE - 5)).await;
        let before = stage.record(inquiry).await.last_sequence;
        let attempted = stage.commit(&held, now).await;
        let expired = Verdict::Refused(Refusal::InquiryExpired { at: sec(DEADLINE) });
        assert!(
            [Verdict::FirstUse, expired].contains(&attempted.verdict),
            "near the deadline a commit came to {:?}",
            attempted.verdict
        );
        (attempted.verdict == Verdict::FirstUse, before, attempted.events)
    })
    .await;
}

/// L1, I6: a link at the deadline is refused with advice to resume, and the expiry is written.
pub async fn a_creation_meets_the_deadline<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    at_the_deadline(&stage, |stage, inquiry, now| async move {
        let before = stage.record(inquiry).await.last_sequence;
        match stage.issue_as(stage.new_link(inquiry, now)).await {
            IssueOutcome::Issued { events, .. } => (true, before, events),
            IssueOutcome::NotOpen { reason, events } => {
                assert_eq!(reason, NotOpen::Expired { at: sec(DEADLINE) }, "why there is no link");
                (false, before, events)
            }
            outcome => panic!("near the deadline the creation of a link came to {outcome:?}"),
        }
    })
    .await;
}

/// D7, I6: a session at the deadline is refused, and the expiry is written.
pub async fn a_session_meets_the_deadline<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    at_the_deadline(&stage, |stage, inquiry, now| async move {
        let before = stage.record(inquiry).await.last_sequence;
        let started = stage.start_as(stage.new_start(inquiry, now)).await;
        if let Err(refusal) = &started.session {
            let expired = SessionRefusal::NotOpen(NotOpen::Expired { at: sec(DEADLINE) });
            assert_eq!(*refusal, expired, "why there is no session");
        }
        (started.session.is_ok(), before, started.events)
    })
    .await;
}

/// L6, I6: a revocation at the deadline writes the expiry first.
pub async fn a_revocation_meets_the_deadline<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    at_the_deadline(&stage, |stage, inquiry, now| async move {
        stage.issue(inquiry, sec(1)).await;
        let before = stage.record(inquiry).await.last_sequence;
        match stage.revoke(inquiry, Revocation::Everything, now).await {
            RevokeOutcome::Revoked(events) => (true, before, events),
            RevokeOutcome::Already(events) => (false, before, events),
            RevokeOutcome::NotFound(events) => panic!("an inquiry that is there was not found: {events:?}"),
        }
    })
    .await;
}

/// I6, V1: an expiry is written once, whoever meets it and how often.
pub async fn an_expiry_is_written_once<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let link = stage.issue(inquiry, sec(1)).await;
    let late = sec(DEADLINE + 1);
    stage.redeem(link, late).await;
    let expired = stage.all(inquiry).await;
    assert_eq!(
        expired.inquiry.inquiry.status,
        Status::Expired,
        "the first write that meets an expiry writes it"
    );
    let attempted = stage.redeem_as(stage.new_redeem(link.digest, late)).await;
    assert!(attempted.events.is_empty(), "a second redemption announced the expiry again");
    assert!(matches!(
        stage.issue_as(stage.new_link(inquiry, late)).await,
        IssueOutcome::NotOpen { events, .. } if events.is_empty()
    ));
    let started = stage.start_as(stage.new_start(inquiry, late)).await;
    assert!(started.events.is_empty(), "a session announced the expiry again");
    let revoked = stage.revoke(inquiry, Revocation::Everything, late).await;
    assert!(
        matches!(revoked, RevokeOutcome::Already(events) if events.is_empty()),
        "a revocation did: {revoked:?}"
    );
    assert_eq!(stage.all(inquiry).await, expired, "an expiry that was written was written again");
}

/// I6: reading an expired inquiry writes nothing, and shows it as it was last written.
pub async fn a_read_meets_no_deadline<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry =
        stage.inquiry_with(super::stage::policy().with_after_create(interval(1)), sec(-3_000_000)).await;
    // Whatever the wall clock shows, a store's own idea of now must not show in what it reads back.
    let record = stage.record(inquiry).await;
    assert_eq!(record.inquiry.status, Status::Created, "a read showed an expiry that nobody has written");
    assert_eq!((record.version, record.last_sequence), (record.epoch.get(), 1), "a read wrote something");
}

/// Does something a microsecond before the deadline, at it, and a microsecond after it: only the first succeeds,
/// the others write the expiry, once, with one event, and a change from before it conflicts.
async fn at_the_deadline<S, C, R>(stage: &Stage<S>, command: C)
where
    S: LinkStore + 'static,
    C: Fn(Stage<S>, InquiryId, Timestamp) -> R,
    R: Future<Output = (bool, u64, Recorded)>,
{
    for offset in [-1, 0, 1] {
        let now = micros(sec(DEADLINE), offset);
        let inquiry = stage.inquiry().await;
        let outdated = stage.record(inquiry).await;
        let (succeeded, before, events) = command(stage.clone(), inquiry, now).await;
        assert_eq!(succeeded, offset < 0, "{offset} µs from the deadline: whether the inquiry is open");
        let record = stage.record(inquiry).await;
        if succeeded {
            assert!(record.inquiry.status == Status::Created, "an expiry was written before the deadline");
            continue;
        }
        let kind = EventKind::InquiryExpired { cause: Expiry::Deadline, expired_at: sec(DEADLINE) };
        let told: Vec<Event> = stage.events(inquiry, &events);
        let kinds: Vec<_> = told.iter().map(|event| (event.kind, event.sequence, event.at)).collect();
        assert_eq!(
            kinds,
            [(kind, Some(before + 1), now)],
            "{offset} µs from the deadline: the event of the expiry"
        );
        assert_eq!(record.inquiry.status, Status::Expired, "the expiry that a write met was not written");
        assert_eq!(
            record.inquiry.expired_at,
            Some(sec(DEADLINE)),
            "an expiry by time is dated by the deadline"
        );
        assert_eq!(record.last_sequence, before + 1, "the event of the expiry was not counted");
        assert_ne!(record.epoch, outdated.epoch, "the expiry ended no epoch");
        let change = stage.step(&outdated, Action::Start, sec(5)).expect("it could be started then");
        let outcome = stage.change(change).await;
        assert_eq!(outcome, ChangeOutcome::Conflict, "a change from before the expiry was made after it");
    }
}
