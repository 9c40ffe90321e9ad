//! What an attempt on a link gets: peek, redeem, claim, commit, release, diagnose.

use std::num::NonZeroU32;

use inquiry_otl::{
    Attempt, AttemptKey, Binding, Claim, Claiming, Clients, EventKind, ExpirationPolicy, Grace, Grant,
    GrantKind, IssuedLink, LeaseTime, LinkRequest, OnOutstanding, Peek, Redemption, Refusal, Released,
    Revocation, SessionToken, Status,
    redemption::{self, Subject, Verdict},
    store::{InquiryKey, LinkStore, ListOf},
};

use crate::support::{ATTEMPT, World, attempt, bound, claimed, granted, inquiry_id, moved, refusal, seconds};

fn grace(window: i64, replays: u32) -> ExpirationPolicy {
    let grace = Grace::new(seconds(window), NonZeroU32::new(replays).unwrap());
    ExpirationPolicy::default().with_grace(grace)
}

async fn story(policy: ExpirationPolicy) -> (World, IssuedLink) {
    let world = World::policy(policy);
    let id = world.pending().await;
    let link = world.link(id).await;
    world.sink.take();
    (world, link)
}

async fn redeem(world: &World, link: &IssuedLink, attempt: &Attempt) -> Redemption {
    world.service.redeem(link.url.expose(), attempt).await.unwrap()
}

fn replay(grant: &Grant) -> (u32, Option<bool>) {
    match grant.kind {
        GrantKind::Replay { number, same_client, .. } => (number, same_client),
        other => panic!("not a replay: {other:?}"),
    }
}

/// D1, D2, L7: the first attempt is the first use, every other is refused and told when that was.
#[tokio::test]
async fn a_link_opens_once() {
    let (world, link) = story(ExpirationPolicy::default()).await;
    let first_at = world.now();
    let grant = world.grant(&link).await;
    assert_eq!(
        (grant.kind, grant.link, grant.inquiry.id),
        (GrantKind::FirstUse, Some(link.id), link.inquiry)
    );
    for _ in 0..3 {
        world.advance(seconds(1));
        assert_eq!(world.refusal(&link).await, Refusal::Used { first_at });
    }
    assert_eq!(world.service.sessions(link.inquiry, None, 9).await.unwrap(), [grant.session]);
    let bare = world.service.redeem(link.code.expose().as_str(), &Attempt::new()).await.unwrap();
    assert_eq!(refusal(bare), Refusal::Used { first_at });
}

/// D8: redeeming does not start the inquiry, nor does it move its deadline.
#[tokio::test]
async fn redeeming_starts_nothing() {
    let world = World::new();
    let id = world.created().await;
    let before = world.service.inquiry(id).await.unwrap();
    let link = world.link(id).await;
    world.advance(seconds(60));
    let grant = world.grant(&link).await;
    assert_eq!(grant.inquiry, before);
    let after = world.service.inquiry(id).await.unwrap();
    assert_eq!(
        (after.status, after.started_at, after.expires_at),
        (Status::Created, None, before.expires_at)
    );
}

/// D3, V1: a peek says what a redemption would get, as often as it is asked, and writes nothing.
#[tokio::test]
async fn a_peek_consumes_nothing() {
    let (world, link) = story(grace(300, 1)).await;
    let record = world.record(link.inquiry).await;
    for _ in 0..4 {
        let peek = world.service.peek(link.url.expose(), &Attempt::new()).await.unwrap();
        let Peek::WouldGrant(peeked) = peek else { panic!("{peek:?}") };
        assert_eq!((peeked.link, peeked.inquiry), (link.id, link.inquiry));
        assert_eq!((peeked.purpose, peeked.expires_at), (link.purpose, link.expires_at));
    }
    assert_eq!(world.sink.names(), ["one-time-link.peeked"; 4]);
    assert_eq!(world.record(link.inquiry).await, record);
    let claim = world.claim(&link).await;
    let peek = world.service.peek(link.url.expose(), &Attempt::new()).await.unwrap();
    assert_eq!(peek, Peek::Busy { until: claim.until });
    let _ = world.service.commit(&claim).await.unwrap();
    let foretold = world.service.peek(link.url.expose(), &Attempt::new()).await.unwrap();
    assert!(matches!(foretold, Peek::WouldReplay(_)));
    granted(world.redeem(&link).await);
    let first_at = world.now();
    let peek = world.service.peek(link.url.expose(), &Attempt::new()).await.unwrap();
    let Peek::Refused(refused) = peek else { panic!("{peek:?}") };
    assert_eq!((refused.reason, refused.link), (Refusal::Used { first_at }, Some(link.id)));
    for nothing in ["", "no code"] {
        let peek = world.service.peek(nothing, &Attempt::new()).await.unwrap();
        assert!(matches!(peek, Peek::Refused(refused) if refused.reason == Refusal::Mangled));
    }
    let elsewhere = World::new();
    let unknown = elsewhere.link(elsewhere.created().await).await;
    world.sink.take();
    let peek = world.service.peek(unknown.url.expose(), &Attempt::new()).await.unwrap();
    assert!(matches!(peek, Peek::Refused(refused) if refused.reason == Refusal::Unknown));
    let in_vain = EventKind::LinkPeeked { link: None, refusal: Some(Refusal::Unknown) };
    assert_eq!(world.sink.take().first().map(|event| event.kind), Some(in_vain));
}

/// D3, I6: a peek at an inquiry that has lapsed says so and does not write it.
#[tokio::test]
async fn a_peek_does_not_make_an_expiry_durable() {
    let (world, link) = story(ExpirationPolicy::default()).await;
    world.advance(seconds(86_400));
    let peek = world.service.peek(link.url.expose(), &Attempt::new()).await.unwrap();
    assert!(matches!(peek, Peek::Refused(refused) if refused.reason.name() == "inquiry-expired"));
    assert!(world.service.diagnose(link.url.expose()).await.unwrap().refusal.is_some());
    assert_eq!(world.record(link.inquiry).await.inquiry.status, Status::Pending);
    assert_eq!(world.sink.names(), ["one-time-link.peeked"]);
}

/// E7, D2: without a grace there is no replay; it is off unless a policy asks for it.
#[tokio::test]
async fn without_a_grace_there_is_no_replay() {
    let (world, link) = story(ExpirationPolicy::default()).await;
    world.grant(&link).await;
    assert_eq!(world.refusal(&link).await.name(), "used");
}

/// D4, E7: within the grace the same session opens again, to the microsecond before its window ends.
#[tokio::test]
async fn within_the_grace_the_same_session_opens_again() {
    let (world, link) = story(grace(300, 10)).await;
    world.advance(seconds(50));
    let first = world.grant(&link).await;
    let first_at = world.now();
    let end = first_at.plus(seconds(300));
    for (number, micros) in [(1, 300 - 300_000_000), (2, -1)] {
        world.at(end, micros);
        let again = world.grant(&link).await;
        assert_eq!(again.kind, GrantKind::Replay { number, first_at, same_client: None });
        assert_eq!(again.session, first.session);
        assert_ne!(again.token.expose().as_str(), first.token.expose().as_str());
    }
    for micros in [0, 1] {
        world.at(end, micros);
        assert_eq!(world.refusal(&link).await, Refusal::Used { first_at });
    }
    assert_eq!(world.record(link.inquiry).await.sessions_started, 1);
    let seen = &world.service.links(link.inquiry, None, 1).await.unwrap()[0];
    assert_eq!((seen.uses, seen.first_used_at, seen.session), (3, Some(first_at), Some(first.session.id)));
}

/// D4, E7: the grace has a cap on replays.
#[tokio::test]
async fn the_grace_has_a_cap() {
    let (world, link) = story(grace(300, 2)).await;
    world.grant(&link).await;
    assert_eq!(replay(&world.grant(&link).await).0, 1);
    assert_eq!(replay(&world.grant(&link).await).0, 2);
    assert_eq!(world.refusal(&link).await.name(), "used");
}

/// D4: the grace runs from the first use; an unused link lives as long as it lives.
#[tokio::test]
async fn a_grace_does_not_shorten_an_unused_link() {
    let (world, link) = story(grace(1, 1)).await;
    world.at(link.expires_at, -1);
    world.grant(&link).await;
}

/// D4, L2: the link's own expiry does not end a grace.
#[tokio::test]
async fn a_replay_outlives_the_links_own_expiry() {
    let world = World::policy(grace(300, 1));
    let id = world.pending().await;
    let link = world.service.issue(LinkRequest::resume(id).expires_in(seconds(10))).await.unwrap();
    world.at(link.expires_at, -1);
    world.grant(&link).await;
    world.at(link.expires_at, 1_000_000);
    assert_eq!(replay(&world.grant(&link).await).0, 1);
}

/// D4, D5: a claim in the grace is answered with the replay at once, and whoever wanted a redemption has one.
#[tokio::test]
async fn a_replay_that_was_claimed_is_a_grant() {
    let (world, link) = story(grace(60, 1)).await;
    let first = world.grant(&link).await.session.id;
    let claiming = world.service.claim(link.url.expose(), &Attempt::new()).await.unwrap();
    let replayed = granted(Redemption::from(claiming));
    assert_eq!((replayed.session.id, replay(&replayed).0), (first, 1));
}

/// D4: revocation of link or session, superseding, and the inquiry's end each end a grace.
#[tokio::test]
async fn a_grace_ends_with_what_it_hangs_on() {
    for (end, reason) in [
        ("link", "revoked"),
        ("all links", "revoked"),
        ("everything", "revoked"),
        ("session", "used"),
        ("supersede", "superseded"),
        ("complete", "inquiry-closed"),
        ("deadline", "inquiry-expired"),
    ] {
        let (world, link) = story(grace(100_000, 9)).await;
        let session = world.grant(&link).await.session.id;
        let id = link.inquiry;
        match end {
            "link" => drop(world.service.revoke(id, Revocation::Link(link.id)).await.unwrap()),
            "all links" => drop(world.service.revoke(id, Revocation::AllLinks).await.unwrap()),
            "everything" => drop(world.service.revoke(id, Revocation::Everything).await.unwrap()),
            "session" => drop(world.service.revoke(id, Revocation::Session(session)).await.unwrap()),
            "supersede" => drop(world.link(id).await),
            "complete" => drop(world.service.complete(id).await.unwrap()),
            _ => world.advance(seconds(86_400)),
        }
        assert_eq!(world.refusal(&link).await.name(), reason, "{end}");
    }
}

/// D4: a binding is compared and reported; it is no condition unless the policy says so.
#[tokio::test]
async fn a_binding_is_compared_and_reported() {
    for (first, then, same) in [
        (bound("a"), bound("a"), Some(true)),
        (bound("a"), bound("b"), Some(false)),
        (bound("a"), Attempt::new(), None),
        (Attempt::new(), bound("a"), None),
    ] {
        let (world, link) = story(grace(300, 9)).await;
        granted(redeem(&world, &link, &first).await);
        assert_eq!(replay(&granted(redeem(&world, &link, &then).await)), (1, same));
    }
}

/// D4: a strict policy refuses another client, and one of which nothing is known.
#[tokio::test]
async fn a_strict_policy_wants_the_same_client() {
    let persona = Grace::persona().with_clients(Clients::Same);
    for (first, then, same) in [
        (bound("a"), bound("a"), true),
        (bound("a"), bound("b"), false),
        (bound("a"), Attempt::new(), false),
        (Attempt::new(), bound("a"), false),
        (Attempt::new(), Attempt::new(), false),
    ] {
        let (world, link) = story(ExpirationPolicy::default().with_grace(persona)).await;
        granted(redeem(&world, &link, &first).await);
        match redeem(&world, &link, &then).await {
            Redemption::Granted(grant) => assert!(same && replay(&grant) == (1, Some(true))),
            other => assert!(!same && refusal(other) == Refusal::OtherClient),
        }
    }
}

/// D5, D2: a claim holds the link for its lease, to the microsecond, and whoever else comes is told until when.
#[tokio::test]
async fn a_claim_holds_the_link_for_its_lease() {
    let (world, link) = story(ExpirationPolicy::default()).await;
    let claim = world.claim(&link).await;
    let until = world.now().plus(seconds(30));
    assert_eq!((claim.until, claim.link, claim.inquiry), (until, link.id, link.inquiry));
    world.at(until, -1);
    assert!(matches!(world.redeem(&link).await, Redemption::Busy { until: told } if told == until));
    let second = world.service.claim(link.url.expose(), &Attempt::new()).await.unwrap();
    assert!(matches!(second, Claiming::Busy { until: told } if told == until));
    let seen = &world.service.links(link.inquiry, None, 1).await.unwrap()[0];
    assert_eq!((seen.claimed_until, seen.uses), (Some(until), 0));
    // At its end the lease has released itself.
    world.at(until, 0);
    assert_eq!(world.service.links(link.inquiry, None, 1).await.unwrap()[0].claimed_until, None);
    assert_eq!(refusal(world.service.commit(&claim).await.unwrap()), Refusal::LeaseLost);
    assert_eq!(world.service.release(&claim).await.unwrap(), Released::NotHeld);
    let other = world.claim(&link).await;
    assert_eq!(refusal(world.service.commit(&claim).await.unwrap()), Refusal::LeaseLost);
    granted(world.service.commit(&other).await.unwrap());
    // A claim is no event; the refusals are told.
    assert_eq!(
        world.sink.names(),
        ["one-time-link.refused", "one-time-link.refused", "one-time-link.redeemed"]
    );
}

/// D5: a lease is as long as the service or the claim says.
#[tokio::test]
async fn a_lease_is_as_long_as_asked() {
    let lease = |of| LeaseTime::new(seconds(of)).unwrap();
    let world = World::with(|builder| builder.lease(lease(7)));
    let link = world.link(world.created().await).await;
    let claim = world.claim(&link).await;
    assert_eq!(claim.until, world.now().plus(seconds(7)));
    world.service.release(&claim).await.unwrap();
    let claiming = world.service.claim_for(link.url.expose(), &Attempt::new(), lease(300)).await.unwrap();
    assert_eq!(claimed(claiming).until, world.now().plus(seconds(300)));
}

/// D5: the commit is the first use, with its own instant; repeated it gets the same session.
#[tokio::test]
async fn the_commit_is_the_first_use() {
    let (world, link) = story(grace(300, 9)).await;
    let claim = world.claim(&link).await;
    assert_eq!(world.record(link.inquiry).await.sessions_started, 0);
    world.at(claim.until, -1);
    let first = granted(world.service.commit(&claim).await.unwrap());
    assert_eq!((first.kind, first.session.started_at), (GrantKind::FirstUse, world.now()));
    let first_at = world.now();
    world.at(first_at, 299_999_999);
    // The grace runs from the commit, not from the claim.
    assert!(
        matches!(world.grant(&link).await.kind, GrantKind::Replay { first_at: told, .. } if told == first_at)
    );
    let again = granted(world.service.commit(&claim).await.unwrap());
    assert_eq!((again.kind, again.session), (GrantKind::Repeat, first.session));
    assert_eq!(world.service.release(&claim).await.unwrap(), Released::Committed);
    assert_eq!(world.record(link.inquiry).await.sessions_started, 1);
    assert_eq!(world.sink.names(), ["one-time-link.redeemed", "one-time-link.replayed"]);
    world.service.revoke(link.inquiry, Revocation::Link(link.id)).await.unwrap();
    assert_eq!(refusal(world.service.commit(&claim).await.unwrap()).name(), "revoked");
}

/// D5: a commit is refused once the link was revoked or superseded, the epoch moved, or the deadline passed.
#[tokio::test]
async fn a_commit_is_judged_anew() {
    for (end, reason) in [
        ("revoke", "revoked"),
        ("everything", "revoked"),
        ("supersede", "superseded"),
        ("expire and resume", "inquiry-expired"),
        ("deadline", "inquiry-expired"),
        ("complete", "inquiry-closed"),
    ] {
        let (world, link) = story(ExpirationPolicy::default()).await;
        let deadline = world.service.inquiry(link.inquiry).await.unwrap().expires_at;
        world.at(deadline, -1);
        let claim = world.claim(&link).await;
        let id = link.inquiry;
        match end {
            "revoke" => drop(world.service.revoke(id, Revocation::Link(link.id)).await.unwrap()),
            "everything" => drop(world.service.revoke(id, Revocation::Everything).await.unwrap()),
            "supersede" => drop(world.link(id).await),
            "complete" => drop(world.service.complete(id).await.unwrap()),
            "deadline" => world.at(deadline, 0),
            _ => {
                world.service.expire(id).await.unwrap();
                world.service.resume(id).await.unwrap();
            }
        }
        assert_eq!(refusal(world.service.commit(&claim).await.unwrap()).name(), reason, "{end}");
    }
}

/// D5, L2: the link's own expiry is judged at the claim; a commit after it is good.
#[tokio::test]
async fn a_claim_before_the_links_expiry_may_be_committed_after_it() {
    let world = World::new();
    let id = world.pending().await;
    let link = world.service.issue(LinkRequest::resume(id).expires_in(seconds(10))).await.unwrap();
    world.at(link.expires_at, -1);
    let claim = world.claim(&link).await;
    world.at(link.expires_at, 5);
    assert!(matches!(world.redeem(&link).await, Redemption::Refused(_)));
    granted(world.service.commit(&claim).await.unwrap());
}

/// D5: only who holds the token can commit or release; a released link is as it was.
#[tokio::test]
async fn only_the_token_settles_a_claim() {
    let (world, link) = story(ExpirationPolicy::default()).await;
    let claim = world.claim(&link).await;
    let other_link = world.link(world.created().await).await;
    let other = world.claim(&other_link).await;
    let forged = Claim::from_parts(claim.inquiry, claim.link, other.token, claim.until);
    assert_eq!(world.service.release(&forged).await.unwrap(), Released::NotHeld);
    assert_eq!(refusal(world.service.commit(&forged).await.unwrap()), Refusal::LeaseLost);
    let nowhere = Claim::from_parts(inquiry_id("inq_nobody"), forged.link, forged.token, forged.until);
    assert_eq!(world.service.release(&nowhere).await.unwrap(), Released::NotHeld);
    assert_eq!(refusal(world.service.commit(&nowhere).await.unwrap()), Refusal::Unknown);

    assert_eq!(world.service.release(&claim).await.unwrap(), Released::Released);
    assert_eq!(world.service.release(&claim).await.unwrap(), Released::NotHeld);
    assert_eq!(refusal(world.service.commit(&claim).await.unwrap()), Refusal::LeaseLost);
    assert_eq!(world.grant(&link).await.kind, GrantKind::FirstUse);
}

/// D5, D6: a claim of a link that this attempt has used opens its session again: there is nothing to commit.
#[tokio::test]
async fn a_claim_of_what_is_used_is_a_repeat_or_a_refusal() {
    let (world, link) = story(ExpirationPolicy::default()).await;
    let key = attempt(ATTEMPT);
    let first = granted(redeem(&world, &link, &key).await);
    let answer = world.service.claim(link.url.expose(), &key).await.unwrap();
    let Claiming::Granted(again) = answer else { panic!("{answer:?}") };
    assert_eq!((again.kind, again.session), (GrantKind::Repeat, first.session));
    let answer = world.service.claim(link.url.expose(), &Attempt::new()).await.unwrap();
    assert!(matches!(answer, Claiming::Refused(refused) if refused.reason.name() == "used"));
}

/// D6: the same attempt gets the same session for ten minutes, with a new token and no use, replay or event.
#[tokio::test]
async fn the_same_attempt_gets_the_same_session() {
    let (world, link) = story(ExpirationPolicy::default()).await;
    let key = || attempt(ATTEMPT).with_binding(Binding::new(b"a").unwrap());
    let first = granted(redeem(&world, &link, &key()).await);
    let first_at = world.now();
    assert_eq!(world.sink.names(), ["one-time-link.redeemed"]);
    world.at(first_at, 599_999_999);
    let again = granted(redeem(&world, &link, &key()).await);
    assert_eq!((again.kind, again.session), (GrantKind::Repeat, first.session));
    assert_ne!(again.token.expose().as_str(), first.token.expose().as_str());
    let foretold = world.service.peek(link.url.expose(), &key()).await.unwrap();
    assert!(matches!(foretold, Peek::WouldReplay(_)));
    assert_eq!(world.sink.names(), ["one-time-link.peeked"]);
    assert_eq!(world.service.links(link.inquiry, None, 1).await.unwrap()[0].uses, 1);
    // Another key, none, or another client is judged as if there were no such rule.
    for other in [
        attempt("attempt-two-0123456789abcdef").with_binding(Binding::new(b"a").unwrap()),
        bound("a"),
        attempt(ATTEMPT),
        attempt(ATTEMPT).with_binding(Binding::new(b"b").unwrap()),
    ] {
        assert_eq!(refusal(redeem(&world, &link, &other).await), Refusal::Used { first_at });
    }
    world.at(first_at, 600_000_000);
    assert_eq!(refusal(redeem(&world, &link, &key()).await), Refusal::Used { first_at });
}

/// D6: the window is configurable.
#[tokio::test]
async fn the_window_of_an_attempt_is_configurable() {
    let world = World::with(|builder| builder.repeat_window(seconds(5)));
    let link = world.link(world.created().await).await;
    granted(redeem(&world, &link, &attempt(ATTEMPT)).await);
    let first_at = world.now();
    world.at(first_at, 4_999_999);
    granted(redeem(&world, &link, &attempt(ATTEMPT)).await);
    world.at(first_at, 5_000_000);
    refusal(redeem(&world, &link, &attempt(ATTEMPT)).await);
}

/// D6: a key without its code opens nothing, and a key that opened one link opens no other.
#[tokio::test]
async fn a_key_without_its_code_opens_nothing() {
    let (world, link) = story(ExpirationPolicy::default()).await;
    let first = granted(redeem(&world, &link, &attempt(ATTEMPT)).await);
    let other = world.link(world.created().await).await;
    let grant = granted(redeem(&world, &other, &attempt(ATTEMPT)).await);
    assert_eq!(grant.kind, GrantKind::FirstUse);
    assert_ne!(grant.session.id, first.session.id);
}

/// D6, D2: a repeat goes before superseded and used, and not before revoked, the session's end, or the epoch's.
#[tokio::test]
async fn a_repeat_ends_with_link_session_or_epoch() {
    for (end, reason) in [
        ("supersede", None),
        ("link", Some("revoked")),
        ("all links", Some("revoked")),
        ("session", Some("used")),
        ("everything", Some("revoked")),
        ("expire and resume", Some("inquiry-expired")),
        ("complete", Some("inquiry-closed")),
    ] {
        let (world, link) = story(ExpirationPolicy::default()).await;
        let session = granted(redeem(&world, &link, &attempt(ATTEMPT)).await).session.id;
        let id = link.inquiry;
        match end {
            "link" => drop(world.service.revoke(id, Revocation::Link(link.id)).await.unwrap()),
            "all links" => drop(world.service.revoke(id, Revocation::AllLinks).await.unwrap()),
            "session" => drop(world.service.revoke(id, Revocation::Session(session)).await.unwrap()),
            "everything" => drop(world.service.revoke(id, Revocation::Everything).await.unwrap()),
            "supersede" => drop(world.link(id).await),
            "complete" => drop(world.service.complete(id).await.unwrap()),
            _ => {
                world.service.expire(id).await.unwrap();
                world.service.resume(id).await.unwrap();
            }
        }
        match (redeem(&world, &link, &attempt(ATTEMPT)).await, reason) {
            (Redemption::Granted(grant), None) => assert_eq!(grant.kind, GrantKind::Repeat),
            (answer, Some(reason)) => assert_eq!(refusal(answer).name(), reason, "{end}"),
            (answer, None) => panic!("{end}: {answer:?}"),
        }
    }
}

/// D6, D5: the key of a claim is that of its commit.
#[tokio::test]
async fn the_key_of_a_claim_finds_its_commit() {
    let (world, link) = story(ExpirationPolicy::default()).await;
    let claim = claimed(world.service.claim(link.url.expose(), &attempt(ATTEMPT)).await.unwrap());
    // Only grants are remembered: while it is held, the same attempt is told so.
    assert!(matches!(redeem(&world, &link, &attempt(ATTEMPT)).await, Redemption::Busy { .. }));
    let first = granted(world.service.commit(&claim).await.unwrap());
    let again = granted(redeem(&world, &link, &attempt(ATTEMPT)).await);
    assert_eq!((again.kind, again.session), (GrantKind::Repeat, first.session));
}

/// D2: one order of precedence: of several reasons the earlier one is named.
#[tokio::test]
async fn the_earlier_reason_is_named() {
    let policy = ExpirationPolicy::default().with_session_limit(NonZeroU32::MIN);
    let world = World::policy(policy);
    let id = world.pending().await;
    let link = world.service.issue(LinkRequest::resume(id).expires_in(seconds(10))).await.unwrap();
    let start = world.now();
    world.service.start_session(id).await.unwrap();
    let peek = async || {
        let peek = world.service.peek(link.url.expose(), &Attempt::new()).await.unwrap();
        match peek {
            Peek::Refused(refused) => refused.reason.name(),
            Peek::Busy { .. } => "busy",
            _ => "granted",
        }
    };
    // Everything is added to what was there before, from the last of the order to the first.
    assert_eq!(peek().await, "session-limit");
    world.at(link.expires_at, 0);
    assert_eq!(peek().await, "link-expired");
    let deadline = world.service.inquiry(id).await.unwrap().expires_at;
    world.at(deadline, 0);
    assert_eq!(peek().await, "inquiry-expired");
    world.service.redact(id).await.unwrap();
    assert_eq!(peek().await, "inquiry-redacted");
    world.clock.set(start);

    // Superseded before closed, and revoked before superseded.
    let world = World::new();
    let id = world.pending().await;
    let keep = LinkRequest::resume(id).on_outstanding(OnOutstanding::Keep);
    let revoked = world.service.issue(keep.clone()).await.unwrap();
    let superseded = world.service.issue(keep).await.unwrap();
    world.claim(&superseded).await;
    let by = world.link(id).await.id;
    world.service.revoke(id, Revocation::Link(revoked.id)).await.unwrap();
    world.service.complete(id).await.unwrap();
    assert_eq!(world.refusal(&revoked).await, Refusal::Revoked { at: start });
    assert_eq!(world.refusal(&superseded).await, Refusal::Superseded { by: Some(by), at: Some(start) });
}

/// L4, L6: what died with its inquiry is not revoked later: it keeps its reason, and no event is told.
#[tokio::test]
async fn what_is_dead_is_not_revoked() {
    let world = World::new();
    let id = world.pending().await;
    let link = world.link(id).await;
    let session = world.service.start_session(id).await.unwrap().session.id;
    let deadline = world.service.inquiry(id).await.unwrap().expires_at;
    world.at(deadline, 0);
    world.sink.names();
    assert!(!world.service.revoke(id, Revocation::Link(link.id)).await.unwrap());
    assert!(!world.service.revoke(id, Revocation::Session(session)).await.unwrap());
    world.service.resume(id).await.unwrap();
    assert!(!world.service.revoke(id, Revocation::Link(link.id)).await.unwrap());
    assert_eq!(world.refusal(&link).await, Refusal::InquiryExpired { at: deadline });
    assert_eq!(world.sink.names(), ["inquiry.expired", "inquiry.resumed", "one-time-link.refused"]);
}

/// E5: a hand-off link dies with the session that made it, also when somebody holds it by then.
#[tokio::test]
async fn a_claimed_handoff_dies_with_its_session() {
    let world = World::new();
    let id = world.pending().await;
    let session = world.service.start_session(id).await.unwrap().session;
    world.clock.advance(seconds(3_600));
    let open_until = world.service.resume(id).await.unwrap().expires_at;
    let request = LinkRequest::device_handoff(id, session.id).expires_in(seconds(200_000));
    let handoff = world.service.issue(request).await.unwrap();
    assert_eq!(handoff.expires_at, session.expires_at);
    world.at(session.expires_at, -1);
    let claim = world.claim(&handoff).await;
    world.at(session.expires_at, 0);
    assert!(world.now() < open_until && world.now() < claim.until);
    let late = refusal(world.service.commit(&claim).await.unwrap());
    assert_eq!(late, Refusal::LinkExpired { at: Some(session.expires_at) });
}

/// E5, D4, D5: while the session that made it lives, a hand-off link is as good as any: committed, and replayed.
#[tokio::test]
async fn a_handoff_is_committed_and_replayed_while_its_session_lives() {
    let world = World::policy(grace(300, 1));
    let id = world.pending().await;
    let parent = world.service.start_session(id).await.unwrap().session;
    let handoff = world.service.issue(LinkRequest::device_handoff(id, parent.id)).await.unwrap();
    let claim = world.claim(&handoff).await;
    let first = granted(world.service.commit(&claim).await.unwrap());
    assert_eq!(first.kind, GrantKind::FirstUse);
    let again = world.grant(&handoff).await;
    assert_eq!((replay(&again).0, again.session.id), (1, first.session.id));
}

/// D2, L6: revoked with everything goes before superseded and redacted, whichever came first.
#[tokio::test]
async fn revoked_with_everything_goes_before_superseded_and_redacted() {
    let world = World::new();
    let id = world.pending().await;
    let (superseded, newest) = (world.link(id).await, world.link(id).await);
    world.advance(seconds(1));
    let at = world.now();
    world.service.revoke(id, Revocation::Everything).await.unwrap();
    world.advance(seconds(1));
    world.service.redact(id).await.unwrap();
    for link in [superseded, newest] {
        assert_eq!(world.refusal(&link).await, Refusal::Revoked { at });
    }
}

/// L5, L4: the counter decides: a store that has lost the ending refuses all the same, and cannot say more.
#[tokio::test]
async fn a_superseded_link_is_dead_whatever_is_known_of_its_end() {
    let (world, link) = story(ExpirationPolicy::default()).await;
    let mut inquiry = world.record(link.inquiry).await;
    let key = InquiryKey { tenant: inquiry.tenant, inquiry: link.inquiry };
    let of = ListOf { inquiry: key, before: None, limit: 1 };
    let listed = LinkStore::links(&world.store, of).await.unwrap().unwrap().items.remove(0);
    inquiry.generations.resume.number += 1;
    let subject = Subject { link: &listed.link, inquiry: &inquiry, session: None, parent: None };
    let plan = world.service.planner().redeem(link.url.expose(), &Attempt::new()).unwrap();
    let decision = redemption::redeem(&subject, &plan.command());
    assert_eq!(decision.verdict, Verdict::Refused(Refusal::Superseded { by: None, at: None }));
}

/// D2, D5: used goes before link expired, and link expired before busy.
#[tokio::test]
async fn used_goes_before_expired_and_expired_before_busy() {
    let world = World::new();
    let id = world.pending().await;
    let request = LinkRequest::resume(id).expires_in(seconds(10)).on_outstanding(OnOutstanding::Keep);
    let used = world.service.issue(request.clone()).await.unwrap();
    let held = world.service.issue(request).await.unwrap();
    world.grant(&used).await;
    world.claim(&held).await;
    let first_at = world.now();
    world.at(held.expires_at, 0);
    assert_eq!(world.refusal(&used).await, Refusal::Used { first_at });
    assert_eq!(world.refusal(&held).await, Refusal::LinkExpired { at: Some(held.expires_at) });
}

/// L2, D2: one microsecond before its expiry a link is good, at it expired.
#[tokio::test]
async fn at_its_expiry_a_link_is_expired() {
    for micros in [-1, 0, 1] {
        let world = World::new();
        let id = world.pending().await;
        let link = world.service.issue(LinkRequest::resume(id).expires_in(seconds(10))).await.unwrap();
        world.at(link.expires_at, micros);
        match world.redeem(&link).await {
            Redemption::Granted(_) => assert_eq!(micros, -1),
            other => {
                assert_eq!(refusal(other), Refusal::LinkExpired { at: Some(moved(world.now(), -micros)) });
            }
        }
    }
}

/// D2, C2: an unknown code is told from a mangled one; neither names a link, and both are told to the sink.
#[tokio::test]
async fn an_unknown_code_is_told_from_a_mangled_one() {
    let (world, link) = story(ExpirationPolicy::default()).await;
    let elsewhere = World::new();
    let unknown = elsewhere.link(elsewhere.created().await).await;
    let text = unknown.code.expose();
    let mut mangled = text.as_str().to_owned();
    let last = mangled.pop().unwrap();
    mangled.push(if last == '7' { '8' } else { '7' });
    for (text, reason) in [(text.as_str(), Refusal::Unknown), (&mangled, Refusal::Mangled)] {
        let Redemption::Refused(refused) = world.service.redeem(text, &Attempt::new()).await.unwrap() else {
            panic!()
        };
        assert_eq!((refused.reason, refused.link, refused.inquiry), (reason, None, None));
        let told = world.sink.take();
        assert_eq!((told.len(), told[0].inquiry, told[0].kind.name()), (1, None, "one-time-link.refused"));
    }
    world.grant(&link).await;
}

/// D9: a diagnosis has everything that the link remembers and the reason, and consumes nothing.
#[tokio::test]
async fn a_diagnosis_has_everything_and_consumes_nothing() {
    let (world, link) = story(ExpirationPolicy::default()).await;
    let text = link.url.expose();
    let fresh = world.service.diagnose(text).await.unwrap();
    assert_eq!((fresh.unreadable, fresh.refusal, fresh.session), (None, None, None));
    assert_eq!(fresh.inquiry.unwrap().id, link.inquiry);
    assert_eq!(fresh.link.as_ref().unwrap(), &world.service.links(link.inquiry, None, 1).await.unwrap()[0]);
    let grant = world.grant(&link).await;
    let used = world.service.diagnose(text).await.unwrap();
    assert_eq!(used.refusal, Some(Refusal::Used { first_at: world.now() }));
    assert_eq!((used.session, used.link.unwrap().uses), (Some(grant.session), 1));
    let nobody = World::new();
    let unknown = nobody.service.diagnose(text).await.unwrap();
    assert_eq!((unknown.refusal, unknown.link, unknown.inquiry), (Some(Refusal::Unknown), None, None));
    let mangled = world.service.diagnose("https://evil.example/verify?code=1").await.unwrap();
    assert_eq!(mangled.unreadable.as_deref(), Some("the URL is not one of this service"));
    assert_eq!(mangled.refusal, Some(Refusal::Mangled));
    // D9: nothing was told but the use.
    assert_eq!(world.sink.names(), ["one-time-link.redeemed"]);
}

/// D7: each grant gets a new token for the same session, and the newest four are good.
#[tokio::test]
async fn each_grant_has_a_token_of_its_own() {
    let (world, link) = story(grace(300, 9)).await;
    let key = AttemptKey::random();
    let first = granted(redeem(&world, &link, &attempt(key.expose())).await);
    let session = first.session.id;
    let mut tokens: Vec<SessionToken> = vec![first.token];
    tokens.push(granted(redeem(&world, &link, &attempt(key.expose())).await).token);
    for _ in 0..3 {
        tokens.push(world.grant(&link).await.token);
    }
    for (place, token) in tokens.iter().enumerate() {
        let known = world.service.authenticate(link.inquiry, session, token).await.unwrap();
        assert_eq!(known.is_some(), 1 <= place, "{place}");
    }
}

/// E5: a hand-off link whose session is not there any more died with it.
#[tokio::test]
async fn a_handoff_link_without_its_session_is_dead() {
    use inquiry_otl::{
        LinkStore,
        redemption::{Asked, Verdict, peek},
        store::{Inspect, LinkName},
    };
    let world = World::new();
    let id = world.pending().await;
    let session = world.service.start_session(id).await.unwrap().session.id;
    let link = world.service.issue(LinkRequest::device_handoff(id, session)).await.unwrap();
    let inspect = Inspect { tenant: inquiry_otl::TenantId::default(), link: LinkName::Id(id, link.id) };
    let mut view = LinkStore::inspect(&world.store, inspect).await.unwrap().unwrap();
    let asked = Asked { now: world.now(), attempt: None, binding: None, repeats_after: world.now() };
    assert_eq!(peek(&view.subject(), &asked), Verdict::FirstUse);
    view.parent = None;
    let at = view.link.created_at;
    assert_eq!(peek(&view.subject(), &asked), Verdict::Refused(Refusal::Revoked { at }));
}

/// S5, R3, T5: a clock that is set back gives an unused link its time again, until a write has met the expiry of its inquiry;
/// what was used, revoked or superseded stays so.
#[tokio::test]
async fn a_clock_that_is_set_back_revives_nothing_that_was_written() {
    let world = World::new();
    let (begin, id) = (world.now(), world.pending().await);
    let superseded = world.link(id).await;
    let used = world.link(id).await;
    let keep = || LinkRequest::resume(id).on_outstanding(OnOutstanding::Keep);
    let revoked = world.service.issue(keep()).await.unwrap();
    let late = world.service.issue(keep()).await.unwrap();
    let short = world.service.issue(keep().expires_in(seconds(60))).await.unwrap();
    world.grant(&used).await;
    world.service.revoke(id, Revocation::Link(revoked.id)).await.unwrap();

    world.at(short.expires_at, 0);
    assert_eq!(world.refusal(&short).await.name(), "link-expired");
    world.at(begin, 0);
    for (link, reason) in [(&superseded, "superseded"), (&used, "used"), (&revoked, "revoked")] {
        assert_eq!(world.refusal(link).await.name(), reason);
    }
    world.grant(&short).await;

    world.at(late.expires_at, 0);
    assert_eq!(world.refusal(&late).await.name(), "inquiry-expired");
    world.at(begin, 0);
    assert_eq!(world.refusal(&late).await.name(), "inquiry-expired");
}
