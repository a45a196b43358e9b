//! What clients may rely on, judged from outside: answers only, no look into any node.
//!
//! A read that began after a write at index `i` was answered, or after another read was served at `i`, is served at `i`
//! or later. At the end, every node's state has every answered write, once, and all states are equal.

use std::collections::{BTreeMap, BTreeSet};

use rashomon_node::raft::{LogIndex, NodeId, RequestId};

use crate::invariants::Checked;
use crate::violation::{Kind, require};

/// Everything that clients of one run were told.
#[derive(Debug, Default)]
pub(crate) struct Oracle {
    /// The highest index that a completed operation has seen.
    floor: LogIndex,
    /// Of reads under way: the floor when they began.
    reads: BTreeMap<RequestId, LogIndex>,
    answered: BTreeSet<RequestId>,
    refused: BTreeSet<RequestId>,
    pub(crate) reads_served: u64,
}

impl Oracle {
    pub(crate) fn writes_answered(&self) -> usize {
        self.answered.len()
    }

    pub(crate) fn write_answered(&mut self, request: RequestId, index: LogIndex) {
        self.answered.insert(request);
        self.floor = self.floor.max(index);
    }

    pub(crate) fn read_begins(&mut self, request: RequestId) {
        self.reads.insert(request, self.floor);
    }

    /// The request had no effect, says the node.
    pub(crate) fn refused(&mut self, request: RequestId) {
        if self.reads.remove(&request).is_none() {
            self.refused.insert(request);
        }
    }

    /// The node answers with its state after `position`.
    pub(crate) fn read_served(&mut self, request: RequestId, position: LogIndex) -> Checked {
        let Some(floor) = self.reads.remove(&request) else { return Ok(()) };
        self.reads_served += 1;
        self.floor = self.floor.max(position);
        require(position >= floor, Kind::StaleRead, || {
            format!("{request:?} served at {position}, but {floor} was seen before it began")
        })
    }

    /// The last reads, once everything is healed and quiet.
    pub(crate) fn final_states(&self, states: &[(NodeId, &[RequestId])]) -> Checked {
        for (node, state) in states {
            let seen: BTreeSet<_> = state.iter().copied().collect();
            require(seen.len() == state.len(), Kind::Diverged, || {
                format!("{node} has a write twice")
            })?;
            let lost = self.answered.difference(&seen).next();
            require(lost.is_none(), Kind::LostWrite, || format!("{node} misses {lost:?}"))?;
            let ghost = self.refused.intersection(&seen).next();
            require(ghost.is_none(), Kind::Diverged, || format!("{node} has refused {ghost:?}"))?;
        }
        for pair in states.windows(2) {
            let ((a, left), (b, right)) = (pair[0], pair[1]);
            require(left == right, Kind::Diverged, || format!("{a} and {b} differ"))?;
        }
        Ok(())
    }
}
