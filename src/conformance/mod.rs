//! The executable contract of a store: whoever writes one proves it here.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a check panics when a store is wrong"
)]
#![allow(clippy::missing_panics_doc, reason = "so does every check")]

mod check;
mod fixture;
mod model;
mod race;
mod stage;
mod suite;

pub mod changing;
pub mod claiming;
pub mod comparing;
pub mod creating;
pub mod delivering;
pub mod interrupting;
pub mod issuing;
pub mod lapsing;
pub mod purging;
pub mod reading;
pub mod redeeming;
pub mod repeating;
pub mod replaying;
pub mod revoking;
pub mod sweeping;

pub use check::Check;
pub use fixture::{Fixture, Fresh};
#[doc(hidden)]
pub use suite::run;
pub use suite::{checks, housekeeping_checks, outbox_checks};
