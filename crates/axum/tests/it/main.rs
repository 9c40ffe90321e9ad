//! The pages of a link over the router, as browsers, scanners and strangers ask for them.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test stops at what surprises it"
)]

mod answers;
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
