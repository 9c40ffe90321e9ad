//! Numbers and intervals, as forms send them: what is wrong is said in words.

use std::{collections::BTreeMap, num::NonZeroU32};

use inquiry_otl::{Interval, TimeError};

/// What is wrong, by the name of the field.
pub(crate) type Errors = BTreeMap<&'static str, String>;

/// The units of intervals, as forms offer them.
pub(crate) const UNITS: [(&str, i64); 4] =
    [("seconds", 1), ("minutes", 60), ("hours", 3600), ("days", 86_400)];

/// So many of that unit.
pub(crate) fn duration(amount: &str, unit: &str) -> Result<Interval, String> {
    let amount: i64 = amount.trim().parse().map_err(|_| "Give a whole number, as in 90.".to_owned())?;
    let (_, seconds) = UNITS
        .into_iter()
        .find(|(name, _)| *name == unit)
        .ok_or_else(|| "Choose seconds, minutes, hours or days.".to_owned())?;
    let seconds = amount.checked_mul(seconds).ok_or_else(too_long)?;
    Interval::from_seconds(seconds).map_err(|error| match error {
        TimeError::IntervalTooLong => too_long(),
        _ => "Give at least 1.".to_owned(),
    })
}

fn too_long() -> String {
    "That is too long: about 136 years is the most.".to_owned()
}

/// A number from 1.
pub(crate) fn count(text: &str) -> Result<NonZeroU32, String> {
    text.trim().parse().map_err(|_| "Give a whole number from 1, as in 25.".to_owned())
}
