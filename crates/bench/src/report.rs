//! What is told of measurements: the machine, ratios and whether they meet their goals, and points of charts.

use std::{fs, process::Command, thread};

use inquiry_otl::bench::Spread;
use inquiry_otl_measure::{Bound, Goal, Point};

/// What one subject comes to.
#[derive(Default)]
pub(crate) struct Report {
    pub(crate) goals: Vec<Goal>,
    pub(crate) points: Vec<Point>,
}

/// The spread of at least one ratio.
pub(crate) fn spread(ratios: impl IntoIterator<Item = f64>) -> Spread {
    Spread::of(ratios).unwrap()
}

/// A goal, and the ratios of the rounds.
pub(crate) fn goal(name: &str, what: String, bound: Bound, ratios: impl IntoIterator<Item = f64>) -> Goal {
    let Spread { median, low, high, .. } = spread(ratios);
    Goal { name: name.to_owned(), what, bound, median, low, high, note: String::new() }
}

/// What all of it ran on, and with.
pub(crate) fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("an unknown processor", |model| model.trim_start_matches([' ', '\t', ':']));
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    let threads = thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let programs = ["rustc", "psql", "redis-server"].map(version).join("; ");
    let ours = ["deadpool", "redis", "rusqlite", "sqlx", "tokio", "tokio-postgres"];
    let rivals = [
        "arcly-http-identity",
        "authrs",
        "session-guard",
        "torii",
        "torii-storage-seaorm",
        "tower-sessions-memory-store",
    ];
    format!(
        "{model}, {threads} threads, load {load} at the start; clients and engines share it\n\
         {programs}; SQLite {}\n{}\n{}",
        rusqlite::version(),
        locked(include_str!("../../../Cargo.lock"), &ours),
        locked(include_str!("../../rivals/Cargo.lock"), &rivals),
    )
}

/// What a program says of its version.
fn version(program: &str) -> String {
    let output = Command::new(program).arg("--version").output();
    let output = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    output.unwrap_or_else(|_| format!("{program} of an unknown version"))
}

/// Crates, and their versions in a lock file.
fn locked(lock: &str, crates: &[&str]) -> String {
    let version = |name: &&str| {
        let (_, rest) = lock.split_once(&format!("name = \"{name}\"\nversion = \"")).expect("it is locked");
        format!("{name} {}", rest.split('"').next().unwrap_or_default())
    };
    crates.iter().map(version).collect::<Vec<_>>().join(", ")
}
