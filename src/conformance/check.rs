//! One check, and how it is run.

use std::{
    any::Any,
    fmt,
    future::Future,
    panic::{AssertUnwindSafe, catch_unwind},
    pin::Pin,
    time::Duration,
};

use super::Fixture;

pub(super) type Running<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;

/// One thing that a store must do.
pub struct Check<F> {
    /// Its name: that of its function, and of its test.
    pub name: &'static str,
    pub(super) body: for<'a> fn(&'a F) -> Running<'a>,
}

impl<F: Fixture> Check<F> {
    /// A store that has not answered by then never will.
    const PATIENCE: Duration = Duration::from_secs(300);

    /// Runs it, on a runtime of its own with four threads.
    ///
    /// # Errors
    /// What the store did wrong.
    pub fn run(&self, fixture: F) -> Result<(), String> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(4)
            .enable_all()
            .build()
            .map_err(|error| format!("no runtime: {error}"))?;
        let checked = catch_unwind(AssertUnwindSafe(|| {
            let checked = runtime
                .block_on(async { tokio::time::timeout(Self::PATIENCE, (self.body)(&fixture)).await })
                .map_err(|_| "the store did not answer within five minutes".to_owned());
            // On its runtime, which a fixture that cleans up a database may need.
            let _entered = runtime.enter();
            drop(fixture);
            checked
        }));
        // A store that hangs must not keep the runtime from ending.
        runtime.shutdown_timeout(Duration::from_secs(10));
        checked.unwrap_or_else(|panic| Err(message(panic.as_ref())))
    }
}

impl<F> Clone for Check<F> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<F> Copy for Check<F> {}

impl<F> fmt::Debug for Check<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Check").field("name", &self.name).finish_non_exhaustive()
    }
}

fn message(panic: &(dyn Any + Send)) -> String {
    match (panic.downcast_ref::<String>(), panic.downcast_ref::<&str>()) {
        (Some(message), _) => message.clone(),
        (None, Some(message)) => (*message).to_owned(),
        (None, None) => "it panicked".to_owned(),
    }
}
