//! Every state of small worlds: the pure functions of `inquiry-otl` against its rules.
//!
//! A [`world`] is one inquiry, some links, some callers, a clock, and bounds for how often anything may happen. In
//! it, everything that may happen is tried, in every order, with the library's own functions as the atomic steps of a
//! store. In each state, what each caller would get on each link, which sessions live, and what was told, is
//! compared with the rules, told without the library's counters. Then the same with stores that do
//! [one thing wrong](Fault), each of which must be found. Last, [random walks](replay()) with the store in memory beside it.
#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a model stops at what surprises it, and its numbers are small"
)]

mod command;
mod explore;
mod fault;
mod kept;
mod replay;
mod step;
mod store;
mod tale;
pub mod world;

pub use explore::{Explored, Violation, explore};
pub use fault::Fault;
pub use replay::{replay, walk};
pub use step::{Answer, Move, Step, Target, Told};
