//! The real program, its real files, over real connections.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test stops at what surprises it"
)]

mod bulk;
mod dashboard;
mod figures;
mod hooking;
mod killing;
mod limits;
mod mailing;
mod malformed;
mod receivers;
mod repeating;
mod searching;
mod security;
mod signing_in;
mod staff;
mod starting;
mod stopping;
mod support;
mod templates;
mod tokens;
