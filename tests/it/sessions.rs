//! Inquiry sessions: how they start, live and die, and how many there may be.

use std::num::NonZeroU32;

use inquiry_otl::{
    Attempt, ClaimToken, Digest, EventKind, ExpirationPolicy, Expiry, GrantKind, LinkRequest, NotOpen,
    OnOutstanding, ReadError, Refusal, SessionError, SessionId, SessionRefusal, SessionToken, Status,
    record::TokenDigests,
};

use crate::{
    support::{ATTEMPT, World, attempt, granted, inquiry_id, refusal, seconds},
    wrapper::{Twist, Twisted},
};

fn limited(limit: u32) -> ExpirationPolicy {
    ExpirationPolicy::default().with_session_limit(NonZeroU32::new(limit).unwrap())
}

/// D7: a first use starts a session with a token, and only that token lets its holder act in it.
#[tokio::test]
async fn a_first_use_starts_a_session() {
    let world = World::new();
    let id = world.pending().await;
    let link = world.link(id).await;
    let grant = world.grant(&link).await;
    let session = grant.session;
    assert!(session.id.to_string().starts_with("iqse_"));
    assert_eq!((session.inquiry, session.link, session.started_at), (id, Some(link.id), world.now()));
    assert_eq!(world.service.authenticate(id, session.id, &grant.token).await.unwrap(), Some(session));
    let other = world.service.start_session(id).await.unwrap();
    assert_eq!((other.kind, other.link), (GrantKind::Started, None));
    assert!(world.service.authenticate(id, session.id, &other.token).await.unwrap().is_none());
    assert!(world.service.authenticate(id, other.session.id, &grant.token).await.unwrap().is_none());
    let nobody = SessionId::from_u128(1);
    assert!(world.service.authenticate(id, nobody, &grant.token).await.unwrap().is_none());
    assert!(matches!(world.service.session(id, nobody).await, Err(ReadError::NotFound)));
    let elsewhere = world.pending().await;
    assert!(world.service.authenticate(elsewhere, session.id, &grant.token).await.unwrap().is_none());
    assert!(ClaimToken::parse(grant.token.expose().as_str()).is_err());
    assert!(SessionToken::parse(&session.id.to_string()).is_err());
}

/// D7: a session lives until the deadline of the moment it started, which no later start or resume moves.
#[tokio::test]
async fn a_session_lives_until_the_deadline_of_its_moment() {
    let policy = ExpirationPolicy::default().with_after_start(seconds(1_000_000));
    let world = World::policy(policy);
    let id = world.created().await;
    let deadline = world.service.inquiry(id).await.unwrap().expires_at;
    let grant = world.service.start_session(id).await.unwrap();
    assert_eq!(grant.session.expires_at, deadline);
    world.service.start(id).await.unwrap();
    world.advance(seconds(5));
    world.service.resume(id).await.unwrap();
    for (micros, live) in [(-1, true), (0, false), (1, false)] {
        world.at(deadline, micros);
        let seen = world.service.session(id, grant.session.id).await.unwrap();
        assert_eq!((seen.live, seen.expires_at), (live, deadline));
        let known = world.service.authenticate(id, grant.session.id, &grant.token).await.unwrap();
        assert_eq!(known.is_some(), live);
    }
}

/// D7, L4: a session dies with the epoch of its inquiry, and is not alive after the inquiry is closed.
#[tokio::test]
async fn a_session_dies_with_its_inquiry() {
    let world = World::new();
    let id = world.pending().await;
    let session = world.service.start_session(id).await.unwrap().session.id;
    world.service.complete(id).await.unwrap();
    assert!(!world.service.session(id, session).await.unwrap().live);
    let error = world.service.start_session(id).await.unwrap_err();
    let SessionError::Refused(SessionRefusal::NotOpen(NotOpen::Closed { status })) = error else { panic!() };
    assert_eq!(status, Status::Completed);
    let error = world.service.start_session(inquiry_id("inq_nobody")).await.unwrap_err();
    assert!(matches!(error, SessionError::NotFound));
}

/// E6: as many sessions as the policy says, however they start; one more expires the inquiry, once.
#[tokio::test]
async fn one_session_too_many_expires_the_inquiry() {
    for by in ["redeem", "session", "commit"] {
        let world = World::policy(limited(3));
        let id = world.pending().await;
        let keep = || LinkRequest::resume(id).on_outstanding(OnOutstanding::Keep);
        let (first, link) =
            (world.service.issue(keep()).await.unwrap(), world.service.issue(keep()).await.unwrap());
        let session = world.grant(&first).await.session.id;
        world.service.start_session(id).await.unwrap();
        let claim = world.claim(&link).await;
        if by == "redeem" {
            world.service.release(&claim).await.unwrap();
        }
        world.service.start_session(id).await.unwrap();
        assert_eq!(world.record(id).await.sessions_started, 3);
        world.sink.take();
        let limit = Refusal::SessionLimit { limit: 3 };
        match by {
            "redeem" => {
                // A peek and a claim are told so, and expire nothing.
                let peek = world.service.peek(link.url.expose(), &Attempt::new()).await.unwrap();
                assert!(matches!(peek, inquiry_otl::Peek::Refused(refused) if refused.reason == limit));
                let claiming = world.service.claim(link.url.expose(), &Attempt::new()).await.unwrap();
                assert!(
                    matches!(claiming, inquiry_otl::Claiming::Refused(refused) if refused.reason == limit)
                );
                assert_eq!(world.service.inquiry(id).await.unwrap().status, Status::Pending);
                world.sink.take();
                assert_eq!(world.refusal(&link).await, limit);
            }
            "commit" => assert_eq!(refusal(world.service.commit(&claim).await.unwrap()), limit),
            _ => {
                let error = world.service.start_session(id).await.unwrap_err();
                assert!(matches!(error, SessionError::Refused(SessionRefusal::SessionLimit { limit: 3 })));
            }
        }
        let kind = EventKind::InquiryExpired { cause: Expiry::SessionLimit, expired_at: world.now() };
        let told = world.sink.take();
        assert_eq!(told.iter().filter(|event| event.kind == kind).count(), 1, "{by}");
        assert_eq!(world.service.inquiry(id).await.unwrap().status, Status::Expired);
        assert!(!world.service.session(id, session).await.unwrap().live);
    }
}

/// E6: replays, repeats and refusals do not count.
#[tokio::test]
async fn only_starts_count() {
    let world = World::policy(limited(2).with_grace(inquiry_otl::Grace::persona()));
    let id = world.pending().await;
    let link = world.link(id).await;
    let redeem = async |attempt: Attempt| world.service.redeem(link.url.expose(), &attempt).await.unwrap();
    for _ in 0..5 {
        granted(redeem(attempt(ATTEMPT)).await);
        granted(redeem(Attempt::new()).await);
    }
    assert_eq!(world.record(id).await.sessions_started, 1);
    world.service.start_session(id).await.unwrap();
}

/// E6, R2: a resume from expired counts anew, a resume of an open inquiry does not.
#[tokio::test]
async fn a_resume_from_expired_counts_sessions_anew() {
    let world = World::policy(limited(1));
    let id = world.pending().await;
    world.service.start_session(id).await.unwrap();
    world.service.resume(id).await.unwrap();
    assert_eq!(world.record(id).await.sessions_started, 1);
    world.service.start_session(id).await.unwrap_err();
    world.service.resume(id).await.unwrap();
    assert_eq!(world.record(id).await.sessions_started, 0);
    world.service.start_session(id).await.unwrap();
    assert!(world.service.start_session(id).await.is_err());
}

/// D7: a token that a store kept twice is good, as one that it kept once.
#[test]
fn a_token_that_is_kept_twice_is_good() {
    let [one, other] = [1, 2].map(|byte| Digest::from_bytes([byte; 32]));
    for kept in [vec![one], vec![one, one], vec![other, one, one]] {
        let tokens = TokenDigests::from_newest(kept);
        assert!(tokens.contains(&one));
        assert!(!tokens.contains(&Digest::from_bytes([3; 32])));
    }
}

/// A store that cannot be read.
struct Unreadable(std::sync::Arc<inquiry_otl::MemoryStore>);

impl Twist for Unreadable {
    fn inner(&self) -> &inquiry_otl::MemoryStore {
        &self.0
    }

    async fn inquiry(
        &self,
        _key: inquiry_otl::store::InquiryKey,
    ) -> Result<Option<inquiry_otl::record::InquiryRecord>, inquiry_otl::StoreError> {
        Err(inquiry_otl::StoreError::new(inquiry_otl::StoreErrorKind::Timeout, inquiry_otl::Retry::Safe))
    }
}

/// S4, D7: what says that asking again is safe started no session.
#[tokio::test]
async fn a_fault_that_is_safe_to_retry_started_no_session() {
    let world = World::new();
    let id = world.created().await;
    let store = Twisted(Unreadable(world.store.clone()));
    let service = inquiry_otl::Service::builder(store).clock(world.clock.clone()).build().unwrap();
    if let Err(SessionError::Store(error)) = service.start_session(id).await {
        assert_eq!(error.retry(), inquiry_otl::Retry::Safe);
        assert_eq!(world.record(id).await.sessions_started, 0);
    }
}
