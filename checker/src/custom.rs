//! Checking a type of one's own: a model in Rust types, a log of what threads did to the real thing, and a verdict.
//!
//! A [`Model`] says what the type does when it is used by one process at a time. A [`Recorder`] writes down what many
//! threads do to an implementation of it (a [`Log`], what one thread or a script does). [`check_model`] decides whether
//! the one explains the other.
//!
//! ```
//! use rashomon_checker::custom::{Log, Model, ModelOptions, check_model};
//!
//! struct Register;
//!
//! #[derive(Debug, PartialEq, Eq, Hash)]
//! enum Op {
//!     Write(u64),
//!     Read,
//! }
//!
//! impl Model for Register {
//!     type State = u64;
//!     type Input = Op;
//!     type Output = Option<u64>;
//!
//!     fn init(&self) -> u64 {
//!         0
//!     }
//!
//!     fn step(
//!         &self,
//!         state: &u64,
//!         input: &Op,
//!         output: Option<&Option<u64>>,
//!     ) -> impl IntoIterator<Item = u64> {
//!         match input {
//!             Op::Write(value) => Some(*value),
//!             Op::Read => output.is_none_or(|seen| *seen == Some(*state)).then_some(*state),
//!         }
//!     }
//! }
//!
//! let mut log = Log::new();
//! let write = log.invoke(1, Op::Write(1));
//! let early = log.invoke(2, Op::Read);
//! log.complete(early, Some(1))?; // the write took effect before it completed
//! log.complete(write, None)?;
//! assert!(check_model(&Register, &log, &ModelOptions::default()).is_valid());
//!
//! let late = log.invoke(3, Op::Read);
//! log.complete(late, Some(0))?;
//! let outcome = check_model(&Register, &log, &ModelOptions::default());
//! assert!(!outcome.is_valid());
//! let told = outcome.explain(&log);
//! assert!(told.starts_with("not linearizable: nothing explains that p3's Read answered Some(0)"), "{told}");
//! # Ok::<(), rashomon_checker::custom::LogError>(())
//! ```
//!
//! # What a model may be
//!
//! - *Nondeterministic*: [`Model::step`] answers all states that can follow; the search tries each. `Some(state)` and
//!   `None` are enough where there is at most one.
//! - *Partial*: with no output the operation's outcome is unknown, and `step` answers what can follow whatever it would
//!   have answered. It must allow at least what it allows with any output.
//! - *Several objects*: [`Model::object`] names the one that an operation concerns. Each begins in [`Model::init`] and is
//!   judged by itself (Herlihy and Wing's locality theorem), which is what makes long logs cheap.
//! - *Helpful*: the other methods are hints, which only make the search faster.
//!
//! `step` must be a function: the same arguments give the same states. States should be small or share what they can, as
//! many are kept; those that are equal are kept once.
//!
//! # How far the verdict can be trusted
//!
//! - *Valid*: the order was replayed by [`replay()`], which believes no hint.
//! - *Invalid*: the operations shown were proven impossible once more, no hint believed, where that was affordable; and
//!   impossible whatever the others did, so that nothing is shown that the log does not say (see [`Violation::core`]).
//! - *Unknown*: the budget ended the search, or a hint was seen to be wrong, or two searches disagree. Never a guess.
//!
//! What the search holds counts against [`ModelOptions::memory_bytes_max`], the states' own heap memory only as far as
//! [`Model::heap_bytes`] says.
//!
//! # What is not here
//!
//! No threads, no clock, no schedules: which interleavings happen is the test's business. The data types that this crate
//! knows itself are faster by [`crate::check::check`], which has deciders for them.

mod adapter;
mod core;
mod decide;
mod log;
mod replay;
mod report;

pub use self::log::{Log, LogError, OpToken, Pending, Recorder};
pub use replay::{ReplayError, replay};
pub use report::{Linearization, Outcome, Placed, Reason, Undecided, Violation};

use std::fmt;
use std::hash::Hash;

use crate::check::Engine;

/// What a type does when it is used by one process at a time. See the [module](self) for an example.
pub trait Model {
    /// What an object is between two operations.
    type State: Clone + Eq + Hash;
    /// An operation with its arguments.
    type Input: Eq + Hash;
    /// What it answers.
    type Output: Eq + Hash;

    /// The state before the first operation.
    fn init(&self) -> Self::State;

    /// The states that can follow when the operation takes effect in `state` and answers `output`; none if it cannot
    /// have answered that there. Without an output the operation's outcome is unknown: what can follow at all.
    fn step(
        &self,
        state: &Self::State,
        input: &Self::Input,
        output: Option<&Self::Output>,
    ) -> impl IntoIterator<Item = Self::State>;

    /// The object that the operation concerns. No hint but part of what is specified: each object begins in
    /// [`Model::init`], and no operation concerns two. By default all concern one.
    fn object(&self, _input: &Self::Input) -> String {
        String::new()
    }

    /// Hint: whether the operation changes the state in *no* state, whatever it answers. Such an operation takes effect as
    /// soon as it can. (A write of what is there already is none, as it may be needed later.)
    fn is_observer(&self, _input: &Self::Input) -> bool {
        false
    }

    /// Hint: the state that a *blind write* leaves, an operation that can answer `output` in every state and always leaves
    /// the same one. Then [`Model::step`] need not be asked.
    fn leaves(&self, _input: &Self::Input, _output: Option<&Self::Output>) -> Option<Self::State> {
        None
    }

    /// Hint: of operations that can take effect next, those of lower rank are tried first; of equal rank those that
    /// complete first. Operations that did not complete come last. Changes how long the search takes, never what it finds.
    fn rank(&self, _input: &Self::Input, _output: Option<&Self::Output>) -> u32 {
        0
    }

    /// Hint: bytes that a state holds beside its own size, for the memory budget.
    fn heap_bytes(&self, _state: &Self::State) -> usize {
        0
    }
}

/// How far a check may go.
#[derive(Clone)]
pub struct ModelOptions<'a> {
    /// Bytes that the search may hold; one that would pass it ends as unknown.
    pub memory_bytes_max: usize,
    /// Asked now and then; true ends the search as unknown.
    pub should_stop: &'a dyn Fn() -> bool,
    /// Who is to decide. [`Engine::Auto`] lets the tree search, which heeds [`Model::rank`], look for an order for a moment,
    /// then the frontier search, and the tree search again if that one's memory does not suffice.
    pub engine: Engine,
}

impl Default for ModelOptions<'_> {
    /// 1 GiB, no end, and whoever suits.
    fn default() -> Self {
        Self { memory_bytes_max: 1 << 30, should_stop: &|| false, engine: Engine::Auto }
    }
}

impl fmt::Debug for ModelOptions<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("ModelOptions")
            .field("memory_bytes_max", &self.memory_bytes_max)
            .field("engine", &self.engine)
            .finish_non_exhaustive()
    }
}

/// Decides whether some order of the log's operations, each between its invocation and its completion, is one that the
/// model allows.
pub fn check_model<M: Model>(
    model: &M,
    log: &Log<M::Input, M::Output>,
    options: &ModelOptions<'_>,
) -> Outcome<M::State> {
    decide::check(model, log, options)
}
