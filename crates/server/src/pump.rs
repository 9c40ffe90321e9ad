//! Takes the events out of the store's outbox into the records: each at least once there, and once here (V1).

use std::{error::Error, sync::Arc, time::Duration};

use inquiry_otl::{
    Event, EventKind, EventSink, Timestamp,
    store::{AnyStore, Outbox as _},
};
use rusqlite::Transaction;
use tokio::sync::Notify;

use crate::{
    app::App,
    records::{figures, mails, timeline},
    webhooks,
};

/// How many events go at a time.
const BATCH: u32 = 500;
/// How long to wait where there are none: another process may have written some.
const PAUSE: Duration = Duration::from_secs(1);

/// Wakes the pump when something has happened here.
#[derive(Clone, Debug, Default)]
pub(crate) struct Bell(Arc<Notify>);

impl EventSink for Bell {
    fn tell(&self, _: &Event) {
        self.0.notify_one();
    }
}

/// Takes events until it is dropped.
pub(crate) async fn run(app: Arc<App>, store: AnyStore, bell: Bell) {
    loop {
        match batch(&app, &store).await {
            Ok(count) if count != 0 => continue,
            Ok(_) => {}
            Err(error) => tracing::warn!(error = &*error as &dyn Error, "events stay in the store for now"),
        }
        drop(tokio::time::timeout(PAUSE, bell.0.notified()).await);
    }
}

/// Takes some: first they are on disk here, then the store may forget them.
pub(crate) async fn batch(app: &App, store: &AnyStore) -> Result<usize, Box<dyn Error + Send + Sync>> {
    let deliveries = store.pending(None, BATCH).await?;
    if deliveries.is_empty() {
        return Ok(0);
    }
    let (receipts, events): (Vec<_>, Vec<_>) =
        deliveries.into_iter().map(|delivery| (delivery.receipt, delivery.event)).unzip();
    let (count, now) = (events.len(), app.links.planner().now());
    app.records.write(move |to| events.iter().try_for_each(|event| take(to, event, now))).await?;
    app.webhooks.ring();
    store.acknowledge(receipts).await?;
    Ok(count)
}

/// Takes an event, and does what is to be done when it happened, once.
pub(crate) fn take(to: &Transaction<'_>, event: &Event, now: Timestamp) -> rusqlite::Result<()> {
    if !timeline::add(to, event)? {
        return Ok(());
    }
    figures::count(to, event)?;
    if let (EventKind::InquiryRedacted, Some(inquiry)) = (event.kind, event.inquiry) {
        mails::redact(to, inquiry, now)?;
    }
    webhooks::enqueue(to, event, now)
}
