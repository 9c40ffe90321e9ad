//! The operating system's clock, moved: so that links can expire, and be past keeping, within a run.

use std::sync::{
    Arc,
    atomic::{AtomicI64, Ordering},
};

use crate::{
    clock::{Clock, SystemClock},
    time::Timestamp,
};

/// What the operating system shows, and some days less; clones are moved together.
#[derive(Clone, Debug, Default)]
pub(super) struct Moved(Arc<AtomicI64>);

impl Moved {
    const DAY: i64 = 86_400_000_000;

    /// Shows that many days ago from now on.
    pub(super) fn days_ago(&self, days: i64) {
        self.0.store(days.saturating_mul(Self::DAY), Ordering::SeqCst);
    }
}

impl Clock for Moved {
    fn now(&self) -> Timestamp {
        Timestamp::clamped(SystemClock.now().unix_micros().saturating_sub(self.0.load(Ordering::Relaxed)))
    }
}
