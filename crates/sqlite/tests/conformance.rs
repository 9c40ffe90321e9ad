//! The conformance suite on each kind of SQLite store, and behind a handle that erases its type (S1).

#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, reason = "a test may panic")]

use std::{
    path::PathBuf,
    sync::atomic::{AtomicUsize, Ordering},
};

use inquiry_otl::{
    conformance::Fixture,
    store::{AnyLinkStore, Outbox, Receipt},
};
use inquiry_otl_sqlite::SqliteStore;

mod file {
    use super::Files;

    inquiry_otl::link_store_conformance!(Files::new());
    inquiry_otl::directory_conformance!(Files::new());
    inquiry_otl::housekeeping_conformance!(Files::new());
}

mod file_with_an_outbox {
    use super::Files;

    inquiry_otl::link_store_conformance!(Files::with_outbox());
    inquiry_otl::directory_conformance!(Files::with_outbox());
    inquiry_otl::housekeeping_conformance!(Files::with_outbox());
    inquiry_otl::outbox_conformance!(Files::with_outbox());
}

mod file_erased {
    use super::{Erased, Files};

    inquiry_otl::link_store_conformance!(Erased(Files::new()));
}

mod memory {
    use super::Memory;

    inquiry_otl::link_store_conformance!(Memory);
    inquiry_otl::directory_conformance!(Memory);
    inquiry_otl::housekeeping_conformance!(Memory);
    inquiry_otl::outbox_conformance!(Memory);
}

mod memory_erased {
    use super::{Erased, Memory};

    inquiry_otl::link_store_conformance!(Erased(Memory));
}

/// Stores in files of a directory that is removed with this.
struct Files {
    directory: PathBuf,
    next: AtomicUsize,
    has_outbox: bool,
}

impl Files {
    fn new() -> Self {
        Self::of_kind(false)
    }

    fn with_outbox() -> Self {
        Self::of_kind(true)
    }

    fn of_kind(has_outbox: bool) -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let name = format!("otl-conformance-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let directory = std::env::temp_dir().join(name);
        std::fs::create_dir(&directory).unwrap();
        Self { directory, next: AtomicUsize::new(0), has_outbox }
    }

    fn open(&self, name: usize) -> SqliteStore {
        let builder = SqliteStore::builder();
        let builder = if self.has_outbox { builder.with_outbox() } else { builder };
        builder.open(self.directory.join(name.to_string())).unwrap()
    }
}

impl Drop for Files {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.directory);
    }
}

impl Fixture for Files {
    type Store = SqliteStore;

    async fn fresh(&self) -> SqliteStore {
        self.open(self.next.fetch_add(1, Ordering::Relaxed))
    }

    /// The file that was opened last: checks that ask for a restart have one store.
    async fn reopen(&self, store: SqliteStore) -> SqliteStore {
        drop(store);
        self.open(self.next.load(Ordering::Relaxed) - 1)
    }

    async fn deliver(&self, store: &SqliteStore) {
        deliver(store).await;
    }
}

/// Stores in memory, which no restart survives.
struct Memory;

impl Fixture for Memory {
    type Store = SqliteStore;

    async fn fresh(&self) -> SqliteStore {
        SqliteStore::builder().with_outbox().in_memory().unwrap()
    }

    async fn deliver(&self, store: &SqliteStore) {
        deliver(store).await;
    }
}

/// The stores of another fixture, behind a handle.
struct Erased<F>(F);

impl<F: Fixture<Store = SqliteStore>> Fixture for Erased<F> {
    type Store = AnyLinkStore;

    async fn fresh(&self) -> AnyLinkStore {
        AnyLinkStore::new(self.0.fresh().await)
    }
}

async fn deliver(store: &SqliteStore) {
    let waiting = store.pending(None, u32::MAX).await.unwrap();
    let receipts: Vec<Receipt> = waiting.into_iter().map(|delivery| delivery.receipt).collect();
    store.acknowledge(receipts).await.unwrap();
}
