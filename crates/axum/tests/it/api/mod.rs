//! The API over its router: each operation, each error of the contract.

mod access;
mod faults;
mod idempotency;
mod inquiries;
mod lists;
mod refusals;
mod sessions;
mod world;
