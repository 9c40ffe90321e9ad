//! However many records there are, a statement takes those that it needs out of an index, in the order in which it needs them.

use std::{cell::RefCell, collections::BTreeSet};

use inquiry_otl::{
    Digest, Event, EventKind, ExpirationPolicy, InquiryId, LinkId, Purpose, SessionId, TemplateId, TenantId,
    Timestamp,
};
use inquiry_otl_axum::api::Tokens;
use rusqlite::{
    Connection, Transaction,
    trace::{TraceEvent, TraceEventCodes},
};
use serde_json::json;

use super::{TABLES, figures, idempotency, mails, templates, timeline, tokens, webhooks};

/// Tables that stay small: what people enter by hand, and one number.
const SMALL: [&str; 4] = ["endpoints", "idempotency_count", "templates", "tokens"];

/// No statement reads a table whole, or sorts what it has read, but for a page's sums of its hours.
#[test]
fn each_statement_takes_what_it_needs_out_of_an_index() {
    let slow = slow(&mut records());
    assert_eq!(slow, BTreeSet::new());
}

/// The control: without any one of the indexes something is slow, and something else without another.
#[test]
fn each_index_is_needed() {
    let indexes: Vec<String> = records()
        .prepare("SELECT name FROM sqlite_schema WHERE type = 'index' AND sql IS NOT NULL")
        .unwrap()
        .query_map([], |row| row.get(0))
        .unwrap()
        .collect::<Result<_, _>>()
        .unwrap();
    assert_eq!(indexes.len(), 10, "{indexes:?}");
    let mut found = BTreeSet::new();
    for index in &indexes {
        let mut records = records();
        records.execute_batch(&format!("DROP INDEX {index}")).unwrap();
        let slow = slow(&mut records);
        assert!(!slow.is_empty(), "nothing needs {index}");
        found.insert(slow);
    }
    assert_eq!(found.len(), indexes.len());
}

fn records() -> Connection {
    let records = Connection::open_in_memory().unwrap();
    for tables in TABLES {
        records.execute_batch(tables).unwrap();
    }
    records
}

thread_local! {
    /// The statements that were run.
    static RUN: RefCell<BTreeSet<String>> = const { RefCell::new(BTreeSet::new()) };
}

#[expect(clippy::needless_pass_by_value, reason = "as it is called")]
fn heard(event: TraceEvent<'_>) {
    if let TraceEvent::Stmt(_, sql) = event {
        RUN.with_borrow_mut(|run| run.insert(sql.to_owned()));
    }
}

/// The statements that take longer the more records there are, each with the steps of its plan that do.
fn slow(records: &mut Connection) -> BTreeSet<(String, String)> {
    let transaction = records.transaction().unwrap();
    transaction.trace_v2(TraceEventCodes::SQLITE_TRACE_STMT, Some(heard));
    everything(&transaction).unwrap();
    transaction.trace_v2(TraceEventCodes::empty(), None);
    let run = RUN.take();
    assert!(30 < run.len(), "{run:?}");
    let steps = |sql: &str| -> Vec<String> {
        let mut statement = transaction.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
        statement.raw_query().mapped(|row| row.get(3)).collect::<Result<_, _>>().unwrap()
    };
    let is_slow = |sql: &str, step: &str| match step.strip_prefix("SCAN ") {
        // What has no table: whether there is any.
        Some("CONSTANT ROW") => false,
        Some(table) => !SMALL.contains(&table.split(' ').next().unwrap()),
        None => step.contains("TEMP B-TREE") && sql != figures::SINCE.trim(),
    };
    run.iter()
        // What a trigger does is told as a comment.
        .filter(|sql| !sql.starts_with("--"))
        .flat_map(|sql| steps(sql).into_iter().map(move |step| (sql.clone(), step)))
        .filter(|(sql, step)| is_slow(sql, step))
        .collect()
}

/// All that the server does with its records.
fn everything(to: &Transaction<'_>) -> rusqlite::Result<()> {
    let now = Timestamp::from_unix_micros(1_800_000_000_000_000).unwrap();
    what_happened(to, now)?;
    what_is_mailed(to, now)?;
    what_is_sent(to, now)?;

    let (token, cookie): (Digest, Digest) = (Tokens::digest("token"), Tokens::digest("cookie"));
    tokens::add(to, &token, "admin", now)?;
    tokens::exist(to)?;
    tokens::all(to)?;
    let number = tokens::find(to, &token)?.unwrap();
    tokens::sign_in(to, &cookie, number, now, now)?;
    tokens::signed_in(to, &cookie, now)?;
    tokens::sign_out(to, &cookie)?;
    tokens::add(to, &Tokens::digest("another"), "another", now)?;
    tokens::revoke(to, "another", now)?;

    let id = TemplateId::new("itmpl_identity").unwrap();
    let policy = ExpirationPolicy::default();
    let template = templates::Template { id, name: String::new(), policy };
    templates::add(to, &template)?;
    templates::change(to, &template)?;
    templates::all(to)?;
    idempotency::purge(to, now.unix_micros()).map(drop)
}

fn inquiry() -> InquiryId {
    InquiryId::new("inq_plan").unwrap()
}

fn link() -> LinkId {
    LinkId::new("otl_00000000000000000000000000").unwrap()
}

fn what_happened(to: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<()> {
    let session = SessionId::new("iqse_00000000000000000000000000").unwrap();
    let created = EventKind::LinkCreated { link: link(), purpose: Purpose::Resume, expires_at: now };
    let redeemed = EventKind::LinkRedeemed { link: link(), session };
    for (sequence, kind) in (1..).zip([created, redeemed]) {
        let id = "evt_00000000000000000000000000".parse().unwrap();
        let event = Event::new(id, TenantId::default(), Some(inquiry()), Some(sequence), now, kind);
        timeline::add(to, &event)?;
        figures::count(to, &event)?;
    }
    timeline::of(to, inquiry(), None, 50)?;
    timeline::of(to, inquiry(), Some(2), 50)?;
    timeline::inquiry_of(to, link())?;
    figures::since(to, 1, 24)?;
    timeline::purge(to, now, 10)?;
    figures::purge(to, now, 10).map(drop)
}

fn what_is_mailed(to: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<()> {
    let mail = mails::Mail {
        id: "mail_1".to_owned(),
        inquiry: inquiry(),
        link: None,
        address: None,
        asked: serde_json::from_value(json!({"older": "keep"})).unwrap(),
        created_at: now,
        attempts: 0,
        next_at: Some(now),
        ended_at: None,
        ending: None,
        reason: None,
    };
    mails::add(to, &mail)?;
    mails::ready(to, &mail.id, link(), now)?;
    mails::is_due(to, now)?;
    assert_eq!(mails::take(to, now, 10)?.len(), 1);
    mails::later(to, &mail.id, 1, now, "")?;
    mails::redact(to, inquiry(), now)?;
    mails::end(to, &mail.id, mails::Ending::Sent, None, now)?;
    mails::find(to, &mail.id)?;
    mails::newest(to, None, 50)?;
    mails::newest(to, Some("mail_2"), 50)?;
    mails::purge(to, now, 10).map(drop)
}

fn what_is_sent(to: &Transaction<'_>, now: Timestamp) -> rusqlite::Result<()> {
    let endpoint = webhooks::Endpoint {
        id: "whe_1".to_owned(),
        url: String::new(),
        names: None,
        created_at: now,
        disabled_at: None,
        disabled_why: None,
    };
    webhooks::add(to, &endpoint)?;
    webhooks::enqueue(to, &endpoint.id, ("evt_1", "inquiry.created"), "{}", now)?;
    assert_eq!(webhooks::due(to, now)?.len(), 1);
    let taken = webhooks::take(to, &endpoint.id, now, 10)?;
    webhooks::attempted(to, &taken[0], &webhooks::Attempted::Gone, now)?;
    webhooks::again(to, &endpoint.id, taken[0].number, now)?;
    webhooks::deliveries(to, &endpoint.id, None, 50)?;
    webhooks::deliveries(to, &endpoint.id, Some(1), 50)?;
    webhooks::purge(to, now, 10)?;
    webhooks::endpoints(to)?;
    webhooks::find(to, &endpoint.id)?;
    webhooks::remove(to, &endpoint.id)
}
