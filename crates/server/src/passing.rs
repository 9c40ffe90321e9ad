//! What happens to links and is told to nobody but the sink (V1): counted in memory, and added to the figures now and then.

use std::{
    collections::HashMap,
    error::Error,
    mem,
    sync::{Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use inquiry_otl::{Event, EventKind, EventSink};

use crate::records::{Records, RecordsError, figures};

/// How long counts may be in memory alone: a process that is killed loses them.
const PAUSE: Duration = Duration::from_secs(10);

/// Counts of looks and refusals, by hour.
#[derive(Debug, Default)]
pub(crate) struct Passing(Mutex<Counts>);

/// By hour, name and label.
type Counts = HashMap<(i64, &'static str, &'static str), u64>;

impl EventSink for Passing {
    fn tell(&self, event: &Event) {
        let (name, label) = match event.kind {
            EventKind::LinkPeeked { refusal: None, .. } => (figures::LOOKED, ""),
            EventKind::LinkPeeked { refusal: Some(refusal), .. } => (figures::IN_VAIN, refusal.name()),
            EventKind::LinkRefused { refusal, .. } => (figures::REFUSED, refusal.name()),
            _ => return,
        };
        let mut counts = self.counts();
        let count = counts.entry((figures::hour(event.at), name, label)).or_insert(0);
        *count = count.saturating_add(1);
    }
}

impl Passing {
    /// Adds what was counted to the records; what cannot be written is added the next time.
    pub(crate) async fn save(&self, records: &Records) -> Result<(), RecordsError> {
        let counts = mem::take(&mut *self.counts());
        if counts.is_empty() {
            return Ok(());
        }
        let written = counts.clone();
        let saved = records
            .write(move |to| {
                written
                    .iter()
                    .try_for_each(|((hour, name, label), count)| figures::add(to, *hour, name, label, *count))
            })
            .await;
        if saved.is_err() {
            let mut new = self.counts();
            for (key, count) in counts {
                let sum = new.entry(key).or_insert(0);
                *sum = sum.saturating_add(count);
            }
        }
        saved
    }

    /// Adds it every now and then, for ever.
    pub(crate) async fn run(&self, records: &Records) {
        loop {
            tokio::time::sleep(PAUSE).await;
            if let Err(error) = self.save(records).await {
                tracing::warn!(error = &error as &dyn Error, "looks and refusals are not written for now");
            }
        }
    }

    /// Nothing in there can panic, so a poisoned lock does not occur.
    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
