//! Changing an inquiry, and what dies with its epoch (L4, R3, E6, V1).

use super::{
    Fixture,
    race::race,
    stage::{AFTER_RESUME, DEADLINE, Link, Stage, interval, micros, policy, sec},
};
use crate::{
    event::EventKind,
    id::{InquiryId, SessionId},
    inquiry::{Action, Status},
    issuance::Lifetime,
    redemption::{Refusal, Verdict},
    store::{ChangeOutcome, LinkStore},
};

/// S1, I3: a change that was computed from an older version is a conflict, and writes nothing.
pub async fn a_stale_change_is_a_conflict<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let first = stage.record(inquiry).await;
    let outdated = stage.step(&first, Action::Expire, sec(2)).expect("it can expire");
    stage.act(inquiry, Action::Start, sec(1)).await;
    let before = stage.all(inquiry).await;
    assert_eq!(before.inquiry.version, first.version + 1, "a change must move the version on by one");
    assert_eq!(before.inquiry.inquiry.status, Status::Pending, "a start was not written");
    assert_eq!(
        stage.change(outdated).await,
        ChangeOutcome::Conflict,
        "a change from an older version was taken"
    );
    assert_eq!(stage.all(inquiry).await, before, "a change that was a conflict wrote something");

    let mut unknown = stage.step(&before.inquiry, Action::Complete, sec(3)).expect("it can be completed");
    unknown.step.inquiry.id = stage.new_inquiry_id();
    assert_eq!(stage.change(unknown).await, ChangeOutcome::NotFound, "a change of an unknown inquiry");
}

/// S1, I3: of 16 simultaneous changes from one version exactly one is made.
pub async fn one_of_many_changes_wins<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    for _ in 0..8 {
        let inquiry = stage.inquiry().await;
        let record = stage.record(inquiry).await;
        let racers = stage.clone();
        let base = record.clone();
        let outcomes = race(16, move |n| {
            let stage = racers.clone();
            let action = if n % 2 == 0 { Action::Start } else { Action::Expire };
            let command = stage.step(&base, action, sec(1)).expect("either is allowed");
            async move { stage.change(command).await }
        })
        .await;
        let changed = outcomes.iter().filter(|outcome| matches!(outcome, ChangeOutcome::Changed(_))).count();
        assert_eq!(changed, 1, "of 16 changes from one version exactly one may be made");
        let after = stage.record(inquiry).await;
        assert_eq!(after.version, record.version + 1, "the version tells how often an inquiry was changed");
        assert_eq!(after.last_sequence, record.last_sequence + 1, "each change counts one event");
    }
}

/// L4: when an inquiry completes, fails, expires or is redacted, its links and sessions are dead at once.
pub async fn the_end_kills_links_and_sessions<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    for action in [Action::Complete, Action::Fail, Action::Expire, Action::Redact] {
        let inquiry = stage.inquiry().await;
        stage.act(inquiry, Action::Start, sec(1)).await;
        let unused = stage.issue(inquiry, sec(2)).await;
        let used = stage.issue(inquiry, sec(2)).await;
        let claimed = stage.issue(inquiry, sec(2)).await;
        let by_link = stage.use_first(used, sec(3)).await;
        let by_itself = stage.start(inquiry, sec(3)).await;
        let held = stage.claim(claimed, sec(3)).await;
        stage.act(inquiry, action, sec(4)).await;

        let expected = Verdict::Refused(match action {
            Action::Complete => Refusal::InquiryClosed { status: Status::Completed, at: Some(sec(4)) },
            Action::Fail => Refusal::InquiryClosed { status: Status::Failed, at: Some(sec(4)) },
            Action::Redact => Refusal::InquiryRedacted { at: sec(4) },
            _ => Refusal::InquiryExpired { at: sec(4) },
        });
        let what = format!("after {action:?}");
        assert_eq!(stage.redeem(unused, sec(5)).await, expected, "an unused link {what}");
        assert_eq!(stage.redeem(used, sec(5)).await, expected, "a used link {what}");
        assert_eq!(stage.commit(&held, sec(5)).await.verdict, expected, "the commit of a claim {what}");
        for session in [by_link, by_itself] {
            assert!(!stage.is_live(inquiry, session, sec(5)).await, "a session is live {what}");
        }
    }
}

/// V1, I6: a change counts its events one by one, also the expiry that it meets first.
pub async fn a_change_numbers_its_events<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let late = sec(DEADLINE + 10);
    let events = stage.act(inquiry, Action::Resume, late).await;
    let events = stage.events(inquiry, &events);
    let numbers: Vec<_> = events.iter().map(|event| event.sequence).collect();
    assert_eq!(
        numbers,
        [Some(2), Some(3)],
        "a resume from expired is two events, numbered behind the creation's"
    );
    assert!(
        matches!(events[0].kind, EventKind::InquiryExpired { expired_at, .. } if expired_at == sec(DEADLINE))
    );
    assert!(matches!(events[1].kind, EventKind::InquiryResumed { .. }), "the resume comes after the expiry");
    assert_eq!(events[1].id, events[0].id.nth(1), "the ids of a command's events follow one another");
    assert!(events.iter().all(|event| event.at == late), "an event is dated by its command");
    let events = stage.act(inquiry, Action::Complete, late).await;
    assert_eq!(stage.events(inquiry, &events)[0].sequence, Some(4), "the next change goes on counting");
    assert_eq!(stage.record(inquiry).await.last_sequence, 4, "the record counts what was told");
}

/// S1, E6: a redemption counts a session, and leaves the version to those who change the inquiry.
pub async fn a_redemption_leaves_the_version<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let link = stage.issue(inquiry, sec(1)).await;
    let before = stage.record(inquiry).await;
    let start = stage.step(&before, Action::Start, sec(3)).expect("it can be started");
    stage.use_first(link, sec(2)).await;
    stage.start(inquiry, sec(2)).await;
    let after = stage.record(inquiry).await;
    assert_eq!(
        (after.version, after.sessions_started),
        (before.version, 2),
        "version and sessions after two starts"
    );
    let outcome = stage.change(start).await;
    assert!(matches!(outcome, ChangeOutcome::Changed(_)), "a redemption made a change conflict: {outcome:?}");
    let after = stage.record(inquiry).await;
    assert_eq!(
        after.sessions_started, 2,
        "a change that was computed before a redemption took its session back"
    );
    assert_eq!(
        after.last_sequence,
        before.last_sequence + 2,
        "a change went back behind a redemption's event"
    );
}

/// R3, R2: resuming an inquiry that is open moves its deadline, and leaves links and sessions as they are.
pub async fn resuming_what_is_open_keeps_links<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let (inquiry, [unused, claimed], session) = with_links(&stage).await;
    let held = stage.claim(claimed, sec(3)).await;
    let before = stage.record(inquiry).await;
    stage.act(inquiry, Action::Resume, sec(4)).await;
    let after = stage.record(inquiry).await;
    assert_eq!(after.inquiry.expires_at, sec(4 + AFTER_RESUME), "the deadline after a resume");
    assert_eq!(after.epoch, before.epoch, "resuming what is open ended an epoch");
    assert_eq!(
        after.sessions_started, before.sessions_started,
        "resuming what is open set its sessions back"
    );
    assert!(stage.is_live(inquiry, session, sec(5)).await, "resuming what is open killed a session");
    assert_eq!(
        stage.redeem(unused, sec(5)).await,
        Verdict::FirstUse,
        "a link after its open inquiry was resumed"
    );
    assert_eq!(stage.commit(&held, sec(5)).await.verdict, Verdict::FirstUse, "and a claim");
}

/// R3, L4: resuming an expired inquiry revives no link, claim or session, and the reason can still be named.
pub async fn resuming_revives_nothing<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    // By time, met by the resume itself; and by request.
    for (expired, resumed) in [(sec(DEADLINE), sec(DEADLINE + 5)), (sec(10), sec(11))] {
        let (inquiry, [unused, claimed], session) = with_links(&stage).await;
        let held = stage.claim(claimed, micros(expired, -2_000_000)).await;
        if expired < sec(DEADLINE) {
            stage.act(inquiry, Action::Expire, expired).await;
        }
        stage.act(inquiry, Action::Resume, resumed).await;
        let record = stage.record(inquiry).await;
        assert!(record.inquiry.is_open(resumed), "a resumed inquiry is not open");
        let gone = Verdict::Refused(Refusal::InquiryExpired { at: expired });
        assert_eq!(stage.redeem(unused, resumed).await, gone, "a link from before the expiry");
        assert_eq!(stage.commit(&held, resumed).await.verdict, gone, "a claim from before the expiry");
        assert!(!stage.is_live(inquiry, session, resumed).await, "a session from before the expiry is live");
        let new = stage.issue(inquiry, resumed).await;
        assert_eq!(stage.redeem(new, resumed).await, Verdict::FirstUse, "a link from after the resume");
        assert_eq!(stage.redeem(unused, resumed).await, gone, "a link from before the expiry, asked again");
    }
}

/// E6: a resume from expired lets sessions start anew; any other change leaves their count.
pub async fn a_resume_from_expired_resets_the_count<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let two = policy().with_session_limit(std::num::NonZeroU32::MIN.saturating_add(1));
    let inquiry = stage.inquiry_with(two.with_after_create(interval(20)), sec(0)).await;
    stage.start(inquiry, sec(1)).await;
    stage.start(inquiry, sec(2)).await;
    stage.act(inquiry, Action::Resume, sec(3)).await;
    assert_eq!(stage.record(inquiry).await.sessions_started, 2, "a resume of an open inquiry");
    stage.act(inquiry, Action::Expire, sec(4)).await;
    stage.act(inquiry, Action::Resume, sec(5)).await;
    assert_eq!(
        stage.record(inquiry).await.sessions_started,
        0,
        "a resume from expired starts the count anew"
    );
    stage.start(inquiry, sec(6)).await;
    stage.start(inquiry, sec(7)).await;
}

/// An open inquiry with two unused links and a session.
async fn with_links<S: LinkStore + 'static>(stage: &Stage<S>) -> (InquiryId, [Link; 2], SessionId) {
    let inquiry = stage.inquiry().await;
    let mut links = [stage.new_link(inquiry, sec(1)), stage.new_link(inquiry, sec(1))];
    // As long as the inquiry, so that nothing but the inquiry's end is the reason.
    for link in &mut links {
        link.lifetime = Lifetime::Until(sec(DEADLINE));
    }
    let [first, second] = links;
    let links = [stage.issue_link(first).await, stage.issue_link(second).await];
    let session = stage.start(inquiry, sec(2)).await;
    (inquiry, links, session)
}
