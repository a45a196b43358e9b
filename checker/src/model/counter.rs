//! A counter: `add n` of any whole number, `increment` by one, `add-and-get n`, which answers the new value, and `read`.

use std::mem::size_of;

use crate::Value;
use crate::history::{Op, OutcomeRef};
use crate::model::intern::{Interner, StepTable};
use crate::model::{ClassId, Meaning, Misfit, Object, Recurrence, Selection, StateId};

/// What arguments and answers are expected to be.
pub(crate) const NUMBER: &str = "a whole number";
pub(crate) const NO_ARGUMENT: &str = "none";

/// Wide enough for the sum of any number of additions.
type Number = i128;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum CounterOp {
    /// Adds this; then the value is that, where it was answered.
    Add(i64, Option<i64>),
    Read(i64),
}

/// One counter.
pub(crate) struct Counter {
    nil_reads_unknown: bool,
    classes: Interner<CounterOp>,
    states: Interner<Number>,
    steps: StepTable,
    /// Whether additions go up, and down.
    ups: bool,
    downs: bool,
    /// What the selected reads answered, sorted.
    answers: Vec<Number>,
    /// How many selected additions answered.
    adds_answered: u32,
}

impl Counter {
    /// Starts at `initial`, or at 0 if that is no number.
    pub(crate) fn new(initial: &Value, nil_reads_unknown: bool) -> Self {
        let mut states = Interner::new();
        states.intern(&Number::from(initial.as_int().unwrap_or(0)));
        Self {
            nil_reads_unknown,
            classes: Interner::new(),
            states,
            steps: StepTable::default(),
            ups: false,
            downs: false,
            answers: Vec::new(),
            adds_answered: 0,
        }
    }

    fn class(&mut self, op: CounterOp) -> ClassId {
        ClassId(self.classes.intern(&op))
    }

    fn read(&mut self, operation: Op<'_>) -> Result<Meaning, Misfit> {
        match operation.answer().as_deref() {
            None => Ok(Meaning::NOTHING),
            Some(Value::Nil) if self.nil_reads_unknown => Ok(Meaning::NOTHING),
            Some(Value::Int(value)) => Ok(Meaning::observer(self.class(CounterOp::Read(*value)))),
            Some(other) => Err(not_a_number(other)),
        }
    }

    fn add(&mut self, operation: Op<'_>, delta: i64) -> Result<Meaning, Misfit> {
        let answers = operation.f() == "add-and-get";
        let answer = match operation.outcome() {
            OutcomeRef::Fail(_) => return Ok(Meaning::NOTHING),
            OutcomeRef::Ok(value) if answers => match value.as_ref() {
                Value::Int(value) => Some(*value),
                other => return Err(not_a_number(other)),
            },
            OutcomeRef::Ok(_) | OutcomeRef::Info => None,
        };
        self.ups |= delta > 0;
        self.downs |= delta < 0;
        if let (0, Some(value)) = (delta, answer) {
            return Ok(Meaning::observer(self.class(CounterOp::Read(value))));
        }
        let completed = Some(self.class(CounterOp::Add(delta, answer)));
        let open = Some(self.class(CounterOp::Add(delta, None)));
        Ok(Meaning { completed, open })
    }
}

fn not_a_number(value: &Value) -> Misfit {
    Misfit::Answer { expected: NUMBER, value: value.clone() }
}

impl Object for Counter {
    fn interpret(&mut self, operation: Op<'_>) -> Result<Meaning, Misfit> {
        match (operation.f(), operation.input().as_ref()) {
            ("read", _) => self.read(operation),
            ("increment", Value::Nil | Value::Int(1)) => self.add(operation, 1),
            ("increment", _) => Err(Misfit::Argument { expected: NO_ARGUMENT }),
            ("add" | "add-and-get", Value::Int(delta)) => self.add(operation, *delta),
            ("add" | "add-and-get", _) => Err(Misfit::Argument { expected: NUMBER }),
            _ => Err(Misfit::Function),
        }
    }

    fn initial(&self) -> StateId {
        StateId(0)
    }

    fn step(&mut self, state: StateId, class: ClassId) -> Option<StateId> {
        let value = *self.states.get(state.0);
        let (delta, answer) = match *self.classes.get(class.0) {
            CounterOp::Read(answer) => return (value == Number::from(answer)).then_some(state),
            CounterOp::Add(delta, answer) => (delta, answer),
        };
        if let Some(taken) = self.steps.get(state, class) {
            return taken.0;
        }
        let sum = value + Number::from(delta);
        let legal = answer.is_none_or(|answer| Number::from(answer) == sum);
        let next = legal.then(|| StateId(self.states.intern(&sum)));
        self.steps.put(state, class, next)
    }

    fn is_observer(&self, class: ClassId) -> bool {
        matches!(self.classes.get(class.0), CounterOp::Read(_))
    }

    fn recurrence(&self) -> Recurrence {
        if self.ups && self.downs { Recurrence::Free } else { Recurrence::Never }
    }

    fn select(&mut self, selection: &Selection<'_>) {
        self.answers.clear();
        self.adds_answered = 0;
        for class in selection.completed {
            match *self.classes.get(class.0) {
                CounterOp::Read(answer) => self.answers.push(Number::from(answer)),
                CounterOp::Add(_, answer) => self.adds_answered += u32::from(answer.is_some()),
            }
        }
        self.answers.sort_unstable();
    }

    /// Of a counter that only goes up, reads of less than it stands at are past.
    fn agreeing(&self, _class: ClassId, next: StateId) -> u32 {
        let value = *self.states.get(next.0);
        let past = if self.downs {
            self.answers.len() - self.answers.partition_point(|answer| *answer <= value)
        } else {
            self.answers.partition_point(|answer| *answer < value)
        };
        (self.answers.len() - past) as u32
    }

    fn unobservable(&self, _class: ClassId) -> bool {
        self.answers.is_empty() && self.adds_answered == 0
    }

    /// Every addition leaves its part in all that is answered later.
    fn traces(&self, class: ClassId) -> Vec<u32> {
        if self.is_observer(class) { Vec::new() } else { vec![0] }
    }

    fn sees(&self, class: ClassId) -> bool {
        !matches!(self.classes.get(class.0), CounterOp::Add(_, None))
    }

    fn shows(&self, class: ClassId, _trace: u32) -> bool {
        self.sees(class)
    }

    fn describe(&self, state: StateId) -> String {
        self.states.get(state.0).to_string()
    }

    fn bytes(&self) -> usize {
        self.classes.bytes()
            + self.states.bytes()
            + self.steps.bytes()
            + self.answers.capacity() * size_of::<Number>()
    }
}
