//! How a client gets at the nodes, and its time: all that a client, its load and the final reads know of the world.
//!
//! ```text
//!                                   +-- real processes: sockets, gRPC, the machine's clock   (reach/processes)
//! client, load, final reads -- Reach --
//!                                   +-- a world that is made up, with a clock of its own
//! ```
//!
//! Clients wait for nothing but a [`Reach`], a [`Wire`] and each other, and read no other clock: so they need no runtime,
//! and whoever polls them decides how fast time goes.
//!
//! **Owns** the ways to be without an answer ([`NotOpened`], [`Unanswered`]) that every world has in common. **Refuses to
//! own** what they mean: that is for the one outcome table of [`crate::client`], whatever the world.
//!
//! Invariants that every world keeps:
//! - A connection is good for one life: nothing is sent again, and nothing reconnects behind its user's back.
//! - Whoever asks is answered by the deadline, if only with [`Unanswered::Deadline`].
//! - What is refused with a [`Spent`] never left.

mod processes;

use std::error::Error;
use std::fmt;
use std::future::Future;
use std::time::Duration;

use tonic::Status;

pub use processes::{Connection, Processes};

use crate::etcd_api::etcdserverpb::{
    PutRequest, PutResponse, RangeRequest, RangeResponse, TxnRequest, TxnResponse,
};

/// A world of nodes and its clock. Times are counted from a beginning that the world chooses.
pub trait Reach: Clone + Send + Sync + 'static {
    /// An open connection to one node.
    type Connection: Wire;

    /// The time.
    fn now(&self) -> Duration;

    /// Waits until this time has come.
    fn sleep_until(&self, moment: Duration) -> impl Future<Output = ()> + Send;

    /// Connects to the node at position `node`, and sees it answer one question that every node answers whatever its role.
    fn open(
        &self,
        node: usize,
        deadline: Duration,
    ) -> impl Future<Output = Result<Self::Connection, NotOpened>> + Send;
}

/// A connection to one node. To drop what it returned is to wait no longer; the request may have left.
pub trait Wire: Send {
    /// Reads.
    fn range(
        &mut self,
        request: RangeRequest,
        deadline: Duration,
    ) -> impl Future<Output = Result<RangeResponse, Unanswered>> + Send;

    /// Writes one key.
    fn put(
        &mut self,
        request: PutRequest,
        deadline: Duration,
    ) -> impl Future<Output = Result<PutResponse, Unanswered>> + Send;

    /// Compares, and then does one thing or another.
    fn txn(
        &mut self,
        request: TxnRequest,
        deadline: Duration,
    ) -> impl Future<Output = Result<TxnResponse, Unanswered>> + Send;
}

/// Why there is no connection. No request left.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotOpened {
    /// The node refused, hung up or said nothing.
    #[error("{0}")]
    Refused(String),
    /// This machine has no socket for it, whatever the node would have said.
    #[error("{0}")]
    NoSocket(String),
}

impl NotOpened {
    /// The node said nothing for so long.
    pub fn silent(patience: Duration) -> Self {
        Self::Refused(format!("no answer in {patience:?}"))
    }
}

/// Why a request has no answer that its sender could use.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// The deadline passed.
    #[error("no answer before the deadline")]
    Deadline,
    /// A status: from the node, or, if it has a source, from the transport.
    #[error(transparent)]
    Status(#[from] Status),
}

/// The connection is used up: the request that met this error never left.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spent;

impl fmt::Display for Spent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the connection was lost earlier")
    }
}

impl Error for Spent {}

/// The last of a chain of errors: the one that says what happened (`connection reset by peer`).
pub(crate) fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}
