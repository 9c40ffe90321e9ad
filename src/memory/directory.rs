//! From a digest to the place of its link.

use super::{
    index::Index,
    sync::{Mutex, MutexGuard, PARTS, PoisonError},
};
use crate::digest::Digest;

/// Where a link is: its shard, and its place in it. Eight bits and twenty-four are one word for the index.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) shard: u32,
    pub(super) link: u32,
}

impl Place {
    const LINK_BITS: u32 = 24;
    /// The last word stands for *free*, so one place less in each shard.
    pub(super) const LINKS: u32 = (1 << Self::LINK_BITS) - 1;

    const fn word(self) -> u32 {
        self.shard << Self::LINK_BITS | self.link
    }

    const fn of(word: u32) -> Self {
        Self { shard: word >> Self::LINK_BITS, link: word & Self::LINKS }
    }
}

/// Finds links by a part of their digest; whether a link is the right one, the comparison of the whole
/// digest decides at its place (C3).
///
/// Two links whose digests share that part, 42 bits, cannot both be here: the second one is refused as taken,
/// and its creation draws another code.
#[derive(Debug)]
pub(super) struct Directory(Box<[Part]>);

/// A line of memory for each, so that two threads in two parts do not wait for one.
#[derive(Debug, Default)]
#[repr(align(64))]
struct Part(Mutex<Index>);

impl Directory {
    pub(super) fn new() -> Self {
        Self((0..PARTS).map(|_| Part::default()).collect())
    }

    pub(super) fn find(&self, digest: &Digest) -> Option<Place> {
        self.part(digest)?.find(bits(digest), |_| true).map(Place::of)
    }

    /// Enters a place, unless that part of the digest is taken.
    pub(super) fn enter(&self, digest: &Digest, place: Place) -> bool {
        let Some(mut part) = self.part(digest) else {
            return false;
        };
        let is_free = part.find(bits(digest), |_| true).is_none();
        if is_free {
            part.enter(bits(digest), place.word());
        }
        is_free
    }

    pub(super) fn leave(&self, digest: &Digest, place: Place) {
        if let Some(mut part) = self.part(digest) {
            part.leave(bits(digest), place.word());
        }
    }

    fn part(&self, digest: &Digest) -> Option<MutexGuard<'_, Index>> {
        // Other bits than those that the part itself looks at.
        let part = usize::try_from((digest.prefix() >> 32) % PARTS).unwrap_or_default();
        Some(self.0.get(part)?.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// What a part finds a link by.
#[allow(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
const fn bits(digest: &Digest) -> u32 {
    digest.prefix() as u32
}
