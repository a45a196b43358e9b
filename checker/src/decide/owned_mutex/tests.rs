use super::*;
use crate::Value;
use crate::decide::NEVER;
use crate::decide::brute::{self, Random, as_known, random_spans};
use crate::decide::fuzz::{Tally, Told, acting, first_wrong, is_right};
use crate::decide::fuzz::{compare_with_search, is_found_by_search};
use crate::model::owned_mutex::OwnedMutex;

const ROUNDS: u64 = 60_000;

pub(crate) fn step(holder: &mut Option<u32>, op: &Timed<Op>) -> bool {
    let Op { process, function } = op.op;
    match function {
        Function::Acquire => holder.replace(process).is_none(),
        Function::Release => holder.take() == Some(process),
    }
}

/// Spans of processes that do one thing at a time, with any function.
fn spans(random: &mut Random, count: usize) -> Vec<Timed<Op>> {
    let (open, crashes) = (1 + random.below(4) as usize, [0, 10, 40][random.below(3) as usize]);
    let mut free_from: Vec<u32> = Vec::new();
    let assign = |span: Timed<()>, random: &mut Random| {
        let free: Vec<usize> =
            (0..free_from.len()).filter(|process| free_from[*process] < span.call).collect();
        let process = if free.is_empty() || random.chance(10) {
            free_from.push(0);
            free_from.len() - 1
        } else {
            free[random.below(free.len() as u64) as usize]
        };
        free_from[process] = span.ret;
        let function = if random.chance(50) { Function::Acquire } else { Function::Release };
        Timed { call: span.call, ret: span.ret, op: Op { process: process as u32, function } }
    };
    let mut assign = assign;
    random_spans(random, count, open, crashes)
        .into_iter()
        .map(|span| assign(span, random))
        .collect()
}

/// A legal history, of which something is then changed. What cannot act when it should is left out.
pub(crate) fn history(random: &mut Random) -> Vec<Timed<Op>> {
    let count = 2 + random.below(10) as usize;
    history_of(random, count)
}

fn history_of(random: &mut Random, count: usize) -> Vec<Timed<Op>> {
    let mut ops = spans(random, count);
    let mut holder = None;
    let mut useless = Vec::new();
    for at in acting(random, &ops) {
        let op = &mut ops[at].op;
        op.function = if holder.is_none() { Function::Acquire } else { Function::Release };
        if holder.is_some_and(|holder| holder != op.process) {
            useless.push(at);
        } else {
            step(&mut holder, &ops[at]);
        }
    }
    let mut at = 0;
    ops.retain(|_| {
        at += 1;
        !useless.contains(&(at - 1))
    });
    for _ in 0..random.below(4) {
        if !ops.is_empty() {
            spoil(random, &mut ops);
        }
    }
    ops
}

fn spoil(random: &mut Random, ops: &mut Vec<Timed<Op>>) {
    let at = random.below(ops.len() as u64) as usize;
    match random.below(4) {
        0 => {
            let acquires = ops[at].op.function == Function::Acquire;
            ops[at].op.function = if acquires { Function::Release } else { Function::Acquire };
        }
        1 => ops[at].op.process = random.below(3) as u32,
        2 => drop(ops.remove(at)),
        _ => ops[at].ret = NEVER,
    }
}

#[test]
fn brute_force_agrees() {
    let mut random = Random(3);
    let mut tally = Tally::default();
    for _ in 0..ROUNDS {
        let ops = history(&mut random);
        let decision = decide(&ops);
        tally.count(brute::compare(&ops, &decision, &None, &step));
        if let Decision::NotLinearizable(refutation) = &decision {
            let core: Vec<_> = refutation.ops.iter().map(|op| ops[*op as usize]).collect();
            let core = as_known(&core, refutation.completion);
            assert!(!brute::is_linearizable(&core, &None, &step), "{refutation:?} of {ops:?}");
        }
    }
    tally.assert_shares(35, 27, 20);
}

fn is_caught<const FAULT: u8>() -> bool {
    let mut random = Random(3);
    let check = |ops: &Vec<Timed<Op>>| is_right(ops, &decide_with::<FAULT>(ops), &None, &step);
    first_wrong(ROUNDS, || history(&mut random), check).is_some()
}

#[test]
fn every_broken_rule_is_noticed() {
    assert!(!is_caught::<{ fault::NONE }>());
    assert!(is_caught::<{ fault::LATE_RELEASE }>());
    assert!(is_caught::<{ fault::NO_CRASHED }>());
    assert!(is_caught::<{ fault::ANY_OWNER }>());
    assert!(is_caught::<{ fault::EARLY_ACQUIRE }>());
}

#[test]
fn the_search_agrees_on_longer_histories() {
    let mut random = Random(9);
    let mut tally = Tally::default();
    let tell = |_: usize, op: &Op| Told {
        process: op.process.into(),
        f: if op.function == Function::Acquire { "acquire" } else { "release" },
        input: Value::Nil,
        answer: Value::Nil,
    };
    for _ in 0..3_000 {
        let count = 12 + random.below(19) as usize;
        let ops = history_of(&mut random, count);
        if is_sequential(&ops) {
            let found = is_found_by_search(OwnedMutex::new(), &ops, tell);
            compare_with_search(&decide(&ops), found, &mut tally);
        }
    }
    tally.assert_shares(30, 30, 0);
}
