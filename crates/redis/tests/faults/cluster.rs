//! What a Redis Cluster keeps and loses when it fails, as the README says it (D1, S4).
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    reason = "a test may panic"
)]

mod failover;
mod histories;
mod issuing;
mod nodes;
mod partition;
mod sites;
mod stage;
mod stores;

use std::{process::ExitCode, thread};

use inquiry_otl_redis::RedisStore;
use inquiry_otl_testkit::{
    faults::{self, Durable, Engine},
    redis::Cluster,
};

use crate::{
    partition::{Partition, announce, set},
    stage::trial,
};

fn main() -> ExitCode {
    let trials = vec![
        trial(
            "without_wait_first_uses_are_told_twice",
            failover::without_wait_first_uses_are_told_twice::<Partition>,
        ),
        trial(
            "with_wait_no_first_use_is_told_twice",
            failover::with_wait_no_first_use_is_told_twice::<Partition>,
        ),
        trial(
            "the_same_attempt_confirms_what_was_not",
            failover::the_same_attempt_confirms_what_was_not::<Partition>,
        ),
        trial("histories_without_wait_are_undone", histories::without_wait_a_failover_is_found::<Partition>),
        trial(
            "histories_with_wait_are_linearizable",
            histories::with_wait_a_failover_is_linearizable::<Partition>,
        ),
        trial(
            "a_killed_node_stops_its_own_partitions_only",
            nodes::a_killed_node_stops_its_own_partitions_only,
        ),
        trial("a_killed_node_under_load_is_replaced", nodes::a_killed_node_under_load_is_replaced),
        trial(
            "a_frozen_node_stops_its_own_partitions_only",
            nodes::a_frozen_node_stops_its_own_partitions_only,
        ),
        trial("slots_that_move_lose_and_double_nothing", nodes::slots_that_move_lose_and_double_nothing),
        trial("a_slot_on_its_way_is_followed", nodes::a_slot_on_its_way_is_followed),
        trial("a_restarted_cluster_is_found_again", nodes::a_restarted_cluster_is_found_again),
        trial(
            "an_issue_that_is_cut_leaves_nothing_half_done",
            issuing::an_issue_that_is_cut_leaves_nothing_half_done,
        ),
        trial("an_issue_amid_a_kill_denies_no_link", issuing::an_issue_amid_a_kill_denies_no_link),
    ];
    faults::main(Clustered, trials)
}

/// A cluster whose nodes answer once their writes are on disk.
struct Clustered;

impl Durable for Clustered {
    type Store = RedisStore;
    const NAME: &'static str = "redis_cluster";

    fn engine(&self) -> Box<dyn Engine> {
        Box::new(Nodes::new(Cluster::start()))
    }

    async fn open(&self, place: &str) -> RedisStore {
        stores::open_patiently(place).await
    }
}

/// All nodes of a cluster, killed and started together; the first master can be put behind a proxy.
struct Nodes {
    cluster: Cluster,
    first: usize,
}

impl Nodes {
    fn new(cluster: Cluster) -> Self {
        set(&cluster, "appendfsync", "always");
        Self { first: cluster.masters()[0], cluster }
    }
}

impl Engine for Nodes {
    fn place(&self) -> String {
        self.cluster.urls().join(" ")
    }

    fn port(&self) -> Option<u16> {
        Some(self.cluster.nodes()[self.first].port())
    }

    fn place_at(&self, proxy: u16) -> Option<String> {
        announce(&self.cluster, self.first, proxy);
        let own = self.cluster.nodes()[self.first].port().to_string();
        Some(self.place().replace(&own, &proxy.to_string()))
    }

    fn kill(&mut self) {
        self.cluster.nodes_mut().iter_mut().for_each(inquiry_otl_testkit::redis::Redis::kill);
    }

    fn restart(&mut self) {
        // All at once, so that no replica takes its master for dead.
        thread::scope(|scope| {
            for node in self.cluster.nodes_mut() {
                scope.spawn(|| node.restart());
            }
        });
        self.cluster.settled();
        set(&self.cluster, "appendfsync", "always");
    }
}
