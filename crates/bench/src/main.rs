//! The stores on engines beside code that does the same by hand: `cargo run --release -p inquiry-otl-bench`.
//!
//! *By hand* is what a competent engineer would write for one application: everything durable that the rules ask for, that is
//! link, epoch, session count, session and attempt, in the fewest steps, and nothing that this application does not need.
//! Candidates take turns in one process, on one engine that is started for them, and what is told are ratios of medians.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    clippy::format_collect,
    reason = "a bench stops at what surprises it"
)]

mod bulk;
mod candidate;
mod growth;
mod postgres;
mod redis;
mod report;
mod scale;
mod sqlite;

use std::{env, process::ExitCode};

use tokio::runtime::{Builder, Runtime};

fn main() -> ExitCode {
    let wanted: Vec<String> = env::args().skip(1).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| word == name);
    let mut goals = Vec::new();
    println!("{}\n", report::machine());
    if is_wanted("sqlite") {
        goals.extend(sqlite::measure(&runtime()));
    }
    if is_wanted("postgres") {
        goals.extend(postgres::measure(&runtime()));
    }
    if is_wanted("bulk") {
        goals.push(bulk::measure(&runtime()));
    }
    if is_wanted("growth") {
        goals.extend(growth::measure(&runtime()));
    }
    if is_wanted("redis") {
        goals.extend(redis::measure(&runtime()));
    }
    if is_wanted("scale") {
        scale::measure(&runtime());
    }
    println!();
    for goal in &goals {
        println!("{goal}");
    }
    ExitCode::SUCCESS
}

/// Clients and engines share the machine: two threads for the clients.
fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}
