//! How long a batch takes.

use std::time::{Duration, Instant};

/// Runs from where it is started.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Stopwatch(Instant);

impl Stopwatch {
    pub(super) fn start() -> Self {
        Self(Instant::now())
    }

    /// The time to a later start of another one.
    pub(super) fn until(self, later: Self) -> Duration {
        later.0.saturating_duration_since(self.0)
    }
}
