//! What millions of links that wait cost those that are redeemed or purged (P11, P12).

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use inquiry_otl::{
    Digest, EventId, LinkStore as _, SessionId, TenantId,
    redemption::{Mode, Redeem, Verdict},
    store::{Housekeeping as _, Purge},
};
use inquiry_otl_measure::{Bound, Point};
use inquiry_otl_postgres::{Options, PostgresStore, SchemaName, migration_script};
use inquiry_otl_testkit::postgres::{Postgres, purge_of_old};
use sha2::{Digest as _, Sha256};
use tokio::runtime::Runtime;

use crate::{
    candidate::{id, secret},
    report::{Report, goal, spread},
};

const SIZES: [(&str, u32); 4] =
    [("few", 10_000), ("several", 100_000), ("more", 1_000_000), ("many", 5_000_000)];
const ROUNDS: u32 = 9;
/// Redemptions of a round; all rounds fit into the few links.
const REDEMPTIONS: u32 = 250;
/// What a purge removes.
const OLD: u64 = 50_000;
/// Redemptions of which the slowest of a hundred is told.
const BESIDE: u32 = 20_000;

pub(crate) fn measure(runtime: &Runtime) -> Report {
    // Commits do not wait for the disk, which would hide what the tables cost.
    let server =
        Postgres::start_with(&["synchronous_commit = off", "shared_buffers = 1GB", "max_wal_size = 16GB"]);
    let stores = SIZES.map(|(schema, links)| filled(&server, schema, links));
    let (few, many) = (SIZES[0], SIZES[SIZES.len() - 1]);
    runtime.block_on(async {
        let medians = redemptions(&stores).await;
        let (costs, slowest) =
            purges(&server, [(few.0, &stores[0]), (many.0, &stores[stores.len() - 1])]).await;
        let mut report = Report::default();
        let what = format!("PostgreSQL, cost of a purge beside {} links by beside {}", many.1, few.1);
        report.goals.push(goal("P11", what, Bound::AtMost(1.25), costs));
        let what = "PostgreSQL, p99 of a redemption during a purge by idle".to_owned();
        report.goals.push(goal("P11", what, Bound::AtMost(2.0), slowest));
        let grown = medians.iter().map(|round| round[SIZES.len() - 1] / round[0]);
        let what = format!("PostgreSQL, p50 of a redemption beside {} links by beside {}", many.1, few.1);
        report.goals.push(goal("P12", what, Bound::AtMost(2.2), grown));
        report.points.extend(SIZES.iter().enumerate().map(|(size, (_, links))| Point {
            chart: "growth, PostgreSQL: p50 of a redemption, us".to_owned(),
            series: "PostgreSQL".to_owned(),
            at: f64::from(*links),
            figure: spread(medians.iter().map(|round| round[size] * 1e6)).median,
        }));
        report
    })
}

fn filled(server: &Postgres, schema: &str, links: u32) -> PostgresStore {
    let name = SchemaName::new(schema).unwrap();
    server.fill(&migration_script(&name), schema, links);
    let options = Options::new().with_schema(name);
    PostgresStore::connect(server.url().parse().unwrap(), tokio_postgres::NoTls, options).unwrap()
}

/// The first use of the `n`-th of so many links, each on a page of its own as far as there are pages.
async fn redeem(store: &PostgresStore, n: u32) {
    let Purge { now, repeats_after, .. } = purge_of_old();
    let session = u128::from_be_bytes(id());
    let command = Redeem {
        tenant: TenantId::default(),
        digest: Digest::from_bytes(Sha256::digest(format!("code {n}")).into()),
        now,
        mode: Mode::Once,
        attempt: Some(Digest::from_bytes(secret().1)),
        repeats_after,
        binding: None,
        session: SessionId::from_u128(session),
        token: Digest::from_bytes(secret().1),
        event: EventId::from_u128(session),
    };
    let attempted = store.redeem(command).await.unwrap().unwrap();
    assert_eq!(attempted.verdict, Verdict::FirstUse, "a fresh link");
}

/// Medians of single redemptions beside so many links, in seconds, in turn.
async fn redemptions(stores: &[PostgresStore; SIZES.len()]) -> Vec<[f64; SIZES.len()]> {
    let mut rounds = Vec::new();
    for round in 0..=ROUNDS {
        let mut medians = [0.0; SIZES.len()];
        for ((store, (_, links)), median) in stores.iter().zip(SIZES).zip(&mut medians) {
            // Even numbers; the odd ones are for those beside a purge.
            let stride = links / (REDEMPTIONS * (ROUNDS + 1));
            let mut times = Vec::new();
            for n in 0..REDEMPTIONS {
                let began = Instant::now();
                redeem(store, stride * (n * (ROUNDS + 1) + round + 1)).await;
                times.push(began.elapsed());
            }
            times.sort_unstable();
            *median = times[times.len() / 2].as_secs_f64();
        }
        // The first round warms up.
        if 0 < round {
            eprintln!(
                "P12 p50 of a redemption beside more and more links, in us: {:.0?}",
                medians.map(|p50| p50 * 1e6)
            );
            rounds.push(medians);
        }
    }
    rounds
}

/// What a purge costs beside many links by what it costs beside few; and the slowest of a hundred redemptions beside it, by
/// when there is none.
async fn purges(server: &Postgres, stores: [(&str, &PostgresStore); 2]) -> (Vec<f64>, Vec<f64>) {
    let (mut costs, mut slowest) = (Vec::new(), Vec::new());
    let mut next = 1;
    for round in 0..=3 {
        let mut took = Vec::new();
        for (schema, store) in stores {
            server.fill_with_old(schema, OLD);
            took.push(purge(store).await);
        }
        let (schema, many) = stores[1];
        let idle = p99(many, &mut next, &AtomicBool::new(true)).await;
        server.fill_with_old(schema, OLD);
        let goes_on = Arc::new(AtomicBool::new(true));
        let purging = tokio::spawn({
            let (store, goes_on) = (many.clone(), Arc::clone(&goes_on));
            async move {
                purge(&store).await;
                goes_on.store(false, Ordering::Relaxed);
            }
        });
        let beside = p99(many, &mut next, &goes_on).await;
        purging.await.unwrap();
        if 0 < round {
            eprintln!(
                "P11 purge of {OLD} beside 10,000 links {:.2?}, beside 5,000,000 {:.2?}; p99 of a redemption {idle:.0?} idle, {beside:.0?} beside it",
                took[0], took[1]
            );
            costs.push(took[1].as_secs_f64() / took[0].as_secs_f64());
            slowest.push(beside.as_secs_f64() / idle.as_secs_f64());
        }
    }
    (costs, slowest)
}

/// Everything that is old.
async fn purge(store: &PostgresStore) -> Duration {
    let began = Instant::now();
    while store.purge(purge_of_old()).await.unwrap().more {}
    began.elapsed()
}

/// The slowest of a hundred redemptions by four callers, as long as that goes on, and links are there.
async fn p99(store: &PostgresStore, next: &mut u32, goes_on: &AtomicBool) -> Duration {
    let mut times = Vec::new();
    while goes_on.load(Ordering::Relaxed) && times.len() < BESIDE as usize {
        let one = async |n| {
            let began = Instant::now();
            Box::pin(redeem(store, n)).await;
            began.elapsed()
        };
        let four = tokio::join!(one(*next), one(*next + 2), one(*next + 4), one(*next + 6));
        times.extend([four.0, four.1, four.2, four.3]);
        *next += 8;
    }
    times.sort_unstable();
    times[times.len() * 99 / 100]
}
