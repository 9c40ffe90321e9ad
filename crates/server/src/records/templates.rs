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

/// Gives the templates of version 1, which had no numbers, theirs: by id, as they were listed.
pub(super) fn number(to: &Transaction<'_>) -> rusqlite::Result<()> {
    to.execute_batch("ALTER TABLE templates RENAME TO unnumbered")?;
    to.execute_batch(TABLES)?;
    to.execute_batch(
        "INSERT INTO templates (id, name, policy) SELECT id, name, policy FROM unnumbered ORDER BY id;
         DROP TABLE unnumbered;",
    )
}

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

#[cfg(test)]
mod tests {
    use rusqlite::Connection;
    use tempfile::TempDir;

    use super::all;
    use crate::records::Records;

    /// A file of the version before goes on: its templates are there, in the order in which they were listed.
    #[tokio::test]
    async fn templates_without_numbers_get_theirs() {
        let folder = TempDir::new().unwrap();
        let path = folder.path().join("records.db");
        let old = Connection::open(&path).unwrap();
        old.execute_batch(
            "CREATE TABLE templates (id TEXT PRIMARY KEY, name TEXT NOT NULL, policy TEXT NOT NULL) STRICT, WITHOUT ROWID;
             PRAGMA user_version = 1;",
        )
        .unwrap();
        let policy = serde_json::to_string(&inquiry_otl::ExpirationPolicy::default()).unwrap();
        for id in ["itmpl_b", "itmpl_a"] {
            old.execute("INSERT INTO templates VALUES (?1, ?1, ?2)", [id, &policy]).unwrap();
        }
        drop(old);
        for _ in 0..2 {
            let records = Records::open(&path).unwrap();
            let names: Vec<_> =
                records.read(all).await.unwrap().into_iter().map(|template| template.name).collect();
            assert_eq!(names, ["itmpl_a", "itmpl_b"]);
        }
    }
}
