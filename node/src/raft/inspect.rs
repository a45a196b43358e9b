//! What a core shows to those who look on. Nothing here decides anything.

use super::core::{Raft, RoleState};
use super::types::{Entry, LogIndex, NodeId};

/// A follower as its leader knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Follower {
    /// Who.
    pub id: NodeId,
    /// Highest index that it has confirmed, durably, to be like the leader's.
    pub matched: LogIndex,
    /// The first entry of the next message to it.
    pub next: LogIndex,
}

impl Raft {
    /// The log from `from` on, durable or not; empty behind its end.
    pub fn entries(&self, from: LogIndex) -> &[Entry] {
        let before = usize::try_from(from.prev().0).unwrap_or(usize::MAX);
        self.log.entries().get(before..).unwrap_or_default()
    }

    /// The followers in order of their ids; none unless this node leads.
    pub fn followers(&self) -> impl Iterator<Item = Follower> {
        let leader = match &self.role {
            RoleState::Leader(leader) => Some(leader),
            _ => None,
        };
        let followers = leader.into_iter().flat_map(|leader| &leader.followers);
        followers.map(|(id, progress)| Follower {
            id: *id,
            matched: progress.matched,
            next: progress.next,
        })
    }
}
