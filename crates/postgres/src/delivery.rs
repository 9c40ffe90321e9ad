//! The outbox (V1).
//!
//! Events get their places before their commits. Within an inquiry these come in one order, since whoever writes holds
//! its row; among inquiries they do not, so an event may appear before the place that a reader has reached. A receipt
//! remembers which transactions were under way when it was read: only theirs can. What they wrote comes first on
//! the next page.

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
        Some(receipt) => Cursor::read(receipt).ok_or(Fault::Foreign)?,
        None => Cursor::default(),
    };
    let params: [&(dyn tokio_postgres::types::ToSql + Sync); 4] =
        [&after.place, &after.under_way, &after.late, &i64::from(limit)];
    let rows = on.rows(&on.sql.pending, &params).await?;
    rows.iter().map(|row| delivery(&mut Columns::of(row), &after)).collect()
}

fn delivery(columns: &mut Columns<'_>, after: &Cursor) -> Result<Delivery, Fault> {
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
    let cursor = if columns.take()? {
        Cursor { late: place, ..after.clone() }
    } else {
        Cursor { place, under_way: columns.take()?, late: 0 }
    };
    Ok(Delivery {
        receipt: cursor.receipt(),
        event: Event::new(id, tenant, Some(inquiry), Some(sequence), at, kind),
    })
}

/// Drops these events for good, and says how many were still there.
pub(crate) async fn acknowledge(on: Connection<'_>, receipts: &[Receipt]) -> Result<u64, Fault> {
    let places: Vec<i64> =
        receipts.iter().filter_map(Cursor::read).map(|cursor| cursor.own_place()).collect();
    let row = on.row(&on.sql.acknowledge, &[&places]).await?;
    row.map_or(Ok(0), |row| Columns::of(&row).bits())
}

/// How far a reader is: `place`, `place+transactions` or `place+transactions@late`.
#[derive(Clone, Default)]
struct Cursor {
    /// All up to here were read, but for those of transactions that were under way.
    place: i64,
    under_way: Vec<String>,
    /// The place of an event of theirs that was read since; 0 if none was.
    late: i64,
}

impl Cursor {
    /// The place of the event that the receipt is for.
    const fn own_place(&self) -> i64 {
        if self.late == 0 { self.place } else { self.late }
    }

    fn receipt(&self) -> Receipt {
        let under_way = self.under_way.join(",");
        Receipt::new(&match (self.under_way.is_empty(), self.late) {
            (true, _) => self.place.to_string(),
            (false, 0) => format!("{}+{under_way}", self.place),
            (false, late) => format!("{}+{under_way}@{late}", self.place),
        })
    }

    fn read(receipt: &Receipt) -> Option<Self> {
        let (place, rest) = match receipt.as_str().split_once('+') {
            Some((place, rest)) => (place, Some(rest)),
            None => (receipt.as_str(), None),
        };
        let place = place.parse().ok()?;
        let Some(rest) = rest else {
            return Some(Self { place, ..Self::default() });
        };
        let (under_way, late) = match rest.split_once('@') {
            Some((under_way, late)) => (under_way, late.parse().ok()?),
            None => (rest, 0),
        };
        let under_way: Vec<String> = under_way.split(',').map(str::to_owned).collect();
        let numbers = under_way.iter().all(|number| number.parse::<u64>().is_ok());
        numbers.then_some(Self { place, under_way, late })
    }
}
