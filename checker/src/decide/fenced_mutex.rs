//! A lock with an owner that gives each hold a fencing token, greater than any before. Exact, for every history of
//! processes that do one thing at a time and in which every completed acquire tells its token.
//!
//! The holds of a lock with an owner can be ordered in one way only, by their zones (see [`super::owned_mutex`]), so that
//! it is enough to compare the token of each acquire with that of the one before. An acquire of unknown outcome is left
//! out, and its token with it: it would hold the lock for ever. Both acquires have completed when the second one does, and
//! the first one's release has been invoked before, so that this is also the first completion at which it is certain.

use super::owned_mutex::{self, Function};
use super::{Decision, Timed};

/// One operation on the lock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Op {
    /// Who; numbered from 0 without gaps.
    pub(crate) process: u32,
    pub(crate) function: Function,
    /// What an acquire answered. Not looked at where the outcome is unknown.
    pub(crate) token: Option<i64>,
}

/// Decides. See the module's doc.
pub(crate) fn decide(ops: &[Timed<Op>]) -> Decision {
    decide_with(ops, |earlier, later| earlier < later)
}

fn decide_with(ops: &[Timed<Op>], grows: impl Fn(i64, i64) -> bool) -> Decision {
    let lacks = |op: &Timed<Op>| op.op.function == Function::Acquire && op.op.token.is_none();
    if ops.iter().any(|op| lacks(op) && !op.is_crashed()) {
        return Decision::Inapplicable("an acquire does not tell its token");
    }
    let owned: Vec<Timed<owned_mutex::Op>> = ops.iter().map(without_token).collect();
    let token = |op: u32| ops[op as usize].op.token;
    let follows = |earlier, later| match (token(earlier), token(later)) {
        (Some(earlier), Some(later)) => grows(earlier, later),
        _ => true,
    };
    owned_mutex::decide_holds::<{ owned_mutex::fault::NONE }>(&owned, follows)
}

fn without_token(op: &Timed<Op>) -> Timed<owned_mutex::Op> {
    let Op { process, function, .. } = op.op;
    Timed { call: op.call, ret: op.ret, op: owned_mutex::Op { process, function } }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::brute::{self, Random, as_known};
    use crate::decide::fuzz::{Tally, first_wrong, is_right};
    use crate::decide::{NEVER, Rule};

    const ROUNDS: u64 = 60_000;

    type State = (Option<u32>, Option<i64>);

    fn step(state: &mut State, op: &Timed<Op>) -> bool {
        let legal = owned_mutex::tests::step(&mut state.0, &without_token(op));
        let token = op.op.token.filter(|_| !op.is_crashed());
        let grows = token.is_none_or(|token| state.1 < Some(token));
        state.1 = token.max(state.1);
        legal && grows
    }

    /// Tokens that grow with the completions, now and then not.
    fn history(random: &mut Random) -> Vec<Timed<Op>> {
        let owned = owned_mutex::tests::history(random);
        let wrong = random.below(30);
        let token = |op: &Timed<owned_mutex::Op>, random: &mut Random| {
            let acquires = op.op.function == Function::Acquire && op.ret != NEVER;
            let late = if random.chance(wrong) { random.below(8) } else { 0 };
            acquires.then(|| i64::from(op.ret) / 2 - late.cast_signed())
        };
        let with_token = |op: &Timed<owned_mutex::Op>| {
            let owned_mutex::Op { process, function } = op.op;
            let op_of_lock = Op { process, function, token: token(op, random) };
            Timed { call: op.call, ret: op.ret, op: op_of_lock }
        };
        owned.iter().map(with_token).collect()
    }

    #[test]
    fn brute_force_agrees() {
        let mut random = Random(5);
        let mut tally = Tally::default();
        let mut ranks = 0;
        for _ in 0..ROUNDS {
            let ops = history(&mut random);
            let decision = decide(&ops);
            tally.count(brute::compare(&ops, &decision, &(None, None), &step));
            if let Decision::NotLinearizable(refutation) = &decision {
                let core: Vec<_> = refutation.ops.iter().map(|op| ops[*op as usize]).collect();
                let core = as_known(&core, refutation.completion);
                assert!(!brute::is_linearizable(&core, &(None, None), &step), "{ops:?}");
                ranks += u64::from(refutation.rule == Rule::Rank);
            }
        }
        tally.assert_shares(35, 30, 20);
        assert!(ranks > ROUNDS / 50, "only {ranks} with tokens that do not grow");
    }

    #[test]
    fn a_broken_rule_is_noticed() {
        let caught = |grows: fn(i64, i64) -> bool| {
            let mut random = Random(5);
            let check = |ops: &Vec<Timed<Op>>| {
                is_right(ops, &decide_with(ops, grows), &(None, None), &step)
            };
            first_wrong(ROUNDS, || history(&mut random), check).is_some()
        };
        assert!(!caught(|earlier, later| earlier < later));
        assert!(caught(|earlier, later| earlier <= later));
        assert!(caught(|_, _| true));
    }
}
