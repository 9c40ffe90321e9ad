//! The conformance suite on a server and on a cluster, with an outbox and without, and behind the handle that erases.

#![allow(clippy::unwrap_used, clippy::panic, reason = "a test stops at what surprises it")]

use std::sync::atomic::{AtomicU32, Ordering};

use inquiry_otl::{
    conformance::Fixture,
    store::{AnyLinkStore, Outbox},
};
use inquiry_otl_redis::{Builder, RedisStore};
use inquiry_otl_testkit::redis::{shared, shared_cluster};

/// Every store gets a prefix of its own.
fn builder() -> Builder {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    RedisStore::builder(&format!("test-{}", NEXT.fetch_add(1, Ordering::Relaxed)))
}

async fn single(builder: Builder) -> RedisStore {
    builder.open(shared().url()).await.unwrap()
}

async fn cluster(builder: Builder) -> RedisStore {
    builder.open_cluster(shared_cluster().urls()).await.unwrap()
}

/// Acknowledges all events.
async fn deliver(store: &RedisStore) {
    let waiting = store.pending(None, u32::MAX).await.unwrap();
    store.acknowledge(waiting.into_iter().map(|delivery| delivery.receipt).collect()).await.unwrap();
}

macro_rules! stores {
    ($module:ident, $open:path) => {
        mod $module {
            use super::{AnyLinkStore, Fixture, RedisStore, builder, deliver};

            struct Plain;

            impl Fixture for Plain {
                type Store = RedisStore;

                async fn fresh(&self) -> RedisStore {
                    $open(builder()).await
                }
            }

            struct WithOutbox;

            impl Fixture for WithOutbox {
                type Store = RedisStore;

                async fn fresh(&self) -> RedisStore {
                    $open(builder().outbox()).await
                }

                async fn deliver(&self, store: &RedisStore) {
                    deliver(store).await;
                }
            }

            struct Erased;

            impl Fixture for Erased {
                type Store = AnyLinkStore;

                async fn fresh(&self) -> AnyLinkStore {
                    AnyLinkStore::new($open(builder()).await)
                }
            }

            mod plain {
                inquiry_otl::link_store_conformance!(super::Plain);
                inquiry_otl::directory_conformance!(super::Plain);
                inquiry_otl::housekeeping_conformance!(super::Plain);
            }

            mod with_outbox {
                inquiry_otl::link_store_conformance!(super::WithOutbox);
                inquiry_otl::directory_conformance!(super::WithOutbox);
                inquiry_otl::housekeeping_conformance!(super::WithOutbox);
                inquiry_otl::outbox_conformance!(super::WithOutbox);
            }

            mod erased {
                inquiry_otl::link_store_conformance!(super::Erased);
            }
        }
    };
}

stores!(single_server, super::single);
stores!(redis_cluster, super::cluster);
