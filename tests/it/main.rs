//! Black-box tests, through the public API only; each names the rules that it proves.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

mod code;
mod events;
mod input;
mod inquiry;
mod keyring;
mod keys;
mod links;
mod redeem;
mod service;
mod sessions;
mod support;
mod tenants;
mod url;
#[cfg(feature = "serde")]
mod wire;
mod wrapper;
