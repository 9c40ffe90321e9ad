//! The tables, and how they came to be: one step for each version.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

use crate::{error::OpenError, sql::prefixed};

/// What each version adds, in order; the number of a version is its place, from 1. A step never changes.
const STEPS: [&str; 2] = [FIRST, DIRECTORY];

/// The version that this library reads and writes.
const CURRENT: u32 = 2;

/// Brings the tables up to the version of this library: one transaction, harmless to repeat, also by two at once.
pub(crate) fn migrate(connection: &mut Connection, prefix: &str) -> Result<(), OpenError> {
    if version(connection, prefix)? == Some(CURRENT) {
        return Ok(());
    }
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    // Again, now that nobody else can be at it.
    let found = version(&transaction, prefix)?.unwrap_or_default();
    if CURRENT < found {
        return Err(OpenError::Newer { found, known: CURRENT });
    }
    for step in STEPS.iter().skip(found as usize) {
        transaction.execute_batch(&prefixed(step, prefix))?;
    }
    transaction.execute(&prefixed("UPDATE otl_schema SET version = ?1", prefix), [CURRENT])?;
    transaction.commit()?;
    Ok(())
}

/// Whether the tables are of the version of this library.
pub(crate) fn check(connection: &Connection, prefix: &str) -> Result<(), OpenError> {
    match version(connection, prefix)?.unwrap_or_default() {
        CURRENT => Ok(()),
        found if found < CURRENT => Err(OpenError::Older { found, needed: CURRENT }),
        found => Err(OpenError::Newer { found, known: CURRENT }),
    }
}

fn version(connection: &Connection, prefix: &str) -> Result<Option<u32>, OpenError> {
    let table = prefixed("otl_schema", prefix);
    // A question to the file: what the connection remembers of its tables may be older than the transaction.
    let is_there = "SELECT count(*) FROM sqlite_schema WHERE type = 'table' AND name = ?1";
    if connection.query_row(is_there, [&table], |row| row.get::<_, u32>(0))? == 0 {
        return Ok(None);
    }
    Ok(connection.query_row(&format!("SELECT version FROM {table}"), [], |row| row.get(0)).optional()?)
}

/// Instants are microseconds since 1970. Ids that the library makes are 16 bytes, digests 32.
///
/// `otl_endings.kind` is 0 for an epoch, 1 and 2 for the generations of links that resume and that hand off. `links`
/// counts the kept links that carry it, as `epoch_links`, `resume_links` and `handoff_links` do for what has not
/// ended: so a purge knows what nobody can ask for any more without looking for it.
///
/// Links lie in the order in which they came, so that those that are made, or used, at about the same time share pages;
/// what finds one at random is small.
///
/// Indexes hold nothing that a redemption changes, and a session that a link started comes into that of the purge with
/// the end of this link: before, it cannot be removed.
const FIRST: &str = "
CREATE TABLE otl_schema (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    version INTEGER NOT NULL CHECK (version >= 1)
) STRICT;
INSERT INTO otl_schema (one, version) VALUES (1, 1);

CREATE TABLE otl_inquiries (
    tenant TEXT NOT NULL,
    id TEXT NOT NULL,
    template TEXT NOT NULL,
    reference TEXT,
    status TEXT NOT NULL,
    policy TEXT NOT NULL,
    expires_at INTEGER NOT NULL CHECK (expires_at >= 0),
    created_at INTEGER NOT NULL CHECK (created_at >= 0),
    started_at INTEGER,
    resumed_at INTEGER,
    completed_at INTEGER,
    failed_at INTEGER,
    expired_at INTEGER,
    marked_for_review_at INTEGER,
    decisioned_at INTEGER,
    redacted_at INTEGER,
    version INTEGER NOT NULL,
    epoch INTEGER NOT NULL CHECK (epoch >= 0),
    resume_generation INTEGER NOT NULL CHECK (resume_generation BETWEEN 0 AND 4294967295),
    resume_has_links INTEGER NOT NULL CHECK (resume_has_links IN (0, 1)),
    handoff_generation INTEGER NOT NULL CHECK (handoff_generation BETWEEN 0 AND 4294967295),
    handoff_has_links INTEGER NOT NULL CHECK (handoff_has_links IN (0, 1)),
    sessions_started INTEGER NOT NULL CHECK (sessions_started BETWEEN 0 AND 4294967295),
    last_sequence INTEGER NOT NULL,
    epoch_links INTEGER NOT NULL,
    resume_links INTEGER NOT NULL,
    handoff_links INTEGER NOT NULL,
    ended_at INTEGER,
    purge_from INTEGER CHECK (purge_from IS NULL OR ended_at IS NOT NULL),
    PRIMARY KEY (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX otl_inquiries_to_sweep ON otl_inquiries (expires_at) WHERE status IN ('created', 'pending');
CREATE INDEX otl_inquiries_to_purge ON otl_inquiries (purge_from) WHERE purge_from IS NOT NULL;

CREATE TABLE otl_endings (
    tenant TEXT NOT NULL,
    inquiry TEXT NOT NULL,
    kind INTEGER NOT NULL CHECK (kind BETWEEN 0 AND 2),
    number INTEGER NOT NULL CHECK (number >= 0),
    why TEXT NOT NULL,
    successor BLOB CHECK (length(successor) = 16),
    at INTEGER NOT NULL CHECK (at >= 0),
    sequence INTEGER NOT NULL,
    links INTEGER NOT NULL,
    PRIMARY KEY (tenant, inquiry, kind, number),
    FOREIGN KEY (tenant, inquiry) REFERENCES otl_inquiries (tenant, id),
    CHECK ((kind >= 1 AND why = 'superseded') = (successor IS NOT NULL))
) STRICT, WITHOUT ROWID;

CREATE TABLE otl_links (
    digest BLOB NOT NULL PRIMARY KEY CHECK (length(digest) = 32),
    tenant TEXT NOT NULL,
    inquiry TEXT NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    purpose TEXT NOT NULL CHECK (purpose IN ('resume', 'device-handoff')),
    parent BLOB CHECK (length(parent) = 16),
    creator TEXT,
    key_id INTEGER CHECK (key_id BETWEEN 1 AND 31),
    nonce BLOB CHECK (length(nonce) = 16),
    epoch INTEGER NOT NULL CHECK (epoch >= 0),
    generation INTEGER NOT NULL CHECK (generation BETWEEN 0 AND 4294967295),
    created_at INTEGER NOT NULL CHECK (created_at >= 0),
    expires_at INTEGER NOT NULL CHECK (expires_at >= 0),
    purge_from INTEGER NOT NULL,
    revoked_at INTEGER,
    state TEXT NOT NULL CHECK (state IN ('unused', 'claimed', 'used')),
    claim BLOB CHECK (length(claim) = 32),
    lease_until INTEGER,
    attempt BLOB CHECK (length(attempt) = 32),
    binding BLOB CHECK (length(binding) = 32),
    used_at INTEGER,
    session BLOB CHECK (length(session) = 16),
    replays INTEGER CHECK (replays BETWEEN 0 AND 4294967295),
    grace_until INTEGER,
    grace_replays INTEGER CHECK (grace_replays BETWEEN 0 AND 4294967295),
    grace_clients TEXT CHECK (grace_clients IN ('any', 'same')),
    FOREIGN KEY (tenant, inquiry) REFERENCES otl_inquiries (tenant, id),
    CHECK ((key_id IS NULL) = (nonce IS NULL)),
    CHECK (CASE state
        WHEN 'unused' THEN coalesce(claim, attempt, binding, lease_until, used_at, session, replays) IS NULL
        WHEN 'claimed' THEN claim IS NOT NULL AND lease_until IS NOT NULL
            AND coalesce(used_at, session, replays) IS NULL
        ELSE used_at IS NOT NULL AND session IS NOT NULL AND replays IS NOT NULL AND lease_until IS NULL
    END),
    CHECK ((grace_until IS NULL) = (grace_replays IS NULL) AND (grace_until IS NULL) = (grace_clients IS NULL)),
    CHECK (grace_until IS NULL OR state = 'used')
) STRICT;
CREATE UNIQUE INDEX otl_links_by_id ON otl_links (tenant, inquiry, id);
CREATE INDEX otl_links_by_parent ON otl_links (tenant, inquiry, parent, purge_from) WHERE parent IS NOT NULL;
CREATE INDEX otl_links_to_purge ON otl_links (purge_from);

CREATE TABLE otl_sessions (
    tenant TEXT NOT NULL,
    inquiry TEXT NOT NULL,
    id BLOB NOT NULL CHECK (length(id) = 16),
    link BLOB CHECK (length(link) = 16),
    epoch INTEGER NOT NULL CHECK (epoch >= 0),
    started_at INTEGER NOT NULL CHECK (started_at >= 0),
    expires_at INTEGER NOT NULL CHECK (expires_at >= 0),
    purge_from INTEGER CHECK (purge_from IS NOT NULL OR link IS NOT NULL),
    revoked_at INTEGER,
    tokens BLOB NOT NULL CHECK (length(tokens) IN (32, 64, 96, 128)),
    PRIMARY KEY (tenant, inquiry, id),
    FOREIGN KEY (tenant, inquiry) REFERENCES otl_inquiries (tenant, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX otl_sessions_to_purge ON otl_sessions (purge_from) WHERE purge_from IS NOT NULL;

CREATE TABLE otl_outbox (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    id BLOB NOT NULL CHECK (length(id) = 16),
    tenant TEXT NOT NULL,
    inquiry TEXT NOT NULL,
    sequence INTEGER NOT NULL,
    at INTEGER NOT NULL CHECK (at >= 0),
    name TEXT NOT NULL,
    word TEXT,
    link BLOB CHECK (length(link) = 16),
    session BLOB CHECK (length(session) = 16),
    instant INTEGER,
    number INTEGER
) STRICT;
CREATE INDEX otl_outbox_by_inquiry ON otl_outbox (tenant, inquiry);
";

/// What lists of inquiries are read from, in their order. The deadline stands in two of them, so that what is expired by
/// now is told from what is not without a look at the inquiry. None names a column that a redemption changes.
const DIRECTORY: &str = "
CREATE INDEX otl_inquiries_by_status ON otl_inquiries (tenant, status, created_at, id, expires_at);
CREATE INDEX otl_inquiries_by_template
    ON otl_inquiries (tenant, template, status, created_at, id, expires_at);
CREATE INDEX otl_inquiries_by_reference
    ON otl_inquiries (tenant, reference, created_at, id) WHERE reference IS NOT NULL;
";
