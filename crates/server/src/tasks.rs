//! What the server does beside answering requests, and how that ends.

use std::{future::pending, time::Duration};

use thiserror::Error;
use tokio::{sync::watch, task::JoinSet, time::timeout};

/// Says whether the server stops.
#[derive(Clone)]
pub(crate) struct Stopping(watch::Receiver<bool>);

impl Stopping {
    pub(crate) fn has_begun(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until it stops.
    async fn begun(&mut self) {
        // Without those who could tell, it has ended.
        drop(self.0.wait_for(|stops| *stops).await);
    }

    /// Waits until that is so, but not beyond a pause, and not once the server stops.
    pub(crate) async fn or(&mut self, pause: Duration, so: impl Future<Output = ()>) {
        tokio::select! {
            _ = timeout(pause, so) => {}
            () = self.begun() => {}
        }
    }
}

/// What runs as long as the server does.
pub(crate) struct Tasks {
    endless: JoinSet<()>,
    senders: JoinSet<()>,
    stop: watch::Sender<bool>,
}

/// A part of the server ended by itself.
#[derive(Debug, Error)]
#[error("a part of the server failed, and nothing takes its place: it has to be started again")]
pub(crate) struct Failed;

impl Tasks {
    pub(crate) fn new() -> Self {
        Self { endless: JoinSet::new(), senders: JoinSet::new(), stop: watch::Sender::new(false) }
    }

    /// Runs what may be cut off at any time, and is done again by whoever comes next.
    pub(crate) fn run(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.endless.spawn(task);
    }

    /// Runs what sends, and ends what it has begun once the server stops: if it were cut off, it would be sent twice.
    pub(crate) fn send<F: Future<Output = ()> + Send + 'static>(&mut self, task: impl FnOnce(Stopping) -> F) {
        self.senders.spawn(task(Stopping(self.stop.subscribe())));
    }

    /// Waits until one of them fails: none ends by itself.
    pub(crate) async fn failed(&mut self) -> Failed {
        tokio::select! {
            Some(_) = self.endless.join_next() => {}
            Some(_) = self.senders.join_next() => {}
            else => pending().await,
        }
        tracing::error!("a part of the server failed, so the server stops");
        Failed
    }

    /// Ends all of them, those that send within that time.
    pub(crate) async fn stop(mut self, patience: Duration) {
        self.stop.send_replace(true);
        let senders = async { while self.senders.join_next().await.is_some() {} };
        if timeout(patience, senders).await.is_err() {
            tracing::warn!("some mails or webhooks did not end in time: they are sent again");
        }
        self.senders.shutdown().await;
        self.endless.shutdown().await;
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;

    /// One that panics is not missed, whichever it is.
    #[tokio::test]
    async fn a_task_that_fails_is_told() {
        let mut tasks = Tasks::new();
        tasks.run(pending());
        tasks.run(async { panic!("planted: a task fails") });
        tasks.failed().await;
        tasks.send(async |stopping| assert!(stopping.has_begun(), "planted: a sender fails"));
        tasks.failed().await;
    }

    /// What is being sent when the server stops is sent to its end, and nothing after it; what never ends is cut off.
    #[tokio::test]
    async fn what_is_being_sent_ends_first() {
        let (began, has_begun) = oneshot::channel();
        let (stops, has_stopped) = oneshot::channel();
        let (end, may_end) = oneshot::channel();
        let (sent, was_sent) = oneshot::channel();
        let mut tasks = Tasks::new();
        tasks.run(pending());
        tasks.send(async |mut stopping| {
            began.send(()).unwrap();
            stopping.or(Duration::MAX, pending()).await;
            stops.send(()).unwrap();
            may_end.await.unwrap();
            sent.send(()).unwrap();
        });
        has_begun.await.unwrap();
        let stopped = tokio::spawn(tasks.stop(Duration::from_secs(600)));
        has_stopped.await.unwrap();
        // Whoever has no patience is through by now.
        tokio::time::sleep(Duration::from_millis(20)).await;
        end.send(()).unwrap();
        stopped.await.unwrap();
        was_sent.await.unwrap();
    }
}
