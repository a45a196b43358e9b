//! Several registers under one roof (Knossos): `txn` of `[read k v]` and `[write k v]`, which take effect together and
//! in order. All registers start with the same value.
//!
//! A state is what differs from the initial values, in order of register, so that it does not matter which registers a
//! history mentions first.

use std::mem::size_of;

use crate::Value;
use crate::history::packed::heap_bytes;
use crate::history::{Op, OutcomeRef};
use crate::model::intern::{Interner, StepTable};
use crate::model::{ClassId, Meaning, Misfit, Object, StateId};

const TXN: &str = "a list of [read k v] and [write k v]";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Step {
    Read(u32, u32),
    Write(u32, u32),
}

/// All registers of a history.
pub(crate) struct MultiRegister {
    nil_reads_unknown: bool,
    registers: Interner<Value>,
    values: Interner<Value>,
    initial_value: u32,
    classes: Interner<Vec<Step>>,
    /// Pairs of register and value, where the value is not the initial one.
    states: Interner<Vec<(u32, u32)>>,
    /// Traces: pairs of register and value written.
    written: Interner<(u32, u32)>,
    steps: StepTable,
    heap: usize,
}

impl MultiRegister {
    pub(crate) fn new(initial: &Value, nil_reads_unknown: bool) -> Self {
        let mut values = Interner::new();
        let initial_value = values.intern(initial);
        let mut states = Interner::new();
        states.intern(&Vec::new());
        Self {
            nil_reads_unknown,
            registers: Interner::new(),
            values,
            initial_value,
            classes: Interner::new(),
            states,
            written: Interner::new(),
            steps: StepTable::default(),
            heap: 0,
        }
    }

    /// The steps of a transaction; reads too if they carry answers.
    fn parse(&mut self, txn: &Value, answered: bool) -> Option<Vec<Step>> {
        let mut steps = Vec::new();
        for item in txn.as_list()? {
            let [f, register, value] = item.as_list()? else { return None };
            let register_number = self.registers.intern(register);
            match f.as_text()? {
                "write" | "w" => {
                    let value_number = self.values.intern(value);
                    self.written.intern(&(register_number, value_number));
                    steps.push(Step::Write(register_number, value_number));
                }
                "read" | "r" if answered && !(value.is_nil() && self.nil_reads_unknown) => {
                    steps.push(Step::Read(register_number, self.values.intern(value)));
                }
                "read" | "r" => {}
                _ => return None,
            }
            self.heap += heap_bytes(item);
        }
        Some(steps)
    }

    fn class(&mut self, steps: &Vec<Step>) -> Option<ClassId> {
        self.heap += 2 * steps.len() * size_of::<Step>();
        (!steps.is_empty()).then(|| ClassId(self.classes.intern(steps)))
    }

    fn take(&mut self, state: StateId, class: ClassId) -> Option<StateId> {
        let mut registers = self.states.get(state.0).clone();
        for step in self.classes.get(class.0) {
            match *step {
                Step::Read(register, value) => {
                    let held = match registers.binary_search_by_key(&register, |pair| pair.0) {
                        Ok(at) => registers[at].1,
                        Err(_) => self.initial_value,
                    };
                    if held != value {
                        return None;
                    }
                }
                Step::Write(register, value) => {
                    write(&mut registers, register, value, self.initial_value);
                }
            }
        }
        let before = self.states.len();
        let next = StateId(self.states.intern(&registers));
        if self.states.len() > before {
            self.heap += 2 * registers.len() * size_of::<(u32, u32)>();
        }
        Some(next)
    }
}

fn write(registers: &mut Vec<(u32, u32)>, register: u32, value: u32, initial: u32) {
    match registers.binary_search_by_key(&register, |pair| pair.0) {
        Ok(at) if value == initial => {
            registers.remove(at);
        }
        Ok(at) => registers[at].1 = value,
        Err(_) if value == initial => {}
        Err(at) => registers.insert(at, (register, value)),
    }
}

impl Object for MultiRegister {
    fn interpret(&mut self, operation: Op<'_>) -> Result<Meaning, Misfit> {
        if operation.f() != "txn" {
            return Err(Misfit::Function);
        }
        let argument = Misfit::Argument { expected: TXN };
        let invoked = self.parse(&operation.input(), false).ok_or(argument)?;
        Ok(match operation.outcome() {
            OutcomeRef::Fail(_) => Meaning::NOTHING,
            OutcomeRef::Info => Meaning { completed: None, open: self.class(&invoked) },
            OutcomeRef::Ok(answer) => {
                let answered = self.parse(&answer, true).ok_or_else(|| Misfit::Answer {
                    expected: TXN,
                    value: answer.clone().into_owned(),
                })?;
                Meaning { completed: self.class(&answered), open: self.class(&invoked) }
            }
        })
    }

    fn initial(&self) -> StateId {
        StateId(0)
    }

    fn step(&mut self, state: StateId, class: ClassId) -> Option<StateId> {
        if let Some(taken) = self.steps.get(state, class) {
            return taken.0;
        }
        let next = self.take(state, class);
        self.steps.put(state, class, next)
    }

    fn is_observer(&self, class: ClassId) -> bool {
        self.classes.get(class.0).iter().all(|step| matches!(step, Step::Read(..)))
    }

    fn traces(&self, class: ClassId) -> Vec<u32> {
        let steps = self.classes.get(class.0);
        let written = steps.iter().filter_map(|step| match *step {
            Step::Write(register, value) => self.written.find(&(register, value)),
            Step::Read(..) => None,
        });
        written.collect()
    }

    fn shows(&self, class: ClassId, trace: u32) -> bool {
        let &(register, value) = self.written.get(trace);
        self.classes.get(class.0).contains(&Step::Read(register, value))
    }

    fn describe(&self, state: StateId) -> String {
        let differing = self.states.get(state.0);
        let mut words: Vec<String> = Vec::new();
        for number in 0..self.registers.len() as u32 {
            let value = match differing.binary_search_by_key(&number, |pair| pair.0) {
                Ok(at) => differing[at].1,
                Err(_) => self.initial_value,
            };
            let register = match self.registers.get(number) {
                Value::Text(name) => name.clone(),
                other => other.to_string(),
            };
            words.push(format!("{register}={}", self.values.get(value)));
        }
        words.join(" ")
    }

    fn bytes(&self) -> usize {
        self.registers.bytes()
            + self.values.bytes()
            + self.classes.bytes()
            + self.states.bytes()
            + self.written.bytes()
            + self.steps.bytes()
            + self.heap
    }
}
