//! Judging a history while it happens.
//!
//! A [`Monitor`] takes events one by one and says of each whether, with it, the history has become impossible. It keeps
//! what may still matter (open operations, values that may still be seen), not the history, and so can watch for as long
//! as one likes. Its verdict is that of [`crate::check::check`] on the same events.
//!
//! ```
//! use rashomon_checker::Value;
//! use rashomon_checker::check::ModelKind;
//! use rashomon_checker::history::{Event, EventKind, EventRef, ProcessId};
//! use rashomon_checker::monitor::{Monitor, MonitorOptions};
//!
//! let mut monitor = Monitor::new(ModelKind::Register, MonitorOptions::default());
//! let mut tell = |process, kind, f, value| {
//!     let process = ProcessId(process);
//!     let (time, key, node, error) = (None, Some("k7"), None, None);
//!     monitor.push(&EventRef { time, process, kind, f, key, value, node, error })
//! };
//! tell(1, EventKind::Invoke, "write", Value::Int(3))?;
//! tell(1, EventKind::Ok, "write", Value::Int(3))?;
//! tell(2, EventKind::Invoke, "read", Value::Nil)?;
//! let violation = tell(2, EventKind::Ok, "read", Value::Nil)?.expect("the write had completed");
//! assert_eq!((violation.event, violation.key.as_deref()), (3, Some("k7")));
//! # Ok::<(), rashomon_checker::monitor::MonitorError>(())
//! ```
//!
//! # What it remembers
//!
//! Of a register, what [`crate::decide::cell`] says under *Forgetting*: values that an operation which is still open, or of
//! unknown outcome, could still see. An operation that never completes and is never said to be unknown holds on to
//! everything since its invocation, as its answer may be anything that was true since then.

mod book;
mod register;

use std::fmt;

use rustc_hash::FxHashMap;

use crate::Value;
use crate::check::{ModelKind, Validity};
use crate::decide::Rule;
use crate::history::{EventKind, EventRef, HistoryError, OpId};

use book::{Book, Entry};
use register::{Invoked, Register};

/// How the object starts, and what answers mean: as in [`crate::check::CheckOptions`].
#[derive(Debug, Clone, Default)]
pub struct MonitorOptions {
    /// The initial value of (cas-)registers, where not nil.
    pub initial: Option<Value>,
    /// Whether a completed read of nil says nothing.
    pub nil_reads_unknown: bool,
}

/// Watches one history.
#[derive(Debug)]
pub struct Monitor {
    model: ModelKind,
    options: MonitorOptions,
    book: Book,
    numbers: FxHashMap<String, u32>,
    unnamed: Option<u32>,
    objects: Vec<Object>,
    violation: Option<Violation>,
}

/// One object.
#[derive(Debug)]
struct Object {
    name: Option<String>,
    state: State,
}

#[derive(Debug)]
enum State {
    Register(Box<Register>),
    /// Not decided, for this reason.
    Undecided(&'static str),
    /// Impossible.
    Violated,
}

/// The history has become impossible.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// Position of the event that makes it certain.
    pub event: u64,
    /// The operation that this event ends.
    pub op: OpId,
    /// The object, if the history names objects.
    pub key: Option<String>,
    /// Operations that contradict each other, as far as they are remembered.
    pub ops: Vec<OpId>,
    /// What is wrong.
    pub rule: Rule,
}

/// What a monitor cannot take.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum MonitorError {
    /// The event is none of a history.
    History(HistoryError),
    /// The operation is none of the model's.
    Misfit {
        /// Position of the event.
        event: u64,
        /// The function.
        f: String,
        /// The model.
        model: ModelKind,
    },
}

/// What a monitor knows in the end.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Conclusion {
    /// The verdict so far.
    pub validity: Validity,
    /// Why it is unknown.
    pub reason: Option<String>,
    /// Events taken.
    pub events: u64,
    /// Operations begun.
    pub operations: u64,
}

/// How an operation ended.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Ended {
    Ok(Value),
    Failed,
    Unknown,
}

/// What an object's watch says of an impossible event.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Alarm {
    rule: Rule,
    ops: Vec<u32>,
}

/// Why an object's watch cannot go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Giving {
    Up(&'static str),
}

impl Monitor {
    /// Before the first event.
    pub fn new(model: ModelKind, options: MonitorOptions) -> Self {
        Self {
            model,
            options,
            book: Book::default(),
            numbers: FxHashMap::default(),
            unnamed: None,
            objects: Vec::new(),
            violation: None,
        }
    }

    /// The next event. `Some` if it makes the history impossible: the first time for each object, as what comes after
    /// that says nothing about it.
    pub fn push(&mut self, event: &EventRef<'_>) -> Result<Option<Violation>, MonitorError> {
        if event.kind == EventKind::Invoke {
            self.invoke(event)?;
            return Ok(None);
        }
        let entry = self.book.close(event).map_err(MonitorError::History)?;
        Ok(self.end(&entry, event))
    }

    /// What is known now. Can be asked at any time.
    pub fn conclusion(&self) -> Conclusion {
        let undecided = self.objects.iter().find_map(|object| match object.state {
            State::Undecided(why) => Some((object, why)),
            State::Register(_) | State::Violated => None,
        });
        let validity = match (&self.violation, undecided) {
            (Some(_), _) => Validity::Invalid,
            (None, Some(_)) => Validity::Unknown,
            (None, None) => Validity::Valid,
        };
        let reason = undecided.filter(|_| validity == Validity::Unknown).map(|(object, why)| {
            let name = object
                .name
                .as_ref()
                .map_or("the one object".to_owned(), |name| format!("key {name}"));
            format!("{name} is not decided while it is used: {why}")
        });
        let (events, operations) = (self.book.events(), self.book.operations());
        Conclusion { validity, reason, events, operations }
    }

    /// The first violation, if there was one.
    pub fn violation(&self) -> Option<&Violation> {
        self.violation.as_ref()
    }

    /// How many things (values, groups of operations) it remembers of all objects.
    pub fn remembered(&self) -> usize {
        self.objects
            .iter()
            .map(|object| match &object.state {
                State::Register(register) => register.remembered(),
                State::Undecided(_) | State::Violated => 0,
            })
            .sum()
    }

    fn invoke(&mut self, event: &EventRef<'_>) -> Result<(), MonitorError> {
        let what = self.interpret(event)?;
        let object = self.object(event.key);
        let entry = self.book.open(event, object, what).map_err(MonitorError::History)?;
        let state = &mut self.objects[object as usize].state;
        if let State::Register(register) = state
            && let Err(Giving::Up(why)) = register.invoke(entry.op, entry.call, &entry.what)
        {
            *state = State::Undecided(why);
        }
        Ok(())
    }

    fn end(&mut self, entry: &Entry, event: &EventRef<'_>) -> Option<Violation> {
        let object = &mut self.objects[entry.object as usize];
        let State::Register(register) = &mut object.state else { return None };
        let unknown = event.value.is_nil() && self.options.nil_reads_unknown;
        let ended = match event.kind {
            EventKind::Fail => Ended::Failed,
            EventKind::Ok if unknown && entry.what == Invoked::Read => Ended::Failed,
            EventKind::Ok => Ended::Ok(event.value.clone()),
            EventKind::Info | EventKind::Invoke => Ended::Unknown,
        };
        let ret = self.book.position();
        let alarm = register.end(entry.op, (entry.call, ret), &entry.what, &ended).err();
        let Some(Alarm { rule, ops }) = alarm else {
            register.tidy(self.book.oldest());
            return None;
        };
        object.state = State::Violated;
        let violation = Violation {
            event: u64::from(ret),
            op: OpId(entry.op as usize),
            key: object.name.clone(),
            ops: ops.into_iter().map(|op| OpId(op as usize)).collect(),
            rule,
        };
        self.violation.get_or_insert_with(|| violation.clone());
        Some(violation)
    }

    /// The number of the object of this name.
    fn object(&mut self, name: Option<&str>) -> u32 {
        let known = match name {
            Some(name) => self.numbers.get(name).copied(),
            None => self.unnamed,
        };
        known.unwrap_or_else(|| {
            let number = self.objects.len() as u32;
            match name {
                Some(name) => drop(self.numbers.insert(name.to_owned(), number)),
                None => self.unnamed = Some(number),
            }
            let state = self.new_state();
            self.objects.push(Object { name: name.map(str::to_owned), state });
            number
        })
    }

    fn new_state(&self) -> State {
        match self.model {
            ModelKind::Register | ModelKind::CasRegister => {
                let initial = self.options.initial.clone().unwrap_or_default();
                State::Register(Box::new(Register::new(&initial)))
            }
            _ => State::Undecided("its model is only decided on a whole history"),
        }
    }

    fn interpret(&self, event: &EventRef<'_>) -> Result<Invoked, MonitorError> {
        let cas = self.model == ModelKind::CasRegister;
        match (event.f, event.value.as_list()) {
            ("read", _) => Ok(Invoked::Read),
            ("write", _) => Ok(Invoked::Write(event.value.clone())),
            ("cas", Some([from, to])) if cas => Ok(Invoked::Cas(from.clone(), to.clone())),
            _ => Err(MonitorError::Misfit {
                event: u64::from(self.book.position()),
                f: event.f.to_owned(),
                model: self.model,
            }),
        }
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let key = self.key.as_ref().map(|key| format!("key {key}: ")).unwrap_or_default();
        write!(out, "event {}: {key}{}", self.event, self.rule)
    }
}

impl fmt::Display for MonitorError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::History(error) => error.fmt(out),
            Self::Misfit { event, f, model } => write!(
                out,
                "event {event}: model {model} has no function `{f}` with such a value; it has {}",
                model.functions().join(", ")
            ),
        }
    }
}

impl std::error::Error for MonitorError {}

#[cfg(test)]
mod tests;
