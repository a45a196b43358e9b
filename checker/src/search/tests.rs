//! Each rule of the search has a known-wrong neighbour. Here every such neighbour is put in and must be caught by the
//! same random histories that the real rules pass: a comparison that cannot fail would prove nothing.

#[path = "../../tests/support/generate.rs"]
pub(crate) mod generate;
#[path = "../../tests/support/oracle.rs"]
pub(crate) mod oracle;
#[path = "../../tests/support/spoil.rs"]
pub(crate) mod spoil;

use generate::{Random, Shape};
use oracle::{Rules, is_linearizable};

use super::wgl::Sabotage;
use super::{Budget, KeyOp, Outcome, Problem, Tuning, search};
use crate::Value;
use crate::check::ModelKind;
use crate::history::{Event, EventKind, History, ProcessId};
use crate::model::Object;
use crate::model::append_list::AppendList;
use crate::model::cas_register::CasRegister;
use crate::model::set::Set;

/// Histories in which a broken rule must show.
const ROUNDS: u64 = 60_000;

/// How the search is broken beside [`Sabotage`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fault {
    None,
    Rule(Sabotage),
    /// Crashed updates are useless as soon as nothing asks for their value, although failures are observed.
    IgnoreObservedFailures,
    /// Completed updates that nobody saw are left out, although they need a place in the order.
    DropUnobservedCompleted,
}

fn decide<O: Object>(mut object: O, history: &History, fault: Fault) -> bool {
    let mut ops = Vec::new();
    for operation in history.ops() {
        let meaning = object.interpret(operation).unwrap();
        let ret = operation.ret().unwrap_or(u64::MAX);
        ops.push(KeyOp { id: operation.id(), call: operation.call(), ret, meaning });
    }
    if fault == Fault::DropUnobservedCompleted {
        drop_unobserved_completed(&object, &mut ops);
    }
    let mut problem = Problem::build(&mut object, &ops, 0..ops.len(), u64::MAX, false);
    if fault == Fault::IgnoreObservedFailures {
        problem.failures_observed = false;
    }
    let sabotage = match fault {
        Fault::Rule(rule) => Some(rule),
        _ => None,
    };
    let tuning = Tuning { sabotage, ..Tuning::full() };
    let budget = Budget::new(64 << 20);
    let found = search(&mut object, &problem, &tuning, &mut budget.account(), &|| None);
    match found.outcome {
        Outcome::Linearizable(_) => true,
        Outcome::NotLinearizable => false,
        Outcome::Stopped(stop) => panic!("stopped: {stop:?}"),
    }
}

fn drop_unobserved_completed<O: Object>(object: &O, ops: &mut Vec<KeyOp>) {
    let needed: Vec<_> = ops.iter().filter_map(|op| object.needs(op.meaning.completed?)).collect();
    ops.retain(|op| {
        let makes = op.meaning.completed.and_then(|class| object.makes(class));
        makes.is_none_or(|state| needed.contains(&state))
    });
}

/// The first round in which the search and the second opinion differ.
fn first_difference(model: ModelKind, fault: Fault, rounds: u64) -> Option<u64> {
    (0..rounds).find(|round| {
        let mut random = Random(*round);
        let shape = Shape {
            model,
            initial: Value::Nil,
            operations: 3 + random.below(5) as usize,
            processes: 2 + random.below(3),
            keys: 0,
            values: 2 + random.below(3),
            crashes: if random.chance(50) { 10 } else { 50 },
        };
        let rules = Rules {
            model,
            initial: Value::Nil,
            failed_cas_observed: random.chance(50),
            nil_reads_unknown: false,
        };
        let mut events = generate::legal(&shape, &mut random);
        if random.chance(60) {
            spoil::spoil(&shape, &mut events, &mut random);
        }
        let history = History::from_events(&events).unwrap();
        let found = match model {
            ModelKind::Set => decide(Set::new(false), &history, fault),
            ModelKind::AppendList => decide(AppendList::new(false), &history, fault),
            _ => {
                let failures = rules.failed_cas_observed;
                decide(CasRegister::new(&Value::Nil, false, failures), &history, fault)
            }
        };
        found != is_linearizable(&history, &rules)
    })
}

#[test]
fn the_rules_as_they_are_never_differ() {
    for model in [ModelKind::CasRegister, ModelKind::Set, ModelKind::AppendList] {
        assert_eq!(first_difference(model, Fault::None, 20_000), None, "{model}");
    }
}

#[test]
fn every_broken_rule_is_caught() {
    let faults = [
        Fault::Rule(Sabotage::EagerWrites),
        Fault::Rule(Sabotage::EagerIdleWrites),
        Fault::Rule(Sabotage::LatestOfEquals),
        Fault::Rule(Sabotage::MergeUsed),
        Fault::Rule(Sabotage::MergeStates),
        Fault::Rule(Sabotage::StopEarly),
        Fault::Rule(Sabotage::CrashedMustHappen),
        Fault::IgnoreObservedFailures,
        Fault::DropUnobservedCompleted,
    ];
    for fault in faults {
        let caught = first_difference(ModelKind::CasRegister, fault, ROUNDS);
        assert!(caught.is_some(), "{fault:?} was not noticed in {ROUNDS} histories");
    }
}

#[test]
fn waiting_additions_are_not_stepped_to_see_that_they_wait() {
    let count = 1_000;
    let event = |process: i64, kind, f: &str, value| Event {
        index: 0,
        time: None,
        process: ProcessId(process.unsigned_abs()),
        kind,
        f: f.to_owned(),
        key: None,
        value,
        node: None,
        error: None,
    };
    let mut events: Vec<Event> =
        (0..count).map(|at| event(at + 10, EventKind::Invoke, "add", Value::Int(at))).collect();
    // The additions invoked last are seen first, so that the others wait in front of them.
    for first in [count / 2, 0] {
        let seen = (first..count).map(Value::Int).collect();
        events.push(event(1, EventKind::Invoke, "read", Value::Nil));
        events.push(event(1, EventKind::Ok, "read", Value::List(seen)));
    }
    let history = History::from_events(&events).unwrap();
    let mut set = Set::new(false);
    let mut ops = Vec::new();
    for operation in history.ops() {
        let meaning = set.interpret(operation).unwrap();
        let ret = operation.ret().unwrap_or(u64::MAX);
        ops.push(KeyOp { id: operation.id(), call: operation.call(), ret, meaning });
    }
    let problem = Problem::build(&mut set, &ops, 0..ops.len(), u64::MAX, false);
    let before = set.bytes();
    let budget = Budget::new(64 << 20);
    let found = search(&mut set, &problem, &Tuning::full(), &mut budget.account(), &|| None);
    assert!(matches!(found.outcome, Outcome::Linearizable(_)), "{:?}", found.outcome);
    let more = set.bytes() - before;
    assert!(more < 1 << 20, "the search made states of {more} bytes for {count} additions");
}
