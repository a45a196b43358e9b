//! Checking an in-memory structure of one's own: a striped map, used by several threads.
//!
//! The right one holds its stripe's lock while it adds; the wrong one lets go of it between reading and writing. A schedule
//! makes the second go wrong in every run: no sleeps, no luck.
#![expect(clippy::print_stdout, reason = "an example shows something")]

use std::collections::BTreeMap;
use std::sync::{Barrier, Mutex, MutexGuard, PoisonError};

use rashomon_checker::custom::{Log, Model, ModelOptions, Outcome, Recorder, check_model};

/// Counts by name, in stripes, so that threads that use different names seldom wait for each other.
#[derive(Debug, Default)]
pub(crate) struct StripedMap {
    stripes: [Mutex<BTreeMap<u64, u64>>; 4],
}

impl StripedMap {
    fn stripe(&self, key: u64) -> MutexGuard<'_, BTreeMap<u64, u64>> {
        let stripe = &self.stripes[(key % 4) as usize];
        stripe.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The count of `key`.
    pub(crate) fn get(&self, key: u64) -> u64 {
        self.stripe(key).get(&key).copied().unwrap_or(0)
    }

    /// Adds to a count, and answers the new one.
    pub(crate) fn add(&self, key: u64, more: u64) -> u64 {
        let mut stripe = self.stripe(key);
        let count = stripe.entry(key).or_default();
        *count += more;
        *count
    }

    /// The same, wrongly: between reading and writing others can come. `pause` is where the schedule steps in.
    pub(crate) fn racy_add(&self, key: u64, more: u64, pause: impl FnOnce()) -> u64 {
        let count = self.get(key) + more;
        pause();
        self.stripe(key).insert(key, count);
        count
    }
}

/// What is done to the map.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum MapOp {
    /// The count of a key.
    Get(u64),
    /// More to the count of a key.
    Add(u64, u64),
}

/// What the map promises: each key is a count of its own.
#[derive(Debug)]
pub(crate) struct Counts;

impl Model for Counts {
    type State = u64;
    type Input = MapOp;
    type Output = u64;

    fn init(&self) -> u64 {
        0
    }

    fn step(&self, state: &u64, input: &MapOp, out: Option<&u64>) -> impl IntoIterator<Item = u64> {
        let next = match input {
            MapOp::Get(_) => *state,
            MapOp::Add(_, more) => state + more,
        };
        out.is_none_or(|out| *out == next).then_some(next)
    }

    fn object(&self, input: &MapOp) -> String {
        let (MapOp::Get(key) | MapOp::Add(key, _)) = input;
        format!("key {key}")
    }

    fn is_observer(&self, input: &MapOp) -> bool {
        matches!(input, MapOp::Get(_))
    }
}

/// Four threads use the right map.
pub(crate) fn right() -> Log<MapOp, u64> {
    let (map, recorder) = (StripedMap::default(), Recorder::new());
    std::thread::scope(|scope| {
        for process in 0..4 {
            let (map, recorder) = (&map, &recorder);
            scope.spawn(move || {
                for round in 0..100 {
                    let key = (process + round) % 3;
                    recorder.run(process, MapOp::Add(key, 1), |_| map.add(key, 1));
                    recorder.run(process, MapOp::Get(key), |_| map.get(key));
                }
            });
        }
    });
    recorder.into_log()
}

/// Two threads use the wrong one: the second adds while the first is between reading and writing.
pub(crate) fn wrong() -> Log<MapOp, u64> {
    let (map, recorder) = (StripedMap::default(), Recorder::new());
    let (was_read, may_write) = (Barrier::new(2), Barrier::new(2));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            let pause = || {
                was_read.wait();
                may_write.wait();
            };
            recorder.run(1, MapOp::Add(7, 1), |_| map.racy_add(7, 1, pause));
        });
        was_read.wait();
        recorder.run(2, MapOp::Add(7, 1), |_| map.racy_add(7, 1, || ()));
        may_write.wait();
    });
    recorder.run(2, MapOp::Get(7), |_| map.get(7));
    recorder.into_log()
}

/// The verdict on a log of the map.
pub(crate) fn judge(log: &Log<MapOp, u64>) -> Outcome<u64> {
    check_model(&Counts, log, &ModelOptions::default())
}

fn main() {
    for log in [right(), wrong()] {
        println!("{}", judge(&log).explain(&log));
    }
}
