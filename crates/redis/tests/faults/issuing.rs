//! Issues on a cluster, which take several steps, on several nodes: cut anywhere, and amid the kill of a node (S1, S4).

use std::time::{Duration, Instant};

use futures_util::future::join_all;
use inquiry_otl::{
    Attempt, IssueError, IssuePlan, LinkRequest, LinkStore as _, OnOutstanding, Redemption, Retry, Service,
    store::IssueOutcome,
};
use inquiry_otl_redis::RedisStore;
use inquiry_otl_testkit::{
    proxy::{Fault, Proxy},
    redis::Cluster,
};
use tokio::time::sleep;

use crate::{
    partition::{announce, set},
    stage::{PATIENCE, ROUNDS, amid, send},
    stores::{open, service},
};

/// S1: wherever an issue is cut, a link is there whole or of no use to anybody, and the next issue goes on from there.
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
    set(&cluster, "cluster-replica-no-failover", "yes");
    let store = open(&cluster.urls().join(" ")).await;
    let service = service(store.clone());
    let (mut round, mut sum) = (0, [0; 3]);
    while sum.contains(&0) {
        assert!(round < ROUNDS, "the kills came too early, or too late: {sum:?}");
        let outcomes = issue_amid_a_kill(&mut cluster, &store, &service).await;
        sum.iter_mut().zip(outcomes).for_each(|(sum, outcomes)| *sum += outcomes);
        round += 1;
    }
    let [issued, not_written, unknown] = sum;
    println!("{issued} links were issued amid {round} kills; {not_written} were not, and {unknown} perhaps");
}

/// Issues many links, kills a node amid them, and looks what became of each when it is back: how many were issued, were
/// said not to be written, and have an unknown fate.
async fn issue_amid_a_kill(
    cluster: &mut Cluster,
    store: &RedisStore,
    service: &Service<RedisStore>,
) -> [usize; 3] {
    // What was acknowledged is still there after the kill, however slow the disk is.
    set(cluster, "appendfsync", "always");
    let inquiries: Vec<_> = send(service, 1_500).await.into_iter().map(|link| link.inquiry).collect();
    let plans: Vec<_> = inquiries
        .iter()
        .map(|inquiry| service.planner().issue(&LinkRequest::resume(*inquiry)).expect("a plan"))
        .collect();

    let lost = cluster.masters()[0];
    let issue = |plan: &IssuePlan| store.issue(plan.command().clone());
    let (before, after) = plans.split_at(1_200);
    let mut outcomes = amid(before.iter().map(issue), 300, || cluster.nodes_mut()[lost].kill()).await;
    // These come when the node is gone.
    outcomes.extend(join_all(after.iter().map(issue)).await);
    cluster.nodes_mut()[lost].restart();
    cluster.settled();

    let (mut issued, mut not_written, mut unknown) = (0, 0, 0);
    for ((inquiry, plan), outcome) in inquiries.iter().zip(&plans).zip(&outcomes) {
        until_it_answers(async || service.links(*inquiry, None, 10).await.is_ok()).await;
        let listed = service.links(*inquiry, None, 10).await.unwrap();
        let link = plan.command().link;
        let is_there = listed.iter().any(|listed| listed.id == link);
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
    [issued, not_written, unknown]
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
        assert!(began.elapsed() < PATIENCE, "the store does not answer again");
        sleep(Duration::from_millis(50)).await;
    }
}
