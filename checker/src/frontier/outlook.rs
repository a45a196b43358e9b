//! What is known of the operations still to come: which states they can tell apart.
//!
//! Only where the whole history is known. Of objects whose states come from makers and are told apart by what is needed
//! or excluded ([`Recurrence::ByMakers`]): once the last operation that needs or excludes a state is over, the state is
//! *idle*. All idle states are as good as each other: whoever looks, looks for another one. Of objects that only grow
//! ([`Recurrence::Never`]): how many observers are still to come, all of which must agree with what is added.

use crate::frontier::antichain::Order;
use crate::frontier::plan::Selected;
use crate::frontier::sabotage::Sabotage;
use crate::model::{Object, Recurrence, StateId};

/// Which states are idle by now.
#[derive(Debug, Default)]
pub(super) struct Outlook {
    /// By state: the last position at which an operation that asks for it is open.
    last_ask: Vec<u64>,
    /// The different values of `last_ask`, ascending, each with a state.
    ends: Vec<(u64, StateId)>,
    /// How many of them are over.
    over: usize,
    /// Of objects that only grow: observers that are not over.
    observers: Option<usize>,
}

impl Outlook {
    pub(super) fn new<O: Object>(object: &O, selected: &[Selected], order: Order) -> Self {
        match object.recurrence() {
            Recurrence::ByMakers => Self::of_makers(object, selected, order),
            Recurrence::Never => {
                let observers = selected.iter().filter(|op| object.is_observer(op.class));
                Self { observers: Some(observers.count()), ..Self::default() }
            }
            Recurrence::Free => Self::default(),
        }
    }

    fn of_makers<O: Object>(object: &O, selected: &[Selected], order: Order) -> Self {
        let mut last_ask = vec![0; object.initial().0 as usize + 1];
        for op in selected {
            let (needs, excludes) = (object.needs(op.class), object.excludes(op.class));
            for state in [needs, excludes, object.makes(op.class)].into_iter().flatten() {
                if state.0 as usize >= last_ask.len() {
                    last_ask.resize(state.0 as usize + 1, 0);
                }
            }
            for state in needs.into_iter().chain(excludes) {
                let last = &mut last_ask[state.0 as usize];
                let early = order.breaks(Sabotage::MergeTooEarly);
                *last = if early { op.call } else { op.ret }.max(*last);
            }
        }
        let states = last_ask.iter().enumerate();
        let mut ends: Vec<(u64, StateId)> =
            states.map(|(state, last)| (*last, StateId(state as u32))).collect();
        ends.sort_unstable();
        ends.dedup_by_key(|end| end.0);
        let mut outlook = Self { last_ask, ends, over: 0, observers: None };
        outlook.pass(0);
        outlook
    }

    /// Whether some state becomes idle when the operation that completes at `position` is over.
    pub(super) fn changes_at(&self, position: u64) -> bool {
        self.ends.get(self.over).is_some_and(|end| end.0 <= position)
    }

    /// Everything up to `position` is over.
    pub(super) fn pass(&mut self, position: u64) {
        while self.changes_at(position) {
            self.over += 1;
        }
    }

    /// The state that stands for all that are as good as `state`.
    pub(super) fn merge(&self, state: StateId) -> StateId {
        let Some(now) = self.over.checked_sub(1).map(|last| self.ends[last].0) else {
            return state;
        };
        if self.is_idle_at(state, now) { self.ends[0].1 } else { state }
    }

    /// Whether nothing that completes after `position` asks for `state`.
    pub(super) fn is_idle_at(&self, state: StateId, position: u64) -> bool {
        self.last_ask.get(state.0 as usize).is_some_and(|last| *last <= position)
    }

    /// An observer is over.
    pub(super) fn end_observer(&mut self) {
        if let Some(observers) = &mut self.observers {
            *observers -= 1;
        }
    }

    /// Of an object that only grows: how many observers are still to take effect where `done` of the open ones did.
    pub(super) fn observers_left(&self, done: u32) -> Option<u32> {
        self.observers.map(|observers| observers as u32 - done)
    }

    pub(super) fn bytes(&self) -> usize {
        self.last_ask.capacity() * size_of::<u64>()
            + self.ends.capacity() * size_of::<(u64, StateId)>()
    }
}
