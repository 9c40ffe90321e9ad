-- Makes links a table that is partitioned by expiry. It belongs after the migration, into one transaction; the functions
-- are made anew after it, since they name the type of its rows. Links that are there already stay in the default partition.

CREATE TABLE {schema}.partitioning (
    days integer NOT NULL CHECK (days > 0)
);
INSERT INTO {schema}.partitioning (days) VALUES ({days});

-- The partitions; those that are detached are taken off the links, and wait for what belongs to them to be removed.
CREATE TABLE {schema}.partitions (
    name text COLLATE "C" NOT NULL PRIMARY KEY,
    begins timestamptz NOT NULL UNIQUE,
    ends timestamptz NOT NULL,
    detached boolean NOT NULL DEFAULT false
);

DO $do$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT d.objid::regprocedure AS function FROM pg_catalog.pg_depend d
        WHERE d.classid = 'pg_catalog.pg_proc'::regclass AND d.refclassid = 'pg_catalog.pg_type'::regclass
            AND d.refobjid = (SELECT c.reltype FROM pg_catalog.pg_class c WHERE c.oid = '{schema}.links'::regclass)
    LOOP
        EXECUTE format('DROP FUNCTION %s', one.function);
    END LOOP;
END
$do$;

ALTER TABLE {schema}.links RENAME TO links_default;
ALTER TABLE {schema}.links_default DROP CONSTRAINT links_pkey;
DROP INDEX {schema}.links_digest, {schema}.links_purge, {schema}.links_parent;

CREATE TABLE {schema}.links (LIKE {schema}.links_default INCLUDING DEFAULTS INCLUDING CONSTRAINTS)
PARTITION BY RANGE (expires_at);
-- Each holds the key of the partitions, as it must: that names are not given twice is up to the trigger.
ALTER TABLE {schema}.links ADD PRIMARY KEY (tenant, inquiry, id, expires_at);
CREATE UNIQUE INDEX links_digest ON {schema}.links (digest, expires_at);
CREATE INDEX links_purge ON {schema}.links (purge_from);
CREATE INDEX links_parent ON {schema}.links (tenant, inquiry, parent) WHERE parent IS NOT NULL;
ALTER TABLE {schema}.links ATTACH PARTITION {schema}.links_default DEFAULT;
