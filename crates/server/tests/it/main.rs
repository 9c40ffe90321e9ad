//! The real program, its real files, over real connections.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test stops at what surprises it"
)]

mod desk;
mod hooking;
mod killing;
mod mailing;
mod receivers;
mod starting;
mod stopping;
mod support;
