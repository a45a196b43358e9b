//! What waits to be sent to one peer.
//!
//! A [`Backlog`], which says what is thrown away, shared by the driver and the stream that reads from it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio_stream::Stream;

use crate::proto::raft as wire;
use crate::raft::{Message, RequestId};
use crate::replica::{Backlog, Dropped, size_hint};
use crate::server::metrics::Metrics;
use crate::server::wire::to_wire;

/// A frame takes no more messages once it is this large.
const FRAME_BYTES: usize = 256 * 1024;

/// A bounded queue with one stream, the newest, reading from it.
#[derive(Debug)]
pub(in crate::server) struct Outbox {
    state: Mutex<State>,
    metrics: Arc<Metrics>,
}

#[derive(Debug, Default)]
struct State {
    backlog: Backlog,
    /// Number of the stream that may read. An HTTP/2 connection holds on to its stream for a while after it broke, and
    /// must not swallow what is meant for the next one.
    reader: u64,
    waker: Option<Waker>,
}

impl Outbox {
    /// An empty queue.
    pub(in crate::server) fn new(metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), metrics })
    }

    /// Queues a message. Returns the client writes among what was thrown away for it: they never left this node.
    pub(in crate::server) fn push(&self, message: Message) -> Vec<RequestId> {
        let (dropped, waker) = {
            let mut state = self.lock();
            (state.backlog.push(message), state.waker.take())
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        self.count(dropped)
    }

    /// Throws everything away, as the peer cannot be reached. Returns the client writes among it.
    pub(super) fn clear(&self) -> Vec<RequestId> {
        let dropped = self.lock().backlog.clear();
        self.count(dropped)
    }

    fn count(&self, dropped: Dropped) -> Vec<RequestId> {
        if dropped.messages > 0 {
            self.metrics.peer_dropped.add(dropped.messages as u64);
        }
        dropped.writes
    }

    /// A stream of frames, `hello` first. It ends the streams that were made before it.
    pub(super) fn stream(self: &Arc<Self>, hello: wire::Hello) -> FrameStream {
        let mut state = self.lock();
        state.reader += 1;
        let reader = state.reader;
        if let Some(waker) = state.waker.take() {
            waker.wake();
        }
        drop(state);
        FrameStream { outbox: Arc::clone(self), reader, hello: Some(hello) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is sent on one connection.
#[derive(Debug)]
pub(super) struct FrameStream {
    outbox: Arc<Outbox>,
    reader: u64,
    hello: Option<wire::Hello>,
}

impl Stream for FrameStream {
    type Item = wire::Frame;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<wire::Frame>> {
        if let Some(hello) = self.hello.take() {
            return Poll::Ready(Some(frame(wire::frame::Frame::Hello(hello))));
        }
        let mut state = self.outbox.lock();
        if state.reader != self.reader {
            return Poll::Ready(None);
        }
        let mut messages = Vec::new();
        let mut bytes = 0;
        while bytes < FRAME_BYTES {
            let Some(message) = state.backlog.pop() else { break };
            bytes += size_hint(&message);
            messages.push(to_wire(message));
        }
        if messages.is_empty() {
            state.waker = Some(context.waker().clone());
            return Poll::Pending;
        }
        self.outbox.metrics.peer_sent.add(messages.len() as u64);
        Poll::Ready(Some(frame(wire::frame::Frame::Batch(wire::Batch { messages }))))
    }
}

fn frame(frame: wire::frame::Frame) -> wire::Frame {
    wire::Frame { frame: Some(frame) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{LogIndex, NodeId, Payload, Term};
    use crate::replica::BACKLOG_MESSAGES_MAX;
    use tokio_stream::StreamExt as _;

    fn hello() -> wire::Hello {
        wire::Hello { protocol: 1, cluster: 1, from: 1, to: 2, ..wire::Hello::default() }
    }

    fn accepted(matched: u64) -> Message {
        let payload = Payload::AppendAccepted { matched: LogIndex(matched), round: 0 };
        Message { term: Term(1), payload }
    }

    fn propose(number: u64, bytes: usize) -> Message {
        let request = RequestId { node: NodeId(1), number };
        Message { term: Term(1), payload: Payload::Propose { request, command: vec![0; bytes] } }
    }

    fn outbox() -> (Arc<Outbox>, Arc<Metrics>) {
        let metrics = Arc::new(Metrics::default());
        (Outbox::new(Arc::clone(&metrics)), metrics)
    }

    async fn batch(stream: &mut FrameStream) -> Vec<wire::Message> {
        match stream.next().await.unwrap().frame {
            Some(wire::frame::Frame::Batch(batch)) => batch.messages,
            other => panic!("not a batch: {other:?}"),
        }
    }

    #[tokio::test]
    async fn the_hello_comes_first_and_then_everything_in_order_in_one_frame() {
        let (outbox, metrics) = outbox();
        for matched in 1..=3 {
            outbox.push(accepted(matched));
        }
        let mut stream = outbox.stream(hello());
        let first = stream.next().await.unwrap().frame;
        assert_eq!(first, Some(wire::frame::Frame::Hello(hello())));
        let expected: Vec<_> = (1..=3).map(|matched| to_wire(accepted(matched))).collect();
        assert_eq!(batch(&mut stream).await, expected);
        assert_eq!(metrics.peer_sent.get(), 3);
    }

    #[tokio::test]
    async fn a_waiting_stream_is_woken_by_a_message() {
        let (outbox, _) = outbox();
        let mut stream = outbox.stream(hello());
        stream.next().await.unwrap();
        let waiting = tokio::spawn(async move { batch(&mut stream).await.len() });
        tokio::task::yield_now().await;
        outbox.push(accepted(1));
        assert_eq!(waiting.await.unwrap(), 1);
    }

    #[tokio::test]
    async fn a_new_stream_ends_the_old_one_and_gets_what_is_left() {
        let (outbox, _) = outbox();
        let mut old = outbox.stream(hello());
        old.next().await.unwrap();
        let mut new = outbox.stream(hello());
        outbox.push(accepted(1));
        assert_eq!(old.next().await, None);
        new.next().await.unwrap();
        assert_eq!(batch(&mut new).await.len(), 1);
    }

    #[test]
    fn what_is_thrown_away_is_counted_and_its_writes_are_named() {
        let (outbox, metrics) = outbox();
        assert!(outbox.push(propose(1, 0)).is_empty());
        for matched in 1..BACKLOG_MESSAGES_MAX as u64 {
            assert!(outbox.push(accepted(matched)).is_empty());
        }
        let first = RequestId { node: NodeId(1), number: 1 };
        assert_eq!(outbox.push(propose(2, 0)), [first]);
        assert_eq!(metrics.peer_dropped.get(), 1);
        assert_eq!(outbox.clear(), [RequestId { number: 2, ..first }]);
        assert_eq!(metrics.peer_dropped.get(), 1 + BACKLOG_MESSAGES_MAX as u64);
    }
}
