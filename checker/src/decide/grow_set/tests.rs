use super::{Monitor, Sabotage, SetOp, decide, run};
use crate::Value;
use crate::check::ModelKind;
use crate::decide::brute::{Random, as_known, assert_order, compare, is_linearizable};
use crate::decide::lists::Lists;
use crate::decide::simulate::{acting, rounds, search_says, tighten};
use crate::decide::{Decision, NEVER, Rule, Timed};

/// A random history of a few operations: a set is simulated, then perhaps spoilt.
fn history(random: &mut Random) -> (Vec<Timed<SetOp>>, Lists) {
    let count = 3 + random.below(6) as usize;
    history_of(random, count)
}

fn history_of(random: &mut Random, count: usize) -> (Vec<Timed<SetOp>>, Lists) {
    let open_max = 2 + random.below(6) as usize;
    let crashes = [0, 15, 40][random.below(3) as usize];
    let (spans, acting) = acting(random, count, open_max, crashes);
    let reads: Vec<bool> =
        spans.iter().map(|span| random.chance(55) && !span.is_crashed()).collect();
    let repeats = if random.chance(40) { count as u64 / 2 } else { 1 << 20 };
    let elements: Vec<u32> = (0..count as u64)
        .map(|at| if repeats < at { random.below(repeats) } else { at } as u32)
        .collect();
    let mut set = Vec::new();
    let mut answers = vec![Vec::new(); count];
    for at in acting {
        if reads[at] {
            answers[at].clone_from(&set);
        } else if !set.contains(&elements[at]) {
            set.push(elements[at]);
        }
    }
    for _ in 0..random.below(4) {
        spoil(random, &reads, &elements, &mut answers);
    }
    let mut lists = Lists::default();
    let mut ops = Vec::new();
    for (at, span) in spans.iter().enumerate() {
        let op = if reads[at] {
            let len = answers[at].len() as u64;
            for last in (1..len).rev() {
                answers[at].swap(last as usize, random.below(last + 1) as usize);
            }
            SetOp::Read(lists.add(answers[at].iter().copied()))
        } else {
            SetOp::Add(elements[at])
        };
        ops.push(Timed { call: span.call, ret: span.ret, op });
    }
    for _ in 0..random.below(4) {
        tighten(random, &mut ops);
    }
    (ops, lists)
}

fn spoil(random: &mut Random, is_read: &[bool], elements: &[u32], answers: &mut [Vec<u32>]) {
    let (reads, adds): (Vec<usize>, Vec<usize>) = (0..is_read.len()).partition(|at| is_read[*at]);
    if reads.is_empty() || adds.is_empty() {
        return;
    }
    let added = |random: &mut Random| elements[adds[random.below(adds.len() as u64) as usize]];
    let pick = |random: &mut Random| reads[random.below(reads.len() as u64) as usize];
    let (at, other) = (pick(random), pick(random));
    let (one, two) = (added(random), added(random));
    match random.below(9) {
        0 | 1 => answers[at] = answers[other].clone(),
        2 => drop(answers[at].pop()),
        3 if random.chance(50) => answers[at].push(one),
        4 => answers[at].retain(|element| *element != one),
        5 | 6 => {
            answers[at] =
                adds.iter().map(|at| elements[*at]).filter(|_| random.chance(60)).collect();
            answers[at].sort_unstable();
            answers[at].dedup();
        }
        _ => {
            // All reads saw one element for another.
            for element in answers.iter_mut().flatten() {
                *element = match *element {
                    element if element == one => two,
                    element if element == two => one,
                    element => element,
                };
            }
        }
    }
}

/// Elements are below 64.
fn step(lists: &Lists) -> impl Fn(&mut u64, &Timed<SetOp>) -> bool {
    |state, op| match op.op {
        SetOp::Add(element) => {
            *state |= 1 << element;
            true
        }
        SetOp::Read(list) => {
            let list = lists.get(list);
            let seen = list.iter().fold(0_u64, |seen, element| seen | 1 << element);
            op.is_crashed() || (seen == *state && seen.count_ones() as usize == list.len())
        }
    }
}

#[test]
fn brute_force_agrees() {
    let rounds = rounds(60_000);
    let (mut valid, mut invalid, mut crashed, mut repeated) = (0, 0, 0, 0);
    let mut rules = std::collections::BTreeMap::new();
    for round in 0..rounds {
        let (ops, lists) = history(&mut Random(round));
        let decision = decide(&ops, &lists);
        crashed += u64::from(ops.iter().any(Timed::is_crashed));
        repeated += u64::from(repeats(&ops));
        match compare(&ops, &decision, &0, &step(&lists)) {
            Some(true) => valid += 1,
            Some(false) => invalid += 1,
            None => panic!("round {round} is inapplicable"),
        }
        if let Decision::NotLinearizable(refutation) = &decision {
            *rules.entry(format!("{:?}", refutation.rule)).or_insert(0_u64) += 1;
            assert_contradiction(&ops, &refutation.ops, &lists, round);
        }
    }
    let shares = format!("{valid} valid, {invalid} invalid, {rules:?}");
    assert!(valid > rounds * 3 / 10 && invalid > rounds * 3 / 10, "{shares}");
    assert!(crashed > rounds / 4, "{crashed} with crashes");
    assert!(repeated > rounds / 10, "{repeated} with elements added twice");
    assert!(rules.len() == 5 && rules.values().all(|count| *count > rounds / 200), "{shares}");
}

fn repeats(ops: &[Timed<SetOp>]) -> bool {
    let mut added: Vec<u32> = ops
        .iter()
        .filter_map(|op| match op.op {
            SetOp::Add(element) => Some(element),
            SetOp::Read(_) => None,
        })
        .collect();
    let count = added.len();
    added.sort_unstable();
    added.dedup();
    added.len() < count
}

/// The operations of a refutation have no order, even if all other additions may act or not as is useful.
fn assert_contradiction(ops: &[Timed<SetOp>], blamed: &[u32], lists: &Lists, round: u64) {
    let rest: Vec<Timed<SetOp>> = (0_u32..)
        .zip(ops)
        .filter(|(at, op)| blamed.contains(at) || matches!(op.op, SetOp::Add(_)))
        .map(|(at, op)| Timed { ret: if blamed.contains(&at) { op.ret } else { NEVER }, ..*op })
        .collect();
    assert!(
        !is_linearizable(&rest, &0, &step(lists)),
        "round {round}: {blamed:?} have an order: {ops:#?}"
    );
}

#[test]
fn the_search_agrees_on_longer_histories() {
    let (mut valid, mut compared) = (0, 0);
    for round in 0..rounds(2_000) {
        let mut random = Random(round);
        let count = 12 + random.below(19) as usize;
        let (ops, lists) = history_of(&mut random, count);
        let found = match decide(&ops, &lists) {
            Decision::Inapplicable(_) => continue,
            Decision::Linearizable(order) => {
                assert_order(&ops, &order, &0, &step(&lists));
                true
            }
            Decision::NotLinearizable(_) => false,
        };
        let searched = search_says(ModelKind::Set, &ops, |op| match op.op {
            SetOp::Add(element) => ("add", Value::Int(element.into()), Value::Int(element.into())),
            SetOp::Read(list) => {
                let answer = lists.get(list).iter().map(|element| Value::Int((*element).into()));
                ("read", Value::Nil, Value::List(answer.collect()))
            }
        });
        assert_eq!(Some(found), searched, "round {round}");
        (valid, compared) = (valid + u64::from(found), compared + 1);
    }
    assert!(valid > compared / 5 && valid < compared * 4 / 5, "{valid} of {compared} are valid");
}

#[test]
fn broken_rules_are_caught() {
    let faults = [
        Sabotage::Repeats,
        Sabotage::Below,
        Sabotage::Above,
        Sabotage::NoSplit,
        Sabotage::Lost,
        Sabotage::LaterElements,
        Sabotage::OneAdding,
        Sabotage::SmallerReads,
        Sabotage::StaleReach,
        Sabotage::FromNowhere,
    ];
    for fault in faults {
        let caught = (0..60_000).find(|round| {
            let (ops, lists) = history(&mut Random(*round));
            let monitor = Monitor { sabotage: Some(fault), ..Monitor::default() };
            let step = step(&lists);
            match run(monitor, &ops, &lists) {
                Decision::Inapplicable(_) => false,
                Decision::Linearizable(_) => !is_linearizable(&ops, &0, &step),
                Decision::NotLinearizable(refutation) => {
                    is_linearizable(&as_known(&ops, refutation.completion), &0, &step)
                }
            }
        });
        assert!(caught.is_some(), "{fault:?} was not noticed");
    }
}

#[test]
fn a_refutation_names_the_operations_that_contradict_each_other() {
    let mut lists = Lists::default();
    let (one, other) = (lists.add([1, 2]), lists.add([3, 1]));
    let op = |call, ret, op| Timed { call, ret, op };
    let ops = [
        op(0, 20, SetOp::Add(1)),
        op(1, 21, SetOp::Add(2)),
        op(2, 22, SetOp::Add(3)),
        op(3, 6, SetOp::Read(one)),
        op(4, 5, SetOp::Read(other)),
    ];
    let Decision::NotLinearizable(found) = decide(&ops, &lists) else { panic!("linearizable") };
    assert_eq!((found.completion, found.rule, found.ops), (6, Rule::Incompatible, vec![4, 3]));
    // 3 was complete before 1 began, yet was not seen with it.
    let ops = [
        op(0, 1, SetOp::Add(3)),
        op(2, 9, SetOp::Add(1)),
        op(3, 8, SetOp::Add(2)),
        op(4, 5, SetOp::Read(one)),
    ];
    let Decision::NotLinearizable(found) = decide(&ops, &lists) else { panic!("linearizable") };
    assert_eq!((found.completion, found.rule, found.ops), (5, Rule::Lost, vec![0, 3]));
}
