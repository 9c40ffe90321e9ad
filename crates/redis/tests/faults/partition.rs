//! A partition of a cluster: a master and its replica, which the other nodes promote when the master is gone.

use inquiry_otl::InquiryId;
use inquiry_otl_testkit::redis::{Cluster, Redis};

use crate::sites::{Site, in_step, part, until};

/// A cluster, and one of its masters.
pub(crate) struct Partition {
    cluster: Cluster,
    master: usize,
    replica: usize,
}

impl Site for Partition {
    fn start() -> Self {
        let cluster = Cluster::start();
        let master = cluster.masters()[0];
        let replica = cluster.replica_of(master);
        Self { cluster, master, replica }
    }

    fn place(&self) -> String {
        self.cluster.urls().join(" ")
    }

    fn keeps(&self, inquiry: InquiryId) -> bool {
        keeps(&self.cluster.nodes()[self.master], inquiry)
    }

    fn in_step(&self) {
        in_step(&self.cluster.nodes()[self.master], &self.cluster.nodes()[self.replica]);
    }

    fn part(&self) {
        part(&self.cluster.nodes()[self.master], &self.cluster.nodes()[self.replica]);
    }

    fn join(&self) {
        self.cluster.nodes()[self.replica].thaw();
        self.in_step();
    }

    fn fail_over(&mut self) {
        self.cluster.nodes_mut()[self.master].kill();
        let replica = &self.cluster.nodes()[self.replica];
        replica.thaw();
        until("a replica is promoted", || replica.cli(&["ROLE"]).starts_with("master"));
        until("the cluster serves all slots", || serves(replica));
    }
}

/// Whether a node keeps that inquiry.
pub(crate) fn keeps(node: &Redis, inquiry: InquiryId) -> bool {
    !node.cli(&["KEYS", &format!("*{inquiry}*")]).is_empty()
}

/// Changes a setting of all nodes, until they are started again.
pub(crate) fn set(cluster: &Cluster, name: &str, value: &str) {
    for node in cluster.nodes() {
        node.cli(&["CONFIG", "SET", name, value]);
    }
}

/// Lets all nodes tell clients that a node is at that port; the nodes' own bus has another one.
pub(crate) fn announce(cluster: &Cluster, node: usize, port: u16) {
    let port = port.to_string();
    cluster.nodes()[node].cli(&["CONFIG", "SET", "cluster-announce-port", &port]);
    until("all nodes tell the port", || {
        let mut nodes = cluster.nodes().iter();
        nodes.all(|node| node.cli(&["CLUSTER", "SLOTS"]).lines().any(|line| line == port))
    });
}

fn serves(node: &Redis) -> bool {
    node.cli(&["CLUSTER", "INFO"]).contains("cluster_state:ok")
}
