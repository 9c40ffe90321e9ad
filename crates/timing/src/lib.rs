//! What both tools look at: a service to attack, and the leaky twins of what it does.

mod stage;
pub mod twins;

pub use stage::{Outcome, Stage, symbols};
