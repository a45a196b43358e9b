//! What is called committed for the first time is on the disks of a majority.
//!
//! Why: else the next crashes may take the last copies, or elect a leader without it. All disks are counted, the leader's
//! as one of them: others may be faster. Counted is what the disk has reported to be durable, at that moment.
//!
//! Does not see: that copies get lost later (that is what recovery and committed-immutable are about).

use super::{About, Invariant, entry, id};
use crate::sim::watch::{Shadows, Sight, SightKind};

pub(super) const ABOUT: About = About {
    name: "committed-on-quorum",
    holds: "a committed entry is durable on a majority",
    source: "Raft, 5.3; thesis, 10.2.1",
    sees: &[SightKind::Turned],
    make: |_| Box::new(CommittedOnQuorum),
};

#[derive(Debug)]
struct CommittedOnQuorum;

impl Invariant for CommittedOnQuorum {
    fn see(&mut self, sight: &Sight<'_>, shadows: &Shadows) -> Option<String> {
        let Sight::Turned { node, .. } = sight else { return None };
        let (nodes, wanted) = (shadows.nodes.len(), shadows.majority());
        shadows.newly_committed().find_map(|(index, mark)| {
            let disks = shadows.disks_with(index, mark);
            (disks < wanted).then(|| {
                let what = entry(index, Some(mark));
                format!("{} called {what} committed, on {disks} of {nodes} disks", id(*node))
            })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, entries, hard};
    use super::*;

    #[test]
    fn the_leaders_disk_need_not_be_among_them() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.write(0, None, &entries(1, &[1, 1]));
        stage.store(&[1, 2], &entries(1, &[1, 1]));
        stage.commit(0, 1, 2);
        stage.holds();
    }

    #[test]
    fn a_copy_that_is_under_way_to_the_disk_does_not_count() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.write(0, None, &entries(1, &[1, 1]));
        stage.store(&[1], &entries(1, &[1, 1]));
        stage.commit(0, 1, 2);
        stage.breaks("n1 called entry 1 of term 1 committed, on 1 of 3 disks");
    }

    #[test]
    fn another_entry_at_its_place_does_not_count() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0], &entries(1, &[1, 2]));
        stage.store(&[1, 2], &entries(1, &[1, 1]));
        stage.commit(0, 2, 2);
        stage.breaks("n1 called entry 2 of term 2 committed, on 1 of 3 disks");
    }

    #[test]
    fn what_a_damaged_disk_had_counts_and_what_it_never_had_does_not() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0, 1], &entries(1, &[1]));
        stage.see(&Sight::Died { node: 1 });
        stage.see(&Sight::Damaged { node: 1 });
        stage.reboot(1, hard(1, None), &[]);
        stage.commit(0, 1, 1);
        stage.holds();
        stage.store(&[0], &entries(2, &[1]));
        stage.commit(0, 1, 2);
        stage.breaks("n1 called entry 2 of term 1 committed, on 1 of 3 disks");
    }
}
