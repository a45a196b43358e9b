//! Random histories of simulated stores: a correct one is never blamed, however many clients crash, and a planted fault
//! always is.

#[path = "support/simulate.rs"]
mod simulate;

use std::collections::{BTreeMap, BTreeSet};

use rashomon_checker::Value;
use rashomon_checker::history::{Event, EventKind, ProcessId};
use rashomon_checker::properties::{PropertyKind, PropertyOptions, Rule};

use simulate::{
    Invocation, LAST, Random, Store, call, done, guilty, innocent, int, items, list, plain, without,
};

struct Bank(Vec<usize>);

impl Store for Bank {
    fn invoke(&mut self, random: &mut Random, _: u64) -> Invocation {
        if random.chance(50) {
            return ("read", Value::Nil);
        }
        let (from, to) = (random.below(self.0.len()), random.below(self.0.len()));
        ("transfer", list([int(from), int(to), int(random.below(30))]))
    }

    fn act(&mut self, _: &mut Random, _: u64, (f, input): &Invocation) -> Option<Value> {
        if *f == "read" {
            let pair = |(account, balance): (usize, &usize)| list([int(account), int(*balance)]);
            return Some(Value::List(self.0.iter().enumerate().map(pair).collect()));
        }
        let [from, to, amount] =
            [0, 1, 2].map(|at| items(input)[at].as_int().expect("a number") as usize);
        self.0[from] = self.0[from].checked_sub(amount)?;
        self.0[to] += amount;
        Some(Value::Nil)
    }

    fn last(&self) -> Vec<Invocation> {
        vec![("read", Value::Nil)]
    }
}

/// Adds to a balance of a read.
fn add_to(events: &mut [Event], at: usize, account: usize, more: i64) {
    let mut balances = items(&events[at].value);
    let balance = items(&balances[account])[1].as_int().expect("a number");
    balances[account] = list([int(account), Value::Int(balance + more)]);
    events[at].value = Value::List(balances);
}

#[test]
fn banks() {
    let kind = PropertyKind::Bank;
    let total = PropertyOptions { total: Some(100), ..plain() };
    let start = (0..4).map(|account| (account.to_string(), 25)).collect();
    let known = PropertyOptions { balances: Some(start), negative_balances: true, ..plain() };
    let make = |_: &mut Random| Bank(vec![25; 4]);
    innocent(kind, &plain(), make, 100);
    innocent(kind, &known, make, 100);
    let histories = innocent(kind, &total, make, 100);
    guilty(kind, &total, &histories, &[Rule::WrongTotal], |events, random| {
        let read = random.pick(&done(events, "read"))?;
        add_to(events, read, random.below(4), 1);
        Some(())
    });
    guilty(kind, &total, &histories, &[Rule::NegativeBalance], |events, random| {
        let read = random.pick(&done(events, "read"))?;
        add_to(events, read, 0, -101);
        add_to(events, read, 1, 101);
        Some(())
    });
    guilty(kind, &known, &histories, &[Rule::OutOfBounds], |events, random| {
        let read = random.pick(&done(events, "read"))?;
        add_to(events, read, 0, -10_000);
        add_to(events, read, 1, 10_000);
        Some(())
    });
    // The last read misses a transfer altogether: without others under way, that is out of bounds.
    guilty(kind, &known, &histories, &[Rule::OutOfBounds], |events, _| {
        let crashed = events.iter().any(|event| event.kind == EventKind::Info);
        let read = *done(events, "read").last()?;
        add_to(events, read, 0, -1);
        add_to(events, read, 1, 1);
        (!crashed).then_some(()).or_else(|| {
            add_to(events, read, 0, -10_000);
            add_to(events, read, 1, 10_000);
            Some(())
        })
    });
}

#[derive(Default)]
struct Keys {
    fresh: usize,
    written: BTreeSet<usize>,
}

impl Store for Keys {
    fn invoke(&mut self, random: &mut Random, _: u64) -> Invocation {
        if self.fresh < 3 || random.chance(30) {
            self.fresh += 1;
            return ("write", list([list([Value::from("w"), int(self.fresh), int(1)])]));
        }
        let read =
            |_| list([Value::from("r"), int(1 + self.fresh - 1 - random.below(3)), Value::Nil]);
        ("read", Value::List((0..3).map(read).collect()))
    }

    fn act(&mut self, random: &mut Random, _: u64, (f, input): &Invocation) -> Option<Value> {
        let key_of = |item: &Value| items(item)[1].as_int().expect("a number") as usize;
        if *f == "write" {
            if random.chance(10) {
                return None;
            }
            self.written.insert(key_of(&items(input)[0]));
            return Some(input.clone());
        }
        let see = |item: &Value| {
            let key = key_of(item);
            let seen = if self.written.contains(&key) { int(1) } else { Value::Nil };
            list([Value::from("r"), int(key), seen])
        };
        Some(Value::List(items(input).iter().map(see).collect()))
    }

    fn last(&self) -> Vec<Invocation> {
        vec![("read", Value::List(Vec::new()))]
    }
}

#[test]
fn forks() {
    let kind = PropertyKind::LongFork;
    let histories = innocent(kind, &plain(), |_| Keys::default(), 100);
    guilty(kind, &plain(), &histories, &[Rule::LongFork], |events, random| {
        let written: Vec<Value> = done(events, "write")
            .iter()
            .map(|at| items(&items(&events[*at].value)[0])[1].clone())
            .collect();
        let one = random.pick(&written)?;
        let other = random.pick(&written).filter(|other| *other != one)?;
        let read = |seen: &Value, unseen: &Value| {
            let seen = list([Value::from("r"), seen.clone(), int(1)]);
            list([seen, list([Value::from("r"), unseen.clone(), Value::Nil])])
        };
        // In the place of two reads after both writes, or with two more.
        for (process, value) in [(5001, read(&one, &other)), (5002, read(&other, &one))] {
            for kind in [EventKind::Invoke, EventKind::Ok] {
                let mut event = events[0].clone();
                (event.process, event.kind, event.f) =
                    (ProcessId(process), kind, "read".to_owned());
                event.value = value.clone();
                events.push(event);
            }
        }
        Some(())
    });
}

/// A number that grows: increments, reads.
#[derive(Default)]
struct Growing(usize);

impl Store for Growing {
    fn invoke(&mut self, random: &mut Random, _: u64) -> Invocation {
        (if random.chance(40) { "inc" } else { "read" }, Value::Nil)
    }

    fn act(&mut self, random: &mut Random, _: u64, (f, _): &Invocation) -> Option<Value> {
        if *f == "inc" {
            self.0 += 1 + random.below(3);
        }
        Some(int(self.0))
    }

    fn last(&self) -> Vec<Invocation> {
        vec![("read", Value::Nil)]
    }
}

#[test]
fn growing_values() {
    let kind = PropertyKind::Monotonic;
    let histories = innocent(kind, &plain(), |_| Growing::default(), 100);
    guilty(kind, &plain(), &histories, &[Rule::Decreased], |events, random| {
        let read = random.pick(&done(events, "read"))?;
        let begun = call(events, read);
        let complete = events[..begun].iter().filter(|event| event.kind == EventKind::Ok);
        let most = complete.filter_map(|event| event.value.as_int()).max()?;
        events[read].value = Value::Int(most - 1);
        Some(())
    });
    guilty(kind, &plain(), &histories, &[Rule::Repeated], |events, random| {
        let done = done(events, "inc");
        let (one, other) = (random.pick(&done)?, random.pick(&done)?);
        events[one].value = events[other].value.clone();
        (one != other).then_some(())
    });
}

/// A register that keeps the four guarantees, and nothing more: each session sees a prefix of the writes that grows.
#[derive(Default)]
struct Sessions {
    values: Vec<Value>,
    seen: BTreeMap<u64, usize>,
    fresh: usize,
}

impl Store for Sessions {
    fn invoke(&mut self, random: &mut Random, _: u64) -> Invocation {
        if random.chance(40) {
            self.fresh += 1;
            return ("write", int(self.fresh));
        }
        ("read", Value::Nil)
    }

    fn act(&mut self, random: &mut Random, process: u64, (f, input): &Invocation) -> Option<Value> {
        let seen = self.seen.entry(process).or_insert(0);
        if *f == "write" {
            if random.chance(10) {
                return None;
            }
            self.values.push(input.clone());
            *seen = self.values.len();
            return Some(Value::Nil);
        }
        *seen += random.below(self.values.len() - *seen + 1);
        Some(seen.checked_sub(1).map_or(Value::Nil, |at| self.values[at].clone()))
    }

    fn last(&self) -> Vec<Invocation> {
        vec![("read", Value::Nil)]
    }
}

const SESSION_RULES: [Rule; 4] =
    [Rule::ReadYourWrites, Rule::MonotonicReads, Rule::MonotonicWrites, Rule::WritesFollowReads];

#[test]
fn sessions() {
    let kind = PropertyKind::Session;
    let histories = innocent(kind, &plain(), |_| Sessions::default(), 95);
    guilty(kind, &plain(), &histories, &SESSION_RULES[..2], |events, random| {
        // A read of nothing after a write, or a read of something, of the same process.
        let read = random.pick(&done(events, "read"))?;
        let process = events[read].process;
        let before = events[..read].iter().filter(|event| event.process == process);
        before
            .filter(|event| event.kind == EventKind::Ok)
            .find(|event| event.f == "write" || !event.value.is_nil())?;
        events[read].value = Value::Nil;
        Some(())
    });
    guilty(kind, &plain(), &histories, &SESSION_RULES, |events, random| {
        // One who sees two operations of another the wrong way round.
        let process = events[random.pick(&done(events, "write"))?].process;
        let mut values = Vec::new();
        for at in 0..events.len() {
            if events[at].process == process && events[at].kind == EventKind::Ok {
                let from = if events[at].f == "write" { call(events, at) } else { at };
                values.push(events[from].value.clone());
            }
        }
        values.retain(|value| !value.is_nil());
        let (one, other) = (values.first()?.clone(), values.last()?.clone());
        if one == other {
            return None;
        }
        for (value, kind) in [
            (Value::Nil, EventKind::Invoke),
            (other, EventKind::Ok),
            (Value::Nil, EventKind::Invoke),
            (one, EventKind::Ok),
        ] {
            let mut event = events[0].clone();
            (event.process, event.kind, event.f) = (ProcessId(5001), kind, "read".to_owned());
            event.value = value;
            events.push(event);
        }
        Some(())
    });
}

/// A set whose reads lag behind by up to so many adds; the last reads do not.
struct Elements {
    added: Vec<Value>,
    lag: usize,
    fresh: usize,
}

impl Store for Elements {
    fn invoke(&mut self, random: &mut Random, _: u64) -> Invocation {
        if random.chance(50) {
            self.fresh += 1;
            return ("add", int(self.fresh));
        }
        ("read", Value::Nil)
    }

    fn act(&mut self, random: &mut Random, process: u64, (f, input): &Invocation) -> Option<Value> {
        if *f == "add" {
            if random.chance(10) {
                return None;
            }
            self.added.push(input.clone());
            return Some(Value::Nil);
        }
        let lag = if process > LAST { 0 } else { random.below(self.lag + 1) };
        let seen = self.added.len().saturating_sub(lag);
        Some(Value::List(self.added[..seen].to_vec()))
    }

    fn last(&self) -> Vec<Invocation> {
        vec![("read", Value::Nil); 2]
    }
}

#[test]
fn sets() {
    let kind = PropertyKind::SetFull;
    let strict = PropertyOptions { linearizable: true, ..plain() };
    let make = |lag| move |_: &mut Random| Elements { added: Vec::new(), lag, fresh: 0 };
    innocent(kind, &plain(), make(4), 90);
    let histories = innocent(kind, &strict, make(0), 90);
    guilty(kind, &plain(), &histories, &[Rule::Lost], |events, random| {
        let add = random.pick(&done(events, "add"))?;
        let gone = events[call(events, add)].value.clone();
        for read in done(events, "read") {
            events[read].value = without(&events[read].value, &gone);
        }
        Some(())
    });
    guilty(kind, &strict, &histories, &[Rule::Stale], |events, random| {
        let reads = done(events, "read");
        let read = random.pick(&reads[..reads.len() - 1])?;
        let (begun, again) = (call(events, read), call(events, *reads.last()?));
        let add = random.pick(&done(&events[..begun], "add")).filter(|_| begun < again)?;
        let gone = events[call(events, add)].value.clone();
        events[read].value = without(&events[read].value, &gone);
        Some(())
    });
    for rule in [Rule::Duplicated, Rule::FromNowhere] {
        guilty(kind, &plain(), &histories, &[rule], |events, random| {
            let read = random.pick(&done(events, "read"))?;
            let mut elements = items(&events[read].value);
            let element = random.pick(&elements)?;
            elements.push(if rule == Rule::Duplicated { element } else { int(1_000_000) });
            events[read].value = Value::List(elements);
            Some(())
        });
    }
}

/// Ids, handed out in order.
#[derive(Default)]
struct Ids(usize);

impl Store for Ids {
    fn invoke(&mut self, _: &mut Random, _: u64) -> Invocation {
        ("generate", Value::Nil)
    }

    fn act(&mut self, random: &mut Random, _: u64, _: &Invocation) -> Option<Value> {
        self.0 += 1;
        random.chance(90).then(|| int(self.0))
    }

    fn last(&self) -> Vec<Invocation> {
        Vec::new()
    }
}

#[test]
fn ids() {
    let kind = PropertyKind::UniqueIds;
    let histories = innocent(kind, &plain(), |_| Ids::default(), 95);
    guilty(kind, &plain(), &histories, &[Rule::Duplicated], |events, random| {
        let done = done(events, "generate");
        let (one, other) = (random.pick(&done)?, random.pick(&done)?);
        events[one].value = events[other].value.clone();
        (one != other).then_some(())
    });
}

/// A queue that hands out in any order; values may be put in twice.
#[derive(Default)]
struct Queue {
    values: Vec<Value>,
    fresh: usize,
}

impl Store for Queue {
    fn invoke(&mut self, random: &mut Random, _: u64) -> Invocation {
        match random.below(20) {
            0..10 => {
                self.fresh += usize::from(self.fresh == 0 || random.chance(80));
                ("enqueue", int(self.fresh))
            }
            19 => ("drain", Value::Nil),
            _ => ("dequeue", Value::Nil),
        }
    }

    fn act(&mut self, random: &mut Random, _: u64, (f, input): &Invocation) -> Option<Value> {
        match *f {
            "enqueue" if random.chance(10) => return None,
            "enqueue" => self.values.push(input.clone()),
            "drain" => return Some(Value::List(std::mem::take(&mut self.values))),
            _ if self.values.is_empty() => return random.chance(50).then_some(Value::Nil),
            _ => return Some(self.values.swap_remove(random.below(self.values.len()))),
        }
        Some(Value::Nil)
    }

    fn last(&self) -> Vec<Invocation> {
        vec![("drain", Value::Nil)]
    }
}

#[test]
fn queues() {
    let kind = PropertyKind::TotalQueue;
    let histories = innocent(kind, &plain(), |_| Queue::default(), 95);
    let enqueued = |events: &[Event]| -> Vec<Value> {
        done(events, "enqueue")
            .into_iter()
            .map(|at| events[call(events, at)].value.clone())
            .collect()
    };
    for rule in [Rule::Duplicated, Rule::FromNowhere] {
        guilty(kind, &plain(), &histories, &[rule], |events, random| {
            let value = match rule {
                Rule::Duplicated => random.pick(&enqueued(events))?,
                _ => int(1_000_000),
            };
            let drain = *done(events, "drain").last()?;
            // More often than it can have been put in.
            let often = if rule == Rule::Duplicated { events.len() } else { 1 };
            let mut drained = items(&events[drain].value);
            drained.extend(std::iter::repeat_n(value, often));
            events[drain].value = Value::List(drained);
            Some(())
        });
    }
    guilty(kind, &plain(), &histories, &[Rule::Lost], |events, _| {
        // As many as crashed dequeues and one more are never seen again.
        let crashed =
            |f: &str| events.iter().filter(|e| e.kind == EventKind::Info && e.f == f).count();
        let excuses = crashed("dequeue");
        if crashed("drain") > 0 {
            return None;
        }
        let values: BTreeSet<Value> = enqueued(events).into_iter().collect();
        let gone: Vec<Value> = values.into_iter().take(excuses + 1).collect();
        for at in done(events, "drain") {
            let kept = items(&events[at].value).into_iter().filter(|item| !gone.contains(item));
            events[at].value = Value::List(kept.collect());
        }
        for at in done(events, "dequeue") {
            if gone.contains(&events[at].value) {
                events[at].value = Value::Nil;
            }
        }
        (gone.len() == excuses + 1).then_some(())
    });
}

#[derive(Default)]
struct Sum(i64);

impl Store for Sum {
    fn invoke(&mut self, random: &mut Random, _: u64) -> Invocation {
        match random.below(4) {
            0 => ("add", Value::Int(random.below(9).try_into().unwrap_or(0_i64) - 4)),
            1 => (if random.chance(50) { "inc" } else { "dec" }, Value::Nil),
            _ => ("read", Value::Nil),
        }
    }

    fn act(&mut self, random: &mut Random, _: u64, (f, input): &Invocation) -> Option<Value> {
        if *f == "read" {
            return Some(Value::Int(self.0));
        }
        if random.chance(10) {
            return None;
        }
        self.0 += match *f {
            "inc" => 1,
            "dec" => -1,
            _ => input.as_int().expect("a number"),
        };
        Some(Value::Nil)
    }

    fn last(&self) -> Vec<Invocation> {
        vec![("read", Value::Nil)]
    }
}

#[test]
fn counters() {
    let kind = PropertyKind::Counter;
    let histories = innocent(kind, &plain(), |_| Sum::default(), 100);
    for far in [-10_000, 10_000] {
        guilty(kind, &plain(), &histories, &[Rule::OutOfBounds], |events, random| {
            let read = random.pick(&done(events, "read"))?;
            events[read].value = Value::Int(events[read].value.as_int()? + far);
            Some(())
        });
    }
    // Where nothing crashed, the last read is exact.
    let calm: Vec<Vec<Event>> = histories
        .into_iter()
        .filter(|events| events.iter().all(|event| event.kind != EventKind::Info))
        .collect();
    assert!(calm.len() > 50);
    guilty(kind, &plain(), &calm, &[Rule::OutOfBounds], |events, random| {
        let read = *done(events, "read").last()?;
        let by = if random.chance(50) { 1 } else { -1 };
        events[read].value = Value::Int(events[read].value.as_int()? + by);
        Some(())
    });
}
