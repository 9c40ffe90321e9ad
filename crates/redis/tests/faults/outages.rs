//! A server that says nothing, comes back, or is full (S4).

use std::time::{Duration, Instant};

use inquiry_otl::{
    Attempt, IssueError, LinkRequest, ReadError, Retry, Service, StoreError,
    StoreErrorKind::{self, Overloaded, Timeout, Unavailable},
};
use inquiry_otl_redis::RedisStore;
use inquiry_otl_testkit::redis::Redis;

use crate::{
    stage::{Answer, PATIENCE, Sent, all_are, redeem, redeem_all, redeem_all_again, send},
    stores::{open, service},
};

/// S4: a server that says nothing is a fault in time, with the right word on asking again; then all goes on by itself.
pub(crate) async fn a_frozen_server_is_a_timeout() {
    let redis = Redis::start();
    let service = service(open(&redis.url()).await);
    let links = send(&service, 3).await;

    redis.freeze();
    let began = Instant::now();
    assert_eq!(redeem(&service, &links[0]).await, Answer::Fault(Timeout, Retry::SameAttempt));
    let claim = service.claim(&links[1].url, &Attempt::new()).await.unwrap_err();
    is(&claim, Timeout, Retry::SameAttempt);
    let peek = service.peek(&links[0].url, &Attempt::new()).await.unwrap_err();
    is(&peek, Timeout, Retry::Safe);
    let Err(ReadError::Store(read)) = service.inquiry(links[0].inquiry).await else { panic!("it is frozen") };
    is(&read, Timeout, Retry::Safe);
    let issued = service.issue(LinkRequest::resume(links[2].inquiry)).await;
    let Err(IssueError::Store(issue)) = issued else { panic!("it is frozen") };
    is(&issue, Timeout, Retry::Unknown);
    assert!(began.elapsed() < Duration::from_secs(30), "it took {:?}", began.elapsed());

    redis.thaw();
    comes_back(&service, &links[0]).await;
    let answer = redeem(&service, &links[0]).await;
    assert!(matches!(answer, Answer::FirstUse | Answer::Repeat), "{answer:?}");
    assert_eq!(redeem(&service, &links[0]).await, Answer::Repeat);
}

/// S4: a server that is gone was sent nothing; when it is back, the store finds it by itself.
pub(crate) async fn a_restarted_server_is_found_again() {
    let mut redis = Redis::start_with(&["--appendfsync always"]);
    let service = service(open(&redis.url()).await);
    let links = send(&service, 20).await;
    for round in 0..3 {
        redis.kill();
        // The first to notice may have sent something to it.
        let first = redeem(&service, &links[0]).await;
        assert!(
            matches!(first, Answer::Fault(Unavailable | Timeout, Retry::Safe | Retry::SameAttempt)),
            "{first:?}"
        );
        tokio::time::sleep(Duration::from_millis(300)).await;
        all_are(Answer::Fault(Unavailable, Retry::Safe), &redeem_all(&service, &links[..5]).await);
        redis.restart();
        let back = comes_back(&service, &links[0]).await;
        println!("the store was back {back:?} after its server");
        let link = &links[10 + round];
        assert_eq!(redeem(&service, link).await, Answer::FirstUse);
    }
}

/// S4: a server without room refuses writes (`noeviction`): a fault, never a refusal; nothing is lost by it.
pub(crate) async fn a_full_server_loses_nothing() {
    let redis = Redis::start_with(&["--maxmemory-policy noeviction"]);
    let service = service(open(&redis.url()).await);
    let links = send(&service, 20).await;
    all_are(Answer::FirstUse, &redeem_all(&service, &links[..10]).await);

    redis.cli(&["CONFIG", "SET", "maxmemory", "1"]);
    all_are(Answer::Fault(Overloaded, Retry::Safe), &redeem_all(&service, &links[10..]).await);
    let Err(IssueError::Store(error)) = service.issue(LinkRequest::resume(links[0].inquiry)).await else {
        panic!("there is no room")
    };
    is(&error, Overloaded, Retry::Safe);

    redis.cli(&["CONFIG", "SET", "maxmemory", "0"]);
    all_are(Answer::USED, &redeem_all_again(&service, &links[..10]).await);
    all_are(Answer::FirstUse, &redeem_all(&service, &links[10..]).await);
}

/// Waits until the store reads again, and says how long that took.
pub(crate) async fn comes_back(service: &Service<RedisStore>, link: &Sent) -> Duration {
    let began = Instant::now();
    while let Err(error) = service.inquiry(link.inquiry).await {
        assert!(began.elapsed() < PATIENCE, "it does not come back: {error}");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    began.elapsed()
}

#[track_caller]
fn is(error: &StoreError, kind: StoreErrorKind, retry: Retry) {
    assert_eq!((error.kind(), error.retry()), (kind, retry), "{error:?}");
}
