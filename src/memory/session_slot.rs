//! A session as it lies in memory, and the first use of the link that started it.

use super::{
    NOWHERE,
    packed::{epoch_after, epochs_since},
};
use crate::{
    digest::Digest,
    id::{LinkId, SessionId},
    record::{GraceLeft, InquiryRecord, LinkState, SessionRecord, TokenDigests, Use},
    time::Timestamp,
};

/// A session, and how many links in the store name it: it stays as long as one does.
///
/// The link that started it keeps its first use here, since the two come and go together.
#[derive(Debug)]
pub(super) struct SessionSlot {
    id: SessionId,
    link: Option<LinkId>,
    /// Its first token; the only one, unless `more` says otherwise.
    token: Digest,
    started: Timestamp,
    expires: Timestamp,
    /// Epochs since the inquiry's first one.
    epoch: u32,
    pub(super) inquiry: u32,
    pub(super) links: u32,
    pub(super) replays: u32,
    /// What only some sessions have.
    pub(super) more: u32,
    /// The next one on its page of the calendar.
    pub(super) next: u32,
    /// Whether the calendar has it: once at the most, or a place that was taken again would go too early.
    pub(super) filed: bool,
}

/// What only some sessions have.
#[derive(Debug, Default)]
pub(super) struct SessionMore {
    /// All tokens, once there is a second one.
    pub(super) tokens: Option<TokenDigests>,
    pub(super) revoked_at: Option<Timestamp>,
    grace: Option<GraceLeft>,
    attempt: Option<Digest>,
    binding: Option<Digest>,
    claim: Option<Digest>,
}

impl SessionSlot {
    /// What all sessions have of a record that was just made, of an inquiry whose first epoch is given.
    pub(super) fn new(record: &SessionRecord, inquiry: u32, first_epoch: u64) -> Option<Self> {
        Some(Self {
            id: record.id,
            link: record.link,
            token: *record.tokens.iter().next()?,
            started: record.started_at,
            expires: record.expires_at,
            epoch: epochs_since(first_epoch, record.epoch)?,
            inquiry,
            links: u32::from(record.link.is_some()),
            replays: 0,
            more: NOWHERE,
            next: NOWHERE,
            filed: false,
        })
    }

    pub(super) const fn id(&self) -> SessionId {
        self.id
    }

    pub(super) const fn expires_at(&self) -> Timestamp {
        self.expires
    }

    /// Adds the token of another grant.
    pub(super) fn push_token(&mut self, more: &mut SessionMore, token: Digest) {
        let mut tokens = more.tokens.unwrap_or_else(|| TokenDigests::new(self.token));
        tokens.push(token);
        more.tokens = Some(tokens);
    }

    /// The first use of the link that started it.
    pub(super) fn first_use(&self, more: Option<&SessionMore>) -> LinkState {
        LinkState::Used(Use {
            at: self.started,
            session: self.id(),
            replays: self.replays,
            grace: more.and_then(|more| more.grace),
            attempt: more.and_then(|more| more.attempt),
            binding: more.and_then(|more| more.binding),
            claim: more.and_then(|more| more.claim),
        })
    }

    /// The record, as everybody knows it.
    pub(super) fn record(
        &self,
        more: Option<&SessionMore>,
        inquiry: &InquiryRecord,
        first_epoch: u64,
    ) -> SessionRecord {
        SessionRecord {
            tenant: inquiry.tenant,
            id: self.id(),
            inquiry: inquiry.inquiry.id,
            link: self.link,
            epoch: epoch_after(first_epoch, self.epoch),
            started_at: self.started,
            expires_at: self.expires_at(),
            revoked_at: more.and_then(|more| more.revoked_at),
            tokens: more.and_then(|more| more.tokens).unwrap_or_else(|| TokenDigests::new(self.token)),
        }
    }
}

impl SessionMore {
    /// What only some first uses have; nothing if this one has nothing of it.
    pub(super) fn of_use(used: &Use) -> Option<Self> {
        let Use { grace, attempt, binding, claim, .. } = *used;
        let has_more = grace.is_some() || attempt.is_some() || binding.is_some() || claim.is_some();
        has_more.then_some(Self { tokens: None, revoked_at: None, grace, attempt, binding, claim })
    }
}

#[cfg(test)]
#[allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::arithmetic_side_effects,
    reason = "a test may panic"
)]
mod tests {
    use proptest::{collection::vec, option, prelude::*};

    use super::*;
    use crate::{
        memory::link_slot::tests::{digests, epochs, instants},
        policy::Clients,
    };

    proptest! {
        /// D4, D5, D7: a session in memory is the record that it was made of, with its newest tokens, and the first use of its
        /// link is what it was.
        #[test]
        fn a_slot_is_its_record(
            (inquiry, epoch) in epochs(),
            (id, link, started_at, expires_at) in (any::<u128>(), any::<u128>(), instants(), instants()),
            tokens in vec(digests(), 1..8),
            [attempt, binding, claim] in [option::of(digests()), option::of(digests()), option::of(digests())],
            (grace, replays, same) in (option::of((instants(), any::<u32>())), any::<u32>(), any::<bool>()),
        ) {
            let first = inquiry.epoch.get();
            let mut record = SessionRecord {
                tenant: inquiry.tenant,
                id: SessionId::from_u128(id),
                inquiry: inquiry.inquiry.id,
                link: Some(LinkId::from_u128(link)),
                epoch,
                started_at,
                expires_at,
                revoked_at: None,
                tokens: TokenDigests::new(tokens[0]),
            };
            let mut slot = SessionSlot::new(&record, 7, first).unwrap();
            prop_assert_eq!(slot.record(None, &inquiry, first), record.clone());

            let clients = if same { Clients::Same } else { Clients::Any };
            let grace = grace.map(|(until, max_replays)| GraceLeft { until, max_replays, clients });
            let used = Use { at: started_at, session: record.id, replays, grace, attempt, binding, claim };
            let mut more = SessionMore::of_use(&used);
            slot.replays = replays;
            prop_assert_eq!(slot.first_use(more.as_ref()), LinkState::Used(used));
            prop_assert_eq!(more.is_some(), grace.is_some() || attempt.is_some() || binding.is_some() || claim.is_some());

            let more = more.get_or_insert_default();
            for token in &tokens[1..] {
                slot.push_token(more, *token);
                record.tokens.push(*token);
            }
            more.revoked_at = Some(expires_at);
            record.revoked_at = Some(expires_at);
            prop_assert_eq!(slot.record(Some(more), &inquiry, first), record);
            prop_assert_eq!(slot.first_use(Some(more)), LinkState::Used(used));
        }
    }
}
