//! What a node believes its disk to have, it has.
//!
//! Why: a leader counts its own disk for commitment, a follower acknowledges by it. A report of an old write must not
//! vouch for entries that came to the same place later (the append ABA race), and none may come before the sync. Looked at
//! is the last entry that the node counts on, turn by turn.
//!
//! Does not see: entries before that one.

use super::{About, Invariant, entry, id};
use crate::sim::watch::{Shadows, Sight, SightKind, at};

pub(super) const ABOUT: About = About {
    name: "durable-claim",
    holds: "what a node counts as durable is what its disk has",
    source: "thesis, 10.2.1; etcd-raft, asynchronous storage writes",
    sees: &[SightKind::Turned],
    make: |_| Box::new(DurableClaim),
};

#[derive(Debug)]
struct DurableClaim;

impl Invariant for DurableClaim {
    fn see(&mut self, sight: &Sight<'_>, shadows: &Shadows) -> Option<String> {
        let Sight::Turned { node, status, .. } = sight else { return None };
        let (shadow, index) = (&shadows.nodes[*node], status.durable);
        let (claimed, durable) = (shadow.mark(index), at(&shadow.durable, index));
        let missing = index.0 > 0 && durable.is_none();
        (missing || claimed != durable && index.0 > 0).then(|| {
            let (claimed, durable) = (entry(index, claimed), entry(index, durable));
            format!("{} counts on {claimed} as durable, and its disk has {durable}", id(*node))
        })
    }
}

#[cfg(test)]
mod tests {
    use rashomon_node::raft::{LogIndex, Status};

    use super::super::stage::{Stage, entries, follower};
    use super::*;

    fn counts_on(durable: u64) -> Status {
        Status { durable: LogIndex(durable), ..follower(2) }
    }

    #[test]
    fn less_than_the_disk_has_is_no_trouble() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.turn(0, &counts_on(0));
        stage.store(&[0], &entries(1, &[1, 1]));
        stage.write(0, None, &entries(3, &[1]));
        stage.turn(0, &counts_on(1));
        stage.turn(0, &counts_on(2));
        stage.holds();
    }

    #[test]
    fn a_write_under_way_does_not_count() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.write(0, None, &entries(1, &[1]));
        stage.turn(0, &counts_on(1));
        stage.breaks("n1 counts on entry 1 of term 1 as durable, and its disk has no entry 1");
    }

    #[test]
    fn nor_does_an_older_entry_at_its_place() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0], &entries(1, &[1, 1]));
        stage.write(0, None, &entries(2, &[2]));
        stage.turn(0, &counts_on(2));
        stage.breaks(
            "n1 counts on entry 2 of term 2 as durable, and its disk has entry 2 of term 1",
        );
    }
}
