-- Writes an expiry (I6, E6): status, end of the epoch, version and event. The caller holds the inquiry's row.
-- It mirrors `InquiryRecord::expire`.
CREATE OR REPLACE FUNCTION {schema}.expire(
    inquiry_before {schema}.inquiries,
    cause text,
    expired timestamptz,
    event uuid,
    moment timestamptz,
    with_outbox boolean
) RETURNS void LANGUAGE plpgsql VOLATILE AS $body$
DECLARE
    ends boolean := inquiry_before.redacted_at IS NULL;
BEGIN
    IF ends AND (
        inquiry_before.resume_has_links
        OR inquiry_before.device_handoff_has_links
        OR EXISTS (
            SELECT FROM {schema}.endings e
            WHERE e.tenant = inquiry_before.tenant AND e.inquiry = inquiry_before.id AND e.kind <> 'epoch'
        )
    ) THEN
        INSERT INTO {schema}.endings (tenant, inquiry, kind, number, why, at)
        VALUES (inquiry_before.tenant, inquiry_before.id, 'epoch', inquiry_before.epoch, cause, expired);
    END IF;
    UPDATE {schema}.inquiries i SET
        status = 'expired',
        expired_at = expired,
        purge_from = greatest(expired, i.redacted_at),
        version = CASE WHEN i.version = 9223372036854775807 THEN -9223372036854775808 ELSE i.version + 1 END,
        epoch = CASE WHEN NOT ends THEN i.epoch WHEN i.epoch = 9223372036854775807 THEN 0 ELSE i.epoch + 1 END,
        resume_generation =
            CASE WHEN ends AND i.resume_has_links THEN (i.resume_generation + 1) & 4294967295
                ELSE i.resume_generation END,
        resume_has_links = i.resume_has_links AND NOT ends,
        device_handoff_generation =
            CASE WHEN ends AND i.device_handoff_has_links THEN (i.device_handoff_generation + 1) & 4294967295
                ELSE i.device_handoff_generation END,
        device_handoff_has_links = i.device_handoff_has_links AND NOT ends,
        last_sequence = i.last_sequence + 1
    WHERE i.tenant = inquiry_before.tenant AND i.id = inquiry_before.id;
    IF with_outbox THEN
        INSERT INTO {schema}.outbox (id, tenant, inquiry, sequence, at, name, word, instant)
        VALUES (event, inquiry_before.tenant, inquiry_before.id, inquiry_before.last_sequence + 1, moment,
            'inquiry.expired', cause, expired);
    END IF;
END
$body$;
