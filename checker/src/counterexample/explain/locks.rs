//! Locks.

use crate::counterexample::explain::{Evidence, Finding, on};
use crate::counterexample::words::who;
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
