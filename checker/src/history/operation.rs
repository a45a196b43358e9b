//! An invocation together with, at most, one completion.

use serde::{Deserialize, Serialize};

use super::ProcessId;
use crate::value::Value;

/// Number of an operation within its history, from 0, in order of invocation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct OpId(pub usize);

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It took effect between invocation and completion, and answered this.
    Ok(Value),
    /// It surely had no effect. Carries what the completion said (some models learn from it).
    Fail(Value),
    /// Unknown: crashed, timed out, or never completed. It may act at any later time, or never.
    Info,
}

/// One operation of a history.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Operation {
    /// Number within the history.
    pub id: OpId,
    /// Who performed it.
    pub process: ProcessId,
    /// The function, as in the history.
    pub f: String,
    /// The object, if the history names one.
    pub key: Option<String>,
    /// The argument of the invocation.
    pub input: Value,
    /// What became of it.
    pub outcome: Outcome,
    /// Position of the invocation in the history.
    pub call: u64,
    /// Position of the completion; `None` where there is none or it is `info`: such an operation never ends.
    pub ret: Option<u64>,
    /// Nanoseconds of the invocation since the start of the run.
    pub call_time: Option<u64>,
    /// Nanoseconds of the completion (an `info` completion too), if one was recorded.
    pub ret_time: Option<u64>,
    /// The node that was asked, where known.
    pub node: Option<String>,
    /// Why it failed or is unknown, in the client's words.
    pub error: Option<String>,
}

impl Operation {
    /// Whether its function only changes something, so that its completion has nothing to answer, and repeats the
    /// argument if anything.
    pub fn echoes(&self) -> bool {
        echoes(&self.f)
    }
}

/// See [`Operation::echoes`].
pub(crate) fn echoes(f: &str) -> bool {
    matches!(f, "write" | "cas" | "put" | "append" | "add" | "enqueue" | "push" | "insert")
}
