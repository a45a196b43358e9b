//! At most one leader is elected in a term.
//!
//! Why: a leader needs the votes of a majority, two majorities share a node, and a node has one vote a term. Everything
//! else rests on it: what a term's log is, is what its leader says.
//!
//! Does not see: an office that was won and lost within one turn.

use std::collections::BTreeMap;

use rashomon_node::raft::{Role, Term};

use super::{About, Invariant, id};
use crate::sim::watch::{Shadows, Sight, SightKind};

pub(super) const ABOUT: About = About {
    name: "election-safety",
    holds: "a term has one leader at most",
    source: "Raft, figure 3",
    sees: &[SightKind::Turned],
    make: |_| Box::new(ElectionSafety::default()),
};

#[derive(Debug, Default)]
struct ElectionSafety {
    leaders: BTreeMap<Term, usize>,
}

impl Invariant for ElectionSafety {
    fn see(&mut self, sight: &Sight<'_>, _: &Shadows) -> Option<String> {
        let Sight::Turned { node, status, .. } = sight else { return None };
        if status.role != Role::Leader {
            return None;
        }
        let (node, term) = (*node, status.term);
        let first = *self.leaders.entry(term).or_insert(node);
        (first != node).then(|| format!("{} and {} both lead term {term}", id(first), id(node)))
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, follower, leader};
    use super::*;

    #[test]
    fn leaders_of_different_terms_are_no_trouble() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.turn(0, &leader(0, 4));
        stage.turn(1, &leader(1, 5));
        stage.turn(0, &leader(0, 4));
        stage.turn(2, &follower(5));
        stage.holds();
    }

    #[test]
    fn two_leaders_of_one_term_are_found() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.turn(0, &leader(0, 4));
        stage.turn(2, &leader(2, 4));
        stage.breaks("n1 and n3 both lead term 4");
    }
}
