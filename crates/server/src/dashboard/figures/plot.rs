//! Lines over time, as SVG without a ground, in colours that most eyes tell apart and that are read on light and dark.

use std::error::Error;

use plotters::prelude::*;

/// Becomes the colour of the page's text.
const INK: RGBColor = RGBColor(0x1f, 0x23, 0x28);
const FAINT: RGBColor = RGBColor(0x8c, 0x95, 0x9f);
const COLORS: [RGBColor; 2] = [RGBColor(0x2b, 0x8c, 0xc4), RGBColor(0xd5, 0x5e, 0x00)];
const SIZE: (u32, u32) = (560, 280);

/// A line of a plot.
pub(super) struct Line {
    pub(super) name: &'static str,
    /// One for each label.
    pub(super) values: Vec<u64>,
}

/// An `<svg>`; nothing, if it cannot be drawn: a table says the same.
pub(super) fn plot(labels: &[&str], lines: &[Line; 2]) -> String {
    let mut svg = String::new();
    if let Err(error) = draw(&mut svg, labels, lines) {
        tracing::error!(%error, "a plot could not be drawn");
        return String::new();
    }
    // It is decoration: the table beside it is read out instead.
    svg.replace("#1F2328", "currentColor").replacen("<svg ", "<svg aria-hidden=\"true\" ", 1)
}

fn draw(svg: &mut String, labels: &[&str], lines: &[Line; 2]) -> Result<(), Box<dyn Error>> {
    let root = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    let right = u32::try_from(labels.len())?.saturating_sub(1).max(1);
    let top = lines.iter().flat_map(|line| &line.values).copied().max().unwrap_or(0).max(4);
    let font = ("sans-serif", 20).into_font().color(&INK);
    let mut chart = ChartBuilder::on(&root)
        .margin(8)
        .x_label_area_size(36)
        .y_label_area_size(72)
        .build_cartesian_2d(0..right, 0..top)?;
    chart
        .configure_mesh()
        .disable_x_mesh()
        .light_line_style(TRANSPARENT)
        .bold_line_style(FAINT.mix(0.4))
        .axis_style(FAINT)
        .label_style(font.clone())
        .x_labels(5)
        .y_labels(4)
        .x_label_formatter(&|step| {
            let label = usize::try_from(*step).ok().and_then(|step| labels.get(step));
            label.map_or_else(String::new, |label| (*label).to_owned())
        })
        .draw()?;
    for (line, color) in lines.iter().zip(COLORS) {
        let points = || (0..).zip(line.values.iter().copied());
        chart.draw_series(LineSeries::new(points(), color.stroke_width(2)))?.label(line.name).legend(
            move |(x, y)| PathElement::new([(x, y), (x.saturating_add(16), y)], color.stroke_width(2)),
        );
    }
    chart.configure_series_labels().position(SeriesLabelPosition::UpperLeft).label_font(font).draw()?;
    root.present()?;
    Ok(())
}
