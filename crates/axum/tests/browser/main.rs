//! A person with a real browser, Chromium, in front of the pages.
//!
//! Everything that it needs it starts itself: the driver, browsers with new profiles, the application, and a stranger's
//! site. Screenshots of a phone are left in `target/tmp/screens`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

mod accessible;
mod person;
mod stranger;
mod support;
