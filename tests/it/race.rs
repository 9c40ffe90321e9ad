//! Many at once: each link has one first use, and every event is told once.

use std::{
    collections::{HashMap, HashSet},
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc, Barrier, Mutex,
        atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
};

use inquiry_otl::{
    Attempt, Claiming, Event, EventKind, ExpirationPolicy, GrantKind, InquiryId, IssuedLink, LinkId,
    LinkRequest, ManualClock, MemoryStore, OnOutstanding, Redemption, Refusal, Service,
    store::{InquiryKey, LinkStore, Outbox},
};

use crate::{
    support::{World, new_inquiry, seconds},
    wrapper::{Twist, Twisted},
};

const THREADS: usize = 8;
const LINKS: usize = if cfg!(debug_assertions) { 2_000 } else { 100_000 };
const PER_INQUIRY: usize = 100;

/// Waits for a future of a store that is never late.
fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            return output;
        }
    }
}

/// What the sink was told: the durable events, and how many attempts were refused.
#[derive(Clone, Default)]
struct Told {
    durable: Arc<Mutex<Vec<Event>>>,
    refused: Arc<AtomicU64>,
}

struct Race {
    store: Arc<MemoryStore>,
    service: Service<Arc<MemoryStore>>,
    clock: ManualClock,
    told: Told,
    inquiries: Vec<InquiryId>,
    links: Vec<IssuedLink>,
}

fn prepare(links: usize) -> Race {
    let (store, clock, told) =
        (Arc::new(MemoryStore::new().with_outbox()), ManualClock::default(), Told::default());
    let sink = told.clone();
    let policy = ExpirationPolicy::default().with_session_limit(u32::MAX.try_into().unwrap());
    let service = Service::builder(store.clone())
        .clock(clock.clone())
        .policy(policy)
        .event_sink(move |event: &Event| {
            if event.sequence.is_some() {
                sink.durable.lock().unwrap().push(event.clone());
            } else {
                sink.refused.fetch_add(1, Ordering::Relaxed);
            }
        })
        .build()
        .unwrap();
    let inquiries: Vec<_> =
        (0..links / PER_INQUIRY).map(|_| wait(service.create(new_inquiry())).unwrap().id).collect();
    let requests = inquiries
        .iter()
        .flat_map(|id| vec![LinkRequest::resume(*id).on_outstanding(OnOutstanding::Keep); PER_INQUIRY]);
    let links = wait(service.issue_many(requests)).into_iter().map(Result::unwrap).collect();
    Race { store, service, clock, told, inquiries, links }
}

/// Nothing lost and nothing twice: at the sink, in the outbox, in the counts of each inquiry.
fn check(race: &Race) {
    let redeemed = |events: &[Event]| {
        let links: Vec<LinkId> = events
            .iter()
            .filter_map(|event| match event.kind {
                EventKind::LinkRedeemed { link, .. } => Some(link),
                _ => None,
            })
            .collect();
        assert_eq!(links.len(), race.links.len());
        assert_eq!(links.into_iter().collect::<HashSet<_>>().len(), race.links.len());
    };
    let told = race.told.durable.lock().unwrap();
    redeemed(&told);
    let kept: Vec<Event> = wait(race.store.pending(None, u32::MAX))
        .unwrap()
        .into_iter()
        .map(|delivery| delivery.event)
        .collect();
    redeemed(&kept);
    for events in [&*told, &kept] {
        assert_eq!(events.iter().map(|event| event.id).collect::<HashSet<_>>().len(), events.len());
        let mut numbers = HashMap::<InquiryId, Vec<u64>>::new();
        for event in events {
            numbers.entry(event.inquiry.unwrap()).or_default().push(event.sequence.unwrap());
        }
        assert_eq!(numbers.len(), race.inquiries.len());
        for numbers in numbers.values_mut() {
            numbers.sort_unstable();
            // Created, and for each link created and redeemed.
            assert!(numbers.iter().copied().eq(1..=1 + 2 * PER_INQUIRY as u64));
        }
    }
    for id in &race.inquiries {
        let key = InquiryKey { tenant: inquiry_otl::TenantId::default(), inquiry: *id };
        let record = wait(LinkStore::inquiry(&race.store, key)).unwrap().unwrap();
        assert_eq!(record.sessions_started as usize, PER_INQUIRY);
        assert_eq!(record.last_sequence, 1 + 2 * PER_INQUIRY as u64);
    }
    assert_eq!(race.store.counts().sessions, race.links.len());
}

/// D1, S2, V1: of all threads that redeem all links at once, one is the first use of each.
#[test]
fn each_link_has_one_first_use() {
    let race = prepare(LINKS);
    let uses: Vec<AtomicU8> = race.links.iter().map(|_| AtomicU8::new(0)).collect();
    let refused = AtomicU64::new(0);
    let start = Barrier::new(THREADS);
    thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                start.wait();
                for (link, uses) in race.links.iter().zip(&uses) {
                    match wait(race.service.redeem(link.url.expose(), &Attempt::new())).unwrap() {
                        Redemption::Granted(grant) => {
                            assert_eq!((grant.kind, grant.link), (GrantKind::FirstUse, Some(link.id)));
                            uses.fetch_add(1, Ordering::Relaxed);
                        }
                        Redemption::Refused(answer) => {
                            assert!(matches!(answer.reason, Refusal::Used { .. }));
                            refused.fetch_add(1, Ordering::Relaxed);
                        }
                        Redemption::Busy { .. } => panic!("nobody claimed it"),
                    }
                }
            });
        }
    });
    assert!(uses.iter().all(|uses| uses.load(Ordering::Relaxed) == 1));
    let wanted = (LINKS * (THREADS - 1)) as u64;
    assert_eq!(refused.into_inner(), wanted);
    assert_eq!(race.told.refused.load(Ordering::Relaxed), wanted);
    check(&race);
}

/// D1, D5, V1: some claims are committed, some released, some dropped until their lease runs out: one first use each.
#[test]
fn each_claimed_link_has_one_first_use() {
    const ROUNDS: usize = 5;
    let race = prepare(LINKS / 10);
    let uses: Vec<AtomicU8> = race.links.iter().map(|_| AtomicU8::new(0)).collect();
    let (dropped, released) = (AtomicU64::new(0), AtomicU64::new(0));
    let turn = Barrier::new(THREADS);
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let (race, uses, dropped, released, turn) = (&race, &uses, &dropped, &released, &turn);
            scope.spawn(move || {
                for round in 0..=ROUNDS {
                    if turn.wait().is_leader() {
                        // Every lease that was dropped in the round before runs out at this instant.
                        race.clock.advance(seconds(30));
                    }
                    turn.wait();
                    for (place, (link, uses)) in race.links.iter().zip(uses).enumerate() {
                        match wait(race.service.claim(link.url.expose(), &Attempt::new())).unwrap() {
                            Claiming::Claimed(claim)
                                if round == ROUNDS || (place + thread + round) % 4 == 0 =>
                            {
                                let answer = wait(race.service.commit(&claim)).unwrap();
                                assert!(
                                    matches!(answer, Redemption::Granted(g) if g.kind == GrantKind::FirstUse)
                                );
                                let again = wait(race.service.commit(&claim)).unwrap();
                                assert!(
                                    matches!(again, Redemption::Granted(g) if g.kind == GrantKind::Repeat)
                                );
                                uses.fetch_add(1, Ordering::Relaxed);
                            }
                            Claiming::Claimed(claim) if (place + thread + round) % 4 == 1 => {
                                let answer = wait(race.service.release(&claim)).unwrap();
                                assert_eq!(answer, inquiry_otl::Released::Released);
                                released.fetch_add(1, Ordering::Relaxed);
                            }
                            Claiming::Claimed(claim) => {
                                drop(claim);
                                dropped.fetch_add(1, Ordering::Relaxed);
                            }
                            Claiming::Granted(_) => panic!("there is no grace"),
                            Claiming::Busy { .. } | Claiming::Refused(_) => {}
                        }
                    }
                }
            });
        }
    });
    assert!(uses.iter().all(|uses| uses.load(Ordering::Relaxed) == 1));
    assert!(0 < dropped.into_inner() && 0 < released.into_inner());
    check(&race);
}

/// A store that is not ready at first.
struct Late(Arc<MemoryStore>);

impl Twist for Late {
    fn inner(&self) -> &MemoryStore {
        &self.0
    }

    fn pause(&self) -> impl Future<Output = ()> + Send {
        let asked = AtomicBool::new(false);
        poll_fn(move |_| if asked.swap(true, Ordering::SeqCst) { Poll::Ready(()) } else { Poll::Pending })
    }
}

/// S1, D5: a call that is dropped on its way leaves nothing half done, and burns no link.
#[test]
fn a_dropped_call_burns_no_link() {
    let world = World::new();
    let service =
        Service::builder(Twisted(Late(world.store.clone()))).clock(world.clock.clone()).build().unwrap();
    let id = wait(world.created());
    let link = wait(world.link(id));
    let record = wait(world.record(id));
    for _ in 0..3 {
        let (text, attempt) = (link.url.expose(), Attempt::new());
        let mut context = Context::from_waker(Waker::noop());
        assert!(pin!(service.redeem(text, &attempt)).poll(&mut context).is_pending());
        assert!(pin!(service.claim(text, &attempt)).poll(&mut context).is_pending());
        assert!(pin!(service.start(id)).poll(&mut context).is_pending());
        assert!(pin!(service.issue(LinkRequest::resume(id))).poll(&mut context).is_pending());
    }
    assert_eq!(wait(world.record(id)), record);
    assert_eq!(wait(world.grant(&link)).kind, GrantKind::FirstUse);
}
