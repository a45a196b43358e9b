//! The one entry point: a history, a model and a budget in; a verdict out.

mod boxes;
mod cells;
mod counters;
mod elements;
mod gather;
mod growing;
mod keys;
mod lists;
mod locks;
mod parts;
mod sets;
mod sweep;
mod texts;
mod versions;
mod wgl;

pub(crate) use keys::Key;
pub(crate) use parts::Part;

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::Value;
use crate::counterexample::Counterexample;
use crate::history::{History, Op, OpId};
use crate::model::Misfit;
use crate::model::append_list::AppendList;
use crate::model::cas_register::CasRegister;
use crate::model::counter::Counter;
use crate::model::element_set::ElementSet;
use crate::model::fenced_mutex::FencedMutex;
use crate::model::fifo_queue::FifoQueue;
use crate::model::key_value::KeyValue;
use crate::model::multi_register::MultiRegister;
use crate::model::mutex::Mutex;
use crate::model::owned_mutex::OwnedMutex;
use crate::model::priority_queue::PriorityQueue;
use crate::model::register::Register;
use crate::model::set::Set;
use crate::model::stack::Stack;
use crate::model::versioned_register::VersionedRegister;
use crate::stop::{self, TOLD_TO_STOP};

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
    /// add, remove, contains of single elements, answering true or false.
    ElementSet,
    /// acquire and release, by the same process.
    OwnedMutex,
    /// acquire and release by the same process; acquire answers a token greater than any before.
    FencedMutex,
    /// add, increment, add-and-get, read of a number.
    Counter,
    /// get, put, compare-and-set, delete of a key whose changes have revisions (etcd).
    VersionedRegister,
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

/// Who is to decide.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Engine {
    /// The decider of the data type where its preconditions hold, else the search that suits best.
    #[default]
    Auto,
    /// Deciders only; where none applies, the verdict is unknown.
    Fast,
    /// The frontier search only.
    Frontier,
    /// The tree search only.
    Wgl,
    /// All that apply; should they not agree, the check ends in [`CheckError::Contradiction`].
    Compare,
}

/// How far a search may go, and how the model starts.
#[derive(Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "switches that have nothing to do with each other"
)]
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
    /// Who is to decide.
    pub engine: Engine,
    /// Whether an order that was found is replayed, by code that shares nothing with what found it.
    pub certify: bool,
    /// Whether the orders that were found are handed over: see [`CheckReport::linearizations`].
    pub keep_orders: bool,
    /// Whether an invalid history gets a counterexample, which takes a search of its own. Without one,
    /// [`CheckReport::reason`] and [`CheckReport::impossible_from`] say where it goes wrong.
    pub explain: bool,
}

impl Default for CheckOptions<'_> {
    /// 1 GiB, no end, one thread, nil; every order is replayed, every violation explained.
    fn default() -> Self {
        Self {
            memory_bytes_max: 1 << 30,
            should_stop: &|| false,
            threads: 1,
            initial: None,
            failed_cas_observed: false,
            engine: Engine::Auto,
            certify: true,
            keep_orders: false,
            explain: true,
        }
    }
}

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
    /// Who judged how much of the history, and why.
    #[serde(default)]
    pub engines: Vec<EngineUse>,
    /// For an invalid history: the completion, by its place among the events, from which on no order explains what was
    /// answered; `None` if the budget ended the search for it. Not part of the report's text, which has the
    /// counterexample.
    #[serde(skip)]
    pub impossible_from: Option<u64>,
    /// For an invalid history, unless [`CheckOptions::explain`] says otherwise: what to show a person.
    pub counterexample: Option<Counterexample>,
    /// With [`CheckOptions::keep_orders`]: an order of every object that was found linearizable, by name. None of an
    /// invalid history. Not part of the report's text, as it is as long as the history.
    #[serde(skip)]
    pub linearizations: Vec<ObjectOrder>,
}

/// An order that explains every answer of one object. [`crate::certificate::replay`] checks it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ObjectOrder {
    /// The object, if the history names objects.
    pub key: Option<String>,
    /// Its operations in the order in which they take effect: all that completed and say something, and those of unknown
    /// outcome that took effect.
    pub order: Vec<OpId>,
}

/// One way in which keys were judged.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EngineUse {
    /// `decider`, `frontier`, `wgl`, or `nobody`.
    pub engine: String,
    /// Why not a decider, if it was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub why: Option<String>,
    /// Keys that it judged.
    pub keys: usize,
    /// Their operations.
    pub operations: usize,
}

impl CheckReport {
    /// Says why the check was told to stop, if it was: only the caller knows. Where it ended for another reason (memory),
    /// that stays.
    pub fn name_the_stop(&mut self, cause: &str) {
        stop::name(&mut self.reason, cause);
    }
}

/// Why nothing could be checked: the history does not fit the model.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
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
    /// Two parts of the checker disagree: a bug of the checker, and no verdict.
    Contradiction {
        /// Who says what.
        what: String,
    },
}

impl CheckError {
    /// Position, from 0, of the event that does not fit, if an event is at fault.
    pub fn event(&self) -> Option<u64> {
        match self {
            Self::UnknownFunction { event, .. } | Self::BadValue { event, .. } => Some(*event),
            Self::Contradiction { .. } => None,
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
            Self::Contradiction { what } => write!(out, "the checker contradicts itself: {what}"),
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
        ModelKind::Register => {
            keys::check(&job, || Register::new(&initial, unknown), Some(cells::decide))
        }
        ModelKind::CasRegister => {
            let make = || CasRegister::new(&initial, unknown, failures);
            keys::check(&job, make, Some(cells::decide))
        }
        ModelKind::KeyValue => keys::check(&job, || KeyValue::new(unknown), Some(texts::decide)),
        ModelKind::Set => keys::check(&job, || Set::new(unknown), Some(sets::decide)),
        ModelKind::AppendList => {
            keys::check(&job, || AppendList::new(unknown), Some(lists::decide))
        }
        ModelKind::Mutex => keys::check(&job, || Mutex, Some(locks::decide_mutex)),
        ModelKind::MultiRegister => {
            keys::check(&job, || MultiRegister::new(&initial, unknown), None)
        }
        ModelKind::FifoQueue => keys::check(&job, FifoQueue::new, Some(boxes::decide_queue)),
        ModelKind::Stack => keys::check(&job, Stack::new, Some(boxes::decide_stack)),
        ModelKind::PriorityQueue => {
            keys::check(&job, PriorityQueue::new, Some(boxes::decide_priority))
        }
        ModelKind::ElementSet => keys::check(&job, ElementSet::new, Some(elements::decide)),
        ModelKind::OwnedMutex => keys::check(&job, OwnedMutex::new, Some(locks::decide_owned)),
        ModelKind::FencedMutex => keys::check(&job, FencedMutex::new, Some(locks::decide_fenced)),
        ModelKind::Counter => {
            keys::check(&job, || Counter::new(&initial, unknown), Some(counters::decide))
        }
        ModelKind::VersionedRegister => {
            keys::check(&job, || VersionedRegister::new(unknown), Some(versions::decide))
        }
    }
}

/// What a check was asked.
#[derive(Clone, Copy)]
pub(crate) struct Job<'a> {
    pub(crate) history: &'a History,
    pub(crate) model: ModelKind,
    pub(crate) options: &'a CheckOptions<'a>,
}
