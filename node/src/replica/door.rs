//! The door: whose messages are listened to.
//!
//! A connection opens with a hello. One from another cluster, for another node, from a stranger, from a member that counts
//! other members than this node does, or from an earlier incarnation of the sender than the newest that was seen is
//! refused: majorities of different sets need not meet, and an earlier life's promises may be gone.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::bugs::{Bug, Bugs};
use crate::proto::raft::Hello;
use crate::raft::NodeId;

/// Version of `raft.proto`; nodes of different versions refuse each other.
pub const PROTOCOL: u32 = 2;

/// Members that a refusal names: a stranger may claim any number.
const MEMBERS_NAMED_MAX: usize = 16;

/// Who a node is, and of which cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim {
    /// The cluster.
    pub cluster: u64,
    /// The node.
    pub id: NodeId,
    /// All members, this node included.
    pub members: BTreeSet<NodeId>,
}

impl Claim {
    /// What the node opens a connection to a peer with, in its `incarnation`-th life.
    pub fn hello(&self, to: NodeId, incarnation: u64) -> Hello {
        Hello {
            protocol: PROTOCOL,
            cluster: self.cluster,
            from: self.id.0,
            to: to.0,
            incarnation,
            members: self.members.iter().map(|member| member.0).collect(),
        }
    }

    /// Whether `node` is one of the other members.
    pub fn has_peer(&self, node: NodeId) -> bool {
        node != self.id && self.members.contains(&node)
    }
}

/// Nodes, for a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Members(pub BTreeSet<NodeId>);

impl fmt::Display for Members {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (position, member) in self.0.iter().enumerate() {
            let separator = if position == 0 { "" } else { ", " };
            write!(out, "{separator}{member}")?;
        }
        Ok(())
    }
}

/// Why a hello is not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// The sender speaks another version.
    #[error("protocol {0}, this node speaks {PROTOCOL}")]
    Protocol(u32),
    /// The sender is of another cluster.
    #[error("cluster {theirs:#x}, this node is of {ours:#x}")]
    Cluster {
        /// The sender's.
        theirs: u64,
        /// This node's.
        ours: u64,
    },
    /// The sender looks for another node.
    #[error("meant for {to}, this node is {id}")]
    Astray {
        /// Whom it looks for.
        to: NodeId,
        /// This node.
        id: NodeId,
    },
    /// The sender is not one of the other members.
    #[error("{0} is not a member")]
    Stranger(NodeId),
    /// The sender counts other members.
    #[error("members {theirs}, this node's are {ours}")]
    OtherMembers {
        /// Some of the sender's.
        theirs: Members,
        /// This node's.
        ours: Members,
    },
    /// The sender has lived on since.
    #[error(
        "incarnation {incarnation} of {from}, which has been seen at {newest}: a ghost, or its data was lost"
    )]
    Ghost {
        /// The sender.
        from: NodeId,
        /// The life it speaks from.
        incarnation: u64,
        /// The newest life that was seen.
        newest: u64,
    },
}

/// Remembers the newest life of each peer.
#[derive(Debug)]
pub struct Door {
    claim: Claim,
    newest: BTreeMap<NodeId, u64>,
    bugs: Bugs,
}

impl Door {
    /// The door of a node that has seen nobody yet.
    pub const fn new(claim: Claim) -> Self {
        Self { claim, newest: BTreeMap::new(), bugs: Bugs::NONE }
    }

    /// With built-in bugs.
    #[must_use]
    pub const fn with_bugs(mut self, bugs: Bugs) -> Self {
        self.bugs = bugs;
        self
    }

    /// Whose door it is.
    pub const fn claim(&self) -> &Claim {
        &self.claim
    }

    /// Lets a sender in, and remembers its incarnation: older ones are not listened to from now on.
    pub fn admit(&mut self, hello: &Hello) -> Result<NodeId, Refused> {
        self.check(hello)?;
        let from = NodeId(hello.from);
        self.newest.insert(from, hello.incarnation);
        Ok(from)
    }

    /// Whether this life of a peer is still listened to: no newer one was let in.
    pub fn hears(&self, from: NodeId, incarnation: u64) -> bool {
        let newest = self.newest.get(&from).copied().unwrap_or_default();
        incarnation >= newest || self.bugs.has(Bug::NoIncarnation)
    }

    fn check(&self, hello: &Hello) -> Result<(), Refused> {
        let Claim { cluster, id, members } = &self.claim;
        let (from, to) = (NodeId(hello.from), NodeId(hello.to));
        if hello.protocol != PROTOCOL {
            return Err(Refused::Protocol(hello.protocol));
        }
        if hello.cluster != *cluster {
            return Err(Refused::Cluster { theirs: hello.cluster, ours: *cluster });
        }
        if to != *id {
            return Err(Refused::Astray { to, id: *id });
        }
        if !self.claim.has_peer(from) {
            return Err(Refused::Stranger(from));
        }
        if !hello.members.iter().copied().eq(members.iter().map(|member| member.0)) {
            let theirs = hello.members.iter().take(MEMBERS_NAMED_MAX).copied().map(NodeId);
            let (theirs, ours) = (Members(theirs.collect()), Members(members.clone()));
            return Err(Refused::OtherMembers { theirs, ours });
        }
        let incarnation = hello.incarnation;
        match self.newest.get(&from) {
            Some(&newest) if incarnation < newest && !self.bugs.has(Bug::NoIncarnation) => {
                Err(Refused::Ghost { from, incarnation, newest })
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claim(id: u64) -> Claim {
        Claim { cluster: 9, id: NodeId(id), members: [1, 2, 3].map(NodeId).into() }
    }

    /// From n1 to n2.
    fn hello() -> Hello {
        claim(1).hello(NodeId(2), 4)
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_reason() {
        let mut door = Door::new(claim(2));
        for (wrong, part) in [
            (Hello { protocol: PROTOCOL + 1, ..hello() }, "protocol"),
            (Hello { cluster: 8, ..hello() }, "cluster 0x8"),
            (Hello { to: 3, ..hello() }, "meant for n3"),
            (Hello { from: 7, ..hello() }, "n7 is not a member"),
            (Hello { from: 2, ..hello() }, "n2 is not a member"),
            (
                Hello { members: vec![1, 2], ..hello() },
                "members n1, n2, this node's are n1, n2, n3",
            ),
            (Hello { members: Vec::new(), ..hello() }, "this node's are n1, n2, n3"),
            (Hello { members: (1..1 << 20).collect(), ..hello() }, "n16, this node's are"),
        ] {
            let reason = door.admit(&wrong).unwrap_err().to_string();
            assert!(reason.contains(part), "{reason}");
        }
        assert_eq!(door.admit(&hello()), Ok(NodeId(1)));
    }

    #[test]
    fn an_older_incarnation_than_the_newest_seen_is_a_ghost() {
        let mut door = Door::new(claim(2));
        let (from, ghost) = (NodeId(1), Hello { incarnation: 3, ..hello() });
        assert!(door.hears(from, 3));
        door.admit(&hello()).unwrap();
        assert!(!door.hears(from, 3) && door.hears(from, 4) && door.hears(from, 5));
        let refused = Err(Refused::Ghost { from, incarnation: 3, newest: 4 });
        assert_eq!(door.admit(&ghost), refused);
        door.admit(&hello()).expect("the same life may connect again");
        door.admit(&Hello { from: 3, incarnation: 1, ..hello() }).expect("each has its own count");
        let mut door = door.with_bugs(Bugs::NONE.with(Bug::NoIncarnation));
        assert!(door.hears(from, 3) && door.admit(&ghost).is_ok(), "the bug lets ghosts in");
    }
}
