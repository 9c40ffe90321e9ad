//! A user with no more rights than the store needs: the one of the README.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use inquiry_otl::{
    Retry, StoreErrorKind,
    conformance::{Fixture, checks, housekeeping_checks, outbox_checks},
    store::{Outbox as _, Receipt},
};
use inquiry_otl_redis::{OpenError, RedisStore};
use inquiry_otl_testkit::redis::Redis;
use redis::{ErrorKind, ServerErrorKind};

use crate::shown::said;

/// The command that makes the user `otl` for the prefix `otl`, as the README has it.
pub(crate) fn documented() -> &'static str {
    include_str!("../../README.md").lines().find(|line| line.starts_with("ACL SETUSER otl on")).unwrap()
}

/// Makes the user of that name for the prefix of that name; where the user finds the server.
fn user(redis: &Redis, name: &str) -> String {
    let line = documented().replace("otl", name).replace("secret", PASSWORD);
    redis.cli(&line.split(' ').collect::<Vec<_>>());
    redis.url().replace("redis://", &format!("redis://{name}:{PASSWORD}@"))
}

const PASSWORD: &str = "correct-horse";

/// S1: the rights that the README gives are enough for every operation: with them the store passes every check.
pub(crate) fn a_user_with_the_documented_rights_does_everything() {
    let stores = Limited { redis: Arc::new(Redis::start()), count: Arc::default() };
    let checks = [checks::<Limited>(), housekeeping_checks(), outbox_checks()].concat();
    for check in &checks {
        check.run(stores.clone()).unwrap_or_else(|error| panic!("{}: {error}", check.name));
    }
    println!("a user with the documented rights passed {} checks", checks.len());
}

/// Stores of users who may use nothing else.
#[derive(Clone)]
struct Limited {
    redis: Arc<Redis>,
    count: Arc<AtomicU32>,
}

impl Fixture for Limited {
    type Store = RedisStore;

    async fn fresh(&self) -> RedisStore {
        let name = format!("user{}", self.count.fetch_add(1, Ordering::Relaxed));
        let url = user(&self.redis, &name);
        RedisStore::builder(&name).outbox().open(url).await.expect("rights enough to open a store")
    }

    async fn deliver(&self, store: &RedisStore) {
        let waiting = store.pending(None, u32::MAX).await.unwrap();
        let receipts: Vec<Receipt> = waiting.into_iter().map(|delivery| delivery.receipt).collect();
        store.acknowledge(receipts).await.unwrap();
    }
}

/// S6: that user can do nothing else: no other prefix, no list of keys, nothing that is the server's.
pub(crate) async fn a_user_with_the_documented_rights_does_nothing_else() {
    let redis = Redis::start();
    let url = user(&redis, "otl");
    redis.cli(&["SET", "other:code:1", "theirs"]);
    redis.cli(&["SET", "{other:00}:inquiry:default/inq_1", "theirs"]);
    let client = redis::Client::open(url).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    for line in [
        "FLUSHALL",
        "FLUSHDB",
        "KEYS *",
        "SCAN 0",
        "RANDOMKEY",
        "DBSIZE",
        "CONFIG GET requirepass",
        "CONFIG SET appendonly no",
        "ACL LIST",
        "ACL SETUSER otl allkeys",
        "CLIENT LIST",
        "CLIENT KILL TYPE normal",
        "SCRIPT FLUSH",
        "FUNCTION FLUSH",
        "SHUTDOWN NOSAVE",
        "REPLICAOF NO ONE",
        "MONITOR",
        "SUBSCRIBE news",
        "GET other:code:1",
        "SET other:code:1 mine",
        "DEL other:code:1",
        "HGETALL {other:00}:inquiry:default/inq_1",
        "EVAL return\u{a0}redis.call('GET','other:code:1') 0",
        "EVAL return\u{a0}redis.call('GET',KEYS[1]) 1 other:code:1",
        "EVAL return\u{a0}redis.call('FLUSHALL') 0",
    ] {
        let mut words = line.split(' ').map(|word| word.replace('\u{a0}', " "));
        let mut command = redis::cmd(&words.next().unwrap());
        words.for_each(|word| {
            command.arg(word);
        });
        let error = command.query_async::<redis::Value>(&mut connection).await.expect_err(line);
        let is_no_right = error.kind() == ErrorKind::Server(ServerErrorKind::NoPerm)
            // As a script says it.
            || error.detail().is_some_and(|detail| detail.contains("can't run") || detail.contains("can't access"));
        assert!(is_no_right, "{line}: {error}");
    }
    assert_eq!(redis.cli(&["GET", "other:code:1"]), "theirs");
}

/// C4, S4: a wrong password is a fault that says so, and shows neither password nor place; so is a right that is missing.
pub(crate) async fn a_wrong_password_is_a_fault_without_it() {
    let redis = Redis::start();
    let wrong = user(&redis, "otl").replace(PASSWORD, "wrong-horse");
    let refused = RedisStore::builder("otl").open(wrong).await.unwrap_err();
    let OpenError::Store(error) = &refused else { panic!("{refused:?}") };
    assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Internal, Retry::Useless));

    let other = user(&redis, "otl");
    let forbidden = RedisStore::builder("other").open(other).await.unwrap_err();
    let OpenError::Store(error) = &forbidden else { panic!("{forbidden:?}") };
    assert_eq!((error.kind(), error.retry()), (StoreErrorKind::Internal, Retry::Useless));

    for said in [said(&refused), said(&forbidden)] {
        for secret in ["horse", "127.0.0.1", &redis.port().to_string()] {
            assert!(!said.contains(secret), "{said}");
        }
    }
}
