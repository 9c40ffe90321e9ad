//! Calls that come while others are under way go together in the next transaction: what one costs is its commit.
//!
//! Alone, a call goes at once. Each is answered after its own commit. Whoever goes away takes nobody along: calls are carried
//! out by tasks of their own. One that nobody waits for any more is left out if it has not begun.

use std::{
    collections::VecDeque,
    future::Future,
    mem,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
};

use futures_util::future::join_all;
use inquiry_otl::{Retry, StoreError, StoreErrorKind};
use tokio::{runtime::Handle, sync::oneshot, time::timeout};

use crate::{
    PostgresStore,
    fault::{Fate, Fault, is_of_one},
};

/// A command that can share a transaction with others of its kind.
pub(crate) trait Together: Send + Sync + Sized + 'static {
    type Outcome: Send + 'static;

    /// What an answer that is lost leaves open.
    const FATE: Fate;

    /// Where they gather.
    fn gathering(store: &PostgresStore) -> &Gathering<Self>;

    /// Carries out all of them in one transaction: an outcome for each in their order, and none for those that must go by
    /// themselves.
    fn at_once(
        store: &PostgresStore,
        commands: &[Self],
    ) -> impl Future<Output = Result<Vec<Option<Self::Outcome>>, StoreError>> + Send;

    /// Carries out one by itself.
    fn alone(
        store: &PostgresStore,
        command: &Self,
    ) -> impl Future<Output = Result<Self::Outcome, StoreError>> + Send;
}

/// Calls that wait for those before them.
pub(crate) struct Gathering<C: Together>(Mutex<Waiting<C>>);

struct Waiting<C: Together> {
    calls: VecDeque<Call<C>>,
    /// How many tasks are at work.
    lanes: usize,
}

struct Call<C: Together> {
    command: C,
    caller: oneshot::Sender<Result<C::Outcome, StoreError>>,
    has_begun: Arc<AtomicBool>,
}

impl<C: Together> Default for Gathering<C> {
    fn default() -> Self {
        Self(Mutex::new(Waiting { calls: VecDeque::new(), lanes: 0 }))
    }
}

impl<C: Together> Gathering<C> {
    /// How many transactions are under way at a time: while one waits for its commit, the server works at the other.
    const LANES: usize = 2;
    /// How many calls go together at the most.
    const TOGETHER: usize = 256;
    /// How many may wait. One more is told at once that the store is overloaded.
    const ROOM: usize = 8_192;

    fn lock(&self) -> MutexGuard<'_, Waiting<C>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Lets a call wait; whether a task must be started for it.
    fn enter(&self, call: Call<C>) -> Result<bool, StoreError> {
        let mut waiting = self.lock();
        if Self::ROOM <= waiting.calls.len() {
            return Err(StoreError::new(StoreErrorKind::Overloaded, Retry::Safe));
        }
        waiting.calls.push_back(call);
        let starts = waiting.lanes < Self::LANES;
        waiting.lanes = waiting.lanes.saturating_add(usize::from(starts));
        Ok(starts)
    }

    /// The next calls; none, and one task less, if nobody waits.
    fn next(&self) -> Option<Vec<Call<C>>> {
        let mut waiting = self.lock();
        let mut calls = Vec::new();
        while calls.len() < Self::TOGETHER {
            match waiting.calls.pop_front() {
                Some(call) if call.caller.is_closed() => {}
                Some(call) => {
                    call.has_begun.store(true, Ordering::Relaxed);
                    calls.push(call);
                }
                None => break,
            }
        }
        if calls.is_empty() {
            waiting.lanes = waiting.lanes.saturating_sub(1);
            return None;
        }
        Some(calls)
    }
}

/// Has a command carried out, with others that come at the same time.
pub(crate) async fn ask<C: Together>(store: &PostgresStore, command: C) -> Result<C::Outcome, StoreError> {
    let nobody = |_| StoreError::new(StoreErrorKind::Unavailable, Retry::Safe);
    let runtime = Handle::try_current().map_err(nobody)?;
    let (caller, answer) = oneshot::channel();
    let has_begun = Arc::new(AtomicBool::new(false));
    let gathering = C::gathering(store);
    if gathering.enter(Call { command, caller, has_begun: Arc::clone(&has_begun) })? {
        runtime.spawn(work(Lane { store: store.clone(), gathering: C::gathering, is_over: false }));
    }
    let mut asked = Asked { store, answer: Some(answer) };
    let told = match &mut asked.answer {
        Some(answer) => timeout(store.longest(), answer).await.ok(),
        None => None,
    };
    // Under the lock: either it has begun, or it never will.
    let waiting = gathering.lock();
    asked.answer = None;
    let never_begun = !has_begun.load(Ordering::Relaxed);
    drop(waiting);
    match told {
        Some(Ok(outcome)) => outcome,
        _ if never_begun => Err(StoreError::new(StoreErrorKind::Timeout, Retry::Safe)),
        // It takes too long; or the task is gone, and its runtime with it.
        Some(Err(_)) | None => Err(Fault::Silence.of(C::FATE)),
    }
}

/// A caller who waits; what they leave behind when they go away is seen to its end.
struct Asked<'s, T: Send + 'static> {
    store: &'s PostgresStore,
    answer: Option<oneshot::Receiver<T>>,
}

impl<T: Send + 'static> Drop for Asked<'_, T> {
    fn drop(&mut self) {
        if let Some(answer) = self.answer.take() {
            self.store.left().watch(async move { drop(answer.await) });
        }
    }
}

/// The right of a task to work.
struct Lane<C: Together> {
    store: PostgresStore,
    gathering: fn(&PostgresStore) -> &Gathering<C>,
    is_over: bool,
}

impl<C: Together> Drop for Lane<C> {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let mut waiting = (self.gathering)(&self.store).lock();
        waiting.lanes = waiting.lanes.saturating_sub(1);
        if waiting.lanes == 0 {
            // Nobody is left to work for these, and none of them has begun.
            let calls = mem::take(&mut waiting.calls);
            drop(waiting);
            for call in calls {
                let _ = call.caller.send(Err(StoreError::new(StoreErrorKind::Unavailable, Retry::Safe)));
            }
        }
    }
}

async fn work<C: Together>(mut lane: Lane<C>) {
    while let Some(calls) = (lane.gathering)(&lane.store).next() {
        carry_out(&lane.store, calls).await;
    }
    lane.is_over = true;
}

/// All calls in one transaction; and by themselves those that must be, or all of them if the transaction failed for what may
/// be one's reason. Each is answered when it is done.
async fn carry_out<C: Together>(store: &PostgresStore, calls: Vec<Call<C>>) {
    let (commands, callers): (Vec<_>, Vec<_>) =
        calls.into_iter().map(|call| (call.command, call.caller)).unzip();
    let together = match commands[..] {
        [_, _, ..] => C::at_once(store, &commands).await,
        _ => Ok(Vec::new()),
    };
    let mut outcomes = match together {
        Ok(outcomes) => outcomes,
        Err(error) if is_of_one(&error) => Vec::new(),
        Err(error) => {
            for caller in callers {
                let _ = caller.send(Err(StoreError::new(error.kind(), error.retry())));
            }
            return;
        }
    };
    outcomes.resize_with(commands.len(), || None);
    join_all(commands.iter().zip(callers).zip(outcomes).map(async |((command, caller), outcome)| {
        let outcome = match outcome {
            Some(outcome) => Ok(outcome),
            // It must not happen behind what its caller did instead.
            None if caller.is_closed() => return,
            None => C::alone(store, command).await,
        };
        // Whoever went away needs no answer.
        let _ = caller.send(outcome);
    }))
    .await;
}
