//! The grace: a used link opens its session again for a while (D4, E7).

use std::num::NonZeroU32;

use super::{
    Fixture,
    stage::{DEADLINE, Link, Stage, interval, micros, policy, sec},
};
use crate::{
    event::{EventKind, Revocation},
    id::{InquiryId, SessionId},
    inquiry::Action,
    issuance::{IssueLink, Lifetime, Outstanding},
    policy::{Clients, Grace},
    record::{GraceLeft, LinkState},
    redemption::{Redeem, Refusal, Verdict},
    store::LinkStore,
};

/// The grace of these checks, in seconds from the first use at second 10, and its cap.
const GRACE: i64 = 300;
const REPLAYS: u32 = 3;
const USED: i64 = 10;

/// D4, E7: within the window a replay opens the same session, starts none, and is an event; at its end there is none.
pub async fn a_replay_opens_the_same_session<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let (inquiry, link, session) = used(&stage, Clients::Any).await;
    let end = sec(USED + GRACE);
    let LinkState::Used(kept) = stage.view(link).await.link.state else {
        panic!("a used link is not kept as used");
    };
    let left = GraceLeft { until: end, max_replays: REPLAYS, clients: Clients::Any };
    assert_eq!(kept.grace, Some(left), "the grace is fixed by the first use");
    let before = stage.record(inquiry).await;
    let command = stage.new_redeem(link.digest, micros(end, -1));
    let attempted = stage.redeem_as(command).await;
    let replay = Verdict::Replay { number: 1, first_at: sec(USED), same_client: None };
    assert_eq!(attempted.verdict, replay, "a microsecond before the end of the grace");
    assert_eq!(attempted.session.map(|session| session.id), Some(session), "a replay opened another session");
    let events = stage.events(inquiry, &attempted.events);
    let kind = EventKind::LinkReplayed { link: link.id, session, number: 1 };
    assert_eq!(events.len(), 1, "a replay is one event");
    assert_eq!((events[0].kind, events[0].sequence), (kind, Some(before.last_sequence + 1)), "its event");
    let after = stage.record(inquiry).await;
    assert_eq!(after.sessions_started, before.sessions_started, "a replay counted a session");
    for late in [end, micros(end, 1)] {
        let over = Verdict::Refused(Refusal::Used { first_at: sec(USED) });
        assert_eq!(stage.redeem(link, late).await, over, "a replay at the end of the grace, or after it");
    }
    // A claim within the grace is a replay at once: there is nothing to hold.
    let (claim, _) = stage.new_claim(link, sec(USED + 1));
    let replay = Verdict::Replay { number: 2, first_at: sec(USED), same_client: None };
    assert_eq!(stage.redeem_as(claim).await.verdict, replay, "a claim within the grace");
}

/// D4, E7: there are as many replays as the grace allows.
pub async fn replays_end_at_the_cap<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let (_, link, _) = used(&stage, Clients::Any).await;
    for number in 1..=REPLAYS {
        let replay = Verdict::Replay { number, first_at: sec(USED), same_client: None };
        assert_eq!(stage.redeem(link, sec(USED + 1)).await, replay, "replay {number} of {REPLAYS}");
    }
    let over = Verdict::Refused(Refusal::Used { first_at: sec(USED) });
    assert_eq!(stage.redeem(link, sec(USED + 1)).await, over, "one replay more than the grace allows");
}

/// D7: each replay adds its token to the session, and the newest four count.
pub async fn a_replay_adds_a_token<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let grace = Grace::new(interval(GRACE), NonZeroU32::MIN.saturating_add(9));
    let inquiry = stage.inquiry_with(policy().with_grace(grace), sec(0)).await;
    let link = stage.issue(inquiry, sec(1)).await;
    let mut tokens = Vec::new();
    for _ in 0..6 {
        let command = stage.new_redeem(link.digest, sec(USED));
        let session = stage.redeem_as(command).await.session.expect("a grant came without a session");
        tokens.insert(0, command.token);
        let kept = stage.session(inquiry, session.id).await.session.tokens;
        let newest: Vec<_> = kept.iter().copied().collect();
        assert_eq!(newest, tokens[..tokens.len().min(4)], "the tokens of a session, newest first");
    }
}

/// D4: the clients of the first use and of a replay are compared and reported; a strict grace refuses all but the same.
pub async fn a_replay_compares_clients<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    for clients in [Clients::Any, Clients::Same] {
        let (same, other) = (stage.new_digest(), stage.new_digest());
        for (first, this, expected) in [
            (Some(same), Some(same), Some(true)),
            (Some(same), Some(other), Some(false)),
            (Some(same), None, None),
            (None, Some(same), None),
            (None, None, None),
        ] {
            let inquiry = stage.inquiry_with(policy().with_grace(grace(clients)), sec(0)).await;
            let link = stage.issue(inquiry, sec(1)).await;
            let now = sec(USED);
            stage.first_use(Redeem { binding: first, ..stage.new_redeem(link.digest, now) }).await;
            let replay = Redeem { binding: this, ..stage.new_redeem(link.digest, now) };
            let verdict = stage.redeem_as(replay).await.verdict;
            let allowed = clients == Clients::Any || expected == Some(true);
            let expected = if allowed {
                Verdict::Replay { number: 1, first_at: now, same_client: expected }
            } else {
                Verdict::Refused(Refusal::OtherClient)
            };
            assert_eq!(verdict, expected, "a grace for {clients:?} clients, {first:?} and then {this:?}");
        }
    }
}

/// D4: the link's own expiry does not end its grace; nothing outlives the inquiry.
pub async fn a_grace_outlives_the_link<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry_with(policy().with_grace(grace(Clients::Any)), sec(0)).await;
    let at = sec(DEADLINE - 100);
    let short = IssueLink { lifetime: Lifetime::Until(micros(at, 1)), ..stage.new_link(inquiry, sec(1)) };
    let link = stage.issue_link(short).await;
    stage.use_first(link, at).await;
    let replay = |number| Verdict::Replay { number, first_at: at, same_client: None };
    assert_eq!(stage.redeem(link, micros(at, 1)).await, replay(1), "a replay at the expiry of the link");
    assert_eq!(
        stage.redeem(link, micros(sec(DEADLINE), -1)).await,
        replay(2),
        "a replay before the deadline"
    );
    let over = Verdict::Refused(Refusal::InquiryExpired { at: sec(DEADLINE) });
    assert_eq!(stage.redeem(link, sec(DEADLINE)).await, over, "a replay at the inquiry's deadline");
}

/// D4, L5, L6, L4: superseding, each kind of revocation and the end of the inquiry end a grace.
pub async fn a_grace_ends_with_what_it_opens<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let at = sec(USED + 2);
    let was_used = Refusal::Used { first_at: sec(USED) };
    for (what, expected) in [
        ("superseding", None),
        ("revoking the link", Some(Refusal::Revoked { at })),
        ("revoking the session", Some(was_used)),
        ("revoking all links", Some(Refusal::Revoked { at })),
        ("revoking everything", Some(Refusal::Revoked { at })),
        ("completing", None),
    ] {
        let (inquiry, link, session) = used(&stage, Clients::Any).await;
        let expected = match what {
            "superseding" => {
                let new = IssueLink { outstanding: Outstanding::Supersede, ..stage.new_link(inquiry, at) };
                Refusal::Superseded { by: Some(stage.issue_link(new).await.id), at: Some(at) }
            }
            "completing" => {
                stage.act(inquiry, Action::Start, at).await;
                stage.act(inquiry, Action::Complete, at).await;
                Refusal::InquiryClosed { status: crate::Status::Completed, at: Some(at) }
            }
            _ => {
                let target = match what {
                    "revoking the link" => Revocation::Link(link.id),
                    "revoking the session" => Revocation::Session(session),
                    "revoking all links" => Revocation::AllLinks,
                    _ => Revocation::Everything,
                };
                stage.revoke(inquiry, target, at).await;
                expected.expect("a revocation has its reason")
            }
        };
        let verdict = stage.redeem(link, sec(USED + 3)).await;
        assert_eq!(verdict, Verdict::Refused(expected), "a replay within the grace, after {what}");
    }
}

/// T4, D4: the first use and its replays are in the store: after a restart the grace goes on where it was.
pub async fn a_grace_survives_a_restart<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let (_, link, session) = used(&stage, Clients::Any).await;
    let mut stage = stage;
    for number in 1..=REPLAYS {
        stage = stage.reopened(fixture).await;
        let attempted = stage.redeem_as(stage.new_redeem(link.digest, sec(USED + GRACE - 1))).await;
        let replay = Verdict::Replay { number, first_at: sec(USED), same_client: None };
        assert_eq!(attempted.verdict, replay, "replay {number}, after {number} restarts");
        assert_eq!(attempted.session.map(|session| session.id), Some(session), "and its session");
    }
    let stage = stage.reopened(fixture).await;
    let over = Verdict::Refused(Refusal::Used { first_at: sec(USED) });
    assert_eq!(stage.redeem(link, sec(USED + GRACE - 1)).await, over, "beyond the cap, after a restart");
}

fn grace(clients: Clients) -> Grace {
    let replays = NonZeroU32::new(REPLAYS).expect("a cap");
    Grace::new(interval(GRACE), replays).with_clients(clients)
}

/// An inquiry with a grace, and a link that was used.
async fn used<S: LinkStore + 'static>(stage: &Stage<S>, clients: Clients) -> (InquiryId, Link, SessionId) {
    let inquiry = stage.inquiry_with(policy().with_grace(grace(clients)), sec(0)).await;
    let link = stage.issue(inquiry, sec(1)).await;
    let session = stage.use_first(link, sec(USED)).await;
    (inquiry, link, session)
}
