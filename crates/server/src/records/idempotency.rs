//! What was done over the API under which `Idempotency-Key`, and by which form of the dashboard: digests and ids, for a day (L3).

use inquiry_otl::{Digest, StoreError, Timestamp};
use inquiry_otl_axum::api::{Begun, IdempotencyKey, IdempotencyRecords, Made};
use rusqlite::{OptionalExtension as _, Transaction, params};

use super::{Records, from_json, from_micros, to_json};

/// How many keys are kept: some 200 MB.
const MOST: i64 = 1_000_000;
/// How many that lapsed a call removes: more than it adds.
const PURGE: u32 = 8;

pub(super) const TABLES: &str = "
    CREATE TABLE idempotency (
        key BLOB PRIMARY KEY,
        request BLOB NOT NULL,
        -- JSON of the ids of what was made; none as long as nobody has noted it.
        made TEXT,
        until INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX idempotency_lapses ON idempotency (until);
    -- How many there are: counting them anew would take longer the more there are.
    CREATE TABLE idempotency_count (count INTEGER NOT NULL) STRICT;
    INSERT INTO idempotency_count VALUES (0);
    CREATE TRIGGER idempotency_added AFTER INSERT ON idempotency
        BEGIN UPDATE idempotency_count SET count = count + 1; END;
    CREATE TRIGGER idempotency_removed AFTER DELETE ON idempotency
        BEGIN UPDATE idempotency_count SET count = count - 1; END;";

impl IdempotencyRecords for Records {
    async fn begin(
        &self,
        key: IdempotencyKey,
        request: Digest,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Begun, StoreError> {
        Ok(self.write(move |to| begin(to, key, &request, now, until)).await?)
    }

    async fn finish(&self, key: IdempotencyKey, made: Made, until: Timestamp) -> Result<(), StoreError> {
        let finish = move |to: &Transaction<'_>| {
            to.prepare_cached("UPDATE idempotency SET made = ?2, until = ?3 WHERE key = ?1")?
                .execute(params![key.as_bytes(), to_json(&made)?, until.unix_micros()])
                .map(drop)
        };
        Ok(self.write(finish).await?)
    }

    async fn forget(&self, key: IdempotencyKey) -> Result<(), StoreError> {
        let forget = move |to: &Transaction<'_>| {
            to.prepare_cached("DELETE FROM idempotency WHERE key = ?1")?.execute([key.as_bytes()]).map(drop)
        };
        Ok(self.write(forget).await?)
    }
}

/// One step: there is one thread that writes, and one writer in the file.
fn begin(
    to: &Transaction<'_>,
    key: IdempotencyKey,
    request: &Digest,
    now: Timestamp,
    until: Timestamp,
) -> rusqlite::Result<Begun> {
    let now = now.unix_micros();
    to.prepare_cached("DELETE FROM idempotency WHERE key = ?1 AND until <= ?2")?
        .execute(params![key.as_bytes(), now])?;
    purge(to, now)?;
    let known: Option<(bool, Option<String>, i64)> = to
        .prepare_cached("SELECT request = ?2, made, until FROM idempotency WHERE key = ?1")?
        .query_row(params![key.as_bytes(), request.as_bytes()], |row| {
            Ok((row.get(0)?, row.get(1)?, row.get(2)?))
        })
        .optional()?;
    match known {
        Some((false, ..)) => return Ok(Begun::Other),
        Some((true, None, until)) => return Ok(Begun::UnderWay { until: from_micros(until)? }),
        Some((true, Some(made), _)) => return Ok(Begun::Done(from_json(&made)?)),
        None => {}
    }
    let count: i64 =
        to.prepare_cached("SELECT count FROM idempotency_count")?.query_row([], |row| row.get(0))?;
    if MOST <= count {
        return Ok(Begun::Full);
    }
    to.prepare_cached("INSERT INTO idempotency (key, request, until) VALUES (?1, ?2, ?3)")?
        .execute(params![key.as_bytes(), request.as_bytes(), until.unix_micros()])?;
    Ok(Begun::First)
}

/// Removes some that lapsed.
pub(super) fn purge(to: &Transaction<'_>, now: i64) -> rusqlite::Result<usize> {
    to.prepare_cached(
        "DELETE FROM idempotency
         WHERE key IN (SELECT key FROM idempotency WHERE until <= ?1 ORDER BY until LIMIT ?2)",
    )?
    .execute(params![now, PURGE])
}

#[cfg(test)]
mod tests;
