//! What a page of a list costs beside a million inquiries: steps of the engine's machine, which do not depend on how busy
//! this one is. `cargo test -p inquiry-otl-sqlite --test scale -- --nocapture` prints them.
#![allow(clippy::unwrap_used, clippy::arithmetic_side_effects, missing_docs, reason = "a test may panic")]

use std::sync::{
    Arc,
    atomic::{AtomicU64, Ordering},
};

use inquiry_otl::{
    ExpirationPolicy, InquiryPage,
    store::{ListInquiries, PageFrom},
};
use inquiry_otl_sqlite::{
    SqliteTransaction, Tables,
    rusqlite::{Connection, params},
};
use inquiry_otl_testkit::lists::{BUSY, INQUIRIES, began, busy, lists};

/// So many steps a page may take: a row is some tens of them.
const STEPS: u64 = 50_000;

/// I6, S3: wherever a page is, and however rare what its filter keeps, it takes some thousand steps; what no index leads
/// to is looked for in bounded ones. Without an index it takes millions.
#[test]
fn a_page_takes_few_steps() {
    let (connection, tables) = filled();
    let steps = Arc::new(AtomicU64::new(0));
    let counter = Arc::clone(&steps);
    connection
        .progress_handler(
            1,
            Some(move || {
                counter.fetch_add(1, Ordering::Relaxed);
                false
            }),
        )
        .unwrap();
    let page = |list: &ListInquiries| -> (InquiryPage, u64) {
        let transaction = connection.unchecked_transaction().unwrap();
        let before = steps.load(Ordering::Relaxed);
        let page = SqliteTransaction::new(&transaction, &tables).inquiries(list).unwrap();
        (page, steps.load(Ordering::Relaxed) - before)
    };
    for (name, list, count) in lists() {
        let (page, taken) = page(&list);
        println!("{name}: {} inquiries, {taken} steps", page.items.len());
        assert_eq!(page.items.len(), count, "{name}");
        assert!(page.items.iter().all(|inquiry| list.keeps(inquiry)), "{name}");
        assert!(count == 50 || page.more.is_none(), "{name}: a page that is not the last");
        assert!(taken <= STEPS, "{name}: {taken} steps");
    }
    let (first, taken) = page(&busy());
    println!("what expired, behind {BUSY} that did not: {taken} steps");
    assert!(first.items.is_empty() && taken <= 10 * STEPS, "{taken} steps");
    let (second, _) = page(&ListInquiries { from: PageFrom::After(first.more.unwrap()), ..busy() });
    assert_eq!(second, InquiryPage::default(), "the end of the list");

    // The control: a count that sees what the indexes spare.
    connection.execute_batch("DROP INDEX otl_inquiries_by_status").unwrap();
    let (name, list, _) = lists().swap_remove(3);
    let (_, taken) = page(&list);
    println!("{name}, without its index: {taken} steps");
    assert!(1_000_000 < taken, "{taken} steps");
}

/// A million inquiries, and those of a second tenant. The indexes are made afterwards, as in a store of the first version.
fn filled() -> (Connection, Tables) {
    let mut connection = Connection::open_in_memory().unwrap();
    let tables = Tables::new();
    tables.migrate(&mut connection).unwrap();
    connection
        .execute_batch(
            "DROP INDEX otl_inquiries_by_status; DROP INDEX otl_inquiries_by_template;
            DROP INDEX otl_inquiries_by_reference; UPDATE otl_schema SET version = 1",
        )
        .unwrap();
    let policy = serde_json::to_string(&ExpirationPolicy::default()).unwrap();
    let insert = "INSERT INTO otl_inquiries (tenant, id, template, reference, status, policy, expires_at, created_at,
            version, epoch, resume_generation, resume_has_links, handoff_generation, handoff_has_links,
            sessions_started, last_sequence, epoch_links, resume_links, handoff_links)
        SELECT ?1, printf('inq_%010d', value), iif(value % 100000 = 5, 'itmpl_rare', 'itmpl_' || value % 7),
            'person ' || value / 3, CASE WHEN ?1 = 'busy' THEN 'created' WHEN value % 100000 = 7 THEN 'needs_review'
                WHEN 997000 < value THEN 'created' WHEN value % 2 = 1 THEN 'completed' ELSE 'approved' END,
            ?2, ?3 + (value + 86400) * 1000000, ?3 + value * 1000000, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0
        FROM (WITH RECURSIVE n(value) AS (VALUES (1) UNION ALL SELECT value + 1 FROM n WHERE value < ?4)
            SELECT value FROM n)";
    for (tenant, count) in [("default", INQUIRIES), ("busy", BUSY)] {
        connection.execute(insert, params![tenant, policy, began().unix_micros(), count]).unwrap();
    }
    tables.migrate(&mut connection).unwrap();
    (connection, tables)
}
