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
    missing_docs,
    reason = "a test may panic"
)]

mod costs;
mod world;

use std::{
    num::NonZeroU16,
    time::{Duration, Instant},
};

use inquiry_otl::{
    Attempt, Digest, EventId, LinkStore, Redemption, Refusal, SessionId, StoreErrorKind,
    redemption::{Commit, Mode, Redeem, Verdict},
    store::IssueOutcome,
};
use inquiry_otl_postgres::Dropped;
use inquiry_otl_testkit::postgres;
use tokio_postgres::NoTls;
use world::{DAY, World, command, days, sec};

mod conformance {
    use super::world::Stores;

    inquiry_otl::link_store_conformance!(Stores::default());
    inquiry_otl::housekeeping_conformance!(Stores::default());
    inquiry_otl::outbox_conformance!(Stores::default());
}

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
