//! A second opinion for deciders: every order of every choice of unknown operations, on plain states, and random
//! histories to try it on.

use super::Timed;
use super::{Decision, NEVER};

/// Whether some order of all completed and any crashed operations is legal. `step` applies an operation to a state, and
/// says no if it cannot have answered what it answered there; of a crashed operation it must say what happens if it acts.
pub(crate) fn is_linearizable<T, S: Clone>(
    ops: &[Timed<T>],
    init: &S,
    step: &impl Fn(&mut S, &Timed<T>) -> bool,
) -> bool {
    let mut placed = vec![false; ops.len()];
    place(ops, &mut placed, init, step)
}

fn place<T, S: Clone>(
    ops: &[Timed<T>],
    placed: &mut [bool],
    state: &S,
    step: &impl Fn(&mut S, &Timed<T>) -> bool,
) -> bool {
    let waiting = (0..ops.len()).filter(|at| !placed[*at]);
    let deadline = waiting.map(|at| ops[at].ret).min().unwrap_or(NEVER);
    if deadline == NEVER {
        return true;
    }
    for at in 0..ops.len() {
        if placed[at] || ops[at].call > deadline {
            continue;
        }
        let mut next = state.clone();
        if step(&mut next, &ops[at]) {
            placed[at] = true;
            let found = place(ops, placed, &next, step);
            placed[at] = false;
            if found {
                return true;
            }
        }
    }
    false
}

/// The operations as one could know them right after event `last`: later ones are gone, those that complete later are
/// still open.
pub(crate) fn as_known<T: Copy>(ops: &[Timed<T>], last: u32) -> Vec<Timed<T>> {
    let begun = ops.iter().filter(|op| op.call <= last);
    begun.map(|op| Timed { ret: if op.ret <= last { op.ret } else { NEVER }, ..*op }).collect()
}

/// Checks an order: each operation at most once, all completed ones, none before one that completed before it began,
/// every answer right.
pub(crate) fn assert_order<T, S: Clone>(
    ops: &[Timed<T>],
    order: &[u32],
    init: &S,
    step: &impl Fn(&mut S, &Timed<T>) -> bool,
) {
    let mut seen = vec![false; ops.len()];
    let mut state = init.clone();
    let mut latest_call = 0;
    for index in order {
        let op = &ops[*index as usize];
        assert!(!std::mem::replace(&mut seen[*index as usize], true), "{index} twice in {order:?}");
        assert!(op.ret > latest_call, "{index} comes too late in {order:?}");
        latest_call = latest_call.max(op.call);
        assert!(step(&mut state, op), "{index} cannot answer that there in {order:?}");
    }
    assert!((0..ops.len()).all(|at| seen[at] || ops[at].is_crashed()), "{order:?} leaves some out");
}

/// Compares a decision with brute force: the verdict, the order, and that the refutation's completion is the first
/// that makes the history impossible. Returns whether the history is linearizable, `None` where inapplicable.
///
/// `step` must treat an operation whose `ret` is [`NEVER`] as one without an answer.
pub(crate) fn compare<T: Copy + std::fmt::Debug, S: Clone>(
    ops: &[Timed<T>],
    decision: &Decision,
    init: &S,
    step: &impl Fn(&mut S, &Timed<T>) -> bool,
) -> Option<bool> {
    let expected = is_linearizable(ops, init, step);
    match decision {
        Decision::Inapplicable(_) => None,
        Decision::Linearizable(order) => {
            assert!(expected, "called linearizable: {ops:#?}");
            assert_order(ops, order, init, step);
            Some(true)
        }
        Decision::NotLinearizable(refutation) => {
            assert!(!expected, "called not linearizable by {refutation:?}: {ops:#?}");
            let at = refutation.completion;
            let known = as_known(ops, at);
            assert!(
                !is_linearizable(&known, init, step),
                "not certain at {at}: {refutation:?} {ops:#?}"
            );
            let before = as_known(ops, at - 1);
            assert!(
                is_linearizable(&before, init, step),
                "certain before {at}: {refutation:?} {ops:#?}"
            );
            let blocked = ops.iter().position(|op| op.ret == at);
            let blocked = blocked.expect("the completion is one of the operations'") as u32;
            assert!(refutation.ops.contains(&blocked), "{refutation:?} leaves {blocked} out");
            Some(false)
        }
    }
}

/// `SplitMix64`.
#[derive(Debug, Clone)]
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `limit`.
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }

    pub(crate) fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// Calls and completions of `count` operations, at most `open_max` of them open at once (crashed ones not counted), of
/// which `crashes` percent never complete. In order of invocation.
pub(crate) fn random_spans(
    random: &mut Random,
    count: usize,
    open_max: usize,
    crashes: u64,
) -> Vec<Timed<()>> {
    let mut spans: Vec<Timed<()>> = Vec::new();
    let mut open: Vec<usize> = Vec::new();
    let mut position = 0;
    while spans.len() < count || !open.is_empty() {
        let may_call = spans.len() < count && open.len() < open_max;
        if may_call && (open.is_empty() || random.chance(50)) {
            open.push(spans.len());
            spans.push(Timed { call: position, ret: NEVER, op: () });
        } else if !open.is_empty() {
            let ended = open.swap_remove(random.below(open.len() as u64) as usize);
            if !random.chance(crashes) {
                spans[ended].ret = position;
            }
        }
        position += 1;
    }
    spans
}
