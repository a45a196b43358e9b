//! What takes part, for deciders: operations straight from the records of a history, values and processes as small numbers.
//!
//! What says nothing (an operation that failed, a read without an answer) is left out. The decider counts what is left;
//! here its answer is counted in operations of the part again.

use std::hash::Hash;

use rustc_hash::FxHashMap;

use crate::Value;
use crate::check::Job;
use crate::decide::{Decision, NEVER, Timed};
use crate::history::packed::{Packed, Values};
use crate::history::{Ending, Record};
use crate::model::Misfit;

use super::parts::Part;

/// Why an operation does not fit, and which one (an index into those of the part).
pub(super) type Flaw = (Misfit, u32);

/// The operations of one object that say something; `T` is what its decider calls them.
pub(super) struct Gathered<T> {
    /// In order of invocation.
    pub(super) ops: Vec<Timed<T>>,
    /// By operation: its index among those of the part.
    indices: Vec<u32>,
}

impl<T> Gathered<T> {
    /// Looks at every operation. `function` knows the names of the functions, `say` tells what an operation says, if it
    /// says anything.
    pub(super) fn new<F: Copy>(
        job: &Job<'_>,
        part: Part<'_>,
        function: impl Fn(&str) -> Option<F>,
        mut say: impl FnMut(F, &Record) -> Result<Option<T>, Misfit>,
    ) -> Result<Self, Flaw> {
        let functions: Vec<Option<F>> = job.history.functions.iter().map(function).collect();
        let mut ops = Vec::with_capacity(part.len());
        let mut indices = Vec::with_capacity(part.len());
        for (index, record) in (0..).zip(part.records()) {
            let known = functions[usize::from(record.f)].ok_or((Misfit::Function, index))?;
            let Some(op) = say(known, record).map_err(|misfit| (misfit, index))? else { continue };
            let ret = if record.ending == Ending::Ok { record.ret } else { NEVER };
            ops.push(Timed { call: record.call, ret, op });
            indices.push(index);
        }
        Ok(Self { ops, indices })
    }

    /// What the decider says, in indices of the part.
    pub(super) fn decide(self, decider: impl FnOnce(&[Timed<T>]) -> Decision) -> Decision {
        let mut decision = decider(&self.ops);
        let ops = match &mut decision {
            Decision::Linearizable(order) => order,
            Decision::NotLinearizable(refutation) => &mut refutation.ops,
            Decision::Inapplicable(_) => return decision,
        };
        for op in ops {
            *op = self.indices[*op as usize];
        }
        decision
    }
}

/// Gives small numbers to things, in the order in which they are first seen.
pub(super) struct Numbers<T>(FxHashMap<T, u32>);

impl<T: Eq + Hash> Numbers<T> {
    pub(super) fn new() -> Self {
        Self(FxHashMap::default())
    }

    pub(super) fn of(&mut self, thing: T) -> u32 {
        let next = self.0.len() as u32;
        *self.0.entry(thing).or_insert(next)
    }
}

/// Gives small numbers to values: equal values have the same one.
pub(super) struct ValueNumbers<'a> {
    values: &'a Values,
    words: FxHashMap<Packed, u32>,
    /// Of values whose words do not tell them apart.
    kept: FxHashMap<Value, u32>,
}

impl<'a> ValueNumbers<'a> {
    pub(super) fn new(job: &Job<'a>) -> Self {
        let (words, kept) = (FxHashMap::default(), FxHashMap::default());
        Self { values: &job.history.values, words, kept }
    }

    /// How many there are.
    pub(super) fn count(&self) -> usize {
        self.words.len() + self.kept.len()
    }

    pub(super) fn of(&mut self, word: Packed) -> u32 {
        let next = self.count() as u32;
        if word.is_kept() {
            return self.of_value(&self.values.get(word));
        }
        *self.words.entry(word).or_insert(next)
    }

    /// The number of a value that may be part of another.
    pub(super) fn of_value(&mut self, value: &Value) -> u32 {
        if let Some(word) = self.values.find(value) {
            return self.of(word);
        }
        let next = self.count() as u32;
        if let Some(number) = self.kept.get(value) {
            return *number;
        }
        self.kept.insert(value.clone(), next);
        next
    }
}
