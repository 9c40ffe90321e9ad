//! The kit itself: engines that come up and go down as told, and end with the test.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test stops at what surprises it")]

mod engines;
mod orphans;
mod proxy;
