//! The façade for code that has no runtime.

use std::{
    future::{Future, poll_fn},
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    task::{Context, Poll, Waker},
    thread,
};

use inquiry_otl::{
    Action, Attempt, LinkRequest, MemoryStore, Redemption, Released, Revocation, Service, Status,
    blocking::{BlockOn, BlockingService, ParkThread},
};

use crate::{
    support::{World, claimed, granted, new_inquiry, refusal},
    wrapper::{Twist, Twisted},
};

/// A store that is not ready at first: another thread wakes its caller.
struct Slow {
    store: Arc<MemoryStore>,
    waits: AtomicU32,
}

impl Twist for Slow {
    fn inner(&self) -> &MemoryStore {
        &self.store
    }

    fn pause(&self) -> impl Future<Output = ()> + Send {
        let mut asked = false;
        poll_fn(move |context| {
            if asked {
                return Poll::Ready(());
            }
            asked = true;
            self.waits.fetch_add(1, Ordering::SeqCst);
            let waker = context.waker().clone();
            thread::spawn(move || waker.wake());
            Poll::Pending
        })
    }
}

/// Polls until the future is ready, and counts.
#[derive(Debug, Default)]
struct Spin(Arc<AtomicU32>);

impl BlockOn for Spin {
    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        loop {
            self.0.fetch_add(1, Ordering::SeqCst);
            if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                return output;
            }
            thread::yield_now();
        }
    }
}

fn whole_story<S: inquiry_otl::LinkStore, B: BlockOn>(service: &BlockingService<S, B>) {
    let id = service.create(new_inquiry()).unwrap().id;
    assert_eq!(service.start(id).unwrap().status, Status::Pending);
    let link = service.issue(LinkRequest::resume(id)).unwrap();
    let text = link.url.expose();
    let none = Attempt::new();
    assert!(matches!(service.peek(text, &none).unwrap(), inquiry_otl::Peek::WouldGrant(_)));
    let claim = claimed(service.claim(text, &none).unwrap());
    assert!(matches!(service.redeem(text, &none).unwrap(), Redemption::Busy { .. }));
    assert_eq!(service.release(&claim).unwrap(), Released::Released);
    let claim = claimed(service.claim_for(text, &none, inquiry_otl::LeaseTime::default()).unwrap());
    let grant = granted(service.commit(&claim).unwrap());
    assert_eq!(refusal(service.redeem(text, &none).unwrap()).name(), "used");
    assert!(service.session(id, grant.session.id).unwrap().live);
    assert!(service.authenticate(id, grant.session.id, &grant.token).unwrap().is_some());
    assert_eq!(service.start_session(id).unwrap().inquiry.id, id);
    assert_eq!(service.sessions(id, None, 9).unwrap().len(), 2);
    assert_eq!(service.links(id, None, 9).unwrap()[0].uses, 1);
    assert!(service.diagnose(text).unwrap().link.is_some());
    assert!(service.revoke(id, Revocation::AllLinks).unwrap());
    assert_eq!(service.issue_many([LinkRequest::resume(id)]).len(), 1);
    let mut told = Vec::new();
    assert_eq!(
        service.issue_many_with_progress([LinkRequest::resume(id)], |done, of| told.push((done, of))).len(),
        1
    );
    assert_eq!(told, [(1, 1)]);
    assert_eq!(service.resume(id).unwrap().status, Status::Pending);
    assert_eq!(service.expire(id).unwrap().status, Status::Expired);
    assert_eq!(service.change(id, Action::Resume).unwrap().status, Status::Pending);
    assert_eq!(service.complete(id).unwrap().status, Status::Completed);
    assert_eq!(service.mark_for_review(id).unwrap().status, Status::NeedsReview);
    assert_eq!(service.approve(id).unwrap().status, Status::Approved);
    assert_eq!(service.decline(id).unwrap().status, Status::Declined);
    assert!(service.redact(id).unwrap().redacted_at.is_some());
    assert_eq!(service.inquiry(id).unwrap().status, Status::Declined);
    let other = service.create(new_inquiry()).unwrap().id;
    service.start(other).unwrap();
    assert_eq!(service.fail(other).unwrap().status, Status::Failed);
}

/// S1, D1: without a runtime the whole story is the same, on a store that is ready and on one that is not.
#[test]
fn a_story_without_a_runtime_is_the_same() {
    let world = World::new();
    let service = BlockingService::new(world.beside(|builder| builder), ParkThread);
    whole_story(&service);
    assert!(!world.sink.names().is_empty());
    let text = "no code";
    let refused = service.service().planner().redeem(text, &inquiry_otl::Attempt::new()).unwrap_err();
    assert_eq!(refused.reason, inquiry_otl::Refusal::Mangled);

    let slow = Slow { store: world.store.clone(), waits: AtomicU32::new(0) };
    let slow = Twisted(slow);
    let service = BlockingService::new(Service::new(&slow), ParkThread);
    whole_story(&service);
    let waits = slow.0.waits.load(Ordering::SeqCst);
    assert!(30 <= waits, "{waits}");
}

/// S1: whoever brings a way to wait is asked to wait, until the store is ready.
#[test]
fn another_way_to_wait_is_used() {
    let polls = Arc::new(AtomicU32::new(0));
    let slow = Slow { store: Arc::default(), waits: AtomicU32::new(0) };
    let slow = Twisted(slow);
    let service = BlockingService::new(Service::new(&slow), Spin(polls.clone()));
    whole_story(&service);
    let waits = slow.0.waits.load(Ordering::SeqCst);
    assert!(waits < polls.load(Ordering::SeqCst));
}
