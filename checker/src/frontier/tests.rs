//! The sweep against brute force, against the tree search, and with each of its rules broken.

mod shortcuts;

use super::*;
use crate::Value;
use crate::check::ModelKind;
use crate::decide::brute::{self, Random, random_spans};
use crate::decide::{NEVER, Timed};
use crate::history::History;
use crate::history::{self, OpId};
use crate::model::append_list::AppendList;
use crate::model::cas_register::CasRegister;
use crate::model::cell::{Cell, object_by_cell};
use crate::model::counter::Counter;
use crate::model::element_set::ElementSet;
use crate::model::fenced_mutex::FencedMutex;
use crate::model::fifo_queue::FifoQueue;
use crate::model::key_value::KeyValue;
use crate::model::multi_register::MultiRegister;
use crate::model::mutex::Mutex;
use crate::model::owned_mutex::OwnedMutex;
use crate::model::priority_queue::PriorityQueue;
use crate::model::set::Set;
use crate::model::stack::Stack;
use crate::model::versioned_register::VersionedRegister;
use crate::model::{Meaning, Misfit};
use crate::search;
use crate::search::Budget;
use crate::search::tests::generate::{self, Shape};
use crate::search::tests::spoil;

/// A register whose operations are made by hand.
struct Hand {
    cell: Cell,
}

impl Object for Hand {
    fn interpret(&mut self, _operation: history::Op<'_>) -> Result<Meaning, Misfit> {
        Err(Misfit::Function)
    }

    object_by_cell!();
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Read(u8),
    Write(u8),
    Cas(u8, u8),
    CasFailed(u8),
}

/// An operation of unknown outcome has no answer: it may write, but what it would have read says nothing.
fn step(state: &mut u8, op: &Timed<Op>) -> bool {
    match op.op {
        Op::Read(value) => op.is_crashed() || *state == value,
        Op::Write(value) => {
            *state = value;
            true
        }
        Op::Cas(from, to) => {
            let legal = *state == from;
            if legal {
                *state = to;
            }
            legal
        }
        Op::CasFailed(from) => op.is_crashed() || *state != from,
    }
}

fn object_and_ops(ops: &[Timed<Op>]) -> (Hand, Vec<KeyOp>) {
    let mut cell = Cell::new(&Value::Int(0));
    let value = |value: u8| Value::Int(i64::from(value));
    let made = ops.iter().enumerate().map(|(number, op)| {
        let meaning = match op.op {
            Op::Read(read) => Meaning::observer(cell.read(&value(read))),
            Op::Write(written) => Meaning::update(cell.write(&value(written))),
            Op::Cas(from, to) if from == to => {
                Meaning::observer(cell.cas(&value(from), &value(to)))
            }
            Op::Cas(from, to) => Meaning::update(cell.cas(&value(from), &value(to))),
            Op::CasFailed(from) => Meaning::observer(cell.cas_failed(&value(from))),
        };
        let ret = if op.is_crashed() { u64::MAX } else { u64::from(op.ret) };
        KeyOp { id: OpId(number), call: u64::from(op.call), ret, meaning }
    });
    let made = made.collect();
    (Hand { cell }, made)
}

/// What operations are made of.
#[derive(Debug, Clone, Copy)]
struct Mix {
    ops: usize,
    open: usize,
    values: u64,
    crashes: u64,
    cas: u64,
    failed: u64,
    reads: u64,
}

/// Answers as a store that does each operation at a random moment would give them, and then some of them spoilt.
fn history(random: &mut Random, mix: Mix) -> Vec<Timed<Op>> {
    let spans = random_spans(random, mix.ops, mix.open, mix.crashes);
    let mut moments: Vec<(u32, u32, usize)> = Vec::new();
    let last = spans.iter().map(|span| if span.ret == NEVER { span.call } else { span.ret }).max();
    let last = last.unwrap_or(0);
    for (number, span) in spans.iter().enumerate() {
        let ret = if span.ret == NEVER { last + 6 } else { span.ret };
        let at = span.call + random.below(u64::from(ret - span.call)) as u32;
        moments.push((at, random.next() as u32, number));
    }
    moments.sort_unstable();
    let mut state = 0_u8;
    let mut ops = vec![Op::Read(0); spans.len()];
    for (_, _, number) in moments {
        let value = random.below(mix.values) as u8;
        let kind = random.below(100);
        ops[number] = if kind < mix.reads {
            Op::Read(state)
        } else if kind < mix.reads + mix.cas {
            let from = if random.chance(70) { state } else { random.below(mix.values) as u8 };
            if from == state {
                state = value;
                Op::Cas(from, value)
            } else if random.chance(mix.failed) {
                Op::CasFailed(from)
            } else {
                Op::Read(state)
            }
        } else {
            state = value;
            Op::Write(value)
        };
    }
    let mut timed: Vec<Timed<Op>> = spans
        .iter()
        .zip(ops)
        .map(|(span, op)| Timed { call: span.call, ret: span.ret, op })
        .collect();
    if random.chance(85) && !timed.is_empty() {
        for _ in 0..=random.below(4) {
            let at = random.below(timed.len() as u64) as usize;
            let value = random.below(mix.values) as u8;
            timed[at].op = match timed[at].op {
                Op::Read(_) => Op::Read(value),
                Op::Write(_) => Op::Write(value),
                Op::Cas(from, _) if random.chance(50) => Op::Cas(from, value),
                Op::Cas(_, to) => Op::Cas(value, to),
                Op::CasFailed(_) => Op::CasFailed(value),
            };
        }
    }
    timed
}

fn mix(random: &mut Random, ops: usize) -> Mix {
    Mix {
        ops,
        open: 2 + random.below(5) as usize,
        values: 2 + random.below(3),
        crashes: [0, 10, 30, 50][random.below(4) as usize],
        cas: [0, 15, 40][random.below(3) as usize],
        failed: [0, 0, 100][random.below(3) as usize],
        reads: [20, 35, 50][random.below(3) as usize],
    }
}

fn run(ops: &[Timed<Op>], sabotage: Option<Sabotage>, wide: bool, width: usize) -> Findings {
    let (mut object, key_ops) = object_and_ops(ops);
    let budget = Budget::new(64 << 20);
    let mut account = budget.account();
    let mut meter = Meter::new(&mut account, &|| None);
    let order = Order { sabotage };
    if wide {
        return run_wide(&mut object, &key_ops, order, &mut meter);
    }
    decide_by(&mut object, &key_ops, u64::MAX, order, width, &mut meter)
}

fn run_wide(object: &mut Hand, ops: &[KeyOp], order: Order, meter: &mut Meter<'_, '_>) -> Findings {
    let plan = Plan::new(object, ops, u64::MAX, order);
    let (outcome, progress) = (Outcome::Stopped(Stop::Effort), Progress::default());
    let mut findings = Findings { outcome, configurations: 0, progress };
    let ended = sweep_with::<_, Wide>(object, &plan, order, Effort::FULL, meter, &mut findings);
    findings.outcome = match ended.unwrap() {
        End::Through(order) => Outcome::Linearizable(order),
        End::Stuck { impasse, .. } => Outcome::NotLinearizable(impasse),
        End::Stopped(stop) => Outcome::Stopped(stop),
    };
    findings
}

fn is_right(ops: &[Timed<Op>], findings: &Findings, expected: bool) -> bool {
    match &findings.outcome {
        Outcome::Linearizable(order) => {
            if expected {
                brute::assert_order(ops, order, &0, &step);
            }
            expected
        }
        Outcome::NotLinearizable(impasse) => {
            if expected {
                return false;
            }
            let at = impasse.completion as u32;
            let known = brute::as_known(ops, at);
            let before = brute::as_known(ops, at - 1);
            !brute::is_linearizable(&known, &0, &step) && brute::is_linearizable(&before, &0, &step)
        }
        Outcome::Stopped(stop) => panic!("stopped: {stop:?}"),
    }
}

fn lines(ops: &[Timed<Op>]) -> String {
    let line = |op: &Timed<Op>| format!("{} {} {:?}\n", op.call, op.ret, op.op);
    ops.iter().map(line).collect()
}

fn fuzz(seed: u64, rounds: u64, ops_max: u64, wide: bool) -> (u64, u64) {
    let mut valid = 0;
    for round in 0..rounds {
        let mut random = Random(seed + round);
        let count = 4 + random.below(ops_max - 3) as usize;
        let mix = mix(&mut random, count);
        let ops = history(&mut random, mix);
        let expected = brute::is_linearizable(&ops, &0, &step);
        valid += u64::from(expected);
        let width = [1, 2, 256][random.below(3) as usize];
        let findings = run(&ops, None, wide, width);
        assert!(
            is_right(&ops, &findings, expected),
            "round {round}: expected {expected}, got {findings:?} of {mix:?}\n{}",
            lines(&ops)
        );
    }
    (valid, rounds)
}

#[test]
fn small_histories_are_judged_as_by_brute_force() {
    let (valid, all) = fuzz(1, 60_000, 10, false);
    assert!(valid * 10 > all * 3 && valid * 10 < all * 8, "{valid} of {all} are linearizable");
}

#[test]
fn wide_sets_make_no_difference() {
    fuzz(1 << 40, 20_000, 9, true);
}

/// What the tree search says of what is known at `horizon`.
fn searched<O: Object>(object: &mut O, ops: &[KeyOp], horizon: u64) -> bool {
    let problem = search::Problem::build(object, ops, 0..ops.len(), horizon, false);
    let budget = Budget::new(64 << 20);
    let tuning = search::Tuning::full();
    let found = search::search(object, &problem, &tuning, &mut budget.account(), &|| None);
    matches!(found.outcome, search::Outcome::Linearizable(_))
}

/// Compares the two engines on one history of one object: the verdict and the first impossible completion.
fn compare<O: Object>(mut object: O, history: &History, about: &str) -> bool {
    let mut ops = Vec::new();
    for operation in history.ops() {
        let meaning = object.interpret(operation).unwrap();
        let ret = operation.ret().unwrap_or(u64::MAX);
        ops.push(KeyOp { id: operation.id(), call: operation.call(), ret, meaning });
    }
    let expected = searched(&mut object, &ops, u64::MAX);
    let budget = Budget::new(64 << 20);
    let mut account = budget.account();
    let found = decide(&mut object, &ops, u64::MAX, &mut Meter::new(&mut account, &|| None));
    match found.outcome {
        Outcome::Linearizable(order) => {
            assert!(expected, "{about}: called linearizable");
            let completed = |op: &&KeyOp| op.ret != u64::MAX && op.meaning.completed.is_some();
            let fewest = ops.iter().filter(completed).count();
            assert!(order.len() >= fewest, "{about}: {order:?} is not all");
        }
        Outcome::NotLinearizable(impasse) => {
            assert!(!expected, "{about}: called impossible at {}", impasse.completion);
            assert!(impasse.exact, "{about}: not located");
            assert!(!searched(&mut object, &ops, impasse.completion), "{about}: not certain");
            let before = impasse.completion - 1;
            assert!(searched(&mut object, &ops, before), "{about}: certain before");
        }
        Outcome::Stopped(stop) => panic!("{about}: stopped by {stop:?}"),
    }
    expected
}

fn compare_all(model: ModelKind, seed: u64, rounds: u64, operations: u64) {
    let mut valid = 0;
    for round in 0..rounds {
        let mut random = generate::Random(seed + round);
        let shape = Shape {
            model,
            initial: Value::Nil,
            operations: (operations / 2 + random.below(operations / 2)) as usize,
            processes: 2 + random.below(5),
            keys: 0,
            values: 2 + random.below(3),
            crashes: if random.chance(50) { 10 } else { 40 },
        };
        let mut events = generate::legal(&shape, &mut random);
        // A lock answers nothing, so it takes more to make it go wrong.
        let spoils = random.below(if model == ModelKind::Mutex { 12 } else { 3 });
        for _ in 0..spoils {
            spoil::spoil(&shape, &mut events, &mut random);
        }
        let history = History::from_events(&events).unwrap();
        let about = format!("{model} round {round}");
        let failures = random.chance(50);
        valid += u64::from(match model {
            ModelKind::Set => compare(Set::new(false), &history, &about),
            ModelKind::AppendList => compare(AppendList::new(false), &history, &about),
            ModelKind::KeyValue => compare(KeyValue::new(false), &history, &about),
            ModelKind::Mutex => compare(Mutex, &history, &about),
            ModelKind::MultiRegister => {
                compare(MultiRegister::new(&Value::Nil, false), &history, &about)
            }
            ModelKind::FifoQueue => compare(FifoQueue::new(), &history, &about),
            ModelKind::Stack => compare(Stack::new(), &history, &about),
            ModelKind::PriorityQueue => compare(PriorityQueue::new(), &history, &about),
            ModelKind::ElementSet => compare(ElementSet::new(), &history, &about),
            ModelKind::OwnedMutex => compare(OwnedMutex::new(), &history, &about),
            ModelKind::FencedMutex => compare(FencedMutex::new(), &history, &about),
            ModelKind::Counter => compare(Counter::new(&Value::Nil, false), &history, &about),
            ModelKind::VersionedRegister => {
                compare(VersionedRegister::new(false), &history, &about)
            }
            ModelKind::Register | ModelKind::CasRegister => {
                compare(CasRegister::new(&Value::Nil, false, failures), &history, &about)
            }
        });
    }
    assert!(
        valid * 5 > rounds && valid * 20 < rounds * 19,
        "{model}: {valid} of {rounds} are valid"
    );
}

#[test]
fn both_engines_say_the_same_of_every_model() {
    for model in ModelKind::ALL {
        compare_all(model, 1, 1_500, 12);
    }
}

#[test]
fn both_engines_say_the_same_of_longer_histories() {
    for model in [ModelKind::CasRegister, ModelKind::MultiRegister, ModelKind::Mutex] {
        compare_all(model, 1 << 20, 400, 28);
    }
}

/// Many writes and compare-and-sets that may have happened or not.
fn murky(count: usize) -> Vec<Timed<Op>> {
    let mut random = Random(5);
    let mix = Mix { ops: count, open: 8, values: 4, crashes: 30, cas: 40, failed: 0, reads: 30 };
    let mut ops = history(&mut random, mix);
    ops.retain(|op| !matches!(op.op, Op::CasFailed(_)));
    ops
}

#[test]
fn the_stop_test_and_the_budget_end_a_sweep() {
    let (mut object, ops) = object_and_ops(&murky(4_000));
    let told = || Some(Stop::Told);
    let budget = Budget::new(64 << 20);
    let mut account = budget.account();
    let found = decide(&mut object, &ops, u64::MAX, &mut Meter::new(&mut account, &told));
    assert_eq!(found.outcome, Outcome::Stopped(Stop::Told));
    assert!(found.progress.completions < found.progress.completions_all, "{:?}", found.progress);
    let budget = Budget::new(100 << 10);
    let mut account = budget.account();
    let found = decide(&mut object, &ops, u64::MAX, &mut Meter::new(&mut account, &|| None));
    assert_eq!(found.outcome, Outcome::Stopped(Stop::Memory));
}

/// What a register is told, in order: an invocation, or what became of it.
#[derive(Debug, Clone, Copy)]
enum Told {
    Invoked(usize),
    Ended(usize),
}

/// The completion (or the failure) at which a watch says that things are impossible. Operations in `failed` fail.
fn watched(ops: &[Timed<Op>], failed: &[bool], sabotage: Option<online::Sabotage>) -> Option<u32> {
    let (object, key_ops) = object_and_ops(ops);
    let limits = online::Limits { bytes_max: 64 << 20, should_stop: &|| false };
    let mut watch = online::Online::new(object, limits);
    if let Some(sabotage) = sabotage {
        watch = watch.with_sabotage(sabotage);
    }
    let mut told: Vec<(u32, Told)> = Vec::new();
    for (number, op) in ops.iter().enumerate() {
        told.push((2 * op.call, Told::Invoked(number)));
        // That it is unknown is said soon, late or never.
        let ret = if op.is_crashed() { op.call + op.call % 5 } else { op.ret };
        if !op.is_crashed() || op.call % 3 > 0 {
            told.push((2 * ret + 1, Told::Ended(number)));
        }
    }
    told.sort_unstable_by_key(|(at, _)| *at);
    for (at, event) in told {
        let lives = match event {
            Told::Invoked(number) => {
                let open = key_ops[number].meaning.open;
                watch.invoke(number as u32, open).map(|()| true)
            }
            Told::Ended(number) if ops[number].is_crashed() => {
                watch.crash(number as u32).map(|()| true)
            }
            Told::Ended(number) => {
                let completed = key_ops[number].meaning.completed.filter(|_| !failed[number]);
                watch.complete(number as u32, completed)
            }
        };
        if !lives.unwrap() {
            return Some(at / 2);
        }
    }
    None
}

fn random_watched(seed: u64) -> (Vec<Timed<Op>>, Vec<bool>) {
    let mut random = Random(seed);
    let count = 4 + random.below(8) as usize;
    let mix = mix(&mut random, count);
    let ops = history(&mut random, mix);
    let failing = [0, 0, 20][random.below(3) as usize];
    let fails = |op: &Timed<Op>| {
        let update =
            matches!(op.op, Op::Write(_)) || matches!(op.op, Op::Cas(from, to) if from != to);
        update && !op.is_crashed()
    };
    let failed = ops.iter().map(|op| fails(op) && random.chance(failing)).collect();
    (ops, failed)
}

/// The first end at which brute force says that things are impossible.
fn first_impossible(ops: &[Timed<Op>], failed: &[bool]) -> Option<u32> {
    let mut rets: Vec<u32> = ops.iter().map(|op| op.ret).filter(|ret| *ret != NEVER).collect();
    rets.sort_unstable();
    rets.into_iter().find(|at| {
        let gone = |number: usize| failed[number] && ops[number].ret <= *at;
        let left = (0..ops.len()).filter(|number| !gone(*number)).map(|number| ops[number]);
        let left: Vec<Timed<Op>> = left.collect();
        !brute::is_linearizable(&brute::as_known(&left, *at), &0, &step)
    })
}

#[test]
fn what_is_watched_ends_where_brute_force_says() {
    let rounds = 15_000;
    let mut valid = 0;
    for round in 0..rounds {
        let (ops, failed) = random_watched((1 << 33) + round);
        let expected = first_impossible(&ops, &failed);
        valid += u64::from(expected.is_none());
        let found = watched(&ops, &failed, None);
        assert_eq!(found, expected, "round {round}: failed {failed:?}\n{}", lines(&ops));
    }
    assert!(valid * 10 > rounds * 2 && valid * 10 < rounds * 8, "{valid} of {rounds}");
}

#[test]
fn every_broken_rule_of_the_watch_is_caught() {
    use online::Sabotage::*;
    for rule in [GuessIsAll, NarrowIsAll, FailedStays, SeesThePast, OpenDoesNothing, CrashedIsVoid]
    {
        let caught = (0..20_000).find(|round| {
            let (ops, failed) = random_watched((1 << 34) + round);
            watched(&ops, &failed, Some(rule)) != watched(&ops, &failed, None)
        });
        assert!(caught.is_some(), "{rule:?} is not caught");
    }
}

#[test]
fn a_counter_that_could_go_up_for_ever_is_decided() {
    use crate::search::tests::generate::int;
    let mut events = Vec::new();
    let mut push = |process, kind, f: &str, value| {
        let (index, process) = (events.len() as u64, history::ProcessId(process));
        let (time, key, node, error, f) = (None, None, None, None, f.to_owned());
        events.push(history::Event { index, time, process, kind, f, key, value, node, error });
    };
    for process in 0..40 {
        push(process, history::EventKind::Invoke, "add", int(1 + process % 3));
        push(process, history::EventKind::Info, "add", int(1 + process % 3));
    }
    for answer in [20, 19] {
        push(90, history::EventKind::Invoke, "read", Value::Nil);
        push(90, history::EventKind::Ok, "read", int(answer));
    }
    let history = History::from_events(&events).unwrap();
    let mut object = Counter::new(&Value::Nil, false);
    let ops: Vec<KeyOp> = history
        .ops()
        .map(|op| {
            let meaning = object.interpret(op).unwrap();
            let ret = op.ret().unwrap_or(u64::MAX);
            KeyOp { id: op.id(), call: op.call(), ret, meaning }
        })
        .collect();
    let budget = Budget::new(64 << 20);
    let mut account = budget.account();
    let found = decide(&mut object, &ops, u64::MAX, &mut Meter::new(&mut account, &|| None));
    let Outcome::NotLinearizable(impasse) = found.outcome else { panic!("{found:?}") };
    assert_eq!(impasse.completion, 83);
}
