//! Draws what `report.txt` says, beside it: the goals, what each engine did by tasks, and what grows with how many links.
//!
//! Colours are told apart by whoever does not see all of them, and shapes tell the same. The ground is white, so that they
//! are read on a dark page, too.

use std::{error::Error, fs, path::Path};

use inquiry_otl_measure::{Bound, Goal, Point};
use plotters::{
    coord::Shift,
    prelude::*,
    style::text_anchor::{HPos, Pos, VPos},
};

type Drawn = Result<(), Box<dyn Error>>;
type Area<'a> = DrawingArea<SVGBackend<'a>, Shift>;

const INK: RGBColor = RGBColor(0x1f, 0x23, 0x28);
const FAINT: RGBColor = RGBColor(0xd0, 0xd7, 0xde);
const BLUE: RGBColor = RGBColor(0x00, 0x72, 0xb2);
const ORANGE: RGBColor = RGBColor(0xd5, 0x5e, 0x00);
const GREEN: RGBColor = RGBColor(0x00, 0x9e, 0x73);
const PINK: RGBColor = RGBColor(0xcc, 0x79, 0xa7);

pub(crate) fn draw() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR"));
    let report = fs::read_to_string(directory.join("report.txt")).unwrap();
    let mut goals: Vec<Goal> = report.lines().filter_map(|line| line.parse().ok()).collect();
    goals.sort_by_key(|goal| goal.name.trim_start_matches('P').parse::<u32>().unwrap_or_default());
    let points: Vec<Point> = report.lines().filter_map(|line| line.parse().ok()).collect();
    let met = goals.iter().filter_map(Goal::is_met);
    println!("{} goals, {} of them met", met.clone().count(), met.filter(|met| *met).count());
    draw_goals(&directory.join("goals.svg"), &goals).unwrap();
    for (engine, file) in
        [("PostgreSQL, ", "postgres.svg"), ("SQLite, ", "sqlite.svg"), ("Redis, ", "redis.svg")]
    {
        draw_charts(&directory.join(file), &points, engine, "tasks at a time", 2.0).unwrap();
    }
    draw_charts(&directory.join("growth.svg"), &points, "growth, ", "links", 10.0).unwrap();
}

/// How many times a figure is as good as its goal: 1 meets it.
fn goodness(bound: Bound, figure: f64) -> Option<f64> {
    let good = match bound {
        Bound::AtLeast(bound) => figure / bound,
        Bound::AtMost(bound) => bound / figure,
        Bound::None => return None,
    };
    (good.is_finite() && 0.0 < good).then_some(good)
}

/// A row for each goal, at how many times as good as the goal its figure is. Goals of nothing at all have no such place.
fn draw_goals(file: &Path, goals: &[Goal]) -> Drawn {
    const ROW: f64 = 20.0;
    const TOP: f64 = 64.0;
    const BOTTOM: f64 = 52.0;
    const LEFT: f64 = 680.0;
    const WIDTH: f64 = 1120.0;
    let rows: Vec<_> = goals
        .iter()
        .filter_map(|goal| {
            let place = |figure| goodness(goal.bound, figure);
            Some((goal, place(goal.median)?, place(goal.low)?, place(goal.high)?))
        })
        .collect();
    let places = rows.iter().flat_map(|(_, median, low, high)| [*median, *low, *high]);
    let (least, most) =
        places.fold((0.5_f64, 2.0_f64), |(least, most), place| (least.min(place), most.max(place)));
    let height = TOP + BOTTOM + ROW * rows.len() as f64;
    let root = SVGBackend::new(file, (WIDTH as u32, height as u32)).into_drawing_area();
    root.fill(&WHITE)?;
    let right = WIDTH - 24.0;
    let x = |place: f64| LEFT + (place / least).ln() / (most / least).ln() * (right - LEFT);
    let end = height - BOTTOM + 4.0;
    text(&root, "Each goal, and what was measured", (16.0, 20.0), 20.0, HPos::Left)?;
    let legend = "a dot: met; a triangle: not met; the bar: the middle half of the rounds";
    text(&root, legend, (16.0, 42.0), 15.0, HPos::Left)?;
    let axis = "measured, in times as good as the goal (logarithmic)";
    text(&root, axis, (f64::midpoint(LEFT, right), height - 16.0), 15.0, HPos::Center)?;
    for tick in [0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0] {
        if (least..=most).contains(&tick) {
            line(&root, [(x(tick), TOP - 8.0), (x(tick), end)], FAINT, 1)?;
            text(&root, &format!("{tick}"), (x(tick), height - 36.0), 15.0, HPos::Center)?;
        }
    }
    line(&root, [(x(1.0), TOP - 8.0), (x(1.0), end)], INK, 2)?;
    text(&root, "goal", (x(1.0), TOP - 16.0), 15.0, HPos::Center)?;
    for (row, (goal, median, low, high)) in rows.into_iter().enumerate() {
        let y = TOP + ROW * (row as f64 + 0.5);
        let bound = match goal.bound {
            Bound::AtLeast(bound) => format!("≥ {bound}"),
            Bound::AtMost(bound) => format!("≤ {bound}"),
            Bound::None => String::new(),
        };
        text(&root, &goal.name, (16.0, y), 15.0, HPos::Left)?;
        text(&root, &goal.what, (58.0, y), 15.0, HPos::Left)?;
        text(&root, &format!("{:.2}", goal.median), (LEFT - 92.0, y), 15.0, HPos::Right)?;
        text(&root, &bound, (LEFT - 20.0, y), 15.0, HPos::Right)?;
        let color = if goal.is_met() == Some(true) { BLUE } else { ORANGE };
        line(&root, [(x(low), y), (x(high), y)], color, 3)?;
        let place = (x(median) as i32, y as i32);
        if goal.is_met() == Some(true) {
            root.draw(&Circle::new(place, 5, color.filled()))?;
        } else {
            root.draw(&TriangleMarker::new(place, 6, color.filled()))?;
        }
    }
    root.present()?;
    Ok(())
}

/// A panel for each chart whose name begins so, over a legend of all series.
fn draw_charts(file: &Path, points: &[Point], of: &str, by: &str, base: f64) -> Drawn {
    let points: Vec<_> = points.iter().filter(|point| point.chart.starts_with(of)).collect();
    let charts = names(points.iter().map(|point| point.chart.as_str()));
    let series = names(points.iter().map(|point| point.series.as_str()));
    if charts.is_empty() {
        return Ok(());
    }
    let rows = charts.len().div_ceil(2);
    let root = SVGBackend::new(file, (1000, 300 * rows as u32 + 40)).into_drawing_area();
    root.fill(&WHITE)?;
    let (panels, legend) = root.split_vertically(300 * rows as i32);
    for (chart, panel) in charts.iter().zip(panels.split_evenly((rows, 2))) {
        let lines: Vec<(usize, Vec<(f64, f64)>)> = series
            .iter()
            .enumerate()
            .map(|(index, name)| {
                let mine = points.iter().filter(|point| point.chart == *chart && point.series == *name);
                (index, mine.map(|point| (point.at.log(base), point.figure)).collect())
            })
            .collect();
        draw_panel(&panel, (chart, by), base, &lines)?;
    }
    for (index, name) in series.iter().enumerate() {
        let x = 60.0 + 230.0 * index as f64;
        line(&legend, [(x, 16.0), (x + 32.0, 16.0)], style(index).0, 2)?;
        mark(&legend, index, (x as i32 + 16, 16))?;
        text(&legend, name, (x + 40.0, 16.0), 15.0, HPos::Left)?;
    }
    root.present()?;
    Ok(())
}

/// Times are drawn logarithmically, since they differ by so much; what is done a second from nothing on.
fn draw_panel(
    panel: &Area<'_>,
    (title, by): (&str, &str),
    base: f64,
    lines: &[(usize, Vec<(f64, f64)>)],
) -> Drawn {
    let (is_time, log) = (title.ends_with("ms"), |y: f64| if title.ends_with("ms") { y.log10() } else { y });
    let range = |values: &mut dyn Iterator<Item = f64>| {
        values.fold((f64::MAX, f64::MIN), |(least, most), value| (least.min(value), most.max(value)))
    };
    let all = || lines.iter().flat_map(|(_, line)| line);
    let (left, right) = range(&mut all().map(|(x, _)| *x));
    let (least, most) = range(&mut all().map(|(_, y)| log(*y)));
    let font = |size: i32| ("sans-serif", size).into_font().color(&INK);
    let mut chart = ChartBuilder::on(panel)
        .caption(title, font(18))
        .margin(12)
        .x_label_area_size(44)
        .y_label_area_size(72)
        .build_cartesian_2d(
            left - 0.2..right + 0.2,
            if is_time { least - 0.1..most + 0.1 } else { 0.0..most * 1.08 },
        )?;
    chart
        .configure_mesh()
        .light_line_style(WHITE)
        .bold_line_style(FAINT)
        .axis_style(INK)
        .label_style(font(15))
        .axis_desc_style(font(15))
        .x_desc(by)
        .x_label_formatter(&|x| format!("{}", base.powf(*x).round()))
        .y_label_formatter(&|y| if is_time { format!("{:.2}", 10_f64.powf(*y)) } else { format!("{y}") })
        .x_labels(6)
        .y_labels(6)
        .draw()?;
    for (index, line) in lines {
        let line = || line.iter().map(|(x, y)| (*x, log(*y)));
        chart.draw_series(LineSeries::new(line(), style(*index).0.stroke_width(2)))?;
        let (left, top) = panel.get_base_pixel();
        for (x, y) in line().map(|place| chart.backend_coord(&place)) {
            mark(panel, *index, (x - left, y - top))?;
        }
    }
    Ok(())
}

/// A colour and a shape.
fn style(series: usize) -> (RGBColor, Shape) {
    match series % 4 {
        0 => (ORANGE, Shape::Cross),
        1 => (PINK, Shape::Ring),
        2 => (BLUE, Shape::Dot),
        _ => (GREEN, Shape::Triangle),
    }
}

enum Shape {
    Cross,
    Ring,
    Dot,
    Triangle,
}

fn mark(area: &Area<'_>, series: usize, place: (i32, i32)) -> Drawn {
    let (color, shape) = style(series);
    match shape {
        Shape::Cross => area.draw(&Cross::new(place, 5, color.stroke_width(2)))?,
        Shape::Ring => area.draw(&Circle::new(place, 5, color.stroke_width(2)))?,
        Shape::Dot => area.draw(&Circle::new(place, 5, color.filled()))?,
        Shape::Triangle => area.draw(&TriangleMarker::new(place, 6, color.filled()))?,
    }
    Ok(())
}

fn names<'a>(all: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut names = Vec::new();
    for name in all {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn text(area: &Area<'_>, text: &str, place: (f64, f64), height: f64, side: HPos) -> Drawn {
    let style = ("sans-serif", height).into_font().color(&INK).pos(Pos::new(side, VPos::Center));
    Ok(area.draw(&Text::new(text.to_owned(), pixel(place), style))?)
}

fn line(area: &Area<'_>, ends: [(f64, f64); 2], color: RGBColor, width: u32) -> Drawn {
    Ok(area.draw(&PathElement::new(ends.map(pixel), color.stroke_width(width)))?)
}

fn pixel((x, y): (f64, f64)) -> (i32, i32) {
    (x as i32, y as i32)
}
