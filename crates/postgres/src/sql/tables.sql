-- Version 1: the tables. {schema} is the quoted name of the schema.
--
-- There are no foreign keys: each would lock a row for every row that names it, and every command holds the
-- inquiry's row anyway. What belongs to an inquiry is removed before it, by the purge alone.
-- Instants are whole microseconds in UTC, and none of them comes from the clock of the server.
-- Numbers of 64 bits are kept bit by bit, so that nothing overflows.

-- What may be in a column is said by its type: the checks of a table would be read anew, all of them, by every statement
-- that writes to it.
CREATE DOMAIN {schema}.digest AS bytea CHECK (octet_length(VALUE) = 32);
CREATE DOMAIN {schema}.nonce AS bytea CHECK (octet_length(VALUE) = 16);
-- The digests of the newest four tokens of a session, the newest first.
CREATE DOMAIN {schema}.token_digests AS bytea CHECK (octet_length(VALUE) IN (32, 64, 96, 128));
CREATE DOMAIN {schema}.key_number AS smallint CHECK (VALUE BETWEEN 1 AND 31);
CREATE DOMAIN {schema}.unsigned_32 AS bigint CHECK (VALUE BETWEEN 0 AND 4294967295);
CREATE DOMAIN {schema}.unsigned_63 AS bigint CHECK (VALUE >= 0);
CREATE DOMAIN {schema}.policy AS jsonb CHECK (jsonb_typeof(VALUE) = 'object');
CREATE DOMAIN {schema}.purpose AS text COLLATE "C" CHECK (VALUE IN ('resume', 'device-handoff'));
CREATE DOMAIN {schema}.grace_clients AS text COLLATE "C" CHECK (VALUE IN ('any', 'same'));
-- What can end: an epoch, or the purpose of a generation.
CREATE DOMAIN {schema}.ending_kind AS text COLLATE "C" CHECK (VALUE IN ('epoch', 'resume', 'device-handoff'));

CREATE TABLE {schema}.inquiries (
    tenant text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    template text COLLATE "C" NOT NULL,
    reference text COLLATE "C",
    status text COLLATE "C" NOT NULL,
    policy {schema}.policy NOT NULL,
    expires_at timestamptz NOT NULL,
    created_at timestamptz NOT NULL,
    started_at timestamptz,
    resumed_at timestamptz,
    completed_at timestamptz,
    failed_at timestamptz,
    expired_at timestamptz,
    marked_for_review_at timestamptz,
    decisioned_at timestamptz,
    redacted_at timestamptz,
    version bigint NOT NULL,
    epoch {schema}.unsigned_63 NOT NULL,
    resume_generation {schema}.unsigned_32 NOT NULL,
    resume_has_links boolean NOT NULL,
    device_handoff_generation {schema}.unsigned_32 NOT NULL,
    device_handoff_has_links boolean NOT NULL,
    sessions_started {schema}.unsigned_32 NOT NULL,
    last_sequence bigint NOT NULL,
    -- When a purge looks at it: at first when it ended; a purge that finds it held moves it on.
    purge_from timestamptz,
    PRIMARY KEY (tenant, id)
) WITH (fillfactor = 70);

-- For the sweep.
CREATE INDEX inquiries_deadline ON {schema}.inquiries (expires_at) WHERE status IN ('created', 'pending');
CREATE INDEX inquiries_purge ON {schema}.inquiries (purge_from) WHERE purge_from IS NOT NULL;

CREATE TABLE {schema}.links (
    tenant text COLLATE "C" NOT NULL,
    inquiry text COLLATE "C" NOT NULL,
    id uuid NOT NULL,
    purpose {schema}.purpose NOT NULL,
    parent uuid,
    creator text COLLATE "C",
    digest {schema}.digest NOT NULL,
    key {schema}.key_number,
    nonce {schema}.nonce,
    epoch {schema}.unsigned_63 NOT NULL,
    generation {schema}.unsigned_32 NOT NULL,
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    -- Of a claim, or of the commit that was the first use.
    claim {schema}.digest,
    lease_until timestamptz,
    used_at timestamptz,
    session uuid,
    replays {schema}.unsigned_32 NOT NULL DEFAULT 0,
    grace_until timestamptz,
    grace_max_replays {schema}.unsigned_32,
    grace_clients {schema}.grace_clients,
    attempt {schema}.digest,
    binding {schema}.digest,
    -- When a purge looks at it: at first when it expires; a purge that finds it held moves it on.
    purge_from timestamptz NOT NULL,
    PRIMARY KEY (tenant, inquiry, id),
    -- A derivation, a lease, a use, a grace are whole; only what is unused is claimed, only what is used has a grace.
    CONSTRAINT links_shape CHECK (
        (key IS NULL) = (nonce IS NULL)
        AND (lease_until IS NULL OR (claim IS NOT NULL AND used_at IS NULL))
        AND (used_at IS NULL) = (session IS NULL)
        AND (grace_until IS NULL) = (grace_max_replays IS NULL)
        AND (grace_until IS NULL) = (grace_clients IS NULL)
        AND (grace_until IS NULL OR used_at IS NOT NULL)
    )
) WITH (fillfactor = 70);

-- The engine's index finds a link by its digest (C3).
CREATE UNIQUE INDEX links_digest ON {schema}.links (digest);
CREATE INDEX links_purge ON {schema}.links (purge_from);
-- The links that a session made keep it.
CREATE INDEX links_parent ON {schema}.links (tenant, inquiry, parent) WHERE parent IS NOT NULL;

CREATE TABLE {schema}.sessions (
    tenant text COLLATE "C" NOT NULL,
    inquiry text COLLATE "C" NOT NULL,
    id uuid NOT NULL,
    link uuid,
    epoch {schema}.unsigned_63 NOT NULL,
    started_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    tokens {schema}.token_digests NOT NULL,
    purge_from timestamptz NOT NULL,
    PRIMARY KEY (tenant, inquiry, id)
) WITH (fillfactor = 90);

CREATE INDEX sessions_purge ON {schema}.sessions (purge_from);

-- Why and when epochs and generations ended (L4).
CREATE TABLE {schema}.endings (
    tenant text COLLATE "C" NOT NULL,
    inquiry text COLLATE "C" NOT NULL,
    kind {schema}.ending_kind NOT NULL,
    number bigint NOT NULL,
    why text COLLATE "C" NOT NULL,
    by uuid,
    at timestamptz NOT NULL,
    -- Their order.
    place bigint NOT NULL GENERATED ALWAYS AS IDENTITY,
    PRIMARY KEY (tenant, inquiry, kind, number)
);

-- Events that nobody has acknowledged yet (V1).
CREATE TABLE {schema}.outbox (
    place bigint NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    id uuid NOT NULL,
    tenant text COLLATE "C" NOT NULL,
    inquiry text COLLATE "C" NOT NULL,
    sequence bigint NOT NULL,
    at timestamptz NOT NULL,
    name text COLLATE "C" NOT NULL,
    word text COLLATE "C",
    link uuid,
    session uuid,
    instant timestamptz,
    number {schema}.unsigned_32
);

-- An inquiry waits for its events before it is purged.
CREATE INDEX outbox_inquiry ON {schema}.outbox (tenant, inquiry);
