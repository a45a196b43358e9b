//! Raft messages as protobuf and back.
//!
//! Owns the mapping only. Whatever a peer sends is checked for form here (every part there, ids present); whether it
//! makes sense is the core's business, which must survive any message.

use crate::proto::raft as wire;
use crate::raft::{Entry, LogIndex, Message, NodeId, Payload, RequestId, Term};

/// A frame that does not follow the protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(super) enum WireError {
    /// A part that must be there is missing.
    #[error("{0} is missing")]
    Missing(&'static str),
    /// There are no entries behind the last number.
    #[error("entries behind index {}", u64::MAX)]
    TooFar,
}

/// Puts a message into its wire form.
pub(super) fn to_wire(message: Message) -> wire::Message {
    wire::Message { term: message.term.0, payload: Some(payload_to_wire(message.payload)) }
}

/// Reads a message from its wire form.
pub(super) fn from_wire(message: wire::Message) -> Result<Message, WireError> {
    let payload = message.payload.ok_or(WireError::Missing("the payload of a message"))?;
    Ok(Message { term: Term(message.term), payload: payload_from_wire(payload)? })
}

fn payload_to_wire(payload: Payload) -> wire::message::Payload {
    use wire::message::Payload as Wire;
    match payload {
        Payload::PreVoteRequest { last_index, last_term } => {
            Wire::PreVoteRequest(wire::PreVoteRequest {
                last_index: last_index.0,
                last_term: last_term.0,
            })
        }
        Payload::PreVoteResponse { granted } => {
            Wire::PreVoteResponse(wire::PreVoteResponse { granted })
        }
        Payload::VoteRequest { last_index, last_term } => Wire::VoteRequest(wire::VoteRequest {
            last_index: last_index.0,
            last_term: last_term.0,
        }),
        Payload::VoteResponse { granted } => Wire::VoteResponse(wire::VoteResponse { granted }),
        Payload::AppendRequest { prev_index, prev_term, entries, commit, round } => {
            Wire::AppendRequest(wire::AppendRequest {
                prev_index: prev_index.0,
                prev_term: prev_term.0,
                entries: entries.into_iter().map(entry_to_wire).collect(),
                commit: commit.0,
                round,
            })
        }
        Payload::AppendAccepted { matched, round } => {
            Wire::AppendAccepted(wire::AppendAccepted { matched: matched.0, round })
        }
        Payload::AppendRejected { prev_index, hint_index, hint_term, round } => {
            Wire::AppendRejected(wire::AppendRejected {
                prev_index: prev_index.0,
                hint_index: hint_index.0,
                hint_term: hint_term.0,
                round,
            })
        }
        Payload::ReadIndexRequest { request } => {
            Wire::ReadIndexRequest(wire::ReadIndexRequest { request: Some(id_to_wire(request)) })
        }
        Payload::ReadIndexResponse { request, index } => {
            Wire::ReadIndexResponse(wire::ReadIndexResponse {
                request: Some(id_to_wire(request)),
                index: index.map(|index| index.0),
            })
        }
        Payload::Propose { request, command } => {
            Wire::Propose(wire::Propose { request: Some(id_to_wire(request)), command })
        }
        Payload::ProposeRejected { request } => {
            Wire::ProposeRejected(wire::ProposeRejected { request: Some(id_to_wire(request)) })
        }
    }
}

fn payload_from_wire(payload: wire::message::Payload) -> Result<Payload, WireError> {
    use wire::message::Payload as Wire;
    Ok(match payload {
        Wire::PreVoteRequest(it) => Payload::PreVoteRequest {
            last_index: LogIndex(it.last_index),
            last_term: Term(it.last_term),
        },
        Wire::PreVoteResponse(it) => Payload::PreVoteResponse { granted: it.granted },
        Wire::VoteRequest(it) => Payload::VoteRequest {
            last_index: LogIndex(it.last_index),
            last_term: Term(it.last_term),
        },
        Wire::VoteResponse(it) => Payload::VoteResponse { granted: it.granted },
        Wire::AppendRequest(it) => append_from_wire(it)?,
        Wire::AppendAccepted(it) => {
            Payload::AppendAccepted { matched: LogIndex(it.matched), round: it.round }
        }
        Wire::AppendRejected(it) => Payload::AppendRejected {
            prev_index: LogIndex(it.prev_index),
            hint_index: LogIndex(it.hint_index),
            hint_term: Term(it.hint_term),
            round: it.round,
        },
        Wire::ReadIndexRequest(it) => {
            Payload::ReadIndexRequest { request: id_from_wire(it.request)? }
        }
        Wire::ReadIndexResponse(it) => Payload::ReadIndexResponse {
            request: id_from_wire(it.request)?,
            index: it.index.map(LogIndex),
        },
        Wire::Propose(it) => {
            Payload::Propose { request: id_from_wire(it.request)?, command: it.command }
        }
        Wire::ProposeRejected(it) => {
            Payload::ProposeRejected { request: id_from_wire(it.request)? }
        }
    })
}

fn append_from_wire(it: wire::AppendRequest) -> Result<Payload, WireError> {
    Ok(Payload::AppendRequest {
        prev_index: LogIndex(it.prev_index),
        prev_term: Term(it.prev_term),
        entries: consecutive(LogIndex(it.prev_index), it.entries)?,
        commit: LogIndex(it.commit),
        round: it.round,
    })
}

/// The entries, which must follow `prev` without a gap: the one property of their order that the core relies on.
fn consecutive(prev: LogIndex, entries: Vec<wire::Entry>) -> Result<Vec<Entry>, WireError> {
    let mut expected = prev.0;
    entries
        .into_iter()
        .map(|entry| {
            expected = expected.checked_add(1).ok_or(WireError::TooFar)?;
            if entry.index == expected {
                Ok(entry_from_wire(entry))
            } else {
                Err(WireError::Missing("an entry in the middle of a batch"))
            }
        })
        .collect()
}

fn entry_to_wire(entry: Entry) -> wire::Entry {
    wire::Entry {
        term: entry.term.0,
        index: entry.index.0,
        request: entry.request.map(id_to_wire),
        command: entry.command,
    }
}

fn entry_from_wire(entry: wire::Entry) -> Entry {
    Entry {
        term: Term(entry.term),
        index: LogIndex(entry.index),
        request: entry.request.map(|id| RequestId { node: NodeId(id.node), number: id.number }),
        command: entry.command,
    }
}

fn id_to_wire(id: RequestId) -> wire::RequestId {
    wire::RequestId { node: id.node.0, number: id.number }
}

fn id_from_wire(id: Option<wire::RequestId>) -> Result<RequestId, WireError> {
    let id = id.ok_or(WireError::Missing("a request id"))?;
    Ok(RequestId { node: NodeId(id.node), number: id.number })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::replica::size_hint;
    use prost::Message as _;

    fn entry(index: u64) -> Entry {
        Entry {
            term: Term(3),
            index: LogIndex(index),
            request: index
                .is_multiple_of(2)
                .then_some(RequestId { node: NodeId(2), number: u64::MAX - index }),
            command: vec![0, 255, u8::try_from(index).unwrap()],
        }
    }

    fn all_payloads() -> Vec<Payload> {
        let request = RequestId { node: NodeId(1), number: 1 << 40 };
        let (index, term) = (LogIndex(7), Term(5));
        vec![
            Payload::PreVoteRequest { last_index: index, last_term: term },
            Payload::PreVoteResponse { granted: true },
            Payload::PreVoteResponse { granted: false },
            Payload::VoteRequest { last_index: index, last_term: term },
            Payload::VoteResponse { granted: true },
            Payload::AppendRequest {
                prev_index: LogIndex(7),
                prev_term: term,
                entries: vec![entry(8), entry(9)],
                commit: LogIndex(6),
                round: 12,
            },
            Payload::AppendRequest {
                prev_index: LogIndex(0),
                prev_term: Term(0),
                entries: Vec::new(),
                commit: LogIndex(0),
                round: 0,
            },
            Payload::AppendAccepted { matched: index, round: 3 },
            Payload::AppendRejected {
                prev_index: index,
                hint_index: LogIndex(4),
                hint_term: Term(2),
                round: 9,
            },
            Payload::ReadIndexRequest { request },
            Payload::ReadIndexResponse { request, index: Some(LogIndex(0)) },
            Payload::ReadIndexResponse { request, index: None },
            Payload::Propose { request, command: b"put".to_vec() },
            Payload::ProposeRejected { request },
        ]
    }

    #[test]
    fn every_message_survives_the_trip() {
        for payload in all_payloads() {
            let message = Message { term: Term(u64::MAX), payload };
            let bytes = to_wire(message.clone()).encode_to_vec();
            let back = from_wire(wire::Message::decode(bytes.as_slice()).unwrap());
            assert_eq!(back, Ok(message));
        }
    }

    #[test]
    fn a_message_without_payload_is_refused() {
        let bare = wire::Message { term: 1, payload: None };
        assert_eq!(from_wire(bare), Err(WireError::Missing("the payload of a message")));
    }

    #[test]
    fn a_gap_in_the_entries_is_refused() {
        let message = Message {
            term: Term(5),
            payload: Payload::AppendRequest {
                prev_index: LogIndex(7),
                prev_term: Term(5),
                entries: vec![entry(8), entry(10)],
                commit: LogIndex(6),
                round: 1,
            },
        };
        assert!(from_wire(to_wire(message)).is_err());
    }

    #[test]
    fn entries_behind_the_last_number_are_refused() {
        let mut behind = entry(8);
        behind.index = LogIndex(0);
        let message = Message {
            term: Term(5),
            payload: Payload::AppendRequest {
                prev_index: LogIndex(u64::MAX),
                prev_term: Term(5),
                entries: vec![behind],
                commit: LogIndex(6),
                round: 1,
            },
        };
        assert_eq!(from_wire(to_wire(message)), Err(WireError::TooFar));
    }

    #[test]
    fn the_size_hint_grows_with_the_commands() {
        let append = |entries| Message {
            term: Term(1),
            payload: Payload::AppendRequest {
                prev_index: LogIndex(0),
                prev_term: Term(0),
                entries,
                commit: LogIndex(0),
                round: 0,
            },
        };
        let mut big = entry(1);
        big.command = vec![0; 1000];
        let message = append(vec![big]);
        let exact = to_wire(message.clone()).encoded_len();
        assert!(size_hint(&message) >= exact, "{} < {exact}", size_hint(&message));
        assert!(size_hint(&append(Vec::new())) < 100);
    }
}
