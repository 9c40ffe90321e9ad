//! A link as it lies in memory: what all links have, and what some of them have beside it.

use std::num::NonZeroU64;

use super::{
    NOWHERE,
    packed::{epoch_after, epochs_since, instant},
};
use crate::{
    derivation::{Derivation, Nonce},
    digest::Digest,
    id::{LinkId, SessionId},
    keyring::KeyId,
    link::Purpose,
    record::{InquiryRecord, Lease, LinkRecord, LinkState},
    text::Creator,
    time::Timestamp,
};

/// A link in 104 bytes: most links are never used, and there are many.
///
/// What its inquiry and its session know, it does not repeat.
#[derive(Debug)]
pub(super) struct LinkSlot {
    digest: Digest,
    id: LinkId,
    nonce: Nonce,
    /// The instant, the purpose and the number of the key: 58 bits, 1 and 5.
    created: u64,
    /// The instant, and a bit that is always set, so that a free slot needs no room.
    expires: NonZeroU64,
    /// Epochs since the inquiry's first one.
    epoch: u32,
    generation: u32,
    pub(super) inquiry: u32,
    /// Of the first use, if there was one.
    pub(super) session: u32,
    /// What only some links have.
    pub(super) more: u32,
    /// The next one on its page of the calendar.
    pub(super) next: u32,
}

/// What only some links have.
#[derive(Debug, Default)]
pub(super) struct LinkMore {
    pub(super) parent: Option<SessionId>,
    /// The place of that session.
    pub(super) parent_at: Option<u32>,
    pub(super) creator: Option<Creator>,
    pub(super) revoked_at: Option<Timestamp>,
    pub(super) lease: Option<Lease>,
}

impl LinkMore {
    /// Whether there is nothing in it.
    pub(super) fn is_empty(&self) -> bool {
        self.parent.is_none() && self.creator.is_none() && self.revoked_at.is_none() && self.lease.is_none()
    }
}

impl LinkSlot {
    /// What all links have of a record that was just made, of an inquiry whose first epoch is given.
    pub(super) fn new(record: &LinkRecord, inquiry: u32, first_epoch: u64) -> Option<Self> {
        let (key, nonce) = match record.derivation {
            Some(Derivation { key, nonce }) => (key.get(), nonce),
            None => (0, Nonce::from_bytes([0; 16])),
        };
        let purpose = match record.purpose {
            Purpose::Resume => 0,
            Purpose::DeviceHandoff => 1,
        };
        let created = record.created_at.unix_micros().unsigned_abs() << 6 | purpose << 5 | u64::from(key);
        Some(Self {
            digest: record.digest,
            id: record.id,
            nonce,
            created,
            expires: NonZeroU64::MIN | record.expires_at.unix_micros().unsigned_abs() << 1,
            epoch: epochs_since(first_epoch, record.epoch)?,
            generation: record.generation,
            inquiry,
            session: NOWHERE,
            more: NOWHERE,
            next: NOWHERE,
        })
    }

    pub(super) const fn id(&self) -> LinkId {
        self.id
    }

    pub(super) const fn digest(&self) -> &Digest {
        &self.digest
    }

    pub(super) fn derivation(&self) -> Option<Derivation> {
        let key = KeyId::new((self.created & 31).to_be_bytes()[7]).ok()?;
        Some(Derivation { key, nonce: self.nonce })
    }

    /// The record, as everybody knows it. If the link had a first use, `used` is that.
    #[inline]
    pub(super) fn record(
        &self,
        more: Option<&LinkMore>,
        inquiry: &InquiryRecord,
        first_epoch: u64,
        used: Option<LinkState>,
    ) -> LinkRecord {
        let claimed = || more.and_then(|more| more.lease).map(LinkState::Claimed);
        LinkRecord {
            tenant: inquiry.tenant,
            id: self.id(),
            inquiry: inquiry.inquiry.id,
            purpose: if self.created >> 5 & 1 == 0 { Purpose::Resume } else { Purpose::DeviceHandoff },
            parent: more.and_then(|more| more.parent),
            creator: more.and_then(|more| more.creator.clone()),
            digest: self.digest,
            derivation: self.derivation(),
            epoch: epoch_after(first_epoch, self.epoch),
            generation: self.generation,
            created_at: instant(self.created >> 6),
            expires_at: instant(self.expires.get() >> 1),
            revoked_at: more.and_then(|more| more.revoked_at),
            state: used.or_else(claimed).unwrap_or(LinkState::Unused),
        }
    }
}
