//! A partition of the store: everything of the inquiries in it, under one lock.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap, VecDeque},
    hash::{BuildHasherDefault, Hash, Hasher},
};

use super::{calendar::Calendar, directory::AsIs, slab::Slab};
use crate::{
    event::{Event, EventKind, Recorded},
    id::{EventId, LinkId, SessionId},
    link::LinkView,
    record::{InquiryRecord, LinkRecord, SessionRecord},
    redemption::Subject,
    store::InquiryKey,
    time::Timestamp,
};

#[derive(Debug, Default)]
pub(super) struct Shard {
    places: HashMap<Hashed, u32, BuildHasherDefault<AsIs>>,
    pub(super) inquiries: Slab<InquirySlot>,
    pub(super) links: Slab<LinkSlot>,
    pub(super) sessions: Slab<SessionSlot>,
    /// Inquiries that can expire, by deadline.
    pub(super) deadlines: BTreeSet<(Timestamp, u32)>,
    /// Inquiries that ended and hold nothing any more, by their end.
    pub(super) ended: BTreeSet<(Timestamp, u32)>,
    pub(super) old_links: Calendar,
    old_sessions: Calendar,
    /// Unacknowledged events, by their place in this shard's order.
    pub(super) outbox: BTreeMap<u64, Event>,
    pub(super) last_outbox: u64,
}

/// An inquiry's key, hashed once for the shard and for the place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Hashed {
    pub(super) hash: u64,
    pub(super) key: InquiryKey,
}

impl Hash for Hashed {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.hash);
    }
}

/// An inquiry, and the places of what belongs to it, by id: oldest first.
#[derive(Debug)]
pub(super) struct InquirySlot {
    key: Hashed,
    pub(super) record: InquiryRecord,
    pub(super) links: VecDeque<u32>,
    pub(super) sessions: VecDeque<u32>,
    pub(super) unacknowledged: u64,
    /// Which index holds it, under which instant.
    filed: Filed,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Filed {
    Nowhere,
    Deadline(Timestamp),
    Ended(Timestamp),
}

/// A link, and the places of what it is judged by.
#[derive(Debug)]
pub(super) struct LinkSlot {
    pub(super) record: LinkRecord,
    pub(super) inquiry: u32,
    pub(super) session: Option<u32>,
    pub(super) parent: Option<u32>,
}

/// A session, and how many links in the store name it: it stays as long as one does.
#[derive(Debug)]
pub(super) struct SessionSlot {
    pub(super) record: SessionRecord,
    pub(super) inquiry: u32,
    pub(super) links: u32,
    /// Whether the calendar has it: once at the most, or a place that was taken again would go too early.
    filed: bool,
}

impl Shard {
    pub(super) fn insert_inquiry(&mut self, key: Hashed, record: InquiryRecord) -> Option<u32> {
        let slot = InquirySlot {
            key,
            record,
            links: VecDeque::new(),
            sessions: VecDeque::new(),
            unacknowledged: 0,
            filed: Filed::Nowhere,
        };
        let place = self.inquiries.insert(slot)?;
        self.places.insert(key, place);
        self.file(place);
        Some(place)
    }

    pub(super) fn find(&self, key: &Hashed) -> Option<u32> {
        self.places.get(key).copied()
    }

    /// Keeps a session that was just started; the link that started it names it.
    pub(super) fn insert_session(&mut self, record: SessionRecord, inquiry: u32) -> Option<u32> {
        let by_link = record.link.is_some();
        let place =
            self.sessions.insert(SessionSlot { record, inquiry, links: u32::from(by_link), filed: false })?;
        let Self { inquiries, sessions, .. } = self;
        insert_by_id(&mut inquiries.get_mut(inquiry)?.sessions, place, |place| {
            Some(sessions.get(place)?.record.id)
        });
        if !by_link {
            self.file_session(place);
        }
        Some(place)
    }

    /// Keeps a link, if `enter` takes its place; the session that made it stays as long as the link.
    pub(super) fn insert_link(&mut self, slot: LinkSlot, enter: impl FnOnce(u32) -> bool) -> Option<u32> {
        let (inquiry, parent, expires_at) = (slot.inquiry, slot.parent, slot.record.expires_at);
        let place = self.links.insert(slot)?;
        if !enter(place) {
            self.links.remove(place);
            return None;
        }
        let Self { inquiries, links, .. } = self;
        insert_by_id(&mut inquiries.get_mut(inquiry)?.links, place, |place| {
            Some(links.get(place)?.record.id)
        });
        if let Some(parent) = parent.and_then(|parent| self.sessions.get_mut(parent)) {
            parent.links = parent.links.saturating_add(1);
        }
        self.old_links.file(place, expires_at);
        Some(place)
    }

    pub(super) fn link_of(&self, inquiry: u32, id: LinkId) -> Option<u32> {
        find_by_id(&self.inquiries.get(inquiry)?.links, id, |place| Some(self.links.get(place)?.record.id))
    }

    pub(super) fn session_of(&self, inquiry: u32, id: SessionId) -> Option<u32> {
        find_by_id(&self.inquiries.get(inquiry)?.sessions, id, |place| {
            Some(self.sessions.get(place)?.record.id)
        })
    }

    pub(super) fn session_record(&self, place: Option<u32>) -> Option<&SessionRecord> {
        Some(&self.sessions.get(place?)?.record)
    }

    fn file_session(&mut self, place: u32) {
        if let Some(slot) = self.sessions.get_mut(place) {
            if !slot.filed {
                self.old_sessions.file(place, slot.record.expires_at);
                slot.filed = true;
            }
        }
    }

    /// Takes a session off the calendar whose hour has come by `now`.
    pub(super) fn take_old_session(&mut self, now: Timestamp) -> Option<u32> {
        let place = self.old_sessions.take_due(now)?;
        if let Some(slot) = self.sessions.get_mut(place) {
            slot.filed = false;
        }
        Some(place)
    }

    /// The records that an attempt on the link at that place is judged by.
    pub(super) fn subject(&self, link: u32) -> Option<Subject<'_>> {
        let slot = self.links.get(link)?;
        Some(Subject {
            link: &slot.record,
            inquiry: &self.inquiries.get(slot.inquiry)?.record,
            session: self.session_record(slot.session),
            parent: self.session_record(slot.parent),
        })
    }

    pub(super) fn view(&self, link: u32) -> Option<LinkView> {
        let subject = self.subject(link)?;
        Some(LinkView {
            link: subject.link.clone(),
            inquiry: subject.inquiry.clone(),
            session: subject.session.cloned(),
            parent: subject.parent.cloned(),
        })
    }

    /// Says what a command on an inquiry did, after its events were counted, and files the inquiry anew.
    pub(super) fn written(
        &mut self,
        inquiry: u32,
        first: EventId,
        at: Timestamp,
        kinds: [Option<EventKind>; 2],
        outbox: bool,
    ) -> Recorded {
        let mut recorded = Recorded::new(first, 0, at, kinds);
        if let Some(slot) = self.inquiries.get_mut(inquiry) {
            let before = slot.record.last_sequence.wrapping_sub(recorded.count());
            recorded = Recorded::new(first, before.wrapping_add(1), at, kinds);
            if outbox {
                for event in recorded.events(slot.record.tenant, slot.record.inquiry.id) {
                    self.last_outbox = self.last_outbox.wrapping_add(1);
                    self.outbox.insert(self.last_outbox, event);
                    slot.unacknowledged = slot.unacknowledged.saturating_add(1);
                }
            }
        }
        self.file(inquiry);
        recorded
    }

    /// Puts the inquiry where a sweep or a purge will find it.
    pub(super) fn file(&mut self, inquiry: u32) {
        let Some(slot) = self.inquiries.get_mut(inquiry) else {
            return;
        };
        let empty = slot.links.is_empty() && slot.sessions.is_empty() && slot.unacknowledged == 0;
        let filed = match slot.record.inquiry.ended_at() {
            None => Filed::Deadline(slot.record.inquiry.expires_at),
            Some(at) if empty => Filed::Ended(at),
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

    /// Removes a link, and what only it kept.
    pub(super) fn remove_link(&mut self, place: u32) -> Option<LinkRecord> {
        let slot = self.links.remove(place)?;
        for session in [slot.session, slot.parent].into_iter().flatten() {
            if let Some(named) = self.sessions.get_mut(session) {
                named.links = named.links.saturating_sub(1);
                if named.links == 0 {
                    self.file_session(session);
                }
            }
        }
        let Self { inquiries, links, .. } = self;
        if let Some(inquiry) = inquiries.get_mut(slot.inquiry) {
            remove_by_id(&mut inquiry.links, slot.record.id, place, |place| {
                Some(links.get(place)?.record.id)
            });
            // Looking at all that stay leaves two endings for each at the most, so it pays for itself.
            let left = inquiry.links.len();
            if left == 0 || left.saturating_mul(4).saturating_add(8) < inquiry.record.endings.len() {
                let kept = inquiry.links.iter().filter_map(|place| Some(&links.get(*place)?.record));
                inquiry.record.endings.keep_for(kept);
            }
        }
        self.file(slot.inquiry);
        Some(slot.record)
    }

    pub(super) fn remove_session(&mut self, place: u32) {
        let Some(slot) = self.sessions.remove(place) else {
            return;
        };
        let Self { inquiries, sessions, .. } = self;
        if let Some(inquiry) = inquiries.get_mut(slot.inquiry) {
            remove_by_id(&mut inquiry.sessions, slot.record.id, place, |place| {
                Some(sessions.get(place)?.record.id)
            });
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
        self.places.remove(&slot.key);
    }
}

/// Puts a place where its id belongs: nearly always at the end.
fn insert_by_id<Id: Ord>(places: &mut VecDeque<u32>, place: u32, id: impl Fn(u32) -> Option<Id>) {
    let new = id(place);
    places.insert(places.partition_point(|other| id(*other) < new), place);
}

fn find_by_id<Id: Ord>(places: &VecDeque<u32>, wanted: Id, id: impl Fn(u32) -> Option<Id>) -> Option<u32> {
    let wanted = Some(wanted);
    let place = *places.get(places.partition_point(|place| id(*place) < wanted))?;
    (id(place) == wanted).then_some(place)
}

/// Takes out a place whose record is gone already: it has no id any more, and sorts as if it still had.
fn remove_by_id<Id: Ord + Copy>(
    places: &mut VecDeque<u32>,
    gone: Id,
    place: u32,
    id: impl Fn(u32) -> Option<Id>,
) {
    let id = |other: u32| if other == place { Some(gone) } else { id(other) };
    let index = places.partition_point(|other| id(*other) < Some(gone));
    if places.get(index) == Some(&place) {
        places.remove(index);
    }
}
