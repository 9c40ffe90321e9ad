//! What a redemption and a purge cost beside ten thousand live links, and beside five million; and a page of a list, beside
//! a million inquiries.
//!
//! Costs are pages touched, which the server counts, and which do not depend on how busy the machine is. Times are
//! printed and not judged: `cargo test -p inquiry-otl-postgres --test scale -- --nocapture` shows them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_precision_loss,
    missing_docs,
    reason = "a test may panic"
)]

mod listing;

use std::{collections::BTreeMap, sync::LazyLock, time::Instant};

use inquiry_otl::store::{Housekeeping, Purged};
use inquiry_otl_postgres::{Options, PostgresStore, SchemaName, migration_script};
use inquiry_otl_testkit::postgres::{Postgres, purge_of_old};
use tokio::sync::{Mutex, MutexGuard};
use tokio_postgres::{Client, NoTls};

/// A schema, and how many live links it has: each with an inquiry of its own, since that makes the tables as large, and
/// the indexes as high, as such links can.
const SIZES: [(&str, u32); 2] = [("few", 10_000), ("many", 5_000_000)];

/// How many links are past keeping, beside them.
const OLD: u64 = 100_000;

/// Redemptions that are measured; so many before them fill the caches of catalogue and plans.
const REDEMPTIONS: u32 = 100;

/// S2: a redemption touches as many pages beside 5,000,000 live links as beside 10,000, but for the levels by which
/// the indexes that it descends are higher; and whatever it updates stays on its page.
#[tokio::test]
async fn a_redemption_touches_the_same_pages() {
    let server = filled().await;
    let client = connect(&server).await;
    let mut measured = Vec::new();
    for (schema, links) in SIZES {
        for n in 0..REDEMPTIONS {
            redeem(&client, schema, spread(n, links)).await;
        }
        let scans = index_scans(&client, schema).await;
        let began = Instant::now();
        let mut pages = Vec::new();
        for n in REDEMPTIONS..2 * REDEMPTIONS {
            pages.push(redeem(&client, schema, spread(n, links)).await);
        }
        let each = began.elapsed() / REDEMPTIONS;
        pages.sort_unstable();
        let scanned = index_scans(&client, schema).await;
        let heights = heights(&client, schema).await;
        let descents: BTreeMap<String, u64> = scanned
            .iter()
            .map(|(index, n)| (index.clone(), (n - scans[index]) / u64::from(REDEMPTIONS)))
            .collect();
        println!(
            "redemption beside {links} live links: {} pages (least {}, most {}), {each:?} with EXPLAIN; \
             descents {descents:?}; levels {heights:?}",
            pages[pages.len() / 2],
            pages[0],
            pages[pages.len() - 1],
        );
        measured.push((pages[pages.len() / 2], descents, heights));
        assert_eq!(
            used(&client, schema).await,
            u64::from(2 * REDEMPTIONS),
            "redemptions that were first uses"
        );
        for table in ["links", "inquiries"] {
            assert_eq!(
                updates(&client, schema, table).await,
                (0, u64::from(2 * REDEMPTIONS)),
                "updates of {table}"
            );
        }
    }
    let [(few, descents, low), (many, same, high)] = measured.try_into().unwrap();
    assert_eq!(descents, same, "the same work");
    assert!(2 <= descents.values().sum::<u64>(), "a redemption finds by indexes: {descents:?}");
    // A session goes into its indexes, too, which is no scan; those are as high in both.
    for index in low.keys().filter(|index| index.starts_with("sessions")) {
        assert_eq!(low[index], high[index], "{index}");
    }
    let higher: u64 = descents.iter().map(|(index, n)| n * (high[index] - low[index])).sum();
    println!(
        "5,000,000 live links cost {} pages more, and indexes that are higher explain {higher}",
        many - few
    );
    assert_eq!(few + higher, many, "pages of a redemption beside 10,000 links, and beside 5,000,000");
}

/// S3: purging 100,000 links, with the sessions and inquiries that go with them, costs the same beside 10,000 live
/// links and beside 5,000,000.
#[tokio::test]
async fn a_purge_costs_what_it_removes() {
    let server = filled().await;
    let client = connect(&server).await;
    let mut costs = Vec::new();
    for (schema, links) in SIZES {
        server.fill_with_old(schema, OLD);
        let options = Options::new().with_schema(SchemaName::new(schema).unwrap()).with_connections(1);
        let store = PostgresStore::connect(server.url().parse().unwrap(), NoTls, options).unwrap();
        let before = pages(&client).await;
        let began = Instant::now();
        let mut all = Purged::default();
        loop {
            let purged = store.purge(purge_of_old()).await.unwrap();
            all.links += purged.links;
            all.sessions += purged.sessions;
            all.inquiries += purged.inquiries;
            if !purged.more {
                break;
            }
        }
        let took = began.elapsed();
        let connection = store.pool().get().await.unwrap();
        connection.batch_execute("SELECT pg_stat_force_next_flush()").await.unwrap();
        let cost = pages(&client).await - before;
        println!("purge of {OLD} links beside {links} live ones: {cost} pages, {took:?}");
        assert_eq!((all.links, all.sessions, all.inquiries), (OLD, OLD / 2, OLD), "what was purged");
        costs.push(cost as f64);
    }
    // A look-up goes down one level more in the larger tables, and each record costs several.
    assert!(
        costs[1] <= 1.3 * costs[0],
        "pages of a purge beside 10,000 links, and beside 5,000,000: {costs:?}"
    );
}

/// One server for both tests, which take turns: what the server counts must be of one of them alone.
///
/// Nothing cleans up or writes back beside them, and nothing has to last.
async fn filled() -> MutexGuard<'static, Postgres> {
    static SERVER: LazyLock<Mutex<Postgres>> = LazyLock::new(|| {
        let server = Postgres::start_with(&[
            "autovacuum = off",
            "fsync = off",
            "full_page_writes = off",
            "maintenance_work_mem = 512MB",
            "max_wal_senders = 0",
            "max_wal_size = 16GB",
            "shared_buffers = 1GB",
            "wal_level = minimal",
        ]);
        server.sql("CREATE EXTENSION pageinspect");
        for (schema, links) in SIZES {
            let began = Instant::now();
            server.fill(&migration_script(&SchemaName::new(schema).unwrap()), schema, links);
            println!("{links} live links were written in {:?}", began.elapsed());
        }
        Mutex::new(server)
    });
    SERVER.lock().await
}

async fn connect(server: &Postgres) -> Client {
    let (client, connection) = tokio_postgres::connect(&server.url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    client
}

/// The number of the `n`-th link that is redeemed: each on a page of its own, also among few.
fn spread(n: u32, links: u32) -> u32 {
    1 + n * (links / (2 * REDEMPTIONS))
}

/// Redeems a link as the store does, and says how many pages that touched, all that the function did included.
async fn redeem(client: &Client, schema: &str, n: u32) -> u64 {
    let text = format!(
        "EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) SELECT * FROM {schema}.redeem('once', 'default',
            sha256('code {n}'), NULL, NULL, '2026-11-24 12:00Z', NULL, NULL, NULL, '2026-11-24 11:50Z', NULL,
            gen_random_uuid(), sha256('token {n}'), gen_random_uuid(), false)"
    );
    let plan: serde_json::Value = client.query_one(&text, &[]).await.unwrap().get(0);
    let count = |kind: &str| plan[0]["Plan"][kind].as_u64().unwrap();
    count("Shared Hit Blocks") + count("Shared Read Blocks")
}

/// How often each index was descended to find something.
async fn index_scans(client: &Client, schema: &str) -> BTreeMap<String, u64> {
    let text = "SELECT indexrelname::text, idx_scan FROM pg_stat_user_indexes WHERE schemaname = $1";
    numbers(client, text, schema).await
}

/// How many pages lie between the root of each index and its leaves.
async fn heights(client: &Client, schema: &str) -> BTreeMap<String, u64> {
    let text = "SELECT indexrelname::text, (bt_metap(indexrelid::regclass::text)).fastlevel
        FROM pg_stat_user_indexes WHERE schemaname = $1";
    numbers(client, text, schema).await
}

async fn numbers(client: &Client, text: &str, schema: &str) -> BTreeMap<String, u64> {
    flush(client).await;
    let rows = client.query(text, &[&schema]).await.unwrap();
    rows.iter().map(|row| (row.get(0), u64::try_from(row.get::<_, i64>(1)).unwrap())).collect()
}

/// How many links were used.
async fn used(client: &Client, schema: &str) -> u64 {
    let text = format!("SELECT count(*) FROM {schema}.links WHERE used_at > '2026-11-24Z'");
    u64::try_from(client.query_one(&text, &[]).await.unwrap().get::<_, i64>(0)).unwrap()
}

/// Updates that touched the indexes, and updates that stayed on their page.
async fn updates(client: &Client, schema: &str, table: &str) -> (u64, u64) {
    flush(client).await;
    let text = "SELECT n_tup_upd - n_tup_hot_upd, n_tup_hot_upd FROM pg_stat_user_tables
        WHERE schemaname = $1 AND relname = $2";
    let row = client.query_one(text, &[&schema, &table]).await.unwrap();
    (u64::try_from(row.get::<_, i64>(0)).unwrap(), u64::try_from(row.get::<_, i64>(1)).unwrap())
}

/// How many pages all connections have touched.
async fn pages(client: &Client) -> u64 {
    flush(client).await;
    let text = "SELECT blks_hit + blks_read FROM pg_stat_database WHERE datname = current_database()";
    u64::try_from(client.query_one(text, &[]).await.unwrap().get::<_, i64>(0)).unwrap()
}

/// What this connection did is counted from now on.
async fn flush(client: &Client) {
    client.batch_execute("SELECT pg_stat_force_next_flush()").await.unwrap();
}
