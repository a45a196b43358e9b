//! One operation of a history, looked at where it is.

use std::borrow::Cow;
use std::fmt;

use super::compact::{Ending, History, NO_NODE, NONE, Record};
use super::operation::echoes;
use super::{OpId, Operation, Outcome, ProcessId};
use crate::value::Value;

/// A view of one operation. Copying it copies two words.
#[derive(Clone, Copy)]
pub struct Op<'h> {
    history: &'h History,
    index: usize,
}

/// What became of an operation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OutcomeRef<'h> {
    /// It took effect between invocation and completion, and answered this.
    Ok(Cow<'h, Value>),
    /// It surely had no effect. Carries what the completion said (some models learn from it).
    Fail(Cow<'h, Value>),
    /// Unknown: crashed, timed out, or never completed. It may act at any later time, or never.
    Info,
}

impl<'h> Op<'h> {
    pub(super) fn new(history: &'h History, index: usize) -> Self {
        Self { history, index }
    }

    pub(crate) fn record(self) -> &'h Record {
        &self.history.records[self.index]
    }

    /// Its number within the history.
    pub fn id(self) -> OpId {
        OpId(self.index)
    }

    /// Who performed it.
    pub fn process(self) -> ProcessId {
        self.record().process.get(&self.history.large_processes)
    }

    /// The function, as in the history.
    pub fn f(self) -> &'h str {
        self.history.functions.get(u32::from(self.record().f))
    }

    /// The number of its key, or [`NONE`].
    pub(crate) fn key_number(self) -> u32 {
        self.history.key_number(self.index)
    }

    /// The object, if the history names one.
    pub fn key(self) -> Option<&'h str> {
        let key = self.key_number();
        (key != NONE).then(|| self.history.keys.get(key))
    }

    /// The argument of the invocation.
    pub fn input(self) -> Cow<'h, Value> {
        self.history.values.get(self.record().input)
    }

    /// The argument, if it is a list of two.
    pub(crate) fn input_pair(self) -> Option<(Cow<'h, Value>, Cow<'h, Value>)> {
        let values = &self.history.values;
        if let Some((first, second)) = self.record().input.as_pair() {
            return Some((values.get(first), values.get(second)));
        }
        match self.input() {
            Cow::Borrowed(Value::List(items)) => match items.as_slice() {
                [first, second] => Some((Cow::Borrowed(first), Cow::Borrowed(second))),
                _ => None,
            },
            Cow::Owned(Value::List(items)) => {
                let [first, second] = <[Value; 2]>::try_from(items).ok()?;
                Some((Cow::Owned(first), Cow::Owned(second)))
            }
            _ => None,
        }
    }

    /// What became of it.
    pub fn outcome(self) -> OutcomeRef<'h> {
        let said = || self.history.values.get(self.record().output);
        match self.record().ending {
            Ending::Ok => OutcomeRef::Ok(said()),
            Ending::Fail => OutcomeRef::Fail(said()),
            Ending::Info => OutcomeRef::Info,
        }
    }

    /// What it answered, if it took effect.
    pub fn answer(self) -> Option<Cow<'h, Value>> {
        self.is_ok().then(|| self.history.values.get(self.record().output))
    }

    /// Whether it took effect and answered.
    pub fn is_ok(self) -> bool {
        self.record().ending == Ending::Ok
    }

    /// Whether it surely had no effect.
    pub fn is_fail(self) -> bool {
        self.record().ending == Ending::Fail
    }

    /// Whether nobody knows what became of it.
    pub fn is_info(self) -> bool {
        self.record().ending == Ending::Info
    }

    /// See [`Operation::echoes`].
    pub fn echoes(self) -> bool {
        echoes(self.f())
    }

    /// Position of the invocation in the history.
    pub fn call(self) -> u64 {
        u64::from(self.record().call)
    }

    /// Position of the completion; `None` where there is none or it is `info`: such an operation never ends.
    pub fn ret(self) -> Option<u64> {
        let ret = self.record().ret;
        (ret != NONE).then_some(u64::from(ret))
    }

    /// Nanoseconds of the invocation since the start of the run.
    pub fn call_time(self) -> Option<u64> {
        self.time(0)
    }

    /// Nanoseconds of the completion (an `info` completion too), if one was recorded.
    pub fn ret_time(self) -> Option<u64> {
        self.time(1)
    }

    fn time(self, end: usize) -> Option<u64> {
        let span = self.history.spans.get(self.index)?;
        Some(span[end]).filter(|time| *time != u64::MAX)
    }

    /// The node that was asked, where known.
    pub fn node(self) -> Option<&'h str> {
        let node = self.history.node_of.get(self.index).copied().unwrap_or(NO_NODE);
        (node != NO_NODE).then(|| self.history.nodes.get(u32::from(node)))
    }

    /// Why it failed or is unknown, in the client's words.
    pub fn error(self) -> Option<&'h str> {
        self.history.errors.get(&(self.index as u32)).map(String::as_str)
    }

    /// The operation by itself, with copies of all names and values.
    pub fn to_operation(self) -> Operation {
        Operation {
            id: self.id(),
            process: self.process(),
            f: self.f().to_owned(),
            key: self.key().map(str::to_owned),
            input: self.input().into_owned(),
            outcome: match self.outcome() {
                OutcomeRef::Ok(value) => Outcome::Ok(value.into_owned()),
                OutcomeRef::Fail(value) => Outcome::Fail(value.into_owned()),
                OutcomeRef::Info => Outcome::Info,
            },
            call: self.call(),
            ret: self.ret(),
            call_time: self.call_time(),
            ret_time: self.ret_time(),
            node: self.node().map(str::to_owned),
            error: self.error().map(str::to_owned),
        }
    }
}

impl fmt::Debug for Op<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.to_operation().fmt(out)
    }
}
