use super::*;
use crate::Value;
use crate::decide::brute::{self, Random, as_known, random_spans};
use crate::decide::fuzz::{Tally, Told, acting, first_wrong, is_right};
use crate::decide::fuzz::{compare_with_search, is_found_by_search};
use crate::model::element_set::ElementSet;

const ROUNDS: u64 = 60_000;

fn step(state: &mut u32, op: &Timed<Op>) -> bool {
    let bit = 1 << op.op.element;
    let present = *state & bit != 0;
    let answer = match op.op.function {
        Function::Add => {
            *state |= bit;
            !present
        }
        Function::Remove => {
            *state &= !bit;
            present
        }
        Function::Contains => present,
    };
    op.is_crashed() || op.op.answer == Some(answer)
}

/// A legal history, of which some answers are then changed.
fn history(random: &mut Random) -> Vec<Timed<Op>> {
    let count = 2 + random.below(8) as usize;
    history_of(random, count)
}

fn history_of(random: &mut Random, count: usize) -> Vec<Timed<Op>> {
    let (open, crashes) = (1 + random.below(4) as usize, [0, 10, 40][random.below(3) as usize]);
    let elements = 1 + random.below(2);
    let looks = 10 + random.below(50);
    let mut ops: Vec<Timed<Op>> = random_spans(random, count, open, crashes)
        .into_iter()
        .map(|span| {
            let function = match random.chance(looks) {
                true => Function::Contains,
                false if random.chance(50) => Function::Add,
                false => Function::Remove,
            };
            let op = Op { element: random.below(elements) as u32, function, answer: None };
            Timed { call: span.call, ret: span.ret, op }
        })
        .filter(|op| !op.is_crashed() || op.op.function != Function::Contains)
        .collect();
    let mut state = 0_u32;
    for at in acting(random, &ops) {
        let present = state & (1 << ops[at].op.element) != 0;
        ops[at].op.answer = Some(match ops[at].op.function {
            Function::Add => !present,
            Function::Remove | Function::Contains => present,
        });
        let unanswered = Timed { ret: NEVER, ..ops[at] };
        step(&mut state, &unanswered);
    }
    for _ in 0..random.below(3) {
        let at = random.below(ops.len().max(1) as u64) as usize;
        if let Some(op) = ops.get_mut(at) {
            op.op.answer = op.op.answer.map(|answer| !answer);
        }
    }
    ops
}

/// The contradiction must be one without the rest of the history.
fn check_core(ops: &[Timed<Op>], decision: &Decision) {
    if let Decision::NotLinearizable(refutation) = decision {
        let core: Vec<Timed<Op>> = refutation.ops.iter().map(|op| ops[*op as usize]).collect();
        let core = as_known(&core, refutation.completion);
        assert!(!brute::is_linearizable(&core, &0, &step), "{refutation:?} of {ops:?}");
    }
}

#[test]
fn brute_force_agrees() {
    let mut random = Random(7);
    let mut tally = Tally::default();
    for _ in 0..ROUNDS {
        let ops = history(&mut random);
        let decision = decide(&ops);
        tally.count(brute::compare(&ops, &decision, &0, &step));
        check_core(&ops, &decision);
    }
    tally.assert_shares(35, 35, 0);
}

/// Whether the fuzz notices that a rule is out of force.
fn is_caught<const FAULT: u8>() -> bool {
    let mut random = Random(7);
    let check = |ops: &Vec<Timed<Op>>| is_right(ops, &decide_with::<FAULT>(ops), &0, &step);
    first_wrong(ROUNDS, || history(&mut random), check).is_some()
}

#[test]
fn every_broken_rule_is_noticed() {
    assert!(!is_caught::<{ fault::NONE }>());
    assert!(is_caught::<{ fault::ANY_FLIP }>());
    assert!(is_caught::<{ fault::LATE_LOOKS }>());
    assert!(is_caught::<{ fault::EAGER_FLIPS }>());
    assert!(is_caught::<{ fault::NO_CRASHED }>());
    assert!(is_caught::<{ fault::STUCK_IS_FIRST }>());
    assert!(is_caught::<{ fault::IDLE_FLIPS }>());
}

#[test]
fn an_unknown_answer_is_not_guessed() {
    let op = Op { element: 0, function: Function::Add, answer: None };
    let decision = decide(&[Timed { call: 0, ret: 1, op }]);
    assert!(matches!(decision, Decision::Inapplicable(_)), "{decision:?}");
}

#[test]
fn the_search_agrees_on_longer_histories() {
    let mut random = Random(9);
    let mut tally = Tally::default();
    let tell = |at: usize, op: &Op| Told {
        process: at as u64,
        f: match op.function {
            Function::Add => "add",
            Function::Remove => "remove",
            Function::Contains => "contains",
        },
        input: Value::Int(op.element.into()),
        answer: op.answer.map_or(Value::Nil, Value::Bool),
    };
    for _ in 0..3_000 {
        let count = 12 + random.below(19) as usize;
        let ops = history_of(&mut random, count);
        let found = is_found_by_search(ElementSet::new(), &ops, tell);
        compare_with_search(&decide(&ops), found, &mut tally);
    }
    tally.assert_shares(25, 35, 0);
}
