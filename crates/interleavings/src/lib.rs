//! The store in memory, under every order in which its threads can come to its locks.
//!
//! `scripts/interleavings` builds the library with `--cfg interleavings`, where the locks of `MemoryStore` are loom's. A
//! `Scenario` is a few calls of two or three threads; each is carried out in every order that differs, and what was
//! answered, with a look at all that is kept in the end, must be what the rules answer, one call after the other. Then the
//! same with stores that are wrong on purpose (`Fault`), each of which must be found.
#![cfg(interleavings)]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::missing_panics_doc,
    reason = "a check stops at what surprises it"
)]

mod calls;
mod explore;
mod fault;
mod scenario;

pub use explore::{Explored, explore};
pub use fault::{Fault, Faulty};
pub use scenario::Scenario;
