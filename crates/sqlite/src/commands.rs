//! Each command on one inquiry: look, let the rule decide, write all of it (S1, S2).
//!
//! Whoever calls these has begun a transaction that keeps other writers away.

use std::cell::{Cell, OnceCell};

use inquiry_otl::{
    EventId, InquirySession, Released, Revocation, Timestamp,
    event::{EventKind, Recorded},
    issuance::{self, Issuance, IssueLink},
    record::{InquiryRecord, LinkRecord, LinkState},
    redemption::{
        self, Commit, Decision, InquiryChange, LinkChange, Redeem, Release, SessionChange, Verdict,
    },
    revocation::{self, Found, Revoke},
    session::{self, StartSession},
    store::{
        Attempted, ChangeInquiry, ChangeOutcome, CreateInquiry, CreateOutcome, InquiryKey, IssueOutcome,
        LinkName, RevokeOutcome, SessionStarted,
    },
};

use crate::{
    error::Fault,
    inquiries::Kept,
    records::{Records, SessionsOfLink},
};

impl Records<'_> {
    pub(crate) fn create_inquiry(&self, command: &CreateInquiry) -> Result<CreateOutcome, Fault> {
        let at = command.inquiry.created_at;
        let record = InquiryRecord::new(command.tenant, command.inquiry.clone(), command.first_epoch);
        if !self.insert_inquiry(&record)? {
            return Ok(CreateOutcome::Exists);
        }
        let created = [Some(EventKind::InquiryCreated), None];
        let recorded = Recorded::new(command.event, record.last_sequence, at, created);
        self.insert_events(&InquiryKey { tenant: record.tenant, inquiry: record.inquiry.id }, &recorded)?;
        Ok(CreateOutcome::Created(recorded))
    }

    pub(crate) fn change_inquiry(&self, command: &ChangeInquiry) -> Result<ChangeOutcome, Fault> {
        let key = InquiryKey { tenant: command.tenant, inquiry: command.step.inquiry.id };
        let Some(mut kept) = self.inquiry(&key)? else {
            return Ok(ChangeOutcome::NotFound);
        };
        if kept.record.version != command.if_version {
            return Ok(ChangeOutcome::Conflict);
        }
        if command.step.ends_epoch.is_some() {
            self.read_any_ended_generation(&mut kept)?;
        }
        let kinds = command.step.events;
        kept.record.take(command.step.clone());
        let recorded = self.save_inquiry(&mut kept, None, command.event, command.now, kinds)?;
        Ok(ChangeOutcome::Changed(recorded))
    }

    pub(crate) fn issue(&self, command: &IssueLink) -> Result<IssueOutcome, Fault> {
        let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
        let Some(mut kept) = self.inquiry(&key)? else {
            return Ok(IssueOutcome::NotFound);
        };
        self.read_for_expiry(&mut kept, command.now)?;
        let parent = match command.parent {
            Some(parent) => self.session(&key, parent)?,
            None => None,
        };
        let links = LinksByPage::new(self, key);
        let issuance = issuance::issue(&kept.record, parent.as_ref(), links.newest_first(), command);
        links.finish()?;
        let mut added = None;
        if let Issuance::Create { link, .. } = &issuance {
            if !self.insert_link(link)? {
                return Ok(IssueOutcome::Taken);
            }
            added = Some(link.purpose);
        }
        let kinds = issuance.change_inquiry(&mut kept.record, command.now);
        let events = self.save_inquiry(&mut kept, added, command.event, command.now, kinds)?;
        Ok(match issuance {
            Issuance::Create { link, .. } => IssueOutcome::Issued { link, events },
            Issuance::Reuse(id) => match links.into_link(|link| link.id == id) {
                Some(link) => IssueOutcome::Reused { link, events },
                None => IssueOutcome::NotFound,
            },
            Issuance::NotOpen { reason, .. } => IssueOutcome::NotOpen { reason, events },
            Issuance::SessionNotLive => IssueOutcome::SessionNotLive,
        })
    }

    pub(crate) fn redeem(&self, command: &Redeem) -> Result<Option<Attempted>, Fault> {
        let Some((link, mut kept)) = self.link_by_digest(&command.tenant, &command.digest)? else {
            return Ok(None);
        };
        let sessions = self.read_for_attempt(&link, &mut kept, command.now)?;
        let decision = redemption::redeem(&sessions.subject(&link, &kept.record), command);
        self.carry_out(&decision, link, kept, sessions, command.now, command.event).map(Some)
    }

    pub(crate) fn commit(&self, command: &Commit) -> Result<Option<Attempted>, Fault> {
        let Some((link, mut kept)) =
            self.link(&command.tenant, &LinkName::Id(command.inquiry, command.link))?
        else {
            return Ok(None);
        };
        let sessions = self.read_for_attempt(&link, &mut kept, command.now)?;
        let decision = redemption::commit(&sessions.subject(&link, &kept.record), command);
        self.carry_out(&decision, link, kept, sessions, command.now, command.event).map(Some)
    }

    pub(crate) fn release(&self, command: &Release) -> Result<Option<Released>, Fault> {
        let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
        let Some(mut link) = self.link_by_id(&key, command.link)? else {
            return Ok(None);
        };
        let released = redemption::release(&link, command);
        if released == Released::Released {
            link.state = LinkState::Unused;
            self.save_link(&link)?;
        }
        Ok(Some(released))
    }

    pub(crate) fn revoke(&self, command: &Revoke) -> Result<RevokeOutcome, Fault> {
        let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
        let Some(mut kept) = self.inquiry(&key)? else {
            return Ok(RevokeOutcome::NotFound(Recorded::none(command.event, command.now)));
        };
        self.read_any_ended_generation(&mut kept)?;
        let (mut link, mut session) = match command.target {
            Revocation::Link(id) => (self.link_by_id(&key, id)?, None),
            Revocation::Session(id) => (None, self.session(&key, id)?),
            Revocation::AllLinks | Revocation::Everything => (None, None),
        };
        let revoked = revocation::revoke(&mut kept.record, link.as_mut(), session.as_mut(), command);
        if revoked.found == Found::Revoked {
            link.iter().try_for_each(|link| self.save_link(link))?;
            session.iter().try_for_each(|session| self.save_session(session))?;
        }
        let events = self.save_inquiry(&mut kept, None, command.event, command.now, revoked.events)?;
        Ok(match revoked.found {
            Found::Revoked => RevokeOutcome::Revoked(events),
            Found::Already => RevokeOutcome::Already(events),
            Found::Nothing => RevokeOutcome::NotFound(events),
        })
    }

    pub(crate) fn start_session(&self, command: &StartSession) -> Result<Option<SessionStarted>, Fault> {
        let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
        let Some(mut kept) = self.inquiry(&key)? else {
            return Ok(None);
        };
        self.read_for_expiry(&mut kept, command.now)?;
        let start = session::start(&kept.record, command);
        if let Ok(session) = &start.session {
            self.insert_session(session)?;
        }
        start.change_inquiry(&mut kept.record);
        let events = self.save_inquiry(&mut kept, None, command.event, command.now, [start.event, None])?;
        let session = start.session.map(|session| InquirySession::seen(&session, &kept.record, command.now));
        Ok(Some(SessionStarted { session, inquiry: kept.record.inquiry, events }))
    }

    /// The rest of what an attempt on a link is judged by.
    fn read_for_attempt(
        &self,
        link: &LinkRecord,
        kept: &mut Kept,
        now: Timestamp,
    ) -> Result<SessionsOfLink, Fault> {
        self.read_endings_of(kept, link)?;
        self.read_for_expiry(kept, now)?;
        self.sessions_of(link)
    }

    /// Writes what was decided on an attempt, and answers it.
    fn carry_out(
        &self,
        decision: &Decision,
        mut link: LinkRecord,
        mut kept: Kept,
        sessions: SessionsOfLink,
        now: Timestamp,
        event: EventId,
    ) -> Result<Attempted, Fault> {
        let session = match (&decision.session, sessions.started) {
            (SessionChange::Start(session), _) => {
                self.insert_session(session)?;
                Some(session.clone())
            }
            (SessionChange::Token(token), Some(mut session)) => {
                session.tokens.push(*token);
                self.save_session(&session)?;
                Some(session)
            }
            (SessionChange::Token(_) | SessionChange::None, session) => session,
        };
        if decision.link != LinkChange::None {
            decision.change_link(&mut link);
            self.save_link(&link)?;
        }
        if decision.inquiry != InquiryChange::None || decision.event.is_some() {
            decision.change_inquiry(&mut kept.record);
        }
        let events = self.save_inquiry(&mut kept, None, event, now, [decision.event, None])?;
        let session = match decision.verdict {
            Verdict::FirstUse | Verdict::Repeat | Verdict::Replay { .. } => session,
            Verdict::Claimed | Verdict::Busy { .. } | Verdict::Refused(_) => None,
        };
        Ok(Attempted {
            verdict: decision.verdict,
            link: link.id,
            derivation: link.derivation,
            session: session.map(|session| InquirySession::seen(&session, &kept.record, now)),
            inquiry: kept.record.inquiry,
            events,
        })
    }
}

/// An inquiry's links, read as far as somebody asks for them.
struct LinksByPage<'r> {
    records: &'r Records<'r>,
    key: InquiryKey,
    /// Each four times as long as the one before: the last would hold 2³² links.
    pages: [OnceCell<Vec<LinkRecord>>; 15],
    fault: Cell<Option<Fault>>,
}

impl<'r> LinksByPage<'r> {
    const FIRST_PAGE: u32 = 4;

    fn new(records: &'r Records<'r>, key: InquiryKey) -> Self {
        Self { records, key, pages: Default::default(), fault: Cell::new(None) }
    }

    fn newest_first(&self) -> impl Iterator<Item = &LinkRecord> {
        let mut next = Some(u128::MAX);
        let mut size = Self::FIRST_PAGE;
        self.pages.iter().flat_map(move |page| {
            let links = page.get_or_init(|| self.read(next, size));
            let is_last = links.len() < size as usize;
            next = links.last().filter(|_| !is_last).and_then(|link| link.id.as_u128().checked_sub(1));
            size = size.saturating_mul(4);
            links
        })
    }

    fn read(&self, from: Option<u128>, size: u32) -> Vec<LinkRecord> {
        let Some(from) = from else {
            return Vec::new();
        };
        self.records.links(&self.key, from, size).unwrap_or_else(|fault| {
            self.fault.set(Some(fault));
            Vec::new()
        })
    }

    /// Whether all that was asked for could be read.
    fn finish(&self) -> Result<(), Fault> {
        self.fault.take().map_or(Ok(()), Err)
    }

    /// One of the links that were read.
    fn into_link(self, is_it: impl Fn(&LinkRecord) -> bool) -> Option<LinkRecord> {
        self.pages.into_iter().filter_map(OnceCell::into_inner).flatten().find(is_it)
    }
}
