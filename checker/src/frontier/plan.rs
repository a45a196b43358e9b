//! What a sweep over a whole history is given: the operations that matter, and the events in order.

use crate::frontier::antichain::Order;
use crate::frontier::sabotage::Sabotage;
use crate::model::{ClassId, Object, Recurrence, Selection};
use crate::search::KeyOp;

/// No operation.
const NONE: u32 = u32::MAX;

/// An operation that takes part.
#[derive(Debug, Clone, Copy)]
pub(super) struct Selected {
    /// Index into the [`KeyOp`]s.
    pub(super) op: u32,
    pub(super) class: ClassId,
    pub(super) call: u64,
    /// `u64::MAX` if its outcome is unknown.
    pub(super) ret: u64,
}

impl Selected {
    pub(super) fn is_crashed(&self) -> bool {
        self.ret == u64::MAX
    }
}

/// An event: of which selected operation, and whether it is its completion.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    pub(super) position: u64,
    pub(super) selected: u32,
    pub(super) ends: bool,
}

/// The operations that must be explained and those that may be used, and their events in order.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) selected: Vec<Selected>,
    pub(super) moments: Vec<Moment>,
    pub(super) completions: usize,
    /// Most operations that will complete open at once.
    pub(super) open_max: usize,
}

impl Plan {
    /// Selects what `horizon` lets one know: an operation that completes at a later position is still open there, and
    /// one that is invoked later does not exist.
    pub(super) fn new<O: Object>(
        object: &mut O,
        ops: &[KeyOp],
        horizon: u64,
        order: Order,
    ) -> Self {
        let mut selected = Vec::with_capacity(ops.len());
        for (index, op) in ops.iter().enumerate().filter(|(_, op)| op.call <= horizon) {
            let completes = op.ret <= horizon && op.ret != u64::MAX;
            let open = op.meaning.open.filter(|class| !object.is_observer(*class));
            let class = if completes { op.meaning.completed } else { open };
            let ret = if completes { op.ret } else { u64::MAX };
            let op_number = u32::try_from(index).expect("fewer than 2^32 operations");
            selected.extend(class.map(|class| Selected {
                op: op_number,
                class,
                call: op.call,
                ret,
            }));
        }
        let mut classes = Vec::with_capacity(selected.len());
        classes.extend(selected.iter().filter(|op| !op.is_crashed()).map(|op| op.class));
        object.select(&Selection { completed: &classes });
        drop_unobserved(object, &mut selected, order);
        if order.breaks(Sabotage::DropUnobservedCompleted) {
            let asked: Vec<_> = selected.iter().filter_map(|op| object.needs(op.class)).collect();
            selected.retain(|op| object.makes(op.class).is_none_or(|made| asked.contains(&made)));
        }
        let moments = moments(&selected);
        let completions = moments.len() - selected.len();
        let open_max = open_max(&selected, &moments);
        Self { selected, moments, completions, open_max }
    }

    pub(super) fn bytes(&self) -> usize {
        self.selected.capacity() * size_of::<Selected>()
            + self.moments.capacity() * size_of::<Moment>()
    }
}

/// The events in order.
fn moments(selected: &[Selected]) -> Vec<Moment> {
    debug_assert!(selected.is_sorted_by_key(|op| op.call), "not in order of invocation");
    let mut ends = Vec::with_capacity(selected.len());
    for (number, op) in (0..).zip(selected).filter(|(_, op)| !op.is_crashed()) {
        ends.push(Moment { position: op.ret, selected: number, ends: true });
    }
    ends.sort_unstable_by_key(|moment| moment.position);
    // Operations come in order of invocation.
    let mut moments = Vec::with_capacity(selected.len() + ends.len());
    let mut ends = ends.into_iter().peekable();
    for (number, op) in (0..).zip(selected) {
        while let Some(end) = ends.next_if(|end| end.position < op.call) {
            moments.push(end);
        }
        moments.push(Moment { position: op.call, selected: number, ends: false });
    }
    moments.extend(ends);
    moments
}

fn open_max(selected: &[Selected], moments: &[Moment]) -> usize {
    let (mut open, mut open_max) = (0_usize, 0);
    for moment in moments.iter().filter(|at| !selected[at.selected as usize].is_crashed()) {
        open = if moment.ends { open - 1 } else { open + 1 };
        open_max = open_max.max(open);
    }
    open_max
}

/// Drops the updates of unknown outcome that nobody can have seen.
fn drop_unobserved<O: Object>(object: &O, selected: &mut Vec<Selected>, order: Order) {
    if object.recurrence() != Recurrence::ByMakers {
        selected.retain(|op| !op.is_crashed() || !object.unobservable(op.class));
        return;
    }
    // An operation that was observed to fail sees what a value is not: it may see any update.
    let failures = selected.iter().any(|op| object.excludes(op.class).is_some());
    if failures && !order.breaks(Sabotage::IgnoreObservedFailures)
        || !selected.iter().any(Selected::is_crashed)
    {
        return;
    }
    let kept = wanted(object, selected);
    let mut at = 0;
    selected.retain(|_| {
        at += 1;
        kept[at - 1]
    });
}

/// Which operations completed, or leave a state that one of these needs.
fn wanted<O: Object>(object: &O, selected: &[Selected]) -> Vec<bool> {
    let mut kept: Vec<bool> = selected.iter().map(|op| !op.is_crashed()).collect();
    // By state, as a list: the operations of unknown outcome that leave it.
    let mut first_maker: Vec<u32> = Vec::new();
    let mut next_maker = vec![NONE; selected.len()];
    for (number, op) in selected.iter().enumerate().filter(|(_, op)| op.is_crashed()) {
        match object.makes(op.class) {
            None => kept[number] = true,
            Some(made) => {
                let at = made.0 as usize;
                if at >= first_maker.len() {
                    first_maker.resize(at + 1, NONE);
                }
                next_maker[number] = std::mem::replace(&mut first_maker[at], number as u32);
            }
        }
    }
    let mut asking: Vec<u32> =
        (0..selected.len() as u32).filter(|number| kept[*number as usize]).collect();
    while let Some(number) = asking.pop() {
        let Some(needed) = object.needs(selected[number as usize].class) else { continue };
        // Taken out, so that each state is looked at once.
        let first = first_maker.get_mut(needed.0 as usize);
        let mut maker = first.map_or(NONE, |first| std::mem::replace(first, NONE));
        while maker != NONE {
            kept[maker as usize] = true;
            asking.push(maker);
            maker = next_maker[maker as usize];
        }
    }
    kept
}
