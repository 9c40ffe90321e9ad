//! What only this store needs, through its public API; each test names the rules that it proves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

mod blocking;
mod bulk;
mod opening;
mod purging;
mod secrets;
mod sharing;
mod support;
mod transaction;
mod unreadable;
mod waiting;
