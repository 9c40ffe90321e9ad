//! What takes less room in memory than in a record.

use crate::{record::Epoch, time::Timestamp};

/// How many epochs lie between the first one of an inquiry and another one of it; nothing if it has had 2³² of them.
pub(super) fn epochs_since(first: u64, epoch: Epoch) -> Option<u32> {
    u32::try_from(Epoch::new(epoch.get().wrapping_sub(first)).get()).ok()
}

/// The epoch so many after the first one.
pub(super) const fn epoch_after(first: u64, epochs: u32) -> Epoch {
    // Widening; `u64::from` is not `const`.
    #[allow(clippy::cast_lossless)]
    Epoch::new(first.wrapping_add(epochs as u64))
}

/// An instant of which 58 bits were kept: all that it has.
pub(super) fn instant(micros: u64) -> Timestamp {
    Timestamp::clamped(i64::try_from(micros).unwrap_or(i64::MAX))
}
