//! Who may use the dashboard and the API: tokens, kept as digests, and who is signed in.

use inquiry_otl::{Digest, Timestamp};
use rusqlite::{Connection, OptionalExtension as _, Transaction, params};

use super::from_micros;

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

/// A token, but for what opens anything.
pub(crate) struct Token {
    pub(crate) name: String,
    pub(crate) created_at: Timestamp,
    pub(crate) revoked_at: Option<Timestamp>,
}

/// Adds a token, unless one that is good has its name.
pub(crate) fn add(
    to: &Transaction<'_>,
    digest: &Digest,
    name: &str,
    now: Timestamp,
) -> rusqlite::Result<bool> {
    let is_taken: bool = to
        .prepare_cached("SELECT EXISTS (SELECT 1 FROM tokens WHERE name = ?1 AND revoked_at IS NULL)")?
        .query_row(params![name], |row| row.get(0))?;
    if is_taken {
        return Ok(false);
    }
    to.prepare_cached("INSERT INTO tokens (digest, name, created_at) VALUES (?1, ?2, ?3)")?
        .execute(params![digest.as_bytes(), name, now.unix_micros()])?;
    Ok(true)
}

/// What became of a token that was to be revoked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Revoked {
    Done,
    /// No good token has that name.
    NotFound,
    /// No other token is good.
    Last,
}

/// Revokes the good token of that name, unless it is the last one.
pub(crate) fn revoke(to: &Transaction<'_>, name: &str, now: Timestamp) -> rusqlite::Result<Revoked> {
    let (this, others): (bool, bool) = to
        .prepare_cached(
            "SELECT EXISTS (SELECT 1 FROM tokens WHERE name = ?1 AND revoked_at IS NULL),
                    EXISTS (SELECT 1 FROM tokens WHERE name <> ?1 AND revoked_at IS NULL)",
        )?
        .query_row(params![name], |row| Ok((row.get(0)?, row.get(1)?)))?;
    match (this, others) {
        (false, _) => return Ok(Revoked::NotFound),
        (true, false) => return Ok(Revoked::Last),
        (true, true) => {}
    }
    to.prepare_cached("UPDATE tokens SET revoked_at = ?2 WHERE name = ?1 AND revoked_at IS NULL")?
        .execute(params![name, now.unix_micros()])?;
    Ok(Revoked::Done)
}

/// All tokens, also those that were revoked, in the order in which they were made.
pub(crate) fn all(of: &Connection) -> rusqlite::Result<Vec<Token>> {
    let mut statement = of.prepare_cached("SELECT name, created_at, revoked_at FROM tokens ORDER BY id")?;
    let tokens = statement.query_map([], |row| {
        let revoked_at: Option<i64> = row.get(2)?;
        Ok(Token {
            name: row.get(0)?,
            created_at: from_micros(row.get(1)?)?,
            revoked_at: revoked_at.map(from_micros).transpose()?,
        })
    })?;
    tokens.collect()
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
