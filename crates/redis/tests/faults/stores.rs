//! The store at a place.

use std::time::Duration;

use inquiry_otl::Service;
use inquiry_otl_redis::{Builder, RedisStore};

/// What the keys of all stores here begin with.
pub(crate) const PREFIX: &str = "otl";

/// Opens the store at a place: the address of a server, or those of a cluster's nodes with a space between them.
pub(crate) async fn open(place: &str) -> RedisStore {
    open_as(RedisStore::builder(PREFIX), place).await
}

/// The same, and no busy disk makes it give up: only a connection that is lost does.
pub(crate) async fn open_patiently(place: &str) -> RedisStore {
    open_as(RedisStore::builder(PREFIX).response_timeout(Duration::from_secs(30)), place).await
}

/// Opens a store whose writes wait until a replica has them.
pub(crate) async fn open_that_waits(place: &str) -> RedisStore {
    open_that_waits_for(place, Duration::from_millis(500)).await
}

/// The same, for no longer than that.
pub(crate) async fn open_that_waits_for(place: &str, patience: Duration) -> RedisStore {
    let builder = RedisStore::builder(PREFIX).replicas(1, patience);
    // Those on one connection wait one after the other.
    open_as(builder.response_timeout(Duration::from_secs(30)), place).await
}

async fn open_as(builder: Builder, place: &str) -> RedisStore {
    let nodes: Vec<_> = place.split(' ').collect();
    match nodes[..] {
        [server] => builder.open(server).await,
        _ => builder.open_cluster(nodes).await,
    }
    .expect("a store at that place")
}

/// A service on a store.
pub(crate) fn service(store: RedisStore) -> Service<RedisStore> {
    Service::new(store)
}
