//! The conformance suite on every store that this crate has, and behind every handle.

use std::collections::BTreeSet;

use inquiry_otl::{
    MemoryStore,
    conformance::{Fixture, Fresh, checks, comparing, directory_checks, housekeeping_checks, outbox_checks},
    store::{Outbox, Receipt},
};

mod memory {
    use inquiry_otl::{MemoryStore, conformance::Fresh};

    inquiry_otl::link_store_conformance!(Fresh(MemoryStore::new));
    inquiry_otl::directory_conformance!(Fresh(MemoryStore::new));
    inquiry_otl::housekeeping_conformance!(Fresh(MemoryStore::new));
}

mod memory_with_an_outbox {
    use super::WithOutbox;

    inquiry_otl::link_store_conformance!(WithOutbox);
    inquiry_otl::directory_conformance!(WithOutbox);
    inquiry_otl::housekeeping_conformance!(WithOutbox);
    inquiry_otl::outbox_conformance!(WithOutbox);
}

mod any {
    use inquiry_otl::{MemoryStore, conformance::Fresh, store::AnyStore};

    inquiry_otl::link_store_conformance!(Fresh(|| AnyStore::new(MemoryStore::new())));
    inquiry_otl::directory_conformance!(Fresh(|| AnyStore::new(MemoryStore::new())));
    inquiry_otl::housekeeping_conformance!(Fresh(|| AnyStore::new(MemoryStore::new())));
    inquiry_otl::outbox_conformance!(Fresh(|| AnyStore::new(MemoryStore::new().with_outbox())));
}

mod shared {
    use std::sync::Arc;

    use inquiry_otl::{MemoryStore, conformance::Fresh};

    inquiry_otl::link_store_conformance!(Fresh(|| Arc::new(MemoryStore::new())));
    inquiry_otl::directory_conformance!(Fresh(|| Arc::new(MemoryStore::new())));
    inquiry_otl::housekeeping_conformance!(Fresh(|| Arc::new(MemoryStore::new())));
    inquiry_otl::outbox_conformance!(Fresh(|| Arc::new(MemoryStore::new().with_outbox())));
}

mod borrowed {
    use inquiry_otl::{MemoryStore, conformance::Fresh};

    // For as long as the tests run.
    fn borrowed() -> &'static MemoryStore {
        Box::leak(Box::new(MemoryStore::new().with_outbox()))
    }

    inquiry_otl::link_store_conformance!(Fresh(borrowed));
    inquiry_otl::outbox_conformance!(Fresh(borrowed));
}

/// The store in memory whose events wait until somebody takes them.
struct WithOutbox;

impl Fixture for WithOutbox {
    type Store = MemoryStore;

    async fn fresh(&self) -> MemoryStore {
        MemoryStore::new().with_outbox()
    }

    async fn deliver(&self, store: &MemoryStore) {
        let waiting = store.pending(None, u32::MAX).await.unwrap();
        let receipts: Vec<Receipt> = waiting.into_iter().map(|delivery| delivery.receipt).collect();
        store.acknowledge(receipts).await.unwrap();
    }
}

/// S1: no two checks have one name, so that the tests of all macros can stand in one module.
#[test]
fn every_check_has_a_name_of_its_own() {
    let checks =
        [checks::<WithOutbox>(), directory_checks(), housekeeping_checks(), outbox_checks()].concat();
    let names: BTreeSet<_> = checks.iter().map(|check| check.name).collect();
    assert_eq!(names.len(), checks.len());
    assert!(90 < names.len(), "{names:?}");
}

/// S1: what a check says is the answer, and a fixture that panics is no store either.
#[test]
fn a_failed_check_says_what_went_wrong() {
    let check = checks()[0];
    let none = Fresh(|| -> MemoryStore { panic!("no store today") });
    assert_eq!(check.run(none), Err("no store today".to_owned()));
}

/// S1: a fixture that panics without words, and the tests of the macros, say which check failed.
#[test]
fn a_failed_check_names_itself() {
    let check = checks()[0];
    let wordless = Fresh(|| -> MemoryStore { std::panic::panic_any(7) });
    assert_eq!(check.run(wordless), Err("it panicked".to_owned()));
    assert_eq!(format!("{check:?}, {wordless:?}"), format!("Check {{ name: {:?}, .. }}, Fresh", check.name));
    let test = || inquiry_otl::conformance::run(&checks(), check.name, wordless);
    let said = std::panic::catch_unwind(test).unwrap_err();
    assert_eq!(said.downcast_ref(), Some(&format!("{}: it panicked", check.name)));
}

/// S1, D2: whatever commands somebody chooses, the store in memory does what the pure rules do.
#[tokio::test]
async fn chosen_commands_agree_with_the_rules() {
    for first in 0..=u8::MAX {
        let bytes: Vec<u8> = (0..200_u32).map(|n| first.wrapping_mul(n.to_le_bytes()[0] | 1)).collect();
        comparing::chosen_commands_agree_with_the_rules(&Fresh(MemoryStore::new), &bytes).await;
    }
}
