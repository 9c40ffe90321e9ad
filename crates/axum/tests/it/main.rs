//! The pages of a link and the API over their routers, as browsers, scanners, strangers and clients ask for them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

mod answers;
mod api;
mod forms;
mod handing_over;
mod looking;
#[cfg(feature = "metrics")]
mod metrics;
mod own_pages;
mod refusing;
mod secrets;
mod store_faults;
mod support;
mod traced;
