//! Being told to stop, at every look there is.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{PropertyKind, PropertyOptions, PropertyReport, check};
use crate::Value;
use crate::check::Validity;
use crate::decide::brute::Random;
use crate::history::{Event, EventKind, History, ProcessId};

/// Histories of each property.
const ROUNDS: u64 = 1_000;

fn int(number: u64) -> Value {
    Value::Int(number.cast_signed())
}

fn list(items: impl IntoIterator<Item = Value>) -> Value {
    items.into_iter().collect::<Vec<_>>().into()
}

/// What one object holds, more or less: it now and then lies.
#[derive(Default)]
struct Store {
    next: u64,
    held: Vec<u64>,
    /// What was polled.
    passed: usize,
}

/// A function, what it is asked, and what it answers.
type Act = (&'static str, Value, Value);

impl Store {
    fn act(&mut self, kind: PropertyKind, random: &mut Random) -> Act {
        self.next += 1;
        let lies = random.below(8) == 0;
        if random.below(3) > 0 { self.ask(kind, lies, random) } else { self.change(kind, lies) }
    }

    fn ask(&mut self, kind: PropertyKind, lies: bool, random: &mut Random) -> Act {
        let last = self.held.last().copied();
        let kept = self.held.len() - usize::from(lies && last.is_some());
        match kind {
            PropertyKind::Bank => {
                let balances = [(0, 5), (1, 5 + u64::from(lies))];
                let pair = |(account, balance)| list([int(account), int(balance)]);
                ("read", Value::Nil, list(balances.map(pair)))
            }
            PropertyKind::LongFork => {
                let written = self.held.len() as u64;
                let read = |key, value| list(["r".into(), int(key), value]);
                let seen = |key: u64| {
                    let blind = random.below(3) == 0 || key > written;
                    read(key, if blind { Value::Nil } else { int(1) })
                };
                let keys = 1..=written + 1;
                ("read", list(keys.clone().map(|key| read(key, Value::Nil))), list(keys.map(seen)))
            }
            PropertyKind::Monotonic | PropertyKind::Counter => {
                ("read", Value::Nil, int(u64::from(!lies) * self.held.len() as u64))
            }
            PropertyKind::Session => {
                let old = random.below(2) == 0;
                let seen = if old { self.held.first().copied() } else { last };
                ("read", Value::Nil, seen.map_or(Value::Nil, int))
            }
            PropertyKind::SetFull => {
                self.held.truncate(kept);
                ("read", Value::Nil, list(self.held.iter().copied().map(int)))
            }
            PropertyKind::TotalQueue => {
                self.held.truncate(kept);
                ("drain", Value::Nil, list(self.held.drain(..).map(int)))
            }
            PropertyKind::Log => {
                let from = std::mem::replace(&mut self.passed, self.held.len());
                let skipped = usize::from(random.below(4) == 0);
                let seen = (0..).zip(&self.held).skip(from + skipped);
                let seen = seen.map(|(offset, value)| list([int(offset), int(*value)]));
                let polled = list(["poll".into(), list([list(["k".into(), list(seen)])])]);
                ("poll", list([list(["poll".into()])]), list([polled]))
            }
            PropertyKind::UniqueIds => self.change(kind, lies),
        }
    }

    fn change(&mut self, kind: PropertyKind, lies: bool) -> Act {
        let (new, before) = (self.next, self.held.len() as u64);
        self.held.push(new);
        match kind {
            PropertyKind::Bank => ("transfer", list([int(0), int(1), int(2)]), Value::Nil),
            PropertyKind::LongFork => {
                let write = list([list(["w".into(), int(before + 1), int(1)])]);
                ("write", write.clone(), write)
            }
            PropertyKind::Monotonic => ("inc", Value::Nil, int(before + 1)),
            PropertyKind::Counter => ("add", int(1), int(1)),
            PropertyKind::Session => ("write", int(new), int(new)),
            PropertyKind::SetFull => ("add", int(new), int(new)),
            PropertyKind::TotalQueue => ("enqueue", int(new), int(new)),
            PropertyKind::UniqueIds => ("generate", Value::Nil, int(new - u64::from(lies))),
            PropertyKind::Log => {
                let send = |value| list([list(["send".into(), "k".into(), value])]);
                ("send", send(int(new)), send(list([int(before), int(new)])))
            }
        }
    }
}

/// Operations one after the other on three objects.
fn history(kind: PropertyKind, random: &mut Random) -> History {
    let mut stores: BTreeMap<u64, Store> = BTreeMap::new();
    let mut events = Vec::new();
    for number in 0..4 + random.below(16) {
        let object = random.below(3);
        let (f, input, answer) = stores.entry(object).or_default().act(kind, random);
        let crashed = random.below(30) == 0;
        let (process, end) = match crashed {
            true => (100 + number, (EventKind::Info, input.clone())),
            false if f == "poll" => (0, (EventKind::Ok, answer)),
            false => (random.below(2), (EventKind::Ok, answer)),
        };
        for (kind, value) in [(EventKind::Invoke, input), end] {
            let (f, key) = (f.to_owned(), Some(format!("k{object}")));
            let (process, index) = (ProcessId(process), events.len() as u64);
            let (time, node, error) = (None, None, None);
            events.push(Event { index, time, process, kind, f, key, value, node, error });
        }
    }
    History::from_events(&events).unwrap()
}

fn judge(
    kind: PropertyKind,
    history: &History,
    should_stop: &(dyn Fn() -> bool + Sync),
) -> PropertyReport {
    check(kind, history, &PropertyOptions { should_stop, ..PropertyOptions::default() }).unwrap()
}

/// What was found by then is part of the whole truth, and decides if it is a violation; nothing else is decided.
fn compare(whole: &PropertyReport, part: &PropertyReport) {
    for (rule, times) in &part.found {
        assert!(whole.found.get(rule).is_some_and(|all| times <= all), "{part:#?} of {whole:#?}");
    }
    if part.found.is_empty() || part.validity != Validity::Invalid {
        assert_eq!(part.validity, Validity::Unknown);
        let reason = part.reason.as_deref().unwrap();
        assert!(reason.starts_with("the check was told to stop"), "{reason}");
    } else {
        assert_eq!(whole.validity, Validity::Invalid);
    }
}

#[test]
fn whoever_is_told_to_stop_decides_nothing_that_is_not_certain() {
    let shares = PropertyKind::ALL.map(|kind| {
        let mut random = Random(7);
        let (mut verdicts, mut kept) = ([0_u64; 3], 0);
        for _ in 0..ROUNDS {
            let history = history(kind, &mut random);
            let asked = AtomicU64::new(0);
            let whole = judge(kind, &history, &|| {
                asked.fetch_add(1, Ordering::Relaxed);
                false
            });
            verdicts[whole.validity as usize] += 1;
            let all = asked.into_inner();
            for patience in 0..all {
                let asked = AtomicU64::new(0);
                let should_stop = || asked.fetch_add(1, Ordering::Relaxed) >= patience;
                let part = judge(kind, &history, &should_stop);
                compare(&whole, &part);
                kept += u64::from(part.validity == Validity::Invalid);
                assert_eq!(asked.load(Ordering::Relaxed), patience + 1, "once told, it stops");
            }
            assert_eq!(judge(kind, &history, &|| false), whole);
        }
        (kind, verdicts, kept)
    });
    let told = |(_, [valid, invalid, _], kept): &(PropertyKind, [u64; 3], u64)| {
        8 * valid > ROUNDS && 8 * invalid > ROUNDS && *kept > ROUNDS
    };
    assert!(shares.iter().all(told), "by kind: valid, invalid, unknown, found by then: {shares:?}");
}

#[test]
fn it_says_how_far_it_came_and_who_stopped_it() {
    let history = history(PropertyKind::Counter, &mut Random(3));
    let mut reasons: Vec<String> = Vec::new();
    for patience in 0.. {
        let asked = AtomicU64::new(0);
        let should_stop = || asked.fetch_add(1, Ordering::Relaxed) >= patience;
        let mut report = judge(PropertyKind::Counter, &history, &should_stop);
        if report.validity != Validity::Unknown {
            break;
        }
        report.name_the_stop("stopped by somebody");
        reasons.extend(report.reason);
    }
    reasons.dedup();
    assert_eq!(
        reasons,
        [
            "stopped by somebody before anything was judged",
            "stopped by somebody: 3 of 3 objects undecided",
            "stopped by somebody: 2 of 3 objects undecided",
            "stopped by somebody: 1 of 3 objects undecided",
        ]
    );
}
