//! The one way into the core: everything that happens is an [`Input`], handled in the order of arrival.
//!
//! The channel itself has no bound, its writers have: clients hold a place of [`Admission`](super::api::Admission) for as
//! long as their request is under way, frames of peers one of [`PeerService`](super::transport::PeerService), and the WAL
//! thread and the links say at most one thing per write or connection. One queue rather than one a source keeps the
//! order in which things happened.

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::failure::Failure;
use crate::kv::KvResponse;
use crate::raft::{IoSeq, Message, NodeId, RequestId};

/// Where the answer to a write goes.
pub(super) type WriteReply = oneshot::Sender<Result<KvResponse, Failure>>;
/// Where the answer to a read goes: `Ok` means that the store may be read from now on.
pub(super) type ReadReply = oneshot::Sender<Result<(), Failure>>;

/// Something for the driver.
#[derive(Debug)]
pub(super) enum Input {
    /// A client wants to write.
    Write {
        /// For the log.
        command: Vec<u8>,
        /// For the answer; closed when the client has given up.
        reply: WriteReply,
    },
    /// A client wants a linearizable read.
    Read {
        /// For the answer.
        reply: ReadReply,
    },
    /// A frame of a peer.
    Deliver {
        /// The sender.
        from: NodeId,
        /// What it says.
        messages: Vec<Message>,
        /// Held until the frame has been dealt with.
        place: OwnedSemaphorePermit,
    },
    /// The stream to a peer broke, or could not be opened.
    Unreachable(NodeId),
    /// Forwarded writes that were thrown away before they left this node.
    NeverSent(Vec<RequestId>),
    /// The disk has every write up to this one.
    Persisted(IoSeq),
    /// The WAL thread has ended, which it does not do on its own unless the disk failed. The node must end.
    WalEnded,
    /// The thread that applies has ended on a broken invariant. The node must end.
    ApplierBroke,
    /// The node was told to stop.
    Stop,
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
    pub(super) fn put(&self, input: Input) {
        let _ = self.0.send(input);
    }

    /// Whether the driver is gone.
    pub(super) fn is_closed(&self) -> bool {
        self.0.is_closed()
    }
}
