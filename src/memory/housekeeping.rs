//! What an operator asks of the store in memory: sweep, purge, outbox (I6, S3, V1).

use super::{MemoryStore, directory::Place, shard::Shard, sync::Ordering};
use crate::{
    event::EventKind,
    inquiry::Expiry,
    record::LinkState,
    store::{
        Delivery, Housekeeping, InquiryKey, Outbox, Purge, Purged, Receipt, Retry, StoreError,
        StoreErrorKind, Sweep, Swept,
    },
    time::Timestamp,
};

impl Housekeeping for MemoryStore {
    async fn sweep(&self, command: Sweep) -> Result<Swept, StoreError> {
        let mut swept = Swept::default();
        self.each_shard(|_, shard| {
            while let Some((deadline, inquiry)) = shard.deadlines.first().copied() {
                if command.now < deadline {
                    break;
                }
                if command.limit as usize <= swept.events.len() {
                    swept.more = true;
                    return false;
                }
                let Some(slot) = shard.inquiries.get_mut(inquiry) else {
                    break;
                };
                slot.record.expire(Expiry::Deadline, deadline);
                slot.record.last_sequence = slot.record.last_sequence.wrapping_add(1);
                let (tenant, id) = (slot.record.tenant, slot.record.inquiry.id);
                let event = command.event.nth(u32::try_from(swept.events.len()).unwrap_or(u32::MAX));
                let kind = EventKind::InquiryExpired { cause: Expiry::Deadline, expired_at: deadline };
                let recorded = shard.written(inquiry, event, command.now, [Some(kind), None], self.outbox);
                swept.events.extend(recorded.events(tenant, id));
            }
            true
        });
        Ok(swept)
    }

    async fn purge(&self, command: Purge) -> Result<Purged, StoreError> {
        let looks = command.limit.saturating_mul(Batch::LOOKS);
        let mut batch = Batch { command, purged: Purged::default(), left: command.limit, looks };
        self.each_shard(|index, shard| {
            self.purge_links(index, shard, &mut batch)
                && purge_sessions(shard, &mut batch)
                && purge_inquiries(shard, &mut batch)
        });
        Ok(batch.purged)
    }
}

/// A purge under way: how many records may still be removed, and how many looked at.
struct Batch {
    command: Purge,
    purged: Purged,
    left: u32,
    looks: u32,
}

impl Batch {
    /// Records that are looked at for each that may be removed: what is held is put off, and costs a look.
    const LOOKS: u32 = 8;

    /// Whether another record may be looked at; if not, there may be more.
    fn has_room(&mut self) -> bool {
        self.purged.more = self.left == 0 || self.looks == 0;
        !self.purged.more
    }

    fn looked(&mut self) {
        self.looks = self.looks.saturating_sub(1);
    }

    fn removed(&mut self, kind: impl FnOnce(&mut Purged) -> &mut u64) {
        self.left = self.left.saturating_sub(1);
        let count = kind(&mut self.purged);
        *count = count.saturating_add(1);
    }
}

impl MemoryStore {
    /// Visits every shard, beginning where the last round ended, until `visit` says that it has enough.
    fn each_shard(&self, mut visit: impl FnMut(u32, &mut Shard) -> bool) {
        let first = self.next.load(Ordering::Relaxed);
        for step in 0..self.shards.len() {
            let index = first.wrapping_add(step).checked_rem(self.shards.len()).unwrap_or_default();
            let Ok(number) = u32::try_from(index) else {
                return;
            };
            let Some(mut shard) = self.shard(number) else {
                return;
            };
            if !visit(number, &mut shard) {
                self.next.store(index, Ordering::Relaxed);
                return;
            }
        }
    }

    fn purge_links(&self, index: u32, shard: &mut Shard, batch: &mut Batch) -> bool {
        let retention = batch.command.retention;
        let Some(horizon) = batch.command.now.checked_minus(retention) else {
            return true;
        };
        while batch.has_room() {
            let Some(place) = shard.take_old_link(horizon) else {
                return true;
            };
            batch.looked();
            if let Some(until) = link_held_until(shard, place, &batch.command) {
                // Again when what holds it is over: the horizon is then as far behind as it is now.
                shard.file_link(place, until.minus(retention));
            } else if let Some(digest) = shard.remove_link(place) {
                self.directory.leave(&digest, Place { shard: index, link: place });
                batch.removed(|purged| &mut purged.links);
            }
        }
        false
    }
}

fn purge_sessions(shard: &mut Shard, batch: &mut Batch) -> bool {
    let Some(horizon) = batch.command.now.checked_minus(batch.command.retention) else {
        return true;
    };
    while batch.has_room() {
        let Some(place) = shard.take_old_session(horizon) else {
            return true;
        };
        batch.looked();
        // One that a link names is filed again when that link goes.
        if shard.sessions.get(place).is_some_and(|slot| slot.links == 0) {
            shard.remove_session(place);
            batch.removed(|purged| &mut purged.sessions);
        }
    }
    false
}

fn purge_inquiries(shard: &mut Shard, batch: &mut Batch) -> bool {
    let retention = batch.command.inquiry_retention;
    let Some(horizon) = retention.and_then(|retention| batch.command.now.checked_minus(retention)) else {
        return true;
    };
    while batch.has_room() {
        match shard.ended.first().copied() {
            Some((ended, place)) if ended <= horizon => {
                shard.remove_inquiry(place);
                batch.removed(|purged| &mut purged.inquiries);
            }
            _ => return true,
        }
    }
    false
}

/// Until when a lease, a grace, a repeat or a live session holds a link whose retention has run (S3).
fn link_held_until(shard: &Shard, place: u32, command: &Purge) -> Option<Timestamp> {
    let slot = shard.links.get(place)?;
    let inquiry = shard.inquiries.get(slot.inquiry)?;
    let link = shard.record_of(slot, inquiry);
    let [session, _] = shard.sessions_of(slot);
    let now = command.now;
    let later = |until: Timestamp| (now < until).then_some(until);
    let session = session.filter(|session| session.is_live(&inquiry.record, now));
    let held = match &link.state {
        LinkState::Unused => None,
        LinkState::Claimed(lease) => later(lease.until),
        LinkState::Used(used) => {
            let grace = used.grace.and_then(|grace| later(grace.until));
            // D6: the window runs as long after the first use as `repeats_after` lies behind now.
            let window = now.unix_micros().saturating_sub(command.repeats_after.unix_micros());
            let repeat = later(Timestamp::clamped(used.at.unix_micros().saturating_add(window)));
            grace.max(repeat)
        }
    };
    held.max(session.map(|session| session.expires_at))
}

impl Outbox for MemoryStore {
    async fn pending(&self, after: Option<Receipt>, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        let (first, behind) = match &after {
            None => (0, 0),
            Some(receipt) => read_receipt(receipt).ok_or_else(not_ours)?,
        };
        let mut deliveries = Vec::new();
        let mut behind = Some(behind);
        for index in first..=u32::MAX {
            let Some(shard) = self.shard(index) else { break };
            let room = (limit as usize).saturating_sub(deliveries.len());
            if room == 0 {
                break;
            }
            let from = behind.take().map_or(0, |place| place.saturating_add(1));
            deliveries.extend(shard.outbox.range(from..).take(room).map(|(place, event)| Delivery {
                receipt: Receipt::new(&format!("{index}-{place}")),
                event: event.clone(),
            }));
        }
        Ok(deliveries)
    }

    async fn acknowledge(&self, receipts: Vec<Receipt>) -> Result<u64, StoreError> {
        let mut acknowledged = 0_u64;
        for (index, place) in receipts.iter().filter_map(read_receipt) {
            let Some(mut shard) = self.shard(index) else {
                continue;
            };
            let Some(event) = shard.outbox.remove(&place) else {
                continue;
            };
            acknowledged = acknowledged.saturating_add(1);
            let key = event.inquiry.map(|inquiry| InquiryKey { tenant: event.tenant, inquiry });
            if let Some(inquiry) = key.and_then(|key| shard.find(&self.hashed(key))) {
                if let Some(slot) = shard.inquiries.get_mut(inquiry) {
                    slot.unacknowledged = slot.unacknowledged.saturating_sub(1);
                }
                shard.file(inquiry);
            }
        }
        Ok(acknowledged)
    }
}

/// Somebody else made that receipt.
fn not_ours() -> StoreError {
    StoreError::new(StoreErrorKind::Internal, Retry::Useless)
}

fn read_receipt(receipt: &Receipt) -> Option<(u32, u64)> {
    let (index, place) = receipt.as_str().split_once('-')?;
    Some((index.parse().ok()?, place.parse().ok()?))
}
