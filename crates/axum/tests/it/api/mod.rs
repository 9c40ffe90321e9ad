//! The API over its router: each operation, each error of the contract.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "what a test is made of may stop at what surprises it, too"
)]

mod access;
mod idempotency;
mod inquiries;
mod lists;
mod refusals;
mod sessions;
mod world;
