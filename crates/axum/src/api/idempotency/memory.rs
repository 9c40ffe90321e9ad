//! Idempotency records in memory: bounded, and gone when the process ends.

use std::{
    collections::{BTreeSet, HashMap},
    fmt,
    num::NonZeroUsize,
    sync::{Mutex, MutexGuard, PoisonError},
};

use inquiry_otl::{Digest, StoreError, Timestamp};

use super::{Begun, IdempotencyKey, IdempotencyRecords, Made};

/// Keeps idempotency records in memory: for one process, which forgets them when it ends.
///
/// What has lapsed is removed by the calls that come after, at a cost that does not grow with what stays. When it is full, new
/// keys are refused with 429: none that is still to be kept goes.
pub struct MemoryRecords {
    most: usize,
    kept: Mutex<Kept>,
}

#[derive(Default)]
struct Kept {
    records: HashMap<IdempotencyKey, Record>,
    /// Every record, by when it lapses.
    lapses: BTreeSet<(Timestamp, IdempotencyKey)>,
}

struct Record {
    request: Digest,
    made: Option<Made>,
    until: Timestamp,
}

impl MemoryRecords {
    /// Records of at most that many keys.
    #[must_use]
    pub fn new(most: NonZeroUsize) -> Self {
        Self { most: most.get(), kept: Mutex::default() }
    }

    /// How many keys are kept.
    #[must_use]
    pub fn len(&self) -> usize {
        self.kept().records.len()
    }

    /// Whether no key is kept.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        // No code that can panic runs under the lock.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Default for MemoryRecords {
    /// At most 100 000 keys: about 20 MB.
    fn default() -> Self {
        Self::new(NonZeroUsize::MIN.saturating_add(99_999))
    }
}

impl fmt::Debug for MemoryRecords {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryRecords").field("most", &self.most).finish_non_exhaustive()
    }
}

impl IdempotencyRecords for MemoryRecords {
    async fn begin(
        &self,
        key: IdempotencyKey,
        request: Digest,
        now: Timestamp,
        until: Timestamp,
    ) -> Result<Begun, StoreError> {
        let mut kept = self.kept();
        kept.purge(now);
        Ok(match kept.records.get(&key) {
            Some(record) if record.request != request => Begun::Other,
            Some(Record { made: None, until, .. }) => Begun::UnderWay { until: *until },
            Some(Record { made: Some(made), .. }) => Begun::Done(made.clone()),
            None if self.most <= kept.records.len() => Begun::Full,
            None => {
                kept.lapses.insert((until, key));
                kept.records.insert(key, Record { request, made: None, until });
                Begun::First
            }
        })
    }

    async fn finish(&self, key: IdempotencyKey, made: Made, until: Timestamp) -> Result<(), StoreError> {
        let mut kept = self.kept();
        let Kept { records, lapses } = &mut *kept;
        if let Some(record) = records.get_mut(&key) {
            lapses.remove(&(record.until, key));
            lapses.insert((until, key));
            record.until = until;
            record.made = Some(made);
        }
        Ok(())
    }

    async fn forget(&self, key: IdempotencyKey) -> Result<(), StoreError> {
        let mut kept = self.kept();
        if let Some(record) = kept.records.remove(&key) {
            kept.lapses.remove(&(record.until, key));
        }
        Ok(())
    }
}

impl Kept {
    fn purge(&mut self, now: Timestamp) {
        while let Some((until, key)) = self.lapses.first().copied().filter(|(until, _)| *until <= now) {
            self.lapses.remove(&(until, key));
            self.records.remove(&key);
        }
    }
}
