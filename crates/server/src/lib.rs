#![doc = include_str!("../README.md")]

mod app;
mod bulk;
pub mod cli;
pub mod config;
mod dashboard;
mod documents;
mod files;
mod housekeeping;
mod mail;
mod operations;
mod passing;
mod pump;
mod records;
mod routes;
mod schedule;
mod secrets;
mod serve;
#[cfg(test)]
mod stage;
mod store;
mod tasks;
mod tokens;
mod webhooks;
