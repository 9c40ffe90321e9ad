//! How long something has waited: nothing but this is measured, and nothing is judged by it (S5).

use std::time::{Duration, Instant};

/// The moment at which a wait began.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wait(Instant);

impl Wait {
    pub(crate) fn begin() -> Self {
        Self(Instant::now())
    }

    /// Whether it has lasted longer than that.
    pub(crate) fn is_longer_than(self, patience: Duration) -> bool {
        patience < self.0.elapsed()
    }
}
