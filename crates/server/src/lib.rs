#![doc = include_str!("../README.md")]

mod app;
pub mod cli;
pub mod config;
mod dashboard;
mod operations;
mod pump;
mod records;
mod secrets;
mod serve;
mod store;
