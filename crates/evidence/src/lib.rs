//! What needs `unsafe` to look: how much is allocated, how much processor time a thread took, and what valgrind sees of
//! a secret.
//!
//! ```
//! use inquiry_otl_evidence::{Counting, counted};
//!
//! #[global_allocator]
//! static COUNTING: Counting = Counting;
//!
//! let (text, counted) = counted(|| String::from("one allocation"));
//! assert_eq!((counted.allocations, counted.bytes), (1, 14));
//! # drop(text);
//! ```

mod allocations;
mod processor;
pub mod valgrind;

pub use allocations::{Counted, Counting, counted};
pub use processor::thread_time;
