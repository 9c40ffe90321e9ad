//! A store of one's own, the smallest honest one: a lock around a few maps, and the library's pure functions.
//!
//! Copy it, put your engine's transaction where the lock is, and prove it with the conformance suite
//! (feature `conformance`): that is what tells a store that works from one that seems to.
#![cfg_attr(feature = "conformance", doc = "Its guide is the documentation of [`inquiry_otl::conformance`].")]
//!
//! What it leaves out is speed: one lock for all inquiries, and a sweep, a purge and a list that look at every record.

use std::{
    collections::{BTreeMap, HashMap},
    ops::Bound,
    sync::{Mutex, MutexGuard, PoisonError},
};

use inquiry_otl::{
    Attempt, Event, EventId, EventKind, Expiry, InquirySession, LinkId, LinkRequest, LinkView, NewInquiry,
    Redemption, Released, Revocation, Service, SessionId, TemplateId, Timestamp,
    event::Recorded,
    issuance::{self, Issuance, IssueLink},
    record::{InquiryRecord, LinkRecord, LinkState, SessionRecord},
    redemption::{self, Commit, Decision, Redeem, Release, SessionChange, Subject, Verdict},
    revocation::{self, Found, Revoke},
    session::{self, StartSession},
    store::{
        Attempted, ChangeInquiry, ChangeOutcome, CreateInquiry, CreateOutcome, Cursor, Delivery, Directory,
        Housekeeping, InquiryKey, InquiryPage, Inspect, IssueOutcome, LinkName, LinkStore, ListInquiries,
        ListOf, ListedLink, Listing, Outbox, Purge, Purged, Receipt, RevokeOutcome, SessionKey,
        SessionStarted, SessionView, StoreError, Sweep, Swept,
    },
};

/// The story of a link: it opens its inquiry once.
#[tokio::main(flavor = "current_thread")]
pub async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let store = WeekendStore::default().with_outbox();
    let service = Service::new(&store);
    let inquiry = service.create(NewInquiry::from_template(TemplateId::new("itmpl_kyc")?)).await?;
    println!("{} is {}", inquiry.id, inquiry.status);

    let link = service.issue(LinkRequest::resume(inquiry.id)).await?;
    println!("{} lives until {}", link.id, link.expires_at);

    for attempt in ["first", "second"] {
        match service.redeem(link.url.expose(), &Attempt::new()).await? {
            Redemption::Granted(grant) => println!("{attempt} attempt: {} begins", grant.session.id),
            Redemption::Busy { until } => println!("{attempt} attempt: busy until {until}"),
            Redemption::Refused(refused) => println!("{attempt} attempt: no, {}", refused.reason),
        }
    }
    for delivery in store.pending(None, 10).await? {
        println!("to be passed on: {}", delivery.event.kind.name());
    }
    Ok(())
}

/// Keeps everything in a few maps under one lock: each call takes it once, so each call is one atomic step.
#[derive(Debug, Default)]
pub struct WeekendStore(Mutex<Tables>);

/// What the lock is around.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tables {
    pub(crate) files: HashMap<InquiryKey, File>,
    /// From the first part of a digest to its link; the comparison of the whole decides (C3).
    pub(crate) codes: HashMap<u64, (InquiryKey, LinkId)>,
    pub(crate) with_outbox: bool,
    /// Events that nobody acknowledged, by their place.
    pub(crate) outbox: BTreeMap<u64, Event>,
    /// The place of the last event.
    pub(crate) last_place: u64,
}

/// An inquiry, and what belongs to it.
#[derive(Clone, Debug)]
pub(crate) struct File {
    pub(crate) inquiry: InquiryRecord,
    pub(crate) links: BTreeMap<LinkId, LinkRecord>,
    pub(crate) sessions: BTreeMap<SessionId, SessionRecord>,
}

impl LinkStore for WeekendStore {
    async fn create_inquiry(&self, command: CreateInquiry) -> Result<CreateOutcome, StoreError> {
        let mut tables = self.tables();
        let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry.id };
        if tables.files.contains_key(&key) {
            return Ok(CreateOutcome::Exists);
        }
        let now = command.inquiry.created_at;
        let inquiry = InquiryRecord::new(command.tenant, command.inquiry, command.first_epoch);
        tables.files.insert(key, File { inquiry, links: BTreeMap::new(), sessions: BTreeMap::new() });
        let events = tables.written(&key, command.event, now, [Some(EventKind::InquiryCreated), None]);
        Ok(CreateOutcome::Created(events))
    }

    async fn change_inquiry(&self, command: ChangeInquiry) -> Result<ChangeOutcome, StoreError> {
        let mut tables = self.tables();
        let key = InquiryKey { tenant: command.tenant, inquiry: command.step.inquiry.id };
        let Some(file) = tables.files.get_mut(&key) else {
            return Ok(ChangeOutcome::NotFound);
        };
        if file.inquiry.version != command.if_version {
            return Ok(ChangeOutcome::Conflict);
        }
        let kinds = command.step.events;
        file.inquiry.take(command.step);
        Ok(ChangeOutcome::Changed(tables.written(&key, command.event, command.now, kinds)))
    }

    async fn inquiry(&self, key: InquiryKey) -> Result<Option<InquiryRecord>, StoreError> {
        Ok(self.tables().files.get(&key).map(|file| file.inquiry.clone()))
    }

    async fn issue(&self, command: IssueLink) -> Result<IssueOutcome, StoreError> {
        let mut tables = self.tables();
        let Tables { files, codes, .. } = &mut *tables;
        let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
        let Some(File { inquiry, links, sessions }) = files.get_mut(&key) else {
            return Ok(IssueOutcome::NotFound);
        };
        let parent = command.parent.and_then(|id| sessions.get(&id));
        let issuance = issuance::issue(inquiry, parent, links.values().rev(), &command);
        let kept = match &issuance {
            Issuance::Create { link, .. } => {
                let part = link.digest.prefix();
                if links.contains_key(&link.id) || codes.contains_key(&part) {
                    return Ok(IssueOutcome::Taken);
                }
                codes.insert(part, (key, link.id));
                links.insert(link.id, link.clone());
                None
            }
            Issuance::Reuse(id) => links.get(id).cloned(),
            Issuance::NotOpen { .. } | Issuance::SessionNotLive => None,
        };
        let kinds = issuance.change_inquiry(inquiry, command.now);
        let events = tables.written(&key, command.event, command.now, kinds);
        Ok(match (issuance, kept) {
            (Issuance::Create { link, .. }, _) => IssueOutcome::Issued { link, events },
            (Issuance::Reuse(_), Some(link)) => IssueOutcome::Reused { link, events },
            (Issuance::Reuse(_), None) => IssueOutcome::NotFound,
            (Issuance::NotOpen { reason, .. }, _) => IssueOutcome::NotOpen { reason, events },
            (Issuance::SessionNotLive, _) => IssueOutcome::SessionNotLive,
        })
    }

    async fn issue_many(&self, commands: Vec<IssueLink>) -> Vec<Result<IssueOutcome, StoreError>> {
        let mut outcomes = Vec::with_capacity(commands.len());
        for command in commands {
            outcomes.push(self.issue(command).await);
        }
        outcomes
    }

    async fn redeem(&self, command: Redeem) -> Result<Option<Attempted>, StoreError> {
        let link = Inspect { tenant: command.tenant, link: LinkName::Digest(command.digest) };
        let decide = |subject: &Subject<'_>| redemption::redeem(subject, &command);
        Ok(self.tables().attempt(&link, command.now, command.event, decide))
    }

    async fn commit(&self, command: Commit) -> Result<Option<Attempted>, StoreError> {
        let link = Inspect { tenant: command.tenant, link: LinkName::Id(command.inquiry, command.link) };
        let decide = |subject: &Subject<'_>| redemption::commit(subject, &command);
        Ok(self.tables().attempt(&link, command.now, command.event, decide))
    }

    async fn release(&self, command: Release) -> Result<Option<Released>, StoreError> {
        let mut tables = self.tables();
        let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
        let Some(link) = tables.files.get_mut(&key).and_then(|file| file.links.get_mut(&command.link)) else {
            return Ok(None);
        };
        let released = redemption::release(link, &command);
        if released == Released::Released {
            link.state = LinkState::Unused;
        }
        Ok(Some(released))
    }

    async fn revoke(&self, command: Revoke) -> Result<RevokeOutcome, StoreError> {
        let mut tables = self.tables();
        let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
        let Some(File { inquiry, links, sessions }) = tables.files.get_mut(&key) else {
            return Ok(RevokeOutcome::NotFound(Recorded::none(command.event, command.now)));
        };
        let (link, session) = match command.target {
            Revocation::Link(id) => (links.get_mut(&id), None),
            Revocation::Session(id) => (None, sessions.get_mut(&id)),
            Revocation::AllLinks | Revocation::Everything => (None, None),
        };
        let revoked = revocation::revoke(inquiry, link, session, &command);
        let events = tables.written(&key, command.event, command.now, revoked.events);
        Ok(match revoked.found {
            Found::Revoked => RevokeOutcome::Revoked(events),
            Found::Already => RevokeOutcome::Already(events),
            Found::Nothing => RevokeOutcome::NotFound(events),
        })
    }

    async fn start_session(&self, command: StartSession) -> Result<Option<SessionStarted>, StoreError> {
        let mut tables = self.tables();
        let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
        let Some(File { inquiry, sessions, .. }) = tables.files.get_mut(&key) else {
            return Ok(None);
        };
        let start = session::start(inquiry, &command);
        start.change_inquiry(inquiry);
        let session = start.session.map(|session| {
            let seen = InquirySession::seen(&session, inquiry, command.now);
            sessions.insert(session.id, session);
            seen
        });
        let inquiry = inquiry.inquiry.clone();
        let events = tables.written(&key, command.event, command.now, [start.event, None]);
        Ok(Some(SessionStarted { session, inquiry, events }))
    }

    async fn inspect(&self, command: Inspect) -> Result<Option<LinkView>, StoreError> {
        let tables = self.tables();
        let found = tables.find(&command).and_then(|(key, id)| {
            let file = tables.files.get(&key)?;
            let Subject { link, inquiry, session, parent } = file.subject(file.links.get(&id)?);
            let (link, inquiry) = (link.clone(), inquiry.clone());
            Some(LinkView { link, inquiry, session: session.cloned(), parent: parent.cloned() })
        });
        Ok(found)
    }

    async fn session(&self, key: SessionKey) -> Result<Option<SessionView>, StoreError> {
        let tables = self.tables();
        let file = tables.files.get(&InquiryKey { tenant: key.tenant, inquiry: key.inquiry });
        Ok(file.and_then(|file| {
            let session = file.sessions.get(&key.session)?.clone();
            Some(SessionView { session, inquiry: file.inquiry.clone() })
        }))
    }

    async fn links(&self, list: ListOf<LinkId>) -> Result<Option<Listing<ListedLink>>, StoreError> {
        let tables = self.tables();
        Ok(tables.files.get(&list.inquiry).map(|file| {
            let listed = |link| {
                let Subject { link, session, parent, .. } = file.subject(link);
                ListedLink { link: link.clone(), session: session.cloned(), parent: parent.cloned() }
            };
            let (page, more) = page(&file.links, &list);
            Listing { inquiry: file.inquiry.clone(), items: page.into_iter().map(listed).collect(), more }
        }))
    }

    async fn sessions(&self, list: ListOf<SessionId>) -> Result<Option<Listing<SessionRecord>>, StoreError> {
        let tables = self.tables();
        Ok(tables.files.get(&list.inquiry).map(|file| {
            let (page, more) = page(&file.sessions, &list);
            Listing { inquiry: file.inquiry.clone(), items: page.into_iter().cloned().collect(), more }
        }))
    }
}

impl Directory for WeekendStore {
    async fn inquiries(&self, list: ListInquiries) -> Result<InquiryPage, StoreError> {
        let tables = self.tables();
        let of_tenant = tables.files.iter().filter(|(key, _)| key.tenant == list.tenant);
        let inquiries = of_tenant.map(|(_, file)| &file.inquiry.inquiry);
        let mut found: Vec<_> = inquiries.filter(|inquiry| list.keeps(inquiry)).collect();
        found.sort_by(|one, other| list.from.order(&Cursor::of(one), &Cursor::of(other)));
        Ok(list.page(found.into_iter().cloned().collect(), None))
    }
}

impl Housekeeping for WeekendStore {
    async fn sweep(&self, command: Sweep) -> Result<Swept, StoreError> {
        let mut tables = self.tables();
        let lapsed = |file: &File| file.inquiry.inquiry.lapsed_at(command.now);
        let due = tables.files.iter().filter_map(|(key, file)| Some((*key, lapsed(file)?)));
        let due: Vec<_> = due.collect();
        let mut swept = Swept { events: Vec::new(), more: (command.limit as usize) < due.len() };
        for (n, (key, expired_at)) in (0..command.limit).zip(due) {
            if let Some(File { inquiry, .. }) = tables.files.get_mut(&key) {
                inquiry.expire(Expiry::Deadline, expired_at);
                inquiry.last_sequence = inquiry.last_sequence.wrapping_add(1);
            }
            let kind = EventKind::InquiryExpired { cause: Expiry::Deadline, expired_at };
            let events = tables.written(&key, command.event.nth(n), command.now, [Some(kind), None]);
            swept.events.extend(events.events(key.tenant, key.inquiry));
        }
        Ok(swept)
    }

    async fn purge(&self, command: Purge) -> Result<Purged, StoreError> {
        let mut tables = self.tables();
        let Tables { files, codes, outbox, .. } = &mut *tables;
        let (mut purged, mut room) = (Purged::default(), command.limit);
        // Whether a record goes: it is past keeping, and there is room in this batch.
        let mut goes = |past: bool, counted: &mut u64| {
            let goes = past && 0 < room;
            room = room.saturating_sub(u32::from(goes));
            *counted = counted.saturating_add(u64::from(goes));
            goes
        };
        files.retain(|key, file| {
            let before = file.links.len();
            let mut links = std::mem::take(&mut file.links);
            links.retain(|_, link| {
                let past = link.expires_at.plus(command.retention) <= command.now;
                let goes = goes(past && !is_held(&file.subject(link), &command), &mut purged.links);
                if goes {
                    codes.remove(&link.digest.prefix());
                }
                !goes
            });
            file.links = links;
            if file.links.len() < before {
                file.inquiry.endings.keep_for(file.links.values());
            }
            file.sessions.retain(|id, session| {
                let named = |link: &LinkRecord| link.parent == Some(*id) || started(link) == Some(*id);
                let past = session.expires_at.plus(command.retention) <= command.now;
                !goes(past && !file.links.values().any(named), &mut purged.sessions)
            });
            let ended = file.inquiry.inquiry.ended_at().zip(command.inquiry_retention);
            let past = ended.is_some_and(|(end, retention)| end.plus(retention) <= command.now);
            let empty = file.links.is_empty() && file.sessions.is_empty();
            let told = |event: &Event| event.tenant != key.tenant || event.inquiry != Some(key.inquiry);
            !goes(past && empty && outbox.values().all(told), &mut purged.inquiries)
        });
        purged.more = room == 0;
        Ok(purged)
    }
}

impl Outbox for WeekendStore {
    async fn pending(&self, after: Option<Receipt>, limit: u32) -> Result<Vec<Delivery>, StoreError> {
        let after = after.and_then(|receipt| place(&receipt)).unwrap_or_default();
        let deliver = |(place, event): (&u64, &Event)| Delivery {
            receipt: Receipt::new(&place.to_string()),
            event: event.clone(),
        };
        let tables = self.tables();
        let behind = tables.outbox.range((Bound::Excluded(after), Bound::Unbounded));
        Ok(behind.take(limit as usize).map(deliver).collect())
    }

    async fn acknowledge(&self, receipts: Vec<Receipt>) -> Result<u64, StoreError> {
        let mut tables = self.tables();
        let dropped = receipts.iter().filter_map(|receipt| tables.outbox.remove(&place(receipt)?));
        Ok(dropped.count() as u64)
    }
}

impl WeekendStore {
    /// The same store with an outbox: events stay until somebody acknowledges them.
    #[must_use]
    pub(crate) fn with_outbox(self) -> Self {
        self.tables().with_outbox = true;
        self
    }

    /// The tables, for as long as one call takes. No call waits for anything while it holds them.
    pub(crate) fn tables(&self) -> MutexGuard<'_, Tables> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Tables {
    /// Which link that is, within the tenant (S6).
    pub(crate) fn find(&self, inspect: &Inspect) -> Option<(InquiryKey, LinkId)> {
        let (key, id) = match &inspect.link {
            LinkName::Digest(digest) => *self.codes.get(&digest.prefix())?,
            LinkName::Id(inquiry, id) => (InquiryKey { tenant: inspect.tenant, inquiry: *inquiry }, *id),
        };
        let link = self.files.get(&key)?.links.get(&id)?;
        let found = match &inspect.link {
            LinkName::Digest(digest) => link.digest == *digest && link.tenant == inspect.tenant,
            LinkName::Id(..) => true,
        };
        found.then_some((key, id))
    }

    /// Looks, decides and writes, in one step (S2).
    pub(crate) fn attempt(
        &mut self,
        link: &Inspect,
        now: Timestamp,
        event: EventId,
        decide: impl FnOnce(&Subject<'_>) -> Decision,
    ) -> Option<Attempted> {
        let (key, id) = self.find(link)?;
        let file = self.files.get_mut(&key)?;
        let decision = decide(&file.subject(file.links.get(&id)?));
        self.carry_out(&key, id, &decision, now, event)
    }

    /// Writes a decision on a link, and answers it.
    pub(crate) fn carry_out(
        &mut self,
        key: &InquiryKey,
        id: LinkId,
        decision: &Decision,
        now: Timestamp,
        event: EventId,
    ) -> Option<Attempted> {
        let File { inquiry, links, sessions } = self.files.get_mut(key)?;
        let link = links.get_mut(&id)?;
        decision.change_inquiry(inquiry);
        decision.change_link(link);
        let session = started(link);
        match &decision.session {
            SessionChange::Start(session) => drop(sessions.insert(session.id, session.clone())),
            SessionChange::Token(token) => {
                if let Some(session) = session.and_then(|id| sessions.get_mut(&id)) {
                    session.tokens.push(*token);
                }
            }
            SessionChange::None => {}
        }
        let session = match decision.verdict {
            Verdict::FirstUse | Verdict::Repeat | Verdict::Replay { .. } => {
                session.and_then(|id| sessions.get(&id))
            }
            Verdict::Claimed | Verdict::Busy { .. } | Verdict::Refused(_) => None,
        };
        let attempted = Attempted {
            verdict: decision.verdict,
            link: id,
            derivation: link.derivation,
            inquiry: inquiry.inquiry.clone(),
            session: session.map(|session| InquirySession::seen(session, inquiry, now)),
            events: Recorded::none(event, now),
        };
        let events = self.written(key, event, now, [decision.event, None]);
        Some(Attempted { events, ..attempted })
    }

    /// Numbers the events of a command, which the inquiry has counted already, and puts them in the outbox if there is one.
    pub(crate) fn written(
        &mut self,
        key: &InquiryKey,
        first: EventId,
        now: Timestamp,
        kinds: [Option<EventKind>; 2],
    ) -> Recorded {
        let last = self.files.get(key).map_or(0, |file| file.inquiry.last_sequence);
        let count = Recorded::new(first, 0, now, kinds).count();
        let recorded = Recorded::new(first, last.wrapping_sub(count).wrapping_add(1), now, kinds);
        for event in recorded.events(key.tenant, key.inquiry).filter(|_| self.with_outbox) {
            self.last_place = self.last_place.wrapping_add(1);
            self.outbox.insert(self.last_place, event);
        }
        recorded
    }
}

impl File {
    /// What an attempt on one of its links is judged by.
    pub(crate) fn subject<'a>(&'a self, link: &'a LinkRecord) -> Subject<'a> {
        Subject {
            link,
            inquiry: &self.inquiry,
            session: started(link).and_then(|id| self.sessions.get(&id)),
            parent: link.parent.and_then(|id| self.sessions.get(&id)),
        }
    }
}

/// The session that the first use of the link started.
pub(crate) fn started(link: &LinkRecord) -> Option<SessionId> {
    match &link.state {
        LinkState::Used(used) => Some(used.session),
        LinkState::Unused | LinkState::Claimed(_) => None,
    }
}

/// Whether a lease, a grace, a repeat or a live session keeps a link whose retention has run (S3).
pub(crate) fn is_held(subject: &Subject<'_>, command: &Purge) -> bool {
    match &subject.link.state {
        LinkState::Unused => false,
        LinkState::Claimed(lease) => command.now < lease.until,
        LinkState::Used(used) => {
            used.grace.is_some_and(|grace| command.now < grace.until)
                || command.repeats_after < used.at
                || subject.session.is_some_and(|session| session.is_live(subject.inquiry, command.now))
        }
    }
}

/// A page of records by descending id, and whether there are more.
fn page<'a, Id: Ord + Copy, T>(records: &'a BTreeMap<Id, T>, list: &ListOf<Id>) -> (Vec<&'a T>, bool) {
    let end = list.before.map_or(Bound::Unbounded, Bound::Excluded);
    let mut below = records.range((Bound::Unbounded, end)).rev().map(|(_, record)| record);
    let page = below.by_ref().take(list.limit as usize).collect();
    (page, below.next().is_some())
}

/// The place in the outbox that a receipt was made of.
fn place(receipt: &Receipt) -> Option<u64> {
    receipt.as_str().parse().ok()
}
