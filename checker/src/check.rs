//! The one entry point: a history, a model and a budget in; a verdict out.

mod keys;

pub(crate) use keys::Key;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Value;
use crate::counterexample::Counterexample;
use crate::history::{History, Op};
use crate::model::Misfit;
use crate::model::append_list::AppendList;
use crate::model::cas_register::CasRegister;
use crate::model::fifo_queue::FifoQueue;
use crate::model::key_value::KeyValue;
use crate::model::multi_register::MultiRegister;
use crate::model::mutex::Mutex;
use crate::model::priority_queue::PriorityQueue;
use crate::model::register::Register;
use crate::model::set::Set;
use crate::model::stack::Stack;

/// The sequential specifications that this crate knows, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ModelKind {
    /// Read and write; initially nil.
    Register,
    /// Read, write, compare-and-set; initially nil unless told otherwise.
    CasRegister,
    /// get, put, append, delete of text by key (MIT 6.824); an absent key reads as "".
    KeyValue,
    /// add an element, read all.
    Set,
    /// append an element, read the list.
    AppendList,
    /// acquire and release, without an owner.
    Mutex,
    /// transactions of reads and writes over several registers (Knossos).
    MultiRegister,
    /// enqueue an element, dequeue the oldest.
    FifoQueue,
    /// push an element, pop the newest.
    Stack,
    /// insert a whole number, delete the least.
    PriorityQueue,
}

/// Three-valued, all the way to the exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[must_use]
pub enum Validity {
    /// There is an order of the operations that explains the history.
    Valid,
    /// There is none.
    Invalid,
    /// The budget ended the search, or the history says too little.
    Unknown,
}

/// How far a search may go, and how the model starts.
pub struct CheckOptions<'a> {
    /// Bytes that the searches may hold together; a search that would pass it ends as unknown.
    pub memory_bytes_max: usize,
    /// Asked now and then from several threads; true ends the search as unknown (time budget, Ctrl-C).
    pub should_stop: &'a (dyn Fn() -> bool + Sync),
    /// Threads to check keys with; at least 1.
    pub threads: usize,
    /// The initial value of (cas-)registers, where not nil.
    pub initial: Option<Value>,
    /// A failed compare-and-set that names no error was *observed* to fail: the value differed (the etcd logs of the
    /// Porcupine corpus).
    pub failed_cas_observed: bool,
}

/// The reason where [`CheckOptions::should_stop`] ended the search.
const TOLD_TO_STOP: &str = "the search was told to stop";

/// What a check found.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct CheckReport {
    /// The verdict over all keys: invalid before unknown before valid.
    pub validity: Validity,
    /// Why it is unknown, or a sentence on what is wrong.
    pub reason: Option<String>,
    /// Operations in the history (completed failures included).
    pub operations: usize,
    /// Operations with an unknown outcome.
    pub crashed: usize,
    /// Keys (independent objects).
    pub keys: usize,
    /// Configurations visited by the searches that the verdict rests on: of an invalid history, the one that proves
    /// the counterexample.
    pub configurations: u64,
    /// For an invalid history: what to show a person.
    pub counterexample: Option<Counterexample>,
}

impl CheckReport {
    /// Says why the search was told to stop, if it was: only the caller knows. Where it ended for another reason (memory),
    /// that stays.
    pub fn name_the_stop(&mut self, cause: &str) {
        if let Some(reason) = &mut self.reason {
            *reason = reason.replace(TOLD_TO_STOP, cause);
        }
    }
}

/// Why nothing could be checked: the history does not fit the model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum CheckError {
    /// An operation has a function that the model does not know.
    UnknownFunction {
        /// Position of the invocation.
        event: u64,
        /// The function.
        f: String,
        /// The model.
        model: ModelKind,
    },
    /// An operation carries a value that its function cannot take or answer.
    BadValue {
        /// Position of the invocation, or of the completion if the answer is at fault.
        event: u64,
        /// The function.
        f: String,
        /// The value.
        value: Value,
        /// What it should have been.
        expected: &'static str,
        /// The model.
        model: ModelKind,
    },
}

impl CheckError {
    /// Position, from 0, of the event that does not fit.
    pub fn event(&self) -> u64 {
        match self {
            Self::UnknownFunction { event, .. } | Self::BadValue { event, .. } => *event,
        }
    }

    pub(crate) fn new(misfit: Misfit, operation: Op<'_>, model: ModelKind) -> Self {
        let f = operation.f().to_owned();
        match misfit {
            Misfit::Function => Self::UnknownFunction { event: operation.call(), f, model },
            Misfit::Argument { expected } => {
                let value = operation.input().into_owned();
                Self::BadValue { event: operation.call(), f, value, expected, model }
            }
            Misfit::Answer { expected, value } => {
                let event = operation.ret().unwrap_or(operation.call());
                Self::BadValue { event, f, value, expected, model }
            }
        }
    }
}

impl fmt::Display for CheckError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFunction { event, f, model } => write!(
                out,
                "event {event}: model {model} has no function `{f}`; it has {}",
                model.functions().join(", ")
            ),
            Self::BadValue { event, f, value, expected, model } => write!(
                out,
                "event {event}: `{f}` with value {value} does not fit model {model}: expected {expected}"
            ),
        }
    }
}

impl std::error::Error for CheckError {}

/// Decides whether `history` is linearizable with respect to `model`.
///
/// The answer does not depend on `options.threads`, nor on timing, unless the budget ends a search.
pub fn check(
    history: &History,
    model: ModelKind,
    options: &CheckOptions<'_>,
) -> Result<CheckReport, CheckError> {
    let initial = options.initial.clone().unwrap_or_default();
    let unknown = history.nil_reads_unknown();
    let failures = options.failed_cas_observed;
    let job = Job { history, model, options };
    match model {
        ModelKind::Register => keys::check(&job, || Register::new(&initial, unknown)),
        ModelKind::CasRegister => {
            keys::check(&job, || CasRegister::new(&initial, unknown, failures))
        }
        ModelKind::KeyValue => keys::check(&job, || KeyValue::new(unknown)),
        ModelKind::Set => keys::check(&job, || Set::new(unknown)),
        ModelKind::AppendList => keys::check(&job, || AppendList::new(unknown)),
        ModelKind::Mutex => keys::check(&job, || Mutex),
        ModelKind::MultiRegister => keys::check(&job, || MultiRegister::new(&initial, unknown)),
        ModelKind::FifoQueue => keys::check(&job, FifoQueue::new),
        ModelKind::Stack => keys::check(&job, Stack::new),
        ModelKind::PriorityQueue => keys::check(&job, PriorityQueue::new),
    }
}

/// What a check was asked.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    pub(crate) history: &'a History,
    pub(crate) model: ModelKind,
    pub(crate) options: &'a CheckOptions<'a>,
}
