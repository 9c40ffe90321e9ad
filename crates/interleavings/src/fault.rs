//! Stores that are wrong on purpose, on the same locks.

use inquiry_otl::{
    StoreError,
    redemption::{Mode, Redeem},
};
use inquiry_otl_histories::{Answer, Call, Callee, Rules};
use loom::sync::Mutex;

/// What a store does wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// Calls of that kind look under one lock, and write under another: what came in between is lost.
    InTwoSteps(&'static str),
    /// Calls write rightly, and answer what they saw before (T2).
    AnswersFromBefore,
    /// Attempts take two locks in one order, all others in the other.
    LocksInACircle,
}

impl Fault {
    /// All of them, in words.
    pub const ALL: &[(Self, &'static str)] = &[
        (Self::InTwoSteps("redeem"), "a redemption in two steps (T1)"),
        (Self::InTwoSteps("claim"), "a claim in two steps"),
        (Self::InTwoSteps("commit"), "a commit in two steps"),
        (Self::InTwoSteps("release"), "a release in two steps"),
        (Self::InTwoSteps("issue"), "a creation in two steps (T8)"),
        (Self::InTwoSteps("revoke"), "a revocation in two steps"),
        (Self::InTwoSteps("change"), "a change of the inquiry in two steps"),
        (Self::InTwoSteps("start"), "a start of a session in two steps"),
        (Self::InTwoSteps("sweep"), "a sweep in two steps"),
        (Self::InTwoSteps("purge"), "a purge in two steps (T6)"),
        (Self::AnswersFromBefore, "the answer is what was seen before the write (T2)"),
        (Self::LocksInACircle, "two locks, taken in both orders"),
    ];
}

/// The rules under a lock, and something wrong.
#[derive(Debug)]
pub struct Faulty {
    fault: Fault,
    rules: Mutex<Rules>,
    other: Mutex<()>,
}

impl Faulty {
    /// An empty one.
    #[must_use]
    pub fn new(fault: Fault) -> Self {
        Self { fault, rules: Mutex::new(Rules::new().with_outbox()), other: Mutex::new(()) }
    }
}

impl Callee for Faulty {
    async fn take(&self, call: &Call) -> Result<Answer, StoreError> {
        Ok(match self.fault {
            Fault::InTwoSteps(kind) if kind == kind_of(call) => {
                let mut seen = self.rules.lock().unwrap().clone();
                let answer = seen.answer(call);
                *self.rules.lock().unwrap() = seen;
                answer
            }
            Fault::AnswersFromBefore => {
                let answer = self.rules.lock().unwrap().clone().answer(call);
                self.rules.lock().unwrap().answer(call);
                answer
            }
            Fault::LocksInACircle if matches!(call, Call::Redeem(_)) => {
                let _other = self.other.lock().unwrap();
                self.rules.lock().unwrap().answer(call)
            }
            Fault::LocksInACircle => {
                let mut rules = self.rules.lock().unwrap();
                let _other = self.other.lock().unwrap();
                rules.answer(call)
            }
            Fault::InTwoSteps(_) => self.rules.lock().unwrap().answer(call),
        })
    }
}

fn kind_of(call: &Call) -> &'static str {
    match call {
        Call::Redeem(Redeem { mode: Mode::Claim { .. }, .. }) => "claim",
        Call::Redeem(_) => "redeem",
        Call::Commit(_) => "commit",
        Call::Release(_) => "release",
        Call::Issue(_) => "issue",
        Call::Revoke(_) => "revoke",
        Call::Change { .. } => "change",
        Call::Start(_) => "start",
        Call::Sweep(_) => "sweep",
        Call::Purge(_) => "purge",
        _ => "other",
    }
}
