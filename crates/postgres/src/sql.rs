//! The statements of the store, with the types of their parameters.

use std::{fmt::Write, sync::Arc};

use tokio_postgres::types::Type;

use crate::{
    SchemaName,
    row::{ENDING, INQUIRY, LINK, SESSION},
};

/// A statement, and the types of its parameters.
#[derive(Debug)]
pub(crate) struct Statement {
    pub(crate) text: Arc<str>,
    pub(crate) types: &'static [Type],
}

/// Columns of one record, each behind the same prefix: `k.id, k.digest`.
fn list(prefix: &str, columns: &[&str]) -> String {
    let mut list = String::new();
    for column in columns {
        if !list.is_empty() {
            list.push_str(", ");
        }
        // Writing to a string cannot fail.
        let _ = write!(list, "{prefix}.{column}");
    }
    list
}

/// Declares the statements: a name, a text, the types of its parameters.
macro_rules! statements {
    ($($(#[$doc:meta])* $name:ident: $text:expr, [$($type:ident),*];)*) => {
        /// Every statement of the store, for one schema.
        #[derive(Debug)]
        pub(crate) struct Sql {
            $($(#[$doc])* pub(crate) $name: Statement,)*
        }

        impl Sql {
            pub(crate) fn new(schema: &SchemaName) -> Self {
                Self {
                    $($name: Statement { text: schema.fill($text.as_ref()).into(), types: &[$(Type::$type),*] },)*
                }
            }
        }
    };
}

statements! {
    redeem: format!(
        "SELECT {}, {}, {}, {}, {}, {}, r.wrote \
         FROM {{schema}}.redeem($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) r",
        list("(r.l)", LINK), list("(r.i)", INQUIRY), list("(r.s)", SESSION), list("(r.p)", SESSION),
        list("(r.epoch_end)", ENDING), list("(r.generation_end)", ENDING)
    ), [TEXT, TEXT, BYTEA, TEXT, UUID, TIMESTAMPTZ, BYTEA, TIMESTAMPTZ, BYTEA, TIMESTAMPTZ, BYTEA, UUID, BYTEA, UUID,
        BOOL];
    release: format!(
        "SELECT {}, r.wrote FROM {{schema}}.release($1, $2, $3, $4, $5) r", list("(r.l)", LINK)
    ), [TEXT, TEXT, UUID, BYTEA, TIMESTAMPTZ];
    issue: format!(
        "SELECT {}, {}, {}, r.wrote FROM {{schema}}.issue(\
         $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17) r",
        list("(r.i)", INQUIRY), list("(r.p)", SESSION), list("(r.l)", LINK)
    ), [TEXT, TEXT, TIMESTAMPTZ, UUID, BYTEA, INT2, BYTEA, TEXT, UUID, TEXT, TIMESTAMPTZ, TEXT, INT8, TIMESTAMPTZ,
        UUID, UUID, BOOL];

    create: CREATE, [TEXT, TEXT, TEXT, TEXT, TEXT, JSONB, TIMESTAMPTZ, TIMESTAMPTZ, TIMESTAMPTZ, TIMESTAMPTZ,
        TIMESTAMPTZ, TIMESTAMPTZ, TIMESTAMPTZ, TIMESTAMPTZ, TIMESTAMPTZ, TIMESTAMPTZ, INT8, INT8, INT8, BOOL, INT8, BOOL,
        INT8, INT8, TIMESTAMPTZ, UUID, BOOL];

    /// Takes hold of an inquiry.
    hold: format!(
        "SELECT {} FROM {{schema}}.inquiries i WHERE i.tenant = $1 AND i.id = $2 FOR NO KEY UPDATE",
        list("i", INQUIRY)
    ), [TEXT, TEXT];
    /// Whether any generation of an inquiry ended. A statement of its own behind the hold: one that waits for a row sees
    /// all other tables as they were before the wait.
    ended_generation: format!(
        "SELECT {} FROM {{schema}}.endings e WHERE e.tenant = $1 AND e.inquiry = $2 AND e.kind <> 'epoch' LIMIT 1",
        list("e", ENDING)
    ), [TEXT, TEXT];
    held_link: format!(
        "SELECT {} FROM {{schema}}.links k WHERE k.tenant = $1 AND k.inquiry = $2 AND k.id = $3 FOR NO KEY UPDATE",
        list("k", LINK)
    ), [TEXT, TEXT, UUID];
    held_session: format!(
        "SELECT {} FROM {{schema}}.sessions k \
         WHERE k.tenant = $1 AND k.inquiry = $2 AND k.id = $3 FOR NO KEY UPDATE",
        list("k", SESSION)
    ), [TEXT, TEXT, UUID];
    update_inquiry: UPDATE_INQUIRY, [TEXT, TEXT, TEXT, TEXT, TEXT, JSONB, TIMESTAMPTZ, TIMESTAMPTZ, TIMESTAMPTZ,
        TIMESTAMPTZ, TIMESTAMPTZ, TIMESTAMPTZ, TIMESTAMPTZ, TIMESTAMPTZ, TIMESTAMPTZ, TIMESTAMPTZ, INT8, INT8, INT8, BOOL,
        INT8, BOOL, INT8, INT8, TIMESTAMPTZ];
    insert_endings: "INSERT INTO {schema}.endings (tenant, inquiry, kind, number, why, by, at) \
        SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[], $5::text[], $6::uuid[], \
        $7::timestamptz[])",
        [TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY, INT8_ARRAY, TEXT_ARRAY, UUID_ARRAY, TIMESTAMPTZ_ARRAY];
    insert_events: "INSERT INTO {schema}.outbox \
        (id, tenant, inquiry, sequence, at, name, word, link, session, instant, number) \
        SELECT * FROM unnest($1::uuid[], $2::text[], $3::text[], $4::bigint[], $5::timestamptz[], $6::text[], \
        $7::text[], $8::uuid[], $9::uuid[], $10::timestamptz[], $11::bigint[])",
        [UUID_ARRAY, TEXT_ARRAY, TEXT_ARRAY, INT8_ARRAY, TIMESTAMPTZ_ARRAY, TEXT_ARRAY, TEXT_ARRAY, UUID_ARRAY,
        UUID_ARRAY, TIMESTAMPTZ_ARRAY, INT8_ARRAY];
    /// Takes hold of many inquiries, always in one order.
    hold_many: format!(
        "SELECT {} FROM unnest($1::text[], $2::text[]) AS d (tenant, id) \
         JOIN {{schema}}.inquiries i ON i.tenant = d.tenant AND i.id = d.id \
         ORDER BY i.tenant, i.id FOR NO KEY UPDATE OF i",
        list("i", INQUIRY)
    ), [TEXT_ARRAY, TEXT_ARRAY];
    /// Which of many inquiries have any generation that ended, behind the hold.
    ended_generations: format!(
        "SELECT d.tenant, d.id, {} FROM unnest($1::text[], $2::text[]) AS d (tenant, id) \
         CROSS JOIN LATERAL (\
           SELECT * FROM {{schema}}.endings e \
           WHERE e.tenant = d.tenant AND e.inquiry = d.id AND e.kind <> 'epoch' LIMIT 1) e",
        list("e", ENDING)
    ), [TEXT_ARRAY, TEXT_ARRAY];
    sessions_of_many: format!(
        "SELECT {} FROM unnest($1::text[], $2::text[], $3::uuid[]) AS d (tenant, inquiry, id) \
         JOIN {{schema}}.sessions k ON k.tenant = d.tenant AND k.inquiry = d.inquiry AND k.id = d.id",
        list("k", SESSION)
    ), [TEXT_ARRAY, TEXT_ARRAY, UUID_ARRAY];
    /// What of many inquiries could be given out again.
    unused_of_many: format!(
        "SELECT {} FROM unnest($1::text[], $2::text[], $3::bigint[]) AS d (tenant, inquiry, epoch) \
         JOIN {{schema}}.links k ON k.tenant = d.tenant AND k.inquiry = d.inquiry AND k.epoch = d.epoch \
         WHERE k.used_at IS NULL AND k.revoked_at IS NULL AND k.key IS NOT NULL ORDER BY k.id DESC",
        list("k", LINK)
    ), [TEXT_ARRAY, TEXT_ARRAY, INT8_ARRAY];
    update_many: "UPDATE {schema}.inquiries i SET status = d.status, expired_at = d.expired_at, version = d.version, \
        epoch = d.epoch, resume_generation = d.resume_generation, resume_has_links = d.resume_has_links, \
        device_handoff_generation = d.device_handoff_generation, \
        device_handoff_has_links = d.device_handoff_has_links, sessions_started = d.sessions_started, \
        last_sequence = d.last_sequence, purge_from = d.purge_from \
        FROM unnest($1::text[], $2::text[], $3::text[], $4::timestamptz[], $5::bigint[], $6::bigint[], $7::bigint[], \
          $8::boolean[], $9::bigint[], $10::boolean[], $11::bigint[], $12::bigint[], $13::timestamptz[]) AS d (tenant, id, \
          status, expired_at, version, epoch, resume_generation, resume_has_links, device_handoff_generation, \
          device_handoff_has_links, sessions_started, last_sequence, purge_from) \
        WHERE i.tenant = d.tenant AND i.id = d.id",
        [TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY, TIMESTAMPTZ_ARRAY, INT8_ARRAY, INT8_ARRAY, INT8_ARRAY, BOOL_ARRAY, INT8_ARRAY,
        BOOL_ARRAY, INT8_ARRAY, INT8_ARRAY, TIMESTAMPTZ_ARRAY];
    insert_links: "SELECT {schema}.insert_links($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)",
        [TEXT_ARRAY, TEXT_ARRAY, UUID_ARRAY, TEXT_ARRAY, UUID_ARRAY, TEXT_ARRAY, BYTEA_ARRAY, INT2_ARRAY, BYTEA_ARRAY,
        INT8_ARRAY, INT8_ARRAY, TIMESTAMPTZ_ARRAY, TIMESTAMPTZ_ARRAY];

    /// Takes hold of the inquiries of many links, always in one order.
    hold_by_digests: format!(
        "SELECT {} FROM (\
           SELECT DISTINCT k.tenant, k.inquiry FROM unnest($1::text[], $2::bytea[]) AS a (tenant, digest) \
           CROSS JOIN LATERAL (\
             SELECT * FROM {{schema}}.links k WHERE k.digest = a.digest AND k.tenant = a.tenant LIMIT 1) k \
           ORDER BY k.tenant, k.inquiry) d \
         CROSS JOIN LATERAL (\
           SELECT * FROM {{schema}}.inquiries i WHERE i.tenant = d.tenant AND i.id = d.inquiry FOR NO KEY UPDATE) i",
        list("i", INQUIRY)
    ), [TEXT_ARRAY, BYTEA_ARRAY];
    /// Many links, each with its place among those that were asked for. Whoever writes to one holds its inquiry.
    links_by_digests: format!(
        "SELECT a.place, {} FROM unnest($1::text[], $2::bytea[]) WITH ORDINALITY AS a (tenant, digest, place) \
         CROSS JOIN LATERAL (\
           SELECT * FROM {{schema}}.links k WHERE k.digest = a.digest AND k.tenant = a.tenant LIMIT 1) k",
        list("k", LINK)
    ), [TEXT_ARRAY, BYTEA_ARRAY];
    /// Why some epochs and generations ended.
    endings_of_many: format!(
        "SELECT e.tenant, e.inquiry, {} \
         FROM unnest($1::text[], $2::text[], $3::text[], $4::bigint[]) AS d (tenant, inquiry, kind, number) \
         JOIN {{schema}}.endings e \
           ON e.tenant = d.tenant AND e.inquiry = d.inquiry AND e.kind = d.kind AND e.number = d.number",
        list("e", ENDING)
    ), [TEXT_ARRAY, TEXT_ARRAY, TEXT_ARRAY, INT8_ARRAY];
    update_tokens: "UPDATE {schema}.sessions k SET tokens = d.tokens \
        FROM unnest($1::text[], $2::text[], $3::uuid[], $4::bytea[]) AS d (tenant, inquiry, id, tokens) \
        WHERE k.tenant = d.tenant AND k.inquiry = d.inquiry AND k.id = d.id",
        [TEXT_ARRAY, TEXT_ARRAY, UUID_ARRAY, BYTEA_ARRAY];
    insert_sessions: "INSERT INTO {schema}.sessions \
        (tenant, inquiry, id, link, epoch, started_at, expires_at, tokens, purge_from) \
        SELECT d.*, d.expires_at FROM unnest($1::text[], $2::text[], $3::uuid[], $4::uuid[], $5::bigint[], \
          $6::timestamptz[], $7::timestamptz[], $8::bytea[]) \
        AS d (tenant, inquiry, id, link, epoch, started_at, expires_at, tokens)",
        [TEXT_ARRAY, TEXT_ARRAY, UUID_ARRAY, UUID_ARRAY, INT8_ARRAY, TIMESTAMPTZ_ARRAY, TIMESTAMPTZ_ARRAY, BYTEA_ARRAY];
    update_links: "UPDATE {schema}.links k SET claim = d.claim, lease_until = d.lease_until, used_at = d.used_at, \
        session = d.session, replays = d.replays, grace_until = d.grace_until, \
        grace_max_replays = d.grace_max_replays, grace_clients = d.grace_clients, attempt = d.attempt, \
        binding = d.binding \
        FROM unnest($1::text[], $2::text[], $3::uuid[], $4::timestamptz[], $5::bytea[], $6::timestamptz[], \
          $7::timestamptz[], $8::uuid[], $9::bigint[], $10::timestamptz[], $11::bigint[], $12::text[], $13::bytea[], \
          $14::bytea[]) AS d (tenant, inquiry, id, expires_at, claim, lease_until, used_at, session, replays, \
          grace_until, grace_max_replays, grace_clients, attempt, binding) \
        WHERE k.tenant = d.tenant AND k.inquiry = d.inquiry AND k.id = d.id AND k.expires_at = d.expires_at",
        [TEXT_ARRAY, TEXT_ARRAY, UUID_ARRAY, TIMESTAMPTZ_ARRAY, BYTEA_ARRAY, TIMESTAMPTZ_ARRAY, TIMESTAMPTZ_ARRAY,
        UUID_ARRAY, INT8_ARRAY, TIMESTAMPTZ_ARRAY, INT8_ARRAY, TEXT_ARRAY, BYTEA_ARRAY, BYTEA_ARRAY];

    revoke_link: "UPDATE {schema}.links SET revoked_at = $4 WHERE tenant = $1 AND inquiry = $2 AND id = $3",
        [TEXT, TEXT, UUID, TIMESTAMPTZ];
    revoke_session: "UPDATE {schema}.sessions SET revoked_at = $4 \
        WHERE tenant = $1 AND inquiry = $2 AND id = $3",
        [TEXT, TEXT, UUID, TIMESTAMPTZ];

    inquiry: format!(
        "SELECT {}, {ALL_ENDINGS} FROM {{schema}}.inquiries i {ENDINGS_OF_I} WHERE i.tenant = $1 AND i.id = $2",
        list("i", INQUIRY)
    ), [TEXT, TEXT];
    inspect_by_digest: format!("{} WHERE k.digest = $2 AND k.tenant = $1", view()), [TEXT, BYTEA];
    inspect_by_id: format!("{} WHERE k.tenant = $1 AND k.inquiry = $2 AND k.id = $3", view()), [TEXT, TEXT, UUID];
    session: format!(
        "SELECT {}, {}, {ALL_ENDINGS} FROM {{schema}}.sessions s \
         JOIN {{schema}}.inquiries i ON i.tenant = s.tenant AND i.id = s.inquiry {ENDINGS_OF_I} \
         WHERE s.tenant = $1 AND s.inquiry = $2 AND s.id = $3",
        list("s", SESSION), list("i", INQUIRY)
    ), [TEXT, TEXT, UUID];
    links: format!(
        "SELECT {}, {ALL_ENDINGS}, {}, {}, {} FROM {{schema}}.inquiries i {ENDINGS_OF_I} \
         LEFT JOIN LATERAL (SELECT * FROM {{schema}}.links k WHERE k.tenant = i.tenant AND k.inquiry = i.id \
           AND k.id <= $3 ORDER BY k.id DESC LIMIT $4) k ON true {SESSIONS_OF_K} \
         WHERE i.tenant = $1 AND i.id = $2 ORDER BY k.id DESC",
        list("i", INQUIRY), list("k", LINK), list("s", SESSION), list("p", SESSION)
    ), [TEXT, TEXT, UUID, INT8];
    sessions: format!(
        "SELECT {}, {ALL_ENDINGS}, {} FROM {{schema}}.inquiries i {ENDINGS_OF_I} \
         LEFT JOIN LATERAL (SELECT * FROM {{schema}}.sessions k WHERE k.tenant = i.tenant AND k.inquiry = i.id \
           AND k.id <= $3 ORDER BY k.id DESC LIMIT $4) k ON true \
         WHERE i.tenant = $1 AND i.id = $2 ORDER BY k.id DESC",
        list("i", INQUIRY), list("k", SESSION)
    ), [TEXT, TEXT, UUID, INT8];

    by_status: streams("s (status, ahead)", ", $10::boolean[]", "k.status = s.status", "DESC"),
        [TEXT, TIMESTAMPTZ, TEXT, TIMESTAMPTZ, TEXT, INT8, INT8, TIMESTAMPTZ, TEXT_ARRAY, BOOL_ARRAY];
    by_status_backwards: streams("s (status, ahead)", ", $10::boolean[]", "k.status = s.status", "ASC"),
        [TEXT, TIMESTAMPTZ, TEXT, TIMESTAMPTZ, TEXT, INT8, INT8, TIMESTAMPTZ, TEXT_ARRAY, BOOL_ARRAY];
    by_template: streams(TEMPLATES, ", $10::boolean[], $11::text[]", OF_TEMPLATE, "DESC"),
        [TEXT, TIMESTAMPTZ, TEXT, TIMESTAMPTZ, TEXT, INT8, INT8, TIMESTAMPTZ, TEXT_ARRAY, BOOL_ARRAY, TEXT_ARRAY];
    by_template_backwards: streams(TEMPLATES, ", $10::boolean[], $11::text[]", OF_TEMPLATE, "ASC"),
        [TEXT, TIMESTAMPTZ, TEXT, TIMESTAMPTZ, TEXT, INT8, INT8, TIMESTAMPTZ, TEXT_ARRAY, BOOL_ARRAY, TEXT_ARRAY];
    by_reference: with_reference("DESC"), [TEXT, TIMESTAMPTZ, TEXT, TIMESTAMPTZ, TEXT, INT8, TEXT];
    by_reference_backwards: with_reference("ASC"), [TEXT, TIMESTAMPTZ, TEXT, TIMESTAMPTZ, TEXT, INT8, TEXT];

    sweep: "SELECT * FROM {schema}.sweep($1, $2, $3)", [TIMESTAMPTZ, UUID_ARRAY, BOOL];
    purge_links: "SELECT * FROM {schema}.purge_links($1, $2, $3, $4, $5)",
        [TIMESTAMPTZ, TIMESTAMPTZ, FLOAT8, FLOAT8, INT8];
    purge_sessions: "SELECT * FROM {schema}.purge_sessions($1, $2)", [TIMESTAMPTZ, INT8];
    purge_inquiries: "SELECT * FROM {schema}.purge_inquiries($1, $2)", [TIMESTAMPTZ, INT8];

    /// Events, and a note in the log of the server: so the answer waits for the synchronous standby, as a write does, and
    /// nobody hears of a change that a failover may still undo.
    pending: "WITH waiting AS MATERIALIZED (\
            SELECT place, id, tenant, inquiry, sequence, at, name, word, link, session, instant, number \
            FROM {schema}.outbox WHERE place > $1 ORDER BY place LIMIT $2\
        ), noted AS MATERIALIZED (\
            SELECT pg_logical_emit_message(true, 'inquiry-otl', '') WHERE EXISTS (SELECT FROM waiting)\
        ) SELECT waiting.* FROM waiting CROSS JOIN noted ORDER BY waiting.place", [INT8, INT8];
    acknowledge: "SELECT {schema}.acknowledge($1)", [INT8_ARRAY];
}

/// Keeps an inquiry and its event, unless there is one of that id; says how many it kept.
const CREATE: &str = "WITH made AS (\
    INSERT INTO {schema}.inquiries (tenant, id, template, reference, status, policy, expires_at, created_at, \
      started_at, resumed_at, completed_at, failed_at, expired_at, marked_for_review_at, decisioned_at, redacted_at, \
      version, epoch, resume_generation, resume_has_links, device_handoff_generation, device_handoff_has_links, \
      sessions_started, last_sequence, purge_from) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, \
      $24, $25) \
    ON CONFLICT DO NOTHING RETURNING tenant, id, last_sequence, created_at\
  ), told AS (\
    INSERT INTO {schema}.outbox (id, tenant, inquiry, sequence, at, name) \
    SELECT $26, made.tenant, made.id, made.last_sequence, made.created_at, 'inquiry.created' FROM made WHERE $27\
  ) SELECT count(*) FROM made";

const UPDATE_INQUIRY: &str = "UPDATE {schema}.inquiries SET template = $3, reference = $4, status = $5, policy = $6, \
    expires_at = $7, created_at = $8, started_at = $9, resumed_at = $10, completed_at = $11, failed_at = $12, \
    expired_at = $13, marked_for_review_at = $14, decisioned_at = $15, redacted_at = $16, version = $17, epoch = $18, \
    resume_generation = $19, resume_has_links = $20, device_handoff_generation = $21, device_handoff_has_links = $22, \
    sessions_started = $23, last_sequence = $24, purge_from = $25 \
  WHERE tenant = $1 AND id = $2";

/// The sessions that a link `k` is judged by.
const SESSIONS_OF_K: &str = "LEFT JOIN {schema}.sessions s \
    ON s.tenant = k.tenant AND s.inquiry = k.inquiry AND s.id = k.session \
  LEFT JOIN {schema}.sessions p ON p.tenant = k.tenant AND p.inquiry = k.inquiry AND p.id = k.parent";

const ALL_ENDINGS: &str = "e.kinds, e.numbers, e.whys, e.bys, e.ats";

/// All endings of an inquiry `i`, oldest first: an array for each column.
const ENDINGS_OF_I: &str = "LEFT JOIN LATERAL (\
    SELECT array_agg(e.kind::text ORDER BY e.place) AS kinds, array_agg(e.number ORDER BY e.place) AS numbers, \
      array_agg(e.why ORDER BY e.place) AS whys, array_agg(e.by ORDER BY e.place) AS bys, \
      array_agg(e.at ORDER BY e.place) AS ats \
    FROM {schema}.endings e WHERE e.tenant = i.tenant AND e.inquiry = i.id) e ON true";

/// A link with all that it is judged by.
fn view() -> String {
    format!(
        "SELECT {}, {}, {}, {}, {ALL_ENDINGS} FROM {{schema}}.links k \
         JOIN {{schema}}.inquiries i ON i.tenant = k.tenant AND i.id = k.inquiry {SESSIONS_OF_K} {ENDINGS_OF_I}",
        list("k", LINK),
        list("i", INQUIRY),
        list("s", SESSION),
        list("p", SESSION),
    )
}

/// Between which places a page lies, both exclusive.
const BETWEEN: &str = "(k.created_at, k.id) > ($2, $3) AND (k.created_at, k.id) < ($4, $5)";

const TEMPLATES: &str = "s (status, ahead, template)";
const OF_TEMPLATE: &str = "k.template = s.template AND k.status = s.status";

/// The first inquiries of several streams, each of which an index has in its order: $6 of them, and from each stream the
/// one that is the $7th to be looked at, fitting or not. A stream is a status, and whether the deadline is ahead of $8,
/// and perhaps a template. `LIMIT 1` keeps the planner from reading the whole table for a few rows.
fn streams(stream: &str, arrays: &str, under: &str, direction: &str) -> String {
    format!(
        "SELECT {}, f.nth FROM (\
           SELECT f.* FROM unnest($9::text[]{arrays}) AS {stream} CROSS JOIN LATERAL (\
             SELECT k.created_at, k.id, k.nth FROM (\
               SELECT k.created_at, k.id, k.expires_at, \
                 row_number() OVER (ORDER BY k.created_at {direction}, k.id {direction}) AS nth \
               FROM {{schema}}.inquiries k WHERE k.tenant = $1 AND {under} AND {BETWEEN} \
               ORDER BY k.created_at {direction}, k.id {direction} LIMIT $7) k \
             WHERE s.ahead IS NULL OR ($8 < k.expires_at) = s.ahead OR k.nth = $7 \
             ORDER BY k.created_at {direction}, k.id {direction} LIMIT $6) f \
           ORDER BY f.created_at {direction}, f.id {direction} LIMIT $6) f \
         CROSS JOIN LATERAL (SELECT * FROM {{schema}}.inquiries i WHERE i.tenant = $1 AND i.id = f.id LIMIT 1) i \
         ORDER BY f.created_at {direction}, f.id {direction}",
        list("i", INQUIRY)
    )
}

/// The first $6 inquiries with a reference, numbered.
fn with_reference(direction: &str) -> String {
    format!(
        "SELECT {}, row_number() OVER (ORDER BY k.created_at {direction}, k.id {direction}) \
         FROM {{schema}}.inquiries k WHERE k.tenant = $1 AND k.reference = $7 AND {BETWEEN} \
         ORDER BY k.created_at {direction}, k.id {direction} LIMIT $6",
        list("k", INQUIRY)
    )
}
