//! What came out: medians, their spread, and ratios.

use std::{fmt, time::Duration};

use super::work::{Load, Work};

/// Everything that was measured; it prints itself as a table.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Report {
    /// One for each work and load.
    pub lines: Vec<Line>,
}

/// One work under one load.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Line {
    /// What was done.
    pub work: Work,
    /// How much of it.
    pub load: Load,
    /// How the candidates did, the yardstick first.
    pub figures: Vec<Figure>,
}

/// How one candidate did.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Figure {
    /// Its name.
    pub name: String,
    /// Nanoseconds a call.
    pub nanos: Spread,
    /// Its time by the yardstick's in the same round: below 1 it is faster.
    pub ratio: Spread,
}

/// The middle of some figures, and between what the middle half of them lies.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Spread {
    /// The figure that half of them are below.
    pub median: f64,
    /// The figure that a quarter of them are below.
    pub low: f64,
    /// The figure that a quarter of them are above.
    pub high: f64,
}

impl Spread {
    /// The spread of some figures; nothing of none.
    #[must_use]
    pub fn of(figures: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut figures: Vec<f64> = figures.into_iter().collect();
        figures.sort_by(f64::total_cmp);
        let at = |quarters: usize| {
            figures.get(figures.len().saturating_sub(1).saturating_mul(quarters) / 4).copied()
        };
        Some(Self { median: at(2)?, low: at(1)?, high: at(3)? })
    }
}

impl Line {
    pub(super) fn new(
        work: Work,
        load: Load,
        times: impl Iterator<Item = (String, Vec<Duration>)>,
    ) -> Option<Self> {
        let times: Vec<_> = times.filter(|(_, times)| !times.is_empty()).collect();
        let (_, yardstick) = times.first()?;
        let calls = u32::try_from(load.calls()).unwrap_or(u32::MAX);
        let figure = |(name, times): &(String, Vec<Duration>)| {
            let nanos = times.iter().map(|time| time.as_secs_f64() * 1e9 / f64::from(calls));
            // A round in which nothing took any time says nothing.
            let ratios = times.iter().zip(yardstick).filter(|(_, unit)| !unit.is_zero());
            Some(Figure {
                name: name.clone(),
                nanos: Spread::of(nanos)?,
                ratio: Spread::of(ratios.map(|(time, unit)| time.as_secs_f64() / unit.as_secs_f64()))?,
            })
        };
        Some(Self { work, load, figures: times.iter().filter_map(figure).collect() })
    }

    /// The figure of the candidate of that name.
    #[must_use]
    pub fn of(&self, name: &str) -> Option<&Figure> {
        self.figures.iter().find(|figure| figure.name == name)
    }
}

impl Report {
    /// The first line of that work.
    #[must_use]
    pub fn of(&self, work: Work) -> Option<&Line> {
        self.lines.iter().find(|line| line.work == work)
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for line in &self.lines {
            writeln!(f, "{}, {}", line.work, line.load)?;
            for Figure { name, nanos, ratio } in &line.figures {
                writeln!(
                    f,
                    "  {name:<20} {:>10.0} ns a call ({:.0} to {:.0})   {:.2} x the first ({:.2} to {:.2})",
                    nanos.median, nanos.low, nanos.high, ratio.median, ratio.low, ratio.high
                )?;
            }
        }
        Ok(())
    }
}
