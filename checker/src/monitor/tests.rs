//! The monitor against the check of the whole history.

mod limits;
mod refusals;

use super::{Monitor, MonitorOptions};
use crate::Value;
use crate::check::{CheckOptions, Engine, ModelKind, Validity, check};
use crate::decide::brute::Random;
use crate::history::{Event, EventKind, EventRef, History, ProcessId};
use crate::search::tests::generate::{self, Shape};
use crate::search::tests::spoil;

const ROUNDS: u64 = 20_000;

/// Clients of one register that act at one moment within each operation; now and then one lies.
struct Play {
    random: Random,
    held: i64,
    written: i64,
    /// The values before, for lies.
    old: Vec<i64>,
    open: Vec<(u64, &'static str, Value, Option<Value>)>,
    idle: Vec<u64>,
    next_process: u64,
    events: Vec<Event>,
    lies: u64,
}

impl Play {
    fn new(seed: u64, clients: u64, lies: u64) -> Self {
        let (open, events) = (Vec::new(), Vec::new());
        let (random, idle) = (Random(seed), (0..clients).collect());
        Self {
            random,
            held: 0,
            written: 0,
            old: vec![0],
            open,
            idle,
            next_process: clients,
            events,
            lies,
        }
    }

    fn run(mut self, events: usize) -> Vec<Event> {
        while self.events.len() < events {
            match self.random.below(3) {
                0 if !self.idle.is_empty() => self.invoke(),
                1 if !self.open.is_empty() => self.act(),
                _ if !self.open.is_empty() => self.end(),
                _ => {}
            }
        }
        self.events
    }

    fn invoke(&mut self) {
        let at = self.random.below(self.idle.len() as u64) as usize;
        let process = self.idle.swap_remove(at);
        let pair = |from, to| Value::List(vec![Value::Int(from), Value::Int(to)]);
        let (f, value) = match self.random.below(4) {
            0 => ("read", Value::Nil),
            1 => (
                "cas",
                pair(self.old[self.random.below(self.old.len() as u64) as usize], self.new_value()),
            ),
            2 => ("cas", pair(self.held, self.new_value())),
            _ => ("write", Value::Int(self.new_value())),
        };
        self.note(process, EventKind::Invoke, f, value.clone());
        self.open.push((process, f, value, None));
    }

    fn new_value(&mut self) -> i64 {
        self.written += 1;
        self.written
    }

    fn act(&mut self) {
        let at = self.random.below(self.open.len() as u64) as usize;
        let lie = self.random.below(1000) < self.lies;
        let (_, f, value, answer) = &mut self.open[at];
        if answer.is_some() {
            return;
        }
        let new = match (*f, value.as_list()) {
            ("read", _) => {
                let old = self.old[self.random.below(self.old.len() as u64) as usize];
                *answer = Some(Value::Int(if lie { old } else { self.held }));
                return;
            }
            ("cas", Some([from, to])) if *from == Value::Int(self.held) || lie => to.as_int(),
            ("cas", _) => None,
            _ => value.as_int(),
        };
        *answer = Some(new.map_or(Value::Nil, |_| value.clone()));
        if let Some(new) = new {
            self.held = new;
            self.old.push(new);
            if self.old.len() > 12 {
                self.old.remove(0);
            }
        }
    }

    fn end(&mut self) {
        let at = self.random.below(self.open.len() as u64) as usize;
        let crash = self.random.chance(6);
        if self.open[at].3.is_none() && !crash {
            return;
        }
        let (process, f, value, answer) = self.open.swap_remove(at);
        let (kind, value) = match answer {
            _ if crash => (EventKind::Info, value),
            Some(Value::Nil) => (EventKind::Fail, value),
            Some(answer) => (EventKind::Ok, answer),
            None => (EventKind::Info, value),
        };
        self.note(process, kind, f, value);
        self.idle.push(if crash { self.next_process } else { process });
        self.next_process += u64::from(crash);
    }

    fn note(&mut self, process: u64, kind: EventKind, f: &str, value: Value) {
        let (index, process) = (self.events.len() as u64, ProcessId(process));
        let (time, key, node, error) = (None, None, None, None);
        self.events.push(Event {
            index,
            time,
            process,
            kind,
            f: f.to_owned(),
            key,
            value,
            node,
            error,
        });
    }
}

fn watch(events: &[Event]) -> (Monitor<'_>, Option<u64>) {
    let options = MonitorOptions { initial: Some(Value::Int(0)), ..MonitorOptions::default() };
    let mut monitor = Monitor::new(ModelKind::CasRegister, options);
    let mut first = None;
    for event in events {
        let violation = monitor.push(&EventRef::from(event)).unwrap();
        first = first.or(violation.map(|violation| violation.event));
    }
    (monitor, first)
}

fn judge(events: &[Event]) -> Validity {
    let options = CheckOptions {
        initial: Some(Value::Int(0)),
        engine: Engine::Fast,
        ..CheckOptions::default()
    };
    let history = History::from_events(events).unwrap();
    check(&history, ModelKind::CasRegister, &options).unwrap().validity
}

/// What one can know at event `last`: what is open then may still be anything.
fn up_to(events: &[Event], last: u64) -> &[Event] {
    &events[..=last as usize]
}

fn compare(seed: u64, clients: u64, events: usize, lies: u64) -> bool {
    let events = Play::new(seed, clients, lies).run(events);
    let (monitor, first) = watch(&events);
    let verdict = judge(&events);
    assert_eq!(monitor.conclusion().validity, verdict, "seed {seed}: first at {first:?}");
    if let Some(first) = first {
        assert_eq!(judge(up_to(&events, first)), Validity::Invalid, "seed {seed}: at {first}");
        assert_eq!(judge(up_to(&events, first - 1)), Validity::Valid, "seed {seed}: at {first}");
    }
    verdict == Validity::Valid
}

#[test]
fn what_is_watched_is_judged_as_the_whole_history_is() {
    let valid = (0..ROUNDS).filter(|seed| compare(*seed, 2 + seed % 7, 60, 40)).count() as u64;
    assert!(valid > ROUNDS / 4 && valid < ROUNDS * 3 / 4, "{valid} of {ROUNDS} are valid");
    let valid = (0..200)
        .filter(|seed| compare(*seed, 2 + seed % 30, 6_000, u64::from(*seed % 2 == 0)))
        .count();
    assert!(valid > 50 && valid < 150, "{valid} of 200 long ones are valid");
}

#[test]
fn memory_does_not_grow_with_the_history() {
    let play = |events| Play::new(5, 12, 0).run(events);
    let remembered = |events: &[Event]| {
        let (monitor, first) = watch(events);
        assert_eq!(first, None);
        monitor.remembered()
    };
    let (short, long) = (play(20_000), play(200_000));
    // Operations of unknown outcome may act at any time and stay.
    let crashed =
        |events: &[Event]| events.iter().filter(|event| event.kind == EventKind::Info).count();
    let beside = |events: &[Event]| remembered(events).saturating_sub(2 * crashed(events));
    assert!(beside(&short) < 2_000, "{} beside {}", remembered(&short), crashed(&short));
    assert!(beside(&long) < 2_000, "{} beside {}", remembered(&long), crashed(&long));
}

/// Small histories of any model: the watch says what the check of every prefix says.
fn compare_model(model: ModelKind, seed: u64, rounds: u64, operations: u64) {
    let mut valid = 0;
    for round in 0..rounds {
        let mut random = generate::Random(seed + round);
        let shape = Shape {
            model,
            initial: [Value::Nil, Value::Int(0)][random.below(2) as usize].clone(),
            operations: 1 + random.below(operations) as usize,
            processes: 2 + random.below(4),
            keys: [0, 0, 2][random.below(3) as usize],
            values: [2, 3, 60][random.below(3) as usize],
            crashes: [0, 10, 30][random.below(3) as usize],
        };
        let mut events = generate::legal(&shape, &mut random);
        let spoils = random.below(if model == ModelKind::Mutex { 8 } else { 3 });
        for _ in 0..spoils {
            spoil::spoil(&shape, &mut events, &mut random);
        }
        let failures = model == ModelKind::CasRegister && random.chance(30);
        valid += u64::from(compare_events(&shape, failures, &events, round));
    }
    assert!(
        valid * 5 > rounds && valid * 10 < rounds * 9,
        "{model}: {valid} of {rounds} are valid"
    );
}

#[test]
fn memory_does_not_grow_with_the_history_of_any_model() {
    // Of queues and stacks, what is held may have been put in in very many orders.
    let queues = [ModelKind::FifoQueue, ModelKind::Stack];
    for model in ModelKind::ALL.into_iter().filter(|model| !queues.contains(model)) {
        let operations = if model == ModelKind::AppendList { 400 } else { 3_000 };
        let shape = Shape {
            model,
            initial: Value::Int(0),
            operations,
            // What nobody has read yet may stand in any order.
            processes: if model == ModelKind::AppendList { 3 } else { 8 },
            keys: 0,
            values: 5,
            crashes: 0,
        };
        let events = generate::legal(&shape, &mut generate::Random(7));
        let options = MonitorOptions { initial: Some(Value::Int(0)), ..MonitorOptions::default() };
        let mut monitor = Monitor::new(model, options);
        let mut most = 0;
        for event in &events {
            assert_eq!(monitor.push(&EventRef::from(event)).unwrap(), None, "{model}");
            most = most.max(monitor.remembered());
        }
        assert!(most < 1_000, "{model}: {most}");
        assert_eq!(monitor.conclusion().validity, Validity::Valid);
    }
}

fn compare_events(shape: &Shape, failures: bool, events: &[Event], round: u64) -> bool {
    let (model, initial) = (shape.model, Some(shape.initial.clone()));
    let options = MonitorOptions {
        initial: initial.clone(),
        failed_cas_observed: failures,
        ..MonitorOptions::default()
    };
    let mut monitor = Monitor::new(model, options);
    let mut first = None;
    for event in events {
        let violation = monitor.push(&EventRef::from(event)).unwrap();
        first = first.or(violation.map(|violation| violation.event));
    }
    let judge = |events: &[Event]| {
        let options = CheckOptions {
            initial: initial.clone(),
            failed_cas_observed: failures,
            ..CheckOptions::default()
        };
        let history = History::from_events(events).unwrap();
        check(&history, model, &options).unwrap().validity
    };
    let verdict = judge(events);
    let about = || {
        let lines: Vec<String> = events
            .iter()
            .map(|e| {
                format!("{} p{} {} {} {:?} {}\n", e.index, e.process, e.kind, e.f, e.key, e.value)
            })
            .collect();
        format!(
            "{model} round {round}, first at {first:?}, failures {failures}, initial {initial:?}\n{}",
            lines.concat()
        )
    };
    let conclusion = monitor.conclusion();
    assert_eq!(conclusion.validity, verdict, "{:?} {}", conclusion.reason, about());
    if let Some(first) = first {
        let known = &events[..=first as usize];
        assert_eq!(judge(known), Validity::Invalid, "known {}", about());
        assert_eq!(judge(&events[..first as usize]), Validity::Valid, "{}", about());
    }
    verdict == Validity::Valid
}

#[test]
fn every_model_is_watched_as_it_is_checked() {
    let rounds = std::env::var("RASHOMON_ROUNDS").ok().and_then(|rounds| rounds.parse().ok());
    for model in ModelKind::ALL {
        compare_model(model, 1, rounds.unwrap_or(500), 14);
    }
}

/// The adding that a read saw fails, and the only other one began after the read.
#[test]
fn an_adding_that_fails_leaves_the_next_one() {
    use EventKind::{Fail, Invoke, Ok as Done};
    let list = |items: &[i64]| Value::List(items.iter().copied().map(Value::Int).collect());
    let told = [
        (2, Invoke, "add", Value::Int(1)),
        (3, Invoke, "read", Value::Nil),
        (3, Done, "read", list(&[1])),
        (3, Invoke, "add", Value::Int(1)),
        (3, Done, "add", Value::Int(1)),
        (2, Fail, "add", Value::Int(1)),
    ];
    let mut monitor = Monitor::new(ModelKind::Set, MonitorOptions::default());
    let mut tell = |(process, kind, f, value)| {
        let (process, time, key, node, error) = (ProcessId(process), None, None, None, None);
        let event = EventRef { time, process, kind, f, key, value, node, error };
        monitor.push(&event).unwrap().map(|violation| violation.event)
    };
    let seen: Vec<Option<u64>> = told.into_iter().map(&mut tell).collect();
    assert_eq!(seen, [None, None, None, None, None, Some(5)]);
}
