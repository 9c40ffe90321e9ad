//! What the store needs to be allowed to do.

use inquiry_otl::{
    Attempt, Cursor, EventId, InquiryQuery, Interval, Redemption, Service, Timestamp,
    store::{Housekeeping, Outbox, Purge, Sweep},
};
use inquiry_otl_redis::RedisStore;
use inquiry_otl_testkit::redis::{Cluster, Redis};

use crate::common::link;

const README: &str = include_str!("../../README.md");

/// Lets a node know the user of the README.
fn let_in(node: &Redis, more: &[&str]) {
    let line = README.lines().find(|line| line.starts_with("ACL SETUSER otl on")).unwrap();
    node.cli(&line.split_whitespace().chain(more.iter().copied()).collect::<Vec<_>>());
}

fn as_user(url: &str) -> String {
    url.replace("redis://", "redis://otl:secret@")
}

/// S1, S3: the README's list of rights is enough for everything that the store does on a server, and nothing piles up but
/// the format and the streams, which remember how far they were.
#[tokio::test]
async fn the_least_privileges_are_enough() {
    let engine = Redis::start();
    let_in(&engine, &[]);
    let url = as_user(&engine.url());
    everything(RedisStore::builder("otl").outbox().open(url.as_str()).await.unwrap()).await;
    let left = engine.cli(&["KEYS", "*"]);
    assert!(left.lines().all(|key| key.contains("format") || key.contains("outbox")), "{left}");
}

/// S1, S3: the same on a cluster, with the rights that it needs beside.
#[tokio::test(flavor = "multi_thread")]
async fn the_least_privileges_are_enough_on_a_cluster() {
    let cluster = Cluster::start();
    let (_, more) = README.split_once("On a cluster it also needs `").unwrap();
    let (more, _) = more.split_once('`').unwrap();
    let more: Vec<_> = more.split(' ').collect();
    cluster.nodes().iter().for_each(|node| let_in(node, &more));
    let urls: Vec<_> = cluster.urls().iter().map(|url| as_user(url)).collect();
    everything(RedisStore::builder("otl").outbox().open_cluster(urls).await.unwrap()).await;
    for master in cluster.masters() {
        let left = cluster.nodes()[master].cli(&["KEYS", "*"]);
        assert!(left.lines().all(|key| key.contains("format") || key.contains("outbox")), "{left}");
    }
}

/// A link's life from its creation to its purge.
async fn everything(store: RedisStore) {
    let service = Service::new(store.clone());
    let made = link(&service).await;
    let redeemed = service.redeem(made.url.expose(), &Attempt::new()).await.unwrap();
    assert!(matches!(redeemed, Redemption::Granted(_)));
    let from_either_end = InquiryQuery::newest(5);
    let newest = service.inquiries(from_either_end.clone()).await.unwrap();
    let place = Cursor { created_at: Timestamp::MIN, inquiry: made.inquiry };
    assert_eq!(service.inquiries(from_either_end.before(place)).await.unwrap().items, newest.items);
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
}
