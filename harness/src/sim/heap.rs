//! What is to happen, in the order of virtual time; of what happens at one moment, first faults end, then others begin; for
//! the rest, first come first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// Nanoseconds since the start of the world.
pub(super) type Moment = u64;

/// Set in the numbers of faults that begin.
const AFTER_HEALS: u64 = 1 << 62;
/// Set in the numbers of what is no fault.
const AFTER_FAULTS: u64 = 1 << 63;

/// A queue of things to come.
#[derive(Debug)]
pub(super) struct Heap<T> {
    /// Moment and number, in one integer so that they compare at once; then the slot.
    queue: BinaryHeap<Reverse<(u128, u32)>>,
    slots: Vec<Option<T>>,
    free: Vec<u32>,
    numbered: u64,
}

impl<T> Heap<T> {
    /// With nothing to come.
    pub(super) const fn new() -> Self {
        Self { queue: BinaryHeap::new(), slots: Vec::new(), free: Vec::new(), numbered: 0 }
    }

    /// `happening` is to come at `at`.
    pub(super) fn push(&mut self, at: Moment, happening: T) {
        self.insert(at, AFTER_FAULTS, happening);
    }

    /// `fault` is to come at `at`, before almost everything else of that moment: so it does not matter when it was planned.
    pub(super) fn push_fault(&mut self, at: Moment, fault: T) {
        self.insert(at, AFTER_HEALS, fault);
    }

    /// The end of a fault is to come at `at`, before everything else of that moment.
    pub(super) fn push_heal(&mut self, at: Moment, heal: T) {
        self.insert(at, 0, heal);
    }

    fn insert(&mut self, at: Moment, class: u64, happening: T) {
        let slot = if let Some(slot) = self.free.pop() {
            self.slots[slot as usize] = Some(happening);
            slot
        } else {
            self.slots.push(Some(happening));
            u32::try_from(self.slots.len() - 1).expect("fewer than 2^32 things are to come at once")
        };
        self.numbered += 1;
        let order = (u128::from(at) << 64) | u128::from(class | self.numbered);
        self.queue.push(Reverse((order, slot)));
    }

    /// When the next thing comes.
    pub(super) fn peek(&self) -> Option<Moment> {
        self.queue.peek().map(|Reverse((order, _))| (order >> 64) as u64)
    }

    /// What comes next, and when.
    pub(super) fn pop(&mut self) -> Option<(Moment, T)> {
        let Reverse((order, slot)) = self.queue.pop()?;
        self.free.push(slot);
        let happening = self.slots[slot as usize].take();
        Some(((order >> 64) as u64, happening.expect("a queued slot is filled")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn things_come_in_order_of_time_and_then_of_arrival() {
        let mut heap = Heap::new();
        for (at, name) in [(5, "c"), (3, "a"), (5, "d"), (4, "b"), (u64::MAX, "z"), (5, "e")] {
            heap.push(at, name);
        }
        let mut seen = Vec::new();
        while let Some((at, name)) = heap.pop() {
            seen.push((at, name));
            if name == "b" {
                heap.push(5, "f");
                heap.push_fault(5, "!");
                heap.push_heal(5, "+");
            }
        }
        let names: String = seen.iter().map(|(_, name)| *name).collect();
        assert_eq!(names, "ab+!cdefz");
        assert_eq!(seen.iter().map(|(at, _)| *at).collect::<Vec<_>>()[..3], [3, 4, 5]);
    }
}
