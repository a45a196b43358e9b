//! Whoever calls an index committed means the same entry.
//!
//! Why: committed entries are what state machines are fed with. A follower that takes its own unverified end for committed
//! is found here before it applies anything. Looked at is what a node's commit index has moved over; after a restart,
//! everything again.
//!
//! Does not see: whether the entry that was called so first had any right to be (that is committed-on-quorum).

use rashomon_node::raft::LogIndex;

use super::{About, Invariant, entry, id};
use crate::sim::watch::{Shadows, Sight, SightKind, at, before, behind};

pub(super) const ABOUT: About = About {
    name: "committed-same",
    holds: "what two nodes call committed at an index is the same entry",
    source: "Raft, figure 3 (State Machine Safety)",
    sees: &[SightKind::Turned],
    make: |_| Box::new(CommittedSame),
};

#[derive(Debug)]
struct CommittedSame;

impl Invariant for CommittedSame {
    fn see(&mut self, sight: &Sight<'_>, shadows: &Shadows) -> Option<String> {
        let Sight::Turned { node, status, .. } = sight else { return None };
        let shadow = &shadows.nodes[*node];
        let known = shadow.status.as_ref().map_or(LogIndex(0), |before| before.commit);
        let mut places = before(known.next())..before(status.commit.next());
        places.find_map(|place| {
            let index = behind(place);
            let (here, agreed) = (shadow.mark(index), at(&shadows.committed, index));
            (here.is_none() || here != agreed).then(|| {
                let (node, here) = (id(*node), entry(index, here));
                match agreed {
                    Some(_) => format!(
                        "{node} called {here} committed, where it was {} before",
                        entry(index, agreed)
                    ),
                    None => format!("{node} called an end committed with {here}"),
                }
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, entries, hard};
    use super::*;

    #[test]
    fn slower_nodes_say_the_same_later() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0, 1], &entries(1, &[1, 1]));
        stage.commit(0, 1, 1);
        stage.commit(0, 1, 2);
        stage.commit(1, 1, 2);
        stage.reboot(0, hard(1, None), &entries(1, &[1, 1]));
        stage.commit(0, 1, 2);
        stage.holds();
    }

    #[test]
    fn an_end_that_nobody_has_verified_is_found() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0, 1], &entries(1, &[1, 2]));
        stage.store(&[2], &entries(1, &[1, 1]));
        stage.commit(0, 2, 2);
        stage.commit(2, 2, 2);
        stage
            .breaks("n3 called entry 2 of term 1 committed, where it was entry 2 of term 2 before");
    }

    #[test]
    fn an_entry_that_is_not_there_cannot_be_committed() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0], &entries(1, &[1]));
        stage.commit(0, 1, 2);
        stage.breaks("n1 called an end committed with no entry 2");
    }
}
