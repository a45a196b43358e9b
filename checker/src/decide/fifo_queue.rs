//! FIFO queues with unique elements: elements come out in the order in which they went in.
//!
//! # Rule
//!
//! Call `a` *before* `b` if the put of `a` completed before that of `b` began, or the take of `a` before that of `b`. If
//! all takes have answers, the history is linearizable exactly if every take follows a put (see [`super::boxes`]) and no
//! two elements are before each other, where an element that is never taken has its take after everything.
//!
//! It is needed: puts and takes have the same order, and it agrees with both relations. It is enough: cut the window of
//! a put to end when the take's does, and the take's to begin when the put's does; that makes no new pair contradict
//! itself, as a take that ends before a put of another element begins implies its own put did too. Suppose a cycle of
//! elements, each before the next, and take a shortest one. Both relations are transitive, so it takes turns: `a` is
//! put before `b`, which is taken before `c`, which is put before `d`. Of two pairs of intervals, each pair with a gap
//! between, the first of one ends before the second of the other begins: either `a` is put before `d`, and the cycle
//! was not shortest (or two elements long), or `c` before `b`, and these two are before each other. So there is no
//! cycle, and any order of elements that extends both relations gives the order of operations: each put as soon as the
//! puts before it allow, each take as soon as its put and the takes before it do.
//!
//! # Takes without an answer, and of nothing
//!
//! A loose element must be taken before the earliest end of a take whose element was put in after it; that is its
//! deadline, and the only pairs that it is in. So an assignment that meets the deadlines leaves no contradiction among
//! them, and the answer is always sure. (An element that is before one with a deadline has an earlier deadline, so it is
//! taken too.)
//!
//! A take may find the queue empty in a gap where no element is present. All such gaps can be had at once: elements
//! whose takes may begin by then go to the left of the gap, the others to the right. No element on the right is before
//! one on the left: it is neither put nor taken completely before the gap. So the windows can be cut at the gap, and
//! both sides be arranged by themselves. An answer "empty" gives the loose elements put in before it deadlines too, if
//! it cannot be moved before them; there the assignment may miss an order, and the answer be unsure.
//!
//! # Sources
//!
//! The rule for pairs is known from Henzinger, Sezgin, Vafeiadis: *Aspect-oriented linearizability proofs* (CONCUR
//! 2013), and Bouajjani, Emmi, Enea, Hamza: *On reducing linearizability to state reachability* (ICALP 2015).
//! Everything here takes time for sorting, and is linear beyond that.

use super::boxes::{Blame, Contents, Deadline, Discipline, Fault, Faults, Item, QueueOp};
use super::boxes::{Window, settle, suffix_min};
use super::{Decision, Rule, Timed};

/// Decides a history of one queue that is empty at first.
pub(crate) fn decide(ops: &[Timed<QueueOp>]) -> Decision {
    settle(ops, &Fifo { faults: Faults::default() })
}

pub(super) struct Fifo {
    pub(super) faults: Faults,
}

impl Discipline for Fifo {
    fn arrange(&self, contents: &Contents) -> Result<Vec<u32>, Blame> {
        let empties = contents.place_empties()?;
        let mut cuts: Vec<u32> = empties.iter().map(|(gap, _)| *gap).collect();
        cuts.dedup();
        if self.faults.breaks(Fault::EmptiesFloat) {
            cuts.clear();
        }
        let last = 2 * contents.gaps;
        let spans: Vec<Span> =
            contents.items.iter().map(|item| Span::new(item, &cuts, last)).collect();
        let order = if self.faults.breaks(Fault::Overtaking) {
            (0..spans.len() as u32).collect()
        } else {
            in_order(&spans).ok_or_else(|| overtaking(contents))?
        };
        if !contents.wants_order {
            return Ok(Vec::new());
        }
        Ok(emit(contents, &spans, &order, &empties))
    }

    fn deadlines(&self, contents: &Contents) -> Vec<Deadline> {
        // By gap: the earliest end of a take whose element is put in no sooner.
        let mut bounds = contents.emptied_by();
        for item in contents.items.iter().filter(|item| !item.is_loose()) {
            let bound = &mut bounds[item.put_in.from as usize];
            *bound = (*bound).min(item.take_in.to);
        }
        suffix_min(&mut bounds);
        let loose = contents.items.iter().enumerate().filter(|(_, item)| item.is_loose());
        let deadlines = loose.map(|(at, item)| Deadline {
            before: bounds[item.put_in.to as usize],
            item: at as u32,
        });
        deadlines.filter(|deadline| deadline.before < contents.gaps).collect()
    }

    fn faults(&self) -> Faults {
        self.faults
    }
}

/// The windows of an element in half gaps: what stays to the left of an answer "empty" in gap `x` acts at `2x` at the
/// latest, what stays to the right at `2x + 1` at the earliest.
#[derive(Debug, Clone, Copy)]
struct Span {
    put: Window,
    take: Window,
}

impl Span {
    fn new(item: &Item, cuts: &[u32], last: u32) -> Self {
        let side = cuts.partition_point(|cut| *cut < item.take_in.from);
        let from = side.checked_sub(1).map_or(0, |before| 2 * cuts[before] + 1);
        let to = cuts.get(side).map_or(last, |after| 2 * after + 1);
        let cut = |window: Window| Window {
            from: (2 * window.from).max(from),
            to: (2 * window.to).min(to),
        };
        let take =
            if item.is_loose() { Window { from: last, to: last + 1 } } else { cut(item.take_in) };
        Self { put: cut(item.put_in), take }
    }
}

/// One side of the elements, puts or takes: which may come next, as far as that side goes.
struct Side {
    /// Elements by the beginning of their window, and by its end, packed with it.
    by_from: Vec<u64>,
    by_to: Vec<u64>,
    next_from: usize,
    next_to: usize,
}

impl Side {
    fn new(spans: &[Span], window: fn(&Span) -> Window) -> Self {
        let packed = |key: fn(Window) -> u32| {
            let keys = spans.iter().zip(0_u64..);
            let mut packed: Vec<u64> =
                keys.map(|(span, at)| u64::from(key(window(span))) << 32 | at).collect();
            packed.sort_unstable();
            packed
        };
        let (by_from, by_to) = (packed(|window| window.from), packed(|window| window.to));
        Self { by_from, by_to, next_from: 0, next_to: 0 }
    }

    /// The next element whose window begins before any window of those that are not placed ends.
    fn next(&mut self, placed: &[bool]) -> Option<u32> {
        while placed[*self.by_to.get(self.next_to)? as u32 as usize] {
            self.next_to += 1;
        }
        let next = self.by_from.get(self.next_from)?;
        if next >> 32 >= self.by_to[self.next_to] >> 32 {
            return None;
        }
        self.next_from += 1;
        Some(*next as u32)
    }
}

/// An order of elements in which none is before an earlier one.
fn in_order(spans: &[Span]) -> Option<Vec<u32>> {
    let mut puts = Side::new(spans, |span| span.put);
    let mut takes = Side::new(spans, |span| span.take);
    let mut placed = vec![false; spans.len()];
    let mut is_halfway = vec![false; spans.len()];
    let mut order = Vec::with_capacity(spans.len());
    let mut ready = Vec::new();
    while order.len() < spans.len() {
        for side in [&mut puts, &mut takes] {
            while let Some(element) = side.next(&placed) {
                if std::mem::replace(&mut is_halfway[element as usize], true) {
                    ready.push(element);
                }
            }
        }
        let next = ready.pop()?;
        placed[next as usize] = true;
        order.push(next);
    }
    Some(order)
}

/// An element and all that it overtook; of several that did, the one that was taken first.
fn overtaking(contents: &Contents) -> Blame {
    // By gap: the latest beginning of a take among elements whose put must have been done by then.
    let mut latest = vec![0; contents.gaps as usize + 1];
    for item in &contents.items {
        let done = &mut latest[item.put_in.to as usize];
        *done = item.take_in.from.max(*done);
    }
    let (mut done, mut gap) = (0, 0);
    let mut first: Option<&Item> = None;
    // In order of the invocation of puts.
    for item in &contents.items {
        while gap <= item.put_in.from {
            done = latest[gap as usize].max(done);
            gap += 1;
        }
        let ends = item.take_in.to;
        let overtakes = !item.is_loose() && ends <= done;
        if overtakes && first.is_none_or(|first| ends < first.take_in.to) {
            first = Some(item);
        }
    }
    let Some(first) = first else { return Blame { rule: Rule::Rank, ops: Vec::new() } };
    let is_overtaken =
        |item: &&Item| item.put_in.to <= first.put_in.from && first.take_in.to <= item.take_in.from;
    let overtaken = contents.items.iter().filter(is_overtaken).map(|item| item.put);
    Blame { rule: Rule::Rank, ops: overtaken.chain([first.put]).collect() }
}

/// The operations, those of each kind in the order of their elements, each as early as possible.
fn emit(contents: &Contents, spans: &[Span], order: &[u32], empties: &[(u32, u32)]) -> Vec<u32> {
    let mut puts: Vec<(u32, u32)> = Vec::with_capacity(2 * order.len() + empties.len());
    let mut takes = Vec::with_capacity(order.len());
    let (mut put_at, mut take_at) = (0, 0);
    for at in order {
        let (item, span) = (&contents.items[*at as usize], &spans[*at as usize]);
        put_at = put_at.max(span.put.from);
        puts.push((put_at, item.put));
        if !item.is_loose() {
            take_at = take_at.max(span.take.from).max(put_at);
            takes.push((take_at, item.take));
        }
    }
    let mut emitted = puts;
    emitted.append(&mut takes);
    emitted.extend(empties.iter().map(|(gap, op)| (2 * gap, *op)));
    // Three sorted runs: merged, puts first.
    emitted.sort_by_key(|(at, _)| *at);
    emitted.into_iter().map(|(_, op)| op).collect()
}
