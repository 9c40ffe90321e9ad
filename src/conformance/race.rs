//! Many calls at the same moment, and calls that are given up halfway.

use std::{
    future::{Future, poll_fn},
    panic::resume_unwind,
    pin::pin,
    sync::{Arc, Barrier},
    task::Poll,
};

use tokio::{runtime::Handle, task::spawn_blocking};

/// Starts so many calls at the same moment, each on a thread of its own, and gives their answers.
///
/// Futures that are joined in one task would take turns, and a store that looks before it writes would pass.
pub(super) async fn race<T, C>(count: usize, call: impl Fn(usize) -> C + Send + Sync + 'static) -> Vec<T>
where
    T: Send + 'static,
    C: Future<Output = T>,
{
    let call = Arc::new(call);
    let barrier = Arc::new(Barrier::new(count));
    let runtime = Handle::current();
    let threads: Vec<_> = (0..count)
        .map(|n| {
            let (call, barrier, runtime) = (Arc::clone(&call), Arc::clone(&barrier), runtime.clone());
            spawn_blocking(move || {
                barrier.wait();
                runtime.block_on(call(n))
            })
        })
        .collect();
    let mut answers = Vec::with_capacity(count);
    for thread in threads {
        match thread.await {
            Ok(answer) => answers.push(answer),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => resume_unwind(panic),
                Err(error) => panic!("a call was not run: {error}"),
            },
        }
    }
    answers
}

/// Polls a call so many times and then drops it, as a caller who goes away does; its answer, if it came by then.
pub(super) async fn give_up_after<T>(polls: u32, call: impl Future<Output = T>) -> Option<T> {
    let mut call = pin!(call);
    let mut left = polls;
    poll_fn(|context| match call.as_mut().poll(context) {
        Poll::Ready(answer) => Poll::Ready(Some(answer)),
        Poll::Pending if left <= 1 => Poll::Ready(None),
        Poll::Pending => {
            left -= 1;
            Poll::Pending
        }
    })
    .await
}
