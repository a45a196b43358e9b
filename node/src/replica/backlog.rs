//! What waits to be sent to one peer, in order and bounded.
//!
//! When it is full the *oldest* message goes: after a stall the newest heartbeat and the newest answer tell a peer where
//! things stand, while old ones are refused for their term or repeat what is known. A hole in a run of append requests
//! costs one rejection with a hint. A client's write that is thrown away never left this node, and its client is told so.

use std::collections::VecDeque;
use std::mem;

use crate::raft::{Message, Payload, RequestId};

/// Most messages.
pub const BACKLOG_MESSAGES_MAX: usize = 4096;
/// Most bytes, unless a single message is longer.
pub const BACKLOG_BYTES_MAX: usize = 32 * 1024 * 1024;

/// A bounded queue of messages.
#[derive(Debug, Default)]
pub struct Backlog {
    messages: VecDeque<Message>,
    bytes: usize,
}

/// What was thrown away.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Dropped {
    /// How many messages.
    pub messages: usize,
    /// The client writes among them: they never left this node.
    pub writes: Vec<RequestId>,
}

impl Dropped {
    fn add(&mut self, message: &Message) {
        self.messages += 1;
        if let Payload::Propose { request, .. } = message.payload {
            self.writes.push(request);
        }
    }
}

impl Backlog {
    /// Queues a message, and says what had to go for it.
    pub fn push(&mut self, message: Message) -> Dropped {
        self.bytes += size_hint(&message);
        self.messages.push_back(message);
        let mut dropped = Dropped::default();
        while self.messages.len() > BACKLOG_MESSAGES_MAX
            || (self.bytes > BACKLOG_BYTES_MAX && self.messages.len() > 1)
        {
            if let Some(oldest) = self.pop() {
                dropped.add(&oldest);
            }
        }
        dropped
    }

    /// Takes the oldest message.
    pub fn pop(&mut self) -> Option<Message> {
        let message = self.messages.pop_front()?;
        self.bytes -= size_hint(&message);
        Some(message)
    }

    /// Throws everything away, as the peer cannot be reached.
    pub fn clear(&mut self) -> Dropped {
        let mut dropped = Dropped::default();
        for message in mem::take(self).messages {
            dropped.add(&message);
        }
        dropped
    }

    /// How many messages wait.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }
}

/// Roughly how many bytes the message takes; for bounds on queues and batches, so that the encoder is not run twice.
pub fn size_hint(message: &Message) -> usize {
    /// Tags, lengths and the numbers around the commands.
    const FIXED: usize = 48;
    match &message.payload {
        Payload::AppendRequest { entries, .. } => {
            FIXED + entries.iter().map(|entry| FIXED + entry.command.len()).sum::<usize>()
        }
        Payload::Propose { command, .. } => FIXED + command.len(),
        _ => FIXED,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{LogIndex, NodeId, Term};

    fn accepted(matched: u64) -> Message {
        let payload = Payload::AppendAccepted { matched: LogIndex(matched), round: 0 };
        Message { term: Term(1), payload }
    }

    fn request(number: u64) -> RequestId {
        RequestId { node: NodeId(1), number }
    }

    fn propose(number: u64, bytes: usize) -> Message {
        let payload = Payload::Propose { request: request(number), command: vec![0; bytes] };
        Message { term: Term(1), payload }
    }

    #[test]
    fn a_full_queue_drops_the_oldest_and_names_the_writes_among_it() {
        let mut backlog = Backlog::default();
        assert_eq!(backlog.push(propose(1, 0)), Dropped::default());
        for matched in 1..BACKLOG_MESSAGES_MAX as u64 {
            assert_eq!(backlog.push(accepted(matched)), Dropped::default());
        }
        let dropped = backlog.push(accepted(0));
        assert_eq!(dropped, Dropped { messages: 1, writes: vec![request(1)] });
        assert_eq!(backlog.push(accepted(0)), Dropped { messages: 1, writes: Vec::new() });
        assert_eq!(backlog.len(), BACKLOG_MESSAGES_MAX);
        assert_eq!(backlog.pop(), Some(accepted(2)));
    }

    #[test]
    fn bytes_are_bounded_too_but_one_message_always_fits() {
        let mut backlog = Backlog::default();
        assert_eq!(backlog.push(propose(1, 2 * BACKLOG_BYTES_MAX)), Dropped::default());
        assert_eq!(backlog.push(propose(2, 10)).writes, [request(1)]);
        assert!(backlog.bytes < BACKLOG_BYTES_MAX);
        assert_eq!(backlog.len(), 1);
    }

    #[test]
    fn clearing_names_every_write_and_leaves_room() {
        let mut backlog = Backlog::default();
        backlog.push(propose(1, 10));
        backlog.push(accepted(1));
        backlog.push(propose(2, 10));
        let dropped = backlog.clear();
        assert_eq!(dropped, Dropped { messages: 3, writes: vec![request(1), request(2)] });
        assert!(backlog.is_empty());
        assert_eq!((backlog.bytes, backlog.pop()), (0, None));
    }
}
