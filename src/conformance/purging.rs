//! Removing what is past keeping, never before, and never what somebody still needs (S3).

use std::num::NonZeroU32;

use super::{
    Fixture,
    race::race,
    stage::{Held, LINK, Link, REPEAT, Stage, interval, micros, policy, sec},
};
use crate::{
    event::Revocation,
    id::InquiryId,
    inquiry::Action,
    issuance::{IssueLink, Lifetime, Outstanding},
    policy::Grace,
    record::LinkState,
    redemption::{Mode, Redeem, Refusal, Verdict},
    store::{CreateOutcome, Housekeeping, LinkName, LinkStore, Purge, Purged},
    time::{Interval, Timestamp},
};

const DAY: i64 = 86_400;
/// How long links and sessions are kept in these checks.
const RETENTION: i64 = 30 * DAY;
/// A store may be late by so much, and never early.
const LATE: i64 = 2 * DAY;

/// S3: an unused link stays until its retention has run since its expiry, and is gone soon after, with all that finds it.
pub async fn a_link_is_kept_for_its_retention<F: Fixture>(fixture: &F)
where
    F::Store: Housekeeping,
{
    let stage = Stage::new(fixture).await;
    let inquiry = open_for_long(&stage).await;
    let link = stage.issue(inquiry, sec(1)).await;
    let due = sec(1 + LINK + RETENTION);
    let purged = purge(&stage, micros(due, -1)).await;
    assert_eq!(purged, Purged::default(), "a purge a microsecond before the retention has run");
    let expired = Verdict::Refused(Refusal::LinkExpired { at: Some(sec(1 + LINK)) });
    assert_eq!(stage.redeem(link, micros(due, -1)).await, expired, "a link that is kept for its reason");
    let purged = purge(&stage, late(due)).await;
    assert_eq!((purged.links, purged.sessions, purged.inquiries), (1, 0, 0), "what a purge removed");
    for name in [LinkName::Digest(link.digest), LinkName::Id(inquiry, link.id)] {
        assert_eq!(stage.inspect(name).await, None, "a link that was purged was found");
    }
    let found = stage.store.redeem(stage.new_redeem(link.digest, due)).await.expect("the store failed");
    assert_eq!(found, None, "a link that was purged was redeemed");
    assert_eq!(stage.list_links(inquiry, None, 9).await.items, [], "a link that was purged was listed");
    assert_eq!(purge(&stage, late(due)).await, Purged::default(), "a second purge");
}

/// S3, D7: a session stays until its retention has run since its end, and is gone soon after.
pub async fn a_session_is_kept_for_its_retention<F: Fixture>(fixture: &F)
where
    F::Store: Housekeeping,
{
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let session = stage.start(inquiry, sec(1)).await;
    let due = stage.session(inquiry, session).await.session.expires_at.plus(interval(RETENTION));
    assert_eq!(
        purge(&stage, micros(due, -1)).await,
        Purged::default(),
        "a purge before the retention has run"
    );
    assert!(stage.find_session(inquiry, session).await.is_some(), "a session that is kept was not found");
    let purged = purge(&stage, late(due)).await;
    assert_eq!((purged.links, purged.sessions, purged.inquiries), (0, 1, 0), "what a purge removed");
    assert_eq!(stage.find_session(inquiry, session).await, None, "a session that was purged was found");
    assert_eq!(stage.list_sessions(inquiry, None, 9).await.items, [], "a session that was purged was listed");
}

/// S3: a link stays while its session lives, and that session with it; both are gone when that is over.
pub async fn a_live_session_keeps_its_link<F: Fixture>(fixture: &F)
where
    F::Store: Housekeeping,
{
    let stage = Stage::new(fixture).await;
    let inquiry = open_for_long(&stage).await;
    let link = stage.issue(inquiry, sec(1)).await;
    let session = stage.use_first(link, sec(2)).await;
    let end = stage.session(inquiry, session).await.session.expires_at;
    assert_eq!(
        purge(&stage, micros(end, -1)).await,
        Purged::default(),
        "a purge while a link's session is live"
    );
    assert!(stage.is_live(inquiry, session, micros(end, -1)).await, "the session of a link that is kept");
    let used = Verdict::Refused(Refusal::Used { first_at: sec(2) });
    assert_eq!(stage.redeem(link, micros(end, -1)).await, used, "a link whose session is live");
    let purged = purge(&stage, late(end.plus(interval(RETENTION)))).await;
    assert_eq!((purged.links, purged.sessions), (1, 1), "what a purge removed when the session was over");
}

/// S3, D5: a link stays while a lease holds it, and can be committed.
pub async fn a_lease_keeps_its_link<F: Fixture>(fixture: &F)
where
    F::Store: Housekeeping,
{
    let stage = Stage::new(fixture).await;
    let inquiry = open_for_long(&stage).await;
    let now = late(sec(1 + LINK + RETENTION));
    let held = claim_until(&stage, inquiry, micros(now, 1)).await;
    assert_eq!(purge(&stage, now).await, Purged::default(), "a purge while a lease holds a link");
    assert_eq!(
        stage.commit(&held, now).await.verdict,
        Verdict::FirstUse,
        "the commit of a claim that goes on"
    );

    let held = claim_until(&stage, inquiry, now).await;
    let purged = purge(&stage, late(now)).await;
    assert_eq!(purged.links, 1, "a link whose lease is over: {:?}", stage.find(held.link.inquiry).await);
}

/// S3, E7: a link stays while its grace runs.
pub async fn a_grace_keeps_its_link<F: Fixture>(fixture: &F)
where
    F::Store: Housekeeping,
{
    let stage = Stage::new(fixture).await;
    let grace = Grace::new(interval(50 * DAY), NonZeroU32::MIN);
    let long = policy().with_after_create(interval(200 * DAY)).with_grace(grace);
    let inquiry = stage.inquiry_with(long, sec(0)).await;
    let link = used_and_revoked(&stage, inquiry).await;
    let end = sec(2 + 50 * DAY);
    assert_eq!(purge(&stage, micros(end, -1)).await.links, 0, "a purge while a link's grace runs");
    let used = Verdict::Refused(Refusal::Used { first_at: sec(2) });
    assert_eq!(stage.redeem(link, micros(end, -1)).await, used, "a link whose grace runs");
    assert_eq!(purge(&stage, late(end)).await.links, 1, "a link whose grace is over");
}

/// S3, D6: a link stays while its first use may be repeated.
pub async fn a_repeat_window_keeps_its_link<F: Fixture>(fixture: &F)
where
    F::Store: Housekeeping,
{
    let stage = Stage::new(fixture).await;
    let inquiry = open_for_long(&stage).await;
    let link = used_and_revoked(&stage, inquiry).await;
    let now = late(sec(1 + LINK + RETENTION));
    let command = Purge { repeats_after: sec(1), ..new_purge(now) };
    let purged = stage.store.purge(command).await.expect("the store failed to purge");
    assert_eq!(purged.links, 0, "a purge while the first use of a link may be repeated");
    let used = Verdict::Refused(Refusal::Used { first_at: sec(2) });
    assert_eq!(stage.redeem(link, now).await, used, "a link whose first use may be repeated");
    assert_eq!(
        purge(&stage, late(now)).await.links,
        1,
        "a link whose first use may not be repeated any more"
    );
}

/// S3, L4, L5: a purge of older links leaves the reason why a kept one is dead.
pub async fn a_purge_keeps_reasons<F: Fixture>(fixture: &F)
where
    F::Store: Housekeeping,
{
    let stage = Stage::new(fixture).await;
    let long = policy().with_after_create(interval(200 * DAY)).with_after_resume(interval(200 * DAY));
    let inquiry = stage.inquiry_with(long, sec(0)).await;
    let until = |until| Lifetime::Until(sec(until));
    let issue = |at: i64, lifetime| IssueLink {
        lifetime,
        outstanding: Outstanding::Supersede,
        ..stage.new_link(inquiry, sec(at))
    };
    stage.issue_link(issue(1, until(100))).await;
    let superseded = stage.issue_link(issue(2, until(40 * DAY))).await;
    let expired = stage.issue_link(issue(3, until(40 * DAY))).await;
    stage.act(inquiry, Action::Expire, sec(4)).await;
    stage.act(inquiry, Action::Resume, sec(5)).await;
    stage.issue_link(issue(6, until(7))).await;
    let now = late(sec(100 + RETENTION));
    assert_eq!(purge(&stage, now).await.links, 2, "the links that are past keeping");
    let by = Refusal::Superseded { by: Some(expired.id), at: Some(sec(3)) };
    assert_eq!(stage.redeem(superseded, now).await, Verdict::Refused(by), "a superseded link that is kept");
    // What was dead already was not superseded by the link after the resume.
    let ended = Verdict::Refused(Refusal::InquiryExpired { at: sec(4) });
    assert_eq!(stage.redeem(expired, now).await, ended, "a link of an earlier life that is kept");

    let other = stage.inquiry_with(long, sec(0)).await;
    let short = IssueLink { lifetime: until(100), ..stage.new_link(other, sec(1)) };
    stage.issue_link(short).await;
    let kept = IssueLink { lifetime: until(40 * DAY), ..stage.new_link(other, sec(1)) };
    let kept = stage.issue_link(kept).await;
    stage.act(other, Action::Expire, sec(4)).await;
    stage.act(other, Action::Resume, sec(5)).await;
    assert_eq!(purge(&stage, now).await.links, 1, "the link that is past keeping");
    let expired = Verdict::Refused(Refusal::InquiryExpired { at: sec(4) });
    assert_eq!(stage.redeem(kept, now).await, expired, "a link from before an expiry that is kept");
}

/// S3: an inquiry goes only by a retention of its own, after its end, its links and its sessions.
pub async fn an_inquiry_is_kept_for_its_own_retention<F: Fixture>(fixture: &F)
where
    F::Store: Housekeeping,
{
    let stage = Stage::new(fixture).await;
    let (ended, open) = (stage.inquiry().await, open_for_long(&stage).await);
    let link = stage.issue(ended, sec(1)).await;
    stage.use_first(link, sec(2)).await;
    stage.act(ended, Action::Expire, sec(10)).await;
    fixture.deliver(&stage.store).await;
    let with = |now, days: Option<i64>| Purge {
        inquiry_retention: days.map(|days| interval(days * DAY)),
        ..new_purge(now)
    };
    let far = sec(100 * DAY);
    let purged = purge_all(&stage, with(far, None)).await;
    assert_eq!(
        (purged.links, purged.sessions, purged.inquiries),
        (1, 1, 0),
        "without a retention of inquiries"
    );
    let due = sec(10 + 150 * DAY);
    purge_all(&stage, with(micros(due, -1), Some(150))).await;
    assert!(stage.find(ended).await.is_some(), "an inquiry was purged before its retention had run");
    let purged = purge_all(&stage, with(late(due), Some(150))).await;
    assert_eq!(purged.inquiries, 1, "an inquiry whose retention has run");
    assert_eq!(stage.find(ended).await, None, "an inquiry that was purged was found");
    assert!(stage.find(open).await.is_some(), "an inquiry that never ended was purged");

    // Its links are kept longer than itself, so it waits for them.
    let ended = stage.inquiry().await;
    stage.issue(ended, sec(1)).await;
    stage.act(ended, Action::Expire, sec(10)).await;
    fixture.deliver(&stage.store).await;
    let early = micros(sec(1 + LINK + RETENTION), -1);
    let purged = purge_all(&stage, with(early, Some(1))).await;
    assert_eq!(purged, Purged::default(), "an inquiry was purged before its link");
    assert!(stage.find(ended).await.is_some(), "an inquiry was purged before its link");
}

/// S3: an inquiry that is made again under an id that was purged revives no code, claim or session of the earlier one.
pub async fn a_remade_inquiry_revives_nothing<F: Fixture>(fixture: &F)
where
    F::Store: Housekeeping,
{
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let (unused, claimed) = (stage.issue(inquiry, sec(1)).await, stage.issue(inquiry, sec(1)).await);
    let held = stage.claim(claimed, sec(2)).await;
    let session = stage.start(inquiry, sec(2)).await;
    stage.act(inquiry, Action::Expire, sec(3)).await;
    fixture.deliver(&stage.store).await;
    let command = Purge { inquiry_retention: Some(interval(DAY)), ..new_purge(sec(100 * DAY)) };
    purge_all(&stage, command).await;
    let now = sec(4);
    let outcome = stage.create(stage.new_inquiry(inquiry, policy(), now)).await;
    assert!(matches!(outcome, CreateOutcome::Created(_)), "the id of a purged inquiry is taken: {outcome:?}");
    let found = stage.store.redeem(stage.new_redeem(unused.digest, now)).await.expect("the store failed");
    assert_eq!(found, None, "a re-made inquiry revived a link");
    let found = stage.store.commit(stage.new_commit(&held, now)).await.expect("the store failed");
    assert_eq!(found, None, "a re-made inquiry revived a claim");
    assert_eq!(stage.find_session(inquiry, session).await, None, "a re-made inquiry revived a session");
    let all = stage.all(inquiry).await;
    assert_eq!(
        (all.links.len(), all.sessions.len(), all.inquiry.last_sequence),
        (0, 0, 1),
        "a re-made inquiry"
    );
    let new = stage.issue(inquiry, now).await;
    assert_eq!(stage.redeem(new, now).await, Verdict::FirstUse, "a link of a re-made inquiry");
}

/// S3, S6: a purge of all tenants stops at its limit, says so, and the next one goes on.
pub async fn a_purge_stops_at_its_limit<F: Fixture>(fixture: &F)
where
    F::Store: Housekeeping,
{
    let stage = Stage::new(fixture).await;
    for tenant in ["one", "two"] {
        let stage = stage.tenant(tenant);
        let inquiry = open_for_long(&stage).await;
        for _ in 0..4 {
            stage.issue(inquiry, sec(1)).await;
        }
    }
    let command = Purge { limit: 3, ..new_purge(late(sec(1 + LINK + RETENTION))) };
    let mut links = 0;
    for _ in 0..20 {
        let purged = stage.store.purge(command).await.expect("the store failed to purge");
        assert!(
            purged.links + purged.sessions + purged.inquiries <= 3,
            "a purge removed more than its limit"
        );
        links += purged.links;
        assert!(purged.more || links == 8, "a purge left some and said it did not");
        if !purged.more {
            break;
        }
    }
    assert_eq!(links, 8, "the links that were purged, a few at a time");
    // Nothing is that old yet, and nothing wraps.
    let young = Purge { now: Timestamp::MIN, ..command };
    assert_eq!(
        stage.store.purge(young).await.expect("the store failed"),
        Purged::default(),
        "a purge in 1970"
    );
}

/// T6, S3, D1: a purge takes no link in the middle of its redemption: whoever commits in time gets in, and is kept.
pub async fn a_purge_takes_nothing_in_the_middle<F: Fixture>(fixture: &F)
where
    F::Store: Housekeeping,
{
    let stage = Stage::new(fixture).await;
    let now = late(sec(1 + LINK + RETENTION));
    for _ in 0..8 {
        let mut held = Vec::new();
        for _ in 0..6 {
            let inquiry = open_for_long(&stage).await;
            held.push(claim_until(&stage, inquiry, micros(now, 1)).await);
            // What is really past keeping, so that there is something to remove beside them.
            stage.issue(inquiry, sec(1)).await;
        }
        let claims = held.clone();
        let racers = stage.clone();
        let verdicts = race(8, move |n| {
            let stage = racers.clone();
            let claim = claims.get(n).copied();
            async move {
                if let Some(held) = claim {
                    let committed = stage.store.commit(stage.new_commit(&held, now)).await;
                    return committed.expect("the store failed to commit").map(|attempted| attempted.verdict);
                }
                purge(&stage, now).await;
                purge(&stage, now).await;
                Some(Verdict::FirstUse)
            }
        })
        .await;
        assert_eq!(verdicts, [Some(Verdict::FirstUse); 8], "commits during a purge");
        for held in held {
            let view = stage.view(held.link).await;
            let whole = matches!(view.link.state, LinkState::Used(_)) && view.session.is_some();
            assert!(whole, "a purge tore apart what was redeemed meanwhile: {view:?}");
        }
    }
}

fn late(due: Timestamp) -> Timestamp {
    due.plus(interval(LATE))
}

/// A purge that keeps inquiries for ever.
fn new_purge(now: Timestamp) -> Purge {
    let retention: Interval = interval(RETENTION);
    Purge {
        now,
        retention,
        inquiry_retention: None,
        repeats_after: now.minus(interval(REPEAT)),
        limit: 1_000,
    }
}

async fn purge<S: LinkStore + Housekeeping + 'static>(stage: &Stage<S>, now: Timestamp) -> Purged {
    purge_all(stage, new_purge(now)).await
}

/// Purges until there is nothing left to purge: what goes may set free what it kept.
async fn purge_all<S: LinkStore + Housekeeping + 'static>(stage: &Stage<S>, command: Purge) -> Purged {
    let mut all = Purged::default();
    for _ in 0..10_000 {
        let purged = stage.store.purge(command).await.expect("the store failed to purge");
        all.links += purged.links;
        all.sessions += purged.sessions;
        all.inquiries += purged.inquiries;
        if !purged.more {
            return all;
        }
    }
    panic!("purges of a few records went on for ever")
}

/// An inquiry that is open for 200 days, whose links live as long as ever.
async fn open_for_long<S: LinkStore + 'static>(stage: &Stage<S>) -> InquiryId {
    stage.inquiry_with(policy().with_after_create(interval(200 * DAY)), sec(0)).await
}

async fn claim_until<S: LinkStore + 'static>(stage: &Stage<S>, inquiry: InquiryId, until: Timestamp) -> Held {
    let link = stage.issue(inquiry, sec(1)).await;
    let (claim, held) = stage.new_claim(link, sec(2));
    let claim = Redeem { mode: Mode::Claim { token: held.token, until }, ..claim };
    assert_eq!(stage.redeem_as(claim).await.verdict, Verdict::Claimed, "a good link could not be claimed");
    Held { until, ..held }
}

/// A link whose session is not live any more, so that it is not that which keeps the link.
async fn used_and_revoked<S: LinkStore + 'static>(stage: &Stage<S>, inquiry: InquiryId) -> Link {
    let link = stage.issue(inquiry, sec(1)).await;
    let session = stage.use_first(link, sec(2)).await;
    stage.revoke(inquiry, Revocation::Session(session), sec(3)).await;
    link
}
