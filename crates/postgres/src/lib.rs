#![doc = include_str!("../README.md")]

mod attempt;
mod attempts;
mod bulk;
mod changing;
mod client;
mod connection;
mod delivery;
mod directory;
mod fault;
mod gather;
mod housekeeping;
mod issuing;
mod left;
mod log;
mod migration;
mod options;
mod partitions;
mod reading;
mod row;
mod schema;
mod sql;
mod store;
mod transaction;

pub use client::{Client, Manager, Pool, pool};
pub use migration::{VersionError, migration_script, role_script, upgrade_script};
pub use options::Options;
pub use partitions::{Dropped, partition_script};
pub use schema::{SchemaName, SchemaNameError};
pub use store::PostgresStore;
pub use transaction::PostgresTransaction;
