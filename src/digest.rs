//! Digests: all that a store ever learns of a secret (L3, C7).

mod blocks;

use std::fmt;

use subtle::ConstantTimeEq;

pub(crate) use self::blocks::{Mac, sha256};
use self::blocks::{ONE as ONE_BLOCK, copy, sha256_in_place};

use crate::{hex::Hex, secret::Wiped, tenant::TenantId};

/// The digest of a code, a token, an attempt key or a binding: what a store keeps instead (L3).
///
/// `==` takes the same time wherever two digests differ (C3). There is neither an order nor a hash:
/// index by [`Digest::prefix`] and let the comparison of the whole decide. A digest opens nothing,
/// yet `Debug` prints only its first four bytes, enough to find a row by.
///
/// ```
/// use inquiry_otl::Digest;
///
/// let digest = Digest::from_bytes([0x1A; 32]);
/// assert_eq!(format!("{digest:?}"), "Digest(1a1a1a1a…)");
/// assert_eq!(digest.prefix(), 0x1A1A_1A1A_1A1A_1A1A);
/// ```
#[derive(Clone, Copy)]
pub struct Digest([u8; 32]);

impl Digest {
    /// The digest that a store kept as these 32 bytes.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The 32 bytes of the digest, for a store to keep.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// The first eight bytes in big-endian order: as good as random, so an index needs no hash.
    #[must_use]
    pub const fn prefix(&self) -> u64 {
        match self.0.first_chunk() {
            Some(first) => u64::from_be_bytes(*first),
            None => 0,
        }
    }

    /// The digest of a secret of one kind within one tenant (S6).
    #[inline]
    pub(crate) fn tagged(tag: Tag, tenant: &TenantId, secret: &[u8]) -> Self {
        Begun::new(tag, tenant).finish(secret)
    }
}

/// Whether 32 bytes are the same, in time that does not depend on them (C3).
pub(crate) fn same_bytes(one: &[u8; 32], other: &[u8; 32]) -> bool {
    let word = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().unwrap_or_default());
    let pairs = one.chunks_exact(8).zip(other.chunks_exact(8));
    // What differs is gathered in one word; the optimizer is kept from seeing that it is compared.
    pairs.fold(0, |differ, (one, other)| differ | (word(one) ^ word(other))).ct_eq(&0).into()
}

/// What a digest was made of, so that none can stand for one of another kind.
///
/// Three bytes, a tenant of 31, a zero and 20 secret bytes are 55: one block of SHA-256.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tag(pub(crate) [u8; 3]);

impl Tag {
    pub(crate) const CODE: Self = Self(*b"cd1");
    pub(crate) const SESSION_TOKEN: Self = Self(*b"st1");
    pub(crate) const CLAIM_TOKEN: Self = Self(*b"ct1");
    pub(crate) const ATTEMPT_KEY: Self = Self(*b"ak1");
    pub(crate) const BINDING: Self = Self(*b"bd1");
}

/// The beginning of what is hashed, made once: the tag, the tenant, and a zero, which no tenant holds.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Begun {
    front: [u8; Self::MAX],
    len: usize,
}

impl Begun {
    const MAX: usize = 35;
    /// Secrets that are longer, attempt keys, take more than one block.
    const ROOM: usize = Self::MAX + 128;

    #[inline]
    pub(crate) fn new(tag: Tag, tenant: &TenantId) -> Self {
        let mut front = [0; Self::MAX];
        let text = tenant.as_bytes();
        let (kind, rest) = front.split_at_mut(tag.0.len());
        kind.copy_from_slice(&tag.0);
        rest.iter_mut().zip(text).for_each(|(slot, byte)| *slot = *byte);
        Self { front, len: tag.0.len().saturating_add(text.len()).saturating_add(1) }
    }

    /// The digest of at most 128 secret bytes behind it.
    #[inline]
    pub(crate) fn finish(&self, secret: &[u8]) -> Digest {
        debug_assert!(secret.len() <= 128, "a longer secret would be left out");
        let len = self.len.saturating_add(secret.len());
        if len <= ONE_BLOCK {
            let mut block = Wiped([0; 64]);
            self.write(&mut block.0, secret);
            Digest(sha256_in_place(&mut block, len))
        } else {
            let mut message = Wiped([0; Self::ROOM]);
            self.write(&mut message.0, secret);
            Digest(sha256(message.front(len)))
        }
    }

    #[inline]
    fn write(&self, message: &mut [u8], secret: &[u8]) {
        message.iter_mut().zip(self.front).for_each(|(slot, byte)| *slot = byte);
        if let Some(rest) = message.get_mut(self.len..self.len.saturating_add(secret.len())) {
            copy(rest, secret);
        }
    }
}

impl PartialEq for Digest {
    /// Takes the same time wherever the two differ (C3).
    fn eq(&self, other: &Self) -> bool {
        same_bytes(&self.0, &other.0)
    }
}

impl Eq for Digest {}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (front, _) = self.0.split_at_checked(4).unwrap_or_default();
        write!(f, "Digest({}…)", Hex(front))
    }
}

#[cfg(feature = "serde")]
mod wire {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    use super::{Digest, Hex};

    /// 64 hexadecimal digits, for a store to keep.
    impl Serialize for Digest {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(&Hex(&self.0))
        }
    }

    impl<'de> Deserialize<'de> for Digest {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            crate::text::deserialize(deserializer, crate::hex::read).map(Self)
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test may panic")]
mod tests {
    use proptest::prelude::*;
    use sha2::{Digest as _, Sha256};

    use super::*;

    proptest! {
        /// C7: whatever the tenant and the length of a secret, its digest is that of tag, tenant, a zero and the secret, as the
        /// library hashes them as a whole: also where that takes a second block.
        #[test]
        fn a_tagged_digest_is_that_of_the_library(
            tenant in "[a-z][a-z0-9-]{0,29}[a-z0-9]",
            secret in proptest::collection::vec(any::<u8>(), 0..=128),
        ) {
            let whole = [b"cd1", tenant.as_bytes(), &[0], &secret].concat();
            let digest = Digest::tagged(Tag::CODE, &TenantId::new(&tenant).unwrap(), &secret);
            prop_assert_eq!(digest.as_bytes()[..].to_vec(), Sha256::digest(&whole).to_vec());
        }
    }

    /// C7: stores keep digests for years, so what one is may not change: SHA-256 of `cd1`, the tenant, a zero and the secret.
    #[test]
    fn a_digest_is_for_ever() {
        let secret: Vec<u8> = (0..20).collect();
        let digest = Digest::tagged(Tag::CODE, &TenantId::default(), &secret);
        assert_eq!(
            Hex(digest.as_bytes()).to_string(),
            "de5a1279aff9e5774a241aeb49686d612fccc7c9ba663edfa71454c263028d6a"
        );
    }

    /// C3: bytes that differ anywhere are told apart.
    #[test]
    fn every_byte_counts() {
        let zeros = [0; 32];
        assert!(same_bytes(&zeros, &zeros));
        for place in 0..32 {
            let mut other = zeros;
            other[place] = 1;
            assert!(!same_bytes(&zeros, &other) && !same_bytes(&other, &zeros), "{place}");
        }
    }
}
