//! When to look at a record again: an hour is a page, and turning to a page costs what is on it.

use std::collections::BTreeMap;

use crate::time::{Interval, Timestamp};

/// Places of records by the hour at which they may be removed (S3).
///
/// Filing costs the same however many records there are; what is due is found without looking at what is
/// not. A record may come up to an hour late, never early.
#[derive(Debug, Default)]
pub(super) struct Calendar {
    pages: BTreeMap<i64, Vec<u32>>,
}

impl Calendar {
    /// Files a place under the first full hour at or after `at`.
    pub(super) fn file(&mut self, place: u32, at: Timestamp) {
        let hour = Interval::HOUR.micros();
        let page = at.unix_micros().saturating_add(hour.saturating_sub(1)).div_euclid(hour);
        self.pages.entry(page).or_default().push(place);
    }

    /// Takes a place off a page whose hour has come by `now`.
    pub(super) fn take_due(&mut self, now: Timestamp) -> Option<u32> {
        let mut page = self.pages.first_entry()?;
        if now.unix_micros() < page.key().saturating_mul(Interval::HOUR.micros()) {
            return None;
        }
        let place = page.get_mut().pop();
        if page.get().is_empty() {
            page.remove();
        }
        place
    }
}
