//! The whole run over time: what clients got, node by node, and which faults were in force.
//!
//! ```text
//! operations  ▂▃▅▅▂__▁▃▅▅▅▅▃   stacked by outcome, one bar a slice of time
//! n1          ▂▂▂▂________▂▂   the same by the node that was asked
//! kill-one         [==]        dashed: planned; full: in force, by its receipts
//! ```

mod buckets;

use std::collections::BTreeMap;

use rashomon_checker::history::Operation;

use super::fault_life::{FaultLife, FaultState};
use super::markup::Markup;
use super::operations::{Kind, natural_order};
use super::{Run, escape, units};
use buckets::{Buckets, Counts};

const WIDTH: f64 = 1128.0;
const LEFT: f64 = 208.0;
const RIGHT: f64 = 12.0;
const TOP: f64 = 22.0;
const HISTOGRAM_HEIGHT: f64 = 116.0;
const NODE_HEIGHT: f64 = 22.0;
const FAULT_HEIGHT: f64 = 22.0;
const GAP: f64 = 14.0;
const NODES_TOP: f64 = TOP + HISTOGRAM_HEIGHT + GAP;
const AXIS_HEIGHT: f64 = 28.0;
/// Nodes and fault lanes drawn at most.
const LANES_MAX: usize = 24;
/// Faults drawn at most; the table below has them too.
const FAULTS_MAX: usize = 400;
const TIP_CHARS_MAX: usize = 400;
const SECOND: u64 = 1_000_000_000;

/// The section.
pub(super) fn section(run: &Run<'_>) -> Markup {
    let mut out = Markup::new();
    out.raw("<section id=\"timeline\" aria-labelledby=\"timeline-title\"><h2 id=\"timeline-title\">The run over time</h2>");
    let scene = Scene::new(run);
    if scene.end == 0 {
        out.raw("<p>Nothing with a time was recorded.</p></section>");
        return out;
    }
    let slice = units::span(scene.all.width);
    out.element(
        "p",
        "under",
        &format!("Operations by outcome in slices of {slice}, and the faults in force."),
    );
    out.raw("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Timeline, drawn\">");
    out.add(&scene.draw());
    out.raw("</div>");
    legend(&mut out);
    table(&mut out, &scene);
    out.raw("</section>");
    out
}

/// A lane of faults: one name, no two at the same time.
struct Lane<'a> {
    name: &'a str,
    faults: Vec<&'a FaultLife>,
    /// When the last of them ends.
    busy_until: u64,
}

/// Everything that is drawn.
struct Scene<'a> {
    end: u64,
    all: Buckets,
    by_node: Vec<(&'a str, Buckets)>,
    lanes: Vec<Lane<'a>>,
    faults: &'a [FaultLife],
    load_end: u64,
    failure: Option<u64>,
}

impl<'a> Scene<'a> {
    fn new(run: &'a Run<'_>) -> Self {
        let operations = &run.paired.operations;
        let faults = &run.faults[..run.faults.len().min(FAULTS_MAX)];
        let end = end_of(operations, faults);
        let mut by_node: BTreeMap<_, Vec<&Operation>> = BTreeMap::new();
        for operation in operations {
            if let Some(node) = &operation.node {
                by_node.entry(natural_order(node)).or_default().push(operation);
            }
        }
        let by_node = by_node
            .into_iter()
            .take(LANES_MAX)
            .map(|((_, _, node), asked)| (node, Buckets::new(asked.into_iter(), end)))
            .collect();
        Self {
            end,
            all: Buckets::new(operations.iter(), end),
            by_node,
            lanes: lanes(faults, end),
            faults,
            load_end: (run.plan.time_limit_s * SECOND as f64) as u64,
            failure: run.failure_time(),
        }
    }

    fn x(&self, time: u64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * (time.min(self.end) as f64 / self.end as f64)
    }

    fn faults_top(&self) -> f64 {
        let gap = if self.by_node.is_empty() { 0.0 } else { GAP };
        NODES_TOP + self.by_node.len() as f64 * NODE_HEIGHT + gap
    }

    fn axis_top(&self) -> f64 {
        self.faults_top() + self.lanes.len() as f64 * FAULT_HEIGHT + 6.0
    }

    fn draw(&self) -> Markup {
        let height = self.axis_top() + AXIS_HEIGHT;
        let view = format!("0 0 {} {}", units::coordinate(WIDTH), units::coordinate(height));
        let mut svg = Markup::new();
        svg.tag("svg")
            .class("timeline")
            .attr("viewBox", &view)
            .num("width", WIDTH)
            .num("height", height)
            .attr("role", "img")
            .attr("aria-label", "Operations by outcome over time with the faults in force; the tables below tell the same")
            .open();
        self.shades(&mut svg);
        self.histogram(&mut svg);
        self.nodes(&mut svg);
        for (row, lane) in self.lanes.iter().enumerate() {
            self.lane(&mut svg, lane, self.faults_top() + row as f64 * FAULT_HEIGHT);
        }
        self.axis(&mut svg);
        self.marks(&mut svg);
        svg.close("svg");
        svg
    }

    /// The times of all faults behind everything, so that what they did can be seen.
    fn shades(&self, svg: &mut Markup) {
        for fault in self.faults {
            let Some((start, end)) = fault.in_force() else { continue };
            let (x1, x2) = (self.x(start), self.x(end.unwrap_or(self.end)));
            svg.tag("rect")
                .class("fault-shade")
                .frame(x1, TOP, (x2 - x1).max(1.0), self.axis_top() - TOP)
                .empty();
        }
    }

    fn histogram(&self, svg: &mut Markup) {
        let highest = self.all.highest();
        let base = TOP + HISTOGRAM_HEIGHT;
        svg.tag("text").class("lane-name").at(0.0, TOP + 14.0).text("operations");
        svg.tag("text")
            .class("tick-label")
            .at(0.0, TOP + 32.0)
            .text(&format!("up to {} a slice", units::count(highest)));
        svg.tag("line").class("lane").ends(LEFT, base, WIDTH - RIGHT, base).empty();
        self.stack(svg, &self.all, base, HISTOGRAM_HEIGHT, highest);
        self.tips(svg);
    }

    fn nodes(&self, svg: &mut Markup) {
        let highest = self.by_node.iter().map(|(_, buckets)| buckets.highest()).max().unwrap_or(0);
        for (row, (node, buckets)) in self.by_node.iter().enumerate() {
            let base = NODES_TOP + (row + 1) as f64 * NODE_HEIGHT;
            let name = format!("asked {}", escape::shorten(node, 16));
            svg.tag("text").class("lane-name small").at(0.0, base - 4.0).text(&name);
            svg.tag("line").class("lane").ends(LEFT, base, WIDTH - RIGHT, base).empty();
            self.stack(svg, buckets, base, NODE_HEIGHT - 4.0, highest);
        }
    }

    /// One path an outcome: a run of any length costs a few thousand bytes.
    fn stack(&self, svg: &mut Markup, buckets: &Buckets, base: f64, height: f64, highest: u64) {
        if highest == 0 {
            return;
        }
        let unit = height / highest as f64;
        for (place, kind) in Kind::ALL.into_iter().enumerate() {
            let mut path = String::new();
            for (slice, counts) in buckets.counts.iter().enumerate() {
                if counts[place] == 0 {
                    continue;
                }
                let (x1, x2) = self.slice(buckets, slice);
                let below: u64 = counts[..place].iter().sum();
                // A lone failure must stay visible next to hundreds of successes.
                let tall = (counts[place] as f64 * unit).max(1.5);
                let y = base - below as f64 * unit - tall;
                let c = units::coordinate;
                let wide = c(x2 - x1);
                path.extend(["M", &c(x1), " ", &c(y), "h", &wide, "v", &c(tall), "h-", &wide, "z"]);
            }
            if !path.is_empty() {
                svg.tag("path").class(&format!("stack {}", kind.word())).attr("d", &path).empty();
            }
        }
    }

    fn slice(&self, buckets: &Buckets, slice: usize) -> (f64, f64) {
        let start = slice as u64 * buckets.width;
        let x1 = self.x(start);
        let gap = if buckets.counts.len() > 60 { 0.5 } else { 1.0 };
        (x1, (self.x(start.saturating_add(buckets.width)) - gap).max(x1 + 0.5))
    }

    fn tips(&self, svg: &mut Markup) {
        for (slice, counts) in self.all.counts.iter().enumerate() {
            let (x1, x2) = self.slice(&self.all, slice);
            let tip = format!(
                "{}: {}",
                units::moment_short(slice as u64 * self.all.width),
                in_words(*counts)
            );
            svg.tag("rect").class("hover").frame(x1, TOP, x2 - x1, HISTOGRAM_HEIGHT).tip(&tip);
        }
    }

    fn lane(&self, svg: &mut Markup, lane: &Lane<'_>, y: f64) {
        let middle = y + FAULT_HEIGHT / 2.0;
        svg.tag("text")
            .class("lane-name small")
            .at(0.0, middle + 4.0)
            .text(&escape::shorten(lane.name, 28));
        svg.tag("line").class("lane").ends(LEFT, middle, WIDTH - RIGHT, middle).empty();
        for fault in &lane.faults {
            self.fault(svg, fault, y);
        }
    }

    fn fault(&self, svg: &mut Markup, fault: &FaultLife, y: f64) {
        let tall = FAULT_HEIGHT - 6.0;
        let state = fault.state();
        svg.tag("g").class(&format!("fault {}", state.word())).open();
        svg.element("title", "", &tip(fault));
        if let Some(planned) = fault.planned {
            let (x1, x2) = (self.x(planned), self.x(planned.saturating_add(fault.duration)));
            svg.tag("rect")
                .class("fault-plan")
                .frame(x1, y + 3.0, (x2 - x1).max(2.0), tall)
                .empty();
        }
        if let Some((start, end)) = fault.in_force() {
            let (x1, x2) = (self.x(start), self.x(end.unwrap_or(self.end)));
            svg.tag("rect").class("fault-bar").frame(x1, y + 3.0, (x2 - x1).max(3.0), tall).empty();
            let mark = if state == FaultState::NotHealed { "! " } else { "" };
            let label = format!("{mark}{}", fault.aim());
            if x2 - x1 > label.chars().count() as f64 * 6.8 + 8.0 {
                svg.tag("text").class("fault-label").at(x1 + 5.0, y + 15.0).text(&label);
            }
        } else if let Some(mark) = &fault.not_installed {
            svg.tag("text").class("fault-miss").at(self.x(mark.time) - 2.0, y + 15.5).text("✕");
        }
        svg.close("g");
    }

    fn axis(&self, svg: &mut Markup) {
        let y = self.axis_top();
        svg.tag("line").class("axis").ends(LEFT, y, WIDTH - RIGHT, y).empty();
        let step = tick(self.end);
        let mut time = 0;
        while time <= self.end {
            let x = self.x(time);
            svg.tag("line").class("tick").ends(x, y, x, y + 5.0).empty();
            let label = format!("{} s", units::plain(time as f64 / SECOND as f64));
            let anchor = if x > WIDTH - 40.0 { "end" } else { "middle" };
            svg.tag("text")
                .class("tick-label")
                .at(x, y + 19.0)
                .attr("text-anchor", anchor)
                .text(&label);
            time += step;
        }
    }

    /// The end of the load, and the moment of the violation.
    fn marks(&self, svg: &mut Markup) {
        let bottom = self.axis_top();
        if self.load_end > 0 && self.load_end < self.end {
            let x = self.x(self.load_end);
            svg.tag("line").class("load-end").ends(x, TOP - 6.0, x, bottom).empty();
            svg.tag("text")
                .class("tick-label")
                .at(x - 4.0, TOP - 8.0)
                .attr("text-anchor", "end")
                .text("load ends");
        }
        if let Some(time) = self.failure {
            let x = self.x(time);
            svg.tag("line").class("failure").ends(x, TOP - 6.0, x, bottom).empty();
            let anchor = if x > WIDTH - 160.0 { "end" } else { "start" };
            let text = format!("✕ violation, {}", units::moment_short(time));
            svg.tag("text")
                .class("failure-label")
                .at(x, TOP - 8.0)
                .attr("text-anchor", anchor)
                .text(&text);
        }
    }
}

/// Distance of the marks on the axis: at most about twelve, and round.
fn tick(end: u64) -> u64 {
    let mut step = SECOND / 1_000;
    let mut factors = [2, 5, 10].into_iter().cycle();
    let mut decade = step;
    while end / step > 12 {
        let factor = factors.next().unwrap_or(10);
        step = decade.saturating_mul(factor);
        if factor == 10 {
            decade = step;
        }
    }
    step
}

fn end_of(operations: &[Operation], faults: &[FaultLife]) -> u64 {
    let known = operations.iter().flat_map(|operation| [operation.call_time, operation.ret_time]);
    let marks = faults.iter().flat_map(|fault| {
        [&fault.installed, &fault.not_installed, &fault.healed, &fault.not_healed]
            .map(|mark| mark.as_ref().map(|mark| mark.time))
    });
    known.chain(marks).flatten().max().unwrap_or(0)
}

/// One lane a name, a second one where faults of a name overlap.
fn lanes(faults: &[FaultLife], end: u64) -> Vec<Lane<'_>> {
    let mut lanes: Vec<Lane<'_>> = Vec::new();
    for fault in faults {
        let start = fault.first_time();
        let planned_end = fault.planned.map_or(0, |planned| planned.saturating_add(fault.duration));
        let real_end = fault.in_force().map_or(start, |(_, end_of)| end_of.unwrap_or(end));
        let until = planned_end.max(real_end);
        let free = |lane: &&mut Lane<'_>| lane.name == fault.name && lane.busy_until <= start;
        if let Some(lane) = lanes.iter_mut().find(free) {
            lane.faults.push(fault);
            lane.busy_until = until;
        } else {
            lanes.push(Lane { name: &fault.name, faults: vec![fault], busy_until: until });
        }
    }
    lanes.sort_by_key(|lane| lane.name);
    lanes.truncate(LANES_MAX);
    lanes
}

fn tip(fault: &FaultLife) -> String {
    let mut tip =
        format!("{} on {}, {}", fault.name, fault.aim(), fault.state().word().replace('-', " "));
    let marks = [
        ("installed", &fault.installed),
        ("not installed", &fault.not_installed),
        ("healed", &fault.healed),
        ("not healed", &fault.not_healed),
    ];
    for (word, mark) in marks {
        if let Some(mark) = mark {
            let evidence = mark.evidence.as_deref().unwrap_or("no receipt");
            let evidence = escape::shorten(evidence, TIP_CHARS_MAX);
            tip.extend(["\n", word, " at ", &units::moment(mark.time), ": ", &evidence]);
        }
    }
    tip
}

fn in_words(counts: Counts) -> String {
    let words: Vec<String> = Kind::ALL
        .into_iter()
        .zip(counts)
        .map(|(kind, count)| format!("{} {}", units::count(count), kind.word()))
        .collect();
    words.join(", ")
}

fn legend(out: &mut Markup) {
    out.raw(
        "<div class=\"legend\"><span><span class=\"stack-key ok key\"></span> ok, at the bottom</span>\
         <span><span class=\"stack-key fail key\"></span> fail</span>\
         <span><span class=\"stack-key info key\"></span> info, on top, when it was given up</span>\
         <span><span class=\"plan-key key\"></span> planned</span>\
         <span><span class=\"force-key key\"></span> in force, by its receipts</span>\
         <span>✕ tried without effect</span></div>",
    );
}

/// The numbers behind the bars.
fn table(out: &mut Markup, scene: &Scene<'_>) {
    out.raw(
        "<details class=\"numbers\"><summary>The numbers behind the bars</summary><div class=\"scroll\" tabindex=\"0\" \
         role=\"region\" aria-label=\"Operations by slice of time\"><table><thead><tr><th scope=\"col\">from</th>\
         <th scope=\"col\">ok</th><th scope=\"col\">fail</th><th scope=\"col\">info</th>\
         <th scope=\"col\">faults in force</th></tr></thead><tbody>",
    );
    for (slice, counts) in scene.all.counts.iter().enumerate() {
        let start = slice as u64 * scene.all.width;
        out.raw("<tr>").tag("th").attr("scope", "row").text(&units::moment_short(start));
        for count in counts {
            out.element("td", "num", &units::count(*count));
        }
        let last = start.saturating_add(scene.all.width).saturating_sub(1);
        let names: Vec<String> = scene
            .faults
            .iter()
            .filter(|fault| fault.overlaps(start, last))
            .map(|fault| format!("{} {}", fault.name, fault.aim()))
            .collect();
        out.element("td", "", &escape::cut(&names.join(", "), 300)).raw("</tr>");
    }
    out.raw("</tbody></table></div></details>");
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_are_round_and_few() {
        for (end_ms, step_ms) in [
            (1, 1),
            (20_000, 2_000),
            (24_600, 2_000),
            (26_000, 5_000),
            (60_000, 5_000),
            (130_000, 20_000),
        ] {
            assert_eq!(tick(end_ms * 1_000_000), step_ms * 1_000_000, "{end_ms}");
        }
    }

    #[test]
    fn faults_of_a_name_share_a_lane_until_they_overlap() {
        let life = |planned: u64, name: &str| FaultLife {
            name: name.to_owned(),
            planned: Some(planned),
            duration: 10,
            ..FaultLife::default()
        };
        let faults = [life(0, "pause"), life(5, "pause"), life(8, "kill"), life(10, "pause")];
        let lanes = lanes(&faults, 100);
        let shape: Vec<_> = lanes.iter().map(|lane| (lane.name, lane.faults.len())).collect();
        assert_eq!(shape, [("kill", 1), ("pause", 2), ("pause", 1)]);
    }
}
