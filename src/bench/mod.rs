//! A harness that measures stores, for whoever wrote one (feature `bench`).
//!
//! It puts **candidates** next to one another and gives each a batch of the same work in turn, so that what the machine
//! does meanwhile meets them all. What it reports are ratios to the first candidate, the yardstick: each round gives one,
//! and the median of them counts. Absolute figures move from machine to machine.
//!
//! A [`Subject`] is a candidate made of a store: it puts the store behind a [`Service`](crate::Service), so what is
//! measured is what an application would call, with all rules on. Whoever has a yardstick of another kind, a floor or a
//! rival, implements [`Candidate`] for it.
//!
//! This is all of a file in `benches/` (with `harness = false`), with the store in memory in the place of one's own:
//!
//! ```
//! use inquiry_otl::{MemoryStore, bench::{BenchError, Contest, Fill, Load, Subject, Work}, blocking::ParkThread};
//!
//! fn main() -> Result<(), BenchError> {
//!     let fill = Fill::new(100); // live links; take 100_000
//!     let mut memory = Subject::new("memory", MemoryStore::new(), ParkThread, &fill)?.with_purge()?;
//!     let mut mine = Subject::new("mine", MemoryStore::new(), ParkThread, &fill)?.with_purge()?;
//!
//!     let loads = [Load::new(50), Load::new(50).threads(2), Load::new(50).tasks(16)];
//!     let report = Contest::new(&mut memory).against(&mut mine).rounds(3).run(&Work::ALL, &loads)?;
//!     println!("{report}");
//!     Ok(())
//! }
//! ```
//!
//! A store whose driver needs a runtime brings its own [`BlockOn`](crate::blocking::BlockOn), which enters it.
//! The harness allocates nothing and reads no clock within what it times.

mod candidate;
mod clock;
mod contest;
mod fill;
mod purge;
mod report;
mod share;
mod stopwatch;
mod subject;
mod work;

pub use candidate::{BenchError, Candidate, Timed};
pub use contest::Contest;
pub use fill::Fill;
pub use report::{Figure, Line, Report, Spread};
pub use subject::Subject;
pub use work::{Load, Work};
