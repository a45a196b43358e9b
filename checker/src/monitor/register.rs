//! A register that is watched while it is used.

use rustc_hash::FxHashMap;

use super::watch::{Alarm, Call, End, Halt, Watch};
use crate::Value;
use crate::decide::Rule;
use crate::decide::cell::{CellOp, Conflict, Machine};
use crate::history::EventKind;
use crate::model::Misfit;
use crate::model::cas_register::PAIR;

/// Completions between two looks at what can be forgotten.
const FORGET_INTERVAL: u32 = 256;

/// A register whose values are each written once, as far as anybody can still tell.
#[derive(Debug)]
pub(super) struct Register {
    cas: bool,
    nil_reads_unknown: bool,
    machine: Machine,
    /// The number of each value that may still be seen.
    numbers: FxHashMap<Value, u32>,
    /// By number, for taking values out again.
    values: Vec<Value>,
    free: Vec<u32>,
    /// Numbers that nobody looks up any more, but that an operation which may still take effect refers to.
    waiting: Vec<u32>,
    until_forget: u32,
}

/// What an operation is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act<'a> {
    Read,
    Write(&'a Value),
    Cas(&'a Value, &'a Value),
}

impl Register {
    /// `cas`: whether there is compare-and-set.
    pub(super) fn new(initial: &Value, cas: bool, nil_reads_unknown: bool) -> Self {
        let mut numbers = FxHashMap::default();
        numbers.insert(initial.clone(), 0);
        Self {
            cas,
            nil_reads_unknown,
            machine: Machine::new(1),
            numbers,
            values: vec![initial.clone()],
            free: Vec::new(),
            waiting: Vec::new(),
            until_forget: FORGET_INTERVAL,
        }
    }

    fn act<'a>(&self, call: &'a Call) -> Result<Act<'a>, Halt> {
        match (&*call.f, &call.input) {
            ("read", _) => Ok(Act::Read),
            ("write", value) => Ok(Act::Write(value)),
            ("cas", Value::List(pair)) if self.cas && pair.len() == 2 => {
                Ok(Act::Cas(&pair[0], &pair[1]))
            }
            ("cas", _) if self.cas => Err(Halt::Misfit(Misfit::Argument { expected: PAIR })),
            _ => Err(Halt::Misfit(Misfit::Function)),
        }
    }

    fn complete(&mut self, call: &Call, end: &End) -> Result<(), Halt> {
        let from_nowhere = Alarm { rule: Rule::FromNowhere, ops: vec![call.op] };
        let known = |number: Option<&u32>| {
            number.map(|number| CellOp::Read(*number)).ok_or(Halt::Alarm(from_nowhere))
        };
        let done = match self.act(call)? {
            Act::Read if end.value.is_nil() && self.nil_reads_unknown => return Ok(()),
            // If it is not known, nobody wrote it, or it was overwritten before anything that is still open began.
            Act::Read => known(self.numbers.get(&end.value))?,
            Act::Cas(from, to) if from == to => known(self.numbers.get(from))?,
            // What a compare-and-set expects was noted at its invocation.
            Act::Write(value) | Act::Cas(_, value) => CellOp::Write(self.number(value)),
        };
        let completed = self.machine.complete(call.op, call.at, end.at, done.value());
        completed.map_err(|Conflict { rule, ops }| Halt::Alarm(Alarm { rule, ops }))
    }

    fn fail(&mut self, call: &Call) -> Result<(), Halt> {
        let (from, to) = match self.act(call)? {
            Act::Read => return Ok(()),
            Act::Cas(from, to) if from == to => return Ok(()),
            Act::Cas(from, to) => (Some(from), to),
            Act::Write(value) => (None, value),
        };
        // What an open operation writes is not forgotten.
        let number = self.number(to);
        if !self.machine.fail(number) {
            return Err(Halt::Alarm(Alarm { rule: Rule::FromNowhere, ops: vec![call.op] }));
        }
        self.release(to);
        if let Some(from) = from {
            self.release(from);
        }
        Ok(())
    }

    /// Forgets what can be forgotten now and then. Nothing that is open was invoked before `oldest`.
    fn tidy(&mut self, oldest: u32) {
        self.until_forget -= 1;
        if self.until_forget > 0 {
            return;
        }
        self.until_forget = FORGET_INTERVAL;
        let Self { machine, numbers, values, waiting, .. } = self;
        machine.forget(oldest, |number| {
            numbers.remove(&values[number as usize]);
            waiting.push(number);
        });
        let machine = &self.machine;
        let free = self.waiting.extract_if(.., |number| machine.is_free(*number));
        self.free.extend(free);
    }

    /// Takes the number from a value that nobody writes and nobody expects.
    fn release(&mut self, value: &Value) {
        if let Some(number) = self.numbers.get(value).copied()
            && self.machine.is_free(number)
        {
            self.numbers.remove(value);
            self.free.push(number);
        }
    }

    fn number(&mut self, value: &Value) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return *number;
        }
        let number = if let Some(number) = self.free.pop() {
            self.machine.reuse(number);
            self.values[number as usize] = value.clone();
            number
        } else {
            self.values.push(value.clone());
            self.machine.add_value()
        };
        self.numbers.insert(value.clone(), number);
        number
    }
}

impl Watch for Register {
    /// Gives up if a value that may still be seen is written again: then this is not the one to decide.
    fn invoke(&mut self, call: &Call) -> Result<(), Halt> {
        let what = match self.act(call)? {
            Act::Read => return Ok(()),
            Act::Cas(from, to) if from == to => return Ok(()),
            Act::Write(value) => CellOp::Write(self.number(value)),
            Act::Cas(from, to) => CellOp::Cas(self.number(from), self.number(to)),
        };
        let unique = self.machine.invoke(call.op, call.at, what);
        if unique { Ok(()) } else { Err(Halt::Up("a value is written twice")) }
    }

    fn end(&mut self, call: &Call, end: &End, oldest: u32) -> Result<(), Halt> {
        match end.kind {
            EventKind::Ok => self.complete(call, end)?,
            EventKind::Fail => self.fail(call)?,
            EventKind::Info | EventKind::Invoke => {}
        }
        self.tidy(oldest);
        Ok(())
    }

    fn remembered(&self) -> usize {
        self.values.len() + self.machine.remembered()
    }
}
