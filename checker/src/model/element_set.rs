//! A set asked element by element: `add x` and `remove x` answer whether they changed it, `contains x` whether `x` is in.
//!
//! An `add` or `remove` that completed without a truth value (nil, or its argument repeated) took effect, but nobody
//! knows whether it changed anything.

use std::mem::size_of;

use crate::Value;
use crate::history::packed::heap_bytes;
use crate::history::{Op, OutcomeRef};
use crate::model::intern::{Interner, StepTable};
use crate::model::set::BitTree;
use crate::model::{ClassId, Meaning, Misfit, Object, Selection, StateId};
use crate::model::{ELEMENTS_DESCRIBED_MAX, LEFT_OUT};

/// What answers are expected to be.
pub(crate) const TRUTH: &str = "true or false";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct SetOp {
    element: u32,
    /// Whether it must be in, where the answer says so.
    before: Option<bool>,
    /// Whether it is in afterwards, where that is changed.
    after: Option<bool>,
}

/// One set.
pub(crate) struct ElementSet {
    elements: Interner<Value>,
    classes: Interner<SetOp>,
    tree: BitTree,
    /// By element: how many selected answers depend on it.
    asked: Vec<u32>,
    steps: StepTable,
    heap: usize,
}

impl ElementSet {
    pub(crate) fn new() -> Self {
        Self {
            elements: Interner::new(),
            classes: Interner::new(),
            tree: BitTree::default(),
            asked: Vec::new(),
            steps: StepTable::default(),
            heap: 0,
        }
    }

    fn class(&mut self, op: SetOp) -> ClassId {
        ClassId(self.classes.intern(&op))
    }

    fn element(&mut self, value: &Value) -> u32 {
        let before = self.elements.len();
        let element = self.elements.intern(value);
        if self.elements.len() > before {
            self.heap += 2 * heap_bytes(value);
        }
        element
    }

    /// An `add`, if `inside`, or a `remove`.
    fn update(&mut self, operation: Op<'_>, inside: bool) -> Result<Meaning, Misfit> {
        let input = operation.input();
        let element = self.element(&input);
        let changes = |before| SetOp { element, before, after: Some(inside) };
        let open = Some(self.class(changes(None)));
        let op = match operation.outcome() {
            OutcomeRef::Fail(_) => return Ok(Meaning::NOTHING),
            OutcomeRef::Info => changes(None),
            OutcomeRef::Ok(answer) => match answer.as_ref() {
                Value::Bool(true) => changes(Some(!inside)),
                Value::Bool(false) => SetOp { element, before: Some(inside), after: None },
                Value::Nil => changes(None),
                echo if *echo == *input => changes(None),
                other => return Err(not_a_truth(other)),
            },
        };
        Ok(Meaning { completed: Some(self.class(op)), open })
    }

    fn contains(&mut self, operation: Op<'_>) -> Result<Meaning, Misfit> {
        let element = self.element(&operation.input());
        match operation.answer().as_deref() {
            None => Ok(Meaning::NOTHING),
            Some(Value::Bool(inside)) => {
                let op = SetOp { element, before: Some(*inside), after: None };
                Ok(Meaning::observer(self.class(op)))
            }
            Some(other) => Err(not_a_truth(other)),
        }
    }

    fn op(&self, class: ClassId) -> SetOp {
        *self.classes.get(class.0)
    }
}

fn not_a_truth(value: &Value) -> Misfit {
    Misfit::Answer { expected: TRUTH, value: value.clone() }
}

impl Object for ElementSet {
    fn interpret(&mut self, operation: Op<'_>) -> Result<Meaning, Misfit> {
        match operation.f() {
            "add" => self.update(operation, true),
            "remove" => self.update(operation, false),
            "contains" => self.contains(operation),
            _ => Err(Misfit::Function),
        }
    }

    fn initial(&self) -> StateId {
        StateId(BitTree::EMPTY)
    }

    fn step(&mut self, state: StateId, class: ClassId) -> Option<StateId> {
        let SetOp { element, before, after } = self.op(class);
        if before.is_some_and(|before| before != self.tree.contains(state.0, element)) {
            return None;
        }
        let Some(inside) = after else { return Some(state) };
        if let Some(taken) = self.steps.get(state, class) {
            return taken.0;
        }
        let next = if inside {
            self.tree.insert(state.0, element)
        } else {
            self.tree.remove(state.0, element)
        };
        self.steps.put(state, class, Some(StateId(next)))
    }

    fn is_observer(&self, class: ClassId) -> bool {
        self.op(class).after.is_none()
    }

    fn select(&mut self, selection: &Selection<'_>) {
        self.tree.fit(self.elements.len());
        self.asked.clear();
        self.asked.resize(self.elements.len(), 0);
        for class in selection.completed {
            let SetOp { element, before, .. } = *self.classes.get(class.0);
            self.asked[element as usize] += u32::from(before.is_some());
        }
    }

    fn unobservable(&self, class: ClassId) -> bool {
        self.asked[self.op(class).element as usize] == 0
    }

    /// All that changes an element leaves the element.
    fn traces(&self, class: ClassId) -> Vec<u32> {
        let SetOp { element, after, .. } = self.op(class);
        after.map(|_| element).into_iter().collect()
    }

    fn sees(&self, class: ClassId) -> bool {
        self.op(class).before.is_some()
    }

    fn shows(&self, class: ClassId, trace: u32) -> bool {
        let SetOp { element, before, .. } = self.op(class);
        before.is_some() && element == trace
    }

    fn describe(&self, state: StateId) -> String {
        let mut members = self.tree.highest(state.0, ELEMENTS_DESCRIBED_MAX + 1);
        let more = members.len() > ELEMENTS_DESCRIBED_MAX;
        members.truncate(ELEMENTS_DESCRIBED_MAX);
        let mut values: Vec<&Value> =
            members.into_iter().map(|member| self.elements.get(member)).collect();
        values.sort_unstable();
        let words = values.into_iter().map(Value::to_string);
        let words: Vec<String> =
            more.then(|| LEFT_OUT.to_owned()).into_iter().chain(words).collect();
        format!("{{{}}}", words.join(" "))
    }

    fn bytes(&self) -> usize {
        self.elements.bytes()
            + self.classes.bytes()
            + self.tree.bytes()
            + self.steps.bytes()
            + self.heap
            + self.asked.capacity() * size_of::<u32>()
    }
}
