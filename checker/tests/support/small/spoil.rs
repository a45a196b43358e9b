//! Spoiling legal histories. What is left is a history, but perhaps of a broken store.

use rashomon_checker::check::ModelKind;

use super::case::{Case, End};
use super::random::Random;
use super::words::{F, NIL, Row, Word};

/// Another answer, another outcome, or an end moved.
pub(crate) fn spoil(case: &mut Case, random: &mut Random) {
    if case.marks.is_empty() {
        return;
    }
    // A lock answers nothing, or a token.
    let kind = match case.rules.model {
        ModelKind::Mutex | ModelKind::OwnedMutex => 6 + random.below(2),
        ModelKind::FencedMutex => [0, 5, 6, 6, 7, 7][random.below(6) as usize],
        _ => random.below(10),
    };
    match kind {
        0..4 => change_answer(case, random),
        4..6 => repeat_answer(case, random),
        6 => change_outcome(case, random),
        _ => move_end(case, random),
    }
}

/// One of the operations that `wanted` says.
fn pick(case: &Case, random: &mut Random, wanted: impl Fn(usize) -> bool) -> Option<usize> {
    let count = (0..case.ops.len()).filter(|at| wanted(*at)).count();
    let chosen = random.below(count.max(1) as u64) as usize;
    (0..case.ops.len()).filter(|at| wanted(*at)).nth(chosen)
}

/// Done becomes failed, or the other way round, where the answer says nothing else.
fn change_outcome(case: &mut Case, random: &mut Random) {
    let fenced = case.rules.model == ModelKind::FencedMutex;
    let updates = |at: usize| {
        let op = &case.ops[at];
        let untold = fenced && op.f == F::Acquire && op.end == End::Fail;
        op.end != End::Info && !op.f.asks() && !untold
    };
    let Some(at) = pick(case, random, updates) else { return };
    let op = &mut case.ops[at];
    (op.end, op.answer) = match op.end {
        End::Ok => (End::Fail, Word::Nil),
        End::Fail | End::Info => (End::Ok, op.input),
    };
}

/// A completion moves forward to right after its invocation, or an invocation back to right before its completion.
fn move_end(case: &mut Case, random: &mut Random) {
    let at = random.below(case.marks.len() as u64) as usize;
    let mark = case.marks.remove(at);
    let same = |one: &usize| case.marks[*one].op == mark.op;
    let place = if mark.begins {
        (at..case.marks.len()).find(same).unwrap_or(case.marks.len())
    } else {
        (0..at).rev().find(same).map_or(0, |begins| begins + 1)
    };
    case.marks.insert(place, mark);
}

/// Whether the operation answers something that can be wrong.
fn answers(case: &Case, at: usize) -> bool {
    let op = &case.ops[at];
    let tells = match case.rules.model {
        ModelKind::ElementSet => true,
        ModelKind::VersionedRegister => !matches!(op.f, F::Cas | F::CasRevision),
        ModelKind::FencedMutex => op.f == F::Acquire,
        _ => op.f.asks(),
    };
    tells && op.end == End::Ok
}

/// An operation answers what another one of the same kind did: too early, too late, or twice.
fn repeat_answer(case: &mut Case, random: &mut Random) {
    let Some(at) = pick(case, random, |at| answers(case, at)) else { return };
    let f = case.ops[at].f;
    let alike = |one: usize| one != at && case.ops[one].f == f && answers(case, one);
    let Some(other) = pick(case, random, alike) else { return };
    // A transaction answers its own steps.
    if f == F::Txn {
        return change_reads(case, at, random);
    }
    let (own, other) = (case.ops[at].answer, case.ops[other].answer);
    case.ops[at].answer = match (case.rules.model, own, other) {
        // A change that was called failed and then done answers its own argument.
        (ModelKind::ElementSet, _, Word::Int(_)) => own,
        (ModelKind::VersionedRegister, Word::List(own), Word::List(other)) if f != F::Get => {
            Word::List(with_revision_of(own, other))
        }
        (ModelKind::VersionedRegister, ..) if f != F::Get => own,
        _ => other,
    };
}

/// What a change wrote, and when another one did.
fn with_revision_of(mut own: Row, other: Row) -> Row {
    if let ([_, cell], [_, revision]) = (own.cells_mut(), other.cells()) {
        *cell = *revision;
    }
    own
}

fn change_reads(case: &mut Case, at: usize, random: &mut Random) {
    let value = value(random);
    let Word::Steps(steps) = &mut case.ops[at].answer else { return };
    for one in steps.cells_mut().chunks_mut(3).filter(|one| one[0] == 0) {
        one[2] = value;
    }
}

fn value(random: &mut Random) -> i8 {
    let most = if random.chance(50) { 2 } else { 8 };
    random.below(most) as i8
}

fn change_answer(case: &mut Case, random: &mut Random) {
    let Some(at) = pick(case, random, |at| answers(case, at)) else { return };
    let value = value(random);
    let op = &mut case.ops[at];
    op.answer = match (case.rules.model, op.answer) {
        (ModelKind::KeyValue, Word::Text(text)) => Word::Text(other_text(text, value, random)),
        (ModelKind::Set | ModelKind::AppendList, Word::List(row)) => {
            Word::List(other_row(row, value, random))
        }
        (ModelKind::MultiRegister, _) => return change_reads(case, at, random),
        (ModelKind::FifoQueue | ModelKind::Stack | ModelKind::PriorityQueue, _) => {
            if random.chance(30) { Word::Nil } else { Word::Int(value) }
        }
        (ModelKind::Register | ModelKind::CasRegister, _) if random.chance(15) => Word::Nil,
        (
            ModelKind::Register
            | ModelKind::CasRegister
            | ModelKind::FencedMutex
            | ModelKind::Counter,
            _,
        ) => Word::Int(value),
        (ModelKind::ElementSet, Word::Bool(truth)) => Word::Bool(!truth),
        (ModelKind::VersionedRegister, Word::List(mut row)) if row.get(1).is_some() => {
            // A delete that says where the store stood found nothing.
            let all = row.cells().len() as u64;
            let first = if op.f == F::Delete { all - 1 } else { 1 };
            let cell = &mut row.cells_mut()[(first + random.below(all - first)) as usize];
            *cell += [-1, 1, 2][random.below(3) as usize];
            Word::List(row)
        }
        (_, answer) => answer,
    };
}

fn other_text(mut text: Row, letter: i8, random: &mut Random) -> Row {
    match random.below(4) {
        0 if !text.is_full() => text.push(letter),
        1 if text.get(0).is_some() => {
            text.remove(0);
        }
        2 => text.cells_mut().reverse(),
        _ => return Row::of(&[letter]),
    }
    text
}

fn other_row(mut row: Row, value: i8, random: &mut Random) -> Row {
    match random.below(3) {
        0 if !row.is_full() => row.push(value),
        1 if row.get(0).is_some() => {
            row.remove(0);
        }
        _ => row.cells_mut().reverse(),
    }
    debug_assert!(!row.cells().contains(&NIL), "elements are numbers");
    row
}
