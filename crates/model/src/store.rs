//! A store that is three lists: its atomic steps are the library's pure functions, and nothing else.
//!
//! With a [`Fault`] it does one thing wrong; each wrong thing stands beside what is right.

use std::borrow::Cow;

use inquiry_otl::{
    Action, EventKind, LinkId, Released, Revocation, SessionId, Timestamp,
    inquiry::EpochEnd,
    issuance::{self, Issuance},
    record::{InquiryRecord, Lease, LinkRecord, LinkState, SessionRecord, Use},
    redemption::{self, Decision, InquiryChange, LinkChange, Mode, SessionChange, Subject, Verdict},
    revocation::{self, Found},
    session::{self, SessionRefusal},
    store::CreateInquiry,
};
use serde::Serialize;

use crate::{
    command::{self, asked, instant, link_id, session_id},
    fault::Fault,
    kept::Kept,
    step::{Answer, Step, Target, Told},
    world::{Creation, World, windows},
};

/// What a store keeps, what only its memory knows, and what is under way in it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Store {
    pub(crate) stored: Records,
    /// A right one has nothing that a crash could take.
    memory: Vec<usize>,
    pub(crate) under_way: Vec<(Step, Records)>,
    /// The link of each claim.
    claims: Vec<usize>,
}

/// What is kept.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Records {
    pub(crate) inquiry: Kept<InquiryRecord>,
    /// Those that were purged leave a gap.
    pub(crate) links: Vec<Option<Kept<LinkRecord>>>,
    pub(crate) sessions: Vec<Kept<SessionRecord>>,
}

impl Store {
    pub(crate) fn new(world: &World) -> Self {
        let CreateInquiry { tenant, inquiry, first_epoch, .. } = command::create(world);
        let inquiry = InquiryRecord::new(tenant, inquiry, first_epoch);
        let stored = Records { inquiry: Kept::new(inquiry), links: Vec::new(), sessions: Vec::new() };
        Self { stored, memory: Vec::new(), under_way: Vec::new(), claims: Vec::new() }
    }

    /// Carries out a step on what it holds still.
    pub(crate) fn step(&mut self, world: &World, fault: Option<Fault>, step: Step, now: u8) -> Told {
        self.step_having_seen(world, fault, None, step, now)
    }

    /// Looks, and will write later.
    pub(crate) fn look(&mut self, step: Step) {
        self.under_way.push((step, self.stored.clone()));
    }

    /// Writes what was decided on what was seen then.
    pub(crate) fn write(&mut self, world: &World, fault: Option<Fault>, now: u8) -> (Step, Told) {
        let (step, seen) = self.under_way.remove(0);
        if fault == Some(Fault::AnswersFromBefore) {
            let before = Self { stored: seen, ..self.clone() }.step(world, fault, step, now);
            let told = self.step(world, fault, step, now);
            return (step, Told { answer: before.answer, ..told });
        }
        (step, self.step_having_seen(world, fault, Some(&seen), step, now))
    }

    /// Comes back with what it has stored.
    pub(crate) fn crash(&mut self) {
        self.memory.clear();
        self.under_way.clear();
    }

    /// Whether a crash takes anything: nothing from a right store, which has only what it has stored.
    pub(crate) fn can_lose(&self) -> bool {
        !self.memory.is_empty() || !self.under_way.is_empty()
    }

    pub(crate) fn roll_back(&mut self, link: usize) {
        if let Some(record) = &mut self.stored.links[link] {
            record.change(|record| record.state = LinkState::Unused);
        }
    }

    pub(crate) fn peek(
        &self,
        world: &World,
        fault: Option<Fault>,
        caller: usize,
        link: usize,
        now: u8,
    ) -> Answer {
        let seen = self.seen(fault);
        let Some(subject) = seen.subject(link) else { return Answer::Nothing };
        let verdict = redemption::peek(&subject, &asked(world, caller, now));
        self.answer(verdict, link)
    }

    /// What it takes for stored.
    fn seen(&self, fault: Option<Fault>) -> Cow<'_, Records> {
        let wrongly: fn(&mut LinkRecord, bool) = match fault {
            Some(Fault::GraceInMemory) => |link, is_in_memory| {
                if let (LinkState::Used(used), false) = (&mut link.state, is_in_memory) {
                    used.grace = None;
                }
            },
            Some(Fault::LeaseInMemory) => |link, is_in_memory| {
                if let (LinkState::Claimed(_), false) = (link.state, is_in_memory) {
                    link.state = LinkState::Unused;
                }
            },
            Some(Fault::RepeatsWhatIsRevoked) => |link, _| {
                if let LinkState::Used(_) = link.state {
                    link.revoked_at = None;
                }
            },
            _ => return Cow::Borrowed(&self.stored),
        };
        let mut seen = self.stored.clone();
        for (number, link) in seen.links.iter_mut().enumerate() {
            if let Some(link) = link {
                link.change(|link| wrongly(link, self.memory.contains(&number)));
            }
        }
        Cow::Owned(seen)
    }

    fn step_having_seen(
        &mut self,
        world: &World,
        fault: Option<Fault>,
        seen: Option<&Records>,
        step: Step,
        now: u8,
    ) -> Told {
        match step {
            Step::Create(how) => self.create(fault, seen, how, now),
            Step::Redeem { caller, link } => {
                let command = command::redeem(world, caller, link, now, Mode::Once, self.next_session());
                self.attempt(fault, seen, link, |subject| redemption::redeem(subject, &command))
            }
            Step::Claim { caller, link } => {
                self.claims.push(link);
                let mode = command::claim(self.claims.len() - 1, now);
                let command = command::redeem(world, caller, link, now, mode, self.next_session());
                self.attempt(fault, seen, link, |subject| redemption::redeem(subject, &command))
            }
            Step::Commit { claim } => {
                let link = self.claims[claim];
                let command = command::commit(claim, link, now, self.next_session());
                self.attempt(fault, seen, link, |subject| {
                    let mut link = subject.link.clone();
                    match (fault, &mut link.state) {
                        (Some(Fault::CommitsAcrossEpochs), _) => {
                            link.epoch = subject.inquiry.epoch;
                            link.generation = subject.inquiry.generations.of(link.purpose).number;
                        }
                        (Some(Fault::CommitsWithoutLease), LinkState::Claimed(lease)) => {
                            lease.until = Timestamp::MAX;
                        }
                        _ => return redemption::commit(subject, &command),
                    }
                    redemption::commit(&Subject { link: &link, ..*subject }, &command)
                })
            }
            Step::Release { claim } => self.release(fault, claim, now),
            Step::Revoke(target) => self.revoke(fault, target, now),
            Step::Change(action) => self.change(fault, action, now),
            Step::StartSession => self.start_session(seen, now),
            Step::Purge => self.purge(fault, now),
        }
    }

    fn create(&mut self, fault: Option<Fault>, seen: Option<&Records>, how: Creation, now: u8) -> Told {
        let number = self.stored.links.len();
        let command = command::issue(how, number, now);
        let seen = seen.unwrap_or(&self.stored);
        let newest = seen.links.iter().rev().flatten().map(|link| &**link);
        let mut issuance = issuance::issue(&seen.inquiry, None, newest, &command);
        if let (Some(Fault::GraceFromCreation), Issuance::Create { link, .. }) = (fault, &mut issuance) {
            link.expires_at = link.expires_at.min(instant(now + windows::GRACE));
        }
        if let (Some(Fault::SupersedesLater), Issuance::Create { link, supersedes: true }) =
            (fault, &mut issuance)
        {
            // The links before it are still of the same generation.
            link.generation = seen.inquiry.generations.of(link.purpose).number;
            self.stored.links.push(Some(Kept::new(link.clone())));
            return told(
                Answer::Created(number),
                self.stored.inquiry.clone().change(|inquiry| issuance.change_inquiry(inquiry, instant(now))),
            );
        }
        let events = self.stored.inquiry.change(|inquiry| issuance.change_inquiry(inquiry, instant(now)));
        let answer = match issuance {
            Issuance::Create { link, .. } => {
                self.stored.links.push(Some(Kept::new(link)));
                Answer::Created(number)
            }
            Issuance::Reuse(id) => Answer::Reused(self.stored.number_of(id)),
            Issuance::NotOpen { .. } => Answer::NotOpen,
            Issuance::SessionNotLive => Answer::Nothing,
        };
        told(answer, events)
    }

    fn attempt(
        &mut self,
        fault: Option<Fault>,
        seen: Option<&Records>,
        link: usize,
        decide: impl Fn(&Subject<'_>) -> Decision,
    ) -> Told {
        let seen = seen.map_or_else(|| self.seen(fault), Cow::Borrowed);
        let Some(mut decision) = seen.subject(link).map(|subject| decide(&subject)) else {
            return Told::quietly(Answer::Nothing);
        };
        drop(seen);
        match (fault, &mut decision) {
            (Some(Fault::ForgetsTheAttempt), Decision { link: LinkChange::Use(used), .. }) => {
                used.attempt = None;
            }
            (
                Some(Fault::TellsExpiryOnly),
                Decision { inquiry: change @ InquiryChange::Expire { .. }, .. },
            ) => {
                *change = InquiryChange::None;
            }
            (
                Some(Fault::ReplayStartsASession),
                Decision { verdict: Verdict::Replay { .. }, session, .. },
            ) => {
                let first = self.stored.sessions.iter().find(|session| session.link == Some(link_id(link)));
                if let Some(first) = first {
                    let first = SessionRecord::clone(first);
                    *session = SessionChange::Start(SessionRecord { id: self.next_session(), ..first });
                }
            }
            _ => {}
        }
        let Records { inquiry, links, sessions } = &mut self.stored;
        let record = links[link].as_mut().expect("a link that was seen is there");
        record.change(|record| {
            decision.change_link(record);
            if let (Some(Fault::ClaimUses), LinkState::Claimed(lease)) = (fault, record.state) {
                record.state = LinkState::Used(spent_by(lease, record.created_at));
            }
        });
        inquiry.change(|inquiry| {
            decision.change_inquiry(inquiry);
            if let (Some(Fault::ForgetsToCountAnEvent), Verdict::Replay { .. }) = (fault, decision.verdict) {
                inquiry.last_sequence -= 1;
            }
        });
        if let (Some(Fault::GraceInMemory), Verdict::FirstUse)
        | (Some(Fault::LeaseInMemory), Verdict::Claimed) = (fault, decision.verdict)
        {
            self.memory.push(link);
        }
        match decision.session {
            SessionChange::Start(session) => sessions.push(Kept::new(session)),
            // Its newest tokens decide nothing here.
            SessionChange::Token(_) | SessionChange::None => {}
        }
        told(self.answer(decision.verdict, link), [decision.event, None])
    }

    fn answer(&self, verdict: Verdict, link: usize) -> Answer {
        let sessions = &self.stored.sessions;
        let session = sessions.iter().rposition(|session| session.link == Some(link_id(link)));
        answer(verdict, session.unwrap_or(sessions.len()))
    }

    fn release(&mut self, fault: Option<Fault>, claim: usize, now: u8) -> Told {
        let link = self.claims[claim];
        let Some(record) = &mut self.stored.links[link] else {
            return Told::quietly(Answer::Nothing);
        };
        let mut command = command::release(claim, link, now);
        if let (Some(Fault::ReleasesForAnybody), LinkState::Claimed(lease)) = (fault, record.state) {
            command.claim = lease.token;
        }
        Told::quietly(match redemption::release(record, &command) {
            Released::Released => {
                record.change(|record| record.state = LinkState::Unused);
                Answer::Released
            }
            Released::NotHeld => Answer::NotHeld,
            Released::Committed => Answer::Committed,
        })
    }

    fn revoke(&mut self, fault: Option<Fault>, target: Target, now: u8) -> Told {
        let Records { inquiry, links, sessions } = &mut self.stored;
        let (name, link, session) = match target {
            Target::Link(link) => (Revocation::Link(link_id(link)), links[link].as_mut(), None),
            Target::Session(session) => {
                (Revocation::Session(sessions[session].id), None, sessions.get_mut(session))
            }
            Target::AllLinks => (Revocation::AllLinks, None, None),
            Target::Everything => (Revocation::Everything, None, None),
        };
        let command = command::revoke(name, now);
        let revoked = inquiry.change(|inquiry| match (link, session) {
            (Some(link), _) => link.change(|link| revocation::revoke(inquiry, Some(link), None, &command)),
            (_, Some(session)) => {
                session.change(|session| revocation::revoke(inquiry, None, Some(session), &command))
            }
            (None, None) => revocation::revoke(inquiry, None, None, &command),
        });
        if (fault, target) == (Some(Fault::RevokesLinksOnly), Target::Everything) {
            for session in sessions {
                session.change(|session| session.epoch = inquiry.epoch);
            }
        }
        let answer = match revoked.found {
            Found::Revoked => Answer::Revoked,
            Found::Already => Answer::Already,
            Found::Nothing => Answer::Nothing,
        };
        told(answer, revoked.events)
    }

    fn change(&mut self, fault: Option<Fault>, action: Action, now: u8) -> Told {
        let record = &mut self.stored.inquiry;
        let Ok(mut step) = record.inquiry.after(action, instant(now)) else {
            return Told::quietly(Answer::NotAllowed);
        };
        if let (Some(Fault::ResumeRevives), Some((EpochEnd::Expired(_), _))) = (fault, step.ends_epoch) {
            step.ends_epoch = None;
        }
        let events = step.events;
        record.change(|record| record.take(step));
        told(Answer::Changed, events)
    }

    fn start_session(&mut self, seen: Option<&Records>, now: u8) -> Told {
        let command = command::start_session(now, self.next_session());
        let start = session::start(seen.map_or(&self.stored.inquiry, |seen| &seen.inquiry), &command);
        self.stored.inquiry.change(|inquiry| start.change_inquiry(inquiry));
        let answer = match start.session {
            Ok(session) => {
                self.stored.sessions.push(Kept::new(session));
                Answer::Started(self.stored.sessions.len() - 1)
            }
            Err(SessionRefusal::SessionLimit { .. }) => Answer::SessionLimit,
            Err(_) => Answer::NotOpen,
        };
        told(answer, [start.event, None])
    }

    /// Unused links that expired, as soon as they did; the inquiry forgets what none of those that stay needs (L4).
    fn purge(&mut self, fault: Option<Fault>, now: u8) -> Told {
        let now = instant(now);
        for slot in &mut self.stored.links {
            let may_go = slot.as_ref().is_some_and(|link| match link.state {
                LinkState::Unused => link.expires_at <= now,
                LinkState::Claimed(lease) => {
                    link.expires_at <= now && (lease.until <= now || fault == Some(Fault::PurgesWhatIsHeld))
                }
                LinkState::Used(_) => false,
            });
            if may_go {
                *slot = None;
            }
        }
        let kept = self.stored.links.iter().flatten().map(|link| &**link);
        self.stored.inquiry.change(|inquiry| inquiry.endings.keep_for(kept));
        Told::quietly(Answer::Purged)
    }

    fn next_session(&self) -> SessionId {
        session_id(self.stored.sessions.len() + self.under_way.len())
    }
}

impl Records {
    fn subject(&self, link: usize) -> Option<Subject<'_>> {
        let record = self.links[link].as_ref()?;
        let session = self.sessions.iter().find(|session| session.link == Some(record.id));
        Some(Subject {
            link: record,
            inquiry: &self.inquiry,
            session: session.map(|session| &**session),
            parent: None,
        })
    }

    fn number_of(&self, id: LinkId) -> usize {
        let is_it = |link: &Option<Kept<LinkRecord>>| link.as_ref().is_some_and(|link| link.id == id);
        self.links.iter().position(is_it).unwrap_or(usize::MAX)
    }
}

/// The link is used up, and no session was started.
fn spent_by(lease: Lease, at: Timestamp) -> Use {
    Use {
        at,
        session: session_id(99),
        replays: 0,
        grace: None,
        attempt: lease.attempt,
        binding: lease.binding,
        claim: Some(lease.token),
    }
}

/// What a verdict is called here; `session` is the one of the link.
pub(crate) fn answer(verdict: Verdict, session: usize) -> Answer {
    match verdict {
        Verdict::FirstUse => Answer::FirstUse(session),
        Verdict::Repeat => Answer::Repeat(session),
        Verdict::Replay { number, .. } => Answer::Replay(session, u8::try_from(number).unwrap_or(u8::MAX)),
        Verdict::Claimed => Answer::Claimed,
        Verdict::Busy { .. } => Answer::Busy,
        Verdict::Refused(refusal) => Answer::Refused(refusal.name()),
    }
}

pub(crate) fn told(answer: Answer, events: [Option<EventKind>; 2]) -> Told {
    Told { answer, events: events.map(|event| event.map(|kind| kind.name())) }
}
