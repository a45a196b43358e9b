//! A register that is watched while it is used.

use super::numbers::Numbers;
use super::watch::{Alarm, Call, End, Halt, Watch};
use crate::Value;
use crate::decide::Rule;
use crate::decide::cell::{CellOp, Conflict, Machine};
use crate::history::EventKind;
use crate::model::Misfit;
use crate::model::cas_register::PAIR;

/// Completions between two looks at what can be forgotten, at least. A look costs as much as is left after it, so with
/// as many completions as that between two of them, it costs nothing that counts, and what is remembered is at most
/// twice what must be: little enough that a thousand registers fit into a processor's cache.
const FORGET_INTERVAL_MIN: u32 = 8;

/// A register whose values are each written once, as far as anybody can still tell.
#[derive(Debug)]
pub(super) struct Register {
    cas: bool,
    nil_reads_unknown: bool,
    machine: Machine,
    /// The number of each value that may still be seen.
    numbers: Numbers,
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
        let mut numbers = Numbers::default();
        numbers.insert(initial, 0);
        Self {
            cas,
            nil_reads_unknown,
            machine: Machine::new(1),
            numbers,
            values: vec![initial.clone()],
            free: Vec::new(),
            waiting: Vec::new(),
            until_forget: FORGET_INTERVAL_MIN,
        }
    }

    fn act<'a>(&self, call: &'a Call) -> Result<Act<'a>, Halt> {
        match (call.f, &call.input) {
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
        let known = |number: Option<u32>| number.map(CellOp::Read).ok_or(Halt::Alarm(from_nowhere));
        let done = match self.act(call)? {
            Act::Read if end.value.is_nil() && self.nil_reads_unknown => return Ok(()),
            // If it is not known, nobody wrote it, or it was overwritten before anything that is still open began.
            Act::Read => known(self.numbers.get(&end.value))?,
            Act::Cas(from, to) if from == to => known(self.numbers.get(from))?,
            // What a compare-and-set expects was noted at its invocation, and what an open operation writes has kept
            // its number.
            Act::Write(_) | Act::Cas(..) => CellOp::Write(call.mark),
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
        let Self { machine, numbers, values, waiting, .. } = self;
        machine.forget(oldest, |number| {
            numbers.remove(&values[number as usize]);
            waiting.push(number);
        });
        let machine = &self.machine;
        let free = self.waiting.extract_if(.., |number| machine.is_free(*number));
        self.free.extend(free);
        let left = self.numbers.len() + self.machine.remembered() + self.waiting.len();
        self.until_forget = u32::try_from(left).unwrap_or(u32::MAX).max(FORGET_INTERVAL_MIN);
    }

    /// Takes the number from a value that nobody writes and nobody expects.
    fn release(&mut self, value: &Value) {
        if let Some(number) = self.numbers.get(value)
            && self.machine.is_free(number)
        {
            self.numbers.remove(value);
            self.free.push(number);
        }
    }

    fn number(&mut self, value: &Value) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return number;
        }
        let number = if let Some(number) = self.free.pop() {
            self.machine.reuse(number);
            self.values[number as usize] = value.clone();
            number
        } else {
            self.values.push(value.clone());
            self.machine.add_value()
        };
        self.numbers.insert(value, number);
        number
    }
}

impl Watch for Register {
    /// Gives up if a value that may still be seen is written again: then this is not the one to decide. The mark is the
    /// number of what is written.
    fn invoke(&mut self, call: &Call) -> Result<u32, Halt> {
        let (what, number) = match self.act(call)? {
            Act::Read => return Ok(0),
            Act::Cas(from, to) if from == to => return Ok(0),
            Act::Write(value) => {
                let number = self.number(value);
                (CellOp::Write(number), number)
            }
            Act::Cas(from, to) => {
                let (from, number) = (self.number(from), self.number(to));
                (CellOp::Cas(from, number), number)
            }
        };
        let unique = self.machine.invoke(call.op, call.at, what);
        if unique { Ok(number) } else { Err(Halt::Up("a value is written twice")) }
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
