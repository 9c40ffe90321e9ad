//! `Idempotency-Key`: a request is carried out once.

use std::{collections::BTreeSet, num::NonZeroUsize, sync::Arc};

use axum::http::{Method, StatusCode, header};
use inquiry_otl::{
    Attempt, Digest, InquiryQuery, Interval, Redemption, Retry, StoreError, StoreErrorKind, Timestamp,
};
use inquiry_otl_axum::api::{Begun, IdempotencyKey, IdempotencyRecords, Made, MemoryRecords, authenticate};
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tower::ServiceExt;

use super::world::{Call, World};

fn create(reference: &str) -> Call {
    let attributes = json!({"inquiry-template-id": "itmpl_kyc", "reference-id": reference});
    Call::new(Method::POST, "/inquiries").body(json!({"data": {"attributes": attributes}}))
}

/// A repeat makes nothing, and tells what was made, as it is now.
#[tokio::test]
async fn a_repeat_makes_nothing() {
    let world = World::new();
    let first = world.call(create("one").key("k")).await;
    assert_eq!(first.status, StatusCode::CREATED);
    let again = world.call(create("one").key("k")).await;
    assert_eq!((again.status, &again.body), (first.status, &first.body));
    assert_ne!(world.call(create("one").key("other")).await.id(), first.id());
    assert_ne!(world.call(create("one")).await.id(), first.id());

    world.post(&format!("/inquiries/{}/expire", first.id()), Value::Null).await;
    assert_eq!(world.call(create("one").key("k")).await.attribute("status"), "expired");
}

/// The order and the white space of a body make no other request; everything else does.
#[tokio::test]
async fn another_request_under_a_key_is_refused() {
    let world = World::new();
    let first = world.call(create("one").key("k")).await;
    let mut request = create("one").key("k").request();
    let body =
        r#"{ "data": { "attributes": { "reference-id": "one", "inquiry-template-id": "itmpl_kyc" } } }"#;
    *request.body_mut() = body.into();
    assert_eq!(world.send(request).await.id(), first.id());

    let elsewhere = Call::new(Method::POST, &format!("/inquiries/{}/expire", first.id()));
    let redact = Call::new(Method::DELETE, &format!("/inquiries/{}", first.id()));
    for other in [create("two"), elsewhere, redact] {
        let answer = world.call(other.key("k")).await;
        answer.is_error(409, "Conflict");
        assert_eq!(answer.details(), "Another request was sent with that Idempotency-Key");
    }
    assert_eq!(world.get(&format!("/inquiries/{}", first.id())).await.attribute("status"), "created");
}

/// L3, L5: a repeat tells the same link, derived again; not once it is used.
#[tokio::test]
async fn a_repeat_tells_the_same_link_while_it_is_outstanding() {
    let world = World::new();
    let path = format!("/inquiries/{}/generate-one-time-link", world.inquiry().await);
    let call = Call::new(Method::POST, &path).key("k");
    let first = world.call(call.clone()).await;
    assert_eq!(world.call(call.clone()).await.body, first.body);

    let link = first.meta("one-time-link");
    assert!(matches!(world.service.redeem(link, &Attempt::new()).await.unwrap(), Redemption::Granted(_)));
    world.call(call).await.is_error(409, "Conflict");
    // Under a key of its own there is a new one.
    let other = world.call(Call::new(Method::POST, &path).key("other")).await;
    assert_ne!(other.meta("one-time-link"), link);
}

/// L5: without a key nobody can tell a link again, and the answer says so; the link is good.
#[tokio::test]
async fn without_a_key_a_link_cannot_be_told_again() {
    let world = World::with(None, |api| api);
    let path = format!("/inquiries/{}/generate-one-time-link", world.inquiry().await);
    let first = world.call(Call::new(Method::POST, &path).key("k")).await;
    let again = world.call(Call::new(Method::POST, &path).key("k")).await;
    again.is_error(409, "Conflict");
    assert!(again.details().ends_with("this service has no key for it"));
    let link = first.meta("one-time-link");
    assert!(matches!(world.service.redeem(link, &Attempt::new()).await.unwrap(), Redemption::Granted(_)));
}

/// E3, E6, D7: a repeated resume resumes nothing and starts no session, so that no number of repeats expires the inquiry. Nobody
/// can tell its token again, and the answer says so; the token is good.
#[tokio::test]
async fn a_repeated_resume_counts_for_nothing() {
    let world = World::new();
    let id = world.inquiry().await;
    let call = Call::new(Method::POST, &format!("/inquiries/{id}/resume"));
    let first = world.call(call.clone().key("k")).await;
    let resumed = world.service.inquiry(id).await.unwrap();
    world.clock.advance(Interval::from_seconds(5).unwrap());
    for _ in 0..30 {
        let again = world.call(call.clone().key("k")).await;
        again.is_error(409, "Conflict");
        assert!(again.details().contains("take another key"), "{}", again.details());
    }
    assert_eq!(world.service.inquiry(id).await.unwrap(), resumed);
    assert_eq!(world.service.sessions(id, None, 10).await.unwrap().len(), 1);
    assert!(authenticate(&world.service, first.meta("session-token")).await.unwrap().is_some());
    let other = world.call(call.key("other")).await;
    assert!(authenticate(&world.service, other.meta("session-token")).await.unwrap().is_some());
}

/// D7, L6: sessions are started, and expired, once under a key.
#[tokio::test]
async fn sessions_are_started_and_expired_once() {
    let world = World::new();
    let id = world.inquiry().await;
    let start = Call::new(Method::POST, "/inquiry-sessions")
        .body(json!({"data": {"attributes": {"inquiry-id": id.as_str()}}}));
    let first = world.call(start.clone().key("k")).await;
    assert_eq!(world.call(start.key("k")).await.body, first.body);
    assert_eq!(world.service.sessions(id, None, 10).await.unwrap().len(), 1);

    let all = Call::new(Method::POST, "/inquiry-sessions/expire-all")
        .body(json!({"meta": {"inquiry-ids": [id.as_str()]}}))
        .key("all");
    let expired = world.call(all.clone()).await;
    assert_eq!(expired.ids(), [first.id()]);
    let later = world.service.start_session(id).await.unwrap();
    assert_eq!(world.call(all).await.ids(), [first.id()]);
    assert!(world.service.session(id, later.session.id).await.unwrap().live);
}

/// A request that failed made nothing: the same one is judged anew.
#[tokio::test]
async fn a_request_that_failed_is_judged_anew() {
    let world = World::new();
    let id = world.inquiry().await;
    let call = Call::new(Method::POST, &format!("/inquiries/{id}/approve")).key("k");
    world.call(call.clone()).await.is_error(409, "Conflict");
    world.service.start(id).await.unwrap();
    world.service.complete(id).await.unwrap();
    assert_eq!(world.call(call.clone()).await.attribute("status"), "approved");
    // Approved is not approved again, so this is the record's answer.
    assert_eq!(world.call(call).await.attribute("status"), "approved");
}

/// A key is kept for a day, and no longer.
#[tokio::test]
async fn a_key_is_kept_for_a_day() {
    let world = World::new();
    let first = world.call(create("one").key("k")).await;
    world.clock.advance(Interval::from_seconds(86_399).unwrap());
    assert_eq!(world.call(create("one").key("k")).await.id(), first.id());
    world.clock.advance(Interval::from_seconds(1).unwrap());
    assert_ne!(world.call(create("one").key("k")).await.id(), first.id());
}

/// Records that cannot be written once a request is carried out; as good as a process that ends there.
struct Unfinished(MemoryRecords);

impl IdempotencyRecords for Unfinished {
    async fn begin(
        &self,
        key: IdempotencyKey,
        request: Digest,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Begun, StoreError> {
        self.0.begin(key, request, now, until).await
    }

    async fn finish(&self, _: IdempotencyKey, _: Made, _: Timestamp) -> Result<(), StoreError> {
        Err(StoreError::new(StoreErrorKind::Unavailable, Retry::Safe))
    }

    async fn forget(&self, _: IdempotencyKey) -> Result<(), StoreError> {
        Err(StoreError::new(StoreErrorKind::Unavailable, Retry::Safe))
    }
}

/// S4: a request whose end nobody noted is not carried out again: it may be under way, and then nobody knows, for as long as
/// its key is kept.
#[tokio::test]
async fn what_nobody_saw_end_is_not_repeated() {
    let records = || Unfinished(MemoryRecords::default());
    let world = World::with(None, |api| api.idempotency(records()));
    let made = async || world.service.inquiries(InquiryQuery::newest(10)).await.unwrap().items.len();
    assert_eq!(world.call(create("one").key("k")).await.status, StatusCode::CREATED);
    let wait = |seconds| world.clock.advance(Interval::from_seconds(seconds).unwrap());
    for (seconds, says, is_under_way) in [
        (1, "The same request is under way", true),
        (118, "The same request is under way", true),
        (1, "It is not known", false),
        (86_279, "It is not known", false),
    ] {
        wait(seconds);
        let again = world.call(create("one").key("k")).await;
        again.is_error(409, "Conflict");
        assert!(again.details().starts_with(says), "{}", again.details());
        assert_eq!(again.headers.contains_key(header::RETRY_AFTER), is_under_way);
        assert_eq!(made().await, 1);
    }
    wait(1);
    assert_eq!(world.call(create("one").key("k")).await.status, StatusCode::CREATED);
    assert_eq!(made().await, 2);
}

/// Keys are bounded: what does not fit is refused, what is kept stays, and what has lapsed makes room.
#[tokio::test]
async fn keys_are_bounded() {
    let room = NonZeroUsize::new(2).unwrap();
    let world = World::with(None, |api| api.idempotency(MemoryRecords::new(room)));
    let first = world.call(create("one").key("a")).await;
    world.call(create("two").key("b")).await;
    let full = world.call(create("three").key("c")).await;
    full.is_error(429, "Quota exceeded");
    assert!(full.headers.contains_key(header::RETRY_AFTER));
    assert_eq!(world.call(create("one").key("a")).await.id(), first.id());
    world.clock.advance(Interval::from_days(1).unwrap());
    assert_eq!(world.call(create("three").key("c")).await.status, StatusCode::CREATED);
}

/// Of simultaneous requests with one key one is carried out; the others get its answer, or are told to wait.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_simultaneous_requests_one_is_carried_out() {
    for round in 0..50 {
        let world = World::new();
        let barrier = Arc::new(Barrier::new(8));
        let callers: Vec<_> = (0..8)
            .map(|_| {
                let (router, barrier) = (world.router.clone(), Arc::clone(&barrier));
                tokio::spawn(async move {
                    barrier.wait().await;
                    let response = router.oneshot(create("one").key("k").request()).await.unwrap();
                    let status = response.status();
                    let bytes = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap();
                    let body: Value = serde_json::from_slice(&bytes).unwrap();
                    (status, body["data"]["id"].as_str().map(str::to_owned))
                })
            })
            .collect();
        let mut made = BTreeSet::new();
        for caller in callers {
            match caller.await.unwrap() {
                (StatusCode::CREATED, Some(id)) => drop(made.insert(id)),
                (status, _) => assert_eq!(status, StatusCode::CONFLICT),
            }
        }
        assert_eq!(made.len(), 1, "round {round}");
    }
}

/// S1: a client who goes away in the middle leaves no request behind that is under way.
#[tokio::test]
async fn a_client_who_goes_away_leaves_nothing_under_way() {
    let world = World::new();
    let mut call = Box::pin(world.call(create("one").key("k")));
    // Polled once, up to where it waits for the task that carries it out.
    assert!(futures_are_pending(&mut call).await);
    drop(call);
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert_eq!(world.call(create("one").key("k")).await.status, StatusCode::CREATED);
}

async fn futures_are_pending<F: Future + Unpin>(future: &mut F) -> bool {
    std::future::poll_fn(|context| {
        std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(context).is_pending())
    })
    .await
}
