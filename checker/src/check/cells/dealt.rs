//! Many registers at once: what their operations say is dealt out to them in one pass over the history.
//!
//! Where no two registers have a value in common, but for the initial one, and values are whole numbers in a narrow range,
//! a table knows for each value whose it is, and its number there. What an operation says are twelve bytes then, and so the
//! pass writes a quarter of what copying the operations to their register would.

use std::ops::Range;

use crate::check::{Engine, Job, ModelKind, Part};
use crate::decide::Decision;
use crate::decide::cell::{Pass, Slot};
use crate::history::{History, NONE, Record};

use super::super::parts::object_of;
use super::{DENSE_PER_OPERATION, Dense, Function, Numbers, View};

/// What the operations of all registers say, by register and invocation.
pub(in crate::check) struct Dealt {
    slots: Vec<Slot>,
    /// What compare-and-sets expected. Empty: there are none.
    froms: Vec<u32>,
    /// By register: how many values it has.
    values: Vec<u32>,
}

impl Dealt {
    /// Decides the history of one register, of which these are the operations.
    pub(super) fn decide(
        &self,
        object: usize,
        operations: Range<usize>,
        completions: &[u32],
        ordered: bool,
    ) -> Decision {
        let froms = self.froms.get(operations.clone());
        let values = self.values[object] as usize;
        match Pass::of_slots(&self.slots[operations], froms, values) {
            Ok(pass) => pass.decide(completions, ordered),
            Err(why) => Decision::Inapplicable(why),
        }
    }
}

/// Deals.
pub(in crate::check) struct Dealer<'a> {
    history: &'a History,
    view: View<'a>,
    numbers: Dense,
    /// By number of a value.
    owners: Vec<Owner>,
    dealt: Dealt,
}

/// Whose a value is, and its number there.
#[derive(Debug, Clone, Copy)]
struct Owner {
    object: u32,
    number: u32,
}

impl<'a> Dealer<'a> {
    /// `None` if the history does not suit.
    pub(in crate::check) fn new(job: &Job<'a>, objects: usize) -> Option<Self> {
        let cells = matches!(job.model, ModelKind::Register | ModelKind::CasRegister);
        let decided = !matches!(job.options.engine, Engine::Frontier | Engine::Wgl);
        if !cells || !decided || job.options.failed_cas_observed {
            return None;
        }
        let history = job.history;
        let initial = job.options.initial.clone().unwrap_or_default();
        let room = DENSE_PER_OPERATION * history.records.len() as u64;
        let numbers = Dense::new(&initial, history.values.numbers_within(room))?;
        let nobody = Owner { object: NONE, number: 0 };
        let dealt = Dealt {
            slots: vec![Slot::NOTHING; history.records.len()],
            froms: Vec::new(),
            values: vec![1; objects],
        };
        let owners = vec![nobody; numbers.count()];
        Some(Self { history, view: View::new(job, Part::all(history)), numbers, owners, dealt })
    }

    /// Deals every operation to its register, where it has this place. `None` if the history does not suit.
    pub(in crate::check) fn deal(mut self, places: &[u32]) -> Option<Dealt> {
        let history = self.history;
        for (id, (record, at)) in (0..).zip(history.records.iter().zip(places)) {
            if !self.deal_one((id, record), object_of(history, id), *at) {
                return None;
            }
        }
        Some(self.dealt)
    }

    /// False if it does not suit.
    #[inline]
    fn deal_one(&mut self, (id, record): (u32, &Record), object: usize, at: u32) -> bool {
        let function = self.view.functions[usize::from(record.f)];
        if function >= Function::Cas {
            return self.deal_cas((id, record), object, at).is_some();
        }
        let reads = function == Function::Read;
        let Some((word, ret)) = self.view.plain(record, reads) else { return true };
        let number = self.numbers.of(word);
        let Some(value) = self.value(object, number) else { return false };
        self.dealt.slots[at as usize] = Slot::new(reads, value, record.call, ret);
        true
    }

    fn deal_cas(&mut self, (id, record): (u32, &Record), object: usize, at: u32) -> Option<()> {
        let pair = self.view.pair(record, id, &mut self.numbers).ok()?;
        let Some(ret) = self.view.cas(record, id, pair).ok()? else { return Some(()) };
        let (from, to) = (self.value(object, pair.0)?, self.value(object, pair.1)?);
        self.dealt.slots[at as usize] = Slot::new(from == to, to, record.call, ret);
        if from != to {
            self.dealt.froms.resize(self.dealt.slots.len(), NONE);
            self.dealt.froms[at as usize] = from;
        }
        Some(())
    }

    /// The number of a value of this register; `None` if it is another's.
    #[inline]
    fn value(&mut self, object: usize, number: u32) -> Option<u32> {
        if number == 0 {
            return Some(0);
        }
        let owner = &mut self.owners[number as usize];
        if owner.object == NONE {
            let next = &mut self.dealt.values[object];
            *owner = Owner { object: object as u32, number: *next };
            *next += 1;
        }
        (owner.object == object as u32).then_some(owner.number)
    }
}

#[cfg(test)]
mod tests;
