//! What watches one object: the events of its operations in, an alarm out.

use crate::Value;
use crate::decide::Rule;
use crate::history::{EventKind, ProcessId};
use crate::model::Misfit;

/// An operation as it was invoked.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) op: u32,
    /// Position of the invocation.
    pub(super) at: u32,
    pub(super) process: ProcessId,
    /// The function, as the model calls it.
    pub(super) f: &'static str,
    pub(super) input: Value,
    /// What the watch that was told of it wants to be reminded of when it ends.
    pub(super) mark: u32,
}

/// How an operation ended.
#[derive(Debug, Clone)]
pub(super) struct End {
    /// Position of the completion.
    pub(super) at: u32,
    pub(super) kind: EventKind,
    pub(super) value: Value,
    /// Whether the client named an error.
    pub(super) named_error: bool,
}

/// Why a watch ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Halt {
    /// The event is impossible.
    Alarm(Alarm),
    /// This is not the watch to decide it, for this reason.
    Up(&'static str),
    /// The operation is none of the model's.
    Misfit(Misfit),
}

/// What is wrong.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Alarm {
    pub(super) rule: Rule,
    pub(super) ops: Vec<u32>,
}

/// Watches one object. After an `Err` it is of no further use.
pub(super) trait Watch: Send {
    /// An operation begins. The answer is its mark.
    fn invoke(&mut self, call: &Call) -> Result<u32, Halt>;

    /// An operation ends. Nothing that is open, of any object, was invoked before `oldest`.
    fn end(&mut self, call: &Call, end: &End, oldest: u32) -> Result<(), Halt>;

    /// How many things it keeps.
    fn remembered(&self) -> usize;
}
