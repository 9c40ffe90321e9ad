//! What is lost where PostgreSQL is told not to wait: the failures that break D1, shown.

use std::sync::Arc;

use inquiry_otl::Service;
use inquiry_otl_testkit::postgres::Postgres;

use crate::{
    pair::{Pair, configure},
    traffic::{Told, Traffic, second_person, send},
    world,
};

/// D1: with `synchronous_commit=local`, redemptions that a standby has not got are lost by a failover, and their links
/// work a second time.
pub(crate) fn a_local_commit_is_lost() {
    let runtime = world::runtime();
    let pair = Pair::start();
    configure(&pair.primary, "synchronous_commit", "local");
    let service = Arc::new(runtime.block_on(world::migrated(&pair.primary.url())));
    let links = runtime.block_on(send(&service, 20, 20));
    let replayed = "SELECT pg_current_wal_lsn() <= replay_lsn FROM pg_stat_replication";
    crate::pair::until("the standby has the links", || pair.primary.sql(replayed) == "t");
    pair.part();
    let traffic = {
        let _runtime = runtime.enter();
        Traffic::begin(&service, &links)
    };
    let told = runtime.block_on(traffic.end());
    assert!(told.iter().all(|(_, told)| matches!(told, Told::Granted(_))), "a local commit waits for nobody");

    let promoted = pair.fail_over();

    let service = Service::new(runtime.block_on(world::opened(&promoted.url())));
    let mut doubled = 0;
    for link in links.iter() {
        doubled += usize::from(runtime.block_on(second_person(&service, &link.url)).is_some());
    }
    println!(
        "synchronous_commit=local, failover: {doubled} of {} acknowledged redemptions doubled",
        links.len()
    );
    assert_eq!(doubled, links.len());
}

/// D1: with `synchronous_commit=off` a kill may lose the last redemptions; all others are kept, and what is left is
/// whole.
pub(crate) fn an_asynchronous_commit() {
    let runtime = world::runtime();
    // The last moments before the kill are stretched, to have something to see.
    let mut server = Postgres::start_with(&["synchronous_commit = off", "wal_writer_delay = 10s"]);
    let service = Arc::new(runtime.block_on(world::migrated(&server.url())));
    let links = runtime.block_on(send(&service, 100, 20));
    server.sql("CHECKPOINT");
    let traffic = {
        let _runtime = runtime.enter();
        Traffic::begin(&service, &links)
    };
    runtime.block_on(traffic.reaches(1_000));
    server.kill();
    let told = runtime.block_on(traffic.end());
    server.restart();

    let service = Service::new(runtime.block_on(world::opened(&server.url())));
    let (mut acknowledged, mut doubled) = (0, 0);
    for (number, told) in told {
        let url = &links[number].url;
        if matches!(told, Told::Granted(_)) {
            acknowledged += 1;
            doubled += usize::from(runtime.block_on(second_person(&service, url)).is_some());
        } else {
            runtime.block_on(second_person(&service, url));
        }
        assert!(runtime.block_on(second_person(&service, url)).is_none(), "it was used just now");
    }
    println!("synchronous_commit=off, kill -9: {doubled} of {acknowledged} acknowledged redemptions doubled");
}
