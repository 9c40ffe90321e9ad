//! Every statement that the store has, in one place, so that a test can ask the engine how it would run each.
//!
//! The text has the default prefix, `otl_`, which is replaced by the one that was chosen.

/// The columns of a link, in the order that `rows::link` reads them.
macro_rules! link {
    () => {
        "l.digest, l.tenant, l.inquiry, l.id, l.purpose, l.parent, l.creator, l.key_id, l.nonce, l.epoch, \
         l.generation, l.created_at, l.expires_at, l.revoked_at, l.state, l.claim, l.lease_until, l.attempt, \
         l.binding, l.used_at, l.session, l.replays, l.grace_until, l.grace_replays, l.grace_clients"
    };
}

/// The columns of an inquiry, in the order that `rows::inquiry` reads them.
macro_rules! inquiry {
    () => {
        "i.tenant, i.id, i.template, i.reference, i.status, i.policy, i.expires_at, i.created_at, \
         i.started_at, i.resumed_at, i.completed_at, i.failed_at, i.expired_at, i.marked_for_review_at, \
         i.decisioned_at, i.redacted_at, i.version, i.epoch, i.resume_generation, i.resume_has_links, \
         i.handoff_generation, i.handoff_has_links, i.sessions_started, i.last_sequence, i.epoch_links, \
         i.resume_links, i.handoff_links"
    };
}

/// The columns of a session, in the order that `rows::session` reads them.
macro_rules! session {
    () => {
        "s.tenant, s.inquiry, s.id, s.link, s.epoch, s.started_at, s.expires_at, s.revoked_at, s.tokens"
    };
}

/// The places of inquiries that such a condition leads to, between two places, in one direction or the other.
macro_rules! places {
    ($condition:literal, $direction:literal) => {
        concat!(
            "SELECT created_at, id, expires_at FROM otl_inquiries WHERE tenant = ?1 AND ",
            $condition,
            " AND (created_at, id) > (?2, ?3) AND (created_at, id) < (?4, ?5) ORDER BY created_at ",
            $direction,
            ", id ",
            $direction
        )
    };
}

/// What `tables::Tables` was made for: the statements under one prefix.
macro_rules! statements {
    ($($name:ident = $text:expr;)+) => {
        pub(crate) struct Sql {
            $(pub(crate) $name: String,)+
        }

        impl Sql {
            pub(crate) fn new(prefix: &str) -> Self {
                Self { $($name: prefixed($text, prefix),)+ }
            }

            #[cfg(test)]
            pub(crate) fn all(&self) -> Vec<(&'static str, &str)> {
                vec![$((stringify!($name), self.$name.as_str()),)+]
            }
        }
    };
}

/// The same text for tables of that prefix.
pub(crate) fn prefixed(text: &str, prefix: &str) -> String {
    text.replace("otl_", prefix)
}

statements! {
    inquiry = concat!("SELECT ", inquiry!(), " FROM otl_inquiries AS i WHERE i.tenant = ?1 AND i.id = ?2");
    insert_inquiry = "INSERT INTO otl_inquiries (tenant, id, template, reference, status, policy, expires_at, \
        created_at, started_at, resumed_at, completed_at, failed_at, expired_at, marked_for_review_at, \
        decisioned_at, redacted_at, version, epoch, resume_generation, resume_has_links, handoff_generation, \
        handoff_has_links, sessions_started, last_sequence, epoch_links, resume_links, handoff_links, \
        ended_at, purge_from) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, \
        ?17, ?18, ?19, ?20, ?21, ?22, ?23, ?24, ?25, ?26, ?27, ?28, ?28) ON CONFLICT DO NOTHING";
    save_inquiry = "UPDATE otl_inquiries SET template = ?3, reference = ?4, status = ?5, policy = ?6, \
        expires_at = ?7, created_at = ?8, started_at = ?9, resumed_at = ?10, completed_at = ?11, \
        failed_at = ?12, expired_at = ?13, marked_for_review_at = ?14, decisioned_at = ?15, \
        redacted_at = ?16, version = ?17, epoch = ?18, resume_generation = ?19, resume_has_links = ?20, \
        handoff_generation = ?21, handoff_has_links = ?22, sessions_started = ?23, last_sequence = ?24, \
        epoch_links = ?25, resume_links = ?26, handoff_links = ?27, ended_at = ?28, purge_from = ?28 \
        WHERE tenant = ?1 AND id = ?2";
    save_counters = "UPDATE otl_inquiries SET epoch = ?3, resume_generation = ?4, resume_has_links = ?5, \
        handoff_generation = ?6, handoff_has_links = ?7, sessions_started = ?8, last_sequence = ?9, \
        epoch_links = ?10, resume_links = ?11, handoff_links = ?12 WHERE tenant = ?1 AND id = ?2";

    by_status = places!("status = ?6", "DESC");
    by_status_backwards = places!("status = ?6", "ASC");
    by_template = places!("status = ?6 AND template = ?7", "DESC");
    by_template_backwards = places!("status = ?6 AND template = ?7", "ASC");
    by_reference = places!("reference = ?6", "DESC");
    by_reference_backwards = places!("reference = ?6", "ASC");

    ending = "SELECT kind, number, why, successor, at FROM otl_endings \
        WHERE tenant = ?1 AND inquiry = ?2 AND kind = ?3 AND number = ?4";
    any_ended_generation = "SELECT kind, number, why, successor, at FROM otl_endings \
        WHERE tenant = ?1 AND inquiry = ?2 AND kind >= 1 ORDER BY kind LIMIT 1";
    endings = "SELECT kind, number, why, successor, at FROM otl_endings WHERE tenant = ?1 AND inquiry = ?2 \
        ORDER BY sequence, kind";
    insert_ending = "INSERT INTO otl_endings (tenant, inquiry, kind, number, why, successor, at, sequence, \
        links) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)";

    link = concat!(
        "SELECT ", link!(), ", ", inquiry!(),
        " FROM otl_links AS l JOIN otl_inquiries AS i ON i.tenant = l.tenant AND i.id = l.inquiry \
         WHERE l.digest = ?1"
    );
    link_by_id = concat!(
        "SELECT ", link!(),
        " FROM otl_links AS l WHERE l.tenant = ?1 AND l.inquiry = ?2 AND l.id = ?3"
    );
    links = concat!(
        "SELECT ", link!(),
        " FROM otl_links AS l WHERE l.tenant = ?1 AND l.inquiry = ?2 AND l.id <= ?3 ORDER BY l.id DESC LIMIT ?4"
    );
    insert_link = "INSERT INTO otl_links (digest, tenant, inquiry, id, purpose, parent, creator, key_id, nonce, \
        epoch, generation, created_at, expires_at, purge_from, state) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?13, 'unused') ON CONFLICT DO NOTHING";
    save_link = "UPDATE otl_links SET revoked_at = ?2, state = ?3, claim = ?4, lease_until = ?5, attempt = ?6, \
        binding = ?7, used_at = ?8, session = ?9, replays = ?10, grace_until = ?11, grace_replays = ?12, \
        grace_clients = ?13 WHERE digest = ?1";

    session = concat!(
        "SELECT ", session!(),
        " FROM otl_sessions AS s WHERE s.tenant = ?1 AND s.inquiry = ?2 AND s.id = ?3"
    );
    sessions = concat!(
        "SELECT ", session!(),
        " FROM otl_sessions AS s WHERE s.tenant = ?1 AND s.inquiry = ?2 AND s.id <= ?3 \
         ORDER BY s.id DESC LIMIT ?4"
    );
    insert_session = "INSERT INTO otl_sessions (tenant, inquiry, id, link, epoch, started_at, expires_at, \
        purge_from, revoked_at, tokens) \
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, CASE WHEN ?4 IS NULL THEN ?7 END, ?8, ?9)";
    save_session = "UPDATE otl_sessions SET revoked_at = ?4, tokens = ?5 \
        WHERE tenant = ?1 AND inquiry = ?2 AND id = ?3";

    lapsed = "SELECT tenant, id, expires_at FROM otl_inquiries WHERE status IN ('created', 'pending') \
        AND expires_at <= ?1 AND (expires_at, tenant, id) > (?2, ?3, ?4) \
        ORDER BY expires_at, tenant, id LIMIT ?5";

    old_links = "SELECT digest FROM otl_links WHERE purge_from <= ?1 ORDER BY purge_from LIMIT ?2";
    put_off_link = "UPDATE otl_links SET purge_from = ?2 WHERE digest = ?1";
    delete_link = "DELETE FROM otl_links WHERE digest = ?1";
    any_link = "SELECT 1 FROM otl_links WHERE tenant = ?1 AND inquiry = ?2 LIMIT 1";
    forget_ending = "DELETE FROM otl_endings \
        WHERE tenant = ?1 AND inquiry = ?2 AND kind = ?3 AND number = ?4 AND links <= 1";
    count_ending = "UPDATE otl_endings SET links = links - 1 \
        WHERE tenant = ?1 AND inquiry = ?2 AND kind = ?3 AND number = ?4";
    forget_endings = "DELETE FROM otl_endings WHERE tenant = ?1 AND inquiry = ?2";

    old_sessions = "SELECT tenant, inquiry, id FROM otl_sessions WHERE purge_from <= ?1 \
        ORDER BY purge_from LIMIT ?2";
    file_session = "UPDATE otl_sessions SET purge_from = expires_at WHERE (tenant, inquiry, id) IN \
        (SELECT tenant, inquiry, session FROM otl_links WHERE digest = ?1)";
    put_off_session = "UPDATE otl_sessions SET purge_from = ?4 WHERE tenant = ?1 AND inquiry = ?2 AND id = ?3";
    delete_session = "DELETE FROM otl_sessions WHERE tenant = ?1 AND inquiry = ?2 AND id = ?3";
    any_session = "SELECT 1 FROM otl_sessions WHERE tenant = ?1 AND inquiry = ?2 LIMIT 1";
    children_kept_until = "SELECT purge_from FROM otl_links WHERE tenant = ?1 AND inquiry = ?2 AND parent = ?3 \
        ORDER BY purge_from DESC LIMIT 1";

    old_inquiries = "SELECT tenant, id FROM otl_inquiries WHERE purge_from <= ?1 ORDER BY purge_from LIMIT ?2";
    put_off_inquiry = "UPDATE otl_inquiries SET purge_from = NULL WHERE tenant = ?1 AND id = ?2";
    file_inquiry = "UPDATE otl_inquiries SET purge_from = ended_at \
        WHERE tenant = ?1 AND id = ?2 AND purge_from IS NULL AND ended_at IS NOT NULL";
    delete_inquiry = "DELETE FROM otl_inquiries WHERE tenant = ?1 AND id = ?2";

    insert_event = "INSERT INTO otl_outbox (id, tenant, inquiry, sequence, at, name, word, link, session, \
        instant, number) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11)";
    events = "SELECT position, id, tenant, inquiry, sequence, at, name, word, link, session, instant, number \
        FROM otl_outbox WHERE position > ?1 ORDER BY position LIMIT ?2";
    any_event = "SELECT 1 FROM otl_outbox WHERE tenant = ?1 AND inquiry = ?2 LIMIT 1";
    delete_event = "DELETE FROM otl_outbox WHERE position = ?1 RETURNING tenant, inquiry";
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use crate::tables::Tables;

    /// S3: no statement reads a table, or an index, from end to end: each finds what it looks for.
    #[test]
    fn nothing_is_scanned() {
        let mut connection = Connection::open_in_memory().unwrap();
        let tables = Tables::with_prefix("app_otl_").unwrap();
        tables.migrate(&mut connection).unwrap();
        let statements = tables.sql().all();
        assert!(30 < statements.len());
        for (name, sql) in statements {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let parameters = vec![rusqlite::types::Null; statement.parameter_count()];
            let steps = statement
                .query_map(rusqlite::params_from_iter(parameters), |row| row.get::<_, String>("detail"))
                .unwrap();
            for step in steps {
                let step = step.unwrap();
                assert!(!step.contains("SCAN"), "{name}: {step}");
                let sorts = step.contains("TEMP B-TREE");
                // An inquiry's endings are few: of each purge's survivors two at the most.
                assert!(!sorts || name == "endings", "{name}: {step}");
            }
        }
    }

    /// S3: sweeps, purges and lists find their records by the index that is made for them.
    #[test]
    fn each_order_has_its_index() {
        let mut connection = Connection::open_in_memory().unwrap();
        let tables = Tables::new();
        tables.migrate(&mut connection).unwrap();
        let sql = tables.sql();
        let between = |by, columns| {
            format!("otl_inquiries_by_{by} ({columns} AND (created_at,id)>(?,?) AND (created_at,id)<(?,?))")
        };
        for (sql, index) in [
            (&sql.lapsed, "otl_inquiries_to_sweep ((expires_at,tenant,id)>(?,?,?)"),
            (&sql.by_status, &between("status", "tenant=? AND status=?")),
            (&sql.by_status_backwards, &between("status", "tenant=? AND status=?")),
            (&sql.by_template, &between("template", "tenant=? AND template=? AND status=?")),
            (&sql.by_template_backwards, &between("template", "tenant=? AND template=? AND status=?")),
            (&sql.by_reference, &between("reference", "tenant=? AND reference=?")),
            (&sql.by_reference_backwards, &between("reference", "tenant=? AND reference=?")),
            (&sql.old_links, "otl_links_to_purge (purge_from<?"),
            (&sql.old_sessions, "otl_sessions_to_purge (purge_from<?"),
            (&sql.old_inquiries, "otl_inquiries_to_purge (purge_from<?"),
            (&sql.children_kept_until, "otl_links_by_parent (tenant=? AND inquiry=? AND parent=?)"),
            (&sql.links, "otl_links_by_id (tenant=? AND inquiry=? AND id<?)"),
            (&sql.link, "sqlite_autoindex_otl_links_1 (digest=?)"),
        ] {
            let mut statement = connection.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
            let parameters = vec![rusqlite::types::Null; statement.parameter_count()];
            let plan: Vec<String> = statement
                .query_map(rusqlite::params_from_iter(parameters), |row| row.get("detail"))
                .unwrap()
                .map(Result::unwrap)
                .collect();
            assert!(plan.iter().any(|step| step.contains(index)), "{index}: {plan:?}");
        }
    }
}
