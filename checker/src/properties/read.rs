//! The one place that knows how a history is stored: everything else in [`super`] works on [`Op`].

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::Value;
use crate::history::{History, OpId, OutcomeRef, ProcessId};
use crate::stop::Stopped;

use super::report::Notebook;
use super::{PropertyError, PropertyKind};

/// Stands for the completion of an operation that has none.
pub(super) const NEVER: u64 = u64::MAX;

/// An operation as the checks see it.
#[derive(Debug, Clone)]
pub(super) struct Op<'h> {
    pub(super) id: OpId,
    pub(super) process: ProcessId,
    pub(super) f: &'h str,
    /// The object, if the history names one.
    pub(super) object: Option<&'h str>,
    pub(super) input: Cow<'h, Value>,
    pub(super) end: End<'h>,
    /// Position of the invocation.
    pub(super) call: u64,
    /// Position of the completion, or [`NEVER`] where the outcome is unknown.
    pub(super) ret: u64,
    pub(super) call_time: Option<u64>,
    pub(super) ret_time: Option<u64>,
}

/// What became of an operation.
#[derive(Debug, Clone)]
pub(super) enum End<'h> {
    /// It took effect, and answered this.
    Ok(Cow<'h, Value>),
    /// It surely had no effect.
    Fail,
    /// Nobody knows, or nobody kept what it answered.
    Info,
}

/// All operations, in order of invocation.
pub(super) fn operations(history: &History) -> impl Iterator<Item = Op<'_>> {
    let unkept = history.nil_reads_unknown();
    history.ops().map(move |op| Op {
        id: op.id(),
        process: op.process(),
        f: op.f(),
        object: op.key(),
        input: op.input(),
        end: match op.outcome() {
            // A read only observes, so one whose answer was not kept is as good as one of unknown outcome.
            OutcomeRef::Ok(answer) if unkept && answer.is_nil() && op.f() == "read" => End::Info,
            OutcomeRef::Ok(answer) => End::Ok(answer),
            OutcomeRef::Fail(_) => End::Fail,
            OutcomeRef::Info => End::Info,
        },
        call: op.call(),
        ret: op.ret().unwrap_or(NEVER),
        call_time: op.call_time(),
        ret_time: op.ret_time(),
    })
}

/// How many operations there are, and how many of them have an unknown outcome.
pub(super) fn totals(history: &History) -> (usize, usize) {
    (history.len(), history.crashed())
}

/// The operations of each object, objects in order of their names. The notebook expects as many.
pub(super) fn by_object<'h>(
    history: &'h History,
    notes: &mut Notebook<'_>,
) -> Result<BTreeMap<Option<&'h str>, Vec<Op<'h>>>, Stopped> {
    let mut objects: BTreeMap<Option<&str>, Vec<Op<'_>>> = BTreeMap::new();
    for op in operations(history) {
        notes.pace.step(op.size())?;
        objects.entry(op.object).or_default().push(op);
    }
    notes.expect(objects.len());
    Ok(objects)
}

impl Op<'_> {
    /// What it answered, if it completed.
    pub(super) fn answer(&self) -> Option<&Value> {
        match &self.end {
            End::Ok(answer) => Some(answer),
            End::Fail | End::Info => None,
        }
    }

    /// How much there is to look at in it, roughly.
    pub(super) fn size(&self) -> usize {
        1 + self.answer().and_then(Value::as_list).map_or(0, <[Value]>::len)
    }

    pub(super) fn is_ok(&self) -> bool {
        matches!(self.end, End::Ok(_))
    }

    pub(super) fn failed(&self) -> bool {
        matches!(self.end, End::Fail)
    }

    pub(super) fn crashed(&self) -> bool {
        matches!(self.end, End::Info)
    }

    /// The error for a function that `property` does not know.
    pub(super) fn unknown_function(&self, property: PropertyKind) -> PropertyError {
        PropertyError::UnknownFunction { event: self.call, f: self.f.to_owned(), property }
    }

    /// The error for an argument of the wrong shape.
    pub(super) fn bad_input(
        &self,
        property: PropertyKind,
        expected: &'static str,
    ) -> PropertyError {
        let value = self.input.as_ref().clone();
        PropertyError::BadValue {
            event: self.call,
            f: self.f.to_owned(),
            value,
            expected,
            property,
        }
    }

    /// The error for an answer of the wrong shape.
    pub(super) fn bad_answer(
        &self,
        property: PropertyKind,
        expected: &'static str,
    ) -> PropertyError {
        let value = self.answer().cloned().unwrap_or_default();
        let event = if self.ret == NEVER { self.call } else { self.ret };
        PropertyError::BadValue { event, f: self.f.to_owned(), value, expected, property }
    }
}

/// The entries of a map. Values have no maps: one is a list of pairs `[key value]`, in any order.
pub(super) fn entries(value: &Value) -> Option<Vec<(&Value, &Value)>> {
    value.as_list()?.iter().map(pair).collect()
}

/// The two elements of a pair.
pub(super) fn pair(value: &Value) -> Option<(&Value, &Value)> {
    match value.as_list() {
        Some([first, second]) => Some((first, second)),
        _ => None,
    }
}

/// What something is called: numbers and text alike, as the keys of a JSON map are always text.
pub(super) fn name_of(value: &Value) -> Option<String> {
    match value {
        Value::Text(text) => Some(text.clone()),
        Value::Int(number) => Some(number.to_string()),
        Value::Nil | Value::Bool(_) | Value::List(_) => None,
    }
}
