//! What the store needs to be allowed to do.

use inquiry_otl::{
    Attempt, Redemption, Service,
    store::{Housekeeping, Outbox, Purge, Sweep},
};
use inquiry_otl::{EventId, Interval, Timestamp};
use inquiry_otl_redis::RedisStore;
use inquiry_otl_testkit::redis::Redis;

use crate::common::link;

/// The README's list of permissions is enough for everything that the store does on a server.
#[tokio::test]
async fn the_least_privileges_are_enough() {
    let engine = Redis::start();
    let readme = include_str!("../../README.md");
    let line = readme.lines().find(|line| line.starts_with("ACL SETUSER otl on")).unwrap();
    let words: Vec<&str> = line.split_whitespace().collect();
    engine.cli(&words);
    let url = engine.url().replace("redis://", "redis://otl:secret@");
    let store = RedisStore::builder("otl").outbox().open(url.as_str()).await.unwrap();
    let service = Service::new(store.clone());
    let made = link(&service).await;
    let redeemed = service.redeem(made.url.expose(), &Attempt::new()).await.unwrap();
    assert!(matches!(redeemed, Redemption::Granted(_)));
    let now = Timestamp::MAX;
    store.sweep(Sweep { now, limit: 10, event: EventId::from_u128(1) }).await.unwrap();
    let waiting = store.pending(None, 10).await.unwrap();
    store.acknowledge(waiting.into_iter().map(|delivery| delivery.receipt).collect()).await.unwrap();
    let day = Interval::from_days(1).unwrap();
    let purge = Purge { now, retention: day, inquiry_retention: Some(day), repeats_after: now, limit: 10 };
    let purged = store.purge(purge).await.unwrap();
    assert_eq!((purged.links, purged.sessions), (1, 1));
    let purged = store.purge(purge).await.unwrap();
    assert_eq!(purged.links, 0);
    // S3: nothing piles up but the format and the streams, which remember how far they were.
    let left = engine.cli(&["KEYS", "*"]);
    assert!(left.lines().all(|key| key.contains("format") || key.contains("outbox")), "{left}");
}
