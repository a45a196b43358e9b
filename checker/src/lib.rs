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
//! [`history`] pairs events into operations, [`check::check`] decides, [`counterexample`] says what to show a person. The
//! models (registers, key-value, sets, lists, locks) and the search are internal.
//! [`transactions`] judges transactions over many keys, by what each saw of the others.
//!
//! # What is not
//!
//! No clock, no randomness, no files, no printing: the caller brings the history and the stop test, and gets a verdict
//! that is the same for the same history, however many threads found it. The crate does not know where histories come
//! from, nor what Raft is.

mod certificate;
pub mod check;
pub mod counterexample;
#[cfg_attr(not(test), expect(dead_code, reason = "the dispatcher does not call all of it yet"))]
mod decide;
mod frontier;
pub mod history;
mod model;
pub mod monitor;
pub mod properties;
mod search;
pub mod transactions;
mod value;

pub use decide::Rule;
pub use value::Value;

// Lets unit tests share the reference checker with the tests in `tests/`, which name this crate from outside.
#[cfg(test)]
extern crate self as rashomon_checker;
