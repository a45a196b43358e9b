use super::*;
use crate::Value;
use crate::decide::brute::{self, Random, as_known, random_spans};
use crate::decide::fuzz::{Tally, Told, acting, first_wrong, is_right};
use crate::decide::fuzz::{compare_with_search, is_found_by_search};
use crate::model::versioned_register::VersionedRegister;

const ROUNDS: u64 = 100_000;

/// What is there. Of a revision that was not told only the least is known that it can be.
#[derive(Debug, Clone, Copy)]
struct State {
    value: u32,
    modified: i64,
    is_told: bool,
    /// The least revision at which the store can stand.
    store: i64,
}

const EMPTY: State = State { value: ABSENT, modified: 0, is_told: true, store: 0 };

impl State {
    fn stands_at(&mut self, store: Option<i64>) -> bool {
        let fits = store.is_none_or(|store| store >= self.store);
        self.store = store.unwrap_or(self.store);
        fits
    }

    fn was_modified(&mut self, revision: i64) -> bool {
        let fits = if self.is_told { revision == self.modified } else { revision >= self.modified };
        self.store = self.store.max(revision);
        (self.modified, self.is_told) = (revision, true);
        fits
    }

    fn change(&mut self, value: u32, revision: Option<i64>) -> bool {
        let grows = revision.is_none_or(|revision| revision > self.store);
        self.store = revision.unwrap_or(self.store + 1);
        (self.value, self.modified, self.is_told) = (value, self.store, revision.is_some());
        if value == ABSENT {
            (self.modified, self.is_told) = (0, true);
        }
        grows
    }
}

fn step(state: &mut State, op: &Timed<Op>) -> bool {
    let is_known = !op.is_crashed();
    match op.op {
        Op::Get { .. } if !is_known => true,
        Op::Get { value, modified, store } => {
            value == state.value && state.was_modified(modified) && state.stands_at(store)
        }
        Op::Put { when, value, revision } => {
            let met = match when {
                When::Always => true,
                When::Value(from) => from == state.value,
                When::Modified(0) => state.value == ABSENT,
                When::Modified(from) => state.value != ABSENT && state.was_modified(from),
            };
            met && state.change(value, revision.filter(|_| is_known))
        }
        Op::Delete { revision: Some(0), store } if is_known => {
            state.value == ABSENT && state.stands_at(store)
        }
        Op::Delete { revision, .. } if is_known => {
            state.value != ABSENT && state.change(ABSENT, revision)
        }
        Op::Delete { .. } => state.value != ABSENT && state.change(ABSENT, None),
    }
}

/// How a history is made.
struct Shape {
    deletes: u64,
    gets: u64,
    stores: bool,
    values: u64,
}

fn any_op(random: &mut Random, shape: &Shape, at: usize) -> Op {
    let unique = at as u32 + 1;
    let value = match shape.values {
        0 => unique,
        values => 1 + random.below(values) as u32,
    };
    if random.chance(shape.gets) {
        Op::Get { value, modified: 0, store: None }
    } else if random.chance(shape.deletes) {
        Op::Delete { revision: None, store: None }
    } else {
        let when = match random.below(4) {
            0 => When::Value(0),
            1 => When::Modified(0),
            _ => When::Always,
        };
        Op::Put { when, value, revision: None }
    }
}

/// Lets an operation act in a real store, whose other keys change too.
fn act(random: &mut Random, shape: &Shape, now: &mut (u32, i64, i64), op: &mut Op) {
    let (value, modified, store) = now;
    if random.chance(25) {
        *store += 1;
    }
    let told = shape.stores.then_some(*store);
    match op {
        Op::Get { value: seen, modified: by, store: stood } => {
            (*seen, *by, *stood) = (*value, *modified, told);
        }
        Op::Put { when, value: written, revision } => {
            // It was made to fit.
            match when {
                When::Value(from) => *from = *value,
                When::Modified(from) => *from = *modified,
                When::Always => {}
            }
            *store += 1;
            (*value, *modified, *revision) = (*written, *store, Some(*store));
        }
        Op::Delete { revision, store: stood } => {
            (*revision, *stood) = (Some(0), told);
            if *value != ABSENT {
                *store += 1;
                (*value, *modified, *revision) = (ABSENT, 0, Some(*store));
            }
        }
    }
}

fn spoil(random: &mut Random, op: &mut Op) {
    let by = [-2, -1, 1, 2][random.below(4) as usize];
    let shift = |number: &mut i64| *number = (*number + by).max(0);
    match (op, random.below(3)) {
        (Op::Get { value, modified, .. }, 1) => (*value, *modified) = (ABSENT, 0),
        (Op::Put { when: When::Value(from), .. }, 0) => *from = 1 + random.below(4) as u32,
        (
            Op::Get { store: Some(number), .. }
            | Op::Delete { store: Some(number), .. }
            | Op::Put { when: When::Modified(number), .. },
            0,
        )
        | (Op::Put { revision: Some(number), .. } | Op::Delete { revision: Some(number), .. }, _) =>
        {
            shift(number);
        }
        (Op::Get { modified, .. }, _) if *modified != 0 => shift(modified),
        _ => {}
    }
}

/// A legal history, of which some answers are then changed.
fn history(random: &mut Random) -> Vec<Timed<Op>> {
    let count = 2 + random.below(8) as usize;
    history_of(random, count)
}

fn history_of(random: &mut Random, count: usize) -> Vec<Timed<Op>> {
    let (open, crashes) = (1 + random.below(4) as usize, [0, 10, 30][random.below(3) as usize]);
    let shape = Shape {
        deletes: [0, 30][random.below(2) as usize],
        gets: 20 + random.below(50),
        stores: random.chance(50),
        values: [0, 0, 2][random.below(3) as usize],
    };
    let mut ops: Vec<Timed<Op>> = Vec::new();
    for (at, span) in random_spans(random, count, open, crashes).into_iter().enumerate() {
        let op = any_op(random, &shape, at);
        if span.ret != NEVER || !matches!(op, Op::Get { .. }) {
            ops.push(Timed { call: span.call, ret: span.ret, op });
        }
    }
    let mut now = (ABSENT, 0, 1);
    for at in acting(random, &ops) {
        act(random, &shape, &mut now, &mut ops[at].op);
    }
    for _ in 0..random.below(3) {
        let at = random.below(ops.len().max(1) as u64) as usize;
        if let Some(op) = ops.get_mut(at) {
            spoil(random, &mut op.op);
        }
    }
    if random.chance(25) && ops.len() > 1 {
        let [one, other] = [0; 2].map(|_: u32| random.below(ops.len() as u64) as usize);
        let moved = ops[one].op;
        ops[one].op = std::mem::replace(&mut ops[other].op, moved);
        ops.retain(|op| !op.is_crashed() || !matches!(op.op, Op::Get { .. }));
    }
    ops
}

/// A history in which much is of unknown outcome and few values are written, of which little is told.
fn doubtful(random: &mut Random, count: usize) -> Vec<Timed<Op>> {
    let (open, crashes) = (1 + random.below(4) as usize, 25 + random.below(50));
    let shape = Shape {
        deletes: 10 + random.below(40),
        gets: 20 + random.below(45),
        stores: random.chance(20),
        values: 1 + random.below(3),
    };
    let mut ops: Vec<Timed<Op>> = Vec::new();
    for (at, span) in random_spans(random, count, open, crashes).into_iter().enumerate() {
        let mut op = any_op(random, &shape, at);
        match &mut op {
            Op::Get { .. } if span.ret == NEVER => continue,
            Op::Put { when: When::Value(from), .. } => {
                *from = random.below(1 + shape.values) as u32;
            }
            Op::Put { when: When::Modified(from), .. } => *from = random.below(5).cast_signed(),
            _ => {}
        }
        ops.push(Timed { call: span.call, ret: span.ret, op });
    }
    let mut now = (ABSENT, 0, 1);
    for at in acting(random, &ops) {
        act(random, &shape, &mut now, &mut ops[at].op);
    }
    for _ in 0..random.below(5) {
        let completed: Vec<usize> = (0..ops.len()).filter(|at| !ops[*at].is_crashed()).collect();
        if completed.is_empty() {
            break;
        }
        let at = completed[random.below(completed.len() as u64) as usize];
        spoil(random, &mut ops[at].op);
    }
    ops
}

/// The contradiction must be one by itself, and none before.
fn check_core(ops: &[Timed<Op>], decision: &Decision) {
    if let Decision::NotLinearizable(refutation) = decision {
        let core: Vec<Timed<Op>> = refutation.ops.iter().map(|at| ops[*at as usize]).collect();
        let possible = |last| brute::is_linearizable(&as_known(&core, last), &EMPTY, &step);
        assert!(!possible(refutation.completion), "{refutation:?} of {ops:?}");
        assert!(possible(refutation.completion - 1), "{refutation:?} before, of {ops:?}");
    }
}

#[test]
fn brute_force_agrees() {
    let mut random = Random(7);
    let mut tally = Tally::default();
    for _ in 0..ROUNDS {
        let ops = history(&mut random);
        let decision = decide(&ops);
        tally.count(brute::compare(&ops, &decision, &EMPTY, &step));
        check_core(&ops, &decision);
    }
    tally.assert_shares(30, 35, 15);
}

#[test]
fn brute_force_agrees_where_much_is_in_doubt() {
    let mut random = Random(8);
    let mut tally = Tally::default();
    for _ in 0..ROUNDS {
        let count = 3 + random.below(8) as usize;
        let ops = doubtful(&mut random, count);
        let decision = decide(&ops);
        tally.count(brute::compare(&ops, &decision, &EMPTY, &step));
        check_core(&ops, &decision);
    }
    tally.assert_shares(40, 30, 1);
}

/// A get that does not say where the store stood, in between two that saw the same and do.
#[test]
fn what_may_be_anywhere_fits_between_what_saw_the_same() {
    let told = |call, ret, store| {
        let op = Op::Delete { revision: Some(0), store: Some(store) };
        Timed { call, ret, op }
    };
    let get = Op::Get { value: ABSENT, modified: 0, store: None };
    let ops = [told(0, 1, 1), Timed { call: 2, ret: 3, op: get }, told(4, 5, 1)];
    assert_eq!(decide(&ops), Decision::Linearizable(vec![0, 1, 2]));
    let get = |call, ret, store| {
        let op = Op::Get { value: 1, modified: 2, store };
        Timed { call, ret, op }
    };
    let put = Op::Put { when: When::Always, value: 1, revision: Some(2) };
    let put = Timed { call: 0, ret: 1, op: put };
    let ops = [put, get(2, 3, Some(2)), get(4, 5, None), get(6, 7, Some(2))];
    assert_eq!(decide(&ops), Decision::Linearizable(vec![0, 1, 2, 3]));
}

/// Whether the fuzz notices that a rule is out of force.
fn is_caught<const FAULT: u8>() -> bool {
    let mut random = Random(7);
    let check = |ops: &Vec<Timed<Op>>| is_right(ops, &decide_with::<FAULT>(ops), &EMPTY, &step);
    first_wrong(ROUNDS, || history(&mut random), check).is_some()
}

/// As [`is_caught`], where much is in doubt.
fn is_caught_in_doubt<const FAULT: u8>() -> bool {
    let mut random = Random(8);
    let check = |ops: &Vec<Timed<Op>>| is_right(ops, &decide_with::<FAULT>(ops), &EMPTY, &step);
    let make = || {
        let count = 3 + random.below(8) as usize;
        doubtful(&mut random, count)
    };
    first_wrong(ROUNDS, make, check).is_some()
}

#[test]
fn every_broken_rule_is_noticed() {
    assert!(!is_caught::<{ fault::NONE }>());
    assert!(is_caught::<{ fault::NO_CONDITIONS }>());
    assert!(is_caught::<{ fault::NO_TIME }>());
    assert!(is_caught::<{ fault::NO_STORE }>());
    assert!(is_caught::<{ fault::LAST_FIRST }>());
    assert!(is_caught::<{ fault::EARLY_GETS }>());
    assert!(is_caught::<{ fault::SINGLE_GETS }>());
    assert!(is_caught::<{ fault::NO_DOUBT }>());
    assert!(is_caught::<{ fault::CLASH_IS_FIRST }>());
}

#[test]
fn every_broken_rule_of_what_nobody_saw_is_noticed() {
    assert!(!is_caught_in_doubt::<{ fault::NONE }>());
    assert!(is_caught_in_doubt::<{ fault::SIMPLE_WAYS }>());
    assert!(is_caught_in_doubt::<{ fault::NO_CHAINS }>());
    assert!(is_caught_in_doubt::<{ fault::NO_ROOM }>());
}

fn put(call: u32, ret: u32, when: When, value: u32, revision: Option<i64>) -> Timed<Op> {
    Timed { call, ret, op: Op::Put { when, value, revision } }
}

fn get(call: u32, ret: u32, value: u32, modified: i64) -> Timed<Op> {
    Timed { call, ret, op: Op::Get { value, modified, store: None } }
}

fn delete(call: u32, ret: u32, revision: Option<i64>) -> Timed<Op> {
    Timed { call, ret, op: Op::Delete { revision, store: None } }
}

/// A get of the revision that was found is over before what found it is looked at.
#[test]
fn a_revision_that_only_a_compare_and_set_found_ends_the_period_before() {
    let ops = [
        delete(0, NEVER, None),
        put(4, 5, When::Always, 1, Some(2)),
        get(6, 7, 1, 2),
        get(8, 10, ABSENT, 0),
        put(9, 14, When::Value(1), 1, Some(3)),
        get(11, 13, 1, 3),
        put(12, NEVER, When::Always, 1, None),
        put(16, 17, When::Modified(5), 2, Some(6)),
    ];
    let Decision::NotLinearizable(refutation) = decide(&ops) else { panic!("nothing was found") };
    assert_eq!(refutation.completion, 13);
    check_core(&ops, &decide(&ops));
}

/// The compare-and-set could have written what was seen, but for the get of nothing that comes behind the delete.
#[test]
fn what_wrote_a_value_was_invoked_before_all_that_comes_behind_it_completed() {
    let ops = [
        put(0, 1, When::Always, 1, Some(2)),
        put(2, NEVER, When::Always, 2, None),
        get(3, 20, 2, 5),
        delete(4, 19, Some(9)),
        get(10, 12, ABSENT, 0),
        put(13, NEVER, When::Value(1), 2, None),
    ];
    let is_noticed = |decision| !is_right(&ops, &decision, &EMPTY, &step);
    assert_eq!(decide(&ops), Decision::Linearizable(vec![0, 1, 2, 3, 4]));
    assert!(is_noticed(decide_with::<{ fault::FREE_CHANGES }>(&ops)));
}

fn tell(at: usize, op: &Op) -> Told {
    let named = |value: u32| if value == ABSENT { Value::Nil } else { Value::Int(value.into()) };
    let list = |items: &[Option<i64>], first: Value| {
        let rest = items.iter().flatten().map(|number| Value::Int(*number));
        Value::List([first].into_iter().chain(rest).collect())
    };
    let (f, input, answer) = match *op {
        Op::Get { value, modified, store } => {
            ("get", Value::Nil, list(&[Some(modified), store], named(value)))
        }
        Op::Delete { revision: None, .. } => ("delete", Value::Nil, Value::Nil),
        Op::Delete { revision, store } => {
            let store = store.filter(|_| revision == Some(0));
            ("delete", Value::Nil, list(&[revision, store], Value::Nil))
        }
        Op::Put { when, value, revision } => {
            let (f, input) = match when {
                When::Always => ("put", named(value)),
                When::Value(from) => ("cas", Value::List(vec![named(from), named(value)])),
                When::Modified(from) => {
                    ("cas-revision", Value::List(vec![Value::Int(from), named(value)]))
                }
            };
            let answer = revision.map(|revision| list(&[Some(revision)], named(value)));
            (f, input, answer.unwrap_or_default())
        }
    };
    Told { process: at as u64, f, input, answer }
}

/// An answer that could as well be the argument repeated says less to the model than to the decider.
fn is_ambiguous(op: &Timed<Op>) -> bool {
    let told = tell(0, &op.op);
    told.input == told.answer
}

#[test]
fn the_search_agrees_on_longer_histories() {
    let mut random = Random(9);
    let mut tally = Tally::default();
    for _ in 0..3_000 {
        let count = 10 + random.below(9) as usize;
        let ops = history_of(&mut random, count);
        if !ops.iter().any(is_ambiguous) {
            let found = is_found_by_search(VersionedRegister::new(false), &ops, tell);
            compare_with_search(&decide(&ops), found, &mut tally);
        }
    }
    tally.assert_shares(20, 30, 20);
}

#[test]
fn the_search_agrees_on_longer_histories_in_doubt() {
    let mut random = Random(10);
    let mut tally = Tally::default();
    for _ in 0..3_000 {
        let count = 12 + random.below(12) as usize;
        let ops = doubtful(&mut random, count);
        if !ops.iter().any(is_ambiguous) {
            let found = is_found_by_search(VersionedRegister::new(false), &ops, tell);
            compare_with_search(&decide(&ops), found, &mut tally);
        }
    }
    tally.assert_shares(30, 30, 2);
}
