//! Queues, stacks and priority queues: an element that was never put in, taken twice, overtaken, or overlooked.

use std::borrow::Cow;

use crate::Value;
use crate::check::{Job, ModelKind};
use crate::counterexample::explain::{Evidence, Finding};
use crate::counterexample::words::{answer, deed, lag, lead, short, takes, took, who};
use crate::history::{Op, OpId, Operation, Outcome};

/// The elements that these operations put in or took, sorted.
pub(super) fn elements(job: &Job<'_>, core: &[OpId]) -> Vec<Value> {
    let element = |id: &OpId| {
        let op = job.history.op(*id);
        if takes(op.f()) { op.answer().map(Cow::into_owned) } else { Some(op.input().into_owned()) }
    };
    let mut elements: Vec<Value> = core.iter().filter_map(element).collect();
    elements.sort_unstable();
    elements.dedup();
    elements
}

/// Whether an operation concerns one of these elements, or is a take that was open at `first`.
pub(super) fn may_matter(operation: Op<'_>, elements: &[Value], first: u64) -> bool {
    if !takes(operation.f()) {
        return elements.binary_search(&operation.input()).is_ok();
    }
    let completed = operation.is_ok() && operation.ret().is_some_and(|ret| ret <= first);
    match operation.answer().filter(|_| completed) {
        Some(answer) => elements.binary_search(&answer).is_ok(),
        None => operation.call() < first && !operation.is_fail(),
    }
}

pub(super) fn find(evidence: &Evidence<'_>) -> Option<Finding> {
    if !takes(&evidence.blocked.f) {
        return None;
    }
    let element = answer(evidence.blocked);
    if element.is_nil() {
        return overlooked(evidence);
    }
    never_put(evidence, element)
        .or_else(|| taken_before(evidence, element))
        .or_else(|| overtaken(evidence, element))
        .or_else(|| passed_over(evidence, element))
        .or_else(|| left_behind(evidence, element))
}

/// The operations that put an element in, failed ones included.
fn puts<'e, 'a: 'e>(
    evidence: &'e Evidence<'a>,
    element: &'e Value,
) -> impl Iterator<Item = &'a Operation> + 'e {
    let all = evidence.all.iter().copied();
    all.filter(move |operation| !takes(&operation.f) && operation.input == *element)
}

/// Whether it had answered by the time of the blocked completion.
fn is_done(evidence: &Evidence<'_>, operation: &Operation) -> bool {
    matches!(operation.outcome, Outcome::Ok(_)) && operation.ret <= Some(evidence.first)
}

/// Takes of an element that had answered.
fn takers<'e, 'a: 'e>(
    evidence: &'e Evidence<'a>,
    element: &'e Value,
) -> impl Iterator<Item = &'a Operation> + 'e {
    evidence.all.iter().copied().filter(move |operation| {
        takes(&operation.f) && is_done(evidence, operation) && answer(operation) == element
    })
}

/// Whether some take may have taken what is missing.
fn any_open(evidence: &Evidence<'_>) -> bool {
    evidence.begun().any(|operation| takes(&operation.f) && !is_done(evidence, operation))
}

fn never_put(evidence: &Evidence<'_>, element: &Value) -> Option<Finding> {
    let blocked = evidence.blocked;
    let begun = |operation: &Operation| {
        operation.call < evidence.first && !matches!(operation.outcome, Outcome::Fail(_))
    };
    if puts(evidence, element).any(begun) {
        return None;
    }
    let failed = puts(evidence, element).find(|operation| evidence.had_failed(operation));
    let later = puts(evidence, element).find(|put| !matches!(put.outcome, Outcome::Fail(_)));
    let (why, contradicts) = match (failed, later) {
        (Some(failed), _) => {
            let words = format!("{}'s {} failed and must not be seen", who(failed), deed(failed));
            (words, Some(failed.id))
        }
        (None, Some(later)) => {
            let span = lead(blocked, later);
            let words = format!("{}'s {} began only {span}after that", who(later), deed(later));
            (words, None)
        }
        (None, None) => (format!("nobody ever put {} in", short(element)), None),
    };
    Some(Finding { sentence: format!("{}, but {why}", took(blocked)), contradicts })
}

fn taken_before(evidence: &Evidence<'_>, element: &Value) -> Option<Finding> {
    let blocked = evidence.blocked;
    let put = puts(evidence, element).filter(|put| !matches!(put.outcome, Outcome::Fail(_)));
    if put.count() > 1 {
        return None;
    }
    let other = takers(evidence, element).find(|other| other.id != blocked.id)?;
    let words = format!("{} too, and it was put in once only", took(other));
    Some(Finding {
        sentence: format!("{}, but {words}", took(blocked)),
        contradicts: Some(other.id),
    })
}

/// Of a queue: two elements came out in another order than they went in.
fn overtaken(evidence: &Evidence<'_>, element: &Value) -> Option<Finding> {
    let put = sole_put(evidence, element).filter(|_| evidence.blocked.f == "dequeue")?;
    let core = evidence.core.iter().copied().filter(|other| !takes(&other.f));
    let mut others = core.filter(|other| sole_put(evidence, &other.input).is_some());
    others.find_map(|other| {
        too_late(evidence, put, other).or_else(|| too_early(evidence, put, other))
    })
}

/// The operation that put an element in, if there is one only.
fn sole_put<'a>(evidence: &Evidence<'a>, element: &Value) -> Option<&'a Operation> {
    let mut all = puts(evidence, element);
    all.next().filter(|_| all.next().is_none())
}

/// That one put completed before the other began, if it did.
fn order(first: &Operation, second: &Operation) -> Option<String> {
    had_ended(first, second).then(|| {
        format!(
            "{}'s {} had completed {}before {}'s {} began",
            who(first),
            deed(first),
            lead(first, second),
            who(second),
            deed(second)
        )
    })
}

fn had_ended(first: &Operation, second: &Operation) -> bool {
    let completed = matches!(first.outcome, Outcome::Ok(_));
    completed && first.ret.is_some_and(|ret| ret < second.call)
}

/// The other element was put in later, and had been taken before.
fn too_late(evidence: &Evidence<'_>, put: &Operation, other: &Operation) -> Option<Finding> {
    let blocked = evidence.blocked;
    let order = order(put, other)?;
    let taker = takers(evidence, &other.input).find(|taker| had_ended(taker, blocked))?;
    let after = lead(taker, blocked);
    let sentence = format!("{} only {after}after {}, but {order}", took(blocked), took(taker));
    Some(Finding { sentence, contradicts: Some(taker.id) })
}

/// The other element was put in before, and nobody can have taken it.
fn too_early(evidence: &Evidence<'_>, put: &Operation, other: &Operation) -> Option<Finding> {
    let order = order(other, put)?;
    if any_open(evidence) || takers(evidence, &other.input).next().is_some() {
        return None;
    }
    let (claim, element) = (took(evidence.blocked), short(&other.input));
    let sentence = format!("{claim}, but {order}, and nobody took {element}");
    Some(Finding { sentence, contradicts: Some(other.id) })
}

/// An element whose turn it was before that of another while both were there, of a stack or a priority queue.
struct Turn<'a> {
    /// The put of the element whose turn it was, and that of the other.
    due: &'a Operation,
    other: &'a Operation,
}

impl<'a> Turn<'a> {
    /// If both were put in once, and in an order in which it was the first one's turn.
    fn of(evidence: &Evidence<'a>, due: &Value, other: &Value) -> Option<Self> {
        let (due, other) = (sole_put(evidence, due)?, sole_put(evidence, other)?);
        let is_due = match evidence.job.model {
            ModelKind::Stack => had_ended(other, due),
            ModelKind::PriorityQueue => due.input < other.input,
            _ => false,
        };
        is_due.then_some(Self { due, other })
    }

    /// That it was its turn when `take` began, if that is sure but for its having been taken.
    fn had_come(&self, take: &Operation) -> Option<String> {
        let Self { due, other } = self;
        if !had_ended(due, take) {
            return None;
        }
        let began = format!(
            "{}'s {} had completed {}before that {} began",
            who(due),
            deed(due),
            lead(due, take),
            take.f
        );
        Some(match take.f.as_str() {
            "pop" => format!(
                "{began}, and it had begun {}after {}'s {} had completed",
                lag(other, due),
                who(other),
                deed(other)
            ),
            _ => began,
        })
    }
}

/// Elements of the core that were put in, but for this one.
fn others<'e, 'a: 'e>(
    evidence: &'e Evidence<'a>,
    element: &'e Value,
) -> impl Iterator<Item = &'a Value> + 'e {
    let puts = evidence.core.iter().copied().filter(|put| !takes(&put.f));
    puts.map(|put| &put.input).filter(move |other| *other != element)
}

/// Of a stack or a priority queue: it was another element's turn, and nobody can have taken that.
fn passed_over(evidence: &Evidence<'_>, element: &Value) -> Option<Finding> {
    let blocked = evidence.blocked;
    if any_open(evidence) {
        return None;
    }
    others(evidence, element).find_map(|due| {
        let turn = Turn::of(evidence, due, element)?;
        let came = turn.had_come(blocked)?;
        if takers(evidence, due).next().is_some() {
            return None;
        }
        let (claim, missed) = (took(blocked), short(due));
        let sentence = format!("{claim}, but {came}, and nobody took {missed}");
        Some(Finding { sentence, contradicts: Some(turn.due.id) })
    })
}

/// Of a stack or a priority queue: this element was taken only after another, though it was its turn before.
fn left_behind(evidence: &Evidence<'_>, element: &Value) -> Option<Finding> {
    let blocked = evidence.blocked;
    others(evidence, element).find_map(|other| {
        let turn = Turn::of(evidence, element, other)?;
        let taker = takers(evidence, other).find(|taker| had_ended(taker, blocked))?;
        let came = turn.had_come(taker)?;
        let sentence = format!(
            "{} only {}after {}, but {came}",
            took(blocked),
            lag(taker, blocked),
            took(taker)
        );
        Some(Finding { sentence, contradicts: Some(taker.id) })
    })
}

/// Found nothing, though something had been put in before and nobody took it.
fn overlooked(evidence: &Evidence<'_>) -> Option<Finding> {
    let blocked = evidence.blocked;
    if any_open(evidence) {
        return None;
    }
    let there = evidence.core.iter().rev().find(|put| {
        let taken = takers(evidence, &put.input).next().is_some();
        !takes(&put.f) && evidence.had_completed(put) && !taken
    })?;
    let sentence = format!(
        "{}, but {}'s {} had completed {}before it began, and nobody took {}",
        took(blocked),
        who(there),
        deed(there),
        lead(there, blocked),
        short(&there.input)
    );
    Some(Finding { sentence, contradicts: Some(there.id) })
}
