//! What travels on simulated links.

use rashomon_node::raft::{Message, NodeId, Payload};

use super::booth::{Connection, News, Request, Slip};
use super::network::{Kinds, Letter};
use super::trace::Hash;

/// One thing on its way between two nodes, or between a client and a node.
#[derive(Debug, Clone)]
pub(super) enum Parcel {
    /// What a node tells another one.
    Peer {
        /// The sender, and its life.
        from: NodeId,
        incarnation: u64,
        message: Message,
    },
    /// A client connects.
    Knock { slip: Slip, connection: Connection },
    /// A client asks.
    Ask { slip: Slip, connection: Connection, request: Request },
    /// A client hangs up.
    HangUp { connection: Connection },
    /// A node answers.
    Answer { slip: Slip, connection: Connection, news: News },
    /// The node's end of a connection is gone.
    Reset { connection: Connection },
}

/// How many kinds of messages between nodes there are; their bits are the lowest.
pub(super) const KINDS_BETWEEN_NODES: u32 = 11;

/// The kinds of letters by name, in the order of their bits; those of messages between nodes first.
pub(super) const KIND_NAMES: [&str; 16] = [
    "PreVoteRequest",
    "PreVoteResponse",
    "VoteRequest",
    "VoteResponse",
    "AppendRequest",
    "AppendAccepted",
    "AppendRejected",
    "ReadIndexRequest",
    "ReadIndexResponse",
    "Propose",
    "ProposeRejected",
    "Knock",
    "Ask",
    "HangUp",
    "Answer",
    "Reset",
];

impl Parcel {
    /// The place of its kind in [`KIND_NAMES`].
    pub(super) const fn kind_number(&self) -> u32 {
        match self {
            Self::Peer { message, .. } => payload_number(&message.payload),
            Self::Knock { .. } => 11,
            Self::Ask { .. } => 12,
            Self::HangUp { .. } => 13,
            Self::Answer { .. } => 14,
            Self::Reset { .. } => 15,
        }
    }
}

impl Parcel {
    /// Goes on with a hash by what it says.
    pub(super) fn digest(&self, hash: &mut Hash) {
        hash.number(u64::from(self.kind_number()));
        match self {
            Self::Peer { from, incarnation, message } => {
                hash.number(from.0 << 48 ^ incarnation);
                hash.number(message.term.0);
                match &message.payload {
                    Payload::AppendRequest { prev_index, entries, commit, .. } => {
                        hash.number(prev_index.0);
                        hash.number(commit.0);
                        hash.number(entries.len() as u64);
                    }
                    Payload::AppendAccepted { matched, round } => {
                        hash.number(matched.0);
                        hash.number(*round);
                    }
                    Payload::Propose { command, .. } => hash.bytes(command),
                    _ => {}
                }
            }
            Self::Ask { request, .. } => match request {
                Request::Range(bytes) | Request::Put(bytes) | Request::Txn(bytes) => {
                    hash.bytes(bytes);
                }
            },
            Self::Answer { news: News::Response(bytes), .. } => hash.bytes(bytes),
            Self::Knock { .. } | Self::HangUp { .. } | Self::Answer { .. } | Self::Reset { .. } => {
            }
        }
    }
}

/// The place of a message's kind in [`KIND_NAMES`].
pub(super) const fn payload_number(payload: &Payload) -> u32 {
    match payload {
        Payload::PreVoteRequest { .. } => 0,
        Payload::PreVoteResponse { .. } => 1,
        Payload::VoteRequest { .. } => 2,
        Payload::VoteResponse { .. } => 3,
        Payload::AppendRequest { .. } => 4,
        Payload::AppendAccepted { .. } => 5,
        Payload::AppendRejected { .. } => 6,
        Payload::ReadIndexRequest { .. } => 7,
        Payload::ReadIndexResponse { .. } => 8,
        Payload::Propose { .. } => 9,
        Payload::ProposeRejected { .. } => 10,
    }
}

/// What a frame costs besides what is in it.
const OVERHEAD: u64 = 40;

impl Letter for Parcel {
    fn bytes(&self) -> u64 {
        let content = match self {
            Self::Peer { message, .. } => match &message.payload {
                Payload::AppendRequest { entries, .. } => {
                    entries.iter().map(|entry| entry.command.len() as u64 + 24).sum()
                }
                Payload::Propose { command, .. } => command.len() as u64,
                _ => 0,
            },
            Self::Ask { request, .. } => match request {
                Request::Range(bytes) | Request::Put(bytes) | Request::Txn(bytes) => {
                    bytes.len() as u64
                }
            },
            Self::Answer { news: News::Response(bytes), .. } => bytes.len() as u64,
            _ => 0,
        };
        OVERHEAD + content
    }

    fn kind(&self) -> Kinds {
        Kinds(1 << self.kind_number())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rashomon_node::raft::{LogIndex, Term};

    #[test]
    fn kinds_have_the_names_that_scripts_use() {
        let payload = Payload::AppendAccepted { matched: LogIndex(1), round: 0 };
        let message = Message { term: Term(1), payload };
        let parcel = Parcel::Peer { from: NodeId(1), incarnation: 1, message };
        assert_eq!(KIND_NAMES[parcel.kind_number() as usize], "AppendAccepted");
        let parcel = Parcel::Reset { connection: Connection(1) };
        assert_eq!(KIND_NAMES[parcel.kind_number() as usize], "Reset");
        assert!(parcel.kind().meet(Kinds(1 << 15)));
    }
}
