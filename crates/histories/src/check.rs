//! Whether the calls of a history can have happened one after the other.

use std::{collections::HashMap, fmt};

use crate::{Answer, End, Recorded, Rules};

/// So many calls fit in a history.
pub const MOST: usize = 128;

/// So many states may be looked at before there is no telling.
const PATIENCE: usize = 200_000;

/// Why a history is not known to be linearizable.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Anomaly {
    /// There is no order in which the rules give these answers.
    NotLinearizable(Stuck),
    /// There are too many orders to try.
    Undecided,
    /// There are more than [`MOST`] calls.
    TooLong,
}

/// How far one can come, at best, and what cannot be next.
#[derive(Clone, Debug)]
pub struct Stuck {
    ordered: usize,
    calls: usize,
    /// What was called and answered, and what the rules would have answered.
    next: Vec<(Recorded, Answer)>,
}

/// Looks for an order of the calls, beginning with these rules, in which each was answered as the rules answer it, and no
/// call is before one that was over when it was made. Gives the number of states that it looked at.
///
/// A call that changes nothing comes as soon as it is answered rightly: no other order can need it later. One of which
/// nobody knows the answer is tried only where it changes something.
///
/// # Errors
/// [`Anomaly`].
pub fn check(start: &Rules, history: &[Recorded]) -> Result<usize, Anomaly> {
    let mut calls: Vec<_> =
        history.iter().filter(|recorded| !matches!(recorded.end, End::NothingWritten)).collect();
    calls.sort_by_key(|recorded| recorded.invoked);
    if MOST < calls.len() {
        return Err(Anomaly::TooLong);
    }
    let stuck = Stuck { ordered: 0, calls: calls.len(), next: Vec::new() };
    let mut search = Search { calls, seen: HashMap::new(), states: 0, stuck };
    match search.explore(0, start.clone()) {
        Some(true) => Ok(search.states),
        Some(false) => Err(Anomaly::NotLinearizable(search.stuck)),
        None => Err(Anomaly::Undecided),
    }
}

/// The algorithm of Wing and Gong, with what Lowe added: a state that was reached by the same calls is looked at once.
struct Search<'a> {
    calls: Vec<&'a Recorded>,
    /// By the calls that have happened: the states that they led to.
    seen: HashMap<u128, Vec<Rules>>,
    states: usize,
    stuck: Stuck,
}

impl Search<'_> {
    /// Whether there is an order for the calls that have not happened; nothing if there are too many to try.
    fn explore(&mut self, mut happened: u128, mut rules: Rules) -> Option<bool> {
        let branches = loop {
            let Some(horizon) = self.open(happened).map(|(_, call)| call.over()).min() else {
                return Some(true);
            };
            if horizon == u64::MAX {
                // What is left may never happen.
                return Some(true);
            }
            match self.branches(happened, &rules, horizon) {
                Ok(branches) => break branches,
                Err(quiet) => happened |= quiet,
            }
        };
        let seen = self.seen.entry(happened).or_default();
        if seen.contains(&rules) {
            return Some(false);
        }
        seen.push(std::mem::take(&mut rules));
        self.states += 1;
        if PATIENCE < self.states {
            return None;
        }
        for (call, after) in branches {
            if self.explore(happened | call, after)? {
                return Some(true);
            }
        }
        Some(false)
    }

    /// What may be next, those of known answers first, and the states after it; or a call that changes nothing, and was
    /// answered rightly.
    fn branches(&mut self, happened: u128, rules: &Rules, horizon: u64) -> Result<Vec<(u128, Rules)>, u128> {
        let (mut known, mut unknown, mut wrong) = (Vec::new(), Vec::new(), Vec::new());
        for (bit, recorded) in self.open(happened).filter(|(_, recorded)| recorded.invoked <= horizon) {
            let mut after = rules.clone();
            let answer = after.answer(&recorded.call);
            match &recorded.end {
                End::Answered { answer: told, .. } if *told != answer => {
                    wrong.push((recorded.clone(), answer));
                }
                End::Answered { .. } if after == *rules => return Err(bit),
                End::Answered { .. } => known.push((bit, after)),
                End::Unknown if after != *rules => unknown.push((bit, after)),
                End::Unknown | End::NothingWritten => {}
            }
        }
        let ordered = happened.count_ones() as usize;
        if self.stuck.next.is_empty() || self.stuck.ordered < ordered {
            self.stuck = Stuck { ordered, next: wrong, ..self.stuck };
        }
        known.extend(unknown);
        Ok(known)
    }

    fn open(&self, happened: u128) -> impl Iterator<Item = (u128, &Recorded)> {
        let bits = (0..MOST).map(|number| 1_u128 << number);
        bits.zip(&self.calls).filter(move |(bit, _)| happened & bit == 0).map(|(bit, call)| (bit, *call))
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotLinearizable(stuck) => stuck.fmt(f),
            Self::Undecided => write!(f, "undecided after {PATIENCE} states"),
            Self::TooLong => write!(f, "more than {MOST} calls"),
        }
    }
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "not linearizable: of {} calls, {} can be put in order at most; next were",
            self.calls, self.ordered
        )?;
        for (recorded, answer) in &self.next {
            let Recorded { client, call, end, .. } = recorded;
            write!(f, "\n  client {client}: {call:?}\n    answered: {end:?}\n    by the rules: {answer}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Anomaly {}
