//! Housekeeping for all tenants: announce expiries, remove what is past keeping (I6, S3).

use std::{future::Future, sync::Arc, time::Duration};

use super::{plan::new_event, sink::EventSink};
use crate::{
    clock::{Clock, SystemClock},
    store::{Housekeeping, Purge, Purged, StoreError, Sweep},
    time::Interval,
};

/// The operator's handle on a store: it spans tenants, and no service can reach it (S6).
///
/// [`tick`](Self::tick) does one bounded round, for an application that has a scheduler of its own;
/// [`run`](Self::run) goes on until told to stop, and goes on after a round that failed.
///
/// ```
/// use inquiry_otl::{ManualClock, MemoryStore, Operator};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// let operator = Operator::builder(MemoryStore::new()).clock(ManualClock::default()).build();
/// let round = operator.tick().await;
/// assert_eq!((round.expired, round.failures.len()), (0, 0));
/// # }
/// ```
#[derive(Debug)]
pub struct Operator<S> {
    store: S,
    clock: Arc<dyn Clock>,
    retention: Retention,
    batch: u32,
    pause: Duration,
    sink: Option<Arc<dyn EventSink>>,
}

impl<S: Housekeeping> Operator<S> {
    /// An operator with every part at its default: see [`builder`](Self::builder).
    pub fn new(store: S) -> Self {
        Self::builder(store).build()
    }

    /// Puts an operator together from its parts.
    pub fn builder(store: S) -> OperatorBuilder<S> {
        OperatorBuilder {
            operator: Self {
                store,
                clock: Arc::new(SystemClock),
                retention: Retention::default(),
                batch: 1_000,
                pause: Duration::from_secs(60),
                sink: None,
            },
        }
    }

    /// One bounded round: at most a batch of expiries is announced, and at most a batch of records removed.
    ///
    /// A part that fails does not keep the other from its turn.
    pub async fn tick(&self) -> Round {
        let mut round = Round::default();
        let now = self.clock.now();
        let sweep = Sweep { now, limit: self.batch, event: new_event(now) };
        match self.store.sweep(sweep).await {
            Ok(swept) => {
                round.expired = swept.events.len() as u64;
                round.more |= swept.more;
                if let Some(sink) = &self.sink {
                    swept.events.iter().for_each(|event| sink.tell(event));
                }
            }
            Err(error) => round.failures.push(error),
        }
        let purge = Purge {
            now,
            retention: self.retention.links,
            inquiry_retention: self.retention.inquiries,
            repeats_after: now.minus(self.retention.repeat_window),
            limit: self.batch,
        };
        match self.store.purge(purge).await {
            Ok(purged) => {
                round.more |= purged.more;
                round.purged = purged;
            }
            Err(error) => round.failures.push(error),
        }
        round
    }

    /// Does rounds until `after_each` says to stop, and sleeps in between with the sleep that is passed in.
    ///
    /// It goes on after a round that failed. It does not sleep while there is more to do, unless the round
    /// failed. It can be dropped at any moment.
    ///
    /// ```no_run
    /// # use inquiry_otl::{MemoryStore, Operator};
    /// # async fn forever(store: MemoryStore) {
    /// let operator = Operator::new(store);
    /// operator
    ///     .run(tokio::time::sleep, |round| {
    ///         round.failures.iter().for_each(|error| eprintln!("housekeeping: {error}"));
    ///         true
    ///     })
    ///     .await;
    /// # }
    /// ```
    pub async fn run<F: Future<Output = ()>>(
        &self,
        sleep: impl Fn(Duration) -> F,
        mut after_each: impl FnMut(&Round) -> bool,
    ) {
        loop {
            let round = self.tick().await;
            if !after_each(&round) {
                return;
            }
            if !round.more || !round.failures.is_empty() {
                sleep(self.pause).await;
            }
        }
    }
}

/// Puts an [`Operator`] together: every part has a default but the store.
#[derive(Debug)]
#[must_use]
pub struct OperatorBuilder<S> {
    operator: Operator<S>,
}

impl<S> OperatorBuilder<S> {
    /// Where the time comes from (S5); the operating system unless told otherwise.
    pub fn clock(mut self, clock: impl Clock + 'static) -> Self {
        self.operator.clock = Arc::new(clock);
        self
    }

    /// How long records are kept (S3).
    pub fn retention(mut self, retention: Retention) -> Self {
        self.operator.retention = retention;
        self
    }

    /// How many records a round touches at the most: 1000 to be announced and 1000 to be removed, unless told
    /// otherwise; at least 1.
    pub fn batch(mut self, records: u32) -> Self {
        self.operator.batch = records.max(1);
        self
    }

    /// How long to sleep when there is nothing to do: a minute, unless told otherwise.
    pub fn pause(mut self, pause: Duration) -> Self {
        self.operator.pause = pause;
        self
    }

    /// Who is told of the expiries (V1); nobody, unless told otherwise.
    pub fn event_sink(mut self, sink: impl EventSink + 'static) -> Self {
        self.operator.sink = Some(Arc::new(sink));
        self
    }

    /// The operator.
    pub fn build(self) -> Operator<S> {
        self.operator
    }
}

/// How long records are kept after their end (S3).
///
/// ```
/// use inquiry_otl::{Interval, Retention};
///
/// let retention = Retention::default().with_inquiries(Interval::from_days(365)?);
/// # Ok::<(), inquiry_otl::TimeError>(())
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    links: Interval,
    inquiries: Option<Interval>,
    repeat_window: Interval,
}

impl Retention {
    /// The same with links and sessions kept that long after their expiry, so that a refusal can name its
    /// reason: 30 days, unless told otherwise.
    #[must_use]
    pub const fn with_links(mut self, after_expiry: Interval) -> Self {
        self.links = after_expiry;
        self
    }

    /// The same with inquiries kept that long after their end; for ever, unless told otherwise.
    #[must_use]
    pub const fn with_inquiries(mut self, after_end: Interval) -> Self {
        self.inquiries = Some(after_end);
        self
    }

    /// The same for services whose attempts may ask again that long after the first use (D6): 10 minutes,
    /// unless told otherwise. It must be no shorter than the services'.
    #[must_use]
    pub const fn with_repeat_window(mut self, window: Interval) -> Self {
        self.repeat_window = window;
        self
    }
}

impl Default for Retention {
    fn default() -> Self {
        Self { links: Interval::DAY.times(30), inquiries: None, repeat_window: Interval::MINUTE.times(10) }
    }
}

/// What a round of housekeeping did.
#[derive(Debug, Default)]
#[non_exhaustive]
pub struct Round {
    /// So many expiries were announced.
    pub expired: u64,
    /// So much was removed.
    pub purged: Purged,
    /// Whether a batch was full, so that there may be more to do.
    pub more: bool,
    /// What failed; the next round tries again.
    pub failures: Vec<StoreError>,
}
