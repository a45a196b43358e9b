//! Why a cluster does not do what it is asked.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::ports::PortError;
use crate::proxy::ProxyError;

/// Why the cluster did not do what it was asked. Always the harness's trouble, never a verdict.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The running program could not be found.
    #[error("cannot tell which program is running: {0}")]
    NoBinary(#[source] std::io::Error),
    /// There is no such program.
    #[error("cannot start nodes: there is no program {}", .0.display())]
    BinaryMissing(PathBuf),
    /// A cluster has at least one node.
    #[error("a cluster of 0 nodes can do nothing")]
    NoNodes,
    /// No ports.
    #[error(transparent)]
    Ports(#[from] PortError),
    /// No proxy.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// A node's folder could not be made.
    #[error("cannot make the folder {}: {source}", path.display())]
    Folder {
        /// The folder.
        path: PathBuf,
        /// What went wrong.
        source: std::io::Error,
    },
    /// The thread that starts nodes could not be started.
    #[error("cannot start the thread that starts nodes: {0}")]
    Spawner(#[source] std::io::Error),
    /// A process could not be started.
    #[error("node {node}: cannot start it: {source}")]
    Spawn {
        /// Its name.
        node: String,
        /// What went wrong.
        source: std::io::Error,
    },
    /// There is no such node.
    #[error("there is no node {node}: the cluster has {nodes}")]
    NoSuchNode {
        /// The number that was asked for, from 0.
        node: usize,
        /// How many there are.
        nodes: usize,
    },
    /// It is not in the state that the action starts from.
    #[error("node {node} is already {is}")]
    OffDuty {
        /// Its name.
        node: String,
        /// What it is: `down`, `running`, `paused`.
        is: String,
    },
    /// It ended by itself.
    #[error("node {node} (pid {pid}) has ended: {how}; see {}", log.display())]
    Ended {
        /// Its name.
        node: String,
        /// Its process.
        pid: i32,
        /// How.
        how: String,
        /// Its log.
        log: PathBuf,
    },
    /// A signal was sent, but did not do what it does.
    #[error("node {node} (pid {pid}): no effect of {signal}, state {state}")]
    Unmoved {
        /// Its name.
        node: String,
        /// Its process.
        pid: i32,
        /// The signal.
        signal: &'static str,
        /// Its state in `/proc/PID/stat`.
        state: char,
    },
    /// It runs, but does not answer.
    #[error("node {node}: no answer on {addr} after {} s", patience.as_secs())]
    NoAnswer {
        /// Its name.
        node: String,
        /// Where it was asked.
        addr: SocketAddr,
        /// For how long.
        patience: Duration,
    },
    /// All answer, but they do not agree on a leader.
    #[error("no leader after {} s; the nodes say: {seen}", patience.as_secs())]
    NoLeader {
        /// For how long they were asked.
        patience: Duration,
        /// What they said last.
        seen: String,
    },
}

impl ClusterError {
    /// Whether the harness or its machine failed, and not a node: then it says nothing about the store.
    pub fn is_ours(&self) -> bool {
        match self {
            Self::NoBinary(_)
            | Self::BinaryMissing(_)
            | Self::NoNodes
            | Self::Ports(_)
            | Self::Proxy(_)
            | Self::Folder { .. }
            | Self::Spawner(_)
            | Self::Spawn { .. }
            | Self::NoSuchNode { .. } => true,
            Self::OffDuty { .. }
            | Self::Ended { .. }
            | Self::Unmoved { .. }
            | Self::NoAnswer { .. }
            | Self::NoLeader { .. } => false,
        }
    }
}
