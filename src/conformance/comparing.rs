//! The store against the rules: random commands, and the same answer and the same records to each (S1).

use std::fmt::Debug;

use super::{
    Fixture,
    model::Model,
    race::race,
    stage::{Held, Link, Stage, derived_from, keys, micros, policy, sec},
};
use crate::{
    event::{EventKind, Recorded, Revocation},
    id::{InquiryId, LinkId, SessionId},
    inquiry::Action,
    issuance::{IssueLink, Lifetime, Outstanding},
    link::Purpose,
    redemption::{Redeem, Verdict},
    store::{
        Attempted, ChangeOutcome, CreateOutcome, IssueOutcome, LinkStore, RevokeOutcome, SessionStarted,
    },
    time::Timestamp,
};

const SEQUENCES: u64 = 400;
const COMMANDS: u64 = 40;

/// S1, D2, I6, L4, L5: 400 random sequences of 40 commands get the answers, and leave the records, of the rules alone.
pub async fn random_commands_agree_with_the_rules<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    for seed in 1..=SEQUENCES {
        let mut run = Run::new(stage.tenant(&format!("random-{seed}")), Random::new(seed));
        for step in 1..=COMMANDS {
            run.step(&format!("seed {seed}, command {step}")).await;
        }
        run.compare_records(&format!("seed {seed}, in the end")).await;
    }
}

/// S1, D2, I6, L4, L5: the same with commands that the bytes choose, some of them for each command: for a fuzzer.
///
/// It is not one of the [`checks`](super::checks), since it needs bytes that somebody chose.
pub async fn chosen_commands_agree_with_the_rules<F: Fixture>(fixture: &F, bytes: &[u8]) {
    let mut run = Run::new(Stage::new(fixture).await, Chosen(bytes));
    let mut step = 0;
    while !run.choices.0.is_empty() {
        step += 1;
        run.step(&format!("command {step}")).await;
    }
    run.compare_records("in the end").await;
}

/// S1, E6, V1: four threads that do different things to one inquiry lose no session and no event.
pub async fn a_random_race_loses_nothing<F: Fixture>(fixture: &F) {
    let stage = Stage::new(fixture).await;
    for round in 1..=20 {
        let generous = policy().with_session_limit(std::num::NonZeroU32::MAX);
        let inquiry = stage.inquiry_with(generous, sec(0)).await;
        let racers = stage.clone();
        let told = race(4, move |thread| {
            let stage = racers.clone();
            let mut random = Random::new(round * 4 + u64::try_from(thread).unwrap_or_default());
            async move {
                let mut told = Vec::new();
                let mut sessions = 0;
                for _ in 0..25 {
                    let now = sec(1 + i64::try_from(random.below(100)).unwrap_or_default());
                    if random.below(3) == 0 {
                        stage.start(inquiry, now).await;
                        sessions += 1;
                        continue;
                    }
                    let command = stage.new_link(inquiry, now);
                    let IssueOutcome::Issued { link, events } = stage.issue_as(command).await else {
                        panic!("a link beside others was not created");
                    };
                    told.extend(stage.events(inquiry, &events));
                    if random.below(2) == 0 {
                        let attempted = stage.redeem_as(stage.new_redeem(link.digest, now)).await;
                        assert_eq!(attempted.verdict, Verdict::FirstUse, "a link of which nobody else knows");
                        told.extend(stage.events(inquiry, &attempted.events));
                        sessions += 1;
                    }
                }
                (sessions, told)
            }
        })
        .await;
        let record = stage.record(inquiry).await;
        let sessions: u32 = told.iter().map(|(sessions, _)| sessions).sum();
        assert_eq!(record.sessions_started, sessions, "the count of sessions, after a race for it");
        let mut numbers: Vec<_> =
            told.iter().flat_map(|(_, events)| events).filter_map(|event| event.sequence).collect();
        numbers.sort_unstable();
        // The creation's was the first.
        let expected: Vec<_> = (2..=record.last_sequence).collect();
        assert_eq!(numbers, expected, "the numbers of events, after a race for them");
        let all = stage.all(inquiry).await;
        assert_eq!(
            all.sessions.len(),
            usize::try_from(sessions).unwrap_or_default(),
            "the sessions that are kept"
        );
        let created = told.iter().flat_map(|(_, events)| events);
        let created = created.filter(|event| matches!(event.kind, EventKind::LinkCreated { .. })).count();
        assert_eq!(all.links.len(), created, "the links that are kept");
    }
}

/// A sequence of commands, to a store and to the model.
struct Run<S, C> {
    stage: Stage<S>,
    model: Model,
    choices: C,
    now: Timestamp,
    inquiries: Vec<InquiryId>,
    links: Vec<Link>,
    held: Vec<Held>,
    sessions: Vec<(InquiryId, SessionId)>,
    attempts: [crate::Digest; 2],
}

impl<S: LinkStore + 'static, C: Choices> Run<S, C> {
    fn new(stage: Stage<S>, choices: C) -> Self {
        let attempts = [stage.new_digest(), stage.new_digest()];
        Self {
            model: Model::default(),
            choices,
            now: sec(0),
            inquiries: Vec::new(),
            links: Vec::new(),
            held: Vec::new(),
            sessions: Vec::new(),
            attempts,
            stage,
        }
    }

    async fn step(&mut self, which: &str) {
        // Mostly seconds, now and then minutes or an hour; sometimes a clock that goes back.
        let seconds = [0, 0, 1, 7, 30, 300, 900, 3_600, -2][self.choices.index(9)];
        self.now = micros(self.now, seconds * 1_000_000);
        match (self.choices.below(20), self.inquiries.len()) {
            (_, 0) | (0, 1) => self.create(which).await,
            (0..=2, _) => self.act(which).await,
            (3..=7, _) => self.issue(which).await,
            (8..=12, _) => self.redeem(which).await,
            (13..=15, _) => self.settle(which).await,
            (16..=17, _) => self.start(which).await,
            _ => self.revoke(which).await,
        }
    }

    async fn create(&mut self, which: &str) {
        let id = self.stage.new_inquiry_id();
        let few = policy().with_session_limit(std::num::NonZeroU32::MIN.saturating_add(3));
        let command = self.stage.new_inquiry(id, few, self.now);
        let (theirs, ours) = (self.stage.create(command.clone()).await, self.model.create_inquiry(command));
        same(which, &theirs, &ours);
        assert!(matches!(ours, CreateOutcome::Created(_)), "the model creates");
        self.inquiries.push(id);
    }

    async fn act(&mut self, which: &str) {
        let inquiry = self.an_inquiry();
        let actions = [
            Action::Start,
            Action::Start,
            Action::Complete,
            Action::Expire,
            Action::Resume,
            Action::Resume,
            Action::Approve,
            Action::Redact,
        ];
        let action = actions[self.choices.index(actions.len())];
        let record = &self.model.inquiries[&self.stage.key(inquiry)];
        // What is not allowed never comes to a store.
        if let Ok(command) = self.stage.step(record, action, self.now) {
            let (theirs, ours) =
                (self.stage.change(command.clone()).await, self.model.change_inquiry(command));
            same(&format!("{which}: {action:?}"), &theirs, &ours);
            assert!(matches!(ours, ChangeOutcome::Changed(_)), "the model changes");
        }
    }

    async fn issue(&mut self, which: &str) {
        let inquiry = self.an_inquiry();
        let until = micros(self.now, 60_000_000);
        let outstanding = match self.choices.below(3) {
            0 => Outstanding::Supersede,
            1 => Outstanding::ReturnSame { keys: keys(), live_until: until },
            _ => Outstanding::Keep,
        };
        let derivation = [None, Some(derived_from(1, 1)), Some(derived_from(3, 1))][self.choices.index(3)];
        let lifetime = if self.choices.below(2) == 0 { Lifetime::ByPolicy } else { Lifetime::Until(until) };
        let parent = self.a_session().filter(|(of, _)| *of == inquiry && self.choices.below(2) == 0);
        let purpose = if parent.is_some() { Purpose::DeviceHandoff } else { Purpose::Resume };
        let parent = parent.map(|(_, session)| session);
        let link = self.stage.new_link(inquiry, self.now);
        let command = IssueLink { derivation, purpose, parent, lifetime, outstanding, ..link };
        let theirs = self.stage.issue_as(command.clone()).await;
        let ours = self.model.issue(&command);
        same(&format!("{which}: {command:?}"), &quiet_issue(theirs), &quiet_issue(ours.clone()));
        if let IssueOutcome::Issued { link, .. } = ours {
            self.links.push(Link { id: link.id, inquiry, digest: link.digest });
        }
    }

    async fn redeem(&mut self, which: &str) {
        let Some(link) = self.a_link() else { return };
        let (claim, held) = self.stage.new_claim(link, self.now);
        let attempt = [None, Some(self.attempts[0])][self.choices.index(2)];
        let binding = [None, Some(self.attempts[1])][self.choices.index(2)];
        let command = if self.choices.below(2) == 0 {
            Redeem { attempt, binding, ..claim }
        } else {
            Redeem { attempt, binding, ..self.stage.new_redeem(link.digest, self.now) }
        };
        let theirs = self.stage.redeem_as(command).await;
        let ours = self.model.redeem(&command).expect("the model has the link");
        same(&format!("{which}: {command:?}"), &quiet_attempt(theirs), &quiet_attempt(ours.clone()));
        if ours.verdict == Verdict::Claimed {
            self.held.push(held);
        }
        self.sessions.extend(ours.session.map(|session| (link.inquiry, session.id)));
    }

    /// Commits or releases some claim, of now or of long ago.
    async fn settle(&mut self, which: &str) {
        if self.held.is_empty() {
            return;
        }
        let held = self.held[self.choices.index(self.held.len())];
        if self.choices.below(3) == 0 {
            let command = self.stage.new_release(&held, self.now);
            let theirs = self.stage.store.release(command).await.expect("the store failed");
            same(&format!("{which}: {command:?}"), &theirs, &self.model.release(&command));
        } else {
            let command = self.stage.new_commit(&held, self.now);
            let theirs = self.stage.store.commit(command).await.expect("the store failed");
            let ours = self.model.commit(&command);
            let (theirs, ours) = (theirs.map(quiet_attempt), ours.map(quiet_attempt));
            same(&format!("{which}: {command:?}"), &theirs, &ours);
        }
    }

    async fn start(&mut self, which: &str) {
        let inquiry = self.an_inquiry();
        let command = self.stage.new_start(inquiry, self.now);
        let theirs = self.stage.start_as(command).await;
        let ours = self.model.start_session(&command).expect("the model has the inquiry");
        let quiet = |started: SessionStarted| SessionStarted { events: quiet(started.events), ..started };
        same(&format!("{which}: {command:?}"), &quiet(theirs), &quiet(ours.clone()));
        self.sessions.extend(ours.session.ok().map(|session| (command.inquiry, session.id)));
    }

    async fn revoke(&mut self, which: &str) {
        let (link, session) = (self.a_link(), self.a_session());
        let (inquiry, target) = match (self.choices.below(4), link, session) {
            (0, Some(link), _) => (link.inquiry, Revocation::Link(link.id)),
            (1, _, Some((inquiry, session))) => (inquiry, Revocation::Session(session)),
            (2, ..) => (self.an_inquiry(), Revocation::AllLinks),
            (3, ..) => (self.an_inquiry(), Revocation::Everything),
            _ => (self.an_inquiry(), Revocation::Link(LinkId::from_u128(1))),
        };
        let command = self.stage.new_revoke(inquiry, target, self.now);
        let theirs = self.stage.store.revoke(command).await.expect("the store failed");
        let ours = self.model.revoke(&command);
        same(&format!("{which}: {command:?}"), &quiet_revocation(theirs), &quiet_revocation(ours));
    }

    async fn compare_records(&self, which: &str) {
        for inquiry in &self.inquiries {
            let kept = self.stage.all(*inquiry).await;
            same(which, &kept.inquiry, &self.model.inquiries[&self.stage.key(*inquiry)]);
            let mut links: Vec<_> =
                self.model.links.iter().filter(|link| link.inquiry == *inquiry).cloned().collect();
            links.sort_by_key(|link| std::cmp::Reverse(link.id));
            same(which, &kept.links, &links);
            let sessions = self.model.sessions.iter().filter(|session| session.inquiry == *inquiry);
            let mut sessions: Vec<_> = sessions.cloned().collect();
            sessions.sort_by_key(|session| std::cmp::Reverse(session.id));
            same(which, &kept.sessions, &sessions);
        }
    }

    fn an_inquiry(&mut self) -> InquiryId {
        self.inquiries[self.choices.index(self.inquiries.len())]
    }

    /// One of the newest links, so that commands meet.
    fn a_link(&mut self) -> Option<Link> {
        let back = self.choices.index(4);
        self.links.iter().rev().nth(back).or(self.links.last()).copied()
    }

    fn a_session(&mut self) -> Option<(InquiryId, SessionId)> {
        let back = self.choices.index(3);
        self.sessions.iter().rev().nth(back).or(self.sessions.last()).copied()
    }
}

fn same<T: PartialEq + Debug>(which: &str, theirs: &T, ours: &T) {
    assert_eq!(theirs, ours, "the store (left) is not as the rules say (right): {which}");
}

/// Of nothing that happened, only that matters.
fn quiet(events: Recorded) -> Recorded {
    if events.is_empty() { Recorded::none(crate::EventId::from_u128(0), Timestamp::MIN) } else { events }
}

fn quiet_issue(outcome: IssueOutcome) -> IssueOutcome {
    match outcome {
        IssueOutcome::NotOpen { reason, events } => IssueOutcome::NotOpen { reason, events: quiet(events) },
        outcome => outcome,
    }
}

fn quiet_attempt(attempted: Attempted) -> Attempted {
    Attempted { events: quiet(attempted.events), ..attempted }
}

fn quiet_revocation(outcome: RevokeOutcome) -> RevokeOutcome {
    match outcome {
        RevokeOutcome::Revoked(events) => RevokeOutcome::Revoked(events),
        RevokeOutcome::Already(events) => RevokeOutcome::Already(quiet(events)),
        RevokeOutcome::NotFound(events) => RevokeOutcome::NotFound(quiet(events)),
    }
}

/// Where the commands come from.
trait Choices {
    /// A number below `bound`.
    fn below(&mut self, bound: u64) -> u64;

    /// An index of something of which there are `bound`.
    fn index(&mut self, bound: usize) -> usize {
        let below = self.below(u64::try_from(bound).unwrap_or(u64::MAX));
        usize::try_from(below).unwrap_or_default()
    }
}

/// A byte for each choice; where there are none left, it is the first.
struct Chosen<'b>(&'b [u8]);

impl Choices for Chosen<'_> {
    fn below(&mut self, bound: u64) -> u64 {
        let Some((first, rest)) = self.0.split_first() else { return 0 };
        self.0 = rest;
        u64::from(*first) % bound
    }
}

/// Numbers that are the same for the same seed: Marsaglia's xorshift.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Self {
        // Never zero, and far apart for neighbouring seeds.
        Self(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }
}

impl Choices for Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        // The high bits are the better ones.
        (self.0 >> 32) % bound
    }
}
