//! What the server does under load, and beside a million inquiries: `scripts/load` builds and runs it.
//!
//! `load mixed` has many clients go through whole stories, at the machine's limit; `load overload` has more clients than the
//! server has places, and then looks whether all that was acknowledged is there; `load lists` fills stores, and times pages.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "it stops at what surprises it"
)]

#[path = "../../tests/it/support.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod support;

#[path = "../../tests/it/staff.rs"]
#[allow(dead_code, reason = "the tests use more of it")]
mod staff;

mod figures;
mod lists;
mod mixed;
mod overload;
mod story;

use std::time::Duration;

/// How long, and by how many clients.
#[derive(Clone, Copy, Debug)]
struct Size {
    time: Duration,
    clients: usize,
    inquiries: u64,
}

#[tokio::main]
async fn main() {
    // Cargo adds a flag of its own to those of a benchmark.
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let number = |name: &str, otherwise: u64| {
        let place = arguments.iter().position(|argument| argument == name);
        place.map_or(otherwise, |place| arguments[place + 1].parse().expect("a number"))
    };
    let size = |clients| Size {
        time: Duration::from_secs(number("--seconds", 60)),
        clients: usize::try_from(number("--clients", clients)).unwrap(),
        inquiries: number("--inquiries", 1_000_000),
    };
    match arguments.first().map(String::as_str) {
        Some("mixed") => mixed::run(size(32)).await,
        Some("overload") => overload::run(size(256)).await,
        Some("lists") => lists::run(size(1)).await,
        _ => panic!("load mixed|overload|lists [--seconds N] [--clients N] [--inquiries N]"),
    }
}
