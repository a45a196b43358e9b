//! The one way into the core: everything that happens is an [`Input`], handled in the order of arrival.
//!
//! The channel itself has no bound, its writers have: clients hold a place of [`Admission`](super::api::Admission) for as
//! long as their request is under way, frames of peers one of [`PeerService`](super::transport::PeerService), and the WAL
//! thread and the links say at most one thing per write or connection. One queue rather than one a source keeps the
//! order in which things happened.

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::kv::KvResponse;
use crate::raft::{Message, NodeId};
use crate::replica::{self, Failure};

/// Where the answer to a write goes; closed when the client has given up.
pub(super) type WriteReply = oneshot::Sender<Result<KvResponse, Failure>>;
/// Where the answer to a read goes: `Ok` means that the store may be read from now on.
pub(super) type ReadReply = oneshot::Sender<Result<(), Failure>>;

/// Something for the driver.
#[derive(Debug)]
pub(super) enum Input {
    /// Something for the member.
    Member(replica::Input<WriteReply, ReadReply>),
    /// A frame of a peer: messages for the member.
    Frame {
        /// The sender.
        from: NodeId,
        /// What it says.
        messages: Vec<Message>,
        /// Held until the frame has been dealt with.
        place: OwnedSemaphorePermit,
    },
    /// The WAL thread has ended, which it does not do on its own unless the disk failed. The node must end.
    WalEnded,
    /// The thread that applies has ended on a broken invariant. The node must end.
    ApplierBroke,
    /// The node was told to stop.
    Stop,
}

impl From<replica::Input<WriteReply, ReadReply>> for Input {
    fn from(input: replica::Input<WriteReply, ReadReply>) -> Self {
        Self::Member(input)
    }
}

/// Puts things into the driver's queue. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Inbox(mpsc::UnboundedSender<Input>);

impl Inbox {
    /// The two ends of the queue.
    pub(super) fn new() -> (Self, mpsc::UnboundedReceiver<Input>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        (Self(sender), receiver)
    }

    /// Queues an input. Once the driver is gone it is dropped, and with it the reply channel it may carry, which tells
    /// the other end.
    pub(super) fn put(&self, input: impl Into<Input>) {
        let _ = self.0.send(input.into());
    }

    /// Whether the driver is gone.
    pub(super) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}
