//! Stacks with unique elements: what is taken out was put in last of all that is there.
//!
//! # Rule
//!
//! An element is *present* in the gaps in which it must be there (see [`super::boxes`]). Call a gap free if no element
//! that is left is present. Take away, one after the other, elements whose put and whose take can act in a free gap (of
//! one that is never taken, whose put can). The history is linearizable exactly if all can be taken away, in whatever
//! order one goes.
//!
//! Elements that are present nowhere need nothing: put and take can act side by side. As for the others:
//! - *Free gaps part the history.* In any order, move the takes of elements that are present only before a free gap to
//!   before it, if they come after it, and the puts of those that are present only after it to after it; keep the order
//!   otherwise. All moves are within windows. Both sides are legal by themselves, as leaving out elements leaves a legal
//!   order of a stack, and all elements of the first are gone at its end. So the free gaps can be taken to find the
//!   stack empty, all at once.
//! - *Between two neighbouring free gaps* the stack is never empty, so some element is at the bottom all the time: its
//!   put acts in the first of the two or before, its take in the second or later, that is, both can act in a free gap.
//!   If there is no such element there is no order.
//! - *Any such element will do.* Let another be at the bottom in some order. Take ours out of its place, and put it
//!   around: its put right before the first put, its take right after the last take. The rest is still legal, all comes
//!   within its windows. What is left above it is again a history to be arranged, between the same free gaps.
//! - An element that can be taken away can be later too, as free gaps stay free. So the order does not matter.
//!
//! Each element is thus nested into those taken away before it. In one gap, takes come before puts, the outer puts
//! before the inner ones, and the inner takes before the outer ones.
//!
//! An answer "empty" needs a gap that is free with all elements there.
//!
//! # How
//!
//! How many elements are present is kept by gap in a tree with additions to ranges that finds a zero; gaps between which
//! nothing changes are one. Each gap becomes free once, and each window then finds its first free gap once, by a tree
//! over the windows that are still waiting. That makes O(n log n).
//!
//! # Takes without an answer
//!
//! A loose element that is put in in some gap is above all elements present there, and must be gone before the first of
//! them is taken. So the latest end of these takes over all gaps of the put is its deadline. Whether one order meets the
//! deadlines of all at once is not known, so the answer may be unsure.
//!
//! # Sources
//!
//! That stacks can be decided by parting histories is known from Bouajjani, Emmi, Enea, Hamza: *On reducing
//! linearizability to state reachability* (ICALP 2015); the time, by Lee, Mathur: *Efficient decrease-and-conquer
//! linearizability monitoring* (OOPSLA 2025). The rule by free gaps, and its proof, are our own.

mod cover;

use cover::{Cover, Marks, Waiting};

use super::boxes::{Blame, Contents, Deadline, Discipline, Fault, Faults, Item, QueueOp, Window};
use super::boxes::{Ends, Unpainted, by_gap, settle};
use super::{Decision, Rule, Timed};

/// Decides a history of one stack that is empty at first.
pub(crate) fn decide(ops: &[Timed<QueueOp>]) -> Decision {
    settle(ops, &Stack { faults: Faults::default() })
}

pub(super) struct Stack {
    pub(super) faults: Faults,
}

impl Discipline for Stack {
    fn arrange(&self, contents: &Contents) -> Result<Vec<u32>, Blame> {
        let empties = contents.place_empties()?;
        let present: Vec<u32> = (0..contents.items.len() as u32)
            .filter(|at| contents.items[*at as usize].presence().is_some())
            .collect();
        let zones = Zones::new(contents, &present);
        let nested = Peeling::new(contents, &present, &zones, self.faults).run();
        if nested.len() < present.len() {
            return Err(crossing(contents, &present, &nested));
        }
        if !contents.wants_order {
            return Ok(Vec::new());
        }
        Ok(emit(contents, &nested, &empties))
    }

    fn deadlines(&self, contents: &Contents) -> Vec<Deadline> {
        let latest = cover::tree_of_maxima(&first_ends(contents));
        let emptied_by = contents.emptied_by();
        let loose = contents.items.iter().enumerate().filter(|(_, item)| item.is_loose());
        let deadlines = loose.map(|(at, item)| {
            let bound = cover::maximum(&latest, item.put_in.from, item.put_in.to);
            let before = bound.min(emptied_by[item.put_in.to as usize]);
            Deadline { before, item: at as u32 }
        });
        deadlines.filter(|deadline| deadline.before < contents.gaps).collect()
    }

    fn faults(&self) -> Faults {
        self.faults
    }
}

/// An element and all on it that are there in all gaps in which it can be taken, while it is there in all in which they can
/// be put in; all that could not be taken away if there is no such element.
fn crossing(contents: &Contents, present: &[u32], nested: &[Nested]) -> Blame {
    let mut is_left = vec![false; contents.items.len()];
    for at in present {
        is_left[*at as usize] = true;
    }
    for element in nested {
        is_left[element.item as usize] = false;
    }
    let mut left: Vec<u32> =
        (0..).zip(is_left).filter(|(_, left)| *left).map(|(at, _)| at).collect();
    let items = &contents.items;
    let item = |at: u32| &items[at as usize];
    let mut lower: Vec<u32> = left.iter().copied().filter(|at| !item(*at).is_loose()).collect();
    lower.sort_unstable_by_key(|at| item(*at).take_in.to);
    left.sort_unstable_by_key(|at| item(*at).take_in.from);
    let mut lower = lower.into_iter().peekable();
    // By the first gap of its take: the end of the put of an element that is taken by then.
    let mut puts = Ends::new(contents.gaps + 1);
    for upper in &left {
        let above = item(*upper);
        while let Some(below) = lower.next_if(|at| item(*at).take_in.to <= above.take_in.from) {
            puts.lower(item(below).take_in.from, item(below).put_in.to);
        }
        if puts.least_from(above.put_in.to) > above.put_in.from {
            continue;
        }
        let crosses = |below: &Item, above: &Item| {
            below.put_in.to <= above.put_in.from
                && above.put_in.to <= below.take_in.from
                && below.take_in.to <= above.take_in.from
        };
        if let Some(below) = left.iter().map(|at| item(*at)).find(|below| crosses(below, above)) {
            let on_it = left.iter().map(|at| item(*at)).filter(|above| crosses(below, above));
            let ops = on_it.map(|above| above.put).chain([below.put]).collect();
            return Blame { rule: Rule::Lost, ops };
        }
    }
    Blame { rule: Rule::Lost, ops: contents.operations(&left) }
}

/// By gap: the earliest end of the take of an element that is present and not loose; the number of gaps if there is
/// none.
fn first_ends(contents: &Contents) -> Vec<u32> {
    let mut taken: Vec<&Item> = contents.items.iter().filter(|item| !item.is_loose()).collect();
    taken.sort_unstable_by_key(|item| item.take_in.to);
    let mut ends = vec![contents.gaps; contents.gaps as usize + 1];
    let mut unpainted = Unpainted::new(contents.gaps);
    for item in taken {
        if let Some(presence) = item.presence() {
            let end = item.take_in.to;
            unpainted.paint(presence.from, presence.to, |gap| ends[gap as usize] = end);
        }
    }
    ends
}

/// Gaps between which the presence of no element begins or ends, as one. Takes can act in the first gap of a zone in
/// which they can act at all, puts in the last.
struct Zones {
    /// By zone: its first gap; then the number of gaps.
    firsts: Vec<u32>,
    /// By gap, and one more.
    of: Vec<u32>,
}

impl Zones {
    fn new(contents: &Contents, present: &[u32]) -> Self {
        let gaps = contents.gaps as usize;
        let mut of = vec![0; gaps + 1];
        for at in present {
            let item = &contents.items[*at as usize];
            of[item.put_in.to as usize] = 1;
            of[item.take_in.from as usize] = 1;
        }
        let mut firsts = vec![0];
        for (gap, zone) in of.iter_mut().enumerate() {
            // The first gap begins a zone in any case.
            if *zone == 1 && gap > 0 && gap < gaps {
                firsts.push(gap as u32);
            }
            *zone = firsts.len() as u32 - 1;
        }
        of[gaps] = firsts.len() as u32;
        firsts.push(contents.gaps);
        Self { firsts, of }
    }

    fn count(&self) -> u32 {
        self.firsts.len() as u32 - 1
    }

    /// The zones that a window has gaps in: never none.
    fn of(&self, window: Window) -> Window {
        let last = self.of[window.to as usize - 1];
        Window { from: self.of[window.from as usize], to: last + 1 }
    }
}

/// An element that was taken away, with the gaps of its put and its take.
struct Nested {
    item: u32,
    put: u32,
    /// `None` if it is never taken.
    take: Option<u32>,
}

/// The zones of an element's presence and windows.
struct Extent {
    presence: Window,
    put: Window,
    /// `None` if it is never taken.
    take: Option<Window>,
}

/// Takes elements away until no further one can be.
struct Peeling<'a> {
    present: &'a [u32],
    zones: &'a Zones,
    extents: Vec<Extent>,
    cover: Cover,
    free: Marks,
    puts: Waiting,
    takes: Waiting,
    /// By element: how many of put and take wait for a free gap.
    missing: Vec<u8>,
    removable: Vec<u32>,
}

impl<'a> Peeling<'a> {
    fn new(contents: &Contents, present: &'a [u32], zones: &'a Zones, faults: Faults) -> Self {
        let extent = |at: &u32| {
            let item = &contents.items[*at as usize];
            let presence = Window { from: item.put_in.to, to: item.take_in.from };
            let take = (!item.is_loose()).then(|| zones.of(item.take_in));
            Extent { presence: zones.of(presence), put: zones.of(item.put_in), take }
        };
        let extents: Vec<Extent> = present.iter().map(extent).collect();
        let mut counts = vec![0_i32; zones.count() as usize + 1];
        for extent in &extents {
            counts[extent.presence.from as usize] += 1;
            counts[extent.presence.to as usize] -= 1;
        }
        let mut free = Marks::new(zones.count());
        let mut count = 0;
        for zone in 0..zones.count() {
            count += counts[zone as usize];
            counts[zone as usize] = count;
            if count == 0 {
                free.insert(zone);
            }
        }
        counts.truncate(zones.count() as usize);
        let waits = |window: Window| free.first_from(window.from).is_none_or(|at| at >= window.to);
        let puts: Vec<Option<Window>> = extents
            .iter()
            .map(|extent| Some(extent.put))
            .map(|put| put.filter(|put| waits(*put) && !faults.breaks(Fault::PutsAnywhere)))
            .collect();
        let takes: Vec<Option<Window>> = extents
            .iter()
            .map(|extent| extent.take)
            .map(|take| take.filter(|take| waits(*take) && !faults.breaks(Fault::TakesAnywhere)))
            .collect();
        let missing: Vec<u8> = puts
            .iter()
            .zip(&takes)
            .map(|(put, take)| u8::from(put.is_some()) + u8::from(take.is_some()))
            .collect();
        let removable = (0..present.len() as u32).filter(|at| missing[*at as usize] == 0).collect();
        Self {
            present,
            zones,
            extents,
            cover: Cover::new(&counts),
            free,
            puts: Waiting::new(&puts),
            takes: Waiting::new(&takes),
            missing,
            removable,
        }
    }

    /// The elements in the order in which they were taken away.
    fn run(mut self) -> Vec<Nested> {
        let mut nested = Vec::with_capacity(self.present.len());
        while let Some(at) = self.removable.pop() {
            nested.push(self.nest(at));
            let presence = self.extents[at as usize].presence;
            self.cover.remove(presence.from, presence.to);
            while let Some(zone) = self.cover.take_zero() {
                self.free.insert(zone);
                for waiting in [&mut self.puts, &mut self.takes] {
                    while let Some(found) = waiting.take_one_at(zone) {
                        let missing = &mut self.missing[found as usize];
                        *missing -= 1;
                        if *missing == 0 {
                            self.removable.push(found);
                        }
                    }
                }
            }
        }
        nested
    }

    /// The nearest free gaps around an element.
    fn nest(&self, at: u32) -> Nested {
        let extent = &self.extents[at as usize];
        let put = self.free.last_before(extent.presence.from).unwrap_or(extent.put.from);
        let take = extent.take.map(|take| {
            let zone = self.free.first_from(extent.presence.to).unwrap_or(take.from);
            self.zones.firsts[zone as usize]
        });
        Nested {
            item: self.present[at as usize],
            put: self.zones.firsts[put as usize + 1] - 1,
            take,
        }
    }
}

/// In each gap: takes, the inner ones first; answers "empty"; puts, the outer ones first; elements that are never
/// present.
fn emit(contents: &Contents, nested: &[Nested], empties: &[(u32, u32)]) -> Vec<u32> {
    let items = &contents.items;
    let mut emitted = Vec::with_capacity(2 * items.len() + empties.len());
    for element in nested.iter().rev() {
        emitted.extend(element.take.map(|gap| (gap, items[element.item as usize].take)));
    }
    emitted.extend(empties);
    emitted.extend(nested.iter().map(|element| (element.put, items[element.item as usize].put)));
    for item in items.iter().filter(|item| item.presence().is_none()) {
        let gap = item.put_in.from.max(item.take_in.from);
        emitted.extend([(gap, item.put), (gap, item.take)]);
    }
    by_gap(&emitted, contents.gaps)
}
