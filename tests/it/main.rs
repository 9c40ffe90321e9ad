//! Black-box tests, through the public API only; each names the rules that it proves.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]

#[cfg(feature = "bench")]
mod bench;
#[cfg(feature = "blocking")]
mod blocking;
#[cfg(feature = "conformance")]
mod broken;
mod code;
#[cfg(feature = "conformance")]
mod conformance;
mod derive;
mod events;
mod input;
mod inquiry;
mod keyring;
mod keys;
mod links;
mod lists;
mod operator;
mod plan;
mod race;
mod redeem;
mod secrets;
mod service;
mod sessions;
mod support;
mod taken;
mod tenants;
mod url;
#[cfg(feature = "conformance")]
mod weekend;
#[cfg(target_os = "linux")]
mod wipe;
#[cfg(feature = "serde")]
mod wire;
mod wrapper;
