//! What is kept, and what is not.

use std::time::Instant;

use inquiry_otl::{
    Attempt, LinkRequest, LinkStore, OnOutstanding, Redemption, Refusal, Service, StoreErrorKind, TenantId,
    store::InquiryKey,
};
use inquiry_otl_redis::RedisStore;
use inquiry_otl_testkit::redis::{shared, shared_cluster};

use crate::common::{builder, inquiry, link, prefix};

/// S4: a record that cannot be read is a fault, in every field, and never a panic.
#[tokio::test]
async fn a_damaged_record_is_corrupt() {
    let prefix = prefix();
    let store = RedisStore::builder(&prefix).open(shared().url()).await.unwrap();
    let id = inquiry(&Service::new(store.clone())).await;
    let key = shared().cli(&["KEYS", &format!("{{{prefix}:*inquiry:*")]);
    for field in ["status", "expires", "policy", "epoch", "version", "resume", "sequence"] {
        let kept = shared().cli(&["HGET", key.trim(), field]);
        shared().cli(&["HSET", key.trim(), field, "?"]);
        let error = store.inquiry(InquiryKey { tenant: TenantId::default(), inquiry: id }).await.unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Corrupt, "{field}");
        shared().cli(&["HSET", key.trim(), field, kept.trim()]);
    }
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
        for key in node.cli(&["KEYS", &format!("*:link:*/{}", made.id)]).lines().filter(|key| !key.is_empty())
        {
            node.cli(&["DEL", key]);
        }
    }
    let redeemed = service.redeem(made.url.expose(), &Attempt::new()).await.unwrap();
    assert!(matches!(&redeemed, Redemption::Refused(refused) if refused.reason == Refusal::Unknown));
}
