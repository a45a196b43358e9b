//! A leader moves its commit index to entries of its own term only.
//!
//! Why: an entry of an older term may be on a majority and still be replaced (figure 8 of the paper): a node with a later
//! last term can be elected without it. Behind an entry of the leader's own term it cannot.
//!
//! Does not see: the turn in which it comes into office, as it may have learned a commit index as a follower before.

use rashomon_node::raft::Role;

use super::{About, Invariant, entry, id};
use crate::sim::watch::{Shadows, Sight, SightKind};

pub(super) const ABOUT: About = About {
    name: "commit-own-term",
    holds: "what a leader calls committed ends with an entry of its own term",
    source: "Raft, 5.4.2 and figure 8",
    sees: &[SightKind::Turned],
    make: |_| Box::new(CommitOwnTerm),
};

#[derive(Debug)]
struct CommitOwnTerm;

impl Invariant for CommitOwnTerm {
    fn see(&mut self, sight: &Sight<'_>, shadows: &Shadows) -> Option<String> {
        let Sight::Turned { node, status, .. } = sight else { return None };
        let shadow = &shadows.nodes[*node];
        let before = shadow.status.as_ref()?;
        let leads = status.role == Role::Leader && before.role == Role::Leader;
        if !leads || before.term != status.term || status.commit <= before.commit {
            return None;
        }
        let (index, term) = (status.commit, status.term);
        let mark = shadow.mark(index);
        mark.is_none_or(|mark| mark.term != term).then(|| {
            let what = entry(index, mark);
            format!("{} leads term {term} and called {what} committed by itself", id(*node))
        })
    }
}

#[cfg(test)]
mod tests {
    use rashomon_node::raft::{LogIndex, Status};

    use super::super::stage::{Stage, entries, leader};
    use super::*;

    #[test]
    fn an_entry_of_its_own_term_commits_those_before() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.store(&[0], &entries(1, &[1, 2, 4]));
        stage.turn(0, &Status { commit: LogIndex(1), ..leader(0, 4) });
        stage.turn(0, &Status { commit: LogIndex(3), ..leader(0, 4) });
        stage.holds();
    }

    #[test]
    fn figure_8_is_found() {
        let mut stage = Stage::new(5, &ABOUT);
        stage.store(&[0, 1, 2], &entries(1, &[1, 2]));
        stage.turn(0, &leader(0, 4));
        stage.turn(0, &Status { commit: LogIndex(2), ..leader(0, 4) });
        stage.breaks("n1 leads term 4 and called entry 2 of term 2 committed by itself");
    }
}
