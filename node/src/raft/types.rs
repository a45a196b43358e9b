//! The numbers that Raft speaks in, each its own type so that none is taken for another.

use std::fmt;

/// A member of the cluster, from 1; 0 is never a member.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(pub u64);

/// A term, from 1; 0 is before the first election.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Term(pub u64);

/// A position in the log, from 1; 0 is "before the first entry".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct LogIndex(pub u64);

/// Nanoseconds of the node's own monotonic clock, from an arbitrary origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nanos(pub u64);

/// Number of a disk write, from 1 and without gaps; 0 means "nothing to wait for".
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct IoSeq(pub u64);

/// Names a client request for as long as the cluster lives: the node that took it from the client, and a number that
/// this node never uses twice, not even after a restart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RequestId {
    /// The node that a client asked.
    pub node: NodeId,
    /// Unique on that node over all its incarnations.
    pub number: u64,
}

/// One entry of the replicated log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The term of the leader that appended it.
    pub term: Term,
    /// Its position.
    pub index: LogIndex,
    /// The request it came from; `None` for a leader's no-op.
    pub request: Option<RequestId>,
    /// The command, opaque to Raft; empty for a no-op.
    pub command: Vec<u8>,
}

/// What must survive a crash besides the log. Term and vote are one record: written together or not at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct HardState {
    /// The latest term seen.
    pub term: Term,
    /// Who got this node's vote in `term`.
    pub vote: Option<NodeId>,
    /// Highest index known to be committed; only a hint (losing its latest value is harmless).
    pub commit: LogIndex,
}

impl Term {
    /// The term after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl LogIndex {
    /// The position after this one.
    #[must_use]
    pub const fn next(self) -> Self {
        Self(self.0 + 1)
    }

    /// The position before this one; 0 stays 0.
    #[must_use]
    pub const fn prev(self) -> Self {
        Self(self.0.saturating_sub(1))
    }
}

macro_rules! display_number {
    ($($name:ident $prefix:literal),*) => {$(
        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, concat!($prefix, "{}"), self.0)
            }
        }
    )*};
}

display_number!(NodeId "n", Term "", LogIndex "", IoSeq "");
