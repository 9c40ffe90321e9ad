//! Redis Cluster: three masters, each with a replica.

use std::{process::Command, sync::OnceLock, thread};

use super::Redis;
use crate::server::{run, until};

/// A Redis Cluster of one's own: three masters and three replicas, that miss a node after 2 seconds.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Redis>,
}

impl Cluster {
    /// A new cluster without data. Returns when all slots are served, and all replicas have all data.
    pub fn start() -> Self {
        let arguments =
            ["--cluster-enabled yes", "--cluster-node-timeout 2000", "--cluster-announce-ip 127.0.0.1"];
        let nodes = thread::scope(|scope| {
            let starts: Vec<_> = (0..6).map(|_| scope.spawn(|| Redis::start_with(&arguments))).collect();
            starts.into_iter().map(|start| start.join().expect("a node of a cluster did not start")).collect()
        });
        let cluster = Self { nodes };
        let places = cluster.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port()));
        run(Command::new("redis-cli").args(["--cluster", "create"]).args(places).args([
            "--cluster-replicas",
            "1",
            "--cluster-yes",
        ]));
        cluster.settled();
        cluster
    }

    /// Where all nodes are.
    pub fn urls(&self) -> Vec<String> {
        self.nodes.iter().map(Redis::url).collect()
    }

    /// All nodes.
    pub fn nodes(&self) -> &[Redis] {
        &self.nodes
    }

    /// All nodes, to be killed and started again.
    pub fn nodes_mut(&mut self) -> &mut [Redis] {
        &mut self.nodes
    }

    /// Which of the nodes are masters now; those that are asked must be up.
    pub fn masters(&self) -> Vec<usize> {
        (0..self.nodes.len()).filter(|node| self.role(*node)[0] == "master").collect()
    }

    /// Which node is a replica of that one now; all nodes must be up.
    pub fn replica_of(&self, master: usize) -> usize {
        let port = self.nodes[master].port().to_string();
        let replica = (0..self.nodes.len()).find(|node| {
            let role = self.role(*node);
            role[0] == "slave" && role[2] == port
        });
        replica.unwrap_or_else(|| panic!("node {master} has no replica"))
    }

    /// Waits until every node serves all slots and every replica has all data.
    pub fn settled(&self) {
        until("a cluster serves all slots", || {
            self.nodes.iter().all(|node| node.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok"))
        });
        until("three masters have three replicas", || self.masters().len() == 3);
        let masters = self.masters();
        for node in (0..self.nodes.len()).filter(|node| !masters.contains(node)) {
            self.nodes[node].follows();
        }
    }

    /// `master`, …, or `slave`, the master's address, its port, …
    fn role(&self, node: usize) -> Vec<String> {
        self.nodes[node].cli(&["ROLE"]).lines().map(str::to_owned).collect()
    }
}

/// One cluster for all tests of this process.
pub fn shared_cluster() -> &'static Cluster {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    SHARED.get_or_init(Cluster::start)
}
