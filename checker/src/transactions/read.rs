//! From a history to [`Txns`]: the only file here that knows what a history looks like.
//!
//! Most lists that are read extend, or are a prefix of, the longest list read of their key so far. They are compared with
//! it element by element, which needs no look-up of values; only what is new is numbered.

use std::fmt;

use rustc_hash::FxHashMap;

use super::data::{Fate, Micro, NONE, Txns, What};
use super::{Family, Stopped};
use crate::Value;
use crate::history::{History, Op};

/// After how many operations the stop test is asked again.
const STOP_ASKED_EVERY: usize = 4096;

/// Why a history is not one of transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TransactionError {
    /// An operation that is no transaction.
    Function {
        /// Position of the invocation.
        event: u64,
        /// Its function.
        f: String,
    },
    /// A transaction whose micro-operations are not what they should be.
    Shape {
        /// Position of the event that carries it.
        event: u64,
        /// What is wrong.
        value: Value,
        /// What it should have been.
        expected: &'static str,
    },
}

impl TransactionError {
    /// Position, from 0, of the event that does not fit.
    pub fn event(&self) -> u64 {
        match self {
            Self::Function { event, .. } | Self::Shape { event, .. } => *event,
        }
    }
}

impl fmt::Display for TransactionError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Function { event, f } => {
                write!(out, "event {event}: `{f}` is no transaction; these have function `txn`")
            }
            Self::Shape { event, value, expected } => {
                write!(out, "event {event}: {value} does not fit: expected {expected}")
            }
        }
    }
}

impl std::error::Error for TransactionError {}

/// Why there are no [`Txns`].
pub(super) enum ReadError {
    Stopped,
    Misfit(TransactionError),
}

impl From<TransactionError> for ReadError {
    fn from(error: TransactionError) -> Self {
        Self::Misfit(error)
    }
}

impl From<Stopped> for ReadError {
    fn from(_: Stopped) -> Self {
        Self::Stopped
    }
}

/// Reads all transactions. Without a family it is the one that the micro-operations belong to.
pub(super) fn read(
    history: &History,
    family: Option<Family>,
    initial: &Value,
    should_stop: &dyn Fn() -> bool,
) -> Result<Txns, ReadError> {
    let family = family.unwrap_or_else(|| detect(history));
    let mut reader = Reader::new(history, family, initial);
    for (number, op) in history.ops().enumerate() {
        if number % STOP_ASKED_EVERY == 0 && should_stop() {
            return Err(ReadError::Stopped);
        }
        reader.take(op)?;
    }
    Ok(reader.finish())
}

/// The family by the first write; where there is none, by what the reads look like.
fn detect(history: &History) -> Family {
    let mut lists = false;
    for op in history.ops() {
        let input = op.input();
        let answer = op.answer();
        let body = answer.as_ref().filter(|_| input.is_nil()).unwrap_or(&input);
        for item in body.as_list().unwrap_or_default() {
            match item.as_list().and_then(|parts| parts.first()).and_then(Value::as_text) {
                Some("append" | ":append") => return Family::ListAppend,
                Some("w" | "write" | ":w" | ":write") => return Family::RwRegister,
                _ => {}
            }
        }
        if !lists && let Some(answer) = answer {
            let answers = answer.as_list().unwrap_or_default().iter();
            let mut read = answers.filter_map(|item| item.as_list()?.get(2));
            lists = read.any(|value| value.as_list().is_some());
        }
    }
    if lists { Family::ListAppend } else { Family::RwRegister }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Verb {
    Read,
    Write,
}

struct Reader {
    txns: Txns,
    nil_reads_unknown: bool,
    keys: FxHashMap<Value, u32>,
    numbers: FxHashMap<(u32, i64), u32>,
    others: FxHashMap<(u32, Value), u32>,
    /// By key: the longest list so far, and which micro-operation showed each element.
    lists: Vec<(Vec<u32>, Vec<u32>)>,
}

impl Reader {
    fn new(history: &History, family: Family, initial: &Value) -> Self {
        let count = history.len();
        let mut starts = Vec::with_capacity(count + 1);
        starts.push(0);
        Self {
            txns: Txns {
                family,
                initial: initial.clone(),
                fates: Vec::with_capacity(count),
                processes: Vec::with_capacity(count),
                calls: Vec::with_capacity(count),
                rets: Vec::with_capacity(count),
                starts,
                micros: Vec::with_capacity(2 * count),
                keys: Vec::new(),
                version_keys: Vec::new(),
                version_values: Vec::new(),
                order_starts: vec![0],
                order: Vec::new(),
                shown_by: Vec::new(),
                odd: Vec::new(),
                initial_rewritten: Vec::new(),
                unknown_writes: false,
            },
            nil_reads_unknown: history.nil_reads_unknown(),
            keys: FxHashMap::default(),
            numbers: FxHashMap::default(),
            others: FxHashMap::default(),
            lists: Vec::new(),
        }
    }

    fn take(&mut self, op: Op<'_>) -> Result<(), TransactionError> {
        if op.f() != "txn" {
            return Err(TransactionError::Function { event: op.call(), f: op.f().to_owned() });
        }
        let fate = if op.is_ok() {
            Fate::Committed
        } else if op.is_fail() {
            Fate::Failed
        } else {
            Fate::Crashed
        };
        let input = op.input();
        match op.answer().filter(|answer| !answer.is_nil()) {
            Some(answer) => {
                let event = op.ret().unwrap_or(op.call());
                if !input.is_nil() && !repeats(&input, &answer) {
                    let expected =
                        "the micro-operations that were invoked, with the reads filled in";
                    return Err(TransactionError::Shape {
                        event,
                        value: answer.into_owned(),
                        expected,
                    });
                }
                self.micros(event, &answer, true, fate)?;
            }
            None if input.is_nil() => self.txns.unknown_writes |= fate != Fate::Failed,
            None => self.micros(op.call(), &input, false, fate)?,
        }
        self.txns.fates.push(fate);
        self.txns.processes.push(op.process().0);
        self.txns.calls.push(op.call() as u32);
        self.txns.rets.push(op.ret().map_or(NONE, |ret| ret as u32));
        self.txns.starts.push(self.txns.micros.len() as u32);
        Ok(())
    }

    fn micros(
        &mut self,
        event: u64,
        body: &Value,
        answered: bool,
        fate: Fate,
    ) -> Result<(), TransactionError> {
        let misfit = |value: &Value, expected| {
            Err(TransactionError::Shape { event, value: value.clone(), expected })
        };
        let Some(items) = body.as_list() else {
            return misfit(body, "a list of micro-operations");
        };
        for item in items {
            let (verb, key, value) = match self.parts(item) {
                Ok(parts) => parts,
                Err(expected) => return misfit(item, expected),
            };
            let key = self.key(key);
            let what = match verb {
                Verb::Write => self.write(key, value, fate),
                Verb::Read if !answered => What::Unknown,
                Verb::Read => match self.answer(key, value) {
                    Some(what) => what,
                    None => return misfit(item, "the elements, as a list"),
                },
            };
            self.txns.micros.push(Micro { key, what });
        }
        Ok(())
    }

    /// Function, key and value of a micro-operation.
    fn parts<'v>(&self, item: &'v Value) -> Result<(Verb, &'v Value, &'v Value), &'static str> {
        let (write, expected) = match self.txns.family {
            Family::ListAppend => ("append", "[append key value] or [r key list]"),
            Family::RwRegister => ("w", "[w key value] or [r key value]"),
        };
        let (f, key, value) = match item.as_list() {
            Some([f, key, value]) => (f, key, value),
            Some([f, key]) => (f, key, &Value::Nil),
            _ => return Err(expected),
        };
        let name = f.as_text().ok_or(expected)?;
        match name.strip_prefix(':').unwrap_or(name) {
            "r" | "read" => Ok((Verb::Read, key, value)),
            "write" if write == "w" => Ok((Verb::Write, key, value)),
            name if name == write => Ok((Verb::Write, key, value)),
            _ => Err(expected),
        }
    }

    fn key(&mut self, key: &Value) -> u32 {
        if let Some(number) = self.keys.get(key) {
            return *number;
        }
        let number = self.txns.keys.len() as u32;
        self.keys.insert(key.clone(), number);
        self.txns.keys.push(key.clone());
        self.txns.initial_rewritten.push(false);
        self.lists.push((Vec::new(), Vec::new()));
        number
    }

    fn version(&mut self, key: u32, value: &Value) -> u32 {
        let next = self.txns.version_keys.len() as u32;
        let number = match value {
            Value::Int(number) => *self.numbers.entry((key, *number)).or_insert(next),
            other => *self.others.entry((key, other.clone())).or_insert(next),
        };
        if number == next {
            self.txns.version_keys.push(key);
            self.txns.version_values.push(value.clone());
        }
        number
    }

    fn write(&mut self, key: u32, value: &Value, fate: Fate) -> What {
        if self.txns.family == Family::RwRegister
            && *value == self.txns.initial
            && fate != Fate::Failed
        {
            self.txns.initial_rewritten[key as usize] = true;
        }
        What::Write(self.version(key, value))
    }

    /// What a completed read answered; `None` if that is of the wrong shape.
    fn answer(&mut self, key: u32, value: &Value) -> Option<What> {
        if value.is_nil() && self.nil_reads_unknown {
            return Some(What::Unknown);
        }
        match self.txns.family {
            Family::RwRegister if *value == self.txns.initial => Some(What::Initial),
            Family::RwRegister => Some(What::Version(self.version(key, value))),
            Family::ListAppend if value.is_nil() => Some(What::Prefix(0)),
            Family::ListAppend => value.as_list().map(|items| self.list(key, items)),
        }
    }

    fn list(&mut self, key: u32, items: &[Value]) -> What {
        let values = &self.txns.version_values;
        let known = &self.lists[key as usize].0;
        let same = |(version, item): (&u32, &Value)| values[*version as usize] == *item;
        let agrees = known.iter().zip(items).all(same);
        let known = known.len();
        if agrees && known >= items.len() {
            return What::Prefix(items.len() as u32);
        }
        let new_from = if agrees { known } else { 0 };
        let versions: Vec<u32> =
            items[new_from..].iter().map(|item| self.version(key, item)).collect();
        if !agrees {
            self.txns.odd.push(versions);
            return What::Odd(self.txns.odd.len() as u32 - 1);
        }
        let reader = self.txns.micros.len() as u32;
        let (list, shown_by) = &mut self.lists[key as usize];
        list.extend(versions);
        shown_by.resize(list.len(), reader);
        What::Prefix(items.len() as u32)
    }

    fn finish(mut self) -> Txns {
        for (list, shown_by) in self.lists {
            self.txns.order.extend(list);
            self.txns.shown_by.extend(shown_by);
            self.txns.order_starts.push(self.txns.order.len() as u32);
        }
        self.txns
    }
}

/// Whether an answer names the same micro-operations as the invocation, in the same order.
fn repeats(input: &Value, answer: &Value) -> bool {
    let (Some(input), Some(answer)) = (input.as_list(), answer.as_list()) else {
        // Whichever is no list is refused for that.
        return answer.as_list().is_none();
    };
    let same = |(asked, told): (&Value, &Value)| match (asked.as_list(), told.as_list()) {
        (Some([f, key, value]), Some([f_told, key_told, value_told])) => {
            f == f_told && key == key_told && (value.is_nil() || value == value_told)
        }
        (Some([f, key]), Some([f_told, key_told, ..])) => f == f_told && key == key_told,
        _ => asked == told,
    };
    input.len() == answer.len() && input.iter().zip(answer).all(same)
}
