-- Makes expiries by time durable (I6), at most as many as there are ids for their events; inquiries that somebody
-- holds are left to whoever holds them, or to the next sweep.
CREATE OR REPLACE FUNCTION {schema}.sweep(moment timestamptz, events uuid[], with_outbox boolean)
RETURNS TABLE (swept_tenant text, swept_inquiry text, swept_deadline timestamptz, swept_sequence bigint)
LANGUAGE plpgsql VOLATILE SET enable_seqscan = off AS $body$
DECLARE
    i {schema}.inquiries;
    done integer := 0;
BEGIN
    FOR i IN
        SELECT * FROM {schema}.inquiries k
        WHERE k.status IN ('created', 'pending') AND k.expires_at <= moment
        ORDER BY k.expires_at LIMIT cardinality(events)
        FOR NO KEY UPDATE SKIP LOCKED
    LOOP
        done := done + 1;
        PERFORM {schema}.expire(i, 'deadline', i.expires_at, events[done], moment, with_outbox);
        swept_tenant := i.tenant;
        swept_inquiry := i.id;
        swept_deadline := i.expires_at;
        swept_sequence := i.last_sequence + 1;
        RETURN NEXT;
    END LOOP;
END
$body$;

-- A purge costs what it removes, and not what stays (S3): the functions below never read a whole table, whatever the
-- planner, which may know the sizes of yesterday, thinks of that.

-- Removes links whose retention has run, and that neither a lease, a grace, a repeat nor a live session holds (S3).
-- It holds their inquiries meanwhile; what somebody else holds is left to the next purge.
-- `horizon` is the moment less the retention, both in whole seconds; `repeat_window` is how long a first use may be
-- repeated.
CREATE OR REPLACE FUNCTION {schema}.purge_links(
    moment timestamptz,
    horizon timestamptz,
    retention double precision,
    repeat_window double precision,
    batch bigint,
    OUT looked bigint,
    OUT removed bigint,
    OUT moved bigint
) LANGUAGE plpgsql VOLATILE SET enable_seqscan = off AS $body$
DECLARE
    due_tenants text[];
    due_inquiries text[];
    due_links uuid[];
    tenants text[];
    inquiries text[];
    of_tenant text;
    of_inquiry text;
BEGIN
    SELECT array_agg(k.tenant), array_agg(k.inquiry), array_agg(k.id), count(*)
    INTO due_tenants, due_inquiries, due_links, looked
    FROM (
        SELECT k.tenant, k.inquiry, k.id FROM {schema}.links k
        WHERE k.purge_from <= horizon ORDER BY k.purge_from LIMIT batch
    ) k;
    SELECT array_agg(k.tenant), array_agg(k.id) INTO tenants, inquiries
    FROM (
        SELECT i.tenant, i.id FROM {schema}.inquiries i
        WHERE (i.tenant, i.id) IN (SELECT * FROM unnest(due_tenants, due_inquiries))
        ORDER BY i.tenant, i.id
        FOR NO KEY UPDATE SKIP LOCKED
    ) k;
    -- From here on nobody changes these inquiries: what is seen now is what is judged.
    WITH held AS (
        SELECT k.tenant, k.inquiry, k.id, greatest(
            CASE WHEN moment < k.lease_until THEN k.lease_until END,
            CASE WHEN moment < k.grace_until THEN k.grace_until END,
            CASE WHEN moment < k.used_at + make_interval(secs => repeat_window)
                THEN least(k.used_at + make_interval(secs => repeat_window),
                    '9999-12-31 23:59:59.999999+00'::timestamptz) END,
            CASE WHEN s.revoked_at IS NULL AND s.epoch = i.epoch AND moment < s.expires_at
                AND i.redacted_at IS NULL AND i.status IN ('created', 'pending') AND moment < i.expires_at
                THEN s.expires_at END
        ) AS until
        FROM unnest(due_tenants, due_inquiries, due_links) AS d (tenant, inquiry, id)
        JOIN unnest(tenants, inquiries) AS h (tenant, id) ON (h.tenant, h.id) = (d.tenant, d.inquiry)
        JOIN {schema}.inquiries i ON (i.tenant, i.id) = (d.tenant, d.inquiry)
        JOIN {schema}.links k ON (k.tenant, k.inquiry, k.id) = (d.tenant, d.inquiry, d.id)
        LEFT JOIN {schema}.sessions s ON (s.tenant, s.inquiry, s.id) = (k.tenant, k.inquiry, k.session)
        WHERE k.purge_from <= horizon
        FOR UPDATE OF k SKIP LOCKED
    ), moved_on AS (
        UPDATE {schema}.links k SET purge_from = h.until - make_interval(secs => retention)
        FROM held h
        WHERE h.until IS NOT NULL AND (k.tenant, k.inquiry, k.id) = (h.tenant, h.inquiry, h.id)
        RETURNING 1
    ), gone AS (
        DELETE FROM {schema}.links k USING held h
        WHERE h.until IS NULL AND (k.tenant, k.inquiry, k.id) = (h.tenant, h.inquiry, h.id)
        RETURNING k.tenant, k.inquiry
    )
    SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM moved_on),
        (SELECT array_agg(k.tenant) FROM (SELECT DISTINCT g.tenant, g.inquiry FROM gone g ORDER BY 1, 2) k),
        (SELECT array_agg(k.inquiry) FROM (SELECT DISTINCT g.tenant, g.inquiry FROM gone g ORDER BY 1, 2) k)
    INTO removed, moved, tenants, inquiries;
    -- L4: reasons that no kept link asks for are forgotten. One inquiry at a time, whose links are read once: of one
    -- that was superseded ten thousand times, each reason looked for its own link would take minutes.
    FOR of_tenant, of_inquiry IN
        SELECT h.tenant, h.id FROM unnest(tenants, inquiries) AS h (tenant, id)
        WHERE EXISTS (SELECT FROM {schema}.endings e WHERE e.tenant = h.tenant AND e.inquiry = h.id)
    LOOP
        DELETE FROM {schema}.endings e
        WHERE e.tenant = of_tenant AND e.inquiry = of_inquiry AND CASE e.kind
            WHEN 'epoch' THEN e.number NOT IN (
                SELECT k.epoch FROM {schema}.links k WHERE k.tenant = of_tenant AND k.inquiry = of_inquiry)
            ELSE (e.kind, e.number) NOT IN (
                SELECT k.purpose, k.generation FROM {schema}.links k
                WHERE k.tenant = of_tenant AND k.inquiry = of_inquiry)
        END;
    END LOOP;
END
$body$;

-- Removes sessions whose retention has run, and that no kept link names (S3).
CREATE OR REPLACE FUNCTION {schema}.purge_sessions(
    horizon timestamptz,
    batch bigint,
    OUT looked bigint,
    OUT removed bigint,
    OUT moved bigint
) LANGUAGE plpgsql VOLATILE SET enable_seqscan = off AS $body$
DECLARE
    due_tenants text[];
    due_inquiries text[];
    due_sessions uuid[];
    tenants text[];
    inquiries text[];
BEGIN
    SELECT array_agg(k.tenant), array_agg(k.inquiry), array_agg(k.id), count(*)
    INTO due_tenants, due_inquiries, due_sessions, looked
    FROM (
        SELECT k.tenant, k.inquiry, k.id FROM {schema}.sessions k
        WHERE k.purge_from <= horizon ORDER BY k.purge_from LIMIT batch
    ) k;
    SELECT array_agg(k.tenant), array_agg(k.id) INTO tenants, inquiries
    FROM (
        SELECT i.tenant, i.id FROM {schema}.inquiries i
        WHERE (i.tenant, i.id) IN (SELECT * FROM unnest(due_tenants, due_inquiries))
        ORDER BY i.tenant, i.id
        FOR NO KEY UPDATE SKIP LOCKED
    ) k;
    WITH named AS (
        SELECT s.tenant, s.inquiry, s.id, greatest(
            (SELECT k.purge_from FROM {schema}.links k
                WHERE (k.tenant, k.inquiry, k.id) = (s.tenant, s.inquiry, s.link) AND k.session = s.id),
            (SELECT max(k.purge_from) FROM {schema}.links k
                WHERE (k.tenant, k.inquiry, k.parent) = (s.tenant, s.inquiry, s.id))
        ) AS until
        FROM unnest(due_tenants, due_inquiries, due_sessions) AS d (tenant, inquiry, id)
        JOIN unnest(tenants, inquiries) AS h (tenant, id) ON (h.tenant, h.id) = (d.tenant, d.inquiry)
        JOIN {schema}.sessions s ON (s.tenant, s.inquiry, s.id) = (d.tenant, d.inquiry, d.id)
        WHERE s.purge_from <= horizon
        FOR UPDATE OF s SKIP LOCKED
    ), moved_on AS (
        UPDATE {schema}.sessions s SET purge_from = greatest(n.until, horizon + make_interval(secs => 3600))
        FROM named n
        WHERE n.until IS NOT NULL AND (s.tenant, s.inquiry, s.id) = (n.tenant, n.inquiry, n.id)
        RETURNING 1
    ), gone AS (
        DELETE FROM {schema}.sessions s USING named n
        WHERE n.until IS NULL AND (s.tenant, s.inquiry, s.id) = (n.tenant, n.inquiry, n.id)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM moved_on) INTO removed, moved;
END
$body$;

-- Removes inquiries whose own retention has run since they ended, and that nothing belongs to any more (S3).
CREATE OR REPLACE FUNCTION {schema}.purge_inquiries(
    horizon timestamptz,
    batch bigint,
    OUT looked bigint,
    OUT removed bigint,
    OUT moved bigint
) LANGUAGE plpgsql VOLATILE SET enable_seqscan = off AS $body$
DECLARE
    tenants text[];
    inquiries text[];
BEGIN
    SELECT array_agg(k.tenant), array_agg(k.id), count(*) INTO tenants, inquiries, looked
    FROM (
        SELECT i.tenant, i.id FROM {schema}.inquiries i
        WHERE i.purge_from <= horizon ORDER BY i.purge_from LIMIT batch
        FOR UPDATE SKIP LOCKED
    ) k;
    WITH judged AS (
        SELECT h.tenant, h.id,
            EXISTS (SELECT FROM {schema}.links k WHERE (k.tenant, k.inquiry) = (h.tenant, h.id))
            OR EXISTS (SELECT FROM {schema}.sessions k WHERE (k.tenant, k.inquiry) = (h.tenant, h.id))
            OR EXISTS (SELECT FROM {schema}.outbox k WHERE (k.tenant, k.inquiry) = (h.tenant, h.id)) AS held
        FROM unnest(tenants, inquiries) AS h (tenant, id)
    ), moved_on AS (
        UPDATE {schema}.inquiries i SET purge_from = horizon + make_interval(secs => 3600)
        FROM judged j
        WHERE j.held AND (i.tenant, i.id) = (j.tenant, j.id)
        RETURNING 1
    ), forgotten AS (
        DELETE FROM {schema}.endings e USING judged j
        WHERE NOT j.held AND (e.tenant, e.inquiry) = (j.tenant, j.id)
    ), gone AS (
        DELETE FROM {schema}.inquiries i USING judged j
        WHERE NOT j.held AND (i.tenant, i.id) = (j.tenant, j.id)
        RETURNING 1
    )
    SELECT (SELECT count(*) FROM gone), (SELECT count(*) FROM moved_on) INTO removed, moved;
END
$body$;

-- Drops events, and says how many were there. A purge that put off an inquiry because of them looks at it again.
--
-- Rows are taken in one order, so that nobody waits in a circle: first the inquiries that ended, as everybody takes
-- several of them, then the events one by one. Those of an inquiry that goes on hold up nobody.
CREATE OR REPLACE FUNCTION {schema}.acknowledge(places bigint[])
RETURNS bigint LANGUAGE plpgsql VOLATILE SET enable_seqscan = off AS $body$
DECLARE
    tenants text[];
    inquiries text[];
    one bigint;
    gone bigint := 0;
BEGIN
    SELECT array_agg(k.tenant), array_agg(k.id) INTO tenants, inquiries
    FROM (
        SELECT i.tenant, i.id FROM {schema}.inquiries i
        WHERE (i.tenant, i.id) IN (SELECT o.tenant, o.inquiry FROM {schema}.outbox o WHERE o.place = ANY (places))
            AND i.purge_from IS NOT NULL
        ORDER BY i.tenant, i.id
        FOR NO KEY UPDATE
    ) k;
    FOR one IN SELECT DISTINCT p.place FROM unnest(places) AS p (place) ORDER BY p.place LOOP
        DELETE FROM {schema}.outbox o WHERE o.place = one;
        IF FOUND THEN
            gone := gone + 1;
        END IF;
    END LOOP;
    UPDATE {schema}.inquiries i SET purge_from = ended.at
    FROM (
        SELECT i.tenant, i.id, greatest(i.completed_at, i.failed_at, i.expired_at, i.marked_for_review_at,
            i.decisioned_at, i.redacted_at) AS at
        FROM unnest(tenants, inquiries) AS h (tenant, id)
        JOIN {schema}.inquiries i ON (i.tenant, i.id) = (h.tenant, h.id)
    ) ended
    WHERE (i.tenant, i.id) = (ended.tenant, ended.id) AND ended.at < i.purge_from;
    RETURN gone;
END
$body$;
