//! Sessions without a link, listings and inspections (D7, E6, D3, L7).

use std::num::NonZeroU32;

use super::{
    Fixture,
    stage::{AFTER_RESUME, DEADLINE, Link, Stage, micros, policy, sec},
};
use crate::{
    event::EventKind,
    inquiry::{Action, Expiry, Status},
    link::Purpose,
    record::{SessionRecord, TokenDigests},
    session::{NotOpen, SessionRefusal},
    store::{LinkName, LinkStore, ListOf},
};

/// D7: a session is kept as it was started, without an event, and is the one that is found.
pub async fn a_session_is_started<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let before = stage.all(inquiry).await;
    let command = stage.new_start(inquiry, micros(sec(3), 5));
    let started = stage.start_as(command).await;
    assert!(started.events.is_empty(), "starting a session without a link is no event");
    let answered = started.session.expect("a session of an open inquiry was refused");
    let session = SessionRecord {
        tenant: stage.tenant,
        id: command.session,
        inquiry,
        link: None,
        epoch: before.inquiry.epoch,
        started_at: command.now,
        expires_at: sec(DEADLINE),
        revoked_at: None,
        tokens: TokenDigests::new(command.token),
    };
    let after = stage.all(inquiry).await;
    assert_eq!((answered.id, answered.link, answered.live), (session.id, None, true), "the session answered");
    assert_eq!(
        (answered.started_at, answered.expires_at),
        (session.started_at, session.expires_at),
        "its life"
    );
    assert_eq!(stage.session(inquiry, session.id).await.session, session, "the session that is found");
    assert_eq!(stage.session(inquiry, session.id).await.inquiry, after.inquiry, "and its inquiry");
    let mut expected = before;
    expected.inquiry.sessions_started += 1;
    expected.sessions.push(session);
    assert_eq!(after, expected, "a session writes itself and its count, and nothing else");
    let unknown = stage.find_session(inquiry, stage.new_session_id()).await;
    assert_eq!(unknown, None, "a session that was never started was found");
    let found = stage.store.start_session(stage.new_start(stage.new_inquiry_id(), sec(3))).await;
    assert_eq!(found.expect("the store failed"), None, "a session of an inquiry that is not there");
}

/// E6: a session too many is refused and expires the inquiry.
pub async fn a_session_too_many_expires_the_inquiry<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let two = policy().with_session_limit(NonZeroU32::MIN.saturating_add(1));
    let inquiry = stage.inquiry_with(two, sec(0)).await;
    stage.start(inquiry, sec(1)).await;
    stage.start(inquiry, sec(1)).await;
    let before = stage.record(inquiry).await;
    let started = stage.start_as(stage.new_start(inquiry, sec(2))).await;
    assert_eq!(started.session, Err(SessionRefusal::SessionLimit { limit: 2 }), "a session too many");
    let kinds: Vec<_> = stage.events(inquiry, &started.events).iter().map(|event| event.kind).collect();
    let expired = EventKind::InquiryExpired { cause: Expiry::SessionLimit, expired_at: sec(2) };
    assert_eq!(kinds, [expired], "the event of a session too many");
    let after = stage.record(inquiry).await;
    assert_eq!((after.inquiry.status, after.version), (Status::Expired, before.version + 1), "the inquiry");
    assert_eq!(after.last_sequence, before.last_sequence + 1, "the expiry was not counted");
    assert_eq!(stage.list_sessions(inquiry, None, 9).await.items.len(), 2, "the session too many was kept");
    let again = stage.start_as(stage.new_start(inquiry, sec(3))).await;
    let expired = SessionRefusal::NotOpen(NotOpen::Expired { at: sec(2) });
    assert_eq!(again.session, Err(expired), "and one more");
}

/// D7: a session lives until the deadline of its start, to the microsecond, and a later resume does not move that.
pub async fn a_session_keeps_its_deadline<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let link = stage.issue(inquiry, sec(1)).await;
    let sessions = [stage.use_first(link, sec(2)).await, stage.start(inquiry, sec(2)).await];
    stage.act(inquiry, Action::Resume, sec(3)).await;
    for session in sessions {
        let record = stage.session(inquiry, session).await.session;
        assert_eq!(record.expires_at, sec(DEADLINE), "a resume moved the end of a session");
        assert!(stage.is_live(inquiry, session, micros(sec(DEADLINE), -1)).await, "a session before its end");
        assert!(!stage.is_live(inquiry, session, sec(DEADLINE)).await, "a session at its end is live");
    }
    let later = stage.start(inquiry, sec(4)).await;
    let record = stage.session(inquiry, later).await.session;
    assert_eq!(record.expires_at, sec(3 + AFTER_RESUME), "a session lives until the deadline of its start");
}

/// D7, L1: an inquiry that is not open starts no session, and the answer says why.
pub async fn only_open_inquiries_start_sessions<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    for action in [Action::Complete, Action::Expire, Action::Redact] {
        let inquiry = stage.inquiry().await;
        stage.act(inquiry, Action::Start, sec(1)).await;
        stage.act(inquiry, action, sec(2)).await;
        let before = stage.all(inquiry).await;
        let expected = match action {
            Action::Expire => NotOpen::Expired { at: sec(2) },
            Action::Redact => NotOpen::Redacted,
            _ => NotOpen::Closed { status: Status::Completed },
        };
        let started = stage.start_as(stage.new_start(inquiry, sec(3))).await;
        assert_eq!(started.session, Err(SessionRefusal::NotOpen(expected)), "a session after {action:?}");
        assert!(started.events.is_empty(), "a session that was not started is no event");
        assert_eq!(stage.all(inquiry).await, before, "a session that was not started changed something");
    }
}

/// L7: links are listed newest first, by descending id, a page at a time, with the sessions they are judged by.
pub async fn links_are_listed_newest_first<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let elsewhere = stage.inquiry().await;
    let mut ids = Vec::new();
    for _ in 0..7 {
        ids.push(stage.issue(inquiry, sec(1)).await.id);
        stage.issue(elsewhere, sec(1)).await;
    }
    // One whose id is older than the others: ids decide, not the order of writing.
    let mut early = stage.new_link(inquiry, sec(1));
    early.link = crate::LinkId::from_u128(ids[0].as_u128() - (1 << 90));
    let used = stage.issue_link(early).await;
    ids.insert(0, used.id);
    let session = stage.use_first(used, sec(2)).await;
    let mut handoff = stage.new_link(inquiry, sec(3));
    (handoff.purpose, handoff.parent) = (Purpose::DeviceHandoff, Some(session));
    ids.push(stage.issue_link(handoff).await.id);
    ids.reverse();

    let all = stage.list_links(inquiry, None, 100).await;
    let listed: Vec<_> = all.items.iter().map(|listed| listed.link.id).collect();
    assert_eq!((&listed, all.more), (&ids, false), "the links of an inquiry");
    assert_eq!(all.inquiry, stage.record(inquiry).await, "the inquiry in a list");
    for item in &all.items {
        let link = Link { id: item.link.id, inquiry, digest: item.link.digest };
        let view = stage.view(link).await;
        assert_eq!(
            (&item.link, &item.session, &item.parent),
            (&view.link, &view.session, &view.parent),
            "a link in a list, and the same link inspected"
        );
    }
    assert_eq!(
        all.items[0].parent.as_ref().map(|parent| parent.id),
        Some(session),
        "the session of a hand-off"
    );
    let mut seen = Vec::new();
    let mut before = None;
    loop {
        let page = stage.list_links(inquiry, before, 4).await;
        assert_eq!(page.items.len(), (ids.len() - seen.len()).min(4), "how many are on a page");
        seen.extend(page.items.iter().map(|listed| listed.link.id));
        before = seen.last().copied();
        assert_eq!(page.more, seen.len() < ids.len(), "whether there are more behind {} links", seen.len());
        if !page.more {
            break;
        }
    }
    assert_eq!(seen, ids, "the links, page by page");
    let exact = stage.list_links(inquiry, None, 9).await;
    assert_eq!((exact.items.len(), exact.more), (9, false), "a page that ends with the last link");
    let unknown = ListOf { inquiry: stage.key(stage.new_inquiry_id()), before: None, limit: 9 };
    assert_eq!(stage.store.links(unknown).await.expect("the store failed"), None, "a list of no inquiry");
}

/// D7: sessions are listed newest first, by descending id, a page at a time.
pub async fn sessions_are_listed_newest_first<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let elsewhere = stage.inquiry().await;
    let mut ids = Vec::new();
    for _ in 0..5 {
        ids.push(stage.start(inquiry, sec(1)).await);
        stage.start(elsewhere, sec(1)).await;
    }
    let link = stage.issue(inquiry, sec(1)).await;
    ids.push(stage.use_first(link, sec(2)).await);
    ids.reverse();
    let first = stage.list_sessions(inquiry, None, 4).await;
    let listed: Vec<_> = first.items.iter().map(|session| session.id).collect();
    assert_eq!((&listed[..], first.more), (&ids[..4], true), "the first page of sessions");
    assert_eq!(first.inquiry, stage.record(inquiry).await, "the inquiry in a list");
    let second = stage.list_sessions(inquiry, listed.last().copied(), 4).await;
    let listed: Vec<_> = second.items.iter().map(|session| session.id).collect();
    assert_eq!((&listed[..], second.more), (&ids[4..], false), "the second page of sessions");
    for session in first.items.iter().chain(&second.items) {
        assert_eq!(stage.session(inquiry, session.id).await.session, *session, "a session in a list");
    }
    let unknown = ListOf { inquiry: stage.key(stage.new_inquiry_id()), before: None, limit: 9 };
    assert_eq!(stage.store.sessions(unknown).await.expect("the store failed"), None, "a list of no inquiry");
}

/// D3, D9: inspecting a link, by code or by id, shows the same and changes nothing.
pub async fn inspecting_changes_nothing<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    let inquiry = stage.inquiry().await;
    let (unused, used) = (stage.issue(inquiry, sec(1)).await, stage.issue(inquiry, sec(1)).await);
    let claimed = stage.issue(inquiry, sec(1)).await;
    stage.use_first(used, sec(2)).await;
    stage.claim(claimed, sec(2)).await;
    let before = stage.all(inquiry).await;
    for link in [unused, used, claimed] {
        let by_id = stage.view(link).await;
        let by_code = stage.inspect(LinkName::Digest(link.digest)).await;
        assert_eq!(by_code.as_ref(), Some(&by_id), "a link by its code, and by its id");
        assert_eq!(by_id.inquiry, before.inquiry, "the inquiry that is shown with a link");
        assert_eq!(by_id.session.is_some(), link == used, "the session that is shown with a link");
    }
    let elsewhere = stage.inquiry().await;
    let name = LinkName::Id(elsewhere, unused.id);
    assert_eq!(stage.inspect(name).await, None, "a link was found by its id within another inquiry");
    assert_eq!(stage.all(inquiry).await, before, "inspecting a link changed something");
}
