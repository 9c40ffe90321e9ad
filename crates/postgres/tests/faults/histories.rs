//! What a failover, and a kill without a sync, do to histories (D1).

use std::sync::Arc;

use inquiry_otl_postgres::PostgresStore;
use inquiry_otl_testkit::{
    histories::{Histories, Judged},
    postgres::Postgres,
};
use tokio::{runtime::Runtime, task::JoinHandle};

use crate::{
    pair::{Pair, configure, until},
    world,
};

/// Failovers that leave somebody without an answer, and rounds that it may take: one may come when all have theirs.
const FAILOVERS: usize = 3;
const ROUNDS: usize = 10 * FAILOVERS;

/// D1: with a synchronous standby, a failover amid the calls of many clients leaves linearizable histories.
pub(crate) fn a_failover_is_linearizable() {
    let runtime = world::runtime();
    let mut judged = Judged::default();
    let (mut round, mut failovers) = (0, 0);
    while failovers < FAILOVERS {
        assert!(round < ROUNDS, "{failovers} of {ROUNDS} failovers left somebody without an answer");
        let pair = Pair::start();
        let store = store(&runtime, &pair.url());
        let histories = Arc::new(Histories::new(6));
        runtime.block_on(histories.begin(&store));
        let part = spawn(&runtime, &histories, 0, &store);
        // Later from round to round, and always before half of the part is over.
        runtime.block_on(histories.reaches(0, 64 * (1 + round % 3)));
        let _promoted = pair.fail_over();
        runtime.block_on(part).unwrap();
        // The same store goes on: it knows both places.
        let now = rest(&runtime, &histories, &store, 1);
        failovers += usize::from(now.unanswered() != 0);
        judged.add(now);
        round += 1;
    }
    println!("postgres, {round} failovers to a synchronous standby: {}", judged.are_linearizable().unwrap());
}

/// D1, S4: what waits for the standby in vain is *unconfirmed*, and a failover that undoes it leaves linearizable histories.
pub(crate) fn what_is_unconfirmed_may_be_undone() {
    let runtime = world::runtime();
    let pair = Pair::start();
    let store = store(&runtime, &pair.url());
    let histories = Arc::new(Histories::new(6).without_reads());
    runtime.block_on(histories.begin(&store));
    runtime.block_on(histories.part(0, &store));
    pair.part();
    let part = spawn(&runtime, &histories, 1, &store);
    pair.interrupt_until_answered(std::slice::from_ref(&part));
    runtime.block_on(part).unwrap();
    let _promoted = pair.fail_over();
    let judged = rest(&runtime, &histories, &store, 2);
    println!(
        "postgres, a failover from a primary that waits in vain: {}",
        judged.are_linearizable().unwrap()
    );
    assert!(0 < judged.unconfirmed(), "nothing was unconfirmed");
}

/// D1: with `synchronous_commit=local` a failover undoes what was acknowledged, and the checker finds it.
pub(crate) fn a_local_commit_is_found() {
    let runtime = world::runtime();
    let pair = Pair::start();
    configure(&pair.primary, "synchronous_commit", "local");
    let store = store(&runtime, &pair.url());
    let histories = Histories::new(6);
    runtime.block_on(histories.begin(&store));
    let replayed = "SELECT pg_current_wal_lsn() <= replay_lsn FROM pg_stat_replication";
    until("the standby has the links", || pair.primary.sql(replayed) == "t");
    pair.part();
    runtime.block_on(histories.part(0, &store));
    let _promoted = pair.fail_over();
    let judged = rest(&runtime, &histories, &store, 1);
    println!("postgres, synchronous_commit=local and a failover: {}", judged.are_not_linearizable().unwrap());
}

/// D1: with `synchronous_commit=off` a kill undoes what was acknowledged last, and the checker finds it.
pub(crate) fn an_asynchronous_commit_is_found() {
    let runtime = world::runtime();
    // The last moments before the kill are stretched, to have something to see.
    let mut server = Postgres::start_with(&["synchronous_commit = off", "wal_writer_delay = 10s"]);
    let store = store(&runtime, &server.url());
    let mut judged = Judged::default();
    for _ in 0..4 {
        let histories = Arc::new(Histories::new(6));
        runtime.block_on(histories.begin(&store));
        server.sql("CHECKPOINT");
        let part = spawn(&runtime, &histories, 0, &store);
        // What was answered by then is not on the disk.
        runtime.block_on(histories.reaches(0, 192));
        server.kill();
        server.restart();
        runtime.block_on(part).unwrap();
        judged.add(rest(&runtime, &histories, &store, 1));
    }
    println!("postgres, synchronous_commit=off and kills: {}", judged.are_not_linearizable().unwrap());
}

/// A store on a server that had no tables yet.
fn store(runtime: &Runtime, url: &str) -> PostgresStore {
    drop(runtime.block_on(world::migrated(url)));
    runtime.block_on(world::opened(url))
}

fn spawn(runtime: &Runtime, histories: &Arc<Histories>, part: u32, store: &PostgresStore) -> JoinHandle<()> {
    let (histories, store) = (Arc::clone(histories), store.clone());
    runtime.spawn(async move { histories.part(part, &store).await })
}

/// What comes after the fault.
fn rest(runtime: &Runtime, histories: &Histories, store: &PostgresStore, from: u32) -> Judged {
    runtime.block_on(async {
        for part in from..3 {
            histories.part(part, store).await;
        }
        histories.end(store).await;
    });
    histories.judge()
}
