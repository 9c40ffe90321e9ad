//! How much happened in each hour: added up as it happens, so that nobody counts a million events.

use inquiry_otl::{Event, EventKind, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

pub(super) const TABLES: &str = "
    CREATE TABLE figures (
        -- Hours since 1970.
        hour INTEGER NOT NULL,
        name TEXT NOT NULL,
        -- Why, or how many seconds at least; empty where there is nothing to say.
        label TEXT NOT NULL,
        count INTEGER NOT NULL,
        PRIMARY KEY (hour, name, label)
    ) STRICT, WITHOUT ROWID;";

/// Looks at links that would open.
pub(crate) const LOOKED: &str = "peeked";
/// Looks at links that would not, by reason.
pub(crate) const IN_VAIN: &str = "peeked-in-vain";
/// Attempts that were refused, by reason.
pub(crate) const REFUSED: &str = "refused";

/// How many microseconds an hour has.
pub(crate) const HOUR: i64 = 3_600_000_000;

/// The hour of an instant.
pub(crate) const fn hour(at: Timestamp) -> i64 {
    at.unix_micros().div_euclid(HOUR)
}

/// Counts an event that is new in the records.
pub(crate) fn count(to: &Transaction<'_>, event: &Event) -> rusqlite::Result<()> {
    let Some(name) = event.kind.name().strip_prefix("one-time-link.") else {
        return Ok(());
    };
    add(to, hour(event.at), name, "", 1)?;
    let EventKind::LinkRedeemed { link, .. } = event.kind else {
        return Ok(());
    };
    let created: Option<i64> = to
        .prepare_cached("SELECT at FROM events WHERE link = ?1")?
        .query_row(params![link.to_string()], |row| row.get(0))
        .optional()?;
    match created {
        None => Ok(()),
        Some(created) => {
            let seconds = event.at.unix_micros().saturating_sub(created).div_euclid(1_000_000);
            let about = about(u64::try_from(seconds).unwrap_or(0));
            add(to, hour(event.at), "seconds", &about.to_string(), 1)
        }
    }
}

/// Adds to a figure.
pub(crate) fn add(
    to: &Transaction<'_>,
    hour: i64,
    name: &str,
    label: &str,
    count: u64,
) -> rusqlite::Result<()> {
    to.prepare_cached(
        "INSERT INTO figures (hour, name, label, count) VALUES (?1, ?2, ?3, ?4)
         ON CONFLICT DO UPDATE SET count = count + excluded.count",
    )?
    .execute(params![hour, name, label, i64::try_from(count).unwrap_or(i64::MAX)])
    .map(drop)
}

/// A figure of some hours.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Figure {
    /// Which of these spans of hours, since 1970.
    pub(crate) step: i64,
    pub(crate) name: String,
    pub(crate) label: String,
    pub(crate) count: u64,
}

/// All figures from a step of so many hours on.
pub(crate) fn since(of: &Connection, step: i64, hours: i64) -> rusqlite::Result<Vec<Figure>> {
    let mut statement = of.prepare_cached(SINCE)?;
    let rows = statement.query_map(params![step.saturating_mul(hours), hours], |row| {
        let count: i64 = row.get(3)?;
        Ok(Figure {
            step: row.get(0)?,
            name: row.get(1)?,
            label: row.get(2)?,
            count: u64::try_from(count).unwrap_or(0),
        })
    })?;
    rows.collect()
}

/// Removes some of the figures of hours before that of an instant, and says how many.
pub(crate) fn purge(to: &Transaction<'_>, before: Timestamp, limit: u32) -> rusqlite::Result<usize> {
    to.prepare_cached(
        "DELETE FROM figures WHERE (hour, name, label) IN (
            SELECT hour, name, label FROM figures WHERE hour < ?1 LIMIT ?2)",
    )?
    .execute(params![hour(before), limit])
}

/// A range of the table; hours are positive, so that a quotient is cut downwards.
pub(super) const SINCE: &str = "
    SELECT hour / ?2, name, label, sum(count) FROM figures WHERE hour >= ?1 GROUP BY 1, 2, 3";

/// A number of seconds by its four leading bits, cut: so few of them are told apart, none more than an eighth too small.
pub(crate) const fn about(seconds: u64) -> u64 {
    match seconds.checked_ilog2() {
        Some(bits) if 3 < bits => {
            let cut = bits.saturating_sub(3);
            (seconds >> cut) << cut
        }
        _ => seconds,
    }
}

#[cfg(test)]
mod tests {
    use super::about;

    #[test]
    fn seconds_are_cut_to_within_an_eighth() {
        for seconds in (0..2_000).chain([86_400, 1_000_003, u64::MAX]) {
            let cut = about(seconds);
            assert!(cut <= seconds && seconds - cut <= cut / 8, "{seconds}: {cut}");
            assert_eq!(about(cut), cut);
        }
    }
}
