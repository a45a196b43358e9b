//! Bounds on a sum to which operations add, and from which they take.
//!
//! At any moment the sum is at least what was surely added less what was possibly taken, and at most what was possibly
//! added less what was surely taken. *Surely* are the operations that have completed, *possibly* all that were invoked and
//! did not fail; one of unknown outcome stays possible for good. So both bounds are step functions of the position in the
//! history, and a read that takes effect at some moment between its call and its return answers something between the
//! lowest lower and the highest upper bound in that span.
//!
//! Jepsen's counter takes the lower bound at the call and the upper one at the return, which is the same as long as
//! nothing is ever taken; with decrements the extremes may lie in between.
//!
//! The extremes of all spans are found in one sweep: spans are asked for in the order of their ends, and a stack keeps the
//! bounds that are not yet outdone by a later one, so that the extreme of any span that ends here is found by bisection.

use crate::stop::{Pace, Stopped};

/// A change of the sum, possible from `call` on, and certain from `ret` on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Change {
    pub(super) call: u64,
    /// [`super::read::NEVER`] if it never becomes certain.
    pub(super) ret: u64,
    pub(super) by: i64,
}

/// A question: which sums are possible between two positions?
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) call: u64,
    pub(super) ret: u64,
}

/// The least and the greatest sum that are possible in each span, in the order of `spans`.
pub(super) fn of(
    initial: i64,
    changes: &[Change],
    spans: &[Span],
    pace: &Pace<'_>,
) -> Result<Vec<(i128, i128)>, Stopped> {
    let steps = steps(changes);
    let mut order: Vec<usize> = (0..spans.len()).collect();
    order.sort_unstable_by_key(|at| spans[*at].ret);
    let (mut lower, mut upper) =
        (Extremes::new(initial.into()), Extremes::new(-i128::from(initial)));
    let mut bounds = vec![(0, 0); spans.len()];
    let mut steps = steps.into_iter().peekable();
    for at in order {
        pace.step(1)?;
        let Span { call, ret } = spans[at];
        while let Some((position, low, high)) = steps.next_if(|(position, ..)| *position < ret) {
            pace.step(1)?;
            lower.change(position, low);
            upper.change(position, -high);
        }
        bounds[at] = (lower.least_since(call), -upper.least_since(call));
    }
    Ok(bounds)
}

/// Position, change of the lower bound, change of the upper bound; in order.
fn steps(changes: &[Change]) -> Vec<(u64, i128, i128)> {
    let mut steps = Vec::with_capacity(2 * changes.len());
    for Change { call, ret, by } in changes {
        let by = i128::from(*by);
        let (added, taken) = (by.max(0), by.min(0));
        steps.push((*call, taken, added));
        steps.push((*ret, added, taken));
    }
    steps.sort_unstable();
    steps
}

/// A value over time, and its least over any stretch that ends now.
struct Extremes {
    now: i128,
    /// Positions with the least value of any stretch that begins there or later, but before the next entry's position.
    /// Both grow: a value that a later one undercuts has been the least of no stretch since.
    rising: Vec<(u64, i128)>,
}

impl Extremes {
    fn new(initial: i128) -> Self {
        Self { now: initial, rising: vec![(0, initial)] }
    }

    fn change(&mut self, position: u64, by: i128) {
        if by == 0 {
            return;
        }
        self.now += by;
        let mut from = position;
        while let Some((since, _)) = self.rising.pop_if(|(_, value)| *value >= self.now) {
            from = since;
        }
        self.rising.push((from, self.now));
    }

    fn least_since(&self, position: u64) -> i128 {
        let later = self.rising.partition_point(|(since, _)| *since <= position);
        later.checked_sub(1).map_or(self.now, |at| self.rising[at].1)
    }
}
