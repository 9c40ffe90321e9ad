//! Claim, commit, release (D5).

use std::num::NonZeroU32;

use super::{
    Fixture,
    race::race,
    stage::{Held, LEASE, LINK, Stage, interval, micros, policy, sec},
};
use crate::{
    event::{EventKind, Revocation},
    inquiry::{Action, Expiry, Status},
    issuance::{IssueLink, Outstanding},
    policy::{Clients, Grace},
    record::{GraceLeft, Lease, LinkState, Use},
    redemption::{Redeem, Refusal, Released, Verdict},
    store::LinkStore,
};

/// D5: a claim holds the link until its lease ends, to the microsecond; then it has released itself.
pub async fn a_claim_holds_until_its_lease_ends<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let link = stage.issue(inquiry, sec(1)).await;
    let before = stage.all(inquiry).await;
    let (claim, held) = stage.new_claim(link, sec(2));
    let (attempt, binding) = (Some(stage.new_digest()), Some(stage.new_digest()));
    let attempted = stage.redeem_as(Redeem { attempt, binding, ..claim }).await;
    assert_eq!(attempted.verdict, Verdict::Claimed, "a good link could not be claimed");
    assert!(attempted.events.is_empty() && attempted.session.is_none(), "a claim is neither event nor grant");
    let mut expected = before;
    expected.links[0].state =
        LinkState::Claimed(Lease { token: held.token, until: held.until, attempt, binding });
    assert_eq!(stage.all(inquiry).await, expected, "a claim writes its lease, and nothing else");
    assert_eq!(held.until, sec(2 + LEASE), "the lease of the checks");

    let last = micros(held.until, -1);
    let busy = Verdict::Busy { until: held.until };
    assert_eq!(stage.redeem(link, last).await, busy, "a link a microsecond before its lease ends");
    let (other, second) = stage.new_claim(link, held.until);
    assert_eq!(stage.redeem_as(other).await.verdict, Verdict::Claimed, "a link whose lease ended");
    let too_late = stage.commit(&held, held.until).await.verdict;
    assert_eq!(
        too_late,
        Verdict::Refused(Refusal::LeaseLost),
        "the commit of a claim that another one replaced"
    );
    assert_eq!(
        stage.commit(&second, second.until.minus(interval(1))).await.verdict,
        Verdict::FirstUse,
        "the other"
    );
}

/// D5, D7, E7: a commit is the first use: its instant counts, and key and binding are those of the claim.
pub async fn a_commit_is_the_first_use<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let grace = Grace::new(interval(60), NonZeroU32::MIN);
    let inquiry = stage.inquiry_with(policy().with_grace(grace), sec(0)).await;
    let link = stage.issue(inquiry, sec(1)).await;
    let (claim, held) = stage.new_claim(link, sec(2));
    let (attempt, binding) = (Some(stage.new_digest()), Some(stage.new_digest()));
    stage.redeem_as(Redeem { attempt, binding, ..claim }).await;
    stage.act(inquiry, Action::Start, sec(3)).await;
    let before = stage.record(inquiry).await;
    let now = micros(held.until, -1);
    let command = stage.new_commit(&held, now);
    let committed = stage.store.commit(command).await.expect("the store failed").expect("the link is known");
    assert_eq!(committed.verdict, Verdict::FirstUse, "a commit a microsecond before its lease ends");
    let events = stage.events(inquiry, &committed.events);
    let kind = EventKind::LinkRedeemed { link: link.id, session: command.session };
    assert_eq!(events.len(), 1, "a commit is one event");
    assert_eq!((events[0].kind, events[0].sequence), (kind, Some(before.last_sequence + 1)), "its event");

    let view = stage.view(link).await;
    let used = Use {
        at: now,
        session: command.session,
        replays: 0,
        grace: Some(GraceLeft { until: now.plus(interval(60)), max_replays: 1, clients: Clients::Any }),
        attempt,
        binding,
        claim: Some(held.token),
    };
    assert_eq!(view.link.state, LinkState::Used(used), "the use that a commit keeps");
    let session = view.session.expect("a commit kept no session");
    assert_eq!((session.id, session.started_at), (command.session, now), "the session that a commit starts");
    assert_eq!(session.expires_at, before.inquiry.expires_at, "it lives until the deadline of the commit");
    assert_eq!(view.inquiry.sessions_started, before.sessions_started + 1, "a commit counts a session");
    let again = Redeem { attempt, binding, ..stage.new_redeem(link.digest, micros(now, 1)) };
    assert_eq!(
        stage.redeem_as(again).await.verdict,
        Verdict::Repeat,
        "the attempt of the claim, asked again"
    );
}

/// D5: at the end of its lease a commit is refused, also if nobody took the link since.
pub async fn a_commit_needs_its_lease<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let link = stage.issue(inquiry, sec(1)).await;
    let held = stage.claim(link, sec(2)).await;
    let before = stage.all(inquiry).await;
    let lost = Verdict::Refused(Refusal::LeaseLost);
    assert_eq!(stage.commit(&held, held.until).await.verdict, lost, "a commit at the end of its lease");
    let stranger = Held { token: stage.new_digest(), ..held };
    assert_eq!(stage.commit(&stranger, sec(3)).await.verdict, lost, "a commit by another token");
    assert_eq!(stage.all(inquiry).await, before, "a commit that was refused changed something");
    assert_eq!(stage.release(&held, sec(3)).await, Released::Released, "a release");
    assert_eq!(stage.commit(&held, sec(3)).await.verdict, lost, "a commit after its release");
    assert_eq!(stage.redeem(link, sec(3)).await, Verdict::FirstUse, "the link is free again");
    let used = Verdict::Refused(Refusal::Used { first_at: sec(3) });
    assert_eq!(stage.commit(&held, sec(4)).await.verdict, used, "a commit after somebody else's use");
}

/// D5: a commit can be repeated, and gets the same session without counting, whatever became of the lease.
pub async fn a_commit_can_be_repeated<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let held = stage.claim(stage.issue(inquiry, sec(1)).await, sec(2)).await;
    let first = stage.commit(&held, sec(3)).await;
    let session = first.session.expect("a first use came without a session").id;
    let before = stage.all(inquiry).await;
    for now in [sec(3), held.until, sec(LINK + 10)] {
        let again = stage.commit(&held, now).await;
        assert_eq!(again.verdict, Verdict::Repeat, "a commit that is repeated");
        assert_eq!(again.session.map(|session| session.id), Some(session), "it opened another session");
        assert!(again.events.is_empty(), "a repeated commit is no event");
    }
    let mut after = stage.all(inquiry).await;
    after.sessions[0].tokens = before.sessions[0].tokens;
    assert_eq!(after, before, "a repeated commit changed more than the session's tokens");
    stage.revoke(inquiry, Revocation::Session(session), sec(5)).await;
    let used = Verdict::Refused(Refusal::Used { first_at: sec(3) });
    assert_eq!(
        stage.commit(&held, sec(6)).await.verdict,
        used,
        "a repeated commit whose session was revoked"
    );
}

/// D5: a release frees the link at once, and only the claim that holds it can do so.
pub async fn a_release_frees_the_link<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let link = stage.issue(inquiry, sec(1)).await;
    let before = stage.all(inquiry).await;
    let held = stage.claim(link, sec(2)).await;
    let claimed = stage.all(inquiry).await;
    let stranger = Held { token: stage.new_digest(), ..held };
    assert_eq!(stage.release(&stranger, sec(3)).await, Released::NotHeld, "a release by another token");
    assert_eq!(
        stage.release(&held, held.until).await,
        Released::NotHeld,
        "a release at the end of the lease"
    );
    assert_eq!(
        stage.all(inquiry).await,
        claimed,
        "a release that found nothing to release changed something"
    );
    assert_eq!(stage.release(&held, micros(held.until, -1)).await, Released::Released, "a release in time");
    assert_eq!(stage.all(inquiry).await, before, "a released link is not as it was before the claim");
    assert_eq!(stage.release(&held, sec(3)).await, Released::NotHeld, "a second release");
}

/// D5: a claim that is dropped burns no link: when its lease has run out, anybody may use it.
pub async fn a_dropped_claim_frees_itself<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let link = stage.issue(inquiry, sec(1)).await;
    let held = stage.claim(link, sec(2)).await;
    assert_eq!(stage.redeem(link, held.until).await, Verdict::FirstUse, "a link whose claim was dropped");
}

/// D5, L4, L5, L6: a claim does not outlive its link: a revocation or a newer link stops the commit.
pub async fn a_commit_needs_a_live_link<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    for what in ["link", "all links", "everything", "superseded"] {
        let inquiry = stage.inquiry().await;
        let link = stage.issue(inquiry, sec(1)).await;
        let held = stage.claim(link, sec(2)).await;
        let target = match what {
            "link" => Some(Revocation::Link(link.id)),
            "all links" => Some(Revocation::AllLinks),
            "everything" => Some(Revocation::Everything),
            _ => None,
        };
        let expected = if let Some(target) = target {
            stage.revoke(inquiry, target, sec(3)).await;
            Refusal::Revoked { at: sec(3) }
        } else {
            let new = IssueLink { outstanding: Outstanding::Supersede, ..stage.new_link(inquiry, sec(3)) };
            Refusal::Superseded { by: Some(stage.issue_link(new).await.id), at: Some(sec(3)) }
        };
        let verdict = stage.commit(&held, sec(4)).await.verdict;
        assert_eq!(verdict, Verdict::Refused(expected), "the commit of a claim, after its end by: {what}");
    }
}

/// D5: the link's own expiry is judged at the claim; a commit within the lease is good after it.
pub async fn a_claim_outlives_the_link<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let link = stage.issue(inquiry, sec(1)).await;
    let end = sec(1 + LINK);
    let held = stage.claim(link, micros(end, -1)).await;
    assert_eq!(stage.commit(&held, micros(end, 1)).await.verdict, Verdict::FirstUse, "a commit in time");
    let link = stage.issue(inquiry, sec(1)).await;
    let (claim, _) = stage.new_claim(link, end);
    let expired = Verdict::Refused(Refusal::LinkExpired { at: Some(end) });
    assert_eq!(stage.redeem_as(claim).await.verdict, expired, "a claim at the link's expiry");
}

/// E6, D5: a commit that asks for one session too many is refused and expires the inquiry.
pub async fn a_commit_too_many_expires_the_inquiry<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry_with(policy().with_session_limit(NonZeroU32::MIN), sec(0)).await;
    let held = stage.claim(stage.issue(inquiry, sec(1)).await, sec(2)).await;
    stage.start(inquiry, sec(3)).await;
    let before = stage.record(inquiry).await;
    let committed = stage.commit(&held, sec(4)).await;
    let over = Verdict::Refused(Refusal::SessionLimit { limit: 1 });
    assert_eq!(committed.verdict, over, "a commit beyond the session limit");
    let kinds: Vec<_> = stage.events(inquiry, &committed.events).iter().map(|event| event.kind).collect();
    let expired = EventKind::InquiryExpired { cause: Expiry::SessionLimit, expired_at: sec(4) };
    assert_eq!(kinds, [expired], "its event");
    let after = stage.record(inquiry).await;
    assert_eq!((after.inquiry.status, after.version), (Status::Expired, before.version + 1), "the inquiry");
    assert_ne!(after.epoch, before.epoch, "an expiry ends the epoch");
}

/// D1, D5, T1: of 16 simultaneous commits of one claim exactly one is the first use, and all get its session.
pub async fn one_of_many_commits_is_the_first_use<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    for _ in 0..8 {
        let inquiry = stage.inquiry().await;
        let held = stage.claim(stage.issue(inquiry, sec(1)).await, sec(2)).await;
        let racers = stage.clone();
        let attempts = race(16, move |_| {
            let stage = racers.clone();
            async move { stage.commit(&held, sec(3)).await }
        })
        .await;
        let first_uses = attempts.iter().filter(|attempted| attempted.verdict == Verdict::FirstUse).count();
        assert_eq!(first_uses, 1, "of 16 simultaneous commits of one claim exactly one may be the first use");
        let mut sessions: Vec<_> =
            attempts.iter().map(|attempted| attempted.session.map(|session| session.id)).collect();
        sessions.dedup();
        assert!(matches!(sessions[..], [Some(_)]), "commits of one claim got several sessions, or none");
    }
}
