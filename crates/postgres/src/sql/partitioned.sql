-- Passes over a link whose digest or id is taken, whatever the partition: as ON CONFLICT DO NOTHING does elsewhere.
--
-- Of two creations of one digest the second waits for the first to end, and then sees its link: the lock is one of 1,024,
-- chosen by the digest, so that no transaction takes more of them than the server has room for. Creations of one id
-- belong to one inquiry, whose row they hold. Whoever inserts many is told of fewer than it sent.
CREATE OR REPLACE FUNCTION {schema}.pass_over_taken() RETURNS trigger LANGUAGE plpgsql VOLATILE AS $body$
BEGIN
    PERFORM pg_advisory_xact_lock(
        hashtext('inquiry-otl:{schema}'),
        (get_byte(NEW.digest, 0) << 2) + (get_byte(NEW.digest, 1) >> 6)
    );
    IF EXISTS (SELECT FROM {schema}.links k WHERE k.digest = NEW.digest)
        OR EXISTS (
            SELECT FROM {schema}.links k
            WHERE k.tenant = NEW.tenant AND k.inquiry = NEW.inquiry AND k.id = NEW.id
        )
    THEN
        RETURN NULL;
    END IF;
    RETURN NEW;
END
$body$;
CREATE TRIGGER links_pass_over_taken BEFORE INSERT ON {schema}.links
FOR EACH ROW EXECUTE FUNCTION {schema}.pass_over_taken();

-- Makes the partition of that instant, unless it is there, and says whether it made it. Links that lie in the default
-- partition, since theirs was missing, move into it.
CREATE OR REPLACE FUNCTION {schema}.ensure_partition(of_instant timestamptz)
RETURNS boolean LANGUAGE plpgsql VOLATILE SET lock_timeout = '200ms' AS $body$
DECLARE
    -- Whole days of UTC; an interval of days would be one of the session's time zone.
    width bigint := (SELECT p.days * 86400 FROM {schema}.partitioning p);
    first_second bigint := floor(extract(epoch FROM of_instant) / width) * width;
    starts timestamptz := to_timestamp(first_second);
    stops timestamptz := to_timestamp(first_second + width);
    part text := 'links_' || to_char(starts AT TIME ZONE 'UTC', 'YYYYMMDD');
BEGIN
    IF EXISTS (SELECT FROM {schema}.partitions p WHERE p.begins = starts) THEN
        RETURN false;
    END IF;
    -- Whoever makes the same one at the same time waits here, and then finds it by its name.
    INSERT INTO {schema}.partitions (name, begins, ends) VALUES (part, starts, stops) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    EXECUTE format(
        'CREATE TABLE {schema}.%I (LIKE {schema}.links INCLUDING DEFAULTS INCLUDING CONSTRAINTS) WITH (%s)', part,
        (SELECT array_to_string(c.reloptions, ', ') FROM pg_catalog.pg_class c
            WHERE c.oid = '{schema}.links_default'::regclass)
    );
    LOCK TABLE {schema}.links_default IN ACCESS EXCLUSIVE MODE;
    EXECUTE format(
        'WITH moved AS (
            DELETE FROM {schema}.links_default k WHERE k.expires_at >= %L AND k.expires_at < %L RETURNING k.*
        ) INSERT INTO {schema}.%I SELECT * FROM moved', starts, stops, part
    );
    EXECUTE format(
        'ALTER TABLE {schema}.links ATTACH PARTITION {schema}.%I FOR VALUES FROM (%L) TO (%L)', part, starts, stops
    );
    RETURN true;
END
$body$;

-- The partitions that hold nothing but links whose retention has run, the oldest first.
CREATE OR REPLACE FUNCTION {schema}.old_partitions(horizon timestamptz)
RETURNS TABLE (name text, detached boolean) LANGUAGE sql STABLE AS $body$
    SELECT p.name, p.detached FROM {schema}.partitions p WHERE p.ends <= horizon ORDER BY p.begins
$body$;

-- Whether a lease, a grace, a repeat or a live session holds any link of a partition (S3).
CREATE OR REPLACE FUNCTION {schema}.holds_links(part text, moment timestamptz, repeat_window double precision)
RETURNS boolean LANGUAGE plpgsql VOLATILE SET enable_seqscan = off AS $body$
DECLARE
    held boolean;
BEGIN
    EXECUTE format(
        'SELECT EXISTS (
            SELECT FROM {schema}.%I k
            WHERE $1 < k.lease_until OR $1 < k.grace_until OR $1 < k.used_at + make_interval(secs => $2)
                OR (k.session IS NOT NULL AND EXISTS (
                    SELECT FROM {schema}.sessions s
                    JOIN {schema}.inquiries i ON i.tenant = s.tenant AND i.id = s.inquiry
                    WHERE s.tenant = k.tenant AND s.inquiry = k.inquiry AND s.id = k.session
                        AND s.revoked_at IS NULL AND s.epoch = i.epoch AND $1 < s.expires_at
                        AND i.redacted_at IS NULL AND i.status IN (''created'', ''pending'') AND $1 < i.expires_at
                ))
        )', part
    ) INTO held USING moment, repeat_window;
    RETURN held;
END
$body$;

-- Takes a partition off the links, unless one of them is held, and says how many links it had, and how many pages.
--
-- It looks twice: first without holding anything up, then while nobody may write to this partition, whose links expired
-- long ago; that wait is longer than `deadlock_timeout`, after which the server ends a vacuum of it. All others go on. Only
-- then it asks for the lock that nobody else can have beside it, and gives up after 200 ms, so that a long transaction of
-- somebody else does not hold up redemptions behind this one.
CREATE OR REPLACE FUNCTION {schema}.detach_partition(
    part text,
    moment timestamptz,
    repeat_window double precision,
    OUT links bigint
) LANGUAGE plpgsql VOLATILE SET lock_timeout = '3s' SET jit = off AS $body$
BEGIN
    IF {schema}.holds_links(part, moment, repeat_window) THEN
        RETURN;
    END IF;
    EXECUTE format('LOCK TABLE {schema}.%I IN SHARE MODE', part);
    IF {schema}.holds_links(part, moment, repeat_window) THEN
        RETURN;
    END IF;
    EXECUTE format('SELECT count(*) FROM {schema}.%I', part) INTO links;
    UPDATE {schema}.partitions p SET detached = true WHERE p.name = part;
    PERFORM set_config('lock_timeout', '200ms', true);
    EXECUTE format('ALTER TABLE {schema}.links DETACH PARTITION {schema}.%I', part);
END
$body$;

-- Removes what the links on some pages of a detached partition leave behind: sessions whose retention has run and that no
-- link names, and reasons that no link asks for (S3, L4). It says whether there were such pages.
CREATE OR REPLACE FUNCTION {schema}.clear_partition(
    part text,
    first_page bigint,
    pages bigint,
    horizon timestamptz,
    OUT sessions bigint,
    OUT done boolean
) LANGUAGE plpgsql VOLATILE SET enable_seqscan = off AS $body$
DECLARE
    tenants text[];
    inquiries text[];
    session_tenants text[];
    session_inquiries text[];
    named uuid[];
BEGIN
    done := pg_relation_size(format('{schema}.%I', part)::regclass)
        <= first_page * current_setting('block_size')::bigint;
    sessions := 0;
    EXECUTE format(
        'WITH gone AS (
            SELECT k.tenant, k.inquiry, k.session, k.parent FROM {schema}.%I k
            WHERE k.ctid >= format(''(%%s,0)'', $1)::tid AND k.ctid < format(''(%%s,0)'', $1 + $2)::tid
        ), named AS (
            SELECT g.tenant, g.inquiry, g.session AS id FROM gone g WHERE g.session IS NOT NULL
            UNION SELECT g.tenant, g.inquiry, g.parent FROM gone g WHERE g.parent IS NOT NULL
        ), belonging AS (
            SELECT DISTINCT g.tenant, g.inquiry FROM gone g
        )
        SELECT (SELECT array_agg(b.tenant ORDER BY b.tenant, b.inquiry) FROM belonging b),
            (SELECT array_agg(b.inquiry ORDER BY b.tenant, b.inquiry) FROM belonging b),
            (SELECT array_agg(n.tenant ORDER BY n.tenant, n.inquiry, n.id) FROM named n),
            (SELECT array_agg(n.inquiry ORDER BY n.tenant, n.inquiry, n.id) FROM named n),
            (SELECT array_agg(n.id ORDER BY n.tenant, n.inquiry, n.id) FROM named n)', part
    ) INTO tenants, inquiries, session_tenants, session_inquiries, named USING first_page, pages;
    -- Nobody changes these inquiries until the end.
    PERFORM FROM unnest(tenants, inquiries) AS h (tenant, id)
    JOIN {schema}.inquiries i ON i.tenant = h.tenant AND i.id = h.id
    ORDER BY i.tenant, i.id
    FOR NO KEY UPDATE OF i;
    WITH gone AS (
        DELETE FROM {schema}.sessions s
        USING unnest(session_tenants, session_inquiries, named) AS n (tenant, inquiry, id)
        WHERE s.tenant = n.tenant AND s.inquiry = n.inquiry AND s.id = n.id AND s.expires_at <= horizon
            AND NOT EXISTS (
                SELECT FROM {schema}.links k
                WHERE k.tenant = s.tenant AND k.inquiry = s.inquiry AND k.id = s.link AND k.session = s.id
            )
            AND NOT EXISTS (
                SELECT FROM {schema}.links k
                WHERE k.tenant = s.tenant AND k.inquiry = s.inquiry AND k.parent = s.id
            )
        RETURNING 1
    )
    SELECT count(*) INTO sessions FROM gone;
    DELETE FROM {schema}.endings e
    USING unnest(tenants, inquiries) AS h (tenant, id)
    WHERE e.tenant = h.tenant AND e.inquiry = h.id AND NOT EXISTS (
        SELECT FROM {schema}.links k
        WHERE k.tenant = e.tenant AND k.inquiry = e.inquiry AND CASE e.kind
            WHEN 'epoch' THEN k.epoch = e.number
            ELSE k.purpose = e.kind AND k.generation = e.number
        END
    );
END
$body$;

-- Drops a partition that is detached and cleared.
CREATE OR REPLACE FUNCTION {schema}.drop_partition(part text)
RETURNS void LANGUAGE plpgsql VOLATILE AS $body$
BEGIN
    DELETE FROM {schema}.partitions p WHERE p.name = part AND p.detached;
    IF FOUND THEN
        EXECUTE format('DROP TABLE {schema}.%I', part);
    END IF;
END
$body$;
