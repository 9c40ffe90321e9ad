//! What only this store has: its keys, its connection, its scripts.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test stops at what surprises it"
)]

mod common;
mod connecting;
mod keeping;
mod permitting;
mod played;
