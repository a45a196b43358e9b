//! What is still to come, counted: how the search sees that a configuration is lost before it gets there.
//!
//! For registers: which states are still needed, and by how many operations they can still be made. For lists and
//! sets: how many observers are still to be ordered. See the table in [`crate::search`] for what is concluded.

use crate::model::{Object, Recurrence, StateId};
use crate::search::problem::{Item, Problem};

/// Counts over the operations that are not ordered yet. Kept in step by the search.
#[derive(Debug)]
pub(super) struct Lookahead {
    recurrence: Recurrence,
    failures_observed: bool,
    /// By state, for registers.
    states: Vec<Remaining>,
    /// Completed observers.
    observers: u32,
}

#[derive(Debug, Clone, Copy, Default)]
struct Remaining {
    /// Completed operations that are legal in this state only.
    needs: u32,
    /// Operations that lead to this state.
    makers: u32,
    /// Operations, crashed ones included, that tell this state from others.
    asks: u32,
}

impl Lookahead {
    pub(super) fn new<O: Object>(object: &O, problem: &Problem) -> Self {
        let recurrence = object.recurrence();
        let mut lookahead = Self {
            recurrence,
            failures_observed: problem.failures_observed,
            states: Vec::new(),
            observers: 0,
        };
        if recurrence == Recurrence::ByMakers {
            let states =
                problem.items.iter().flat_map(|item| [item.needs, item.makes, item.excludes]);
            let highest = states.flatten().chain([object.initial()]).max();
            let count = highest.map_or(0, |state| state.0 as usize + 1);
            lookahead.states = vec![Remaining::default(); count];
        }
        for (index, item) in problem.items.iter().enumerate() {
            lookahead.count(item, index < problem.completed, 1);
        }
        lookahead
    }

    /// An operation was ordered.
    pub(super) fn take(&mut self, item: &Item, completed: bool) {
        self.count(item, completed, u32::MAX);
    }

    /// It was not, after all.
    pub(super) fn put_back(&mut self, item: &Item, completed: bool) {
        self.count(item, completed, 1);
    }

    /// `by` is 1 or, wrapping, minus 1.
    fn count(&mut self, item: &Item, completed: bool, by: u32) {
        if completed && item.observer {
            self.observers = self.observers.wrapping_add(by);
        }
        if self.recurrence != Recurrence::ByMakers {
            return;
        }
        if let Some(state) = item.needs {
            let remaining = &mut self.states[state.0 as usize];
            remaining.asks = remaining.asks.wrapping_add(by);
            if completed {
                remaining.needs = remaining.needs.wrapping_add(by);
            }
        }
        if let Some(state) = item.excludes {
            let remaining = &mut self.states[state.0 as usize];
            remaining.asks = remaining.asks.wrapping_add(by);
        }
        if let Some(state) = item.makes {
            let remaining = &mut self.states[state.0 as usize];
            remaining.makers = remaining.makers.wrapping_add(by);
        }
    }

    /// Whether some state is needed that nothing makes.
    pub(super) fn lost_from_the_start(&self, initial: StateId) -> bool {
        self.states.iter().enumerate().any(|(number, remaining)| {
            number != initial.0 as usize && remaining.needs > 0 && remaining.makers == 0
        })
    }

    /// Whether taking `item` from `state` to `next` may still lead to success.
    pub(super) fn allows<O: Object>(
        &self,
        object: &O,
        item: &Item,
        completed: bool,
        state: StateId,
        next: StateId,
    ) -> bool {
        match self.recurrence {
            Recurrence::ByMakers => {
                if state == next {
                    return true;
                }
                let remaining = self.states[state.0 as usize];
                let own = u32::from(completed && item.needs == Some(state));
                let useless = !completed && !self.failures_observed && self.is_idle(next);
                (remaining.needs == own || remaining.makers > 0) && !useless
            }
            Recurrence::Never => {
                state == next || object.agreeing(item.class, next) >= self.observers
            }
            Recurrence::Free => true,
        }
    }

    /// Whether an update, which is legal everywhere as it commutes, can be ordered at once.
    pub(super) fn hurries<O: Object>(&self, object: &O, item: &Item, state: StateId) -> bool {
        self.recurrence == Recurrence::Never
            && object.commutes()
            && (object.agreeing(item.class, state) == self.observers
                || object.is_idle_in(state, item.class))
    }

    /// Whether taking `item` is known to lead nowhere without looking where it leads. The rest is for
    /// [`Lookahead::allows`].
    pub(super) fn is_lost<O: Object>(&self, object: &O, item: &Item, state: StateId) -> bool {
        if self.recurrence != Recurrence::Never {
            return false;
        }
        if !object.commutes() {
            return self.observers > 0 && object.leads_nowhere(state, item.class);
        }
        object.agreeing(item.class, state) < self.observers && !object.is_idle_in(state, item.class)
    }

    /// Whether nothing still to come tells this state from other idle ones.
    pub(super) fn is_idle(&self, state: StateId) -> bool {
        self.recurrence == Recurrence::ByMakers && self.states[state.0 as usize].asks == 0
    }

    pub(super) fn bytes(&self) -> usize {
        self.states.capacity() * size_of::<Remaining>()
    }
}
