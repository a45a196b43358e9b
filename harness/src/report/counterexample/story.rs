//! The counterexample as lists: the same content as the picture, for screen readers, text browsers and small screens.

use std::collections::BTreeMap;

use rashomon_checker::counterexample::Counterexample;
use rashomon_checker::history::{OpId, Operation};

use super::Place;
use crate::report::markup::Markup;
use crate::report::operations::{self, Kind};
use crate::report::{escape, units};

const VALUE_CHARS_MAX: usize = 300;
/// Operations up to which the lists stand open.
const OPEN_MAX: usize = 12;

/// When an operation was open: `12.3971 s to 12.3982 s (1.1 ms)`.
pub(super) fn times(operation: &Operation) -> Option<String> {
    let call = operation.call_time?;
    let text = match (operation.ret_time, operation.ret) {
        (Some(ret), Some(_)) => {
            let lasted = units::span(ret.saturating_sub(call));
            format!("{} to {} ({lasted})", units::moment(call), units::moment(ret))
        }
        (Some(ret), None) => {
            format!("from {}, given up at {}", units::moment(call), units::moment(ret))
        }
        (None, _) => format!("from {}, never answered", units::moment(call)),
    };
    Some(text)
}

/// Both lists; long ones can be opened.
pub(super) fn lists(example: &Counterexample, place: Place<'_>, shown: &[&Operation]) -> Markup {
    let mut out = Markup::new();
    let long = shown.len() > OPEN_MAX;
    out.raw(if long {
        "<details class=\"lists\"><summary>The same as lists: what the clients saw, and the longest order that works</summary>"
    } else {
        "<div class=\"lists\">"
    });
    out.tag("div").class("story").attr("id", &place.story()).open();
    out.raw("<div><h3>What the clients saw</h3><ol class=\"saw\">");
    for operation in shown {
        seen(&mut out, example, place, operation);
    }
    out.raw("</ol></div><div><h3>The longest order that works</h3><ol class=\"order\">");
    order(&mut out, example);
    out.raw("</ol></div></div>").raw(if long { "</details>" } else { "</div>" });
    out
}

fn seen(out: &mut Markup, example: &Counterexample, place: Place<'_>, operation: &Operation) {
    let blocked = operation.id == example.blocked;
    let contradicted = Some(operation.id) == example.contradicts;
    let class = match (blocked, contradicted) {
        (true, _) => "is-blocked",
        (false, true) => "is-contradicted",
        (false, false) => "",
    };
    out.tag("li").class(class).attr("id", &place.operation(operation.id)).open();
    out.raw("<div>");
    chip(out, Kind::of(operation));
    out.element("b", "who", &format!("p{}", operation.process.0)).raw(" ");
    out.element("code", "", &operations::label(operation, VALUE_CHARS_MAX));
    if blocked {
        out.raw(" <strong class=\"bad\">✕ no order explains this</strong>");
    }
    if contradicted {
        out.raw(" <strong class=\"bad\">▲ contradicted</strong>");
    }
    out.raw("</div>").element("div", "detail", &details(operation));
    if let Some(error) = &operation.error {
        out.element("div", "detail", &escape::cut(error, VALUE_CHARS_MAX));
    }
    out.raw("</li>");
}

/// Whom it asked and when, as far as known.
fn details(operation: &Operation) -> String {
    let node =
        operation.node.as_ref().map(|node| format!("asked {}", escape::cut(node, VALUE_CHARS_MAX)));
    let open = operation.ret.is_none().then(|| "may act later or never".to_owned());
    let parts: Vec<String> = [node, times(operation), open].into_iter().flatten().collect();
    parts.join(", ")
}

/// The outcome as a word with a shape.
fn chip(out: &mut Markup, kind: Kind) {
    out.element("span", &format!("chip {}", kind.word()), kind.word()).raw(" ");
}

fn order(out: &mut Markup, example: &Counterexample) {
    let by_id: BTreeMap<OpId, &Operation> =
        example.operations.iter().map(|operation| (operation.id, operation)).collect();
    let name = |id: OpId| {
        let text = |operation: &&Operation| operations::label(operation, VALUE_CHARS_MAX);
        (by_id.get(&id).map(|op| format!("p{}", op.process.0)), by_id.get(&id).map(text))
    };
    out.raw("<li class=\"start\"><span>start</span> <span class=\"leads\">state ");
    out.element("code", "", &escape::cut(&example.initial_state, VALUE_CHARS_MAX))
        .raw("</span></li>");
    for (index, step) in example.linearization.iter().enumerate() {
        out.raw("<li>").element("span", "number", &(index + 1).to_string()).raw(" ");
        let (who, what) = name(step.op);
        out.element("b", "who", &who.unwrap_or_default()).raw(" ");
        out.element("code", "", &what.unwrap_or_else(|| format!("operation {}", step.op.0)));
        out.raw(" <span class=\"leads\">state ");
        out.element("code", "", &escape::cut(&step.state, VALUE_CHARS_MAX)).raw("</span></li>");
    }
    let (who, what) = name(example.blocked);
    out.raw("<li class=\"is-blocked\"><span class=\"number\">✕</span> ");
    out.element("b", "who", &who.unwrap_or_default()).raw(" ");
    out.element("code", "", &what.unwrap_or_else(|| format!("operation {}", example.blocked.0)));
    out.raw(" <strong class=\"bad\">fits nowhere</strong></li>");
}
