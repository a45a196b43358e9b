//! Sets whose elements are added, removed and asked for one by one, each with a truth for an answer. Exact, for every
//! history in which the answers of completed operations are known.
//!
//! # The idea
//!
//! What is done to one element says nothing about another, so each element is a switch by itself: absent or present.
//! `add -> true` and `remove -> true` are *flips* up and down; `add -> false`, `remove -> false` and `contains` are
//! *looks* that need the switch in one position. An `add` or `remove` of unknown outcome is a flip that may be left out
//! (had it acted without flipping, nobody would have noticed).
//!
//! The events are gone through in order. A look is put in order as soon as the switch is as it needs it. A flip is
//! put in order only when the completion of some operation leaves no choice; then, of the open flips in that direction,
//! the one that must complete first is taken (of those of unknown outcome any, last). If there is none, no order exists.
//!
//! # Why that is right
//!
//! Take an order that explains everything and begins as ours does; we show one that agrees for one more step. If
//! our next step is a look that is legal now, move it to the front of the rest: it changes nothing, and everything that
//! completed before its invocation is ordered already. If it is a flip `g`, taken because an operation completes that
//! needs the other position, then the other order also has to flip before that completion. Its next step cannot be a
//! look (those that are legal now are ordered already), so it is some flip `s` in the same direction, invoked before
//! the completion. `g` completes no later than `s`, so the two can be exchanged: everything that has to come after `s`
//! begins after `g` has completed, and what had to come before `g` is ordered already. If `g` is nowhere in that order
//! its outcome is unknown, and then so is that of `s`, which `g` replaces.
//!
//! To take what is due first is known from scheduling (earliest deadline first). That sets are decided fast element by
//! element is in Lee and Mathur's work on unambiguous histories (OOPSLA 2025), there for complete histories.
//!
//! # When it becomes certain
//!
//! What an operation answers is used from its invocation on, so the completion at which the sweep gets stuck is the
//! first that *can* be impossible: right before it there is an order. An `add` that is still open there and answers
//! `false` later could, as far as one knew, have been the flip that is missing. So the completions from there on are
//! tried with only what was known at each, ever further ones first, then what is between.

use super::sweep::{by_completion, first_certain};
use super::waiting::{NONE, Waiting};
use super::{Decision, NEVER, Refutation, Rule, Timed};

/// Operations of a contradiction among which those that only look are tried one by one whether they are needed.
const LOOKS_TRIED_MAX: usize = 64;

/// What is done to an element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Function {
    /// Puts it in; answers whether it was absent.
    Add,
    /// Takes it out; answers whether it was present.
    Remove,
    /// Answers whether it is present.
    Contains,
}

/// One operation on one element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Op {
    /// Which element; numbered from 0 without gaps.
    pub(crate) element: u32,
    pub(crate) function: Function,
    /// What it answered. Not looked at where the outcome is unknown.
    pub(crate) answer: Option<bool>,
}

/// What an operation does to the switch of its element.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Deed {
    /// Needs it in the other position, leaves it in this one (true: present).
    Flip(bool),
    /// Needs it in this position.
    Look(bool),
    Nothing,
}

/// Rules that tests put out of force, to see that it is noticed.
mod fault {
    pub(super) const NONE: u8 = 0;
    /// Of the open flips any is taken.
    pub(super) const ANY_FLIP: u8 = 1;
    /// A look waits for its own completion.
    pub(super) const LATE_LOOKS: u8 = 2;
    /// A flip is put in order as soon as it is legal.
    pub(super) const EAGER_FLIPS: u8 = 3;
    /// Flips of unknown outcome are left out.
    pub(super) const NO_CRASHED: u8 = 4;
    /// The completion where the sweep gets stuck is taken for the first certain one.
    pub(super) const STUCK_IS_FIRST: u8 = 5;
    /// A flip that finds the switch where it leaves it counts as done.
    pub(super) const IDLE_FLIPS: u8 = 6;
}

/// Decides. See the module's doc.
pub(crate) fn decide(ops: &[Timed<Op>]) -> Decision {
    decide_with::<{ fault::NONE }>(ops)
}

fn decide_with<const FAULT: u8>(ops: &[Timed<Op>]) -> Decision {
    if ops.iter().any(|op| !op.is_crashed() && op.op.answer.is_none()) {
        return Decision::Inapplicable("an operation does not tell whether it changed the set");
    }
    let swept = Sweep::<FAULT>::new(ops, NEVER - 1).run(&by_completion(ops));
    if swept.stuck.is_empty() {
        return Decision::Linearizable(swept.order);
    }
    Decision::NotLinearizable(refute::<FAULT>(ops, &swept.stuck))
}

/// One element.
#[derive(Debug, Clone, Copy)]
struct Switch {
    /// As it is after what was ordered so far.
    present: bool,
    /// No order exists: its operations are not looked at any more.
    stuck: bool,
    /// Open flips down and up, as heaps.
    flips: [u32; 2],
    /// Open looks that need it absent and present, as lists.
    looks: [u32; 2],
}

const UNUSED: Switch = Switch { present: false, stuck: false, flips: [NONE; 2], looks: [NONE; 2] };

/// One pass over the events, with what is known at one of them.
struct Sweep<'a, const FAULT: u8> {
    ops: &'a [Timed<Op>],
    /// The last event that is known: what completes later is still open, what is invoked later does not exist.
    horizon: u32,
    switches: Vec<Switch>,
    waiting: Waiting,
    /// The look after this one in its list.
    next: Vec<u32>,
    ordered: Vec<bool>,
    swept: Swept,
}

/// What a pass found.
struct Swept {
    /// Operations in the order found.
    order: Vec<u32>,
    /// The first operation of each element that cannot be ordered, by completion.
    stuck: Vec<u32>,
}

impl<'a, const FAULT: u8> Sweep<'a, FAULT> {
    fn new(ops: &'a [Timed<Op>], horizon: u32) -> Self {
        let elements = ops.iter().map(|op| op.op.element as usize + 1).max().unwrap_or(0);
        let known = |op: &Timed<Op>| if op.ret <= horizon { op.ret } else { NEVER };
        let deadlines = if FAULT == fault::ANY_FLIP {
            vec![0; ops.len()]
        } else {
            ops.iter().map(known).collect()
        };
        Self {
            ops,
            horizon,
            switches: vec![UNUSED; elements],
            waiting: Waiting::new(deadlines),
            next: vec![NONE; ops.len()],
            ordered: vec![false; ops.len()],
            swept: Swept { order: Vec::with_capacity(ops.len()), stuck: Vec::new() },
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
            self.complete(*ended);
        }
        self.swept
    }

    fn deed(&self, op: u32) -> Deed {
        let Timed { ret, op: Op { function, answer, .. }, .. } = self.ops[op as usize];
        let known = answer.filter(|_| ret <= self.horizon);
        match (function, known) {
            (Function::Add | Function::Remove, None) if FAULT == fault::NO_CRASHED => Deed::Nothing,
            (Function::Add, Some(true) | None) => Deed::Flip(true),
            (Function::Remove, Some(true) | None) => Deed::Flip(false),
            (Function::Add, Some(false)) => Deed::Look(true),
            (Function::Remove, Some(false)) => Deed::Look(false),
            (Function::Contains, Some(present)) => Deed::Look(present),
            (Function::Contains, None) => Deed::Nothing,
        }
    }

    fn invoke(&mut self, op: u32) {
        let deed = self.deed(op);
        let switch = &mut self.switches[self.ops[op as usize].op.element as usize];
        match deed {
            _ if switch.stuck => {}
            Deed::Flip(to) if FAULT == fault::EAGER_FLIPS && switch.present != to => {
                self.waiting.add(&mut switch.flips[usize::from(to)], op);
                self.flip(op, to);
            }
            Deed::Flip(to) => self.waiting.add(&mut switch.flips[usize::from(to)], op),
            Deed::Look(at) if switch.present == at && FAULT != fault::LATE_LOOKS => self.put(op),
            Deed::Look(at) => {
                let list = &mut switch.looks[usize::from(at)];
                self.next[op as usize] = std::mem::replace(list, op);
            }
            Deed::Nothing => {}
        }
    }

    fn complete(&mut self, op: u32) {
        let element = self.ops[op as usize].op.element as usize;
        if self.switches[element].stuck || self.ordered[op as usize] {
            return;
        }
        let present = self.switches[element].present;
        let done = match self.deed(op) {
            Deed::Flip(to) if present == to => {
                FAULT == fault::IDLE_FLIPS || (self.flip(op, !to) && self.flip(op, to))
            }
            // All that had to complete earlier is ordered, so that the flip taken is this one.
            Deed::Flip(to) => self.flip(op, to),
            Deed::Look(at) if FAULT == fault::LATE_LOOKS => {
                let met = present == at || self.flip(op, at);
                self.put(op);
                met
            }
            Deed::Look(at) => self.flip(op, at),
            Deed::Nothing => true,
        };
        if !done {
            self.switches[element].stuck = true;
            self.swept.stuck.push(op);
        }
    }

    /// Flips the switch of `op` by the flip that has to be made first, and lets those look that waited for it.
    fn flip(&mut self, op: u32, to: bool) -> bool {
        let switch = &mut self.switches[self.ops[op as usize].op.element as usize];
        let Some(flip) = self.waiting.take(&mut switch.flips[usize::from(to)]) else {
            return false;
        };
        switch.present = to;
        let mut look = NONE;
        if FAULT != fault::LATE_LOOKS {
            look = std::mem::replace(&mut switch.looks[usize::from(to)], NONE);
        }
        self.put(flip);
        while look != NONE {
            self.put(look);
            look = self.next[look as usize];
        }
        true
    }

    fn put(&mut self, op: u32) {
        self.ordered[op as usize] = true;
        self.swept.order.push(op);
    }
}

/// Finds the first completion at which it is certain that there is no order, given the operation at which each
/// impossible element got stuck.
fn refute<const FAULT: u8>(ops: &[Timed<Op>], stuck: &[u32]) -> Refutation {
    let by_element = ByElement::new(ops);
    let mut found: Option<(u32, Vec<u32>)> = None;
    for op in stuck {
        let Timed { ret, op: Op { element, .. }, .. } = ops[*op as usize];
        // An element is possible up to where it got stuck.
        if found.as_ref().is_some_and(|(completion, _)| *completion < ret) {
            break;
        }
        let numbers = by_element.of(element);
        let alone = alone(ops, numbers);
        let completions = by_completion(&alone);
        let certain = |last| !Sweep::<FAULT>::new(&alone, last).run(&completions).stuck.is_empty();
        let completion = if FAULT == fault::STUCK_IS_FIRST {
            ret
        } else {
            first_certain(&alone, &completions, ret, certain)
        };
        if found.as_ref().is_none_or(|(earliest, _)| completion < *earliest) {
            found = Some((completion, numbers.to_vec()));
        }
    }
    let (completion, numbers) = found.expect("an element got stuck");
    contradiction(&alone(ops, &numbers), &numbers, completion)
}

/// The operations of each element, in order of invocation.
struct ByElement {
    starts: Vec<u32>,
    numbers: Vec<u32>,
}

impl ByElement {
    fn new(ops: &[Timed<Op>]) -> Self {
        let elements = ops.iter().map(|op| op.op.element as usize + 1).max().unwrap_or(0);
        let mut starts = vec![0; elements + 1];
        for op in ops {
            starts[op.op.element as usize + 1] += 1;
        }
        for at in 0..elements {
            starts[at + 1] += starts[at];
        }
        let mut ends = starts.clone();
        let mut numbers = vec![0; ops.len()];
        for (number, op) in ops.iter().enumerate() {
            let end = &mut ends[op.op.element as usize];
            numbers[*end as usize] = number as u32;
            *end += 1;
        }
        Self { starts, numbers }
    }

    fn of(&self, element: u32) -> &[u32] {
        let [start, end] = [element, element + 1].map(|at| self.starts[at as usize] as usize);
        &self.numbers[start..end]
    }
}

/// Some operations of one element, as if there were no others.
fn alone(ops: &[Timed<Op>], numbers: &[u32]) -> Vec<Timed<Op>> {
    let chosen = numbers.iter().map(|number| ops[*number as usize]);
    chosen.map(|op| Timed { op: Op { element: 0, ..op.op }, ..op }).collect()
}

/// A few operations of an element that have no order by themselves. `ops` are all its operations, `numbers` what
/// they are called in the answer.
fn contradiction(ops: &[Timed<Op>], numbers: &[u32], completion: u32) -> Refutation {
    let is_stuck = |kept: &[u32]| {
        let some = alone(ops, kept);
        let sweep = Sweep::<{ fault::NONE }>::new(&some, completion);
        !sweep.run(&by_completion(&some)).stuck.is_empty()
    };
    let sweep = Sweep::<{ fault::NONE }>::new(ops, completion);
    let swept = sweep.run(&by_completion(ops));
    let blocked = ops.iter().position(|op| op.ret == completion).map_or(0, |at| at as u32);
    // With that completion known the sweep may get stuck at an earlier one.
    let ends: Vec<u32> = swept.stuck.iter().copied().chain([blocked]).collect();
    let mut latest = 1;
    let mut kept = loop {
        let kept = recent(ops, &swept.order, &ends, latest);
        if latest >= swept.order.len() || is_stuck(&kept) {
            break kept;
        }
        latest *= 2;
    };
    if kept.len() <= LOOKS_TRIED_MAX {
        for op in kept.clone() {
            let looks = ops[op as usize].op.answer == Some(false)
                || ops[op as usize].op.function == Function::Contains;
            let rest: Vec<u32> = kept.iter().copied().filter(|other| *other != op).collect();
            if looks && op != blocked && is_stuck(&rest) {
                kept = rest;
            }
        }
    }
    let rule = rule(ops, blocked, completion);
    let kept = kept.into_iter().map(|op| numbers[op as usize]).collect();
    Refutation { completion, ops: kept, rule }
}

/// The last `latest` operations of an order, down to where the element was absent, those that were open beside them, so
/// that what is left out cannot have helped, and `ends`.
fn recent(ops: &[Timed<Op>], order: &[u32], ends: &[u32], latest: usize) -> Vec<u32> {
    let adds = |op: &u32| {
        let Op { function, answer, .. } = ops[*op as usize].op;
        function == Function::Add && answer != Some(false)
    };
    let mut start = order.len().saturating_sub(latest);
    while start > 0 && !adds(&order[start]) {
        start -= 1;
    }
    let tail = &order[start..];
    let begin = tail.iter().chain(ends).map(|op| ops[*op as usize].call).min();
    let beside = order[..start].iter().filter(|op| Some(ops[**op as usize].ret) > begin);
    let mut kept: Vec<u32> = beside.chain(tail).chain(ends).copied().collect();
    kept.sort_unstable();
    kept.dedup();
    kept
}

/// What to call it.
fn rule(ops: &[Timed<Op>], blocked: u32, completion: u32) -> Rule {
    let begun = |function| {
        let other = |at: usize| at != blocked as usize;
        let mut all = ops.iter().enumerate().filter(|(at, op)| other(*at) && op.call < completion);
        all.any(|(_, op)| op.op.function == function)
    };
    let Op { function, answer, .. } = ops[blocked as usize].op;
    match (function, answer) {
        (Function::Add, Some(true)) if !begun(Function::Remove) => Rule::Twice,
        (Function::Contains | Function::Remove, Some(false)) if !begun(Function::Remove) => {
            Rule::Lost
        }
        (Function::Add, Some(false)) if !begun(Function::Add) => Rule::FromNowhere,
        (Function::Remove | Function::Contains, Some(true)) if !begun(Function::Add) => {
            Rule::FromNowhere
        }
        _ => Rule::Exhausted,
    }
}

#[cfg(test)]
mod tests;
