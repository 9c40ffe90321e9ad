//! What is past keeping, removed.

use super::{candidate::BenchError, work::Work};
use crate::{
    blocking::BlockOn,
    store::{Housekeeping, Purge},
    time::{Interval, Timestamp},
};

/// Removes everything that is past keeping, and says how many links that were.
pub(super) type Purging<S, B> = fn(&S, &B, Timestamp) -> Result<u64, BenchError>;

pub(super) fn purge<S: Housekeeping, B: BlockOn>(
    store: &S,
    block_on: &B,
    now: Timestamp,
) -> Result<u64, BenchError> {
    let retention = Interval::DAY.times(10);
    let command = Purge { now, retention, inquiry_retention: None, repeats_after: now, limit: 1_000 };
    block_on.block_on(async {
        let mut removed = 0_u64;
        loop {
            let purged = store.purge(command).await?;
            removed = removed.saturating_add(purged.links);
            if !purged.more {
                return Ok(removed);
            }
        }
    })
}

pub(super) fn expected(removed: u64, wanted: usize) -> Result<(), BenchError> {
    if removed == wanted as u64 { Ok(()) } else { Err(BenchError::answer(Work::Purge, &removed)) }
}
