//! TLS: a connection that is verified, or none.

use std::{fs, path::Path};

use inquiry_otl_redis::{OpenError, RedisStore};
use inquiry_otl_testkit::redis::Redis;
use redis::{Client, TlsCertificates};

use crate::{
    shown::said,
    stage::{Answer, redeem, send},
    stores::{PREFIX, service},
};

/// S4: a store works over TLS, with the authority that signed the server's certificate.
pub(crate) async fn a_verified_connection_is_made() {
    let (redis, authority) = Redis::start_tls();
    let store = RedisStore::builder(PREFIX).single(client(&redis.url(), &authority)).await.unwrap();
    let service = service(store);
    let links = send(&service, 2).await;
    for link in &links {
        assert_eq!(redeem(&service, link).await, Answer::FirstUse);
    }
}

/// S4, C4: a server whose certificate another authority signed is refused, as is one by another name, and one that does
/// not speak TLS; the fault shows no place and no password.
pub(crate) async fn a_server_that_is_not_verified_is_refused() {
    let (redis, authority) = Redis::start_tls();
    let (_stranger, its_authority) = Redis::start_tls();
    let plain = Redis::start();
    let with_password = |url: String| url.replace("rediss://", "rediss://otl:correct-horse@");
    let url = with_password(redis.url());
    let attempts = [
        ("another authority", client(&url, &its_authority)),
        ("the authorities of the system", Client::open(&*url).unwrap()),
        ("another name", client(&url.replace("127.0.0.1", "127.0.0.2"), &authority)),
        ("no TLS", client(&with_password(plain.url().replace("redis://", "rediss://")), &authority)),
    ];
    for (why, client) in attempts {
        let refused = RedisStore::builder(PREFIX).single(client).await.expect_err(why);
        let OpenError::Store(_) = &refused else { panic!("{why}: {refused:?}") };
        let said = said(&refused);
        println!("{why}: {said}");
        for secret in ["horse", "127.0.0", &redis.port().to_string(), &plain.port().to_string()] {
            assert!(!said.contains(secret), "{why}: {said}");
        }
    }
}

fn client(url: &str, authority: &Path) -> Client {
    let certificates = TlsCertificates { client_tls: None, root_cert: Some(fs::read(authority).unwrap()) };
    Client::build_with_tls(url, certificates).unwrap()
}
