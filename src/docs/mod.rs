//! Pages to read: they hold no code of the library, and their examples are tests.

pub mod cookbook;

#[doc = include_str!("constant_time.md")]
pub mod constant_time {}

#[doc = include_str!("time.md")]
pub mod time {}

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
mod readme {}
