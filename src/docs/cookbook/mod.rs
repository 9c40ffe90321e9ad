//! Recipes: each is one task, with code that compiles and runs as a test.
//!
//! | I want to … | Recipe |
//! | --- | --- |
//! | put links behind a web server, and not lose them to mail scanners | [`web_handlers`] |
//! | do work that may fail before a link is used up | [`two_phases`] |
//! | survive a reply that was lost | [`retries`] |
//! | test what happens tomorrow | [`testing`] |
//! | rotate the key of my codes | [`rotate_a_key`] |
//! | stop sending links with session tokens in them | [`migrate`] |
//! | keep the records in a database of my own | [`own_store`] |

#[doc = include_str!("web_handlers.md")]
pub mod web_handlers {}

#[doc = include_str!("two_phases.md")]
pub mod two_phases {}

#[doc = include_str!("retries.md")]
pub mod retries {}

#[doc = include_str!("testing.md")]
pub mod testing {}

#[doc = include_str!("rotate_a_key.md")]
pub mod rotate_a_key {}

#[doc = include_str!("migrate.md")]
pub mod migrate {}

#[doc = include_str!("own_store.md")]
pub mod own_store {}
