//! Small random histories by the million: made, judged by brute force, and held against the checker.
//!
//! All that a history of at most ten operations can hold fits into a few bytes, so nothing here allocates by operation:
//! values are small numbers, objects short rows of them. `spec` says what each data type does, on plain states, and
//! `brute` tries every order; neither knows of the deciders, the searches or their models. `make` lets a store answer, and
//! `spoil` makes the answers wrong in about half of the histories. `gate` judges as many as wanted, and `shrink` makes what
//! the two disagree about as small as it gets.
//!
//! Whoever takes this in has `oracle.rs` and `random.rs` beside it.

use super::{oracle, random};

#[path = "small/brute.rs"]
pub(crate) mod brute;
#[path = "small/case.rs"]
pub(crate) mod case;
#[path = "small/examine.rs"]
pub(crate) mod examine;
#[path = "small/gate.rs"]
pub(crate) mod gate;
#[path = "small/make.rs"]
pub(crate) mod make;
#[path = "small/shrink.rs"]
pub(crate) mod shrink;
#[path = "small/spec.rs"]
pub(crate) mod spec;
#[path = "small/spoil.rs"]
pub(crate) mod spoil;
#[path = "small/words.rs"]
pub(crate) mod words;
