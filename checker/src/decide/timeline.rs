//! The events of operations in the order of the history, and operations in the order of their ranks.

use super::{NEVER, Timed};

/// With at most so many positions an operation, counting them is faster than sorting.
const DENSE: usize = 8;

/// An event, with the index of its operation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Moment {
    Invoked(u32),
    Completed(u32),
}

/// All events of operations that are in order of invocation.
pub(crate) fn moments<T>(ops: &[Timed<T>]) -> impl Iterator<Item = Moment> {
    let mut ends = by_completion(ops).into_iter().peekable();
    let mut calls = (0..).zip(ops).map(|(at, op): (u32, _)| (op.call, at)).peekable();
    std::iter::from_fn(move || {
        let end = ends.peek().map_or(NEVER, |at| ops[*at as usize].ret);
        match calls.next_if(|(call, _)| *call < end) {
            Some((_, at)) => Some(Moment::Invoked(at)),
            None => ends.next().map(Moment::Completed),
        }
    })
}

/// The completed operations in the order of their completions.
pub(crate) fn by_completion<T>(ops: &[Timed<T>]) -> Vec<u32> {
    let completion = |at: usize| (!ops[at].is_crashed()).then_some(ops[at].ret as usize);
    let positions = (0..ops.len()).filter_map(completion).max().map_or(0, |last| last + 1);
    if positions <= DENSE * ops.len() {
        return by_rank(ops.len(), positions, completion);
    }
    let mut ends: Vec<u32> =
        (0..).zip(ops).filter(|(_, op)| !op.is_crashed()).map(|(at, _)| at).collect();
    ends.sort_unstable_by_key(|at| ops[*at as usize].ret);
    ends
}

/// The indices below `count` that have a rank, by rank and then by index. All ranks are below `ranks`.
pub(crate) fn by_rank(
    count: usize,
    ranks: usize,
    rank: impl Fn(usize) -> Option<usize>,
) -> Vec<u32> {
    let mut ends = vec![0_u32; ranks];
    for rank in (0..count).filter_map(&rank) {
        ends[rank] += 1;
    }
    let mut total = 0;
    for end in &mut ends {
        total += std::mem::replace(end, total);
    }
    let mut order = vec![0; total as usize];
    for at in 0..count {
        if let Some(rank) = rank(at) {
            order[ends[rank] as usize] = at as u32;
            ends[rank] += 1;
        }
    }
    order
}

#[cfg(test)]
mod tests {
    use super::Moment::{Completed, Invoked};
    use super::{by_rank, moments};
    use crate::decide::{NEVER, Timed};

    #[test]
    fn events_come_in_the_order_of_their_positions() {
        for scale in [1, 1_000_000] {
            let spans = [(2, 9), (3, NEVER), (5, 7), (11, 12)];
            let ops = spans.map(|(call, ret)| Timed {
                call: call * scale,
                ret: if ret == NEVER { NEVER } else { ret * scale },
                op: (),
            });
            let expected = [
                Invoked(0),
                Invoked(1),
                Invoked(2),
                Completed(2),
                Completed(0),
                Invoked(3),
                Completed(3),
            ];
            assert!(moments(&ops).eq(expected), "scale {scale}");
        }
    }

    #[test]
    fn equal_ranks_keep_their_order() {
        let ranks = [Some(2), Some(0), None, Some(2), Some(0), Some(3)];
        assert_eq!(by_rank(ranks.len(), 4, |at| ranks[at]), [1, 4, 0, 3, 5]);
    }
}
