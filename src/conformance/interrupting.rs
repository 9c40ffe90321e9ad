//! Callers who go away in the middle of a call, and clocks that are far from the engine's (S1, S5).

use super::{
    Fixture,
    race::give_up_after,
    stage::{DEADLINE, LEASE, LINK, Link, Stage, interval, micros, policy, sec},
};
use crate::{
    Clock, SystemClock,
    event::Revocation,
    id::InquiryId,
    inquiry::{Action, Status},
    issuance::{IssueLink, Outstanding},
    record::LinkState,
    redemption::{Redeem, Refusal, Verdict},
    store::LinkStore,
    time::Timestamp,
};

/// After how many polls the calls of these checks are dropped.
const POLLS: std::ops::RangeInclusive<u32> = 1..=8;

/// S1, D1: a redemption whose caller goes away happened wholly or not at all, and its attempt key tells (D6).
pub async fn a_dropped_redemption_is_whole<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    for polls in POLLS {
        let inquiry = stage.inquiry().await;
        let link = stage.issue(inquiry, sec(1)).await;
        let attempt = Some(stage.new_digest());
        let command = Redeem { attempt, ..stage.new_redeem(link.digest, sec(2)) };
        give_up_after(polls, stage.store.redeem(command)).await;
        used_wholly_or_not_at_all(&stage, link, polls).await;
        let again = Redeem { attempt, ..stage.new_redeem(link.digest, sec(3)) };
        let verdict = stage.redeem_as(again).await.verdict;
        let found = matches!(verdict, Verdict::FirstUse | Verdict::Repeat);
        assert!(found, "dropped after {polls} polls, and asked again with its key: {verdict:?}");
        assert_eq!(
            stage.record(inquiry).await.sessions_started,
            1,
            "one attempt, however often, is one session"
        );
        assert_eq!(stage.list_sessions(inquiry, None, 9).await.items.len(), 1, "and is kept as one");
    }
}

/// S1, D5: a commit whose caller goes away happened wholly or not at all, and repeating it tells.
pub async fn a_dropped_commit_is_whole<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    for polls in POLLS {
        let inquiry = stage.inquiry().await;
        let link = stage.issue(inquiry, sec(1)).await;
        let held = stage.claim(link, sec(2)).await;
        give_up_after(polls, stage.store.commit(stage.new_commit(&held, sec(3)))).await;
        used_wholly_or_not_at_all(&stage, link, polls).await;
        let verdict = stage.commit(&held, sec(4)).await.verdict;
        let found = matches!(verdict, Verdict::FirstUse | Verdict::Repeat);
        assert!(found, "dropped after {polls} polls, and repeated: {verdict:?}");
        assert_eq!(
            stage.record(inquiry).await.sessions_started,
            1,
            "one commit, however often, is one session"
        );
    }
}

/// S1: any other call whose caller goes away happened wholly or not at all, and the store still answers.
pub async fn a_dropped_call_is_whole<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    for polls in POLLS {
        let id = stage.new_inquiry_id();
        let command = stage.new_inquiry(id, policy(), sec(0));
        give_up_after(polls, stage.store.create_inquiry(command.clone())).await;
        // Created by now, or not: either is whole.
        stage.create(command).await;
        let before = stage.record(id).await;
        assert_eq!(
            (before.version, before.last_sequence),
            (before.epoch.get(), 1),
            "a creation that was dropped, and made again"
        );

        let step = stage.step(&before, Action::Start, sec(1)).expect("it can be started");
        give_up_after(polls, stage.store.change_inquiry(step)).await;
        let after = stage.record(id).await;
        let changed = u64::from(after.inquiry.status == Status::Pending);
        let counted = (after.version - before.version, after.last_sequence - before.last_sequence);
        assert_eq!(counted, (changed, changed), "a change that was dropped after {polls} polls");

        dropped_links(&stage, id, polls).await;
        dropped_sessions(&stage, id, polls).await;

        give_up_after(
            polls,
            stage.store.inspect(crate::store::Inspect {
                tenant: stage.tenant,
                link: crate::store::LinkName::Id(id, stage.new_link_id()),
            }),
        )
        .await;
        let last = stage.issue(id, sec(9)).await;
        assert_eq!(
            stage.redeem(last, sec(9)).await,
            Verdict::FirstUse,
            "a link after calls that were dropped"
        );
    }
}

/// T7, S5: instants far from the engine's own clock, before it and behind it, get the same answers.
pub async fn a_store_has_no_clock_of_its_own<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let wall = SystemClock.now();
    let year = interval(366 * 86_400);
    for (base, what) in [
        (Timestamp::MIN, "in 1970"),
        (micros(wall, -3_600_000_000), "an hour behind"),
        (micros(wall, 1), "at the engine's own time"),
        (micros(wall, 3_600_000_000), "an hour ahead"),
        (Timestamp::MAX.minus(year), "in 9998"),
    ] {
        let at = |seconds: i64| micros(base, seconds * 1_000_000);
        let inquiry = stage.inquiry_with(policy(), base).await;
        let end = at(LINK);
        let [good, late, claimed] = [
            stage.issue(inquiry, base).await,
            stage.issue(inquiry, base).await,
            stage.issue(inquiry, base).await,
        ];
        assert_eq!(stage.view(good).await.link.expires_at, end, "when a link expires, by a clock {what}");
        let held = stage.claim(claimed, at(1)).await;
        let busy = Verdict::Busy { until: at(1 + LEASE) };
        assert_eq!(stage.redeem(claimed, micros(held.until, -1)).await, busy, "a lease, by a clock {what}");
        let session = stage.use_first(good, micros(end, -1)).await;
        let expired = Verdict::Refused(Refusal::LinkExpired { at: Some(end) });
        assert_eq!(stage.redeem(late, end).await, expired, "an expired link, by a clock {what}");
        assert!(stage.is_live(inquiry, session, at(DEADLINE - 1)).await, "a session, by a clock {what}");
        let kept = stage.session(inquiry, session).await.session;
        assert_eq!((kept.started_at, kept.expires_at), (micros(end, -1), at(DEADLINE)), "its life, {what}");
        let over = Verdict::Refused(Refusal::InquiryExpired { at: at(DEADLINE) });
        assert_eq!(stage.redeem(late, at(DEADLINE)).await, over, "an expired inquiry, by a clock {what}");
        stage.act(inquiry, Action::Resume, at(DEADLINE)).await;
        let new = stage.issue(inquiry, at(DEADLINE)).await;
        assert_eq!(stage.redeem(new, at(DEADLINE)).await, Verdict::FirstUse, "a link after a resume, {what}");
    }
}

async fn used_wholly_or_not_at_all<S: LinkStore + 'static>(stage: &Stage<S>, link: Link, polls: u32) {
    let view = stage.view(link).await;
    let used = matches!(view.link.state, LinkState::Used(_));
    let whole = (view.session.is_some(), view.inquiry.sessions_started, view.inquiry.last_sequence);
    let expected = if used { (true, 1, 3) } else { (false, 0, 2) };
    assert_eq!(
        whole, expected,
        "session, count and events of a first use that was dropped after {polls} polls"
    );
}

async fn dropped_links<S: LinkStore + 'static>(stage: &Stage<S>, inquiry: InquiryId, polls: u32) {
    let before = stage.record(inquiry).await;
    give_up_after(polls, stage.store.issue(stage.new_link(inquiry, sec(2)))).await;
    let three = (0..3).map(|_| stage.new_link(inquiry, sec(2))).collect();
    give_up_after(polls, stage.store.issue_many(three)).await;
    let listing = stage.list_links(inquiry, None, 9).await;
    let events = listing.inquiry.last_sequence - before.last_sequence;
    assert_eq!(listing.items.len() as u64, events, "the links, and the events of their creation, dropped");

    let link = stage.issue(inquiry, sec(2)).await;
    let (claim, held) = stage.new_claim(link, sec(3));
    give_up_after(polls, stage.store.redeem(claim)).await;
    give_up_after(polls, stage.store.release(stage.new_release(&held, sec(3)))).await;
    let before = stage.record(inquiry).await;
    let revoke = stage.new_revoke(inquiry, Revocation::Link(link.id), sec(4));
    give_up_after(polls, stage.store.revoke(revoke)).await;
    let view = stage.view(link).await;
    let events = view.inquiry.last_sequence - before.last_sequence;
    assert_eq!(u64::from(view.link.revoked_at.is_some()), events, "a revocation that was dropped");

    let before = view.inquiry;
    let new = IssueLink { outstanding: Outstanding::Supersede, ..stage.new_link(inquiry, sec(5)) };
    let id = new.link;
    give_up_after(polls, stage.store.issue(new)).await;
    let listing = stage.list_links(inquiry, None, 9).await;
    let created = listing.items.iter().any(|listed| listed.link.id == id);
    let moved = listing.inquiry.generations.resume.number != before.generations.resume.number;
    let events = listing.inquiry.last_sequence - before.last_sequence;
    assert_eq!((moved, events), (created, 2 * u64::from(created)), "a superseding creation that was dropped");
}

async fn dropped_sessions<S: LinkStore + 'static>(stage: &Stage<S>, inquiry: InquiryId, polls: u32) {
    give_up_after(polls, stage.store.start_session(stage.new_start(inquiry, sec(3)))).await;
    let listing = stage.list_sessions(inquiry, None, 9).await;
    let counted = usize::try_from(listing.inquiry.sessions_started).unwrap_or_default();
    assert_eq!(listing.items.len(), counted, "the sessions, and their count, of a start that was dropped");
}
