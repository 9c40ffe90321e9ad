//! Two servers, a primary and its replica; somebody promotes the replica.

use inquiry_otl::InquiryId;
use inquiry_otl_testkit::redis::Redis;

use crate::sites::{Site, in_step, part};

/// A primary and its replica.
pub(crate) struct Pair {
    primary: Redis,
    replica: Redis,
    failed_over: bool,
}

impl Site for Pair {
    fn start() -> Self {
        let primary = Redis::start();
        let replica = primary.replica();
        Self { primary, replica, failed_over: false }
    }

    fn place(&self) -> String {
        if self.failed_over { self.replica.url() } else { self.primary.url() }
    }

    fn keeps(&self, _: InquiryId) -> bool {
        true
    }

    fn in_step(&self) {
        in_step(&self.primary, &self.replica);
    }

    fn part(&self) {
        part(&self.primary, &self.replica);
    }

    fn join(&self) {
        self.replica.thaw();
        self.in_step();
    }

    fn fail_over(&mut self) {
        self.primary.kill();
        self.replica.thaw();
        self.replica.cli(&["REPLICAOF", "NO", "ONE"]);
        self.failed_over = true;
    }
}
