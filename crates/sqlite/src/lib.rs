#![doc = include_str!("../README.md")]

mod builder;
mod bulk;
mod call;
mod commands;
mod connection;
mod directory;
mod error;
mod housekeeping;
mod inquiries;
mod outbox;
mod patience;
mod reading;
mod records;
mod rows;
mod schema;
mod sql;
mod store;
mod tables;
mod transaction;
mod worker;

pub use builder::{Builder, Synchronous};
pub use error::{NotInTransaction, OpenError};
pub use rusqlite;
pub use store::SqliteStore;
pub use tables::{PrefixError, Tables};
pub use transaction::SqliteTransaction;
