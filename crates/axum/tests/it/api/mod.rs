//! The API over its router: each operation, each error of the contract.

mod access;
mod idempotency;
mod inquiries;
mod lists;
mod refusals;
mod sessions;
mod world;
