//! Random small histories: of a store that is strictly serializable, and of ones that are not.

use super::script::{Act, Txn};
use crate::history::EventKind;
use crate::transactions::Family;

/// `SplitMix64`.
pub(super) struct Random(pub(super) u64);

impl Random {
    pub(super) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    pub(super) fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound as u64) as usize
    }

    pub(super) fn chance(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }
}

/// What a store promises.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Store {
    /// Every transaction happens at one moment between its ends.
    Strict,
    /// It happens at one moment, which may be before its invocation for what it reads: stale snapshots, no conflicts seen.
    Stale,
    /// Snapshots taken within the transaction; of two that write the same key, the first to commit wins.
    Snapshot,
    /// Reads see what is committed when they happen; writes appear at the commit.
    Committed,
}

/// How a history is made.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    pub(super) family: Family,
    pub(super) store: Store,
    pub(super) txns: usize,
    pub(super) processes: usize,
    pub(super) keys: usize,
    pub(super) acts_max: usize,
    /// Percent of transactions that crash.
    pub(super) crashes: usize,
    pub(super) fails: usize,
}

/// All keys at one moment: lists and registers alike, a register being the end of its list.
type Versions = [Vec<i64>; 3];

struct Open {
    txn: usize,
    fate: usize,
    snapshot: Versions,
    began: usize,
    next_act: usize,
    writes: Vec<(usize, i64)>,
    process: usize,
}

/// Runs random transactions on a store.
pub(super) fn generate(shape: Shape, random: &mut Random) -> Vec<Txn> {
    let mut txns: Vec<Txn> = Vec::new();
    let mut history: Vec<Versions> = vec![Versions::default()];
    let mut open: Vec<Open> = Vec::new();
    let mut idle: Vec<u64> = (0..shape.processes as u64).collect();
    let mut time = 0;
    let mut value = 0;
    let mut next_process = shape.processes as u64;
    while txns.len() < shape.txns || !open.is_empty() {
        time += 1;
        if txns.len() < shape.txns && !idle.is_empty() && (open.is_empty() || random.chance(50)) {
            let process = idle.swap_remove(random.below(idle.len()));
            let txn = invent(shape, process, time, &mut value, random);
            let back = if shape.store == Store::Stale { random.below(3) } else { 0 };
            let began = history.len() - 1;
            open.push(Open {
                txn: txns.len(),
                fate: random.below(100),
                snapshot: history[began.saturating_sub(back)].clone(),
                began,
                next_act: 0,
                writes: Vec::new(),
                process: process as usize,
            });
            txns.push(txn);
            continue;
        }
        let at = random.below(open.len());
        let acting = &mut open[at];
        if acting.next_act < txns[acting.txn].acts.len() {
            step(shape, acting, &mut txns, &history);
            continue;
        }
        let done = open.swap_remove(at);
        let crashed = done.fate < shape.crashes;
        let failed = !crashed && done.fate < shape.crashes + shape.fails;
        let lost = shape.store == Store::Snapshot && conflicts(&done, &history);
        let acts = &mut txns[done.txn];
        if failed || (lost && !crashed) {
            (acts.end, acts.kind) = (Some(time), EventKind::Fail);
            idle.push(done.process as u64);
            continue;
        }
        let never = crashed && random.chance(50);
        if !lost && !never {
            commit(shape, &done, acts, &mut history);
        }
        if crashed {
            acts.kind = EventKind::Info;
            acts.end = random.chance(50).then_some(time);
            idle.push(next_process);
            next_process += 1;
        } else {
            acts.end = Some(time);
            idle.push(done.process as u64);
        }
    }
    txns
}

fn invent(shape: Shape, process: u64, time: u32, value: &mut i64, random: &mut Random) -> Txn {
    let count = 1 + random.below(shape.acts_max);
    let acts = (0..count).map(|_| {
        let key = random.below(shape.keys);
        let act = if random.chance(50) {
            *value += 1;
            match shape.family {
                Family::ListAppend => Act::Append(*value),
                Family::RwRegister => Act::Write(*value),
            }
        } else {
            match shape.family {
                Family::ListAppend => Act::List(Vec::new()),
                Family::RwRegister => Act::Cell(None),
            }
        };
        (key, act)
    });
    Txn { process, call: time, end: None, kind: EventKind::Ok, acts: acts.collect() }
}

/// One micro-operation, on what the transaction sees.
fn step(shape: Shape, acting: &mut Open, txns: &mut [Txn], history: &[Versions]) {
    let (key, act) = &mut txns[acting.txn].acts[acting.next_act];
    acting.next_act += 1;
    let base = match shape.store {
        Store::Committed => &history[history.len() - 1],
        _ => &acting.snapshot,
    };
    let own = acting.writes.iter().filter(|write| {
        // Behind what is committed by then, or not at all: it has no place yet.
        write.0 == *key && shape.store != Store::Committed
    });
    let own = own.map(|write| write.1);
    let seen: Vec<i64> = base[*key].iter().copied().chain(own).collect();
    match act {
        Act::Append(value) | Act::Write(value) => acting.writes.push((*key, *value)),
        Act::List(list) => *list = seen,
        Act::Cell(cell) => *cell = seen.last().copied(),
    }
}

/// Whether a key that it wrote was written since it began.
fn conflicts(done: &Open, history: &[Versions]) -> bool {
    let (then, now) = (&history[done.began], &history[history.len() - 1]);
    done.writes.iter().any(|(key, _)| then[*key] != now[*key])
}

fn commit(shape: Shape, done: &Open, txn: &mut Txn, history: &mut Vec<Versions>) {
    let mut now = history[history.len() - 1].clone();
    if shape.store == Store::Strict {
        // All of it happens here: what it read before is forgotten.
        for (key, act) in &mut txn.acts {
            match act {
                Act::Append(value) | Act::Write(value) => now[*key].push(*value),
                Act::List(list) => list.clone_from(&now[*key]),
                Act::Cell(cell) => *cell = now[*key].last().copied(),
            }
        }
    } else {
        for (key, value) in &done.writes {
            now[*key].push(*value);
        }
    }
    history.push(now);
}

/// Changes an answer or two.
pub(super) fn spoil(txns: &mut [Txn], random: &mut Random) {
    for _ in 0..=random.below(2) {
        let at = random.below(txns.len());
        let top = i64::from(1 + random.below(6) as u32);
        let count = txns[at].acts.len();
        let (_, act) = &mut txns[at].acts[random.below(count)];
        match act {
            Act::List(list) => match random.below(4) {
                0 => drop(list.pop()),
                1 => list.push(top),
                2 if list.len() > 1 => list.swap(0, 1),
                _ => list.truncate(1),
            },
            Act::Cell(cell) => *cell = (!random.chance(20)).then_some(top),
            Act::Append(_) | Act::Write(_) => {}
        }
    }
}
