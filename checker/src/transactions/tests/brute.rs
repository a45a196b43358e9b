//! A second opinion: every order of every choice of transactions, run on plain lists and registers.

use super::script::{Act, Txn};
use crate::history::EventKind;
use crate::transactions::OrderBasis;

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct State {
    lists: [Vec<i64>; 3],
    cells: [Option<i64>; 3],
}

/// Whether some order of all completed and any crashed transactions explains every answer, and agrees with the order
/// asked for.
pub(super) fn is_serializable(txns: &[Txn], order: OrderBasis) -> bool {
    let txns: Vec<&Txn> = txns.iter().filter(|txn| txn.kind != EventKind::Fail).collect();
    let mut placed = vec![false; txns.len()];
    place(&txns, &mut placed, &State::default(), order)
}

fn is_crashed(txn: &Txn) -> bool {
    txn.kind == EventKind::Info || txn.end.is_none()
}

fn precedes(first: &Txn, second: &Txn, order: OrderBasis) -> bool {
    match order {
        OrderBasis::Data => false,
        OrderBasis::Process => first.process == second.process && first.call < second.call,
        OrderBasis::Realtime => {
            !is_crashed(first) && first.end.is_some_and(|end| end < second.call)
        }
    }
}

fn place(txns: &[&Txn], placed: &mut [bool], state: &State, order: OrderBasis) -> bool {
    let waiting = |at: usize, placed: &[bool]| !placed[at] && !is_crashed(txns[at]);
    if !(0..txns.len()).any(|at| waiting(at, placed)) {
        return true;
    }
    for at in 0..txns.len() {
        let blocked =
            |other: usize| waiting(other, placed) && precedes(txns[other], txns[at], order);
        if placed[at] || (0..txns.len()).any(blocked) {
            continue;
        }
        let mut next = state.clone();
        if run(txns[at], &mut next) {
            placed[at] = true;
            let found = place(txns, placed, &next, order);
            placed[at] = false;
            if found {
                return true;
            }
        }
    }
    false
}

/// Runs a transaction; says whether it can have answered what it did.
fn run(txn: &Txn, state: &mut State) -> bool {
    txn.acts.iter().all(|(key, act)| {
        match act {
            Act::Append(value) => state.lists[*key].push(*value),
            Act::Write(value) => state.cells[*key] = Some(*value),
            Act::List(list) => return is_crashed(txn) || *list == state.lists[*key],
            Act::Cell(cell) => return is_crashed(txn) || *cell == state.cells[*key],
        }
        true
    })
}
