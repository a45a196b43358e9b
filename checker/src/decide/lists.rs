//! What deciders of growing things share: where the lists of element numbers that reads answered come from.

use super::{Refutation, Rule};

/// Stands for no operation, no element, no position.
pub(crate) const NONE: u32 = u32::MAX;

/// A read that has completed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Read {
    /// Its index.
    pub(crate) op: u32,
    /// Position of its invocation.
    pub(crate) call: u32,
    /// Position of its completion.
    pub(crate) ret: u32,
}

impl Read {
    /// It cannot have answered that, because of these others.
    pub(crate) fn refute(self, rule: Rule, others: &[u32]) -> Refutation {
        let ops = others.iter().copied().chain([self.op]).collect();
        Refutation { completion: self.ret, ops, rule }
    }
}

/// The answers of reads, by number. They need not exist as lists of numbers: each is looked at once, when its read
/// completes, and then only its length is asked for.
pub(crate) trait Answers {
    /// How many elements this one has.
    fn count(&self, number: u32) -> usize;

    /// The elements of this one, which may be written to `room`.
    fn elements<'a>(&'a self, number: u32, room: &'a mut Vec<u32>) -> &'a [u32];
}

/// Answers that are lists of numbers.
#[cfg(test)]
#[derive(Debug, Default)]
pub(crate) struct Lists(Vec<Vec<u32>>);

#[cfg(test)]
impl Lists {
    /// Puts a list down and gives its number.
    pub(crate) fn add(&mut self, list: impl IntoIterator<Item = u32>) -> u32 {
        self.0.push(list.into_iter().collect());
        self.0.len() as u32 - 1
    }

    /// The list of this number.
    pub(crate) fn get(&self, number: u32) -> &[u32] {
        &self.0[number as usize]
    }
}

#[cfg(test)]
impl Answers for Lists {
    fn count(&self, number: u32) -> usize {
        self.get(number).len()
    }

    fn elements<'a>(&'a self, number: u32, _room: &'a mut Vec<u32>) -> &'a [u32] {
        self.get(number)
    }
}
