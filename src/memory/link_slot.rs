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

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]
pub(super) mod tests {
    use proptest::{option, prelude::*};

    use super::*;
    use crate::{
        id::{InquiryId, TemplateId},
        inquiry::Inquiry,
        policy::ExpirationPolicy,
        record::Epoch,
        tenant::TenantId,
    };

    /// Any instant, and most often the first and the last ones.
    pub(in crate::memory) fn instants() -> impl Strategy<Value = Timestamp> {
        let last = Timestamp::MAX.unix_micros();
        let micros = prop_oneof![Just(0), Just(1), Just(last - 1), Just(last), 0..=last];
        micros.prop_map(|micros| Timestamp::from_unix_micros(micros).unwrap())
    }

    pub(in crate::memory) fn digests() -> impl Strategy<Value = Digest> {
        any::<[u8; 32]>().prop_map(Digest::from_bytes)
    }

    /// An inquiry, and an epoch of it, of which the first may be so late that they begin anew.
    pub(in crate::memory) fn epochs() -> impl Strategy<Value = (InquiryRecord, Epoch)> {
        let first =
            prop_oneof![Just(0), Just(u64::MAX), any::<u64>()].prop_map(|first| Epoch::new(first).get());
        (first, prop_oneof![Just(0), Just(u32::MAX), any::<u32>()]).prop_map(|(first, since)| {
            let (id, template) = (InquiryId::new("inq_1").unwrap(), TemplateId::new("itmpl_1").unwrap());
            let inquiry = Inquiry::new(id, template, ExpirationPolicy::default(), Timestamp::MIN);
            let record = InquiryRecord::new(TenantId::default(), inquiry, Epoch::new(first));
            (record, epoch_after(first, since))
        })
    }

    prop_compose! {
        fn records()(
            (inquiry, epoch) in epochs(),
            (id, digest, generation, device) in (any::<u128>(), digests(), any::<u32>(), any::<bool>()),
            (key, nonce) in (0_u8..32, any::<[u8; 16]>()),
            (created_at, expires_at) in (instants(), instants()),
        ) -> (InquiryRecord, LinkRecord) {
            let derivation =
                KeyId::new(key).ok().map(|key| Derivation { key, nonce: Nonce::from_bytes(nonce) });
            let record = LinkRecord {
                tenant: inquiry.tenant,
                id: LinkId::from_u128(id),
                inquiry: inquiry.inquiry.id,
                purpose: if device { Purpose::DeviceHandoff } else { Purpose::Resume },
                parent: None,
                creator: None,
                digest,
                derivation,
                epoch,
                generation,
                created_at,
                expires_at,
                revoked_at: None,
                state: LinkState::Unused,
            };
            (inquiry, record)
        }
    }

    proptest! {
        /// L7, S5: a link in memory is the record that it was made of: whatever its instants, epoch, purpose and key.
        #[test]
        fn a_slot_is_its_record((inquiry, record) in records(), at in option::of(any::<u128>())) {
            let first = inquiry.epoch.get();
            let slot = LinkSlot::new(&record, 7, first).unwrap();
            prop_assert_eq!(slot.record(None, &inquiry, first, None), record.clone());
            prop_assert_eq!((slot.id(), *slot.digest(), slot.derivation()), (record.id, record.digest, record.derivation));
            // With all that only some have.
            let more = LinkMore {
                parent: at.map(SessionId::from_u128),
                parent_at: None,
                creator: Some(Creator::new("support").unwrap()),
                revoked_at: Some(record.expires_at),
                lease: Some(Lease { token: record.digest, until: record.created_at, attempt: None, binding: None }),
            };
            let whole = LinkRecord {
                parent: more.parent,
                creator: more.creator.clone(),
                revoked_at: more.revoked_at,
                state: LinkState::Claimed(more.lease.unwrap()),
                ..record
            };
            prop_assert_eq!(slot.record(Some(&more), &inquiry, first, None), whole);
        }
    }
}
