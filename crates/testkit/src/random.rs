//! Random numbers for tests.

use std::hash::{BuildHasher, RandomState};

/// A number that nobody foresees.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(0)
}
