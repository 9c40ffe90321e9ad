//! Links partitioned by expiry: an option, by which old links go with the table that they are in.

use std::num::NonZeroU16;

use inquiry_otl::{Interval, StoreError, Timestamp};
use tokio_postgres::{Row, types::ToSql};

use crate::{
    PostgresStore, SchemaName,
    fault::{Fate, Fault, no_connection},
    migration::FUNCTIONS,
    row::{Columns, system_time},
};

/// How many pages of a detached partition one transaction clears: about a thousand links.
const PAGES: i64 = 32;

/// A day in microseconds.
const DAY: i64 = 86_400_000_000;

/// What partitions the links by expiry, as one script for a migration tool of the application's own.
///
/// It belongs into one transaction, after [`migration_script`](crate::migration_script); running it twice is an error. The
/// rights of roles are granted after it: see [`role_script`](crate::role_script).
/// [`PostgresStore::partition_by_expiry`] does the same, and can be run again.
#[must_use]
pub fn partition_script(schema: &SchemaName, days: NonZeroU16) -> String {
    let tables = include_str!("sql/partitioned_tables.sql").replace("{days}", &days.to_string());
    let parts = [tables.as_str()].into_iter().chain(FUNCTIONS).chain([include_str!("sql/partitioned.sql")]);
    schema.fill(&parts.collect::<Vec<_>>().join("\n"))
}

/// What dropping old partitions came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Dropped {
    /// So many partitions went.
    pub partitions: u64,
    /// So many links went with them.
    pub links: u64,
    /// So many sessions that only those links named.
    pub sessions: u64,
    /// So many partitions are past keeping, and stay since a link in each is held.
    pub held: u64,
}

/// Links partitioned by expiry. The owner of the schema alone can do any of it.
impl PostgresStore {
    /// Partitions the links by expiry, in partitions of that many days, unless they are partitioned already; then their
    /// width stays as it is.
    ///
    /// Links that are there stay in the default partition. Nobody else can use the store meanwhile, and it takes as long
    /// as making their indexes anew: on a new store, no time at all.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn partition_by_expiry(&self, days: NonZeroU16) -> Result<(), StoreError> {
        let schema = self.schema();
        let script = partition_script(schema, days);
        let begin = format!(
            "SET LOCAL lock_timeout = 0; SELECT pg_advisory_xact_lock(hashtextextended('inquiry-otl:{schema}', 0))"
        );
        let done = schema.fill("SELECT to_regclass('{schema}.partitioning') IS NOT NULL");
        let mut client = self.pool().get().await.map_err(no_connection)?;
        let work = async {
            let transaction = client.transaction().await?;
            transaction.batch_execute(WITHOUT_HURRY).await?;
            transaction.batch_execute(&begin).await?;
            let done: bool = transaction.query_one(&done, &[]).await?.try_get(0)?;
            if !done {
                transaction.batch_execute(&script).await?;
            }
            transaction.commit().await
        };
        work.await.map_err(refused)
    }

    /// Makes the partitions for links that expire from one instant to the other, and says how many were missing.
    ///
    /// Do this ahead, every day, for as long as the longest link may live. Links that expire outside of all partitions
    /// are kept in the default one, and move out of it when theirs is made; that holds up all redemptions meanwhile, so
    /// a default partition should be empty.
    ///
    /// # Errors
    /// [`StoreError`]; a [`Timeout`](inquiry_otl::StoreErrorKind::Timeout) if a long transaction was in the way. Those
    /// that were made before it stay.
    pub async fn ensure_partitions(&self, from: Timestamp, until: Timestamp) -> Result<u64, StoreError> {
        let row = self.row(&self.schema().fill("SELECT p.days FROM {schema}.partitioning p"), &[]).await?;
        let days: i32 = row.try_get(0).map_err(refused)?;
        let width = DAY.saturating_mul(i64::from(days.max(1)));
        let make = self.schema().fill("SELECT {schema}.ensure_partition($1)");
        let mut missing: u64 = 0;
        let mut at = from;
        while at <= until {
            let row = self.row(&make, &[&system_time(at)]).await?;
            missing = missing.saturating_add(u64::from(row.try_get::<_, bool>(0).map_err(refused)?));
            let slot = at.unix_micros().div_euclid(width).saturating_add(1);
            let Ok(next) = Timestamp::from_unix_micros(slot.saturating_mul(width)) else { break };
            at = next;
        }
        Ok(missing)
    }

    /// Drops the partitions whose links are all past keeping, with the sessions and endings that only those links needed
    /// (S3). It costs what it removes, not what stays.
    ///
    /// A partition stays as long as one of its links is held, by a lease, a grace, a live session, or a first use after
    /// `repeats_after`; [`purge`](inquiry_otl::store::Housekeeping::purge) takes the others out of it, as it takes
    /// inquiries, and sessions that had no link. So run this first, and a purge after it.
    ///
    /// Redemptions wait while the list of partitions changes: some milliseconds, and at most 200 more if a long
    /// transaction is in the way. What a call that was interrupted left behind, the next one clears.
    ///
    /// # Errors
    /// [`StoreError`]; a [`Timeout`](inquiry_otl::StoreErrorKind::Timeout) if a long transaction was in the way. What was
    /// dropped before it stays dropped.
    pub async fn drop_expired_partitions(
        &self,
        now: Timestamp,
        retention: Interval,
        repeats_after: Timestamp,
    ) -> Result<Dropped, StoreError> {
        let mut dropped = Dropped::default();
        let kept = now.unix_micros().saturating_sub(retention.micros());
        let Ok(horizon) = Timestamp::from_unix_micros(kept) else {
            return Ok(dropped);
        };
        let horizon = system_time(horizon);
        // D6: the window runs as long after the first use as `repeats_after` lies behind now.
        let window = now.since(repeats_after).as_secs_f64();
        let text = self
            .schema()
            .fill("SELECT array_agg(p.name), array_agg(p.detached) FROM {schema}.old_partitions($1) p");
        let row = self.row(&text, &[&horizon]).await?;
        let names: Vec<String> = row.try_get::<_, Option<_>>(0).map_err(refused)?.unwrap_or_default();
        let detached: Vec<bool> = row.try_get::<_, Option<_>>(1).map_err(refused)?.unwrap_or_default();
        for (name, detached) in names.iter().zip(detached) {
            if !detached {
                let text = self.schema().fill("SELECT {schema}.detach_partition($1, $2, $3)");
                let row = self.row(&text, &[name, &system_time(now), &window]).await?;
                let Some(links) = row.try_get::<_, Option<i64>>(0).map_err(refused)? else {
                    dropped.held = dropped.held.saturating_add(1);
                    continue;
                };
                dropped.links = dropped.links.saturating_add(links.unsigned_abs());
            }
            let sessions = self.clear_partition(name, horizon).await?;
            dropped.sessions = dropped.sessions.saturating_add(sessions);
            self.row(&self.schema().fill("SELECT {schema}.drop_partition($1)"), &[name]).await?;
            dropped.partitions = dropped.partitions.saturating_add(1);
        }
        Ok(dropped)
    }

    /// Removes what the links of a detached partition leave behind, and says how many sessions those were.
    async fn clear_partition(
        &self,
        name: &String,
        horizon: std::time::SystemTime,
    ) -> Result<u64, StoreError> {
        let text =
            self.schema().fill("SELECT c.sessions, c.done FROM {schema}.clear_partition($1, $2, $3, $4) c");
        let (mut page, mut sessions) = (0_i64, 0_u64);
        loop {
            let row = self.row(&text, &[name, &page, &PAGES, &horizon]).await?;
            let mut columns = Columns::of(&row);
            let cleared = columns.bits().and_then(|cleared| Ok((cleared, columns.take::<bool>()?)));
            let (cleared, done) = cleared.map_err(|fault| fault.of(Fate::Harmless))?;
            sessions = sessions.saturating_add(cleared);
            if done {
                return Ok(sessions);
            }
            page = page.saturating_add(PAGES);
        }
    }

    /// One statement in a transaction of its own that may take its time.
    async fn row(&self, text: &str, params: &[&(dyn ToSql + Sync)]) -> Result<Row, StoreError> {
        let mut client = self.pool().get().await.map_err(no_connection)?;
        let work = async {
            let transaction = client.transaction().await?;
            transaction.batch_execute(WITHOUT_HURRY).await?;
            let row = transaction.query_one(text, params).await?;
            transaction.commit().await?;
            Ok(row)
        };
        work.await.map_err(refused)
    }
}

const WITHOUT_HURRY: &str = "SET LOCAL statement_timeout = 0; SET TRANSACTION ISOLATION LEVEL READ COMMITTED";

/// Each step is done or not, and doing it again does no harm.
fn refused(error: tokio_postgres::Error) -> StoreError {
    Fault::from(error).of(Fate::Harmless)
}
