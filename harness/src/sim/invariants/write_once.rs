//! A request is committed once.
//!
//! Why: requests that are handed to the leader may arrive twice, and are told apart by the number that their node gave
//! them. Two entries with one number are one write done twice, or two writes taken for one because a node gave a number
//! out again after a restart.
//!
//! Does not see: a write that was handed on again under another number (command-once does).

use std::collections::BTreeMap;

use rashomon_node::raft::{LogIndex, RequestId};

use super::{About, Invariant};
use crate::sim::watch::{Shadows, Sight, SightKind};

pub(super) const ABOUT: About = About {
    name: "write-once",
    holds: "no request is committed at two indices",
    source: "thesis, 6.3",
    sees: &[SightKind::Turned],
    make: |_| Box::new(WriteOnce::default()),
};

#[derive(Debug, Default)]
struct WriteOnce {
    committed: BTreeMap<RequestId, LogIndex>,
}

impl Invariant for WriteOnce {
    fn see(&mut self, sight: &Sight<'_>, shadows: &Shadows) -> Option<String> {
        let Sight::Turned { .. } = sight else { return None };
        let mut twice = None;
        for (index, mark) in shadows.newly_committed() {
            let Some(request) = mark.request else { continue };
            if let Some(first) = self.committed.insert(request, index) {
                twice.get_or_insert((request, first, index));
            }
        }
        let (RequestId { node, number }, first, index) = twice?;
        Some(format!(
            "request {number} of {node} is committed as entry {first} and as entry {index}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use rashomon_node::raft::Entry;

    use super::super::stage::{Stage, entries, entry, no_op};
    use super::*;

    #[test]
    fn a_request_that_was_replaced_may_come_again() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0, 1], &entries(1, &[1, 1]));
        stage.commit(0, 1, 1);
        let request = entry(2, 1).request;
        stage.store(&[1], &[no_op(2, 2), Entry { request, ..entry(3, 2) }]);
        stage.commit(1, 2, 3);
        stage.commit(0, 2, 3);
        stage.holds();
    }

    #[test]
    fn a_request_that_is_committed_may_not() {
        let mut stage = Stage::new(3, &ABOUT);
        let request = entry(1, 1).request;
        stage.store(&[0], &[entry(1, 1), entry(2, 1), Entry { request, ..entry(3, 1) }]);
        stage.commit(0, 1, 2);
        stage.commit(0, 1, 3);
        stage.breaks("request 65537 of n1 is committed as entry 1 and as entry 3");
    }
}
