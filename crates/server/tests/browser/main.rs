//! Support staff and a person, each with a real browser, Chromium, in front of the real program.
//!
//! `scripts/screenshots` has them leave pictures of all pages, on a phone and on a desk.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test stops at what surprises it"
)]

mod bulk;
mod pages;
mod scanner;
#[allow(dead_code, reason = "the other tests need more of it")]
#[path = "../it/support.rs"]
mod server;
mod signing_in;
mod staff;
mod story;
