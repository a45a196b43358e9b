//! What clients do and what must hold: seeded generators, models and final reads, one file a workload.
//!
//! This crate owns the *content* of a run. It refuses to own the rest: no network, no processes, no clock. Each client has
//! a generator of its own, a pure state machine that hands out invocations; what clients know of each other stands on
//! one board.
//!
//! ```text
//!                    next                       perform
//! generator of c0 ---------> invocation ----------------> client 0 ----> node
//!        |  ^                                                |
//!        v  |                                                |
//!       board  <---------- observe(invocation, answer) ------+
//!        ^  |
//!        |  v
//! generator of c1 ---------> ...
//! ```
//!
//! | workload | object | operations | model |
//! |---|---|---|---|
//! | `register` | register | read, write, cas | compare-and-set register |
//! | `append` | list | append, read | append-only list |
//! | `set` | set | add, read | grow-only set |
//!
//! Invariants:
//! - What a client does at a position of its stream (function, object, value) is a function of the seed, whatever the
//!   timing. Two things depend on what was seen: which positions a client leaves out because it fell behind the
//!   others, and what a compare-and-set expects.
//! - Clients are at about the same position at any time, and so work on the same objects.
//! - A value is written by at most one invocation of a run, so that an answer names the write it saw.
//! - A key serves a bounded number of operations, so that checking stays cheap however long the run is; every key a run
//!   touched is among its final reads.

mod append;
mod key_space;
mod mix;
mod register;
mod set;
mod stream;

use std::collections::BTreeMap;

use rashomon_checker::Value;
use rashomon_checker::check::ModelKind;

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

/// One client's place in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The seed of the workload, the same for all clients of a run.
    pub seed: u64,
    /// Which client, from 0.
    pub client: u64,
    /// How many there are.
    pub clients: u64,
    /// What it does more of than the workload's mix has.
    pub leaning: Leaning,
}

/// A client's liking for one kind of operation. One that waits for the answer to a write sees nothing, and one that waits
/// for a read loses nothing: for bugs of either kind somebody has to do only the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leaning {
    /// None: the workload's mix.
    Even,
    /// It mostly reads.
    Reads,
    /// It mostly writes.
    Writes,
}

/// What the clients of a run know of each other.
#[derive(Debug, Default)]
pub struct Board {
    /// The position of the client that is furthest.
    furthest: u64,
    /// Every object that was touched, with the latest value that a workload wants to know, else nil.
    objects: BTreeMap<String, Value>,
}

impl Board {
    /// Reads to perform after all faults are healed: every object the run touched.
    pub fn final_reads(&self) -> Vec<Invocation> {
        self.objects.keys().cloned().map(Invocation::read).collect()
    }

    fn touch(&mut self, key: &str) {
        if !self.objects.contains_key(key) {
            self.objects.insert(key.to_owned(), Value::Nil);
        }
    }

    fn saw(&mut self, key: &str, value: Value) {
        self.objects.insert(key.to_owned(), value);
    }

    /// The latest value seen in an object, if there was one.
    fn latest(&self, key: &str) -> Option<&Value> {
        self.objects.get(key).filter(|value| !value.is_nil())
    }
}

/// Source of one client's invocations. Deterministic: the same place and the same board give the same invocation.
pub trait Generator: Send {
    /// The client's next operation.
    fn next(&mut self, board: &mut Board) -> Invocation;

    /// Tells the board what a completed operation answered (`None`: failed or unknown), so that later compare-and-sets
    /// start from values that are likely current. A workload without them has nothing to learn.
    fn observe(&self, _board: &mut Board, _invocation: &Invocation, _answer: Option<&Value>) {}
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
    /// The generator of one client.
    fn generator(&self, place: Place) -> Box<dyn Generator>;
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

    const CLIENTS: u64 = 10;

    pub(crate) fn place(seed: u64, client: u64) -> Place {
        Place { seed, client, clients: CLIENTS, leaning: Leaning::Even }
    }

    /// Ten clients perform `count` operations one after the other, with `answer` in the place of a store.
    pub(crate) fn drive(
        workload: &dyn Workload,
        seed: u64,
        count: usize,
        mut answer: impl FnMut(&Invocation) -> Option<Value>,
    ) -> Vec<(Invocation, Option<Value>)> {
        let mut board = Board::default();
        let mut generators: Vec<_> =
            (0..CLIENTS).map(|client| workload.generator(place(seed, client))).collect();
        (0..count)
            .map(|at| {
                let generator = &mut generators[at % CLIENTS as usize];
                let invocation = generator.next(&mut board);
                let answer = answer(&invocation);
                generator.observe(&mut board, &invocation, answer.as_ref());
                (invocation, answer)
            })
            .collect()
    }

    /// The first `count` positions of one client, alone with its board.
    fn alone(workload: &dyn Workload, place: Place, count: usize) -> Vec<Invocation> {
        let (mut generator, mut board) = (workload.generator(place), Board::default());
        (0..count).map(|_| generator.next(&mut board)).collect()
    }

    /// The share of operations that are `f`.
    pub(crate) fn share(done: &[(Invocation, Option<Value>)], f: &str) -> f64 {
        done.iter().filter(|(invocation, _)| invocation.f == f).count() as f64 / done.len() as f64
    }

    #[test]
    fn the_same_seed_and_answers_give_the_same_invocations() {
        for workload in all() {
            let run = |seed| drive(*workload, seed, 2_000, |asked| Some(asked.value.clone()));
            assert_eq!(run(1), run(1), "{}", workload.name());
            assert_ne!(run(1), run(2), "{}", workload.name());
        }
    }

    #[test]
    fn a_clients_stream_is_a_function_of_the_seed_whatever_the_others_do() {
        for workload in all() {
            // What nobody has answered yet cannot be compared: every compare-and-set is a write here.
            let whole = alone(*workload, place(5, 3), 500);
            assert_ne!(whole, alone(*workload, place(6, 3), 500), "{}", workload.name());
            assert_ne!(whole, alone(*workload, place(5, 4), 500), "{}", workload.name());
            // Odd and not 5: each is a permutation of ten clients.
            for order in [1, 3, 7] {
                let mut board = Board::default();
                let mut generators: Vec<_> =
                    (0..CLIENTS).map(|client| workload.generator(place(5, client))).collect();
                let mut stream = Vec::new();
                for round in 0..500_u64 {
                    for turn in 0..CLIENTS {
                        let client = (turn * order + round) % CLIENTS;
                        let invocation = generators[client as usize].next(&mut board);
                        if client == 3 {
                            stream.push(invocation);
                        }
                    }
                }
                assert!(is_subsequence(&stream, &whole), "{} order {order}", workload.name());
                assert!(stream.len() >= 490, "nobody fell behind: {}", stream.len());
            }
        }
    }

    /// Whether `part` is `whole` with some left out, as far as `whole` goes.
    fn is_subsequence(part: &[Invocation], whole: &[Invocation]) -> bool {
        let mut whole = whole.iter();
        let mut left = part.iter().filter(|one| !whole.any(|other| other == *one));
        left.next().is_none()
    }

    #[test]
    fn a_client_that_was_held_up_goes_on_where_the_others_are() {
        for workload in all() {
            let mut board = Board::default();
            let [mut quick, mut slow] = [0, 1].map(|client| workload.generator(place(7, client)));
            slow.next(&mut board);
            let recent: Vec<String> = (0..2_000).map(|_| quick.next(&mut board).key).collect();
            let recent: BTreeSet<&String> = recent[1_900..].iter().collect();
            for _ in 0..3 {
                let next = slow.next(&mut board);
                assert!(recent.contains(&next.key), "{}: {next:?}", workload.name());
            }
        }
    }

    #[test]
    fn a_client_mostly_does_what_it_leans_to_and_the_rest_is_as_it_was() {
        for workload in all() {
            let usual = alone(*workload, place(8, 2), 1_000);
            for leaning in [Leaning::Reads, Leaning::Writes] {
                let leans = alone(*workload, Place { leaning, ..place(8, 2) }, 1_000);
                let liked = |one: &Invocation| one.is_read() == (leaning == Leaning::Reads);
                let count = leans.iter().filter(|one| liked(one)).count();
                assert!(count > 880, "{} {leaning:?}: {count} of 1000", workload.name());
                for (usual, one) in usual.iter().zip(&leans) {
                    assert_eq!(usual.key, one.key);
                    assert!(one == usual || liked(one));
                }
            }
        }
    }

    #[test]
    fn final_reads_ask_for_every_object_once() {
        for workload in all() {
            let (mut generator, mut board) = (workload.generator(place(3, 0)), Board::default());
            let touched: BTreeSet<String> =
                (0..3_000).map(|_| generator.next(&mut board).key).collect();
            let reads = board.final_reads();
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
