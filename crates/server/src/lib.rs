#![doc = include_str!("../README.md")]

mod app;
pub mod cli;
pub mod config;
mod mail;
mod dashboard;
mod operations;
mod pump;
mod records;
mod schedule;
mod secrets;
mod serve;
mod store;
mod webhooks;
