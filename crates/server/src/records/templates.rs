//! The templates, and how long things live that are made from them (E10).

use inquiry_otl::{ExpirationPolicy, TemplateId};
use rusqlite::{Connection, Transaction, params};

use super::to_json;

pub(super) const TABLES: &str = "
    CREATE TABLE templates (
        -- Which came first.
        number INTEGER PRIMARY KEY,
        id TEXT NOT NULL UNIQUE,
        name TEXT NOT NULL,
        -- JSON of the policy.
        policy TEXT NOT NULL
    ) STRICT;";

/// A template.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) id: TemplateId,
    pub(crate) name: String,
    pub(crate) policy: ExpirationPolicy,
}

/// Adds a template, unless there is one of its id.
pub(crate) fn add(to: &Transaction<'_>, template: &Template) -> rusqlite::Result<bool> {
    let added = to
        .prepare_cached(
            "INSERT INTO templates (id, name, policy) VALUES (?1, ?2, ?3) ON CONFLICT (id) DO NOTHING",
        )?
        .execute(params![template.id.as_str(), template.name, to_json(&template.policy)?])?;
    Ok(added != 0)
}

/// Changes the template of that id.
pub(crate) fn change(to: &Transaction<'_>, template: &Template) -> rusqlite::Result<()> {
    to.prepare_cached("UPDATE templates SET name = ?2, policy = ?3 WHERE id = ?1")?
        .execute(params![template.id.as_str(), template.name, to_json(&template.policy)?])
        .map(drop)
}

/// All of them, in the order in which they were added.
pub(crate) fn all(of: &Connection) -> rusqlite::Result<Vec<Template>> {
    let mut statement = of.prepare_cached("SELECT id, name, policy FROM templates ORDER BY number")?;
    let rows = statement.query_map([], |row| {
        let (id, policy): (String, String) = (row.get(0)?, row.get(2)?);
        Ok(Template {
            id: TemplateId::new(&id).map_err(|error| unreadable(0, error))?,
            name: row.get(1)?,
            policy: serde_json::from_str(&policy).map_err(|error| unreadable(2, error))?,
        })
    })?;
    rows.collect()
}

fn unreadable(column: usize, error: impl std::error::Error + Send + Sync + 'static) -> rusqlite::Error {
    rusqlite::Error::FromSqlConversionFailure(column, rusqlite::types::Type::Text, error.into())
}
