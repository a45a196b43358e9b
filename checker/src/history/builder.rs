//! From events to operations.

use rustc_hash::FxHashMap;

use super::compact::{Ending, History, NO_NODE, NONE, ProcessWord, Record};
use super::error::HistoryError;
use super::names::Names;
use super::operation::echoes;
use super::packed::Packed;
use super::{EventKind, EventRef, ProcessId};

/// Processes below this are looked up in an array.
const DENSE_PROCESSES: usize = 1 << 16;

/// Takes events in order and pairs invocations with completions.
#[derive(Debug, Default)]
pub struct Builder {
    history: History,
    activities: Activities,
}

/// What a process is doing.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Activity {
    Idle,
    Open(u32),
    /// Since the `info` at this position.
    Retired(u32),
}

impl Builder {
    /// For a history without events.
    pub fn new() -> Self {
        Self::default()
    }

    /// With room for so many operations.
    pub fn with_capacity(operations: usize) -> Self {
        let mut builder = Self::default();
        builder.history.records.reserve(operations);
        builder.history.completions.reserve(operations);
        builder
    }

    /// The next event. After an error the event has left no trace, and others may follow.
    pub fn push(&mut self, event: EventRef<'_>) -> Result<(), HistoryError> {
        let position = self.history.events;
        // The last two are NONE and what deciders take for "after everything".
        if position >= NONE - 1 {
            return Err(HistoryError::TooLong { event: position as usize });
        }
        match (event.kind, self.activities.get(event.process)) {
            (EventKind::Invoke, Activity::Idle) => self.open(position, event),
            (EventKind::Invoke, Activity::Open(index)) => {
                let open = self.history.records[index as usize].call as usize;
                let process = event.process;
                return Err(HistoryError::StillOpen { event: position as usize, process, open });
            }
            (EventKind::Invoke, Activity::Retired(info)) => {
                let (event, process) = (position as usize, event.process);
                return Err(HistoryError::Retired { event, process, info: info as usize });
            }
            (_, Activity::Open(index)) => self.close(position, index, event)?,
            (kind, Activity::Idle | Activity::Retired(_)) => {
                let (event, process) = (position as usize, event.process);
                return Err(HistoryError::NotInvoked { event, process, kind });
            }
        }
        self.history.events += 1;
        Ok(())
    }

    /// The history so far. What is open has an unknown outcome.
    pub fn finish(self) -> History {
        let mut history = self.history;
        let crashed = history.records.iter().filter(|record| record.ending == Ending::Info);
        history.crashed = crashed.count();
        history
    }

    /// An invocation.
    fn open(&mut self, position: u32, event: EventRef<'_>) {
        let history = &mut self.history;
        let index = history.records.len() as u32;
        let record = Record {
            process: ProcessWord::new(event.process, &mut history.large_processes),
            input: history.values.pack(event.value),
            output: Packed::NIL,
            call: position,
            ret: NONE,
            f: function_word(&mut history.functions, event.f),
            ending: Ending::Info,
        };
        history.records.push(record);
        if let Some(key) = event.key {
            note(&mut history.key_of, index, NONE, |place| *place = history.keys.number(key));
        }
        if let Some(node) = event.node {
            note(&mut history.node_of, index, NO_NODE, |place| {
                *place = node_word(&mut history.nodes, node);
            });
        }
        self.note_time(index, 0, event.time);
        self.activities.set(event.process, Activity::Open(index));
    }

    /// A completion of the operation at `index`.
    fn close(
        &mut self,
        position: u32,
        index: u32,
        event: EventRef<'_>,
    ) -> Result<(), HistoryError> {
        self.refuse_other(position, index, &event)?;
        let EventRef { time, process, kind, f, value, node, error, .. } = event;
        let history = &mut self.history;
        let record = &mut history.records[index as usize];
        if let Some(node) = node {
            note(&mut history.node_of, index, NO_NODE, |place| {
                *place = node_word(&mut history.nodes, node);
            });
        }
        if let Some(error) = error {
            history.errors.insert(index, error.to_owned());
        }
        if kind == EventKind::Info {
            self.activities.set(process, Activity::Retired(position));
        } else {
            record.ret = position;
            record.ending = if kind == EventKind::Ok { Ending::Ok } else { Ending::Fail };
            record.output = history.values.pack(value);
            if kind == EventKind::Ok {
                history.completions.push(index);
            }
            // As Knossos completes a history: what was written may become known only then.
            if kind == EventKind::Ok && record.input == Packed::NIL && echoes(f) {
                record.input = record.output;
            }
            self.activities.set(process, Activity::Idle);
        }
        self.note_time(index, 1, time);
        Ok(())
    }

    /// A completion must name what was invoked.
    fn refuse_other(
        &self,
        position: u32,
        index: u32,
        event: &EventRef<'_>,
    ) -> Result<(), HistoryError> {
        let history = &self.history;
        let record = &history.records[index as usize];
        let invoked = history.functions.get(u32::from(record.f));
        let key = history.key_number(index as usize);
        let key = (key != NONE).then(|| history.keys.get(key));
        if event.f == invoked && (event.key.is_none() || event.key == key) {
            return Ok(());
        }
        Err(HistoryError::Mismatch {
            event: position as usize,
            process: event.process,
            invocation: record.call as usize,
            invoked: name_of(invoked, key),
            completed: name_of(event.f, event.key),
        })
    }

    fn note_time(&mut self, index: u32, end: usize, time: Option<u64>) {
        let Some(time) = time else { return };
        note(&mut self.history.spans, index, [u64::MAX; 2], |span| span[end] = time);
    }
}

/// Notes something of an operation. What was not noted for those before it is `blank`.
fn note<T: Copy>(column: &mut Vec<T>, index: u32, blank: T, write: impl FnOnce(&mut T)) {
    if column.len() <= index as usize {
        column.resize(index as usize + 1, blank);
    }
    write(&mut column[index as usize]);
}

/// The number of a function. There are a handful; should a history have more than can be numbered, the rest share a
/// name that no model knows.
fn function_word(functions: &mut Names, f: &str) -> u16 {
    let room = functions.len() < usize::from(u16::MAX) || functions.find(f).is_some();
    functions.number(if room { f } else { "(too many functions)" }) as u16
}

/// The number of a node. Nodes beyond what can be numbered are not told apart.
fn node_word(nodes: &mut Names, node: &str) -> u16 {
    let room = nodes.len() < usize::from(NO_NODE - 1) || nodes.find(node).is_some();
    nodes.number(if room { node } else { "(too many nodes)" }) as u16
}

fn name_of(f: &str, key: Option<&str>) -> String {
    match key {
        Some(key) => format!("{f} {key}"),
        None => f.to_owned(),
    }
}

/// What every process is doing.
#[derive(Debug, Default)]
pub(crate) struct Activities {
    dense: Vec<Activity>,
    sparse: FxHashMap<ProcessId, Activity>,
}

impl Activities {
    pub(crate) fn get(&self, process: ProcessId) -> Activity {
        let dense = usize::try_from(process.0).ok().filter(|number| *number < DENSE_PROCESSES);
        let known = match dense {
            Some(number) => self.dense.get(number),
            None => self.sparse.get(&process),
        };
        known.copied().unwrap_or(Activity::Idle)
    }

    pub(crate) fn set(&mut self, process: ProcessId, activity: Activity) {
        match usize::try_from(process.0).ok().filter(|number| *number < DENSE_PROCESSES) {
            Some(number) => {
                if self.dense.len() <= number {
                    self.dense.resize(number + 1, Activity::Idle);
                }
                self.dense[number] = activity;
            }
            None if matches!(activity, Activity::Idle) => {
                self.sparse.remove(&process);
            }
            None => {
                self.sparse.insert(process, activity);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;
    use crate::history::{Event, Outcome};

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
        let spans: Vec<_> = history.ops().map(|o| (o.call(), o.ret())).collect();
        assert_eq!(spans, [(0, Some(2)), (1, Some(4)), (3, None), (6, None)]);
        assert_eq!(history.to_operations()[1].outcome, Outcome::Ok(Value::Int(1)));
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
