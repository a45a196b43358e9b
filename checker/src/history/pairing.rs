//! From events to operations.

use std::error::Error;
use std::fmt;

use rustc_hash::FxHashMap;

use super::{Event, EventKind, OpId, Operation, Outcome, ProcessId};

/// Operations in order of invocation.
///
/// Invariants, established by [`History::from_events`]:
/// - operation `i` has [`OpId`] `i`, and `call` grows with `i`;
/// - `call < ret` where there is a `ret`, and no two positions are equal;
/// - a process has at most one open operation, and none after one of unknown outcome.
#[derive(Debug, Clone, Default)]
pub struct History {
    operations: Vec<Operation>,
    nil_reads_unknown: bool,
}

/// Why a list of events is not a history: what no correct recorder writes.
#[derive(Debug, Clone, PartialEq, Eq)]
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
}

impl HistoryError {
    /// Position, from 0, of the event that does not fit.
    pub fn event(&self) -> usize {
        match self {
            Self::NotInvoked { event, .. }
            | Self::StillOpen { event, .. }
            | Self::Retired { event, .. }
            | Self::Mismatch { event, .. } => *event,
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
        }
    }
}

impl Error for HistoryError {}

/// What a process is doing.
enum Activity {
    Open(usize),
    Retired(usize),
}

impl History {
    /// Pairs invocations with completions. An invocation without a completion has an unknown outcome, as if an `info`
    /// had followed.
    ///
    /// The order of `events` is the order of the history; their `index` fields are not looked at.
    pub fn from_events(events: &[Event]) -> Result<Self, HistoryError> {
        let mut operations: Vec<Operation> = Vec::with_capacity(events.len().div_ceil(2));
        let mut processes: FxHashMap<ProcessId, Activity> = FxHashMap::default();
        for (position, event) in events.iter().enumerate() {
            let process = event.process;
            match (event.kind, processes.get(&process)) {
                (EventKind::Invoke, None) => {
                    processes.insert(process, Activity::Open(operations.len()));
                    operations.push(opened(operations.len(), position, event));
                }
                (EventKind::Invoke, Some(Activity::Open(index))) => {
                    let open = operations[*index].call as usize;
                    return Err(HistoryError::StillOpen { event: position, process, open });
                }
                (EventKind::Invoke, Some(Activity::Retired(info))) => {
                    return Err(HistoryError::Retired { event: position, process, info: *info });
                }
                (kind, Some(Activity::Open(index))) => {
                    let operation = &mut operations[*index];
                    close(operation, position, event)?;
                    if kind == EventKind::Info {
                        processes.insert(process, Activity::Retired(position));
                    } else {
                        processes.remove(&process);
                    }
                }
                (kind, None | Some(Activity::Retired(_))) => {
                    return Err(HistoryError::NotInvoked { event: position, process, kind });
                }
            }
        }
        Ok(Self { operations, nil_reads_unknown: false })
    }

    /// All operations, in order of invocation.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The same history, where a completed read without a value means that the answer was not kept (Knossos) instead
    /// of that the object was absent.
    #[must_use]
    pub fn with_nil_reads_unknown(mut self) -> Self {
        self.nil_reads_unknown = true;
        self
    }

    /// Whether a completed read of nil says nothing: see [`History::with_nil_reads_unknown`].
    pub fn nil_reads_unknown(&self) -> bool {
        self.nil_reads_unknown
    }

    /// How many operations have an unknown outcome.
    pub fn crashed(&self) -> usize {
        self.operations.iter().filter(|operation| operation.outcome == Outcome::Info).count()
    }
}

/// An operation right after its invocation.
fn opened(index: usize, position: usize, event: &Event) -> Operation {
    Operation {
        id: OpId(index),
        process: event.process,
        f: event.f.clone(),
        key: event.key.clone(),
        input: event.value.clone(),
        outcome: Outcome::Info,
        call: position as u64,
        ret: None,
        call_time: event.time,
        ret_time: None,
        node: event.node.clone(),
        error: None,
    }
}

/// Ends `operation` with a completion.
fn close(operation: &mut Operation, position: usize, event: &Event) -> Result<(), HistoryError> {
    let same_key = event.key.is_none() || event.key == operation.key;
    if event.f != operation.f || !same_key {
        return Err(HistoryError::Mismatch {
            event: position,
            process: event.process,
            invocation: operation.call as usize,
            invoked: name_of(&operation.f, operation.key.as_deref()),
            completed: name_of(&event.f, event.key.as_deref()),
        });
    }
    operation.ret_time = event.time;
    operation.error.clone_from(&event.error);
    if event.node.is_some() {
        operation.node.clone_from(&event.node);
    }
    match event.kind {
        EventKind::Invoke => unreachable!("an invocation never closes an operation"),
        EventKind::Ok => {
            // As Knossos completes a history: what was written may become known only then.
            if operation.input.is_nil() && operation.echoes() {
                operation.input.clone_from(&event.value);
            }
            operation.outcome = Outcome::Ok(event.value.clone());
            operation.ret = Some(position as u64);
        }
        EventKind::Fail => {
            operation.outcome = Outcome::Fail(event.value.clone());
            operation.ret = Some(position as u64);
        }
        EventKind::Info => operation.outcome = Outcome::Info,
    }
    Ok(())
}

fn name_of(f: &str, key: Option<&str>) -> String {
    match key {
        Some(key) => format!("{f} {key}"),
        None => f.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;

    fn event(process: u64, kind: EventKind, f: &str, value: Value) -> Event {
        Event {
            index: 0,
            time: None,
            process: ProcessId(process),
            kind,
            f: f.to_owned(),
            key: None,
            value,
            node: None,
            error: None,
        }
    }

    #[test]
    fn completions_find_their_invocations_and_open_operations_are_unknown() {
        let history = History::from_events(&[
            event(1, EventKind::Invoke, "write", Value::Int(1)),
            event(2, EventKind::Invoke, "read", Value::Nil),
            event(1, EventKind::Ok, "write", Value::Int(1)),
            event(1, EventKind::Invoke, "write", Value::Int(2)),
            event(2, EventKind::Ok, "read", Value::Int(1)),
            event(1, EventKind::Info, "write", Value::Int(2)),
            event(3, EventKind::Invoke, "read", Value::Nil),
        ])
        .unwrap();
        let spans: Vec<_> = history.operations().iter().map(|o| (o.call, o.ret)).collect();
        assert_eq!(spans, [(0, Some(2)), (1, Some(4)), (3, None), (6, None)]);
        assert_eq!(history.operations()[1].outcome, Outcome::Ok(Value::Int(1)));
        assert_eq!(history.crashed(), 2);
    }

    #[test]
    fn what_no_recorder_writes_is_refused_with_the_event() {
        use EventKind::{Fail, Info, Invoke, Ok as Done};
        let read = |process, kind| event(process, kind, "read", Value::Nil);
        let cases = [
            (vec![read(1, Done)], 0, "has not invoked"),
            (vec![read(1, Invoke), read(1, Invoke)], 1, "is open"),
            (vec![read(1, Invoke), read(1, Info), read(1, Invoke)], 2, "new process number"),
            (vec![read(1, Invoke), read(1, Info), read(1, Done)], 2, "has not invoked"),
            (vec![read(1, Invoke), read(1, Fail), read(1, Fail)], 2, "(fail)"),
            (vec![read(1, Invoke), event(1, Done, "write", Value::Nil)], 1, "`write`"),
        ];
        for (events, position, text) in cases {
            let error = History::from_events(&events).unwrap_err();
            assert_eq!(error.event(), position, "{error}");
            assert!(error.to_string().contains(text), "{error}");
        }
    }
}
