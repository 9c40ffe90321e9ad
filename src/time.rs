//! Instants and intervals: whole microseconds in UTC, whole seconds (E8, S5).

use std::{fmt, num::NonZeroU64, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};
use thiserror::Error;

/// An instant in UTC, in whole microseconds, in the years 1970 to 9999 (E8, S5).
///
/// Every store keeps exactly this, so that a boundary is the same microsecond on each of them.
/// What is finer than a microsecond is cut off where the value is made.
///
/// ```
/// use inquiry_otl::{Interval, Timestamp};
///
/// let created = Timestamp::from_unix_micros(1_700_000_000_000_000)?;
/// assert_eq!(created.to_string(), "2023-11-14T22:13:20.000000Z");
/// assert_eq!(created.plus(Interval::from_seconds(60)?).unix_micros(), 1_700_000_060_000_000);
/// # Ok::<(), inquiry_otl::TimeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(
    /// One more than the microseconds since 1970, so that *none* takes no room in a record: there are nine in an inquiry.
    NonZeroU64,
);

impl Timestamp {
    /// The first instant: 1970-01-01T00:00:00Z.
    pub const MIN: Self = Self(NonZeroU64::MIN);
    /// The last instant: 9999-12-31T23:59:59.999999Z.
    pub const MAX: Self = Self(NonZeroU64::MIN.saturating_add(253_402_300_799_999_999));

    /// The instant that many microseconds after 1970-01-01T00:00:00Z.
    ///
    /// # Errors
    /// [`TimeError::OutOfRange`] outside the years 1970 to 9999.
    pub const fn from_unix_micros(micros: i64) -> Result<Self, TimeError> {
        if micros < Self::MIN.unix_micros() || Self::MAX.unix_micros() < micros {
            Err(TimeError::OutOfRange)
        } else {
            Ok(Self::clamped(micros))
        }
    }

    /// Microseconds since 1970-01-01T00:00:00Z; from 0 to 253 402 300 799 999 999.
    #[must_use]
    pub const fn unix_micros(self) -> i64 {
        // At most MAX: no bit is lost.
        #[allow(clippy::cast_possible_wrap)]
        {
            self.0.get().wrapping_sub(1) as i64
        }
    }

    /// The instant one interval later, at most [`Timestamp::MAX`].
    ///
    /// A deadline past the year 9999 is cut there: it never wraps and never panics (E8).
    #[must_use]
    pub const fn plus(self, interval: Interval) -> Self {
        self.shifted(interval.micros())
    }

    /// The instant one interval earlier, at least [`Timestamp::MIN`].
    #[must_use]
    pub const fn minus(self, interval: Interval) -> Self {
        self.shifted(interval.micros().saturating_neg())
    }

    /// The instant one interval earlier, if there is one.
    pub(crate) fn checked_minus(self, interval: Interval) -> Option<Self> {
        Self::from_unix_micros(self.unix_micros().saturating_sub(interval.micros())).ok()
    }

    /// The time from `earlier` to this instant; zero if `earlier` is later.
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        let micros = self.unix_micros().saturating_sub(earlier.unix_micros());
        Duration::from_micros(if micros < 0 { 0 } else { micros.unsigned_abs() })
    }

    /// This instant, moved by some microseconds and kept within the range.
    const fn shifted(self, micros: i64) -> Self {
        Self::clamped(self.unix_micros().saturating_add(micros))
    }

    /// The instant nearest to `micros` in the range.
    pub(crate) const fn clamped(micros: i64) -> Self {
        if micros < Self::MIN.unix_micros() {
            Self::MIN
        } else if Self::MAX.unix_micros() < micros {
            Self::MAX
        } else {
            Self(NonZeroU64::MIN.saturating_add(micros.unsigned_abs()))
        }
    }

    /// This instant as a [`chrono::DateTime`].
    #[must_use]
    pub fn to_datetime(self) -> DateTime<Utc> {
        DateTime::from_timestamp_micros(self.unix_micros()).unwrap_or(DateTime::UNIX_EPOCH)
    }
}

impl TryFrom<DateTime<Utc>> for Timestamp {
    type Error = TimeError;

    /// Cuts off what is finer than a microsecond (S5).
    fn try_from(at: DateTime<Utc>) -> Result<Self, TimeError> {
        Self::from_unix_micros(at.timestamp_micros())
    }
}

impl From<Timestamp> for DateTime<Utc> {
    fn from(at: Timestamp) -> Self {
        at.to_datetime()
    }
}

impl fmt::Display for Timestamp {
    /// RFC 3339 in UTC with six decimals.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_datetime().to_rfc3339_opts(SecondsFormat::Micros, true))
    }
}

impl fmt::Debug for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A window of 1 to 2³²−1 whole seconds: at most 136 years (E8).
///
/// ```
/// use inquiry_otl::{Interval, TimeError};
///
/// assert_eq!(Interval::from_hours(24)?, Interval::from_seconds(86_400)?);
/// assert_eq!(Interval::from_seconds(0), Err(TimeError::EmptyInterval));
/// assert_eq!(Interval::from_seconds(i64::MAX), Err(TimeError::IntervalTooLong));
/// # Ok::<(), TimeError>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Interval(u32);

impl Interval {
    pub(crate) const SECOND: Self = Self(1);
    pub(crate) const MINUTE: Self = Self(60);
    pub(crate) const HOUR: Self = Self(3_600);
    pub(crate) const DAY: Self = Self(86_400);

    /// An interval of that many seconds.
    ///
    /// # Errors
    /// [`TimeError::EmptyInterval`] below 1, [`TimeError::IntervalTooLong`] above 2³²−1.
    pub const fn from_seconds(seconds: i64) -> Result<Self, TimeError> {
        if seconds < 1 {
            Err(TimeError::EmptyInterval)
        } else if (u32::MAX as i64) < seconds {
            Err(TimeError::IntervalTooLong)
        } else {
            // Checked above: between 1 and 2³²−1.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            Ok(Self(seconds as u32))
        }
    }

    /// An interval of that many minutes.
    ///
    /// # Errors
    /// As [`Interval::from_seconds`].
    pub const fn from_minutes(minutes: i64) -> Result<Self, TimeError> {
        Self::from_seconds(minutes.saturating_mul(60))
    }

    /// An interval of that many hours.
    ///
    /// # Errors
    /// As [`Interval::from_seconds`].
    pub const fn from_hours(hours: i64) -> Result<Self, TimeError> {
        Self::from_seconds(hours.saturating_mul(3_600))
    }

    /// An interval of that many days of 86 400 seconds.
    ///
    /// # Errors
    /// As [`Interval::from_seconds`].
    pub const fn from_days(days: i64) -> Result<Self, TimeError> {
        Self::from_seconds(days.saturating_mul(86_400))
    }

    /// Whole seconds, from 1 to 2³²−1.
    #[must_use]
    pub const fn seconds(self) -> u32 {
        self.0
    }

    /// This interval some times over, at most 2³²−1 seconds.
    pub(crate) const fn times(self, n: u32) -> Self {
        Self(self.0.saturating_mul(if n == 0 { 1 } else { n }))
    }

    /// Microseconds; at most 4 294 967 295 000 000.
    #[must_use]
    pub const fn micros(self) -> i64 {
        // `i64::from` is not `const`; widening loses nothing, and 2³² · 10⁶ < 2⁶³.
        #[allow(clippy::cast_lossless)]
        (self.0 as i64).saturating_mul(1_000_000)
    }
}

impl TryFrom<Duration> for Interval {
    type Error = TimeError;

    /// Takes whole seconds only.
    fn try_from(duration: Duration) -> Result<Self, TimeError> {
        if duration.subsec_nanos() != 0 {
            return Err(TimeError::FractionalInterval);
        }
        Self::from_seconds(i64::try_from(duration.as_secs()).map_err(|_| TimeError::IntervalTooLong)?)
    }
}

impl From<Interval> for Duration {
    fn from(interval: Interval) -> Self {
        Self::from_secs(u64::from(interval.0))
    }
}

impl fmt::Display for Interval {
    /// The number of seconds and an `s`, as in `86400s`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}s", self.0)
    }
}

impl fmt::Debug for Interval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Why an instant or an interval was refused (E8).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum TimeError {
    /// The instant lies outside the years 1970 to 9999.
    #[error("the instant lies outside the years 1970 to 9999")]
    OutOfRange,
    /// The interval is shorter than a second.
    #[error("an interval is at least 1 second")]
    EmptyInterval,
    /// The interval is longer than 2³²−1 seconds.
    #[error("an interval is at most 4294967295 seconds")]
    IntervalTooLong,
    /// The interval is not a whole number of seconds.
    #[error("an interval is a whole number of seconds")]
    FractionalInterval,
}

#[cfg(feature = "serde")]
mod wire {
    use chrono::{DateTime, Utc};
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    use super::{Interval, Timestamp};

    impl Serialize for Timestamp {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.collect_str(self)
        }
    }

    impl<'de> Deserialize<'de> for Timestamp {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            Self::try_from(DateTime::<Utc>::deserialize(deserializer)?).map_err(D::Error::custom)
        }
    }

    impl Serialize for Interval {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            serializer.serialize_u32(self.0)
        }
    }

    impl<'de> Deserialize<'de> for Interval {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            Self::from_seconds(i64::deserialize(deserializer)?).map_err(D::Error::custom)
        }
    }
}
