//! A node gives one vote a term, over all its lives.
//!
//! Why: two candidates could win the term with the help of a node that votes for both. Counted is what leaves the node:
//! votes for others, and requests of its own as a candidate, which are a vote for itself. That a vote is forgotten does
//! no harm as long as nobody was told of it.
//!
//! Does not see: votes of a node whose disk was damaged before that (they may be lost with it, and then it votes again).

use std::collections::BTreeMap;

use rashomon_node::raft::{Payload, Term};

use super::{About, Invariant, id};
use crate::sim::watch::{Shadows, Sight, SightKind};

pub(super) const ABOUT: About = About {
    name: "one-vote",
    holds: "a node votes for one candidate a term, also over restarts",
    source: "Raft, 5.2",
    sees: &[SightKind::Damaged, SightKind::Sent],
    make: |nodes| Box::new(OneVote { votes: vec![BTreeMap::new(); nodes] }),
};

#[derive(Debug)]
struct OneVote {
    /// Of each node: for whom it voted.
    votes: Vec<BTreeMap<Term, usize>>,
}

impl Invariant for OneVote {
    fn see(&mut self, sight: &Sight<'_>, _: &Shadows) -> Option<String> {
        match sight {
            Sight::Damaged { node } => {
                self.votes[*node].clear();
                None
            }
            Sight::Sent { node, to, message } => {
                let candidate = match message.payload {
                    Payload::VoteResponse { granted: true } => *to,
                    Payload::VoteRequest { .. } => *node,
                    _ => return None,
                };
                let first = *self.votes[*node].entry(message.term).or_insert(candidate);
                (first != candidate).then(|| {
                    let (voter, term) = (id(*node), message.term);
                    let name = |candidate| match candidate {
                        own if own == *node => "itself".to_owned(),
                        other => id(other).to_string(),
                    };
                    let (one, other) = (name(first), name(candidate));
                    format!("{voter} granted its vote in term {term} to {one} and to {other}")
                })
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, hard};
    use super::*;

    #[test]
    fn a_vote_may_be_told_twice_and_every_term_has_its_own() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.grant(1, 0, 7);
        stage.grant(1, 0, 7);
        stage.grant(1, 2, 8);
        stage.campaign(1, 9);
        stage.send(1, 2, 9, Payload::VoteResponse { granted: false });
        stage.holds();
    }

    #[test]
    fn a_second_vote_is_found_also_after_a_restart() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.grant(1, 0, 7);
        stage.reboot(1, hard(6, None), &[]);
        stage.grant(1, 2, 7);
        stage.breaks("n2 granted its vote in term 7 to n1 and to n3");
    }

    #[test]
    fn a_candidate_has_voted_for_itself() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.campaign(1, 7);
        stage.grant(1, 2, 7);
        stage.breaks("n2 granted its vote in term 7 to itself and to n3");
    }

    #[test]
    fn who_lost_its_disk_cannot_know_for_whom_it_voted() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.grant(1, 0, 7);
        stage.see(&Sight::Damaged { node: 1 });
        stage.grant(1, 2, 7);
        stage.holds();
    }
}
