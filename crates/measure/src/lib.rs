//! What all measurements share, in memory, on engines and of rivals: rounds of tasks, goals, and the lines of a report.
//!
//! A report is text for people. Its lines of goals and points can be read back, so that what is drawn is what it says.

mod goal;
mod point;
mod round;

pub use goal::{Bound, Goal};
pub use point::Point;
pub use round::{Candidate, INQUIRIES, Round, round};
