//! How long a claim holds its link (D5).

use crate::time::Interval;

/// How long a claim holds its link: 30 seconds unless told otherwise, 5 minutes at most (D5).
///
/// ```
/// use inquiry_otl::{Interval, LeaseTime, LeaseTooLong};
///
/// assert_eq!(LeaseTime::default().interval(), Interval::from_seconds(30)?);
/// assert_eq!(LeaseTime::new(Interval::from_seconds(301)?), Err(LeaseTooLong));
/// # Ok::<(), inquiry_otl::TimeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LeaseTime(Interval);

impl LeaseTime {
    /// A lease of that interval.
    ///
    /// # Errors
    /// [`LeaseTooLong`] above 5 minutes.
    pub fn new(interval: Interval) -> Result<Self, LeaseTooLong> {
        if interval <= Interval::MINUTE.times(5) { Ok(Self(interval)) } else { Err(LeaseTooLong) }
    }

    /// The interval.
    #[must_use]
    pub const fn interval(self) -> Interval {
        self.0
    }
}

impl Default for LeaseTime {
    fn default() -> Self {
        Self(Interval::SECOND.times(30))
    }
}

/// A claim holds its link for 5 minutes at most (D5).
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a claim holds its link for 5 minutes at most")]
pub struct LeaseTooLong;
