//! Where the time comes from: the one file that reads a clock (S5).

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
    time::{SystemTime, UNIX_EPOCH},
};

use crate::time::{Interval, Timestamp};

/// Tells the time to a service (S5): one clock, which the application chooses.
pub trait Clock: Send + Sync + fmt::Debug {
    /// The current instant, cut to whole microseconds.
    fn now(&self) -> Timestamp;
}

/// The clock of the operating system; before 1970 and after 9999 it stands still.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let micros = match SystemTime::now().duration_since(UNIX_EPOCH) {
            Ok(since) => i64::try_from(since.as_micros()).unwrap_or(i64::MAX),
            Err(_) => 0,
        };
        Timestamp::clamped(micros)
    }
}

/// A clock that moves only when it is told to; clones of it show the same time.
///
/// ```
/// use inquiry_otl::{Clock, Interval, ManualClock, Timestamp};
///
/// let clock = ManualClock::at(Timestamp::MIN);
/// let shown = clock.clone();
/// clock.advance(Interval::from_hours(24)?);
/// assert_eq!(shown.now().to_string(), "1970-01-02T00:00:00.000000Z");
/// # Ok::<(), inquiry_otl::TimeError>(())
/// ```
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl ManualClock {
    /// A clock that shows that instant.
    #[must_use]
    pub fn at(now: Timestamp) -> Self {
        Self(Arc::new(AtomicI64::new(now.unix_micros())))
    }

    /// Moves the clock to that instant, forwards or backwards.
    pub fn set(&self, now: Timestamp) {
        self.0.store(now.unix_micros(), Ordering::SeqCst);
    }

    /// Moves the clock forwards, at most to [`Timestamp::MAX`].
    pub fn advance(&self, interval: Interval) {
        self.set(self.now().plus(interval));
    }
}

impl Default for ManualClock {
    /// A clock that shows 2026-01-01T00:00:00Z.
    fn default() -> Self {
        Self::at(Timestamp::clamped(1_767_225_600_000_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp::clamped(self.0.load(Ordering::SeqCst))
    }
}
