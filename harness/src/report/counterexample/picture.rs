//! The drawing of a counterexample, as SVG without scripts.
//!
//! ```text
//! faults   [ partition-leader-alone n1 ====================
//! p1       [ write 40 ](1)       //                [[ read -> 40 ]](x)   outlined, hatched: no order explains it
//! p2                             // [ write 41 ](2) -- completed before --^
//! state    nil | 40              //             | 41
//! axis     11.2000 s             // +0.0 ms ...
//! ```

use super::Place;
use super::layout::{FAULTS_MAX, Layout, NAMES_WIDTH, Placed, PlacedStep, Role, text_width};
use crate::report::markup::Markup;
use crate::report::operations::{self, Kind};
use crate::report::{escape, units};

const FAULT_HEIGHT: f64 = 22.0;
/// More rows than this are drawn closer together.
const ROWS_MAX_ROOMY: usize = 8;
const STRIP_HEIGHT: f64 = 30.0;
const AXIS_HEIGHT: f64 = 38.0;
const POINT_RADIUS: f64 = 9.0;
/// Distance of a break from the event that follows it.
const BREAK_MARGIN: f64 = 14.0;
const TIP_CHARS_MAX: usize = 400;

/// The heights at which the parts of a picture begin, and those of the parts of a row.
struct Heights {
    row: f64,
    bar_top: f64,
    bar: f64,
    rows: f64,
    strip: f64,
    axis: f64,
    end: f64,
}

impl Heights {
    fn new(layout: &Layout<'_>) -> Self {
        let faults = layout.faults.len().min(FAULTS_MAX);
        let more = usize::from(layout.faults.len() > FAULTS_MAX);
        let rows = match faults {
            0 => 6.0,
            _ => (faults + more) as f64 * FAULT_HEIGHT + 12.0,
        };
        let roomy = layout.rows.len() <= ROWS_MAX_ROOMY;
        let (row, bar_top, bar) = if roomy { (64.0, 17.0, 26.0) } else { (46.0, 14.0, 22.0) };
        let strip = rows + layout.rows.len() as f64 * row + 8.0;
        let axis = strip + STRIP_HEIGHT + 8.0;
        Self { row, bar_top, bar, rows, strip, axis, end: axis + AXIS_HEIGHT }
    }

    /// Where the bars of a row begin.
    fn bar_top(&self, row: usize) -> f64 {
        self.rows + row as f64 * self.row + self.bar_top
    }

    fn bar_middle(&self, row: usize) -> f64 {
        self.bar_top(row) + self.bar / 2.0
    }

    /// The middle of the numbered points of a row: just below its bars, so that they hide no label.
    fn point(&self, row: usize) -> f64 {
        self.bar_top(row) + self.bar + 4.0
    }
}

/// The whole picture: the names of the rows, which stay in place when the rest is scrolled, and the rest.
pub(super) fn draw(layout: &Layout<'_>, place: Place<'_>, description: &str) -> Markup {
    let heights = Heights::new(layout);
    let mut svg = Markup::new();
    names(&mut svg, layout, &heights);
    let width = layout.width - NAMES_WIDTH;
    let c = units::coordinate;
    let view = format!("{} 0 {} {}", c(NAMES_WIDTH), c(width), c(heights.end));
    svg.tag("svg")
        .class("picture")
        .attr("viewBox", &view)
        .num("width", width)
        .num("height", heights.end)
        .attr("role", "img")
        .attr("aria-label", description)
        .attr("aria-describedby", &place.story())
        .open();
    faults(&mut svg, layout, &heights);
    lanes(&mut svg, layout, &heights);
    breaks(&mut svg, layout, &heights);
    for step in &layout.steps {
        stem(&mut svg, step, &heights);
    }
    arrow(&mut svg, layout, &heights);
    for placed in &layout.operations {
        bar(&mut svg, placed, place, &heights);
    }
    strip(&mut svg, layout, &heights);
    for step in &layout.steps {
        point(&mut svg, step, &heights);
    }
    axis(&mut svg, layout, &heights);
    svg.close("svg");
    svg
}

fn names(svg: &mut Markup, layout: &Layout<'_>, heights: &Heights) {
    let c = units::coordinate;
    svg.tag("svg")
        .class("names")
        .attr("viewBox", &format!("0 0 {} {}", c(NAMES_WIDTH), c(heights.end)))
        .num("width", NAMES_WIDTH)
        .num("height", heights.end)
        .attr("aria-hidden", "true")
        .open();
    let mut name = |y: f64, text: &str| {
        svg.tag("text").class("lane-name").at(0.0, y).text(text);
    };
    if !layout.faults.is_empty() {
        name(15.0, "faults");
    }
    for (row, process) in layout.rows.iter().enumerate() {
        name(heights.bar_middle(row) + 5.0, &format!("p{}", process.0));
    }
    name(heights.strip + 20.0, "state");
    if layout.axis.timed {
        name(heights.axis + 20.0, "time");
    }
    svg.close("svg");
}

fn faults(svg: &mut Markup, layout: &Layout<'_>, heights: &Heights) {
    if layout.faults.is_empty() {
        return;
    }
    for (index, fault) in layout.faults.iter().take(FAULTS_MAX).enumerate() {
        let Some((start, end)) = fault.in_force() else { continue };
        let x1 = layout.axis.of_time(start);
        let x2 = end.map_or(layout.axis.end, |end| layout.axis.of_time(end)).max(x1 + 3.0);
        let y = index as f64 * FAULT_HEIGHT;
        svg.tag("rect").class("fault-shade").frame(x1, y, x2 - x1, heights.axis - y).empty();
        svg.tag("g").class("fault").open();
        let (from, to) = (units::moment(start), end.map_or("the end".to_owned(), units::moment));
        let tip = format!("{} on {}: in force from {from} to {to}", fault.name, fault.aim());
        svg.tag("rect")
            .class("fault-bar")
            .frame(x1, y + 1.0, x2 - x1, FAULT_HEIGHT - 4.0)
            .tip(&tip);
        let label = escape::shorten(&format!("{} {}", fault.name, fault.aim()), 60);
        // A label that would leave the drawing on the right ends at its edge instead.
        let x = (x1 + 7.0).min(layout.width - text_width(&label)).max(NAMES_WIDTH);
        svg.tag("text").class("fault-label").at(x, y + 14.0).text(&label);
        svg.close("g");
    }
    if let Some(more) = layout.faults.len().checked_sub(FAULTS_MAX).filter(|more| *more > 0) {
        let text =
            format!("and {} more, see the fault table", units::counted(more as u64, "fault"));
        let y = FAULTS_MAX as f64 * FAULT_HEIGHT + 14.0;
        svg.tag("text").class("fault-label").at(NAMES_WIDTH + 7.0, y).text(&text);
    }
}

fn lanes(svg: &mut Markup, layout: &Layout<'_>, heights: &Heights) {
    for row in 0..layout.rows.len() {
        let middle = heights.bar_middle(row);
        svg.tag("line").class("lane").ends(NAMES_WIDTH, middle, layout.width, middle).empty();
    }
}

/// Two wavy edges across all rows, and what lies between them is left out.
fn breaks(svg: &mut Markup, layout: &Layout<'_>, heights: &Heights) {
    for gap in &layout.axis.breaks {
        // At its right end: labels grow into it from the left.
        let middle = gap.next - BREAK_MARGIN;
        svg.tag("g").class("break").open();
        let tip = format!("{} in which nothing shown here begins or ends", units::span(gap.lasts));
        let height = heights.strip - heights.rows;
        svg.tag("rect")
            .class("break-gap")
            .frame(middle - 5.0, heights.rows, 10.0, height)
            .tip(&tip);
        for x in [middle - 5.0, middle + 5.0] {
            let mut path = format!("M{} {}", units::coordinate(x), units::coordinate(heights.rows));
            let waves = (height / 12.0).floor() as usize;
            for wave in 0..waves {
                path.push_str(if wave % 2 == 0 { "l4 6l-4 6" } else { "l-4 6l4 6" });
            }
            svg.tag("path").class("break-edge").attr("d", &path).empty();
        }
        svg.close("g");
    }
}

/// The dotted line from a point down to the state that it leads to.
fn stem(svg: &mut Markup, step: &PlacedStep<'_>, heights: &Heights) {
    let top = heights.point(step.row);
    svg.tag("line").class("stem").ends(step.x, top, step.x, heights.strip).empty();
}

fn bar(svg: &mut Markup, placed: &Placed<'_>, place: Place<'_>, heights: &Heights) {
    let operation = placed.operation;
    let role = match placed.role {
        Role::Plain => "",
        Role::Blocked => " blocked",
        Role::Contradicted => " contradicted",
    };
    let open = if placed.open { " open" } else { "" };
    let number = operation.id.0.to_string();
    svg.tag("a")
        .class("op-link")
        .attr("href", &format!("#{}", place.operation(operation.id)))
        .attr("tabindex", "-1")
        .open();
    let class = format!("op {}{role}{open}", Kind::of(operation).word());
    svg.tag("g").class(&class).attr("data-op", &number).open();
    svg.element("title", "", &tip(placed));
    let y = heights.bar_top(placed.row);
    outline(svg, placed, y, heights.bar);
    let x = if placed.label_inside || placed.open { placed.x1 + 8.0 } else { placed.x2 + 7.0 };
    let class = if placed.label_inside || placed.open { "op-label" } else { "op-label outside" };
    svg.tag("text").class(class).at(x, heights.bar_middle(placed.row) + 4.0).text(&placed.label);
    if let Some((badge, x)) = &placed.badge {
        svg.tag("text").class("badge").at(*x, y - 5.0).text(badge);
    }
    svg.close("g").close("a");
}

/// The bar itself: closed, or open to the right with an arrow head for what may act at any later time.
fn outline(svg: &mut Markup, placed: &Placed<'_>, y: f64, height: f64) {
    let (x1, x2) = (placed.x1, placed.x2);
    if placed.open {
        let (near, tip, height) = (units::coordinate(x2 - 14.0), units::coordinate(x2), height);
        let (left, top) = (units::coordinate(x1), units::coordinate(y));
        let half = height / 2.0;
        let shape =
            format!("M{left} {top}H{near}L{tip} {}L{near} {}H{left}Z", y + half, y + height);
        svg.tag("path").class("bar").attr("d", &shape).empty();
        svg.tag("path").class("grain").attr("d", &shape).empty();
    } else {
        let width = (x2 - x1).max(4.0);
        svg.tag("rect").class("bar").frame(x1, y, width, height).num("rx", 3.0).empty();
        svg.tag("rect").class("grain").frame(x1, y, width, height).num("rx", 3.0).empty();
    }
}

fn tip(placed: &Placed<'_>) -> String {
    let operation = placed.operation;
    let what = operations::label(operation, TIP_CHARS_MAX);
    let mut parts = vec![format!("p{}: {what}", operation.process.0)];
    parts
        .extend(operation.node.as_ref().map(|node| format!("asked {}", escape::shorten(node, 40))));
    parts.extend(super::story::times(operation));
    parts.extend(placed.step.map(|step| format!("number {step} in the order found")));
    parts.extend(operation.error.as_ref().map(|error| escape::shorten(error, TIP_CHARS_MAX)));
    parts.join(", ")
}

/// From the end of the contradicted operation to the start of the blocked one: the real-time order that cannot hold.
fn arrow(svg: &mut Markup, layout: &Layout<'_>, heights: &Heights) {
    let (Some(from), Some(to)) =
        (layout.in_role(Role::Contradicted), layout.in_role(Role::Blocked))
    else {
        return;
    };
    let (y1, y2) = (heights.bar_middle(from.row), heights.bar_middle(to.row));
    // Overlapping operations are not ordered by time: the line then only says that they belong together.
    let x1 = if from.x2 <= to.x1 { from.x2 } else { from.x1 };
    let x2 = to.x1;
    let bend = ((x2 - x1) / 2.0).clamp(12.0, 60.0);
    let c = units::coordinate;
    let [x1, y1, x2, y2, b1, b2] = [c(x1), c(y1), c(x2), c(y2), c(x1 + bend), c(x2 - bend)];
    let path = format!("M{x1} {y1}C{b1} {y1} {b2} {y2} {x2} {y2}");
    svg.tag("path").class("conflict").attr("d", &path).attr("marker-end", "url(#head)").empty();
}

fn strip(svg: &mut Markup, layout: &Layout<'_>, heights: &Heights) {
    let first = layout.steps.first().map_or(layout.axis.end, |step| step.x);
    state(
        svg,
        heights.strip,
        (NAMES_WIDTH, first),
        &layout.initial_state,
        "at the start",
        "state start",
    );
    for (index, step) in layout.steps.iter().enumerate() {
        let end = layout.steps.get(index + 1).map_or(layout.axis.end, |next| next.x);
        let tip = format!("after {}: {}", step.number, escape::shorten(step.state, TIP_CHARS_MAX));
        let class = if index % 2 == 0 { "state even" } else { "state" };
        state(svg, heights.strip, (step.x, end), &step.short, &tip, class);
    }
}

fn state(svg: &mut Markup, y: f64, (x1, x2): (f64, f64), text: &str, tip: &str, class: &str) {
    svg.tag("g").class(class).open();
    svg.tag("rect").frame(x1, y, (x2 - x1).max(1.0), STRIP_HEIGHT).tip(tip);
    svg.tag("text").at(x1 + 7.0, y + 20.0).text(text);
    svg.close("g");
}

fn point(svg: &mut Markup, step: &PlacedStep<'_>, heights: &Heights) {
    let y = heights.point(step.row);
    svg.tag("g").class("point").open();
    svg.tag("circle").num("cx", step.x).num("cy", y).num("r", POINT_RADIUS).empty();
    svg.tag("text")
        .at(step.x, y + 3.6)
        .attr("text-anchor", "middle")
        .text(&step.number.to_string());
    svg.close("g");
}

/// Ticks at the ends of operations. The first one, and the first after each break, is a moment of
/// the run; the others are relative to it.
fn axis(svg: &mut Markup, layout: &Layout<'_>, heights: &Heights) {
    let y = heights.axis;
    svg.tag("line").class("axis").ends(NAMES_WIDTH, y, layout.width, y).empty();
    if !layout.axis.timed {
        let note = "the history carries no times: only the order of events is drawn";
        svg.tag("text").class("tick-label").at(NAMES_WIDTH, y + 20.0).text(note);
        return;
    }
    for tick in ticks(layout) {
        let length = if tick.label.is_some() { 10.0 } else { 5.0 };
        svg.tag("line").class("tick").ends(tick.x, y, tick.x, y + length).empty();
        if let Some(label) = tick.label {
            let class = if tick.base { "tick-label base" } else { "tick-label" };
            svg.tag("text").class(class).at(tick.x, y + 22.0).text(&label);
        }
    }
}

/// A mark on the time axis; the label is left out where there is no room for it.
struct Tick {
    x: f64,
    base: bool,
    label: Option<String>,
}

fn ticks(layout: &Layout<'_>) -> Vec<Tick> {
    let points = &layout.axis.points;
    let after_break = |x: f64| layout.axis.breaks.iter().any(|gap| (gap.next - x).abs() < 0.1);
    let is_base: Vec<bool> = points
        .iter()
        .enumerate()
        .map(|(index, point)| index == 0 || after_break(point.x))
        .collect();
    let mut ticks: Vec<Tick> = Vec::with_capacity(points.len());
    let (mut base, mut free_from) = (0, 0.0);
    for (index, point) in points.iter().enumerate() {
        let label = if is_base[index] {
            base = point.time;
            units::moment(point.time)
        } else {
            format!("+{}", units::span(point.time - base))
        };
        let end = point.x + text_width(&label);
        // Moments of the run come first: what stands before one must leave it its room.
        let next_base =
            (index + 1..points.len()).find(|next| is_base[*next]).map(|next| points[next].x);
        let fits =
            is_base[index] || (point.x >= free_from && next_base.is_none_or(|next| end < next));
        let label = (fits && end <= layout.width).then_some(label);
        if label.is_some() {
            free_from = end + 10.0;
        }
        ticks.push(Tick { x: point.x, base: is_base[index], label });
    }
    ticks
}
