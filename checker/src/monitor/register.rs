//! A register that is watched while it is used.

use rustc_hash::FxHashMap;

use super::{Alarm, Ended, Giving};
use crate::Value;
use crate::decide::Rule;
use crate::decide::cell::{CellOp, Conflict, Machine};

/// Completions between two looks at what can be forgotten.
const FORGET_INTERVAL: u32 = 256;

/// A register whose values are each written once, as far as anybody can still tell.
#[derive(Debug)]
pub(super) struct Register {
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

/// An operation as it was invoked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Invoked {
    Read,
    Write(Value),
    Cas(Value, Value),
}

impl Register {
    pub(super) fn new(initial: &Value) -> Self {
        let mut numbers = FxHashMap::default();
        numbers.insert(initial.clone(), 0);
        Self {
            machine: Machine::new(1),
            numbers,
            values: vec![initial.clone()],
            free: Vec::new(),
            waiting: Vec::new(),
            until_forget: FORGET_INTERVAL,
        }
    }

    /// `Err` if a value that may still be seen is written again: then this is not the one to decide.
    pub(super) fn invoke(&mut self, op: u32, call: u32, what: &Invoked) -> Result<(), Giving> {
        let what = match what {
            Invoked::Read => return Ok(()),
            Invoked::Cas(from, to) if from == to => return Ok(()),
            Invoked::Write(value) => CellOp::Write(self.number(value)),
            Invoked::Cas(from, to) => CellOp::Cas(self.number(from), self.number(to)),
        };
        let unique = self.machine.invoke(op, call, what);
        if unique { Ok(()) } else { Err(Giving::Up("a value is written twice")) }
    }

    /// An operation completes that was invoked at `call`. `answer` is what a read answered.
    pub(super) fn end(
        &mut self,
        op: u32,
        (call, ret): (u32, u32),
        what: &Invoked,
        ended: &Ended,
    ) -> Result<(), Alarm> {
        let done = match (what, ended) {
            (Invoked::Read, Ended::Failed) | (_, Ended::Unknown) => return Ok(()),
            (Invoked::Write(value) | Invoked::Cas(_, value), Ended::Failed) => {
                return self.fail(op, what, value);
            }
            (Invoked::Read, Ended::Ok(value)) => match self.numbers.get(value) {
                Some(number) => CellOp::Read(*number),
                // Nobody wrote it, or it was overwritten before anything that is still open began.
                None => return Err(Alarm { rule: Rule::FromNowhere, ops: vec![op] }),
            },
            (Invoked::Write(value), Ended::Ok(_)) => CellOp::Write(self.number(value)),
            (Invoked::Cas(from, to), Ended::Ok(_)) if from == to => match self.numbers.get(from) {
                Some(number) => CellOp::Read(*number),
                None => return Err(Alarm { rule: Rule::FromNowhere, ops: vec![op] }),
            },
            // What it expects was noted at its invocation.
            (Invoked::Cas(_, to), Ended::Ok(_)) => CellOp::Write(self.number(to)),
        };
        let completed = self.machine.complete(op, call, ret, done);
        completed.map_err(|Conflict { rule, ops }| Alarm { rule, ops })
    }

    fn fail(&mut self, op: u32, what: &Invoked, value: &Value) -> Result<(), Alarm> {
        if matches!(what, Invoked::Cas(from, to) if from == to) {
            return Ok(());
        }
        // What an open operation writes is not forgotten.
        let number = self.number(value);
        if !self.machine.fail(number) {
            return Err(Alarm { rule: Rule::FromNowhere, ops: vec![op] });
        }
        self.release(value);
        if let Invoked::Cas(from, _) = what {
            self.release(from);
        }
        Ok(())
    }

    /// Forgets what can be forgotten now and then. Nothing that is open was invoked before `oldest`.
    pub(super) fn tidy(&mut self, oldest: u32) {
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

    /// How many values it keeps apart.
    pub(super) fn remembered(&self) -> usize {
        self.values.len() + self.machine.remembered()
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
