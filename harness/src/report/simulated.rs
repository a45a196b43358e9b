//! The page of a simulated run that failed: what was found, how it came to that, and the schedule that shows it again.
//!
//! A pure function of the run and its story, with the style, script and rules of all pages.

use rashomon_checker::check::{CheckReport, Validity};

use super::counterexample::{self, Place};
use super::markup::Markup;
use super::{escape, header, page, sequence, units};
use crate::sim::{Finding, Outcome, Size, Story};

const FRAME: &str = include_str!("simulated.html");
/// Findings that are told.
const FINDINGS_MAX: usize = 20;
const WHAT_CHARS_MAX: usize = 1_000;
const SCHEDULE_CHARS_MAX: usize = 100_000;

/// What the page is about.
#[derive(Debug, Clone, Copy)]
pub struct Simulated<'a> {
    /// The run.
    pub outcome: &'a Outcome,
    /// How large it was before it was made smaller.
    pub before: Size,
    /// What the checker says of the history, if it was asked.
    pub report: Option<&'a CheckReport>,
    /// How it came to the first finding.
    pub story: &'a Story,
    /// How to see it again.
    pub command: &'a str,
}

/// The whole page. Deterministic.
pub fn render(run: &Simulated<'_>) -> String {
    let face = header::face(Validity::Invalid);
    page::fill(FRAME, |out, name| {
        match name {
            "verb" => out.raw("sim"),
            "point" => out.raw("finding"),
            "data" => out,
            "title" => out.text(&format!("Seed {}: {}", run.outcome.plan.seed, first(run).0)),
            "icon" => out.text(face.icon),
            "subtitle" => out.text(&format!("simulated, seed {}", run.outcome.plan.seed)),
            "navigation" => out.add(&navigation(run)),
            "banner" => out.add(&banner(run)),
            "findings" => out.add(&findings(run)),
            "counterexample" => out.add(&seen(run)),
            "sequence" => out.add(&story(run)),
            "schedule" => out.add(&schedule(run)),
            "footer" => out.raw(concat!("rashomon ", env!("CARGO_PKG_VERSION"))),
            unknown => unreachable!("simulated.html names a part that does not exist: {unknown}"),
        };
    })
}

/// The first finding: by whom, and what.
fn first(run: &Simulated<'_>) -> (String, String) {
    run.outcome.findings.first().map_or_else(
        || ("nothing found".to_owned(), String::new()),
        |Finding { oracle, what, .. }| (oracle.to_string(), escape::cut(what, WHAT_CHARS_MAX)),
    )
}

fn banner(run: &Simulated<'_>) -> Markup {
    let mut out = Markup::new();
    header::open_banner(&mut out, Validity::Invalid, "FOUND");
    let (oracle, what) = first(run);
    out.element("p", "sentence", &escape::sentence(&format!("{oracle}: {what}")));
    let bugs = &run.outcome.plan.bugs;
    if !bugs.is_empty() {
        out.element("p", "bugs", &format!("Built-in bugs that were on: {}.", bugs.join(", ")));
    }
    out.raw("<ul class=\"figures\">");
    let (before, after) = (run.before, Size::of(run.outcome));
    for (before, after, what) in [
        (before.nodes, after.nodes, "nodes"),
        (before.faults, after.faults, "faults"),
        (before.clients, after.clients, "clients"),
        (before.operations, after.operations, "operations"),
    ] {
        figure(&mut out, &units::count(before as u64), &units::count(after as u64), what);
    }
    figure(&mut out, &units::span(before.time), &units::span(after.time), "of virtual time");
    out.raw("</ul></div></section>");
    out
}

fn figure(out: &mut Markup, before: &str, after: &str, what: &'static str) {
    out.raw("<li>");
    if before != after {
        out.text(before).raw(" → ");
    }
    out.element("b", "", after).raw(" ").raw(what).raw("</li>");
}

fn findings(run: &Simulated<'_>) -> Markup {
    let mut out = Markup::new();
    let findings = &run.outcome.findings;
    out.raw("<section id=\"findings\"><h2>Findings</h2><ol class=\"reasons\">");
    for Finding { oracle, at, what } in findings.iter().take(FINDINGS_MAX) {
        out.raw("<li>").element("b", "", &oracle.to_string()).raw(" <span class=\"dim\">at ");
        out.text(&units::moment(*at)).raw("</span>: ");
        out.text(&escape::sentence(&escape::cut(what, WHAT_CHARS_MAX))).raw("</li>");
    }
    out.raw("</ol>");
    if let Some(left @ 1..) = findings.len().checked_sub(FINDINGS_MAX) {
        out.element("p", "under", &format!("and {left} more"));
    }
    out.raw("</section>");
    out
}

/// What clients saw that cannot be.
fn seen(run: &Simulated<'_>) -> Markup {
    let mut out = Markup::new();
    let Some(report) = run.report else { return out };
    let Some(example) = &report.counterexample else { return out };
    out.raw("<section id=\"counterexample\"><h2>What clients saw</h2>");
    let place = Place { anchors: "", operations: report.operations };
    counterexample::body(&mut out, example, place, &[]);
    out.raw("</section>");
    out
}

fn navigation(run: &Simulated<'_>) -> Markup {
    let has_example = run.report.is_some_and(|report| report.counterexample.is_some());
    let mut out = Markup::new();
    for (there, target, name) in [
        (true, "findings", "Findings"),
        (has_example, "counterexample", "Counterexample"),
        (true, "sequence", "Sequence"),
        (true, "schedule", "Schedule"),
    ] {
        if there {
            out.raw("<li><a href=\"#").raw(target).raw("\">").raw(name).raw("</a></li>");
        }
    }
    out
}

fn story(run: &Simulated<'_>) -> Markup {
    let mut out = Markup::new();
    out.raw("<section id=\"sequence\"><h2>How it came to that</h2><p class=\"under\">Time goes down; only the order is to scale. Letters that say nothing new are not drawn.</p>");
    let (oracle, what) = first(run);
    out.add(&sequence::draw(run.story, &format!("{oracle}: {what}")));
    out.raw("<p class=\"legend\">").add(&sequence::legend(run.story));
    out.raw("<span><i class=\"key ok-key\"></i>ok</span><span><i class=\"key fail-key\"></i>fail</span><span><i class=\"key info-key\"></i>unknown, or still open</span></p></section>");
    out
}

fn schedule(run: &Simulated<'_>) -> Markup {
    let mut out = Markup::new();
    out.raw("<section id=\"schedule\"><h2>The schedule</h2><p class=\"under\">Everything that is not as in a calm run. schedule.txt has all settings.</p><pre class=\"schedule\" tabindex=\"0\">");
    out.text(&escape::cut(&run.outcome.brief_schedule(), SCHEDULE_CHARS_MAX));
    out.raw("</pre><dl class=\"commands\"><div><dt>See it again</dt><dd><code class=\"command\" tabindex=\"0\">");
    out.text(run.command);
    out.raw("</code><button class=\"copy\" type=\"button\" hidden>Copy</button></dd></div></dl></section>");
    out
}
