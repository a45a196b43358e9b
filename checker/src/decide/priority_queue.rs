//! Priority queues with unique priorities: what is taken has the least priority of all that is there.
//!
//! # Rule
//!
//! Go through the elements from the least priority up, and give each take the earliest gap of its window in which no
//! lesser element is present, where the lesser ones are there from the end of their put's window to the gap that they
//! were given. If there is none the history is not linearizable.
//!
//! An element can only make others wait, and those only by being there. Its put may act right before the end of its
//! window (or right before its take, if that is sooner), so it is there from then until its take. By induction no order
//! has the take of an element earlier than the gap that it is given here: in the order the lesser ones are taken no
//! earlier than here, so they are there in all gaps in which they are here. So if there is an order, each take finds a
//! gap; and if each finds one, these gaps are an order: in one gap first the takes, the least priorities first, then
//! the puts. An answer "empty" is like the take of an element that is greater than all others, and never there.
//!
//! # Takes without an answer
//!
//! The gaps that are given to the other takes if all loose elements are left out are the earliest in any order. So if
//! that of a take, or of an answer "empty", is after the end of a lesser loose element's put, that element must be gone
//! by the end of the take's window: its deadline. Nothing is lost before, but the assignment to these deadlines may miss
//! an order, so that the answer may be unsure.
//!
//! # Sources
//!
//! Taking the elements by priority, one after the other, is due to Lee, Mathur: *Efficient decrease-and-conquer
//! linearizability monitoring* (OOPSLA 2025); the earliest gaps, and what follows from them, are our own. Time is that
//! of sorting; the gaps in which something is there are skipped by union-find.

use super::boxes::{Blame, Contents, Deadline, Discipline, Fault, Faults, Item, QueueOp};
use super::boxes::{Ends, Unpainted, Window, by_gap, settle};
use super::{Decision, Rule, Timed};

/// Decides a history of one priority queue that is empty at first. `priorities` has one for each element.
pub(crate) fn decide(ops: &[Timed<QueueOp>], priorities: &[i64]) -> Decision {
    match Priority::new(priorities, Faults::default()) {
        Some(discipline) => settle(ops, &discipline),
        None => Decision::Inapplicable("two elements have the same priority"),
    }
}

pub(super) struct Priority {
    /// By element: how many have a lesser priority.
    ranks: Vec<u32>,
    faults: Faults,
}

impl Priority {
    /// `None` if priorities are equal.
    pub(super) fn new(priorities: &[i64], faults: Faults) -> Option<Self> {
        let mut sorted: Vec<(i64, u32)> = priorities.iter().copied().zip(0..).collect();
        sorted.sort_unstable();
        let mut ranks = vec![0; priorities.len()];
        for (rank, (_, element)) in sorted.iter().enumerate() {
            ranks[*element as usize] = rank as u32;
        }
        let unique = sorted.windows(2).all(|pair| pair[0].0 != pair[1].0);
        unique.then_some(Self { ranks, faults })
    }
}

impl Discipline for Priority {
    fn arrange(&self, contents: &Contents) -> Result<Vec<u32>, Blame> {
        let placed = self.place(contents, |_| true);
        if let Some(late) = placed.late {
            return Err(Blame { rule: Rule::Lost, ops: self.reasons(contents, &placed, late) });
        }
        if !contents.wants_order {
            return Ok(Vec::new());
        }
        Ok(emit(contents, &placed))
    }

    fn deadlines(&self, contents: &Contents) -> Vec<Deadline> {
        let placed = self.place(contents, |item| !item.is_loose());
        // By gap: the earliest end of a take that cannot be in an earlier gap, of those with a greater priority.
        let mut ends = Ends::new(contents.gaps);
        for (empty, gap) in contents.empties.iter().zip(&placed.empties) {
            ends.lower(*gap, empty.within.to);
        }
        let mut deadlines = Vec::new();
        for at in placed.order.iter().rev() {
            let item = &contents.items[*at as usize];
            if item.is_loose() {
                let before = ends.least_from(item.put_in.to);
                deadlines.push(Deadline { before, item: *at });
            } else {
                ends.lower(placed.takes[*at as usize], item.take_in.to);
            }
        }
        deadlines.retain(|deadline| deadline.before < contents.gaps);
        deadlines
    }

    fn faults(&self) -> Faults {
        self.faults
    }
}

/// The earliest gaps.
struct Placed {
    /// The items from the least priority up.
    order: Vec<u32>,
    /// By item: the gap of its take; the number of gaps if it has none.
    takes: Vec<u32>,
    /// By answer "empty".
    empties: Vec<u32>,
    /// Of what has no gap in its window, that whose window ends first.
    late: Option<Late>,
}

/// A take that has no gap in its window: that of an item, or an answer "empty", by number.
#[derive(Debug, Clone, Copy)]
struct Late {
    end: u32,
    item: Option<u32>,
    empty: usize,
}

/// Items whose own reasons are looked for at most. Where it takes more, the contradiction is looked for in another way.
const REASONS_MAX: usize = 32;

impl Priority {
    /// Finds the earliest gaps where only the `counted` items are there.
    fn place(&self, contents: &Contents, counted: impl Fn(&Item) -> bool) -> Placed {
        let ignored = self.faults.breaks(Fault::AnyOrder);
        let order = self.by_priority(&contents.items);
        let mut free = Unpainted::new(contents.gaps);
        let mut takes = vec![contents.gaps; contents.items.len()];
        let mut late: Option<Late> = None;
        let mut note = |found: Late| {
            if late.is_none_or(|late| found.end < late.end) {
                late = Some(found);
            }
        };
        for at in &order {
            let item = &contents.items[*at as usize];
            let from = item.take_in.from;
            let mut gap = if ignored { from } else { free.next(from) };
            if !item.is_loose() && gap >= item.take_in.to {
                note(Late { end: item.take_in.to, item: Some(*at), empty: 0 });
                // It is there until then in any case; so the others that are late are so without this one's fault.
                gap = from;
            }
            takes[*at as usize] = gap;
            if counted(item) {
                free.paint(item.put_in.to, gap, |_| {});
            }
        }
        let mut empties = Vec::with_capacity(contents.empties.len());
        for (nth, empty) in contents.empties.iter().enumerate() {
            let ignored = ignored || self.faults.breaks(Fault::EmptyAtAnyTime);
            let gap = if ignored { empty.within.from } else { free.next(empty.within.from) };
            empties.push(gap);
            if gap >= empty.within.to {
                note(Late { end: empty.within.to, item: None, empty: nth });
            }
        }
        Placed { order, takes, empties, late }
    }

    /// When nothing lesser must be there, and below which rank an item is lesser.
    fn turn(&self, contents: &Contents, late: Late) -> (Window, u32) {
        match late.item.map(|at| &contents.items[at as usize]) {
            Some(item) => (item.take_in, self.ranks[item.element as usize]),
            None => (contents.empties[late.empty].within, u32::MAX),
        }
    }

    /// The operations of what has no gap, of the lesser items that are there instead, and of those why these could not be
    /// taken earlier.
    fn reasons(&self, contents: &Contents, placed: &Placed, late: Late) -> Vec<u32> {
        let rank = |item: &Item| self.ranks[item.element as usize];
        let (mut ops, mut open) = (Vec::new(), Vec::new());
        ops.push(match late.item {
            Some(at) => contents.items[at as usize].put,
            None => contents.empties[late.empty].op,
        });
        open.push(self.turn(contents, late));
        let mut reasons: Vec<u32> = Vec::new();
        while let Some((within, limit)) = open.pop() {
            let mut gaps = placed.takes.iter();
            let presence = |item: &Item| {
                let to = *gaps.next()?;
                (rank(item) < limit && item.put_in.to < to)
                    .then_some(Window { from: item.put_in.to, to })
            };
            for at in contents.cover(within, presence) {
                let item = &contents.items[at as usize];
                if !reasons.contains(&at) && reasons.len() < REASONS_MAX {
                    reasons.push(at);
                    let to = placed.takes[at as usize];
                    if to > item.take_in.from {
                        open.push((Window { from: item.take_in.from, to }, rank(item)));
                    }
                }
            }
        }
        ops.extend(contents.operations(&reasons));
        // More are needed where open takes may have taken some.
        let (within, limit) = self.turn(contents, late);
        let is_there = |item: &&Item| {
            let presence = Window { from: item.put_in.to, to: item.take_in.from };
            rank(item) < limit && presence.from <= within.from && within.to <= presence.to
        };
        ops.extend(contents.items.iter().filter(is_there).map(|item| item.put));
        ops
    }

    /// The items from the least priority up.
    fn by_priority(&self, items: &[Item]) -> Vec<u32> {
        let keys = items
            .iter()
            .zip(0_u64..)
            .map(|(item, at)| u64::from(self.ranks[item.element as usize]) << 32 | at);
        let mut keys: Vec<u64> = keys.collect();
        keys.sort_unstable();
        keys.into_iter().map(|key| key as u32).collect()
    }
}

/// In each gap: takes by priority, each right after its put if that is no sooner; answers "empty"; other puts.
fn emit(contents: &Contents, placed: &Placed) -> Vec<u32> {
    let mut emitted = Vec::with_capacity(2 * placed.order.len() + placed.empties.len());
    for at in &placed.order {
        let (item, gap) = (&contents.items[*at as usize], placed.takes[*at as usize]);
        if gap < item.put_in.to {
            emitted.push((gap, item.put));
        }
        if !item.is_loose() {
            emitted.push((gap, item.take));
        }
    }
    let empties = contents.empties.iter().zip(&placed.empties);
    emitted.extend(empties.map(|(empty, gap)| (*gap, empty.op)));
    for (item, gap) in contents.items.iter().zip(&placed.takes) {
        if *gap >= item.put_in.to {
            emitted.push((item.put_in.to - 1, item.put));
        }
    }
    by_gap(&emitted, contents.gaps)
}
