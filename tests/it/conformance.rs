//! The conformance suite on every store that this crate has.

mod memory {
    use inquiry_otl::{MemoryStore, conformance::Fresh};

    inquiry_otl::link_store_conformance!(Fresh(MemoryStore::new));
    inquiry_otl::housekeeping_conformance!(Fresh(MemoryStore::new));
    inquiry_otl::outbox_conformance!(Fresh(|| MemoryStore::new().with_outbox()));
}
