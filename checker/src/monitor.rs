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
//!
//! Of an object whose own machine may give up, also its first events, as whoever goes on has to begin with them: up to 256
//! of one object, and two million of all objects together.

mod book;
mod elements;
mod generic;
mod lists;
mod names;
mod numbers;
mod past;
mod register;
mod watch;

use std::fmt;

use crate::Value;
use crate::check::{ModelKind, Validity};
use crate::decide::Rule;
use crate::frontier::online::Limits;
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
use names::Names;
use past::Past;
use register::Register;
use watch::{Alarm, Call, End, Halt, Watch};

/// How the object starts, and what answers mean: as in [`crate::check::CheckOptions`].
#[derive(Clone)]
pub struct MonitorOptions<'a> {
    /// The initial value of (cas-)registers, where not nil.
    pub initial: Option<Value>,
    /// Whether a completed read of nil says nothing.
    pub nil_reads_unknown: bool,
    /// A failed compare-and-set that names no error was *observed* to fail: the value differed.
    pub failed_cas_observed: bool,
    /// Bytes that the search among what is open may hold for one object; one that would pass them is not decided.
    pub memory_bytes_max: usize,
    /// An update that completes with another value than it was invoked with is refused, as in Jepsen's formats, which
    /// repeat it. Otherwise what it was invoked with counts.
    pub updates_are_repeated: bool,
    /// Asked now and then while one event takes long; true ends that, and its object is not decided any more.
    pub should_stop: &'a (dyn Fn() -> bool + Sync),
}

impl Default for MonitorOptions<'_> {
    /// Nil, what is answered is meant, failures are not observed, 256 MiB, updates may complete with any value, no end.
    fn default() -> Self {
        Self {
            initial: None,
            nil_reads_unknown: false,
            failed_cas_observed: false,
            memory_bytes_max: 256 << 20,
            updates_are_repeated: false,
            should_stop: &|| false,
        }
    }
}

/// Watches one history.
pub struct Monitor<'a> {
    model: ModelKind,
    options: MonitorOptions<'a>,
    book: Book,
    names: Names,
    /// By number of the name; but transactions have one object, whatever they name.
    objects: Vec<Object<'a>>,
    /// Events that are kept of all objects, in case another watch has to begin from the start.
    kept: usize,
    violation: Option<Violation>,
}

/// One object.
struct Object<'a> {
    state: State<'a>,
    /// Open operations that may still tell what they do.
    unsaid: u32,
}

enum State<'a> {
    /// By the machine of its data type, while that can; and what another one would have to be told.
    Special(Box<dyn Watch + 'a>, Past),
    /// By the last resort.
    Watched(Box<dyn Watch + 'a>),
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
    /// With [`MonitorOptions::updates_are_repeated`]: an update that does not. The event has left no trace.
    Changed {
        /// Position of the event.
        event: u64,
        /// The function.
        f: String,
        /// What it completes with.
        value: Value,
        /// What it was invoked with.
        invoked: Value,
        /// Position of the invocation.
        invocation: u64,
    },
}

impl MonitorError {
    /// Position, from 0, of the event that does not fit.
    pub fn event(&self) -> u64 {
        match self {
            Self::History(error) => error.event() as u64,
            Self::Misfit { event, .. }
            | Self::BadValue { event, .. }
            | Self::Changed { event, .. } => *event,
        }
    }
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
    /// Those of unknown outcome, and those that are open.
    pub crashed: u64,
    /// Objects (keys) seen.
    pub keys: u64,
}

impl<'a> Monitor<'a> {
    /// Before the first event.
    pub fn new(model: ModelKind, options: MonitorOptions<'a>) -> Self {
        Self {
            model,
            options,
            book: Book::default(),
            names: Names::default(),
            objects: Vec::new(),
            kept: 0,
            violation: None,
        }
    }

    /// The next event. `Some` if it makes the history impossible: the first time for each object, as what comes after
    /// that says nothing about it.
    pub fn push(&mut self, event: &EventRef<'_>) -> Result<Option<Violation>, MonitorError> {
        self.take(event.clone())
    }

    /// [`Monitor::push`] of an event that is not needed any more, which saves a copy of its value.
    pub fn take(&mut self, event: EventRef<'_>) -> Result<Option<Violation>, MonitorError> {
        if event.kind == EventKind::Invoke {
            self.invoke(event)?;
            return Ok(None);
        }
        let (place, entry) = self.book.find(&event, &self.names).map_err(MonitorError::History)?;
        if self.options.updates_are_repeated {
            refuse_changed(&event, self.book.next(), &entry.call)?;
        }
        match self.book.close(place, event.kind) {
            Some(entry) => self.end(&entry, event),
            None => Ok(None),
        }
    }

    /// What is known now. Can be asked at any time.
    pub fn conclusion(&self) -> Conclusion {
        let states = self.objects.iter().enumerate();
        let undecided = states.into_iter().find_map(|(number, object)| match object.state {
            State::Undecided(why) => Some((number as u32, why)),
            State::Special(..) | State::Watched(_) | State::Violated => None,
        });
        let validity = match (&self.violation, undecided) {
            (Some(_), _) => Validity::Invalid,
            (None, Some(_)) => Validity::Unknown,
            (None, None) => Validity::Valid,
        };
        let reason = undecided.filter(|_| validity == Validity::Unknown).map(|(number, why)| {
            let name = self
                .name_of(number)
                .map_or_else(|| "the one object".to_owned(), |name| format!("key {name}"));
            format!("{name} is not decided while it is used: {why}")
        });
        Conclusion {
            validity,
            reason,
            events: self.book.events(),
            operations: self.book.operations(),
            crashed: self.book.crashed(),
            keys: self.objects.len() as u64,
        }
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

    fn invoke(&mut self, event: EventRef<'_>) -> Result<(), MonitorError> {
        self.book.admit(&event).map_err(MonitorError::History)?;
        let Some(f) = self.model.functions().iter().find(|f| **f == event.f) else {
            let (event, f, model) = (self.book.next(), event.f.to_owned(), self.model);
            return Err(MonitorError::Misfit { event, f, model });
        };
        let mut call = self.book.call(event.process, f, event.value);
        let name = self.names.number(event.key);
        let number = self.object(name.0);
        let object = &mut self.objects[number as usize];
        let told = match &mut object.state {
            State::Special(watch, past) => {
                past.invoke(&call, &mut self.kept);
                watch.invoke(&call)
            }
            State::Watched(watch) => watch.invoke(&call),
            State::Undecided(_) | State::Violated => Ok(0),
        };
        let unsaid = echoes(f) && call.input.is_nil();
        object.unsaid += u32::from(unsaid);
        let refused = match told {
            // No invocation is impossible.
            Ok(mark) => {
                call.mark = mark;
                None
            }
            Err(Halt::Alarm(_)) => None,
            Err(Halt::Misfit(misfit)) => {
                self.give_up(number, if unsaid { UNSAID } else { MISFIT });
                (!unsaid).then(|| self.misfit(self.book.next(), f, &call.input, misfit))
            }
            Err(Halt::Up(why)) => {
                if self.go_on(number, why).is_err() {
                    self.give_up(number, why);
                }
                None
            }
        };
        self.book.open(name, call);
        refused.map_or(Ok(()), Err)
    }

    fn end(
        &mut self,
        entry: &Entry,
        event: EventRef<'_>,
    ) -> Result<Option<Violation>, MonitorError> {
        let (at, oldest) = (self.book.position(), self.book.oldest());
        let Entry { name, call, .. } = entry;
        let number = self.number_of(*name);
        let (kind, named_error) = (event.kind, event.error.is_some());
        let end = End { at, kind, value: event.value, named_error };
        let unsaid = echoes(call.f) && call.input.is_nil();
        self.objects[number as usize].unsaid -= u32::from(unsaid);
        if unsaid && kind == EventKind::Ok && !end.value.is_nil() {
            self.give_up(number, UNSAID);
        }
        let told = match &mut self.objects[number as usize].state {
            State::Special(watch, past) => {
                past.end(call, &end, &mut self.kept);
                watch.end(call, &end, oldest)
            }
            State::Watched(watch) => watch.end(call, &end, oldest),
            State::Undecided(_) | State::Violated => Ok(()),
        };
        let told = match told {
            Err(Halt::Up(why)) => self.go_on(number, why),
            told => told,
        };
        match told {
            Ok(()) | Err(Halt::Up(_)) => Ok(None),
            Err(Halt::Alarm(alarm)) => Ok(self.raise(number, entry, at, alarm)),
            Err(Halt::Misfit(misfit)) => {
                self.give_up(number, MISFIT);
                Err(self.misfit(u64::from(at), call.f, &end.value, misfit))
            }
        }
    }

    fn raise(
        &mut self,
        number: u32,
        entry: &Entry,
        at: u32,
        Alarm { rule, ops }: Alarm,
    ) -> Option<Violation> {
        if self.objects[number as usize].unsaid > 0 {
            self.give_up(number, UNSAID);
            return None;
        }
        self.set(number, State::Violated);
        let violation = Violation {
            event: u64::from(at),
            op: OpId(entry.call.op as usize),
            key: self.name_of(number).map(str::to_owned),
            ops: ops.into_iter().map(|op| OpId(op as usize)).collect(),
            rule,
        };
        self.violation.get_or_insert_with(|| violation.clone());
        Some(violation)
    }

    /// An object's own watch gave up: the last resort takes over, if all can be told to it.
    fn go_on(&mut self, number: u32, why: &'static str) -> Result<(), Halt> {
        let general = self.general();
        let next = match (&self.objects[number as usize].state, general) {
            (State::Special(_, past), Some(mut watch)) => match past.tell(&mut *watch) {
                Ok(true) => Ok(State::Watched(watch)),
                Ok(false) => Ok(State::Undecided(why)),
                Err(Halt::Up(why)) => Ok(State::Undecided(why)),
                Err(halt) => Err(halt),
            },
            _ => Ok(State::Undecided(why)),
        };
        self.set(number, next?);
        Ok(())
    }

    /// What is known to be impossible stays so.
    fn give_up(&mut self, number: u32, why: &'static str) {
        if !matches!(self.objects[number as usize].state, State::Violated) {
            self.set(number, State::Undecided(why));
        }
    }

    fn set(&mut self, number: u32, state: State<'a>) {
        let before = std::mem::replace(&mut self.objects[number as usize].state, state);
        if let State::Special(_, past) = before {
            self.kept -= past.len();
        }
    }

    fn misfit(&self, event: u64, f: &str, value: &Value, misfit: Misfit) -> MonitorError {
        let (f, model) = (f.to_owned(), self.model);
        match misfit {
            Misfit::Function => MonitorError::Misfit { event, f, model },
            Misfit::Argument { expected } => {
                let value = value.clone();
                MonitorError::BadValue { event, f, value, expected, model }
            }
            Misfit::Answer { expected, value } => {
                MonitorError::BadValue { event, f, value, expected, model }
            }
        }
    }

    /// The number of the object of this name. Transactions span their registers, so those are one object.
    fn number_of(&self, name: u32) -> u32 {
        if self.model == ModelKind::MultiRegister { 0 } else { name }
    }

    /// The name of an object, if it has one.
    fn name_of(&self, number: u32) -> Option<&str> {
        self.names.get(number).filter(|_| self.model != ModelKind::MultiRegister)
    }

    /// The number of the object of this name, which is there from now on.
    fn object(&mut self, name: u32) -> u32 {
        let number = self.number_of(name);
        if number as usize == self.objects.len() {
            let state = self.new_state();
            self.objects.push(Object { state, unsaid: 0 });
        }
        number
    }

    fn new_state(&self) -> State<'a> {
        let unknown = self.options.nil_reads_unknown;
        let initial = self.options.initial.clone().unwrap_or_default();
        let special: Box<dyn Watch + 'a> = match self.model {
            ModelKind::Register => Box::new(Register::new(&initial, false, unknown)),
            ModelKind::CasRegister if !self.options.failed_cas_observed => {
                Box::new(Register::new(&initial, true, unknown))
            }
            ModelKind::AppendList => Box::new(Growing::list(unknown)),
            ModelKind::Set => Box::new(Growing::set(unknown)),
            ModelKind::ElementSet => Box::new(Elements::new(self.limits())),
            _ => return self.general().map_or(State::Undecided(NOBODY), State::Watched),
        };
        // The last resort of some models is their first.
        match self.model {
            ModelKind::Set | ModelKind::ElementSet => State::Watched(special),
            _ => State::Special(special, Past::default()),
        }
    }

    fn limits(&self) -> Limits<'a> {
        let MonitorOptions { memory_bytes_max: bytes_max, should_stop, .. } = self.options;
        Limits { bytes_max, should_stop }
    }

    /// The last resort, where there is one beside the model's own watch.
    fn general(&self) -> Option<Box<dyn Watch + 'a>> {
        let (unknown, limits) = (self.options.nil_reads_unknown, self.limits());
        let failures = self.options.failed_cas_observed;
        let initial = self.options.initial.clone().unwrap_or_default();
        Some(match self.model {
            ModelKind::Register => {
                Box::new(Generic::new(plain_register::Register::new(&initial, unknown), limits))
            }
            ModelKind::CasRegister => {
                Box::new(Generic::new(CasRegister::new(&initial, unknown, failures), limits))
            }
            ModelKind::KeyValue => Box::new(Generic::new(KeyValue::new(unknown), limits)),
            ModelKind::AppendList => Box::new(Generic::new(AppendList::new(unknown), limits)),
            ModelKind::Mutex => Box::new(Generic::new(Mutex, limits)),
            ModelKind::MultiRegister => {
                Box::new(Generic::new(MultiRegister::new(&initial, unknown), limits))
            }
            ModelKind::FifoQueue => Box::new(Generic::new(FifoQueue::new(), limits)),
            ModelKind::Stack => Box::new(Generic::new(Stack::new(), limits)),
            ModelKind::PriorityQueue => Box::new(Generic::new(PriorityQueue::new(), limits)),
            ModelKind::OwnedMutex => Box::new(Generic::new(OwnedMutex::new(), limits)),
            ModelKind::FencedMutex => Box::new(Generic::new(FencedMutex::new(), limits)),
            ModelKind::Counter => Box::new(Generic::new(Counter::new(&initial, unknown), limits)),
            ModelKind::VersionedRegister => {
                Box::new(Generic::new(VersionedRegister::new(unknown), limits))
            }
            ModelKind::Set | ModelKind::ElementSet => return None,
        })
    }
}

/// A completion of an update must not say anything else than its invocation.
fn refuse_changed(event: &EventRef<'_>, at: u64, call: &Call) -> Result<(), MonitorError> {
    let says = event.kind == EventKind::Ok && echoes(call.f) && !event.value.is_nil();
    if !says || call.input.is_nil() || event.value == call.input {
        return Ok(());
    }
    Err(MonitorError::Changed {
        event: at,
        f: call.f.to_owned(),
        value: event.value.clone(),
        invoked: call.input.clone(),
        invocation: u64::from(call.at),
    })
}

impl fmt::Debug for Monitor<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Monitor")
            .field("model", &self.model)
            .field("conclusion", &self.conclusion())
            .finish_non_exhaustive()
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
            Self::Changed { event, f, value, invoked, invocation } => write!(
                out,
                "event {event}: `{f}` completes with value {value}, but was invoked with {invoked} at event \
                 {invocation}"
            ),
        }
    }
}

impl std::error::Error for MonitorError {}

#[cfg(test)]
mod tests;
