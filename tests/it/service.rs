//! Inquiries through the service: create, change, read, as of now.

use std::{
    num::NonZeroU32,
    sync::{Arc, Mutex},
};

use inquiry_otl::{
    Action, ChangeError, CreateError, Error, EventKind, ExpirationPolicy, Expiry, Inquiry, InquiryId,
    IssueError, LinkRequest, LinkView, MemoryStore, NotOpen, Purpose, ReadError, ReferenceId, Refusal, Retry,
    Service, Status, StoreError, StoreErrorKind, TemplateId, TransitionError,
    inquiry::EpochEnd,
    redemption::Redeem,
    store::{
        Attempted, ChangeInquiry, ChangeOutcome, CreateInquiry, CreateOutcome, InquiryKey, Inspect, LinkStore,
    },
};

use crate::{
    support::{World, inquiry_id, moved, new_inquiry, seconds},
    wrapper::{Twist, Twisted},
};

/// I1: an inquiry is found under the id that was given, or under one of its own, with all that it was given.
#[tokio::test]
async fn an_inquiry_is_created_once_under_its_id() {
    let world = World::new();
    let request = new_inquiry()
        .with_id(inquiry_id("inq_theirs"))
        .with_reference(ReferenceId::new("user 7").unwrap())
        .with_policy(ExpirationPolicy::default().with_after_create(seconds(9)));
    let made = world.service.create(request.clone()).await.unwrap();
    assert_eq!(made, world.service.inquiry(inquiry_id("inq_theirs")).await.unwrap());
    assert_eq!(made.template, TemplateId::new("itmpl_kyc").unwrap());
    assert_eq!(made.reference, ReferenceId::new("user 7").ok());
    assert_eq!((made.created_at, made.expires_at), (world.now(), world.now().plus(seconds(9))));
    assert!(matches!(world.service.create(request).await, Err(CreateError::Exists)));
    assert_eq!(made, world.service.inquiry(made.id).await.unwrap());

    let (one, other) = (world.created().await, world.created().await);
    assert_ne!(one, other);
    assert!(one.as_str().starts_with("inq_"));
    let nobody = inquiry_id("inq_nobody");
    assert!(matches!(world.service.inquiry(nobody).await, Err(ReadError::NotFound)));
    assert!(matches!(world.service.start(nobody).await, Err(ChangeError::NotFound)));
}

/// A store in which the first id that is drawn is taken.
struct Taken {
    store: Arc<MemoryStore>,
    asked: Arc<Mutex<Vec<InquiryId>>>,
}

impl Twist for Taken {
    fn inner(&self) -> &MemoryStore {
        &self.store
    }

    async fn create_inquiry(&self, command: CreateInquiry) -> Result<CreateOutcome, StoreError> {
        let is_first = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(command.inquiry.id);
            asked.len() == 1
        };
        if is_first { Ok(CreateOutcome::Exists) } else { self.store.create_inquiry(command).await }
    }
}

/// I1, S4: an id that was drawn and is taken is drawn anew; only one that the application named is an error.
#[tokio::test]
async fn an_id_that_is_taken_is_drawn_anew() {
    let world = World::new();
    let asked = Arc::new(Mutex::new(Vec::new()));
    let service = || Service::new(Twisted(Taken { store: world.store.clone(), asked: asked.clone() }));
    let made = service().create(new_inquiry()).await.unwrap();
    let ids = std::mem::take(&mut *asked.lock().unwrap());
    assert!(matches!(ids[..], [taken, free] if taken != free && free == made.id));
    let named = new_inquiry().with_id(inquiry_id("inq_theirs"));
    assert!(matches!(service().create(named).await, Err(CreateError::Exists)));
}

/// I3, R1: each method does what it is named after, and an error that names both statuses changes nothing.
#[tokio::test]
async fn each_method_is_its_action() {
    let world = World::new();
    let id = world.created().await;
    let error = world.service.complete(id).await.unwrap_err();
    assert_eq!(error.to_string(), "an inquiry that is created cannot become completed");
    assert_eq!(world.service.inquiry(id).await.unwrap().status, Status::Created);
    let record = world.record(id).await;
    assert_eq!(record.version, record.epoch.get());

    assert_eq!(world.service.start(id).await.unwrap().status, Status::Pending);
    assert_eq!(world.service.expire(id).await.unwrap().status, Status::Expired);
    assert_eq!(world.service.resume(id).await.unwrap().status, Status::Pending);
    assert_eq!(world.service.fail(id).await.unwrap().status, Status::Failed);
    for from in ["failed", "declined"] {
        let error = world.service.resume(id).await.unwrap_err();
        assert_eq!(error.to_string(), format!("an inquiry that is {from} cannot become pending"));
        assert_eq!(world.service.approve(id).await.unwrap().status, Status::Approved);
        assert_eq!(world.service.mark_for_review(id).await.unwrap().status, Status::NeedsReview);
        assert_eq!(world.service.decline(id).await.unwrap().status, Status::Declined);
    }
    let done = world.pending().await;
    assert_eq!(world.service.complete(done).await.unwrap().status, Status::Completed);
    assert!(world.service.resume(done).await.is_err());
}

/// I4: a redacted inquiry can be neither resumed nor linked to, before its deadline or after it.
#[tokio::test]
async fn a_redacted_inquiry_is_never_resumed_nor_linked_to() {
    for name in ["created", "pending", "expired"] {
        let world = World::new();
        let id = if name == "created" { world.created().await } else { world.pending().await };
        let session = world.service.start_session(id).await.unwrap().session.id;
        let link = world.link(id).await;
        if name == "expired" {
            world.service.expire(id).await.unwrap();
        }
        let redacted = world.service.redact(id).await.unwrap();
        assert_eq!((redacted.status.as_str(), redacted.redacted_at), (name, Some(world.now())));
        for _ in 0..2 {
            let error = world.service.resume(id).await;
            assert!(matches!(error, Err(ChangeError::Transition(TransitionError::Redacted))));
            let error = world.service.issue(LinkRequest::resume(id)).await;
            assert!(matches!(error, Err(IssueError::NotOpen(NotOpen::Redacted))));
            assert_eq!(
                world.refusal(&link).await,
                Refusal::InquiryRedacted { at: redacted.redacted_at.unwrap() }
            );
            assert!(!world.service.session(id, session).await.unwrap().live);
            world.advance(seconds(100_000));
        }
    }
}

/// I5, I6, L1: every read and decision is as of now, one microsecond before the deadline, at it, after it.
#[tokio::test]
async fn expiry_is_a_fact_of_time() {
    for micros in [-1, 0, 1] {
        let open = micros < 0;
        let world = World::new();
        let id = world.pending().await;
        let deadline = world.service.inquiry(id).await.unwrap().expires_at;
        let session = world.service.start_session(id).await.unwrap().session.id;
        let request = LinkRequest::resume(id).expires_in(seconds(1_000_000));
        let link = world.service.issue(request).await.unwrap();
        world.at(deadline, micros);

        assert_eq!(world.service.inquiry(id).await.unwrap().status == Status::Pending, open, "{micros}");
        assert_eq!(world.service.session(id, session).await.unwrap().live, open);
        let listed = &world.service.links(id, None, 1).await.unwrap()[0];
        assert_eq!(listed.refusal, (!open).then_some(Refusal::InquiryExpired { at: deadline }));
        // None of these reads wrote anything.
        assert_eq!(world.record(id).await.inquiry.status, Status::Pending);
        assert_eq!(world.service.issue(LinkRequest::resume(id)).await.is_ok(), open);
        if !open {
            assert_eq!(world.refusal(&link).await, Refusal::InquiryExpired { at: deadline });
        }
        assert_eq!(world.service.complete(id).await.is_ok(), open);
    }
}

/// I6: whichever write meets the expiry first makes it durable before its own effect: once.
#[tokio::test]
async fn the_first_write_makes_the_expiry_durable() {
    for write in ["issue", "redeem", "claim", "session", "revoke", "resume", "expire", "redact", "commit"] {
        let world = World::new();
        let id = world.pending().await;
        let link = world.link(id).await;
        let deadline = world.service.inquiry(id).await.unwrap().expires_at;
        world.at(deadline, -1);
        let claim = if write == "commit" { Some(world.claim(&link).await) } else { None };
        world.at(deadline, 5);
        let (epoch, version) = (world.record(id).await.epoch, world.record(id).await.version);
        world.sink.take();
        let (text, attempt) = (link.url.expose(), inquiry_otl::Attempt::new());
        match write {
            "issue" => drop(world.service.issue(LinkRequest::resume(id)).await.unwrap_err()),
            "redeem" => drop(world.service.redeem(text, &attempt).await.unwrap()),
            "claim" => drop(world.service.claim(text, &attempt).await.unwrap()),
            "session" => drop(world.service.start_session(id).await.unwrap_err()),
            "revoke" => {
                assert!(!world.service.revoke(id, inquiry_otl::Revocation::Everything).await.unwrap());
            }
            "resume" => drop(world.service.resume(id).await.unwrap()),
            "expire" => drop(world.service.expire(id).await.unwrap()),
            "redact" => drop(world.service.redact(id).await.unwrap()),
            _ => drop(world.service.commit(&claim.unwrap()).await.unwrap()),
        }
        let told = world.sink.take();
        let kind = EventKind::InquiryExpired { cause: Expiry::Deadline, expired_at: deadline };
        assert_eq!(told[0].kind, kind, "{write}");
        assert_eq!(told.iter().filter(|event| event.kind.name() == "inquiry.expired").count(), 1, "{write}");
        let record = world.record(id).await;
        assert_eq!(record.endings.epoch(epoch).unwrap().why, EpochEnd::Expired(Expiry::Deadline), "{write}");
        assert_eq!(record.endings.epoch(epoch).unwrap().at, deadline, "{write}");
        assert_eq!((record.epoch, record.version), (epoch.next(), version + 1), "{write}");
        if !matches!(write, "resume") {
            assert_eq!(record.inquiry.status, Status::Expired, "{write}");
            assert_eq!(record.inquiry.expired_at, Some(deadline), "{write}");
        }
        // Nobody announces it again.
        let _ = world.service.start_session(id).await;
        assert!(!world.sink.names().contains(&"inquiry.expired"), "{write}");
    }
}

/// E10, E4, E6: an inquiry keeps the policy that it was created with, whatever the service has now.
#[tokio::test]
async fn an_inquiry_keeps_its_policy() {
    let old = ExpirationPolicy::default()
        .with_after_start(seconds(111))
        .with_after_resume(seconds(222))
        .with_resume_link(seconds(33))
        .with_session_limit(NonZeroU32::MIN);
    let world = World::policy(old);
    let id = world.created().await;
    let new = ExpirationPolicy::default().with_after_start(seconds(7)).with_after_resume(seconds(7));
    let service = world.beside(|builder| builder.policy(new.with_resume_link(seconds(7))));
    assert_eq!(service.start(id).await.unwrap().expires_at, world.now().plus(seconds(111)));
    let link = service.issue(LinkRequest::resume(id)).await.unwrap();
    assert_eq!(link.expires_at, world.now().plus(seconds(33)));
    service.expire(id).await.unwrap();
    assert_eq!(service.resume(id).await.unwrap().expires_at, world.now().plus(seconds(222)));
    service.start_session(id).await.unwrap();
    assert!(service.start_session(id).await.is_err());
    assert_eq!(service.inquiry(id).await.unwrap().policy, old);
}

/// R3, R2: links and sessions from before an expiry stay dead after a resume, and the reason is still named.
#[tokio::test]
async fn what_expired_stays_dead_after_a_resume() {
    for by_time in [false, true] {
        let world = World::new();
        let id = world.pending().await;
        let session = world.service.start_session(id).await.unwrap();
        let link = world.link(id).await;
        if by_time {
            world.advance(seconds(86_400));
        } else {
            world.service.expire(id).await.unwrap();
        }
        let at = world.now();
        world.advance(seconds(60));
        world.service.resume(id).await.unwrap();
        for _ in 0..2 {
            assert_eq!(world.refusal(&link).await, Refusal::InquiryExpired { at });
            let seen = world.service.session(id, session.session.id).await.unwrap();
            assert!(!seen.live);
            let token = &session.token;
            assert!(world.service.authenticate(id, session.session.id, token).await.unwrap().is_none());
            // A second life changes nothing for what died in the first.
            world.service.expire(id).await.unwrap();
            world.service.resume(id).await.unwrap();
        }
    }
}

/// R3, L4: a resume of an open inquiry, and a start, leave epoch, links and sessions as they are.
#[tokio::test]
async fn a_start_and_a_resume_of_an_open_inquiry_kill_nothing() {
    let world = World::new();
    let id = world.created().await;
    let session = world.service.start_session(id).await.unwrap().session.id;
    let link = world.link(id).await;
    let epoch = world.record(id).await.epoch;
    world.service.start(id).await.unwrap();
    world.service.resume(id).await.unwrap();
    assert_eq!(world.record(id).await.epoch, epoch);
    assert!(world.service.session(id, session).await.unwrap().live);
    world.grant(&link).await;
}

/// L4, D2: whatever ends an inquiry kills all its links and sessions at once, used or not, of any purpose.
#[tokio::test]
async fn the_end_of_an_inquiry_kills_its_links_and_sessions() {
    for (action, reason) in [
        (Action::Complete, "inquiry-closed"),
        (Action::Fail, "inquiry-closed"),
        (Action::Expire, "inquiry-expired"),
        (Action::Redact, "inquiry-redacted"),
    ] {
        let policy = ExpirationPolicy::default().with_grace(inquiry_otl::Grace::persona());
        let world = World::policy(policy);
        let id = world.pending().await;
        let used = world.link(id).await;
        let session = world.grant(&used).await.session.id;
        let keep = |request: LinkRequest| request.on_outstanding(inquiry_otl::OnOutstanding::Keep);
        let unused = world.service.issue(keep(LinkRequest::resume(id))).await.unwrap();
        let handoff = world.service.issue(keep(LinkRequest::device_handoff(id, session))).await.unwrap();
        assert_eq!(handoff.purpose, Purpose::DeviceHandoff);
        let claimed = world.service.issue(keep(LinkRequest::resume(id))).await.unwrap();
        let claim = world.claim(&claimed).await;
        world.sink.take();
        world.service.change(id, action).await.unwrap();
        // They yield no event of their own.
        assert_eq!(world.sink.take().len(), 1);
        for link in [&used, &unused, &handoff, &claimed] {
            assert_eq!(world.refusal(link).await.name(), reason, "{action:?}");
        }
        let late = crate::support::refusal(world.service.commit(&claim).await.unwrap());
        assert_eq!(late.name(), reason, "{action:?}");
        assert!(!world.service.session(id, session).await.unwrap().live);
        assert_eq!(world.store.counts().links, 4);
    }
}

/// L4, D2: a closed inquiry names the status that closed it, also after a decision.
#[tokio::test]
async fn a_closed_inquiry_names_what_closed_it() {
    let world = World::new();
    let id = world.pending().await;
    let link = world.link(id).await;
    world.service.fail(id).await.unwrap();
    let at = Some(world.now());
    world.advance(seconds(1));
    world.service.approve(id).await.unwrap();
    assert_eq!(world.refusal(&link).await, Refusal::InquiryClosed { status: Status::Failed, at });
}

/// A store whose inquiries somebody else changes each time before this caller can.
struct Contended(Arc<MemoryStore>);

impl Twist for Contended {
    fn inner(&self) -> &MemoryStore {
        &self.0
    }

    async fn change_inquiry(&self, command: ChangeInquiry) -> Result<ChangeOutcome, StoreError> {
        let key = InquiryKey { tenant: command.tenant, inquiry: command.step.inquiry.id };
        let record = LinkStore::inquiry(&self.0, key).await?.unwrap();
        // A resume of an open inquiry is always allowed, and counts a version.
        let step = record.inquiry.after(Action::Resume, command.now).unwrap();
        let faster = ChangeInquiry { step, if_version: record.version, ..command.clone() };
        LinkStore::change_inquiry(&self.0, faster).await?;
        LinkStore::change_inquiry(&self.0, command).await
    }
}

/// S1, I3: a change that others were faster than is computed anew, and given up as such in the end.
#[tokio::test]
async fn a_change_is_never_lost_to_another() {
    let world = World::new();
    let id = world.created().await;
    let service =
        Service::builder(Twisted(Contended(world.store.clone()))).clock(world.clock.clone()).build().unwrap();
    let error = service.start(id).await.unwrap_err();
    assert!(matches!(error, ChangeError::Contended));
    assert_eq!(world.service.inquiry(id).await.unwrap().status, Status::Created);
    let record = world.record(id).await;
    assert!(record.version > record.epoch.get() + 1);
    let tasks = (0..8).map(|_| {
        let service = world.beside(|builder| builder);
        tokio::spawn(async move { service.resume(id).await })
    });
    let before = world.record(id).await.version;
    for task in tasks.collect::<Vec<_>>() {
        task.await.unwrap().unwrap();
    }
    assert_eq!(world.record(id).await.version, before + 8);
}

/// S4: a fault says what it is and whether to ask again, keeps its cause, and carries over to the superset.
#[test]
fn a_fault_says_whether_to_ask_again() {
    use std::error::Error as _;

    let kinds = [
        StoreErrorKind::Unavailable,
        StoreErrorKind::Timeout,
        StoreErrorKind::Overloaded,
        StoreErrorKind::Unconfirmed,
        StoreErrorKind::Conflict,
        StoreErrorKind::Corrupt,
        StoreErrorKind::Internal,
    ];
    let retries = [Retry::Safe, Retry::SameAttempt, Retry::WholeTransaction, Retry::Useless, Retry::Unknown];
    let mut texts = std::collections::HashSet::new();
    for kind in kinds {
        for retry in retries {
            let error = StoreError::new(kind, retry);
            assert!(error.source().is_none());
            let error = error.with_source("the cable");
            assert_eq!((error.kind(), error.retry()), (kind, retry));
            assert_eq!(error.source().unwrap().to_string(), "the cable");
            assert!(!error.to_string().contains("cable"));
            texts.insert(error.to_string());
            let whole = Error::from(IssueError::from(error));
            assert!(matches!(whole, Error::Store(error) if error.kind() == kind && error.retry() == retry));
        }
    }
    assert_eq!(texts.len(), 35);
}

/// A store that is out of order.
struct Faulty(Arc<MemoryStore>);

impl Twist for Faulty {
    fn inner(&self) -> &MemoryStore {
        &self.0
    }

    async fn redeem(&self, _command: Redeem) -> Result<Option<Attempted>, StoreError> {
        Err(StoreError::new(StoreErrorKind::Unconfirmed, Retry::SameAttempt))
    }

    async fn inspect(&self, _command: Inspect) -> Result<Option<LinkView>, StoreError> {
        Err(StoreError::new(StoreErrorKind::Timeout, Retry::Safe))
    }
}

/// S4, D1: a fault is neither a refusal nor a grant, and tells the sink nothing.
#[tokio::test]
async fn a_fault_is_neither_a_refusal_nor_a_grant() {
    let world = World::new();
    let id = world.created().await;
    let link = world.link(id).await;
    let service = Service::builder(Twisted(Faulty(world.store.clone())))
        .clock(world.clock.clone())
        .event_sink(world.sink.sink())
        .build()
        .unwrap();
    world.sink.take();
    let (text, attempt) = (link.url.expose(), inquiry_otl::Attempt::new());
    let error = service.redeem(text, &attempt).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Unconfirmed, Retry::SameAttempt));
    assert!(service.claim(text, &attempt).await.is_err());
    let error = service.peek(text, &attempt).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Timeout, Retry::Safe));
    assert!(service.diagnose(text).await.is_err());
    assert!(world.sink.take().is_empty());
}

/// S5: instants come from the one clock that the application chose, forwards and backwards.
#[tokio::test]
async fn every_instant_is_the_clocks() {
    let world = World::new();
    let id = world.created().await;
    world.clock.set(moved(world.now(), -1_000_003));
    let started: Inquiry = world.service.start(id).await.unwrap();
    assert_eq!(started.started_at, Some(world.now()));
    let link = world.link(id).await;
    world.clock.set(moved(world.now(), -7));
    let grant = world.grant(&link).await;
    assert_eq!(grant.session.started_at, world.now());
    assert_eq!(world.sink.take().last().unwrap().at, world.now());
}

/// C1, C2, C5, C6: a service writes and reads the codes and URLs that it was told to, and no others.
#[tokio::test]
async fn a_service_has_codes_and_urls_of_its_own() {
    let world = World::new();
    let codes = inquiry_otl::CodeFormat::new(256).unwrap();
    let urls = inquiry_otl::UrlFormat::new("https://verify.acme.com/start").unwrap();
    let service = world.beside(|builder| builder.code_format(codes).url_format(urls));
    let link = service.issue(LinkRequest::resume(world.created().await)).await.unwrap();
    let code = link.url.expose().strip_prefix("https://verify.acme.com/start?code=").unwrap();
    assert_eq!(code.len(), codes.symbols());
    assert_eq!(world.refusal(&link).await, Refusal::Mangled);
    crate::support::granted(service.redeem(link.url.expose(), &inquiry_otl::Attempt::new()).await.unwrap());
}

/// S4: the error of each operation carries over to the superset as what it is.
#[test]
fn every_error_carries_over() {
    use inquiry_otl::{CreateError, NotOpen, ReadError, RevokeError, SessionError, SessionRefusal};

    let fault = || StoreError::new(StoreErrorKind::Timeout, Retry::Safe);
    let open = NotOpen::Redacted;
    assert!(matches!(Error::from(CreateError::Exists), Error::Exists));
    assert!(matches!(Error::from(CreateError::Store(fault())), Error::Store(_)));
    assert!(matches!(Error::from(ReadError::NotFound), Error::NotFound));
    assert!(matches!(Error::from(ReadError::Store(fault())), Error::Store(_)));
    assert!(matches!(Error::from(ChangeError::NotFound), Error::NotFound));
    assert!(matches!(Error::from(ChangeError::Contended), Error::Contended));
    assert!(matches!(Error::from(ChangeError::Store(fault())), Error::Store(_)));
    assert!(matches!(Error::from(IssueError::NotFound), Error::NotFound));
    assert!(matches!(Error::from(IssueError::SessionNotLive), Error::SessionNotLive));
    assert!(matches!(Error::from(IssueError::NeedsKey), Error::NeedsKey));
    assert!(matches!(Error::from(IssueError::Altered), Error::Altered));
    assert!(matches!(Error::from(IssueError::NotOpen(open)), Error::NotOpen(NotOpen::Redacted)));
    assert!(matches!(Error::from(RevokeError::NotFound), Error::NotFound));
    assert!(matches!(Error::from(RevokeError::Store(fault())), Error::Store(_)));
    assert!(matches!(Error::from(SessionError::NotFound), Error::NotFound));
    let refusal = SessionRefusal::SessionLimit { limit: 25 };
    assert!(matches!(Error::from(SessionError::Refused(refusal)), Error::Refused(_)));
    assert!(matches!(Error::from(SessionError::Store(fault())), Error::Store(_)));
}
