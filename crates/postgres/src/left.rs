//! What callers left at work on the server when they gave up or went away.

use std::{pin::pin, sync::Arc, time::Duration};

use deadpool::managed::Object;
use tokio::{runtime::Handle, sync::watch, time::timeout};

use crate::client::Manager;

/// How long a call waits for what another one left: then whoever gave up a call and looks finds what became of it.
const A_MOMENT: Duration = Duration::from_millis(250);

/// How often a server is told to stop, and how long it may take each time.
const ORDERS: usize = 3;
const SOON: Duration = Duration::from_secs(1);

/// How many calls were left a moment ago.
#[derive(Debug)]
pub(crate) struct Left(watch::Sender<usize>);

impl Left {
    pub(crate) fn none() -> Self {
        Self(watch::Sender::new(0))
    }

    /// Waits until the server is done with calls that were left a moment ago.
    pub(crate) async fn settled(&self) {
        if *self.0.borrow() != 0 {
            let mut count = self.0.subscribe();
            let _ = timeout(A_MOMENT, count.wait_for(|count| *count == 0)).await;
        }
    }

    /// Waits for a call that its caller left to others, so that nobody looks before it is done.
    pub(crate) fn watch(&self, done: impl Future<Output = ()> + Send + 'static) {
        if let Ok(runtime) = Handle::try_current() {
            self.0.send_modify(|count| *count = count.saturating_add(1));
            let counted = Counted(self.0.clone());
            runtime.spawn(async move {
                let _ = timeout(A_MOMENT, done).await;
                drop(counted);
            });
        }
    }

    /// Sees to it that a connection gets back to its pool, or is closed, when the server is done with what was left on it
    /// by a caller that would have waited for so long.
    pub(crate) fn take(&self, client: Arc<Object<Manager>>, patience: Duration) {
        match Handle::try_current() {
            Ok(runtime) => {
                self.0.send_modify(|count| *count = count.saturating_add(1));
                let counted = Counted(self.0.clone());
                runtime.spawn(finish(client, patience, counted));
            }
            // Nobody is there to wait.
            Err(_) => client.give_up(),
        }
    }
}

struct Counted(watch::Sender<usize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.send_modify(|count| *count = count.saturating_sub(1));
    }
}

/// Keeps a connection out of its pool until the server is done with it, so that the size of the pool bounds what the
/// server works at. After so long it is told to stop.
///
/// A commit that waits for a synchronous standby is past every timeout of the server's, and whoever closes the
/// connection leaves it waiting, with its locks: only an order ends it. It is then committed here, and perhaps nowhere
/// else. A server that does not follow is not there, and the connection is given up.
async fn finish(client: Arc<Object<Manager>>, patience: Duration, counted: Counted) {
    let mut busy = Busy { client, is_done: false };
    let mut done = pin!(busy.client.simple_query(""));
    busy.is_done = timeout(patience.min(A_MOMENT), &mut done).await.is_ok();
    if busy.is_done {
        return;
    }
    drop(counted);
    busy.is_done = timeout(patience.saturating_sub(A_MOMENT), &mut done).await.is_ok();
    if busy.is_done {
        return;
    }
    // The order may come between two statements, where nobody hears it.
    for _ in 0..ORDERS {
        if !busy.client.cancel().await || timeout(SOON, &mut done).await.is_ok() {
            // Another order may be under way, and would stop the next caller.
            return;
        }
    }
}

/// A connection that is given up, also if the runtime of whoever waits ends first, unless the server is done with it.
struct Busy {
    client: Arc<Object<Manager>>,
    is_done: bool,
}

impl Drop for Busy {
    fn drop(&mut self) {
        if !self.is_done {
            self.client.give_up();
        }
    }
}
