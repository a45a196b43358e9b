//! Transactions of one operation on lists are linearizable lists, so both checks must agree.

use super::generate::{Random, Shape, Store, generate, spoil};
use super::script::{Act, Txn, judged};
use crate::Value;
use crate::check::{CheckOptions, ModelKind, Validity, check};
use crate::history::{Event, EventKind, History, ProcessId};
use crate::transactions::{Consistency, Family};

fn as_lists(txns: &[Txn]) -> History {
    let mut events: Vec<(u32, Event)> = Vec::new();
    for txn in txns {
        let (key, act) = &txn.acts[0];
        let (f, argument, answer) = match act {
            Act::List(list) => {
                let items = list.iter().copied().map(Value::Int).collect();
                ("read", Value::Nil, Value::List(items))
            }
            Act::Append(value) => ("append", Value::Int(*value), Value::Int(*value)),
            Act::Write(_) | Act::Cell(_) => continue,
        };
        let event = |kind, value| Event {
            index: 0,
            time: None,
            process: ProcessId(txn.process),
            kind,
            f: f.to_owned(),
            key: Some(key.to_string()),
            value,
            node: None,
            error: None,
        };
        events.push((txn.call, event(EventKind::Invoke, argument)));
        if let Some(end) = txn.end {
            let value = if txn.kind == EventKind::Ok { answer } else { Value::Nil };
            events.push((end, event(txn.kind, value)));
        }
    }
    events.sort_by_key(|event| event.0);
    let events: Vec<Event> = events.into_iter().map(|event| event.1).collect();
    History::from_events(&events).unwrap()
}

#[test]
fn single_operations_on_lists_are_judged_as_the_linearizability_check_does() {
    let mut random = Random(3);
    let stores = [Store::Strict, Store::Stale, Store::Committed];
    let mut counts = [0, 0];
    for _ in 0..4000 {
        let shape = Shape {
            family: Family::ListAppend,
            store: stores[random.below(3)],
            txns: 2 + random.below(14),
            processes: 2 + random.below(4),
            keys: 1 + random.below(2),
            acts_max: 1,
            crashes: 15,
            fails: 10,
        };
        let mut txns = generate(shape, &mut random);
        if random.chance(80) {
            spoil(&mut txns, &mut random);
        }
        let report = judged(&txns, Consistency::StrictSerializable);
        let options = CheckOptions::default();
        let other = check(&as_lists(&txns), ModelKind::AppendList, &options).unwrap();
        if report.validity != Validity::Unknown {
            assert_eq!(report.validity, other.validity, "{txns:#?}");
            counts[usize::from(other.validity == Validity::Valid)] += 1;
        }
    }
    assert!(counts.iter().all(|count| *count > 900), "{counts:?}");
}
