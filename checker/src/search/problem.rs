//! What a search is given: the operations of one object that matter, numbered and put into slots.

use rustc_hash::FxHashMap;

use crate::history::OpId;
use crate::model::{ClassId, Meaning, Object, Recurrence, Selection, StateId};

/// An operation of one object, interpreted.
#[derive(Debug, Clone)]
pub(crate) struct KeyOp {
    /// Its number in the history.
    pub(crate) id: OpId,
    /// Position of its invocation.
    pub(crate) call: u64,
    /// Position of its completion; `u64::MAX` if it never ends.
    pub(crate) ret: u64,
    /// What it means to the model.
    pub(crate) meaning: Meaning,
}

/// An operation that takes part in a search.
#[derive(Debug, Clone)]
pub(super) struct Item {
    /// Index into the [`KeyOp`]s.
    pub(super) op: u32,
    pub(super) class: ClassId,
    pub(super) call: u64,
    pub(super) ret: u64,
    /// The bit that stands for it in a mask, if it completed; else in the set of used operations.
    pub(super) slot: u32,
    pub(super) observer: bool,
    /// See [`Object::needs`], [`Object::makes`], [`Object::excludes`].
    pub(super) needs: Option<StateId>,
    pub(super) makes: Option<StateId>,
    pub(super) excludes: Option<StateId>,
}

/// The operations that a search must explain, and those that it may use.
#[derive(Debug)]
pub(crate) struct Problem {
    /// First the completed operations by completion, then the crashed ones by invocation.
    pub(super) items: Vec<Item>,
    /// How many of them completed.
    pub(super) completed: usize,
    /// The completed ones by invocation.
    pub(super) by_call: Vec<u32>,
    /// Most completed operations open at once.
    pub(super) slots: usize,
    /// Whether some operation was observed to fail.
    pub(super) failures_observed: bool,
}

impl Problem {
    /// Selects from `chosen` (indices into `ops`) what `horizon` lets one know: an operation that completes at a later
    /// position is still open there, and one that is invoked later does not exist.
    pub(crate) fn build<O: Object>(
        object: &mut O,
        ops: &[KeyOp],
        chosen: impl Iterator<Item = usize>,
        horizon: u64,
        keep_unobserved: bool,
    ) -> Self {
        let mut completed = Vec::new();
        let mut crashed = Vec::new();
        for index in chosen {
            let op = &ops[index];
            if op.ret <= horizon && op.ret != u64::MAX {
                completed.extend(op.meaning.completed.map(|class| item(object, index, op, class)));
            } else if op.call <= horizon {
                let class = op.meaning.open.filter(|class| !object.is_observer(*class));
                crashed.extend(class.map(|class| item(object, index, op, class)));
            }
        }
        completed.sort_unstable_by_key(|item| item.ret);
        crashed.sort_unstable_by_key(|item| item.call);
        for item in &mut crashed {
            item.ret = u64::MAX;
        }
        let classes: Vec<ClassId> = completed.iter().map(|item| item.class).collect();
        object.select(&Selection { completed: &classes });
        let failures_observed = completed.iter().any(|item| item.excludes.is_some());
        if !keep_unobserved {
            drop_unobserved(object, &completed, &mut crashed, failures_observed);
        }
        for (slot, item) in crashed.iter_mut().enumerate() {
            item.slot = slot as u32;
        }
        let (by_call, slots) = assign_slots(&mut completed);
        let count = completed.len();
        completed.append(&mut crashed);
        Self { items: completed, completed: count, by_call, slots, failures_observed }
    }

    /// Indices of the operations that take part, in order of invocation.
    pub(crate) fn operations(&self) -> Vec<usize> {
        let mut operations: Vec<usize> = self.items.iter().map(|item| item.op as usize).collect();
        operations.sort_unstable();
        operations
    }

    pub(super) fn crashed(&self) -> usize {
        self.items.len() - self.completed
    }
}

fn item<O: Object>(object: &O, index: usize, op: &KeyOp, class: ClassId) -> Item {
    Item {
        op: u32::try_from(index).expect("fewer than 2^32 operations"),
        class,
        call: op.call,
        ret: op.ret,
        slot: 0,
        observer: object.is_observer(class),
        needs: object.needs(class),
        makes: object.makes(class),
        excludes: object.excludes(class),
    }
}

/// Drops the crashed updates that nobody can have seen.
fn drop_unobserved<O: Object>(
    object: &O,
    completed: &[Item],
    crashed: &mut Vec<Item>,
    failures_observed: bool,
) {
    if object.recurrence() == Recurrence::ByMakers {
        if !failures_observed {
            keep_wanted(completed, crashed);
        }
    } else {
        crashed.retain(|item| !object.unobservable(item.class));
    }
}

/// Keeps the crashed updates whose state a completed operation needs, or a crashed one that is itself kept.
fn keep_wanted(completed: &[Item], crashed: &mut Vec<Item>) {
    let mut makers: FxHashMap<StateId, Vec<usize>> = FxHashMap::default();
    let mut kept = vec![false; crashed.len()];
    let mut fresh: Vec<StateId> = completed.iter().filter_map(|item| item.needs).collect();
    for (at, item) in crashed.iter().enumerate() {
        if let Some(state) = item.makes {
            makers.entry(state).or_default().push(at);
        } else {
            kept[at] = true;
            fresh.extend(item.needs);
        }
    }
    while let Some(state) = fresh.pop() {
        // Taken out, so that each state is looked at once.
        for at in makers.remove(&state).unwrap_or_default() {
            kept[at] = true;
            fresh.extend(crashed[at].needs);
        }
    }
    let mut keep = kept.into_iter();
    crashed.retain(|_| keep.next().unwrap_or(true));
}

/// Gives each operation the lowest slot that is free while it is open. Returns the order of invocation and the number
/// of slots.
fn assign_slots(completed: &mut [Item]) -> (Vec<u32>, usize) {
    let mut by_call: Vec<u32> = (0..completed.len() as u32).collect();
    by_call.sort_unstable_by_key(|index| completed[*index as usize].call);
    let mut free = std::collections::BTreeSet::new();
    let mut slots = 0;
    let mut ended = 0;
    for index in &by_call {
        let call = completed[*index as usize].call;
        while ended < completed.len() && completed[ended].ret < call {
            free.insert(completed[ended].slot);
            ended += 1;
        }
        let slot = free.pop_first().unwrap_or_else(|| {
            slots += 1;
            slots - 1
        });
        completed[*index as usize].slot = slot;
    }
    (by_call, slots as usize)
}
