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
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::format_collect,
    reason = "a bench stops at what surprises it"
)]

mod bulk;
mod candidate;
mod growth;
mod plots;
mod postgres;
mod redis;
mod report;
mod scale;
mod sqlite;
mod torii;
mod turns;

use std::{env, process::ExitCode};

use tokio::runtime::{Builder, Runtime};

use report::Report;

fn main() -> ExitCode {
    let wanted: Vec<String> = env::args().skip(1).collect();
    if wanted == ["plots"] {
        plots::draw();
        return ExitCode::SUCCESS;
    }
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| word == name);
    let subjects = [
        ("sqlite", sqlite::measure as fn(&Runtime) -> Report),
        ("torii", torii::measure),
        ("postgres", postgres::measure),
        ("bulk", bulk::measure),
        ("growth", growth::measure),
        ("redis", redis::measure),
    ];
    println!("{}\n", report::machine());
    for (name, measure) in subjects {
        if is_wanted(name) {
            let Report { goals, points } = measure(&runtime());
            for goal in goals {
                println!("{goal}");
            }
            for point in points {
                println!("{point}");
            }
        }
    }
    if is_wanted("scale") {
        scale::measure(&runtime());
    }
    ExitCode::SUCCESS
}

/// Clients and engines share the machine: two threads for the clients.
fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}
