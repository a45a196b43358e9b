//! The section of an invalid file: for each check that failed, the verdict and what shows it.

use rashomon_checker::check::{CheckReport, Validity};
use rashomon_checker::properties::PropertyReport;
use rashomon_checker::transactions::{Example, FoundAnomaly, TransactionReport};

use super::{anchor, table};
use crate::checked::{Checked, CheckedFile, Found};
use crate::report::counterexample::{self, Place};
use crate::report::markup::Markup;
use crate::report::{escape, units};

const SENTENCE_CHARS_MAX: usize = 2_000;
/// Characters of the sentence in a summary: its reader may be looking for another file.
const SUMMARY_CHARS_MAX: usize = 600;
const NAME_CHARS_MAX: usize = 300;
/// Findings of a property that are listed.
const FINDINGS_MAX: usize = 20;
/// Examples of an anomaly that are shown.
const EXAMPLES_MAX: usize = 3;
/// Transactions of an example, and steps of its circle, that are shown.
const STEPS_MAX: usize = 24;

/// The section of file `number`, open or to be opened.
pub(super) fn file(file: &CheckedFile, number: usize, open: bool) -> Markup {
    let mut out = Markup::new();
    out.raw(if open { "<details class=\"case\" open>" } else { "<details class=\"case\">" });
    out.raw("<summary><h2>").text(&escape::cut(&file.name, NAME_CHARS_MAX)).raw("</h2>");
    let sentence = file.reason().unwrap_or_default();
    out.element("span", "says", &escape::sentence(&escape::cut(sentence, SUMMARY_CHARS_MAX)));
    // The anchor is below the summary: browsers open what they are sent into.
    out.raw("</summary>").tag("div").class("case-body").attr("id", &anchor(number)).open();
    let failed = file.checks.iter().filter(|check| check.validity() == Validity::Invalid);
    for (at, check) in failed.enumerate() {
        let anchors = format!("{}-{at}-", anchor(number));
        one(&mut out, file, check, &anchors);
    }
    out.raw("</div></details>");
    out
}

fn one(out: &mut Markup, file: &CheckedFile, check: &Checked, anchors: &str) {
    let Ok(found) = &check.outcome else { return };
    verdict(out, file, check, found);
    match found {
        Found::Model(_, report) => {
            model(out, report, Place { anchors, operations: file.operations });
        }
        Found::Property(report) => property(out, report),
        Found::Transactions(report) => transactions(out, report),
    }
}

/// What was asked, what came out, and who decided.
fn verdict(out: &mut Markup, file: &CheckedFile, check: &Checked, found: &Found) {
    out.raw("<p class=\"decided\"><strong class=\"bad\">").raw(match found {
        Found::Model(..) => "Not linearizable",
        Found::Property(_) => "Property violated",
        Found::Transactions(_) => "Consistency violated",
    });
    out.raw("</strong> ").element("code", "", check.asked.name()).raw(". Decided by: ");
    out.text(&found.decided_by());
    out.text(&format!(
        ", in {}; {}, {} of unknown outcome",
        table::time(check.seconds),
        units::counted(file.operations as u64, "operation"),
        units::count(file.crashed as u64)
    ));
    let keys = match found {
        Found::Model(_, report) => report.keys,
        Found::Transactions(report) => report.keys,
        Found::Property(_) => 1,
    };
    if keys > 1 {
        out.text(&format!(", {} keys", units::count(keys as u64)));
    }
    out.raw(".</p>");
    // The first reason stands in the summary.
    if let Some(reason) = check.reason().filter(|reason| Some(*reason) != file.reason()) {
        out.element("p", "", &escape::sentence(&escape::cut(reason, SENTENCE_CHARS_MAX)));
    }
}

fn model(out: &mut Markup, report: &CheckReport, place: Place<'_>) {
    let Some(example) = &report.counterexample else {
        out.raw("<p>The checker handed out no counterexample.</p>");
        return;
    };
    counterexample::body(out, example, place, &[]);
}

fn property(out: &mut Markup, report: &PropertyReport) {
    let violations: Vec<_> = report.findings.iter().filter(|finding| finding.violation).collect();
    out.raw("<ol class=\"findings\">");
    for finding in violations.iter().take(FINDINGS_MAX) {
        out.raw("<li>")
            .text(&escape::sentence(&escape::cut(&finding.sentence, SENTENCE_CHARS_MAX)));
        let place = match finding.operations.as_slice() {
            [] => format!("event {}", units::count(finding.event)),
            some => {
                let numbers: Vec<String> =
                    some.iter().take(STEPS_MAX).map(|id| id.0.to_string()).collect();
                format!("event {}, operations {}", units::count(finding.event), numbers.join(", "))
            }
        };
        out.raw(" ").element("span", "dim", &format!("({place})")).raw("</li>");
    }
    out.raw("</ol>");
    let in_all: u64 = report.found.values().sum();
    let more = in_all.saturating_sub(violations.len().min(FINDINGS_MAX) as u64);
    if more > 0 {
        out.element(
            "p",
            "dim",
            &format!("And {} of the same or another kind.", units::counted(more, "finding")),
        );
    }
}

fn transactions(out: &mut Markup, report: &TransactionReport) {
    for found in report.anomalies.iter().filter(|found| found.forbidden) {
        anomaly(out, found);
    }
    let names: Vec<&str> = report.weakest_ruled_out.iter().map(|model| model.name()).collect();
    if !names.is_empty() {
        let text = format!("This rules out {} and everything stronger.", names.join(", "));
        out.element("p", "", &text);
    }
}

fn anomaly(out: &mut Markup, found: &FoundAnomaly) {
    out.raw("<h3>").text(&found.anomaly.to_string()).raw(": ").text(&found.meaning).raw("</h3>");
    for example in found.examples.iter().take(EXAMPLES_MAX) {
        shown(out, example);
    }
    let more = found.examples.len().saturating_sub(EXAMPLES_MAX);
    if more > 0 || found.more {
        let text = if found.more { "There may be more of it." } else { "There is more of it." };
        out.element("p", "dim", text);
    }
}

/// An example: the transactions in it, and why each must come before the next.
fn shown(out: &mut Markup, example: &Example) {
    out.raw("<div class=\"example\">");
    out.element("p", "", &escape::sentence(&escape::cut(&example.text, SENTENCE_CHARS_MAX)));
    out.raw("<div class=\"story\"><div><ul class=\"saw\">");
    for transaction in example.transactions.iter().take(STEPS_MAX) {
        out.raw("<li>").element("b", "who", &transaction.name).raw(" ");
        out.element("code", "", &escape::cut(&transaction.text, SENTENCE_CHARS_MAX));
        let end = match transaction.ret {
            Some(ret) => format!("to event {}", units::count(ret)),
            None => "outcome unknown".to_owned(),
        };
        let place = format!(
            "process {}, event {} {end}",
            transaction.process,
            units::count(transaction.call)
        );
        out.element("div", "detail", &place).raw("</li>");
    }
    out.raw("</ul></div><div><ol class=\"order\">");
    for edge in example.cycle.iter().take(STEPS_MAX) {
        out.raw("<li>").text(&escape::cut(&edge.text, SENTENCE_CHARS_MAX)).raw("</li>");
    }
    out.raw("</ol></div></div>");
    let longest = example.transactions.len().max(example.cycle.len());
    if longest > STEPS_MAX {
        let more = units::count((longest - STEPS_MAX) as u64);
        out.element("p", "dim", &format!("And {more} more, in the same way."));
    }
    out.raw("</div>");
}
