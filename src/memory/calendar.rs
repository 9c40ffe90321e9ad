//! When to look at a record again: an hour is a page, and turning to a page costs what is on it.

use std::collections::BTreeMap;

use super::NOWHERE;
use crate::time::{Interval, Timestamp};

/// Places of records by the hour at which they may be removed (S3).
///
/// Filing costs the same however many records there are; what is due is found without looking at what is
/// not. A record may come up to an hour late, never early. A page is a chain through the records themselves: each keeps
/// the place of the next one.
#[derive(Debug, Default)]
pub(super) struct Calendar {
    pages: BTreeMap<i64, u32>,
}

impl Calendar {
    /// Files a place under the first full hour at or after `at`, and gives the place that its record is to keep.
    #[must_use]
    pub(super) fn file(&mut self, place: u32, at: Timestamp) -> u32 {
        let hour = Interval::HOUR.micros();
        let page = at.unix_micros().saturating_add(hour.saturating_sub(1)).div_euclid(hour);
        self.pages.insert(page, place).unwrap_or(NOWHERE)
    }

    /// Takes a place off a page whose hour has come by `now`; `next` tells which one its record keeps.
    pub(super) fn take_due(&mut self, now: Timestamp, next: impl FnOnce(u32) -> u32) -> Option<u32> {
        let mut page = self.pages.first_entry()?;
        if now.unix_micros() < page.key().saturating_mul(Interval::HOUR.micros()) {
            return None;
        }
        let place = *page.get();
        match next(place) {
            NOWHERE => drop(page.remove()),
            next => *page.get_mut() = next,
        }
        Some(place)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S3: a record that may go at a full hour goes at that hour; one that may go later, at the next one.
    #[test]
    fn a_page_is_turned_at_its_hour() {
        let at = |micros| Timestamp::clamped(micros);
        let hour = Interval::HOUR.micros();
        for (due, page) in [(hour, hour), (hour.saturating_add(1), hour.saturating_mul(2))] {
            let mut calendar = Calendar::default();
            assert_eq!(calendar.file(7, at(due)), NOWHERE);
            assert_eq!(calendar.take_due(at(page.saturating_sub(1)), |_| NOWHERE), None);
            assert_eq!(calendar.take_due(at(page), |_| NOWHERE), Some(7));
            assert_eq!(calendar.take_due(at(page), |_| NOWHERE), None);
        }
    }
}
