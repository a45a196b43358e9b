//! Registers: a read, or a compare-and-set, that met a value which it cannot have met.

use crate::Value;
use crate::counterexample::explain::{Evidence, Finding, on};
use crate::counterexample::words::{answer, answered, deed, lag, lead, object, short, who};
use crate::history::{Operation, Outcome};

pub(super) fn find(evidence: &Evidence<'_>) -> Option<Finding> {
    let blocked = evidence.blocked;
    if matches!(blocked.outcome, Outcome::Fail(_)) {
        return failed_cas(evidence);
    }
    let met = met_by(blocked)?;
    never_written(evidence, met)
        .or_else(|| taken_twice(evidence, met))
        .or_else(|| overwritten(evidence, met, true))
        .or_else(|| seen_newer(evidence, met))
        .or_else(|| overwritten(evidence, met, false))
}

/// The value that an operation says the register held.
fn met_by(operation: &Operation) -> Option<&Value> {
    match operation.f.as_str() {
        "read" => Some(answer(operation)),
        "cas" => from_of(operation),
        _ => None,
    }
}

/// The value that a compare-and-set expects.
pub(super) fn from_of(operation: &Operation) -> Option<&Value> {
    let [from, _] = operation.input.as_list()? else { return None };
    (operation.f == "cas").then_some(from)
}

/// The value that an operation leaves, if it changes it at all.
fn left_by(operation: &Operation) -> Option<&Value> {
    match (operation.f.as_str(), operation.input.as_list()) {
        ("write", _) => Some(&operation.input),
        ("cas", Some([from, to])) if from != to => Some(to),
        _ => None,
    }
}

/// What the blocked operation did: `p3 read k7 = 2`, `p3's cas from 2 to 5 on k7 succeeded`.
fn claim(evidence: &Evidence<'_>) -> String {
    let blocked = evidence.blocked;
    if blocked.f == "read" {
        format!("{} {}", who(blocked), answered(blocked))
    } else {
        format!("{}'s {}{} succeeded", who(blocked), deed(blocked), on(evidence))
    }
}

/// How to name the blocked operation a second time.
fn it(evidence: &Evidence<'_>) -> String {
    format!("the {}", evidence.blocked.f)
}

/// Nobody can have written it: never, not yet, or without success.
fn never_written(evidence: &Evidence<'_>, met: &Value) -> Option<Finding> {
    let initial = evidence.job.options.initial.clone().unwrap_or_default();
    if *met == initial || evidence.begun().any(|operation| left_by(operation) == Some(met)) {
        return None;
    }
    let blocked = evidence.blocked;
    let mut writers = evidence.all.iter().filter(|operation| left_by(operation) == Some(met));
    let claim = claim(evidence);
    let failed = writers.clone().find(|operation| evidence.had_failed(operation));
    let (sentence, contradicts) = if let Some(failed) = failed {
        let deed = deed(failed);
        (
            format!("{claim}, but {}'s {deed} failed and must not be seen", who(failed)),
            Some(failed.id),
        )
    } else if let Some(later) = writers.next() {
        let lag = lag(blocked, later);
        let deed = deed(later);
        let who = who(later);
        let it = it(evidence);
        (format!("{claim}, but {who}'s {deed} began only {lag}after {it} completed"), None)
    } else {
        (format!("{claim}, but nobody ever wrote {}", short(met)), None)
    };
    Some(Finding { sentence, contradicts })
}

/// Two compare-and-sets succeeded from a value that was there once.
fn taken_twice(evidence: &Evidence<'_>, met: &Value) -> Option<Finding> {
    let blocked = evidence.blocked;
    let initial = evidence.job.options.initial.clone().unwrap_or_default();
    let written = evidence.begun().filter(|operation| left_by(operation) == Some(met)).count();
    // From a value to itself takes nothing.
    let takes = blocked.f == "cas" && left_by(blocked).is_some();
    if !takes || written + usize::from(initial == *met) != 1 {
        return None;
    }
    let other = evidence.core.iter().rev().find(|operation| {
        let completed = matches!(operation.outcome, Outcome::Ok(_))
            && operation.ret.is_some_and(|ret| ret < evidence.first);
        let takes = from_of(operation) == Some(met) && left_by(operation).is_some();
        completed && takes && operation.id != blocked.id
    })?;
    let sentence = format!(
        "{}'s {} and {}'s {}{} both succeeded, though the value became {} only once",
        who(other),
        deed(other),
        who(blocked),
        deed(blocked),
        on(evidence),
        short(met)
    );
    Some(Finding { sentence, contradicts: Some(other.id) })
}

/// A write of another value had completed. `plain`: and began after every write of this value had completed, so that
/// nothing more needs to be said.
fn overwritten(evidence: &Evidence<'_>, met: &Value, plain: bool) -> Option<Finding> {
    let newer = evidence
        .core
        .iter()
        .filter(|operation| {
            evidence.had_completed(operation)
                && left_by(operation).is_some_and(|value| value != met)
        })
        .max_by_key(|operation| operation.ret)?;
    let settled = evidence
        .begun()
        .filter(|operation| left_by(operation) == Some(met))
        .all(|operation| operation.ret.is_some_and(|ret| ret < newer.call));
    if plain && !settled {
        return None;
    }
    let span = lead(newer, evidence.blocked);
    let claim = claim(evidence);
    let it = it(evidence);
    let plain_words = format!(
        "{claim}, but {}'s {} had completed {span}before {it} began",
        who(newer),
        deed(newer)
    );
    let sentence = if settled {
        plain_words
    } else {
        format!("{plain_words}, and no order of the operations shown puts it earlier")
    };
    Some(Finding { sentence, contradicts: Some(newer.id) })
}

/// Another read had already seen another value.
fn seen_newer(evidence: &Evidence<'_>, met: &Value) -> Option<Finding> {
    let newer = evidence
        .core
        .iter()
        .filter(|operation| {
            operation.f == "read" && evidence.had_completed(operation) && answer(operation) != met
        })
        .max_by_key(|operation| operation.ret)?;
    let sentence = format!(
        "{}, but {} had read {} {}before {} began, and no order of the operations shown puts that later",
        claim(evidence),
        who(newer),
        short(answer(newer)),
        lead(newer, evidence.blocked),
        it(evidence)
    );
    Some(Finding { sentence, contradicts: Some(newer.id) })
}

/// A compare-and-set failed although the value was the expected one.
fn failed_cas(evidence: &Evidence<'_>) -> Option<Finding> {
    let blocked = evidence.blocked;
    let from = from_of(blocked)?;
    let witness = evidence
        .core
        .iter()
        .filter(|operation| {
            let leaves = left_by(operation).or_else(|| met_by(operation));
            evidence.had_completed(operation) && leaves == Some(from)
        })
        .max_by_key(|operation| operation.ret);
    let sentence = format!(
        "{}'s {}{} failed, but in every order of the operations shown the value{} was {} all the time",
        who(blocked),
        deed(blocked),
        on(evidence),
        object(blocked),
        short(from)
    );
    Some(Finding { sentence, contradicts: witness.map(|operation| operation.id) })
}
