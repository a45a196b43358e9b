//! Checks that ask for an order, against all orders there are; bounds, against every moment there is.

use std::collections::BTreeMap;

use rashomon_checker::Value;
use rashomon_checker::check::Validity;
use rashomon_checker::history::{Event, EventKind, History, ProcessId};
use rashomon_checker::properties::{self, PropertyKind, PropertyOptions, PropertyReport};

/// Histories of each kind.
const RUNS: u64 = 40_000;

/// `SplitMix64`.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

fn int(number: usize) -> Value {
    Value::Int(number.cast_signed() as i64)
}

fn event(process: u64, kind: EventKind, f: &str, value: Value) -> Event {
    Event {
        index: 0,
        time: None,
        process: ProcessId(process),
        kind,
        f: f.to_owned(),
        key: None,
        value,
        node: None,
        error: None,
    }
}

fn judge(kind: PropertyKind, events: &[Event]) -> PropertyReport {
    let history = History::from_events(events).expect("a history");
    properties::check(kind, &history, &PropertyOptions::default()).expect("a fit")
}

/// All orders of the numbers from 0.
fn orders(count: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for number in 0..count {
        all = all
            .iter()
            .flat_map(|order| {
                (0..=order.len()).map(|at| {
                    let mut order = order.clone();
                    order.insert(at, number);
                    order
                })
            })
            .collect();
    }
    all
}

/// Compares many verdicts; each must be given in a good share of the histories.
fn compare(kind: PropertyKind, runs: u64, mut make: impl FnMut(&mut Random) -> (Vec<Event>, bool)) {
    let mut valid = 0;
    for seed in 0..runs {
        let (events, expected) = make(&mut Random(seed));
        let report = judge(kind, &events);
        assert_ne!(report.validity, Validity::Unknown, "seed {seed}: {report:#?}");
        assert_eq!(
            report.validity == Validity::Valid,
            expected,
            "seed {seed}: {events:#?} {report:#?}"
        );
        valid += u64::from(expected);
    }
    assert!((runs / 5..runs * 4 / 5).contains(&valid), "{valid} of {runs} valid");
}

#[test]
fn sessions_against_all_orders_of_the_values() {
    let mut by_count: BTreeMap<usize, Vec<Vec<usize>>> = BTreeMap::new();
    compare(PropertyKind::Session, RUNS, |random| {
        // All writes are invoked first, so that any of them can be read; the last may crash.
        let writers = 1 + random.below(4);
        let mut events: Vec<Event> = Vec::new();
        let mut touched: BTreeMap<u64, Vec<usize>> = BTreeMap::new();
        let mut happened = vec![false];
        for process in 0..writers {
            let value = Value::Int(process.cast_signed() + 1);
            events.push(event(process, EventKind::Invoke, "write", value));
        }
        for process in 0..writers {
            let crashed = random.below(5) == 0;
            events.push(event(
                process,
                if crashed { EventKind::Info } else { EventKind::Ok },
                "write",
                Value::Nil,
            ));
            touched.entry(process).or_default().push(process as usize + 1);
            happened.push(!crashed);
        }
        for _ in 0..=random.below(6) {
            let process = match random.below(writers + 2) {
                crashed if happened.get(crashed as usize + 1) == Some(&false) => 100,
                process => process,
            };
            let fresh = happened.len();
            if random.below(3) == 0 && fresh <= 5 {
                events.push(event(process, EventKind::Invoke, "write", int(fresh)));
                events.push(event(process, EventKind::Ok, "write", Value::Nil));
                touched.entry(process).or_default().push(fresh);
                happened.push(true);
            } else {
                let seen = random.below(fresh as u64) as usize;
                let value = if seen == 0 { Value::Nil } else { int(seen) };
                events.push(event(process, EventKind::Invoke, "read", Value::Nil));
                events.push(event(process, EventKind::Ok, "read", value));
                touched.entry(process).or_default().push(seen);
            }
        }
        events.push(event(200, EventKind::Invoke, "read", Value::Nil));
        events.push(event(200, EventKind::Ok, "read", Value::Nil));
        // A crashed write that nobody saw may as well be last: orders of all the values are enough.
        let values = happened.len() - 1;
        let orders = by_count.entry(values).or_insert_with(|| orders(values));
        let fits = |order: &Vec<usize>| {
            let place = |value: usize| {
                order.iter().position(|other| other + 1 == value).map_or(0, |at| at + 1)
            };
            touched.values().all(|session| session.is_sorted_by_key(|value| place(*value)))
        };
        let expected = orders.iter().any(fits);
        (events, expected)
    });
}

#[test]
fn forks_against_all_orders_of_the_writes() {
    let orders = orders(4);
    compare(PropertyKind::LongFork, RUNS, |random| {
        let mut events: Vec<Event> = Vec::new();
        for key in 0..4 {
            let write = Value::List(vec![Value::from("w"), Value::Int(key), Value::Int(1)]);
            events.push(event(key as u64, EventKind::Invoke, "txn", Value::List(vec![write])));
        }
        let mut reads: Vec<(u64, u64)> = Vec::new();
        for process in 10..13 + random.below(4) {
            let (asked, seen) = (1 + random.below(15), random.below(16));
            let micro = |known: bool| {
                let one = |key: u64| {
                    let value =
                        if known && seen >> key & 1 == 1 { Value::Int(1) } else { Value::Nil };
                    Value::List(vec![Value::from("r"), Value::Int(key.cast_signed()), value])
                };
                Value::List((0..4).filter(|key| asked >> key & 1 == 1).map(one).collect())
            };
            events.push(event(process, EventKind::Invoke, "txn", micro(false)));
            events.push(event(process, EventKind::Ok, "txn", micro(true)));
            reads.push((asked & seen, asked & !seen));
        }
        let fits = |order: &Vec<usize>| {
            reads.iter().all(|(seen, unseen)| {
                // Once a write was not seen, no later one is.
                let mut missed = false;
                order.iter().all(|key| {
                    missed |= unseen >> key & 1 == 1;
                    !(missed && seen >> key & 1 == 1)
                })
            })
        };
        let expected = orders.iter().any(fits);
        (events, expected)
    });
}

#[test]
fn counters_against_every_moment() {
    compare(PropertyKind::Counter, RUNS, |random| {
        let mut events: Vec<Event> = Vec::new();
        // By process: what is open, with the least and the most it may have been since.
        let mut open: Vec<Option<(i64, i64, i64)>> = vec![None; 4];
        let mut reads: BTreeMap<usize, (i64, i64)> = BTreeMap::new();
        let (mut low, mut high, mut expected) = (0_i64, 0_i64, true);
        for _ in 0..4 + random.below(16) {
            let process = random.below(4) as usize;
            match (open[process], reads.get(&process)) {
                (None, None) if random.below(2) == 0 => {
                    let by = random.below(7).cast_signed() - 3;
                    events.push(event(process as u64, EventKind::Invoke, "add", Value::Int(by)));
                    open[process] = Some((by, 0, 0));
                    (low, high) = (low + by.min(0), high + by.max(0));
                }
                (None, None) => {
                    events.push(event(process as u64, EventKind::Invoke, "read", Value::Nil));
                    reads.insert(process, (low, high));
                }
                (Some((by, ..)), _) => {
                    events.push(event(process as u64, EventKind::Ok, "add", Value::Nil));
                    open[process] = None;
                    (low, high) = (low + by.max(0), high + by.min(0));
                }
                (None, Some((least, most))) => {
                    // Mostly within, now and then just outside.
                    let value = match random.below(12) {
                        0 => least - 1,
                        1 => most + 1,
                        _ => least + random.below((most - least + 1).cast_unsigned()).cast_signed(),
                    };
                    expected &= (*least..=*most).contains(&value);
                    events.push(event(process as u64, EventKind::Ok, "read", Value::Int(value)));
                    reads.remove(&process);
                }
            }
            for (least, most) in reads.values_mut() {
                (*least, *most) = (low.min(*least), high.max(*most));
            }
        }
        let (at, value) = (100, Value::Int(low));
        events.push(event(at, EventKind::Invoke, "read", Value::Nil));
        events.push(event(at, EventKind::Ok, "read", value));
        (events, expected)
    });
}
