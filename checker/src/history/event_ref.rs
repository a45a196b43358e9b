//! One event, borrowed from wherever it was read.

use super::{Event, EventKind, ProcessId};
use crate::value::Value;

/// One event of a history whose texts are still where the reader found them. What a [`super::Builder`] takes: nothing
/// is copied that is known already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventRef<'a> {
    /// Nanoseconds since the start of the run, for people.
    pub time: Option<u64>,
    /// Who acts.
    pub process: ProcessId,
    /// Which end of the operation this is.
    pub kind: EventKind,
    /// The function.
    pub f: &'a str,
    /// The object acted on.
    pub key: Option<&'a str>,
    /// The argument (invoke), or what was answered (ok).
    pub value: Value,
    /// The node that was asked.
    pub node: Option<&'a str>,
    /// Why it failed or why the outcome is unknown.
    pub error: Option<&'a str>,
}

impl<'a> From<&'a Event> for EventRef<'a> {
    fn from(event: &'a Event) -> Self {
        Self {
            time: event.time,
            process: event.process,
            kind: event.kind,
            f: &event.f,
            key: event.key.as_deref(),
            value: event.value.clone(),
            node: event.node.as_deref(),
            error: event.error.as_deref(),
        }
    }
}
