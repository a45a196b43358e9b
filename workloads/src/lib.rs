//! What clients do and what must hold: seeded generators, models and final reads, one file a workload.
//!
//! This crate owns the *content* of a run. It refuses to own the rest: no network, no processes, no clock. A generator
//! is a pure state machine that hands out invocations and is told what came of them, so the same seed and the same
//! observations give the same invocations, against real nodes as in a simulation.
//!
//! ```text
//!              next(process)                 perform
//! generator ------------------> invocation ----------> client ----> node
//!     ^                                                   |
//!     +------------------- observe(invocation, answer) ---+
//! ```
//!
//! | workload | object | operations | model |
//! |---|---|---|---|
//! | `register` | register | read, write, cas | compare-and-set register |
//! | `append` | list | append, read | append-only list |
//! | `set` | set | add, read | grow-only set |
//!
//! Invariants: a value is written by at most one invocation of a run, so that an answer names the write it saw; a key
//! serves a bounded number of operations, so that checking stays cheap however long the run is; every key a run touched
//! is among its final reads.

mod append;
mod key_space;
mod mix;
mod register;
mod set;

use rashomon_checker::Value;
use rashomon_checker::check::ModelKind;
use rashomon_checker::history::ProcessId;

/// What a client is to do next. The harness translates it into requests.
///
/// | f | key | value | a completed one answers |
/// |---|---|---|---|
/// | `read` | register key | nil | the value, nil if absent (register) / the list (append) / the elements (set) |
/// | `write` | register key | the value | the value |
/// | `cas` | register key | `[from, to]` | `[from, to]` |
/// | `append` | list key | the element | the element |
/// | `add` | set key | the element | the element |
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invocation {
    /// The function.
    pub f: &'static str,
    /// The object.
    pub key: String,
    /// The argument.
    pub value: Value,
}

impl Invocation {
    /// A read of one object; every workload has it.
    pub fn read(key: String) -> Self {
        Self { f: "read", key, value: Value::Nil }
    }

    /// Whether it leaves every object as it is.
    pub fn is_read(&self) -> bool {
        self.f == "read"
    }
}

/// How a client stores a workload's objects in the system under test.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// One key holds one value: read, write, compare-and-set by value.
    Register,
    /// One key holds a JSON array; append reads it and replaces it if it has not changed since.
    List,
    /// Each element is a key of its own under the set's prefix; a read is one range read.
    Set,
}

/// Source of invocations. Deterministic: the same seed and the same observations give the same invocations.
pub trait Generator: Send {
    /// The next operation for `process`.
    fn next(&mut self, process: ProcessId) -> Invocation;

    /// Tells the generator what a completed operation answered (`None`: failed or unknown), so that later
    /// compare-and-sets start from values that are likely current.
    fn observe(&mut self, invocation: &Invocation, answer: Option<&Value>);

    /// Reads to perform after all faults are healed: every object the run touched.
    fn final_reads(&self) -> Vec<Invocation>;
}

/// A named bundle of generator, model and final reads.
pub trait Workload: Sync {
    /// Its name on the command line.
    fn name(&self) -> &'static str;
    /// One line for `rashomon list workloads`.
    fn summary(&self) -> &'static str;
    /// What it can detect, in a sentence or two.
    fn detects(&self) -> &'static str;
    /// What it cannot detect.
    fn cannot_detect(&self) -> &'static str;
    /// What must hold.
    fn model(&self) -> ModelKind;
    /// How objects are stored.
    fn shape(&self) -> Shape;
    /// A fresh generator.
    fn generator(&self, seed: u64) -> Box<dyn Generator>;
}

/// All workloads, the default first.
pub fn all() -> &'static [&'static dyn Workload] {
    &[&register::Register, &append::Append, &set::Set]
}

/// The workload of that name.
pub fn by_name(name: &str) -> Option<&'static dyn Workload> {
    all().iter().copied().find(|workload| workload.name() == name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Performs `count` operations one after the other, with `answer` in the place of a store.
    pub(crate) fn drive(
        workload: &dyn Workload,
        seed: u64,
        count: usize,
        mut answer: impl FnMut(&Invocation) -> Option<Value>,
    ) -> Vec<(Invocation, Option<Value>)> {
        let mut generator = workload.generator(seed);
        (0..count)
            .map(|at| {
                let invocation = generator.next(ProcessId(at as u64 % 10));
                let answer = answer(&invocation);
                generator.observe(&invocation, answer.as_ref());
                (invocation, answer)
            })
            .collect()
    }

    /// The share of operations that are `f`.
    pub(crate) fn share(done: &[(Invocation, Option<Value>)], f: &str) -> f64 {
        done.iter().filter(|(invocation, _)| invocation.f == f).count() as f64 / done.len() as f64
    }

    #[test]
    fn the_same_seed_and_observations_give_the_same_invocations() {
        for workload in all() {
            let run = |seed| drive(*workload, seed, 2_000, |asked| Some(asked.value.clone()));
            assert_eq!(run(1), run(1), "{}", workload.name());
            assert_ne!(run(1), run(2), "{}", workload.name());
        }
    }

    #[test]
    fn final_reads_ask_for_every_object_once() {
        for workload in all() {
            let mut generator = workload.generator(3);
            let touched: BTreeSet<String> =
                (0..3_000).map(|_| generator.next(ProcessId(0)).key).collect();
            let reads = generator.final_reads();
            let asked: BTreeSet<String> = reads.iter().map(|read| read.key.clone()).collect();
            assert!(reads.iter().all(Invocation::is_read));
            assert_eq!(asked, touched, "{}", workload.name());
            assert_eq!(asked.len(), reads.len(), "{}", workload.name());
        }
    }

    #[test]
    fn names_are_unique_and_the_default_is_the_register() {
        let names: BTreeSet<&str> = all().iter().map(|workload| workload.name()).collect();
        assert_eq!(names.len(), all().len());
        assert_eq!(all()[0].name(), "register");
        assert!(by_name("append").is_some() && by_name("nothing").is_none());
    }
}
