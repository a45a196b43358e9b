//! Why the log could not be opened or written.

use std::io;

use crate::raft::{LogIndex, NodeId};

/// A log that must not be used, or can no longer be.
#[derive(Debug, thiserror::Error)]
pub enum WalError {
    /// The disk refused. Once `append` or `sync` returned this, the log is poisoned.
    #[error("failed to {action} {file}")]
    Io {
        /// What was tried.
        action: &'static str,
        /// On which file or directory.
        file: String,
        /// Why it failed.
        source: io::Error,
    },
    /// Bytes that were durable once are not what they were. Starting without them would forget acknowledged entries
    /// or votes.
    #[error(
        "{file} is damaged at byte {offset}: {reason}; this part of the log had been synced, so nothing was cut off. \
         Restore the file from a copy, or keep this node stopped (a majority goes on without it); emptying the directory \
         and keeping the id would let it forget its votes"
    )]
    Corrupt {
        /// The file.
        file: String,
        /// The first byte that is not what it must be.
        offset: u64,
        /// What is wrong, and what proves that it was synced.
        reason: String,
    },
    /// The directory belongs to another node or cluster.
    #[error(
        "{file} belongs to node {found_node} of cluster {found_cluster:016x}, this is node {node} of cluster \
         {cluster:016x}: point the node at its own data directory"
    )]
    Foreign {
        /// The file that says so.
        file: String,
        /// Whose it is.
        found_node: NodeId,
        /// Of which cluster.
        found_cluster: u64,
        /// Who asked.
        node: NodeId,
        /// Of which cluster.
        cluster: u64,
    },
    /// Written by another version of this program.
    #[error(
        "{file} has format version {found}, this build reads version {supported}: use the build that wrote it"
    )]
    Version {
        /// The file.
        file: String,
        /// What it says.
        found: u32,
        /// What this build reads and writes.
        supported: u32,
    },
    /// There was a log, and it is gone: with it went votes and acknowledged entries.
    #[error(
        "{directory} holds no log, although this node has written one there: it is lost, or not mounted. Restore the \
         directory as it was when the node stopped, or keep this node stopped (a majority goes on without it); a node \
         that lost its disk must not come back under its old id, as it has forgotten its votes and what it acknowledged"
    )]
    Lost {
        /// Where it was.
        directory: String,
    },
    /// An earlier write or sync failed, so nobody knows what is durable.
    #[error(
        "the log is unusable since a write or sync failed; restart the node to find out what is durable"
    )]
    Poisoned,
    /// The caller left a gap in the log. Nothing was appended.
    #[error("entry {found} cannot follow entry {last}: the log would have a gap")]
    Gap {
        /// Index of the entry that was to be appended.
        found: LogIndex,
        /// Last index in the log before it.
        last: LogIndex,
    },
    /// More than [`BATCH_BYTES_MAX`](super::BATCH_BYTES_MAX) bytes between two syncs. Nothing was appended.
    #[error("{bytes} bytes are too many for one batch of the log")]
    BatchTooLarge {
        /// How many it would have been.
        bytes: usize,
    },
}
