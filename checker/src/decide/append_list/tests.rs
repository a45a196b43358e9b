use super::{ListOp, Monitor, Sabotage, decide, run};
use crate::Value;
use crate::check::ModelKind;
use crate::decide::brute::{Random, as_known, assert_order, compare, is_linearizable};
use crate::decide::lists::{Lists, Read};
use crate::decide::simulate::{acting, rounds, search_says, tighten};
use crate::decide::timeline::{Moment, moments};
use crate::decide::{Decision, Rule, Timed};

/// A random history of a few operations: a list is simulated, then perhaps spoilt.
fn history(random: &mut Random) -> (Vec<Timed<ListOp>>, Lists) {
    let count = 3 + random.below(6) as usize;
    history_of(random, count)
}

fn history_of(random: &mut Random, count: usize) -> (Vec<Timed<ListOp>>, Lists) {
    let open_max = 2 + random.below(5) as usize;
    let crashes = [0, 15, 40][random.below(3) as usize];
    let (spans, acting) = acting(random, count, open_max, crashes);
    let reads: Vec<bool> =
        spans.iter().map(|span| random.chance(55) && !span.is_crashed()).collect();
    let mut list = Vec::new();
    let mut answers = vec![Vec::new(); count];
    for at in acting {
        if reads[at] {
            answers[at].clone_from(&list);
        } else {
            list.push(at as u32);
        }
    }
    for _ in 0..random.below(4) {
        spoil(random, &reads, &mut answers);
    }
    let mut lists = Lists::default();
    let op = |(at, span): (usize, &Timed<()>)| {
        let op = if reads[at] {
            ListOp::Read(lists.add(answers[at].iter().copied()))
        } else {
            ListOp::Append(at as u32)
        };
        Timed { call: span.call, ret: span.ret, op }
    };
    let mut ops: Vec<Timed<ListOp>> = spans.iter().enumerate().map(op).collect();
    for _ in 0..random.below(4) {
        tighten(random, &mut ops);
    }
    if random.chance(2) {
        repeat_append(random, &mut ops);
    }
    (ops, lists)
}

fn spoil(random: &mut Random, is_read: &[bool], answers: &mut [Vec<u32>]) {
    let (reads, appends): (Vec<usize>, Vec<usize>) =
        (0..is_read.len()).partition(|at| is_read[*at]);
    if reads.is_empty() || appends.is_empty() {
        return;
    }
    let pick = |random: &mut Random| reads[random.below(reads.len() as u64) as usize];
    let (at, other) = (pick(random), pick(random));
    let extra = appends[random.below(appends.len() as u64) as usize] as u32;
    let swapped = (random.next(), random.next());
    match random.below(8) {
        0 | 1 => answers[at] = answers[other].clone(),
        2 => drop(answers[at].pop()),
        3 => answers[at].push(extra),
        4 if !answers[at].is_empty() => {
            let len = answers[at].len() as u64;
            let swapped = ((swapped.0 % len) as usize, (swapped.1 % len) as usize);
            for answer in answers.iter_mut().filter(|answer| answer.len() as u64 == len) {
                answer.swap(swapped.0, swapped.1);
            }
        }
        _ => {
            // All reads saw two elements the other way round.
            let (one, two) = (extra, appends[(swapped.0 % appends.len() as u64) as usize] as u32);
            for element in answers.iter_mut().flatten() {
                *element = if *element == one {
                    two
                } else if *element == two {
                    one
                } else {
                    *element
                };
            }
        }
    }
}

fn repeat_append(random: &mut Random, ops: &mut [Timed<ListOp>]) {
    let appends: Vec<usize> =
        (0..ops.len()).filter(|at| matches!(ops[*at].op, ListOp::Append(_))).collect();
    if let Some(at) = appends.get(random.below(8) as usize) {
        ops[*at].op = ops[appends[0]].op;
    }
}

fn step(lists: &Lists) -> impl Fn(&mut Vec<u32>, &Timed<ListOp>) -> bool {
    |state, op| match op.op {
        ListOp::Append(element) => {
            state.push(element);
            true
        }
        ListOp::Read(list) => op.is_crashed() || state[..] == *lists.get(list),
    }
}

#[test]
fn brute_force_agrees() {
    let rounds = rounds(60_000);
    let (mut valid, mut invalid, mut inapplicable, mut crashed) = (0, 0, 0, 0);
    let mut rules = std::collections::BTreeMap::new();
    for round in 0..rounds {
        let (ops, lists) = history(&mut Random(round));
        let decision = decide(&ops, &lists);
        crashed += u64::from(ops.iter().any(Timed::is_crashed));
        match compare(&ops, &decision, &Vec::new(), &step(&lists)) {
            Some(true) => valid += 1,
            Some(false) => invalid += 1,
            None => inapplicable += 1,
        }
        if let Decision::NotLinearizable(refutation) = &decision {
            *rules.entry(format!("{:?}", refutation.rule)).or_insert(0_u64) += 1;
            assert_contradiction(&ops, &refutation.ops, &lists, round);
        }
    }
    let shares =
        format!("{valid} valid, {invalid} invalid, {inapplicable} inapplicable, {rules:?}");
    assert!(valid > rounds * 3 / 10 && invalid > rounds * 3 / 10, "{shares}");
    assert!(inapplicable > rounds / 500 && inapplicable < rounds / 30, "{shares}");
    assert!(crashed > rounds / 4, "{crashed} with crashes");
    assert!(rules.len() == 5 && rules.values().all(|count| *count > rounds / 300), "{shares}");
}

/// The operations of a refutation have no order, even if all others may act or not as is useful, but for the reads.
fn assert_contradiction(ops: &[Timed<ListOp>], blamed: &[u32], lists: &Lists, round: u64) {
    let rest: Vec<Timed<ListOp>> = (0_u32..)
        .zip(ops)
        .filter(|(at, op)| blamed.contains(at) || matches!(op.op, ListOp::Append(_)))
        .map(|(at, op)| {
            let ret = if blamed.contains(&at) { op.ret } else { crate::decide::NEVER };
            Timed { ret, ..*op }
        })
        .collect();
    assert!(
        !is_linearizable(&rest, &Vec::new(), &step(lists)),
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
                assert_order(&ops, &order, &Vec::new(), &step(&lists));
                true
            }
            Decision::NotLinearizable(_) => false,
        };
        let searched = search_says(ModelKind::AppendList, &ops, |op| match op.op {
            ListOp::Append(element) => {
                ("append", Value::Int(element.into()), Value::Int(element.into()))
            }
            ListOp::Read(list) => {
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
        Sabotage::SpineOrder,
        Sabotage::UnreadBehindSpine,
        Sabotage::UnreadBeforeRead,
        Sabotage::ReadBeforeRead,
        Sabotage::ShorterReads,
        Sabotage::LastElement,
        Sabotage::Repeats,
        Sabotage::OneBound,
        Sabotage::CrashedUnread,
    ];
    for fault in faults {
        let caught = (0..60_000).find(|round| {
            let (ops, lists) = history(&mut Random(*round));
            let monitor = Monitor { sabotage: Some(fault), ..Monitor::default() };
            let step = step(&lists);
            match run(monitor, &ops, &lists) {
                Decision::Inapplicable(_) => false,
                Decision::Linearizable(_) => !is_linearizable(&ops, &Vec::new(), &step),
                Decision::NotLinearizable(refutation) => {
                    let known = as_known(&ops, refutation.completion);
                    is_linearizable(&known, &Vec::new(), &step)
                }
            }
        });
        assert!(caught.is_some(), "{fault:?} was not noticed");
    }
}

#[test]
fn forgetting_what_no_open_read_can_ask_for_changes_nothing() {
    for round in 0..20_000 {
        let (ops, lists) = history(&mut Random(round));
        let mut monitor = Monitor::default();
        let mut found = None;
        for moment in moments(&ops) {
            let Moment::Completed(at) = moment else {
                let Moment::Invoked(at) = moment else { unreachable!() };
                if let ListOp::Append(element) = ops[at as usize].op
                    && monitor.append_invoked(element, at, ops[at as usize].call).is_err()
                {
                    found = Some(None);
                    break;
                }
                continue;
            };
            let op = ops[at as usize];
            match op.op {
                ListOp::Append(element) => monitor.append_completed(element, op.ret),
                ListOp::Read(list) => {
                    let read = Read { op: at, call: op.call, ret: op.ret };
                    if let Err(refutation) = monitor.read_completed(read, lists.get(list)) {
                        found = Some(Some(refutation.completion));
                        break;
                    }
                }
            }
            let open = ops.iter().filter(|other| other.call < op.ret && other.ret > op.ret);
            let reads = open.filter(|other| matches!(other.op, ListOp::Read(_)));
            monitor.forget(reads.map(|other| other.call).min().unwrap_or(op.ret + 1));
        }
        let expected = match decide(&ops, &lists) {
            Decision::Inapplicable(_) => Some(None),
            Decision::Linearizable(_) => None,
            Decision::NotLinearizable(refutation) => Some(Some(refutation.completion)),
        };
        assert_eq!(found, expected, "round {round}");
    }
}

fn op(call: u32, ret: u32, op: ListOp) -> Timed<ListOp> {
    Timed { call, ret, op }
}

#[test]
fn a_refutation_names_the_operations_that_contradict_each_other() {
    let mut lists = Lists::default();
    let both = lists.add([7, 5]);
    let one = lists.add([7]);
    // 5 was complete before 7 began, yet stands behind it.
    let ops =
        [op(0, 1, ListOp::Append(5)), op(2, 5, ListOp::Append(7)), op(3, 4, ListOp::Read(both))];
    let Decision::NotLinearizable(found) = decide(&ops, &lists) else { panic!("linearizable") };
    assert_eq!((found.completion, found.rule, found.ops), (4, Rule::Rank, vec![0, 1, 2]));
    // The second read lacks what the first one saw.
    let ops = [
        op(0, 9, ListOp::Append(7)),
        op(1, 8, ListOp::Append(5)),
        op(2, 3, ListOp::Read(both)),
        op(4, 5, ListOp::Read(one)),
    ];
    let Decision::NotLinearizable(found) = decide(&ops, &lists) else { panic!("linearizable") };
    assert_eq!((found.completion, found.rule, found.ops), (5, Rule::Lost, vec![2, 3]));
}
