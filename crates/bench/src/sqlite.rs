//! SQLite: a mutex around one connection, by hand, and the store (P9).
//!
//! A group commit saves most of what each commit waits for the disk, and some of what it does before. So it is told beside
//! it what there is to save: how many commits of one small row a second the disk takes, and how much faster the code by hand
//! is when it does not wait for it.

use std::{
    sync::{Arc, Mutex},
    time::Instant,
};

use inquiry_otl_measure::{Bound, Candidate, INQUIRIES};
use inquiry_otl_sqlite::SqliteStore;
use rusqlite::{Connection, OptionalExtension, TransactionBehavior, params};
use tempfile::TempDir;
use tokio::runtime::Runtime;

use crate::{
    candidate::{DAY, NOW, Ours, digest, id, secret},
    report::{Report, goal},
    turns::{Competes, Turns},
};

pub(crate) fn measure(runtime: &Runtime) -> Report {
    let directory = TempDir::new().unwrap();
    let by_hand = Arc::new(ByHand::new(&directory, "FULL"));
    let unsynced = Arc::new(ByHand::new(&directory, "OFF"));
    let ours = ours(runtime, &directory);
    let commits = (0..5).map(|_| by_hand.commits_a_second());
    let what = "SQLite FULL, commits of one row a second".to_owned();
    let mut report = Report::default();
    report.goals.push(goal("P9", what, Bound::None, commits));
    let candidates: [(_, &dyn Competes); 3] =
        [("a mutex by hand", &by_hand), ("a mutex without a sync", &unsynced), ("ours", &ours)];
    for (tasks, links, bound) in [(1, 400, 0.9), (16, 3_000, 5.0), (64, 3_000, 12.0)] {
        let turns = runtime.block_on(Turns::measure("SQLite", &candidates, 5, (tasks, links)));
        report.goals.extend(turns.both("P9", ("ours", "a mutex by hand"), Bound::AtLeast(bound)));
        report.goals.extend(turns.both("P9", ("a mutex without a sync", "a mutex by hand"), Bound::None));
        report.points.extend(turns.points());
    }
    report
}

/// The store on a file, which syncs each commit.
pub(crate) fn ours(runtime: &Runtime, directory: &TempDir) -> Arc<Ours<SqliteStore>> {
    let store = SqliteStore::open(directory.path().join("ours.db")).unwrap();
    Arc::new(runtime.block_on(Ours::new(store)))
}

/// One connection that everybody waits for. The links of an inquiry can be listed, and purged by their expiry.
struct ByHand(Arc<Mutex<Connection>>);

impl ByHand {
    fn new(directory: &TempDir, synchronous: &str) -> Self {
        let connection = Connection::open(directory.path().join(format!("{synchronous}.db"))).unwrap();
        connection.pragma_update(None, "journal_mode", "WAL").unwrap();
        connection.pragma_update(None, "synchronous", synchronous).unwrap();
        connection
            .execute_batch(
                "CREATE TABLE inquiries (id INTEGER PRIMARY KEY, status TEXT NOT NULL, expires_at INTEGER NOT NULL, \
                   epoch INTEGER NOT NULL, sessions INTEGER NOT NULL); \
                 CREATE TABLE links (digest BLOB PRIMARY KEY, inquiry INTEGER NOT NULL, epoch INTEGER NOT NULL, \
                   created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, used_at INTEGER, session BLOB, \
                   attempt BLOB) WITHOUT ROWID; \
                 CREATE INDEX links_inquiry ON links (inquiry); CREATE INDEX links_expires ON links (expires_at); \
                 CREATE TABLE sessions (id BLOB PRIMARY KEY, inquiry INTEGER NOT NULL, epoch INTEGER NOT NULL, \
                   started_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, token BLOB NOT NULL) WITHOUT ROWID;",
            )
            .unwrap();
        for inquiry in 0..INQUIRIES {
            connection
                .execute(
                    "INSERT INTO inquiries VALUES (?1, 'created', ?2, 1, 0)",
                    params![inquiry as i64, NOW + DAY],
                )
                .unwrap();
        }
        Self(Arc::new(Mutex::new(connection)))
    }

    /// How often a second a transaction can end that changes one small row.
    fn commits_a_second(&self) -> f64 {
        const COMMITS: u32 = 500;
        let connection = self.0.lock().unwrap();
        let mut change =
            connection.prepare("UPDATE inquiries SET sessions = sessions + 1 WHERE id = 0").unwrap();
        let began = Instant::now();
        for _ in 0..COMMITS {
            change.execute([]).unwrap();
        }
        f64::from(COMMITS) / began.elapsed().as_secs_f64()
    }

    /// What is done on the connection is done on a thread that may wait.
    async fn on<T: Send + 'static>(&self, work: impl FnOnce(&mut Connection) -> T + Send + 'static) -> T {
        let connection = Arc::clone(&self.0);
        tokio::task::spawn_blocking(move || work(&mut connection.lock().unwrap())).await.unwrap()
    }
}

impl Candidate for ByHand {
    type Code = [u8; 20];

    async fn issue(&self, inquiry: usize) -> [u8; 20] {
        let (code, digest) = secret();
        self.on(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
            let epoch: i64 = transaction
                .prepare_cached("SELECT epoch FROM inquiries WHERE id = ?1 AND status IN ('created', 'pending') AND ?2 < expires_at")
                .unwrap()
                .query_row(params![inquiry as i64, NOW], |row| row.get(0))
                .unwrap();
            transaction
                .prepare_cached("INSERT INTO links VALUES (?1, ?2, ?3, ?4, ?5, NULL, NULL, NULL)")
                .unwrap()
                .execute(params![digest, inquiry as i64, epoch, NOW, NOW + DAY])
                .unwrap();
            transaction.commit().unwrap();
        })
        .await;
        code
    }

    async fn redeem(&self, code: &[u8; 20]) {
        let (of, attempt, session, token) = (digest(code), secret().1, id(), secret().1);
        self.on(move |connection| {
            let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate).unwrap();
            let found: Option<(i64, i64)> = transaction
                .prepare_cached(
                    "SELECT i.id, i.expires_at FROM links l JOIN inquiries i ON i.id = l.inquiry WHERE l.digest = ?1 \
                     AND l.used_at IS NULL AND ?2 < l.expires_at AND l.epoch = i.epoch \
                     AND i.status IN ('created', 'pending') AND ?2 < i.expires_at",
                )
                .unwrap()
                .query_row(params![of, NOW], |row| Ok((row.get(0)?, row.get(1)?)))
                .optional()
                .unwrap();
            let (inquiry, expires_at) = found.expect("a fresh link");
            transaction
                .prepare_cached("UPDATE links SET used_at = ?2, session = ?3, attempt = ?4 WHERE digest = ?1")
                .unwrap()
                .execute(params![of, NOW, session, attempt])
                .unwrap();
            transaction
                .prepare_cached("INSERT INTO sessions VALUES (?1, ?2, 1, ?3, ?4, ?5)")
                .unwrap()
                .execute(params![session, inquiry, NOW, expires_at, token])
                .unwrap();
            transaction
                .prepare_cached("UPDATE inquiries SET sessions = sessions + 1 WHERE id = ?1")
                .unwrap()
                .execute(params![inquiry])
                .unwrap();
            transaction.commit().unwrap();
        })
        .await;
    }
}
