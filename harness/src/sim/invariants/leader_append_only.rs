//! A leader does not replace or cut off entries of its log.
//!
//! Why: its log is what its term is, and followers make theirs like it. Replacing is a follower's business.
//!
//! Does not see: a leader that lost its office in the same turn (that is how it comes to replace entries).

use rashomon_node::raft::{LogIndex, Role};

use super::{About, Invariant, id};
use crate::sim::watch::{Shadows, Sight, SightKind};

pub(super) const ABOUT: About = About {
    name: "leader-append-only",
    holds: "a leader never replaces or cuts off entries of its own log",
    source: "Raft, figure 3",
    sees: &[SightKind::Booted, SightKind::Turned, SightKind::Wrote],
    make: |nodes| Box::new(LeaderAppendOnly { replaced: vec![None; nodes] }),
};

#[derive(Debug)]
struct LeaderAppendOnly {
    /// Of each node: from where it has replaced entries in this turn.
    replaced: Vec<Option<LogIndex>>,
}

impl Invariant for LeaderAppendOnly {
    fn see(&mut self, sight: &Sight<'_>, shadows: &Shadows) -> Option<String> {
        match sight {
            Sight::Wrote { node, job } if !shadows.nodes[*node].replaced.is_empty() => {
                self.replaced[*node] = job.entries.first().map(|entry| entry.index);
                None
            }
            Sight::Booted { node, .. } => {
                self.replaced[*node] = None;
                None
            }
            Sight::Turned { node, status, .. } => {
                let replaced = self.replaced[*node].take();
                let before = shadows.nodes[*node].status.as_ref()?;
                let led = |role| role == Role::Leader;
                if !led(before.role) || !led(status.role) || before.term != status.term {
                    return None;
                }
                let shrunk = status.last_index < before.last_index;
                let from = replaced.or(shrunk.then(|| status.last_index.next()))?;
                let (leader, term) = (id(*node), status.term);
                Some(format!("{leader} leads term {term} and replaced its own log from {from} on"))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::stage::{Stage, entries, follower, leader};
    use super::*;

    #[test]
    fn leaders_append_and_followers_replace() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.turn(0, &leader(0, 2));
        stage.write(0, None, &entries(1, &[2, 2]));
        stage.turn(0, &leader(0, 2));
        stage.write(0, None, &entries(2, &[3]));
        stage.turn(0, &follower(3));
        stage.turn(0, &leader(0, 4));
        stage.holds();
    }

    #[test]
    fn a_leader_that_replaces_is_found() {
        let mut stage = Stage::new(3, &ABOUT);
        stage.turn(0, &leader(0, 2));
        stage.write(0, None, &entries(1, &[2, 2]));
        stage.write(0, None, &entries(2, &[2]));
        stage.turn(0, &leader(0, 2));
        stage.breaks("n1 leads term 2 and replaced its own log from 2 on");
    }
}
