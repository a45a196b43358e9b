//! Whatever it is given, the checker answers: random events, well-formed and not, with random options, to everything that
//! takes a history. A history that one part of the checker understands so and another otherwise ends in a contradiction,
//! which is a fault too.

#[path = "support/generate.rs"]
#[expect(dead_code, reason = "only the random numbers are of use here")]
mod generate;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use generate::Random;
use rashomon_checker::Value;
use rashomon_checker::certificate::replay;
use rashomon_checker::check::{CheckError, CheckOptions, Engine, ModelKind, ObjectOrder, check};
use rashomon_checker::history::{Builder, Event, EventKind, EventRef, History, OpId, ProcessId};
use rashomon_checker::monitor::{Monitor, MonitorOptions};
use rashomon_checker::properties::{self, MonotonicScope, PropertyKind, PropertyOptions};
use rashomon_checker::transactions::{self, Consistency, Family, TransactionOptions};

/// Functions that nobody or everybody knows.
const FUNCTIONS: [&str; 6] = ["read", "write", "txn", "", "r", "\u{1f600}"];

fn number(random: &mut Random) -> i64 {
    match random.below(12) {
        0 => i64::MIN,
        1 => i64::MAX,
        2 => -1,
        3 => 1 << 40,
        _ => random.below(4).cast_signed(),
    }
}

fn value(random: &mut Random, depth: u64) -> Value {
    match random.below(8 + 3 * depth) {
        0 => Value::Nil,
        1 => Value::Bool(random.chance(50)),
        2 => Value::Text(random.pick(&["", "a", "x y", "7", "r", "append", "w"]).to_string()),
        3..=7 => Value::Int(number(random)),
        _ => {
            let count = random.below(4);
            Value::List((0..count).map(|_| value(random, depth - 1)).collect())
        }
    }
}

/// A transaction, or nearly one.
fn transaction(random: &mut Random) -> Value {
    let step = |random: &mut Random| {
        let f = random.pick(&["r", "w", "append", "read", "write"]).to_string();
        let last = if random.chance(70) { value(random, 1) } else { Value::Nil };
        Value::List(vec![Value::Text(f), Value::Int(random.below(2).cast_signed()), last])
    };
    let count = random.below(4);
    Value::List((0..count).map(|_| step(random)).collect())
}

/// What an operation of this function may carry.
fn carried(random: &mut Random, f: &str) -> Value {
    match f {
        "txn" | "transfer" if random.chance(90) => transaction(random),
        _ if random.chance(60) => Value::Int(random.below(4).cast_signed()),
        "cas" | "read" => {
            let count = if f == "cas" { 2 } else { random.below(4) };
            Value::List((0..count).map(|_| value(random, 0)).collect())
        }
        _ => value(random, 2),
    }
}

fn events(random: &mut Random, functions: &[&str]) -> Vec<Event> {
    let mut events: Vec<Event> = Vec::new();
    let orderly = random.chance(80);
    let keyed = random.below(3);
    let mut open: Vec<Event> = Vec::new();
    for at in 0..random.below(24) {
        let ends = orderly && !open.is_empty() && random.chance(55);
        let mut event = if ends {
            let mut event = open.swap_remove(random.below(open.len() as u64) as usize);
            event.kind = *random.pick(&[
                EventKind::Ok,
                EventKind::Ok,
                EventKind::Ok,
                EventKind::Fail,
                EventKind::Info,
            ]);
            if random.chance(60) {
                event.value = carried(random, &event.f);
            }
            event
        } else {
            let kinds = [EventKind::Invoke, EventKind::Ok, EventKind::Fail, EventKind::Info];
            let f =
                if random.chance(95) { *random.pick(functions) } else { *random.pick(&FUNCTIONS) };
            Event {
                index: at,
                time: None,
                process: ProcessId(if orderly { at } else { random.below(3) }),
                kind: if orderly { EventKind::Invoke } else { *random.pick(&kinds) },
                f: f.to_owned(),
                key: (keyed > 0).then(|| random.below(keyed).to_string()),
                value: carried(random, f),
                node: None,
                error: None,
            }
        };
        if random.chance(3) {
            event.process = ProcessId(u64::MAX - random.below(2));
        }
        event.time = random.chance(70).then(|| random.next() >> random.below(64));
        event.error = random.chance(5).then(|| "refused".to_owned());
        if event.kind == EventKind::Invoke {
            open.push(event.clone());
        }
        events.push(event);
    }
    events
}

/// What of the events is a history.
fn history(random: &mut Random, events: &[Event]) -> History {
    if let Ok(history) = History::from_events(events) {
        return if random.chance(20) { history.with_nil_reads_unknown() } else { history };
    }
    let mut builder = Builder::new();
    for event in events {
        // What is refused leaves no trace.
        let _refused = builder.push(EventRef::from(event));
    }
    builder.finish()
}

fn ask_models(random: &mut Random, history: &History, events: &[Event], model: ModelKind) {
    let asked = AtomicU64::new(0);
    let patience = if random.chance(10) { random.below(4) } else { u64::MAX };
    let stop = || asked.fetch_add(1, Ordering::Relaxed) >= patience;
    let engines = [Engine::Auto, Engine::Fast, Engine::Frontier, Engine::Wgl, Engine::Compare];
    let options = CheckOptions {
        memory_bytes_max: if random.chance(10) { random.below(1 << 16) as usize } else { 8 << 20 },
        should_stop: &stop,
        threads: random.below(3) as usize,
        initial: random.chance(30).then(|| value(random, 1)),
        failed_cas_observed: random.chance(30),
        engine: *random.pick(&engines),
        certify: random.chance(80),
        keep_orders: random.chance(80),
        explain: random.chance(80),
    };
    match check(history, model, &options) {
        Ok(report) => {
            for order in &report.linearizations {
                assert_eq!(replay(history, model, &options, order), Ok(()), "{model} {events:?}");
            }
        }
        Err(CheckError::Contradiction { what }) => panic!("{model}: {what}: {events:#?}"),
        Err(error) => assert!(!error.to_string().is_empty()),
    }
    let order = (0..random.below(6)).map(|_| OpId(random.below(8) as usize)).collect();
    let key = random.chance(50).then(|| "0".to_owned());
    let _whatever = replay(history, model, &options, &ObjectOrder { key, order });
    let options = MonitorOptions { initial: options.initial.clone(), ..MonitorOptions::default() };
    let mut monitor = Monitor::new(model, options);
    for event in events {
        let _refused = monitor.push(&EventRef::from(event));
    }
    assert_eq!(monitor.conclusion().validity, monitor.conclusion().validity);
}

fn ask_properties(random: &mut Random, history: &History) {
    let balances = random.chance(20).then(|| {
        let balance = |random: &mut Random| (random.below(3).to_string(), number(random));
        (0..random.below(3)).map(|_| balance(random)).collect::<BTreeMap<_, _>>()
    });
    let options = PropertyOptions {
        findings_max: random.below(3) as usize,
        total: random.chance(30).then(|| number(random)),
        balances,
        negative_balances: random.chance(50),
        monotonic: *random.pick(&[MonotonicScope::Object, MonotonicScope::Process]),
        linearizable: random.chance(50),
        drained: random.chance(50),
        initial: random.chance(30).then(|| value(random, 1)),
        should_stop: if random.chance(5) { &|| true } else { &|| false },
    };
    for kind in PropertyKind::ALL {
        if let Err(error) = properties::check(kind, history, &options) {
            assert!(!error.to_string().is_empty());
        }
    }
}

fn ask_transactions(random: &mut Random, history: &History) {
    let asked = Cell::new(0);
    let patience = if random.chance(10) { random.below(4) } else { u64::MAX };
    let stop = || {
        asked.set(asked.get() + 1);
        asked.get() > patience
    };
    let options = TransactionOptions {
        consistency: *random.pick(&Consistency::ALL),
        family: *random.pick(&[None, Some(Family::ListAppend), Some(Family::RwRegister)]),
        initial: value(random, 1),
        examples_max: random.below(3) as usize,
        should_stop: &stop,
    };
    if let Err(error) = transactions::check(history, &options) {
        assert!(!error.to_string().is_empty());
    }
}

#[test]
fn every_list_of_events_gets_an_answer() {
    let factor = std::env::var("FUZZ").ok().and_then(|text| text.parse().ok());
    let count: u64 = 1_500 * factor.unwrap_or(1);
    let mut orderly = 0;
    for seed in 0..count {
        let mut random = Random(seed);
        for model in ModelKind::ALL {
            let events = events(&mut random, model.functions());
            orderly += u64::from(History::from_events(&events).is_ok());
            let history = history(&mut random, &events);
            ask_models(&mut random, &history, &events, model);
        }
        for property in PropertyKind::ALL {
            let events = events(&mut random, property.functions());
            let history = history(&mut random, &events);
            ask_properties(&mut random, &history);
        }
        let events = events(&mut random, &["txn"]);
        ask_transactions(&mut random, &history(&mut Random(seed), &events));
    }
    let models = count * ModelKind::ALL.len() as u64;
    assert!(orderly > models / 4 && orderly < models, "{orderly} of {models} are histories");
}
