//! A point of a chart.

use std::{fmt, str::FromStr};

/// A figure at a place of a chart.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    /// The chart: what its figures are.
    pub chart: String,
    /// Whose figure it is.
    pub series: String,
    /// Where it stands: at how many tasks, rows or links.
    pub at: f64,
    /// The figure.
    pub figure: f64,
}

impl fmt::Display for Point {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { chart, series, at, figure } = self;
        write!(f, "point  {chart:<42}  {series:<22}  {at:>8}  {figure:>12.3}")
    }
}

impl FromStr for Point {
    type Err = NoPoint;

    fn from_str(line: &str) -> Result<Self, NoPoint> {
        read(line).ok_or(NoPoint)
    }
}

/// A line that is not a point's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoPoint;

fn read(line: &str) -> Option<Point> {
    let mut parts = line.strip_prefix("point  ")?.split("  ").map(str::trim).filter(|part| !part.is_empty());
    let (chart, series, at, figure) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    Some(Point {
        chart: chart.to_owned(),
        series: series.to_owned(),
        at: at.parse().ok()?,
        figure: figure.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_read_back() {
        let point = |at, figure| Point {
            chart: "PostgreSQL, redemptions a second".to_owned(),
            series: "by hand, one pool".to_owned(),
            at,
            figure,
        };
        for point in [point(1.0, 1234.5), point(5e6, 0.125), point(123_456_789.0, 12_345_678_901.5)] {
            assert_eq!(point.to_string().parse(), Ok(point));
        }
        assert_eq!("points of view".parse::<Point>(), Err(NoPoint));
    }
}
