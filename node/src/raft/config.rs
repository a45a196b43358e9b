//! What a core is started with.

use std::collections::BTreeSet;

use super::types::{Entry, HardState, Nanos, NodeId};
use crate::bugs::Bugs;

/// The fixed part of a node's life.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Config {
    /// This node.
    pub id: NodeId,
    /// All members, this node included.
    pub members: BTreeSet<NodeId>,
    /// The election timeout `t`. A follower that hears nothing campaigns after a random time in `[t, 2t)`; within `t` of
    /// hearing a leader it votes for nobody else; a leader that hears no quorum for `t` steps down.
    pub election_timeout: Nanos,
    /// Time between a leader's heartbeat rounds; shorter than the election timeout, commonly by a factor of five.
    pub heartbeat: Nanos,
    /// Root of the node's randomness, mixed with `id`: members may share a seed.
    pub seed: u64,
    /// The built-in bugs that are switched on.
    pub bugs: Bugs,
    /// Bytes of entries in one message; a message has at least one entry when there is one, however large.
    pub batch_bytes_max: usize,
    /// Unanswered messages with entries to one follower.
    pub inflight_max: usize,
}

impl Config {
    /// Panics on a configuration that no cluster could run with: the caller has to refuse it before.
    pub(crate) fn assert_sound(&self) {
        let Self { id, members, election_timeout, heartbeat, .. } = self;
        assert!(members.contains(id), "{id} is not among its own members {members:?}");
        assert!(!members.contains(&NodeId(0)), "0 is not the number of a member");
        assert!(heartbeat.0 > 0, "{id}: the heartbeat interval is 0");
        assert!(
            heartbeat < election_timeout,
            "{id}: heartbeat {heartbeat:?} is not below the election timeout {election_timeout:?}"
        );
        assert!(self.batch_bytes_max > 0, "{id}: batch_bytes_max is 0");
        assert!(self.inflight_max > 0, "{id}: inflight_max is 0");
    }
}

/// What the disk still knows when a node starts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Recovered {
    /// Term, vote and commit hint; the default on a fresh disk.
    pub hard: HardState,
    /// The log, from index 1 and without gaps.
    pub entries: Vec<Entry>,
}
