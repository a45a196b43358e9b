//! What a core tells about itself, for metrics, `Maintenance.Status` and tests.

use super::event::Role;
use super::types::{LogIndex, NodeId, Term};

/// A snapshot of a core. Nothing in it may decide anything outside: it is old as soon as it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The node.
    pub id: NodeId,
    /// Its role.
    pub role: Role,
    /// Its term.
    pub term: Term,
    /// Who has its vote in this term.
    pub vote: Option<NodeId>,
    /// The leader of this term, if known.
    pub leader: Option<NodeId>,
    /// Highest index known to be committed.
    pub commit: LogIndex,
    /// Highest index handed out with `Apply`.
    pub applied: LogIndex,
    /// First index in the log (1 until logs are compacted, also for an empty log).
    pub first_index: LogIndex,
    /// Last index in the log; 0 if empty.
    pub last_index: LogIndex,
    /// The term there.
    pub last_term: Term,
    /// Highest index up to which this node's own disk has the log.
    pub durable: LogIndex,
    /// Writes this node took from clients and that are neither applied nor given up.
    pub pending_writes: usize,
    /// Reads that wait for a confirmed position; on a leader those of other nodes too.
    pub pending_reads: usize,
    /// How often this node has learned of a leader that was not the one it knew.
    pub leader_changes: u64,
    /// Messages thrown away because no correct member could have sent them.
    pub ignored: u64,
    /// Messages thrown away because they contradict a committed entry. Anything but 0 is a broken cluster.
    pub conflicts: u64,
}
