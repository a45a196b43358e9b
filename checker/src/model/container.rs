//! What queues, stacks and priority queues share: elements are put in, and taken out one at a time.
//!
//! A state is the list of the elements held, the next to be taken last. Where an element goes is up to the [`Order`].
//! A take answers the element, or nil if there is none; one that failed did nothing and says nothing. A take of unknown
//! outcome takes whatever is next when it acts, if there is something.

use std::marker::PhantomData;
use std::mem::size_of;

use crate::Value;
use crate::history::Op;
use crate::history::packed::heap_bytes;
use crate::model::intern::{Interner, StepTable};
use crate::model::{ClassId, Meaning, Misfit, Object, StateId};
use crate::model::{ELEMENTS_DESCRIBED_MAX, LEFT_OUT};

/// Who is next.
pub(crate) trait Order: Send {
    /// The function that puts an element in.
    const PUT: &'static str;
    /// The function that takes the next element out.
    const TAKE: &'static str;

    /// What is expected of an element, if not everything can be one.
    fn check(_element: &Value) -> Result<(), &'static str> {
        Ok(())
    }

    /// Where among `held`, the next to be taken last, a new element goes.
    fn place(held: &[u32], element: u32, values: &Interner<Value>) -> usize;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum ContainerOp {
    Put(u32),
    /// Answered this element.
    Take(u32),
    /// Found nothing.
    TakeNothing,
    /// Took what was next, or nothing: its answer is not known.
    TakeAny,
}

/// Trace of a take whose answer is not known: what every other take answers may depend on it.
const ANY: u32 = u32::MAX;

/// One container, empty at first.
pub(crate) struct Container<R> {
    values: Interner<Value>,
    classes: Interner<ContainerOp>,
    states: Interner<Box<[u32]>>,
    steps: StepTable,
    /// By element: whether a selected operation took it.
    taken: Vec<bool>,
    heap: usize,
    order: PhantomData<R>,
}

impl<R: Order> Container<R> {
    pub(crate) fn new() -> Self {
        let mut states: Interner<Box<[u32]>> = Interner::new();
        states.intern(&Box::default());
        Self {
            values: Interner::new(),
            classes: Interner::new(),
            states,
            steps: StepTable::default(),
            taken: Vec::new(),
            heap: 0,
            order: PhantomData,
        }
    }

    fn class(&mut self, op: ContainerOp) -> ClassId {
        ClassId(self.classes.intern(&op))
    }

    fn element(&mut self, value: &Value) -> u32 {
        let before = self.values.len();
        let element = self.values.intern(value);
        if self.values.len() > before {
            self.heap += 2 * heap_bytes(value);
        }
        element
    }

    fn put(&mut self, input: &Value) -> Result<Meaning, Misfit> {
        R::check(input).map_err(|expected| Misfit::Argument { expected })?;
        let element = self.element(input);
        Ok(Meaning::update(self.class(ContainerOp::Put(element))))
    }

    fn take(&mut self, answer: Option<&Value>) -> Result<Meaning, Misfit> {
        let open = Some(self.class(ContainerOp::TakeAny));
        let completed = match answer {
            None => None,
            Some(Value::Nil) => Some(self.class(ContainerOp::TakeNothing)),
            Some(value) => {
                let misfit = |expected| Misfit::Answer { expected, value: value.clone() };
                R::check(value).map_err(misfit)?;
                let element = self.element(value);
                Some(self.class(ContainerOp::Take(element)))
            }
        };
        Ok(Meaning { completed, open })
    }

    /// The state after `op`; `None` if it cannot have answered that.
    fn after(&mut self, state: StateId, op: ContainerOp) -> Option<StateId> {
        let held = self.states.get(state.0);
        let next = match op {
            ContainerOp::Put(element) => {
                let at = R::place(held, element, &self.values);
                [&held[..at], &[element], &held[at..]].concat()
            }
            ContainerOp::Take(element) => held.strip_suffix(&[element])?.to_vec(),
            ContainerOp::TakeNothing => return held.is_empty().then_some(state),
            ContainerOp::TakeAny => match held.split_last() {
                Some((_, rest)) => rest.to_vec(),
                None => return Some(state),
            },
        };
        let (before, bytes) = (self.states.len(), 2 * next.len() * size_of::<u32>());
        let number = self.states.intern(&next.into_boxed_slice());
        if self.states.len() > before {
            self.heap += bytes;
        }
        Some(StateId(number))
    }

    fn op(&self, class: ClassId) -> ContainerOp {
        *self.classes.get(class.0)
    }
}

impl<R: Order> Object for Container<R> {
    fn interpret(&mut self, operation: Op<'_>) -> Result<Meaning, Misfit> {
        let f = operation.f();
        if f != R::PUT && f != R::TAKE {
            return Err(Misfit::Function);
        }
        if operation.is_fail() {
            return Ok(Meaning::NOTHING);
        }
        if f == R::PUT {
            self.put(&operation.input())
        } else {
            self.take(operation.answer().as_deref())
        }
    }

    fn initial(&self) -> StateId {
        StateId(0)
    }

    fn step(&mut self, state: StateId, class: ClassId) -> Option<StateId> {
        if let Some(taken) = self.steps.get(state, class) {
            return taken.0;
        }
        let next = self.after(state, self.op(class));
        self.steps.put(state, class, next)
    }

    fn is_observer(&self, class: ClassId) -> bool {
        self.op(class) == ContainerOp::TakeNothing
    }

    fn select(&mut self, selection: &crate::model::Selection<'_>) {
        self.taken.clear();
        self.taken.resize(self.values.len(), false);
        for class in selection.completed {
            if let ContainerOp::Take(element) = *self.classes.get(class.0) {
                self.taken[element as usize] = true;
            }
        }
    }

    /// An element that nobody answered can be left out, with the take of unknown outcome that may have taken it.
    fn unobservable(&self, class: ClassId) -> bool {
        matches!(self.op(class), ContainerOp::Put(element) if !self.taken[element as usize])
    }

    fn traces(&self, class: ClassId) -> Vec<u32> {
        match self.op(class) {
            ContainerOp::Put(element) => vec![element],
            ContainerOp::TakeAny => vec![ANY],
            ContainerOp::Take(_) | ContainerOp::TakeNothing => Vec::new(),
        }
    }

    fn sees(&self, class: ClassId) -> bool {
        matches!(self.op(class), ContainerOp::Take(_) | ContainerOp::TakeNothing)
    }

    fn shows(&self, class: ClassId, trace: u32) -> bool {
        match self.op(class) {
            ContainerOp::Take(element) => trace == element || trace == ANY,
            ContainerOp::TakeNothing => trace == ANY,
            ContainerOp::Put(_) | ContainerOp::TakeAny => false,
        }
    }

    fn belongs_to(&self, class: ClassId) -> Option<u32> {
        match self.op(class) {
            ContainerOp::Put(element) | ContainerOp::Take(element) => Some(element),
            ContainerOp::TakeNothing | ContainerOp::TakeAny => None,
        }
    }

    fn describe(&self, state: StateId) -> String {
        let held = self.states.get(state.0).iter().rev();
        let more = held.len() > ELEMENTS_DESCRIBED_MAX;
        let words = held.take(ELEMENTS_DESCRIBED_MAX);
        let words = words.map(|element| self.values.get(*element).to_string());
        let words: Vec<String> = words.chain(more.then(|| LEFT_OUT.to_owned())).collect();
        format!("[{}]", words.join(" "))
    }

    fn bytes(&self) -> usize {
        self.values.bytes()
            + self.classes.bytes()
            + self.states.bytes()
            + self.steps.bytes()
            + self.taken.capacity()
            + self.heap
    }
}
