#![doc = include_str!("../README.md")]

mod attempt;
mod bulk;
mod cluster;
mod connection;
mod directory;
mod fault;
mod fields;
mod housekeeping;
mod keys;
mod open;
mod outbox;
mod reading;
mod record;
mod script;
mod store;

pub use open::{Builder, OpenError};
pub use redis;
pub use store::RedisStore;
