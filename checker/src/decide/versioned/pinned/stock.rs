//! The changes of unknown outcome: which may do what, and which does what.
//!
//! Those that do the same are a class. What has to be done is a *slot*: some classes can do it, and it has to be one that
//! was invoked before something that comes behind it completed. Nothing else limits them, as they never complete; whoever
//! can fill a slot can fill each later one that wants its class.

use super::super::{ABSENT, Timed, When};
use super::gaps::{Held, NONE};
use super::{Op, fault};

/// The changes of unknown outcome.
pub(super) struct Stock {
    /// By class, then by invocation.
    pub(super) ops: Vec<u32>,
    /// By value and condition.
    pub(super) classes: Vec<Class>,
    /// The positions of their invocations.
    calls: Vec<u32>,
}

/// Changes that do the same.
#[derive(Debug, Clone, Copy)]
pub(super) struct Class {
    /// What they leave.
    pub(super) value: u32,
    pub(super) when: When,
    /// Those of this class in the stock.
    start: u32,
    end: u32,
}

/// What a slot accepts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Accept {
    /// One of these classes, the choosiest first; the rest is [`NONE`].
    Classes([u32; 3]),
    /// Any write whose condition holds where this is there.
    Any(Held),
}

/// Something to be done by a change of unknown outcome.
#[derive(Debug, Clone, Copy)]
pub(super) struct Slot {
    pub(super) gap: u32,
    pub(super) accept: Accept,
    /// It must have been invoked before this position.
    pub(super) limit: u32,
    /// The get that found nothing and sets this limit, or [`NONE`] if something with a place does.
    pub(super) bound: u32,
}

impl Class {
    /// The revision that these found, if they did by that.
    pub(super) fn found(&self) -> Option<i64> {
        match self.when {
            When::Modified(from @ 1..) => Some(from),
            When::Always | When::Value(_) | When::Modified(_) => None,
        }
    }
}

impl Stock {
    pub(super) fn new(ops: &[Timed<Op>], changes: impl Iterator<Item = u32>) -> Self {
        let mut keyed: Vec<(u32, When, u32)> = changes
            .filter_map(|at| match ops[at as usize].op {
                Op::Put { when, value, .. } => Some((value, when, at)),
                Op::Delete { .. } => Some((ABSENT, When::Always, at)),
                Op::Get { .. } => None,
            })
            .collect();
        keyed.sort_unstable();
        let mut classes: Vec<Class> = Vec::new();
        for (at, (value, when, _)) in (0..).zip(&keyed) {
            match classes.last_mut() {
                Some(last) if last.value == *value && last.when == *when => last.end = at + 1,
                _ => classes.push(Class { value: *value, when: *when, start: at, end: at + 1 }),
            }
        }
        let calls = keyed.iter().map(|(.., at)| ops[*at as usize].call).collect();
        let ops = keyed.into_iter().map(|(.., at)| at).collect();
        Self { ops, classes, calls }
    }

    fn find(&self, value: u32, when: When) -> u32 {
        let found =
            self.classes.binary_search_by(|class| (class.value, class.when).cmp(&(value, when)));
        found.map_or(NONE, |at| at as u32)
    }

    /// What can leave this value where that is there.
    pub(super) fn leaving(&self, value: u32, there: Held) -> Accept {
        if value == ABSENT {
            return Accept::Classes([self.find(ABSENT, When::Always), NONE, NONE]);
        }
        let mut found = [NONE; 3];
        let whens = [When::Modified(there.modified), When::Value(there.value), When::Always];
        let classes = whens.into_iter().map(|when| self.find(value, when));
        for (slot, class) in found.iter_mut().zip(classes.filter(|class| *class != NONE)) {
            *slot = class;
        }
        Accept::Classes(found)
    }

    /// The classes of this value.
    pub(super) fn of_value(&self, value: u32) -> std::ops::Range<u32> {
        let start = self.classes.partition_point(|class| class.value < value);
        let end = self.classes.partition_point(|class| class.value <= value);
        start as u32..end as u32
    }

    /// The changes that a slot accepts, whenever they were invoked.
    pub(super) fn accepted(&self, accept: Accept) -> impl Iterator<Item = u32> {
        let spans = self.spans(accept);
        spans.flat_map(|class| {
            let Class { start, end, .. } = self.classes[class as usize];
            self.ops[start as usize..end as usize].iter().copied()
        })
    }

    fn spans(&self, accept: Accept) -> impl Iterator<Item = u32> {
        let all = if matches!(accept, Accept::Any(_)) { self.classes.len() as u32 } else { 0 };
        let few = if let Accept::Classes(classes) = accept { classes } else { [NONE; 3] };
        let fits = move |class: &u32| match accept {
            Accept::Classes(_) => false,
            Accept::Any(there) => {
                let class = &self.classes[*class as usize];
                class.value != ABSENT
                    && match class.when {
                        When::Always => true,
                        When::Value(from) => from == there.value,
                        When::Modified(from) => from == there.modified,
                    }
            }
        };
        few.into_iter().filter(|class| *class != NONE).chain((0..all).filter(fits))
    }

    /// Gives each slot a change, an index into the stock; or tells slots that there are too few changes for. Slots come with
    /// growing limits. Counts its work, and says anything once that is too much.
    ///
    /// Slots are given changes in turn, as the choosiest class has them; where none is left, a chain of slots that give
    /// theirs on is looked for (Berge, *Two theorems in graph theory*, 1957). The slots that the search for such a chain
    /// reaches are too many for all the changes that they accept.
    pub(super) fn assign<const FAULT: u8>(
        &self,
        slots: &[Slot],
        work: &mut usize,
        work_max: usize,
    ) -> Result<Vec<u32>, Vec<u32>> {
        let mut matching = Matching {
            stock: self,
            slots,
            owner: vec![NONE; self.ops.len()],
            taken: vec![NONE; slots.len()],
            next: self.classes.iter().map(|class| class.start).collect(),
        };
        let is_choosy = |slot: &u32| matches!(slots[*slot as usize].accept, Accept::Classes(_));
        let mut late: Vec<u32> = Vec::new();
        for slot in (0..slots.len() as u32).filter(is_choosy) {
            if !matching.take_first(slot) {
                late.push(slot);
            }
        }
        late.extend((0..slots.len() as u32).filter(|slot| !is_choosy(slot)));
        for slot in late {
            if FAULT == fault::NO_CHAINS || *work > work_max {
                return Err(vec![slot]);
            }
            matching.take_by_chain(slot, work)?;
        }
        Ok(matching.taken)
    }
}

struct Matching<'a> {
    stock: &'a Stock,
    slots: &'a [Slot],
    /// By change: its slot; by slot: its change.
    owner: Vec<u32>,
    taken: Vec<u32>,
    /// By class: where to look for one that is free.
    next: Vec<u32>,
}

impl Matching<'_> {
    fn take_first(&mut self, slot: u32) -> bool {
        let Slot { accept, limit, .. } = self.slots[slot as usize];
        for class in self.stock.spans(accept) {
            let next = self.next[class as usize];
            let end = self.stock.classes[class as usize].end;
            if next < end && self.stock.calls[next as usize] < limit {
                self.next[class as usize] += 1;
                self.give(next, slot);
                return true;
            }
        }
        false
    }

    fn give(&mut self, change: u32, slot: u32) {
        self.owner[change as usize] = slot;
        self.taken[slot as usize] = change;
    }

    fn take_by_chain(&mut self, slot: u32, work: &mut usize) -> Result<(), Vec<u32>> {
        // By class: up to where its changes were looked at. By change: the slot that wants it.
        let mut reached: Vec<u32> = self.stock.classes.iter().map(|class| class.start).collect();
        let mut wanted_by = vec![NONE; self.owner.len()];
        *work += reached.len() + wanted_by.len();
        let mut queue = vec![slot];
        let mut at = 0;
        while let Some(asking) = queue.get(at).copied() {
            at += 1;
            let Slot { accept, limit, .. } = self.slots[asking as usize];
            *work += if matches!(accept, Accept::Any(_)) { reached.len() } else { 1 };
            for class in self.stock.spans(accept) {
                let end = self.stock.classes[class as usize].end;
                let from = &mut reached[class as usize];
                while *from < end && self.stock.calls[*from as usize] < limit {
                    let change = *from;
                    *from += 1;
                    wanted_by[change as usize] = asking;
                    match self.owner[change as usize] {
                        NONE => {
                            self.hand_on(change, &wanted_by);
                            return Ok(());
                        }
                        owner => queue.push(owner),
                    }
                }
            }
        }
        Err(queue)
    }

    /// Gives a free change to the slot that wants it, what that had to the one that wants that, and so on.
    fn hand_on(&mut self, free: u32, wanted_by: &[u32]) {
        let mut change = free;
        while change != NONE {
            let slot = wanted_by[change as usize];
            let had = self.taken[slot as usize];
            self.give(change, slot);
            change = had;
        }
    }
}
