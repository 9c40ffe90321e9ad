//! What only this store needs, through its public API and on real servers; each test names the rules that it proves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]
#![allow(clippy::doc_markdown, reason = "PostgreSQL is a name")]

mod bulk;
mod clock;
mod damaged;
mod fatal;
mod faults;
mod gathering;
mod holding;
mod intruders;
mod migrating;
mod outbox;
mod plans;
mod roles;
mod secrets;
mod standby;
mod support;
mod transaction;
mod traps;
mod trips;
