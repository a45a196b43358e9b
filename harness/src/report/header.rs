//! The first screen: the verdict in words, shape and colour, and the commands that repeat the run.

use rashomon_checker::check::Validity;

use super::markup::Markup;
use super::{Run, escape, units};

const SENTENCE_CHARS_MAX: usize = 2_000;
const REASON_CHARS_MAX: usize = 600;

/// How a verdict is spoken, classed and drawn.
pub(super) struct Face {
    /// For the page, in capitals: no reader should have to look for it.
    pub(super) words: &'static str,
    /// For the title of the window.
    pub(super) short: &'static str,
    pub(super) class: &'static str,
    /// A shape of its own for each verdict, in a box of 48 by 48.
    shape: &'static str,
    /// The same as a picture for the tab of the window.
    pub(super) icon: &'static str,
}

/// The face of a verdict.
pub(super) fn face(validity: Validity) -> Face {
    match validity {
        Validity::Valid => Face {
            words: "LINEARIZABLE",
            short: "Linearizable",
            class: "valid",
            shape: "<circle class=\"face\" cx=\"24\" cy=\"24\" r=\"21\"/><path class=\"sign\" d=\"M14 25l7 7 13-15\"/>",
            icon: "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='7' fill='%231a7048'/%3E%3C/svg%3E",
        },
        Validity::Invalid => Face {
            words: "NOT LINEARIZABLE",
            short: "Not linearizable",
            class: "invalid",
            shape: "<path class=\"face\" d=\"M15 3h18l12 12v18L33 45H15L3 33V15z\"/><path class=\"sign\" d=\"M16 16l16 16M32 16L16 32\"/>",
            icon: "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath d='M5 1h6l4 4v6l-4 4H5l-4-4V5z' fill='%23bd2a17'/%3E%3C/svg%3E",
        },
        Validity::Unknown => Face {
            words: "UNKNOWN",
            short: "Unknown",
            class: "unknown",
            shape: "<path class=\"face\" d=\"M24 2l22 22-22 22L2 24z\"/><path class=\"sign\" d=\"M18.5 19.5a5.5 5.5 0 1 1 8 5c-1.8 1-2.5 2-2.5 4.5M24 34v1.5\"/>",
            icon: "data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Cpath d='M8 0l8 8-8 8-8-8z' fill='%238a5800'/%3E%3C/svg%3E",
        },
    }
}

/// Verdict, sentence, reasons, and the figures that say how much stands behind them.
pub(super) fn banner(run: &Run<'_>) -> Markup {
    let validity = run.verdict.validity;
    let mut out = Markup::new();
    open_banner(&mut out, validity, face(validity).words);
    out.element("p", "sentence", &sentence(run));
    reasons(&mut out, run);
    bugs(&mut out, run);
    figures(&mut out, run);
    out.raw("</div></section>");
    out
}

/// The shape of a verdict and its words; what follows is the caller's, who also closes `div` and `section`.
pub(super) fn open_banner(out: &mut Markup, validity: Validity, words: &'static str) {
    let face = face(validity);
    out.tag("section")
        .class(&format!("verdict {}", face.class))
        .attr("id", "verdict-in-words")
        .open();
    out.raw("<svg class=\"shape\" viewBox=\"0 0 48 48\" width=\"56\" height=\"56\" aria-hidden=\"true\">");
    out.raw(face.shape).raw("</svg><div><h1>").raw(words).raw("</h1>");
}

/// The sentence of the terminal, without the verdict that stands above it here.
fn sentence(run: &Run<'_>) -> String {
    let sentence = run.verdict.sentence.as_str();
    let verdict = face(run.verdict.validity).words.to_lowercase();
    let rest = sentence.strip_prefix(&verdict).and_then(|rest| rest.strip_prefix(": "));
    escape::sentence(&escape::cut(rest.unwrap_or(sentence), SENTENCE_CHARS_MAX))
}

fn reasons(out: &mut Markup, run: &Run<'_>) {
    // The sentence of an unknown verdict has its first reason in it.
    let told = |reason: &&String| run.verdict.sentence.contains(reason.as_str());
    let reasons: Vec<&String> = run.verdict.reasons.iter().filter(|reason| !told(reason)).collect();
    if reasons.is_empty() {
        return;
    }
    out.raw(match run.verdict.validity {
        Validity::Unknown => "<h2 class=\"small\">Why it is unknown</h2>",
        Validity::Valid => "<h2 class=\"small\">Warnings</h2>",
        Validity::Invalid => "<h2 class=\"small\">Also worth knowing</h2>",
    });
    out.raw("<ul class=\"reasons\">");
    for reason in reasons {
        out.element("li", "", &escape::sentence(&escape::cut(reason, REASON_CHARS_MAX)));
    }
    out.raw("</ul>");
}

fn bugs(out: &mut Markup, run: &Run<'_>) {
    if run.plan.bugs.is_empty() {
        return;
    }
    out.raw("<p class=\"bugs\"><strong>⚑ Built-in bug switched on:</strong> ");
    for (index, bug) in run.plan.bugs.iter().enumerate() {
        out.raw(if index == 0 { "" } else { ", " }).element("code", "", &escape::cut(bug, 100));
    }
    out.raw(match run.verdict.validity {
        Validity::Invalid => {
            ". The nodes were broken on purpose; a violation was to be expected.</p>"
        }
        _ => ". The nodes were broken on purpose; this run did not show it.</p>",
    });
}

fn figures(out: &mut Markup, run: &Run<'_>) {
    let (plan, verdict) = (run.plan, run.verdict);
    let [ok, fail, info] = totals(run);
    out.raw("<ul class=\"figures\">");
    let mut figure = |number: String, what: &str| {
        out.raw("<li>").element("b", "", &number).raw(" ").text(what).raw("</li>");
    };
    figure(units::count(ok + fail + info), "operations");
    figure(units::count(ok), "ok");
    figure(units::count(fail), "fail");
    figure(units::count(info), "info");
    let faults = verdict.faults.installed;
    figure(
        units::count(faults),
        if faults == 1 { "fault took effect" } else { "faults took effect" },
    );
    figure(units::count(plan.nodes as u64), if plan.nodes == 1 { "node" } else { "nodes" });
    if verdict.check.is_some() {
        figure(format!("{:.2} s", verdict.check_seconds), "to check");
    }
    out.raw("<li>seed ").element("b", "", &plan.seed.0.to_string()).raw("</li></ul>");
}

/// Operations by outcome, over all functions.
pub(super) fn totals(run: &Run<'_>) -> [u64; 3] {
    run.verdict.operations.values().fold([0; 3], |[ok, fail, info], counts| {
        [ok + counts.ok, fail + counts.fail, info + counts.info]
    })
}

/// The commands, each with a button that copies it; without scripts the text can be selected.
pub(super) fn repeat(run: &Run<'_>) -> Markup {
    let commands = &run.verdict.commands;
    let mut out = Markup::new();
    out.raw("<section id=\"repeat\" aria-labelledby=\"repeat-title\"><h2 id=\"repeat-title\">Repeat it</h2><dl class=\"commands\">");
    for (what, command) in [
        ("Run again, the same plan", &commands.run_again),
        ("Check this history again", &commands.check_again),
        ("Make this report again", &commands.report_again),
    ] {
        out.raw("<div>").element("dt", "", what);
        out.raw("<dd><code class=\"command\" tabindex=\"0\">")
            .text(&escape::cut(command, SENTENCE_CHARS_MAX));
        out.raw("</code><button class=\"copy\" type=\"button\" hidden>Copy</button></dd></div>");
    }
    out.raw("</dl></section>");
    out
}
