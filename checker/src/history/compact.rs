//! A whole history in memory, a few words an operation.

use std::collections::BTreeMap;
use std::mem::size_of;

use super::builder::Builder;
use super::error::HistoryError;
use super::names::Names;
use super::op::Op;
use super::packed::{Packed, Values};
use super::{Event, EventRef, OpId, Operation, ProcessId};

/// Stands for a position, a key or a node that there is not.
pub(crate) const NONE: u32 = u32::MAX;

/// What became of an operation; its answer is in its record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ending {
    Ok,
    Fail,
    Info,
}

/// [`NONE`] for nodes.
pub(crate) const NO_NODE: u16 = u16::MAX;

/// One operation. Names and values are numbers of the history's tables.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Record {
    pub(crate) process: ProcessWord,
    pub(crate) input: Packed,
    /// What the completion said; nil if there is none.
    pub(crate) output: Packed,
    /// Position of the invocation.
    pub(crate) call: u32,
    /// Position of the completion, or [`NONE`]: there is none, or it is `info`.
    pub(crate) ret: u32,
    pub(crate) f: u16,
    pub(crate) ending: Ending,
}

/// A process in a word of 32 bits: its number, or, beyond [`ProcessWord::DIRECT_MAX`], that of an entry of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct ProcessWord(u32);

impl ProcessWord {
    const DIRECT_MAX: u64 = (1 << 31) - 1;

    pub(crate) fn new(process: ProcessId, large: &mut Vec<ProcessId>) -> Self {
        if process.0 <= Self::DIRECT_MAX {
            return Self(process.0 as u32);
        }
        large.push(process);
        Self((large.len() - 1) as u32 | 1 << 31)
    }

    pub(crate) fn get(self, large: &[ProcessId]) -> ProcessId {
        if u64::from(self.0) <= Self::DIRECT_MAX {
            ProcessId(u64::from(self.0))
        } else {
            large[(self.0 & !(1 << 31)) as usize]
        }
    }
}

/// Nanoseconds of invocation and completion; `u64::MAX` where not known.
pub(crate) type Span = [u64; 2];

/// Operations in order of invocation.
///
/// Invariants, established by [`Builder`]:
/// - operation `i` has [`OpId`] `i`, and `call` grows with `i`;
/// - `call < ret` where there is a `ret`, and no two positions are equal;
/// - a process has at most one open operation, and none after one of unknown outcome.
#[derive(Debug, Clone, Default)]
pub struct History {
    pub(crate) records: Vec<Record>,
    /// Operations that took effect, by completion.
    pub(crate) completions: Vec<u32>,
    /// By operation, as far as there are times.
    pub(crate) spans: Vec<Span>,
    /// By operation, as far as they name keys: its number, or [`NONE`].
    pub(crate) key_of: Vec<u32>,
    /// By operation, as far as they name nodes: its number, or [`NO_NODE`].
    pub(crate) node_of: Vec<u16>,
    /// See [`ProcessWord`].
    pub(crate) large_processes: Vec<ProcessId>,
    pub(crate) errors: BTreeMap<u32, String>,
    pub(crate) functions: Names,
    pub(crate) keys: Names,
    pub(crate) nodes: Names,
    pub(crate) values: Values,
    pub(crate) events: u32,
    pub(crate) crashed: usize,
    pub(crate) nil_reads_unknown: bool,
}

impl History {
    /// Pairs invocations with completions. An invocation without a completion has an unknown outcome, as if an `info`
    /// had followed.
    ///
    /// The order of `events` is the order of the history; their `index` fields are not looked at.
    pub fn from_events(events: &[Event]) -> Result<Self, HistoryError> {
        let mut builder = Builder::with_capacity(events.len().div_ceil(2));
        for event in events {
            builder.push(EventRef::from(event))?;
        }
        Ok(builder.finish())
    }

    /// How many operations there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are no operations.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// How many events there were: positions are below this.
    pub fn events(&self) -> u64 {
        u64::from(self.events)
    }

    /// The operation of this number.
    ///
    /// # Panics
    /// If the history has no such operation.
    pub fn op(&self, id: OpId) -> Op<'_> {
        assert!(id.0 < self.records.len(), "operation {} of {}", id.0, self.records.len());
        Op::new(self, id.0)
    }

    /// All operations, in order of invocation.
    pub fn ops(&self) -> impl ExactSizeIterator<Item = Op<'_>> + DoubleEndedIterator + Clone {
        (0..self.records.len()).map(|index| Op::new(self, index))
    }

    /// All operations, each by itself: for small histories, as each holds its own names and values.
    pub fn to_operations(&self) -> Vec<Operation> {
        self.ops().map(Op::to_operation).collect()
    }

    /// The same history, where a completed read without a value means that the answer was not kept (Knossos) instead
    /// of that the object was absent.
    #[must_use]
    pub fn with_nil_reads_unknown(mut self) -> Self {
        self.nil_reads_unknown = true;
        self
    }

    /// Whether a completed read of nil says nothing: see [`History::with_nil_reads_unknown`].
    pub fn nil_reads_unknown(&self) -> bool {
        self.nil_reads_unknown
    }

    /// How many operations have an unknown outcome.
    pub fn crashed(&self) -> usize {
        self.crashed
    }

    /// The number of the key of an operation, or [`NONE`].
    pub(crate) fn key_number(&self, index: usize) -> u32 {
        self.key_of.get(index).copied().unwrap_or(NONE)
    }

    /// Bytes held, roughly.
    pub fn bytes(&self) -> usize {
        self.records.capacity() * size_of::<Record>()
            + self.completions.capacity() * size_of::<u32>()
            + self.spans.capacity() * size_of::<Span>()
            + self.key_of.capacity() * size_of::<u32>()
            + self.node_of.capacity() * size_of::<u16>()
            + self.values.bytes()
    }
}
