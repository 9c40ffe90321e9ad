//! A goal, what was measured, and whether that meets it.

use std::{fmt, str::FromStr};

/// A goal, and what was measured.
#[derive(Clone, Debug, PartialEq)]
pub struct Goal {
    /// Its name, as `P7`.
    pub name: String,
    /// What is measured: a ratio, unless it says in what.
    pub what: String,
    /// What it is held against.
    pub bound: Bound,
    /// The figure that half of the rounds are below, and those that a quarter of them is below and above.
    pub median: f64,
    /// See [`Goal::median`].
    pub low: f64,
    /// See [`Goal::median`].
    pub high: f64,
    /// What else is to be said; mostly nothing.
    pub note: String,
}

/// What a figure is held against.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Bound {
    /// At least this.
    AtLeast(f64),
    /// At most this.
    AtMost(f64),
    /// It is only told.
    None,
}

impl Goal {
    /// Whether the goal is met; nothing if there is none.
    #[must_use]
    pub fn is_met(&self) -> Option<bool> {
        match self.bound {
            Bound::AtLeast(bound) => Some(bound <= self.median),
            Bound::AtMost(bound) => Some(self.median <= bound),
            Bound::None => None,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, what, bound, median, low, high, note } = self;
        let bound = match bound {
            Bound::AtLeast(bound) => format!(">= {bound:.2}"),
            Bound::AtMost(bound) => format!("<= {bound:.2}"),
            Bound::None => "-".to_owned(),
        };
        let verdict = match self.is_met() {
            Some(true) => "met",
            Some(false) => "NOT MET",
            None => "told",
        };
        write!(
            f,
            "{name:<6} {what:<66} goal {bound:<9} measured {median:8.2} ({low:.2} to {high:.2})  {verdict}"
        )?;
        if note.is_empty() { Ok(()) } else { write!(f, "; {note}") }
    }
}

impl FromStr for Goal {
    type Err = NoGoal;

    fn from_str(line: &str) -> Result<Self, NoGoal> {
        read(line).ok_or(NoGoal)
    }
}

/// A line that is not a goal's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoGoal;

fn read(line: &str) -> Option<Goal> {
    let (head, rest) = line.split_once(" goal ")?;
    let (name, what) = head.split_once(' ')?;
    let (bound, rest) = rest.split_once(" measured ")?;
    let (median, rest) = rest.split_once('(')?;
    let (low, rest) = rest.split_once(" to ")?;
    let (high, verdict) = rest.split_once(')')?;
    let bound = match bound.trim().split_once(' ') {
        Some((">=", bound)) => Bound::AtLeast(bound.parse().ok()?),
        Some(("<=", bound)) => Bound::AtMost(bound.parse().ok()?),
        _ => Bound::None,
    };
    Some(Goal {
        name: name.to_owned(),
        what: what.trim().to_owned(),
        bound,
        median: median.trim().parse().ok()?,
        low: low.parse().ok()?,
        high: high.parse().ok()?,
        note: verdict.split_once("; ").map_or_else(String::new, |(_, note)| note.to_owned()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_back() {
        for (bound, verdict) in
            [(Bound::AtLeast(2.0), "NOT MET"), (Bound::AtMost(2.0), "met"), (Bound::None, "told")]
        {
            for note in ["", "it lacks D1, D7"] {
                let goal = Goal {
                    name: "P6".to_owned(),
                    what: "PostgreSQL, 16 tasks, each call by itself (all rules on): redeem".to_owned(),
                    bound,
                    median: 0.5,
                    low: 0.25,
                    high: 1.75,
                    note: note.to_owned(),
                };
                assert!(goal.to_string().contains(verdict));
                assert_eq!(goal.to_string().parse(), Ok(goal));
            }
        }
        assert_eq!("P8, P11, P12: less is better".parse::<Goal>(), Err(NoGoal));
    }
}
