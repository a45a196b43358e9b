//! The receiving end of all links to this node.
//!
//! A stream opens with a hello. One from another cluster, for another node, from a stranger, from a member that counts
//! other members than this node does, or from an earlier incarnation of the sender than the newest that was seen is
//! refused: majorities of different sets need not meet, and an earlier life's promises may be gone. A newer stream of the same sender closes the older one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, oneshot};
use tonic::{Request, Response, Status, Streaming};

use super::{FRAME_BYTES_MAX, HELLO_TIMEOUT, PROTOCOL};
use crate::proto::raft::frame::Frame as Content;
use crate::proto::raft::peer_server::{Peer, PeerServer};
use crate::proto::raft::{Batch, Closed, Frame, Hello};
use crate::raft::NodeId;
use crate::server::error::Members;
use crate::server::identity::Claim;
use crate::server::inbox::{Inbox, Input};
use crate::server::metrics::Metrics;
use crate::server::wire::from_wire;

/// Frames that may wait for the driver; beyond that, the senders' windows fill up.
const FRAMES_WAITING_MAX: usize = 64;

/// Members that a refusal names: a stranger may claim any number.
const MEMBERS_NAMED_MAX: usize = 16;

/// Takes the streams of the other nodes.
#[derive(Debug)]
pub(in crate::server) struct PeerService {
    claim: Claim,
    inbox: Inbox,
    metrics: Arc<Metrics>,
    places: Arc<Semaphore>,
    senders: Mutex<BTreeMap<NodeId, Sender>>,
}

/// What is known of a sender.
#[derive(Debug, Default)]
struct Sender {
    /// The newest seen.
    incarnation: u64,
    /// Dropped to close its current stream.
    _current: Option<oneshot::Sender<()>>,
    /// The last refusal that was logged: a refused node dials on, five times a second.
    refusal: Option<String>,
}

impl PeerService {
    /// A service for streams from the other members to this node.
    pub(in crate::server) fn new(claim: Claim, inbox: Inbox, metrics: Arc<Metrics>) -> Self {
        let places = Arc::new(Semaphore::new(FRAMES_WAITING_MAX));
        Self { claim, inbox, metrics, places, senders: Mutex::default() }
    }

    /// The service as tonic serves it.
    pub(in crate::server) fn into_server(self) -> PeerServer<Self> {
        PeerServer::new(self).max_decoding_message_size(FRAME_BYTES_MAX)
    }

    /// Lets a stream in, and closes the sender's older one. The receiver resolves when this one must go in turn.
    fn admit(&self, hello: &Hello) -> Result<(NodeId, oneshot::Receiver<()>), Status> {
        let from = NodeId(hello.from);
        let mut senders = self.senders.lock().unwrap_or_else(PoisonError::into_inner);
        // Strangers share the place of 0, which is never a member: what they claim to be must not take memory.
        let known = if self.is_peer(from) { from } else { NodeId(0) };
        let sender = senders.entry(known).or_default();
        if let Err(reason) = self.check(hello, sender.incarnation) {
            if sender.refusal.as_ref() != Some(&reason) {
                tracing::warn!(peer = %from, incarnation = hello.incarnation, reason, "refused a stream");
                sender.refusal = Some(reason.clone());
            }
            return Err(Status::failed_precondition(reason));
        }
        tracing::debug!(peer = %from, incarnation = hello.incarnation, "accepted a stream");
        let (current, superseded) = oneshot::channel();
        *sender = Sender { incarnation: hello.incarnation, _current: Some(current), refusal: None };
        Ok((from, superseded))
    }

    fn check(&self, hello: &Hello, newest: u64) -> Result<(), String> {
        let Claim { id, cluster, members } = &self.claim;
        if hello.protocol != PROTOCOL {
            return Err(format!("protocol {}, this node speaks {PROTOCOL}", hello.protocol));
        }
        if hello.cluster != *cluster {
            return Err(format!("cluster {:#x}, this node is of {cluster:#x}", hello.cluster));
        }
        if hello.to != id.0 {
            return Err(format!("meant for n{}, this node is {id}", hello.to));
        }
        if !self.is_peer(NodeId(hello.from)) {
            return Err(format!("n{} is not a member", hello.from));
        }
        if !hello.members.iter().copied().eq(members.iter().map(|member| member.0)) {
            let theirs = hello.members.iter().take(MEMBERS_NAMED_MAX).copied().map(NodeId);
            let (theirs, ours) = (Members(theirs.collect()), Members(members.clone()));
            return Err(format!("members {theirs}, this node's are {ours}"));
        }
        if hello.incarnation < newest {
            return Err(format!(
                "incarnation {} of n{}, which has been seen at {newest}: a ghost, or its data was lost",
                hello.incarnation, hello.from
            ));
        }
        Ok(())
    }

    fn is_peer(&self, node: NodeId) -> bool {
        node != self.claim.id && self.claim.members.contains(&node)
    }

    /// Hands a frame to the driver, once there is a place.
    async fn take(&self, from: NodeId, batch: Batch) -> Result<(), Status> {
        let messages =
            batch.messages.into_iter().map(from_wire).collect::<Result<Vec<_>, _>>().map_err(
                |error| {
                    tracing::warn!(peer = %from, %error, "a frame that is not of this protocol");
                    Status::invalid_argument(error.to_string())
                },
            )?;
        let place = Arc::clone(&self.places)
            .acquire_owned()
            .await
            .map_err(|_| Status::unavailable("stopping"))?;
        self.metrics.peer_received.add(messages.len() as u64);
        if self.inbox.is_closed() {
            return Err(Status::unavailable("stopping"));
        }
        self.inbox.put(Input::Deliver { from, messages, place });
        Ok(())
    }

    async fn receive(&self, mut frames: Streaming<Frame>) -> Result<(), Status> {
        let hello = match tokio::time::timeout(HELLO_TIMEOUT, frames.message()).await {
            Ok(first) => match first?.and_then(|frame| frame.frame) {
                Some(Content::Hello(hello)) => hello,
                _ => return Err(Status::invalid_argument("a stream starts with a hello")),
            },
            Err(_) => return Err(Status::deadline_exceeded("no hello")),
        };
        let (from, mut superseded) = self.admit(&hello)?;
        loop {
            let frame = tokio::select! {
                biased;
                _ = &mut superseded => return Err(Status::aborted("a newer stream took over")),
                frame = frames.message() => frame?,
            };
            match frame.map(|frame| frame.frame) {
                None => return Ok(()),
                Some(Some(Content::Batch(batch))) => self.take(from, batch).await?,
                Some(_) => return Err(Status::invalid_argument("a frame must be a batch")),
            }
        }
    }
}

#[tonic::async_trait]
impl Peer for PeerService {
    async fn deliver(
        &self,
        request: Request<Streaming<Frame>>,
    ) -> Result<Response<Closed>, Status> {
        self.receive(request.into_inner()).await?;
        Ok(Response::new(Closed {}))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn service() -> PeerService {
        let claim = Claim { cluster: 9, id: NodeId(2), members: [1, 2, 3].map(NodeId).into() };
        PeerService::new(claim, Inbox::new().0, Arc::default())
    }

    fn hello() -> Hello {
        let members = vec![1, 2, 3];
        Hello { protocol: PROTOCOL, cluster: 9, from: 1, to: 2, incarnation: 4, members }
    }

    #[test]
    fn what_does_not_fit_is_refused_with_the_reason() {
        let service = service();
        for (wrong, part) in [
            (Hello { protocol: PROTOCOL + 1, ..hello() }, "protocol"),
            (Hello { cluster: 8, ..hello() }, "cluster 0x8"),
            (Hello { to: 3, ..hello() }, "meant for n3"),
            (Hello { from: 7, ..hello() }, "n7 is not a member"),
            (Hello { from: 2, ..hello() }, "n2 is not a member"),
            (
                Hello { members: vec![1, 2], ..hello() },
                "members n1, n2, this node's are n1, n2, n3",
            ),
            (Hello { members: Vec::new(), ..hello() }, "this node's are n1, n2, n3"),
            (Hello { members: (1..1 << 20).collect(), ..hello() }, "n16, this node's are"),
        ] {
            let status = service.admit(&wrong).unwrap_err();
            assert!(status.message().contains(part), "{status}");
        }
        service.admit(&hello()).unwrap();
    }

    #[test]
    fn an_older_incarnation_than_the_newest_seen_is_a_ghost() {
        let service = service();
        service.admit(&hello()).unwrap();
        service.admit(&Hello { incarnation: 5, ..hello() }).unwrap();
        let status = service.admit(&hello()).unwrap_err();
        assert!(status.message().contains("ghost"), "{status}");
        service.admit(&Hello { from: 3, incarnation: 1, ..hello() }).unwrap();
    }

    #[tokio::test]
    async fn the_newer_stream_of_a_sender_closes_the_older_one() {
        let service = service();
        let (_, mut first) = service.admit(&hello()).unwrap();
        assert!(first.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Empty));
        let (_, mut second) = service.admit(&hello()).unwrap();
        assert!(first.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Closed));
        assert!(second.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Empty));
        service.admit(&Hello { incarnation: 3, ..hello() }).unwrap_err();
        assert!(second.try_recv().is_err_and(|error| error == oneshot::error::TryRecvError::Empty));
    }
}
