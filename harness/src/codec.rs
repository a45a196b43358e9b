//! Histories in files: reading our own and other projects' formats, writing our own.
//!
//! | format | what it is | what its conventions mean |
//! |---|---|---|
//! | `jsonl` | ours: one event a line (see [`jsonl`]) | a read of nil: the object was absent |
//! | `edn` | Jepsen and Knossos: a vector or list of maps, or one map a form | a read of nil: the answer was not kept; registers start with 0 |
//! | `jepsen-log` | Jepsen's log lines, as in the etcd runs of the Porcupine corpus | a failed cas was observed to fail |
//! | `porcupine-kv` | MIT 6.824 runs of the Porcupine corpus: EDN maps with a key | `get` of an absent key answers "", of nil: the answer was not kept |
//!
//! The format is told by content, never by file name: a history that was piped through `cut` is still what it is.
//!
//! Owns the syntax and each format's conventions, as flags on [`LoadedHistory`]. Does not own what makes a history
//! (pairing is the checker's) nor what an operation means (that is the model's). Whatever a file holds, the answer is a
//! history or a [`CodecError`] that names file, line and reason; nothing here panics on input.

mod detect;
mod edn;
mod error;
mod independent;
mod jepsen_log;
pub mod jsonl;
mod maps;
mod process;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use rashomon_checker::Value;
use rashomon_checker::check::ModelKind;
use rashomon_checker::history::{Event, History, Op, ProcessId};

pub use error::CodecError;
use error::Flaw;
use process::Actor;

/// Bytes that are looked at to tell the format.
const PEEK_BYTES: usize = 64 << 10;

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
    fn new(format: InputFormat, read: ReadEvents) -> Self {
        Self {
            events: read.events,
            lines: read.lines,
            format,
            warnings: read.warnings,
            passed_over: read.passed_over,
            failed_cas_observed: format == InputFormat::JepsenLog,
            nil_reads_unknown: matches!(format, InputFormat::Edn | InputFormat::PorcupineKv),
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

/// What the readers of the formats hand over.
#[derive(Debug, Default)]
struct ReadEvents {
    events: Vec<Event>,
    lines: Vec<u64>,
    warnings: Vec<String>,
    passed_over: u64,
}

impl ReadEvents {
    /// Appends an event; its index is its position.
    fn push(&mut self, mut event: Event, line: u64) {
        event.index = self.events.len() as u64;
        self.events.push(event);
        self.lines.push(line);
    }

    /// Appends what `event` makes of a client's event, and passes over what is nobody's.
    fn push_of(
        &mut self,
        actor: Actor,
        line: u64,
        event: impl FnOnce(ProcessId) -> Result<Event, Flaw>,
    ) -> Result<(), Flaw> {
        match actor {
            Actor::Client(process) => self.push(event(process)?, line),
            Actor::Nobody => self.passed_over += 1,
        }
        Ok(())
    }
}

/// Reads a history. Without a format, the content tells.
pub fn read_history(path: &Path, format: Option<InputFormat>) -> Result<LoadedHistory, CodecError> {
    let unreadable = |source| CodecError::Unreadable { path: path.to_owned(), source };
    let file = File::open(path).map_err(unreadable)?;
    let input = BufReader::with_capacity(PEEK_BYTES, file);
    read_from(input, format).map_err(|flaw| flaw.in_file(path))
}

fn read_from(mut input: impl BufRead, format: Option<InputFormat>) -> Result<LoadedHistory, Flaw> {
    let start = input.fill_buf()?;
    if start.iter().all(u8::is_ascii_whitespace) && start.len() < PEEK_BYTES {
        let format = format.unwrap_or(InputFormat::Jsonl);
        return Ok(LoadedHistory::new(format, ReadEvents::default()));
    }
    let format = match format {
        Some(format) => format,
        None => detect::format_of(start)?,
    };
    let mut read = match format {
        InputFormat::Jsonl => jsonl::read(input)?,
        InputFormat::Edn | InputFormat::PorcupineKv => maps::read(input)?,
        InputFormat::JepsenLog => jepsen_log::read(input)?,
    };
    if read.events.is_empty() && read.passed_over > 0 {
        read.warnings.push("the file holds no operations, only what the nemesis did".to_owned());
    }
    Ok(LoadedHistory::new(format, read))
}

#[cfg(test)]
mod tests;
