//! Nodes of a cluster that are killed, or cut off (S4).

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures_util::future::join_all;
use inquiry_otl::{
    Attempt, IssueError, LinkRequest, LinkStore as _, OnOutstanding, Peek, Redemption, Retry, Service,
    store::IssueOutcome,
};
use inquiry_otl_redis::RedisStore;
use inquiry_otl_testkit::{
    proxy::{Fault, Proxy},
    redis::{Cluster, Redis},
};
use tokio::time::sleep;

use crate::{
    partition::{announce, keeps},
    stage::{Answer, Sent, all_are, redeem, redeem_again, redeem_all_again, send},
    stores::{open, service},
};

/// S4: a node that is killed is replaced by its replica, and the store goes on by itself. What is on other nodes never
/// stops, if the cluster is told so (`cluster-require-full-coverage no`).
pub(crate) async fn a_killed_node_stops_its_own_partitions_only() {
    let mut cluster = Cluster::start();
    for node in cluster.nodes() {
        node.cli(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]);
    }
    let lost = cluster.masters()[0];
    let service = service(open(&cluster.urls().join(" ")).await);
    let links = send(&service, 150).await;
    let (mut concerned, mut others): (Vec<_>, Vec<_>) = split(&cluster.nodes()[lost], links);
    concerned.truncate(12);
    others.truncate(100);
    assert!(concerned.len() == 12 && others.len() > 20, "{} and {}", concerned.len(), others.len());

    cluster.nodes_mut()[lost].kill();
    let ((back, faults), slowest) =
        tokio::join!(redeem_until_granted(&service, &concerned), redeem_steadily(&service, &others));
    assert!(0 < faults, "nobody met it");
    println!(
        "the partitions of the lost node were back after {back:.1?}; others answered within {slowest:.1?}"
    );
    assert!(back < Duration::from_secs(15), "they came back after {back:?}");
    assert!(slowest < Duration::from_secs(2), "others answered after {slowest:?}");
    all_are(Answer::USED, &redeem_all_again(&service, &concerned).await);
}

/// S4: a node that is killed amid many calls, more than the driver's line to a node holds, is replaced as well, and so is
/// the next: the store goes on by itself, each time.
pub(crate) async fn a_killed_node_under_load_is_replaced() {
    let mut cluster = Cluster::start();
    for node in cluster.nodes() {
        node.cli(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]);
    }
    let service = service(open(&cluster.urls().join(" ")).await);
    for _ in 0..2 {
        let lost = cluster.masters()[0];
        let links = send(&service, 3_000).await;
        let kill = async {
            sleep(Duration::from_millis(20)).await;
            cluster.nodes_mut()[lost].kill();
        };
        let ((back, faults), ()) = tokio::join!(redeem_until_granted(&service, &links), kill);
        println!(
            "{} links were redeemed {back:.1?} after a node was killed amid them; {faults} faults",
            links.len()
        );
        assert!(Duration::from_millis(500) < back, "the node was killed too late");
        assert!(0 < faults, "nobody met the kill");
        assert!(back < Duration::from_secs(15), "they were redeemed after {back:?}");
        cluster.nodes_mut()[lost].restart();
        cluster.settled();
        all_are(Answer::USED, &redeem_all_again_patiently(&service, &links).await);
    }
}

/// S4: a node that hangs, and takes connections without answering, holds up its own partitions only; they go on when
/// another has taken its place.
pub(crate) async fn a_frozen_node_stops_its_own_partitions_only() {
    let cluster = Cluster::start();
    for node in cluster.nodes() {
        node.cli(&["CONFIG", "SET", "cluster-require-full-coverage", "no"]);
    }
    let hung = &cluster.nodes()[cluster.masters()[0]];
    let service = service(open(&cluster.urls().join(" ")).await);
    let links = send(&service, 250).await;
    let (concerned, mut others): (Vec<_>, Vec<_>) = split(hung, links);
    others.truncate(100);
    assert!(concerned.len() > 60 && others.len() > 40, "{} and {}", concerned.len(), others.len());

    hung.freeze();
    let ((back, faults), slowest) =
        tokio::join!(redeem_until_granted(&service, &concerned), redeem_steadily(&service, &others));
    assert!(0 < faults, "nobody met it");
    println!(
        "the partitions of the hung node were back after {back:.1?}; others answered within {slowest:.1?}"
    );
    assert!(back < Duration::from_secs(20), "they came back after {back:?}");
    assert!(slowest < Duration::from_secs(1), "others answered after {slowest:?}");
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
        while matches!(answer, Answer::Fault(_, Retry::Safe)) && began.elapsed().as_secs() < 10 {
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
            assert!(began.elapsed().as_secs() < 60, "it is not found again");
            sleep(Duration::from_millis(50)).await;
        }
    }
    all_are(Answer::USED, &redeem_all_again_patiently(&service, &links).await);
}

/// Redeems a link, again and again as long as nothing was written; how often that was so.
async fn redeem_patiently(service: &Service<RedisStore>, link: &Sent) -> u32 {
    for faults in 0..30 {
        match redeem(service, link).await {
            Answer::FirstUse => return faults,
            Answer::Fault(_, Retry::Safe) => sleep(Duration::from_millis(100)).await,
            other => panic!("slots that move are a fault, and asking again is safe: {other:?}"),
        }
    }
    panic!("slots do not move for so long")
}

/// Those of which that node keeps the inquiry or the look-up, and the others.
fn split(node: &Redis, links: Vec<Sent>) -> (Vec<Sent>, Vec<Sent>) {
    let found = node.cli(&["KEYS", "*:code:*"]);
    let places: Vec<_> = found.lines().map(|key| node.cli(&["GET", key])).collect();
    let found: BTreeSet<_> = places.iter().filter_map(|place| place.split('/').nth(2)).collect();
    links.into_iter().partition(|link| found.contains(link.inquiry.as_str()) || keeps(node, link.inquiry))
}

/// Asks with the same attempt until each was granted; how long the last one took, and how many faults they met.
async fn redeem_until_granted(service: &Service<RedisStore>, links: &[Sent]) -> (Duration, u32) {
    let began = Instant::now();
    let faults = join_all(links.iter().map(async |link| {
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
    }))
    .await;
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

/// S1: an issue on a cluster takes several steps, on several nodes. Wherever it is cut, a link is there whole or of no use
/// to anybody, and the next issue goes on from there.
pub(crate) async fn an_issue_that_is_cut_leaves_nothing_half_done() {
    let cluster = Cluster::start();
    let proxies: Vec<_> =
        cluster.masters().into_iter().map(|node| (node, behind_a_proxy(&cluster, node))).collect();
    let place: Vec<_> =
        proxies.iter().map(|(node, proxy)| cluster.nodes()[*node].url_at(proxy.port())).collect();
    let service = service(open(&place.join(" ")).await);
    let inquiries: Vec<_> = send(&service, 60).await.into_iter().map(|link| link.inquiry).collect();

    let (mut good, mut cut) = (Vec::new(), 0);
    for round in 0..8 {
        let faults = [Fault::DropReplies, Fault::Random { seed: round }, Fault::Cut, Fault::Refuse];
        let (_, proxy) = &proxies[round as usize % proxies.len()];
        let weather = async {
            for _ in 0..4 {
                proxy.set(faults[round as usize % faults.len()]);
                sleep(Duration::from_millis(60)).await;
                proxy.set(Fault::None);
                sleep(Duration::from_millis(60)).await;
            }
        };
        let issue = join_all(inquiries.iter().enumerate().map(async |(number, inquiry)| {
            sleep(Duration::from_millis(number as u64 * 8)).await;
            service.issue(LinkRequest::resume(*inquiry).on_outstanding(OnOutstanding::Keep)).await
        }));
        let ((), issued) = tokio::join!(weather, issue);
        for link in issued {
            match link {
                Ok(link) => good.push((link.inquiry, link.id, link.url.expose().to_owned())),
                Err(IssueError::Store(error)) => {
                    assert!(matches!(error.retry(), Retry::Safe | Retry::Unknown), "{error:?}");
                    cut += 1;
                }
                Err(other) => panic!("a cut is a fault: {other:?}"),
            }
        }
    }
    println!("{} links were issued, and {cut} issues were cut", good.len());
    assert!(cut > 0 && good.len() > 100, "the proxies cut too little, or too much");

    for inquiry in &inquiries {
        until_it_answers(async || service.inquiry(*inquiry).await.is_ok()).await;
        let listed = service.links(*inquiry, None, 100).await.unwrap();
        for (_, id, _) in good.iter().filter(|(of, ..)| of == inquiry) {
            assert_eq!(listed.iter().filter(|link| link.id == *id).count(), 1, "{id} was issued");
        }
    }
    // Inquiries start as many sessions as their policy allows, so one link each is redeemed.
    for inquiry in &inquiries {
        let (.., url) = good.iter().rfind(|(of, ..)| of == inquiry).expect("a link that was issued");
        let answer = service.redeem(url, &Attempt::new()).await.unwrap();
        assert!(matches!(answer, Redemption::Granted(_)), "{answer:?}");
    }
}

/// S1, S4: amid the kill of a node, an issue says that nothing was written only where nothing was: not once its link is
/// there, and only its look-up cannot be kept.
pub(crate) async fn an_issue_amid_a_kill_denies_no_link() {
    let mut cluster = Cluster::start();
    // A replica that takes over loses what it does not have.
    for node in cluster.nodes() {
        node.cli(&["CONFIG", "SET", "cluster-replica-no-failover", "yes"]);
    }
    let store = open(&cluster.urls().join(" ")).await;
    let service = service(store.clone());
    let inquiries: Vec<_> = send(&service, 1_500).await.into_iter().map(|link| link.inquiry).collect();
    let plans: Vec<_> = inquiries
        .iter()
        .map(|inquiry| service.planner().issue(&LinkRequest::resume(*inquiry)).expect("a plan"))
        .collect();

    let lost = cluster.masters()[0];
    let kill = async {
        sleep(Duration::from_millis(20)).await;
        cluster.nodes_mut()[lost].kill();
    };
    let calls = join_all(plans.iter().map(async |plan| store.issue(plan.command().clone()).await));
    let (outcomes, ()) = tokio::join!(calls, kill);
    cluster.nodes_mut()[lost].restart();
    cluster.settled();

    let (mut issued, mut not_written, mut unknown) = (0, 0, 0);
    for ((inquiry, plan), outcome) in inquiries.iter().zip(&plans).zip(&outcomes) {
        let mut listed = service.links(*inquiry, None, 10).await;
        while listed.is_err() {
            sleep(Duration::from_millis(50)).await;
            listed = service.links(*inquiry, None, 10).await;
        }
        let link = plan.command().link;
        let is_there = listed.unwrap().iter().any(|listed| listed.id == link);
        match outcome {
            Ok(IssueOutcome::Issued { .. }) => {
                issued += 1;
                assert!(is_there, "{link} was issued");
            }
            Ok(other) => panic!("{other:?}"),
            Err(error) if error.retry() == Retry::Safe => {
                not_written += 1;
                assert!(!is_there, "{link} was denied, and is there");
            }
            Err(_) => unknown += 1,
        }
    }
    println!("{issued} links were issued; {not_written} were not, and {unknown} perhaps");
    assert!(issued > 0 && not_written > 0 && unknown > 0, "the kill came too early, or too late");
}

fn behind_a_proxy(cluster: &Cluster, node: usize) -> Proxy {
    let proxy = Proxy::start(cluster.nodes()[node].port());
    announce(cluster, node, proxy.port());
    proxy
}

/// Waits until a store that was cut off answers again.
async fn until_it_answers(asked: impl AsyncFn() -> bool) {
    let began = Instant::now();
    while !asked().await {
        assert!(began.elapsed() < Duration::from_secs(10), "the store does not answer again");
        sleep(Duration::from_millis(50)).await;
    }
}
