//! What was dealt is decided like the operations themselves, and what does not suit is not dealt.

use crate::Value;
use crate::check::parts::Parts;
use crate::check::{CheckOptions, Engine, Job, ModelKind, Validity, check};
use crate::decide::brute::Random;
use crate::history::{Builder, EventKind, EventRef, History, ProcessId};

const KEYS: [&str; 3] = ["a", "b", "c"];

/// A register of each key that answers at one moment within each operation, but for a few wrong answers. With `shared`,
/// two keys have a value in common.
fn history(random: &mut Random, shared: bool) -> History {
    let mut builder = Builder::with_capacity(40);
    let (mut held, mut before) = ([None; 3], [None; 3]);
    let mut open: Vec<(u64, usize, &str, Value, Option<Value>)> = Vec::new();
    let mut next = 1;
    for process in 0..30 {
        let key = random.below(KEYS.len() as u64) as usize;
        let fresh = Value::Int(if shared && next > 6 { 1 + next % 6 } else { next });
        let value = |value: Option<i64>| value.map_or(Value::Nil, Value::Int);
        let (f, input, answer) = match random.below(5) {
            0 | 1 => {
                next += 1;
                before[key] = std::mem::replace(&mut held[key], fresh.as_int());
                ("write", fresh.clone(), fresh)
            }
            2 if held[key].is_some() => {
                next += 1;
                let pair = Value::List(vec![value(held[key]), fresh.clone()]);
                held[key] = fresh.as_int();
                ("cas", pair.clone(), pair)
            }
            _ if random.chance(6) => ("read", Value::Nil, value(before[key])),
            _ => ("read", Value::Nil, value(held[key])),
        };
        push(&mut builder, process, EventKind::Invoke, (f, key), input);
        let crashes = random.chance(10);
        open.push((process, key, f, answer, (!crashes).then_some(Value::Nil)));
        while open.len() > random.below(4) as usize {
            let at = random.below(open.len() as u64) as usize;
            let (process, key, f, answer, ends) = open.remove(at);
            let kind = if ends.is_some() { EventKind::Ok } else { EventKind::Info };
            push(&mut builder, process, kind, (f, key), answer);
        }
    }
    builder.finish()
}

fn push(
    builder: &mut Builder,
    process: u64,
    kind: EventKind,
    (f, key): (&str, usize),
    value: Value,
) {
    let process = ProcessId(process);
    let key = Some(KEYS[key]);
    let event = EventRef { time: None, process, kind, f, key, value, node: None, error: None };
    builder.push(event).expect("a history");
}

#[test]
fn what_was_dealt_is_decided_as_the_search_decides_it() {
    let mut random = Random(7);
    let (mut invalid, mut refused) = (0, 0);
    for round in 0..4_000 {
        let shared = round % 4 == 0;
        let history = history(&mut random, shared);
        let options = CheckOptions::default();
        let job = Job { history: &history, model: ModelKind::CasRegister, options: &options };
        let dealt = Parts::of(&job).by_size(&job)[0].dealt().is_some();
        assert!(dealt || shared, "round {round}");
        refused += u32::from(!dealt);
        let [one, two] = [Engine::Auto, Engine::Frontier].map(|engine| {
            let options = CheckOptions { engine, ..CheckOptions::default() };
            let report = check(&history, ModelKind::CasRegister, &options).expect("a fit");
            let core = report.counterexample.map(|found| found.blocked);
            (report.validity, report.impossible_from, core)
        });
        assert_eq!(one, two, "round {round}");
        invalid += u32::from(one.0 == Validity::Invalid);
    }
    assert!((800..3_200).contains(&invalid), "{invalid} are invalid");
    assert!(refused > 300, "{refused} were not dealt");
}
