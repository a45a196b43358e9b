//! What nodes tell each other.

use super::types::{Entry, LogIndex, RequestId, Term};

/// A message between two nodes. Loss, duplication, delay and reordering are all allowed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The sender's term (for a pre-vote request: the term it would campaign in).
    pub term: Term,
    /// What it says.
    pub payload: Payload,
}

/// The kinds of message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Payload {
    /// Would you vote for me in this term? Changes no state (thesis section 9.6).
    PreVoteRequest {
        /// The candidate's last entry.
        last_index: LogIndex,
        /// Its term.
        last_term: Term,
    },
    /// The answer; `term` is the one that was asked about when granted, else the voter's own.
    PreVoteResponse {
        /// Whether the vote would be given.
        granted: bool,
    },
    /// Vote for me in this term.
    VoteRequest {
        /// The candidate's last entry.
        last_index: LogIndex,
        /// Its term.
        last_term: Term,
    },
    /// The answer. Leaves only when the vote is durable.
    VoteResponse {
        /// Whether the vote was given.
        granted: bool,
    },
    /// Entries, or none: then it is a heartbeat.
    AppendRequest {
        /// Index of the entry right before `entries`.
        prev_index: LogIndex,
        /// Its term.
        prev_term: Term,
        /// Consecutive entries from `prev_index + 1`.
        entries: Vec<Entry>,
        /// The leader's commit index.
        commit: LogIndex,
        /// The leader's heartbeat round; an answer to it confirms leadership for reads that came before the round.
        round: u64,
    },
    /// The log matches the leader's up to `matched`, durably.
    AppendAccepted {
        /// Last index known to match: `prev_index + entries.len()`, never the follower's own last index.
        matched: LogIndex,
        /// The round that is answered.
        round: u64,
    },
    /// The entry at `prev_index` is missing or of another term.
    AppendRejected {
        /// The `prev_index` that was refused, to tell late answers apart.
        prev_index: LogIndex,
        /// The follower's best guess for where the logs may agree: highest index with a term at most `prev_term`.
        hint_index: LogIndex,
        /// The term of its entry there.
        hint_term: Term,
        /// The round that is answered: refusing entries still confirms who leads.
        round: u64,
    },
    /// A follower asks for a linearizable read position.
    ReadIndexRequest {
        /// The read it is for.
        request: RequestId,
    },
    /// The answer: serve the read once this index is applied; `None` if the asked node is not a leader that can tell.
    ReadIndexResponse {
        /// The read it is for.
        request: RequestId,
        /// The position, if there is one.
        index: Option<LogIndex>,
    },
    /// A follower hands on a client's write, once.
    Propose {
        /// The request; it comes back in the entry.
        request: RequestId,
        /// The command.
        command: Vec<u8>,
    },
    /// The write was surely not appended.
    ProposeRejected {
        /// The request.
        request: RequestId,
    },
}
