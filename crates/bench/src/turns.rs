//! Candidates that take turns: a round of each, and who begins changes.

use std::{sync::Arc, time::Duration};

use futures_util::future::BoxFuture;
use inquiry_otl_measure::{Bound, Candidate, Goal, Point, Round, round};

use crate::report::{goal, spread};

/// Whoever can do a round.
pub(crate) trait Competes {
    /// So many links, issued and then redeemed by so many tasks at a time.
    fn round(&self, tasks: usize, links: usize) -> BoxFuture<'_, Round>;
}

impl<C: Candidate> Competes for Arc<C> {
    fn round(&self, tasks: usize, links: usize) -> BoxFuture<'_, Round> {
        Box::pin(async move { round(self, tasks, links).await.unwrap() })
    }
}

/// Rounds of candidates in turn.
pub(crate) struct Turns {
    engine: &'static str,
    tasks: usize,
    links: usize,
    /// Of each candidate, in the order of the turns.
    rounds: Vec<(&'static str, Vec<Round>)>,
}

impl Turns {
    /// So many turns, after a smaller one that warms up.
    pub(crate) async fn measure(
        engine: &'static str,
        candidates: &[(&'static str, &dyn Competes)],
        turns: usize,
        (tasks, links): (usize, usize),
    ) -> Self {
        let mut rounds: Vec<_> = candidates.iter().map(|(name, _)| (*name, Vec::new())).collect();
        for (_, candidate) in candidates {
            candidate.round(tasks, links / 4).await;
        }
        for turn in 0..turns {
            for place in 0..candidates.len() {
                let who = (turn + place) % candidates.len();
                let round = candidates[who].1.round(tasks, links).await;
                let each = |time: Duration| time.as_secs_f64() * 1e6 / links as f64;
                eprintln!(
                    "{engine}, {tasks} tasks, {}: {:.0} + {:.0} us a link, p50 {:.0?}, p99 {:.0?}",
                    candidates[who].0,
                    each(round.issue),
                    each(round.redeem),
                    round.p50,
                    round.p99
                );
                rounds[who].1.push(round);
            }
        }
        Self { engine, tasks, links, rounds }
    }

    fn of(&self, name: &str) -> &[Round] {
        &self.rounds.iter().find(|(candidate, _)| *candidate == name).expect("a candidate").1
    }

    /// How many times as fast one is as another, of what is picked.
    pub(crate) fn faster(
        &self,
        name: &str,
        (ours, other): (&str, &str),
        what: &str,
        bound: Bound,
        pick: impl Fn(&Round) -> Duration,
    ) -> Goal {
        let rounds = self.of(other).iter().zip(self.of(ours));
        let ratios = rounds.map(|(other, ours)| pick(other).as_secs_f64() / pick(ours).as_secs_f64());
        let what = format!("{}, {} tasks, {ours} / {other}: {what}", self.engine, self.tasks);
        goal(name, what, bound, ratios)
    }

    /// How many times as fast one issues and redeems as another.
    pub(crate) fn both(&self, name: &str, pair: (&str, &str), bound: Bound) -> [Goal; 2] {
        [
            self.faster(name, pair, "issue", bound, |round| round.issue),
            self.faster(name, pair, "redeem", bound, |round| round.redeem),
        ]
    }

    /// What each did, for charts by tasks.
    pub(crate) fn points(&self) -> Vec<Point> {
        let mut points = Vec::new();
        for (series, rounds) in &self.rounds {
            let mut point = |what: &str, pick: &dyn Fn(&Round) -> f64| {
                points.push(Point {
                    chart: format!("{}, {what}", self.engine),
                    series: (*series).to_owned(),
                    at: self.tasks as f64,
                    figure: spread(rounds.iter().map(pick)).median,
                });
            };
            point("links issued a second", &|round| self.links as f64 / round.issue.as_secs_f64());
            point("links redeemed a second", &|round| self.links as f64 / round.redeem.as_secs_f64());
            point("p50 of a redemption, ms", &|round| round.p50.as_secs_f64() * 1e3);
            point("p99 of a redemption, ms", &|round| round.p99.as_secs_f64() * 1e3);
        }
        points
    }
}
