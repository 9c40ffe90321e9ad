//! What a page of a list costs beside a million inquiries.

use std::time::Instant;

use inquiry_otl::{
    InquiryPage,
    store::{Directory, ListInquiries, PageFrom},
};
use inquiry_otl_postgres::{Options, PostgresStore, SchemaName, migration_script, upgrade_script};
use inquiry_otl_testkit::{
    lists::{BUSY, INQUIRIES, began, busy, lists},
    postgres::Postgres,
};
use tokio_postgres::{Client, NoTls};

use crate::{connect, pages};

/// So many pages a page of 50 may touch: its rows are of 50, and each of up to eight streams goes down to a leaf or two.
const PAGES: u64 = 400;

/// I6, S3: wherever a page is, and however rare what its filter keeps, it touches some hundred pages, and reads no table
/// from end to end; what no index leads to is looked for in bounded steps. Without an index it touches thousands.
#[tokio::test]
async fn lists_touch_few_pages() {
    let server = filled();
    let client = connect(&server).await;
    let options = Options::new().with_schema(SchemaName::new("lists").unwrap()).with_connections(1);
    let store = PostgresStore::connect(server.url().parse().unwrap(), NoTls, options).unwrap();
    // The first ones fill the caches of catalogue and plans, and make the planner choose for all that come.
    for _ in 0..7 {
        for (_, list, _) in lists() {
            store.inquiries(list).await.unwrap();
        }
    }
    for (name, list, count) in lists() {
        let began = Instant::now();
        let (page, touched) = page(&store, &client, list.clone()).await;
        println!("{name}: {} inquiries, {touched} pages, {:?}", page.items.len(), began.elapsed());
        assert_eq!(page.items.len(), count, "{name}");
        assert!(page.items.iter().all(|inquiry| list.keeps(inquiry)), "{name}");
        assert!(count == 50 || page.more.is_none(), "{name}: a page that is not the last");
        assert!(touched <= PAGES, "{name}: {touched} pages");
    }
    let (first, touched) = page(&store, &client, busy()).await;
    println!("what expired, behind {BUSY} that did not: {touched} pages");
    assert!(first.items.is_empty() && touched <= PAGES, "{touched} pages");
    let (second, _) =
        page(&store, &client, ListInquiries { from: PageFrom::After(first.more.unwrap()), ..busy() }).await;
    assert_eq!(second, InquiryPage::default(), "the end of the list");
    let scans =
        "SELECT seq_scan FROM pg_stat_user_tables WHERE schemaname = 'lists' AND relname = 'inquiries'";
    let before: i64 = client.query_one(scans, &[]).await.unwrap().get(0);

    // The control: counts that see what the indexes spare.
    client.batch_execute("DROP INDEX lists.inquiries_by_status, lists.inquiries_by_template").await.unwrap();
    let (name, list, _) = lists().swap_remove(3);
    let (_, touched) = page(&store, &client, list).await;
    let after: i64 = client.query_one(scans, &[]).await.unwrap().get(0);
    println!("{name}, without its index: {touched} pages");
    assert!(10 * PAGES < touched && before < after, "{touched} pages, {} scans of the table", after - before);
    // Those that made the indexes.
    assert_eq!(before, 3, "scans of the table");
}

async fn page(store: &PostgresStore, client: &Client, list: ListInquiries) -> (InquiryPage, u64) {
    let before = pages(client).await;
    let page = store.inquiries(list).await.unwrap();
    let connection = store.pool().get().await.unwrap();
    connection.batch_execute("SELECT pg_stat_force_next_flush()").await.unwrap();
    (page, pages(client).await - before)
}

/// A million inquiries, and those of a second tenant; the indexes are made afterwards.
fn filled() -> Postgres {
    let server = Postgres::start_with(&[
        "autovacuum = off",
        "fsync = off",
        "full_page_writes = off",
        "maintenance_work_mem = 256MB",
        "max_wal_senders = 0",
        "max_wal_size = 8GB",
        "shared_buffers = 1GB",
        "wal_level = minimal",
    ]);
    let schema = SchemaName::new("lists").unwrap();
    server.sql(&migration_script(&schema));
    server.sql(
        "DROP INDEX lists.inquiries_by_status, lists.inquiries_by_template, lists.inquiries_by_reference",
    );
    let began = began().unix_micros() / 1_000_000;
    for (tenant, count) in [("default", INQUIRIES), ("busy", BUSY)] {
        server.sql(&format!(
            "INSERT INTO lists.inquiries (tenant, id, template, reference, status, policy, expires_at, created_at,
                version, epoch, resume_generation, resume_has_links, device_handoff_generation,
                device_handoff_has_links, sessions_started, last_sequence)
            SELECT '{tenant}', 'inq_' || lpad(n::text, 10, '0'),
                CASE WHEN n % 100000 = 5 THEN 'itmpl_rare' ELSE 'itmpl_' || n % 7 END, 'person ' || n / 3,
                CASE WHEN '{tenant}' = 'busy' THEN 'created' WHEN n % 100000 = 7 THEN 'needs_review'
                    WHEN 997000 < n THEN 'created' WHEN n % 2 = 1 THEN 'completed' ELSE 'approved' END,
                '{{\"session-limit\": 25}}', to_timestamp({began} + n + 86400), to_timestamp({began} + n), 1, 1, 0, false, 0,
                false, 0, 1
            FROM generate_series(1, {count}) n"
        ));
    }
    server.sql(&upgrade_script(&schema, 1));
    server.sql("VACUUM (ANALYZE) lists.inquiries");
    server
}
