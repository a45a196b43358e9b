//! What looks like a shortcut and is none: each is taken here, and random histories must notice.
//!
//! The table says how soon. One among so many of the histories of registers that the example `fuzz_gate` runs by the million
//! is judged wrongly, and one among so many of this sweep's own fuzz: those are longer, with more going on at once.

#[expect(dead_code, reason = "here nobody runs the gate")]
#[path = "../../../tests/support/small.rs"]
mod small;

use crate::search::tests::{generate::random, oracle};
use small::brute::Brute;
use small::case::Case;

use super::{CasRegister, Object, brute, history, mix, run};
use super::{History, KeyOp, Meter, Order, Outcome, Random, Sabotage, Timed, Value, decide_by};
use crate::check::ModelKind;
use crate::decide::brute::random_spans;
use crate::decide::fuzz::acting;
use crate::search::Budget;

/// A shortcut, and among how many histories of the gate and of this module's fuzz it is noticed. The gate's are smaller: what
/// takes more than [`ROUNDS`] of them is not waited for here.
type Shortcut = (Sabotage, Option<u64>, u64);

/// Every one. What it does, and so what is wrong with it, [`Sabotage`] says.
const TABLE: [Shortcut; 21] = [
    (Sabotage::EagerWrites, Some(20), 20),
    (Sabotage::EagerIdleWrites, Some(20), 100),
    (Sabotage::RetireOnly, Some(100), 100),
    (Sabotage::EveryUpdateHides, Some(500), 10_000),
    (Sabotage::FreeFromTheStart, Some(20), 50),
    (Sabotage::IdleWritesHideNothing, Some(150_000), 5_000),
    (Sabotage::WritesMustBeRead, Some(50), 5),
    (Sabotage::LatestOfEquals, Some(500), 20),
    (Sabotage::UsedCoversFree, Some(1_000), 500),
    (Sabotage::PendingCoversUsed, None, 50_000),
    (Sabotage::DoneCoversPending, Some(500), 500),
    (Sabotage::MergeUsed, Some(5_000), 5_000),
    (Sabotage::MoreUsedIsBetter, Some(5_000), 2_000),
    (Sabotage::MergeStates, Some(5), 5),
    (Sabotage::MergeByHash, Some(50), 5),
    (Sabotage::IgnoreObservedFailures, Some(1_000), 500),
    (Sabotage::DropUnobservedCompleted, Some(20), 50),
    (Sabotage::MergeTooEarly, Some(20), 5),
    (Sabotage::StopEarly, Some(20), 20),
    (Sabotage::CrashedMustHappen, Some(5), 5),
    (Sabotage::NarrowIsAll, Some(5), 100),
];

/// With the least that the first attempt can keep, so that leaving out shows.
const WIDTH: usize = 1;

/// More than any in the table: a rule that nothing breaks passes as many.
const ROUNDS: u64 = 200_000;

/// The first history of the gate that is judged wrongly.
fn first_of_the_gate(sabotage: Option<Sabotage>, rounds: u64) -> Option<u64> {
    let mut brute = Brute::new();
    (0..rounds).find(|round| {
        let model = [ModelKind::CasRegister, ModelKind::Register][(round % 2) as usize];
        let case = small::make::case(model, 1, *round);
        // One sweep, one object: the gate splits by key.
        let case = of_one_key(case);
        let first = brute.first_impossible(&case).map(u64::from);
        found_in(&case, sabotage) != first
    })
}

fn of_one_key(mut case: Case) -> Case {
    case.ops.iter_mut().for_each(|op| op.key = None);
    case
}

/// The completion from which on the sweep sees no way; 0 if it does not know.
fn found_in(case: &Case, sabotage: Option<Sabotage>) -> Option<u64> {
    let history: History = case.history();
    let rules = &case.rules;
    let initial: Value = rules.initial.to_value();
    let mut object = CasRegister::new(&initial, rules.nil_reads_unknown, rules.failed_cas_observed);
    let mut ops = Vec::new();
    for operation in history.ops() {
        let meaning = object.interpret(operation).unwrap();
        let ret = operation.ret().unwrap_or(u64::MAX);
        ops.push(KeyOp { id: operation.id(), call: operation.call(), ret, meaning });
    }
    let budget = Budget::new(64 << 20);
    let mut account = budget.account();
    let mut meter = Meter::new(&mut account, &|| None);
    match decide_by(&mut object, &ops, u64::MAX, Order { sabotage }, WIDTH, &mut meter).outcome {
        Outcome::Linearizable(_) => None,
        Outcome::NotLinearizable(impasse) => Some(impasse.completion),
        Outcome::Stopped(_) => Some(0),
    }
}

/// The first history of this module's fuzz that is judged wrongly.
fn first_of_the_fuzz(sabotage: Sabotage, rounds: u64) -> Option<u64> {
    (0..rounds).find(|round| {
        let mut random = Random((1 << 50) + round);
        let count = 4 + random.below(7) as usize;
        let mix = mix(&mut random, count);
        let ops = history(&mut random, mix);
        let findings = run(&ops, Some(sabotage), false, WIDTH);
        let found = matches!(findings.outcome, Outcome::Linearizable(_));
        found != brute::is_linearizable(&ops, &0, &super::step)
    })
}

#[test]
fn every_shortcut_is_noticed_and_soon() {
    let told = |(sabotage, gate, fuzz): Shortcut| {
        let within = |found: Option<u64>, most: u64| found.is_some_and(|round| round < most);
        let by_gate = gate.map(|most| (first_of_the_gate(Some(sabotage), ROUNDS), most));
        let by_fuzz = first_of_the_fuzz(sabotage, ROUNDS);
        let fine = by_gate.is_none_or(|(found, most)| within(found, most)) && within(by_fuzz, fuzz);
        (!fine).then(|| format!("{sabotage:?}: by {by_gate:?} and ({by_fuzz:?}, {fuzz})"))
    };
    let late: Vec<String> = TABLE.into_iter().filter_map(told).collect();
    assert!(late.is_empty(), "{}", late.join("\n"));
}

#[test]
fn the_gate_finds_nothing_wrong_with_the_sweep_as_it_is() {
    assert_eq!(first_of_the_gate(None, ROUNDS), None);
}

/// A counter that goes up and down by one.
#[derive(Debug, Clone, Copy)]
enum Step {
    Add(i64),
    Read(i64),
}

fn count(value: &mut i64, op: &Timed<Step>) -> bool {
    match op.op {
        Step::Add(delta) => *value += delta,
        Step::Read(answer) => return op.is_crashed() || answer == *value,
    }
    true
}

/// Decides such a counter as one that only goes up is: a read as soon as it is right, and of the additions that it wants
/// the one that completes first.
fn greedy(ops: &[Timed<Step>]) -> bool {
    let mut ends: Vec<usize> = (0..ops.len()).filter(|at| !ops[*at].is_crashed()).collect();
    ends.sort_unstable_by_key(|at| ops[*at].ret);
    let (mut value, mut done) = (0, vec![false; ops.len()]);
    for end in ends {
        let now = ops[end].ret;
        see(ops, &mut done, value, now);
        while !done[end] {
            let next = match ops[end].op {
                Step::Add(_) => Some(end),
                Step::Read(answer) => (0..ops.len())
                    .filter(|at| !done[*at] && ops[*at].call < now)
                    .filter(|at| matches!(ops[*at].op, Step::Add(d) if d.signum() == (answer - value).signum()))
                    .min_by_key(|at| ops[*at].ret),
            };
            let Some(next) = next else { return false };
            count(&mut value, &ops[next]);
            done[next] = true;
            see(ops, &mut done, value, now);
        }
    }
    true
}

/// The open reads that are right now are done.
fn see(ops: &[Timed<Step>], done: &mut [bool], value: i64, now: u32) {
    for (at, op) in ops.iter().enumerate() {
        let right = matches!(op.op, Step::Read(answer) if answer == value);
        done[at] |= right && op.call < now;
    }
}

fn up_and_down(random: &mut Random) -> Vec<Timed<Step>> {
    let (count, open) = (2 + random.below(7) as usize, 2 + random.below(3) as usize);
    let crashes = [0, 10, 40][random.below(3) as usize];
    let spans = random_spans(random, count, open, crashes);
    let mut ops: Vec<Timed<Step>> = Vec::new();
    for Timed { call, ret, .. } in spans {
        let delta = if random.chance(50) { 1 } else { -1 };
        let op = if random.chance(40) { Step::Read(0) } else { Step::Add(delta) };
        ops.push(Timed { call, ret, op });
    }
    let mut value = 0;
    for at in acting(random, &ops) {
        match &mut ops[at].op {
            Step::Add(delta) => value += *delta,
            Step::Read(answer) => *answer = value,
        }
    }
    ops
}

#[test]
fn greed_is_wrong_about_counters_that_go_up_and_down() {
    let mut random = Random(3);
    let wrong = (0..ROUNDS).find(|_| {
        let ops = up_and_down(&mut random);
        let expected = brute::is_linearizable(&ops, &0, &count);
        assert!(expected, "legal as made");
        !greedy(&ops)
    });
    assert!(wrong.is_some_and(|round| round < 100), "{wrong:?}");
    // Down, a read of one less, up; the second addition is the one that completes first.
    let at = |call, ret, op| Timed { call, ret, op };
    let ops = [at(0, 3, Step::Add(1)), at(1, 5, Step::Add(-1)), at(2, 4, Step::Read(-1))];
    assert!(brute::is_linearizable(&ops, &0, &count) && !greedy(&ops));
}
