//! What a store must answer where nobody else is around: the library's own pure functions, one call at a time.

use inquiry_otl::{
    Event, EventKind, Expiry, Timestamp,
    conformance::Model,
    event::Recorded,
    record::{LinkRecord, LinkState, SessionRecord},
    store::{
        ChangeInquiry, ChangeOutcome, CreateOutcome, Inspect, IssueOutcome, LinkName, ListOf, ListedLink,
        Listing, Purge, Purged, RevokeOutcome, Sweep, Swept,
    },
};

use crate::{Answer, Call};

/// A store of one inquiry that takes one call after the other.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules {
    model: Model,
    /// Kept only where somebody asks for it.
    outbox: Option<Vec<Event>>,
}

impl Rules {
    /// An empty store, without an outbox.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same store with an outbox.
    #[must_use]
    pub fn with_outbox(self) -> Self {
        Self { outbox: Some(Vec::new()), ..self }
    }

    /// Takes a call, and answers it.
    pub fn answer(&mut self, call: &Call) -> Answer {
        match call {
            Call::Create(command) => {
                let (tenant, inquiry) = (command.tenant, command.inquiry.id);
                let outcome = self.model.create_inquiry(command.clone());
                if let CreateOutcome::Created(events) = &outcome {
                    self.keep(events.events(tenant, inquiry));
                }
                Answer::of(&outcome)
            }
            Call::Change { inquiry, action, now, event } => {
                let Some(record) = self.model.inquiries.get(inquiry) else {
                    return Answer::of(&ChangeOutcome::NotFound);
                };
                let step = match record.inquiry.after(*action, *now) {
                    Ok(step) => step,
                    Err(error) => return Answer::of(&error),
                };
                let (tenant, if_version) = (inquiry.tenant, record.version);
                let command = ChangeInquiry { tenant, if_version, step, now: *now, event: *event };
                let outcome = self.model.change_inquiry(command);
                if let ChangeOutcome::Changed(events) = &outcome {
                    self.keep(events.events(tenant, inquiry.inquiry));
                }
                Answer::of(&outcome)
            }
            Call::Issue(command) => {
                let outcome = self.model.issue(command);
                if let IssueOutcome::Issued { events, .. }
                | IssueOutcome::Reused { events, .. }
                | IssueOutcome::NotOpen { events, .. } = &outcome
                {
                    self.keep(events.events(command.tenant, command.inquiry));
                }
                Answer::issued(outcome)
            }
            Call::Redeem(command) => {
                let attempted = self.model.redeem(command);
                if let Some(attempted) = &attempted {
                    self.keep(attempted.events.events(command.tenant, attempted.inquiry.id));
                }
                Answer::attempted(attempted)
            }
            Call::Commit(command) => {
                let attempted = self.model.commit(command);
                if let Some(attempted) = &attempted {
                    self.keep(attempted.events.events(command.tenant, command.inquiry));
                }
                Answer::attempted(attempted)
            }
            Call::Release(command) => Answer::of(&self.model.release(command)),
            Call::Revoke(command) => {
                let outcome = self.model.revoke(command);
                let (RevokeOutcome::Revoked(events)
                | RevokeOutcome::Already(events)
                | RevokeOutcome::NotFound(events)) = &outcome;
                self.keep(events.events(command.tenant, command.inquiry));
                Answer::revoked(outcome)
            }
            Call::Start(command) => {
                let started = self.model.start_session(command);
                if let Some(started) = &started {
                    self.keep(started.events.events(command.tenant, command.inquiry));
                }
                Answer::started(started)
            }
            Call::Inspect(command) => Answer::of(&self.model.inspect(command)),
            Call::Links(list) => Answer::of(&self.links(list)),
            Call::Sessions(list) => {
                let sessions = self.model.sessions.iter();
                let sessions = sessions.filter(|session| session.inquiry == list.inquiry.inquiry).cloned();
                Answer::of(&self.listing(list, sessions.collect(), |session: &SessionRecord| session.id))
            }
            Call::Sweep(command) => Answer::of(&self.sweep(command)),
            Call::Purge(command) => Answer::of(&self.purge(command)),
            Call::Pending => Answer::pending(self.outbox.iter().flatten()),
        }
    }

    fn keep(&mut self, events: impl Iterator<Item = Event>) {
        if let Some(outbox) = &mut self.outbox {
            outbox.extend(events);
        }
    }

    fn links(&self, list: &ListOf<inquiry_otl::LinkId>) -> Option<Listing<ListedLink>> {
        let inspect = |link: &LinkRecord| {
            let link = LinkName::Id(link.inquiry, link.id);
            let view = self.model.inspect(&Inspect { tenant: list.inquiry.tenant, link })?;
            Some(ListedLink { link: view.link, session: view.session, parent: view.parent })
        };
        let links = self.model.links.iter().filter(|link| link.inquiry == list.inquiry.inquiry);
        self.listing(list, links.filter_map(inspect).collect(), |listed| listed.link.id)
    }

    /// A page of them, newest first.
    fn listing<T, Id: Ord>(
        &self,
        list: &ListOf<Id>,
        mut items: Vec<T>,
        id: impl Fn(&T) -> Id,
    ) -> Option<Listing<T>> {
        let inquiry = self.model.inquiries.get(&list.inquiry)?.clone();
        items.sort_by_key(|item| std::cmp::Reverse(id(item)));
        items.retain(|item| list.before.as_ref().is_none_or(|before| id(item) < *before));
        let limit = usize::try_from(list.limit.max(1)).unwrap_or(usize::MAX);
        let more = limit < items.len();
        items.truncate(limit);
        Some(Listing { inquiry, items, more })
    }

    /// I6: what has passed its deadline expires.
    fn sweep(&mut self, command: &Sweep) -> Swept {
        let mut swept = Swept::default();
        for record in self.model.inquiries.values_mut() {
            let Some(deadline) = record.inquiry.lapsed_at(command.now) else { continue };
            record.expire(Expiry::Deadline, deadline);
            record.last_sequence += 1;
            let kind = EventKind::InquiryExpired { cause: Expiry::Deadline, expired_at: deadline };
            let told = Recorded::new(command.event, record.last_sequence, command.now, [Some(kind), None]);
            swept.events.extend(told.events(record.tenant, record.inquiry.id));
        }
        self.keep(swept.events.clone().into_iter());
        swept
    }

    /// S3: a link goes when its retention has run and nothing holds it, a session when its own has and no link names it.
    fn purge(&mut self, command: &Purge) -> Purged {
        let Model { inquiries, links, sessions } = &mut self.model;
        let is_past = |at: Timestamp| at.plus(command.retention) <= command.now;
        let before = (links.len(), sessions.len());
        let held = |link: &LinkRecord| {
            let used = match &link.state {
                LinkState::Unused => return false,
                LinkState::Claimed(lease) => return command.now < lease.until,
                LinkState::Used(used) => used,
            };
            let inquiry = inquiries.values().find(|record| record.inquiry.id == link.inquiry);
            let session = sessions.iter().find(|session| session.id == used.session);
            used.grace.is_some_and(|grace| command.now < grace.until)
                || command.repeats_after < used.at
                || session
                    .zip(inquiry)
                    .is_some_and(|(session, inquiry)| session.is_live(inquiry, command.now))
        };
        links.retain(|link| !is_past(link.expires_at) || held(link));
        let names = |link: &LinkRecord, session: &SessionRecord| {
            link.parent == Some(session.id)
                || matches!(&link.state, LinkState::Used(used) if used.session == session.id)
        };
        sessions
            .retain(|session| !is_past(session.expires_at) || links.iter().any(|link| names(link, session)));
        for record in inquiries.values_mut() {
            record.endings.keep_for(links.iter());
        }
        let gone = |before: usize, now: usize| u64::try_from(before - now).unwrap_or(u64::MAX);
        Purged {
            links: gone(before.0, links.len()),
            sessions: gone(before.1, sessions.len()),
            inquiries: 0,
            more: false,
        }
    }
}
