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

use super::boxes::{Contents, Deadline, Discipline, Fault, Faults, Item, QueueOp};
use super::boxes::{Unpainted, by_gap, settle};
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
    fn arrange(&self, contents: &Contents) -> Result<Vec<u32>, Rule> {
        let placed = self.place(contents, |_| true);
        if placed.is_late {
            return Err(Rule::Lost);
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
    /// Whether some gap is after the window.
    is_late: bool,
}

impl Priority {
    /// Finds the earliest gaps where only the `counted` items are there.
    fn place(&self, contents: &Contents, counted: impl Fn(&Item) -> bool) -> Placed {
        let ignored = self.faults.breaks(Fault::AnyOrder);
        let order = self.by_priority(&contents.items);
        let mut free = Unpainted::new(contents.gaps);
        let mut takes = vec![contents.gaps; contents.items.len()];
        let mut is_late = false;
        for at in &order {
            let item = &contents.items[*at as usize];
            let from = item.take_in.from;
            let gap = if ignored { from } else { free.next(from) };
            takes[*at as usize] = gap;
            is_late |= !item.is_loose() && gap >= item.take_in.to;
            if counted(item) {
                free.paint(item.put_in.to, gap, |_| {});
            }
        }
        let mut empties = Vec::with_capacity(contents.empties.len());
        for empty in &contents.empties {
            let ignored = ignored || self.faults.breaks(Fault::EmptyAtAnyTime);
            let gap = if ignored { empty.within.from } else { free.next(empty.within.from) };
            empties.push(gap);
            is_late |= gap >= empty.within.to;
        }
        Placed { order, takes, empties, is_late }
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

/// The least of the ends from a gap on (a Fenwick tree from the back).
struct Ends {
    least: Vec<u32>,
}

impl Ends {
    fn new(gaps: u32) -> Self {
        Self { least: vec![gaps; gaps as usize + 2] }
    }

    /// Notes an end for a gap.
    fn lower(&mut self, gap: u32, end: u32) {
        let mut at = gap as usize + 1;
        while at > 0 {
            self.least[at] = self.least[at].min(end);
            at &= at - 1;
        }
    }

    /// The least end of a gap from this one on.
    fn least_from(&self, gap: u32) -> u32 {
        let mut at = gap as usize + 1;
        let mut least = u32::MAX;
        while at < self.least.len() {
            least = least.min(self.least[at]);
            at += at & at.wrapping_neg();
        }
        least
    }
}
