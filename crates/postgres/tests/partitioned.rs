//! Links partitioned by expiry: the conformance suite on that layout, and what only it does.
//!
//! The table of `PARTITIONS.md` is printed by
//! `cargo test -p inquiry-otl-postgres --test partitioned what_a_look_up_costs -- --nocapture`.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    clippy::cast_possible_truncation,
    missing_docs,
    reason = "a test may panic"
)]

use std::{
    num::NonZeroU16,
    sync::{
        Mutex,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};

use inquiry_otl::{
    Attempt, Digest, EventId, ExpirationPolicy, InquiryId, Interval, IssuedLink, LinkId, LinkRequest,
    LinkStore, ManualClock, NewInquiry, OnOutstanding, Operator, Purpose, Redemption, Refusal, Service,
    SessionId, StoreErrorKind, TemplateId, TenantId, Timestamp,
    conformance::Fixture,
    issuance::{IssueLink, Lifetime, Outstanding},
    redemption::{Commit, Mode, Redeem, Verdict},
    store::{Housekeeping, IssueOutcome, Outbox, Purge, Receipt},
};
use inquiry_otl_postgres::{Dropped, Options, PostgresStore, SchemaName};
use inquiry_otl_testkit::postgres;
use tokio_postgres::NoTls;

mod conformance {
    use super::Stores;

    inquiry_otl::link_store_conformance!(Stores::default());
    inquiry_otl::housekeeping_conformance!(Stores::default());
    inquiry_otl::outbox_conformance!(Stores::default());
}

const DAY: i64 = 86_400;

/// S3: a partition that is past keeping goes with its links, their sessions and their endings; what is younger stays.
#[tokio::test]
async fn an_old_partition_goes_with_its_links() {
    let world = World::new().await;
    assert_eq!(world.ensure(0, 9).await, 10, "partitions of ten days");
    assert_eq!(world.ensure(2, 11).await, 2, "partitions of twelve days, of which ten are there");
    let mut links = Vec::new();
    for day in 0..4 {
        world.at(day * DAY + 10);
        for n in 0..5 {
            let link = world.link(1, DAY / 2).await;
            if n == 0 {
                world.redeem(&link).await;
            }
            links.push(link);
        }
        // Expires the inquiries of the day before, so that there are endings.
        world.operator().tick().await;
    }
    world.at(5 * DAY);
    world.operator().tick().await;
    assert_eq!(world.count("endings"), 20);
    // Those of the first two days expired within them; the sessions of the second day a day later.
    let dropped = world.drop_expired(32 * DAY).await;
    assert_eq!(
        (dropped.partitions, dropped.links, dropped.sessions, dropped.held),
        (2, 10, 1, 0),
        "{dropped:?}"
    );
    assert_eq!((world.count("links"), world.count("endings"), world.count("sessions")), (10, 10, 3));
    assert_eq!(world.refusal(&links[0]).await, Refusal::Unknown, "a link that went");
    assert!(matches!(world.refusal(&links[12]).await, Refusal::InquiryExpired { .. }), "a link that is kept");
    assert_eq!(world.drop_expired(32 * DAY).await, Dropped::default(), "nothing is left to drop");
    // What is past keeping later goes by the purge, too: sessions a day after their links.
    let purged = world.purge(34 * DAY).await;
    assert_eq!((purged.links, purged.sessions), (10, 2), "{purged:?}");
    let dropped = world.drop_expired(36 * DAY).await;
    assert_eq!((dropped.partitions, dropped.links), (4, 0), "partitions that a purge had emptied");
}

/// S3, D4, D5, D6, D7: a lease, a grace, a repeat or a live session keeps a link, and so its partition; a purge takes the
/// others out of it.
#[tokio::test]
async fn a_held_link_keeps_its_partition() {
    let world = World::new().await;
    world.ensure(0, 9).await;
    world.at(10);
    let (held, other) = (world.link(200, DAY / 2).await, world.link(200, DAY / 2).await);
    world.redeem(&held).await;
    let dropped = world.drop_expired(40 * DAY).await;
    assert_eq!((dropped.held, dropped.links), (1, 0), "a live session: {dropped:?}");
    assert_eq!(world.purge(40 * DAY).await.links, 1);
    assert!(matches!(world.refusal(&held).await, Refusal::Used { .. }), "a link that is held");
    assert_eq!(world.refusal(&other).await, Refusal::Unknown, "a link that was purged");

    for held in [
        "claim = sha256(''), lease_until = '1970-02-15Z'",
        "used_at = '1970-01-01 01:00Z', session = gen_random_uuid(), grace_until = '1970-02-15Z', \
            grace_max_replays = 1, grace_clients = 'any'",
        "used_at = '1970-02-14 23:50Z', session = gen_random_uuid()",
    ] {
        let world = World::new().await;
        world.ensure(0, 9).await;
        world.at(10);
        world.link(1, DAY / 2).await;
        world.sql(&format!("UPDATE links SET {held}"));
        let dropped = world.drop_expired(45 * DAY - 1).await;
        assert_eq!((dropped.held, dropped.links), (1, 0), "{held}");
        let dropped = world.drop_expired(45 * DAY).await;
        assert_eq!((dropped.held, dropped.links), (0, 1), "{held}");
    }
}

/// T6, S3, D1: a drop takes no link in the middle of its redemption: whoever commits in time gets in, and is kept.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_drop_takes_nothing_in_the_middle() {
    let world = World::new().await;
    world.ensure(0, 9).await;
    let end = 40 * DAY;
    for round in 0..20_u8 {
        let inquiry = world.inquiry(100).await;
        let issued = command(inquiry, round, round, 0);
        let (tenant, digest, link) = (issued.tenant, issued.digest, issued.link);
        world.store.issue(issued).await.unwrap();
        let (token, session) = (Digest::from_bytes([round; 32]), SessionId::from_u128(u128::from(round)));
        let claim = Redeem {
            tenant,
            digest,
            now: sec(11),
            mode: Mode::Claim { token, until: sec(end + 1) },
            attempt: None,
            repeats_after: sec(0),
            binding: None,
            session,
            token,
            event: EventId::from_u128(1),
        };
        assert_eq!(world.store.redeem(claim).await.unwrap().unwrap().verdict, Verdict::Claimed);
        let commit = Commit {
            tenant,
            inquiry,
            link,
            claim: token,
            now: sec(end),
            session,
            token,
            event: EventId::from_u128(1),
        };
        let committing = tokio::spawn({
            let store = world.store.clone();
            async move { store.commit(commit).await }
        });
        let dropping = world.store.drop_expired_partitions(sec(end), days(30), sec(end - 600)).await;
        assert!(dropping.map_or(0, |dropped| dropped.links) == 0, "a link that is held went");
        assert_eq!(committing.await.unwrap().unwrap().unwrap().verdict, Verdict::FirstUse, "round {round}");
    }
    assert_eq!(world.drop_expired(end).await.held, 1);
    assert_eq!(world.count("links WHERE session IS NOT NULL"), 20);
}

/// S1, S2: of many creations of one digest exactly one is kept, also when their links lie in different partitions, and
/// the others are told that it is taken; an id is not given twice either.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn names_are_taken_in_every_partition() {
    let world = World::new().await;
    world.ensure(0, 9).await;
    world.at(10);
    let mut inquiries = Vec::new();
    for _ in 0..8 {
        inquiries.push(world.inquiry(20).await);
    }
    for round in 0..20_u8 {
        let tasks: Vec<_> = (0..8_u8)
            .map(|n| {
                let (store, inquiry) = (world.store.clone(), inquiries[usize::from(n)]);
                let command = command(inquiry, 8 * round + n, round, i64::from(n + 1));
                tokio::spawn(async move { store.issue(command).await.unwrap() })
            })
            .collect();
        let mut kept = 0;
        for task in tasks {
            match task.await.unwrap() {
                IssueOutcome::Issued { .. } => kept += 1,
                IssueOutcome::Taken => {}
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(kept, 1, "links of one digest, round {round}");
    }
    let before = world.count("links");
    let same_id = [command(inquiries[0], 199, 201, 1), command(inquiries[0], 199, 202, 5)];
    assert!(matches!(world.store.issue(same_id[0].clone()).await.unwrap(), IssueOutcome::Issued { .. }));
    assert!(
        matches!(world.store.issue(same_id[1].clone()).await.unwrap(), IssueOutcome::Taken),
        "an id that is taken"
    );
    assert_eq!(world.count("links"), before + 1);
}

/// S1: of many links that are made at once, the one whose digest is taken in another partition fails alone; and two such
/// calls at once do not stop each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn many_links_look_into_every_partition() {
    let world = World::new().await;
    world.ensure(0, 9).await;
    world.at(10);
    let inquiry = world.inquiry(20).await;
    world.store.issue(command(inquiry, 200, 7, 5)).await.unwrap();
    let many = (0..20).map(|n| command(inquiry, n, n, 1)).collect();
    for (n, outcome) in world.store.issue_many(many).await.into_iter().enumerate() {
        match outcome.unwrap() {
            IssueOutcome::Issued { .. } if n != 7 => {}
            IssueOutcome::Taken if n == 7 => {}
            other => panic!("{n}: {other:?}"),
        }
    }
    let mut tasks = Vec::new();
    for _ in 0..2 {
        let (store, inquiry) = (world.store.clone(), world.inquiry(20).await);
        // The same digests in both, in opposite orders.
        let mut many: Vec<_> = (0..200).map(|n| command(inquiry, n, n, 3)).collect();
        if tasks.is_empty() {
            many.reverse();
        }
        tasks.push(tokio::spawn(async move { store.issue_many(many).await }));
    }
    let mut kept = 0;
    for task in tasks {
        let outcomes = task.await.unwrap();
        kept += outcomes.iter().filter(|one| matches!(one, Ok(IssueOutcome::Issued { .. }))).count();
        assert!(outcomes.iter().all(Result::is_ok), "{outcomes:?}");
    }
    assert_eq!(kept, 180, "digests that were free, each given once");
}

/// S3, S4: somebody's long transaction puts off dropping a partition, and holds up no redemption for long.
#[tokio::test]
async fn a_long_transaction_puts_off_a_drop() {
    let world = World::new().await;
    world.ensure(0, 60).await;
    world.at(10);
    world.link(1, DAY / 2).await;
    let (mut client, connection) = tokio_postgres::connect(&postgres::shared().url(), NoTls).await.unwrap();
    tokio::spawn(connection);
    let reading = client.transaction().await.unwrap();
    reading.query(&format!("SELECT count(*) FROM \"{}\".links", world.schema), &[]).await.unwrap();
    let now = 40 * DAY;
    world.at(now);
    let link = world.link(1, DAY / 2).await;
    let began = Instant::now();
    let dropping = world.store.drop_expired_partitions(sec(now), days(30), sec(now - 600));
    let (fault, grant) = tokio::join!(dropping, async {
        tokio::time::sleep(Duration::from_millis(50)).await;
        world.service.redeem(link.url.expose(), &Attempt::new()).await.unwrap()
    });
    assert_eq!(fault.unwrap_err().kind(), StoreErrorKind::Timeout);
    assert!(matches!(grant, Redemption::Granted(_)), "{grant:?}");
    assert!(began.elapsed() < Duration::from_secs(20), "it gives up: {:?}", began.elapsed());
    assert_eq!(world.count("links"), 2, "nothing went");
    reading.commit().await.unwrap();
    assert_eq!(world.drop_expired(now).await.links, 1);
}

/// D1: links that were there before their partition move into it, and can be redeemed once all the same.
#[tokio::test]
async fn links_move_out_of_the_default_partition() {
    let world = World::new().await;
    world.at(10);
    let (link, far) = (world.link(1, DAY / 2).await, world.link(1, DAY / 2).await);
    assert_eq!(world.count("links_default"), 2);
    assert_eq!(world.ensure(0, 0).await, 1);
    assert_eq!((world.count("links_default"), world.count("links_19700101")), (0, 2));
    world.redeem(&link).await;
    assert!(matches!(world.refusal(&link).await, Refusal::Used { .. }));
    assert!(matches!(
        world.service.redeem(far.url.expose(), &Attempt::new()).await.unwrap(),
        Redemption::Granted(_)
    ));
    assert!(
        world.sql("SELECT bool_and(reloptions @> ARRAY['fillfactor=70']) FROM pg_class WHERE relname = 'links_19700101' \
            AND relnamespace = current_schema::regnamespace") == "t",
        "a partition has room for the updates of its rows"
    );
    // Two at once make each partition once, and partitioning again changes nothing.
    let (one, two) = tokio::join!(world.ensure(1, 9), world.ensure(1, 9));
    assert_eq!(one + two, 9);
    world.store.partition_by_expiry(NonZeroU16::new(7).unwrap()).await.unwrap();
    assert_eq!(world.sql("SELECT days FROM partitioning"), "1");
}

/// S3: what a drop that was interrupted left behind is cleared by the next one.
#[tokio::test]
async fn an_interrupted_drop_goes_on() {
    let world = World::new().await;
    world.ensure(0, 9).await;
    world.at(10);
    for _ in 0..3 {
        let link = world.link(1, DAY / 2).await;
        world.redeem(&link).await;
    }
    world.at(2 * DAY);
    world.operator().tick().await;
    world.sql("SELECT detach_partition('links_19700101', '1970-02-10Z', 600)");
    assert_eq!((world.count("links"), world.count("sessions"), world.count("endings")), (0, 3, 3));
    let dropped = world.drop_expired(40 * DAY).await;
    assert_eq!((dropped.sessions, dropped.links), (3, 0), "{dropped:?}");
    assert_eq!((world.count("sessions"), world.count("endings")), (0, 0));
    assert_eq!(world.sql("SELECT to_regclass('links_19700101') IS NULL"), "t");
}

/// S3, P11: dropping a partition of 10,000 links costs the same beside 10,000 that stay and beside 300,000.
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
        world.sql("ANALYZE");
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
    (pages, Duration::from_nanos((millis * 1e6) as u64))
}

/// A link of a given digest and id that expires in the middle of the day of that number.
fn command(inquiry: InquiryId, id: u8, digest: u8, day: i64) -> IssueLink {
    let mut bytes = [0; 32];
    bytes[1] = digest;
    bytes[0] = digest.wrapping_mul(37);
    IssueLink {
        tenant: TenantId::default(),
        inquiry,
        now: sec(10),
        link: LinkId::from_u128(u128::from(id) + 1),
        digest: Digest::from_bytes(bytes),
        derivation: None,
        purpose: Purpose::Resume,
        parent: None,
        creator: None,
        lifetime: Lifetime::Until(sec(day * DAY + DAY / 2)),
        outstanding: Outstanding::Keep,
        event: EventId::from_u128(1),
    }
}

fn sec(seconds: i64) -> Timestamp {
    Timestamp::from_unix_micros(seconds * 1_000_000).unwrap()
}

fn days(days: i64) -> Interval {
    Interval::from_days(days).unwrap()
}

/// A service on a store whose links are partitioned by the day, in 1970.
struct World {
    store: PostgresStore,
    service: Service<PostgresStore>,
    clock: ManualClock,
    schema: SchemaName,
    _stores: Stores,
}

impl World {
    async fn new() -> Self {
        let world = Self::plain().await;
        world.store.partition_by_expiry(NonZeroU16::MIN).await.unwrap();
        world
    }

    /// The layout that is not partitioned.
    async fn plain() -> Self {
        let stores = Stores::default();
        let store = stores.migrated().await;
        let clock = ManualClock::default();
        let service = Service::builder(store.clone())
            .clock(clock.clone())
            .on_outstanding(OnOutstanding::Keep)
            .build()
            .unwrap();
        let schema = stores.schemas.lock().unwrap().last().unwrap().clone();
        Self { store, service, clock, schema, _stores: stores }
    }

    fn at(&self, second: i64) {
        self.clock.set(sec(second));
    }

    /// Makes the partitions of those days.
    async fn ensure(&self, from: i64, until: i64) -> u64 {
        self.store.ensure_partitions(sec(from * DAY), sec(until * DAY)).await.unwrap()
    }

    /// An inquiry that is open for so many days.
    async fn inquiry(&self, open: i64) -> InquiryId {
        let policy = ExpirationPolicy::default().with_after_create(days(open));
        let request = NewInquiry::from_template(TemplateId::new("itmpl_1").unwrap()).with_policy(policy);
        self.service.create(request).await.unwrap().id
    }

    /// A link that lives for so many seconds, of an inquiry of its own that is open for so many days.
    async fn link(&self, open: i64, seconds: i64) -> IssuedLink {
        let inquiry = self.inquiry(open).await;
        let request = LinkRequest::resume(inquiry).expires_in(Interval::from_seconds(seconds).unwrap());
        self.service.issue(request).await.unwrap()
    }

    async fn redeem(&self, link: &IssuedLink) {
        let redemption = self.service.redeem(link.url.expose(), &Attempt::new()).await.unwrap();
        assert!(matches!(redemption, Redemption::Granted(_)), "{redemption:?}");
    }

    async fn refusal(&self, link: &IssuedLink) -> Refusal {
        match self.service.redeem(link.url.expose(), &Attempt::new()).await.unwrap() {
            Redemption::Refused(refused) => refused.reason,
            other => panic!("{other:?}"),
        }
    }

    fn operator(&self) -> Operator<PostgresStore> {
        Operator::builder(self.store.clone()).clock(self.clock.clone()).build()
    }

    async fn drop_expired(&self, now: i64) -> Dropped {
        let mut all = Dropped::default();
        loop {
            match self.store.drop_expired_partitions(sec(now), days(30), sec(now - 600)).await {
                Ok(dropped) => {
                    all.partitions += dropped.partitions;
                    all.links += dropped.links;
                    all.sessions += dropped.sessions;
                    all.held = dropped.held;
                    return all;
                }
                // The server vacuums, or the machine is busy.
                Err(fault) => assert_eq!(fault.kind(), StoreErrorKind::Timeout, "{fault:?}"),
            }
        }
    }

    async fn purge(&self, now: i64) -> inquiry_otl::store::Purged {
        let (now, repeats_after) = (sec(now), sec(now - 600));
        let command =
            Purge { now, retention: days(30), inquiry_retention: None, repeats_after, limit: 1_000 };
        self.store.purge(command).await.unwrap()
    }

    /// Links of inquiries of their own, spread over the days of that many, from a number on: without the trigger, since
    /// their digests are not taken.
    fn fill(&self, after: u32, links: u32, width: u32) {
        let first_day = u32::from(after > 0);
        self.sql(&format!(
            "SET client_min_messages = error;
            INSERT INTO inquiries (tenant, id, template, status, policy, expires_at, created_at, version, epoch,
                resume_generation, resume_has_links, device_handoff_generation, device_handoff_has_links,
                sessions_started, last_sequence)
            SELECT 'default', 'inq_' || lpad(n::text, 10, '0'), 'itmpl_1', 'created', '{{\"session-limit\": 25}}',
                '1971-01-01Z', '1970-01-01Z', n, n, 0, true, 0, false, 0, 2
            FROM generate_series({after} + 1, {after} + {links}) n;
            SET session_replication_role = replica;
            INSERT INTO links (tenant, inquiry, id, purpose, digest, epoch, generation, created_at, expires_at, purge_from)
            SELECT 'default', 'inq_' || lpad(n::text, 10, '0'), md5('link ' || n)::uuid, 'resume',
                sha256(('code ' || n)::bytea), n, 0, '1970-01-01Z', at, at
            FROM generate_series({after} + 1, {after} + {links}) n, LATERAL (
                SELECT '1970-01-01 12:00Z'::timestamptz + ({first_day} + n % {width}) * interval '1 day' AS at
            ) t"
        ));
    }

    /// A connection whose tables are those of the store.
    async fn connection(&self) -> tokio_postgres::Client {
        let (client, connection) = tokio_postgres::connect(&postgres::shared().url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        client.batch_execute(&format!("SET search_path = \"{}\"", self.schema)).await.unwrap();
        client
    }

    fn count(&self, table: &str) -> u64 {
        self.sql(&format!("SELECT count(*) FROM {table}")).parse().unwrap()
    }

    fn sql(&self, text: &str) -> String {
        postgres::shared().sql(&format!("SET search_path = \"{}\"; {text}", self.schema)).trim().to_owned()
    }
}

/// Stores in schemas of their own, which go with it.
#[derive(Default)]
struct Stores {
    schemas: Mutex<Vec<SchemaName>>,
}

impl Stores {
    fn open(schema: SchemaName) -> PostgresStore {
        // The machine that runs this may be busy, and says nothing of the store by that.
        let patient = Options::new()
            .with_outbox()
            .with_connections(8)
            .with_pool_timeout(Duration::from_secs(60))
            .with_connect_timeout(Duration::from_secs(60))
            .with_statement_timeout(Duration::from_secs(60))
            .with_lock_timeout(Duration::from_secs(60));
        let config = postgres::shared().url().parse().unwrap();
        PostgresStore::connect(config, NoTls, patient.with_schema(schema)).unwrap()
    }

    async fn migrated(&self) -> PostgresStore {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let name = format!("parts_{}_{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let schema = SchemaName::new(&name).unwrap();
        self.schemas.lock().unwrap().push(schema.clone());
        let store = Self::open(schema);
        store.migrate().await.unwrap();
        store
    }
}

impl Fixture for Stores {
    type Store = PostgresStore;

    /// The checks begin with the year 2026, and most of what they make expires soon, or beyond all partitions.
    async fn fresh(&self) -> PostgresStore {
        let store = self.migrated().await;
        store.partition_by_expiry(NonZeroU16::MIN).await.unwrap();
        let begin = 1_767_225_600;
        store.ensure_partitions(sec(begin - DAY), sec(begin + 2 * DAY)).await.unwrap();
        store
    }

    async fn reopen(&self, store: PostgresStore) -> PostgresStore {
        store.pool().close();
        let schema = self.schemas.lock().unwrap().last().unwrap().clone();
        let store = Self::open(schema);
        store.check().await.unwrap();
        store
    }

    async fn deliver(&self, store: &PostgresStore) {
        let waiting = store.pending(None, u32::MAX).await.unwrap();
        let receipts: Vec<Receipt> = waiting.into_iter().map(|delivery| delivery.receipt).collect();
        store.acknowledge(receipts).await.unwrap();
    }
}

impl Drop for Stores {
    fn drop(&mut self) {
        for schema in self.schemas.get_mut().unwrap().iter() {
            postgres::shared().sql(&format!(
                "SET client_min_messages = warning; DROP SCHEMA IF EXISTS \"{schema}\" CASCADE"
            ));
        }
    }
}
