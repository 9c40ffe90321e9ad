//! Real engines, real browsers and real faults, for the tests of what is built on the library.
//!
//! An engine listens on 127.0.0.1 only, at a free port, keeps its data in a temporary directory, and ends with the
//! process that started it, however that ends. What cannot be had stops the test with a message.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::missing_panics_doc,
    clippy::must_use_candidate,
    reason = "a test stops at what surprises it"
)]

#[cfg(feature = "browser")]
pub mod browser;
pub mod chromium;
pub mod faults;
pub mod histories;
pub mod lists;
pub mod postgres;
pub mod proxy;
mod random;
pub mod redis;
mod server;
pub mod tls;

pub use server::free_port;
