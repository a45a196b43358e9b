//! The matrix itself: a line for each bug and backend, by family.

use std::fmt::Write as _;

use super::backend_name;
use super::scale::Scale;
use crate::bugs::example::Small;
use crate::bugs::hunt::Example;
use crate::bugs::matrix::{Matrix, ORACLES, Row, Said, Sight, figure, interval, link, share};
use crate::bugs::statistics::Median;
use crate::report::markup::Markup;
use crate::report::{escape, units};

const COMMAND_CHARS_MAX: usize = 1_000;
/// Shades of a cell.
const SHADES: u64 = 5;
/// Oracles of a kind that a cell names.
const NAMES_MAX: usize = 2;

/// What all lines have in common.
struct Frame {
    scale: Scale,
    backends: Vec<&'static str>,
    oracles: &'static [&'static str],
}

impl Frame {
    fn columns(&self) -> usize {
        // Bug, backend if there is a choice; time, effort, needs, example.
        self.oracles.len() + 5 + usize::from(self.has_backends())
    }

    fn has_backends(&self) -> bool {
        self.backends.len() > 1
    }
}

/// The section.
pub(super) fn section(matrix: &Matrix) -> Markup {
    let mut out = Markup::new();
    if matrix.rows.is_empty() {
        return out;
    }
    let oracles = if matrix.has_other_oracles() { &ORACLES[..] } else { &ORACLES[..4] };
    let frame = Frame { scale: Scale::of(matrix), backends: matrix.backends(), oracles };
    out.raw("<section id=\"matrix\" aria-labelledby=\"matrix-title\"><h2 id=\"matrix-title\">Matrix</h2><p class=\"under\">In how many of its catches each oracle saw a bug; the median until a catch, with its 95 % confidence interval; and what is left of one catch when everything is taken away that can be spared.</p>");
    out.raw("<p class=\"legend\"><span><i class=\"key seen-5\"></i>seen in all catches</span><span><i class=\"key seen-1\"></i>in few</span><span><b>◆</b> saw it first, most often</span><span><svg width=\"34\" height=\"12\" aria-hidden=\"true\"><line class=\"whisker\" x1=\"1\" y1=\"6\" x2=\"33\" y2=\"6\"/><circle class=\"dot\" cx=\"14\" cy=\"6\" r=\"4\"/></svg>median and interval, logarithmic</span></p>");
    out.raw("<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-labelledby=\"matrix-title\"><table class=\"kills\">");
    head(&mut out, &frame);
    let mut family = "";
    for row in &matrix.rows {
        if row.family != family {
            out.raw(if family.is_empty() { "<tbody>" } else { "</tbody><tbody>" });
            family = row.family;
            out.raw("<tr class=\"family\">");
            let heading = out.tag("th").attr("colspan", &frame.columns().to_string());
            heading.attr("scope", "rowgroup").text(&escape::sentence(family).replace('.', ""));
            out.raw("</tr>");
        }
        lines(&mut out, row, &frame);
    }
    out.raw("</tbody></table></div></section>");
    out
}

fn head(out: &mut Markup, frame: &Frame) {
    out.raw("<thead><tr><th scope=\"col\">Bug</th>");
    if frame.has_backends() {
        out.raw("<th scope=\"col\">Backend</th>");
    }
    for oracle in frame.oracles {
        out.tag("th").attr("scope", "col").class("oracle").text(oracle_name(oracle));
    }
    out.raw("<th scope=\"col\" class=\"time\">Seconds until a catch<br>");
    frame.scale.axis(out);
    out.raw("</th><th scope=\"col\" class=\"num\">Runs,<br>operations</th><th scope=\"col\">Needs</th><th scope=\"col\">Smallest run</th></tr></thead>");
}

fn oracle_name(oracle: &str) -> &'static str {
    match oracle {
        "linearizability" => "Linearizability",
        "invariant" => "Invariants",
        "liveness" => "Liveness",
        "crash" => "Crash",
        _ => "Other checks",
    }
}

/// A line for each backend that hunted a bug, and one for processes that cannot.
fn lines(out: &mut Markup, row: &Row, frame: &Frame) {
    let all: Vec<(&'static str, Option<&Said>)> = frame
        .backends
        .iter()
        .map(|backend| (*backend, row.said(backend)))
        .filter(|(backend, said)| said.is_some() || is_out_of_reach(row, backend))
        .collect();
    for (place, (backend, said)) in all.iter().enumerate() {
        out.raw(if place == 0 { "<tr>" } else { "<tr class=\"further\">" });
        if place == 0 {
            bug(out, row, all.len());
        }
        if frame.has_backends() {
            out.tag("td").class("backend").text(backend_name(backend));
        }
        match said {
            Some(said) if said.caught => caught(out, said, frame),
            Some(said) => missed(out, row, backend, said, frame),
            None => {
                let why = row.out_of_reach.as_deref().unwrap_or_default();
                nothing(out, "dim", &format!("Out of reach: {why}."), frame);
            }
        }
        out.raw("</tr>");
    }
}

fn is_out_of_reach(row: &Row, backend: &str) -> bool {
    backend == "process" && row.out_of_reach.is_some()
}

fn bug(out: &mut Markup, row: &Row, lines: usize) {
    let tip = format!("To be seen: {}. Origin: {}.", row.visible, row.origin);
    out.tag("th")
        .attr("scope", "row")
        .attr("id", row.name)
        .attr("rowspan", &lines.to_string())
        .attr("title", &tip)
        .open();
    out.element("span", "bug-id", row.id).raw(" ").element("span", "bug-name", row.name);
    out.raw(" ").element("span", "bug-class", row.class);
    out.element("div", "says", &escape::sentence(row.summary)).raw("</th>");
}

fn missed(out: &mut Markup, row: &Row, backend: &str, said: &Said, frame: &Frame) {
    if is_out_of_reach(row, backend) {
        let why = row.out_of_reach.as_deref().unwrap_or_default();
        nothing(out, "dim", &format!("Tried, but out of reach: {why}."), frame);
        return;
    }
    let why = said.why_not.as_ref().map_or("", |why| why.words.as_str());
    nothing(out, "missed", &format!("✕ Not caught; {why}."), frame);
}

/// One cell for all columns.
fn nothing(out: &mut Markup, class: &str, words: &str, frame: &Frame) {
    let columns = (frame.oracles.len() + 4).to_string();
    out.tag("td").attr("colspan", &columns).class(class).text(words);
}

fn caught(out: &mut Markup, said: &Said, frame: &Frame) {
    for oracle in frame.oracles {
        sight(out, &said.sight(oracle), said.is_first(oracle), oracle);
    }
    out.raw("<td class=\"time\">");
    if let Some(seconds) = said.seconds {
        frame.scale.draw(out, seconds);
        let words = format!("{} s ({})", figure(seconds.value), interval(seconds));
        out.element("div", "figure", &words);
    }
    out.raw("</td><td class=\"num\">");
    for (median, what) in [(said.runs, "runs"), (said.operations, "operations")] {
        let Some(median) = median else { continue };
        let Median { value, .. } = median;
        let tip = format!("{} {what} ({})", figure(value), interval(median));
        out.tag("div").attr("title", &tip).text(&figure(value));
    }
    out.raw("</td><td class=\"needs\">");
    needs(out, said);
    out.raw("</td><td class=\"shows\">");
    if let Some(it) = &said.hunt.example {
        example(out, it, said.hunt.directed);
    }
    out.raw("</td>");
}

/// One oracle: how often it saw the bug, by shade and in figures, and whether it was the first.
fn sight(out: &mut Markup, sight: &Sight, is_first: bool, oracle: &str) {
    let Sight { seen, first, catches, names } = sight;
    if *seen == 0 {
        out.tag("td").class("oracle none").attr("data-label", oracle_name(oracle)).text("–");
        return;
    }
    let shade = (seen * SHADES).div_ceil((*catches).max(1)).clamp(1, SHADES);
    let mut tip = format!("saw it in {seen} of {catches} catches, first in {first}");
    for (name, count) in names.iter().filter(|(name, _)| name.contains(' ')) {
        let _ = write!(tip, "; {name}: {count}");
    }
    out.tag("td")
        .class(&format!("oracle seen-{shade}"))
        .attr("data-label", oracle_name(oracle))
        .attr("title", &tip)
        .open();
    out.raw(if is_first { "<b>◆ " } else { "" }).text(&share(*seen, *catches));
    out.raw(if is_first { "</b>" } else { "" });
    let named: Vec<&str> =
        names.iter().filter_map(|(name, _)| Some(name.split_once(' ')?.1)).collect();
    for name in named.iter().take(NAMES_MAX) {
        out.element("div", "which", name);
    }
    if let Some(more @ 1..) = named.len().checked_sub(NAMES_MAX) {
        out.element("div", "which", &format!("and {more} more"));
    }
    out.raw("</td>");
}

/// What is left in the small run.
fn needs(out: &mut Markup, said: &Said) {
    let small = said.hunt.example.as_ref().and_then(|example| example.small.as_ref());
    let Some(small) = small.filter(|small| small.after.is_some()) else { return };
    if !small.minimal && !small.needs.is_empty() {
        out.element("span", "dim", "at most ");
    }
    if small.needs.faults.is_empty() {
        out.element("span", "dim", "no fault");
    }
    for fault in &small.needs.faults {
        out.element("span", "need", fault).raw(" ");
    }
    if !small.minimal {
        // Settings are tried last: most of these would be spared.
        return;
    }
    for condition in &small.needs.conditions {
        out.element("div", "which", condition);
    }
}

fn example(out: &mut Markup, example: &Example, directed: bool) {
    let Example { seed, command, folder, small, .. } = example;
    if let Some(small) = small {
        size(out, small);
    }
    if let Some(folder) = folder {
        out.tag("a").attr("href", &link(folder)).text("run folder").raw(" ");
    }
    out.raw("<details><summary>").text(&format!("seed {seed}"));
    out.raw(if directed { ", directed" } else { "" }).raw("</summary>");
    out.element("code", "command", &escape::cut(command, COMMAND_CHARS_MAX)).raw("</details>");
}

fn size(out: &mut Markup, small: &Small) {
    let Small { file, before, after, tries, .. } = small;
    let size = after.unwrap_or(*before);
    let of = |size: &crate::sim::Size| {
        format!(
            "{}, {}, {}, {}, {}",
            units::counted(size.nodes as u64, "node"),
            units::counted(size.faults as u64, "fault"),
            units::counted(size.clients as u64, "client"),
            units::counted(size.operations as u64, "operation"),
            units::span(size.time)
        )
    };
    let tip = match after {
        Some(after) => format!("{} -> {}; {tries} tries", of(before), of(after)),
        None => format!("{}; could not be made smaller", of(before)),
    };
    let words = format!(
        "{}, {}",
        units::counted(size.operations as u64, "operation"),
        units::counted(size.nodes as u64, "node")
    );
    out.tag("a").attr("href", &link(file)).attr("title", &tip).text(&words);
}
