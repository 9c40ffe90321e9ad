//! When something that could not be sent is tried again.

use inquiry_otl::{Interval, Timestamp};

/// Seconds from each attempt to the next: 8 attempts within some 31 hours.
const PAUSES: [i64; 7] = [5, 30, 120, 600, 3_600, 21_600, 86_400];

/// When the attempt after the `attempts`th, counted from 1, is due.
pub(crate) fn next(attempts: u32, now: Timestamp) -> Timestamp {
    let index = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let seconds = PAUSES.get(index).or(PAUSES.last()).copied().unwrap_or_default();
    later(now, seconds)
}

/// Whether nothing follows the `attempts`th attempt.
pub(crate) fn is_last(attempts: u32) -> bool {
    usize::try_from(attempts).is_ok_and(|attempts| PAUSES.len() < attempts)
}

/// So many seconds later.
pub(crate) fn later(now: Timestamp, seconds: i64) -> Timestamp {
    Interval::from_seconds(seconds).map_or(now, |interval| now.plus(interval))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The pauses grow up to a day, and then it is over.
    #[test]
    fn eight_attempts_in_growing_pauses() {
        let now = Timestamp::from_unix_micros(1_700_000_000_000_000).unwrap();
        let pauses: Vec<_> = (1..=7).map(|attempts| next(attempts, now).since(now).as_secs()).collect();
        assert_eq!(pauses, [5, 30, 120, 600, 3_600, 21_600, 86_400]);
        assert_eq!((1..=9).filter(|attempts| !is_last(*attempts)).max(), Some(7));
        // Whoever is asked to send it again after that waits no longer than a day for an answer.
        assert_eq!(next(9, now).since(now).as_secs(), 86_400);
    }
}
