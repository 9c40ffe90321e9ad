//! Who may use the dashboard and the API: tokens, kept as digests, and who is signed in.

use inquiry_otl::{Digest, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

pub(super) const TABLES: &str = "
    CREATE TABLE tokens (
        id INTEGER PRIMARY KEY,
        digest BLOB NOT NULL UNIQUE,
        name TEXT NOT NULL,
        -- Microseconds since 1970, as everywhere.
        created_at INTEGER NOT NULL,
        revoked_at INTEGER
    ) STRICT;
    -- A browser that is signed in: the digest of its cookie.
    CREATE TABLE sign_ins (
        digest BLOB PRIMARY KEY,
        token INTEGER NOT NULL REFERENCES tokens,
        expires_at INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX sign_ins_expire ON sign_ins (expires_at);";

/// Adds a token.
pub(crate) fn add(to: &Transaction<'_>, digest: &Digest, name: &str, now: Timestamp) -> rusqlite::Result<()> {
    to.prepare_cached("INSERT INTO tokens (digest, name, created_at) VALUES (?1, ?2, ?3)")?
        .execute(params![digest.as_bytes(), name, now.unix_micros()])
        .map(drop)
}

/// Whether there is any.
pub(crate) fn exist(of: &Connection) -> rusqlite::Result<bool> {
    of.query_row("SELECT EXISTS (SELECT 1 FROM tokens)", [], |row| row.get(0))
}

/// The number of a token that is good.
pub(crate) fn find(of: &Connection, digest: &Digest) -> rusqlite::Result<Option<i64>> {
    of.prepare_cached("SELECT id FROM tokens WHERE digest = ?1 AND revoked_at IS NULL")?
        .query_row(params![digest.as_bytes()], |row| row.get(0))
        .optional()
}

/// Signs a browser in, and forgets those whose time is over.
pub(crate) fn sign_in(
    to: &Transaction<'_>,
    cookie: &Digest,
    token: i64,
    now: Timestamp,
    until: Timestamp,
) -> rusqlite::Result<()> {
    to.prepare_cached("DELETE FROM sign_ins WHERE expires_at <= ?1")?.execute(params![now.unix_micros()])?;
    to.prepare_cached("INSERT INTO sign_ins (digest, token, expires_at) VALUES (?1, ?2, ?3)")?
        .execute(params![cookie.as_bytes(), token, until.unix_micros()])
        .map(drop)
}

/// Signs a browser out.
pub(crate) fn sign_out(to: &Transaction<'_>, cookie: &Digest) -> rusqlite::Result<()> {
    to.prepare_cached("DELETE FROM sign_ins WHERE digest = ?1")?.execute(params![cookie.as_bytes()]).map(drop)
}

/// The name of the token under which a browser is signed in.
pub(crate) fn signed_in(
    of: &Connection,
    cookie: &Digest,
    now: Timestamp,
) -> rusqlite::Result<Option<String>> {
    of.prepare_cached(
        "SELECT tokens.name FROM sign_ins JOIN tokens ON tokens.id = sign_ins.token
         WHERE sign_ins.digest = ?1 AND ?2 < sign_ins.expires_at AND tokens.revoked_at IS NULL",
    )?
    .query_row(params![cookie.as_bytes(), now.unix_micros()], |row| row.get(0))
    .optional()
}
