//! A connection that is lost, an engine that forgets its scripts, or says nothing.

use std::time::{Duration, Instant};

use inquiry_otl::{
    Attempt, InquiryId, LinkRequest, LinkStore, Redemption, Retry, Revocation, Service, StoreErrorKind,
    TenantId,
    error::{IssueError, RevokeError},
    store::{InquiryKey, Outbox},
};
use inquiry_otl_redis::{OpenError, RedisStore};
use inquiry_otl_testkit::redis::{Redis, shared};

use crate::common::{builder, inquiry, link, prefix};

/// S1: a prefix that could not be told from others is refused.
#[tokio::test]
async fn a_prefix_is_checked() {
    for wrong in ["", "a b", "{a}", "a*", &"a".repeat(49)] {
        let opened = RedisStore::builder(wrong).open(shared().url()).await;
        assert!(matches!(opened, Err(OpenError::Prefix)), "{wrong}");
    }
}

/// S1: what another version keeps is not touched, and the error says so.
#[tokio::test]
async fn another_format_is_told() {
    let prefix = prefix();
    shared().cli(&["SET", &format!("{prefix}:format"), "3/512"]);
    let error = RedisStore::builder(&prefix).open(shared().url()).await.unwrap_err();
    assert!(error.to_string().contains("3/512") && error.to_string().contains("2/256"), "{error}");
}

/// S1: an engine that forgot its scripts is told them again.
#[tokio::test]
async fn scripts_that_are_flushed_come_back() {
    let engine = Redis::start();
    let service = Service::new(builder().open(engine.url()).await.unwrap());
    link(&service).await;
    engine.cli(&["SCRIPT", "FLUSH"]);
    link(&service).await;
}

/// S4: after a restart of the engine the store goes on by itself, with what it had.
#[tokio::test(flavor = "multi_thread")]
async fn a_restart_is_survived() {
    let mut engine = Redis::start();
    let store = builder().open(engine.url()).await.unwrap();
    let service = Service::new(store.clone());
    let id = inquiry(&service).await;
    let key = InquiryKey { tenant: TenantId::default(), inquiry: id };
    engine.stop();
    let error = store.inquiry(key).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Unavailable, Retry::Safe));
    engine.restart();
    let began = Instant::now();
    let found = loop {
        match store.inquiry(key).await {
            Ok(found) => break found,
            Err(error) => assert!(began.elapsed().as_secs() < 60, "the store did not come back: {error}"),
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert!(found.is_some(), "an inquiry from before a restart");
}

/// S4: where no connection is made nothing was written, of many links as of one.
#[tokio::test]
async fn an_engine_that_is_gone_has_written_nothing() {
    let mut engine = Redis::start();
    let store = builder().open(engine.url()).await.unwrap();
    let service = Service::new(store.clone());
    let id = inquiry(&service).await;
    engine.stop();
    // The connection that was there is found to be gone.
    let _ = store.inquiry(InquiryKey { tenant: TenantId::default(), inquiry: id }).await.unwrap_err();
    for links in [1, 3] {
        for answer in service.issue_many(vec![LinkRequest::resume(id); links]).await {
            let Err(IssueError::Store(error)) = answer else { panic!("{answer:?}") };
            assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Unavailable, Retry::Safe), "{links}");
        }
    }
}

/// S4: an engine that says nothing is a timeout, whose fate is unknown.
#[tokio::test]
async fn silence_is_a_timeout() {
    let engine = Redis::start();
    let store = builder().response_timeout(Duration::from_secs(1)).open(engine.url()).await.unwrap();
    let key = InquiryKey { tenant: TenantId::default(), inquiry: InquiryId::new("inq_1").unwrap() };
    engine.freeze();
    let error = store.inquiry(key).await.unwrap_err();
    engine.thaw();
    assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Timeout, Retry::Safe));
}

/// D1: fewer replicas than asked for are never a grant.
#[tokio::test]
async fn too_few_replicas_are_unconfirmed() {
    let prefix = prefix();
    let plain = RedisStore::builder(&prefix).open(shared().url()).await.unwrap();
    let link = link(&Service::new(plain)).await;
    let careful = RedisStore::builder(&prefix).replicas(1, Duration::from_millis(10));
    let service = Service::new(careful.open(shared().url()).await.unwrap());
    let error = service.redeem(link.url.expose(), &Attempt::new()).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Unconfirmed, Retry::SameAttempt));
}

/// D1: an answer for which nothing is written goes by what somebody else wrote, and waits for it.
#[tokio::test]
async fn what_is_answered_waits_for_the_replicas() {
    let primary = Redis::start();
    let replica = primary.replica();
    let prefix = prefix();
    let plain = Service::new(RedisStore::builder(&prefix).open(primary.url()).await.unwrap());
    let careful = RedisStore::builder(&prefix).replicas(1, Duration::from_millis(100));
    let careful = Service::new(careful.open(primary.url()).await.unwrap());
    let link = link(&plain).await;
    let url = link.url.expose();

    replica.freeze();
    let revocation = Revocation::Link(link.id);
    assert!(plain.revoke(link.inquiry, revocation).await.unwrap());
    let Err(RevokeError::Store(error)) = careful.revoke(link.inquiry, revocation).await else { panic!() };
    assert_eq!(error.kind(), StoreErrorKind::Unconfirmed);
    let error = careful.redeem(url, &Attempt::new()).await.unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Unconfirmed);

    replica.thaw();
    while careful.revoke(link.inquiry, revocation).await.is_err() {}
    let answer = loop {
        if let Ok(answer) = careful.redeem(url, &Attempt::new()).await {
            break answer;
        }
    };
    assert!(matches!(answer, Redemption::Refused(_)), "{answer:?}");
}

/// V1: nobody hears of a change that a failover can still undo.
#[tokio::test]
async fn an_event_waits_for_the_replicas() {
    let prefix = prefix();
    let plain = RedisStore::builder(&prefix).outbox().open(shared().url()).await.unwrap();
    inquiry(&Service::new(plain.clone())).await;
    let careful = RedisStore::builder(&prefix).outbox().replicas(1, Duration::from_millis(10));
    let careful = careful.open(shared().url()).await.unwrap();
    let error = careful.pending(None, 9).await.unwrap_err();
    assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Unconfirmed, Retry::Safe));
    assert_eq!(plain.pending(None, 9).await.unwrap().len(), 1);
}
