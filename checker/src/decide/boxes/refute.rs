//! From "impossible" to the completion that makes it so, and to few operations that show it.
//!
//! The whole history is shrunk first, the later parts tried before the earlier ones, so that what is left is likely the
//! first contradiction; the search for the completion begins where that ends.

use super::{Answer, Discipline, QueueOp, Table, UNSURE, answer, elements};
use crate::decide::first::{completions, first_impossible, known};
use crate::decide::{Decision, Refutation, Rule, Timed};

/// Refutes an impossible history.
pub(super) fn refute(
    ops: &[Timed<QueueOp>],
    table: &mut Table,
    discipline: &impl Discipline,
) -> Decision {
    let mut parts = Parts::new(ops, None);
    parts.shrink(ops, table, discipline);
    let completions = completions(ops);
    let latest = parts.chosen.iter().map(|at| &ops[*at as usize]).filter(|op| !op.is_crashed());
    let latest = latest.map(|op| op.ret).max().unwrap_or(0);
    let guess = completions.partition_point(|completion| *completion < latest);
    let mut broken: Vec<(u32, Rule)> = Vec::new();
    let mut possible: Vec<u32> = Vec::new();
    let first = first_impossible(&completions, guess, |last| {
        match answer(&known(ops, last), table, discipline) {
            Answer::No(rule) => {
                broken.push((last, rule));
                return true;
            }
            Answer::Yes(_) => possible.push(last),
            Answer::Unsure => {}
        }
        false
    });
    // What is invoked between two completions can be left out, so the history is possible up to right before one if it
    // is possible up to the one before.
    let sure = first.and_then(|first| {
        let is_possible = first == 0 || possible.contains(&completions[first - 1]);
        broken.into_iter().find(|(at, _)| is_possible && *at == completions[first])
    });
    let Some((completion, rule)) = sure else { return Decision::Inapplicable(UNSURE) };
    let known = known(ops, completion);
    let mut shown = Parts::new(&known, Some(completion));
    shown.begin_with(&parts, &known, table, discipline);
    shown.shrink(&known, table, discipline);
    shown.drop_idle_takes(&known);
    Decision::NotLinearizable(Refutation { completion, ops: shown.chosen, rule })
}

/// Operations looked at for each operation of the history: bounds the work, not what is right.
const EFFORT: usize = 16;

/// The group of an operation that is always kept.
const ALWAYS: u32 = u32::MAX;

/// Operations in groups: those of one element, and each answer "empty" by itself. Open takes are always kept: they could
/// have taken something.
struct Parts {
    group_of: Vec<u32>,
    /// The groups that are left, in order.
    groups: Vec<u32>,
    /// By group.
    dropped: Vec<bool>,
    /// The operations that are left, in order.
    chosen: Vec<u32>,
}

impl Parts {
    /// All of them. The group of the operation that completes at `kept` is always kept.
    fn new(ops: &[Timed<QueueOp>], kept: Option<u32>) -> Self {
        let mut next = elements(ops) as u32;
        let mut group_of = Vec::with_capacity(ops.len());
        for op in ops {
            group_of.push(match op.op {
                QueueOp::Take(_) if op.is_crashed() => ALWAYS,
                QueueOp::Put(element) | QueueOp::Take(Some(element)) => element,
                QueueOp::Take(None) => {
                    next += 1;
                    next - 1
                }
            });
        }
        let kept = ops.iter().position(|op| Some(op.ret) == kept).map(|at| group_of[at]);
        let mut is_used = vec![false; next as usize];
        for group in &mut group_of {
            if Some(*group) == kept {
                *group = ALWAYS;
            } else if *group != ALWAYS {
                is_used[*group as usize] = true;
            }
        }
        let groups = (0..next).filter(|group| is_used[*group as usize]).collect();
        let dropped = vec![false; next as usize];
        Self { group_of, groups, dropped, chosen: (0..ops.len() as u32).collect() }
    }

    /// Leaves out all groups that `other` does not have, if the rest is impossible too. `other` may be of a longer
    /// history.
    fn begin_with(
        &mut self,
        other: &Self,
        ops: &[Timed<QueueOp>],
        table: &mut Table,
        discipline: &impl Discipline,
    ) {
        let mut is_wanted = vec![false; ops.len()];
        for at in other.chosen.iter().filter(|at| (**at as usize) < ops.len()) {
            is_wanted[*at as usize] = true;
        }
        let mut wanted = vec![false; self.dropped.len()];
        for (group, is_wanted) in self.group_of.iter().zip(is_wanted) {
            if is_wanted && *group != ALWAYS {
                wanted[*group as usize] = true;
            }
        }
        let unwanted = |group: &u32| !wanted[*group as usize];
        let out: Vec<u32> = self.groups.iter().copied().filter(unwanted).collect();
        if self.drops(&out, ops, table, discipline) {
            self.groups.retain(|group| wanted[*group as usize]);
        }
    }

    /// Leaves out groups, in ever smaller parts, as long as the rest stays impossible.
    fn shrink(&mut self, ops: &[Timed<QueueOp>], table: &mut Table, discipline: &impl Discipline) {
        let mut effort = EFFORT * (ops.len() + 1000);
        let mut size = self.groups.len().div_ceil(2);
        while size > 0 {
            let mut end = self.groups.len();
            while end > 0 && effort > 0 {
                let from = end.saturating_sub(size);
                effort = effort.saturating_sub(self.chosen.len() + 100);
                let part = self.groups[from..end].to_vec();
                if self.drops(&part, ops, table, discipline) {
                    self.groups.drain(from..end);
                }
                end = from;
            }
            size = if size == 1 { 0 } else { size.div_ceil(2) };
        }
    }

    /// Leaves these groups out if the rest is impossible, and says whether it is.
    fn drops(
        &mut self,
        part: &[u32],
        ops: &[Timed<QueueOp>],
        table: &mut Table,
        discipline: &impl Discipline,
    ) -> bool {
        self.mark(part, true);
        let is_kept = |at: &u32| {
            let group = self.group_of[*at as usize];
            group == ALWAYS || !self.dropped[group as usize]
        };
        let rest: Vec<u32> = self.chosen.iter().copied().filter(is_kept).collect();
        let kept: Vec<Timed<QueueOp>> = rest.iter().map(|at| ops[*at as usize]).collect();
        let impossible = matches!(answer(&kept, table, discipline), Answer::No(_));
        if impossible {
            self.chosen = rest;
        } else {
            self.mark(part, false);
        }
        impossible
    }

    fn mark(&mut self, part: &[u32], dropped: bool) {
        for group in part {
            self.dropped[*group as usize] = dropped;
        }
    }

    /// Leaves open takes out where every element there was taken by an answer, so that they had nothing to take.
    fn drop_idle_takes(&mut self, ops: &[Timed<QueueOp>]) {
        let is_open_take =
            |op: &Timed<QueueOp>| matches!(op.op, QueueOp::Take(_)) && op.is_crashed();
        let (mut puts, mut takes) = (0, 0);
        for op in self.chosen.iter().map(|at| &ops[*at as usize]) {
            puts += usize::from(matches!(op.op, QueueOp::Put(_)));
            takes += usize::from(matches!(op.op, QueueOp::Take(Some(_))) && !is_open_take(op));
        }
        if puts <= takes {
            self.chosen.retain(|at| !is_open_take(&ops[*at as usize]));
        }
    }
}
