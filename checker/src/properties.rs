//! Properties beside linearizability: weaker, or of things that a model cannot say.
//!
//! Linearizability is decided by [`crate::check`]. Much of what is tested in practice promises less, or something else:
//! that money does not vanish, that each client sees its own writes, that a message is delivered once, that an element is
//! seen soon. Each such property is one file here, and one [`PropertyKind`]; [`check`] checks one by its kind.
//!
//! ```
//! use rashomon_checker::check::Validity;
//! use rashomon_checker::history::{Event, History};
//! use rashomon_checker::properties::{self, PropertyKind, PropertyOptions, Rule};
//!
//! let lines = r#"
//!     {"index": 0, "process": 1, "type": "invoke", "f": "read", "value": null}
//!     {"index": 1, "process": 1, "type": "ok",     "f": "read", "value": [[1, 60], [2, 40]]}
//!     {"index": 2, "process": 3, "type": "invoke", "f": "read", "value": null}
//!     {"index": 3, "process": 3, "type": "ok",     "f": "read", "value": [[1, 60], [2, 38]]}"#;
//! let events: Vec<Event> =
//!     lines.trim().lines().map(|line| serde_json::from_str(line)).collect::<Result<_, _>>()?;
//! let history = History::from_events(&events)?;
//! let options = PropertyOptions { total: Some(100), ..PropertyOptions::default() };
//! let report = properties::check(PropertyKind::Bank, &history, &options)?;
//!
//! assert_eq!(report.validity, Validity::Invalid);
//! assert_eq!(report.findings[0].rule, Rule::WrongTotal);
//! assert_eq!(report.reason.unwrap(), "p3 read balances that add up to 98, not 100: 1: 60, 2: 38");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! # What they share
//!
//! - **Nobody is blamed on account of a crashed operation.** One of unknown outcome may have happened, may happen late, or
//!   never: whatever makes the history right is assumed. One that failed surely did not happen.
//! - Only the order of events counts; times are used for latencies alone.
//! - *Unknown*, with the reason, where the history says too little: nothing was read, or nobody looked at the end.
//! - What does not fit (a function that the property does not know, a value of the wrong shape) is an error that names
//!   the event. Nothing is passed over silently, and nothing panics.
//! - All take time linear in the size of the history (of all values together), or that times its logarithm, and ask
//!   [`PropertyOptions::should_stop`] on the way. A violation that was found by then stays one: each is certain when it is
//!   found.
//!
//! # Shapes
//!
//! Functions and values are those of Jepsen's workloads; [`PropertyKind::functions`] and [`PropertyKind::shapes`] list
//! them. Values have no maps: where Jepsen has one (`{0 10, 1 12}`), a list of pairs is expected (`[[0 10] [1 12]]`), in
//! any order. Names (accounts, keys of logs) may be numbers or text, and `1` and `"1"` are the same name, as the keys of
//! JSON objects are always text. Where operations have a key, each key is an object of its own.
//!
//! # What is not here
//!
//! Transactions in general: cycles of dependencies between them are another matter.

pub mod bank;
mod bounds;
pub mod counter;
mod graph;
mod kind;
pub mod log;
pub mod long_fork;
pub mod monotonic;
mod origin;
mod read;
mod report;
pub mod session;
pub mod set_full;
pub mod total_queue;
pub mod unique_ids;

pub use kind::PropertyKind;
pub use report::{Finding, PropertyReport, Quantiles, Rule};

use std::collections::BTreeMap;
use std::fmt;

use crate::Value;
use crate::history::History;

/// What is expected of a system beyond what its history tells, and how long the check may take.
#[derive(Clone)]
pub struct PropertyOptions<'a> {
    /// How many findings of each rule a report shows; at least one. All are counted.
    pub findings_max: usize,
    /// Bank: what all balances add up to. Without it, what most reads add up to; they must all agree.
    pub total: Option<i64>,
    /// Bank: the accounts with their balances at the start. With it, every read must name exactly these accounts, and
    /// balances must be what transfers can have made of them.
    pub balances: Option<BTreeMap<String, i64>>,
    /// Bank: balances may be below zero.
    pub negative_balances: bool,
    /// Monotonic: whose reads must not go back.
    pub monotonic: MonotonicScope,
    /// Set: an element must be seen by every read that begins after it was added.
    pub linearizable: bool,
    /// Queue: when the history ended, the queue was empty, even if no `drain` says so.
    pub drained: bool,
    /// Registers and counters: the value at the start; without it nil, or zero.
    pub initial: Option<Value>,
    /// Asked now and then; true ends the check as unknown, unless a violation was found by then.
    pub should_stop: &'a (dyn Fn() -> bool + Sync),
}

/// Whose reads of a monotonic value must not go back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum MonotonicScope {
    /// Everybody's: who begins after another completed sees at least as much.
    #[default]
    Object,
    /// Each process' own.
    Process,
}

impl Default for PropertyOptions<'_> {
    fn default() -> Self {
        Self {
            findings_max: 16,
            total: None,
            balances: None,
            negative_balances: false,
            monotonic: MonotonicScope::Object,
            linearizable: false,
            drained: false,
            initial: None,
            should_stop: &|| false,
        }
    }
}

impl fmt::Debug for PropertyOptions<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("PropertyOptions")
            .field("findings_max", &self.findings_max)
            .field("total", &self.total)
            .field("balances", &self.balances)
            .field("negative_balances", &self.negative_balances)
            .field("monotonic", &self.monotonic)
            .field("linearizable", &self.linearizable)
            .field("drained", &self.drained)
            .field("initial", &self.initial)
            .finish_non_exhaustive()
    }
}

/// Why nothing could be checked: the history does not fit the property.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum PropertyError {
    /// An operation has a function that the property does not know.
    UnknownFunction {
        /// Position of the invocation.
        event: u64,
        /// The function.
        f: String,
        /// The property.
        property: PropertyKind,
    },
    /// An operation carries a value that its function cannot take or answer.
    BadValue {
        /// Position of the invocation, or of the completion if the answer is at fault.
        event: u64,
        /// The function.
        f: String,
        /// The value.
        value: Value,
        /// What it should have been.
        expected: &'static str,
        /// The property.
        property: PropertyKind,
    },
    /// An option does not fit the property.
    BadOption {
        /// The property.
        property: PropertyKind,
        /// What it should have been.
        expected: &'static str,
    },
}

impl PropertyError {
    /// Position, from 0, of the event that does not fit, if it is one.
    pub fn event(&self) -> Option<u64> {
        match self {
            Self::UnknownFunction { event, .. } | Self::BadValue { event, .. } => Some(*event),
            Self::BadOption { .. } => None,
        }
    }
}

impl fmt::Display for PropertyError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownFunction { event, f, property } => write!(
                out,
                "event {event}: property {property} has no function `{f}`; it has {}",
                property.functions().join(", ")
            ),
            Self::BadValue { event, f, value, expected, property } => write!(
                out,
                "event {event}: `{f}` with value {value} does not fit property {property}: expected {expected}"
            ),
            Self::BadOption { property, expected } => {
                write!(out, "property {property}: expected {expected}")
            }
        }
    }
}

impl std::error::Error for PropertyError {}

/// Checks whether `history` has the property `kind`.
pub fn check(
    kind: PropertyKind,
    history: &History,
    options: &PropertyOptions<'_>,
) -> Result<PropertyReport, PropertyError> {
    let check = match kind {
        PropertyKind::Bank => bank::check,
        PropertyKind::LongFork => long_fork::check,
        PropertyKind::Monotonic => monotonic::check,
        PropertyKind::Session => session::check,
        PropertyKind::SetFull => set_full::check,
        PropertyKind::UniqueIds => unique_ids::check,
        PropertyKind::TotalQueue => total_queue::check,
        PropertyKind::Counter => counter::check,
        PropertyKind::Log => log::check,
    };
    check(history, options)
}

#[cfg(test)]
mod tests;
