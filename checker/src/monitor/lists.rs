//! Growing lists and sets, watched by the machines of their deciders.
//!
//! A list of which an element is appended a second time is not for them.

use super::numbers::Numbers;
use super::watch::{Alarm, Call, End, Halt, Watch};
use crate::Value;
use crate::decide::lists::Read;
use crate::decide::{Refutation, Rule, append_list, grow_set};
use crate::history::EventKind;
use crate::model::Misfit;

/// The number of what nobody began to put in.
const UNKNOWN: u32 = u32::MAX;

/// What knows about the elements.
#[derive(Debug)]
enum Machine {
    List(append_list::Monitor),
    Set(grow_set::Monitor),
}

/// Watches a list or a set.
#[derive(Debug)]
pub(super) struct Growing {
    machine: Machine,
    nil_reads_unknown: bool,
    numbers: Numbers,
    /// The answer at hand.
    answer: Vec<u32>,
}

impl Growing {
    /// A list: `append`, `read`.
    pub(super) fn list(nil_reads_unknown: bool) -> Self {
        Self::new(Machine::List(append_list::Monitor::default()), nil_reads_unknown)
    }

    /// A set: `add`, `read`.
    pub(super) fn set(nil_reads_unknown: bool) -> Self {
        Self::new(Machine::Set(grow_set::Monitor::default()), nil_reads_unknown)
    }

    fn new(machine: Machine, nil_reads_unknown: bool) -> Self {
        Self { machine, nil_reads_unknown, numbers: Numbers::default(), answer: Vec::new() }
    }

    /// Whether it is one that puts something in.
    fn puts(&self, f: &str) -> Result<bool, Halt> {
        match (&self.machine, f) {
            (_, "read") => Ok(false),
            (Machine::List(_), "append") | (Machine::Set(_), "add") => Ok(true),
            _ => Err(Halt::Misfit(Misfit::Function)),
        }
    }

    fn element(&mut self, value: &Value) -> u32 {
        if let Some(number) = self.numbers.get(value) {
            return number;
        }
        let number = self.numbers.len() as u32;
        self.numbers.insert(value, number);
        number
    }

    fn put(&mut self, call: &Call, end: &End) -> Result<(), Halt> {
        let element = call.mark;
        match (&mut self.machine, end.kind) {
            (Machine::List(_), EventKind::Info | EventKind::Invoke) => Ok(()),
            (Machine::Set(set), EventKind::Info | EventKind::Invoke) => {
                set.add_unknown(element, call.op);
                Ok(())
            }
            (Machine::List(list), EventKind::Ok) => {
                list.append_completed(element, end.at);
                Ok(())
            }
            (Machine::Set(set), EventKind::Ok) => {
                set.add_completed(element, call.op, end.at);
                Ok(())
            }
            (Machine::List(list), EventKind::Fail) => {
                if list.append_failed(element) {
                    Ok(())
                } else {
                    Err(from_nowhere(call))
                }
            }
            (Machine::Set(set), EventKind::Fail) => set
                .add_failed(element, call.op)
                .map_err(|(rule, ops)| Halt::Alarm(Alarm { rule, ops })),
        }
    }

    fn read(&mut self, call: &Call, end: &End) -> Result<(), Halt> {
        let items: &[Value] = match &end.value {
            _ if end.kind != EventKind::Ok => return Ok(()),
            Value::Nil if self.nil_reads_unknown => return Ok(()),
            Value::Nil => &[],
            Value::List(items) => items,
            other => {
                let expected = "the elements, as a list";
                return Err(Halt::Misfit(Misfit::Answer { expected, value: other.clone() }));
            }
        };
        let numbers = &self.numbers;
        self.answer.clear();
        self.answer.extend(items.iter().map(|item| numbers.get(item).unwrap_or(UNKNOWN)));
        let read = Read { op: call.op, call: call.at, ret: end.at };
        let told = match &mut self.machine {
            Machine::List(list) => list.read_completed(read, &self.answer),
            Machine::Set(set) => set.read_completed(read, &self.answer),
        };
        told.map_err(|Refutation { rule, ops, .. }| Halt::Alarm(Alarm { rule, ops }))
    }
}

impl Watch for Growing {
    fn invoke(&mut self, call: &Call) -> Result<u32, Halt> {
        if !self.puts(call.f)? {
            return Ok(UNKNOWN);
        }
        let element = self.element(&call.input);
        match &mut self.machine {
            Machine::Set(set) => set.add_invoked(element, call.op, call.at),
            Machine::List(list) => {
                let invoked = list.append_invoked(element, call.op, call.at);
                invoked.map_err(|_| Halt::Up("an element is appended twice"))?;
            }
        }
        Ok(element)
    }

    fn end(&mut self, call: &Call, end: &End, oldest: u32) -> Result<(), Halt> {
        if self.puts(call.f)? { self.put(call, end) } else { self.read(call, end) }?;
        if let Machine::List(list) = &mut self.machine {
            list.forget(oldest);
        }
        Ok(())
    }

    fn remembered(&self) -> usize {
        self.numbers.len()
    }
}

fn from_nowhere(call: &Call) -> Halt {
    Halt::Alarm(Alarm { rule: Rule::FromNowhere, ops: vec![call.op] })
}
