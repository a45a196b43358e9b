//! The objects, as plain as they can be written: state and answers are values.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rustc_hash::FxHashMap;

use crate::Value;
use crate::check::{Job, ModelKind};
use crate::history::{Ending, History, Op, OpId, ProcessId, Record};

use super::containers::Container;
use super::revisions::Versioned;
use super::words::Words;

/// An object while an order is replayed.
pub(super) struct State<'a> {
    history: &'a History,
    /// Where the words of values suffice; then nothing else is looked at.
    words: Option<Words<'a>>,
    model: ModelKind,
    initial: Value,
    nil_reads_unknown: bool,
    failed_cas_observed: bool,
    held: Held,
}

enum Held {
    Value(Value),
    Text(String),
    List(Vec<Value>),
    Set(Members),
    Lock(bool),
    Registers(BTreeMap<Value, Value>),
    Container(Container),
    Elements(BTreeSet<Value>),
    Owned(Owned),
    Count(i128),
    Versioned(Versioned),
}

/// A lock with an owner.
#[derive(Default)]
struct Owned {
    holder: Option<ProcessId>,
    /// The greatest token; of one that was not told, the least that it can be.
    token: Option<i64>,
}

/// The elements of a growing set, each with the number of the last read that it was compared with.
#[derive(Default)]
struct Members {
    last_seen: FxHashMap<Value, u64>,
    reads: u64,
}

impl Members {
    /// Whether these are all elements, each once.
    fn is(&mut self, seen: &[Value]) -> bool {
        self.reads += 1;
        let Self { last_seen, reads } = self;
        let mut is_new = |element| {
            let last = last_seen.get_mut(element);
            last.is_some_and(|last| std::mem::replace(last, *reads) != *reads)
        };
        seen.iter().all(&mut is_new) && seen.len() == last_seen.len()
    }
}

impl<'a> State<'a> {
    pub(super) fn new(job: &Job<'a>, operations: usize) -> Self {
        let initial = job.options.initial.clone().unwrap_or_default();
        let held = match job.model {
            ModelKind::Register | ModelKind::CasRegister => Held::Value(initial.clone()),
            ModelKind::KeyValue => Held::Text(String::new()),
            ModelKind::AppendList => Held::List(Vec::new()),
            ModelKind::Set => Held::Set(Members::default()),
            ModelKind::Mutex => Held::Lock(false),
            ModelKind::MultiRegister => Held::Registers(BTreeMap::new()),
            ModelKind::FifoQueue => Held::Container(Container::Queue(VecDeque::new())),
            ModelKind::Stack => Held::Container(Container::Stack(Vec::new())),
            ModelKind::PriorityQueue => Held::Container(Container::Heap(BTreeMap::new())),
            ModelKind::ElementSet => Held::Elements(BTreeSet::new()),
            ModelKind::OwnedMutex | ModelKind::FencedMutex => Held::Owned(Owned::default()),
            ModelKind::Counter => Held::Count(initial.as_int().unwrap_or(0).into()),
            ModelKind::VersionedRegister => Held::Versioned(Versioned::default()),
        };
        Self {
            words: Words::new(job, operations),
            history: job.history,
            model: job.model,
            initial,
            nil_reads_unknown: job.history.nil_reads_unknown(),
            failed_cas_observed: job.options.failed_cas_observed,
            held,
        }
    }

    /// Whether an order must have this operation: it took effect, and its answer says something; or its failure does.
    pub(super) fn must_place(&self, id: u32, record: &Record) -> bool {
        match record.ending {
            Ending::Info => return false,
            Ending::Fail if !self.failed_cas_observed => return false,
            Ending::Ok | Ending::Fail => {}
        }
        let op = self.history.op(OpId(id as usize));
        if self.model == ModelKind::MultiRegister {
            return op.answer().is_some_and(|answer| {
                answer.as_list().into_iter().flatten().any(|step| !self.says_nothing(step))
            });
        }
        let unanswered = self.is_unknown(op) && matches!(op.f(), "read" | "get");
        op.is_ok() && !unanswered || self.is_observed_failure(op)
    }

    fn is_unknown(&self, op: Op<'_>) -> bool {
        self.nil_reads_unknown && op.answer().is_some_and(|answer| answer.is_nil())
    }

    fn is_observed_failure(&self, op: Op<'_>) -> bool {
        let cas = self.model == ModelKind::CasRegister && op.f() == "cas";
        cas && op.is_fail() && self.failed_cas_observed && op.error().is_none()
    }

    /// A step of a transaction that read what is not known.
    fn says_nothing(&self, step: &Value) -> bool {
        let Some([f, _, value]) = step.as_list() else { return false };
        matches!(f.as_text(), Some("read" | "r")) && value.is_nil() && self.nil_reads_unknown
    }

    /// Does the operation; false if it cannot have answered what it answered.
    pub(super) fn step(&mut self, id: u32, record: &Record) -> bool {
        if let Some(words) = &mut self.words {
            return words.step(record);
        }
        let op = self.history.op(OpId(id as usize));
        let unknown = op.is_info() || self.is_unknown(op);
        let observed_failure = self.is_observed_failure(op);
        let (input, answer) = (op.input(), op.answer().unwrap_or_default());
        match (&mut self.held, op.f()) {
            (Held::Value(held), "read") => unknown || *held == *answer,
            (Held::Value(held), "write") => {
                *held = input.into_owned();
                true
            }
            (Held::Value(held), _) => {
                let Some([from, to]) = input.as_list() else { return false };
                if observed_failure {
                    return held != from;
                }
                let found = held == from;
                held.clone_from(to);
                found
            }
            (Held::Text(held), "get") => unknown || answer.as_text().unwrap_or("") == held,
            (Held::Text(held), f) => {
                change_text(held, f, input.as_text().unwrap_or(""));
                true
            }
            (Held::List(held), "read") => unknown || answer.as_list().unwrap_or(&[]) == held,
            (Held::List(held), _) => {
                held.push(input.into_owned());
                true
            }
            (Held::Container(held), f) => {
                let taken = held.step(f, input.into_owned());
                taken.is_none_or(|taken| op.is_info() || taken == *answer)
            }
            (Held::Set(held), "read") => unknown || held.is(answer.as_list().unwrap_or(&[])),
            (Held::Set(held), _) => {
                held.last_seen.entry(input.into_owned()).or_insert(0);
                true
            }
            (Held::Lock(held), f) => {
                let acquires = f == "acquire";
                std::mem::replace(held, acquires) != acquires
            }
            (Held::Elements(held), f) => element(held, f, input.into_owned(), &answer),
            (Held::Owned(held), f) => {
                let fenced = self.model == ModelKind::FencedMutex;
                held.step(f, op.process(), answer.as_int().filter(|_| fenced))
            }
            (Held::Count(held), "read") => {
                unknown || answer.as_int().is_some_and(|answer| i128::from(answer) == *held)
            }
            (Held::Count(held), f) => {
                *held += i128::from(input.as_int().unwrap_or(1));
                let told = answer.as_int().filter(|_| f == "add-and-get");
                told.is_none_or(|told| i128::from(told) == *held)
            }
            (Held::Versioned(held), _) => held.step(op, unknown),
            (Held::Registers(held), _) => {
                let steps = if op.is_ok() { answer } else { input };
                let steps = steps.as_list().unwrap_or(&[]);
                let known = op.is_ok();
                let rules = (known, self.nil_reads_unknown, &self.initial);
                steps.iter().all(|step| transact(held, step, rules))
            }
        }
    }
}

impl Owned {
    fn step(&mut self, f: &str, process: ProcessId, token: Option<i64>) -> bool {
        if f == "release" {
            return self.holder.take() == Some(process);
        }
        let grows = token.is_none_or(|token| self.token.is_none_or(|last| token > last));
        let least = self.token.map_or(i64::MIN, |last| last.saturating_add(1));
        self.token = Some(token.unwrap_or(least));
        self.holder.replace(process).is_none() && grows
    }
}

fn change_text(held: &mut String, f: &str, text: &str) {
    if f != "append" {
        held.clear();
    }
    held.push_str(if f == "delete" { "" } else { text });
}

fn element(held: &mut BTreeSet<Value>, f: &str, element: Value, answer: &Value) -> bool {
    let result = match f {
        "add" => held.insert(element),
        "remove" => held.remove(&element),
        _ => held.contains(&element),
    };
    !matches!(answer, Value::Bool(told) if *told != result)
}

/// One step of a transaction. `rules` are whether reads are answered, whether those of nil are, and the initial value.
fn transact(held: &mut BTreeMap<Value, Value>, step: &Value, rules: (bool, bool, &Value)) -> bool {
    let (answered, nil_unknown, initial) = rules;
    let Some([f, register, value]) = step.as_list() else { return false };
    if matches!(f.as_text(), Some("write" | "w")) {
        held.insert(register.clone(), value.clone());
        return true;
    }
    !answered || value.is_nil() && nil_unknown || held.get(register).unwrap_or(initial) == value
}
