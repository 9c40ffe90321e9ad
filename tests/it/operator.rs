//! Housekeeping: what is announced, what is removed, and what stays.

use std::{
    cell::Cell,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use inquiry_otl::{
    Attempt, Clock, Counts, ExpirationPolicy, Grace, Interval, LeaseTime, LinkRequest, ManualClock,
    MemoryStore, OnOutstanding, Operator, Refusal, Retention, Retry, Service, Status, StoreError,
    StoreErrorKind, Timestamp,
    issuance::IssueLink,
    store::{
        AnyHousekeeping, AnyOutbox, Housekeeping, IssueOutcome, LinkStore, Outbox, Purge, Purged, Sweep,
        Swept,
    },
};

use crate::support::{Store, World, new_inquiry, no_sleep, seconds};

fn operator(world: &World, retention: Retention) -> Operator<Store> {
    Operator::builder(world.store.clone())
        .clock(world.clock.clone())
        .event_sink(world.sink.sink())
        .retention(retention)
        .build()
}

fn counts(world: &World) -> (usize, usize, usize) {
    let Counts { inquiries, links, sessions, .. } = world.store.counts();
    (inquiries, links, sessions)
}

/// Acknowledges every event that there is.
async fn acknowledge(world: &World) {
    let pending = world.store.pending(None, u32::MAX).await.unwrap();
    world.store.acknowledge(pending.into_iter().map(|delivery| delivery.receipt).collect()).await.unwrap();
}

fn hours(hours: i64) -> Interval {
    Interval::from_hours(hours).unwrap()
}

/// I6: a sweep announces each expiry once, at the deadline and not before it, and kills what hung on it.
#[tokio::test]
async fn a_sweep_announces_each_expiry_once() {
    let world = World::new();
    let id = world.pending().await;
    let link = world.link(id).await;
    let deadline = world.service.inquiry(id).await.unwrap().expires_at;
    let operator = operator(&world, Retention::default());
    world.sink.take();
    world.at(deadline, -1);
    assert_eq!(operator.tick().await.expired, 0);
    world.at(deadline, 0);
    let round = operator.tick().await;
    assert_eq!((round.expired, round.failures.len(), round.more), (1, 0, false));
    assert_eq!(operator.tick().await.expired, 0);
    assert_eq!(world.sink.names(), ["inquiry.expired"]);
    let record = world.record(id).await;
    assert_eq!((record.inquiry.status, record.inquiry.expired_at), (Status::Expired, Some(deadline)));
    world.advance(seconds(9));
    world.service.resume(id).await.unwrap();
    assert_eq!(world.refusal(&link).await, Refusal::InquiryExpired { at: deadline });
}

/// I6, S1: a sweep is bounded, goes on where it stopped, and leaves out what was resumed or closed.
#[tokio::test]
async fn a_sweep_is_bounded_and_goes_on() {
    let world = World::new();
    let mut ids = Vec::new();
    for _ in 0..25 {
        ids.push(world.pending().await);
    }
    world.service.complete(ids[0]).await.unwrap();
    world.advance(seconds(86_399));
    world.service.resume(ids[1]).await.unwrap();
    world.advance(seconds(1));
    let operator = Operator::builder(world.store.clone()).clock(world.clock.clone()).batch(10).build();
    let mut expired = Vec::new();
    operator
        .run(no_sleep, |round| {
            expired.push(round.expired);
            round.more
        })
        .await;
    assert_eq!(expired, [10, 10, 3]);
    assert_eq!(world.service.inquiry(ids[1]).await.unwrap().status, Status::Pending);
}

/// S3: a link goes when its retention has run since its expiry: never earlier, at most an hour later.
#[tokio::test]
async fn a_link_goes_when_its_retention_has_run() {
    let world = World::new();
    let id = world.pending().await;
    let link = world.service.issue(LinkRequest::resume(id).expires_in(seconds(10))).await.unwrap();
    let operator = operator(&world, Retention::default().with_links(hours(24)));
    let due = link.expires_at.plus(hours(24));
    world.at(due, -1);
    assert_eq!(operator.tick().await.purged.links, 0);
    assert_eq!(world.refusal(&link).await.name(), "inquiry-expired");
    world.clock.set(due.plus(hours(1)));
    assert_eq!(operator.tick().await.purged.links, 1);
    assert_eq!(world.refusal(&link).await, Refusal::Unknown);
    assert_eq!(counts(&world), (1, 0, 0));
    assert!(world.record(id).await.endings.epochs.is_empty());
}

/// S3: links are kept 30 days unless told otherwise, inquiries for ever.
#[tokio::test]
async fn the_default_keeps_links_30_days_and_inquiries_for_ever() {
    let world = World::new();
    let id = world.pending().await;
    let link = world.link(id).await;
    world.grant(&link).await;
    let operator = operator(&world, Retention::default());
    acknowledge(&world).await;
    world.clock.set(link.expires_at.plus(hours(30 * 24 - 1)));
    operator.tick().await;
    assert_eq!(counts(&world), (1, 1, 1));
    world.clock.set(link.expires_at.plus(hours(30 * 24 + 1)));
    operator.tick().await;
    acknowledge(&world).await;
    world.clock.set(link.expires_at.plus(hours(100_000)));
    operator.tick().await;
    assert_eq!(counts(&world), (1, 0, 0));
    world.service.resume(id).await.unwrap();
}

/// S3, D4, D5, D6: no lease, grace, attempt or live session loses its link to a purge.
#[tokio::test]
async fn what_is_still_needed_is_not_purged() {
    for held_by in ["lease", "grace", "attempt", "session"] {
        let policy =
            ExpirationPolicy::default().with_after_create(hours(1_000)).with_after_start(hours(1_000));
        let policy = match held_by {
            "grace" => policy.with_grace(Grace::new(hours(3), 9.try_into().unwrap())),
            _ => policy,
        };
        let world = World::with(|builder| builder.policy(policy).repeat_window(hours(3)));
        let id = world.pending().await;
        let link = world.service.issue(LinkRequest::resume(id).expires_in(seconds(10))).await.unwrap();
        // Filed for the next full hour, so claim or use it just before that.
        world.at(link.expires_at, -1);
        let attempt = crate::support::attempt(crate::support::ATTEMPT);
        let text = link.url.expose();
        let session = match held_by {
            "lease" => {
                world.claim(&link).await;
                None
            }
            _ => {
                Some(crate::support::granted(world.service.redeem(text, &attempt).await.unwrap()).session.id)
            }
        };
        let repeats = if held_by == "attempt" { hours(3) } else { seconds(1) };
        if let (Some(session), "grace" | "attempt") = (session, held_by) {
            // Without its session a grace is of no use; it is the reason that must stay.
            world.service.revoke(id, inquiry_otl::Revocation::Session(session)).await.unwrap();
        }
        let retention = Retention::default().with_links(seconds(1)).with_repeat_window(repeats);
        let operator = operator(&world, retention);
        let (until, gone) = match held_by {
            "lease" => (20, 2),
            "session" => (999 * 3_600, 1_010),
            _ => (3 * 3_600 - 60, 6),
        };
        let used_at = world.now();
        world.clock.set(used_at.plus(seconds(until)));
        operator.tick().await;
        assert_eq!(world.store.counts().links, 1, "{held_by}");
        world.clock.set(used_at.plus(hours(gone)));
        operator.tick().await;
        assert_eq!(world.store.counts().links, 0, "{held_by}");
    }
}

/// S3: inquiries go by a retention of their own, after their links, sessions and unacknowledged events.
#[tokio::test]
async fn an_inquiry_goes_last() {
    let world = World::new();
    let id = world.pending().await;
    let link = world.link(id).await;
    world.grant(&link).await;
    world.service.complete(id).await.unwrap();
    let ended = world.now();
    let open = world.pending().await;
    let retention = Retention::default().with_links(hours(48)).with_inquiries(hours(24));
    let operator = operator(&world, retention);
    world.clock.set(ended.plus(hours(47)));
    operator.tick().await;
    assert_eq!(counts(&world), (2, 1, 1));
    world.clock.set(ended.plus(hours(74)));
    operator.tick().await;
    operator.tick().await;
    assert_eq!(counts(&world), (2, 0, 0));
    acknowledge(&world).await;
    operator.tick().await;
    // The other one expired by time a day ago and more, and holds nothing.
    assert_eq!(counts(&world), (0, 0, 0));
    assert!(world.service.inquiry(open).await.is_err());
    let remade = world.service.create(new_inquiry().with_id(id)).await.unwrap();
    assert_eq!(remade.status, Status::Created);
    assert_eq!(world.refusal(&link).await, Refusal::Unknown);
}

/// S3: a purge is bounded by its batch, and rounds remove everything that is due, each once, without a pause between.
#[tokio::test]
async fn a_purge_is_bounded() {
    let world = World::new();
    let id = world.pending().await;
    for _ in 0..25 {
        world.service.issue(LinkRequest::resume(id).on_outstanding(OnOutstanding::Keep)).await.unwrap();
    }
    world.advance(hours(24 * 40));
    let operator = Operator::builder(world.store.clone()).clock(world.clock.clone()).batch(10).build();
    let (pauses, mut removed) = (Cell::new(0), Vec::new());
    let sleep = |_| {
        pauses.set(pauses.get() + 1);
        std::future::ready(())
    };
    operator
        .run(sleep, |round| {
            removed.push(round.purged.links);
            round.more
        })
        .await;
    assert_eq!((removed, pauses.get()), (vec![10, 10, 5], 0));
}

/// S3, L4: while a link of an ended epoch is kept its reason can be named; afterwards nothing of it is left.
#[tokio::test]
async fn the_reason_stays_as_long_as_the_link() {
    let world = World::new();
    let id = world.pending().await;
    let old = world.link(id).await;
    world.service.expire(id).await.unwrap();
    let at = world.now();
    let operator = operator(&world, Retention::default().with_links(hours(24 * 30)));
    for _ in 0..3 {
        world.service.resume(id).await.unwrap();
        let keep = LinkRequest::resume(id).on_outstanding(OnOutstanding::Keep);
        world.service.issue(keep).await.unwrap();
        world.service.expire(id).await.unwrap();
        world.advance(hours(24));
        operator.tick().await;
        assert_eq!(world.refusal(&old).await, Refusal::InquiryExpired { at });
    }
    assert_eq!(world.record(id).await.endings.epochs.len(), 4);
    world.advance(hours(24 * 40));
    operator.tick().await;
    let endings = world.record(id).await.endings;
    assert!(endings.epochs.is_empty() && endings.generations.is_empty());
}

/// A store whose first sweep and second purge fail.
struct Failing {
    store: Arc<MemoryStore>,
    sweeps: AtomicU32,
    purges: AtomicU32,
}

impl Housekeeping for Failing {
    async fn sweep(&self, command: Sweep) -> Result<Swept, StoreError> {
        if self.sweeps.fetch_add(1, Ordering::SeqCst) == 0 {
            return Err(StoreError::new(StoreErrorKind::Timeout, Retry::Safe));
        }
        self.store.sweep(command).await
    }

    async fn purge(&self, command: Purge) -> Result<Purged, StoreError> {
        if self.purges.fetch_add(1, Ordering::SeqCst) == 1 {
            return Err(StoreError::new(StoreErrorKind::Unavailable, Retry::Safe));
        }
        self.store.purge(command).await
    }
}

/// T6, S3, S4: a batch that fails ends neither the round nor the run; what failed is tried again after a pause.
#[tokio::test]
async fn a_run_goes_on_after_a_batch_that_failed() {
    let world = World::new();
    let id = world.pending().await;
    world.link(id).await;
    world.advance(hours(24 * 60));
    let store = Failing { store: world.store.clone(), sweeps: AtomicU32::new(0), purges: AtomicU32::new(0) };
    let operator = Operator::builder(store).clock(world.clock.clone()).pause(Duration::from_secs(5)).build();
    let (slept, mut seen) = (Cell::new(Duration::ZERO), Vec::new());
    let sleep = |pause| {
        slept.set(slept.get() + pause);
        std::future::ready(())
    };
    operator
        .run(sleep, |round| {
            let kinds: Vec<_> = round.failures.iter().map(StoreError::kind).collect();
            seen.push((round.expired, round.purged.links, kinds));
            seen.len() < 3
        })
        .await;
    let (timeout, unavailable) = (StoreErrorKind::Timeout, StoreErrorKind::Unavailable);
    assert_eq!(seen, [(0, 1, vec![timeout]), (1, 0, vec![unavailable]), (0, 0, vec![])]);
    assert_eq!(slept.get(), Duration::from_secs(10));
}

/// S1: housekeeping and outbox work behind one type as well.
#[tokio::test]
async fn housekeeping_and_outbox_work_behind_one_type() {
    let world = World::new();
    let id = world.pending().await;
    let link = world.link(id).await;
    world.advance(hours(24 * 60));
    let any = AnyHousekeeping::new(world.store.clone());
    let round = Operator::builder(any).clock(world.clock.clone()).build().tick().await;
    assert_eq!((round.expired, round.purged.links), (1, 1));
    let outbox = AnyOutbox::new(world.store.clone());
    assert_eq!(
        outbox.pending(None, u32::MAX).await.unwrap(),
        world.store.pending(None, u32::MAX).await.unwrap()
    );
    let receipt = outbox.pending(None, 1).await.unwrap().remove(0).receipt;
    assert_eq!(outbox.acknowledge(vec![receipt]).await.unwrap(), 1);
    let answer = world.service.redeem(link.url.expose(), &Attempt::new()).await.unwrap();
    assert_eq!(crate::support::refusal(answer), Refusal::Unknown);
}

/// S3: a batch of nothing is no reason to run on without a pause.
#[tokio::test]
async fn a_batch_of_nothing_still_pauses() {
    let world = World::new();
    let operator = Operator::builder(world.store.clone()).clock(world.clock.clone()).batch(0).build();
    let (pauses, mut rounds) = (Cell::new(0), 0);
    let sleep = |_| {
        pauses.set(pauses.get() + 1);
        std::future::ready(())
    };
    operator
        .run(sleep, |_| {
            rounds += 1;
            rounds < 4
        })
        .await;
    assert_eq!(pauses.get(), 3);
}

/// S3, D7: a session whose hand-off link was purged is filed once: what takes its place later is not purged for it.
#[tokio::test]
async fn a_place_that_is_taken_again_is_not_purged_early() {
    let days = |days: i64| inquiry_otl::Interval::from_days(days).unwrap();
    let world = World::with(|parts| {
        parts.policy(
            inquiry_otl::ExpirationPolicy::default()
                .with_after_create(days(200))
                .with_after_resume(days(400)),
        )
    });
    let id = world.created().await;
    let first = world.service.start_session(id).await.unwrap().session;
    let handoff = inquiry_otl::LinkRequest::device_handoff(id, first.id).expires_in(seconds(60));
    world.service.issue(handoff).await.unwrap();
    let operator = Operator::builder(world.store.clone()).clock(world.clock.clone()).batch(1).build();

    world.clock.advance(days(31));
    assert_eq!(operator.tick().await.purged.links, 1);
    world.service.resume(id).await.unwrap();
    world.at(first.expires_at, 0);
    world.clock.advance(days(31));
    assert_eq!(operator.tick().await.purged.sessions, 1);
    let second = world.service.start_session(id).await.unwrap().session;
    assert_eq!(operator.tick().await.purged.sessions, 0);
    assert!(world.service.session(id, second.id).await.unwrap().live);
}

/// A world whose inquiries stay open for 200 days.
fn of_long_inquiries() -> World {
    let days = inquiry_otl::Interval::from_days(200).unwrap();
    World::with(|parts| parts.policy(inquiry_otl::ExpirationPolicy::default().with_after_create(days)))
}

fn purge_of(world: &World, retention: i64, limit: u32) -> inquiry_otl::store::Purge {
    let now = world.now();
    let retention = seconds(retention);
    inquiry_otl::store::Purge { now, retention, inquiry_retention: None, repeats_after: now, limit }
}

/// S3: what is held costs looks, and those are bounded too: a purge stops, says so, and goes on from there.
#[tokio::test]
async fn a_purge_looks_at_no_more_than_it_may() {
    use inquiry_otl::store::Housekeeping;
    let world = of_long_inquiries();
    let id = world.created().await;
    for _ in 0..20 {
        let request = inquiry_otl::LinkRequest::resume(id).expires_in(seconds(60));
        let link = world.service.issue(request).await.unwrap();
        world.grant(&link).await;
    }
    world.clock.advance(seconds(86_400));
    let mut rounds = 1;
    loop {
        let purged = world.store.purge(purge_of(&world, 60, 1)).await.unwrap();
        assert_eq!(purged.links, 0, "their sessions are live");
        if !purged.more {
            break;
        }
        rounds += 1;
    }
    // Eight looks for each record that may go: 8, 8 and 4.
    assert_eq!(rounds, 3);
}

/// S3, D5: a lease holds its link against a purge to its last microsecond, and not at its end.
#[tokio::test]
async fn a_lease_holds_its_link_until_it_ends() {
    let world = of_long_inquiries();
    // What may go by a full hour goes when its retention, a second, has run since: at the end of the first lease.
    let hour = Timestamp::from_unix_micros(500_000 * 3_600_000_000).unwrap();
    world.at(hour, -600_000_000);
    let id = world.created().await;
    let lease = LeaseTime::new(seconds(300)).unwrap();
    let request = LinkRequest::resume(id).expires_in(seconds(60)).on_outstanding(OnOutstanding::Keep);
    let claim_until = async |micros: i64| {
        world.at(hour, micros - 300_000_000);
        let link = world.service.issue(request.clone()).await.unwrap();
        let _ = world.service.claim_for(link.url.expose(), &Attempt::new(), lease).await.unwrap();
    };
    claim_until(1_000_000).await;
    claim_until(1_000_001).await;
    world.at(hour, 1_000_000);
    assert_eq!(world.store.purge(purge_of(&world, 1, 100)).await.unwrap().links, 1);
}

/// S3: a link that was purged leaves nothing behind: its digest is free again, as if it had never been.
#[tokio::test]
async fn what_was_purged_leaves_nothing_behind() {
    let world = of_long_inquiries();
    let id = world.created().await;
    let request = LinkRequest::resume(id).expires_in(seconds(60));
    let command = || world.service.planner().issue(&request).unwrap().command().clone();
    let first = command();
    let digest = first.digest;
    let issued = LinkStore::issue(&world.store, first).await.unwrap();
    assert!(matches!(issued, IssueOutcome::Issued { .. }));
    world.advance(hours(2));
    for is_free in [false, true] {
        let outcome = LinkStore::issue(&world.store, IssueLink { digest, ..command() }).await.unwrap();
        assert_eq!(matches!(outcome, IssueOutcome::Issued { .. }), is_free);
        world.store.purge(purge_of(&world, 60, 100)).await.unwrap();
    }
}

/// L4, S3: why links died is forgotten with them, however many come and go.
#[tokio::test]
async fn endings_go_with_the_links_that_carry_them() {
    use inquiry_otl::store::Housekeeping;
    let world = of_long_inquiries();
    let id = world.created().await;
    for _ in 0..200 {
        let request = inquiry_otl::LinkRequest::resume(id).expires_in(seconds(5 * 3_600));
        world.service.issue(request).await.unwrap();
        world.clock.advance(seconds(3_600));
        world.store.purge(purge_of(&world, 60, 100)).await.unwrap();
    }
    let (record, links) = (world.record(id).await, world.store.counts().links);
    assert!((5..=7).contains(&links), "{links}");
    assert!(record.endings.generations.len() <= 4 * links + 9, "{}", record.endings.generations.len());
}

/// S3: a purge of inquiries is bounded like any other: it stops at its limit, says so, and goes on from there.
#[tokio::test]
async fn a_purge_of_inquiries_stops_at_its_limit() {
    let (store, clock) = (MemoryStore::new(), ManualClock::default());
    let service = Service::builder(&store).clock(clock.clone()).build().unwrap();
    for _ in 0..5 {
        let id = service.create(new_inquiry()).await.unwrap().id;
        service.expire(id).await.unwrap();
    }
    clock.advance(seconds(60));
    let now = clock.now();
    let (retention, inquiry_retention) = (seconds(60), Some(seconds(60)));
    let command = Purge { now, retention, inquiry_retention, repeats_after: now, limit: 2 };
    for expected in [(2, true), (2, true), (1, false)] {
        let purged = store.purge(command).await.unwrap();
        assert_eq!((purged.inquiries, purged.more), expected);
    }
    assert_eq!(store.counts().inquiries, 0);
}
