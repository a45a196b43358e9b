//! From "impossible" to the completion that makes it so, and to few operations that show it.
//!
//! Who finds a history impossible says which operations it was about. These alone, the *core*, are looked at further: all
//! operations of a few elements, and all takes that are open, as those could have taken any of them. What is left out are
//! whole elements and answered takes, and of an order of the history what concerns them can be left out too. So where the
//! core is impossible the history is, and from when on it is takes little time to find out. That the history is possible
//! right before then is looked up with all of it. Should it not be, then it is impossible for another reason that was
//! known earlier, and that is looked at next.

use super::{Answer, Blame, Discipline, QueueOp, Table, UNSURE, answer, elements, useful_takes};
use crate::decide::first::{completions, first_impossible, known};
use crate::decide::{Decision, NEVER, Refutation, Rule, Timed};

/// Reasons that are followed up before the history is halved each time.
const REASONS_MAX: u32 = 2;

/// Refutes an impossible history, of which this was found out.
pub(super) fn refute<D: Discipline>(
    ops: &[Timed<QueueOp>],
    blame: Blame,
    table: &mut Table,
    discipline: &D,
) -> Decision {
    let completions = completions(ops);
    let end = completions.len();
    let mut case = Case { ops, completions, table, discipline, low: 0, end };
    case.settle(blame)
}

struct Case<'a, D> {
    ops: &'a [Timed<QueueOp>],
    completions: Vec<u32>,
    table: &'a mut Table,
    discipline: &'a D,
    /// Possible up to right before the completion of this index, impossible up to the one before `end`.
    low: usize,
    end: usize,
}

impl<D: Discipline> Case<'_, D> {
    fn settle(&mut self, mut blame: Blame) -> Decision {
        let mut reasons = 0;
        loop {
            let Some((core, first)) = self.first_of(&blame) else {
                return Decision::Inapplicable(UNSURE);
            };
            self.end = first + 1;
            if first <= self.low {
                return self.conclude(&core, first, blame.rule);
            }
            // What is invoked between two completions can be left out, so the history is possible up to right before one if
            // it is possible up to the one before.
            match self.answer_at(first - 1) {
                Answer::Yes(_) => return self.conclude(&core, first, blame.rule),
                Answer::Unsure => return Decision::Inapplicable(UNSURE),
                Answer::No(earlier) => (blame, self.end) = (earlier, first),
            }
            reasons += 1;
            if reasons > REASONS_MAX {
                let middle = usize::midpoint(self.low, self.end - 1);
                match self.answer_at(middle) {
                    Answer::Yes(_) => self.low = middle + 1,
                    Answer::No(earlier) => (blame, self.end) = (earlier, middle + 1),
                    Answer::Unsure => {}
                }
            }
        }
    }

    /// What is sure about the history up to this completion.
    fn answer_at(&mut self, completion: usize) -> Answer {
        let known = known(self.ops, self.completions[completion]);
        answer(&known, self.table, self.discipline, false)
    }

    /// A core, and the first completion at which it is impossible. `None` if none is found.
    fn first_of(&mut self, blame: &Blame) -> Option<(Vec<u32>, usize)> {
        let last = self.completions[self.end.checked_sub(1)?];
        let mut core = self.operations_of(&blame.ops, last);
        if !self.is_impossible(&core, last) {
            // The guess was not good enough: whatever is impossible.
            let known = known(self.ops, last);
            let mut parts = Parts::new(&known, None);
            parts.shrink(&known, self.table, self.discipline);
            core = self.operations_of(&parts.chosen, last);
        }
        let rets = core.iter().map(|at| self.ops[*at as usize].ret).filter(|ret| *ret <= last);
        let latest = rets.max().unwrap_or(last);
        let completions = std::mem::take(&mut self.completions);
        let guess = completions.partition_point(|completion| *completion < latest);
        let at = first_impossible(&completions[..self.end], guess, |last| {
            self.is_impossible(&core, last)
        });
        self.completions = completions;
        at.map(|at| (core, at))
    }

    /// All operations of the elements that these put in or took, and those of these that took nothing.
    fn operations_of(&self, chosen: &[u32], last: u32) -> Vec<u32> {
        let mut elements: Vec<u32> = Vec::new();
        let mut operations: Vec<u32> = Vec::new();
        for at in chosen {
            let op = &self.ops[*at as usize];
            match op.op {
                QueueOp::Take(_) if op.ret > last => {}
                QueueOp::Put(element) | QueueOp::Take(Some(element)) => elements.push(element),
                QueueOp::Take(None) => operations.push(*at),
            }
        }
        elements.sort_unstable();
        elements.dedup();
        let concerns = |op: &Timed<QueueOp>| match op.op {
            QueueOp::Take(_) if op.is_crashed() => false,
            QueueOp::Put(element) | QueueOp::Take(Some(element)) => {
                elements.binary_search(&element).is_ok()
            }
            QueueOp::Take(None) => false,
        };
        let all = (0..).zip(self.ops).filter(|(_, op)| concerns(op));
        operations.extend(all.map(|(at, _): (u32, _)| at));
        operations.sort_unstable();
        operations.dedup();
        operations
    }

    /// The operations of a core that had begun by event `last`, and the takes that were open.
    fn with_open_takes(&self, core: &[u32], last: u32) -> Vec<u32> {
        let begun = self.ops.partition_point(|op| op.call <= last);
        let mut chosen: Vec<u32> =
            core.iter().copied().filter(|at| (*at as usize) < begun).collect();
        let is_open = |op: &Timed<QueueOp>| op.ret > last && matches!(op.op, QueueOp::Take(_));
        let open = (0..).zip(&self.ops[..begun]).filter(|(_, op)| is_open(op));
        chosen.extend(open.map(|(at, _): (u32, _)| at));
        chosen.sort_unstable();
        chosen.dedup();
        chosen
    }

    /// The operations as they were known at event `last`.
    fn as_known(&self, chosen: &[u32], last: u32) -> Vec<Timed<QueueOp>> {
        let ops = chosen.iter().map(|at| self.ops[*at as usize]);
        ops.map(|op| Timed { ret: if op.ret <= last { op.ret } else { NEVER }, ..op }).collect()
    }

    /// Whether a core is impossible at event `last`.
    fn is_impossible(&mut self, core: &[u32], last: u32) -> bool {
        let known = self.as_known(&self.with_open_takes(core, last), last);
        matches!(answer(&known, self.table, self.discipline, false), Answer::No(_))
    }

    /// Leaves out of a core what its contradiction does not need.
    fn conclude(&mut self, core: &[u32], first: usize, rule: Rule) -> Decision {
        let completion = self.completions[first];
        let blocked = (0..).zip(self.ops).find(|(_, op)| op.ret == completion);
        let blocked: Vec<u32> = blocked.map(|(at, _): (u32, _)| at).into_iter().collect();
        let mut core = core.to_vec();
        core.extend(self.operations_of(&blocked, completion));
        core.sort_unstable();
        core.dedup();
        let chosen = self.with_open_takes(&core, completion);
        let known = self.as_known(&chosen, completion);
        let mut shown = Parts::new(&known, Some(completion));
        shown.shrink(&known, self.table, self.discipline);
        let chosen: Vec<u32> = shown.chosen.iter().map(|at| chosen[*at as usize]).collect();
        let ops = self.without_idle_takes(chosen, completion);
        Decision::NotLinearizable(Refutation { completion, ops, rule })
    }

    /// Leaves open takes out that cannot have helped: those that began only when every element that had to be gone was
    /// gone. As many stay as it takes that the rest was possible before the completion.
    fn without_idle_takes(&mut self, chosen: Vec<u32>, completion: u32) -> Vec<u32> {
        let [now, before] = [completion, completion - 1].map(|last| {
            let ops = self.as_known(&chosen, last);
            useful_takes(&ops, self.table, self.discipline, last == completion)
        });
        let stays = |at: usize| {
            let op = &self.ops[chosen[at] as usize];
            let is_idle = op.ret > completion && matches!(op.op, QueueOp::Take(_));
            let is_useful = |useful: &[u32]| useful.binary_search(&(at as u32)).is_ok();
            !is_idle || is_useful(&now) || is_useful(&before)
        };
        let rest: Vec<u32> =
            (0..chosen.len()).filter(|at| stays(*at)).map(|at| chosen[at]).collect();
        let before = self.as_known(&rest, completion - 1);
        match answer(&before, self.table, self.discipline, false) {
            Answer::Yes(_) => rest,
            Answer::No(_) | Answer::Unsure => chosen,
        }
    }
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
        let impossible = matches!(answer(&kept, table, discipline, false), Answer::No(_));
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
}
