//! Revoking a link, a session, all links, everything (L6).

use super::{
    Fixture,
    stage::{Link, Stage, sec},
};
use crate::{
    event::{EventKind, Revocation},
    id::{InquiryId, SessionId},
    inquiry::Action,
    redemption::{Refusal, Verdict},
    store::{LinkStore, RevokeOutcome},
};

/// L6: a revoked link is dead; its session and the other links go on.
pub async fn one_link_is_revoked<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let Scene { inquiry, used, unused, other, session } = scene(&stage).await;
    revoked(&stage, inquiry, Revocation::Link(unused.id)).await;
    revoked(&stage, inquiry, Revocation::Link(used.id)).await;
    for link in [unused, used] {
        let dead = Verdict::Refused(Refusal::Revoked { at: sec(4) });
        assert_eq!(stage.redeem(link, sec(5)).await, dead, "a revoked link");
        assert_eq!(stage.view(link).await.link.revoked_at, Some(sec(4)), "when a link was revoked");
    }
    assert!(
        stage.is_live(inquiry, session, sec(5)).await,
        "revoking a link killed the session that it started"
    );
    assert_eq!(stage.redeem(other, sec(5)).await, Verdict::FirstUse, "another link");
}

/// L6, D7: a revoked session is dead; links and other sessions go on.
pub async fn one_session_is_revoked<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let Scene { inquiry, unused, session, .. } = scene(&stage).await;
    let other = stage.start(inquiry, sec(3)).await;
    revoked(&stage, inquiry, Revocation::Session(session)).await;
    assert!(!stage.is_live(inquiry, session, sec(5)).await, "a revoked session is live");
    let record = stage.session(inquiry, session).await.session;
    assert_eq!(record.revoked_at, Some(sec(4)), "when a session was revoked");
    assert!(stage.is_live(inquiry, other, sec(5)).await, "revoking a session killed another");
    assert_eq!(stage.redeem(unused, sec(5)).await, Verdict::FirstUse, "a link after a session was revoked");
}

/// L6: all links are dead, of both purposes; the sessions go on, and new links are good.
pub async fn all_links_are_revoked<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let Scene { inquiry, used, unused, other, session } = scene(&stage).await;
    revoked(&stage, inquiry, Revocation::AllLinks).await;
    for link in [used, unused, other] {
        let dead = Verdict::Refused(Refusal::Revoked { at: sec(4) });
        assert_eq!(stage.redeem(link, sec(5)).await, dead, "a link after all were revoked");
    }
    assert!(stage.is_live(inquiry, session, sec(5)).await, "revoking all links killed a session");
    let new = stage.issue(inquiry, sec(5)).await;
    assert_eq!(stage.redeem(new, sec(6)).await, Verdict::FirstUse, "a link from after the revocation");
}

/// L6, L4: links and sessions are dead, the inquiry is open, and new ones are good.
pub async fn everything_is_revoked<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let Scene { inquiry, used, unused, other, session } = scene(&stage).await;
    let before = stage.record(inquiry).await;
    let outcome = stage.revoke(inquiry, Revocation::Everything, sec(4)).await;
    assert!(matches!(outcome, RevokeOutcome::Revoked(_)), "revoking everything came to {outcome:?}");
    for link in [used, unused, other] {
        let dead = Verdict::Refused(Refusal::Revoked { at: sec(4) });
        assert_eq!(stage.redeem(link, sec(5)).await, dead, "a link after everything was revoked");
    }
    assert!(!stage.is_live(inquiry, session, sec(5)).await, "a session is live after everything was revoked");
    let after = stage.record(inquiry).await;
    assert_eq!(
        (after.version, &after.inquiry),
        (before.version, &before.inquiry),
        "the inquiry itself goes on"
    );
    let new = stage.issue(inquiry, sec(5)).await;
    let new = stage.use_first(new, sec(6)).await;
    assert!(stage.is_live(inquiry, new, sec(7)).await, "a session from after the revocation");
}

/// L6: what is not there is not found, and nothing is written.
pub async fn what_is_unknown_is_not_revoked<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let Scene { inquiry, used, session, .. } = scene(&stage).await;
    let elsewhere = stage.inquiry().await;
    let before = (stage.all(inquiry).await, stage.all(elsewhere).await);
    for (inquiry, target) in [
        (inquiry, Revocation::Link(stage.new_link_id())),
        (inquiry, Revocation::Session(stage.new_session_id())),
        (elsewhere, Revocation::Link(used.id)),
        (elsewhere, Revocation::Session(session)),
        (stage.new_inquiry_id(), Revocation::AllLinks),
        (stage.new_inquiry_id(), Revocation::Everything),
    ] {
        let outcome = stage.revoke(inquiry, target, sec(4)).await;
        let nothing = matches!(&outcome, RevokeOutcome::NotFound(events) if events.is_empty());
        assert!(nothing, "revoking {target:?}, which is not there, came to {outcome:?}");
    }
    let after = (stage.all(inquiry).await, stage.all(elsewhere).await);
    assert_eq!(after, before, "a revocation that found nothing changed something");
}

/// L6, L4: what is dead already stays as it is, also its reason.
pub async fn what_ended_is_not_revoked<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let Scene { inquiry, unused, .. } = scene(&stage).await;
    stage.act(inquiry, Action::Expire, sec(3)).await;
    let outcome = stage.revoke(inquiry, Revocation::Everything, sec(4)).await;
    let already = matches!(&outcome, RevokeOutcome::Already(events) if events.is_empty());
    assert!(already, "revoking everything of an expired inquiry came to {outcome:?}");
    let gone = Verdict::Refused(Refusal::InquiryExpired { at: sec(3) });
    assert_eq!(
        stage.redeem(unused, sec(5)).await,
        gone,
        "a link that was dead before everything was revoked"
    );
}

/// Revokes twice: the first is one event, the second none.
async fn revoked<S: LinkStore + 'static>(stage: &Stage<S>, inquiry: InquiryId, target: Revocation) {
    let before = stage.record(inquiry).await.last_sequence;
    let command = stage.new_revoke(inquiry, target, sec(4));
    let outcome = stage.store.revoke(command).await.expect("the store failed to revoke");
    let RevokeOutcome::Revoked(events) = outcome else {
        panic!("revoking {target:?} came to {outcome:?}");
    };
    let events = stage.events(inquiry, &events);
    assert_eq!(events.len(), 1, "a revocation is one event");
    let kind = EventKind::LinkRevoked { revoked: target };
    assert_eq!((events[0].id, events[0].kind), (command.event, kind), "the event of a revocation");
    assert_eq!((events[0].sequence, events[0].at), (Some(before + 1), sec(4)), "its number and its instant");
    let first = stage.all(inquiry).await;
    assert_eq!(first.inquiry.last_sequence, before + 1, "a revocation counts its event");
    let outcome = stage.revoke(inquiry, target, sec(5)).await;
    let already = matches!(&outcome, RevokeOutcome::Already(events) if events.is_empty());
    assert!(already, "revoking {target:?} again came to {outcome:?}");
    assert_eq!(stage.all(inquiry).await, first, "revoking {target:?} again changed something");
}

/// An inquiry with a used link and its session, and two unused links, one of which hands that session off.
struct Scene {
    inquiry: InquiryId,
    used: Link,
    unused: Link,
    other: Link,
    session: SessionId,
}

async fn scene<S: LinkStore + 'static>(stage: &Stage<S>) -> Scene {
    let inquiry = stage.inquiry().await;
    let used = stage.issue(inquiry, sec(1)).await;
    let unused = stage.issue(inquiry, sec(1)).await;
    let session = stage.use_first(used, sec(2)).await;
    let mut handoff = stage.new_link(inquiry, sec(2));
    (handoff.purpose, handoff.parent) = (crate::Purpose::DeviceHandoff, Some(session));
    let other = stage.issue_link(handoff).await;
    Scene { inquiry, used, unused, other, session }
}
