-- Creates a link, or finds the one to give out again (L1, L2, L5), in one step. It returns the inquiry and the parent
-- as they were before it, the link that was created or found, and a word for the write.
-- It mirrors `issuance::issue`.
CREATE OR REPLACE FUNCTION {schema}.issue(
    of_tenant text,
    of_inquiry text,
    moment timestamptz,
    new_link uuid,
    new_digest bytea,
    new_key smallint,
    new_nonce bytea,
    for_purpose text,
    of_parent uuid,
    by_creator text,
    -- None: by the policy.
    until timestamptz,
    -- supersede, keep or return-same
    outstanding text,
    -- One bit for each key; and until when a link that is given out again must live.
    keys bigint,
    live_until timestamptz,
    event uuid,
    second_event uuid,
    with_outbox boolean,
    OUT i {schema}.inquiries,
    OUT p {schema}.sessions,
    OUT l {schema}.links,
    OUT wrote text
) LANGUAGE plpgsql VOLATILE SET enable_seqscan = off AS $body$
DECLARE
    is_resume boolean := for_purpose = 'resume';
    number bigint;
    has_links boolean;
    supersedes boolean;
    life double precision;
    sequence bigint;
BEGIN
    SELECT * INTO i FROM {schema}.inquiries k WHERE k.tenant = of_tenant AND k.id = of_inquiry FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    sequence := i.last_sequence;
    IF of_parent IS NOT NULL THEN
        SELECT * INTO p FROM {schema}.sessions k
        WHERE k.tenant = of_tenant AND k.inquiry = of_inquiry AND k.id = of_parent;
    END IF;
    wrote := 'nothing';
    IF i.status NOT IN ('created', 'pending') OR i.redacted_at IS NOT NULL OR i.expires_at <= moment THEN
        IF i.status IN ('created', 'pending') AND i.expires_at <= moment THEN
            wrote := 'deadline';
            PERFORM {schema}.expire(i, wrote, i.expires_at, event, moment, with_outbox);
        END IF;
        RETURN;
    END IF;
    IF of_parent IS NOT NULL
        AND NOT coalesce(p.revoked_at IS NULL AND p.epoch = i.epoch AND moment < p.expires_at, false)
    THEN
        RETURN;
    END IF;
    number := CASE WHEN is_resume THEN i.resume_generation ELSE i.device_handoff_generation END;
    has_links := CASE WHEN is_resume THEN i.resume_has_links ELSE i.device_handoff_has_links END;

    IF outstanding = 'return-same' AND has_links THEN
        SELECT * INTO l FROM {schema}.links k
        WHERE k.tenant = of_tenant AND k.inquiry = of_inquiry
            AND k.purpose = for_purpose AND k.parent IS NOT DISTINCT FROM of_parent
            AND k.epoch = i.epoch AND k.generation = number
            AND k.revoked_at IS NULL AND k.used_at IS NULL AND coalesce(k.lease_until <= moment, true)
            AND moment < k.expires_at AND live_until <= k.expires_at
            AND (keys >> k.key::integer) & 1 = 1
        ORDER BY k.id DESC LIMIT 1;
        IF FOUND THEN
            wrote := 'reuse';
            UPDATE {schema}.inquiries k SET last_sequence = k.last_sequence + 1
            WHERE k.tenant = of_tenant AND k.id = of_inquiry;
            IF with_outbox THEN
                INSERT INTO {schema}.outbox (id, tenant, inquiry, sequence, at, name, link)
                VALUES (event, of_tenant, of_inquiry, sequence + 1, moment, 'one-time-link.reused', l.id);
            END IF;
            RETURN;
        END IF;
    END IF;

    supersedes := outstanding <> 'keep' AND has_links;
    IF supersedes THEN
        number := (number + 1) & 4294967295;
    END IF;
    IF until IS NULL THEN
        life := (i.policy ->> CASE
            WHEN NOT is_resume THEN 'one-time-link-expiration-seconds'
            WHEN i.policy ->> 'resume-link-expiration-seconds' IS NOT NULL THEN 'resume-link-expiration-seconds'
            ELSE 'expiration-after-resume-interval-seconds'
        END)::double precision;
        until := least(moment + make_interval(secs => life), '9999-12-31 23:59:59.999999+00'::timestamptz);
    END IF;
    until := least(until, i.expires_at, p.expires_at);
    -- Of two links with one digest or id one is kept; the inquiry is not touched before that is known.
    INSERT INTO {schema}.links AS k
        (tenant, inquiry, id, purpose, parent, creator, digest, key, nonce, epoch, generation, created_at,
            expires_at, purge_from)
    VALUES (of_tenant, of_inquiry, new_link, for_purpose, of_parent, by_creator, new_digest, new_key, new_nonce,
        i.epoch, number, moment, until, until)
    ON CONFLICT DO NOTHING
    RETURNING * INTO l;
    IF NOT FOUND THEN
        wrote := 'taken';
        RETURN;
    END IF;
    IF supersedes THEN
        wrote := 'supersede';
        INSERT INTO {schema}.endings (tenant, inquiry, kind, number, why, by, at)
        VALUES (of_tenant, of_inquiry, for_purpose, (number - 1) & 4294967295, 'superseded', new_link, moment);
        IF with_outbox THEN
            INSERT INTO {schema}.outbox (id, tenant, inquiry, sequence, at, name, word, link)
            VALUES (event, of_tenant, of_inquiry, sequence + 1, moment, 'one-time-link.superseded', for_purpose,
                new_link);
        END IF;
        sequence := sequence + 1;
        event := second_event;
    ELSE
        wrote := 'create';
    END IF;
    sequence := sequence + 1;
    IF is_resume THEN
        UPDATE {schema}.inquiries k SET
            resume_generation = number, resume_has_links = true, last_sequence = sequence
        WHERE k.tenant = of_tenant AND k.id = of_inquiry;
    ELSE
        UPDATE {schema}.inquiries k SET
            device_handoff_generation = number, device_handoff_has_links = true, last_sequence = sequence
        WHERE k.tenant = of_tenant AND k.id = of_inquiry;
    END IF;
    IF with_outbox THEN
        INSERT INTO {schema}.outbox (id, tenant, inquiry, sequence, at, name, word, link, instant)
        VALUES (event, of_tenant, of_inquiry, sequence, moment, 'one-time-link.created', for_purpose, new_link, until);
    END IF;
END
$body$;

-- Creates links that were decided elsewhere, all of them or none: one whose digest or id is taken is an error.
CREATE OR REPLACE FUNCTION {schema}.insert_links(
    tenants text[],
    inquiries text[],
    ids uuid[],
    purposes text[],
    parents uuid[],
    creators text[],
    digests bytea[],
    keys smallint[],
    nonces bytea[],
    epochs bigint[],
    generations bigint[],
    created timestamptz[],
    expire timestamptz[]
) RETURNS void LANGUAGE plpgsql VOLATILE AS $body$
DECLARE
    made bigint;
BEGIN
    INSERT INTO {schema}.links (tenant, inquiry, id, purpose, parent, creator, digest, key, nonce, epoch, generation,
        created_at, expires_at, purge_from)
    SELECT d.*, d.expires_at FROM unnest(tenants, inquiries, ids, purposes, parents, creators, digests, keys, nonces, epochs,
        generations, created, expire) AS d (tenant, inquiry, id, purpose, parent, creator, digest, key, nonce, epoch,
        generation, created_at, expires_at);
    GET DIAGNOSTICS made = ROW_COUNT;
    -- Where links are partitioned by expiry, what is taken is passed over.
    IF made <> cardinality(ids) THEN
        RAISE unique_violation USING MESSAGE = 'the digest or the id of a link is taken';
    END IF;
END
$body$;
