//! One key of a store that counts its changes, as etcd answers it.
//!
//! `get` answers `[value, revision]`, the revision being that of the change which wrote the value, or nil where the key is
//! absent (also `[nil, 0]`). `put v`, `cas [from, to]` (by value; from nil: if absent) and `cas-revision [revision, to]`
//! (by revision; 0: if absent) answer `[value written, own revision]`, `delete` answers `[nil, own revision]`, and
//! `[nil, 0]` where there was nothing to delete. A third element of an answer to `get`, or to a `delete` of nothing, is
//! the revision at which the whole store stood. A change that completed with nil or its argument took effect at a revision
//! that is not known.
//!
//! Other keys change the store too, so that of its revision only the least is known that it can be. That is what a
//! state keeps: a greater one would allow nothing more later. A revision that was not told stands for all from its
//! least on, until a get tells which it is.

use crate::Value;
use crate::history::packed::heap_bytes;
use crate::history::{Op, OutcomeRef};
use crate::model::cas_register::PAIR;
use crate::model::intern::{Interner, StepTable};
use crate::model::{ClassId, Meaning, Misfit, Object, StateId};

/// The number of the value of an absent key.
const ABSENT: u32 = 0;

/// What arguments and answers are expected to be.
pub(crate) const SOME_VALUE: &str = "a value";
pub(crate) const REVISION_PAIR: &str = "a pair [revision, to]";
pub(crate) const FOUND: &str = "[value, revision] or [value, revision, revision of the store]";
pub(crate) const CHANGED: &str = "[value written, revision]";

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum KeyOp {
    Get {
        value: u32,
        modified: i64,
        store: Option<i64>,
    },
    /// What it leaves may be [`ABSENT`].
    Change {
        when: When,
        value: u32,
        revision: Option<i64>,
    },
}

/// On what a change depends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum When {
    Always,
    Present,
    Value(u32),
    Modified(i64),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct State {
    value: u32,
    /// The revision that wrote it, or the least that it can be; 0 where absent.
    modified: i64,
    is_told: bool,
    /// The least revision at which the store can stand.
    store: i64,
}

/// One key, absent at first.
pub(crate) struct VersionedRegister {
    nil_reads_unknown: bool,
    values: Interner<Value>,
    classes: Interner<KeyOp>,
    states: Interner<State>,
    steps: StepTable,
    heap: usize,
}

impl VersionedRegister {
    pub(crate) fn new(nil_reads_unknown: bool) -> Self {
        let mut values = Interner::new();
        values.intern(&Value::Nil);
        let mut states = Interner::new();
        states.intern(&State { value: ABSENT, modified: 0, is_told: true, store: 0 });
        let (classes, steps) = (Interner::new(), StepTable::default());
        Self { nil_reads_unknown, values, classes, states, steps, heap: 0 }
    }

    fn value(&mut self, value: &Value) -> u32 {
        let before = self.values.len();
        let number = self.values.intern(value);
        if self.values.len() > before {
            self.heap += 2 * heap_bytes(value);
        }
        number
    }

    fn class(&mut self, op: KeyOp) -> ClassId {
        ClassId(self.classes.intern(&op))
    }

    fn get(&mut self, operation: Op<'_>) -> Result<Meaning, Misfit> {
        let Some(answer) = operation.answer() else { return Ok(Meaning::NOTHING) };
        let (value, modified, store) = match answer.as_ref() {
            Value::Nil if self.nil_reads_unknown => return Ok(Meaning::NOTHING),
            Value::Nil => (&Value::Nil, 0, None),
            Value::List(items) => match items.as_slice() {
                [value, Value::Int(modified)] => (value, *modified, None),
                [value, Value::Int(modified), Value::Int(store)] => {
                    (value, *modified, Some(*store))
                }
                _ => return Err(misfit(FOUND, &answer)),
            },
            other => return Err(misfit(FOUND, other)),
        };
        let value = self.value(value);
        Ok(Meaning {
            completed: Some(self.class(KeyOp::Get { value, modified, store })),
            open: None,
        })
    }

    fn change(&mut self, operation: Op<'_>, when: When, to: &Value) -> Result<Meaning, Misfit> {
        let value = self.value(to);
        let open = KeyOp::Change { when, value, revision: None };
        let input = operation.input();
        let completed = match operation.outcome() {
            OutcomeRef::Fail(_) => return Ok(Meaning::NOTHING),
            OutcomeRef::Info => open,
            OutcomeRef::Ok(answer) => match answer.as_ref() {
                Value::Nil => open,
                echo if *echo == *input => open,
                Value::List(items) => match items.as_slice() {
                    [Value::Nil, Value::Int(0)] if to.is_nil() => {
                        KeyOp::Get { value, modified: 0, store: None }
                    }
                    [Value::Nil, Value::Int(0), Value::Int(store)] if to.is_nil() => {
                        KeyOp::Get { value, modified: 0, store: Some(*store) }
                    }
                    [written, Value::Int(revision)] if written == to => {
                        // A delete that says when it took place found something.
                        let when = if to.is_nil() { When::Present } else { when };
                        KeyOp::Change { when, value, revision: Some(*revision) }
                    }
                    _ => return Err(misfit(CHANGED, &answer)),
                },
                other => return Err(misfit(CHANGED, other)),
            },
        };
        Ok(Meaning { completed: Some(self.class(completed)), open: Some(self.class(open)) })
    }

    /// A change whose argument is a pair.
    fn change_if(
        &mut self,
        operation: Op<'_>,
        expected: &'static str,
        condition: impl FnOnce(&mut Self, &Value) -> Option<When>,
    ) -> Result<Meaning, Misfit> {
        let input = operation.input();
        let Some([from, to]) = input.as_list() else { return Err(Misfit::Argument { expected }) };
        match condition(self, from).filter(|_| !to.is_nil()) {
            Some(when) => self.change(operation, when, to),
            None => Err(Misfit::Argument { expected }),
        }
    }

    fn op(&self, class: ClassId) -> KeyOp {
        *self.classes.get(class.0)
    }
}

fn misfit(expected: &'static str, value: &Value) -> Misfit {
    Misfit::Answer { expected, value: value.clone() }
}

impl State {
    /// With the revision that wrote the value known to be this.
    fn told(self, modified: i64) -> Option<Self> {
        let fits = if self.is_told { modified == self.modified } else { modified >= self.modified };
        let store = self.store.max(modified);
        fits.then_some(Self { modified, is_told: true, store, ..self })
    }

    fn met(self, when: When) -> Option<Self> {
        match when {
            When::Always => Some(self),
            When::Present => (self.value != ABSENT).then_some(self),
            When::Value(from) => (self.value == from).then_some(self),
            When::Modified(0) => (self.value == ABSENT).then_some(self),
            When::Modified(from) => self.told(from).filter(|_| self.value != ABSENT),
        }
    }

    fn changed(self, value: u32, revision: Option<i64>) -> Option<Self> {
        let least = self.store.checked_add(1)?;
        let store = revision.unwrap_or(least);
        let state = if value == ABSENT {
            Self { value, modified: 0, is_told: true, store }
        } else {
            Self { value, modified: store, is_told: revision.is_some(), store }
        };
        (store >= least).then_some(state)
    }

    fn after(self, op: KeyOp) -> Option<Self> {
        match op {
            KeyOp::Get { value, modified, store } => {
                let told = self.told(modified).filter(|_| value == self.value)?;
                let store = store.unwrap_or(told.store);
                (store >= told.store).then_some(Self { store, ..told })
            }
            // A delete that need not have found anything.
            KeyOp::Change { when: When::Always, value: ABSENT, revision: None }
                if self.value == ABSENT =>
            {
                Some(self)
            }
            KeyOp::Change { when, value, revision } => self.met(when)?.changed(value, revision),
        }
    }
}

impl Object for VersionedRegister {
    fn interpret(&mut self, operation: Op<'_>) -> Result<Meaning, Misfit> {
        match operation.f() {
            "get" => self.get(operation),
            "put" if operation.input().is_nil() => Err(Misfit::Argument { expected: SOME_VALUE }),
            "put" => self.change(operation, When::Always, &operation.input()),
            "delete" => self.change(operation, When::Always, &Value::Nil),
            "cas" => {
                self.change_if(operation, PAIR, |model, from| Some(When::Value(model.value(from))))
            }
            "cas-revision" => self
                .change_if(operation, REVISION_PAIR, |_, from| from.as_int().map(When::Modified)),
            _ => Err(Misfit::Function),
        }
    }

    fn initial(&self) -> StateId {
        StateId(0)
    }

    fn step(&mut self, state: StateId, class: ClassId) -> Option<StateId> {
        if let Some(taken) = self.steps.get(state, class) {
            return taken.0;
        }
        let next = self.states.get(state.0).after(self.op(class));
        let next = next.map(|next| StateId(self.states.intern(&next)));
        self.steps.put(state, class, next)
    }

    /// A get tells of revisions, which changes what is known of the state.
    fn is_observer(&self, _class: ClassId) -> bool {
        false
    }

    /// A change leaves its value.
    fn traces(&self, class: ClassId) -> Vec<u32> {
        match self.op(class) {
            KeyOp::Change { value, .. } => vec![value],
            KeyOp::Get { .. } => Vec::new(),
        }
    }

    fn sees(&self, class: ClassId) -> bool {
        !matches!(self.op(class), KeyOp::Change { when: When::Always, .. })
    }

    /// Nothing tells which change had the revision that a compare-and-set found, or was there to be deleted: it may be any.
    fn shows(&self, class: ClassId, trace: u32) -> bool {
        match self.op(class) {
            KeyOp::Get { value, .. } => value == trace,
            KeyOp::Change { when, .. } => match when {
                When::Always => false,
                When::Value(from) => from == trace,
                When::Modified(0) => trace == ABSENT,
                When::Modified(_) | When::Present => trace != ABSENT,
            },
        }
    }

    fn describe(&self, state: StateId) -> String {
        let State { value, modified, is_told, store } = *self.states.get(state.0);
        let value = self.values.get(value);
        match (value, is_told) {
            (Value::Nil, _) => format!("absent, the store at revision {store} or later"),
            (value, true) => format!("{value} of revision {modified}"),
            (value, false) => format!("{value} of revision {modified} or later"),
        }
    }

    fn bytes(&self) -> usize {
        self.values.bytes()
            + self.classes.bytes()
            + self.states.bytes()
            + self.steps.bytes()
            + self.heap
    }
}
