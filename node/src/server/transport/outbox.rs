//! What waits to be sent to one peer.
//!
//! Bounded by messages and bytes. When full, the *oldest* message goes: after a stall the newest heartbeat and the newest
//! answer tell a peer where things stand, while old ones are refused for their term or repeat what is known. A hole in a
//! run of append requests costs one rejection with a hint.

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use tokio_stream::Stream;

use crate::proto::raft as wire;
use crate::raft::{Message, Payload, RequestId};
use crate::server::metrics::Metrics;
use crate::server::wire::{size_hint, to_wire};

const MESSAGES_MAX: usize = 4096;
const BYTES_MAX: usize = 32 * 1024 * 1024;
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
    messages: VecDeque<Message>,
    bytes: usize,
    /// Number of the stream that may read. An HTTP/2 connection holds on to its stream for a while after it broke, and
    /// must not swallow what is meant for the next one.
    reader: u64,
    waker: Option<Waker>,
}

impl State {
    fn pop(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.bytes -= size_hint(&message);
        Some(message)
    }
}

impl Outbox {
    /// An empty queue.
    pub(in crate::server) fn new(metrics: Arc<Metrics>) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), metrics })
    }

    /// Queues a message. Returns the client writes among what was thrown away for it: they never left this node.
    pub(in crate::server) fn push(&self, message: Message) -> Vec<RequestId> {
        let mut lost = Vec::new();
        let waker = {
            let mut state = self.lock();
            state.bytes += size_hint(&message);
            state.messages.push_back(message);
            while state.messages.len() > MESSAGES_MAX
                || (state.bytes > BYTES_MAX && state.messages.len() > 1)
            {
                self.metrics.peer_dropped.increment();
                lost.extend(state.pop().as_ref().and_then(forwarded_write));
            }
            state.waker.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        lost
    }

    /// Throws everything away, as the peer cannot be reached. Returns the client writes among it.
    pub(super) fn clear(&self) -> Vec<RequestId> {
        let mut state = self.lock();
        state.bytes = 0;
        let messages = std::mem::take(&mut state.messages);
        drop(state);
        self.metrics.peer_dropped.add(messages.len() as u64);
        messages.iter().filter_map(forwarded_write).collect()
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

    /// How many messages wait.
    #[cfg(test)]
    pub(in crate::server) fn len(&self) -> usize {
        self.lock().messages.len()
    }

    /// What waits.
    #[cfg(test)]
    pub(in crate::server) fn messages(&self) -> Vec<Message> {
        self.lock().messages.iter().cloned().collect()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The request, if the message hands on a client's write.
fn forwarded_write(message: &Message) -> Option<RequestId> {
    match message.payload {
        Payload::Propose { request, .. } => Some(request),
        _ => None,
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
            let Some(message) = state.pop() else { break };
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
    use crate::raft::{LogIndex, NodeId, Term};
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
    fn a_full_queue_drops_the_oldest_and_names_the_writes_among_it() {
        let (outbox, metrics) = outbox();
        assert!(outbox.push(propose(1, 0)).is_empty());
        for matched in 1..MESSAGES_MAX as u64 {
            assert!(outbox.push(accepted(matched)).is_empty());
        }
        let lost = outbox.push(accepted(0));
        assert_eq!(lost, [RequestId { node: NodeId(1), number: 1 }]);
        assert!(outbox.push(accepted(0)).is_empty());
        assert_eq!(metrics.peer_dropped.get(), 2);
        assert_eq!(outbox.lock().messages.len(), MESSAGES_MAX);
    }

    #[test]
    fn bytes_are_bounded_too_but_one_message_always_fits() {
        let (outbox, _) = outbox();
        assert!(outbox.push(propose(1, 2 * BYTES_MAX)).is_empty());
        assert_eq!(outbox.push(propose(2, 10)).len(), 1);
        assert!(outbox.lock().bytes < BYTES_MAX);
        assert_eq!(outbox.clear().len(), 1);
        assert_eq!(outbox.lock().bytes, 0);
    }
}
