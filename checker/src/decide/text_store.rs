//! The text of one key of a store (MIT 6.824) with `put`, `append` and `get`, decided where texts can be read back:
//! zones of chains.
//!
//! # When it applies
//!
//! No update writes an empty text, and no update's text is the beginning of another's (so none is written twice). Then
//! a text can be a sequence of updates' texts in one way at most: at each point only one of them can stand there. So an
//! answer tells which updates made it, in order: a `put` or, if the text grew from the empty one at the start, an
//! `append`; then `append`s. (Texts such as "x 9 0 y" are like that; a `delete` is not, it writes an empty text.)
//!
//! # The rules
//!
//! All answers that begin with the same `put`, or with none, saw one text grow, as that `put` happened once. So they are
//! beginnings of the longest of them, and no update occurs twice, in one chain or in two. Together, such a `put` (or the
//! start), the `append`s that followed it according to an answer, and the gets that answered a text of it, are a
//! *chain*. Its operations have ranks, as those of [`append_list`](super::append_list) do, and nothing else can act
//! among them but crashed updates that nobody saw: an update in between would show in the answers that follow. So a
//! history has an order exactly if, with *first* for the earliest completion and *last* for the latest invocation in a
//! chain, and each completed update that no get saw taken as a chain of its own:
//!
//! * in no chain an operation completed before one of a lower rank was invoked;
//! * the *forward zones*, from first to last of those chains where first is the earlier (its text is the one of the
//!   store all along), do not overlap. The start counts as completed before everything;
//! * no *backward zone*, from last to first of the other chains, lies inside a forward zone: it must act in its zone, or
//!   after its last invocation and before its first completion, and the store's text is another one all along.
//!
//! That they are necessary is said with them. If they hold, let each forward chain act from its first completion on,
//! each operation at the latest invocation up to its rank if that is later; it ends at last. Let every other chain
//! act at one moment of its zone, its beginning or, if that lies in a forward zone, the end of that one, which is before
//! the end of its own. Then no operation acts before its invocation or after its completion, and chains do not mix. An
//! update that nobody saw may come wherever another chain or nothing follows: whatever follows the last get of a chain
//! is a `put` or was not seen either. Crashed updates that no get saw can be left out: until the next `put` there is no
//! get behind them.
//!
//! # The first completion
//!
//! Answers are taken apart in the order of completions, each compared with the longest of its chain, so that only what
//! is new has to be taken apart. The first one that contradicts those before it is a bound. The zones of the history as
//! known right before it are made in a pass; if these are in order that bound is the first completion. Else a fault is
//! certain as soon as its own operations have completed, and from there leaps back and bisection find the first
//! completion, as what is impossible stays so. So a valid history costs one pass with two sorts, an invalid one
//! mostly two passes over numbers more, and log(n) at most.
//!
//! Zones are from Gibbons and Korach (1997); that values written on top of others chain them, from their case of
//! read-modify-write with known order.

mod parse;
mod zones;

pub(crate) use parse::with_what_they_saw;
use parse::{Parsed, parse};
use zones::{Fault, Known};

use super::timeline::by_completion;
use super::{Decision, NEVER, Refutation, Timed};

/// What can be done to a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum TextOp<'a> {
    /// Replaces the text by this one.
    Put(&'a str),
    /// Puts this behind the text.
    Append(&'a str),
    /// Answered this text.
    Get(&'a str),
}

/// Known-wrong variants of the rules. Each must be caught by the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Sabotage {
    /// An update may occur twice.
    Repeats,
    /// An answer may end within an update's text.
    Halves,
    /// Updates of a chain may be in any order.
    UpdateRanks,
    /// Gets of a chain may be in any order.
    GetRanks,
    /// Forward zones may overlap.
    Overlaps,
    /// Backward zones may lie anywhere.
    Inside,
    /// The start is a chain like any other.
    Start,
    /// Completed updates that nobody saw need no place.
    Unseen,
}

/// Which rule is broken: none, but in tests.
#[derive(Debug, Clone, Copy, Default)]
struct Broken {
    #[cfg(test)]
    rule: Option<Sabotage>,
}

impl Broken {
    #[cfg(test)]
    fn is(self, rule: Sabotage) -> bool {
        self.rule == Some(rule)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "the same call in tests, where rules can be broken")]
    fn is(self, _rule: Sabotage) -> bool {
        false
    }
}

/// Decides whether the operations of one key, in order of invocation, have an order. Crashed gets are not among them.
pub(crate) fn decide(ops: &[Timed<TextOp<'_>>]) -> Decision {
    run(ops, Broken::default())
}

fn run(ops: &[Timed<TextOp<'_>>], broken: Broken) -> Decision {
    let ends = by_completion(ops);
    let parsed = match parse(ops, &ends, broken) {
        Ok(parsed) => parsed,
        Err(why) => return Decision::Inapplicable(why),
    };
    let last = parsed.refuted.as_ref().map_or(NEVER - 1, |refutation| refutation.completion - 1);
    let known = Known::new(ops, &parsed, last, broken);
    match (known.check(), &parsed.refuted) {
        (Ok(()), None) => Decision::Linearizable(known.order()),
        (Ok(()), Some(refutation)) => Decision::NotLinearizable(refutation.clone()),
        (Err(fault), _) => {
            Decision::NotLinearizable(first(ops, &ends, &parsed, last, fault, broken))
        }
    }
}

/// The first completion at which the zones are out of order, as this fault says they are after event `last`.
fn first(
    ops: &[Timed<TextOp<'_>>],
    ends: &[u32],
    parsed: &Parsed<'_>,
    last: u32,
    mut fault: Fault,
    broken: Broken,
) -> Refutation {
    let ret = |at: &u32| ops[*at as usize].ret;
    let check = |last: u32| Known::new(ops, parsed, last, broken).check();
    // The first `good` completions are possible, the first `bad` ones are not.
    let (mut good, mut step) = (0, 1);
    let mut bad = certain(ops, ends, last, &fault);
    while bad - good > 1 {
        // Mostly the fault shows where it began, so the search goes back from there, in leaps.
        let leap = bad.saturating_sub(step).max(1);
        let middle = if good == 0 { leap } else { usize::midpoint(good, bad) };
        let last = ret(&ends[middle - 1]);
        match check(last) {
            Ok(()) => good = middle,
            Err(found) => {
                bad = certain(ops, ends, last, &found);
                fault = found;
            }
        }
        step *= 2;
    }
    let at = ends[bad - 1];
    let (rule, mut blamed) = fault;
    blamed.push(at);
    blamed.sort_unstable();
    blamed.dedup();
    Refutation { completion: ret(&at), ops: blamed, rule }
}

/// After how many completions a fault is certain that was found with all events up to `last`: after those of its own
/// operations. Its zones are what they are from then on.
fn certain(ops: &[Timed<TextOp<'_>>], ends: &[u32], last: u32, fault: &Fault) -> usize {
    let ret = |at: &u32| ops[*at as usize].ret;
    let last = fault.1.iter().map(ret).filter(|ret| *ret <= last).max().unwrap_or(last);
    ends.partition_point(|at| ret(at) <= last)
}

#[cfg(test)]
mod tests;
