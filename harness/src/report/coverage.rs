//! Was it a real test? The figures that tell a verdict apart from a run in which nothing happened.

use super::fault_life::FaultState;
use super::header::totals;
use super::markup::Markup;
use super::{Run, escape, units};

const EXIT_CHARS_MAX: usize = 2_000;
/// Above this share of unknown outcomes, little of what clients did can be judged.
const INFO_SHARE_MAX: f64 = 0.5;

/// One line: what was asked of the run, what it gave, whether that is enough.
struct Line {
    what: &'static str,
    value: String,
    thin: bool,
}

/// The section.
pub(super) fn section(run: &Run<'_>) -> Markup {
    let mut out = Markup::new();
    out.raw("<section id=\"coverage\" aria-labelledby=\"coverage-title\"><h2 id=\"coverage-title\">Was it a real test?</h2><ul class=\"coverage\">");
    for line in fault_lines(run).into_iter().chain(operation_lines(run)) {
        out.tag("li").class(if line.thin { "thin" } else { "fine" }).open();
        out.raw(if line.thin {
            "<span class=\"tick\">!</span>"
        } else {
            "<span class=\"tick\">✓</span>"
        });
        out.raw("<span class=\"what\">").text(line.what);
        out.raw(if line.thin {
            "<span class=\"hidden\"> (thin)</span></span> "
        } else {
            "</span> "
        });
        out.element("b", "", &line.value).raw("</li>");
    }
    out.raw("</ul>");
    exits(&mut out, run);
    out.raw("</section>");
    out
}

fn fault_lines(run: &Run<'_>) -> Vec<Line> {
    let counts = run.verdict.faults;
    let wanted = !run.plan.faults.is_empty();
    if !wanted {
        return vec![Line { what: "Faults", value: "none were asked for".to_owned(), thin: true }];
    }
    let unproven = run.faults.iter().filter(|fault| fault.state() == FaultState::NotHealed).count();
    let shown =
        |part: u64, whole: u64| format!("{} of {}", units::count(part), units::count(whole));
    vec![
        Line {
            what: "Faults that took effect, by their receipts",
            value: shown(counts.installed, counts.planned),
            thin: counts.installed == 0 || counts.not_installed > 0,
        },
        Line {
            what: "Faults healed, by their receipts",
            value: shown(counts.healed, counts.installed),
            thin: counts.healed < counts.installed || unproven > 0,
        },
        Line {
            what: "Operations answered while a fault was in force",
            value: units::count(run.verdict.ok_during_faults),
            thin: run.verdict.ok_during_faults == 0,
        },
        Line {
            what: "Operations answered after the last heal",
            value: units::count(run.verdict.ok_after_faults),
            thin: run.verdict.ok_after_faults == 0,
        },
    ]
}

fn operation_lines(run: &Run<'_>) -> Vec<Line> {
    let [ok, fail, info] = totals(run);
    let total = ok + fail + info;
    let first_ok = run.verdict.first_ok_ms.map(|millis| (millis * 1e6) as u64);
    let share = if total == 0 { 1.0 } else { info as f64 / total as f64 };
    vec![
        Line {
            what: "Operations answered",
            value: format!(
                "{} of {} ({})",
                units::count(ok),
                units::count(total),
                units::percent(ok, total)
            ),
            thin: ok == 0,
        },
        Line {
            what: "Unknown outcomes (info)",
            value: format!("{} ({})", units::count(info), units::percent(info, total)),
            thin: share > INFO_SHARE_MAX,
        },
        Line {
            what: "First operation answered after",
            value: first_ok.map_or("never".to_owned(), units::span),
            thin: ok == 0,
        },
        Line {
            what: "Leader changes seen",
            value: units::count(run.verdict.leader_changes),
            thin: false,
        },
        Line {
            what: "Nodes that ended although nobody killed them",
            value: units::count(run.verdict.unexpected_exits.len() as u64),
            thin: !run.verdict.unexpected_exits.is_empty(),
        },
    ]
}

fn exits(out: &mut Markup, run: &Run<'_>) {
    for exit in &run.verdict.unexpected_exits {
        out.element("pre", "exit", &escape::cut(exit, EXIT_CHARS_MAX));
    }
}
