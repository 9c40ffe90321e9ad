//! The outbox (V1).
//!
//! Events get their places before their commits. Within an inquiry these come in one order, since whoever writes holds
//! its row, so that whoever reads from the beginning always finds its events in order. Among inquiries they do not: an
//! event may appear before a place that a reader has passed, and is found when it reads from the beginning again.

use inquiry_otl::{
    Event, EventId, EventKind,
    event::EventColumns,
    store::{Delivery, Receipt},
};

use crate::{connection::Connection, fault::Fault, row::Columns};

/// The oldest events that nobody acknowledged (V1).
pub(crate) async fn pending(
    on: Connection<'_>,
    after: Option<Receipt>,
    limit: u32,
) -> Result<Vec<Delivery>, Fault> {
    let after = match &after {
        Some(receipt) => place(receipt).ok_or(Fault::Foreign)?,
        None => 0,
    };
    let rows = on.rows(&on.sql.pending, &[&after, &i64::from(limit)]).await?;
    rows.iter().map(|row| delivery(&mut Columns::of(row))).collect()
}

fn delivery(columns: &mut Columns<'_>) -> Result<Delivery, Fault> {
    let place: i64 = columns.take()?;
    let id = EventId::from_u128(columns.uuid()?);
    let (tenant, inquiry, sequence, at) =
        (columns.parsed()?, columns.parsed()?, columns.bits()?, columns.instant()?);
    let name: &str = columns.take()?;
    let kind = EventKind::try_from(EventColumns {
        name,
        word: columns.take()?,
        link: columns.link_id_if_any()?,
        session: columns.session_id_if_any()?,
        instant: columns.instant_if_any()?,
        number: columns.take::<Option<i64>>()?.and_then(|number| u32::try_from(number).ok()),
    })
    .map_err(|_| Fault::Unreadable("name".to_owned()))?;
    Ok(Delivery {
        receipt: Receipt::new(&place.to_string()),
        event: Event::new(id, tenant, Some(inquiry), Some(sequence), at, kind),
    })
}

/// Drops these events for good, and says how many were still there.
pub(crate) async fn acknowledge(on: Connection<'_>, receipts: &[Receipt]) -> Result<u64, Fault> {
    let places: Vec<i64> = receipts.iter().filter_map(place).collect();
    let row = on.row(&on.sql.acknowledge, &[&places]).await?;
    row.map_or(Ok(0), |row| Columns::of(&row).bits())
}

fn place(receipt: &Receipt) -> Option<i64> {
    receipt.as_str().parse().ok()
}
