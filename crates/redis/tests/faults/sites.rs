//! Where a primary and its replica are parted, and the replica takes over.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use inquiry_otl::InquiryId;
use inquiry_otl_testkit::redis::Redis;

use crate::stage::PATIENCE;

/// A primary with a replica, whose place the replica can take.
pub(crate) trait Site {
    /// A new one, without data.
    fn start() -> Self;

    /// Where a store finds it: addresses with a space between them; another one after a failover.
    fn place(&self) -> String;

    /// Whether that inquiry is kept by the primary that will be killed.
    fn keeps(&self, inquiry: InquiryId) -> bool;

    /// Waits until the replica has all that the primary has.
    fn in_step(&self);

    /// Freezes the replica and cuts its link: a plain kill of the primary misleads, since its replica has everything.
    fn part(&self);

    /// Lets the replica go on; it takes up replication again.
    fn join(&self);

    /// Kills the primary, lets the replica go on, and returns when it has taken the primary's place.
    fn fail_over(&mut self);
}

/// Waits until a replica has all that its primary has.
pub(crate) fn in_step(primary: &Redis, replica: &Redis) {
    until("a replica has all data", || {
        let offset = |node: &Redis| {
            let info = node.cli(&["INFO", "replication"]);
            let line = info.lines().find_map(|line| line.strip_prefix("master_repl_offset:"));
            line.map(|offset| offset.trim().parse::<u64>().unwrap())
        };
        replica.cli(&["INFO", "replication"]).contains("master_link_status:up")
            && offset(primary) == offset(replica)
    });
}

/// Freezes a replica and cuts its link.
pub(crate) fn part(primary: &Redis, replica: &Redis) {
    replica.freeze();
    assert_eq!(primary.cli(&["CLIENT", "KILL", "TYPE", "REPLICA"]), "1", "one replica was linked");
}

/// Waits for what must come.
pub(crate) fn until(what: &str, done: impl Fn() -> bool) {
    let began = Instant::now();
    while !done() {
        assert!(began.elapsed() < PATIENCE, "this does not come about: {what}");
        sleep(Duration::from_millis(20));
    }
}
