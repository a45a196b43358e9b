//! How much of everything, where an answer does not depend on it.

use super::journal::GROUP_MAX_DEFAULT;
use crate::raft::Nanos;

/// The bounds of a member. The defaults are what nodes run with; smaller ones make rare situations common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of entries in one message between nodes.
    pub batch_bytes_max: usize,
    /// Unanswered messages with entries to one follower.
    pub inflight_max: usize,
    /// How long a leader keeps client writes back for the disk to be done with those before them. Short, so that one with
    /// a slow disk still hands them to followers that may be faster.
    pub hold_max: Nanos,
    /// Writes of the log that share a sync.
    pub group_max: usize,
    /// Client writes under way.
    pub writes_max: usize,
    /// Bytes of their commands.
    pub command_bytes_max: usize,
    /// Reads under way.
    pub reads_max: usize,
    /// How long a client's request is waited for.
    pub request_timeout: Nanos,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            batch_bytes_max: 1024 * 1024,
            inflight_max: 256,
            hold_max: Nanos(1_000_000),
            group_max: GROUP_MAX_DEFAULT,
            writes_max: 8192,
            command_bytes_max: 64 * 1024 * 1024,
            reads_max: 16384,
            // etcd's 5 s plus twice its election timeout of 1 s.
            request_timeout: Nanos(7_000_000_000),
        }
    }
}
