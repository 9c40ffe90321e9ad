//! How long whoever asks is kept waiting.

use std::{future::Future, time::Duration};

/// How long to wait for something; for ever, unless told otherwise.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Patience(Option<Duration>);

impl Patience {
    pub(crate) const fn of(time: Duration) -> Self {
        Self(Some(time))
    }

    /// What comes of it; nothing, if that takes too long.
    pub(crate) async fn wait<T>(self, work: impl Future<Output = T>) -> Option<T> {
        match self.0 {
            None => Some(work.await),
            Some(time) => tokio::time::timeout(time, work).await.ok(),
        }
    }
}
