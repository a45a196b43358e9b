//! Sequential specifications: what each object does when it is used by one process at a time.
//!
//! A model is a pure step function: from a state and an operation *with its answer* to the next state, or to "cannot
//! have answered that here". It never sees times, processes or order; those are the search's business.
//!
//! Two indirections make the search fast without making the models clever:
//! - operations that are the same to the model share a [`ClassId`] (`read -> 3` is one class however often it occurs);
//! - states are interned: equal states have equal [`StateId`]s, so that a configuration is a few integers.
//!
//! Beside the step function, a model tells the search facts about itself that let it look ahead (see
//! [`crate::search`]): which state an operation needs, which one it makes, and whether states can ever come back.
//! Each fact is optional; a model that tells nothing is searched correctly, only slower.
//!
//! One file a model: [`register`], [`cas_register`] (both on the shared [`cell`]), [`key_value`], [`set`],
//! [`element_set`], [`append_list`], [`mutex`], [`owned_mutex`], [`fenced_mutex`], [`counter`],
//! [`versioned_register`], [`multi_register`], and on the shared [`container`] [`fifo_queue`], [`stack`],
//! [`priority_queue`].

pub(crate) mod append_list;
pub(crate) mod cas_register;
pub(crate) mod cell;
pub(crate) mod container;
pub(crate) mod counter;
pub(crate) mod element_set;
pub(crate) mod fenced_mutex;
pub(crate) mod fifo_queue;
pub(crate) mod intern;
pub(crate) mod key_value;
mod kind;
pub(crate) mod multi_register;
pub(crate) mod mutex;
pub(crate) mod owned_mutex;
pub(crate) mod priority_queue;
pub(crate) mod register;
pub(crate) mod set;
pub(crate) mod stack;
pub(crate) mod versioned_register;

use crate::Value;
use crate::history::Op;

/// Elements of a list or set that a description of it has at most: the newest.
pub(crate) const ELEMENTS_DESCRIBED_MAX: usize = 64;

/// Characters of a text that a description of it has at most: the newest.
pub(crate) const CHARS_DESCRIBED_MAX: usize = 512;

/// What stands for the elements that a description leaves out.
pub(crate) const LEFT_OUT: &str = "...";

/// A state of an object; equal states have equal numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct StateId(pub(crate) u32);

/// Operations that the model cannot tell apart: same function, same argument, same answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ClassId(pub(crate) u32);

/// What an operation means to the model, by how much of it is known.
///
/// `None` stands for "constrains nothing": a read whose answer never came, an operation that surely failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Meaning {
    /// With its answer.
    pub(crate) completed: Option<ClassId>,
    /// While it is open, or if its outcome never becomes known: it may act once, later, or never.
    pub(crate) open: Option<ClassId>,
}

impl Meaning {
    /// Nothing can be learnt from this operation.
    pub(crate) const NOTHING: Self = Self { completed: None, open: None };

    /// An update whose answer says nothing beyond that it took effect.
    pub(crate) fn update(class: ClassId) -> Self {
        Self { completed: Some(class), open: Some(class) }
    }

    /// An operation without an effect: while it is open it says nothing.
    pub(crate) fn observer(class: ClassId) -> Self {
        Self { completed: Some(class), open: None }
    }
}

/// Why an operation is not one of the model's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Misfit {
    /// The model has no such function.
    Function,
    /// The argument of the invocation is of the wrong shape.
    Argument {
        /// What it should have been.
        expected: &'static str,
    },
    /// The answer of the completion is of the wrong shape.
    Answer {
        /// What it should have been.
        expected: &'static str,
        /// What it was.
        value: Value,
    },
}

/// How the states of an object can recur, which decides how far the search can look ahead.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Recurrence {
    /// A state other than the initial one is entered only by an operation that [`Object::makes`] it, and everything
    /// that tells states apart says so in [`Object::needs`] or [`Object::excludes`]: registers.
    ByMakers,
    /// Updates only ever add; no state comes back: lists and sets.
    Never,
    /// Nothing is known.
    Free,
}

/// What the search has selected from an object's operations: all of them, or a part that is being examined.
pub(crate) struct Selection<'a> {
    /// Classes of the operations that must be explained, one entry an operation.
    pub(crate) completed: &'a [ClassId],
}

/// One object: its operations interned as classes, its states interned as numbers.
///
/// The methods take `&mut self` only to intern; the answers depend on nothing but the arguments (and, for
/// [`Object::agreeing`] and [`Object::unobservable`], on the last [`Object::select`]).
pub(crate) trait Object {
    /// Gives an operation its classes, or says why it has none.
    fn interpret(&mut self, operation: Op<'_>) -> Result<Meaning, Misfit>;

    /// The state before the first operation.
    fn initial(&self) -> StateId;

    /// The step function: the state after an operation of `class` took effect in `state`; `None` if it cannot have
    /// answered what it answered there.
    fn step(&mut self, state: StateId, class: ClassId) -> Option<StateId>;

    /// Every state that can follow: more than one where the model leaves open what happens, none where the operation
    /// cannot have answered what it answered. A model that overrides this is searched by branching; an observer's
    /// only successor is the state itself.
    fn successors(&mut self, state: StateId, class: ClassId, into: &mut Vec<StateId>) {
        into.extend(self.step(state, class));
    }

    /// Of operations that can take effect next, those of lower rank are tried first.
    fn rank(&self, _class: ClassId) -> u32 {
        0
    }

    /// The state that a blind write leaves: an operation that is legal in every state and always leaves this one.
    fn blind(&self, _class: ClassId) -> Option<StateId> {
        None
    }

    /// Whether operations of this class change the state in *no* state. A write of the current value is not such.
    fn is_observer(&self, class: ClassId) -> bool;

    /// How states recur. Asked after all operations were interpreted.
    fn recurrence(&self) -> Recurrence {
        Recurrence::Free
    }

    /// The only state in which the class is legal, where there is only one.
    fn needs(&self, _class: ClassId) -> Option<StateId> {
        None
    }

    /// The state that the class leaves behind, where it is always the same.
    fn makes(&self, _class: ClassId) -> Option<StateId> {
        None
    }

    /// The only state in which the class is *not* legal (a compare-and-set that was observed to fail).
    fn excludes(&self, _class: ClassId) -> Option<StateId> {
        None
    }

    /// Prepares [`Object::agreeing`] and [`Object::unobservable`] for this selection.
    fn select(&mut self, _selection: &Selection<'_>) {}

    /// For [`Recurrence::Never`]: at most how many of the selected observers are legal in `next` or in a state that
    /// can follow it, where `next` follows another state by `class`. Of an object that commutes, `next` is not looked at.
    fn agreeing(&self, _class: ClassId, _next: StateId) -> u32 {
        u32::MAX
    }

    /// For [`Recurrence::Never`]: whether an update that agrees with every observer still to come can be made at once
    /// without losing an order, because updates commute and every such observer contains it.
    fn commutes(&self) -> bool {
        false
    }

    /// For [`Recurrence::Never`]: whether it is known, without making the state that this update leads to, that no observer
    /// is legal there or later.
    fn leads_nowhere(&self, _state: StateId, _class: ClassId) -> bool {
        false
    }

    /// Whether an update changes nothing in this state. Only asked of an object that commutes.
    fn is_idle_in(&self, _state: StateId, _class: ClassId) -> bool {
        false
    }

    /// Whether no selected operation could tell that an open operation of this class took effect, whatever else
    /// happened, so that it can be left out of every order. Not asked for [`Recurrence::ByMakers`].
    fn unobservable(&self, _class: ClassId) -> bool {
        false
    }

    /// The traces that an update leaves for others to see (a value, an element). For taking a history apart.
    fn traces(&self, _class: ClassId) -> Vec<u32> {
        Vec::new()
    }

    /// Whether the answer of `class` can depend on any trace. May err on the side of true.
    fn sees(&self, _class: ClassId) -> bool {
        true
    }

    /// Whether the answer of `class` depends on `trace`.
    fn shows(&self, _class: ClassId, _trace: u32) -> bool {
        false
    }

    /// [`Object::shows`] of one class for many traces.
    fn sight(&self, class: ClassId) -> Box<dyn Fn(u32) -> bool + '_> {
        Box::new(move |trace| self.shows(class, trace))
    }

    /// What one look of [`Object::sight`] costs, in looks that compare two numbers.
    fn sight_cost(&self, _class: ClassId) -> usize {
        1
    }

    /// For objects whose updates come in groups that only make sense together (an element's way in and out): the group
    /// of this class. For taking a history apart.
    fn belongs_to(&self, _class: ClassId) -> Option<u32> {
        None
    }

    /// A state in words; of a long one only the newest part, as every step of an order is described.
    fn describe(&self, state: StateId) -> String;

    /// Bytes held, for the memory budget.
    fn bytes(&self) -> usize;
}
