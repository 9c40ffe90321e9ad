//! Redeeming a link: one first use, one order of reasons (D1, D2, D7, D8, E6).

use std::num::NonZeroU32;

use super::{
    Fixture,
    race::race,
    stage::{DEADLINE, LINK, Link, Stage, interval, micros, policy, sec},
};
use crate::{
    digest::Digest,
    event::{EventKind, Revocation},
    id::InquiryId,
    inquiry::{Action, Expiry, Status},
    issuance::{IssueLink, Lifetime, Outstanding},
    policy::Grace,
    record::{LinkState, SessionRecord, TokenDigests, Use},
    redemption::{Redeem, Refusal, Released, Verdict},
    store::{LinkName, LinkStore},
    time::Timestamp,
};

/// D1, S2, T1, T2: of 32 simultaneous attempts on a link exactly one is the first use, claims and repeats included.
pub async fn exactly_one_first_use<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    for round in 0..50 {
        let inquiry = stage.inquiry().await;
        let link = stage.issue(inquiry, sec(1)).await;
        let same_attempt = stage.new_digest();
        let racers = stage.clone();
        let attempts = race(32, move |n| {
            let stage = racers.clone();
            let once = stage.new_redeem(link.digest, sec(2));
            let (claim, held) = stage.new_claim(link, sec(2));
            let command = match round % 5 {
                // In turn: all claim, half of them claim, all are the same attempt; twice all redeem.
                2 => claim,
                3 if n % 2 == 0 => claim,
                4 => Redeem { attempt: Some(same_attempt), ..once },
                _ => once,
            };
            async move { (stage.redeem_as(command).await, held) }
        })
        .await;
        let mut first_uses = 0;
        for (attempted, held) in &attempts {
            match attempted.verdict {
                Verdict::FirstUse => first_uses += 1,
                Verdict::Claimed => {
                    first_uses += 1;
                    let committed = stage.commit(held, sec(3)).await.verdict;
                    assert_eq!(committed, Verdict::FirstUse, "the commit of a claim that won the race");
                }
                Verdict::Busy { .. } if matches!(round % 5, 2 | 3) => {}
                Verdict::Repeat if round % 5 == 4 => {}
                Verdict::Refused(Refusal::Used { first_at }) if first_at == sec(2) => {}
                other => panic!("one of 32 simultaneous attempts came to {other:?}"),
            }
        }
        assert_eq!(first_uses, 1, "of 32 simultaneous attempts exactly one may be the first use");
    }
}

/// D2: a code that nobody was given finds nothing, and writes nothing.
pub async fn an_unknown_code_finds_nothing<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let link = stage.issue(inquiry, sec(1)).await;
    let before = stage.all(inquiry).await;
    let unknown = stage.new_digest();
    let found = stage.store.redeem(stage.new_redeem(unknown, sec(2))).await.expect("the store failed");
    assert_eq!(found, None, "a code that nobody was given was redeemed");
    assert_eq!(stage.inspect(LinkName::Digest(unknown)).await, None, "and inspected");
    let (claim, held) = stage.new_claim(Link { id: stage.new_link_id(), ..link }, sec(2));
    let found = stage.store.redeem(Redeem { digest: unknown, ..claim }).await.expect("the store failed");
    assert_eq!(found, None, "a code that nobody was given was claimed");
    let found = stage.store.commit(stage.new_commit(&held, sec(2))).await.expect("the store failed");
    assert_eq!(found, None, "a claim on a link that is not there was committed");
    let found = stage.store.release(stage.new_release(&held, sec(2))).await.expect("the store failed");
    assert_eq!(found, None, "a claim on a link that is not there was released");
    assert_eq!(stage.all(inquiry).await, before, "a code that nobody was given changed something");
}

/// C3: the whole digest is compared: one that differs in a single bit finds nothing.
pub async fn nearly_the_code_finds_nothing<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let link = stage.issue(inquiry, sec(1)).await;
    // The first bit, the last one, and the first behind the part that an index may go by.
    for bit in [0, 64, 128, 255] {
        let mut bytes = *link.digest.as_bytes();
        bytes[bit / 8] ^= 0x80 >> (bit % 8);
        let near = Digest::from_bytes(bytes);
        let found = stage.store.redeem(stage.new_redeem(near, sec(2))).await.expect("the store failed");
        assert_eq!(found, None, "a digest that differs in bit {bit} was redeemed");
        assert_eq!(stage.inspect(LinkName::Digest(near)).await, None, "and inspected");
    }
}

/// D7, D8, L7, V1: a first use keeps the use and a session until the deadline of that moment, and starts nothing else.
pub async fn a_first_use_starts_a_session<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let link = stage.issue(inquiry, sec(1)).await;
    let before = stage.all(inquiry).await;
    let (attempt, binding) = (Some(stage.new_digest()), Some(stage.new_digest()));
    let command = Redeem { attempt, binding, ..stage.new_redeem(link.digest, micros(sec(2), 3)) };
    let attempted = stage.redeem_as(command).await;
    assert_eq!((attempted.verdict, attempted.link), (Verdict::FirstUse, link.id), "a good link");
    let events = stage.events(inquiry, &attempted.events);
    let kind = EventKind::LinkRedeemed { link: link.id, session: command.session };
    assert_eq!(events.len(), 1, "a first use is one event");
    assert_eq!((events[0].id, events[0].kind), (command.event, kind), "the event of a first use");
    assert_eq!(events[0].sequence, Some(before.inquiry.last_sequence + 1), "its number");

    let session = SessionRecord {
        tenant: stage.tenant,
        id: command.session,
        inquiry,
        link: Some(link.id),
        epoch: before.inquiry.epoch,
        started_at: command.now,
        expires_at: sec(DEADLINE),
        revoked_at: None,
        tokens: TokenDigests::new(command.token),
    };
    let mut expected = before;
    expected.links[0].state = LinkState::Used(Use {
        at: command.now,
        session: command.session,
        replays: 0,
        grace: None,
        attempt,
        binding,
        claim: None,
    });
    expected.inquiry.sessions_started += 1;
    expected.inquiry.last_sequence += 1;
    expected.sessions.push(session.clone());
    assert_eq!(stage.all(inquiry).await, expected, "what is kept after a first use");
    assert_eq!(attempted.inquiry, expected.inquiry.inquiry, "the inquiry that was answered");
    let answered = attempted.session.expect("a first use came without a session");
    assert_eq!((answered.id, answered.link, answered.live), (session.id, session.link, true), "its session");
    assert_eq!(
        (answered.started_at, answered.expires_at),
        (session.started_at, session.expires_at),
        "and its life"
    );
    assert_eq!(stage.view(link).await.session, Some(session), "the session that is shown with the link");
}

/// D2, L2: an unused link is good until its own expiry, and not at it.
pub async fn a_link_expires_to_the_microsecond<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let at = micros(sec(5), 11);
    let end = micros(sec(5 + LINK), 11);
    for (offset, good) in [(-1, true), (0, false), (1, false)] {
        let link = stage.issue(inquiry, at).await;
        let expected =
            if good { Verdict::FirstUse } else { Verdict::Refused(Refusal::LinkExpired { at: Some(end) }) };
        assert_eq!(
            stage.redeem(link, micros(end, offset)).await,
            expected,
            "{offset} µs from a link's expiry"
        );
    }
}

/// D2: revoked comes before superseded, that before redacted, that before closed or expired, that before all the rest.
pub async fn what_ended_is_named_first<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let revoked = |at| Refusal::Revoked { at };

    let (inquiry, link) = started(&stage, 25).await;
    stage.revoke(inquiry, Revocation::Link(link.id), sec(3)).await;
    supersede(&stage, inquiry, sec(4)).await;
    refused(&stage, link, sec(5), revoked(sec(3)), "revoked and superseded").await;
    stage.act(inquiry, Action::Redact, sec(6)).await;
    refused(&stage, link, sec(7), revoked(sec(3)), "revoked and redacted").await;

    let (inquiry, link) = started(&stage, 25).await;
    let by = supersede(&stage, inquiry, sec(4)).await;
    let superseded = Refusal::Superseded { by: Some(by.id), at: Some(sec(4)) };
    stage.act(inquiry, Action::Complete, sec(5)).await;
    refused(&stage, link, sec(6), superseded, "superseded and completed").await;
    stage.act(inquiry, Action::Redact, sec(6)).await;
    refused(&stage, link, sec(7), superseded, "superseded and redacted").await;
    refused(&stage, by, sec(7), Refusal::InquiryRedacted { at: sec(6) }, "completed and redacted").await;

    let (inquiry, link) = started(&stage, 25).await;
    stage.use_first(link, sec(3)).await;
    let claimed = stage.issue(inquiry, sec(3)).await;
    stage.claim(claimed, sec(4)).await;
    stage.act(inquiry, Action::Fail, sec(5)).await;
    let closed = Refusal::InquiryClosed { status: Status::Failed, at: Some(sec(5)) };
    refused(&stage, link, sec(6), closed, "failed and used").await;
    refused(&stage, claimed, sec(6), closed, "failed and claimed").await;

    let (inquiry, link) = started(&stage, 25).await;
    let end = stage.record(inquiry).await.inquiry.expires_at;
    refused(&stage, link, end, Refusal::InquiryExpired { at: end }, "expired and its link, too").await;
    stage.act(inquiry, Action::Redact, end).await;
    refused(&stage, link, end, Refusal::InquiryRedacted { at: end }, "expired and redacted").await;

    let (inquiry, link) = started(&stage, 25).await;
    stage.revoke(inquiry, Revocation::Everything, sec(3)).await;
    supersede(&stage, inquiry, sec(4)).await;
    stage.act(inquiry, Action::Complete, sec(5)).await;
    refused(&stage, link, sec(6), revoked(sec(3)), "revoked with everything, superseded and completed").await;
}

/// D2: used comes before an expired link, that before busy, and that before the session limit.
pub async fn what_was_used_is_named_next<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let expired = |link: Timestamp| Refusal::LinkExpired { at: Some(link) };

    let (inquiry, link) = started(&stage, 1).await;
    stage.use_first(link, sec(3)).await;
    let used = Refusal::Used { first_at: sec(3) };
    refused(&stage, link, sec(4), used, "used and at the session limit").await;
    refused(&stage, link, sec(1 + LINK), used, "used and expired").await;
    supersede(&stage, inquiry, sec(4)).await;
    let view = stage.view(link).await;
    let verdict = stage.redeem(link, sec(4)).await;
    assert!(matches!(verdict, Verdict::Refused(Refusal::Superseded { .. })), "used and superseded: {view:?}");
    stage.revoke(inquiry, Revocation::Link(link.id), sec(5)).await;
    refused(&stage, link, sec(6), Refusal::Revoked { at: sec(5) }, "used, superseded and revoked").await;

    let (inquiry, link) = started(&stage, 1).await;
    let end = sec(1 + LINK);
    let held = stage.claim(link, micros(end, -1)).await;
    refused(&stage, link, end, expired(end), "expired and claimed").await;
    let other = stage.issue(inquiry, end).await;
    let busy = stage.claim(other, end).await;
    stage.start(inquiry, end).await;
    assert_eq!(
        stage.redeem(other, end).await,
        Verdict::Busy { until: busy.until },
        "claimed, at the session limit"
    );
    refused(&stage, link, held.until, expired(end), "expired and at the session limit").await;
    let record = stage.record(inquiry).await;
    assert_eq!(
        record.inquiry.status,
        Status::Pending,
        "a refusal for another reason than the limit hit the limit"
    );
}

/// E6: an inquiry starts as many sessions as its policy says; a redemption that asks for one more expires it.
pub async fn a_redemption_too_many_expires_the_inquiry<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let (inquiry, link) = started(&stage, 3).await;
    stage.use_first(link, sec(2)).await;
    // Neither a refusal nor a claim that is given up starts a session.
    refused(&stage, link, sec(2), Refusal::Used { first_at: sec(2) }, "used").await;
    let second = stage.issue(inquiry, sec(2)).await;
    let held = stage.claim(second, sec(2)).await;
    assert_eq!(stage.release(&held, sec(2)).await, Released::Released, "the claim that is given up");
    stage.start(inquiry, sec(3)).await;
    stage.use_first(second, sec(3)).await;
    assert_eq!(stage.record(inquiry).await.sessions_started, 3, "two first uses and a session");

    let third = stage.issue(inquiry, sec(4)).await;
    let before = stage.record(inquiry).await;
    let (claim, _) = stage.new_claim(third, sec(4));
    let over = Verdict::Refused(Refusal::SessionLimit { limit: 3 });
    let claimed = stage.redeem_as(claim).await;
    assert_eq!(claimed.verdict, over, "a claim beyond the session limit");
    assert!(claimed.events.is_empty(), "a claim starts no session, so it must not expire the inquiry");
    assert_eq!(stage.record(inquiry).await, before, "a claim beyond the session limit changed the inquiry");

    let attempted = stage.redeem_as(stage.new_redeem(third.digest, sec(5))).await;
    assert_eq!(attempted.verdict, over, "a redemption beyond the session limit");
    let events = stage.events(inquiry, &attempted.events);
    let kind = EventKind::InquiryExpired { cause: Expiry::SessionLimit, expired_at: sec(5) };
    assert_eq!(events.len(), 1, "a redemption beyond the session limit is one event");
    assert_eq!((events[0].kind, events[0].sequence), (kind, Some(before.last_sequence + 1)), "the event");
    let after = stage.record(inquiry).await;
    assert_eq!(
        after.inquiry.status,
        Status::Expired,
        "a redemption beyond the session limit expires the inquiry"
    );
    assert_eq!((after.version, after.inquiry.expired_at), (before.version + 1, Some(sec(5))), "as a change");
    refused(&stage, third, sec(6), Refusal::InquiryExpired { at: sec(5) }, "asked again").await;
}

/// E6, S2: simultaneous first uses of different links start no more sessions than the policy allows.
pub async fn the_session_limit_holds_in_a_race<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    for _ in 0..8 {
        let (inquiry, first) = started(&stage, 5).await;
        let mut links = vec![first];
        for _ in 1..16 {
            links.push(stage.issue(inquiry, sec(1)).await);
        }
        let racers = stage.clone();
        let verdicts = race(16, move |n| {
            let (stage, link) = (racers.clone(), links[n]);
            async move { stage.redeem(link, sec(2)).await }
        })
        .await;
        let first_uses = verdicts.iter().filter(|verdict| **verdict == Verdict::FirstUse).count();
        assert_eq!(
            first_uses, 5,
            "of 16 simultaneous first uses as many as the policy allows may start sessions"
        );
        assert_eq!(stage.record(inquiry).await.sessions_started, 5, "the count of sessions");
    }
}

/// T5, D5, S1: a link that was used stays used, whatever is refused, released or revoked after it.
pub async fn a_spent_link_stays_spent<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let (plain, claimed) = (stage.issue(inquiry, sec(1)).await, stage.issue(inquiry, sec(1)).await);
    stage.use_first(plain, sec(2)).await;
    let held = stage.claim(claimed, sec(2)).await;
    let committed = stage.commit(&held, sec(2)).await;
    assert_eq!(committed.verdict, Verdict::FirstUse, "the commit of a claim");
    let session = committed.session.expect("a first use came without a session");
    assert_eq!(stage.release(&held, sec(3)).await, Released::Committed, "the release of what was committed");
    let (_, other) = stage.new_claim(plain, sec(3));
    assert_eq!(
        stage.release(&other, sec(3)).await,
        Released::NotHeld,
        "the release of what was never claimed"
    );
    let used = Refusal::Used { first_at: sec(2) };
    assert_eq!(stage.commit(&other, sec(3)).await.verdict, Verdict::Refused(used), "its commit");
    stage.revoke(inquiry, Revocation::Session(session.id), sec(4)).await;
    let before = stage.all(inquiry).await;
    for now in [sec(5), held.until, sec(DEADLINE - 1)] {
        refused(&stage, plain, now, used, "used").await;
        refused(&stage, claimed, now, used, "used by a commit").await;
    }
    assert_eq!(stage.all(inquiry).await, before, "a refusal changed something");
}

/// T5, S4: an attempt that is refused, or finds the link busy, spends nothing and writes nothing.
pub async fn a_refusal_spends_nothing<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let link = stage.issue(inquiry, sec(1)).await;
    let held = stage.claim(link, sec(2)).await;
    let before = stage.all(inquiry).await;
    let attempt = Some(stage.new_digest());
    for command in [
        stage.new_redeem(link.digest, sec(3)),
        Redeem { attempt, ..stage.new_redeem(link.digest, sec(3)) },
        stage.new_claim(link, sec(3)).0,
    ] {
        let attempted = stage.redeem_as(command).await;
        assert_eq!(attempted.verdict, Verdict::Busy { until: held.until }, "a link that somebody holds");
        assert!(
            attempted.events.is_empty() && attempted.session.is_none(),
            "a busy link is neither event nor grant"
        );
    }
    let (_, stranger) = stage.new_claim(link, sec(3));
    let lost = stage.commit(&stranger, sec(3)).await;
    assert_eq!(lost.verdict, Verdict::Refused(Refusal::LeaseLost), "a commit by another token");
    let expired = stage.redeem_as(stage.new_redeem(link.digest, sec(1 + LINK))).await;
    assert!(
        matches!(expired.verdict, Verdict::Refused(Refusal::LinkExpired { .. })),
        "{:?}",
        expired.verdict
    );
    assert!(expired.events.is_empty() && lost.events.is_empty(), "a refusal is no durable event");
    assert_eq!(stage.all(inquiry).await, before, "an attempt that was refused wrote something");
    // The store judges by the instants of its commands alone, so an earlier one is still good.
    assert_eq!(
        stage.commit(&held, sec(4)).await.verdict,
        Verdict::FirstUse,
        "the claim that was there first"
    );
}

/// T3, E7: a grace begins with the first use; it does not limit how long an unused link lives.
pub async fn a_grace_does_not_shorten_an_unused_link<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let grace = Grace::new(interval(60), NonZeroU32::MIN);
    let inquiry = stage.inquiry_with(policy().with_grace(grace), sec(0)).await;
    for late in [sec(61), sec(62), micros(sec(1 + LINK), -1)] {
        let link = stage.issue(inquiry, sec(1)).await;
        assert_eq!(
            stage.redeem(link, late).await,
            Verdict::FirstUse,
            "an unused link, later than a grace is long"
        );
    }
}

/// A started inquiry that may start so many sessions, and a link that lives until its own window ends.
async fn started<S: LinkStore + 'static>(stage: &Stage<S>, sessions: u32) -> (InquiryId, Link) {
    let limit = NonZeroU32::new(sessions).expect("a limit");
    let inquiry = stage.inquiry_with(policy().with_session_limit(limit), sec(0)).await;
    stage.act(inquiry, Action::Start, sec(1)).await;
    let command = IssueLink { lifetime: Lifetime::Until(sec(1 + LINK)), ..stage.new_link(inquiry, sec(1)) };
    (inquiry, stage.issue_link(command).await)
}

async fn supersede<S: LinkStore + 'static>(stage: &Stage<S>, inquiry: InquiryId, now: Timestamp) -> Link {
    let command = IssueLink { outstanding: Outstanding::Supersede, ..stage.new_link(inquiry, now) };
    stage.issue_link(command).await
}

async fn refused<S: LinkStore + 'static>(
    stage: &Stage<S>,
    link: Link,
    now: Timestamp,
    refusal: Refusal,
    what: &str,
) {
    let verdict = stage.redeem(link, now).await;
    assert_eq!(verdict, Verdict::Refused(refusal), "the reason that is named for a link that is {what}");
}
