//! A scenario in every order.

use std::{
    future::Future,
    panic::{self, AssertUnwindSafe, catch_unwind},
    pin::pin,
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, AtomicUsize, Ordering},
    },
    task::{Context, Poll, Waker},
};

use inquiry_otl_histories::{Callee, End, Recorded, Rules, check};
use loom::{model::Builder, thread};

use crate::{calls, scenario::Scenario};

/// What came of it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Explored {
    /// How many executions there were.
    pub executions: usize,
    /// The first that was wrong.
    pub wrong: Option<String>,
}

/// Carries out a scenario on a new store in every order that differs, or in those where a thread that could go on has to
/// wait for another so many times at most. Stops at the first that is wrong, also by locks that are waited for in a circle.
pub fn explore<C: Callee + 'static>(
    scenario: &'static Scenario,
    preemptions: Option<usize>,
    store: impl Fn() -> C + Send + Sync + 'static,
) -> Explored {
    let executions = Arc::new(AtomicUsize::new(0));
    let mut builder = Builder::new();
    builder.preemption_bound = preemptions;
    let count = Arc::clone(&executions);
    let run = move || {
        count.fetch_add(1, Ordering::Relaxed);
        let history = execute(scenario, Arc::new(store()));
        if let Err(anomaly) = check(&Rules::new().with_outbox(), &history) {
            panic!("{anomaly}");
        }
    };
    // What is wrong is told by whoever asked.
    panic::set_hook(Box::new(|_| {}));
    let outcome = catch_unwind(AssertUnwindSafe(|| builder.check(run)));
    drop(panic::take_hook());
    let wrong = outcome.err().map(|panic| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).to_owned())).unwrap_or_default()
    });
    Explored { executions: executions.load(Ordering::Relaxed), wrong }
}

fn execute<C: Callee + 'static>(scenario: &Scenario, store: Arc<C>) -> Vec<Recorded> {
    let client = Client { store, clock: Arc::default(), history: Arc::default() };
    client.calls(0, &(scenario.first)());
    let threads = (scenario.threads)().into_iter().zip(1..).map(|(calls, number)| {
        let client = client.clone();
        thread::spawn(move || client.calls(number, &calls))
    });
    let threads: Vec<_> = threads.collect();
    for thread in threads {
        thread.join().unwrap();
    }
    client.calls(0, &calls::last());
    std::mem::take(&mut *client.history.lock().unwrap())
}

/// Who calls, and notes it. Its clock and its notes are no business of the checker's, which lets one thread run at a time.
struct Client<C> {
    store: Arc<C>,
    clock: Arc<AtomicU64>,
    history: Arc<Mutex<Vec<Recorded>>>,
}

impl<C> Clone for Client<C> {
    fn clone(&self) -> Self {
        let (store, clock) = (Arc::clone(&self.store), Arc::clone(&self.clock));
        Self { store, clock, history: Arc::clone(&self.history) }
    }
}

impl<C: Callee> Client<C> {
    fn calls(&self, client: u32, calls: &[inquiry_otl_histories::Call]) {
        for call in calls {
            let invoked = self.clock.fetch_add(1, Ordering::Relaxed);
            let answer = at_once(self.store.take(call)).expect("nothing fails in memory");
            let at = self.clock.fetch_add(1, Ordering::Relaxed);
            let recorded =
                Recorded { client, call: call.clone(), invoked, end: End::Answered { at, answer } };
            self.history.lock().unwrap().push(recorded);
        }
    }
}

/// The answer of what waits for nothing but locks.
fn at_once<T>(call: impl Future<Output = T>) -> T {
    match pin!(call).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(answer) => answer,
        Poll::Pending => unreachable!("it waits for nothing but locks"),
    }
}
