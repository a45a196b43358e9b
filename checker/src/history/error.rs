//! Why a list of events is not a history.

use std::error::Error;
use std::fmt;

use super::{EventKind, ProcessId};

/// Why a list of events is not a history: what no correct recorder writes.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HistoryError {
    /// A completion of a process that has no open operation.
    NotInvoked {
        /// Position of the completion.
        event: usize,
        /// Whose it is.
        process: ProcessId,
        /// How it ended.
        kind: EventKind,
    },
    /// An invocation of a process that has an open operation.
    StillOpen {
        /// Position of the second invocation.
        event: usize,
        /// Whose it is.
        process: ProcessId,
        /// Position of the invocation that is still open.
        open: usize,
    },
    /// An invocation of a process that an `info` has retired: its earlier operation may still be running.
    Retired {
        /// Position of the invocation.
        event: usize,
        /// Whose it is.
        process: ProcessId,
        /// Position of the `info`.
        info: usize,
    },
    /// A completion that names another function or object than its invocation.
    Mismatch {
        /// Position of the completion.
        event: usize,
        /// Whose it is.
        process: ProcessId,
        /// Position of the invocation.
        invocation: usize,
        /// What was invoked: function, and object if it has one.
        invoked: String,
        /// What was completed.
        completed: String,
    },
    /// More events than can be numbered.
    TooLong {
        /// Position of the first that has no number.
        event: usize,
    },
}

impl HistoryError {
    /// Position, from 0, of the event that does not fit.
    pub fn event(&self) -> usize {
        match self {
            Self::NotInvoked { event, .. }
            | Self::StillOpen { event, .. }
            | Self::Retired { event, .. }
            | Self::Mismatch { event, .. }
            | Self::TooLong { event } => *event,
        }
    }
}

impl fmt::Display for HistoryError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotInvoked { event, process, kind } => write!(
                out,
                "event {event}: process {process} completes ({kind}) an operation that it has not invoked"
            ),
            Self::StillOpen { event, process, open } => write!(
                out,
                "event {event}: process {process} invokes an operation while its operation of event {open} is open"
            ),
            Self::Retired { event, process, info } => write!(
                out,
                "event {event}: process {process} invokes an operation after the info of event {info}, which may \
                 still be running: use a new process number after an info"
            ),
            Self::Mismatch { event, process, invocation, invoked, completed } => write!(
                out,
                "event {event}: process {process} completes `{completed}`, but invoked `{invoked}` at event \
                 {invocation}"
            ),
            Self::TooLong { event } => {
                write!(out, "event {event}: a history has at most {event} events; split it by key")
            }
        }
    }
}

impl Error for HistoryError {}
