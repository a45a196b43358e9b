//! Every fault with its evidence.

use super::fault_life::{FaultLife, FaultState, Mark};
use super::markup::Markup;
use super::{Run, escape, units};

const ROWS_MAX: usize = 1_000;
const EVIDENCE_CHARS_MAX: usize = 1_000;
const LINKS_SHOWN: usize = 4;

/// The section; a run without faults has none.
pub(super) fn section(run: &Run<'_>) -> Markup {
    let mut out = Markup::new();
    if run.faults.is_empty() {
        return out;
    }
    out.raw("<section id=\"faults\" aria-labelledby=\"faults-title\"><h2 id=\"faults-title\">Faults and their evidence</h2>");
    if run.faults.len() > ROWS_MAX {
        let total = units::count(run.faults.len() as u64);
        out.element(
            "p",
            "note",
            &format!(
                "The first {} of {total}; faults.jsonl has them all.",
                units::count(ROWS_MAX as u64)
            ),
        );
    }
    out.raw(
        "<div class=\"scroll\" tabindex=\"0\" role=\"region\" aria-label=\"Faults and their evidence\">\
         <table class=\"faults\"><thead><tr><th scope=\"col\">fault</th><th scope=\"col\">state</th>\
         <th scope=\"col\">aimed at</th><th scope=\"col\" class=\"num\">planned</th>\
         <th scope=\"col\" class=\"num\">in force from</th><th scope=\"col\" class=\"num\">for</th>\
         <th scope=\"col\">evidence</th></tr></thead><tbody>",
    );
    for fault in run.faults.iter().take(ROWS_MAX) {
        row(&mut out, fault);
    }
    out.raw("</tbody></table></div></section>");
    out
}

fn row(out: &mut Markup, fault: &FaultLife) {
    out.tag("tr").attr("id", &format!("fault-{}", fault.id)).open();
    out.tag("th").attr("scope", "row").open();
    out.text(&escape::cut(&fault.name, 100)).raw("</th><td>");
    let (class, words) = match fault.state() {
        FaultState::Healed => ("healed", "✓ healed"),
        FaultState::NotHealed => ("not-healed", "! not healed"),
        FaultState::NotInstalled => ("not-installed", "✕ no effect"),
        FaultState::Planned => ("planned", "○ not reached"),
    };
    out.element("span", &format!("state-{class}"), words).raw("</td><td>");
    aim(out, fault);
    out.raw("</td>");
    out.element("td", "num", &fault.planned.map_or("-".to_owned(), units::moment_short));
    let force = fault.in_force();
    out.element(
        "td",
        "num",
        &force.map_or("-".to_owned(), |(start, _)| units::moment_short(start)),
    );
    let lasted = force.and_then(|(start, end)| Some(units::span(end?.saturating_sub(start))));
    let planned = format!("planned {}", units::span(fault.duration));
    out.tag("td")
        .class("num")
        .attr("title", &planned)
        .text(&lasted.unwrap_or_else(|| "-".to_owned()));
    out.raw("<td class=\"evidence\">");
    evidence(out, fault);
    out.raw("</td></tr>");
}

/// Nodes always; many links only on demand.
fn aim(out: &mut Markup, fault: &FaultLife) {
    out.text(&escape::cut(&fault.nodes.join(" "), 200));
    if fault.links.is_empty() {
        return;
    }
    let links = escape::cut(&fault.links.join(" "), 2_000);
    if fault.links.len() <= LINKS_SHOWN {
        out.raw(" ").element("span", "dim", &links);
    } else {
        out.raw("<details><summary>").text(&units::counted(fault.links.len() as u64, "link"));
        out.raw("</summary>").element("span", "dim", &links).raw("</details>");
    }
}

fn evidence(out: &mut Markup, fault: &FaultLife) {
    let marks = [
        ("installed", &fault.installed),
        ("no effect", &fault.not_installed),
        ("healed", &fault.healed),
        ("not healed", &fault.not_healed),
    ];
    let mut any = false;
    for (word, mark) in marks {
        if let Some(mark) = mark {
            any = true;
            proof(out, word, mark);
        }
    }
    if !any {
        out.raw("<span class=\"dim\">the run ended before its time</span>");
    }
}

fn proof(out: &mut Markup, word: &str, mark: &Mark) {
    out.raw("<div>").element(
        "span",
        "dim",
        &format!("{word} {}: ", units::moment_short(mark.time)),
    );
    match &mark.evidence {
        Some(evidence) => out.text(&escape::cut(evidence, EVIDENCE_CHARS_MAX)),
        None => out.raw("<strong class=\"bad\">no receipt</strong>"),
    };
    out.raw("</div>");
}
