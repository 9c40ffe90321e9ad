//! What the store waits for, and what its threads share: the standard library's, but where all interleavings are tried
//! (`--cfg interleavings`, `scripts/interleavings`), a checker's own.

#[cfg(interleavings)]
pub(super) use loom::sync::{
    Mutex, MutexGuard,
    atomic::{AtomicUsize, Ordering},
};
pub(super) use std::sync::PoisonError;
#[cfg(not(interleavings))]
pub(super) use std::{
    hash::RandomState,
    sync::{
        Mutex, MutexGuard,
        atomic::{AtomicUsize, Ordering},
    },
};

/// A checker follows each lock, and tries the same again: it wants few of them, and no seeds.
#[cfg(interleavings)]
pub(super) type RandomState = std::hash::BuildHasherDefault<std::hash::DefaultHasher>;

/// How many shards.
pub(super) const SHARDS: usize = if cfg!(interleavings) { 2 } else { 256 };

/// How many parts of the directory.
pub(super) const PARTS: u64 = if cfg!(interleavings) { 2 } else { 1_024 };
