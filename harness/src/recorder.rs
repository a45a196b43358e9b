//! The recorder: the only writer of `history.jsonl` and `faults.jsonl`, and the one clock of a run.
//!
//! ```text
//! client:   invoke() ---- request leaves ....... answer arrives ---- complete()
//! history:    |-- line, time t1 --|                                |-- line, time t2 --|
//! interval that is recorded:  [t1 ........................................... t2]
//! ```
//!
//! Invariants:
//! - An invocation is in the file before its request leaves, its completion only after the answer arrived: an
//!   interval may be recorded too wide, never too narrow. A wide one can hide a violation; a narrow one would invent
//!   one.
//! - Times are taken under the lock that also orders the lines, so the order of the file is the order of time.
//! - A line is one write to the kernel: when the harness is killed, every line but perhaps the last is whole.
//! - After an error nothing more is written: what stands in the file is a prefix of what happened.
//!
//! - A history that is kept in memory ([`Kept`]) has the same events with the same numbers and times as one in a file.
//!
//! It refuses to own the meaning of what it writes.

mod faults;

use std::fs::File;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::Sender;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rashomon_checker::Value;
use rashomon_checker::history::{Event, EventKind, ProcessId};
use rashomon_workloads::Invocation;
use serde::Serialize;

pub use faults::FaultJournal;

use crate::client::Completion;

/// The monotonic clock of a run, from its start.
#[derive(Debug, Clone)]
pub struct RunClock(Time);

#[derive(Debug, Clone)]
enum Time {
    /// The machine's, from this moment on.
    Real(Instant),
    /// What somebody says it is.
    Told(Arc<AtomicU64>),
}

impl RunClock {
    /// Starts now.
    pub fn start() -> Self {
        Self(Time::Real(Instant::now()))
    }

    /// A clock that shows these nanoseconds. Whoever sets them never sets them back.
    pub fn told_by(nanos: Arc<AtomicU64>) -> Self {
        Self(Time::Told(nanos))
    }

    /// Nanoseconds since the start.
    pub fn now(&self) -> u64 {
        match &self.0 {
            Time::Real(origin) => u64::try_from(origin.elapsed().as_nanos()).unwrap_or(u64::MAX),
            Time::Told(nanos) => nanos.load(Ordering::Relaxed),
        }
    }
}

/// A line could not be written: the run is over, and it is the harness's fault.
#[derive(Debug, Clone, thiserror::Error)]
#[error("cannot write {path}: {reason}")]
pub struct RecordError {
    /// The file.
    pub path: PathBuf,
    /// What the system said.
    pub reason: String,
}

/// Hears of every event that was recorded, in order. `None` is for whoever made it: there is no more.
pub type Listener = Sender<Option<Event>>;

/// Writes the history.
#[derive(Debug)]
pub struct Recorder {
    clock: RunClock,
    history: Mutex<Numbered>,
}

#[derive(Debug)]
struct Numbered {
    next_index: u64,
    sink: Sink,
    listener: Option<Listener>,
}

/// Where events go.
#[derive(Debug)]
enum Sink {
    File(Journal),
    Memory(Kept),
}

/// A history in memory, to which its recorder adds.
#[derive(Debug, Clone, Default)]
pub struct Kept(Arc<Mutex<Vec<Event>>>);

impl Kept {
    /// Looks at the events so far. Nothing can be recorded meanwhile.
    pub fn look<T>(&self, at: impl FnOnce(&[Event]) -> T) -> T {
        at(&lock(&self.0))
    }

    /// Hands the events out, and keeps none of them.
    pub fn take(&self) -> Vec<Event> {
        std::mem::take(&mut lock(&self.0))
    }
}

impl Recorder {
    /// Starts an empty history in a new file.
    pub fn create(path: &Path, clock: RunClock) -> Result<Self, RecordError> {
        Ok(Self::into_sink(Sink::File(Journal::create(path)?), clock))
    }

    /// Starts an empty history in memory, which cannot fail.
    pub fn in_memory(clock: RunClock) -> (Self, Kept) {
        let kept = Kept::default();
        (Self::into_sink(Sink::Memory(kept.clone()), clock), kept)
    }

    fn into_sink(sink: Sink, clock: RunClock) -> Self {
        let history = Mutex::new(Numbered { next_index: 0, sink, listener: None });
        Self { clock, history }
    }

    /// The same, where somebody listens.
    #[must_use]
    pub fn heard_by(self, listener: Listener) -> Self {
        lock(&self.history).listener = Some(listener);
        self
    }

    /// Records that `process` is about to ask `node`. Only send the request if this succeeded.
    pub fn invoke(
        &self,
        process: ProcessId,
        invocation: &Invocation,
        node: &str,
    ) -> Result<(), RecordError> {
        self.append(process, invocation, node, EventKind::Invoke, &invocation.value, None)
    }

    /// Records what became of the open operation of `process`.
    pub fn complete(
        &self,
        process: ProcessId,
        invocation: &Invocation,
        node: &str,
        completion: &Completion,
    ) -> Result<(), RecordError> {
        let (kind, value, error) = match completion {
            Completion::Ok(answer) => (EventKind::Ok, answer, None),
            Completion::Fail(reason) => (EventKind::Fail, &invocation.value, Some(reason)),
            Completion::Info(reason) => (EventKind::Info, &invocation.value, Some(reason)),
        };
        self.append(process, invocation, node, kind, value, error)
    }

    /// Events so far.
    pub fn events(&self) -> u64 {
        lock(&self.history).next_index
    }

    fn append(
        &self,
        process: ProcessId,
        invocation: &Invocation,
        node: &str,
        kind: EventKind,
        value: &Value,
        error: Option<&String>,
    ) -> Result<(), RecordError> {
        let mut event = Event {
            index: 0,
            time: None,
            process,
            kind,
            f: invocation.f.to_owned(),
            key: Some(invocation.key.clone()),
            value: value.clone(),
            node: Some(node.to_owned()),
            error: error.cloned(),
        };
        let mut history = lock(&self.history);
        event.index = history.next_index;
        event.time = Some(self.clock.now());
        history.append(event)
    }
}

impl Numbered {
    fn append(&mut self, event: Event) -> Result<(), RecordError> {
        let news = self.store(event)?;
        self.next_index += 1;
        // Whoever stopped listening needs no more.
        if let (Some(listener), Some(event)) = (&self.listener, news)
            && listener.send(Some(event)).is_err()
        {
            self.listener = None;
        }
        Ok(())
    }

    /// Stores an event; what of it is left for a listener, if there is one.
    fn store(&mut self, event: Event) -> Result<Option<Event>, RecordError> {
        match &mut self.sink {
            Sink::File(journal) => {
                journal.append(&event)?;
                Ok(Some(event))
            }
            Sink::Memory(kept) => {
                let news = self.listener.as_ref().map(|_| event.clone());
                lock(&kept.0).push(event);
                Ok(news)
            }
        }
    }
}

/// A file of JSON lines that only grows.
#[derive(Debug)]
struct Journal {
    path: PathBuf,
    file: File,
    line: Vec<u8>,
    /// The first error. Whatever comes after a torn line would make the tear look like corruption.
    failed: Option<RecordError>,
}

impl Journal {
    fn create(path: &Path) -> Result<Self, RecordError> {
        let file = File::options().append(true).create_new(true).open(path);
        let file = file.map_err(|error| record_error(path, &error))?;
        Ok(Self { path: path.to_owned(), file, line: Vec::with_capacity(512), failed: None })
    }

    fn append(&mut self, record: &impl Serialize) -> Result<(), RecordError> {
        if let Some(error) = &self.failed {
            return Err(error.clone());
        }
        self.line.clear();
        let written =
            serde_json::to_writer(&mut self.line, record).map_err(io::Error::from).and_then(|()| {
                self.line.push(b'\n');
                self.file.write_all(&self.line)
            });
        written.map_err(|error| {
            let error = record_error(&self.path, &error);
            self.failed = Some(error.clone());
            error
        })
    }
}

fn record_error(path: &Path, error: &io::Error) -> RecordError {
    RecordError { path: path.to_owned(), reason: error.to_string() }
}

/// A thread that panicked while it held the lock has at worst torn the last line, which readers allow for.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
