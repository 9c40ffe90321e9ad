//! Black-box tests, through the public API only; each names the rules that it proves.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

mod code;
mod input;
mod inquiry;
mod keyring;
mod redeem;
mod service;
mod support;
mod url;
#[cfg(feature = "serde")]
mod wire;
mod wrapper;
