//! The page of figures: how much happened, in words, plots and tables.

mod plot;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use askama::Template;
use axum::{
    Router,
    extract::{Query, State},
    http::StatusCode,
    response::Response,
    routing::get,
};
use inquiry_otl::Timestamp;
use serde::Deserialize;

use self::plot::{Line, plot};
use super::{Failure, Frame, Here, SignedIn, page};
use crate::{
    app::App,
    records::figures::{self, Figure, HOUR},
};

pub(super) fn router() -> Router<Arc<App>> {
    Router::new().route("/dashboard/figures", get(show))
}

/// How far back the page looks.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Eq)]
enum Span {
    #[default]
    #[serde(rename = "day")]
    Day,
    #[serde(rename = "week")]
    Week,
    #[serde(rename = "month")]
    Month,
}

impl Span {
    const ALL: [Self; 3] = [Self::Day, Self::Week, Self::Month];

    const fn name(self) -> &'static str {
        match self {
            Self::Day => "day",
            Self::Week => "week",
            Self::Month => "month",
        }
    }

    const fn label(self) -> &'static str {
        match self {
            Self::Day => "24 hours",
            Self::Week => "7 days",
            Self::Month => "30 days",
        }
    }

    /// How many steps of how many hours.
    const fn steps(self) -> (i64, i64) {
        match self {
            Self::Day => (24, 1),
            Self::Week => (28, 6),
            Self::Month => (30, 24),
        }
    }
}

#[derive(Deserialize)]
struct Asked {
    #[serde(default)]
    span: Span,
}

#[derive(Template)]
#[template(path = "figures.html")]
struct FiguresPage {
    frame: Frame,
    span: Span,
    spans: [(Span, bool); 3],
    sums: Sums,
    reasons: Vec<Reason>,
    uses: String,
    misses: String,
    steps: Vec<Step>,
}

/// What happened in the whole span.
struct Sums {
    created: u64,
    redeemed: u64,
    replayed: u64,
    revoked: u64,
    refused: u64,
    peeked: u64,
    /// How many looks there were for each first use.
    looks_each: Option<String>,
    /// From creation to first use: half of them took no longer, nine of ten took no longer.
    median: Option<String>,
    most: Option<String>,
}

/// Why links did not open, and how often that was said.
struct Reason {
    name: String,
    looked: u64,
    pressed: u64,
}

/// What happened within one step of a plot.
#[derive(Clone, Default)]
struct Step {
    from: String,
    created: u64,
    redeemed: u64,
    refused: u64,
    peeked: u64,
}

async fn show(
    State(app): State<Arc<App>>,
    Query(Asked { span }): Query<Asked>,
    by: SignedIn,
) -> Result<Response, Failure> {
    let (count, hours) = span.steps();
    let now = figures::hour(app.links.planner().now());
    // Whole steps: the last one is under way.
    let last = now.div_euclid(hours);
    let first = last.saturating_sub(count).saturating_add(1);
    let all = app.records.read(move |of| figures::since(of, first, hours)).await?;

    let mut steps: BTreeMap<i64, Step> = (first..=last)
        .map(|step| (step, Step { from: moment(step.saturating_mul(hours), span), ..Step::default() }))
        .collect();
    for figure in &all {
        if let Some(step) = steps.get_mut(&figure.step) {
            let sum = match figure.name.as_str() {
                "created" => &mut step.created,
                "redeemed" => &mut step.redeemed,
                figures::REFUSED | figures::IN_VAIN => &mut step.refused,
                figures::LOOKED => &mut step.peeked,
                _ => continue,
            };
            *sum = sum.saturating_add(figure.count);
        }
    }
    let steps: Vec<Step> = steps.into_values().collect();
    let labels: Vec<&str> = steps.iter().map(|step| step.from.as_str()).collect();
    let values = |of: fn(&Step) -> u64| steps.iter().map(of).collect::<Vec<_>>();
    let uses = [
        Line { name: "created", values: values(|step| step.created) },
        Line { name: "first used", values: values(|step| step.redeemed) },
    ];
    let misses = [
        Line { name: "looks", values: values(|step| step.peeked) },
        Line { name: "refusals", values: values(|step| step.refused) },
    ];
    let view = FiguresPage {
        frame: Frame::new(by, Here::Figures, "Figures"),
        span,
        spans: Span::ALL.map(|other| (other, other == span)),
        sums: sums(&all),
        reasons: reasons(&all),
        uses: plot(&labels, &uses),
        misses: plot(&labels, &misses),
        steps,
    };
    page(StatusCode::OK, &view)
}

fn sums(all: &[Figure]) -> Sums {
    let sum = |name: &str| {
        all.iter()
            .filter(|figure| figure.name == name)
            .fold(0_u64, |sum, figure| sum.saturating_add(figure.count))
    };
    let (redeemed, peeked) = (sum("redeemed"), sum(figures::LOOKED));
    let tenths = peeked.saturating_mul(10).checked_div(redeemed);
    let times: BTreeMap<u64, u64> = labelled(all, "seconds")
        .into_iter()
        .filter_map(|(seconds, count)| Some((seconds.parse().ok()?, count)))
        .collect();
    Sums {
        created: sum("created"),
        redeemed,
        replayed: sum("replayed"),
        revoked: sum("revoked"),
        refused: sum(figures::REFUSED).saturating_add(sum(figures::IN_VAIN)),
        peeked,
        looks_each: tenths.map(|tenths| format!("{}.{}", tenths / 10, tenths % 10)),
        median: quantile(&times, 5).map(in_words),
        most: quantile(&times, 9).map(in_words),
    }
}

fn reasons(all: &[Figure]) -> Vec<Reason> {
    let (looked, pressed) = (labelled(all, figures::IN_VAIN), labelled(all, figures::REFUSED));
    let names: BTreeSet<&String> = looked.keys().chain(pressed.keys()).collect();
    let times = |of: &BTreeMap<String, u64>, name| of.get(name).copied().unwrap_or(0);
    names
        .into_iter()
        .map(|name| Reason {
            name: name.clone(),
            looked: times(&looked, name),
            pressed: times(&pressed, name),
        })
        .collect()
}

/// How many there are of each label of a figure.
fn labelled(all: &[Figure], name: &str) -> BTreeMap<String, u64> {
    let mut sums = BTreeMap::new();
    for figure in all.iter().filter(|figure| figure.name == name) {
        let sum: &mut u64 = sums.entry(figure.label.clone()).or_default();
        *sum = sum.saturating_add(figure.count);
    }
    sums
}

/// The least of these values that so many tenths of all do not exceed.
fn quantile(values: &BTreeMap<u64, u64>, tenths: u64) -> Option<u64> {
    let all = values.values().fold(0_u64, |sum, count| sum.saturating_add(*count));
    let rank = all.saturating_mul(tenths).div_ceil(10).max(1);
    let mut seen = 0_u64;
    values.iter().find_map(|(value, count)| {
        seen = seen.saturating_add(*count);
        (rank <= seen).then_some(*value)
    })
}

/// Seconds, as people say it.
fn in_words(seconds: u64) -> String {
    match seconds {
        0..60 => format!("{seconds} s"),
        60..3_600 => format!("{} min", seconds / 60),
        3_600..172_800 => format!("{} h", seconds / 3_600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// When an hour began, in UTC.
fn moment(hour: i64, span: Span) -> String {
    let form = if span == Span::Day { "%H:00" } else { "%d %b, %H:00" };
    let form = if span == Span::Month { "%d %b" } else { form };
    Timestamp::from_unix_micros(hour.saturating_mul(HOUR))
        .map(|at| at.to_datetime().format(form).to_string())
        .unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::{Span, quantile};
    use crate::housekeeping::FIGURES_KEPT;

    /// What a page shows is kept: its steps are whole ones, so the first may have begun a step earlier.
    #[test]
    fn no_page_looks_back_further_than_figures_are_kept() {
        for (steps, hours) in Span::ALL.map(Span::steps) {
            assert!((steps + 1) * hours * 3_600 <= i64::from(FIGURES_KEPT.seconds()));
        }
    }

    #[test]
    fn a_quantile_is_a_value_that_occurred() {
        let values = BTreeMap::from([(1, 5), (10, 4), (100, 1)]);
        assert_eq!(quantile(&values, 5), Some(1));
        assert_eq!(quantile(&values, 9), Some(10));
        assert_eq!(quantile(&values, 10), Some(100));
        assert_eq!(quantile(&BTreeMap::from([(7, 1)]), 5), Some(7));
        assert_eq!(quantile(&BTreeMap::new(), 5), None);
    }
}
