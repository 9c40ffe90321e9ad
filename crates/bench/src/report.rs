//! What is told of measurements: ratios, and whether they meet their goals.

use std::{fmt, fs, process::Command, thread};

use inquiry_otl::bench::Spread;

/// A goal, and what was measured.
pub(crate) struct Goal {
    /// Its name, as `P7`.
    pub(crate) name: &'static str,
    pub(crate) what: String,
    /// At least this, or at most.
    pub(crate) bound: Bound,
    /// The ratios of the rounds.
    pub(crate) measured: Spread,
}

#[derive(Clone, Copy)]
pub(crate) enum Bound {
    AtLeast(f64),
    AtMost(f64),
    /// It is only told.
    None,
}

/// The spread of at least one ratio.
pub(crate) fn spread(ratios: impl IntoIterator<Item = f64>) -> Spread {
    Spread::of(ratios).unwrap()
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Spread { median, low, high, .. } = self.measured;
        let (goal, verdict) = match self.bound {
            Bound::AtLeast(bound) => {
                (format!(">= {bound:.2}"), if bound <= median { "met" } else { "NOT MET" })
            }
            Bound::AtMost(bound) => {
                (format!("<= {bound:.2}"), if median <= bound { "met" } else { "NOT MET" })
            }
            Bound::None => ("-".to_owned(), "told"),
        };
        write!(
            f,
            "{:<4} {:<58} goal {goal:<8} measured {median:6.2} ({low:.2} to {high:.2})  {verdict}",
            self.name, self.what
        )
    }
}

/// What all of it ran on, and with.
pub(crate) fn machine() -> String {
    let cpus = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let model = cpus.lines().find_map(|line| line.strip_prefix("model name"));
    let model = model.map_or("an unknown processor", |model| model.trim_start_matches([' ', '\t', ':']));
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().unwrap_or_default().to_owned();
    let threads = thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let versions = ["rustc", "psql", "redis-server"].map(version).join("; ");
    format!(
        "{model}, {threads} threads, load {load} at the start; clients and engines share it\n{versions}\n\
         P8, P11, P12: less is better; elsewhere more is faster than by hand; in parentheses the middle half of the rounds"
    )
}

/// What a program says of its version.
fn version(program: &str) -> String {
    let output = Command::new(program).arg("--version").output();
    let output = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    output.unwrap_or_else(|_| format!("{program} of an unknown version"))
}
