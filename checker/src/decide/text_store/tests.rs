use super::{Broken, Sabotage, TextOp, decide, run};
use crate::Value;
use crate::check::ModelKind;
use crate::decide::brute::{Random, as_known, assert_order, compare, is_linearizable};
use crate::decide::simulate::{acting, rounds, search_says, tighten};
use crate::decide::{Decision, NEVER, Rule, Timed};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Put,
    Append,
    Get,
}

/// A random history of a few operations: a text is simulated, then perhaps spoilt.
fn history(random: &mut Random) -> Vec<Timed<(Kind, String)>> {
    let count = 3 + random.below(6) as usize;
    history_of(random, count)
}

fn history_of(random: &mut Random, count: usize) -> Vec<Timed<(Kind, String)>> {
    let open_max = 2 + random.below(4) as usize;
    let crashes = [0, 15, 40][random.below(3) as usize];
    let (spans, acting) = acting(random, count, open_max, crashes);
    let puts = [0, 20, 50][random.below(3) as usize];
    let kinds: Vec<Kind> = spans
        .iter()
        .map(|span| match random.chance(50) && !span.is_crashed() {
            true => Kind::Get,
            false if random.chance(puts) => Kind::Put,
            false => Kind::Append,
        })
        .collect();
    let mut texts: Vec<String> = (0..count as u8).map(|at| token(random, at)).collect();
    let tokens = texts.clone();
    let mut text = String::new();
    for at in acting {
        match kinds[at] {
            Kind::Get => texts[at].clone_from(&text),
            Kind::Put => text.clone_from(&texts[at]),
            Kind::Append => text.push_str(&texts[at]),
        }
    }
    for _ in 0..random.below(4) {
        spoil(random, &kinds, &tokens, &mut texts);
    }
    let op = |((span, kind), text): ((&Timed<()>, &Kind), &String)| Timed {
        call: span.call,
        ret: span.ret,
        op: (*kind, text.clone()),
    };
    let mut ops: Vec<_> = spans.iter().zip(&kinds).zip(&texts).map(op).collect();
    for _ in 0..random.below(4) {
        tighten(random, &mut ops);
    }
    ops
}

/// Ends with a letter of its own, so that none is the beginning of another.
fn token(random: &mut Random, at: u8) -> String {
    format!("{}{}", ["", "é", "éé"][random.below(3) as usize], char::from(b'A' + at))
}

fn spoil(random: &mut Random, kinds: &[Kind], tokens: &[String], texts: &mut [String]) {
    let (gets, updates): (Vec<usize>, Vec<usize>) =
        (0..kinds.len()).partition(|at| kinds[*at] == Kind::Get);
    if gets.is_empty() || updates.is_empty() {
        return;
    }
    let pick = |random: &mut Random, of: &[usize]| of[random.below(of.len() as u64) as usize];
    let (at, other) = (pick(random, &gets), pick(random, &gets));
    let (one, two) = (pick(random, &updates), pick(random, &updates));
    match random.below(16) {
        0..3 => texts[at] = texts[other].clone(),
        3 => drop(texts[at].pop()),
        4 => texts[at].push_str(&tokens[one]),
        5 => texts[at] = texts[at].replacen(&tokens[one], "", 1),
        6 => texts[at].insert_str(0, &tokens[one]),
        7 => texts[at].clone_from(&tokens[one]),
        8 if random.chance(30) => texts[one] = tokens[two].clone(),
        9 if random.chance(20) => texts[one] = tokens[one].clone() + "z",
        10 if random.chance(10) => texts[one] = String::new(),
        _ => {
            // All gets saw one update for another.
            for at in gets {
                let swapped =
                    texts[at].replace(&tokens[one], "?").replace(&tokens[two], &tokens[one]);
                texts[at] = swapped.replace('?', &tokens[two]);
            }
        }
    }
}

fn borrow(ops: &[Timed<(Kind, String)>]) -> Vec<Timed<TextOp<'_>>> {
    let mut borrowed = Vec::new();
    for Timed { call, ret, op: (kind, text) } in ops {
        let op = match kind {
            Kind::Put => TextOp::Put(text),
            Kind::Append => TextOp::Append(text),
            Kind::Get => TextOp::Get(text),
        };
        borrowed.push(Timed { call: *call, ret: *ret, op });
    }
    borrowed
}

fn step(state: &mut String, op: &Timed<TextOp<'_>>) -> bool {
    match op.op {
        TextOp::Put(text) => text.clone_into(state),
        TextOp::Append(text) => state.push_str(text),
        TextOp::Get(text) => return op.is_crashed() || *state == text,
    }
    true
}

#[test]
fn brute_force_agrees() {
    let rounds = rounds(60_000);
    let (mut valid, mut invalid, mut inapplicable, mut crashed) = (0, 0, 0, 0);
    let mut rules = std::collections::BTreeMap::new();
    for round in 0..rounds {
        let owned = history(&mut Random(round));
        let ops = borrow(&owned);
        let decision = decide(&ops);
        crashed += u64::from(ops.iter().any(Timed::is_crashed));
        match compare(&ops, &decision, &String::new(), &step) {
            Some(true) => valid += 1,
            Some(false) => invalid += 1,
            None => inapplicable += 1,
        }
        if let Decision::NotLinearizable(refutation) = &decision {
            *rules.entry(format!("{:?}", refutation.rule)).or_insert(0_u64) += 1;
            assert_contradiction(&ops, &refutation.ops, round);
        }
    }
    let shares =
        format!("{valid} valid, {invalid} invalid, {inapplicable} inapplicable, {rules:?}");
    assert!(valid > rounds * 3 / 10 && invalid > rounds * 3 / 10, "{shares}");
    assert!(inapplicable > rounds / 200 && inapplicable < rounds / 10, "{shares}");
    assert!(crashed > rounds / 4, "{crashed} with crashes");
    assert!(rules.len() == 5 && rules.values().all(|count| *count > rounds / 200), "{shares}");
}

/// The operations of a refutation have no order, even if all other updates may act or not as is useful.
fn assert_contradiction(ops: &[Timed<TextOp<'_>>], blamed: &[u32], round: u64) {
    let rest: Vec<Timed<TextOp<'_>>> = (0_u32..)
        .zip(ops)
        .filter(|(at, op)| blamed.contains(at) || !matches!(op.op, TextOp::Get(_)))
        .map(|(at, op)| Timed { ret: if blamed.contains(&at) { op.ret } else { NEVER }, ..*op })
        .collect();
    assert!(
        !is_linearizable(&rest, &String::new(), &step),
        "round {round}: {blamed:?} have an order: {ops:#?}"
    );
}

#[test]
fn the_search_agrees_on_longer_histories() {
    let (mut valid, mut compared, mut undecided) = (0, 0, 0);
    for round in 0..rounds(2_000) {
        let mut random = Random(round);
        let count = 12 + random.below(7) as usize;
        let owned = history_of(&mut random, count);
        let ops = borrow(&owned);
        let found = match decide(&ops) {
            Decision::Inapplicable(_) => continue,
            Decision::Linearizable(order) => {
                assert_order(&ops, &order, &String::new(), &step);
                true
            }
            Decision::NotLinearizable(_) => false,
        };
        let searched = search_says(ModelKind::KeyValue, &ops, |op| match op.op {
            TextOp::Put(text) => ("put", Value::from(text), Value::from(text)),
            TextOp::Append(text) => ("append", Value::from(text), Value::from(text)),
            TextOp::Get(text) => ("get", Value::Nil, Value::from(text)),
        });
        let Some(searched) = searched else {
            undecided += 1;
            continue;
        };
        assert_eq!(found, searched, "round {round}");
        (valid, compared) = (valid + u64::from(found), compared + 1);
    }
    assert!(valid > compared / 5 && valid < compared * 4 / 5, "{valid} of {compared} are valid");
    assert!(undecided < compared / 100, "the search did not decide {undecided} of {compared}");
}

#[test]
fn broken_rules_are_caught() {
    let faults = [
        Sabotage::Repeats,
        Sabotage::Halves,
        Sabotage::UpdateRanks,
        Sabotage::GetRanks,
        Sabotage::Overlaps,
        Sabotage::Inside,
        Sabotage::Start,
        Sabotage::Unseen,
    ];
    for fault in faults {
        let caught = (0..60_000).find(|round| {
            let owned = history(&mut Random(*round));
            let ops = borrow(&owned);
            match run(&ops, Broken { rule: Some(fault) }) {
                Decision::Inapplicable(_) => false,
                Decision::Linearizable(_) => !is_linearizable(&ops, &String::new(), &step),
                Decision::NotLinearizable(refutation) => {
                    let known = as_known(&ops, refutation.completion);
                    let before = as_known(&ops, refutation.completion - 1);
                    is_linearizable(&known, &String::new(), &step)
                        || !is_linearizable(&before, &String::new(), &step)
                }
            }
        });
        assert!(caught.is_some(), "{fault:?} was not noticed");
    }
}

#[test]
fn texts_that_begin_with_another_cannot_be_read_back() {
    let op = |call, op| Timed { call, ret: call + 1, op };
    for (one, other) in [("ab", "a"), ("a", "a"), ("a", "")] {
        let ops = [op(0, TextOp::Append(one)), op(2, TextOp::Put(other))];
        assert!(matches!(decide(&ops), Decision::Inapplicable(_)), "{one:?} {other:?}");
    }
    let ops = [op(0, TextOp::Append("ba")), op(2, TextOp::Append("a")), op(4, TextOp::Get("baa"))];
    assert_eq!(decide(&ops), Decision::Linearizable(vec![0, 1, 2]));
}

#[test]
fn a_put_between_two_gets_of_a_growing_text_is_named() {
    let op = |call, ret, op| Timed { call, ret, op };
    let ops = [
        op(0, 1, TextOp::Put("a")),
        op(2, 11, TextOp::Append("b")),
        op(3, 4, TextOp::Get("a")),
        op(5, 6, TextOp::Put("c")),
        op(7, 8, TextOp::Get("ab")),
        op(9, 10, TextOp::Get("ab")),
    ];
    let Decision::NotLinearizable(found) = decide(&ops) else { panic!("linearizable") };
    assert_eq!((found.completion, found.rule), (8, Rule::Zones));
    assert_eq!(found.ops, [0, 3, 4]);
}
