//! A batch, spread over threads and tasks.

use std::{
    future::Future,
    pin::Pin,
    sync::Barrier,
    task::{Context, Poll},
    thread,
    time::Duration,
};

use super::{candidate::BenchError, stopwatch::Stopwatch, work::Load};
use crate::blocking::BlockOn;

/// Calls `call` with each input and says how long all of it took, from the first start to the last end.
///
/// A thread waits for its whole share at once, so that how a thread waits is not part of each call.
pub(super) fn run<I, O, B>(
    block_on: &B,
    load: Load,
    inputs: &[I],
    call: impl AsyncFn(&I) -> Result<O, BenchError> + Sync,
) -> Result<(Duration, Vec<O>), BenchError>
where
    I: Sync,
    O: Send,
    B: BlockOn + Sync,
{
    if load.threads == 1 {
        let share = share(block_on, load.tasks, inputs, &call, &Barrier::new(1));
        return Ok((share.begun.until(share.ended), share.outputs?));
    }
    let barrier = Barrier::new(load.threads);
    let chunk = inputs.len().div_ceil(load.threads).max(1);
    let shares: Vec<_> = thread::scope(|scope| {
        let mut chunks = inputs.chunks(chunk);
        let threads: Vec<_> = (0..load.threads)
            .map(|_| {
                let (inputs, barrier, call) = (chunks.next().unwrap_or_default(), &barrier, &call);
                scope.spawn(move || share(block_on, load.tasks, inputs, call, barrier))
            })
            .collect();
        threads.into_iter().map(thread::ScopedJoinHandle::join).collect()
    });
    let mut outputs = Vec::with_capacity(inputs.len());
    let mut span: Option<(Stopwatch, Stopwatch)> = None;
    for share in shares {
        let share = share.map_err(|_| BenchError::Other("a thread panicked".to_owned()))?;
        let (begun, ended) = span.unwrap_or((share.begun, share.ended));
        span = Some((begun.min(share.begun), ended.max(share.ended)));
        outputs.extend(share.outputs?);
    }
    Ok((span.map(|(begun, ended)| begun.until(ended)).unwrap_or_default(), outputs))
}

struct Share<O> {
    begun: Stopwatch,
    ended: Stopwatch,
    outputs: Result<Vec<O>, BenchError>,
}

fn share<I, O, B: BlockOn>(
    block_on: &B,
    tasks: usize,
    inputs: &[I],
    call: &impl AsyncFn(&I) -> Result<O, BenchError>,
    barrier: &Barrier,
) -> Share<O> {
    let one_by_one = async |inputs: &[I], outputs: &mut Vec<O>| {
        for input in inputs {
            outputs.push(call(input).await?);
        }
        Ok(())
    };
    let mut outputs = Vec::with_capacity(inputs.len());
    if tasks == 1 {
        let (begun, done, ended) = block_on.block_on(async {
            barrier.wait();
            let begun = Stopwatch::start();
            let done = one_by_one(inputs, &mut outputs).await;
            (begun, done, Stopwatch::start())
        });
        return Share { begun, ended, outputs: done.map(|()| outputs) };
    }
    let chunk = inputs.len().div_ceil(tasks).max(1);
    let under_way = inputs.chunks(chunk).map(|inputs| {
        Box::pin(async move {
            let mut outputs = Vec::with_capacity(inputs.len());
            one_by_one(inputs, &mut outputs).await.map(|()| outputs)
        })
    });
    let mut together = Together(under_way.map(Task::UnderWay).collect());
    let (begun, ended) = block_on.block_on(async {
        barrier.wait();
        let begun = Stopwatch::start();
        (&mut together).await;
        (begun, Stopwatch::start())
    });
    let done = together.0.into_iter().try_for_each(|task| {
        if let Task::Done(done) = task {
            outputs.extend(done?);
        }
        Ok(())
    });
    Share { begun, ended, outputs: done.map(|()| outputs) }
}

/// Several futures at a time, without a runtime: whenever one of them is woken, all are asked.
struct Together<F: Future>(Vec<Task<F>>);

enum Task<F: Future> {
    UnderWay(Pin<Box<F>>),
    Done(F::Output),
}

/// No future is moved: each is in a box of its own.
impl<F: Future> Unpin for Together<F> {}

impl<F: Future> Future for Together<F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let mut waiting = false;
        for task in &mut self.0 {
            if let Task::UnderWay(future) = task {
                match future.as_mut().poll(context) {
                    Poll::Ready(output) => *task = Task::Done(output),
                    Poll::Pending => waiting = true,
                }
            }
        }
        if waiting { Poll::Pending } else { Poll::Ready(()) }
    }
}
