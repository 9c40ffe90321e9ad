//! What is kept, and what is not.

use std::time::Instant;

use inquiry_otl::{
    Attempt, EventId, Interval, IssueError, LinkRequest, LinkStore, OnOutstanding, Redemption, Refusal,
    Service, StoreErrorKind, TenantId, Timestamp,
    store::{Housekeeping, InquiryKey, Purge, Sweep},
};
use inquiry_otl_redis::RedisStore;
use inquiry_otl_testkit::redis::{shared, shared_cluster};

use crate::common::{builder, inquiry, link, prefix};

/// S4: a record that cannot be read is a fault, in every field, and never a panic.
#[tokio::test]
async fn a_damaged_record_is_corrupt() {
    let prefix = prefix();
    let store = RedisStore::builder(&prefix).open(shared().url()).await.unwrap();
    let service = Service::new(store.clone());
    let id = inquiry(&service).await;
    let key = shared().cli(&["KEYS", &format!("{{{prefix}:*inquiry:*")]);
    let kept = shared().cli(&["GET", key.trim()]);
    let fields: Vec<_> = kept.split('\t').collect();
    assert_eq!(fields.len(), 29);
    // The reference may be any text.
    for place in (0..fields.len()).filter(|place| *place != 27) {
        let mut damaged = fields.clone();
        damaged[place] = "?";
        shared().cli(&["SET", key.trim(), &damaged.join("\t")]);
        let key = InquiryKey { tenant: TenantId::default(), inquiry: id };
        let error = store.inquiry(key).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "field {place}, {}", fields[place]);
        let error = service.issue(LinkRequest::resume(id)).await.unwrap_err();
        assert!(
            matches!(&error, IssueError::Store(error) if error.kind() == StoreErrorKind::Corrupt),
            "{error}"
        );
    }
    shared().cli(&["SET", key.trim(), &kept]);
    service.issue(LinkRequest::resume(id)).await.unwrap();
}

/// S3, S4, T6: a record that cannot be read keeps no other from its turn, and is told of.
#[tokio::test]
async fn the_unreadable_stands_in_nobodys_way() {
    let prefix = prefix();
    let store = RedisStore::builder(&prefix).open(shared().url()).await.unwrap();
    let service = Service::new(store.clone());
    for _ in 0..40 {
        link(&service).await;
    }
    let keys = shared().cli(&["KEYS", &format!("{{{prefix}:*inquiry:*")]);
    for key in keys.lines().take(10) {
        shared().cli(&["SET", key, "?"]);
    }
    let keys = shared().cli(&["KEYS", &format!("{{{prefix}:*links:*")]);
    for key in keys.lines().take(10) {
        let id = shared().cli(&["HKEYS", key]);
        shared().cli(&["HSET", key, id.trim(), "?"]);
    }
    let now = Timestamp::MAX;
    let swept = store.sweep(Sweep { now, limit: 100, event: EventId::from_u128(1) }).await.unwrap();
    assert_eq!((swept.events.len(), swept.more), (30, false));
    let again = store.sweep(Sweep { now, limit: 100, event: EventId::from_u128(101) }).await.unwrap_err();
    assert_eq!(again.kind(), StoreErrorKind::Corrupt);
    let purge = Purge {
        now,
        retention: Interval::from_days(1).unwrap(),
        inquiry_retention: None,
        repeats_after: now,
        limit: 100,
    };
    assert_eq!(store.purge(purge).await.unwrap_err().kind(), StoreErrorKind::Corrupt);
    let left = shared().cli(&["KEYS", &format!("{{{prefix}:*links:*")]).lines().count();
    assert!((10..=20).contains(&left), "{left} links are left");
    // It is left alone for a day.
    assert_eq!(store.purge(purge).await.unwrap().links, 0);
}

/// S1: a hundred thousand links are made in one call and few round trips, on a server and on a cluster, and progress is
/// told; each of them is there.
#[tokio::test(flavor = "multi_thread")]
async fn many_links_are_made() {
    for store in [
        builder().open(shared().url()).await.unwrap(),
        builder().open_cluster(shared_cluster().urls()).await.unwrap(),
    ] {
        let service = Service::new(store);
        let mut requests = Vec::new();
        for _ in 0..100 {
            let inquiry = inquiry(&service).await;
            let request = LinkRequest::resume(inquiry).on_outstanding(OnOutstanding::Keep);
            requests.extend((0..1_000).map(|_| request.clone()));
        }
        let began = Instant::now();
        let mut told = 0;
        let links = service.issue_many_with_progress(requests, |done, _| told = done).await;
        println!("{} links in {:.1?}", links.len(), began.elapsed());
        assert!(links.len() == 100_000 && told == 100_000);
        for link in links.into_iter().step_by(1_001) {
            let answer = service.redeem(link.unwrap().url.expose(), &Attempt::new()).await.unwrap();
            assert!(matches!(answer, Redemption::Granted(_)), "{answer:?}");
        }
    }
}

/// S1: on a cluster a look-up whose link is not there finds nothing.
#[tokio::test(flavor = "multi_thread")]
async fn a_look_up_without_a_link_is_unknown() {
    let store = builder().open_cluster(shared_cluster().urls()).await.unwrap();
    let service = Service::new(store);
    let made = link(&service).await;
    for index in shared_cluster().masters() {
        let node = &shared_cluster().nodes()[index];
        for key in node.cli(&["KEYS", "*:links:*"]).lines().filter(|key| !key.is_empty()) {
            node.cli(&["HDEL", key, &made.id.to_string()]);
        }
    }
    let redeemed = service.redeem(made.url.expose(), &Attempt::new()).await.unwrap();
    assert!(matches!(&redeemed, Redemption::Refused(refused) if refused.reason == Refusal::Unknown));
}
