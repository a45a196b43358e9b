//! Counters that are always counted up by the same number, with exact reads. Exact, where all additions are equal and not
//! of zero.
//!
//! # The idea
//!
//! Let the counter stand at the number of additions that have acted. A read that answered `k` needs it there; an
//! addition that answered `k` (the new value) must be the `k`th; any other may be any. The events are gone through in
//! order. A read is put in order as soon as the counter stands where it needs it. The counter moves only when the
//! completion of some operation leaves no choice, one addition at a time: the one that answered the number that comes
//! next, if there is one, else, of the open ones without an answer, the one that must complete first (of those of unknown
//! outcome any, last). If there is none, no order exists.
//!
//! # Why that is right
//!
//! Take an order that explains everything and begins as ours does. If our next step is a read, it can be moved to the
//! front of the rest: it changes nothing. If it is an addition, some operation completes now that needs the counter
//! further on, so that the other order also has to add before; its next step cannot be a read, as those that are legal now
//! are ordered already. An addition that answered the number that comes next is the next step in every order. If
//! there is none, the other order has an addition without an answer there, and that can be exchanged with ours as in
//! [`super::element_set`]: nobody can tell them apart, and ours completes no later.
//!
//! # What it does not decide
//!
//! Counters that go up *and* down. To take what is due first is wrong there: with `+1` due first, a `-1`, and a read of -1,
//! only the order `-1, read, +1` will do. Nor different additions, which are a knapsack.
//!
//! # When it becomes certain
//!
//! The answer of an addition is used from its invocation on, so that, as for [`super::element_set`], the completion at which
//! the sweep gets stuck is the first that can be impossible, and the ones from there on are tried.

use super::sweep::{by_completion, first_certain};
use super::waiting::{NONE, Waiting};
use super::{Decision, NEVER, Refutation, Rule, Timed};

/// Operations that looking for a few that contradict each other may look at.
const EFFORT_MAX: usize = 4_000_000;

/// Operations up to which all additions are shown. Everything that was answered rests on them all, but of more than a
/// person would read those are enough that a contradiction names.
const SHOWN_MAX: usize = 1_000;

/// One operation on the counter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Op {
    /// Adds; may answer the new value.
    Add {
        /// How much.
        delta: i64,
        /// Not looked at where the outcome is unknown.
        answer: Option<i64>,
    },
    /// Answered the value. Constrains nothing where the outcome is unknown.
    Read(i64),
}

/// Rules that tests put out of force, to see that it is noticed.
mod fault {
    pub(super) const NONE: u8 = 0;
    /// Of the open additions any is taken.
    pub(super) const ANY_ADDITION: u8 = 1;
    /// A read waits for its own completion.
    pub(super) const LATE_READS: u8 = 2;
    /// An addition is put in order as soon as it is invoked.
    pub(super) const EAGER_ADDITIONS: u8 = 3;
    /// Additions of unknown outcome are left out.
    pub(super) const NO_CRASHED: u8 = 4;
    /// The answers of additions are not looked at.
    pub(super) const NO_ANSWERS: u8 = 5;
    /// The completion where the sweep gets stuck is taken for the first certain one.
    pub(super) const STUCK_IS_FIRST: u8 = 6;
}

/// Decides a counter that starts at `initial`. See the module's doc.
pub(crate) fn decide(ops: &[Timed<Op>], initial: i64) -> Decision {
    decide_with::<{ fault::NONE }>(ops, initial)
}

fn decide_with<const FAULT: u8>(ops: &[Timed<Op>], initial: i64) -> Decision {
    let mut deltas = ops.iter().filter_map(|op| match op.op {
        Op::Add { delta, .. } => Some(delta),
        Op::Read(_) => None,
    });
    let unit = deltas.next().unwrap_or(1);
    if unit == 0 || deltas.any(|delta| delta != unit) {
        return Decision::Inapplicable("not all additions are of the same number");
    }
    let steps: Vec<Timed<Step>> = ops.iter().map(|op| in_steps(op, initial, unit)).collect();
    let completions = by_completion(&steps);
    let swept = Sweep::<FAULT>::new(&steps, NEVER - 1).run(&completions);
    let Some(stuck) = swept.stuck else {
        return Decision::Linearizable(swept.order);
    };
    let certain = |last| Sweep::<FAULT>::new(&steps, last).run(&completions).stuck.is_some();
    let earliest = steps[stuck as usize].ret;
    let completion = if FAULT == fault::STUCK_IS_FIRST {
        earliest
    } else {
        first_certain(&steps, &completions, earliest, certain)
    };
    Decision::NotLinearizable(contradiction(&steps, completion))
}

/// Where the counter has to stand, in additions made; [`NEVER`] where it never does.
#[derive(Debug, Clone, Copy)]
enum Step {
    /// After it, if its answer says so.
    Add(Option<u32>),
    Read(u32),
}

fn in_steps(op: &Timed<Op>, initial: i64, unit: i64) -> Timed<Step> {
    let place = |value: i64| {
        let way = i128::from(value) - i128::from(initial);
        let steps = (way % i128::from(unit) == 0).then(|| way / i128::from(unit));
        steps.and_then(|steps| u32::try_from(steps).ok()).unwrap_or(NEVER)
    };
    let step = match op.op {
        Op::Add { answer, .. } => Step::Add(answer.map(place)),
        Op::Read(value) => Step::Read(place(value)),
    };
    Timed { call: op.call, ret: op.ret, op: step }
}

/// One pass over the events, with what is known at one of them.
struct Sweep<'a, const FAULT: u8> {
    ops: &'a [Timed<Step>],
    /// The last event that is known.
    horizon: u32,
    /// Additions made.
    made: u32,
    /// Open additions without an answer.
    open: u32,
    waiting: Waiting,
    /// By place: the addition that answered it.
    fixed: Vec<u32>,
    /// By place: the first open read that needs it, and after each read the next such.
    reads: Vec<u32>,
    next: Vec<u32>,
    ordered: Vec<bool>,
    swept: Swept,
}

/// What a pass found.
struct Swept {
    /// Operations in the order found.
    order: Vec<u32>,
    /// The completed operation that cannot be ordered.
    stuck: Option<u32>,
}

impl<'a, const FAULT: u8> Sweep<'a, FAULT> {
    fn new(ops: &'a [Timed<Step>], horizon: u32) -> Self {
        let known = |op: &Timed<Step>| if op.ret <= horizon { op.ret } else { NEVER };
        let deadlines = if FAULT == fault::ANY_ADDITION {
            vec![0; ops.len()]
        } else {
            ops.iter().map(known).collect()
        };
        let mut fixed = vec![NONE; ops.len() + 1];
        for (at, op) in ops.iter().enumerate().filter(|(_, op)| op.ret <= horizon) {
            let (Step::Add(Some(place)), true) = (op.op, FAULT != fault::NO_ANSWERS) else {
                continue;
            };
            // Of two with the same answer the one that completes later gets stuck.
            let first = fixed.get_mut(place as usize).filter(|_| place > 0);
            if let Some(first) =
                first.filter(|first| **first == NONE || ops[**first as usize].ret > op.ret)
            {
                *first = at as u32;
            }
        }
        Self {
            ops,
            horizon,
            made: 0,
            open: NONE,
            waiting: Waiting::new(deadlines),
            fixed,
            reads: vec![NONE; ops.len() + 1],
            next: vec![NONE; ops.len()],
            ordered: vec![false; ops.len()],
            swept: Swept { order: Vec::with_capacity(ops.len()), stuck: None },
        }
    }

    fn run(mut self, completions: &[u32]) -> Swept {
        let mut begun = 0;
        for ended in completions {
            let now = self.ops[*ended as usize].ret;
            if now > self.horizon {
                break;
            }
            while self.ops.get(begun as usize).is_some_and(|op| op.call < now) {
                self.invoke(begun);
                begun += 1;
            }
            if !self.ordered[*ended as usize] && !self.complete(*ended, now) {
                self.swept.stuck = Some(*ended);
                break;
            }
        }
        self.swept
    }

    fn is_known(&self, op: u32) -> bool {
        self.ops[op as usize].ret <= self.horizon
    }

    fn invoke(&mut self, op: u32) {
        match self.ops[op as usize].op {
            Step::Add(Some(_)) if self.is_known(op) && FAULT != fault::NO_ANSWERS => {}
            Step::Add(_) if FAULT == fault::NO_CRASHED && !self.is_known(op) => {}
            Step::Add(_) => {
                self.waiting.add(&mut self.open, op);
                if FAULT == fault::EAGER_ADDITIONS {
                    self.advance(NEVER);
                }
            }
            Step::Read(_) if !self.is_known(op) || FAULT == fault::LATE_READS => {}
            Step::Read(place) if place == self.made => self.put(op),
            Step::Read(place) => {
                if let Some(first) = self.reads.get_mut(place as usize) {
                    self.next[op as usize] = std::mem::replace(first, op);
                }
            }
        }
    }

    fn complete(&mut self, op: u32, now: u32) -> bool {
        match self.ops[op as usize].op {
            Step::Add(Some(place)) if FAULT != fault::NO_ANSWERS => self.reach(place, now),
            // All that had to complete earlier is ordered, so that its turn comes before that of any open one.
            Step::Add(_) => while !self.ordered[op as usize] && self.advance(now) {},
            Step::Read(place) => {
                self.reach(place, now);
                if FAULT == fault::LATE_READS && self.made == place {
                    self.put(op);
                }
            }
        }
        self.ordered[op as usize]
    }

    /// Adds until the counter stands at `place`, or as far as that goes.
    fn reach(&mut self, place: u32, now: u32) {
        while self.made < place && self.advance(now) {}
    }

    /// Adds once, by the addition that has to be made first of those invoked before `now`.
    fn advance(&mut self, now: u32) -> bool {
        let place = self.made as usize + 1;
        let fixed = self.fixed.get(place).copied().unwrap_or(NONE);
        let addition = if fixed == NONE {
            self.waiting.take(&mut self.open)
        } else {
            Some(fixed).filter(|fixed| self.ops[*fixed as usize].call < now)
        };
        let Some(addition) = addition else { return false };
        self.made += 1;
        self.put(addition);
        let mut read = std::mem::replace(&mut self.reads[place], NONE);
        while read != NONE {
            self.put(read);
            read = self.next[read as usize];
        }
        true
    }

    fn put(&mut self, op: u32) {
        self.ordered[op as usize] = true;
        self.swept.order.push(op);
    }
}

/// A few operations that contradict each other, together with the additions that they saw.
fn contradiction(ops: &[Timed<Step>], completion: u32) -> Refutation {
    let begun = ops.partition_point(|op| op.call < completion);
    let ops = &ops[..begun];
    let completions = by_completion(ops);
    let swept = Sweep::<{ fault::NONE }>::new(ops, completion).run(&completions);
    let blocked = ops.iter().position(|op| op.ret == completion).map_or(0, |at| at as u32);
    // With that completion known the sweep may get stuck at an earlier one.
    let stuck = swept.stuck.unwrap_or(blocked);
    let made = swept.order.iter().filter(|op| is_addition(ops, **op)).count();
    let twin = |place| {
        let same = |op: &Timed<Step>| matches!(op.op, Step::Add(Some(other)) if other == place);
        let known = |at: usize| at != stuck as usize && ops[at].ret <= completion;
        (0..ops.len()).find(|at| known(*at) && same(&ops[*at])).map(|at| at as u32)
    };
    let case = Case { ops, completion, ends: [stuck, blocked], order: swept.order };
    let (rule, mut kept) = match ops[stuck as usize].op {
        Step::Read(place) if place as usize > made => (Rule::FromNowhere, Vec::new()),
        Step::Add(Some(0 | NEVER)) => (Rule::FromNowhere, Vec::new()),
        Step::Add(Some(place)) if twin(place).is_some() => {
            (Rule::Twice, twin(place).into_iter().collect())
        }
        Step::Read(place) => {
            let newer = case.further_before(place);
            (Rule::Lost, newer.map_or_else(|| case.reasons(), |newer| vec![newer]))
        }
        Step::Add(_) => (Rule::Exhausted, case.reasons()),
    };
    kept.extend(case.ends);
    if ops.len() <= SHOWN_MAX {
        kept.extend((0..ops.len() as u32).filter(|op| is_addition(ops, *op)));
    }
    kept.sort_unstable();
    kept.dedup();
    Refutation { completion, ops: kept, rule }
}

fn is_addition(ops: &[Timed<Step>], op: u32) -> bool {
    matches!(ops[op as usize].op, Step::Add(_))
}

/// What was known when it became certain.
struct Case<'a> {
    ops: &'a [Timed<Step>],
    completion: u32,
    /// What cannot be ordered, and the operation that made it certain.
    ends: [u32; 2],
    /// How far an order gets.
    order: Vec<u32>,
}

impl Case<'_> {
    /// The last operation that completed before the one that cannot be ordered began, and found the counter further on.
    fn further_before(&self, place: u32) -> Option<u32> {
        let begun = self.ops[self.ends[0] as usize].call;
        let further = |op: &Timed<Step>| match op.op {
            Step::Add(Some(other)) | Step::Read(other) => other > place,
            Step::Add(None) => false,
        };
        let earlier = (0..).zip(self.ops).filter(|(_, op)| op.ret < begun && further(op));
        earlier.max_by_key(|(_, op)| op.ret).map(|(at, _)| at)
    }

    /// Reads without which there would be an order, and the additions from the first of them on.
    fn reasons(&self) -> Vec<u32> {
        let looks = self.order.iter().copied().filter(|op| !is_addition(self.ops, *op));
        let reads: Vec<u32> = looks.collect();
        let mut trials = EFFORT_MAX / self.ops.len();
        let mut latest = 0;
        let mut kept = loop {
            let kept = &reads[reads.len().saturating_sub(latest)..];
            if latest >= reads.len() || (trials > 0 && self.is_stuck(kept)) {
                break kept.to_vec();
            }
            trials = trials.saturating_sub(1);
            latest = if trials == 0 { reads.len() } else { 1 + 2 * latest };
        };
        for read in kept.clone() {
            let rest: Vec<u32> = kept.iter().copied().filter(|other| *other != read).collect();
            if trials > 0 && self.is_stuck(&rest) {
                kept = rest;
            }
            trials = trials.saturating_sub(1);
        }
        let first = kept.first().copied();
        let from = self.order.iter().position(|op| Some(*op) == first).unwrap_or(0);
        let additions = self.order[from..].iter().filter(|op| is_addition(self.ops, **op));
        kept.extend(additions);
        kept
    }

    /// Whether all additions together with these reads have no order.
    fn is_stuck(&self, reads: &[u32]) -> bool {
        let mut chosen: Vec<u32> =
            (0..self.ops.len() as u32).filter(|op| is_addition(self.ops, *op)).collect();
        chosen.extend(reads.iter().chain(&self.ends));
        chosen.sort_unstable();
        chosen.dedup();
        let some: Vec<Timed<Step>> = chosen.iter().map(|op| self.ops[*op as usize]).collect();
        let sweep = Sweep::<{ fault::NONE }>::new(&some, self.completion);
        sweep.run(&by_completion(&some)).stuck.is_some()
    }
}

#[cfg(test)]
mod tests;
