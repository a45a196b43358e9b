//! Every node applies one and the same sequence of committed entries: none twice, none left out, none out of order.
//!
//! Why: equal sequences make equal stores. Entries without a command (a new leader's) do nothing and are not told about,
//! so an index may be passed over only where such a one stands.
//!
//! Does not see: entries left out at the end, until a later one is applied; what an entry does (same-state).

use rashomon_node::raft::LogIndex;

use super::{About, Invariant, entry, id};
use crate::sim::watch::{Mark, Shadow, Shadows, Sight, SightKind, before, behind};

pub(super) const ABOUT: About = About {
    name: "state-machine-safety",
    holds: "all nodes apply the same committed entries in the same order, each once",
    source: "Raft, figure 3",
    sees: &[SightKind::Applied, SightKind::Booted, SightKind::Turned],
    make: |nodes| {
        Box::new(StateMachineSafety { last: vec![LogIndex(0); nodes], agreed: Vec::new() })
    },
};

#[derive(Debug)]
struct StateMachineSafety {
    /// Of each node: what it has applied last, in this life.
    last: Vec<LogIndex>,
    /// By index, from 1: what was applied first by anyone, and by whom.
    agreed: Vec<Option<(Mark, usize)>>,
}

impl Invariant for StateMachineSafety {
    fn see(&mut self, sight: &Sight<'_>, shadows: &Shadows) -> Option<String> {
        match sight {
            Sight::Booted { node, .. } => {
                self.last[*node] = LogIndex(0);
                None
            }
            Sight::Turned { node, status, .. } => (status.applied > status.commit).then(|| {
                let (applied, commit, node) = (status.applied, status.commit, id(*node));
                format!("{node} applied entries up to {applied} with {commit} committed")
            }),
            Sight::Applied { node, index, .. } => self.apply(*node, *index, &shadows.nodes[*node]),
            _ => None,
        }
    }
}

impl StateMachineSafety {
    fn apply(&mut self, node: usize, index: LogIndex, shadow: &Shadow) -> Option<String> {
        let last = std::mem::replace(&mut self.last[node], index);
        if index <= last {
            return Some(format!("{} applied entry {index} after entry {last}", id(node)));
        }
        let idle = |mark: Mark| mark.request.is_none();
        let mut between = (before(last.next())..before(index)).map(behind);
        if let Some(gap) = between.find(|index| !shadow.mark(*index).is_some_and(idle)) {
            let gap = entry(gap, shadow.mark(gap));
            return Some(format!("{} applied entry {index} and left out {gap}", id(node)));
        }
        let Some(mark) = shadow.mark(index) else {
            return Some(format!("{} applied entry {index}, which is not in its log", id(node)));
        };
        self.agree(node, index, mark)
    }

    fn agree(&mut self, node: usize, index: LogIndex, mark: Mark) -> Option<String> {
        let place = before(index);
        if self.agreed.len() <= place {
            self.agreed.resize(place + 1, None);
        }
        let (first, by) = *self.agreed[place].get_or_insert((mark, node));
        (first != mark).then(|| {
            let (ours, theirs) = (entry(index, Some(mark)), entry(index, Some(first)));
            format!("{} applied {ours}, where {} applied {theirs}", id(node), id(by))
        })
    }
}

#[cfg(test)]
mod tests {
    use rashomon_node::raft::Status;

    use super::super::stage::{Stage, entries, entry, follower, hard, no_op};
    use super::*;

    #[test]
    fn the_same_sequence_on_every_node_and_in_every_life() {
        let log = [no_op(1, 1), entry(2, 1), no_op(3, 2), entry(4, 2)];
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0, 1], &log);
        for node in [0, 1] {
            stage.apply(node, 2, None);
            stage.apply(node, 4, Some(7));
        }
        stage.reboot(0, hard(2, None), &log);
        stage.apply(0, 2, None);
        stage.turn(0, &Status { commit: LogIndex(2), applied: LogIndex(2), ..follower(2) });
        stage.holds();
    }

    #[test]
    fn an_entry_is_applied_once() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0], &entries(1, &[1, 1]));
        for index in [1, 2, 2] {
            stage.apply(0, index, None);
        }
        stage.breaks("n1 applied entry 2 after entry 2");
    }

    #[test]
    fn no_entry_is_left_out() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0], &entries(1, &[1, 1, 1]));
        for index in [1, 3] {
            stage.apply(0, index, None);
        }
        stage.breaks("n1 applied entry 3 and left out entry 2 of term 1");
    }

    #[test]
    fn different_entries_at_one_index_are_found() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0], &entries(1, &[1]));
        stage.store(&[1], &entries(1, &[2]));
        stage.apply(0, 1, None);
        stage.apply(1, 1, None);
        stage.breaks("n2 applied entry 1 of term 2, where n1 applied entry 1 of term 1");
    }

    #[test]
    fn what_is_not_committed_is_not_applied() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.turn(0, &Status { commit: LogIndex(5), applied: LogIndex(7), ..follower(2) });
        stage.breaks("n1 applied entries up to 7 with 5 committed");
    }
}
