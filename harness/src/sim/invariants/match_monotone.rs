//! What a leader knows its followers to have does not shrink as long as it leads.
//!
//! Why: followers keep what they have confirmed, and answers may arrive late and out of order. A leader that believes the
//! latest answer rather than the best sends again what is there, and may never get to what is not. Clients see nothing of
//! it but slowness, if that.
//!
//! Does not see: a leader that believes too much (acknowledgements are looked at where they leave: message-durable).

use rashomon_node::raft::{LogIndex, NodeId, Role, Term};

use super::{About, Invariant, id};
use crate::sim::watch::{Shadows, Sight, SightKind};

pub(super) const ABOUT: About = About {
    name: "match-monotone",
    holds: "what a leader knows a follower to have never shrinks while it leads",
    source: "Raft, figure 2 (matchIndex)",
    sees: &[SightKind::Booted, SightKind::Turned],
    make: |nodes| Box::new(MatchMonotone { matched: vec![(Term(0), Vec::new()); nodes] }),
};

#[derive(Debug)]
struct MatchMonotone {
    /// Of each node: the last term that it led in this life, and how far it knew each follower to be like it.
    matched: Vec<(Term, Vec<(NodeId, LogIndex)>)>,
}

impl Invariant for MatchMonotone {
    fn see(&mut self, sight: &Sight<'_>, _: &Shadows) -> Option<String> {
        match sight {
            Sight::Booted { node, .. } => {
                self.matched[*node] = (Term(0), Vec::new());
                None
            }
            Sight::Turned { node, status, raft } if status.role == Role::Leader => {
                let followers = raft.followers().map(|follower| (follower.id, follower.matched));
                self.progress(*node, status.term, followers)
            }
            _ => None,
        }
    }
}

impl MatchMonotone {
    fn progress(
        &mut self,
        node: usize,
        term: Term,
        followers: impl Iterator<Item = (NodeId, LogIndex)>,
    ) -> Option<String> {
        let (led, known) = &mut self.matched[node];
        if *led != term {
            (*led, *known) = (term, followers.collect());
            return None;
        }
        let mut fell = None;
        for ((follower, before), (_, now)) in known.iter_mut().zip(followers) {
            if now < *before {
                fell = Some((*follower, *before, now));
            }
            *before = now;
        }
        let (follower, before, now) = fell?;
        let leader = id(node);
        Some(format!(
            "{leader} knew in term {term} that {follower} is like it up to {before}, and now only up to {now}"
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_leader_knows_more_and_more_of_its_followers() {
        let mut monotone = MatchMonotone { matched: vec![(Term(0), Vec::new())] };
        let (two, three) = (NodeId(2), NodeId(3));
        let mut progress = |term: u64, matched: [u64; 2]| {
            let followers = [two, three].into_iter().zip(matched.map(LogIndex));
            monotone.progress(0, Term(term), followers)
        };
        assert_eq!(progress(4, [0, 7]), None);
        assert_eq!(progress(4, [3, 7]), None);
        assert_eq!(progress(5, [0, 0]), None, "another term");
        assert_eq!(progress(5, [2, 6]), None);
        let found = progress(5, [2, 5]);
        let what = "n1 knew in term 5 that n3 is like it up to 6, and now only up to 5";
        assert_eq!(found.as_deref(), Some(what));
    }
}
