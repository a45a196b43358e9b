//! The receiving end of all links to this node.
//!
//! A stream opens with a hello, and the [`Door`] says whether it is listened to. A newer stream of the same sender closes
//! the older one.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::{Semaphore, oneshot};
use tonic::{Request, Response, Status, Streaming};

use super::{FRAME_BYTES_MAX, HELLO_TIMEOUT};
use crate::bugs::Bugs;
use crate::proto::raft::frame::Frame as Content;
use crate::proto::raft::peer_server::{Peer, PeerServer};
use crate::proto::raft::{Batch, Closed, Frame, Hello};
use crate::raft::NodeId;
use crate::replica::{Claim, Door, Refused};
use crate::server::inbox::{Inbox, Input};
use crate::server::metrics::Metrics;
use crate::server::wire::from_wire;

/// Frames that may wait for the driver; beyond that, the senders' windows fill up.
const FRAMES_WAITING_MAX: usize = 64;

/// Takes the streams of the other nodes.
#[derive(Debug)]
pub(in crate::server) struct PeerService {
    inbox: Inbox,
    metrics: Arc<Metrics>,
    places: Arc<Semaphore>,
    reception: Mutex<Reception>,
}

/// Who may come in, and who is in.
#[derive(Debug)]
struct Reception {
    door: Door,
    senders: BTreeMap<NodeId, Sender>,
}

/// What is known of a sender.
#[derive(Debug, Default)]
struct Sender {
    /// Dropped to close its current stream.
    _current: Option<oneshot::Sender<()>>,
    /// The last refusal that was logged: a refused node dials on, five times a second.
    refusal: Option<Refused>,
}

impl PeerService {
    /// A service for streams from the other members to this node.
    pub(in crate::server) fn new(
        claim: Claim,
        bugs: Bugs,
        inbox: Inbox,
        metrics: Arc<Metrics>,
    ) -> Self {
        let places = Arc::new(Semaphore::new(FRAMES_WAITING_MAX));
        let door = Door::new(claim).with_bugs(bugs);
        let reception = Reception { door, senders: BTreeMap::new() };
        Self { inbox, metrics, places, reception: Mutex::new(reception) }
    }

    /// The service as tonic serves it.
    pub(in crate::server) fn into_server(self) -> PeerServer<Self> {
        PeerServer::new(self).max_decoding_message_size(FRAME_BYTES_MAX)
    }

    /// Lets a stream in, and closes the sender's older one. The receiver resolves when this one must go in turn.
    fn admit(&self, hello: &Hello) -> Result<(NodeId, oneshot::Receiver<()>), Status> {
        let mut reception = self.reception.lock().unwrap_or_else(PoisonError::into_inner);
        let Reception { door, senders } = &mut *reception;
        let from = NodeId(hello.from);
        // Strangers share the place of 0, which is never a member: what they claim to be must not take memory.
        let known = if door.claim().has_peer(from) { from } else { NodeId(0) };
        let sender = senders.entry(known).or_default();
        if let Err(refused) = door.admit(hello) {
            let reason = refused.to_string();
            if sender.refusal.as_ref() != Some(&refused) {
                tracing::warn!(peer = %from, incarnation = hello.incarnation, reason, "refused a stream");
                sender.refusal = Some(refused);
            }
            return Err(Status::failed_precondition(reason));
        }
        tracing::debug!(peer = %from, incarnation = hello.incarnation, "accepted a stream");
        let (current, superseded) = oneshot::channel();
        *sender = Sender { _current: Some(current), refusal: None };
        Ok((from, superseded))
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
        self.inbox.put(Input::Frame { from, messages, place });
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

    fn claim() -> Claim {
        Claim { cluster: 9, id: NodeId(2), members: [1, 2, 3].map(NodeId).into() }
    }

    fn service() -> PeerService {
        PeerService::new(claim(), Bugs::NONE, Inbox::new().0, Arc::default())
    }

    fn hello() -> Hello {
        Claim { id: NodeId(1), ..claim() }.hello(NodeId(2), 4)
    }

    #[test]
    fn a_refusal_names_its_reason_and_strangers_share_a_place() {
        let service = service();
        let status = service.admit(&Hello { cluster: 8, ..hello() }).unwrap_err();
        assert!(status.message().contains("cluster 0x8"), "{status}");
        for from in 10..20 {
            let status = service.admit(&Hello { from, ..hello() }).unwrap_err();
            assert!(status.message().contains("is not a member"), "{status}");
        }
        let known: Vec<NodeId> =
            service.reception.lock().unwrap().senders.keys().copied().collect();
        assert_eq!(known, [NodeId(0), NodeId(1)]);
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
