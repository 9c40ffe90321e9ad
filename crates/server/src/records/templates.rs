//! The templates, and how long things live that are made from them (E10).

use inquiry_otl::{ExpirationPolicy, TemplateId};
use rusqlite::{Connection, Transaction, params};

pub(super) const TABLES: &str = "
    CREATE TABLE templates (
        id TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        -- JSON of the policy.
        policy TEXT NOT NULL
    ) STRICT, WITHOUT ROWID;";

/// A template.
#[derive(Clone, Debug)]
pub(crate) struct Template {
    pub(crate) id: TemplateId,
    pub(crate) name: String,
    pub(crate) policy: ExpirationPolicy,
}

/// Adds a template, or takes the place of the one that has its id.
pub(crate) fn put(to: &Transaction<'_>, template: &Template) -> rusqlite::Result<()> {
    let policy = serde_json::to_string(&template.policy)
        .map_err(|error| rusqlite::Error::ToSqlConversionFailure(error.into()))?;
    to.prepare_cached("INSERT OR REPLACE INTO templates (id, name, policy) VALUES (?1, ?2, ?3)")?
        .execute(params![template.id.as_str(), template.name, policy])
        .map(drop)
}

/// All of them, by id.
pub(crate) fn all(of: &Connection) -> rusqlite::Result<Vec<Template>> {
    let mut statement = of.prepare_cached("SELECT id, name, policy FROM templates ORDER BY id")?;
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
