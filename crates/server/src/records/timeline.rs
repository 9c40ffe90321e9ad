//! What happened to each inquiry: the events that the store gave away.

use inquiry_otl::{Event, EventKind, InquiryId, LinkId, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

pub(super) const TABLES: &str = "
    CREATE TABLE events (
        inquiry TEXT NOT NULL,
        sequence INTEGER NOT NULL,
        id TEXT NOT NULL,
        at INTEGER NOT NULL,
        name TEXT NOT NULL,
        -- JSON of the event, without a code: events have none.
        event TEXT NOT NULL,
        -- The link that was created, if that is what happened.
        link TEXT,
        PRIMARY KEY (inquiry, sequence, id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX events_by_link ON events (link) WHERE link IS NOT NULL;
    CREATE INDEX events_by_time ON events (at);";

/// Adds an event, and says whether it was new: an event may be given away more than once.
pub(crate) fn add(to: &Transaction<'_>, event: &Event) -> rusqlite::Result<bool> {
    let (Some(inquiry), Some(sequence)) = (event.inquiry, event.sequence) else {
        return Ok(false);
    };
    let json = serde_json::to_string(event)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    let link = match event.kind {
        EventKind::LinkCreated { link, .. } => Some(link.to_string()),
        _ => None,
    };
    let added = to
        .prepare_cached(
            "INSERT OR IGNORE INTO events (inquiry, sequence, id, at, name, event, link)
             VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)",
        )?
        .execute(params![
            inquiry.as_str(),
            i64::try_from(sequence).unwrap_or(i64::MAX),
            event.id.to_string(),
            event.at.unix_micros(),
            event.kind.name(),
            json,
            link
        ])?;
    Ok(added == 1)
}

/// The newest events of an inquiry, newest first; those before a number, if one is given.
pub(crate) fn of(
    connection: &Connection,
    inquiry: InquiryId,
    before: Option<u64>,
    limit: u32,
) -> rusqlite::Result<Vec<Event>> {
    let before = before.map_or(i64::MAX, |before| i64::try_from(before).unwrap_or(i64::MAX));
    let mut statement = connection.prepare_cached(
        "SELECT event FROM events WHERE inquiry = ?1 AND sequence < ?2 ORDER BY sequence DESC, id DESC LIMIT ?3",
    )?;
    let rows = statement.query_map(params![inquiry.as_str(), before, limit], |row| {
        let json: String = row.get(0)?;
        serde_json::from_str(&json).map_err(|error| {
            rusqlite::Error::FromSqlConversionFailure(0, rusqlite::types::Type::Text, error.into())
        })
    })?;
    rows.collect()
}

/// The inquiry for which a link was created.
pub(crate) fn inquiry_of(connection: &Connection, link: LinkId) -> rusqlite::Result<Option<InquiryId>> {
    let found: Option<String> = connection
        .prepare_cached("SELECT inquiry FROM events WHERE link = ?1")?
        .query_row(params![link.to_string()], |row| row.get(0))
        .optional()?;
    Ok(found.and_then(|inquiry| InquiryId::new(&inquiry).ok()))
}

/// Removes some of the events from before an instant, and says how many.
pub(crate) fn purge(to: &Transaction<'_>, before: Timestamp, limit: u32) -> rusqlite::Result<usize> {
    to.prepare_cached(
        "DELETE FROM events WHERE (inquiry, sequence, id) IN (
            SELECT inquiry, sequence, id FROM events WHERE at < ?1 ORDER BY at LIMIT ?2)",
    )?
    .execute(params![before.unix_micros(), limit])
}
