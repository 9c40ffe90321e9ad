//! Removes what is past keeping, in the store and in the server's own records.

use std::{error::Error, sync::Arc, time::Duration};

use inquiry_otl::{Interval, Operator, store::AnyStore};

use crate::{
    app::App,
    records::{self, RecordsError},
};

/// How long mails and deliveries are kept that are over.
const KEPT: Interval = days(30);
/// How long figures are kept: twice as long as their page looks back.
pub(crate) const FIGURES_KEPT: Interval = days(60);
/// How often it is looked for.
const HOUSEKEEPING: Duration = Duration::from_secs(600);
/// How many records of each kind go at a time.
const PURGE: u32 = 500;

/// Announces expiries and removes old records, for ever.
pub(crate) async fn keep_store(store: AnyStore) {
    let operator = Operator::new(store);
    operator
        .run(tokio::time::sleep, |round| {
            for error in &round.failures {
                tracing::warn!(error = error as &dyn Error, "housekeeping waits");
            }
            true
        })
        .await;
}

/// Removes the server's own records that are past keeping, for ever.
pub(crate) async fn keep_records(app: Arc<App>) {
    loop {
        if let Err(error) = round(&app).await {
            tracing::warn!(error = &error as &dyn Error, "housekeeping waits");
        }
        tokio::time::sleep(HOUSEKEEPING).await;
    }
}

/// Removes all of them that there are now, in the files too.
pub(crate) async fn round(app: &App) -> Result<(), RecordsError> {
    while purge(app).await? != 0 {}
    app.records.forget().await
}

/// A bounded step, so that others may write meanwhile; tells how many went.
pub(crate) async fn purge(app: &App) -> Result<usize, RecordsError> {
    let now = app.links.planner().now();
    let (over, old, past) = (now.minus(KEPT), now.minus(FIGURES_KEPT), now.minus(app.keep_events));
    app.records
        .write(move |to| {
            let deliveries = records::webhooks::purge(to, over, PURGE)?;
            let mails = records::mails::purge(to, over, PURGE)?;
            let figures = records::figures::purge(to, old, PURGE)?;
            let events = records::timeline::purge(to, past, PURGE)?;
            Ok(deliveries.saturating_add(mails).saturating_add(figures).saturating_add(events))
        })
        .await
}

const fn days(days: i64) -> Interval {
    match Interval::from_days(days) {
        Ok(interval) => interval,
        Err(_) => unreachable!(),
    }
}

#[cfg(test)]
mod tests {
    use inquiry_otl::{Event, EventId, EventKind, InquiryId, TenantId};

    use super::{FIGURES_KEPT, PURGE, days, purge};
    use crate::{
        records::{
            figures::{add, hour, since},
            timeline,
        },
        stage::Stage,
    };

    /// Figures go with the hour that is past keeping, some at a time, and no hour before.
    #[tokio::test]
    async fn old_figures_go_and_others_stay() {
        let stage = Stage::new().await;
        let last = hour(stage.now().minus(FIGURES_KEPT));
        let many = usize::try_from(PURGE).unwrap() + 1;
        let written = stage.app.records.write(move |to| {
            (0..many).try_for_each(|label| add(to, last - 1, "refused", &label.to_string(), 1))?;
            add(to, last, "created", "", 1)
        });
        written.await.unwrap();
        let mut went = Vec::new();
        for _ in 0..3 {
            went.push(purge(&stage.app).await.unwrap());
        }
        assert_eq!(went, [many - 1, 1, 0]);
        let kept = || stage.app.records.read(|of| since(of, 0, 1));
        assert_eq!(kept().await.unwrap().len(), 1);
        // An hour later it is the next one's turn.
        stage.advance(3_600);
        assert_eq!((purge(&stage.app).await.unwrap(), kept().await.unwrap().len()), (1, 0));
    }

    /// A timeline loses what is past keeping, and nothing that happened since.
    #[tokio::test]
    async fn old_events_go_and_others_stay() {
        let stage = Stage::new().await;
        let inquiry = InquiryId::new("inq_old").unwrap();
        let (now, past) = (stage.now(), stage.now().minus(days(365)));
        let events = [(1, past), (2, now)].map(|(sequence, at)| {
            let id = EventId::from_u128(sequence.into());
            Event::new(
                id,
                TenantId::default(),
                Some(inquiry),
                Some(sequence),
                at,
                EventKind::InquiryCompleted,
            )
        });
        let written = stage
            .app
            .records
            .write(move |to| events.iter().try_for_each(|event| timeline::add(to, event).map(drop)));
        written.await.unwrap();
        let kept = async || {
            let events = stage.app.records.read(move |of| timeline::of(of, inquiry, None, 9)).await.unwrap();
            events.iter().map(|event| event.sequence.unwrap()).collect::<Vec<_>>()
        };
        // To the second a year ago: it is kept for a year.
        assert_eq!((purge(&stage.app).await.unwrap(), kept().await), (0, vec![2, 1]));
        stage.advance(1);
        assert_eq!((purge(&stage.app).await.unwrap(), kept().await), (1, vec![2]));
    }
}
