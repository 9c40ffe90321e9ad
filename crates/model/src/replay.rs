//! Walks through a world at random, with the store in memory beside the model: the same answer to each step.

use std::collections::BTreeMap;

use inquiry_otl::{
    LinkStore as _, MemoryStore, Released, Revocation, SessionRefusal, TenantId,
    blocking::{BlockOn as _, ParkThread},
    event::Recorded,
    redemption::Mode,
    store::{Attempted, ChangeInquiry, ChangeOutcome, InquiryKey, IssueOutcome, RevokeOutcome},
};

use crate::{
    command,
    explore::{State, Violation},
    step::{Answer, Move, Step, Target, Told},
    store::answer,
    world::World,
};

/// Walks so often from the beginning to a state where nothing more may happen; gives how often each answer was given.
///
/// Purges are left out: the store keeps what it likes for as long as it likes, and has its own checks (S3).
///
/// # Errors
/// The first walk on which the store answers anything else than the rules.
pub fn replay(world: &World, walks: u64) -> Result<BTreeMap<&'static str, u64>, Violation> {
    let mut random = Random(0x9E37_79B9_7F4A_7C15);
    let mut answers = BTreeMap::new();
    for _ in 0..walks {
        walk(world, |count| random.below(count), &mut answers)?;
    }
    Ok(answers)
}

/// Walks through the world once: `choose` takes one of so many moves, or ends the walk.
///
/// # Errors
/// As [`replay`].
pub fn walk(
    world: &World,
    mut choose: impl FnMut(usize) -> Option<usize>,
    answers: &mut BTreeMap<&'static str, u64>,
) -> Result<(), Violation> {
    let mut trace = Vec::new();
    let mut state = State::new(world);
    let mut memory = Memory::new(world);
    loop {
        let mut moves = state.moves(world, None);
        moves.retain(|way| *way != Move::Whole(Step::Purge));
        let Some(way) = choose(moves.len()).and_then(|chosen| moves.get(chosen).copied()) else {
            return Ok(());
        };
        trace.push(way);
        let wrong = match way {
            Move::Whole(step) => {
                let told = memory.step(world, step, state.now);
                let right = state.tale.clone().step(world, step, state.now);
                (told != right).then(|| ("S1", format!("{step:?} is told {told:?}, and should be {right:?}")))
            }
            _ => None,
        };
        let taken = state.take(world, None, way, answers);
        let wrong = wrong.or(taken.and_then(|events| state.check(world, None).and(events)).err());
        if let Some((rule, what)) = wrong {
            return Err(Violation { rule, what, trace });
        }
    }
}

/// The store in memory, with what a client must remember.
struct Memory {
    store: MemoryStore,
    links: usize,
    sessions: usize,
    claims: Vec<usize>,
}

impl Memory {
    fn new(world: &World) -> Self {
        let store = MemoryStore::new();
        ParkThread.block_on(store.create_inquiry(command::create(world))).expect("memory does not fail");
        Self { store, links: 0, sessions: 0, claims: Vec::new() }
    }

    fn step(&mut self, world: &World, step: Step, now: u8) -> Told {
        let session = command::session_id(self.sessions);
        match step {
            Step::Create(how) => {
                let command = command::issue(how, self.links, now);
                let outcome = ParkThread.block_on(self.store.issue(command)).expect("memory does not fail");
                let answer = match &outcome {
                    IssueOutcome::Issued { .. } => {
                        self.links += 1;
                        Answer::Created(self.links - 1)
                    }
                    IssueOutcome::Reused { link, .. } => {
                        let is_it = |number: &usize| command::link_id(*number) == link.id;
                        Answer::Reused((0..self.links).find(is_it).unwrap_or(usize::MAX))
                    }
                    IssueOutcome::NotOpen { .. } => Answer::NotOpen,
                    IssueOutcome::NotFound | IssueOutcome::SessionNotLive | IssueOutcome::Taken => {
                        Answer::Nothing
                    }
                };
                told(answer, outcome.events())
            }
            Step::Redeem { caller, link } => {
                let command = command::redeem(world, caller, link, now, Mode::Once, session);
                let attempted =
                    ParkThread.block_on(self.store.redeem(command)).expect("memory does not fail");
                self.attempted(attempted.as_ref())
            }
            Step::Claim { caller, link } => {
                let mode = command::claim(self.claims.len(), now);
                self.claims.push(link);
                let command = command::redeem(world, caller, link, now, mode, session);
                let attempted =
                    ParkThread.block_on(self.store.redeem(command)).expect("memory does not fail");
                self.attempted(attempted.as_ref())
            }
            Step::Commit { claim } => {
                let link = self.claims[claim];
                let command = command::commit(claim, link, now, session);
                let attempted =
                    ParkThread.block_on(self.store.commit(command)).expect("memory does not fail");
                self.attempted(attempted.as_ref())
            }
            Step::Release { claim } => {
                let command = command::release(claim, self.claims[claim], now);
                let released =
                    ParkThread.block_on(self.store.release(command)).expect("memory does not fail");
                Told::quietly(match released {
                    Some(Released::Released) => Answer::Released,
                    Some(Released::NotHeld) => Answer::NotHeld,
                    Some(Released::Committed) => Answer::Committed,
                    None => Answer::Nothing,
                })
            }
            Step::Revoke(target) => self.revoke(target, now),
            Step::Change(action) => {
                let key = InquiryKey { tenant: TenantId::default(), inquiry: command::inquiry_id() };
                let record = ParkThread.block_on(self.store.inquiry(key)).expect("memory does not fail");
                let record = record.expect("the inquiry is there");
                let Ok(step) = record.inquiry.after(action, command::instant(now)) else {
                    return Told::quietly(Answer::NotAllowed);
                };
                let change = ChangeInquiry {
                    tenant: key.tenant,
                    if_version: record.version,
                    step,
                    now: command::instant(now),
                    event: command::event_id(),
                };
                match ParkThread.block_on(self.store.change_inquiry(change)).expect("memory does not fail") {
                    ChangeOutcome::Changed(events) => told(Answer::Changed, Some(&events)),
                    ChangeOutcome::Conflict | ChangeOutcome::NotFound => Told::quietly(Answer::Nothing),
                }
            }
            Step::StartSession => {
                let command = command::start_session(now, session);
                let started =
                    ParkThread.block_on(self.store.start_session(command)).expect("memory does not fail");
                let started = started.expect("the inquiry is there");
                let answer = match started.session {
                    Ok(_) => {
                        self.sessions += 1;
                        Answer::Started(self.sessions - 1)
                    }
                    Err(SessionRefusal::SessionLimit { .. }) => Answer::SessionLimit,
                    Err(_) => Answer::NotOpen,
                };
                told(answer, Some(&started.events))
            }
            // It is not asked for.
            Step::Purge => Told::quietly(Answer::Nothing),
        }
    }

    fn attempted(&mut self, attempted: Option<&Attempted>) -> Told {
        let Some(attempted) = attempted else { return Told::quietly(Answer::Nothing) };
        if let Some(session) = &attempted.session {
            if session.id == command::session_id(self.sessions) {
                self.sessions += 1;
            }
        }
        // The session that it names, not the one that it should.
        let named = attempted.session.as_ref().map(|session| session.id);
        let is_it = |number: &usize| Some(command::session_id(*number)) == named;
        let session = (0..self.sessions).find(is_it).unwrap_or(usize::MAX);
        told(answer(attempted.verdict, session), Some(&attempted.events))
    }

    fn revoke(&mut self, target: Target, now: u8) -> Told {
        let target = match target {
            Target::Link(link) => Revocation::Link(command::link_id(link)),
            Target::Session(session) => Revocation::Session(command::session_id(session)),
            Target::AllLinks => Revocation::AllLinks,
            Target::Everything => Revocation::Everything,
        };
        let command = command::revoke(target, now);
        match ParkThread.block_on(self.store.revoke(command)).expect("memory does not fail") {
            RevokeOutcome::Revoked(events) => told(Answer::Revoked, Some(&events)),
            RevokeOutcome::Already(events) => told(Answer::Already, Some(&events)),
            RevokeOutcome::NotFound(events) => told(Answer::Nothing, Some(&events)),
        }
    }
}

fn told(answer: Answer, events: Option<&Recorded>) -> Told {
    let mut names = events.into_iter().flat_map(|events| {
        let events = events.events(TenantId::default(), command::inquiry_id());
        events.map(|event| event.kind.name()).collect::<Vec<_>>()
    });
    Told { answer, events: [names.next(), names.next()] }
}

/// Numbers that are the same each time: Marsaglia's xorshift.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> Option<usize> {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The high bits are the better ones.
        usize::try_from(self.0 >> 33).unwrap_or_default().checked_rem(bound)
    }
}
