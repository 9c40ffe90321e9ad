//! What dropping a partition costs, and what partitions cost a look-up.

use std::time::Duration;

use crate::world::World;

/// S3: dropping a partition of 10,000 links costs the same beside 10,000 that stay and beside 300,000.
#[tokio::test]
async fn a_drop_costs_what_goes() {
    let mut costs = Vec::new();
    for staying in [10_000, 300_000] {
        let world = World::new().await;
        world.ensure(0, 3).await;
        world.fill(0, 10_000, 1);
        world.fill(10_000, staying, 3);
        // As after the deadline of those that go.
        world.sql(
            "SET client_min_messages = error;
            UPDATE inquiries SET status = 'expired', expired_at = '1970-01-02Z', epoch = epoch + 1
            WHERE id <= 'inq_0000010000';
            INSERT INTO endings (tenant, inquiry, kind, number, why, at)
            SELECT 'default', id, 'epoch', epoch - 1, 'deadline', '1970-01-02Z' FROM inquiries WHERE status = 'expired';
            UPDATE links SET used_at = '1970-01-01 01:00Z', session = id WHERE expires_at < '1970-01-02Z';
            INSERT INTO sessions (tenant, inquiry, id, link, epoch, started_at, expires_at, tokens, purge_from)
            SELECT 'default', inquiry, id, id, epoch, '1970-01-01 01:00Z', '1970-01-02Z', sha256(''), '1970-01-02Z'
            FROM links WHERE session IS NOT NULL",
        );
        world.sql("ANALYZE inquiries, sessions, endings, links");
        let client = world.connection().await;
        let detach = "SELECT detach_partition('links_19700101', '1970-03-01Z', 600)";
        let (mut pages, mut took) = explain(&client, detach).await;
        let size: i64 =
            client.query_one("SELECT pg_relation_size('links_19700101') / 8192", &[]).await.unwrap().get(0);
        for page in (0..size).step_by(32) {
            let clear = format!("SELECT clear_partition('links_19700101', {page}, 32, '1970-02-01Z')");
            let cost = explain(&client, &clear).await;
            pages += cost.0;
            took += cost.1;
        }
        println!("dropping 10,000 links beside {staying} that stay: {pages} pages, {took:?}");
        assert_eq!(
            (world.count("links"), world.count("endings"), world.count("sessions")),
            (staying.into(), 0, 0)
        );
        costs.push(pages);
    }
    // Indexes are one level higher.
    assert!(costs[1] * 10 <= costs[0] * 13, "pages of a drop beside few and many: {costs:?}");
}

/// S2: a look-up by digest goes into every partition, and a redemption does so once: what it costs is written down.
#[tokio::test]
async fn what_a_look_up_costs() {
    const LINKS: u32 = 90_000;
    println!("| partitions | look-up: pages | look-up: time | redemption: pages | redemption: time |");
    println!("|---:|---:|---:|---:|---:|");
    let mut measured = Vec::new();
    for partitions in [0, 1, 10, 30, 90_u32] {
        let world = if partitions == 0 { World::plain().await } else { World::new().await };
        if partitions > 0 {
            world.ensure(0, i64::from(partitions) - 1).await;
        }
        world.fill(0, LINKS, partitions.max(1));
        // Of its own tables: what others have is locked by others.
        world.sql("ANALYZE inquiries, sessions, endings, links");
        let client = world.connection().await;
        client
            .batch_execute(
                "PREPARE look (bytea) AS SELECT * FROM links WHERE digest = $1 AND tenant = 'default'",
            )
            .await
            .unwrap();
        let (mut looks, mut redemptions) = (Vec::new(), Vec::new());
        for n in 1..=60 {
            let code = n * (LINKS / 61);
            looks.push(explain(&client, &format!("EXECUTE look (sha256('code {code}'))")).await);
            let redeem = format!(
                "SELECT * FROM redeem('once', 'default', sha256('code {code}'), NULL, NULL, '1970-01-01 01:00Z', NULL,
                    NULL, NULL, '1970-01-01 00:50Z', NULL, gen_random_uuid(), sha256('token'), gen_random_uuid(), false)"
            );
            redemptions.push(explain(&client, &redeem).await);
        }
        // The first ones fill the caches of catalogue and plans.
        let (look, redemption) = (median(&mut looks[20..]), median(&mut redemptions[20..]));
        let layout = if partitions == 0 { "not partitioned".to_owned() } else { partitions.to_string() };
        println!("| {layout} | {} | {:?} | {} | {:?} |", look.0, look.1, redemption.0, redemption.1);
        assert_eq!(world.sql("SELECT count(*) FROM links WHERE used_at IS NOT NULL"), "60", "first uses");
        measured.push((u64::from(partitions), look.0, redemption.0));
    }
    for window in measured.windows(2).skip(1) {
        let [(few, look, redemption), (many, more_look, more_redemption)] = [window[0], window[1]];
        // One descent into each: two pages, or three if its index is higher, and none into the empty default.
        assert!(more_look <= look + 3 * (many - few), "pages of a look-up: {measured:?}");
        // It goes into all of them once, and then knows the partition.
        assert!(more_redemption <= redemption + 3 * (many - few), "pages of a redemption: {measured:?}");
    }
}

fn median(costs: &mut [(u64, Duration)]) -> (u64, Duration) {
    let middle = costs.len() / 2;
    costs.sort_unstable_by_key(|cost| cost.0);
    let pages = costs[middle].0;
    costs.sort_unstable_by_key(|cost| cost.1);
    (pages, costs[middle].1)
}

/// How many pages a statement touches, planning included, and how long it takes.
async fn explain(client: &tokio_postgres::Client, statement: &str) -> (u64, Duration) {
    let text = format!("EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) {statement}");
    let plan: serde_json::Value = client.query_one(&text, &[]).await.unwrap().get(0);
    let count = |part: &str, kind: &str| plan[0][part][kind].as_u64().unwrap_or_default();
    let pages = ["Plan", "Planning"]
        .iter()
        .map(|part| count(part, "Shared Hit Blocks") + count(part, "Shared Read Blocks"))
        .sum();
    let millis = plan[0]["Execution Time"].as_f64().unwrap() + plan[0]["Planning Time"].as_f64().unwrap();
    (pages, Duration::from_secs_f64(millis / 1e3))
}
