//! Tables of the store that are as large as one wants, written by the server itself.

use inquiry_otl::{Interval, Timestamp, store::Purge};

use super::Postgres;

impl Postgres {
    /// A schema with so many live links, each of an inquiry of its own, since that makes the tables as large, and the indexes as
    /// high, as such links can. `migration` makes the schema.
    ///
    /// The digest of the `n`-th link, from 1, is `sha256('code n')`; links and inquiries end on 2026-12-01.
    pub fn fill(&self, migration: &str, schema: &str, links: u32) {
        self.sql(migration);
        self.sql(&format!(
        "BEGIN;
        {}
        INSERT INTO {schema}.inquiries (tenant, id, template, status, policy, expires_at, created_at, version, epoch,
            resume_generation, resume_has_links, device_handoff_generation, device_handoff_has_links,
            sessions_started, last_sequence)
        SELECT 'default', 'inq_' || lpad(n::text, 10, '0'), 'itmpl_1', 'created', '{{\"session-limit\": 25}}',
            '2026-12-01Z', '2026-11-24Z', n, n, 0, true, 0, false, 0, 2
        FROM generate_series(1, {links}) n;
        INSERT INTO {schema}.links (tenant, inquiry, id, purpose, digest, epoch, generation, created_at, expires_at,
            purge_from)
        SELECT 'default', 'inq_' || lpad(n::text, 10, '0'), md5('link ' || n)::uuid, 'resume',
            sha256(('code ' || n)::bytea), n, 0, '2026-11-24Z', at, at
        FROM generate_series(1, {links}) n, LATERAL (SELECT '2026-12-01Z'::timestamptz - n * interval '10 ms' AS at) t;
        DO $$ DECLARE one record; BEGIN
            FOR one IN SELECT make FROM later LOOP EXECUTE one.make; END LOOP;
        END $$;
        COMMIT",
        without_indexes(schema)
    ));
        for table in ["inquiries", "links"] {
            self.sql(&format!("VACUUM (ANALYZE) {schema}.{table}"));
        }
    }

    /// Adds so many links that expired in September 2026, half of them used, with their sessions, endings and expired inquiries.
    pub fn fill_with_old(&self, schema: &str, links: u64) {
        self.sql(&format!(
        "INSERT INTO {schema}.inquiries (tenant, id, template, status, policy, expires_at, created_at, expired_at,
            purge_from, version, epoch, resume_generation, resume_has_links, device_handoff_generation,
            device_handoff_has_links, sessions_started, last_sequence)
        SELECT 'default', 'inq_old' || lpad(n::text, 10, '0'), 'itmpl_1', 'expired', '{{\"session-limit\": 25}}',
            '2026-09-02Z', '2026-09-01Z', '2026-09-02Z', '2026-09-02Z', n, n + 1, 1, false, 0, false, 0, 3
        FROM generate_series(1, {links}) n;
        INSERT INTO {schema}.links (tenant, inquiry, id, purpose, digest, epoch, generation, created_at, expires_at,
            purge_from, used_at, session)
        SELECT 'default', 'inq_old' || lpad(n::text, 10, '0'), md5('old link ' || n)::uuid, 'resume',
            sha256(('old code ' || n)::bytea), n, 0, '2026-09-01Z', at, at,
            CASE WHEN n % 2 = 0 THEN '2026-09-01 01:00Z'::timestamptz END,
            CASE WHEN n % 2 = 0 THEN md5('old session ' || n)::uuid END
        FROM generate_series(1, {links}) n, LATERAL (SELECT '2026-09-02Z'::timestamptz - n * interval '10 ms' AS at) t;
        INSERT INTO {schema}.sessions (tenant, inquiry, id, link, epoch, started_at, expires_at, tokens, purge_from)
        SELECT 'default', 'inq_old' || lpad(n::text, 10, '0'), md5('old session ' || n)::uuid,
            md5('old link ' || n)::uuid, n, '2026-09-01 01:00Z', '2026-09-02Z', sha256('token'), '2026-09-02Z'
        FROM generate_series(2, {links}, 2) n;
        INSERT INTO {schema}.endings (tenant, inquiry, kind, number, why, at)
        SELECT 'default', 'inq_old' || lpad(n::text, 10, '0'), 'epoch', n, 'deadline', '2026-09-02Z'
        FROM generate_series(1, {links}) n"
        ));
        for table in ["inquiries", "links", "sessions", "endings"] {
            self.sql(&format!("VACUUM (ANALYZE) {schema}.{table}"));
        }
    }
}

/// A purge, at noon of 2026-11-24, of what [`Postgres::fill_with_old`] adds: ten thousand at a time.
pub fn purge_of_old() -> Purge {
    let now = Timestamp::from_unix_micros(1_795_521_600_000_000).unwrap();
    let month = Interval::from_days(30).unwrap();
    let repeats_after = now.minus(Interval::from_minutes(10).unwrap());
    Purge { now, retention: month, inquiry_retention: Some(month), repeats_after, limit: 10_000 }
}

/// Drops the indexes of the two large tables and empties those, so that filling them writes neither index nor log row by
/// row; the table `later` says how to make the indexes again.
fn without_indexes(schema: &str) -> String {
    format!(
        "CREATE TEMP TABLE later ON COMMIT DROP AS
        SELECT CASE WHEN c.oid IS NULL THEN 'DROP INDEX ' || i.indexrelid::regclass
                ELSE 'ALTER TABLE ' || i.indrelid::regclass || ' DROP CONSTRAINT ' || c.conname END AS unmake,
            CASE WHEN c.oid IS NULL THEN pg_get_indexdef(i.indexrelid)
                ELSE 'ALTER TABLE ' || i.indrelid::regclass || ' ADD ' || pg_get_constraintdef(c.oid) END AS make
        FROM pg_index i LEFT JOIN pg_constraint c ON c.conindid = i.indexrelid
        WHERE i.indrelid IN ('{schema}.links'::regclass, '{schema}.inquiries'::regclass);
        DO $$ DECLARE one record; BEGIN
            FOR one IN SELECT unmake FROM later LOOP EXECUTE one.unmake; END LOOP;
        END $$;
        TRUNCATE {schema}.links, {schema}.inquiries;"
    )
}
