//! Lists and sets: a read that has an element too many, lacks one, or has them in an impossible order.

use rustc_hash::{FxHashMap, FxHashSet};

use crate::Value;
use crate::check::ModelKind;
use crate::counterexample::explain::{Evidence, Finding};
use crate::counterexample::words::{answer, answered, deed, lead, short, times, who};
use crate::history::{Operation, Outcome};

pub(super) fn find(evidence: &Evidence<'_>) -> Option<Finding> {
    let case = Case::new(evidence);
    case.never_added()
        .or_else(|| case.too_often())
        .or_else(|| case.lost())
        .or_else(|| case.wrong_order())
        .or_else(|| case.skipped())
        .or_else(|| case.disagrees())
}

/// The function that adds an element.
fn adds(operation: &Operation) -> bool {
    matches!(operation.f.as_str(), "add" | "append")
}

/// What may have added an element by the time of the blocked completion.
struct Added<'a> {
    first: &'a Operation,
    times: usize,
}

/// The blocked read, with indexes: reads and histories may be long.
struct Case<'e, 'a> {
    evidence: &'e Evidence<'a>,
    is_set: bool,
    /// What the read answered.
    elements: &'a [Value],
    /// How often it has each element.
    seen: FxHashMap<&'a Value, usize>,
    added: FxHashMap<&'a Value, Added<'a>>,
}

impl<'e, 'a> Case<'e, 'a> {
    fn new(evidence: &'e Evidence<'a>) -> Self {
        let blocked: &'a Operation = evidence.blocked;
        let elements = answer(blocked).as_list().unwrap_or(&[]);
        let mut seen = FxHashMap::default();
        for element in elements {
            *seen.entry(element).or_insert(0) += 1;
        }
        let mut added: FxHashMap<&Value, Added<'_>> = FxHashMap::default();
        for operation in evidence.begun().filter(|operation| adds(operation)) {
            let entry = added.entry(&operation.input);
            entry.or_insert(Added { first: operation, times: 0 }).times += 1;
        }
        let is_set = evidence.job.model == ModelKind::Set;
        Self { evidence, is_set, elements, seen, added }
    }

    fn claim(&self) -> String {
        format!("{} {}", who(self.evidence.blocked), answered(self.evidence.blocked))
    }

    fn never_added(&self) -> Option<Finding> {
        let evidence = self.evidence;
        let stranger = self.elements.iter().find(|element| !self.added.contains_key(element))?;
        let mut adders =
            evidence.all.iter().filter(|operation| adds(operation) && operation.input == *stranger);
        let claim = self.claim();
        let failed = adders.clone().find(|operation| evidence.had_failed(operation));
        let (sentence, contradicts) = if let Some(failed) = failed {
            let words = format!("{}'s {} failed and must not be seen", who(failed), deed(failed));
            (format!("{claim}, but {words}"), Some(failed.id))
        } else if let Some(later) = adders.next() {
            let span = lead(evidence.blocked, later);
            let (who, deed) = (who(later), deed(later));
            (format!("{claim}, but {who}'s {deed} began only {span}after the read completed"), None)
        } else {
            let verb = if self.is_set { "added" } else { "appended" };
            (format!("{claim}, but nobody ever {verb} {}", short(stranger)), None)
        };
        Some(Finding { sentence, contradicts })
    }

    fn too_often(&self) -> Option<Finding> {
        let (element, seen, most) = self.elements.iter().find_map(|element| {
            let seen = self.seen.get(element).copied().unwrap_or(0);
            let added = self.added.get(element).map_or(0, |added| added.times);
            let most = if self.is_set { 1 } else { added };
            (seen > most).then_some((element, seen, most))
        })?;
        let limit = if self.is_set {
            "a set has an element once at most".to_owned()
        } else {
            format!("it was appended {} only", times(most))
        };
        let (claim, element, seen) = (self.claim(), short(element), times(seen));
        Some(Finding {
            sentence: format!("{claim}, with {element} {seen}, but {limit}"),
            contradicts: None,
        })
    }

    /// The newest addition that had completed before the read began, and is not in it.
    fn lost(&self) -> Option<Finding> {
        let evidence = self.evidence;
        let lost = evidence
            .begun()
            .filter(|operation| {
                adds(operation)
                    && evidence.had_completed(operation)
                    && !self.seen.contains_key(&operation.input)
            })
            .max_by_key(|operation| operation.ret)?;
        let sentence = format!(
            "{}, but {}'s {} had completed {}before the read began",
            self.claim(),
            who(lost),
            deed(lost),
            lead(lost, evidence.blocked)
        );
        Some(Finding { sentence, contradicts: Some(lost.id) })
    }

    /// Two elements stand in one order, though the second had been appended before the first began to be.
    fn wrong_order(&self) -> Option<Finding> {
        if self.is_set {
            return None;
        }
        // Elements that were appended once, so that there is no doubt which operation put them there.
        let adders: Vec<&Operation> =
            self.elements.iter().filter_map(|element| self.sole_adder(element)).collect();
        // By place: the earliest completion from there on.
        let mut earliest = vec![u64::MAX; adders.len() + 1];
        for (at, adder) in adders.iter().enumerate().rev() {
            earliest[at] = earliest[at + 1].min(completion(adder));
        }
        let at = (0..adders.len()).find(|at| earliest[at + 1] < adders[*at].call)?;
        let first = adders[at];
        let second = adders[at + 1..].iter().find(|second| completion(second) < first.call)?;
        let sentence = format!(
            "{}, with {} before {}, but {}'s {} had completed {}before {}'s {} began",
            self.claim(),
            short(&first.input),
            short(&second.input),
            who(second),
            deed(second),
            lead(second, first),
            who(first),
            deed(first)
        );
        Some(Finding { sentence, contradicts: Some(second.id) })
    }

    /// The read lacks an element of the core that had been added before one that it has began to be.
    fn skipped(&self) -> Option<Finding> {
        let added = self.elements.iter().filter_map(|element| self.added.get(element));
        let latest = added.map(|added| added.first).max_by_key(|operation| operation.call)?;
        let skipped = self.evidence.core.iter().find(|operation| {
            let lacked = adds(operation) && !self.seen.contains_key(&operation.input);
            lacked && completion(operation) < latest.call
        })?;
        let sentence = format!(
            "{}, with {} and without {}, but {}'s {} had completed {}before {}'s {} began",
            self.claim(),
            short(&latest.input),
            short(&skipped.input),
            who(skipped),
            deed(skipped),
            lead(skipped, latest),
            who(latest),
            deed(latest)
        );
        Some(Finding { sentence, contradicts: Some(skipped.id) })
    }

    fn sole_adder(&self, element: &Value) -> Option<&'a Operation> {
        self.added.get(element).filter(|added| added.times == 1).map(|added| added.first)
    }

    /// Another read in the core that does not fit this one: neither contains the other, or it had seen more before.
    fn disagrees(&self) -> Option<Finding> {
        let evidence = self.evidence;
        let (other, newer) = evidence.core.iter().rev().find_map(|operation| {
            let seen = answer(operation).as_list()?;
            let completed = operation.ret.is_some_and(|ret| ret < evidence.first);
            if operation.f != "read" || !completed {
                return None;
            }
            let (holds, held) = self.compare(seen);
            let newer =
                holds && seen.len() > self.elements.len() && evidence.had_completed(operation);
            (newer || !holds && !held).then_some((operation, holds))
        })?;
        let relation = if newer {
            format!("{}before that read began", lead(other, evidence.blocked))
        } else if self.is_set {
            "and neither contains the other".to_owned()
        } else {
            "and neither begins with the other".to_owned()
        };
        let (claim, who, seen) = (self.claim(), who(other), short(answer(other)));
        let sentence = format!("{claim}, but {who} had read {seen} {relation}");
        Some(Finding { sentence, contradicts: Some(other.id) })
    }

    /// Whether another answer holds all of the blocked one, and whether it is held by it.
    fn compare(&self, other: &[Value]) -> (bool, bool) {
        if self.is_set {
            let members: FxHashSet<&Value> = other.iter().collect();
            let holds = self.seen.keys().all(|element| members.contains(*element));
            let held = members.iter().all(|element| self.seen.contains_key(*element));
            (holds, held)
        } else {
            (other.starts_with(self.elements), self.elements.starts_with(other))
        }
    }
}

/// When an operation took effect at the latest, as far as that is known.
fn completion(operation: &Operation) -> u64 {
    let completed = matches!(operation.outcome, Outcome::Ok(_));
    operation.ret.filter(|_| completed).unwrap_or(u64::MAX)
}
