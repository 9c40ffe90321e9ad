//! From a digest to the place of its link.

use std::{
    collections::{HashMap, hash_map::Entry},
    hash::{BuildHasherDefault, Hasher},
    sync::{Mutex, PoisonError},
};

use crate::digest::Digest;

/// Where a link is: its shard, and its place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) shard: u32,
    pub(super) link: u32,
}

/// Finds links by a part of their digest; whether a link is the right one, the comparison of the whole
/// digest decides at its place (C3).
///
/// Two links whose digests share that part, 64 bits, cannot both be here: the second one is refused as taken,
/// and its creation draws another code.
#[derive(Debug)]
pub(super) struct Directory(Box<[Mutex<Part>]>);

type Part = HashMap<u64, Place, BuildHasherDefault<AsIs>>;

impl Directory {
    pub(super) fn new(shards: usize) -> Self {
        Self((0..shards.max(1)).map(|_| Mutex::default()).collect())
    }

    pub(super) fn find(&self, digest: &Digest) -> Option<Place> {
        self.part(digest, |map, key| map.get(&key).copied())?
    }

    /// Enters a place, unless that part of the digest is taken.
    pub(super) fn enter(&self, digest: &Digest, place: Place) -> bool {
        let entered = self.part(digest, |map, key| match map.entry(key) {
            Entry::Vacant(vacant) => {
                vacant.insert(place);
                true
            }
            Entry::Occupied(_) => false,
        });
        entered == Some(true)
    }

    pub(super) fn leave(&self, digest: &Digest) {
        self.part(digest, |map, key| map.remove(&key));
    }

    fn part<T>(&self, digest: &Digest, look: impl FnOnce(&mut Part, u64) -> T) -> Option<T> {
        let key = digest.prefix();
        // The high bits choose the shard, so that the low ones spread within it.
        let shard = usize::try_from(key >> 48).unwrap_or_default().checked_rem(self.0.len())?;
        let mut map = self.0.get(shard)?.lock().unwrap_or_else(PoisonError::into_inner);
        Some(look(&mut map, key))
    }
}

/// For keys that are hashes already: part of a digest, which nobody can choose, or a keyed hash.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = self.0 << 8 | u64::from(*byte);
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}
