//! Why there are no figures.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

use tokio::task::JoinError;

use crate::cluster::ClusterError;
use crate::ports::PortError;
use crate::proxy::ProxyError;

/// Why a measurement has no figures.
#[derive(Debug, thiserror::Error)]
pub(crate) enum BenchError {
    /// What was named does not answer as an etcd v3 server.
    #[error("--endpoints: {address} does not answer as an etcd v3 server: {reason}")]
    Endpoint {
        /// Who was asked.
        address: SocketAddr,
        /// What came instead of an answer.
        reason: String,
    },
    /// The folder for the bundled nodes' data.
    #[error("cannot make a folder for data in {}: {source}", path.display())]
    Folder {
        /// Where.
        path: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
    /// The bundled nodes.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// The link to measure.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
    /// Ports for it.
    #[error(transparent)]
    Ports(#[from] PortError),
    /// Not one operation of a measurement succeeded.
    #[error("{target}: no {op} of {clients} clients succeeded: {reason}")]
    NothingWorked {
        /// `bundled` or `endpoints`.
        target: &'static str,
        /// What was tried.
        op: &'static str,
        /// By how many.
        clients: usize,
        /// What most of them were told.
        reason: String,
    },
    /// A thread, a socket or `/proc`.
    #[error("{what}: {source}")]
    Io {
        /// What was tried.
        what: &'static str,
        /// What went wrong.
        source: io::Error,
    },
    /// A bug of ours.
    #[error("a client broke off: {0}")]
    Panicked(#[from] JoinError),
}

impl BenchError {
    /// For `map_err` on what the system refuses.
    pub(super) fn io(what: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { what, source }
    }

    /// Whether what was typed is to blame.
    pub(crate) fn is_usage(&self) -> bool {
        matches!(self, Self::Endpoint { .. } | Self::Folder { .. })
    }
}
