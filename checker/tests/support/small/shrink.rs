//! Making a case smaller while it keeps what makes it interesting.

use super::case::{Case, End};
use super::words::{Row, Word};

/// The smallest that single steps lead to: an operation left out, its outcome made unknown, an end moved inwards, objects
/// not told apart.
pub(crate) fn shrink(mut case: Case, interesting: &mut impl FnMut(&Case) -> bool) -> Case {
    // Every step makes a case smaller, so there is an end to it.
    while let Some(smaller) = candidates(&case).into_iter().find(|one| interesting(one)) {
        case = smaller;
    }
    case
}

fn candidates(case: &Case) -> Vec<Case> {
    let all = 0..case.ops.len();
    let without = all.clone().map(|at| without(case, at));
    let open = all.filter(|at| is_last_of_its_process(case, *at)).map(|at| opened(case, at));
    let one_object = case.ops.iter().any(|op| op.key.is_some()).then(|| {
        let mut case = case.clone();
        case.ops.iter_mut().for_each(|op| op.key = None);
        case
    });
    let inwards = (0..case.marks.len()).filter_map(|at| inwards(case, at));
    let shorter = (0..case.ops.len()).filter_map(|at| shorter(case, at));
    let all = without.chain(open.flatten()).chain(one_object).chain(inwards);
    all.chain(shorter).collect()
}

fn without(case: &Case, at: usize) -> Case {
    let mut case = case.clone();
    case.ops.remove(at);
    case.marks.retain(|mark| usize::from(mark.op) != at);
    for mark in &mut case.marks {
        mark.op -= u8::from(usize::from(mark.op) > at);
    }
    case
}

fn is_last_of_its_process(case: &Case, at: usize) -> bool {
    let begun = |at: usize| case.marks.iter().position(|mark| usize::from(mark.op) == at);
    let own = case.ops[at].process;
    let later = |one: usize| case.ops[one].process == own && begun(one) > begun(at);
    !(0..case.ops.len()).any(later)
}

/// The operation never ends.
fn opened(case: &Case, at: usize) -> Option<Case> {
    let ends = |mark: &super::case::Mark| usize::from(mark.op) == at && !mark.begins;
    let end = case.marks.iter().position(ends)?;
    let mut case = case.clone();
    case.marks.remove(end);
    case.ops[at].end = End::Info;
    Some(case)
}

/// A beginning changes places with the end after it, or an end with the beginning before it: both operations get shorter.
fn inwards(case: &Case, at: usize) -> Option<Case> {
    let mark = case.marks[at];
    let other = if mark.begins { at + 1 } else { at.checked_sub(1)? };
    let neighbour = *case.marks.get(other)?;
    // A process does one thing after the other.
    let own = |op: u8| case.ops[usize::from(op)].process;
    if own(neighbour.op) == own(mark.op) || neighbour.begins == mark.begins {
        return None;
    }
    let mut case = case.clone();
    case.marks.swap(at, other);
    Some(case)
}

/// A transaction with a step less.
fn shorter(case: &Case, at: usize) -> Option<Case> {
    let cut = |word: Word| match word {
        Word::Steps(row) if row.cells().len() > 3 => Some(Word::Steps(Row::of(&row.cells()[3..]))),
        _ => None,
    };
    let op = &case.ops[at];
    let input = cut(op.input)?;
    let answer = cut(op.answer).unwrap_or(op.answer);
    let mut case = case.clone();
    (case.ops[at].input, case.ops[at].answer) = (input, answer);
    Some(case)
}
