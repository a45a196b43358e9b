//! Drawings in cells: medians with their intervals on a logarithmic scale, and shares.

use crate::bugs::matrix::{Matrix, Row};
use crate::bugs::statistics::Median;
use crate::report::markup::{Markup, Tag};

/// Width and height of a drawing.
const WIDTH: f64 = 170.0;
const HEIGHT: f64 = 20.0;
/// Room at both ends, for dots and for the labels of the axis.
const MARGIN: f64 = 12.0;
/// Where the scale begins at the latest and ends at the earliest, as powers of ten of seconds.
const DECADES_LEAST: [f64; 2] = [-1.0, 1.0];
/// Beyond these nothing is drawn to scale.
const DECADES_MOST: [f64; 2] = [-4.0, 7.0];

/// Seconds, as powers of ten.
pub(super) struct Scale {
    low: f64,
    high: f64,
}

impl Scale {
    /// On which all medians of a matrix have room.
    pub(super) fn of(matrix: &Matrix) -> Self {
        let said = matrix.rows.iter().flat_map(Row::all_said);
        let [mut low, mut high] = DECADES_LEAST;
        for median in said.filter_map(|(_, said)| said.seconds) {
            low = low.min(power(median.low).floor());
            high = high.max(power(median.high).ceil());
        }
        Self { low, high }
    }

    fn x(&self, seconds: f64) -> f64 {
        let part = (power(seconds) - self.low) / (self.high - self.low);
        MARGIN + part.clamp(0.0, 1.0) * (WIDTH - 2.0 * MARGIN)
    }

    /// The powers of ten, for the head of the column.
    pub(super) fn axis(&self, out: &mut Markup) {
        begin(out).attr("aria-hidden", "true").open();
        for (tick, label) in self.ticks() {
            let text = out.tag("text").at(tick, HEIGHT - 6.0).class("tick-label");
            text.attr("text-anchor", "middle").text(&label);
        }
        out.close("svg");
    }

    fn ticks(&self) -> Vec<(f64, String)> {
        let decades = (self.low as i32)..=(self.high as i32);
        decades.map(|power| (self.x(10_f64.powi(power)), label(power))).collect()
    }

    /// One median: its interval as a line, itself as a dot.
    pub(super) fn draw(&self, out: &mut Markup, median: Median) {
        begin(out).attr("aria-hidden", "true").open();
        for (tick, _) in self.ticks() {
            out.tag("line").ends(tick, 0.0, tick, HEIGHT).class("tick").empty();
        }
        let Median { value, low, high } = median;
        let middle = HEIGHT / 2.0;
        out.tag("line").ends(self.x(low), middle, self.x(high), middle).class("whisker").empty();
        for end in [low, high].map(|end| self.x(end)) {
            out.tag("line").ends(end, middle - 3.5, end, middle + 3.5).class("whisker").empty();
        }
        out.tag("circle")
            .num("cx", self.x(value))
            .num("cy", middle)
            .num("r", 4.0)
            .class("dot")
            .empty();
        out.close("svg");
    }
}

/// How much of all, as a bar.
pub(super) fn share_bar(out: &mut Markup, part: usize, whole: usize) {
    let (width, height) = (90.0, 10.0);
    let share = if whole == 0 { 0.0 } else { part as f64 / whole as f64 };
    out.tag("svg")
        .class("share-bar")
        .num("width", width)
        .num("height", height)
        .attr("aria-hidden", "true")
        .open();
    out.tag("rect").frame(0.0, 0.0, width, height).class("share-all").empty();
    out.tag("rect").frame(0.0, 0.0, width * share, height).class("share-part").empty();
    out.close("svg");
}

fn begin(out: &mut Markup) -> Tag<'_> {
    let view = format!("0 0 {WIDTH} {HEIGHT}");
    out.tag("svg").class("span").num("width", WIDTH).num("height", HEIGHT).attr("viewBox", &view)
}

/// The power of ten that some seconds are, within what can be drawn.
fn power(seconds: f64) -> f64 {
    let [least, most] = DECADES_MOST;
    // Not a number, for what is none, is below everything.
    seconds.log10().max(least).min(most)
}

/// `0.1`, `10`, `10k`.
fn label(power: i32) -> String {
    match power {
        ..0 => format!("{:.*}", power.unsigned_abs() as usize, 10_f64.powi(power)),
        0..4 => format!("{:.0}", 10_f64.powi(power)),
        _ => format!("{:.0}k", 10_f64.powi(power - 3)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn powers_of_ten_have_short_names() {
        let names: Vec<String> = (-2..=4).map(label).collect();
        assert_eq!(names, ["0.01", "0.1", "1", "10", "100", "1000", "10k"]);
    }

    #[test]
    fn whatever_is_drawn_stays_inside() {
        let scale = Scale { low: -1.0, high: 2.0 };
        for seconds in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-9, 1e9, 1.0] {
            let x = scale.x(seconds);
            assert!((MARGIN..=WIDTH - MARGIN).contains(&x), "{seconds}: {x}");
        }
        assert!(scale.x(1.0) < scale.x(2.0));
    }
}
