//! Sets by element and keys with revisions: an answer that contradicts what had completed before.

use crate::Value;
use crate::check::ModelKind;
use crate::counterexample::explain::{Evidence, Finding, on};
use crate::counterexample::words::{answer, deed, lead, short, who};
use crate::history::{Operation, Outcome};

pub(super) fn find(evidence: &Evidence<'_>) -> Option<Finding> {
    match evidence.job.model {
        ModelKind::ElementSet => other_way(evidence),
        ModelKind::VersionedRegister => newer_revision(evidence),
        _ => None,
    }
}

/// Whether an operation that answered this found its element in the set.
pub(super) fn found_inside(operation: &Operation) -> Option<bool> {
    match (operation.f.as_str(), answer(operation)) {
        ("add", Value::Bool(changed)) => Some(!changed),
        ("remove" | "contains", Value::Bool(inside)) => Some(*inside),
        _ => None,
    }
}

/// Whether an operation that completed left its element in the set.
fn left_inside(operation: &Operation) -> Option<bool> {
    match operation.f.as_str() {
        "add" => Some(true),
        "remove" => Some(false),
        _ => found_inside(operation),
    }
}

/// The element was left as the answer says it was not.
fn other_way(evidence: &Evidence<'_>) -> Option<Finding> {
    let blocked = evidence.blocked;
    let found = found_inside(blocked)?;
    let about_it = evidence
        .core
        .iter()
        .filter(|operation| operation.input == blocked.input && evidence.had_completed(operation));
    let newest = about_it.max_by_key(|operation| operation.ret);
    let other = newest.filter(|operation| left_inside(operation) == Some(!found));
    let element = short(&blocked.input);
    let sentence = match other {
        Some(other) => format!(
            "{}, but {} had completed {}before it began, and no order of the operations shown puts {} of {element} \
             between them",
            claim(evidence),
            said(other),
            lead(other, blocked),
            if found { "an add" } else { "a remove" },
        ),
        None if found && !evidence.begun().any(|other| adds(other, blocked)) => {
            format!("{}, but nobody had added {element}", claim(evidence))
        }
        None => return None,
    };
    Some(Finding { sentence, contradicts: other.map(|other| other.id) })
}

fn adds(operation: &Operation, blocked: &Operation) -> bool {
    operation.f == "add" && operation.input == blocked.input && operation.id != blocked.id
}

/// The revision that an operation answered.
fn revision(operation: &Operation) -> Option<i64> {
    let completed = matches!(operation.outcome, Outcome::Ok(_));
    answer(operation).as_list()?.get(1)?.as_int().filter(|_| completed)
}

/// Something of a greater revision had completed.
fn newer_revision(evidence: &Evidence<'_>) -> Option<Finding> {
    let blocked = evidence.blocked;
    let own = revision(blocked).filter(|own| *own > 0)?;
    let earlier = evidence.core.iter().filter(|operation| evidence.had_completed(operation));
    let newer = earlier
        .filter(|operation| revision(operation) > Some(own))
        .max_by_key(|operation| operation.ret)?;
    let sentence = format!(
        "{}, but {} of the later revision {} had completed {}before it began",
        claim(evidence),
        named(newer),
        revision(newer).unwrap_or_default(),
        lead(newer, blocked),
    );
    Some(Finding { sentence, contradicts: Some(newer.id) })
}

/// `p3's contains of 5 on k answered false`.
fn claim(evidence: &Evidence<'_>) -> String {
    let blocked = evidence.blocked;
    format!("{}{} answered {}", named(blocked), on(evidence), short(answer(blocked)))
}

fn named(operation: &Operation) -> String {
    format!("{}'s {}", who(operation), deed(operation))
}

fn said(operation: &Operation) -> String {
    match answer(operation) {
        Value::Bool(truth) => format!("{}, which answered {truth},", named(operation)),
        _ => named(operation),
    }
}
