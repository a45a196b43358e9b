use super::*;
use crate::Value;
use crate::decide::brute::{self, Random, as_known, random_spans};
use crate::decide::fuzz::{Tally, Told, acting, first_wrong, is_right};
use crate::decide::fuzz::{compare_with_search, is_found_by_search};
use crate::model::counter::Counter;

const ROUNDS: u64 = 60_000;

fn step(value: &mut i64, op: &Timed<Op>) -> bool {
    match op.op {
        Op::Add { delta, answer } => {
            *value += delta;
            op.is_crashed() || answer.is_none_or(|answer| answer == *value)
        }
        Op::Read(answer) => op.is_crashed() || answer == *value,
    }
}

/// A legal history, of which some answers are then changed.
fn history(random: &mut Random) -> (Vec<Timed<Op>>, i64) {
    let count = 2 + random.below(8) as usize;
    history_of(random, count)
}

fn history_of(random: &mut Random, count: usize) -> (Vec<Timed<Op>>, i64) {
    let (open, crashes) = (1 + random.below(4) as usize, [0, 10, 40][random.below(3) as usize]);
    let (reads, answers) = (10 + random.below(50), [0, 30, 100][random.below(3) as usize]);
    let initial = random.below(3).cast_signed() - 1;
    let unit = [1, 1, 3, -2][random.below(4) as usize];
    let odd = random.chance(5);
    let mut ops: Vec<Timed<Op>> = Vec::new();
    for span in random_spans(random, count, open, crashes) {
        let delta = if odd && random.chance(20) { 5 } else { unit };
        let reads = random.chance(reads);
        let op = if reads { Op::Read(0) } else { Op::Add { delta, answer: None } };
        if !reads || span.ret != NEVER {
            ops.push(Timed { call: span.call, ret: span.ret, op });
        }
    }
    let mut value = initial;
    for at in acting(random, &ops) {
        match &mut ops[at].op {
            Op::Add { delta, answer } => {
                value += *delta;
                *answer = random.chance(answers).then_some(value);
            }
            Op::Read(answer) => *answer = value,
        }
    }
    for _ in 0..random.below(4) {
        let at = random.below(ops.len().max(1) as u64) as usize;
        let off = [unit, -unit, 1][random.below(3) as usize];
        match ops.get_mut(at).map(|op| &mut op.op) {
            Some(Op::Add { answer: Some(answer), .. } | Op::Read(answer)) => *answer += off,
            Some(Op::Add { .. }) | None => {}
        }
    }
    (ops, initial)
}

/// The contradiction must be one together with the additions alone.
fn check_core(ops: &[Timed<Op>], initial: i64, decision: &Decision) {
    if let Decision::NotLinearizable(refutation) = decision {
        let kept = |at: usize| {
            refutation.ops.contains(&(at as u32)) || matches!(ops[at].op, Op::Add { .. })
        };
        let core: Vec<Timed<Op>> =
            (0..ops.len()).filter(|at| kept(*at)).map(|at| ops[at]).collect();
        let core = as_known(&core, refutation.completion);
        assert!(!brute::is_linearizable(&core, &initial, &step), "{refutation:?} of {ops:?}");
    }
}

#[test]
fn brute_force_agrees() {
    let mut random = Random(7);
    let mut tally = Tally::default();
    for _ in 0..ROUNDS {
        let (ops, initial) = history(&mut random);
        let decision = decide(&ops, initial);
        tally.count(brute::compare(&ops, &decision, &initial, &step));
        check_core(&ops, initial, &decision);
    }
    tally.assert_shares(40, 35, 5);
}

/// Whether the fuzz notices that a rule is out of force.
fn is_caught<const FAULT: u8>() -> bool {
    let mut random = Random(7);
    let check = |(ops, initial): &(Vec<Timed<Op>>, i64)| {
        is_right(ops, &decide_with::<FAULT>(ops, *initial), initial, &step)
    };
    first_wrong(ROUNDS, || history(&mut random), check).is_some()
}

#[test]
fn every_broken_rule_is_noticed() {
    assert!(!is_caught::<{ fault::NONE }>());
    assert!(is_caught::<{ fault::ANY_ADDITION }>());
    assert!(is_caught::<{ fault::LATE_READS }>());
    assert!(is_caught::<{ fault::EAGER_ADDITIONS }>());
    assert!(is_caught::<{ fault::NO_CRASHED }>());
    assert!(is_caught::<{ fault::NO_ANSWERS }>());
    assert!(is_caught::<{ fault::STUCK_IS_FIRST }>());
}

#[test]
fn a_counter_that_goes_up_and_down_is_left_to_the_search() {
    let add = |call, ret, delta| Timed { call, ret, op: Op::Add { delta, answer: None } };
    let ops = [add(0, 3, 1), add(1, 5, -1), Timed { call: 2, ret: 4, op: Op::Read(-1) }];
    assert!(brute::is_linearizable(&ops, &0, &step));
    assert!(matches!(decide(&ops, 0), Decision::Inapplicable(_)));
}

#[test]
fn values_that_no_number_of_additions_reaches_are_from_nowhere() {
    for (initial, answer) in [(0, -1), (0, i64::MAX), (i64::MIN, i64::MAX), (5, 6)] {
        let add = Timed { call: 0, ret: 1, op: Op::Add { delta: 2, answer: None } };
        let read = Timed { call: 2, ret: 3, op: Op::Read(answer) };
        let Decision::NotLinearizable(refutation) = decide(&[add, read], initial) else {
            panic!("{answer} from {initial}");
        };
        assert_eq!((refutation.completion, refutation.rule), (3, Rule::FromNowhere));
    }
}

#[test]
fn the_search_agrees_on_longer_histories() {
    let mut random = Random(9);
    let mut tally = Tally::default();
    let tell = |at: usize, op: &Op| {
        let (f, input, answer) = match *op {
            Op::Add { delta, answer: Some(answer) } => ("add-and-get", delta, answer),
            Op::Add { delta, answer: None } => ("add", delta, delta),
            Op::Read(answer) => ("read", 0, answer),
        };
        Told { process: at as u64, f, input: Value::Int(input), answer: Value::Int(answer) }
    };
    for _ in 0..3_000 {
        let count = 12 + random.below(19) as usize;
        let (ops, initial) = history_of(&mut random, count);
        let found = is_found_by_search(Counter::new(&Value::Int(initial), false), &ops, tell);
        compare_with_search(&decide(&ops, initial), found, &mut tally);
    }
    tally.assert_shares(20, 30, 10);
}
