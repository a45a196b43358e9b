//! Locks.

use crate::check::ModelKind;
use crate::counterexample::explain::{Evidence, Finding, on};
use crate::counterexample::words::{answer, lead, who};
use crate::history::Outcome;

/// A lock: acquired while held, or released while free.
pub(super) fn find(evidence: &Evidence<'_>) -> Option<Finding> {
    let blocked = evidence.blocked;
    let newest = |f: &str| {
        let candidates = evidence.core.iter().filter(|operation| {
            let completed = matches!(operation.outcome, Outcome::Ok(_))
                && operation.ret.is_some_and(|ret| ret < evidence.first);
            completed && operation.f == f && operation.id != blocked.id
        });
        candidates.max_by_key(|operation| operation.ret).copied()
    };
    if let Some(finding) = token_of_the_past(evidence) {
        return Some(finding);
    }
    let own = if evidence.job.model == ModelKind::Mutex { "an acquire" } else { "its own acquire" };
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
            "{}'s release{} succeeded, but no order of the operations shown puts {own} right before it",
            who(blocked),
            on(evidence)
        );
        (words, newest("release").map(|operation| operation.id))
    };
    Some(Finding { sentence, contradicts })
}

/// A greater fencing token had been given.
fn token_of_the_past(evidence: &Evidence<'_>) -> Option<Finding> {
    let blocked = evidence.blocked;
    let token =
        answer(blocked).as_int().filter(|_| evidence.job.model == ModelKind::FencedMutex)?;
    let earlier = evidence.core.iter().filter(|operation| evidence.had_completed(operation));
    let (other, greater) = earlier
        .filter_map(|operation| Some((*operation, answer(operation).as_int()?)))
        .filter(|(_, other)| *other >= token)
        .max_by_key(|(operation, _)| operation.ret)?;
    let sentence = format!(
        "{}'s acquire{} answered token {token}, but {}'s acquire had completed {}before with token {greater}",
        who(blocked),
        on(evidence),
        who(other),
        lead(other, blocked),
    );
    Some(Finding { sentence, contradicts: Some(other.id) })
}
