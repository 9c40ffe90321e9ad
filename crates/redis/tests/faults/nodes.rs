//! Nodes of a cluster that are killed, frozen, or cut off (S4).

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use inquiry_otl::{
    Attempt, IssueError, LinkRequest, OnOutstanding, Redemption, Retry, Service, StoreErrorKind,
};
use inquiry_otl_redis::RedisStore;
use inquiry_otl_testkit::{
    proxy::{Fault, Proxy},
    redis::{Cluster, Redis},
};
use tokio::time::sleep;

use crate::{
    partition::{announce, keeps, serves},
    sites::until,
    stage::{Answer, Sent, all_are, redeem, redeem_all_again, send},
    stores::{open, service},
};

/// S4: a node that is killed is replaced by its replica, and the store goes on by itself. What is on other nodes never
/// stops, if the cluster is told so (`cluster-require-full-coverage no`).
pub(crate) async fn a_killed_node_stops_its_own_partitions_only() {
    a_lost_node_stops_its_own_partitions_only(|cluster, node| cluster.nodes_mut()[node].kill()).await;
}

/// S4: the same with a node that says nothing any more.
pub(crate) async fn a_frozen_node_stops_its_own_partitions_only() {
    let cluster = a_lost_node_stops_its_own_partitions_only(|cluster, node| cluster.nodes()[node].freeze()).await;
    drop(cluster);
}

async fn a_lost_node_stops_its_own_partitions_only(lose: fn(&mut Cluster, usize)) -> Cluster {
    let mut cluster = Cluster::start();
    for node in cluster.nodes() {
        node.cli(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]);
    }
    let lost = cluster.masters()[0];
    let service = service(open(&cluster.urls().join(" ")).await);
    let links = send(&service, 450).await;
    let (concerned, others): (Vec<_>, Vec<_>) = split(&cluster.nodes()[lost], links);
    assert!(concerned.len() > 50 && others.len() > 50, "{} and {}", concerned.len(), others.len());

    lose(&mut cluster, lost);
    let (back, slowest) = tokio::join!(redeem_until_granted(&service, &concerned), redeem_steadily(&service, &others));
    println!("the partitions of the lost node were back after {back:.1?}; others answered within {slowest:.1?}");
    assert!(back < Duration::from_secs(15), "they came back after {back:?}");
    assert!(slowest < Duration::from_secs(2), "others answered after {slowest:?}");
    all_are(Answer::USED, &redeem_all_again(&service, &concerned).await);
    cluster
}

/// Those of which that node keeps the inquiry or the look-up, and the others.
fn split(node: &Redis, links: Vec<Sent>) -> (Vec<Sent>, Vec<Sent>) {
    let found = node.cli(&["KEYS", "*:code:*"]);
    let places: Vec<_> = found.lines().map(|key| node.cli(&["GET", key])).collect();
    let found: BTreeSet<_> = places.iter().filter_map(|place| place.split('/').nth(2)).collect();
    links.into_iter().partition(|link| found.contains(link.inquiry.as_str()) || keeps(node, link.inquiry))
}

/// Asks with the same attempt until each was granted; how long the last one took.
async fn redeem_until_granted(service: &Service<RedisStore>, links: &[Sent]) -> Duration {
    let began = Instant::now();
    join_all(links.iter().map(async |link| {
        loop {
            match redeem(service, link).await {
                Answer::FirstUse | Answer::Repeat => return,
                Answer::Fault(_, Retry::Safe | Retry::SameAttempt) => sleep(Duration::from_millis(100)).await,
                other => panic!("a lost node is a fault, and asking again is safe: {other:?}"),
            }
        }
    }))
    .await;
    began.elapsed()
}

/// Redeems one after the other while a failover goes on; how long the slowest took.
async fn redeem_steadily(service: &Service<RedisStore>, links: &[Sent]) -> Duration {
    let mut slowest = Duration::ZERO;
    for link in links {
        let began = Instant::now();
        assert_eq!(redeem(service, link).await, Answer::FirstUse, "on a node that is well");
        slowest = slowest.max(began.elapsed());
        sleep(Duration::from_millis(50)).await;
    }
    slowest
}
