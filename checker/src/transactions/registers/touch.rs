//! When each version of a register was seen or written.

use rustc_hash::FxHashMap;

use crate::transactions::data::{NONE, Txns, What};
use crate::transactions::index::Index;

/// A process that touched one version and, in its next transaction that touched the key, another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::transactions) struct Step {
    pub(in crate::transactions) before: u32,
    pub(in crate::transactions) after: u32,
    pub(in crate::transactions) first: u32,
    pub(in crate::transactions) second: u32,
}

/// First and last of the transactions that read or wrote each version.
#[derive(Debug)]
pub(in crate::transactions) struct Touches {
    /// By version: whether it is clear, the last write of its transaction, and surely happened.
    pub(in crate::transactions) counts: Vec<bool>,
    /// By version: the first completion, or [`NONE`], and whose it is.
    pub(in crate::transactions) done: Vec<u32>,
    pub(in crate::transactions) done_by: Vec<u32>,
    /// By version: the last invocation, and whose it is.
    pub(in crate::transactions) begun: Vec<u32>,
    pub(in crate::transactions) begun_by: Vec<u32>,
    /// Steps of processes, sorted, one for each pair of versions.
    pub(in crate::transactions) steps: Vec<Step>,
}

impl Touches {
    pub(in crate::transactions) fn new(txns: &Txns, index: &Index) -> Self {
        let versions = txns.version_keys.len();
        let counts = (0..versions as u32).map(|version| {
            index.writer(version).is_some_and(|writer| {
                let micro = index.writer_micro[version as usize] as usize;
                index.live[writer as usize] && index.next_write[micro] == NONE
            })
        });
        let mut touches = Self {
            counts: counts.collect(),
            done: vec![NONE; versions],
            done_by: vec![NONE; versions],
            begun: vec![0; versions],
            begun_by: vec![NONE; versions],
            steps: Vec::new(),
        };
        let mut last: FxHashMap<(u64, u32), (u32, u32)> = FxHashMap::default();
        for txn in (0..txns.len() as u32).filter(|txn| index.live[*txn as usize]) {
            let process = txns.processes[txn as usize];
            external_reads(txns, index, txn, |key, what| {
                if let What::Version(version) = what {
                    touches.touch(txns, index, txn, version);
                    touches.step(index, &mut last, (process, key), (version, txn));
                }
            });
            for micro in txns.span(txn) {
                if let What::Write(version) = txns.micros[micro].what {
                    let key = txns.micros[micro].key;
                    touches.touch(txns, index, txn, version);
                    touches.step(index, &mut last, (process, key), (version, txn));
                }
            }
        }
        touches.steps.sort_unstable();
        touches.steps.dedup_by_key(|step| (step.before, step.after));
        touches
    }

    fn touch(&mut self, txns: &Txns, index: &Index, txn: u32, version: u32) {
        let at = version as usize;
        if !self.counts[at] || !index.live[txn as usize] {
            return;
        }
        let (call, ret) = (txns.calls[txn as usize], txns.rets[txn as usize]);
        if ret < self.done[at] {
            (self.done[at], self.done_by[at]) = (ret, txn);
        }
        if call >= self.begun[at] {
            (self.begun[at], self.begun_by[at]) = (call, txn);
        }
    }

    /// A process touches a version of a key; the last one of an earlier transaction came before it.
    fn step(
        &mut self,
        index: &Index,
        last: &mut FxHashMap<(u64, u32), (u32, u32)>,
        place: (u64, u32),
        (version, txn): (u32, u32),
    ) {
        if !self.counts[version as usize] {
            return;
        }
        if let Some((before, first)) = last.insert(place, (version, txn))
            && first != txn
            && before != version
            && index.writer(before) != index.writer(version)
        {
            self.steps.push(Step { before, after: version, first, second: txn });
        }
    }

    /// Two of these versions of one key that are each before the other, in real time, because both were touched before
    /// and after a time when the other was.
    pub(in crate::transactions) fn overlapping(&self, versions: &[u32]) -> Option<(u32, u32)> {
        let done = |version: u32| self.done[version as usize];
        let begun = |version: u32| self.begun[version as usize];
        let mut forward: Vec<u32> =
            versions.iter().copied().filter(|version| done(*version) < begun(*version)).collect();
        forward.sort_unstable_by_key(|version| (done(*version), *version));
        let mut pairs = forward.windows(2).map(|pair| (pair[0], pair[1]));
        // If any two overlap, so do two neighbours: up to the first overlap, ends are sorted as starts are.
        pairs.find(|(a, b)| done(*b) < begun(*a) && done(*a) < begun(*b))
    }
}

/// Calls `each` with the key and answer of every read that a committed transaction made before it wrote the key.
pub(in crate::transactions) fn external_reads(
    txns: &Txns,
    index: &Index,
    txn: u32,
    mut each: impl FnMut(u32, What),
) {
    for micro in txns.span(txn) {
        let read = txns.micros[micro];
        if !index.after_write[micro] && !matches!(read.what, What::Write(_) | What::Unknown) {
            each(read.key, read.what);
        }
    }
}
