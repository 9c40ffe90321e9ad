//! What a command reads does not grow with what is kept.

use std::time::Duration;

use futures_util::future::join_all;
use inquiry_otl::{
    Interval, LinkStore, Revocation,
    issuance::{IssueLink, Outstanding},
    redemption::Verdict,
    revocation::Revoke,
    store::{Housekeeping, Inspect, LinkName, Outbox, Purge, Sweep},
};
use inquiry_otl_postgres::PostgresStore;
use inquiry_otl_testkit::postgres;

use crate::support::{
    Schema, created, digest, event, expire, issue, issued, key, open, redeem, sec, verdict,
};

fn purge(now: i64, retention: Interval) -> Purge {
    Purge {
        now: sec(now),
        retention,
        inquiry_retention: Some(retention),
        repeats_after: sec(now - 600),
        limit: 1_000,
    }
}

/// S3: a connection keeps its plans while tables grow; those that it makes for tables of a few rows scan none.
#[tokio::test]
async fn no_plan_scans_a_small_table() {
    let schema = Schema::new();
    let options = || schema.options().with_outbox().with_connections(1);
    let first = schema.store_with(options()).await;
    for n in 0..3 {
        created(&first, n).await;
        issued(&first, n, n).await;
        verdict(&first, n).await;
    }
    close(first).await;
    for table in ["inquiries", "links", "sessions", "endings", "outbox"] {
        postgres::shared().sql(&format!("VACUUM ANALYZE \"{}\".{table}", schema.0));
    }
    let scans = || {
        let scans =
            schema.sql("SELECT sum(seq_scan) FROM pg_stat_user_tables WHERE schemaname = current_schema");
        scans.trim().parse::<u64>().unwrap()
    };
    let before = scans();
    let store = open(&postgres::shared().url(), options());
    // A statement is planned for its parameters five times, and then perhaps once for all.
    for round in 1..12 {
        everything(&store, round * 100).await;
    }
    close(store).await;
    assert_eq!(scans(), before, "how often a table was read from end to end");
}

/// S3: no plan is compiled, however dear a scan counts that cannot be avoided: that would take seconds for a few rows.
#[tokio::test]
async fn no_plan_is_compiled() {
    let schema = Schema::new();
    let client = schema.store().await.pool().get().await.unwrap();
    let scan = format!("EXPLAIN (FORMAT JSON) SELECT count(creator) FROM \"{}\".links", schema.0);
    let plan: serde_json::Value = client.query_one(&scan, &[]).await.unwrap().get(0);
    assert!(plan[0]["Plan"]["Total Cost"].as_f64().unwrap() > 1e9, "{plan}");
    assert_eq!(plan[0].get("JIT"), None, "{plan}");
}

/// Ends the one connection of a store, and waits until its process is gone: that tells what it counted when it ends.
async fn close(store: PostgresStore) {
    let client = store.pool().get().await.unwrap();
    let pid: i32 = client.query_one("SELECT pg_backend_pid()", &[]).await.unwrap().get(0);
    drop(client);
    store.pool().close();
    drop(store);
    let is_there = format!("SELECT count(*) FROM pg_stat_activity WHERE pid = {pid}");
    while postgres::shared().sql(&is_there) != "0" {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Some command of every kind, on inquiries and links from that number on.
async fn everything(store: &PostgresStore, n: u32) {
    let of = n;
    created(store, n).await;
    issued(store, n, n).await;
    assert_eq!(verdict(store, n).await, Verdict::FirstUse);
    // Those that come together have statements of their own.
    let many = n + 10..n + 20;
    for outcome in join_all(many.clone().map(|n| store.issue(issue(of, n)))).await {
        outcome.unwrap();
    }
    for attempted in join_all(many.map(|n| store.redeem(redeem(n)))).await {
        assert_eq!(attempted.unwrap().unwrap().verdict, Verdict::FirstUse);
    }
    store.issue(IssueLink { outstanding: Outstanding::Supersede, ..issue(n, n + 1) }).await.unwrap();
    store
        .inspect(Inspect { tenant: key(n).tenant, link: LinkName::Digest(digest(n)) })
        .await
        .unwrap()
        .unwrap();
    let tenant = key(n).tenant;
    let target = Revocation::AllLinks;
    let revoke = Revoke { tenant, inquiry: key(n).inquiry, target, now: sec(3), event: event(n) };
    store.revoke(revoke).await.unwrap();
    expire(store, n).await.unwrap();
    let deliveries = store.pending(None, 99).await.unwrap();
    store.acknowledge(deliveries.into_iter().map(|delivery| delivery.receipt).collect()).await.unwrap();
    store.sweep(Sweep { now: sec(4), limit: 9, event: event(n) }).await.unwrap();
    store.purge(purge(100_000, Interval::from_seconds(60).unwrap())).await.unwrap();
}

/// S3: a link is purged as fast if it is one of ten thousand that superseded each other.
#[tokio::test]
async fn purging_one_of_many_superseded_links() {
    const LINKS: u32 = 10_000;
    let schema = Schema::new();
    let store = schema.store().await;
    created(&store, 1).await;
    let supersede = |n| IssueLink { outstanding: Outstanding::Supersede, ..issue(1, n) };
    for outcome in store.issue_many((0..LINKS).map(supersede).collect()).await {
        outcome.unwrap();
    }
    let impatient = schema.store_with(schema.options().with_statement_timeout(Duration::from_secs(5))).await;
    let kept = Interval::from_seconds(60).unwrap();
    let purged = impatient.purge(Purge { inquiry_retention: None, ..purge(10_000, kept) }).await.unwrap();
    assert_eq!((purged.links, purged.more), (1_000, true));
    assert_eq!(schema.sql("SELECT count(*) FROM endings").trim(), "8999", "those of the links that stay");
}
