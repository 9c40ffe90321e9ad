//! Calls whose callers went away: what they asked for is done, and whoever reads after them sees it.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

/// How many calls of a thread nobody waits for any more, though they are not done.
#[derive(Clone, Debug, Default)]
pub(crate) struct Abandoned(Arc<AtomicUsize>);

impl Abandoned {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.load(Ordering::SeqCst) == 0
    }

    /// A new call, as its caller has it and as the thread has it.
    pub(crate) fn call(&self) -> (Waiting, Pending) {
        let call = Arc::new(Call { is_over: AtomicBool::new(false), abandoned: self.clone() });
        (Waiting(call.clone()), Pending(call))
    }
}

struct Call {
    /// Whether one of the two sides has gone.
    is_over: AtomicBool,
    abandoned: Abandoned,
}

/// The caller's side: dropped with the answer, or when the caller went away.
pub(crate) struct Waiting(Arc<Call>);

/// The thread's side: dropped when the call is done.
pub(crate) struct Pending(Arc<Call>);

impl Drop for Waiting {
    fn drop(&mut self) {
        let Call { is_over, abandoned } = &*self.0;
        // Counted first, so that nobody sees a count that has not been made yet.
        abandoned.0.fetch_add(1, Ordering::SeqCst);
        if is_over.swap(true, Ordering::SeqCst) {
            abandoned.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        let Call { is_over, abandoned } = &*self.0;
        if is_over.swap(true, Ordering::SeqCst) {
            abandoned.0.fetch_sub(1, Ordering::SeqCst);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// S1: a call is abandoned from when its caller goes until it is done, and not otherwise.
    #[test]
    fn a_call_is_abandoned_until_it_is_done() {
        let abandoned = Abandoned::default();
        let (waiting, pending) = abandoned.call();
        let (other_waiting, other_pending) = abandoned.call();
        assert!(abandoned.is_empty());
        drop(pending);
        drop(waiting);
        assert!(abandoned.is_empty(), "a call that was answered");
        drop(other_waiting);
        assert!(!abandoned.is_empty(), "a call whose caller went away");
        drop(other_pending);
        assert!(abandoned.is_empty(), "a call that is done");
    }
}
