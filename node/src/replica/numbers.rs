//! Names for the requests that a node takes.
//!
//! A request id must never be used twice, or the answer to one request would be taken for that of another. So it has two
//! parts: which life of the node gave it out, and a count within that life.

use crate::raft::{NodeId, RequestId};

/// Bits of a request number that count within one incarnation: at a million requests a second it takes twelve days to
/// use up 2^40, and the 2^24 incarnations that remain are a restart a second for half a year.
const COUNTER_BITS: u32 = 40;
/// The highest incarnation that leaves room for the counter.
pub const INCARNATION_MAX: u64 = (1 << (u64::BITS - COUNTER_BITS)) - 1;

/// Numbers for requests that this node takes, unique over all its incarnations.
#[derive(Debug)]
pub struct RequestNumbers {
    node: NodeId,
    next: u64,
    end: u64,
}

impl RequestNumbers {
    /// The numbers of one incarnation.
    pub fn new(node: NodeId, incarnation: u64) -> Self {
        let next = incarnation << COUNTER_BITS;
        Self { node, next, end: next | ((1 << COUNTER_BITS) - 1) }
    }

    /// A number that was never used before; `None` once this incarnation has used up its own.
    pub fn take(&mut self) -> Option<RequestId> {
        if self.next == self.end {
            return None;
        }
        self.next += 1;
        Some(RequestId { node: self.node, number: self.next })
    }

    /// Whether it is one of this incarnation's numbers.
    pub(super) const fn gave(&self, request: RequestId) -> bool {
        let same_life = request.number >> COUNTER_BITS == self.next >> COUNTER_BITS;
        request.node.0 == self.node.0 && same_life
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: NodeId = NodeId(2);

    #[test]
    fn numbers_of_different_incarnations_never_meet() {
        let mut last = 0;
        for incarnation in 1..4 {
            let mut numbers = RequestNumbers::new(ID, incarnation);
            let first = numbers.take().unwrap().number;
            assert!(first > last, "{first} after {last}");
            let id = |number| RequestId { node: ID, number };
            assert!(numbers.gave(id(first)) && !numbers.gave(id(last)));
            numbers.next = numbers.end - 1;
            last = numbers.take().unwrap().number;
            assert_eq!(numbers.take(), None, "used up");
        }
        assert!(RequestNumbers::new(ID, INCARNATION_MAX).take().is_some());
    }
}
