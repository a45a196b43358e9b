//! What is wrong with lists and can be seen without looking for cycles.

use crate::transactions::anomaly::Anomaly;
use crate::transactions::data::{Micro, NONE, Txns, What};
use crate::transactions::findings::Findings;
use crate::transactions::index::Index;

/// Adds all that is found.
pub(in crate::transactions) fn find(txns: &Txns, index: &Index, findings: &mut Findings<'_>) {
    for key in 0..txns.keys.len() as u32 {
        look_at_order(txns, index, key, findings);
    }
    let mut within = Within::new(txns);
    for txn in txns.committed() {
        for micro in txns.span(txn) {
            let seen = txns.micros[micro];
            if let What::Odd(number) = seen.what {
                look_at_odd(txns, index, (txn, micro as u32), number, findings);
            }
            look_for_intermediate(txns, index, (txn, micro as u32), findings);
            within.look_at(txns, index, (txn, micro as u32), findings);
        }
    }
    lost_updates(within.updates, findings);
}

/// Elements of the longest list that should not be there, or not there.
fn look_at_order(txns: &Txns, index: &Index, key: u32, findings: &mut Findings<'_>) {
    let span = txns.order_span(key);
    let mut aborted = None;
    let mut repeats: Vec<u32> = Vec::new();
    for at in span.clone() {
        let version = txns.order[at];
        let position = (at - span.start) as u32;
        let reader = txns.txn_of(txns.shown_by[at]);
        if index.position[version as usize] != position {
            repeats.push(version);
            continue;
        }
        if index.is_garbage(version) || index.is_aborted(version) {
            add_unwritten(index, key, version, reader, findings);
            aborted = aborted.or(index.is_aborted(version).then_some(version));
        }
        let Some(writer) = index.writer(version) else { continue };
        if let Some(base) = aborted.take() {
            let failed = index.failed_writer[base as usize];
            findings.add(Anomaly::DirtyUpdate, &[failed, writer, reader], |words| {
                words.dirty_append(key, (failed, base), (writer, version))
            });
        }
        let previous = index.previous_write[index.writer_micro[version as usize] as usize];
        if previous != NONE
            && let What::Write(before) = txns.micros[previous as usize].what
        {
            // A missing one has the highest position there is.
            if index.position[before as usize] > position {
                findings.add(Anomaly::IncompatibleOrder, &[writer, reader], |words| {
                    words.own_order(key, writer, (before, version), txns.shown_by[at])
                });
            }
        }
    }
    repeats.sort_unstable();
    for same in repeats.chunk_by(|a, b| a == b) {
        let times = same.len() as u32 + 1;
        let last = txns.order[span.clone()].iter().rposition(|version| *version == same[0]);
        let Some(last) = last.filter(|_| times > index.writes[same[0] as usize].max(1)) else {
            continue;
        };
        let micro = txns.shown_by[span.start + last];
        let reader = txns.txn_of(micro);
        findings.add(Anomaly::DuplicateElements, &[reader], |words| {
            words.duplicate(micro, same[0], times)
        });
    }
}

/// A version that was read and that no transaction can have written that happened.
fn add_unwritten(index: &Index, key: u32, version: u32, reader: u32, findings: &mut Findings<'_>) {
    if index.is_aborted(version) {
        let failed = index.failed_writer[version as usize];
        findings.add(Anomaly::G1a, &[failed, reader], |words| {
            words.aborted(key, version, failed, reader)
        });
    } else {
        findings.add(Anomaly::GarbageRead, &[reader], |words| words.garbage(key, version, reader));
    }
}

/// A list that is no prefix of the longest.
fn look_at_odd(
    txns: &Txns,
    index: &Index,
    (txn, micro): (u32, u32),
    number: u32,
    findings: &mut Findings<'_>,
) {
    let key = txns.micros[micro as usize].key;
    let longest = txns.shown_by[txns.order_span(key).end - 1];
    findings.add(Anomaly::IncompatibleOrder, &[txn, txns.txn_of(longest)], |words| {
        words.incompatible(micro, longest)
    });
    let list = &txns.odd[number as usize];
    for version in list {
        let unwritten = index.is_garbage(*version) || index.is_aborted(*version);
        if unwritten && index.position[*version as usize] == NONE {
            add_unwritten(index, key, *version, txn, findings);
        }
        let later = index.writer_micro[*version as usize] > micro;
        if index.writer(*version) == Some(txn) && later {
            findings.add(Anomaly::FutureRead, &[txn], |words| words.future(micro, *version));
        }
    }
    let mut sorted = list.clone();
    sorted.sort_unstable();
    for same in sorted.chunk_by(|a, b| a == b) {
        let times = same.len() as u32;
        if times > index.writes[same[0] as usize].max(1) {
            findings.add(Anomaly::DuplicateElements, &[txn], |words| {
                words.duplicate(micro, same[0], times)
            });
        }
    }
}

/// A list that ends within what another transaction appended.
fn look_for_intermediate(
    txns: &Txns,
    index: &Index,
    (txn, micro): (u32, u32),
    findings: &mut Findings<'_>,
) {
    let last = txns.list(txns.micros[micro as usize]).and_then(<[u32]>::last);
    let Some(last) = last.copied() else { return };
    let Some(writer) = index.writer(last).filter(|writer| *writer != txn) else { return };
    let next = index.next_write[index.writer_micro[last as usize] as usize];
    if next != NONE {
        findings.add(Anomaly::G1b, &[writer, txn], |words| words.intermediate(micro, last, next));
    }
}

/// What a transaction did to a key before: by key, indices of micro-operations, which count only if they are of the
/// transaction at hand.
struct Within {
    read: Vec<u32>,
    write: Vec<u32>,
    longest: Vec<u32>,
    /// Appends after a read: key, length that was read, transaction.
    updates: Vec<(u32, u32, u32)>,
}

impl Within {
    fn new(txns: &Txns) -> Self {
        let nothing = vec![NONE; txns.keys.len()];
        Self {
            read: nothing.clone(),
            write: nothing.clone(),
            longest: nothing,
            updates: Vec::new(),
        }
    }

    fn look_at(
        &mut self,
        txns: &Txns,
        index: &Index,
        (txn, micro): (u32, u32),
        findings: &mut Findings<'_>,
    ) {
        let Micro { key, what } = txns.micros[micro as usize];
        let start = txns.span(txn).start as u32;
        let here = |at: u32| (at != NONE && at >= start).then_some(at);
        let key = key as usize;
        let read = here(self.read[key]);
        let write = here(self.write[key]);
        match what {
            What::Write(version) => {
                let longest = here(self.longest[key]);
                let shown = longest.map_or(0, |at| prefix_len(txns, at));
                if index.writes[version as usize] == 1
                    && index.position[version as usize] < shown
                    && let Some(longest) = longest
                {
                    findings
                        .add(Anomaly::FutureRead, &[txn], |words| words.future(longest, version));
                }
                if write.is_none()
                    && let Some(read) = read
                    && let What::Prefix(len) = txns.micros[read as usize].what
                {
                    self.updates.push((key as u32, len, txn));
                }
                self.write[key] = micro;
            }
            What::Prefix(_) | What::Odd(_) => {
                if !agrees(txns, index, micro, read, write) {
                    findings.add(Anomaly::Internal, &[txn], |words| words.internal(micro));
                }
                let longest = here(self.longest[key]).map_or(0, |at| prefix_len(txns, at));
                if prefix_len(txns, micro) > longest {
                    self.longest[key] = micro;
                }
                self.read[key] = micro;
            }
            What::Unknown | What::Initial | What::Version(_) => {}
        }
    }
}

fn prefix_len(txns: &Txns, micro: u32) -> u32 {
    match txns.micros[micro as usize].what {
        What::Prefix(len) => len,
        _ => 0,
    }
}

/// Whether a read shows what its transaction must see: what it read last, and after that what it appended since.
fn agrees(txns: &Txns, index: &Index, micro: u32, read: Option<u32>, write: Option<u32>) -> bool {
    let now = txns.micros[micro as usize];
    let Some(mut list) = txns.list(now) else { return true };
    let since = read.unwrap_or(0);
    let mut own = write.filter(|own| read.is_none_or(|_| *own > since));
    while let Some(at) = own {
        let What::Write(version) = txns.micros[at as usize].what else { break };
        match list.split_last() {
            Some((end, rest)) if *end == version => list = rest,
            _ => return false,
        }
        let previous = index.previous_write[at as usize];
        own = (previous != NONE && (read.is_none() || previous > since)).then_some(previous);
    }
    let Some(base) = read.map(|at| txns.micros[at as usize]) else { return true };
    match (base.what, now.what) {
        // Both are prefixes of the same order.
        (What::Prefix(len), What::Prefix(_)) => list.len() == len as usize,
        _ => txns.list(base).is_none_or(|base| base == list),
    }
}

/// Transactions that read the same list and appended to it.
fn lost_updates(mut updates: Vec<(u32, u32, u32)>, findings: &mut Findings<'_>) {
    updates.sort_unstable();
    for same in updates.chunk_by(|a, b| (a.0, a.1) == (b.0, b.1)) {
        if let [first, second, ..] = same {
            let both = [first.2, second.2];
            let more = same.len() - 2;
            findings
                .add(Anomaly::LostUpdate, &both, |words| words.lost_update(first.0, both, more));
        }
    }
}
