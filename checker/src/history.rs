//! Histories: what clients saw, in the order in which it was written down.
//!
//! A history is a list of [`Event`]s. Its order is the order of events: an operation whose completion stands before
//! another's invocation happened before it. Times are for people; the checker never compares them.
//!
//! ```text
//! p1  |-- write 1 --|
//! p2        |---- read -> 1 ----|          overlaps the write: may see it or not
//! p3                   |-- read -> nil --|  begins after the write completed: a violation
//! ```
//!
//! [`History::from_events`] and [`Builder`] pair invocations with completions and refuse what no correct recorder writes.
//! A [`History`] holds a few words an operation; [`Op`] is a view of one, [`Operation`] one by itself.

mod builder;
mod compact;
mod error;
mod event_ref;
mod names;
mod op;
mod operation;
pub(crate) mod packed;

pub use builder::Builder;
pub(crate) use builder::{Activities, Activity};
pub use compact::History;
pub(crate) use compact::{Ending, NONE, Record};
pub use error::HistoryError;
pub use event_ref::EventRef;
pub use op::{Op, OutcomeRef};
pub(crate) use operation::echoes;
pub use operation::{OpId, Operation, Outcome};

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::value::Value;

/// A logical single-threaded actor. An operation with an unknown outcome retires its process.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ProcessId(pub u64);

impl fmt::Display for ProcessId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}", self.0)
    }
}

/// The two ends of an operation, as a history line names them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EventKind {
    /// The operation begins; the request has not left yet.
    Invoke,
    /// It took effect, and this is what was answered.
    Ok,
    /// It surely had no effect, now or later.
    Fail,
    /// Nobody knows: it may have acted, may act later, or never.
    Info,
}

/// As a history line writes it: `invoke`, `ok`, `fail`, `info`.
impl fmt::Display for EventKind {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Invoke => "invoke",
            Self::Ok => "ok",
            Self::Fail => "fail",
            Self::Info => "info",
        })
    }
}

/// One line of a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Event {
    /// Position in the history, from 0.
    pub index: u64,
    /// Nanoseconds since the start of the run, for people; absent in some foreign histories.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<u64>,
    /// Who acts.
    pub process: ProcessId,
    /// Which end of the operation this is.
    #[serde(rename = "type")]
    pub kind: EventKind,
    /// The function: `read`, `write`, `cas`, `append`, `add`...
    pub f: String,
    /// The object acted on; absent where the history has one object only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub key: Option<String>,
    /// The argument (invoke), or what was answered (ok).
    #[serde(default)]
    pub value: Value,
    /// The node that was asked, where known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
    /// Why it failed or why the outcome is unknown, in the client's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
}
