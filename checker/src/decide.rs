//! Deciders: exact answers in polynomial time, for data types and histories that allow them.
//!
//! A decider gets the operations of one object and answers in one or a few passes what the general search would have to
//! try out. Each is exact, operations of unknown outcome included, and each looks itself whether its preconditions hold
//! (unique values, say): where they do not, it answers [`Decision::Inapplicable`], never a guess.
//!
//! One file a data type. Each says in its doc what it decides, how, why that is right, and from where the idea is.

use std::fmt;

use serde::{Deserialize, Serialize};

pub(crate) mod append_list;
pub(crate) mod boxes;
#[cfg(test)]
pub(crate) mod brute;
pub(crate) mod cell;
pub(crate) mod counter;
pub(crate) mod element_set;
pub(crate) mod fenced_mutex;
pub(crate) mod fifo_queue;
pub(crate) mod first;
#[cfg(test)]
pub(crate) mod fuzz;
pub(crate) mod grow_set;
pub(crate) mod lists;
pub(crate) mod mutex;
pub(crate) mod owned_mutex;
pub(crate) mod priority_queue;
#[cfg(test)]
mod simulate;
pub(crate) mod stack;
mod sweep;
pub(crate) mod text_store;
mod timeline;
pub(crate) mod versioned;
mod waiting;

/// Stands for the completion of an operation that has none: its outcome is unknown, it may act late or never.
pub(crate) const NEVER: u32 = u32::MAX;

/// An operation of one object as a decider sees it.
///
/// Positions are those of events in the history: all different, and `call < ret`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Timed<T> {
    /// Position of the invocation.
    pub(crate) call: u32,
    /// Position of the completion, or [`NEVER`].
    pub(crate) ret: u32,
    /// What was done, with the answer if there is one.
    pub(crate) op: T,
}

impl<T> Timed<T> {
    /// Whether its outcome is unknown.
    pub(crate) fn is_crashed(&self) -> bool {
        self.ret == NEVER
    }
}

/// What a decider found out. Numbers of operations are indices into the slice that it was given.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Decision {
    /// This order explains every answer. Every completed operation is in it, crashed ones may be.
    Linearizable(Vec<u32>),
    /// No order does.
    NotLinearizable(Refutation),
    /// The decider's preconditions do not hold, for this reason (lower case, no full stop).
    Inapplicable(&'static str),
}

/// Why there is no order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Refutation {
    /// The completion that makes it certain: the history up to just before this event is linearizable, with it it is not.
    pub(crate) completion: u32,
    /// Operations that contradict each other by themselves (together with those whose effects they saw), the one of
    /// `completion` among them. Few, but not claimed to be fewest.
    pub(crate) ops: Vec<u32>,
    /// The rule that they break.
    pub(crate) rule: Rule,
}

/// The rules whose violation proves that there is no order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Rule {
    /// An answer that nobody can have caused: a value that was never written, or only later.
    FromNowhere,
    /// What can happen once (taking an element out, replacing a value by compare-and-set) happened twice.
    Twice,
    /// Two groups of operations that each must be contiguous must each come before the other.
    Zones,
    /// An operation must come after another by what they saw, and before it by real time.
    Rank,
    /// What must still have been there was not seen.
    Lost,
    /// Two answers contradict each other whatever the order (two reads of a list, neither a prefix of the other).
    Incompatible,
    /// At the completion, no choice among the open operations explains the answer.
    Exhausted,
}

impl fmt::Display for Rule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::FromNowhere => "it answers what nobody can have caused any more, or yet",
            Self::Twice => "what can happen once happened twice",
            Self::Zones => "of two groups of operations, each would have to come before the other",
            Self::Rank => "it began after something had completed that must come after it",
            Self::Lost => "something that must still have been there was not seen",
            Self::Incompatible => "two answers contradict each other",
            Self::Exhausted => "no choice among the open operations explains it",
        })
    }
}
