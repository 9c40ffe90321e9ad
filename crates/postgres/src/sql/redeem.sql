-- Redeems, claims or commits in one step (D1 to D7), and returns the records as they were before it together with
-- a word for the write. It decides only what to write: the answer, and its reason, is made of the records.
-- It mirrors the conditions of `redemption::redeem` and `redemption::commit`.
-- Like all functions that are called, it plans without sequential scans: a plan outlives the small table that it was
-- made for.
CREATE OR REPLACE FUNCTION {schema}.redeem(
    -- once, claim or commit
    mode text,
    of_tenant text,
    -- Of a redemption: the digest of the code. Of a commit: inquiry and link.
    of_digest bytea,
    of_inquiry text,
    of_link uuid,
    moment timestamptz,
    claim_token bytea,
    lease_end timestamptz,
    attempt_key bytea,
    repeats_after timestamptz,
    client bytea,
    new_session uuid,
    new_token bytea,
    event uuid,
    with_outbox boolean,
    OUT l {schema}.links,
    OUT i {schema}.inquiries,
    OUT s {schema}.sessions,
    OUT p {schema}.sessions,
    OUT epoch_end {schema}.endings,
    OUT generation_end {schema}.endings,
    OUT wrote text
) LANGUAGE plpgsql VOLATILE SET enable_seqscan = off AS $body$
DECLARE
    link_expires_at timestamptz;
    current_generation bigint;
    is_open boolean;
    is_revoked boolean;
    session_lives boolean := false;
    within_limit boolean;
    grace jsonb;
    told text;
    telling_session uuid;
    telling_number bigint;
BEGIN
    IF mode <> 'commit' THEN
        -- Which inquiry, and where the link is if they are partitioned by expiry: nothing is judged by this look.
        SELECT k.inquiry, k.expires_at INTO of_inquiry, link_expires_at FROM {schema}.links k
        WHERE k.digest = of_digest AND k.tenant = of_tenant;
        IF NOT FOUND THEN
            RETURN;
        END IF;
    END IF;
    SELECT * INTO i FROM {schema}.inquiries k WHERE k.tenant = of_tenant AND k.id = of_inquiry FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    -- Whoever writes to a link holds its inquiry, so the link needs no lock of its own.
    IF mode = 'commit' THEN
        SELECT * INTO l FROM {schema}.links k
        WHERE k.tenant = of_tenant AND k.inquiry = of_inquiry AND k.id = of_link;
    ELSE
        SELECT * INTO l FROM {schema}.links k
        WHERE k.digest = of_digest AND k.tenant = of_tenant AND k.inquiry = of_inquiry
            AND k.expires_at = link_expires_at;
    END IF;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF l.session IS NOT NULL THEN
        SELECT * INTO s FROM {schema}.sessions k
        WHERE k.tenant = of_tenant AND k.inquiry = of_inquiry AND k.id = l.session;
    END IF;
    IF l.parent IS NOT NULL THEN
        SELECT * INTO p FROM {schema}.sessions k
        WHERE k.tenant = of_tenant AND k.inquiry = of_inquiry AND k.id = l.parent;
    END IF;
    current_generation :=
        CASE l.purpose WHEN 'resume' THEN i.resume_generation ELSE i.device_handoff_generation END;
    IF l.epoch <> i.epoch THEN
        SELECT * INTO epoch_end FROM {schema}.endings e
        WHERE e.tenant = of_tenant AND e.inquiry = of_inquiry AND e.kind = 'epoch' AND e.number = l.epoch;
    END IF;
    IF l.generation <> current_generation THEN
        SELECT * INTO generation_end FROM {schema}.endings e
        WHERE e.tenant = of_tenant AND e.inquiry = of_inquiry AND e.kind = l.purpose AND e.number = l.generation;
    END IF;

    wrote := 'nothing';
    is_open := i.redacted_at IS NULL AND i.status IN ('created', 'pending') AND moment < i.expires_at;
    is_revoked := l.revoked_at IS NOT NULL
        OR coalesce(epoch_end.why = 'revoked', false)
        OR coalesce(generation_end.why = 'revoked', false)
        OR (l.parent IS NOT NULL AND (p.id IS NULL OR p.revoked_at IS NOT NULL));
    IF is_open AND NOT is_revoked AND l.epoch = i.epoch THEN
        session_lives := coalesce(s.revoked_at IS NULL AND s.epoch = i.epoch AND moment < s.expires_at, false);
        IF l.used_at IS NOT NULL THEN
            IF session_lives AND (CASE mode
                WHEN 'commit' THEN coalesce(l.claim = claim_token, false)
                ELSE coalesce(l.attempt = attempt_key, false)
                    AND l.binding IS NOT DISTINCT FROM client AND repeats_after < l.used_at
            END) THEN
                wrote := 'repeat';
            ELSIF session_lives AND mode <> 'commit' AND l.generation = current_generation
                AND coalesce(moment < l.grace_until AND l.replays < l.grace_max_replays, false)
                AND coalesce(moment < p.expires_at, true)
                AND (l.grace_clients = 'any' OR coalesce(l.binding = client, false))
            THEN
                wrote := 'replay';
            END IF;
        ELSIF l.generation = current_generation AND (CASE mode
            -- A link's own expiry is judged at the claim, the parent's again at the commit.
            WHEN 'commit' THEN coalesce(l.claim = claim_token AND moment < l.lease_until, false)
                AND coalesce(moment < p.expires_at, true)
            ELSE moment < l.expires_at AND coalesce(l.lease_until <= moment, true)
        END) THEN
            within_limit := i.sessions_started < (i.policy ->> 'session-limit')::bigint;
            IF within_limit THEN
                wrote := CASE mode WHEN 'claim' THEN 'claim' ELSE 'first-use' END;
            ELSIF mode <> 'claim' THEN
                wrote := 'session-limit';
            END IF;
        END IF;
    ELSIF i.status IN ('created', 'pending') AND i.expires_at <= moment THEN
        wrote := 'deadline';
    END IF;

    CASE wrote
    WHEN 'first-use' THEN
        INSERT INTO {schema}.sessions
            (tenant, inquiry, id, link, epoch, started_at, expires_at, tokens, purge_from)
        VALUES (of_tenant, of_inquiry, new_session, l.id, i.epoch, moment, i.expires_at, new_token, i.expires_at);
        grace := i.policy -> 'grace';
        UPDATE {schema}.links k SET
            used_at = moment,
            session = new_session,
            lease_until = NULL,
            claim = CASE mode WHEN 'commit' THEN k.claim END,
            attempt = CASE mode WHEN 'commit' THEN k.attempt ELSE attempt_key END,
            binding = CASE mode WHEN 'commit' THEN k.binding ELSE client END,
            grace_until = least(moment + make_interval(secs => (grace ->> 'window-seconds')::double precision),
                CASE WHEN grace ->> 'window-seconds' IS NOT NULL
                    THEN '9999-12-31 23:59:59.999999+00'::timestamptz END),
            grace_max_replays = (grace ->> 'max-replays')::bigint,
            grace_clients = grace ->> 'clients'
        WHERE k.tenant = of_tenant AND k.inquiry = of_inquiry AND k.id = l.id AND k.expires_at = l.expires_at;
        UPDATE {schema}.inquiries k SET
            sessions_started = k.sessions_started + 1,
            last_sequence = k.last_sequence + 1
        WHERE k.tenant = of_tenant AND k.id = of_inquiry;
        told := 'one-time-link.redeemed';
        telling_session := new_session;
    WHEN 'claim' THEN
        UPDATE {schema}.links k SET
            claim = claim_token, lease_until = lease_end, attempt = attempt_key, binding = client
        WHERE k.tenant = of_tenant AND k.inquiry = of_inquiry AND k.id = l.id AND k.expires_at = l.expires_at;
    WHEN 'replay' THEN
        telling_number := least(l.replays + 1, 4294967295);
        UPDATE {schema}.links k SET replays = telling_number
        WHERE k.tenant = of_tenant AND k.inquiry = of_inquiry AND k.id = l.id AND k.expires_at = l.expires_at;
        UPDATE {schema}.sessions k SET tokens = substr(new_token || k.tokens, 1, 128)
        WHERE k.tenant = of_tenant AND k.inquiry = of_inquiry AND k.id = l.session;
        UPDATE {schema}.inquiries k SET last_sequence = k.last_sequence + 1
        WHERE k.tenant = of_tenant AND k.id = of_inquiry;
        told := 'one-time-link.replayed';
        telling_session := l.session;
    WHEN 'repeat' THEN
        UPDATE {schema}.sessions k SET tokens = substr(new_token || k.tokens, 1, 128)
        WHERE k.tenant = of_tenant AND k.inquiry = of_inquiry AND k.id = l.session;
    WHEN 'session-limit' THEN
        PERFORM {schema}.expire(i, wrote, moment, event, moment, with_outbox);
    WHEN 'deadline' THEN
        PERFORM {schema}.expire(i, wrote, i.expires_at, event, moment, with_outbox);
    ELSE
        NULL;
    END CASE;
    IF with_outbox AND told IS NOT NULL THEN
        INSERT INTO {schema}.outbox (id, tenant, inquiry, sequence, at, name, link, session, number)
        VALUES (event, of_tenant, of_inquiry, i.last_sequence + 1, moment, told, l.id, telling_session, telling_number);
    END IF;
END
$body$;

-- Releases a claim (D5), and returns the link as it was before it. It looks at nothing but the link, and takes the
-- inquiry before it all the same: a transaction may go on to a command that needs both.
CREATE OR REPLACE FUNCTION {schema}.release(
    of_tenant text,
    of_inquiry text,
    of_link uuid,
    claim_token bytea,
    moment timestamptz,
    OUT l {schema}.links,
    OUT wrote text
) LANGUAGE plpgsql VOLATILE SET enable_seqscan = off AS $body$
BEGIN
    PERFORM FROM {schema}.inquiries k WHERE k.tenant = of_tenant AND k.id = of_inquiry FOR NO KEY UPDATE;
    SELECT * INTO l FROM {schema}.links k
    WHERE k.tenant = of_tenant AND k.inquiry = of_inquiry AND k.id = of_link;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    wrote := 'nothing';
    IF l.claim = claim_token AND moment < l.lease_until THEN
        UPDATE {schema}.links k SET claim = NULL, lease_until = NULL, attempt = NULL, binding = NULL
        WHERE k.tenant = of_tenant AND k.inquiry = of_inquiry AND k.id = of_link;
        wrote := 'release';
    END IF;
END
$body$;
