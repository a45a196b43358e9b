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
//! # Who watches what
//!
//! | model | watched by |
//! |---|---|
//! | register, compare-and-set register | the machine of its decider, as long as no value comes again that may still be seen |
//! | append-list | the machine of its decider, as long as no element comes again |
//! | grow-only set | the machine of its decider |
//! | set by element | each element by itself, by the sweep |
//! | all others, and the first two where a value comes again soon | the general sweep, gone on with at each event |
//!
//! Where a value comes again late, the sweep cannot begin any more, as the first events are gone: the object is not
//! decided, and the conclusion says why. Nor is it where an update says only at its completion what it did.
//!
//! # What it remembers
//!
//! Of a register, the values that an operation which is still open, or of
//! unknown outcome, could still see. Of a list or set its elements, and what orders them. Of all else the ways in which
//! things can stand, the events since the oldest invocation that is open, and the model's tables of values and states.
//! An operation that never completes and is never said to be unknown holds on to everything since its invocation, as
//! its answer may be anything that was true since then.

mod book;
mod elements;
mod generic;
mod lists;
mod past;
mod register;
mod watch;

use std::fmt;

use rustc_hash::FxHashMap;

use crate::Value;
use crate::check::{ModelKind, Validity};
use crate::decide::Rule;
use crate::history::{EventKind, EventRef, HistoryError, OpId, echoes};
use crate::model::append_list::AppendList;
use crate::model::cas_register::CasRegister;
use crate::model::counter::Counter;
use crate::model::fenced_mutex::FencedMutex;
use crate::model::fifo_queue::FifoQueue;
use crate::model::key_value::KeyValue;
use crate::model::multi_register::MultiRegister;
use crate::model::mutex::Mutex;
use crate::model::owned_mutex::OwnedMutex;
use crate::model::priority_queue::PriorityQueue;
use crate::model::stack::Stack;
use crate::model::versioned_register::VersionedRegister;
use crate::model::{Misfit, register as plain_register};

use book::{Book, Entry};
use elements::Elements;
use generic::Generic;
use lists::Growing;
use past::Past;
use register::Register;
use watch::{Alarm, End, Halt, Watch};

/// How the object starts, and what answers mean: as in [`crate::check::CheckOptions`].
#[derive(Debug, Clone)]
pub struct MonitorOptions {
    /// The initial value of (cas-)registers, where not nil.
    pub initial: Option<Value>,
    /// Whether a completed read of nil says nothing.
    pub nil_reads_unknown: bool,
    /// A failed compare-and-set that names no error was *observed* to fail: the value differed.
    pub failed_cas_observed: bool,
    /// Bytes that the search among what is open may hold for one object; one that would pass them is not decided.
    pub memory_bytes_max: usize,
}

impl Default for MonitorOptions {
    /// Nil, what is answered is meant, failures are not observed, and 256 MiB.
    fn default() -> Self {
        Self {
            initial: None,
            nil_reads_unknown: false,
            failed_cas_observed: false,
            memory_bytes_max: 256 << 20,
        }
    }
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
    /// Open operations that may still tell what they do.
    unsaid: u32,
}

#[derive(Debug)]
enum State {
    /// By the machine of its data type, while that can; and what another one would have to be told.
    Special(Box<dyn Watch>, Past),
    /// By the last resort.
    Watched(Box<dyn Watch>),
    /// Not decided, for this reason.
    Undecided(&'static str),
    /// Impossible.
    Violated,
}

/// Of an operation that was refused.
const MISFIT: &str = "an operation is none of the model's";

/// Of a model without any watch.
const NOBODY: &str = "its model is only decided on a whole history";

/// Of an update that was invoked with nil and completed with a value.
const UNSAID: &str = "what an operation did became known only when it was done";

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
    /// The model has no such function. The event has left no trace.
    Misfit {
        /// Position of the event.
        event: u64,
        /// The function.
        f: String,
        /// The model.
        model: ModelKind,
    },
    /// The operation carries a value that its function cannot take or answer. Its object is not decided any more.
    BadValue {
        /// Position of the event.
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
        self.end(&entry, event)
    }

    /// What is known now. Can be asked at any time.
    pub fn conclusion(&self) -> Conclusion {
        let undecided = self.objects.iter().find_map(|object| match object.state {
            State::Undecided(why) => Some((object, why)),
            State::Special(..) | State::Watched(_) | State::Violated => None,
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

    /// How many things (values, events, groups of operations) it remembers of all objects.
    pub fn remembered(&self) -> usize {
        self.objects
            .iter()
            .map(|object| match &object.state {
                State::Special(watch, past) => watch.remembered() + past.len(),
                State::Watched(watch) => watch.remembered(),
                State::Undecided(_) | State::Violated => 0,
            })
            .sum()
    }

    fn invoke(&mut self, event: &EventRef<'_>) -> Result<(), MonitorError> {
        let call = self.book.admit(event).map_err(MonitorError::History)?;
        if !self.model.functions().contains(&event.f) {
            return Err(self.misfit(event, u64::from(call.at), Misfit::Function));
        }
        // Transactions span their registers, so those are one object.
        let name = event.key.filter(|_| self.model != ModelKind::MultiRegister);
        let number = self.object(name);
        let object = &mut self.objects[number as usize];
        let told = match &mut object.state {
            State::Special(watch, past) => {
                past.invoke(&call);
                watch.invoke(&call)
            }
            State::Watched(watch) => watch.invoke(&call),
            State::Undecided(_) | State::Violated => Ok(()),
        };
        let at = u64::from(call.at);
        let unsaid = echoes(event.f) && event.value.is_nil();
        object.unsaid += u32::from(unsaid);
        self.book.open(number, call);
        match told {
            // No invocation is impossible.
            Ok(()) | Err(Halt::Alarm(_)) => Ok(()),
            Err(Halt::Misfit(misfit)) => {
                let object = &mut self.objects[number as usize];
                object.state = State::Undecided(if unsaid { UNSAID } else { MISFIT });
                if unsaid { Ok(()) } else { Err(self.misfit(event, at, misfit)) }
            }
            Err(Halt::Up(why)) => {
                if self.go_on(number, why).is_err() {
                    self.objects[number as usize].give_up(why);
                }
                Ok(())
            }
        }
    }

    fn end(
        &mut self,
        entry: &Entry,
        event: &EventRef<'_>,
    ) -> Result<Option<Violation>, MonitorError> {
        let (at, oldest) = (self.book.position(), self.book.oldest());
        let Entry { object: number, call } = entry;
        let object = &mut self.objects[*number as usize];
        let (kind, value) = (event.kind, event.value.clone());
        let end = End { at, kind, value, named_error: event.error.is_some() };
        let unsaid = echoes(&call.f) && call.input.is_nil();
        object.unsaid -= u32::from(unsaid);
        if unsaid && kind == EventKind::Ok && !end.value.is_nil() {
            object.give_up(UNSAID);
        }
        let told = match &mut object.state {
            State::Special(watch, past) => {
                past.end(call, &end);
                watch.end(call, &end, oldest)
            }
            State::Watched(watch) => watch.end(call, &end, oldest),
            State::Undecided(_) | State::Violated => Ok(()),
        };
        let told = match told {
            Err(Halt::Up(why)) => self.go_on(*number, why),
            told => told,
        };
        match told {
            Ok(()) | Err(Halt::Up(_)) => Ok(None),
            Err(Halt::Alarm(alarm)) => Ok(self.raise(entry, at, alarm)),
            Err(Halt::Misfit(misfit)) => {
                self.objects[*number as usize].give_up(MISFIT);
                Err(self.misfit(event, u64::from(at), misfit))
            }
        }
    }

    fn raise(&mut self, entry: &Entry, at: u32, Alarm { rule, ops }: Alarm) -> Option<Violation> {
        let object = &mut self.objects[entry.object as usize];
        if object.unsaid > 0 {
            object.give_up(UNSAID);
            return None;
        }
        object.state = State::Violated;
        let violation = Violation {
            event: u64::from(at),
            op: OpId(entry.call.op as usize),
            key: object.name.clone(),
            ops: ops.into_iter().map(|op| OpId(op as usize)).collect(),
            rule,
        };
        self.violation.get_or_insert_with(|| violation.clone());
        Some(violation)
    }

    /// An object's own watch gave up: the last resort takes over, if all can be told to it.
    fn go_on(&mut self, number: u32, why: &'static str) -> Result<(), Halt> {
        let general = self.general();
        let object = &mut self.objects[number as usize];
        let next = match (&object.state, general) {
            (State::Special(_, past), Some(mut watch)) => match past.tell(&mut *watch) {
                Ok(true) => Ok(State::Watched(watch)),
                Ok(false) => Ok(State::Undecided(why)),
                Err(Halt::Up(why)) => Ok(State::Undecided(why)),
                Err(halt) => Err(halt),
            },
            _ => Ok(State::Undecided(why)),
        };
        object.state = next?;
        Ok(())
    }

    fn misfit(&self, event: &EventRef<'_>, at: u64, misfit: Misfit) -> MonitorError {
        let (f, model) = (event.f.to_owned(), self.model);
        match misfit {
            Misfit::Function => MonitorError::Misfit { event: at, f, model },
            Misfit::Argument { expected } => {
                let value = event.value.clone();
                MonitorError::BadValue { event: at, f, value, expected, model }
            }
            Misfit::Answer { expected, value } => {
                MonitorError::BadValue { event: at, f, value, expected, model }
            }
        }
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
            self.objects.push(Object { name: name.map(str::to_owned), state, unsaid: 0 });
            number
        })
    }

    fn new_state(&self) -> State {
        let unknown = self.options.nil_reads_unknown;
        let initial = self.options.initial.clone().unwrap_or_default();
        let special: Box<dyn Watch> = match self.model {
            ModelKind::Register => Box::new(Register::new(&initial, false, unknown)),
            ModelKind::CasRegister if !self.options.failed_cas_observed => {
                Box::new(Register::new(&initial, true, unknown))
            }
            ModelKind::AppendList => Box::new(Growing::list(unknown)),
            ModelKind::Set => Box::new(Growing::set(unknown)),
            ModelKind::ElementSet => Box::new(Elements::new(self.options.memory_bytes_max)),
            _ => return self.general().map_or(State::Undecided(NOBODY), State::Watched),
        };
        // The last resort of some models is their first.
        match self.model {
            ModelKind::Set | ModelKind::ElementSet => State::Watched(special),
            _ => State::Special(special, Past::default()),
        }
    }

    /// The last resort, where there is one beside the model's own watch.
    fn general(&self) -> Option<Box<dyn Watch>> {
        let (unknown, bytes) = (self.options.nil_reads_unknown, self.options.memory_bytes_max);
        let failures = self.options.failed_cas_observed;
        let initial = self.options.initial.clone().unwrap_or_default();
        Some(match self.model {
            ModelKind::Register => {
                Box::new(Generic::new(plain_register::Register::new(&initial, unknown), bytes))
            }
            ModelKind::CasRegister => {
                Box::new(Generic::new(CasRegister::new(&initial, unknown, failures), bytes))
            }
            ModelKind::KeyValue => Box::new(Generic::new(KeyValue::new(unknown), bytes)),
            ModelKind::AppendList => Box::new(Generic::new(AppendList::new(unknown), bytes)),
            ModelKind::Mutex => Box::new(Generic::new(Mutex, bytes)),
            ModelKind::MultiRegister => {
                Box::new(Generic::new(MultiRegister::new(&initial, unknown), bytes))
            }
            ModelKind::FifoQueue => Box::new(Generic::new(FifoQueue::new(), bytes)),
            ModelKind::Stack => Box::new(Generic::new(Stack::new(), bytes)),
            ModelKind::PriorityQueue => Box::new(Generic::new(PriorityQueue::new(), bytes)),
            ModelKind::OwnedMutex => Box::new(Generic::new(OwnedMutex::new(), bytes)),
            ModelKind::FencedMutex => Box::new(Generic::new(FencedMutex::new(), bytes)),
            ModelKind::Counter => Box::new(Generic::new(Counter::new(&initial, unknown), bytes)),
            ModelKind::VersionedRegister => {
                Box::new(Generic::new(VersionedRegister::new(unknown), bytes))
            }
            ModelKind::Set | ModelKind::ElementSet => return None,
        })
    }
}

impl Object {
    /// What is known to be impossible stays so.
    fn give_up(&mut self, why: &'static str) {
        if !matches!(self.state, State::Violated) {
            self.state = State::Undecided(why);
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

impl std::error::Error for MonitorError {}

#[cfg(test)]
mod tests;
