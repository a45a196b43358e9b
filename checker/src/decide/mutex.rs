//! A lock without an owner. Exact, for every history.
//!
//! Such a lock is a set of one element: `acquire` is an `add` that found it absent, `release` a `remove` that found it
//! present. See [`super::element_set`] for the idea and why it is right. No operation only looks, so that the completion at
//! which the sweep gets stuck is the first that is certain: what is still open there was a flip that may be left out
//! for the sweep too, as it is due later than all that count.

use super::element_set::{self, Function};
use super::{Decision, Timed};

/// One operation on the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// Needs it free.
    Acquire,
    /// Needs it held, by whomever.
    Release,
}

/// Decides. See the module's doc.
pub(crate) fn decide(ops: &[Timed<Op>]) -> Decision {
    let flips: Vec<Timed<element_set::Op>> = ops.iter().map(flip).collect();
    element_set::decide(&flips)
}

fn flip(op: &Timed<Op>) -> Timed<element_set::Op> {
    let function = match op.op {
        Op::Acquire => Function::Add,
        Op::Release => Function::Remove,
    };
    let op_of_set = element_set::Op { element: 0, function, answer: Some(true) };
    Timed { call: op.call, ret: op.ret, op: op_of_set }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::Rule;
    use crate::decide::brute::{self, Random, as_known, random_spans};
    use crate::decide::fuzz::{Tally, acting};

    const ROUNDS: u64 = 60_000;

    fn step(held: &mut bool, op: &Timed<Op>) -> bool {
        let acquire = op.op == Op::Acquire;
        std::mem::replace(held, acquire) != acquire
    }

    /// Alternating as they act, of which a few are then turned round.
    fn history(random: &mut Random) -> Vec<Timed<Op>> {
        let count = 2 + random.below(9) as usize;
        let (open, crashes) = (1 + random.below(4) as usize, [0, 10, 40][random.below(3) as usize]);
        let spans = random_spans(random, count, open, crashes);
        let any = |random: &mut Random| if random.chance(50) { Op::Acquire } else { Op::Release };
        let mut ops: Vec<Timed<Op>> = spans
            .iter()
            .map(|span| Timed { call: span.call, ret: span.ret, op: any(random) })
            .collect();
        for (place, at) in acting(random, &spans).into_iter().enumerate() {
            ops[at].op = if place % 2 == 0 { Op::Acquire } else { Op::Release };
        }
        for _ in 0..random.below(4) {
            let at = random.below(count as u64) as usize;
            ops[at].op = any(random);
        }
        ops
    }

    #[test]
    fn brute_force_agrees() {
        let mut random = Random(11);
        let mut tally = Tally::default();
        for _ in 0..ROUNDS {
            let ops = history(&mut random);
            let decision = decide(&ops);
            tally.count(brute::compare(&ops, &decision, &false, &step));
            if let Decision::NotLinearizable(refutation) = &decision {
                let core: Vec<_> = refutation.ops.iter().map(|op| ops[*op as usize]).collect();
                let core = as_known(&core, refutation.completion);
                assert!(!brute::is_linearizable(&core, &false, &step), "{refutation:?} of {ops:?}");
            }
        }
        tally.assert_shares(40, 30, 0);
    }

    #[test]
    fn two_holders_are_named() {
        let op = |call, ret, op| Timed { call, ret, op };
        let mut ops = vec![op(0, 1, Op::Acquire), op(2, 3, Op::Release)];
        ops.extend([op(4, 5, Op::Acquire), op(6, 9, Op::Acquire), op(7, 8, Op::Acquire)]);
        let Decision::NotLinearizable(refutation) = decide(&ops) else {
            panic!("three hold it");
        };
        assert_eq!((refutation.completion, refutation.ops), (8, vec![2, 4]));
        assert_eq!(refutation.rule, Rule::Exhausted);
    }
}
