//! One value: what the register and the compare-and-set register share.
//!
//! A state *is* the number of the value held. An operation is a read of a value, a blind write, a compare-and-set that
//! succeeded, or one that was observed to fail. A compare-and-set from a value to itself changes nothing and is kept
//! as a read.

use crate::Value;
use crate::history::packed::heap_bytes;
use crate::model::intern::Interner;
use crate::model::{ClassId, StateId};

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum CellOp {
    /// Answered this value.
    Read(StateId),
    /// Leaves this value.
    Write(StateId),
    /// Found the first value and left the second.
    Cas(StateId, StateId),
    /// Found another value than this.
    CasFailed(StateId),
}

/// Values and operations of one register.
pub(crate) struct Cell {
    values: Interner<Value>,
    classes: Interner<CellOp>,
    initial: StateId,
    value_heap: usize,
}

impl Cell {
    pub(crate) fn new(initial: &Value) -> Self {
        let mut values = Interner::new();
        let initial_state = StateId(values.intern(initial));
        Self { values, classes: Interner::new(), initial: initial_state, value_heap: 0 }
    }

    pub(crate) fn read(&mut self, value: &Value) -> ClassId {
        let state = self.value(value);
        self.class(CellOp::Read(state))
    }

    pub(crate) fn write(&mut self, value: &Value) -> ClassId {
        let state = self.value(value);
        self.class(CellOp::Write(state))
    }

    pub(crate) fn cas(&mut self, from: &Value, to: &Value) -> ClassId {
        let (from, to) = (self.value(from), self.value(to));
        self.class(if from == to { CellOp::Read(from) } else { CellOp::Cas(from, to) })
    }

    pub(crate) fn cas_failed(&mut self, from: &Value) -> ClassId {
        let from = self.value(from);
        self.class(CellOp::CasFailed(from))
    }

    fn value(&mut self, value: &Value) -> StateId {
        let before = self.values.len();
        let state = StateId(self.values.intern(value));
        if self.values.len() > before {
            // Twice: the interner keeps a value as a key and as an entry.
            self.value_heap += 2 * heap_bytes(value);
        }
        state
    }

    fn class(&mut self, op: CellOp) -> ClassId {
        ClassId(self.classes.intern(&op))
    }

    pub(crate) fn op(&self, class: ClassId) -> CellOp {
        *self.classes.get(class.0)
    }

    pub(crate) fn initial(&self) -> StateId {
        self.initial
    }

    pub(crate) fn step(&self, state: StateId, class: ClassId) -> Option<StateId> {
        match self.op(class) {
            CellOp::Read(value) => (state == value).then_some(state),
            CellOp::Write(value) => Some(value),
            CellOp::Cas(from, to) => (state == from).then_some(to),
            CellOp::CasFailed(from) => (state != from).then_some(state),
        }
    }

    pub(crate) fn is_observer(&self, class: ClassId) -> bool {
        matches!(self.op(class), CellOp::Read(_) | CellOp::CasFailed(_))
    }

    pub(crate) fn needs(&self, class: ClassId) -> Option<StateId> {
        match self.op(class) {
            CellOp::Read(value) | CellOp::Cas(value, _) => Some(value),
            CellOp::Write(_) | CellOp::CasFailed(_) => None,
        }
    }

    pub(crate) fn makes(&self, class: ClassId) -> Option<StateId> {
        match self.op(class) {
            CellOp::Write(value) | CellOp::Cas(_, value) => Some(value),
            CellOp::Read(_) | CellOp::CasFailed(_) => None,
        }
    }

    pub(crate) fn blind(&self, class: ClassId) -> Option<StateId> {
        match self.op(class) {
            CellOp::Write(value) => Some(value),
            CellOp::Read(_) | CellOp::Cas(..) | CellOp::CasFailed(_) => None,
        }
    }

    pub(crate) fn excludes(&self, class: ClassId) -> Option<StateId> {
        match self.op(class) {
            CellOp::CasFailed(from) => Some(from),
            CellOp::Read(_) | CellOp::Write(_) | CellOp::Cas(..) => None,
        }
    }

    /// An update leaves its value as a trace.
    pub(crate) fn traces(&self, class: ClassId) -> Vec<u32> {
        self.makes(class).map(|value| value.0).into_iter().collect()
    }

    pub(crate) fn sees(&self, class: ClassId) -> bool {
        !matches!(self.op(class), CellOp::Write(_))
    }

    /// Whether an operation's answer would have been another without the writes of this value. A compare-and-set that
    /// failed depends on every write of another value.
    pub(crate) fn shows(&self, class: ClassId, trace: u32) -> bool {
        match self.op(class) {
            CellOp::Read(value) | CellOp::Cas(value, _) => value.0 == trace,
            CellOp::CasFailed(from) => from.0 != trace,
            CellOp::Write(_) => false,
        }
    }

    pub(crate) fn describe(&self, state: StateId) -> String {
        self.values.get(state.0).to_string()
    }

    pub(crate) fn bytes(&self) -> usize {
        self.values.bytes() + self.classes.bytes() + self.value_heap
    }
}

/// Passes the whole of [`crate::model::Object`] but `interpret` on to `self.cell`.
macro_rules! object_by_cell {
    () => {
        fn initial(&self) -> $crate::model::StateId {
            self.cell.initial()
        }

        fn step(
            &mut self,
            state: $crate::model::StateId,
            class: $crate::model::ClassId,
        ) -> Option<$crate::model::StateId> {
            self.cell.step(state, class)
        }

        fn is_observer(&self, class: $crate::model::ClassId) -> bool {
            self.cell.is_observer(class)
        }

        fn blind(&self, class: $crate::model::ClassId) -> Option<$crate::model::StateId> {
            self.cell.blind(class)
        }

        fn recurrence(&self) -> $crate::model::Recurrence {
            $crate::model::Recurrence::ByMakers
        }

        fn needs(&self, class: $crate::model::ClassId) -> Option<$crate::model::StateId> {
            self.cell.needs(class)
        }

        fn makes(&self, class: $crate::model::ClassId) -> Option<$crate::model::StateId> {
            self.cell.makes(class)
        }

        fn excludes(&self, class: $crate::model::ClassId) -> Option<$crate::model::StateId> {
            self.cell.excludes(class)
        }

        fn traces(&self, class: $crate::model::ClassId) -> Vec<u32> {
            self.cell.traces(class)
        }

        fn sees(&self, class: $crate::model::ClassId) -> bool {
            self.cell.sees(class)
        }

        fn shows(&self, class: $crate::model::ClassId, trace: u32) -> bool {
            self.cell.shows(class, trace)
        }

        fn describe(&self, state: $crate::model::StateId) -> String {
            self.cell.describe(state)
        }

        fn bytes(&self) -> usize {
            self.cell.bytes()
        }
    };
}

pub(crate) use object_by_cell;
