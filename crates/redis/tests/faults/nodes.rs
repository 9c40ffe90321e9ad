//! Nodes of a cluster that are killed, or cut off (S4).

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use inquiry_otl::{Attempt, Peek, Retry, Service};
use inquiry_otl_redis::RedisStore;
use inquiry_otl_testkit::redis::{Cluster, Redis};
use tokio::time::sleep;

use crate::{
    partition::{keeps, set},
    stage::{
        Answer, KILLS, PATIENCE, ROUNDS, Sent, all_are, amid, redeem, redeem_again, redeem_all_again, send,
    },
    stores::{open, service},
};

/// S4: a node that is killed is replaced by its replica, and the store goes on by itself. What is on other nodes never
/// stops, if the cluster is told so (`cluster-require-full-coverage no`).
pub(crate) async fn a_killed_node_stops_its_own_partitions_only() {
    let mut cluster = Cluster::start();
    set(&cluster, "cluster-require-full-coverage", "no");
    let lost = cluster.masters()[0];
    let service = service(open(&cluster.urls().join(" ")).await);
    let links = send(&service, 150).await;
    let (mut concerned, mut others): (Vec<_>, Vec<_>) = split(&cluster.nodes()[lost], links);
    concerned.truncate(12);
    others.truncate(100);
    assert!(concerned.len() == 12 && others.len() > 20, "{} and {}", concerned.len(), others.len());

    cluster.nodes_mut()[lost].kill();
    let ((back, faults), slowest) =
        tokio::join!(redeem_all_until_granted(&service, &concerned), redeem_steadily(&service, &others));
    assert!(0 < faults, "nobody met it");
    println!(
        "the partitions of the lost node were back after {back:.1?}; others answered within {slowest:.1?}"
    );
    all_are(Answer::USED, &redeem_all_again(&service, &concerned).await);
}

/// S4: a node that is killed amid many calls, more than the driver's line to a node holds, is replaced as well, and so is
/// the next: the store goes on by itself, each time.
pub(crate) async fn a_killed_node_under_load_is_replaced() {
    let mut cluster = Cluster::start();
    set(&cluster, "cluster-require-full-coverage", "no");
    let service = service(open(&cluster.urls().join(" ")).await);
    let (mut round, mut kills) = (0, 0);
    while kills < KILLS {
        assert!(round < ROUNDS, "{kills} of {ROUNDS} kills met somebody");
        let lost = cluster.masters()[0];
        let links = send(&service, 3_000).await;
        let redemptions = links.iter().map(|link| redeem_until_granted(&service, link));
        let faults = amid(redemptions, 600, || cluster.nodes_mut()[lost].kill()).await.iter().sum::<u32>();
        println!("{} links were redeemed, and a node killed amid them; {faults} faults", links.len());
        kills += usize::from(0 < faults);
        round += 1;
        cluster.nodes_mut()[lost].restart();
        cluster.settled();
        all_are(Answer::USED, &redeem_all_again_patiently(&service, &links).await);
    }
}

/// S4: a node that hangs, and takes connections without answering, holds up its own partitions only; they go on when
/// another has taken its place.
pub(crate) async fn a_frozen_node_stops_its_own_partitions_only() {
    let cluster = Cluster::start();
    set(&cluster, "cluster-require-full-coverage", "no");
    let hung = &cluster.nodes()[cluster.masters()[0]];
    let service = service(open(&cluster.urls().join(" ")).await);
    let links = send(&service, 250).await;
    let (concerned, mut others): (Vec<_>, Vec<_>) = split(hung, links);
    others.truncate(100);
    assert!(concerned.len() > 60 && others.len() > 40, "{} and {}", concerned.len(), others.len());

    hung.freeze();
    let ((back, faults), slowest) =
        tokio::join!(redeem_all_until_granted(&service, &concerned), redeem_steadily(&service, &others));
    assert!(0 < faults, "nobody met it");
    println!(
        "the partitions of the hung node were back after {back:.1?}; others answered within {slowest:.1?}"
    );
    hung.thaw();
    cluster.settled();
    all_are(Answer::USED, &redeem_all_again_patiently(&service, &concerned).await);
}

/// D1, S4: slots that move from one node to another while their links are redeemed lose and double none: what cannot be
/// answered meanwhile was not carried out.
pub(crate) async fn slots_that_move_lose_and_double_nothing() {
    let cluster = Cluster::start();
    let service = service(open(&cluster.urls().join(" ")).await);
    let links = send(&service, 3_000).await;
    let (from, to) = (&cluster.nodes()[cluster.masters()[0]], &cluster.nodes()[cluster.masters()[1]]);
    let kept = from.cli(&["DBSIZE"]);
    let moving = tokio::process::Command::new("redis-cli")
        .args(["--cluster", "reshard", &format!("127.0.0.1:{}", from.port())])
        .args([
            "--cluster-from",
            &from.cli(&["CLUSTER", "MYID"]),
            "--cluster-to",
            &to.cli(&["CLUSTER", "MYID"]),
        ])
        .args(["--cluster-slots", "5461", "--cluster-yes"])
        .output();
    let redeeming = async {
        let mut faults = 0;
        for links in links.chunks(20) {
            // They take as long as the slots.
            sleep(Duration::from_millis(30)).await;
            faults +=
                join_all(links.iter().map(|link| redeem_patiently(&service, link))).await.iter().sum::<u32>();
        }
        faults
    };
    let began = Instant::now();
    let (moved, faults) = tokio::join!(moving, redeeming);
    let moved = moved.unwrap();
    assert!(moved.status.success(), "{}", String::from_utf8_lossy(&moved.stdout));
    println!(
        "{kept} keys moved in {:.1?}; {faults} faults, after each of which nothing was written",
        began.elapsed()
    );
    // Nothing behind the last word, which is its link's: no slot.
    let nodes = from.cli(&["CLUSTER", "NODES"]);
    assert!(nodes.lines().any(|node| node.contains("myself") && node.ends_with("connected")), "{nodes}");

    all_are(Answer::USED, &redeem_all_again(&service, &links).await);
    for link in &links {
        assert_eq!(
            service.sessions(link.inquiry, None, 10).await.unwrap().len(),
            1,
            "one first use, one session"
        );
    }
}

/// Somebody else redeems all links, and asks again where nothing was written since a node is not yet where it was.
async fn redeem_all_again_patiently(service: &Service<RedisStore>, links: &[Sent]) -> Vec<Answer> {
    let mut answers = redeem_all_again(service, links).await;
    for (link, answer) in links.iter().zip(&mut answers) {
        let began = Instant::now();
        while matches!(answer, Answer::Fault(_, Retry::Safe)) && began.elapsed() < PATIENCE {
            sleep(Duration::from_millis(100)).await;
            *answer = redeem_again(service, link).await;
        }
    }
    answers
}

/// S4: a look-up that a node has given away, though nobody has announced it yet, is asked of the node that has it, at once.
/// Scripts name keys that are not there yet: they are turned away until their slot has arrived, and nothing is written.
pub(crate) async fn a_slot_on_its_way_is_followed() {
    let cluster = Cluster::start();
    let service = service(open(&cluster.urls().join(" ")).await);
    let (from, to) = (&cluster.nodes()[cluster.masters()[0]], &cluster.nodes()[cluster.masters()[1]]);
    let (concerned, _) = split(from, send(&service, 60).await);
    let (moving, looked_up): (Vec<_>, Vec<_>) =
        concerned.into_iter().partition(|link| keeps(from, link.inquiry));
    assert!(!moving.is_empty() && !looked_up.is_empty(), "{} and {}", moving.len(), looked_up.len());
    let keys = from.cli(&["KEYS", "*"]);
    let slots: BTreeSet<_> = keys.lines().map(|key| from.cli(&["CLUSTER", "KEYSLOT", key])).collect();
    let (own, other) = (from.cli(&["CLUSTER", "MYID"]), to.cli(&["CLUSTER", "MYID"]));
    for slot in &slots {
        to.cli(&["CLUSTER", "SETSLOT", slot, "IMPORTING", &own]);
        from.cli(&["CLUSTER", "SETSLOT", slot, "MIGRATING", &other]);
        for key in from.cli(&["CLUSTER", "GETKEYSINSLOT", slot, "1000"]).lines() {
            from.cli(&["MIGRATE", "127.0.0.1", &to.port().to_string(), key, "0", "5000"]);
        }
    }
    assert_eq!(from.cli(&["DBSIZE"]), "0");
    for link in &looked_up {
        let peek = service.peek(&link.url, &Attempt::new()).await.unwrap();
        assert!(matches!(peek, Peek::WouldGrant(_)), "{peek:?}");
        assert_eq!(redeem(&service, link).await, Answer::FirstUse);
    }
    let answers = join_all(moving.iter().map(|link| redeem(&service, link))).await;
    assert!(answers.iter().all(|answer| matches!(answer, Answer::Fault(_, Retry::Safe))), "{answers:?}");
    for slot in &slots {
        for node in [to, from] {
            node.cli(&["CLUSTER", "SETSLOT", slot, "NODE", &other]);
        }
    }
    for link in &moving {
        assert_eq!(redeem(&service, link).await, Answer::FirstUse);
    }
}

/// S4: nodes that were all gone, and are all back, are found again by the store that was open all the time.
pub(crate) async fn a_restarted_cluster_is_found_again() {
    let mut cluster = Cluster::start();
    set(&cluster, "appendfsync", "always");
    let service = service(open(&cluster.urls().join(" ")).await);
    let links = send(&service, 20).await;
    cluster.nodes_mut().iter_mut().for_each(Redis::kill);
    // The first to notice may have sent something.
    redeem(&service, &links[0]).await;
    let refused = join_all(links[..5].iter().map(|link| redeem(&service, link))).await;
    assert!(
        refused.iter().all(|answer| matches!(answer, Answer::Fault(_, Retry::Safe | Retry::SameAttempt))),
        "{refused:?}"
    );
    std::thread::scope(|scope| {
        for node in cluster.nodes_mut() {
            scope.spawn(|| node.restart());
        }
    });
    cluster.settled();
    let began = Instant::now();
    for link in &links {
        while !matches!(redeem(&service, link).await, Answer::FirstUse | Answer::Repeat) {
            assert!(began.elapsed() < PATIENCE, "it is not found again");
            sleep(Duration::from_millis(50)).await;
        }
    }
    all_are(Answer::USED, &redeem_all_again_patiently(&service, &links).await);
}

/// Redeems a link, again and again as long as nothing was written; how often that was so.
async fn redeem_patiently(service: &Service<RedisStore>, link: &Sent) -> u32 {
    let (began, mut faults) = (Instant::now(), 0);
    loop {
        match redeem(service, link).await {
            Answer::FirstUse => return faults,
            Answer::Fault(_, Retry::Safe) => faults += 1,
            other => panic!("slots that move are a fault, and asking again is safe: {other:?}"),
        }
        assert!(began.elapsed() < PATIENCE, "slots do not move for so long");
        sleep(Duration::from_millis(100)).await;
    }
}

/// Those of which that node keeps the inquiry or the look-up, and the others.
fn split(node: &Redis, links: Vec<Sent>) -> (Vec<Sent>, Vec<Sent>) {
    let found = node.cli(&["KEYS", "*:code:*"]);
    let places: Vec<_> = found.lines().map(|key| node.cli(&["GET", key])).collect();
    let found: BTreeSet<_> = places.iter().filter_map(|place| place.split('/').nth(2)).collect();
    links.into_iter().partition(|link| found.contains(link.inquiry.as_str()) || keeps(node, link.inquiry))
}

/// Asks with the same attempt until it was granted; how many faults that met.
async fn redeem_until_granted(service: &Service<RedisStore>, link: &Sent) -> u32 {
    let mut faults = 0;
    loop {
        match redeem(service, link).await {
            Answer::FirstUse | Answer::Repeat => return faults,
            Answer::Fault(_, Retry::Safe | Retry::SameAttempt) => {
                faults += 1;
                sleep(Duration::from_millis(100)).await;
            }
            other => panic!("a lost node is a fault, and asking again is safe: {other:?}"),
        }
    }
}

/// The same for all of them; how long the last one took, and how many faults they met.
async fn redeem_all_until_granted(service: &Service<RedisStore>, links: &[Sent]) -> (Duration, u32) {
    let began = Instant::now();
    let faults = join_all(links.iter().map(|link| redeem_until_granted(service, link))).await;
    (began.elapsed(), faults.iter().sum())
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
