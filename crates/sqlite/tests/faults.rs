//! Processes that race for a file, and are killed with it open (D1, S1, S4).
#![allow(clippy::unwrap_used, reason = "a test may panic")]

use std::{path::PathBuf, process::ExitCode};

use inquiry_otl_sqlite::SqliteStore;
use inquiry_otl_testkit::faults::{self, Durable, Engine};

fn main() -> ExitCode {
    faults::main(Sqlite, Vec::new())
}

struct Sqlite;

impl Durable for Sqlite {
    type Store = SqliteStore;

    const NAME: &'static str = "sqlite";

    fn engine(&self) -> Box<dyn Engine> {
        let file = File::new();
        drop(SqliteStore::open(&file.path).unwrap());
        Box::new(file)
    }

    async fn open(&self, place: &str) -> SqliteStore {
        SqliteStore::builder().without_migration().open(place).unwrap()
    }
}

/// There is no server: what is killed is the process that has the file open.
struct File {
    directory: PathBuf,
    path: PathBuf,
}

impl File {
    fn new() -> Self {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let n = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let directory = std::env::temp_dir().join(format!("otl-faults-{}-{n}", std::process::id()));
        std::fs::create_dir(&directory).unwrap();
        Self { path: directory.join("links.db"), directory }
    }
}

impl Drop for File {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

impl Engine for File {
    fn place(&self) -> String {
        self.path.to_str().unwrap().to_owned()
    }

    fn port(&self) -> Option<u16> {
        None
    }

    fn place_at(&self, _: u16) -> Option<String> {
        None
    }

    fn kill(&mut self) {}

    fn restart(&mut self) {}
}
