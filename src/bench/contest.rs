//! Candidates next to one another.

use std::fmt;

use super::{
    candidate::{BenchError, Candidate, Timed},
    report::{Line, Report},
    work::{Load, Work},
};

/// Candidates that get the same batches in turn; the first one is the yardstick.
pub struct Contest<'a> {
    candidates: Vec<&'a mut dyn Candidate>,
    rounds: usize,
}

impl<'a> Contest<'a> {
    /// A contest in which that candidate is the yardstick.
    pub fn new(yardstick: &'a mut dyn Candidate) -> Self {
        Self { candidates: vec![yardstick], rounds: 41 }
    }

    /// The same with another candidate.
    #[must_use]
    pub fn against(mut self, candidate: &'a mut dyn Candidate) -> Self {
        self.candidates.push(candidate);
        self
    }

    /// The same with that many rounds, of one batch for each candidate; 41 unless told otherwise.
    #[must_use]
    pub fn rounds(mut self, rounds: usize) -> Self {
        self.rounds = rounds.max(1);
        self
    }

    /// Carries out each work under each load. Who begins changes from round to round.
    ///
    /// # Errors
    /// [`BenchError`] of the first batch that failed.
    pub fn run(&mut self, works: &[Work], loads: &[Load]) -> Result<Report, BenchError> {
        let mut lines = Vec::new();
        for load in loads {
            for work in works {
                lines.extend(self.line(*work, *load)?);
            }
        }
        Ok(Report { lines })
    }

    fn line(&mut self, work: Work, load: Load) -> Result<Option<Line>, BenchError> {
        let mut times = vec![Vec::with_capacity(self.rounds); self.candidates.len()];
        // The first round warms up, and is not counted.
        for round in 0..=self.rounds {
            for turn in 0..self.candidates.len() {
                let index = turn.wrapping_add(round).checked_rem(self.candidates.len()).unwrap_or_default();
                let (Some(candidate), Some(times)) = (self.candidates.get_mut(index), times.get_mut(index))
                else {
                    continue;
                };
                match candidate.batch(work, load)? {
                    Timed::Took(took) if 0 < round => times.push(took),
                    Timed::Took(_) | Timed::Cannot => {}
                }
            }
        }
        let names = self.candidates.iter().map(|candidate| candidate.name().to_owned());
        Ok(Line::new(work, load, names.zip(times)))
    }
}

impl fmt::Debug for Contest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<_> = self.candidates.iter().map(|candidate| candidate.name()).collect();
        f.debug_struct("Contest").field("candidates", &names).field("rounds", &self.rounds).finish()
    }
}
