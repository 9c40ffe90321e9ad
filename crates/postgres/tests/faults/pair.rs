//! A primary and its synchronous standby.

use std::{
    thread::sleep,
    time::{Duration, Instant},
};

use inquiry_otl_testkit::postgres::Postgres;
use tokio::task::JoinHandle;

/// A primary whose commits wait for the disk of a standby.
pub(crate) struct Pair {
    pub(crate) primary: Postgres,
    pub(crate) standby: Postgres,
}

impl Pair {
    pub(crate) fn start() -> Self {
        let primary = Postgres::start();
        let standby = primary.standby("one");
        configure(&primary, "synchronous_standby_names", "one");
        until("the standby is synchronous", || {
            primary.sql("SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'sync'") == "1"
        });
        assert_eq!(primary.sql("SHOW synchronous_commit"), "on");
        Self { primary, standby }
    }

    /// Where the two are: whichever of them takes writes.
    pub(crate) fn url(&self) -> String {
        let (first, second) = (self.primary.port(), self.standby.port());
        let hosts = format!("host=127.0.0.1,127.0.0.1 port={first},{second}");
        format!("{hosts} user=postgres dbname=postgres target_session_attrs=read-write")
    }

    /// Nothing reaches the standby any more: it is frozen, and its connection is cut.
    pub(crate) fn part(&self) {
        self.standby.freeze();
        self.primary.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_replication");
        until("the standby is away", || self.primary.sql("SELECT count(*) FROM pg_stat_replication") == "0");
    }

    /// The primary is killed, the standby takes its place.
    pub(crate) fn fail_over(mut self) -> Postgres {
        self.primary.kill();
        self.standby.thaw();
        self.standby.promote();
        self.standby
    }

    /// Does that to every commit that waits for the standby, as soon as there are so many: `pg_cancel_backend` or
    /// `pg_terminate_backend`.
    pub(crate) fn interrupt(&self, how: &str, waiting: usize) {
        let waits = "FROM pg_stat_activity WHERE wait_event = 'SyncRep'";
        let count = format!("SELECT count(*) >= {waiting} {waits}");
        until("commits wait for the standby", || self.primary.sql(&count) == "t");
        self.primary.sql(&format!("SELECT {how}(pid) {waits}"));
    }

    /// Cancels every wait for the standby, until all of them have an answer.
    pub(crate) fn interrupt_until_answered<T>(&self, calls: &[JoinHandle<T>]) {
        while !calls.iter().all(JoinHandle::is_finished) {
            self.primary
                .sql("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
            sleep(Duration::from_millis(20));
        }
    }
}

/// Changes a setting of a server that runs.
pub(crate) fn configure(server: &Postgres, setting: &str, value: &str) {
    server.sql(&format!("ALTER SYSTEM SET {setting} = '{value}'"));
    server.sql("SELECT pg_reload_conf()");
    let shown = format!("SHOW {setting}");
    until("a setting is known", || server.sql(&shown) == value);
}

/// Waits until that is so.
pub(crate) fn until(what: &str, so: impl Fn() -> bool) {
    let began = Instant::now();
    while !so() {
        assert!(began.elapsed() < Duration::from_secs(30), "waited 30 s until {what}");
        sleep(Duration::from_millis(10));
    }
}
