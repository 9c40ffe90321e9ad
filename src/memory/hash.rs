//! Hashes of inquiries' keys, which applications may choose: under seeds that nobody knows.

use std::hash::BuildHasher;

use super::sync::RandomState;
use crate::store::InquiryKey;

/// Multiplies and folds, under seeds of the store's own: a few nanoseconds for a key, where `SipHash` takes twenty.
///
/// Who does not know the seeds cannot choose ids that collide; who knew them could make one shard slow, and read nothing.
pub(super) struct Seeds([u64; 4]);

impl Seeds {
    pub(super) fn random() -> Self {
        let state = RandomState::default();
        Self([0_u64, 1, 2, 3].map(|n| state.hash_one(n)))
    }

    pub(super) fn hash(&self, key: &InquiryKey) -> u64 {
        let Self([first, second, third, fourth]) = *self;
        let [a, b, c, d] = key.tenant.words();
        let tenant = fold(a ^ first, b ^ second) ^ fold(c ^ third, d ^ fourth);
        let [a, b, c, d] = key.inquiry.words();
        fold(fold(a ^ second, b ^ first) ^ fourth, fold(c ^ first ^ tenant, d ^ third) ^ second)
    }
}

/// The two halves of a product, put together.
#[allow(clippy::cast_possible_truncation, reason = "both halves are used")]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a).wrapping_mul(u128::from(b));
    (product >> 64) as u64 ^ product as u64
}
