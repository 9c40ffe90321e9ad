-- Version 1: the tables. {schema} is the quoted name of the schema.
--
-- There are no foreign keys: each would lock a row for every row that names it, and every command holds the
-- inquiry's row anyway. What belongs to an inquiry is removed before it, by the purge alone.
-- Instants are whole microseconds in UTC, and none of them comes from the clock of the server.
-- Numbers of 64 bits are kept bit by bit, so that nothing overflows.

CREATE TABLE {schema}.inquiries (
    tenant text COLLATE "C" NOT NULL,
    id text COLLATE "C" NOT NULL,
    template text COLLATE "C" NOT NULL,
    reference text COLLATE "C",
    status text COLLATE "C" NOT NULL,
    policy jsonb NOT NULL CHECK (jsonb_typeof(policy) = 'object'),
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
    epoch bigint NOT NULL CHECK (epoch >= 0),
    resume_generation bigint NOT NULL CHECK (resume_generation BETWEEN 0 AND 4294967295),
    resume_has_links boolean NOT NULL,
    device_handoff_generation bigint NOT NULL CHECK (device_handoff_generation BETWEEN 0 AND 4294967295),
    device_handoff_has_links boolean NOT NULL,
    sessions_started bigint NOT NULL CHECK (sessions_started BETWEEN 0 AND 4294967295),
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
    purpose text COLLATE "C" NOT NULL CHECK (purpose IN ('resume', 'device-handoff')),
    parent uuid,
    creator text COLLATE "C",
    digest bytea NOT NULL CHECK (octet_length(digest) = 32),
    key smallint CHECK (key BETWEEN 1 AND 31),
    nonce bytea CHECK (octet_length(nonce) = 16),
    epoch bigint NOT NULL CHECK (epoch >= 0),
    generation bigint NOT NULL CHECK (generation BETWEEN 0 AND 4294967295),
    created_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    -- Of a claim, or of the commit that was the first use.
    claim bytea CHECK (octet_length(claim) = 32),
    lease_until timestamptz,
    used_at timestamptz,
    session uuid,
    replays bigint NOT NULL DEFAULT 0 CHECK (replays BETWEEN 0 AND 4294967295),
    grace_until timestamptz,
    grace_max_replays bigint CHECK (grace_max_replays BETWEEN 0 AND 4294967295),
    grace_clients text COLLATE "C" CHECK (grace_clients IN ('any', 'same')),
    attempt bytea CHECK (octet_length(attempt) = 32),
    binding bytea CHECK (octet_length(binding) = 32),
    -- When a purge looks at it: at first when it expires; a purge that finds it held moves it on.
    purge_from timestamptz NOT NULL,
    PRIMARY KEY (tenant, inquiry, id),
    CONSTRAINT links_derivation CHECK ((key IS NULL) = (nonce IS NULL)),
    CONSTRAINT links_lease CHECK (lease_until IS NULL OR (claim IS NOT NULL AND used_at IS NULL)),
    CONSTRAINT links_use CHECK ((used_at IS NULL) = (session IS NULL)),
    CONSTRAINT links_grace CHECK (
        (grace_until IS NULL) = (grace_max_replays IS NULL)
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
    epoch bigint NOT NULL CHECK (epoch >= 0),
    started_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    revoked_at timestamptz,
    -- The digests of its newest four tokens, the newest first.
    tokens bytea NOT NULL CHECK (octet_length(tokens) IN (32, 64, 96, 128)),
    purge_from timestamptz NOT NULL,
    PRIMARY KEY (tenant, inquiry, id)
) WITH (fillfactor = 90);

CREATE INDEX sessions_purge ON {schema}.sessions (purge_from);

-- Why and when epochs and generations ended (L4).
CREATE TABLE {schema}.endings (
    tenant text COLLATE "C" NOT NULL,
    inquiry text COLLATE "C" NOT NULL,
    -- An epoch, or the purpose of a generation.
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('epoch', 'resume', 'device-handoff')),
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
    number bigint CHECK (number BETWEEN 0 AND 4294967295)
);

-- An inquiry waits for its events before it is purged.
CREATE INDEX outbox_inquiry ON {schema}.outbox (tenant, inquiry);
