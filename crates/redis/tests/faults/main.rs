//! What a Redis server keeps and loses when it fails, as the README says it (D1, S4).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may panic"
)]

mod acl;
mod failover;
mod histories;
mod kills;
mod outages;
mod pair;
mod shown;
mod sites;
mod stage;
mod stores;
#[cfg(feature = "tls")]
mod tls;

use std::process::ExitCode;

use inquiry_otl_redis::RedisStore;
use inquiry_otl_testkit::{
    faults::{self, Durable, Engine},
    redis::Redis,
};
use libtest_mimic::Trial;

use crate::{pair::Pair, stage::trial};

fn main() -> ExitCode {
    let trials = vec![
        trial("always_loses_nothing", kills::always_loses_nothing),
        trial("always_on_a_slow_disk_loses_nothing", kills::always_on_a_slow_disk_loses_nothing),
        trial("everysec_loses_nothing_that_it_wrote", kills::everysec_loses_nothing_that_it_wrote),
        trial(
            "everysec_on_a_slow_disk_tells_first_uses_twice",
            kills::everysec_on_a_slow_disk_tells_first_uses_twice,
        ),
        trial("histories_on_a_slow_disk_are_undone", kills::histories_on_a_slow_disk_are_undone),
        trial(
            "without_wait_first_uses_are_told_twice",
            failover::without_wait_first_uses_are_told_twice::<Pair>,
        ),
        trial("with_wait_no_first_use_is_told_twice", failover::with_wait_no_first_use_is_told_twice::<Pair>),
        trial(
            "the_same_attempt_confirms_what_was_not",
            failover::the_same_attempt_confirms_what_was_not::<Pair>,
        ),
        trial("histories_without_wait_are_undone", histories::without_wait_a_failover_is_found::<Pair>),
        trial(
            "histories_with_wait_are_linearizable",
            histories::with_wait_a_failover_is_linearizable::<Pair>,
        ),
        trial("a_frozen_server_is_a_timeout", outages::a_frozen_server_is_a_timeout),
        trial("a_restarted_server_is_found_again", outages::a_restarted_server_is_found_again),
        trial("a_full_server_loses_nothing", outages::a_full_server_loses_nothing),
        Trial::test("a_user_with_the_documented_rights_does_everything", || {
            acl::a_user_with_the_documented_rights_does_everything();
            Ok(())
        }),
        trial(
            "a_user_with_the_documented_rights_does_nothing_else",
            acl::a_user_with_the_documented_rights_does_nothing_else,
        ),
        trial("a_wrong_password_is_a_fault_without_it", acl::a_wrong_password_is_a_fault_without_it),
        #[cfg(feature = "tls")]
        trial("a_verified_connection_is_made", tls::a_verified_connection_is_made),
        #[cfg(feature = "tls")]
        trial("a_server_that_is_not_verified_is_refused", tls::a_server_that_is_not_verified_is_refused),
    ];
    faults::main(Single, trials)
}

/// A server that answers once its write is on disk.
struct Single;

impl Durable for Single {
    type Store = RedisStore;
    const NAME: &'static str = "redis";

    fn engine(&self) -> Box<dyn Engine> {
        Box::new(Server(Redis::start_with(&["--appendfsync always"])))
    }

    async fn open(&self, place: &str) -> RedisStore {
        stores::open_patiently(place).await
    }
}

struct Server(Redis);

impl Engine for Server {
    fn place(&self) -> String {
        self.0.url()
    }

    fn port(&self) -> Option<u16> {
        Some(self.0.port())
    }

    fn place_at(&self, port: u16) -> Option<String> {
        Some(self.0.url_at(port))
    }

    fn kill(&mut self) {
        self.0.kill();
    }

    fn restart(&mut self) {
        self.0.restart();
    }
}
