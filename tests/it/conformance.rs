//! The conformance suite on every store that this crate has.

mod memory {
    use inquiry_otl::{MemoryStore, conformance::Fresh};

    inquiry_otl::link_store_conformance!(Fresh(MemoryStore::new));
}
