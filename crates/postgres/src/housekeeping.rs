//! What an operator asks for: sweep and purge (I6, S3).

use inquiry_otl::{Event, EventId, EventKind, Expiry, Interval, Timestamp, store::Purge};
use uuid::Uuid;

use crate::{
    connection::Connection,
    fault::Fault,
    row::{Columns, system_time},
};

/// How many records one transaction takes at the most: it holds their inquiries until it ends.
pub(crate) const BATCH: u32 = 1_000;

/// Records that are looked at for each that may be removed: what is held is put off, and costs a look.
pub(crate) const LOOKS: u64 = 8;

/// Makes expiries by time durable, at most `limit`, in one transaction (I6).
pub(crate) async fn sweep(
    on: Connection<'_>,
    now: Timestamp,
    first: EventId,
    limit: u32,
) -> Result<Vec<Event>, Fault> {
    let ids: Vec<EventId> = (0..limit).map(|n| first.nth(n)).collect();
    let events: Vec<Uuid> = ids.iter().map(|id| Uuid::from_u128(id.as_u128())).collect();
    let rows = on.rows(&on.sql.sweep, &[&system_time(now), &events, &on.outbox]).await?;
    let mut swept = Vec::with_capacity(rows.len());
    for (row, id) in rows.iter().zip(ids) {
        let mut columns = Columns::of(row);
        let (tenant, inquiry) = (columns.parsed()?, columns.parsed()?);
        let kind = EventKind::InquiryExpired { cause: Expiry::Deadline, expired_at: columns.instant()? };
        swept.push(Event::new(id, tenant, Some(inquiry), Some(columns.bits()?), now, kind));
    }
    Ok(swept)
}

/// What a batch of a purge came to.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Batch {
    pub(crate) looked: u64,
    pub(crate) removed: u64,
    pub(crate) moved: u64,
}

/// What a purge removes, in the order in which one thing sets free another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Links,
    Sessions,
    Inquiries,
}

/// Removes what is past keeping, of at most that many that are looked at (S3).
pub(crate) async fn purge(
    on: Connection<'_>,
    kind: Kind,
    command: &Purge,
    batch: u64,
) -> Result<Batch, Fault> {
    let retention = match kind {
        Kind::Links | Kind::Sessions => Some(command.retention),
        Kind::Inquiries => command.inquiry_retention,
    };
    let Some((retention, horizon)) = retention.and_then(|kept| Some((kept, before(command.now, kept)?)))
    else {
        return Ok(Batch::default());
    };
    let (now, horizon) = (system_time(command.now), system_time(horizon));
    let batch = i64::try_from(batch).unwrap_or(i64::MAX);
    let row = match kind {
        Kind::Links => {
            // D6: the window runs as long after the first use as `repeats_after` lies behind now.
            let window = command.now.since(command.repeats_after).as_secs_f64();
            let retention = f64::from(retention.seconds());
            on.row(&on.sql.purge_links, &[&now, &horizon, &retention, &window, &batch]).await?
        }
        Kind::Sessions => on.row(&on.sql.purge_sessions, &[&horizon, &batch]).await?,
        Kind::Inquiries => on.row(&on.sql.purge_inquiries, &[&horizon, &batch]).await?,
    };
    let Some(row) = row else { return Ok(Batch::default()) };
    let mut columns = Columns::of(&row);
    Ok(Batch { looked: columns.bits()?, removed: columns.bits()?, moved: columns.bits()? })
}

/// The instant one interval earlier, if there is one.
fn before(now: Timestamp, interval: Interval) -> Option<Timestamp> {
    Timestamp::from_unix_micros(now.unix_micros().saturating_sub(interval.micros())).ok()
}
