//! What the failovers do to histories (D1).

use std::time::Duration;

use inquiry_otl_testkit::histories::Histories;

use crate::{
    sites::Site,
    stores::{open, open_that_waits_for},
};

/// D1: without `WAIT` a failover undoes what was acknowledged, and the checker finds it.
pub(crate) async fn without_wait_a_failover_is_found<S: Site>() {
    let mut site = S::start();
    let before = open(&site.place()).await;
    let histories = begun_at(&site, || Histories::new(12)).await;
    site.in_step();
    site.part();
    histories.part(0, &before).await;
    site.fail_over();
    let after = open(&site.place()).await;
    histories.part(1, &after).await;
    histories.part(2, &after).await;
    histories.end(&after).await;
    println!("redis, a failover without WAIT: {}", histories.judge().are_not_linearizable().unwrap());
}

/// D1: with `WAIT`, what a failover undoes was *unconfirmed*, and all else stays: the histories are linearizable.
pub(crate) async fn with_wait_a_failover_is_linearizable<S: Site>() {
    let mut site = S::start();
    // What is read waits for nobody, and may be undone.
    let histories = begun_at(&site, || Histories::new(4).without_reads()).await;
    site.in_step();
    let waiting = open_that_waits_for(&site.place(), Duration::from_millis(100)).await;
    histories.part(0, &waiting).await;
    site.part();
    histories.part(1, &waiting).await;
    site.fail_over();
    // The replica that was promoted has no replica itself: this store waits for none.
    let after = open(&site.place()).await;
    histories.part(2, &after).await;
    histories.end(&after).await;
    let judged = histories.judge();
    println!("redis, a failover with WAIT: {}", judged.are_linearizable().unwrap());
    assert!(0 < judged.unconfirmed(), "nothing was unconfirmed");
}

/// Histories that have begun, one of them at least where the failover is to be.
async fn begun_at<S: Site>(site: &S, make: impl Fn() -> Histories) -> Histories {
    let store = open(&site.place()).await;
    loop {
        let histories = make();
        histories.begin(&store).await;
        if histories.inquiries().any(|inquiry| site.keeps(inquiry)) {
            return histories;
        }
    }
}
