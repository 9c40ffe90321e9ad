//! What happened: one event for each change, to the sink and to the outbox.

use std::collections::{HashMap, HashSet};

use inquiry_otl::{
    Action, Attempt, Event, EventId, EventKind, ExpirationPolicy, Expiry, Grace, InquiryId, LinkId,
    LinkRequest, Purpose, Refusal, Revocation, SessionId, Timestamp, UnknownWord,
    event::{EventColumns, Recorded, UnknownEvent},
    inquiry::EpochEnd,
    store::{Delivery, Outbox},
};

use crate::support::{ATTEMPT, World, attempt, seconds};

async fn outbox(world: &World) -> Vec<Event> {
    let deliveries = world.store.pending(None, u32::MAX).await.unwrap();
    deliveries.into_iter().map(|delivery| delivery.event).collect()
}

/// V1: each action on an inquiry is told once, under its name.
#[tokio::test]
async fn each_action_is_told_once_under_its_name() {
    let world = World::new();
    let id = world.created().await;
    assert_eq!(world.sink.names(), ["inquiry.created"]);
    for (action, name) in [
        (Action::Start, "inquiry.started"),
        (Action::Expire, "inquiry.expired"),
        (Action::Resume, "inquiry.resumed"),
        (Action::Complete, "inquiry.completed"),
        (Action::MarkForReview, "inquiry.marked-for-review"),
        (Action::Approve, "inquiry.approved"),
        (Action::Decline, "inquiry.declined"),
        (Action::Redact, "inquiry.redacted"),
    ] {
        world.service.change(id, action).await.unwrap();
        assert_eq!(world.sink.names(), [name]);
        // An error is no change.
        world.service.change(id, Action::Start).await.unwrap_err();
        assert!(world.sink.take().is_empty());
    }
    let other = world.pending().await;
    world.sink.take();
    world.service.fail(other).await.unwrap();
    assert_eq!(world.sink.names(), ["inquiry.failed"]);
}

/// V1: each call about a link is told once, under its name, and what is no change is not told as one.
#[tokio::test]
async fn each_call_about_a_link_is_told_once_under_its_name() {
    let policy = ExpirationPolicy::default().with_grace(Grace::persona());
    let world = World::with(|b| b.policy(policy).keyring(inquiry_otl::Keyring::new(crate::support::key(1))));
    let id = world.pending().await;
    world.sink.take();
    let link = world.link(id).await;
    assert_eq!(world.sink.names(), ["one-time-link.created"]);
    world.link(id).await;
    assert_eq!(world.sink.names(), ["one-time-link.reused"]);
    let text = link.url.expose();
    world.service.peek(text, &Attempt::new()).await.unwrap();
    assert_eq!(world.sink.names(), ["one-time-link.peeked"]);
    world.service.diagnose(text).await.unwrap();
    let claim = world.claim(&link).await;
    world.service.release(&claim).await.unwrap();
    assert!(world.sink.take().is_empty());
    let grant = world.service.redeem(text, &attempt(ATTEMPT)).await.unwrap();
    let session = crate::support::granted(grant).session.id;
    let told = world.sink.take();
    assert_eq!(told[0].kind, EventKind::LinkRedeemed { link: link.id, session });
    assert_eq!(told.len(), 1);
    world.grant(&link).await;
    let told = world.sink.take();
    assert_eq!(told[0].kind, EventKind::LinkReplayed { link: link.id, session, number: 1 });
    assert_eq!(told.len(), 1);
    let _ = world.service.redeem(text, &attempt(ATTEMPT)).await.unwrap();
    assert!(world.sink.take().is_empty());
    let new = world.link(id).await;
    assert_eq!(world.sink.names(), ["one-time-link.superseded", "one-time-link.created"]);
    let _ = world.redeem(&link).await;
    assert_eq!(world.sink.names(), ["one-time-link.refused"]);
    let _ = world.service.claim(text, &Attempt::new()).await.unwrap();
    assert_eq!(world.sink.names(), ["one-time-link.refused"]);
    for target in
        [Revocation::Link(new.id), Revocation::Session(session), Revocation::AllLinks, Revocation::Everything]
    {
        world.service.revoke(id, target).await.unwrap();
        assert_eq!(world.sink.take()[0].kind, EventKind::LinkRevoked { revoked: target });
    }
    world.service.revoke(id, Revocation::Link(new.id)).await.unwrap();
    assert!(world.sink.take().is_empty());
}

/// V1: a store tells whether anything happened, and how much.
#[test]
fn what_happened_is_counted() {
    let world = World::new();
    let event = EventId::from_u128(0);
    let started = Some(EventKind::InquiryStarted);
    for (kinds, count) in [([None, None], 0), ([started, None], 1), ([started, started], 2)] {
        let recorded = Recorded::new(event, 1, world.now(), kinds);
        assert_eq!((recorded.is_empty(), recorded.count()), (count == 0, count));
    }
    assert!(Recorded::none(event, world.now()).is_empty());
}

/// V1, S1: a session without a link is counted and is no event.
#[tokio::test]
async fn a_session_without_a_link_is_no_event() {
    let world = World::new();
    let id = world.created().await;
    world.sink.take();
    world.service.start_session(id).await.unwrap();
    assert!(world.sink.take().is_empty());
}

/// V1, D3: peeks and refusals go to the sink alone, without a number: a flood of guesses writes nothing.
#[tokio::test]
async fn peeks_and_refusals_go_to_the_sink_alone() {
    let world = World::new();
    let id = world.created().await;
    let link = world.link(id).await;
    world.grant(&link).await;
    let before = outbox(&world).await;
    let record = world.record(id).await;
    world.sink.take();
    for _ in 0..3 {
        let _ = world.redeem(&link).await;
        world.service.peek(link.url.expose(), &Attempt::new()).await.unwrap();
        let _ = world.service.redeem("no code", &Attempt::new()).await.unwrap();
    }
    world.service.peek("no code", &Attempt::new()).await.unwrap();
    let told = world.sink.take();
    assert_eq!(told.len(), 10);
    assert!(told.iter().all(|event| event.sequence.is_none()));
    let used = Refusal::Used { first_at: world.now() };
    let refused = EventKind::LinkRefused { link: Some(link.id), refusal: used };
    assert_eq!((told[0].kind, told[0].inquiry), (refused, Some(id)));
    let in_vain = EventKind::LinkPeeked { link: Some(link.id), refusal: Some(used) };
    assert_eq!((told[1].kind, told[1].inquiry), (in_vain, Some(id)));
    let mangled = EventKind::LinkRefused { link: None, refusal: Refusal::Mangled };
    assert_eq!((told[2].kind, told[2].inquiry), (mangled, None));
    let in_vain = EventKind::LinkPeeked { link: None, refusal: Some(Refusal::Mangled) };
    assert_eq!((told[9].kind, told[9].inquiry), (in_vain, None));
    assert_eq!(outbox(&world).await, before);
    assert_eq!(world.record(id).await, record);
}

/// A story of everything that is durable, on two inquiries.
async fn durable(world: &World) -> [InquiryId; 2] {
    let (one, two) = (world.created().await, world.pending().await);
    for id in [one, two] {
        let link = world.link(id).await;
        world.grant(&link).await;
        world.grant(&link).await;
        world.link(id).await;
        world.service.revoke(id, Revocation::AllLinks).await.unwrap();
    }
    world.advance(seconds(86_400));
    world.service.redact(one).await.unwrap();
    world.service.resume(two).await.unwrap();
    world.service.complete(two).await.unwrap();
    [one, two]
}

/// V1: what is durable has a number for each inquiry, without a gap, an id of its own, and is in the outbox as told.
#[tokio::test]
async fn durable_events_are_numbered_without_a_gap() {
    let world = World::policy(ExpirationPolicy::default().with_grace(Grace::persona()));
    let inquiries = durable(&world).await;
    let told = world.sink.take();
    let kept = outbox(&world).await;
    assert_eq!(told.len(), kept.len());
    for id in inquiries {
        let of = |events: &[Event]| {
            events.iter().filter(|event| event.inquiry == Some(id)).cloned().collect::<Vec<_>>()
        };
        assert_eq!(of(&told), of(&kept));
        let numbers: Vec<u64> = of(&told).iter().map(|event| event.sequence.unwrap()).collect();
        assert_eq!(numbers, (1..=numbers.len() as u64).collect::<Vec<_>>());
        assert_eq!(world.record(id).await.last_sequence, numbers.len() as u64);
    }
    assert_eq!(told.iter().map(|event| event.id).collect::<HashSet<_>>().len(), told.len());
}

/// V1: the outbox delivers until it is acknowledged, page by page, the events of an inquiry in their order.
#[tokio::test]
async fn the_outbox_delivers_until_acknowledged() {
    let world = World::policy(ExpirationPolicy::default().with_grace(Grace::persona()));
    durable(&world).await;
    let all = world.store.pending(None, u32::MAX).await.unwrap();
    assert_eq!(world.store.pending(None, u32::MAX).await.unwrap(), all);
    let (mut paged, mut after) = (Vec::<Delivery>::new(), None);
    loop {
        let page = world.store.pending(after, 3).await.unwrap();
        assert!(page.len() <= 3);
        let Some(last) = page.last() else { break };
        after = Some(last.receipt.clone());
        paged.extend(page);
    }
    assert_eq!(paged, all);
    let mut last = HashMap::new();
    for Delivery { event, .. } in &all {
        let before = last.insert(event.inquiry, event.sequence);
        assert!(before < Some(event.sequence));
    }
    let receipts: Vec<_> = all.iter().step_by(2).map(|delivery| delivery.receipt.clone()).collect();
    assert_eq!(receipts[0].to_string(), receipts[0].as_str());
    let count = receipts.len() as u64;
    assert_eq!(world.store.acknowledge(receipts.clone()).await.unwrap(), count);
    assert_eq!(world.store.acknowledge(receipts).await.unwrap(), 0);
    let rest: Vec<_> = all.iter().skip(1).step_by(2).cloned().collect();
    assert_eq!(world.store.pending(None, u32::MAX).await.unwrap(), rest);
}

/// V1: a store without an outbox keeps no event; the sink is told all the same.
#[tokio::test]
async fn without_an_outbox_no_event_is_kept() {
    let store = std::sync::Arc::new(inquiry_otl::MemoryStore::new());
    let sink = crate::support::Recorder::default();
    let service = inquiry_otl::Service::builder(store.clone()).event_sink(sink.sink()).build().unwrap();
    let id = service.create(crate::support::new_inquiry()).await.unwrap().id;
    service.issue(LinkRequest::resume(id)).await.unwrap();
    assert_eq!(sink.names(), ["inquiry.created", "one-time-link.created"]);
    assert!(store.pending(None, u32::MAX).await.unwrap().is_empty());
}

/// V1, E8: a receipt that this store never gave, also one past every place, is answered.
#[tokio::test]
async fn a_receipt_past_every_place_is_answered() {
    let world = World::new();
    world.created().await;
    let last = inquiry_otl::store::Receipt::new("4294967295-0");
    assert!(world.store.pending(Some(last.clone()), u32::MAX).await.unwrap().is_empty());
    assert_eq!(world.store.acknowledge(vec![last]).await.unwrap(), 0);
}

/// V1: every durable event is kept as flat columns and read back; what only passes has none.
#[test]
fn a_durable_event_is_kept_as_columns() {
    let (link, session) = (LinkId::from_u128(7), SessionId::from_u128(8));
    let at = Timestamp::MAX;
    let revoked =
        [Revocation::Link(link), Revocation::Session(session), Revocation::AllLinks, Revocation::Everything];
    let causes = [Expiry::Deadline, Expiry::Requested, Expiry::SessionLimit];
    let purposes = [Purpose::Resume, Purpose::DeviceHandoff];
    let durable = [
        EventKind::InquiryCreated,
        EventKind::InquiryStarted,
        EventKind::InquiryCompleted,
        EventKind::InquiryFailed,
        EventKind::InquiryResumed { expires_at: at },
        EventKind::InquiryApproved,
        EventKind::InquiryMarkedForReview,
        EventKind::InquiryDeclined,
        EventKind::InquiryRedacted,
        EventKind::LinkReused { link },
        EventKind::LinkRedeemed { link, session },
        EventKind::LinkReplayed { link, session, number: 3 },
    ]
    .into_iter()
    .chain(causes.map(|cause| EventKind::InquiryExpired { cause, expired_at: at }))
    .chain(purposes.map(|purpose| EventKind::LinkCreated { link, purpose, expires_at: at }))
    .chain(purposes.map(|purpose| EventKind::LinkSuperseded { purpose, by: link }))
    .chain(revoked.map(|revoked| EventKind::LinkRevoked { revoked }));
    for kind in durable {
        let columns = kind.columns().unwrap();
        assert_eq!(columns.name, kind.name());
        assert_eq!(EventKind::try_from(columns), Ok(kind));
        let other = EventColumns { name: "inquiry.renamed", ..columns };
        assert_eq!(EventKind::try_from(other), Err(UnknownEvent));
        let bare = EventColumns { name: columns.name, ..EventColumns::default() };
        assert_eq!(EventKind::try_from(bare).is_ok(), columns == bare, "{kind:?} without what it tells");
    }
    let revoked =
        EventColumns { name: "one-time-link.revoked", word: Some("in part"), ..EventColumns::default() };
    assert_eq!(EventKind::try_from(revoked), Err(UnknownEvent));
    assert_eq!(EventKind::LinkPeeked { link: Some(link), refusal: None }.columns(), None);
    assert_eq!(EventKind::LinkRefused { link: None, refusal: Refusal::Unknown }.columns(), None);
}

/// L7: the words by which a store keeps what it keeps are read back, and no other is taken.
#[test]
fn words_are_read_back() {
    let ends = [
        EpochEnd::Expired(Expiry::Deadline),
        EpochEnd::Expired(Expiry::Requested),
        EpochEnd::Expired(Expiry::SessionLimit),
        EpochEnd::Completed,
        EpochEnd::Failed,
        EpochEnd::Redacted,
        EpochEnd::Revoked,
    ];
    for end in ends {
        assert_eq!(end.as_str().parse(), Ok(end));
    }
    for purpose in [Purpose::Resume, Purpose::DeviceHandoff] {
        assert_eq!(purpose.as_str().parse(), Ok(purpose));
    }
    assert_eq!("Resume".parse::<Purpose>(), Err(UnknownWord));
    assert_eq!("expired".parse::<EpochEnd>(), Err(UnknownWord));
    assert_eq!("".parse::<Expiry>(), Err(UnknownWord));
}
