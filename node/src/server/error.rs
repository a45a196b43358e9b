//! Why a node does not start, or stops by itself.

use std::error::Error;
use std::io::{self, ErrorKind};
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::raft::NodeId;
use crate::replica::Members;
use crate::storage::WalError;

/// The end of a node that was not asked to stop. Every arm names the thing and, where there is one, the remedy.
#[derive(Debug, thiserror::Error)]
pub enum NodeError {
    /// The options contradict each other: change them.
    #[error("{0}")]
    Options(String),
    /// The process that was named as parent is gone already, or never was it.
    #[error("the parent process {expected} is gone (the parent is now {found}); not starting")]
    Orphaned {
        /// The process that was named.
        expected: u32,
        /// The parent now; 0 if it is out of sight.
        found: u32,
    },
    /// The kernel refuses to tie this process to its parent.
    #[error("cannot ask the kernel to end this node with its parent: {0}")]
    ParentDeathSignal(#[source] io::Error),
    /// The data directory cannot be used: see to the disk, the path or its permissions.
    #[error("cannot use the data directory: {path}: {source}", path = path.display())]
    DataDir {
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Another node runs in the same data directory: stop it, or use another one.
    #[error(
        "data directory {path} is in use by {holder}; stop that one or use another directory",
        path = path.display()
    )]
    DataDirLocked {
        /// The data directory.
        path: PathBuf,
        /// The process that has it, as far as it can be told.
        holder: String,
    },
    /// The data directory belongs to another node or cluster: it must not be mixed up.
    #[error(
        "data directory {path} belongs to node {found_id} of cluster {found_cluster:#x}, \
         this is node {id} of cluster {cluster:#x}; use the right directory or an empty one",
        path = path.display()
    )]
    ForeignDataDir {
        /// The data directory.
        path: PathBuf,
        /// This node.
        id: NodeId,
        /// Its cluster.
        cluster: u64,
        /// Whose directory it is.
        found_id: NodeId,
        /// And of which cluster.
        found_cluster: u64,
    },
    /// The data directory is this node's, but as a member of another set of nodes. With fewer of them it could commit
    /// what the rest have never seen.
    #[error(
        "data directory {path} belongs to a cluster of {found}, but this start names {members}; the members of a \
         cluster never change: name the same ones (one --peer-of for each but this node), or use an empty directory \
         for another cluster",
        path = path.display()
    )]
    OtherMembers {
        /// The data directory.
        path: PathBuf,
        /// Those of this start.
        members: Members,
        /// Those of the first start.
        found: Members,
    },
    /// The identity file cannot be understood: the directory was damaged or is not a node's.
    #[error(
        "{path}: {reason}; the directory is damaged or not a node's: restore it, or keep this node stopped (a majority \
         goes on without it); empty and under its old id it would have forgotten its votes",
        path = path.display()
    )]
    DamagedIdentity {
        /// The identity file.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A port cannot be opened: another process has it, or the address is not this machine's.
    #[error("cannot listen for {purpose} on {address}: {source}")]
    Listen {
        /// Who would connect there.
        purpose: &'static str,
        /// The address.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The write-ahead log cannot be read or written. Nothing is served after it, and nothing is tried again: after a
    /// failed sync nobody knows what the disk holds.
    #[error("write-ahead log: {0}")]
    Wal(#[from] WalError),
    /// Told to stop once more while it was stopping, the node ended at once.
    #[error(
        "told to stop twice: ended without waiting for the disk any longer; what was acknowledged is on it"
    )]
    StoppedTwice,
    /// A thread of the node ended on a broken invariant; its own log line says which.
    #[error("the {0} ended unexpectedly; see the log line before this one")]
    Crashed(&'static str),
    /// The operating system refuses something every node needs, such as a thread.
    #[error("cannot start the {what}: {source}")]
    System {
        /// What was to be started.
        what: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// A listener broke while the node ran.
    #[error("the {service} service failed: {reason}")]
    Service {
        /// Which one.
        service: &'static str,
        /// What its transport said.
        reason: String,
    },
}

impl NodeError {
    /// Whether the caller asked for something impossible (exit code 254), rather than something having failed (255).
    pub fn is_usage(&self) -> bool {
        matches!(self, Self::Options(_) | Self::ForeignDataDir { .. } | Self::OtherMembers { .. })
    }

    /// What to do about it, where the text of the error does not say so.
    pub fn remedy(&self) -> Option<&'static str> {
        if let Self::Listen { source, .. } = self {
            return match source.kind() {
                ErrorKind::AddrInUse => Some("stop what uses the port, or use another one"),
                ErrorKind::PermissionDenied => {
                    Some("use a port above 1023: the lower ones are for privileged users")
                }
                ErrorKind::AddrNotAvailable => Some("use an address that this machine has"),
                _ => None,
            };
        }
        let mut cause = Some(self as &(dyn Error + 'static));
        while let Some(error) = cause {
            match error.downcast_ref::<io::Error>().map(io::Error::kind) {
                Some(
                    ErrorKind::StorageFull | ErrorKind::QuotaExceeded | ErrorKind::FileTooLarge,
                ) => {
                    return Some(
                        "make room and start the node again: what it acknowledged is on disk",
                    );
                }
                Some(ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem) => {
                    return Some("let this user read and write there, or use another directory");
                }
                _ => cause = error.source(),
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_and_a_directory_need_different_permissions() {
        let denied = || io::Error::from(ErrorKind::PermissionDenied);
        let address = SocketAddr::from(([127, 0, 0, 1], 80));
        let port = NodeError::Listen { purpose: "clients", address, source: denied() };
        assert!(port.remedy().unwrap().contains("port above 1023"), "{:?}", port.remedy());
        let directory = NodeError::DataDir { path: PathBuf::from("data"), source: denied() };
        assert!(directory.remedy().unwrap().contains("directory"), "{:?}", directory.remedy());
    }
}
