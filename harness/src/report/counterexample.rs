//! The counterexample: what an invalid run looks like to a person.
//!
//! The picture ([`picture`], laid out by [`layout`] on an [`axis`]) shows one row a process; [`story`] tells the same
//! as lists. Only what the checker handed out is shown; this module decides nothing about validity.

mod axis;
mod layout;
mod picture;
mod story;

use rashomon_checker::check::Validity;
use rashomon_checker::counterexample::Counterexample;

use super::fault_life::FaultLife;
use super::markup::Markup;
use super::{escape, units};
use crate::verdict::VerdictRecord;
use layout::Layout;

const WHY_CHARS_MAX: usize = 2_000;

/// The section, or nothing for a run that is not invalid.
pub(super) fn section(verdict: &VerdictRecord, faults: &[FaultLife]) -> Markup {
    let mut out = Markup::new();
    if verdict.validity != Validity::Invalid {
        return out;
    }
    out.raw("<section id=\"counterexample\" aria-labelledby=\"counterexample-title\">");
    if let Some(example) = verdict.check.as_ref().and_then(|check| check.counterexample.as_ref()) {
        body(&mut out, example, verdict, faults);
    } else {
        out.raw("<h2 id=\"counterexample-title\">Counterexample</h2>");
        out.raw("<p>The checker handed out none: check the history again (command above).</p>");
    }
    out.raw("</section>");
    out
}

fn body(out: &mut Markup, example: &Counterexample, verdict: &VerdictRecord, faults: &[FaultLife]) {
    let layout = Layout::new(example, faults);
    heading(out, example, verdict);
    out.element("p", "why", &escape::sentence(&escape::cut(&example.why, WHY_CHARS_MAX)));
    if layout.operations.len() < example.operations.len() {
        let note = format!(
            "Only the {} operations nearest to the failure are drawn, of {}; numbers count all.",
            layout.operations.len(),
            units::count(example.operations.len() as u64)
        );
        out.element("p", "note", &note);
    }
    let description = format!(
        "Counterexample: {} operations of {} processes over time; the lists below tell the same",
        layout.operations.len(),
        layout.rows.len()
    );
    out.raw("<div class=\"scroll drawn\" tabindex=\"0\" role=\"region\" aria-label=\"Counterexample, drawn\">");
    out.add(&picture::draw(&layout, &description));
    out.raw("</div>");
    legend(out, &layout);
    out.add(&story::lists(example, &layout::drawn(example)));
}

fn heading(out: &mut Markup, example: &Counterexample, verdict: &VerdictRecord) {
    let total = verdict.check.as_ref().map_or(0, |check| check.operations);
    out.raw("<h2 id=\"counterexample-title\">Counterexample</h2><p class=\"under\">");
    out.text(&format!(
        "{} of {}",
        units::count(example.operations.len() as u64),
        units::counted(total as u64, "operation")
    ));
    if let Some(key) = &example.key {
        out.raw(", key ").element("code", "", &escape::cut(key, 200));
    }
    out.raw(", model ").element("code", "", &example.model.to_string()).raw(". ");
    out.raw(if example.minimal {
        "<strong>Minimal</strong>: without any one of these operations the rest could be explained (each was tried)."
    } else {
        "<strong>Not proven minimal</strong>: a smaller part may fail as well."
    });
    out.raw("</p>");
}

fn legend(out: &mut Markup, layout: &Layout<'_>) {
    out.raw("<div class=\"legend\">");
    for (class, text) in [
        ("ok", "ok: took effect"),
        ("fail", "fail: surely no effect"),
        ("info", "info: unknown, may act later or never"),
    ] {
        out.raw("<span><span class=\"");
        out.text(class).raw("-key key\"></span> ").text(text).raw("</span>");
    }
    out.raw("<span><span class=\"blocked-key key\"></span> fits into no order</span>");
    out.raw("<span><span class=\"number\">1</span> moments at which the operations could have acted, in order</span>");
    if layout.axis.timed {
        let text = if layout.axis.breaks.is_empty() {
            "Time is to scale, but wider where labels need room."
        } else {
            "Time is to scale, but wider where labels need room; long gaps are cut out at the wavy breaks."
        };
        out.element("span", "", text);
    }
    out.raw("</div>");
}
