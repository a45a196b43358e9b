//! The page around the sections: `report.html` with its placeholders filled.
//!
//! Style, script and frame are real files, so that editors and linters know them; they are joined at compile time.

use rashomon_checker::check::Validity;
use serde::Serialize;

use super::markup::{Markup, ScriptJson};
use super::{
    Run, counterexample, coverage, escape, facts, fault_table, header, history_data, sha256,
    timeline, units,
};
use crate::plan::SCHEMA_VERSION;

const FRAME: &str = include_str!("report.html");
/// What every page begins and ends with.
const HEAD: &str = include_str!("head.html");
const FOOT: &str = include_str!("foot.html");
/// Patterns and marks that drawings refer to, once a page.
const DEFINITIONS: &str = include_str!("definitions.svg");
const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = include_str!("report.js");
/// A verdict file beyond this is referred to instead of embedded: the page must stay openable.
const VERDICT_BYTES_MAX: usize = 4 << 20;

/// What stands in place of a verdict that is too large.
#[derive(Serialize)]
struct TooLarge {
    schema_version: u32,
    validity: Validity,
    instead: &'static str,
}

/// The whole page.
pub(super) fn render(run: &Run<'_>) -> String {
    fill(FRAME, |out, name| part(out, name, run))
}

/// A frame with its placeholders filled: what every page has by itself, the rest by `part`, which gets their names.
pub(super) fn fill(frame: &'static str, mut part: impl FnMut(&mut Markup, &'static str)) -> String {
    let mut out = Markup::new();
    fill_in(&mut out, frame, &mut part);
    out.into_string()
}

fn fill_in(
    out: &mut Markup,
    frame: &'static str,
    part: &mut impl FnMut(&mut Markup, &'static str),
) {
    let mut rest = frame;
    while let Some((before, after)) = rest.split_once("{{") {
        let (name, after) = after.split_once("}}").expect("a frame closes its placeholders");
        out.raw(before);
        match name {
            "head" => fill_in(out, HEAD, part),
            "foot" => fill_in(out, FOOT, part),
            "policy" => {
                out.text(&policy());
            }
            "style" => {
                out.raw(STYLE);
            }
            "script" => {
                out.raw(SCRIPT);
            }
            "definitions" => {
                out.raw(DEFINITIONS);
            }
            other => part(out, other),
        }
        rest = after;
    }
    out.raw(rest);
}

fn part(out: &mut Markup, name: &'static str, run: &Run<'_>) {
    match name {
        "verb" => out.raw("run"),
        "point" => out.raw("verdict"),
        "title" => out.text(&title(run)),
        "icon" => out.text(header::face(run.verdict.validity).icon),
        "subtitle" => out.text(&subtitle(run)),
        "navigation" => out.add(&navigation(run)),
        "banner" => out.add(&header::banner(run)),
        "counterexample" => out.add(&counterexample::section(run.verdict, &run.faults)),
        "repeat" => out.add(&header::repeat(run)),
        "coverage" => out.add(&coverage::section(run)),
        "timeline" => out.add(&timeline::section(run)),
        "faults" => out.add(&fault_table::section(run)),
        "facts" => out.add(&facts::section(run)),
        "outcomes" => out.add(&facts::outcomes(run)),
        "nodes" => out.add(&facts::nodes(run)),
        "history" => out.add(&history(run)),
        "footer" => out.text(&footer(run)),
        "data" => {
            out.raw("<script type=\"application/json\" id=\"verdict\">").json(&verdict_json(run));
            out.raw("</script>\n")
        }
        unknown => unreachable!("report.html names a part that does not exist: {unknown}"),
    };
}

/// Nothing but the page's own style and script may act, and nothing may be fetched.
fn policy() -> String {
    format!(
        "default-src 'none'; style-src '{}'; script-src '{}'; img-src data:; base-uri 'none'; form-action 'none'",
        sha256::policy_source(STYLE),
        sha256::policy_source(SCRIPT)
    )
}

fn title(run: &Run<'_>) -> String {
    let face = header::face(run.verdict.validity);
    format!("{}: {}, seed {}", face.short, escape::cut(&run.plan.workload, 60), run.plan.seed.0)
}

fn subtitle(run: &Run<'_>) -> String {
    let plan = run.plan;
    format!("{} on {}", escape::cut(&plan.workload, 60), units::counted(plan.nodes as u64, "node"))
}

/// Links to the sections that this page has.
fn navigation(run: &Run<'_>) -> Markup {
    let invalid = run.verdict.validity == Validity::Invalid;
    let asked = run.paired.operations.iter().any(|operation| operation.node.is_some());
    let mut out = Markup::new();
    for (there, target, name) in [
        (invalid, "#counterexample", "Counterexample"),
        (true, "#repeat", "Repeat it"),
        (true, "#coverage", "A real test?"),
        (true, "#timeline", "Over time"),
        (!run.faults.is_empty(), "#faults", "Faults"),
        (true, "#facts", "Facts"),
        (true, "#outcomes", "Operations"),
        (asked, "#nodes", "Nodes"),
        (run.counterexample().is_some(), "#history", "History"),
    ] {
        if there {
            out.raw("<li>").tag("a").attr("href", target).text(name).raw("</li>");
        }
    }
    out
}

/// The frame of the history table; its rows are drawn by the script, from the JSON next to it.
fn history(run: &Run<'_>) -> Markup {
    let mut out = Markup::new();
    if run.counterexample().is_none() {
        return out;
    }
    out.raw("<section id=\"history\" aria-labelledby=\"history-title\"><h2 id=\"history-title\">History around the failure</h2>");
    match history_data::collect(run) {
        None => {
            out.raw("<p>The history holds no operation on the failing key.</p>");
        }
        Some(data) => {
            out.element("p", "under", &data.summary());
            out.raw(
                "<noscript><p class=\"note\">Listing them needs JavaScript; history.jsonl in the run folder is plain \
                 text.</p></noscript><div id=\"history-table\"></div><script type=\"application/json\" id=\"operations\">",
            );
            out.json(&data.json()).raw("</script>");
        }
    }
    out.raw("</section>");
    out
}

fn footer(run: &Run<'_>) -> String {
    let (here, there) = (env!("CARGO_PKG_VERSION"), escape::cut(&run.plan.tool_version, 40));
    let rebuilt = if here == there { String::new() } else { format!(", page made by {here}") };
    format!("rashomon {there}{rebuilt}, files of schema {SCHEMA_VERSION}")
}

/// Equal to `verdict.json`, so that programs can read the page.
fn verdict_json(run: &Run<'_>) -> ScriptJson {
    let json = ScriptJson::new(run.verdict);
    if json.len() <= VERDICT_BYTES_MAX {
        return json;
    }
    ScriptJson::new(&TooLarge {
        schema_version: run.verdict.schema_version,
        validity: run.verdict.validity,
        instead: "too large for the page: see verdict.json in the run folder",
    })
}
