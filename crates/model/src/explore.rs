//! Every state of a world, nearest first: what is found wrong is found by a shortest trace.

use std::collections::{BTreeMap, HashSet};

use inquiry_otl::record::LinkState;
use serde::Serialize;

use crate::{
    command::{instant, link_id, second},
    fault::Fault,
    kept::fingerprint,
    step::{Answer, Move, Step, Target, Told},
    store::Store,
    tale::Tale,
    world::World,
};

/// What there was to see.
#[derive(Debug, Default)]
pub struct Explored {
    /// Different states.
    pub states: u64,
    /// Moves from one to another, or to itself.
    pub moves: u64,
    /// The length of the longest of the shortest traces.
    pub depth: u64,
    /// How often each answer was given: one that never is shows nothing.
    pub answers: BTreeMap<&'static str, u64>,
    /// What was wrong, if anything; nothing was looked at after it.
    pub violation: Option<Violation>,
}

/// A rule that does not hold, and how to get there.
#[derive(Clone, Debug)]
pub struct Violation {
    /// The rule.
    pub rule: &'static str,
    /// What is not as it says.
    pub what: String,
    /// A shortest trace.
    pub trace: Vec<Move>,
}

/// Tries everything that is possible in a world, in every order, breadth first.
#[must_use]
pub fn explore(world: &World, fault: Option<Fault>) -> Explored {
    let mut explored = Explored::default();
    let first = State::new(world);
    let mut visited = HashSet::from([fingerprint(&first)]);
    // How each state was reached: from which, by which move.
    let mut reached: Vec<(usize, Option<Move>)> = vec![(0, None)];
    let mut frontier = vec![(0, first)];
    explored.states = 1;
    while !frontier.is_empty() {
        let mut next = Vec::new();
        for (from, state) in frontier {
            for way in state.moves(world, fault) {
                explored.moves += 1;
                let mut after = state.clone();
                let answer = after.take(world, fault, way, &mut explored.answers);
                let is_new = visited.insert(fingerprint(&after));
                // What is true of a state is true however it was reached.
                let check = || if is_new { after.check(world, fault) } else { Ok(()) };
                if let Err((rule, what)) = answer.and_then(|events| check().and(events)) {
                    let mut trace = trace(&reached, from);
                    trace.push(way);
                    explored.violation = Some(Violation { rule, what, trace });
                    return explored;
                }
                if is_new {
                    explored.states += 1;
                    reached.push((from, Some(way)));
                    next.push((reached.len() - 1, after));
                }
            }
        }
        explored.depth += u64::from(!next.is_empty());
        frontier = next;
    }
    explored
}

fn trace(reached: &[(usize, Option<Move>)], mut state: usize) -> Vec<Move> {
    let mut trace = Vec::new();
    while let (from, Some(way)) = reached[state] {
        trace.push(way);
        state = from;
    }
    trace.reverse();
    trace
}

/// The rule that does not hold, and what is not as it says.
pub(crate) type Wrong = (&'static str, String);

/// A world at one moment: the store, what the rules say of it, and how much may still happen.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct State {
    pub(crate) now: u8,
    store: Store,
    pub(crate) tale: Tale,
    happened: Happened,
}

/// How often each thing happened, which the world bounds.
#[derive(Clone, Debug, Default, Serialize)]
struct Happened {
    redemptions: Vec<u8>,
    claims: u8,
    commits: u8,
    releases: u8,
    changes: u8,
    revocations: u8,
    starts: u8,
    purges: u8,
    creations: u8,
}

impl State {
    pub(crate) fn new(world: &World) -> Self {
        let happened = Happened { redemptions: vec![0; world.callers.len()], ..Happened::default() };
        let mut state = Self { now: 0, store: Store::new(world), tale: Tale::new(), happened };
        state.forget_counts();
        state
    }

    /// What may happen next.
    pub(crate) fn moves(&self, world: &World, fault: Option<Fault>) -> Vec<Move> {
        let mut moves = Vec::new();
        if !self.store.under_way.is_empty() {
            moves.push(Move::Write);
        } else if self.now < world.last_second {
            // What is under way is over within the second.
            moves.push(Move::Tick);
        }
        if self.store.can_lose() {
            moves.push(Move::Crash);
        }
        self.steps(world, |step| match (fault, step) {
            (Some(Fault::RedeemsInTwoSteps | Fault::AnswersFromBefore), Step::Redeem { .. })
            | (Some(Fault::CreatesInTwoSteps), Step::Create(_))
            | (Some(Fault::CountsInTwoSteps), Step::StartSession) => moves.push(Move::Look(step)),
            // What is under way meets its like.
            _ if !self.store.under_way.is_empty() => {}
            _ => moves.push(Move::Whole(step)),
        });
        if fault == Some(Fault::RollsBack) {
            let used = |link: &usize| self.tale.links[*link].used.is_some();
            moves.extend((0..self.tale.links.len()).filter(used).map(|link| Move::RollBack { link }));
        }
        moves
    }

    fn steps(&self, world: &World, mut step: impl FnMut(Step)) {
        let Happened {
            redemptions,
            claims,
            commits,
            releases,
            changes,
            revocations,
            starts,
            purges,
            creations,
        } = &self.happened;
        let (links, sessions) = (self.tale.links.len(), self.tale.sessions.len());
        if *creations < world.links {
            world.creations.iter().for_each(|how| step(Step::Create(*how)));
        }
        for (caller, redemptions) in redemptions.iter().enumerate() {
            for link in 0..links {
                if *redemptions < world.redemptions {
                    step(Step::Redeem { caller, link });
                }
                if *claims < world.claims {
                    step(Step::Claim { caller, link });
                }
            }
        }
        for claim in 0..usize::from(*claims) {
            if *commits < world.commits {
                step(Step::Commit { claim });
            }
            if *releases < world.releases {
                step(Step::Release { claim });
            }
        }
        if *changes < world.changes {
            world.actions.iter().for_each(|action| step(Step::Change(*action)));
        }
        if *revocations < world.revocations {
            (0..links).for_each(|link| step(Step::Revoke(Target::Link(link))));
            (0..sessions).for_each(|session| step(Step::Revoke(Target::Session(session))));
            step(Step::Revoke(Target::AllLinks));
            step(Step::Revoke(Target::Everything));
        }
        if *starts < world.starts {
            step(Step::StartSession);
        }
        if *purges < world.purges {
            step(Step::Purge);
        }
    }

    /// Makes a move, and compares the answer with what the rules say; then the events, which come second.
    pub(crate) fn take(
        &mut self,
        world: &World,
        fault: Option<Fault>,
        way: Move,
        answers: &mut BTreeMap<&'static str, u64>,
    ) -> Result<Result<(), Wrong>, Wrong> {
        let (step, told) = match way {
            Move::Tick => {
                self.now += 1;
                self.tale.pass(self.now);
                return Ok(Ok(()));
            }
            Move::Crash => {
                self.store.crash();
                return Ok(Ok(()));
            }
            Move::RollBack { link } => {
                self.store.roll_back(link);
                return Ok(Ok(()));
            }
            Move::Look(step) => {
                self.count(step);
                self.store.look(step);
                return Ok(Ok(()));
            }
            Move::Whole(step) => {
                self.count(step);
                (step, self.store.step(world, fault, step, self.now))
            }
            Move::Write => self.store.write(world, fault, self.now),
        };
        *answers.entry(told.answer.name()).or_default() += 1;
        let before = self.tale.clone();
        let right = self.tale.step(world, step, self.now);
        if told.answer != right.answer {
            let what = format!("{step:?} is answered {:?}, and should be {:?}", told.answer, right.answer);
            return Err((broken_rule(&before, step, told.answer, right.answer), what));
        }
        let events = self.check_events(told, right);
        self.forget_counts();
        Ok(events)
    }

    /// V1, I6: what happened is told, once, and numbered without a gap.
    fn check_events(&self, told: Told, right: Told) -> Result<(), Wrong> {
        let counted = self.store.stored.inquiry.last_sequence;
        let rule = if told.events[0] == Some("inquiry.expired") { "I6" } else { "V1" };
        if told.events != right.events {
            return Err((rule, format!("{:?} are told, and should be {:?}", told.events, right.events)));
        }
        if counted != told.count() {
            return Err((rule, format!("{} events are told, and {counted} are counted", told.count())));
        }
        Ok(())
    }

    /// Of numbers that only grow, the next step looks at the difference.
    fn forget_counts(&mut self) {
        self.store.stored.inquiry.change(|inquiry| (inquiry.last_sequence, inquiry.version) = (0, 0));
    }

    fn count(&mut self, step: Step) {
        let happened = &mut self.happened;
        match step {
            Step::Create(_) => happened.creations += 1,
            Step::Redeem { caller, .. } => happened.redemptions[caller] += 1,
            Step::Claim { .. } => happened.claims += 1,
            Step::Commit { .. } => happened.commits += 1,
            Step::Release { .. } => happened.releases += 1,
            Step::Revoke(_) => happened.revocations += 1,
            Step::Change(_) => happened.changes += 1,
            Step::StartSession => happened.starts += 1,
            Step::Purge => happened.purges += 1,
        }
    }

    /// What must be true at every moment.
    pub(crate) fn check(&self, world: &World, fault: Option<Fault>) -> Result<(), Wrong> {
        let (now, stored) = (self.now, &self.store.stored);
        // D2, D4, D6, L4, R3: every caller would get on every link what the rules say.
        for link in 0..self.tale.links.len() {
            for caller in 0..world.callers.len() {
                let told = self.store.peek(world, fault, caller, link, now);
                let right = self.tale.judge(world, caller, link, now);
                if told != right {
                    let what = format!(
                        "caller {caller} would get {told:?} on link {link} at second {now}, and should get {right:?}"
                    );
                    return Err((broken_rule(&self.tale, Step::Redeem { caller, link }, told, right), what));
                }
            }
            // D1: a session for each first use, and no other.
            let sessions =
                stored.sessions.iter().filter(|session| session.link == Some(link_id(link))).count();
            let uses = usize::from(self.tale.links[link].used.is_some());
            let is_used =
                matches!(stored.links[link].as_ref().map(|record| record.state), Some(LinkState::Used(_)));
            if sessions != uses || is_used != (uses == 1) {
                let what =
                    format!("link {link} had {uses} first uses and {sessions} sessions, is used: {is_used}");
                return Err(("D1", what));
            }
        }
        // D7, L4: a session lives as long as the rules say.
        for (number, session) in stored.sessions.iter().enumerate() {
            let (told, right) =
                (session.is_live(&stored.inquiry, instant(now)), self.tale.is_live(number, now));
            if told != right {
                return Err(("L4", format!("session {number} is live: {told}, and should be: {right}")));
            }
        }
        // E6, I5, E1 to E3.
        if stored.inquiry.sessions_started != u32::from(self.tale.counted)
            || world_limit() < stored.inquiry.sessions_started
        {
            let what = format!("{} sessions are counted", stored.inquiry.sessions_started);
            return Err(("E6", what));
        }
        let inquiry = &stored.inquiry.inquiry;
        let (status, deadline) = (inquiry.status_at(instant(now)).as_str(), second(inquiry.expires_at));
        if status != self.tale.status || deadline != i64::from(self.tale.deadline) {
            let what =
                format!("the inquiry is {status} until {deadline}, and should be {}", self.tale.status);
            return Err(("I5", what));
        }
        Ok(())
    }
}

fn world_limit() -> u32 {
    u32::from(crate::world::windows::SESSIONS)
}

/// The rule that a wrong answer breaks.
fn broken_rule(tale: &Tale, step: Step, told: Answer, right: Answer) -> &'static str {
    let link = match step {
        Step::Redeem { link, .. } | Step::Claim { link, .. } => Some(link),
        Step::Commit { claim } => Some(tale.claims[claim]),
        _ => None,
    };
    match (told, right) {
        (Answer::FirstUse(_), _) if link.is_some_and(|link| tale.links[link].used.is_some()) => "D1",
        (_, _) if told.is_grant() && link.is_some_and(|link| tale.is_superseded(link)) => "L5",
        (_, _) if told.is_grant() && link.is_some_and(|link| tale.is_dead(link)) => match link {
            Some(link) if tale.links[link].revoked => "L6",
            _ if tale.is_open() => "R3",
            _ => "L4",
        },
        (Answer::Nothing, _) => "S3",
        (_, Answer::Repeat(_)) | (Answer::Repeat(_), _) => "D6",
        (_, Answer::Replay(..)) | (Answer::Replay(..), _) => "D4",
        (_, Answer::Busy | Answer::Claimed | Answer::Released | Answer::NotHeld | Answer::Committed) => "D5",
        (_, _) if matches!(step, Step::Commit { .. }) => "D5",
        (_, Answer::FirstUse(_)) => "L2",
        (_, Answer::Created(_) | Answer::Reused(_)) => "L5",
        (_, Answer::SessionLimit) => "E6",
        (_, Answer::Changed | Answer::NotAllowed) => "I3",
        (_, Answer::Revoked | Answer::Already) => "L6",
        _ => "D2",
    }
}
