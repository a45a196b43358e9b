//! Against brute force, with values that are written once and with values that are not.

use super::{CellOp, Machine, Sabotage, run};
use crate::decide::brute::{self, Random};
use crate::decide::{Decision, Timed};

/// Histories in the test that every build runs.
const ROUNDS: u64 = 200_000;

fn step(state: &mut u32, op: &Timed<CellOp>) -> bool {
    match op.op {
        CellOp::Read(value) => op.is_crashed() || *state == value,
        CellOp::Write(value) => {
            *state = value;
            true
        }
        CellOp::Cas(from, to) => {
            let fits = *state == from;
            *state = to;
            fits
        }
    }
}

/// Mostly answers that some order explains: the operations are run in a random order that real time allows.
fn random_case(random: &mut Random) -> (Vec<Timed<CellOp>>, usize) {
    let count = 2 + random.below(7) as usize;
    let open_max = 1 + random.below(4) as usize;
    let crashes = [0, 10, 40][random.below(3) as usize];
    let spans = brute::random_spans(random, count, open_max, crashes);
    let cas = [0, 30, 60][random.below(3) as usize];
    let moments: Vec<u32> = spans
        .iter()
        .map(|span| {
            let last = span.ret.min(span.call + 6);
            span.call + random.below(u64::from(last - span.call)) as u32
        })
        .collect();
    let mut by_moment: Vec<usize> = (0..count).collect();
    by_moment.sort_by_key(|index| moments[*index]);
    let mut ops: Vec<Timed<CellOp>> = spans
        .iter()
        .map(|span| Timed { call: span.call, ret: span.ret, op: CellOp::Read(0) })
        .collect();
    let (mut state, mut values) = (0, 1);
    for index in by_moment {
        let new = values;
        ops[index].op = if random.chance(45) {
            CellOp::Read(state)
        } else if random.chance(cas) {
            values += 1;
            CellOp::Cas(state, new)
        } else {
            values += 1;
            CellOp::Write(new)
        };
        let lost = ops[index].is_crashed() && random.chance(50);
        if !lost {
            step(&mut state, &ops[index]);
        }
    }
    spoil(&mut ops, values, random);
    ops.retain(|op| !(op.is_crashed() && matches!(op.op, CellOp::Read(_))));
    (ops, values as usize)
}

fn spoil(ops: &mut [Timed<CellOp>], values: u32, random: &mut Random) {
    for _ in 0..random.below(5) {
        let at = random.below(ops.len() as u64) as usize;
        let value = random.below(u64::from(values)) as u32;
        match &mut ops[at].op {
            CellOp::Read(seen) => *seen = value,
            CellOp::Cas(from, to) if value != *to => *from = value,
            CellOp::Cas(..) | CellOp::Write(_) => {}
        }
    }
}

fn completions(ops: &[Timed<CellOp>]) -> Vec<u32> {
    let mut completed: Vec<u32> =
        (0..ops.len() as u32).filter(|index| !ops[*index as usize].is_crashed()).collect();
    completed.sort_by_key(|index| ops[*index as usize].ret);
    completed
}

fn decide(ops: &[Timed<CellOp>], values: usize, sabotage: Option<Sabotage>) -> Decision {
    let mut machine = Machine::new(values);
    machine.sabotage = sabotage;
    run(machine, ops, &completions(ops))
}

#[test]
fn registers_with_unique_values_agree_with_brute_force() {
    let (mut valid, mut invalid) = (0, 0);
    for round in 0..ROUNDS {
        let mut random = Random(round);
        let (ops, values) = random_case(&mut random);
        let decision = decide(&ops, values, None);
        match brute::compare(&ops, &decision, &0, &step) {
            Some(true) => valid += 1,
            Some(false) => {
                invalid += 1;
                let Decision::NotLinearizable(refutation) = decision else { unreachable!() };
                let known = brute::as_known(&ops, refutation.completion);
                let rest: Vec<_> = refutation.ops.iter().map(|op| known[*op as usize]).collect();
                assert!(
                    !brute::is_linearizable(&rest, &0, &step),
                    "{refutation:?} is no contradiction: {ops:#?}"
                );
            }
            None => panic!("values are unique: {ops:#?}"),
        }
    }
    assert!(valid > ROUNDS / 3 && invalid > ROUNDS / 5, "{valid} valid, {invalid} invalid");
}

#[test]
fn values_that_are_written_twice_are_not_decided() {
    let write = |call, ret| Timed { call, ret, op: CellOp::Write(1) };
    let decision = decide(&[write(0, 1), write(2, 3)], 2, None);
    assert_eq!(decision, Decision::Inapplicable("a value is written twice"));
    let initial = Timed { call: 0, ret: 1, op: CellOp::Write(0) };
    assert!(matches!(decide(&[initial], 1, None), Decision::Inapplicable(_)));
}

#[test]
fn every_rule_is_needed() {
    let broken = [
        Sabotage::Nowhere,
        Sabotage::Twice,
        Sabotage::Rank,
        Sabotage::Zones,
        Sabotage::Cover,
        Sabotage::PendingWriters,
    ];
    for sabotage in broken {
        let caught = (0..ROUNDS).any(|round| {
            let (ops, values) = random_case(&mut Random(round));
            let expected = brute::is_linearizable(&ops, &0, &step);
            let decision = decide(&ops, values, Some(sabotage));
            matches!(decision, Decision::Linearizable(_)) != expected
        });
        assert!(caught, "{sabotage:?} goes unnoticed");
    }
}
