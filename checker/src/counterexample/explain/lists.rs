//! Lists and sets: a read that has an element too many, lacks one, or has them in an impossible order.

use crate::Value;
use crate::check::ModelKind;
use crate::counterexample::explain::{Evidence, Finding};
use crate::counterexample::words::{answer, answered, deed, lead, short, who};
use crate::history::{Operation, Outcome};

pub(super) fn find(evidence: &Evidence<'_>) -> Option<Finding> {
    let elements = answer(evidence.blocked).as_list().unwrap_or(&[]);
    never_added(evidence, elements)
        .or_else(|| too_often(evidence, elements))
        .or_else(|| lost(evidence, elements))
        .or_else(|| wrong_order(evidence, elements))
        .or_else(|| disagrees(evidence, elements))
}

/// The function that adds an element.
fn adds(operation: &Operation) -> bool {
    matches!(operation.f.as_str(), "add" | "append")
}

fn claim(evidence: &Evidence<'_>) -> String {
    format!("{} {}", who(evidence.blocked), answered(evidence.blocked))
}

/// How often something was added by the time of the blocked completion, as far as it may have taken effect.
fn added(evidence: &Evidence<'_>, element: &Value) -> usize {
    evidence.begun().filter(|operation| adds(operation) && operation.input == *element).count()
}

fn never_added(evidence: &Evidence<'_>, elements: &[Value]) -> Option<Finding> {
    let stranger = elements.iter().find(|element| added(evidence, element) == 0)?;
    let mut adders =
        evidence.all.iter().filter(|operation| adds(operation) && operation.input == *stranger);
    let claim = claim(evidence);
    let failed = adders.clone().find(|operation| evidence.had_failed(operation));
    let (sentence, contradicts) = if let Some(failed) = failed {
        let words = format!("{}'s {} failed and must not be seen", who(failed), deed(failed));
        (format!("{claim}, but {words}"), Some(failed.id))
    } else if let Some(later) = adders.next() {
        let span = lead(evidence.blocked, later);
        let words =
            format!("{}'s {} began only {span}after the read completed", who(later), deed(later));
        (format!("{claim}, but {words}"), None)
    } else {
        let verb = if evidence.job.model == ModelKind::Set { "added" } else { "appended" };
        (format!("{claim}, but nobody ever {verb} {}", short(stranger)), None)
    };
    Some(Finding { sentence, contradicts })
}

fn too_often(evidence: &Evidence<'_>, elements: &[Value]) -> Option<Finding> {
    let is_set = evidence.job.model == ModelKind::Set;
    let (element, seen) = elements.iter().enumerate().find_map(|(at, element)| {
        let seen = elements.iter().filter(|other| *other == element).count();
        let most = if is_set { 1 } else { added(evidence, element) };
        let is_first = !elements[..at].contains(element);
        (is_first && seen > most).then_some((element, seen))
    })?;
    let element = short(element);
    let limit = if is_set {
        "a set has an element once at most".to_owned()
    } else {
        format!("it was appended {} only", times(added_of(evidence, elements, &element)))
    };
    let sentence = format!("{}, with {element} {}, but {limit}", claim(evidence), times(seen));
    Some(Finding { sentence, contradicts: None })
}

fn added_of(evidence: &Evidence<'_>, elements: &[Value], shown: &str) -> usize {
    let element = elements.iter().find(|element| short(element) == shown);
    element.map_or(0, |element| added(evidence, element))
}

fn times(count: usize) -> String {
    match count {
        1 => "once".to_owned(),
        2 => "twice".to_owned(),
        more => format!("{more} times"),
    }
}

/// The newest addition that had completed before the read began, and is not in it.
fn lost(evidence: &Evidence<'_>, elements: &[Value]) -> Option<Finding> {
    let lost = evidence
        .begun()
        .filter(|operation| {
            adds(operation)
                && evidence.had_completed(operation)
                && !elements.contains(&operation.input)
        })
        .max_by_key(|operation| operation.ret)?;
    let sentence = format!(
        "{}, but {}'s {} had completed {}before the read began",
        claim(evidence),
        who(lost),
        deed(lost),
        lead(lost, evidence.blocked)
    );
    Some(Finding { sentence, contradicts: Some(lost.id) })
}

/// Two elements stand in one order, though the second had been appended before the first began to be.
fn wrong_order(evidence: &Evidence<'_>, elements: &[Value]) -> Option<Finding> {
    if evidence.job.model == ModelKind::Set {
        return None;
    }
    // Elements that were appended once, so that there is no doubt which operation put them there.
    let adders: Vec<Option<&Operation>> =
        elements.iter().map(|element| sole_adder(evidence, element)).collect();
    for (at, first) in adders.iter().enumerate() {
        let Some(first) = first else { continue };
        let second = adders[at + 1..].iter().flatten().find(|second| {
            let completed = matches!(second.outcome, Outcome::Ok(_));
            completed && second.ret.is_some_and(|ret| ret < first.call)
        });
        let Some(second) = second else { continue };
        let sentence = format!(
            "{}, with {} before {}, but {}'s {} had completed {}before {}'s {} began",
            claim(evidence),
            short(&first.input),
            short(&second.input),
            who(second),
            deed(second),
            lead(second, first),
            who(first),
            deed(first)
        );
        return Some(Finding { sentence, contradicts: Some(second.id) });
    }
    None
}

fn sole_adder<'a>(evidence: &Evidence<'a>, element: &Value) -> Option<&'a Operation> {
    let mut adders =
        evidence.begun().filter(|operation| adds(operation) && operation.input == *element);
    let adder = adders.next()?;
    adders.next().is_none().then_some(adder)
}

/// Another read in the core that does not fit this one: neither contains the other, or it had seen more before.
fn disagrees(evidence: &Evidence<'_>, elements: &[Value]) -> Option<Finding> {
    let is_set = evidence.job.model == ModelKind::Set;
    let extends = |long: &[Value], short: &[Value]| {
        if is_set {
            short.iter().all(|element| long.contains(element))
        } else {
            long.starts_with(short)
        }
    };
    let other = evidence.core.iter().rev().find(|operation| {
        let Some(seen) = answer(operation).as_list() else { return false };
        let completed = operation.ret.is_some_and(|ret| ret < evidence.first);
        let apart = !extends(seen, elements) && !extends(elements, seen);
        let newer = extends(seen, elements) && seen.len() > elements.len();
        operation.f == "read" && completed && (apart || newer && evidence.had_completed(operation))
    })?;
    let seen = answer(other).as_list().unwrap_or(&[]);
    let relation = if extends(seen, elements) {
        format!("{}before that read began", lead(other, evidence.blocked))
    } else if is_set {
        "and neither contains the other".to_owned()
    } else {
        "and neither begins with the other".to_owned()
    };
    let sentence = format!(
        "{}, but {} had read {} {relation}",
        claim(evidence),
        who(other),
        short(answer(other))
    );
    Some(Finding { sentence, contradicts: Some(other.id) })
}
