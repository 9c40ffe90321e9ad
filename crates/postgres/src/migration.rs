//! The tables and functions of the store, and which version of them a schema has.

use std::fmt;

use tokio_postgres::GenericClient;

use crate::{SchemaName, client::Client, fault::Fault};

/// The version of the tables and functions that this program needs.
const VERSION: i32 = 2;

const TABLES: &str = include_str!("sql/tables.sql");

/// What each version after the first added, in order. A step never changes.
const STEPS: [&str; 1] = [include_str!("sql/directory.sql")];

/// Functions that each other need come first; all of them can be made anew over the last version's.
pub(crate) const FUNCTIONS: [&str; 4] = [
    include_str!("sql/expire.sql"),
    include_str!("sql/redeem.sql"),
    include_str!("sql/issue.sql"),
    include_str!("sql/housekeeping.sql"),
];

/// All that makes an empty database ready, as one script for a migration tool of the application's own.
///
/// It makes the schema, too, and belongs into one transaction; running it twice is an error.
/// [`PostgresStore::migrate`](crate::PostgresStore::migrate) does the same, and can be run again.
#[must_use]
pub fn migration_script(schema: &SchemaName) -> String {
    let head = "CREATE SCHEMA IF NOT EXISTS {schema};\n\
        CREATE TABLE {schema}.schema_version (version integer NOT NULL PRIMARY KEY);\n";
    let version = format!("INSERT INTO {{schema}}.schema_version (version) VALUES ({VERSION});\n");
    let parts = [head, TABLES].into_iter().chain(STEPS).chain(FUNCTIONS).chain([version.as_str()]);
    schema.fill(&parts.collect::<Vec<_>>().join("\n"))
}

/// What brings tables of that version up to this program's, as one script for a migration tool of the application's own.
///
/// It belongs into one transaction. An index is made with nobody writing to its table meanwhile; where that takes too long,
/// make it ahead and `CONCURRENTLY`, under the name that the script has: what is there is kept.
/// [`PostgresStore::migrate`](crate::PostgresStore::migrate) does the same.
#[must_use]
pub fn upgrade_script(schema: &SchemaName, from: i32) -> String {
    let done = usize::try_from(from).unwrap_or_default().saturating_sub(1);
    let version = format!("UPDATE {{schema}}.schema_version SET version = {VERSION};\n");
    let parts = STEPS.into_iter().skip(done).chain([version.as_str()]);
    schema.fill(&parts.collect::<Vec<_>>().join("\n"))
}

/// The rights that a role needs to use the store, and no more, as one script: see `sql/role.sql`.
///
/// `application` gets what services need, `housekeeping` what sweeps, purges and outboxes do. Both roles must exist.
#[must_use]
pub fn role_script(schema: &SchemaName, application: &SchemaName, housekeeping: &SchemaName) -> String {
    let script = include_str!("sql/role.sql");
    let script = script.replace("{application}", &format!("\"{application}\""));
    schema.fill(&script.replace("{housekeeping}", &format!("\"{housekeeping}\"")))
}

/// Makes the schema ready, in one transaction; two processes that do it at once wait for each other.
pub(crate) async fn migrate(
    client: &mut Client,
    schema: &SchemaName,
) -> Result<Result<(), VersionError>, Fault> {
    let transaction = client.transaction().await?;
    // A lock for each schema, held until the commit; making tables may take as long as it takes.
    let lock = format!(
        "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; \
         SELECT pg_advisory_xact_lock(hashtextextended('inquiry-otl:{schema}', 0))"
    );
    transaction.batch_execute(&lock).await?;
    let found = version(&transaction, schema).await?;
    let script = match found {
        Err(VersionError::Missing) => script(&transaction, schema).await?,
        Err(VersionError::Other { found, needed }) if found < needed => upgrade_script(schema, found),
        Ok(()) | Err(VersionError::Other { .. }) => {
            transaction.rollback().await?;
            return Ok(found);
        }
    };
    transaction.batch_execute(&script).await?;
    transaction.commit().await?;
    Ok(Ok(()))
}

/// The script, without the schema if there is one: making one takes a right that this role may not have.
async fn script(client: &impl GenericClient, schema: &SchemaName) -> Result<String, Fault> {
    let exists = "SELECT EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = $1)";
    let exists: bool = client.query_one(exists, &[&schema.as_str()]).await?.try_get(0)?;
    let script = migration_script(schema);
    match (exists, script.split_once('\n')) {
        (true, Some((_, rest))) => Ok(rest.to_owned()),
        _ => Ok(script),
    }
}

/// Whether the schema has the version that this program needs.
pub(crate) async fn version(
    client: &impl GenericClient,
    schema: &SchemaName,
) -> Result<Result<(), VersionError>, Fault> {
    let exists = "SELECT EXISTS (SELECT FROM pg_catalog.pg_class c \
        JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace \
        WHERE n.nspname = $1 AND c.relname = 'schema_version')";
    let exists: bool = client.query_one(exists, &[&schema.as_str()]).await?.try_get(0)?;
    if !exists {
        return Ok(Err(VersionError::Missing));
    }
    let found = schema.fill("SELECT coalesce(max(version), 0) FROM {schema}.schema_version");
    let found: i32 = client.query_one(&found, &[]).await?.try_get(0)?;
    Ok(match found {
        0 => Err(VersionError::Missing),
        VERSION => Ok(()),
        found => Err(VersionError::Other { found, needed: VERSION }),
    })
}

/// Why the tables cannot be used: the source of the [`StoreError`](inquiry_otl::StoreError) of
/// [`PostgresStore::check`](crate::PostgresStore::check) and [`PostgresStore::migrate`](crate::PostgresStore::migrate).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum VersionError {
    /// There are none: migrate first.
    Missing,
    /// They are of another version; if it is a higher one, a newer program made them.
    Other {
        /// What they are.
        found: i32,
        /// What this program needs.
        needed: i32,
    },
}

impl fmt::Display for VersionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("the schema has no tables yet: migrate first"),
            Self::Other { found, needed } => {
                let which = if needed < found { "newer" } else { "older" };
                write!(f, "the tables are of the {which} version {found}, and this program needs {needed}")
            }
        }
    }
}

impl std::error::Error for VersionError {}
