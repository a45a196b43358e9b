//! Histories in files: reading our own and other projects' formats, writing ours and theirs.
//!
//! | format | what it is | what its conventions mean | read | written |
//! |---|---|---|---|---|
//! | `jsonl` | ours: one event a line (see [`jsonl`]) | a read of nil: the object was absent | yes | yes |
//! | `edn` | Jepsen, Knossos, Elle and Maelstrom: a vector or list of maps, or one map a form (see `maps`) | a read of nil: the answer was not kept; registers start with 0 | yes | yes |
//! | `jepsen-log` | Jepsen's log lines, as in the etcd runs of the Porcupine corpus | a failed cas was observed to fail | yes | |
//! | `porcupine-kv` | MIT 6.824 runs of the Porcupine corpus: EDN maps with a key | `get` of an absent key answers "", of nil: the answer was not kept | yes | yes |
//!
//! Each may be packed with gzip or zstd, also in several parts or one in the other. Format and packing are told by
//! content, never by file name: a history that was piped through `cut` is still what it is.
//!
//! [`stream`] gives events one by one in memory that does not grow with the history; [`read_history`] collects them. Two
//! readers share the work of the formats that grow long: a quick one that takes what is usually written, without an
//! allocation an event, and a complete one for everything else, which alone decides what is an error. What the quick one
//! understands is what the complete one would: tests and the fuzz targets in `fuzz/` compare them.
//!
//! What ends in the middle: a torn last line of `jsonl`, and the end of a packed file that was cut off, are left out with
//! a warning; an EDN form that is cut off is an error, as nothing tells where it would have ended.
//!
//! Owns the syntax and each format's conventions, as flags on [`LoadedHistory`]. Does not own what makes a history
//! (pairing is the checker's) nor what an operation means (that is the model's). Whatever a file holds, the answer is a
//! history or a [`CodecError`] that names file, line and reason; nothing here panics on input, and memory is bounded by a
//! line or form of 64 MiB and a packing's window of 128 MiB, whatever the file claims.

mod detect;
mod edn;
mod error;
mod feed;
mod independent;
mod jepsen_log;
pub mod jsonl;
mod maps;
mod opened;
mod process;
mod source;
mod words;
pub mod write;

use std::fs::File;
use std::io::Read;
use std::ops::ControlFlow;
use std::path::Path;

use rashomon_checker::Value;
use rashomon_checker::check::ModelKind;
use rashomon_checker::history::{Event, History, Op};

pub use error::CodecError;
use error::Flaw;
pub use feed::Sink;
pub use independent::{PairsSoFar, take_apart};
pub use opened::Opened;

/// A file format for histories.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum InputFormat {
    /// One JSON object a line: rashomon's own.
    Jsonl,
    /// Jepsen's and Knossos' EDN histories.
    Edn,
    /// Log lines of Jepsen, as in the etcd runs of the Porcupine corpus.
    JepsenLog,
    /// The key-value runs of the Porcupine corpus.
    PorcupineKv,
}

impl InputFormat {
    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Jsonl => "jsonl",
            Self::Edn => "edn",
            Self::JepsenLog => "jepsen-log",
            Self::PorcupineKv => "porcupine-kv",
        }
    }

    /// The model that every history of this format is about, if there is one.
    pub fn model(self) -> Option<ModelKind> {
        match self {
            Self::Jsonl | Self::Edn => None,
            Self::JepsenLog => Some(ModelKind::CasRegister),
            Self::PorcupineKv => Some(ModelKind::KeyValue),
        }
    }

    /// By its convention: see [`rashomon_checker::check::CheckOptions::failed_cas_observed`].
    pub fn failed_cas_observed(self) -> bool {
        self == Self::JepsenLog
    }

    /// By its convention: see [`History::nil_reads_unknown`].
    pub fn nil_reads_unknown(self) -> bool {
        matches!(self, Self::Edn | Self::PorcupineKv)
    }

    /// The value that registers start with where nothing else is said.
    pub fn initial(self) -> Value {
        match self {
            Self::Edn => Value::Int(0),
            Self::Jsonl | Self::JepsenLog | Self::PorcupineKv => Value::Nil,
        }
    }
}

/// A history as it was read, with its format's conventions.
#[derive(Debug, Clone)]
pub struct LoadedHistory {
    /// In the order of the file, `index` counting from 0.
    pub events: Vec<Event>,
    /// By event: the line of the file that it began on, from 1.
    pub lines: Vec<u64>,
    /// What the file was read as.
    pub format: InputFormat,
    /// What a person should know, one sentence each.
    pub warnings: Vec<String>,
    /// Events that are nobody's operations (the nemesis's), which were passed over.
    pub passed_over: u64,
    /// See [`rashomon_checker::check::CheckOptions::failed_cas_observed`].
    pub failed_cas_observed: bool,
    /// See [`History::nil_reads_unknown`].
    pub nil_reads_unknown: bool,
    /// The model that the format implies.
    pub model_hint: Option<ModelKind>,
    /// The value that registers start with, by the format's convention.
    pub initial: Value,
}

impl LoadedHistory {
    fn new(events: Vec<Event>, lines: Vec<u64>, summary: StreamSummary) -> Self {
        let format = summary.format;
        Self {
            events,
            lines,
            format,
            warnings: summary.warnings,
            passed_over: summary.passed_over,
            failed_cas_observed: format.failed_cas_observed(),
            nil_reads_unknown: format.nil_reads_unknown(),
            model_hint: format.model(),
            initial: format.initial(),
        }
    }

    /// Pairs the events. `path` is for the error.
    pub fn history(&self, path: &Path) -> Result<History, CodecError> {
        let history = History::from_events(&self.events).map_err(|source| {
            let line = self.line_of(source.event() as u64);
            CodecError::NotAHistory { path: path.to_owned(), line, source }
        })?;
        if self.format != InputFormat::Jsonl {
            self.refuse_changed(&history).map_err(|flaw| flaw.in_file(path))?;
        }
        Ok(if self.nil_reads_unknown { history.with_nil_reads_unknown() } else { history })
    }

    /// Whether nothing was read that could be judged, or passed over for a good reason.
    pub fn holds_nothing(&self) -> bool {
        self.events.is_empty() && self.passed_over == 0
    }

    /// Whether values look like the `[key value]` pairs of Jepsen's `independent` tests: see
    /// [`LoadedHistory::split_independent`].
    pub fn looks_independent(&self) -> bool {
        independent::looks_independent(&self.events)
    }

    /// Takes every value `[key value]` apart, as Jepsen's `independent` tests have them. `path` is for the error.
    pub fn split_independent(&mut self, path: &Path) -> Result<(), CodecError> {
        independent::split(self).map_err(|flaw| flaw.in_file(path))
    }

    /// Jepsen's formats repeat the argument of an update in its completion; a file that does not is not understood.
    fn refuse_changed(&self, history: &History) -> Result<(), Flaw> {
        let changed = |operation: &Op<'_>| {
            let answer = operation.answer().filter(|answer| !answer.is_nil());
            operation.echoes() && answer.is_some_and(|answer| answer != operation.input())
        };
        let Some(operation) = history.ops().find(changed) else { return Ok(()) };
        let reason = format!(
            "`{}` completes with value {}, but was invoked with {} on line {}",
            operation.f(),
            operation.answer().unwrap_or_default(),
            operation.input(),
            self.line_of(operation.call())
        );
        Err(Flaw::at(self.line_of(operation.ret().unwrap_or(operation.call())), reason))
    }

    /// The line of the file on which the event at this position began.
    pub fn line_of(&self, event: u64) -> u64 {
        let line = usize::try_from(event).ok().and_then(|event| self.lines.get(event));
        line.copied().unwrap_or(0)
    }
}

/// What there is to say about a history that was streamed.
#[derive(Debug, Clone)]
pub struct StreamSummary {
    /// What it was read as.
    pub format: InputFormat,
    /// Events that were given to the sink.
    pub events: u64,
    /// Events that are nobody's operations (the nemesis's), which were passed over.
    pub passed_over: u64,
    /// What a person should know, one sentence each.
    pub warnings: Vec<String>,
    /// Whether the sink wanted no more; then the rest was not looked at.
    pub stopped: bool,
}

/// Reads a history. Without a format, the content tells.
pub fn read_history(path: &Path, format: Option<InputFormat>) -> Result<LoadedHistory, CodecError> {
    collect(|sink| stream(path, format, sink))
}

/// Reads a history event by event, in memory that does not grow with it. The events before a mistake were given by the
/// time that it is found.
pub fn stream(
    path: &Path,
    format: Option<InputFormat>,
    sink: Sink<'_>,
) -> Result<StreamSummary, CodecError> {
    let file = File::open(path)
        .map_err(|source| CodecError::Unreadable { path: path.to_owned(), source })?;
    stream_from(file, path, format, sink)
}

/// [`stream`] of what is not a file, or is open already. `name` is for the errors.
pub fn stream_from(
    input: impl Read,
    name: &Path,
    format: Option<InputFormat>,
    sink: Sink<'_>,
) -> Result<StreamSummary, CodecError> {
    Opened::new(input, name, format)?.read(sink)
}

/// All the events that a stream gives.
fn collect(
    stream: impl FnOnce(Sink<'_>) -> Result<StreamSummary, CodecError>,
) -> Result<LoadedHistory, CodecError> {
    let (mut events, mut lines) = (Vec::new(), Vec::new());
    let summary = stream(&mut |event, line| {
        events.push(feed::owned(event, events.len() as u64));
        lines.push(line);
        ControlFlow::Continue(())
    })?;
    Ok(LoadedHistory::new(events, lines, summary))
}

/// Whether each of the two readers of maps understands the one that the bytes begin with. Panics if they differ.
#[cfg(fuzzing)]
pub fn edn_readers_agree(bytes: &[u8]) -> [bool; 2] {
    maps::agree(bytes)
}

#[cfg(test)]
mod tests;
