//! The deciders of boxes against brute force, and the rules broken one by one.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::{Fault, Faults, QueueOp, elements, settle};
use crate::Value;
use crate::decide::brute::{
    Random, as_known, assert_order, compare, is_linearizable, random_spans,
};
use crate::decide::fifo_queue::Fifo;
use crate::decide::priority_queue::Priority;
use crate::decide::stack::Stack;
use crate::decide::{Decision, Refutation, Timed, fifo_queue, priority_queue, stack};
use crate::history::{Event, EventKind, History, ProcessId};
use crate::model::Object;
use crate::model::fifo_queue::FifoQueue;
use crate::model::priority_queue::PriorityQueue;
use crate::model::stack::Stack as StackModel;
use crate::search::{Budget, KeyOp, Outcome, Problem, Tuning, search};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Fifo,
    Stack,
    Priority,
}

const KINDS: [Kind; 3] = [Kind::Fifo, Kind::Stack, Kind::Priority];

fn priority(element: u32) -> i64 {
    i64::from(element.wrapping_mul(0x9e37_79b1))
}

/// Priorities that have nothing to do with the order of elements.
fn priorities(count: usize) -> Vec<i64> {
    (0..count as u32).map(priority).collect()
}

fn decide(kind: Kind, ops: &[Timed<QueueOp>], fault: Option<Fault>) -> Decision {
    let faults = Faults { only: fault };
    match kind {
        Kind::Fifo if fault.is_none() => fifo_queue::decide(ops),
        Kind::Stack if fault.is_none() => stack::decide(ops),
        Kind::Priority if fault.is_none() => {
            priority_queue::decide(ops, &priorities(elements(ops)))
        }
        Kind::Fifo => settle(ops, &Fifo { faults }),
        Kind::Stack => settle(ops, &Stack { faults }),
        Kind::Priority => settle(ops, &Priority::new(&priorities(elements(ops)), faults).unwrap()),
    }
}

/// Takes the element whose turn it is.
fn take(kind: Kind, held: &mut Vec<u32>) -> Option<u32> {
    let at = match kind {
        Kind::Fifo => 0,
        Kind::Stack => held.len().checked_sub(1)?,
        Kind::Priority => (0..held.len()).min_by_key(|at| priority(held[*at]))?,
    };
    (at < held.len()).then(|| held.remove(at))
}

fn step(kind: Kind) -> impl Fn(&mut Vec<u32>, &Timed<QueueOp>) -> bool {
    move |held, op| match op.op {
        QueueOp::Put(element) => {
            held.push(element);
            true
        }
        QueueOp::Take(answer) => take(kind, held) == answer || op.is_crashed(),
    }
}

#[derive(Debug, Clone, Copy)]
struct Shape {
    count: usize,
    open_max: usize,
    crashes: u64,
    /// Percentage of operations that act a little before or after they may.
    slips: u64,
    /// Percentage of takes that see something else.
    lies: u64,
    takes: u64,
    empties: bool,
}

/// A history that was played: each operation acts at a moment of its own, most of them at one that is allowed.
fn played(kind: Kind, shape: Shape, random: &mut Random) -> Vec<Timed<QueueOp>> {
    let spans = random_spans(random, shape.count, shape.open_max, shape.crashes);
    let last = 2 * shape.count as u64 + 4;
    let mut moments: Vec<(u64, usize)> = Vec::new();
    for (at, span) in spans.iter().enumerate() {
        let end = if span.is_crashed() { last } else { u64::from(span.ret) };
        let mut moment = u64::from(span.call) + random.below(end - u64::from(span.call));
        if random.chance(shape.slips) {
            moment = (moment + random.below(13)).saturating_sub(6);
        }
        if !span.is_crashed() || random.chance(60) {
            moments.push((moment, at));
        }
    }
    moments.sort_unstable();
    let mut ops: Vec<Timed<QueueOp>> = Vec::new();
    for (at, span) in spans.iter().enumerate() {
        let op =
            if random.chance(shape.takes) { QueueOp::Take(None) } else { QueueOp::Put(at as u32) };
        ops.push(Timed { call: span.call, ret: span.ret, op });
    }
    let mut held = Vec::new();
    for (_, at) in moments {
        match &mut ops[at].op {
            QueueOp::Put(element) => held.push(*element),
            QueueOp::Take(answer) => *answer = take(kind, &mut held),
        }
    }
    for at in 0..ops.len() {
        let other = random.below(ops.len() as u64) as usize;
        if !random.chance(shape.lies) {
            continue;
        }
        if let (QueueOp::Take(one), QueueOp::Take(two)) = (ops[at].op, ops[other].op) {
            ops[at].op = QueueOp::Take(two);
            ops[other].op = QueueOp::Take(one);
        } else if let QueueOp::Take(_) = ops[at].op {
            ops[at].op = QueueOp::Take(random.chance(50).then_some(other as u32));
        }
    }
    if !shape.empties {
        ops.retain(|op| op.op != QueueOp::Take(None) || op.is_crashed());
    }
    ops
}

fn random_shape(random: &mut Random) -> Shape {
    Shape {
        count: 4 + random.below(8) as usize,
        open_max: 1 + random.below(4) as usize,
        crashes: [0, 0, 8, 25][random.below(4) as usize],
        slips: [20, 60, 100][random.below(3) as usize],
        lies: [0, 0, 10][random.below(3) as usize],
        takes: [40, 50, 60][random.below(3) as usize],
        empties: random.chance(50),
    }
}

/// How many of so many histories were linearizable, not, and undecided.
fn tally(kind: Kind, rounds: std::ops::Range<u64>, fault: Option<Fault>) -> [u64; 3] {
    let mut tally = [0; 3];
    for round in rounds {
        let mut random = Random(round * 3 + kind as u64);
        let shape = random_shape(&mut random);
        let ops = played(kind, shape, &mut random);
        let decision = decide(kind, &ops, fault);
        let found = compare(&ops, &decision, &Vec::new(), &step(kind));
        if let Decision::NotLinearizable(refutation) = &decision {
            assert_contradiction(kind, &ops, refutation);
        }
        tally[match found {
            Some(true) => 0,
            Some(false) => 1,
            None => 2,
        }] += 1;
    }
    tally
}

/// The operations of a refutation are impossible by themselves, and were not before.
fn assert_contradiction(kind: Kind, ops: &[Timed<QueueOp>], refutation: &Refutation) {
    let known = as_known(ops, refutation.completion);
    let chosen: Vec<Timed<QueueOp>> = refutation.ops.iter().map(|at| known[*at as usize]).collect();
    let possible = is_linearizable(&chosen, &Vec::new(), &step(kind));
    assert!(!possible, "{refutation:?} is no contradiction in {ops:#?}");
    let before = as_known(&chosen, refutation.completion - 1);
    let possible = is_linearizable(&before, &Vec::new(), &step(kind));
    assert!(possible, "{refutation:?} was a contradiction before, in {ops:#?}");
}

/// Histories of each kind; while working on a decider, compare many more.
const ROUNDS: u64 = 30_000;

#[test]
fn deciders_agree_with_brute_force() {
    for kind in KINDS {
        let count = ROUNDS;
        let [yes, no, unsure] = tally(kind, 0..count, None);
        assert!(yes > count / 4 && no > count / 4, "{kind:?}: {yes} yes, {no} no");
        assert!(unsure < count / 200, "{kind:?}: {unsure} undecided");
    }
}

#[test]
fn queues_that_are_never_found_empty_are_always_decided() {
    for round in 0..10_000 {
        let mut random = Random(round);
        let shape = Shape { empties: false, crashes: 20, ..random_shape(&mut random) };
        let ops = played(Kind::Fifo, shape, &mut random);
        let decision = decide(Kind::Fifo, &ops, None);
        assert!(!matches!(decision, Decision::Inapplicable(_)), "{decision:?}: {ops:#?}");
    }
}

#[test]
fn elements_that_are_put_in_twice_are_not_decided() {
    let put = |call| Timed { call, ret: call + 1, op: QueueOp::Put(3) };
    for kind in KINDS {
        let decision = decide(kind, &[put(0), put(2)], None);
        assert!(matches!(decision, Decision::Inapplicable(_)), "{decision:?}");
    }
    assert!(Priority::new(&[4, 5, 4], Faults::default()).is_none());
}

/// What the general search says.
fn searched<O: Object>(mut object: O, names: [&str; 2], ops: &[Timed<QueueOp>]) -> bool {
    let mut events: Vec<(u32, Event)> = Vec::new();
    for (at, op) in ops.iter().enumerate() {
        let element = |element: u32| Value::Int(priority(element));
        let (f, input, answer) = match op.op {
            QueueOp::Put(put) => (names[0], element(put), element(put)),
            QueueOp::Take(answer) => {
                (names[1], Value::Nil, answer.map(element).unwrap_or_default())
            }
        };
        let event = |kind, value| Event {
            index: 0,
            time: None,
            process: ProcessId(at as u64),
            kind,
            f: f.to_owned(),
            key: None,
            value,
            node: None,
            error: None,
        };
        events.push((op.call, event(EventKind::Invoke, input)));
        if !op.is_crashed() {
            events.push((op.ret, event(EventKind::Ok, answer)));
        }
    }
    events.sort_by_key(|(position, _)| *position);
    let events: Vec<Event> = events.into_iter().map(|(_, event)| event).collect();
    let history = History::from_events(&events).unwrap();
    let mut key_ops = Vec::new();
    for operation in history.ops() {
        let meaning = object.interpret(operation).unwrap();
        let ret = operation.ret().unwrap_or(u64::MAX);
        key_ops.push(KeyOp { id: operation.id(), call: operation.call(), ret, meaning });
    }
    let all = 0..key_ops.len();
    let problem = Problem::build(&mut object, &key_ops, all, u64::MAX, false);
    let budget = Budget::new(256 << 20);
    let found =
        search(&mut object, &problem, &Tuning::full(), &mut budget.account(), &|| None).outcome;
    assert!(!matches!(found, Outcome::Stopped(_)), "{found:?}");
    matches!(found, Outcome::Linearizable(_))
}

#[test]
fn deciders_agree_with_the_search_on_longer_histories() {
    for kind in KINDS {
        let mut tally = [0; 3];
        for round in 0..600 {
            let mut random = Random(round);
            let shape = Shape {
                count: 12 + random.below(19) as usize,
                crashes: [0, 4][random.below(2) as usize],
                slips: [3, 10, 20][random.below(3) as usize],
                lies: 0,
                ..random_shape(&mut random)
            };
            let ops = played(kind, shape, &mut random);
            let found = match kind {
                Kind::Fifo => searched(FifoQueue::new(), ["enqueue", "dequeue"], &ops),
                Kind::Stack => searched(StackModel::new(), ["push", "pop"], &ops),
                Kind::Priority => searched(PriorityQueue::new(), ["insert", "delete-min"], &ops),
            };
            match decide(kind, &ops, None) {
                Decision::Linearizable(order) => {
                    assert!(found, "{kind:?} round {round}");
                    assert_order(&ops, &order, &Vec::new(), &step(kind));
                    tally[0] += 1;
                }
                Decision::NotLinearizable(_) => {
                    assert!(!found, "{kind:?} round {round}");
                    tally[1] += 1;
                }
                Decision::Inapplicable(_) => tally[2] += 1,
            }
        }
        assert!(tally[0] > 150 && tally[1] > 150 && tally[2] < 30, "{kind:?}: {tally:?}");
    }
}

#[test]
fn every_broken_rule_is_caught() {
    let cases = [
        (Kind::Fifo, Fault::TakenTwice),
        (Kind::Fifo, Fault::OpenTakesBeganBefore),
        (Kind::Fifo, Fault::OpenTakesIdle),
        (Kind::Fifo, Fault::EmptyAtAnyTime),
        (Kind::Fifo, Fault::EmptiesFloat),
        (Kind::Fifo, Fault::Overtaking),
        (Kind::Stack, Fault::OpenTakesBeganBefore),
        (Kind::Stack, Fault::OpenTakesIdle),
        (Kind::Stack, Fault::EmptyAtAnyTime),
        (Kind::Stack, Fault::PutsAnywhere),
        (Kind::Stack, Fault::TakesAnywhere),
        (Kind::Priority, Fault::OpenTakesBeganBefore),
        (Kind::Priority, Fault::OpenTakesIdle),
        (Kind::Priority, Fault::EmptyAtAnyTime),
        (Kind::Priority, Fault::AnyOrder),
    ];
    for (kind, fault) in cases {
        // Where a rule only saves the decider from doubt, its lack shows in the number of doubts.
        let caught = catch_unwind(AssertUnwindSafe(|| {
            let [.., unsure] = tally(kind, 0..5_000, Some(fault));
            assert!(unsure < 50, "{unsure} undecided");
        }));
        assert!(caught.is_err(), "{fault:?} of {kind:?} was not noticed");
    }
}
