//! The goals of the store in memory: `cargo bench --features bench --bench memory`, or with the names of some:
//! `cargo bench --features bench --bench memory -- P1 P4`. `benches/README.md` says what each line means.

#![allow(missing_docs, reason = "a program")]
#![allow(
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    clippy::cast_precision_loss,
    clippy::cast_possible_wrap,
    clippy::indexing_slicing,
    clippy::unwrap_used,
    reason = "a bench computes with small numbers, and stops at what surprises it"
)]

mod floor;
mod goals;
mod sha;

use inquiry_otl::bench::BenchError;
use inquiry_otl_evidence::Counting;

#[global_allocator]
static COUNTING: Counting = Counting;

fn main() -> Result<(), BenchError> {
    let names: Vec<String> = std::env::args().skip(1).filter(|name| !name.starts_with('-')).collect();
    let goals = [
        ("canary", goals::canary as fn() -> Result<(), BenchError>),
        ("P1", goals::cost),
        ("P2", goals::room),
        ("P3", goals::threads),
        ("P4", goals::allocations),
        ("P5", goals::growth),
        ("all", goals::everything),
    ];
    for (name, goal) in goals {
        // The table of all work is for whoever asks for it.
        let asked = if names.is_empty() { name != "all" } else { names.iter().any(|asked| asked == name) };
        if asked {
            goal()?;
        }
    }
    Ok(())
}
