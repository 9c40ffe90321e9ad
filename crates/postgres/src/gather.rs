//! Calls that come while others are under way go together in the next transaction: what one costs is its commit.
//!
//! Alone, a call goes at once. Each is answered after its own commit. Whoever goes away takes nobody along: calls are carried
//! out by tasks of their own. One that nobody has waited for in a while is left out if it has not begun.

use std::{
    collections::VecDeque,
    future::Future,
    sync::{Mutex, MutexGuard, PoisonError},
};

use inquiry_otl::{StoreError, StoreErrorKind};
use tokio::{runtime::Handle, sync::oneshot, time::timeout};

use crate::{
    PostgresStore,
    fault::{Fate, Fault},
};

/// A command that can share a transaction with others of its kind.
pub(crate) trait Together: Send + Sized + 'static {
    type Outcome: Send + 'static;

    /// What an answer that is lost leaves open.
    const FATE: Fate;

    /// Where they gather.
    fn gathering(store: &PostgresStore) -> &Gathering<Self>;

    /// Carries out all of them, each by itself; an outcome for each, in their order.
    fn carry_out(
        store: &PostgresStore,
        commands: Vec<Self>,
    ) -> impl Future<Output = Vec<Result<Self::Outcome, StoreError>>> + Send;
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
            return Err(StoreError::new(StoreErrorKind::Overloaded, inquiry_otl::Retry::Safe));
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
                Some(call) => calls.push(call),
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
    let (caller, answer) = oneshot::channel();
    if C::gathering(store).enter(Call { command, caller })? {
        let lane = Lane { store: store.clone(), gathering: C::gathering, is_over: false };
        // Without a runtime nobody works, and what is dropped here gives its place back.
        if let Ok(runtime) = Handle::try_current() {
            runtime.spawn(work(lane));
        }
    }
    let mut asked = Asked { store, answer: Some(answer) };
    let outcome = match &mut asked.answer {
        Some(answer) => timeout(store.longest(), answer).await,
        None => return Err(Fault::Silence.of(C::FATE)),
    };
    asked.answer = None;
    match outcome {
        Ok(Ok(outcome)) => outcome,
        // The task is gone, and its runtime with it; or it has hung for too long.
        Ok(Err(_)) | Err(_) => Err(Fault::Silence.of(C::FATE)),
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
        if !self.is_over {
            let mut waiting = (self.gathering)(&self.store).lock();
            waiting.lanes = waiting.lanes.saturating_sub(1);
        }
    }
}

async fn work<C: Together>(mut lane: Lane<C>) {
    while let Some(calls) = (lane.gathering)(&lane.store).next() {
        let (commands, callers): (Vec<_>, Vec<_>) =
            calls.into_iter().map(|call| (call.command, call.caller)).unzip();
        let outcomes = C::carry_out(&lane.store, commands).await;
        for (caller, outcome) in callers.into_iter().zip(outcomes) {
            // Whoever went away needs no answer.
            let _ = caller.send(outcome);
        }
    }
    lane.is_over = true;
}
