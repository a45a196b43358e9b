//! Who leads a term has the votes of a majority in it.
//!
//! Why: that is what makes two leaders in a term impossible. Counted are the votes that were given, as messages left with
//! them, and the leader's own: more cannot have arrived, so whoever leads on fewer has counted a vote twice, counted one
//! of another term, or does not know what a majority is. It shows before a second leader does, if ever one does.
//!
//! Does not see: votes that were given and never arrived, and that the leader counted all the same.

use std::collections::{BTreeMap, BTreeSet};

use rashomon_node::raft::{Payload, Term};

use super::{About, Invariant, comes_to_lead, id};
use crate::sim::watch::{Shadows, Sight, SightKind};

pub(super) const ABOUT: About = About {
    name: "elected-by-quorum",
    holds: "a leader was given the votes of a majority in its term",
    source: "Raft, 5.2",
    sees: &[SightKind::Sent, SightKind::Turned],
    make: |_| Box::new(ElectedByQuorum::default()),
};

#[derive(Debug, Default)]
struct ElectedByQuorum {
    /// Who voted for whom, but for themselves.
    voters: BTreeMap<(Term, usize), BTreeSet<usize>>,
}

impl Invariant for ElectedByQuorum {
    fn see(&mut self, sight: &Sight<'_>, shadows: &Shadows) -> Option<String> {
        match sight {
            Sight::Sent { node, to, message } => {
                if message.payload == (Payload::VoteResponse { granted: true }) {
                    self.voters.entry((message.term, *to)).or_default().insert(*node);
                }
                None
            }
            Sight::Turned { node, status, .. } if comes_to_lead(*node, status, shadows) => {
                let others = self.voters.get(&(status.term, *node)).map_or(0, BTreeSet::len);
                let votes = others + usize::from(status.vote == Some(id(*node)));
                let wanted = shadows.majority();
                (votes < wanted).then(|| {
                    let (leader, term) = (id(*node), status.term);
                    format!(
                        "{leader} leads term {term} with {votes} votes, {wanted} are a majority"
                    )
                })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, leader};
    use super::*;

    #[test]
    fn a_majority_that_includes_oneself_is_enough() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.grant(1, 0, 4);
        stage.turn(0, &leader(0, 4));
        stage.turn(0, &leader(0, 4));
        stage.holds();
        let mut alone = Stage::new(1, &ABOUT);
        alone.turn(0, &leader(0, 1));
        alone.holds();
    }

    #[test]
    fn a_vote_that_came_twice_is_one_vote() {
        let mut stage = Stage::new(5, &ABOUT);
        stage.grant(1, 0, 4);
        stage.grant(1, 0, 4);
        stage.grant(2, 0, 3);
        stage.grant(3, 4, 4);
        stage.turn(0, &leader(0, 4));
        stage.breaks("n1 leads term 4 with 2 votes, 3 are a majority");
    }
}
