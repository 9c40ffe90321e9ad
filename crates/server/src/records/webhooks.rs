//! Where events are sent, and how that went. Secrets are derived, and not here.

use inquiry_otl::Timestamp;
use rusqlite::{Connection, OptionalExtension as _, Row, Transaction, params};

use super::{from_json, from_micros, to_json};
use crate::schedule;

pub(super) const TABLES: &str = "
    CREATE TABLE endpoints (
        id TEXT PRIMARY KEY,
        url TEXT NOT NULL,
        -- JSON of the names of the events that are wanted; none: all, also those of a later version.
        names TEXT,
        created_at INTEGER NOT NULL,
        disabled_at INTEGER,
        -- Why, if nobody in the dashboard disabled it.
        disabled_why TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE deliveries (
        number INTEGER PRIMARY KEY,
        endpoint TEXT NOT NULL REFERENCES endpoints ON DELETE CASCADE,
        -- The id of the event, by which a receiver drops a repeat.
        message TEXT NOT NULL,
        name TEXT NOT NULL,
        body TEXT NOT NULL,
        created_at INTEGER NOT NULL,
        attempts INTEGER NOT NULL DEFAULT 0,
        -- When it is tried again; none once it is over.
        next_at INTEGER,
        delivered_at INTEGER,
        -- What the last attempt came to.
        status INTEGER,
        fault TEXT,
        UNIQUE (endpoint, message)
    ) STRICT;
    CREATE INDEX deliveries_due ON deliveries (endpoint, next_at) WHERE next_at IS NOT NULL;
    CREATE INDEX deliveries_newest ON deliveries (endpoint, number);
    CREATE INDEX deliveries_by_age ON deliveries (created_at);";

/// Where events are sent.
#[derive(Clone, Debug)]
pub(crate) struct Endpoint {
    pub(crate) id: String,
    pub(crate) url: String,
    /// The names of the events that are wanted; none: all.
    pub(crate) names: Option<Vec<String>>,
    pub(crate) created_at: Timestamp,
    pub(crate) disabled_at: Option<Timestamp>,
    pub(crate) disabled_why: Option<String>,
}

/// An event on its way to an endpoint.
#[derive(Clone, Debug)]
pub(crate) struct Delivery {
    pub(crate) number: i64,
    pub(crate) endpoint: String,
    pub(crate) message: String,
    pub(crate) name: String,
    pub(crate) body: String,
    pub(crate) created_at: Timestamp,
    pub(crate) attempts: u32,
    pub(crate) next_at: Option<Timestamp>,
    pub(crate) delivered_at: Option<Timestamp>,
    pub(crate) status: Option<u16>,
    pub(crate) fault: Option<String>,
}

/// What an attempt came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Attempted {
    /// The receiver has it.
    Delivered(u16),
    /// The receiver wants no more of any: 410.
    Gone,
    /// Once more later, unless it was the last attempt.
    Failed { status: Option<u16>, fault: &'static str },
}

/// Adds an endpoint.
pub(crate) fn add(to: &Transaction<'_>, endpoint: &Endpoint) -> rusqlite::Result<()> {
    let names = endpoint.names.as_ref().map(to_json).transpose()?;
    to.prepare_cached("INSERT INTO endpoints (id, url, names, created_at) VALUES (?1, ?2, ?3, ?4)")?
        .execute(params![endpoint.id, endpoint.url, names, endpoint.created_at.unix_micros()])
        .map(drop)
}

/// Removes an endpoint, with what was to be sent there.
pub(crate) fn remove(to: &Transaction<'_>, id: &str) -> rusqlite::Result<()> {
    to.prepare_cached("DELETE FROM endpoints WHERE id = ?1")?.execute([id]).map(drop)
}

/// Sends nothing there, or goes on; what waits, waits.
pub(crate) fn disable(
    to: &Transaction<'_>,
    id: &str,
    at: Option<Timestamp>,
    why: Option<&str>,
) -> rusqlite::Result<()> {
    to.prepare_cached("UPDATE endpoints SET disabled_at = ?2, disabled_why = ?3 WHERE id = ?1")?
        .execute(params![id, at.map(Timestamp::unix_micros), why])
        .map(drop)
}

/// All endpoints, in the order in which they were added.
pub(crate) fn endpoints(of: &Connection) -> rusqlite::Result<Vec<Endpoint>> {
    of.prepare_cached(&format!("{ENDPOINT} ORDER BY id"))?.query_map([], endpoint)?.collect()
}

/// An endpoint.
pub(crate) fn find(of: &Connection, id: &str) -> rusqlite::Result<Option<Endpoint>> {
    of.prepare_cached(&format!("{ENDPOINT} WHERE id = ?1"))?.query_row([id], endpoint).optional()
}

/// The endpoints to which something is to be sent now.
pub(crate) fn due(of: &Connection, now: Timestamp) -> rusqlite::Result<Vec<Endpoint>> {
    of.prepare_cached(&format!(
        "{ENDPOINT} WHERE disabled_at IS NULL AND EXISTS (
            SELECT 1 FROM deliveries WHERE endpoint = endpoints.id AND next_at <= ?1)"
    ))?
    .query_map([now.unix_micros()], endpoint)?
    .collect()
}

/// Sends a message to an endpoint, unless that was done.
pub(crate) fn enqueue(
    to: &Transaction<'_>,
    endpoint: &str,
    (message, name): (&str, &str),
    body: &str,
    now: Timestamp,
) -> rusqlite::Result<()> {
    to.prepare_cached(
        "INSERT OR IGNORE INTO deliveries (endpoint, message, name, body, created_at, next_at)
         VALUES (?1, ?2, ?3, ?4, ?5, ?5)",
    )?
    .execute(params![endpoint, message, name, body, now.unix_micros()])
    .map(drop)
}

/// Takes what is due, oldest first, and notes an attempt at each before it is made: one that ends with the server, or cannot
/// be noted, is made again after a pause.
pub(crate) fn take(
    to: &Transaction<'_>,
    endpoint: &str,
    now: Timestamp,
    limit: u32,
) -> rusqlite::Result<Vec<Delivery>> {
    let due: Vec<Delivery> = to
        .prepare_cached(&format!(
            "{DELIVERY} WHERE endpoint = ?1 AND next_at <= ?2
             AND EXISTS (SELECT 1 FROM endpoints WHERE id = ?1 AND disabled_at IS NULL)
             ORDER BY next_at, number LIMIT ?3"
        ))?
        .query_map(params![endpoint, now.unix_micros(), limit], delivery)?
        .collect::<Result<_, _>>()?;
    let mut attempt =
        to.prepare_cached("UPDATE deliveries SET attempts = ?2, next_at = ?3 WHERE number = ?1")?;
    due.into_iter()
        .map(|mut delivery| {
            delivery.attempts = delivery.attempts.saturating_add(1);
            let next = schedule::next(delivery.attempts, now);
            attempt.execute(params![delivery.number, delivery.attempts, next.unix_micros()])?;
            Ok(delivery)
        })
        .collect()
}

/// Notes what an attempt came to, unless the delivery was removed meanwhile; then another one may have its number.
pub(crate) fn attempted(
    to: &Transaction<'_>,
    delivery: &Delivery,
    attempted: &Attempted,
    now: Timestamp,
) -> rusqlite::Result<()> {
    let now_micros = now.unix_micros();
    let (next_at, delivered_at, status, fault) = match attempted {
        Attempted::Delivered(status) => (None, Some(now_micros), Some(*status), None),
        Attempted::Gone => {
            disable(to, &delivery.endpoint, Some(now), Some("it answered 410: it wants no more events"))?;
            (None, None, Some(410), None)
        }
        Attempted::Failed { status, fault } => {
            let next = (!schedule::is_last(delivery.attempts))
                .then(|| schedule::next(delivery.attempts, now).unix_micros());
            (next, None, *status, Some(*fault))
        }
    };
    to.prepare_cached(
        "UPDATE deliveries SET next_at = ?3, delivered_at = ?4, status = ?5, fault = ?6
         WHERE endpoint = ?1 AND message = ?2",
    )?
    .execute(params![delivery.endpoint, delivery.message, next_at, delivered_at, status, fault])
    .map(drop)
}

/// Sends a delivery of an endpoint again, whatever came of it, and says whether there is one.
pub(crate) fn again(
    to: &Transaction<'_>,
    endpoint: &str,
    number: i64,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let changed = to
        .prepare_cached(
            "UPDATE deliveries SET next_at = ?3, delivered_at = NULL WHERE number = ?2 AND endpoint = ?1",
        )?
        .execute(params![endpoint, number, now.unix_micros()])?;
    Ok(changed == 1)
}

/// The newest deliveries to an endpoint, newest first; those before a number, if one is given.
pub(crate) fn deliveries(
    of: &Connection,
    endpoint: &str,
    before: Option<i64>,
    limit: u32,
) -> rusqlite::Result<Vec<Delivery>> {
    of.prepare_cached(&format!(
        "{DELIVERY} WHERE endpoint = ?1 AND number < ?2 ORDER BY number DESC LIMIT ?3"
    ))?
    .query_map(params![endpoint, before.unwrap_or(i64::MAX), limit], delivery)?
    .collect()
}

/// Removes some of the deliveries that were made before an instant, and says how many: what still waits by then belongs to
/// an endpoint that was disabled.
pub(crate) fn purge(to: &Transaction<'_>, before: Timestamp, limit: u32) -> rusqlite::Result<usize> {
    to.prepare_cached(
        "DELETE FROM deliveries WHERE number IN (SELECT number FROM deliveries WHERE created_at < ?1 LIMIT ?2)",
    )?
    .execute(params![before.unix_micros(), limit])
}

const ENDPOINT: &str = "SELECT id, url, names, created_at, disabled_at, disabled_why FROM endpoints";
const DELIVERY: &str =
    "SELECT number, endpoint, message, name, body, created_at, attempts, next_at, delivered_at,
                        status, fault FROM deliveries";

fn endpoint(row: &Row<'_>) -> rusqlite::Result<Endpoint> {
    let names: Option<String> = row.get(2)?;
    Ok(Endpoint {
        id: row.get(0)?,
        url: row.get(1)?,
        names: names.map(|names| from_json(&names)).transpose()?,
        created_at: from_micros(row.get(3)?)?,
        disabled_at: row.get::<_, Option<i64>>(4)?.map(from_micros).transpose()?,
        disabled_why: row.get(5)?,
    })
}

fn delivery(row: &Row<'_>) -> rusqlite::Result<Delivery> {
    Ok(Delivery {
        number: row.get(0)?,
        endpoint: row.get(1)?,
        message: row.get(2)?,
        name: row.get(3)?,
        body: row.get(4)?,
        created_at: from_micros(row.get(5)?)?,
        attempts: row.get(6)?,
        next_at: row.get::<_, Option<i64>>(7)?.map(from_micros).transpose()?,
        delivered_at: row.get::<_, Option<i64>>(8)?.map(from_micros).transpose()?,
        status: row.get(9)?,
        fault: row.get(10)?,
    })
}
