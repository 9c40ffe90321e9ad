//! Calls as a store answered them, and whether they can have happened one after the other.
//!
//! A [history](Recorded) is what several clients called at the same time, what they were answered, and in which real order. It
//! is *linearizable* if each call can be given an instant between its invocation and its answer, so that the
//! [rules](Rules) alone, one call at a time in the order of these instants, give the same answers. A call whose answer was
//! lost may have taken effect at any time after it was made, or never.
//!
//! Each inquiry has a history of its own: histories of separate objects are linearizable if each of them is, so that
//! [`check`] has few calls to put in order.
#![allow(clippy::arithmetic_side_effects, reason = "a checker counts, and its numbers are small")]

mod call;
mod check;
mod history;
mod rules;

pub use call::{Answer, Call, Callee};
pub use check::{Anomaly, MOST, check};
pub use history::{End, Recorded};
pub use rules::Rules;
