//! The store in memory: the reference for all others, and good for production in one process.

mod calendar;
mod directory;
mod hash;
mod housekeeping;
mod index;
mod link_slot;
mod listing;
mod packed;
mod places;
mod session_slot;
mod shard;
mod slab;
mod sync;

use std::fmt;

use self::{
    directory::{Directory, Place},
    hash::Seeds,
    places::Places,
    shard::{Hashed, Shard},
    sync::{AtomicUsize, Mutex, MutexGuard, PoisonError, SHARDS},
};
use crate::{
    digest::Digest,
    event::{EventKind, Recorded, Revocation},
    id::{EventId, LinkId, SessionId},
    issuance::{self, Issuance, IssueLink},
    link::LinkView,
    record::{InquiryRecord, SessionRecord},
    redemption::{
        self, Commit, Decision, LinkChange, Redeem, Release, Released, SessionChange, Subject, Verdict,
    },
    revocation::{self, Found, Revoke},
    session::{self, InquirySession, StartSession},
    store::{
        Attempted, ChangeInquiry, ChangeOutcome, CreateInquiry, CreateOutcome, InquiryKey, Inspect,
        IssueOutcome, LinkName, LinkStore, ListOf, ListedLink, Listing, Retry, RevokeOutcome, SessionKey,
        SessionStarted, SessionView, StoreError, StoreErrorKind,
    },
    tenant::TenantId,
    time::Timestamp,
};

/// Keeps everything in this process, and forgets it when the process ends.
///
/// Inquiries are spread over shards, each under a lock of its own, with all links and sessions of an inquiry
/// in its shard; there is no lock that all calls take. A call never waits for anything but such a lock, so it
/// needs no runtime. Growth is bounded by [`purge`](crate::store::Housekeeping::purge). A shard, one of 256, holds 2²⁴ links;
/// one more is told that the store is overloaded.
///
/// ```
/// use inquiry_otl::{MemoryStore, Service};
///
/// let service = Service::new(MemoryStore::new());
/// ```
pub struct MemoryStore {
    shards: Box<[Mutex<Shard>]>,
    directory: Directory,
    seeds: Seeds,
    outbox: bool,
    /// Where the next round of housekeeping begins, so that no shard has to wait for the others.
    next: AtomicUsize,
}

impl MemoryStore {
    /// An empty store without an outbox.
    #[must_use]
    pub fn new() -> Self {
        Self {
            shards: (0..SHARDS).map(|_| Mutex::default()).collect(),
            directory: Directory::new(),
            seeds: Seeds::random(),
            outbox: false,
            next: AtomicUsize::new(0),
        }
    }

    /// The same store with an [`Outbox`](crate::store::Outbox): events stay until they are acknowledged.
    #[must_use]
    pub fn with_outbox(mut self) -> Self {
        self.outbox = true;
        self
    }

    /// How many inquiries, links and sessions it holds.
    #[must_use]
    pub fn counts(&self) -> Counts {
        (0..).map_while(|index| self.shard(index)).fold(Counts::default(), |counts, shard| Counts {
            inquiries: counts.inquiries.saturating_add(shard.inquiries.len()),
            links: counts.links.saturating_add(shard.links.len()),
            sessions: counts.sessions.saturating_add(shard.sessions.len()),
        })
    }

    fn shard(&self, index: u32) -> Option<MutexGuard<'_, Shard>> {
        // A panic while the lock was held cannot have left half a change: records are changed one call at a time.
        Some(self.shards.get(index as usize)?.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn hashed(&self, key: InquiryKey) -> Hashed {
        Hashed { hash: self.seeds.hash(&key), key }
    }

    fn shard_index(&self, key: &Hashed) -> u32 {
        // Other bits than the shard's index looks at.
        let index = (key.hash >> 32).checked_rem(self.shards.len() as u64);
        index.and_then(|index| u32::try_from(index).ok()).unwrap_or_default()
    }

    /// The shard of an inquiry, and the inquiry's place in it.
    fn locate(&self, key: &Hashed) -> Option<(MutexGuard<'_, Shard>, u32)> {
        let shard = self.shard(self.shard_index(key))?;
        let place = shard.find(key)?;
        Some((shard, place))
    }

    /// The shard of a link, and the link's place in it.
    fn locate_link(&self, inspect: &Inspect) -> Option<(MutexGuard<'_, Shard>, u32)> {
        match &inspect.link {
            LinkName::Digest(digest) => self.locate_digest(&inspect.tenant, digest),
            LinkName::Id(inquiry, id) => {
                let (shard, place) =
                    self.locate(&self.hashed(InquiryKey { tenant: inspect.tenant, inquiry: *inquiry }))?;
                let link = shard.link_of(place, *id)?;
                Some((shard, link))
            }
        }
    }

    /// The same by digest; the comparison of the whole decides (C3).
    #[inline]
    fn locate_digest(&self, tenant: &TenantId, digest: &Digest) -> Option<(MutexGuard<'_, Shard>, u32)> {
        let place = self.directory.find(digest)?;
        let shard = self.shard(place.shard)?;
        let link = shard.links.get(place.link)?;
        // The place may hold another link by now.
        // Public: whether it is that link.
        let found = link.digest() == digest && shard.inquiries.get(link.inquiry)?.record.tenant == *tenant;
        found.then_some((shard, place.link))
    }

    /// Lets an attempt on a link be decided, writes the decision and answers it.
    #[inline]
    fn attempt(
        &self,
        found: Option<(MutexGuard<'_, Shard>, u32)>,
        now: Timestamp,
        event: EventId,
        decide: impl Fn(&Subject<'_>) -> Decision,
    ) -> Result<Option<Attempted>, StoreError> {
        let Some((mut shard, link)) = found else {
            return Ok(None);
        };
        let shard = &mut *shard;
        let Some(slot) = shard.links.get(link) else {
            return Ok(None);
        };
        let place = slot.inquiry;
        let Some(inquiry) = shard.inquiries.get(place) else {
            return Ok(None);
        };
        let record = shard.record_of(slot, inquiry);
        let decision = if Shard::has_sessions(slot) {
            let [session, parent] = shard.sessions_of(slot);
            let (session, parent) = (session.as_ref(), parent.as_ref());
            decide(&Subject { link: &record, inquiry: &inquiry.record, session, parent })
        } else {
            decide(&Subject { link: &record, inquiry: &inquiry.record, session: None, parent: None })
        };
        let session = carry_out(shard, link, place, &decision)?;
        let events = shard.written(place, event, now, [decision.event, None], self.outbox);
        let Some(inquiry) = shard.inquiries.get(place) else {
            return Ok(None);
        };
        let seen = |session: &SessionRecord| InquirySession::seen(session, &inquiry.record, now);
        let session = match (decision.verdict, &decision.session) {
            (Verdict::FirstUse, SessionChange::Start(session)) => Some(seen(session)),
            (Verdict::Repeat | Verdict::Replay { .. }, _) => {
                session.and_then(|place| shard.session_record(place)).as_ref().map(seen)
            }
            _ => None,
        };
        Ok(Some(Attempted {
            verdict: decision.verdict,
            link: record.id,
            derivation: record.derivation,
            inquiry: inquiry.record.inquiry.clone(),
            session,
            events,
        }))
    }
}

/// Writes a decision on a link, and tells the place of the link's session, if it has one.
#[inline]
fn carry_out(
    shard: &mut Shard,
    link: u32,
    inquiry: u32,
    decision: &Decision,
) -> Result<Option<u32>, StoreError> {
    let used = match &decision.link {
        LinkChange::Use(used) => Some(used),
        LinkChange::None | LinkChange::Claim(_) | LinkChange::Replay { .. } => None,
    };
    let started = match &decision.session {
        SessionChange::Start(session) => Some(shard.insert_session(session, used, inquiry).ok_or_else(full)?),
        SessionChange::Token(_) | SessionChange::None => None,
    };
    match (&decision.link, started) {
        (LinkChange::Use(_), Some(session)) => shard.set_used(link, session),
        (LinkChange::Claim(lease), _) => shard.set_lease(link, Some(*lease)),
        (LinkChange::Replay { number }, _) => shard.set_replays(link, *number),
        (LinkChange::Use(_) | LinkChange::None, _) => {}
    }
    let session = shard.links.get(link).map(|slot| slot.session).filter(|place| *place != NOWHERE);
    if let (SessionChange::Token(token), Some(session)) = (&decision.session, session) {
        shard.push_token(session, *token);
    }
    if let Some(slot) = shard.inquiries.get_mut(inquiry) {
        decision.change_inquiry(&mut slot.record);
    }
    Ok(session)
}

/// No place: each list stops one before it.
const NOWHERE: u32 = u32::MAX;

impl LinkStore for MemoryStore {
    async fn create_inquiry(&self, command: CreateInquiry) -> Result<CreateOutcome, StoreError> {
        let key = self.hashed(InquiryKey { tenant: command.tenant, inquiry: command.inquiry.id });
        let Some(mut shard) = self.shard(self.shard_index(&key)) else {
            return Err(full());
        };
        if shard.find(&key).is_some() {
            return Ok(CreateOutcome::Exists);
        }
        let at = command.inquiry.created_at;
        let record = InquiryRecord::new(command.tenant, command.inquiry, command.first_epoch);
        let place = shard.insert_inquiry(&key, record).ok_or_else(full)?;
        let kinds = [Some(EventKind::InquiryCreated), None];
        Ok(CreateOutcome::Created(shard.written(place, command.event, at, kinds, self.outbox)))
    }

    async fn change_inquiry(&self, command: ChangeInquiry) -> Result<ChangeOutcome, StoreError> {
        let key = self.hashed(InquiryKey { tenant: command.tenant, inquiry: command.step.inquiry.id });
        let Some((mut shard, place)) = self.locate(&key) else {
            return Ok(ChangeOutcome::NotFound);
        };
        let Some(slot) = shard.inquiries.get_mut(place) else {
            return Ok(ChangeOutcome::NotFound);
        };
        if slot.record.version != command.if_version {
            return Ok(ChangeOutcome::Conflict);
        }
        let kinds = command.step.events;
        slot.record.take(command.step);
        let recorded = shard.written(place, command.event, command.now, kinds, self.outbox);
        Ok(ChangeOutcome::Changed(recorded))
    }

    async fn inquiry(&self, key: InquiryKey) -> Result<Option<InquiryRecord>, StoreError> {
        let Some((shard, place)) = self.locate(&self.hashed(key)) else {
            return Ok(None);
        };
        Ok(shard.inquiries.get(place).map(|slot| slot.record.clone()))
    }

    async fn issue(&self, command: IssueLink) -> Result<IssueOutcome, StoreError> {
        let key = self.hashed(InquiryKey { tenant: command.tenant, inquiry: command.inquiry });
        let index = self.shard_index(&key);
        let Some((mut shard, inquiry)) = self.locate(&key) else {
            return Ok(IssueOutcome::NotFound);
        };
        let parent = command.parent.and_then(|id| shard.session_of(inquiry, id));
        let Some(slot) = shard.inquiries.get(inquiry) else {
            return Ok(IssueOutcome::NotFound);
        };
        let links = slot.links.iter().rev().filter_map(|place| shard.link_record(place));
        let session = parent.and_then(|place| shard.session_record(place));
        let issuance = issuance::issue(&slot.record, session.as_ref(), links, &command);
        if let Issuance::Create { link, .. } = &issuance {
            if !shard.has_room_for_a_link() {
                return Err(full());
            }
            let enter = |place| self.directory.enter(&link.digest, Place { shard: index, link: place });
            if shard.insert_link(link, inquiry, parent, enter).is_none() {
                return Ok(IssueOutcome::Taken);
            }
        }
        let kinds = match shard.inquiries.get_mut(inquiry) {
            Some(slot) => issuance.change_inquiry(&mut slot.record, command.now),
            None => [None, None],
        };
        let events = shard.written(inquiry, command.event, command.now, kinds, self.outbox);
        let id = match issuance {
            Issuance::Create { link, .. } => return Ok(IssueOutcome::Issued { link, events }),
            Issuance::NotOpen { reason, .. } => return Ok(IssueOutcome::NotOpen { reason, events }),
            Issuance::SessionNotLive => return Ok(IssueOutcome::SessionNotLive),
            Issuance::Reuse(id) => id,
        };
        match shard.link_of(inquiry, id).and_then(|place| shard.link_record(place)) {
            Some(link) => Ok(IssueOutcome::Reused { link, events }),
            None => Ok(IssueOutcome::NotFound),
        }
    }

    async fn issue_many(&self, commands: Vec<IssueLink>) -> Vec<Result<IssueOutcome, StoreError>> {
        let mut outcomes = Vec::with_capacity(commands.len());
        for command in commands {
            outcomes.push(self.issue(command).await);
        }
        outcomes
    }

    // An `async fn` would copy the command once more.
    #[allow(clippy::manual_async_fn, reason = "see above")]
    fn redeem(&self, command: Redeem) -> impl Future<Output = Result<Option<Attempted>, StoreError>> + Send {
        async move {
            let found = self.locate_digest(&command.tenant, &command.digest);
            self.attempt(found, command.now, command.event, |subject| redemption::redeem(subject, &command))
        }
    }

    async fn commit(&self, command: Commit) -> Result<Option<Attempted>, StoreError> {
        let inspect = Inspect { tenant: command.tenant, link: LinkName::Id(command.inquiry, command.link) };
        self.attempt(self.locate_link(&inspect), command.now, command.event, |subject| {
            redemption::commit(subject, &command)
        })
    }

    async fn release(&self, command: Release) -> Result<Option<Released>, StoreError> {
        let inspect = Inspect { tenant: command.tenant, link: LinkName::Id(command.inquiry, command.link) };
        let Some((mut shard, link)) = self.locate_link(&inspect) else {
            return Ok(None);
        };
        let Some(record) = shard.link_record(link) else {
            return Ok(None);
        };
        let released = redemption::release(&record, &command);
        if released == Released::Released {
            shard.set_lease(link, None);
        }
        Ok(Some(released))
    }

    async fn revoke(&self, command: Revoke) -> Result<RevokeOutcome, StoreError> {
        let key = self.hashed(InquiryKey { tenant: command.tenant, inquiry: command.inquiry });
        let Some((mut shard, inquiry)) = self.locate(&key) else {
            return Ok(RevokeOutcome::NotFound(Recorded::none(command.event, command.now)));
        };
        let (link, session) = match command.target {
            Revocation::Link(id) => (shard.link_of(inquiry, id), None),
            Revocation::Session(id) => (None, shard.session_of(inquiry, id)),
            Revocation::AllLinks | Revocation::Everything => (None, None),
        };
        let mut link_record = link.and_then(|place| shard.link_record(place));
        let mut session_record = session.and_then(|place| shard.session_record(place));
        let Some(slot) = shard.inquiries.get_mut(inquiry) else {
            return Ok(RevokeOutcome::NotFound(Recorded::none(command.event, command.now)));
        };
        let revoked =
            revocation::revoke(&mut slot.record, link_record.as_mut(), session_record.as_mut(), &command);
        if let (Some(place), Some(record)) = (link, link_record) {
            shard.set_link_revoked(place, record.revoked_at);
        }
        if let (Some(place), Some(record)) = (session, session_record) {
            shard.set_session_revoked(place, record.revoked_at);
        }
        let events = shard.written(inquiry, command.event, command.now, revoked.events, self.outbox);
        Ok(match revoked.found {
            Found::Revoked => RevokeOutcome::Revoked(events),
            Found::Already => RevokeOutcome::Already(events),
            Found::Nothing => RevokeOutcome::NotFound(events),
        })
    }

    async fn start_session(&self, command: StartSession) -> Result<Option<SessionStarted>, StoreError> {
        let key = self.hashed(InquiryKey { tenant: command.tenant, inquiry: command.inquiry });
        let Some((mut shard, inquiry)) = self.locate(&key) else {
            return Ok(None);
        };
        let Some(slot) = shard.inquiries.get(inquiry) else {
            return Ok(None);
        };
        let start = session::start(&slot.record, &command);
        if let Ok(record) = &start.session {
            shard.insert_session(record, None, inquiry).ok_or_else(full)?;
        }
        if let Some(slot) = shard.inquiries.get_mut(inquiry) {
            start.change_inquiry(&mut slot.record);
        }
        let events = shard.written(inquiry, command.event, command.now, [start.event, None], self.outbox);
        let Some(slot) = shard.inquiries.get(inquiry) else {
            return Ok(None);
        };
        let session = start.session.map(|record| InquirySession::seen(&record, &slot.record, command.now));
        Ok(Some(SessionStarted { session, inquiry: slot.record.inquiry.clone(), events }))
    }

    async fn inspect(&self, command: Inspect) -> Result<Option<LinkView>, StoreError> {
        Ok(self.locate_link(&command).and_then(|(shard, link)| shard.view(link)))
    }

    async fn session(&self, key: SessionKey) -> Result<Option<SessionView>, StoreError> {
        let inquiry = self.hashed(InquiryKey { tenant: key.tenant, inquiry: key.inquiry });
        Ok(self.locate(&inquiry).and_then(|(shard, inquiry)| {
            Some(SessionView {
                session: shard.session_record(shard.session_of(inquiry, key.session)?)?,
                inquiry: shard.inquiries.get(inquiry)?.record.clone(),
            })
        }))
    }

    async fn links(&self, list: ListOf<LinkId>) -> Result<Option<Listing<ListedLink>>, StoreError> {
        Ok(self.locate(&self.hashed(list.inquiry)).and_then(|(shard, inquiry)| {
            let slot = shard.inquiries.get(inquiry)?;
            let id = |place| Some(shard.links.get(place)?.id());
            let (page, more) = page(&slot.links, id, &list);
            let listed = page.filter_map(|place| shard.links.get(place)).map(|link| {
                let [session, parent] = shard.sessions_of(link);
                ListedLink { link: shard.record_of(link, slot), session, parent }
            });
            let items = listed.collect();
            Some(Listing { inquiry: slot.record.clone(), items, more })
        }))
    }

    async fn sessions(&self, list: ListOf<SessionId>) -> Result<Option<Listing<SessionRecord>>, StoreError> {
        Ok(self.locate(&self.hashed(list.inquiry)).and_then(|(shard, inquiry)| {
            let slot = shard.inquiries.get(inquiry)?;
            let id = |place| Some(shard.sessions.get(place)?.id());
            let (page, more) = page(&slot.sessions, id, &list);
            let items = page.filter_map(|place| shard.session_record(place)).collect();
            Some(Listing { inquiry: slot.record.clone(), items, more })
        }))
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for MemoryStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MemoryStore")
            .field("counts", &self.counts())
            .field("outbox", &self.outbox)
            .finish_non_exhaustive()
    }
}

/// How many records a [`MemoryStore`] holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Counts {
    /// Inquiries.
    pub inquiries: usize,
    /// Links.
    pub links: usize,
    /// Sessions.
    pub sessions: usize,
}

/// Of places in the order of their ids, those below the list's, highest first, as many as it wants; and
/// whether there are more.
fn page<Id: Ord + Copy>(
    places: &Places,
    id: impl Fn(u32) -> Option<Id>,
    list: &ListOf<Id>,
) -> (impl Iterator<Item = u32>, bool) {
    let below = match list.before {
        Some(before) => places.partition_point(|place| id(place) < Some(before)),
        None => places.len(),
    };
    let from = below.saturating_sub(list.limit.max(1) as usize);
    (places.range(from, below).rev(), 0 < from)
}

/// A shard has 2³² places for inquiries and for sessions, and 2²⁴ for links.
fn full() -> StoreError {
    StoreError::new(StoreErrorKind::Overloaded, Retry::Useless)
}
