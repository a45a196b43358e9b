//! Rashomon's judge: given what clients saw, is there one order of events that makes all of them true?
//!
//! # What linearizability means here
//!
//! A *history* is what was written down while clients used a store: who invoked which operation, and what it answered,
//! in the order in which that happened. A history is **linearizable** if every operation can be given one moment between
//! its invocation and its completion, such that doing the operations one at a time, in the order of these moments, would
//! have given exactly the answers seen.
//!
//! ```text
//! p1  write 1  |--*--|                                           takes effect at *
//! p2  write 2         |---------*------------ ? ...              its client gave up: nobody knows
//! p3  read                    |------*--| -> 2                   so it did take effect, by now
//! p4  read                                   |-----| -> 1        impossible
//! ```
//!
//! p3 saw 2, which was written after 1 was; so from the end of p3's read on the value is 2, and p4, which began later,
//! cannot have read 1. No choice of moments helps: the history is not linearizable. Had p4 read 2, it would be; had p3 not
//! read at all, p4 might have read either.
//!
//! Three rules decide what counts:
//! - Intervals are closed: an operation that is invoked after another completed comes after it; all others may come in
//!   either order. Only the order of events counts, times do not.
//! - An operation of **unknown** outcome (`info`, or no completion at all) may take effect at any time after its
//!   invocation, however late, or never.
//! - An operation that **failed** had no effect. Unless told otherwise, why it failed says nothing.
//!
//! # What is here
//!
//! | module | what it does |
//! |---|---|
//! | [`history`] | pairs events into operations, and refuses what no correct recorder writes |
//! | [`check`](mod@check) | decides whether a history is linearizable, for the data types that this crate knows |
//! | [`monitor`] | the same while the history happens, one event at a time |
//! | [`custom`] | checks a type of one's own: a model and a log in Rust types |
//! | [`transactions`] | judges transactions over many keys, by what each saw of the others |
//! | [`properties`] | weaker promises with checks of their own: bank, sessions, queues, sets, counters, logs |
//! | [`certificate`] | replays an order that a check hands over |
//! | [`counterexample`] | what to show a person about an invalid history |
//!
//! The models of the data types and the searches are internal.
//!
//! # What a verdict means
//!
//! - **Valid**: there is an order. Each one that was found is replayed before that is said, by code that shares nothing with
//!   what found it; [`check::CheckOptions::keep_orders`] hands it over.
//! - **Invalid**: there is none. Certain, never a suspicion; with the first completion that no order explains, and a few
//!   operations that show it.
//! - **Unknown**: a budget ended the search, or nothing applies. The reason says which. Never a guess.
//!
//! Over several objects invalid comes before unknown, and unknown before valid.
//!
//! # Who decides what
//!
//! [`check::check`] takes apart what concerns different keys, and asks for each key the decider of the data type. A decider
//! looks itself whether its preconditions hold; where they do not, or where there is none, a search decides any history in
//! the end, though not always soon. [`check::CheckReport::engines`] says who decided how much, and why.
//!
//! | model | decided in time nearly linear where |
//! |---|---|
//! | register, compare-and-set register | each value is written once, no compare-and-set was observed to fail |
//! | append-list | each element is appended once |
//! | text by key | what was read can be taken apart into what was appended |
//! | grow-only set, locks without an owner | always |
//! | locks with owners or tokens | no process overlaps itself |
//! | set of elements one by one | each answer tells whether the set was changed |
//! | queue, stack, priority queue | each element is put in once, and operations of unknown outcome leave no doubt |
//! | counter | all additions are of one number |
//! | versioned register | each completed change tells its revision, and few chains of changes that nobody saw are needed |
//! | several registers, and models of one's own | never: these are searched |
//!
//! # A monitor
//!
//! ```
//! use rashomon_checker::Value;
//! use rashomon_checker::check::{ModelKind, Validity};
//! use rashomon_checker::history::{EventKind, EventRef, ProcessId};
//! use rashomon_checker::monitor::{Monitor, MonitorOptions};
//!
//! let mut monitor = Monitor::new(ModelKind::Register, MonitorOptions::default());
//! for (kind, value) in [(EventKind::Invoke, Value::Int(3)), (EventKind::Ok, Value::Int(3))] {
//!     let (process, f, key) = (ProcessId(1), "write", Some("k7"));
//!     let (time, node, error) = (None, None, None);
//!     let event = EventRef { time, process, kind, f, key, value, node, error };
//!     assert_eq!(monitor.push(&event)?, None);
//! }
//! assert_eq!(monitor.conclusion().validity, Validity::Valid);
//! # Ok::<(), rashomon_checker::monitor::MonitorError>(())
//! ```
//!
//! # Transactions, and a property
//!
//! ```
//! use rashomon_checker::check::Validity;
//! use rashomon_checker::history::{Event, History};
//! use rashomon_checker::properties::{self, PropertyKind, PropertyOptions};
//! use rashomon_checker::transactions::{self, TransactionOptions};
//!
//! let lines = r#"[
//!     {"index": 0, "process": 0, "type": "invoke", "f": "txn", "value": [["append", "x", 1]]},
//!     {"index": 1, "process": 0, "type": "ok", "f": "txn", "value": [["append", "x", 1]]},
//!     {"index": 2, "process": 1, "type": "invoke", "f": "txn", "value": [["r", "x", null]]},
//!     {"index": 3, "process": 1, "type": "ok", "f": "txn", "value": [["r", "x", [1]]]}
//! ]"#;
//! let events: Vec<Event> = serde_json::from_str(lines)?;
//! let history = History::from_events(&events)?;
//! let report = transactions::check(&history, &TransactionOptions::default())?;
//! assert_eq!(report.validity, Validity::Valid);
//!
//! let lines = r#"[
//!     {"index": 0, "process": 0, "type": "invoke", "f": "generate"},
//!     {"index": 1, "process": 0, "type": "ok", "f": "generate", "value": 7},
//!     {"index": 2, "process": 1, "type": "invoke", "f": "generate"},
//!     {"index": 3, "process": 1, "type": "ok", "f": "generate", "value": 7}
//! ]"#;
//! let events: Vec<Event> = serde_json::from_str(lines)?;
//! let history = History::from_events(&events)?;
//! let options = PropertyOptions::default();
//! let report = properties::check(PropertyKind::UniqueIds, &history, &options)?;
//! assert_eq!(report.validity, Validity::Invalid);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! A model of one's own in a few lines is at the top of [`custom`], a certificate at the top of [`certificate`].
//!
//! # What is not
//!
//! No clock, no randomness, no files, no printing: the caller brings the history and the stop test, and gets a verdict
//! that is the same for the same history, however many threads found it. The crate does not know where histories come
//! from, nor what Raft is.

pub mod certificate;
pub mod check;
pub mod counterexample;
pub mod custom;
mod decide;
mod frontier;
pub mod history;
mod model;
pub mod monitor;
pub mod properties;
mod search;
mod stop;
pub mod transactions;
mod value;

pub use decide::Rule;
pub use value::Value;

/// The examples of the crate's `README.md`, so that they are tested.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
pub struct Readme;

// Lets unit tests share the reference checker with the tests in `tests/`, which name this crate from outside.
#[cfg(test)]
extern crate self as rashomon_checker;
