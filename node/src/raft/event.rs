//! What goes into the core and what comes out of it.

use super::message::Message;
use super::types::{Entry, HardState, IoSeq, LogIndex, NodeId, RequestId, Term};

/// Something happened. The core's only input, always together with the node's current time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// The deadline of `next_deadline` has come.
    Tick,
    /// A message arrived.
    Receive {
        /// Who sent it.
        from: NodeId,
        /// What it says.
        message: Message,
    },
    /// A client asks this node to write.
    Propose {
        /// Names the request; the answer is an `Apply` with this id in an entry, or a `Refuse`/`Forget` effect.
        request: RequestId,
        /// The command.
        command: Vec<u8>,
    },
    /// A client asks this node for a linearizable read.
    Read {
        /// Names the read; the answer is `ReadReady` or `Refuse`.
        request: RequestId,
    },
    /// Every `Write` up to and including this one is durable.
    Persisted(IoSeq),
    /// The peer's connection broke: what was sent may be lost.
    Unreachable(NodeId),
}

/// Something to do. Effects of one step are carried out in order; only `Send` may wait for the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Append to the write-ahead log; report `Event::Persisted(io)` once durable. Entries replace any that the log has
    /// from their first index on.
    Write {
        /// Number of this write; consecutive.
        io: IoSeq,
        /// The new hard state, if it changed.
        hard: Option<HardState>,
        /// Consecutive entries; may be empty.
        entries: Vec<Entry>,
    },
    /// Send a message, but not before write `after` is durable (0: at once). Messages to one node leave in the order in
    /// which their conditions are met.
    Send {
        /// The receiver.
        to: NodeId,
        /// The message.
        message: Message,
        /// The write that must be durable first.
        after: IoSeq,
    },
    /// Committed entries, consecutive and each exactly once (per incarnation, from 1), for the state machine.
    Apply {
        /// The entries; an entry whose request this node took answers that request.
        entries: Vec<Entry>,
    },
    /// The read may be served once everything up to `index` is applied.
    ReadReady {
        /// The read.
        request: RequestId,
        /// The position.
        index: LogIndex,
    },
    /// The request surely has no effect, now or later (a write that was never appended, or a read).
    Refuse {
        /// The request.
        request: RequestId,
        /// Why.
        reason: Refusal,
    },
    /// Leadership was lost or changed while the write was under way: it may still be committed. Answer "unknown".
    Forget {
        /// The request.
        request: RequestId,
    },
    /// This node, as leader, has appended the request's entry (correct shells only count it).
    Appended {
        /// The request.
        request: RequestId,
        /// Where.
        index: LogIndex,
    },
    /// Role, term or known leader changed.
    Role {
        /// The role now.
        role: Role,
        /// The term now.
        term: Term,
        /// The leader of this term, if known.
        leader: Option<NodeId>,
    },
}

/// Why a request surely has no effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refusal {
    /// Nobody leads, as far as this node knows.
    NoLeader,
    /// Who led when the request came does not lead any more; this one does.
    NotLeader(NodeId),
    /// This node has its hands full.
    Busy,
    /// The leader did not take it: it has its hands full, or has just lost its office.
    Declined,
    /// The leader did not answer in a long time. Reads only: a write without an answer is forgotten, not refused.
    NoAnswer,
}

/// What a node is at the moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Role {
    /// Follows a leader, or waits for one.
    Follower,
    /// Asks whether an election could be won, without changing its term.
    PreCandidate,
    /// Campaigns.
    Candidate,
    /// Leads.
    Leader,
}

impl Role {
    /// The word for logs and metrics.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Follower => "follower",
            Self::PreCandidate => "pre-candidate",
            Self::Candidate => "candidate",
            Self::Leader => "leader",
        }
    }
}
