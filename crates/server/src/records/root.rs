//! Whether the secret is still the one that webhooks and signed-in browsers hang on.

use rusqlite::{OptionalExtension as _, Transaction, params};

pub(super) const TABLES: &str = "
    -- One row: what the secret gives for a purpose of its own, so that another secret is noticed. It opens nothing.
    CREATE TABLE root (
        id INTEGER PRIMARY KEY CHECK (id = 1),
        check_value BLOB NOT NULL
    ) STRICT;";

/// Keeps the check value of the secret; tells whether there was another one.
pub(crate) fn renew(to: &Transaction<'_>, check_value: &[u8; 32]) -> rusqlite::Result<bool> {
    let kept: Option<Vec<u8>> =
        to.query_row("SELECT check_value FROM root WHERE id = 1", [], |row| row.get(0)).optional()?;
    to.execute("INSERT OR REPLACE INTO root (id, check_value) VALUES (1, ?1)", params![check_value])?;
    Ok(kept.is_some_and(|kept| kept != check_value))
}
