//! Takes the events out of the store's outbox into the records: each at least once there, and once here (V1).

use std::{error::Error, sync::Arc, time::Duration};

use inquiry_otl::{
    Event, EventSink,
    store::{AnyStore, Outbox as _},
};
use tokio::sync::Notify;

use crate::{app::App, records::timeline};

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
async fn batch(app: &App, store: &AnyStore) -> Result<usize, Box<dyn Error + Send + Sync>> {
    let deliveries = store.pending(None, BATCH).await?;
    if deliveries.is_empty() {
        return Ok(0);
    }
    let (receipts, events): (Vec<_>, Vec<_>) =
        deliveries.into_iter().map(|delivery| (delivery.receipt, delivery.event)).unzip();
    let count = events.len();
    app.records
        .write(move |to| {
            for event in &events {
                timeline::add(to, event)?;
            }
            Ok(())
        })
        .await?;
    store.acknowledge(receipts).await?;
    Ok(count)
}
