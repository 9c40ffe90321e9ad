//! The durable events, for whoever passes them on (V1).

use inquiry_otl::{
    Retry, StoreError, StoreErrorKind,
    store::{Delivery, InquiryKey, Outbox, Receipt},
};
use rusqlite::params;

use crate::{error::Fault, records::Records, rows, store::SqliteStore};

/// How many receipts one transaction takes.
const BATCH: usize = 1_000;

impl Outbox for SqliteStore {
    async fn pending(&self, after: Option<Receipt>, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        let behind = match &after {
            None => 0,
            Some(receipt) => position(receipt).ok_or_else(not_ours)?,
        };
        self.read(move |records| records.pending(behind, limit)).await
    }

    async fn acknowledge(&self, receipts: Vec<Receipt>) -> Result<u64, StoreError> {
        let mut acknowledged = 0_u64;
        let positions: Vec<i64> = receipts.iter().filter_map(position).collect();
        for some in positions.chunks(BATCH) {
            let some = some.to_vec();
            // To acknowledge again does no harm.
            let count = self.write(Retry::Safe, move |records| records.acknowledge(&some)).await?;
            acknowledged = acknowledged.saturating_add(count);
        }
        Ok(acknowledged)
    }
}

impl Records<'_> {
    fn pending(&self, behind: i64, limit: u32) -> Result<Vec<Delivery>, Fault> {
        self.all(&self.sql.events, params![behind, limit], |columns| {
            let position: i64 = columns.read()?;
            Ok(Delivery { receipt: Receipt::new(&position.to_string()), event: rows::event(columns)? })
        })
    }

    fn acknowledge(&self, positions: &[i64]) -> Result<u64, Fault> {
        let mut acknowledged = 0_u64;
        for position in positions {
            let key = self.one(&self.sql.delete_event, params![position], |columns| {
                Ok(InquiryKey { tenant: columns.read()?, inquiry: columns.read()? })
            })?;
            if let Some(key) = key {
                acknowledged = acknowledged.saturating_add(1);
                self.file_inquiry(&key)?;
            }
        }
        Ok(acknowledged)
    }
}

fn position(receipt: &Receipt) -> Option<i64> {
    receipt.as_str().parse().ok()
}

/// Somebody else made that receipt.
fn not_ours() -> StoreError {
    StoreError::new(StoreErrorKind::Internal, Retry::Useless)
}
