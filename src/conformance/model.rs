//! The rules and nothing else: what a store must answer, from the pure functions and three lists.

use std::collections::HashMap;

use crate::{
    event::{EventKind, Recorded, Revocation},
    id::EventId,
    issuance::{self, Issuance, IssueLink},
    link::LinkView,
    record::{InquiryRecord, LinkRecord, LinkState, SessionRecord},
    redemption::{self, Commit, Decision, Redeem, Release, Released, SessionChange, Subject, Verdict},
    revocation::{self, Found, Revoke},
    session::{self, InquirySession, StartSession},
    store::{
        Attempted, ChangeInquiry, ChangeOutcome, CreateInquiry, CreateOutcome, InquiryKey, Inspect,
        IssueOutcome, LinkName, RevokeOutcome, SessionStarted,
    },
    time::Timestamp,
};

/// What a store keeps, without any of its concerns: three lists, and the pure functions that change them.
///
/// Each method is what the method of that name of [`LinkStore`](crate::store::LinkStore) must answer, and do, where nobody
/// else is around.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// The inquiries.
    pub inquiries: HashMap<InquiryKey, InquiryRecord>,
    /// The links, in the order of their creation.
    pub links: Vec<LinkRecord>,
    /// The sessions, in the order of their beginning.
    pub sessions: Vec<SessionRecord>,
}

impl Model {
    /// Keeps a new inquiry, unless there is one of that id.
    pub fn create_inquiry(&mut self, command: CreateInquiry) -> CreateOutcome {
        let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry.id };
        if self.inquiries.contains_key(&key) {
            return CreateOutcome::Exists;
        }
        let at = command.inquiry.created_at;
        let record = InquiryRecord::new(command.tenant, command.inquiry, command.first_epoch);
        let events = recorded(&record, command.event, at, [Some(EventKind::InquiryCreated), None]);
        self.inquiries.insert(key, record);
        CreateOutcome::Created(events)
    }

    /// Changes an inquiry if its version is the one named.
    pub fn change_inquiry(&mut self, command: ChangeInquiry) -> ChangeOutcome {
        let key = InquiryKey { tenant: command.tenant, inquiry: command.step.inquiry.id };
        let Some(record) = self.inquiries.get_mut(&key) else {
            return ChangeOutcome::NotFound;
        };
        if record.version != command.if_version {
            return ChangeOutcome::Conflict;
        }
        let kinds = command.step.events;
        record.take(command.step);
        ChangeOutcome::Changed(recorded(record, command.event, command.now, kinds))
    }

    /// Creates a link, or finds the one to give out again.
    pub fn issue(&mut self, command: &IssueLink) -> IssueOutcome {
        let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
        let Some(record) = self.inquiries.get_mut(&key) else {
            return IssueOutcome::NotFound;
        };
        let mut sessions = self.sessions.iter();
        let parent =
            sessions.find(|session| session.inquiry == key.inquiry && Some(session.id) == command.parent);
        let mut newest: Vec<_> = self.links.iter().filter(|link| link.inquiry == key.inquiry).collect();
        newest.sort_by_key(|link| std::cmp::Reverse(link.id));
        let issuance = issuance::issue(record, parent, newest.iter().copied(), command);
        if let Issuance::Create { link, .. } = &issuance {
            let taken = newest.iter().any(|other| other.id == link.id)
                || self.links.iter().any(|other| other.digest == link.digest);
            if taken {
                return IssueOutcome::Taken;
            }
        }
        let kinds = issuance.change_inquiry(record, command.now);
        let events = recorded(record, command.event, command.now, kinds);
        match issuance {
            Issuance::Create { link, .. } => {
                self.links.push(link.clone());
                IssueOutcome::Issued { link, events }
            }
            Issuance::Reuse(id) => {
                let link = newest.into_iter().find(|link| link.id == id).expect("one of the links");
                IssueOutcome::Reused { link: link.clone(), events }
            }
            Issuance::NotOpen { reason, .. } => IssueOutcome::NotOpen { reason, events },
            Issuance::SessionNotLive => IssueOutcome::SessionNotLive,
        }
    }

    /// Redeems a link, or claims it.
    pub fn redeem(&mut self, command: &Redeem) -> Option<Attempted> {
        let is_it = |link: &LinkRecord| link.tenant == command.tenant && link.digest == command.digest;
        let link = self.links.iter().position(is_it)?;
        let decision = redemption::redeem(&self.subject(link), command);
        Some(self.carry_out(link, &decision, command.now, command.event))
    }

    /// Commits a claim.
    pub fn commit(&mut self, command: &Commit) -> Option<Attempted> {
        let is_it = |link: &LinkRecord| link.inquiry == command.inquiry && link.id == command.link;
        let link = self.links.iter().position(is_it)?;
        let decision = redemption::commit(&self.subject(link), command);
        Some(self.carry_out(link, &decision, command.now, command.event))
    }

    /// Releases a claim.
    pub fn release(&mut self, command: &Release) -> Option<Released> {
        let mut links = self.links.iter_mut();
        let link = links.find(|link| link.inquiry == command.inquiry && link.id == command.link)?;
        let released = redemption::release(link, command);
        if released == Released::Released {
            link.state = LinkState::Unused;
        }
        Some(released)
    }

    /// Revokes what the command names.
    pub fn revoke(&mut self, command: &Revoke) -> RevokeOutcome {
        let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
        let Some(record) = self.inquiries.get_mut(&key) else {
            return RevokeOutcome::NotFound(Recorded::none(command.event, command.now));
        };
        let (mut links, mut sessions) = (self.links.iter_mut(), self.sessions.iter_mut());
        let link =
            links.find(|link| link.inquiry == key.inquiry && command.target == Revocation::Link(link.id));
        let session = sessions.find(|session| {
            session.inquiry == key.inquiry && command.target == Revocation::Session(session.id)
        });
        let revoked = revocation::revoke(record, link, session, command);
        let events = recorded(record, command.event, command.now, revoked.events);
        match revoked.found {
            Found::Revoked => RevokeOutcome::Revoked(events),
            Found::Already => RevokeOutcome::Already(events),
            Found::Nothing => RevokeOutcome::NotFound(events),
        }
    }

    /// Starts a session without a link.
    pub fn start_session(&mut self, command: &StartSession) -> Option<SessionStarted> {
        let key = InquiryKey { tenant: command.tenant, inquiry: command.inquiry };
        let record = self.inquiries.get_mut(&key)?;
        let start = session::start(record, command);
        start.change_inquiry(record);
        let events = recorded(record, command.event, command.now, [start.event, None]);
        let session = start.session.map(|session| {
            let seen = InquirySession::seen(&session, record, command.now);
            self.sessions.push(session);
            seen
        });
        Some(SessionStarted { session, inquiry: record.inquiry.clone(), events })
    }

    /// What is known of a link.
    #[must_use]
    pub fn inspect(&self, command: &Inspect) -> Option<LinkView> {
        let is_it = |link: &LinkRecord| match command.link {
            LinkName::Digest(digest) => link.digest == digest,
            LinkName::Id(inquiry, id) => link.inquiry == inquiry && link.id == id,
        };
        let link = self.links.iter().position(|link| link.tenant == command.tenant && is_it(link))?;
        let Subject { link, inquiry, session, parent } = self.subject(link);
        let (link, inquiry) = (link.clone(), inquiry.clone());
        Some(LinkView { link, inquiry, session: session.cloned(), parent: parent.cloned() })
    }

    fn carry_out(&mut self, link: usize, decision: &Decision, now: Timestamp, event: EventId) -> Attempted {
        decision.change_link(&mut self.links[link]);
        let (key, id) = (self.key(link), self.links[link].id);
        let derivation = self.links[link].derivation;
        let record = self.inquiries.get_mut(&key).expect("the inquiry of a link");
        decision.change_inquiry(record);
        let events = recorded(record, event, now, [decision.event, None]);
        if let SessionChange::Start(session) = &decision.session {
            self.sessions.push(session.clone());
        }
        let session = self.sessions.iter_mut().find(|session| session.link == Some(id));
        let seen = match (session, decision.verdict) {
            (Some(session), Verdict::FirstUse | Verdict::Repeat | Verdict::Replay { .. }) => {
                if let SessionChange::Token(token) = decision.session {
                    session.tokens.push(token);
                }
                Some(InquirySession::seen(session, record, now))
            }
            _ => None,
        };
        Attempted {
            verdict: decision.verdict,
            link: id,
            derivation,
            inquiry: record.inquiry.clone(),
            session: seen,
            events,
        }
    }

    fn key(&self, link: usize) -> InquiryKey {
        InquiryKey { tenant: self.links[link].tenant, inquiry: self.links[link].inquiry }
    }

    fn subject(&self, link: usize) -> Subject<'_> {
        let record = &self.links[link];
        let session = |found: &dyn Fn(&SessionRecord) -> bool| {
            self.sessions.iter().find(|session| session.inquiry == record.inquiry && found(session))
        };
        Subject {
            link: record,
            inquiry: &self.inquiries[&self.key(link)],
            session: session(&|session| session.link == Some(record.id)),
            parent: session(&|session| Some(session.id) == record.parent),
        }
    }
}

/// What a command did to an inquiry whose events are counted already.
fn recorded(
    inquiry: &InquiryRecord,
    event: EventId,
    at: Timestamp,
    kinds: [Option<EventKind>; 2],
) -> Recorded {
    let told = Recorded::new(event, 0, at, kinds);
    Recorded::new(event, inquiry.last_sequence.wrapping_sub(told.count()).wrapping_add(1), at, kinds)
}
