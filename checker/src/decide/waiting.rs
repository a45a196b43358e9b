//! Open operations by deadline: of those that wait for the same thing, the one that completes first.
//!
//! Many heaps in one pair of arrays (skew heaps: Sleator and Tarjan, *Self-adjusting heaps*, SIAM J. Comput. 1986), as
//! there may be millions of small ones. A heap is the number of its first operation, or [`NONE`]; every operation is in
//! one heap at most. Adding and taking out cost O(log n) on average over all of them.

/// No operation, an empty heap.
pub(crate) const NONE: u32 = u32::MAX;

/// Heaps of operations, the earliest deadline first.
pub(crate) struct Waiting {
    deadlines: Vec<u32>,
    /// The two heaps below an operation.
    below: Vec<[u32; 2]>,
}

impl Waiting {
    /// Empty heaps for operations with these deadlines.
    pub(crate) fn new(deadlines: Vec<u32>) -> Self {
        let below = vec![[NONE; 2]; deadlines.len()];
        Self { deadlines, below }
    }

    /// Adds an operation that is in no heap.
    pub(crate) fn add(&mut self, heap: &mut u32, op: u32) {
        *heap = self.meld(*heap, op);
    }

    /// Takes out the operation with the earliest deadline.
    pub(crate) fn take(&mut self, heap: &mut u32) -> Option<u32> {
        let first = *heap;
        if first == NONE {
            return None;
        }
        let [left, right] = std::mem::replace(&mut self.below[first as usize], [NONE; 2]);
        *heap = self.meld(left, right);
        Some(first)
    }

    fn meld(&mut self, one: u32, other: u32) -> u32 {
        if one == NONE || other == NONE {
            return one.min(other);
        }
        let (mut upper, mut lower) = self.by_deadline(one, other);
        let top = upper;
        loop {
            // The heap that was just made larger goes to the other side: that keeps both small in the long run.
            let [left, right] = self.below[upper as usize];
            if right == NONE {
                self.below[upper as usize] = [lower, left];
                return top;
            }
            let (next, rest) = self.by_deadline(right, lower);
            self.below[upper as usize] = [next, left];
            (upper, lower) = (next, rest);
        }
    }

    fn by_deadline(&self, one: u32, other: u32) -> (u32, u32) {
        let later = self.deadlines[other as usize] < self.deadlines[one as usize];
        if later { (other, one) } else { (one, other) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::brute::Random;

    #[test]
    fn the_earliest_deadline_comes_first() {
        let mut random = Random(1);
        let deadlines: Vec<u32> = (0..2_000).map(|_| random.below(1_500) as u32).collect();
        let mut waiting = Waiting::new(deadlines.clone());
        let mut heaps = [NONE; 3];
        let mut plain: [Vec<u32>; 3] = Default::default();
        for op in 0..deadlines.len() as u32 {
            let at = random.below(3) as usize;
            waiting.add(&mut heaps[at], op);
            plain[at].push(op);
            while random.chance(45) {
                let at = random.below(3) as usize;
                let taken = waiting.take(&mut heaps[at]);
                let first = plain[at].iter().map(|op| deadlines[*op as usize]).min();
                assert_eq!(taken.map(|op| deadlines[op as usize]), first);
                plain[at].retain(|op| Some(*op) != taken);
            }
        }
    }
}
