//! An entry comes to the same on every node and in every life.
//!
//! Why: a store is a function of the log. A node whose store differs answers differently sooner or later, and what an
//! entry came to (revision, values before, whether a condition held) shows it as soon as it matters. Compared are hashes of
//! the whole result.
//!
//! Does not see: differences in a store that no result has shown; whole stores are compared elsewhere, when all is quiet.

use rashomon_node::replica::{Applied, encode_applied};

use super::{About, Invariant, id};
use crate::sim::trace::Hash;
use crate::sim::watch::{Shadows, Sight, SightKind, before};

pub(super) const ABOUT: About = About {
    name: "same-state",
    holds: "an entry has the same result on every node and in every life",
    source: "Schneider, state machine approach (1990), section 2",
    sees: &[SightKind::Applied],
    make: |_| Box::new(SameState::default()),
};

#[derive(Debug, Default)]
struct SameState {
    /// By index, from 1: the hash of the first result, and whose it was.
    results: Vec<Option<(u64, usize)>>,
    /// Kept for its room.
    bytes: Vec<u8>,
}

impl Invariant for SameState {
    fn see(&mut self, sight: &Sight<'_>, _: &Shadows) -> Option<String> {
        let Sight::Applied { node, index, result, .. } = sight else { return None };
        let place = before(*index);
        if self.results.len() <= place {
            self.results.resize(place + 1, None);
        }
        let ours = self.digest(result);
        let (first, by) = *self.results[place].get_or_insert((ours, *node));
        (first != ours).then(|| {
            let (node, by) = (id(*node), id(by));
            if node == by {
                format!("entry {index} came to something else on {node} than before")
            } else {
                format!("entry {index} came to something else on {node} than on {by}")
            }
        })
    }
}

impl SameState {
    fn digest(&mut self, result: &Applied) -> u64 {
        self.bytes.clear();
        encode_applied(result, &mut self.bytes);
        let mut hash = Hash::default();
        hash.bytes(&self.bytes);
        hash.value()
    }
}

#[cfg(test)]
mod tests {
    use rashomon_node::kv::KvError;
    use rashomon_node::raft::LogIndex;

    use super::super::stage::{Stage, done};
    use super::*;

    fn apply(stage: &mut Stage, node: usize, result: &Applied) {
        stage.see(&Sight::Applied { node, index: LogIndex(3), ticket: None, result });
    }

    #[test]
    fn equal_results_are_equal() {
        let mut stage = Stage::new(3, &ABOUT);
        for node in [0, 1, 2, 1] {
            apply(&mut stage, node, &Ok(done()));
        }
        stage.holds();
    }

    #[test]
    fn a_result_of_its_own_is_found() {
        let mut stage = Stage::new(3, &ABOUT);
        apply(&mut stage, 0, &Ok(done()));
        apply(&mut stage, 2, &Err(KvError::EmptyKey));
        stage.breaks("entry 3 came to something else on n3 than on n1");
    }

    #[test]
    fn so_is_one_that_changes_with_a_restart() {
        let mut stage = Stage::new(3, &ABOUT);
        apply(&mut stage, 0, &Err(KvError::EmptyKey));
        apply(&mut stage, 0, &Err(KvError::KeyNotFound));
        stage.breaks("entry 3 came to something else on n1 than before");
    }
}
