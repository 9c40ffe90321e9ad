//! A partition of the store: everything of the inquiries in it, under one lock.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    NOWHERE,
    calendar::Calendar,
    directory::Place,
    index::Index,
    link_slot::{LinkMore, LinkSlot},
    places::Places,
    session_slot::{SessionMore, SessionSlot},
    slab::Slab,
};
use crate::{
    digest::Digest,
    event::{Event, EventKind, Recorded},
    id::{EventId, LinkId, SessionId},
    link::LinkView,
    record::{InquiryRecord, Lease, LinkRecord, SessionRecord, Use},
    store::{Cursor, InquiryKey},
    tenant::TenantId,
    time::Timestamp,
};

#[derive(Debug, Default)]
pub(super) struct Shard {
    by_id: Index,
    pub(super) inquiries: Slab<InquirySlot>,
    pub(super) links: Slab<LinkSlot>,
    more_of_links: Slab<LinkMore>,
    pub(super) sessions: Slab<SessionSlot>,
    more_of_sessions: Slab<SessionMore>,
    /// All inquiries of each tenant, as lists show them.
    pub(super) listed: BTreeMap<TenantId, BTreeMap<Cursor, u32>>,
    /// Inquiries that can expire, by deadline.
    pub(super) deadlines: BTreeSet<(Timestamp, u32)>,
    /// Inquiries that ended and hold nothing any more, by their end.
    pub(super) ended: BTreeSet<(Timestamp, u32)>,
    old_links: Calendar,
    old_sessions: Calendar,
    /// Unacknowledged events, by their place in this shard's order.
    pub(super) outbox: BTreeMap<u64, Event>,
    pub(super) last_outbox: u64,
}

/// An inquiry's key, hashed once for the shard and for the place in it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hashed {
    pub(super) hash: u64,
    pub(super) key: InquiryKey,
}

impl Hashed {
    /// What the shard's index finds it by.
    #[allow(clippy::cast_possible_truncation, reason = "the lower half is what is wanted")]
    const fn bits(&self) -> u32 {
        self.hash as u32
    }
}

/// An inquiry, and the places of what belongs to it, by id: oldest first.
#[derive(Debug)]
pub(super) struct InquirySlot {
    pub(super) record: InquiryRecord,
    pub(super) links: Places,
    pub(super) sessions: Places,
    /// No link and no session has had a higher id: what is made now comes last, mostly, and nobody has to look.
    highest_link: Option<LinkId>,
    highest_session: Option<SessionId>,
    /// What the epochs of links and sessions are counted from.
    first_epoch: u64,
    pub(super) unacknowledged: u64,
    hash: u64,
    /// Which index holds it, under which instant.
    filed: Filed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filed {
    Nowhere,
    Deadline(Timestamp),
    Ended(Timestamp),
}

impl Shard {
    pub(super) fn insert_inquiry(&mut self, key: &Hashed, record: InquiryRecord) -> Option<u32> {
        let first_epoch = record.epoch.get();
        let (tenant, cursor) = (record.tenant, Cursor::of(&record.inquiry));
        let slot = InquirySlot {
            record,
            links: Places::default(),
            sessions: Places::default(),
            highest_link: None,
            highest_session: None,
            first_epoch,
            unacknowledged: 0,
            hash: key.hash,
            filed: Filed::Nowhere,
        };
        let place = self.inquiries.insert(slot)?;
        self.by_id.enter(key.bits(), place);
        self.listed.entry(tenant).or_default().insert(cursor, place);
        self.file(place);
        Some(place)
    }

    pub(super) fn find(&self, key: &Hashed) -> Option<u32> {
        self.by_id.find(key.bits(), |place| {
            self.inquiries.get(place).is_some_and(|slot| {
                slot.record.inquiry.id == key.key.inquiry && slot.record.tenant == key.key.tenant
            })
        })
    }

    /// Keeps a session that was just started, with the first use if a link started it; nothing if its id is taken.
    pub(super) fn insert_session(
        &mut self,
        record: &SessionRecord,
        used: Option<&Use>,
        inquiry: u32,
    ) -> Option<u32> {
        let owner = self.inquiries.get_mut(inquiry)?;
        let mut slot = SessionSlot::new(record, inquiry, owner.first_epoch)?;
        let is_last = owner.highest_session < Some(record.id);
        let at = if is_last {
            owner.sessions.len()
        } else {
            owner.sessions.partition_point(|other| id_of_session(&self.sessions, other) < Some(record.id))
        };
        // S3: an id is not used again.
        if !is_last
            && owner.sessions.get(at).and_then(|at| id_of_session(&self.sessions, at)) == Some(record.id)
        {
            return None;
        }
        if let Some(more) = used.and_then(SessionMore::of_use) {
            slot.more = self.more_of_sessions.insert(more)?;
        }
        let place = self.sessions.insert(slot)?;
        if is_last {
            owner.highest_session = Some(record.id);
        }
        owner.sessions.insert(at, place);
        if used.is_none() {
            self.file_session(place);
        }
        Some(place)
    }

    /// Whether another link finds a place here.
    pub(super) fn has_room_for_a_link(&self) -> bool {
        self.links.len() < Place::LINKS as usize
    }

    /// Keeps a link, unless its id is taken or `enter` does not take its place; the session that made it stays as long
    /// as the link.
    pub(super) fn insert_link(
        &mut self,
        record: &LinkRecord,
        inquiry: u32,
        parent: Option<u32>,
        enter: impl FnOnce(u32) -> bool,
    ) -> Option<u32> {
        let owner = self.inquiries.get_mut(inquiry)?;
        let is_last = owner.highest_link < Some(record.id);
        let at = if is_last {
            owner.links.len()
        } else {
            owner.links.partition_point(|other| id_of_link(&self.links, other) < Some(record.id))
        };
        if !is_last && owner.links.get(at).and_then(|at| id_of_link(&self.links, at)) == Some(record.id) {
            return None;
        }
        let mut slot = LinkSlot::new(record, inquiry, owner.first_epoch)?;
        slot.next = NOWHERE;
        let place = self.links.insert(slot)?;
        if Place::LINKS <= place || !enter(place) {
            self.links.remove(place);
            return None;
        }
        if is_last {
            owner.highest_link = Some(record.id);
        }
        owner.links.insert(at, place);
        if record.parent.is_some() || record.creator.is_some() {
            let more = LinkMore {
                parent: record.parent,
                parent_at: parent,
                creator: record.creator.clone(),
                ..LinkMore::default()
            };
            self.keep_more_of_link(place, more);
        }
        if let Some(parent) = parent.and_then(|parent| self.sessions.get_mut(parent)) {
            parent.links = parent.links.saturating_add(1);
        }
        self.file_link(place, record.expires_at);
        Some(place)
    }

    pub(super) fn link_of(&self, inquiry: u32, id: LinkId) -> Option<u32> {
        let places = &self.inquiries.get(inquiry)?.links;
        let id_of = |place| id_of_link(&self.links, place);
        places
            .get(places.partition_point(|place| id_of(place) < Some(id)))
            .filter(|place| id_of(*place) == Some(id))
    }

    pub(super) fn session_of(&self, inquiry: u32, id: SessionId) -> Option<u32> {
        let places = &self.inquiries.get(inquiry)?.sessions;
        let id_of = |place| id_of_session(&self.sessions, place);
        places
            .get(places.partition_point(|place| id_of(place) < Some(id)))
            .filter(|place| id_of(*place) == Some(id))
    }

    /// The record of a link, as everybody knows it.
    pub(super) fn link_record(&self, place: u32) -> Option<LinkRecord> {
        let slot = self.links.get(place)?;
        Some(self.record_of(slot, self.inquiries.get(slot.inquiry)?))
    }

    #[inline]
    pub(super) fn record_of(&self, slot: &LinkSlot, inquiry: &InquirySlot) -> LinkRecord {
        let used = self.session_slot(slot.session);
        // D1: a session stays as long as a link names it, or a used link would be good again.
        debug_assert!(slot.session == NOWHERE || used.is_some(), "a used link has lost its session");
        let used = used.map(|session| session.first_use(self.more_of_sessions.get(session.more)));
        let more = if slot.more == NOWHERE { None } else { self.more_of_links.get(slot.more) };
        slot.record(more, &inquiry.record, inquiry.first_epoch, used)
    }

    pub(super) fn session_record(&self, place: u32) -> Option<SessionRecord> {
        let slot = self.session_slot(place)?;
        let inquiry = self.inquiries.get(slot.inquiry)?;
        Some(slot.record(self.more_of_sessions.get(slot.more), &inquiry.record, inquiry.first_epoch))
    }

    fn session_slot(&self, place: u32) -> Option<&SessionSlot> {
        if place == NOWHERE { None } else { self.sessions.get(place) }
    }

    /// The session that a link's first use started, and the one that made the link.
    #[inline]
    pub(super) fn sessions_of(&self, slot: &LinkSlot) -> [Option<SessionRecord>; 2] {
        let parent = if slot.more == NOWHERE { None } else { self.parent_at(slot) };
        [self.session_record(slot.session), parent.and_then(|place| self.session_record(place))]
    }

    /// Whether a link names any session: if not, nobody has to look for one.
    pub(super) const fn has_sessions(slot: &LinkSlot) -> bool {
        slot.session != NOWHERE || slot.more != NOWHERE
    }

    /// Where the session is that made the link.
    fn parent_at(&self, slot: &LinkSlot) -> Option<u32> {
        if slot.more == NOWHERE { None } else { self.more_of_links.get(slot.more)?.parent_at }
    }

    pub(super) fn view(&self, link: u32) -> Option<LinkView> {
        let slot = self.links.get(link)?;
        let inquiry = self.inquiries.get(slot.inquiry)?;
        let [session, parent] = self.sessions_of(slot);
        Some(LinkView {
            link: self.record_of(slot, inquiry),
            inquiry: inquiry.record.clone(),
            session,
            parent,
        })
    }

    /// The link had its first use, which started that session, and nobody holds it any more.
    pub(super) fn set_used(&mut self, link: u32, session: u32) {
        if let Some(slot) = self.links.get_mut(link) {
            slot.session = session;
        }
        self.set_lease(link, None);
    }

    pub(super) fn set_lease(&mut self, link: u32, lease: Option<Lease>) {
        self.change_more_of_link(link, lease.is_none(), |more| more.lease = lease);
    }

    pub(super) fn set_link_revoked(&mut self, link: u32, at: Option<Timestamp>) {
        self.change_more_of_link(link, at.is_none(), |more| more.revoked_at = at);
    }

    pub(super) fn set_replays(&mut self, link: u32, replays: u32) {
        let session = self.links.get(link).map_or(NOWHERE, |slot| slot.session);
        if let Some(slot) = self.sessions.get_mut(session) {
            slot.replays = replays;
        }
    }

    pub(super) fn set_session_revoked(&mut self, session: u32, at: Option<Timestamp>) {
        if let (Some(at), Some((_, more))) = (at, self.session_with_more(session)) {
            more.revoked_at = Some(at);
        }
    }

    pub(super) fn push_token(&mut self, session: u32, token: Digest) {
        if let Some((slot, more)) = self.session_with_more(session) {
            slot.push_token(more, token);
        }
    }

    /// Changes what only some links have; if `clears`, there is nothing to do for a link that has none of it.
    fn change_more_of_link(&mut self, link: u32, clears: bool, change: impl FnOnce(&mut LinkMore)) {
        let Some(slot) = self.links.get(link) else {
            return;
        };
        let at = slot.more;
        if at != NOWHERE {
            let Some(more) = self.more_of_links.get_mut(at) else {
                return;
            };
            change(more);
            if more.is_empty() {
                self.more_of_links.remove(at);
                if let Some(slot) = self.links.get_mut(link) {
                    slot.more = NOWHERE;
                }
            }
        } else if !clears {
            let mut more = LinkMore::default();
            change(&mut more);
            self.keep_more_of_link(link, more);
        }
    }

    fn keep_more_of_link(&mut self, link: u32, more: LinkMore) {
        if let (Some(at), Some(slot)) = (self.more_of_links.insert(more), self.links.get_mut(link)) {
            slot.more = at;
        }
    }

    fn session_with_more(&mut self, session: u32) -> Option<(&mut SessionSlot, &mut SessionMore)> {
        let slot = self.sessions.get_mut(session)?;
        if slot.more == NOWHERE {
            slot.more = self.more_of_sessions.insert(SessionMore::default())?;
        }
        let more = self.more_of_sessions.get_mut(slot.more)?;
        Some((slot, more))
    }

    /// Files a link for the purge: when it is made, and when something still held it.
    pub(super) fn file_link(&mut self, place: u32, at: Timestamp) {
        if let Some(slot) = self.links.get_mut(place) {
            slot.next = self.old_links.file(place, at);
        }
    }

    /// Takes a link off the calendar whose hour has come by `now`.
    pub(super) fn take_old_link(&mut self, now: Timestamp) -> Option<u32> {
        let Self { old_links, links, .. } = self;
        old_links.take_due(now, |place| links.get(place).map_or(NOWHERE, |slot| slot.next))
    }

    fn file_session(&mut self, place: u32) {
        if let Some(slot) = self.sessions.get_mut(place) {
            if !slot.filed {
                slot.next = self.old_sessions.file(place, slot.expires_at());
                slot.filed = true;
            }
        }
    }

    /// Takes a session off the calendar whose hour has come by `now`.
    pub(super) fn take_old_session(&mut self, now: Timestamp) -> Option<u32> {
        let Self { old_sessions, sessions, .. } = self;
        let place =
            old_sessions.take_due(now, |place| sessions.get(place).map_or(NOWHERE, |slot| slot.next))?;
        if let Some(slot) = self.sessions.get_mut(place) {
            slot.filed = false;
        }
        Some(place)
    }

    /// Says what a command on an inquiry did, after its events were counted, and files the inquiry anew.
    #[inline]
    pub(super) fn written(
        &mut self,
        inquiry: u32,
        first: EventId,
        at: Timestamp,
        kinds: [Option<EventKind>; 2],
        outbox: bool,
    ) -> Recorded {
        let count = kinds.iter().flatten().fold(0_u64, |n, _| n.wrapping_add(1));
        let last = self.inquiries.get(inquiry).map_or(0, |slot| slot.record.last_sequence);
        let recorded = Recorded::new(first, last.wrapping_sub(count).wrapping_add(1), at, kinds);
        if outbox {
            self.deliver(inquiry, &recorded);
        }
        self.file(inquiry);
        recorded
    }

    fn deliver(&mut self, inquiry: u32, recorded: &Recorded) {
        if let Some(slot) = self.inquiries.get_mut(inquiry) {
            for event in recorded.events(slot.record.tenant, slot.record.inquiry.id) {
                self.last_outbox = self.last_outbox.wrapping_add(1);
                self.outbox.insert(self.last_outbox, event);
                slot.unacknowledged = slot.unacknowledged.saturating_add(1);
            }
        }
    }

    /// Puts the inquiry where a sweep or a purge will find it.
    pub(super) fn file(&mut self, inquiry: u32) {
        let Some(slot) = self.inquiries.get_mut(inquiry) else {
            return;
        };
        let filed = match slot.record.inquiry.ended_at() {
            None => Filed::Deadline(slot.record.inquiry.expires_at),
            Some(at) if slot.links.is_empty() && slot.sessions.is_empty() && slot.unacknowledged == 0 => {
                Filed::Ended(at)
            }
            Some(_) => Filed::Nowhere,
        };
        if filed == slot.filed {
            return;
        }
        match slot.filed {
            Filed::Nowhere => false,
            Filed::Deadline(at) => self.deadlines.remove(&(at, inquiry)),
            Filed::Ended(at) => self.ended.remove(&(at, inquiry)),
        };
        match filed {
            Filed::Nowhere => false,
            Filed::Deadline(at) => self.deadlines.insert((at, inquiry)),
            Filed::Ended(at) => self.ended.insert((at, inquiry)),
        };
        slot.filed = filed;
    }

    /// Removes a link, and what only it kept; gives its digest.
    pub(super) fn remove_link(&mut self, place: u32) -> Option<Digest> {
        let slot = self.links.remove(place)?;
        let parent = self.parent_at(&slot).unwrap_or(NOWHERE);
        self.more_of_links.remove(slot.more);
        for session in [slot.session, parent] {
            if let Some(named) = self.sessions.get_mut(session) {
                named.links = named.links.saturating_sub(1);
                if named.links == 0 {
                    self.file_session(session);
                }
            }
        }
        let Self { inquiries, links, .. } = self;
        if let Some(inquiry) = inquiries.get_mut(slot.inquiry) {
            remove_by_id(&mut inquiry.links, slot.id(), place, |place| id_of_link(links, place));
            // Looking at all that stay leaves two endings for each at the most, so it pays for itself.
            let left = inquiry.links.len();
            if left == 0 || left.saturating_mul(4).saturating_add(8) < inquiry.record.endings.len() {
                let kept = inquiry.links.iter().filter_map(|place| links.get(place));
                let kept: Vec<_> =
                    kept.map(|slot| slot.record(None, &inquiry.record, inquiry.first_epoch, None)).collect();
                inquiry.record.endings.keep_for(&kept);
            }
        }
        self.file(slot.inquiry);
        Some(*slot.digest())
    }

    pub(super) fn remove_session(&mut self, place: u32) {
        let Some(slot) = self.sessions.remove(place) else {
            return;
        };
        self.more_of_sessions.remove(slot.more);
        let Self { inquiries, sessions, .. } = self;
        if let Some(inquiry) = inquiries.get_mut(slot.inquiry) {
            remove_by_id(&mut inquiry.sessions, slot.id(), place, |place| id_of_session(sessions, place));
        }
        self.file(slot.inquiry);
    }

    pub(super) fn remove_inquiry(&mut self, place: u32) {
        let Some(slot) = self.inquiries.remove(place) else {
            return;
        };
        if let Filed::Ended(at) = slot.filed {
            self.ended.remove(&(at, place));
        }
        let key = InquiryKey { tenant: slot.record.tenant, inquiry: slot.record.inquiry.id };
        if let Some(listed) = self.listed.get_mut(&key.tenant) {
            listed.remove(&Cursor::of(&slot.record.inquiry));
            if listed.is_empty() {
                self.listed.remove(&key.tenant);
            }
        }
        self.by_id.leave(Hashed { hash: slot.hash, key }.bits(), place);
    }
}

fn id_of_link(links: &Slab<LinkSlot>, place: u32) -> Option<LinkId> {
    Some(links.get(place)?.id())
}

fn id_of_session(sessions: &Slab<SessionSlot>, place: u32) -> Option<SessionId> {
    Some(sessions.get(place)?.id())
}

/// Takes out a place whose record is gone already: it has no id any more, and sorts as if it still had.
fn remove_by_id<Id: Ord + Copy>(places: &mut Places, gone: Id, place: u32, id: impl Fn(u32) -> Option<Id>) {
    let id = |other: u32| if other == place { Some(gone) } else { id(other) };
    let index = places.partition_point(|other| id(other) < Some(gone));
    if places.get(index) == Some(place) {
        places.remove(index);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test may panic")]
mod tests {
    use super::*;
    use crate::{ExpirationPolicy, Inquiry, InquiryId, TemplateId, TenantId, record::Epoch};

    /// S6: keys of one hash are told apart, by the id and by the tenant.
    #[test]
    fn keys_of_one_hash_are_told_apart() {
        let key = |tenant, id| {
            let (tenant, inquiry) = (TenantId::new(tenant).unwrap(), InquiryId::new(id).unwrap());
            Hashed { hash: 7, key: InquiryKey { tenant, inquiry } }
        };
        let keys = [key("a", "inq_1"), key("a", "inq_2"), key("b", "inq_1")];
        let mut shard = Shard::default();
        let places = keys.map(|Hashed { hash, key }| {
            let template = TemplateId::new("itmpl_kyc").unwrap();
            let inquiry = Inquiry::new(key.inquiry, template, ExpirationPolicy::default(), Timestamp::MIN);
            shard
                .insert_inquiry(&Hashed { hash, key }, InquiryRecord::new(key.tenant, inquiry, Epoch::new(0)))
        });
        assert!(places.iter().all(Option::is_some));
        assert_eq!(keys.map(|key| shard.find(&key)), places);
        assert_eq!(shard.find(&key("b", "inq_2")), None);
    }
}
