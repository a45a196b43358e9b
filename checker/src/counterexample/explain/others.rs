//! Text by key, and locks.

use crate::Value;
use crate::counterexample::explain::{Evidence, Finding, on};
use crate::counterexample::words::{answer, answered, deed, lead, short, who};
use crate::history::{Operation, Outcome};

/// A get: a text that lacks what had been put there, or has it too often.
pub(super) fn key_value(evidence: &Evidence<'_>) -> Option<Finding> {
    let text = answer(evidence.blocked).as_text().unwrap_or("");
    lost(evidence, text).or_else(|| doubled(evidence, text))
}

/// The text that an update puts there, if it is not empty.
fn put_by(operation: &Operation) -> Option<&str> {
    let text = match operation.f.as_str() {
        "put" | "append" => operation.input.as_text()?,
        _ => return None,
    };
    (!text.is_empty()).then_some(text)
}

fn replaces(operation: &Operation) -> bool {
    matches!(operation.f.as_str(), "put" | "delete")
}

/// The newest text that had been put there, that nothing can have taken away again, and that is missing.
fn lost(evidence: &Evidence<'_>, text: &str) -> Option<Finding> {
    let may_replace = |update: &Operation| {
        evidence.begun().any(|operation| {
            let after = operation.ret.is_none_or(|ret| ret > update.call);
            operation.id != update.id && replaces(operation) && after
        })
    };
    let lost = evidence
        .begun()
        .filter(|operation| {
            let missing = put_by(operation).is_some_and(|put| !text.contains(put));
            missing && evidence.had_completed(operation) && !may_replace(operation)
        })
        .max_by_key(|operation| operation.ret)?;
    let sentence = format!(
        "{} {}, but {}'s {} had completed {}before the get began",
        who(evidence.blocked),
        answered(evidence.blocked),
        who(lost),
        deed(lost),
        lead(lost, evidence.blocked)
    );
    Some(Finding { sentence, contradicts: Some(lost.id) })
}

/// A text that occurs more often than it was put there. Only texts that are no part of another one count.
fn doubled(evidence: &Evidence<'_>, text: &str) -> Option<Finding> {
    let puts: Vec<&str> = evidence.begun().filter_map(put_by).collect();
    let (put, seen, most) = puts.iter().find_map(|put| {
        let most = puts.iter().filter(|other| *other == put).count();
        let seen = text.matches(put).count();
        let ambiguous = puts.iter().any(|other| other != put && other.contains(put));
        (seen > most && !ambiguous).then_some((*put, seen, most))
    })?;
    let sentence = format!(
        "{} {}, which has {} {seen} times, but it was written {most} times only",
        who(evidence.blocked),
        answered(evidence.blocked),
        short(&Value::from(put)),
    );
    Some(Finding { sentence, contradicts: None })
}

/// A lock: acquired while held, or released while free.
pub(super) fn mutex(evidence: &Evidence<'_>) -> Option<Finding> {
    let blocked = evidence.blocked;
    let newest = |f: &str| {
        let candidates = evidence.core.iter().filter(|operation| {
            let completed = matches!(operation.outcome, Outcome::Ok(_))
                && operation.ret.is_some_and(|ret| ret < evidence.first);
            completed && operation.f == f && operation.id != blocked.id
        });
        candidates.max_by_key(|operation| operation.ret).copied()
    };
    let (sentence, contradicts) = if blocked.f == "acquire" {
        let holder = newest("acquire")?;
        let words = format!(
            "{}'s acquire{} succeeded, but {}'s acquire had succeeded too, and no order of the operations shown puts a \
             release between them",
            who(blocked),
            on(evidence),
            who(holder)
        );
        (words, Some(holder.id))
    } else {
        let words = format!(
            "{}'s release{} succeeded, but no order of the operations shown puts an acquire right before it",
            who(blocked),
            on(evidence)
        );
        (words, newest("release").map(|operation| operation.id))
    };
    Some(Finding { sentence, contradicts })
}
