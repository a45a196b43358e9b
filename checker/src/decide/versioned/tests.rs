use super::*;
use crate::decide::brute::{self, Random, as_known, random_spans};
use crate::decide::fuzz::{Tally, acting, first_wrong, is_right};

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
        (Op::Get { store: Some(store), .. }, 0) => shift(store),
        (Op::Get { value, modified, .. }, 1) => (*value, *modified) = (ABSENT, 0),
        (Op::Get { modified, .. }, _) if *modified != 0 => shift(modified),
        (Op::Put { when: When::Value(from), .. }, 0) => *from = 1 + random.below(4) as u32,
        (Op::Put { when: When::Modified(from), .. }, 0) => shift(from),
        (Op::Put { revision: Some(revision), .. }, _) => shift(revision),
        (Op::Delete { store: Some(store), .. }, 0) => shift(store),
        (Op::Delete { revision: Some(revision), .. }, _) => shift(revision),
        _ => {}
    }
}

/// A legal history, of which some answers are then changed.
fn history(random: &mut Random) -> Vec<Timed<Op>> {
    let count = 2 + random.below(8) as usize;
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

/// The contradiction must be one together with all changes.
fn check_core(ops: &[Timed<Op>], decision: &Decision) {
    if let Decision::NotLinearizable(refutation) = decision {
        let kept = |at: usize| {
            refutation.ops.contains(&(at as u32)) || !matches!(ops[at].op, Op::Get { .. })
        };
        let core: Vec<Timed<Op>> =
            (0..ops.len()).filter(|at| kept(*at)).map(|at| ops[at]).collect();
        let core = as_known(&core, refutation.completion);
        assert!(!brute::is_linearizable(&core, &EMPTY, &step), "{refutation:?} of {ops:?}");
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

/// Whether the fuzz notices that a rule is out of force.
fn is_caught<const FAULT: u8>() -> bool {
    let mut random = Random(7);
    let check = |ops: &Vec<Timed<Op>>| is_right(ops, &decide_with::<FAULT>(ops), &EMPTY, &step);
    first_wrong(ROUNDS, || history(&mut random), check).is_some()
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
