//! Why a client's request was not answered with a result, and what the client may conclude.
//!
//! Every error of this API carries the trailer `rashomon-outcome`: `fail` when the request surely has no effect, now or
//! later, and `info` when it may have been carried out, or may still be. A client that does not know the trailer goes by
//! code and text, which no two rows with different outcomes share:
//!
//! | failure | code | text | a write | a read |
//! |---|---|---|---|---|
//! | `NoLeader` | `UNAVAILABLE` | etcdserver: no leader | fail | fail |
//! | `NotLeader` | `FAILED_PRECONDITION` | etcdserver: not leader (trailer `rashomon-leader`: its id) | fail | fail |
//! | `LeaderUnreachable` | `UNAVAILABLE` | etcdserver: leader is unreachable | fail | - |
//! | `Declined` | `UNAVAILABLE` | etcdserver: leader did not take the request | fail | fail |
//! | `LeaderChanged` | `UNAVAILABLE` | etcdserver: request outcome is unknown, leadership changed | info | - |
//! | `Stopped` | `UNAVAILABLE` | etcdserver: request outcome is unknown, server stopped | info | - |
//! | `TimedOut` | `UNAVAILABLE` | etcdserver: request timed out | info | fail |
//! | `Stopping` | `UNAVAILABLE` | etcdserver: server stopped | fail | fail |
//! | `TooManyRequests` | `RESOURCE_EXHAUSTED` | etcdserver: too many requests | fail | fail |
//! | `Refused` | as etcd | as etcd | fail | fail |
//!
//! (`request timed out` is the one text whose outcome differs, by the kind of request, which the client knows.)
//!
//! Errors that the gRPC library gives itself have no trailer. What it refuses before this API sees it (an unknown method,
//! a message that is too long or cannot be decoded: `UNIMPLEMENTED`, `OUT_OF_RANGE`, `INTERNAL`) has no effect. When the
//! client's own deadline (`grpc-timeout`) passes, tonic answers `CANCELLED` with the text "Timeout expired", where etcd
//! answers `DEADLINE_EXCEEDED`; a write may then have been carried out, or may still be.

use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

use crate::kv::KvError;
use crate::raft::{NodeId, Refusal};

/// Trailer that says what a failed request may have done.
pub const OUTCOME_TRAILER: &str = "rashomon-outcome";
/// Trailer that names the leader to ask instead.
pub const LEADER_TRAILER: &str = "rashomon-leader";

/// Why there is no result.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// Nobody leads, as far as this node knows.
    NoLeader,
    /// The node that was asked, or the one it asked in turn, does not lead (any more); this one does.
    NotLeader(NodeId),
    /// The write was for the leader, and was thrown away before it left this node.
    LeaderUnreachable,
    /// The leader did not take the request: it has its hands full, or has just lost its office.
    Declined,
    /// The write was handed to Raft, and then leadership changed hands.
    LeaderChanged,
    /// The write was handed to Raft, and then this node was told to stop.
    Stopped,
    /// No answer in all the time that a request is waited for.
    TimedOut,
    /// The node is stopping and takes no more requests.
    Stopping,
    /// As many requests are under way as this node takes.
    TooManyRequests,
    /// The state machine, or the check before it, refused the request.
    Refused(KvError),
}

/// Whether a failed request may have had an effect; the word in the trailer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// Surely not, and never will.
    Fail,
    /// Nobody knows.
    Info,
}

impl Failure {
    /// What a failed write may have done.
    pub const fn outcome_of_write(&self) -> Outcome {
        match self {
            Self::LeaderChanged | Self::Stopped | Self::TimedOut => Outcome::Info,
            Self::NoLeader
            | Self::NotLeader(_)
            | Self::LeaderUnreachable
            | Self::Declined
            | Self::Stopping
            | Self::TooManyRequests
            | Self::Refused(_) => Outcome::Fail,
        }
    }

    /// The status that answers a write.
    pub fn into_write_status(self) -> Status {
        let outcome = self.outcome_of_write();
        self.into_status(outcome)
    }

    /// The status that answers a read: it has no effect, whatever happened to it.
    pub fn into_read_status(self) -> Status {
        self.into_status(Outcome::Fail)
    }

    fn into_status(self, outcome: Outcome) -> Status {
        let mut trailers = MetadataMap::new();
        let word = match outcome {
            Outcome::Fail => "fail",
            Outcome::Info => "info",
        };
        trailers.insert(OUTCOME_TRAILER, MetadataValue::from_static(word));
        if let Self::NotLeader(leader) = self {
            trailers.insert(LEADER_TRAILER, MetadataValue::from(leader.0));
        }
        Status::with_metadata(self.code(), self.text(), trailers)
    }

    fn code(&self) -> Code {
        match self {
            Self::NotLeader(_) => Code::FailedPrecondition,
            Self::TooManyRequests => Code::ResourceExhausted,
            Self::Refused(error) => error.code(),
            _ => Code::Unavailable,
        }
    }

    fn text(&self) -> String {
        match self {
            Self::NoLeader => "etcdserver: no leader".to_owned(),
            Self::NotLeader(_) => "etcdserver: not leader".to_owned(),
            Self::LeaderUnreachable => "etcdserver: leader is unreachable".to_owned(),
            Self::Declined => "etcdserver: leader did not take the request".to_owned(),
            Self::LeaderChanged => {
                "etcdserver: request outcome is unknown, leadership changed".to_owned()
            }
            Self::Stopped => "etcdserver: request outcome is unknown, server stopped".to_owned(),
            Self::TimedOut => "etcdserver: request timed out".to_owned(),
            Self::Stopping => "etcdserver: server stopped".to_owned(),
            Self::TooManyRequests => "etcdserver: too many requests".to_owned(),
            Self::Refused(error) => error.to_string(),
        }
    }
}

impl From<Refusal> for Failure {
    fn from(reason: Refusal) -> Self {
        match reason {
            Refusal::NoLeader => Self::NoLeader,
            Refusal::NotLeader(leader) => Self::NotLeader(leader),
            Refusal::Busy => Self::TooManyRequests,
            Refusal::Declined => Self::Declined,
            Refusal::NoAnswer => Self::TimedOut,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeMap;

    fn all() -> [Failure; 10] {
        [
            Failure::NoLeader,
            Failure::NotLeader(NodeId(3)),
            Failure::LeaderUnreachable,
            Failure::Declined,
            Failure::LeaderChanged,
            Failure::Stopped,
            Failure::TimedOut,
            Failure::Stopping,
            Failure::TooManyRequests,
            Failure::Refused(KvError::EmptyKey),
        ]
    }

    fn outcome(status: &Status) -> String {
        status.metadata().get(OUTCOME_TRAILER).unwrap().to_str().unwrap().to_owned()
    }

    #[test]
    fn code_and_text_tell_the_outcome_of_a_write() {
        let mut seen = BTreeMap::new();
        for failure in all() {
            let status = failure.clone().into_write_status();
            let key = (format!("{:?}", status.code()), status.message().to_owned());
            assert_eq!(seen.insert(key, outcome(&status)), None, "{failure:?} is not unique");
        }
        let unknown: Vec<_> = seen.iter().filter(|(_, outcome)| *outcome == "info").collect();
        assert_eq!(unknown.len(), 3, "{unknown:?}");
    }

    #[test]
    fn a_read_has_no_effect_however_it_fails() {
        for failure in all() {
            assert_eq!(outcome(&failure.into_read_status()), "fail");
        }
    }

    #[test]
    fn the_leader_is_named() {
        let status = Failure::NotLeader(NodeId(3)).into_write_status();
        assert_eq!(status.metadata().get(LEADER_TRAILER).unwrap(), "3");
        assert_eq!(status.code(), Code::FailedPrecondition, "etcd's");
    }
}
