//! The counterexample: what an invalid run looks like to a person.
//!
//! The picture ([`picture`], laid out by [`layout`] on an [`axis`]) shows one row a process; [`story`] tells the same
//! as lists. Only what the checker handed out is shown; this module decides nothing about validity. A page may show
//! several: each has a [`Place`], which keeps its anchors apart from those of the others.

mod axis;
mod layout;
mod picture;
mod story;

use rashomon_checker::check::Validity;
use rashomon_checker::counterexample::Counterexample;
use rashomon_checker::history::OpId;

use super::fault_life::FaultLife;
use super::markup::Markup;
use super::operations::Kind;
use super::{escape, units};
use crate::verdict::VerdictRecord;
use layout::{Layout, Role};

const WHY_CHARS_MAX: usize = 2_000;

/// Where on a page a counterexample stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place<'a> {
    /// What its anchors begin with; empty where the page has no other.
    pub(super) anchors: &'a str,
    /// Operations of the whole history.
    pub(super) operations: usize,
}

impl Place<'_> {
    /// The anchor of the lists.
    fn story(self) -> String {
        format!("{}story", self.anchors)
    }

    /// The anchor of an operation in the lists.
    fn operation(self, id: OpId) -> String {
        format!("{}op-{}", self.anchors, id.0)
    }
}

/// The section, or nothing for a run that is not invalid.
pub(super) fn section(verdict: &VerdictRecord, faults: &[FaultLife]) -> Markup {
    let mut out = Markup::new();
    if verdict.validity != Validity::Invalid {
        return out;
    }
    out.raw("<section id=\"counterexample\" aria-labelledby=\"counterexample-title\">");
    if let Some(example) = verdict.check.as_ref().and_then(|check| check.counterexample.as_ref()) {
        let operations = verdict.check.as_ref().map_or(0, |check| check.operations);
        out.raw("<h2 id=\"counterexample-title\">Counterexample</h2>");
        body(&mut out, example, Place { anchors: "", operations }, faults);
    } else {
        out.raw("<h2 id=\"counterexample-title\">Counterexample</h2>");
        out.raw("<p>The checker handed out none: check the history again (command above).</p>");
    }
    out.raw("</section>");
    out
}

/// Everything below the heading.
pub(super) fn body(
    out: &mut Markup,
    example: &Counterexample,
    place: Place<'_>,
    faults: &[FaultLife],
) {
    let layout = Layout::new(example, faults);
    scope(out, example, place);
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
    out.add(&picture::draw(&layout, place, &description));
    out.raw("</div>");
    legend(out, &layout);
    out.add(&story::lists(example, place, &layout::drawn(example)));
}

/// How much of the history is shown, and whether less would do.
fn scope(out: &mut Markup, example: &Counterexample, place: Place<'_>) {
    out.raw("<p class=\"under\">");
    out.text(&format!(
        "{} of {}",
        units::count(example.operations.len() as u64),
        units::counted(place.operations as u64, "operation")
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
    for (kind, text) in [
        (Kind::Ok, "ok: took effect"),
        (Kind::Fail, "fail: surely no effect"),
        (Kind::Info, "info: unknown, may act later or never"),
    ] {
        // The culprit has an entry of its own.
        let mut plain = layout.operations.iter().filter(|placed| placed.role != Role::Blocked);
        if !plain.any(|placed| Kind::of(placed.operation) == kind) {
            continue;
        }
        out.raw("<span><span class=\"");
        out.text(kind.word()).raw("-key key\"></span> ").text(text).raw("</span>");
    }
    out.raw("<span><span class=\"blocked-key key\"></span> fits into no order</span>");
    if !layout.steps.is_empty() {
        out.raw("<span><span class=\"number\">1</span> moments at which the operations could have acted, in order</span>");
    }
    if layout.width > layout::PICTURE_WIDTH {
        out.raw("<span>Wider than the page: the picture can be scrolled sideways.</span>");
    }
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
