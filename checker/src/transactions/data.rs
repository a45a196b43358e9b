//! The transactions of a history as flat arrays of small numbers.
//!
//! Keys are numbered, and so is each pair of a key and a value: a *version*. All reads of a list that are prefixes of each
//! other are kept as one list and a length each, so that what is held grows with the micro-operations and the longest
//! list of each key, not with all lists that were read.

use std::ops::Range;

use super::Family;
use crate::Value;

/// Stands for a missing number: no position, no writer, no completion.
pub(super) const NONE: u32 = u32::MAX;

/// What became of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    Committed,
    Failed,
    /// Nobody knows.
    Crashed,
}

/// What a micro-operation did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum What {
    /// Wrote or appended this version.
    Write(u32),
    /// Read, and the answer is not known.
    Unknown,
    /// Read a register that nobody had written.
    Initial,
    /// Read this version of a register.
    Version(u32),
    /// Read so many elements of the list's order.
    Prefix(u32),
    /// Read a list that is no prefix of the order: its number in [`Txns::odd`].
    Odd(u32),
}

/// One micro-operation.
#[derive(Debug, Clone, Copy)]
pub(super) struct Micro {
    pub(super) key: u32,
    pub(super) what: What,
}

/// All transactions, numbered as the operations of the history.
#[derive(Debug)]
pub(super) struct Txns {
    pub(super) family: Family,
    pub(super) initial: Value,
    pub(super) fates: Vec<Fate>,
    pub(super) processes: Vec<u64>,
    pub(super) calls: Vec<u32>,
    /// [`NONE`] where there is none.
    pub(super) rets: Vec<u32>,
    /// Where the micro-operations of each begin; one more at the end.
    pub(super) starts: Vec<u32>,
    pub(super) micros: Vec<Micro>,
    pub(super) keys: Vec<Value>,
    pub(super) version_keys: Vec<u32>,
    pub(super) version_values: Vec<Value>,
    /// Where the order of each key begins in `order`; one more at the end.
    pub(super) order_starts: Vec<u32>,
    /// By key: the longest list that was read, as versions.
    pub(super) order: Vec<u32>,
    /// By entry of `order`: the micro-operation that was the first to read it.
    pub(super) shown_by: Vec<u32>,
    pub(super) odd: Vec<Vec<u32>>,
    /// By key: whether the initial value was written again, so that a read of it says nothing.
    pub(super) initial_rewritten: Vec<bool>,
    /// Whether a crashed transaction may have written anything.
    pub(super) unknown_writes: bool,
}

impl Txns {
    pub(super) fn len(&self) -> usize {
        self.fates.len()
    }

    /// The micro-operations of a transaction, as indices.
    pub(super) fn span(&self, txn: u32) -> Range<usize> {
        self.starts[txn as usize] as usize..self.starts[txn as usize + 1] as usize
    }

    /// The transaction of a micro-operation.
    pub(super) fn txn_of(&self, micro: u32) -> u32 {
        self.starts.partition_point(|start| *start <= micro) as u32 - 1
    }

    /// The transactions that completed and took effect.
    pub(super) fn committed(&self) -> impl Iterator<Item = u32> {
        (0..self.len() as u32).filter(|txn| self.fates[*txn as usize] == Fate::Committed)
    }

    /// The order of a key, as a range of [`Txns::order`].
    pub(super) fn order_span(&self, key: u32) -> Range<usize> {
        self.order_starts[key as usize] as usize..self.order_starts[key as usize + 1] as usize
    }

    /// The elements of a list that was read; `None` if this is no known read of a list.
    pub(super) fn list(&self, micro: Micro) -> Option<&[u32]> {
        match micro.what {
            What::Prefix(len) => {
                let start = self.order_starts[micro.key as usize] as usize;
                Some(&self.order[start..start + len as usize])
            }
            What::Odd(number) => Some(&self.odd[number as usize]),
            What::Write(_) | What::Unknown | What::Initial | What::Version(_) => None,
        }
    }
}
