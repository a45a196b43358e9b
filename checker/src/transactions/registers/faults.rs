//! What is wrong with registers and can be seen without looking for cycles of transactions.

use super::touch::external_reads;
use crate::transactions::anomaly::Anomaly;
use crate::transactions::data::{Micro, NONE, Txns, What};
use crate::transactions::findings::Findings;
use crate::transactions::index::Index;

/// Adds all that is found.
pub(in crate::transactions) fn find(txns: &Txns, index: &Index, findings: &mut Findings<'_>) {
    let mut last = vec![NONE; txns.keys.len()];
    let mut reported = vec![false; txns.version_keys.len()];
    for txn in txns.committed() {
        for micro in txns.span(txn) {
            look_at_read(txns, index, (txn, micro as u32), &mut reported, findings);
            look_within(txns, &mut last, (txn, micro as u32), findings);
        }
    }
    let updates = updates(txns, index);
    dirty_updates(txns, index, &updates, findings);
    lost_updates(&updates, findings);
    cyclic_versions(txns, index, updates, findings);
}

/// A read of what was never there, or not yet, or not for others.
fn look_at_read(
    txns: &Txns,
    index: &Index,
    (txn, micro): (u32, u32),
    reported: &mut [bool],
    findings: &mut Findings<'_>,
) {
    let Micro { key, what: What::Version(version) } = txns.micros[micro as usize] else { return };
    let at = version as usize;
    let unwritten = index.is_garbage(version) || index.is_aborted(version);
    if unwritten && !std::mem::replace(&mut reported[at], true) {
        if index.is_aborted(version) {
            let failed = index.failed_writer[at];
            findings.add(Anomaly::G1a, &[failed, txn], |words| {
                words.aborted(key, version, failed, txn)
            });
        } else {
            findings.add(Anomaly::GarbageRead, &[txn], |words| words.garbage(key, version, txn));
        }
    }
    let Some(writer) = index.writer(version) else { return };
    if writer == txn {
        if index.writer_micro[at] > micro {
            findings.add(Anomaly::FutureRead, &[txn], |words| words.future(micro, version));
        }
        return;
    }
    let next = index.next_write[index.writer_micro[at] as usize];
    if next != NONE {
        findings
            .add(Anomaly::G1b, &[writer, txn], |words| words.intermediate(micro, version, next));
    }
}

/// A read of something else than the transaction read or wrote last.
fn look_within(
    txns: &Txns,
    last: &mut [u32],
    (txn, micro): (u32, u32),
    findings: &mut Findings<'_>,
) {
    let Micro { key, what } = txns.micros[micro as usize];
    if what == What::Unknown {
        return;
    }
    let before = std::mem::replace(&mut last[key as usize], micro);
    let same_txn = before != NONE && before as usize >= txns.span(txn).start;
    let is_read = !matches!(what, What::Write(_));
    if same_txn && is_read && held(txns, txns.micros[before as usize].what) != held(txns, what) {
        findings.add(Anomaly::Internal, &[txn], |words| words.internal(micro));
    }
}

/// The version that the register holds after this; `None` is the initial one.
fn held(txns: &Txns, what: What) -> Option<u32> {
    match what {
        What::Write(version) | What::Version(version) => {
            Some(version).filter(|version| txns.version_values[*version as usize] != txns.initial)
        }
        What::Initial | What::Unknown | What::Prefix(_) | What::Odd(_) => None,
    }
}

/// A transaction that read a version and wrote the key.
struct Update {
    key: u32,
    /// [`NONE`] for the initial one.
    read: u32,
    txn: u32,
    /// What it wrote last.
    written: u32,
}

/// All updates, by key and version read. Reads from which nothing follows are left out.
fn updates(txns: &Txns, index: &Index) -> Vec<Update> {
    let mut updates = Vec::new();
    let mut wrote = vec![NONE; txns.keys.len()];
    for txn in txns.committed() {
        let span = txns.span(txn);
        for micro in span.clone() {
            if let What::Write(_) = txns.micros[micro].what {
                wrote[txns.micros[micro].key as usize] = micro as u32;
            }
        }
        external_reads(txns, index, txn, |key, what| {
            let at = wrote[key as usize];
            let Some(last) = txns.micros.get(at as usize) else { return };
            let What::Write(written) = last.what else { return };
            let read = match what {
                What::Version(version) if index.writes[version as usize] <= 1 => version,
                What::Initial if !txns.initial_rewritten[key as usize] && !txns.unknown_writes => {
                    NONE
                }
                _ => return,
            };
            if at as usize >= span.start {
                updates.push(Update { key, read, txn, written });
            }
        });
    }
    updates.sort_unstable_by_key(|update| (update.key, update.read, update.txn));
    updates.dedup_by_key(|update| (update.key, update.read, update.txn));
    updates
}

fn dirty_updates(txns: &Txns, index: &Index, updates: &[Update], findings: &mut Findings<'_>) {
    for update in updates {
        if update.read != NONE && index.is_aborted(update.read) {
            let failed = index.failed_writer[update.read as usize];
            findings.add(Anomaly::DirtyUpdate, &[failed, update.txn], |words| {
                let key = txns.version_keys[update.read as usize];
                words.dirty_write(key, (failed, update.read), (update.txn, update.written))
            });
        }
    }
}

fn lost_updates(updates: &[Update], findings: &mut Findings<'_>) {
    for same in updates.chunk_by(|a, b| (a.key, a.read) == (b.key, b.read)) {
        if let [first, second, ..] = same {
            let both = [first.txn, second.txn];
            let more = same.len() - 2;
            findings
                .add(Anomaly::LostUpdate, &both, |words| words.lost_update(first.key, both, more));
        }
    }
}

/// Versions of which each replaced the one before, in a circle. Each has at most one that it replaced, so following these
/// from every version visits each once.
fn cyclic_versions(txns: &Txns, index: &Index, updates: Vec<Update>, findings: &mut Findings<'_>) {
    let clear = |version: u32| index.writes[version as usize] == 1;
    let mut replaced = vec![NONE; txns.version_keys.len()];
    for update in updates {
        let fresh = update.read != NONE && clear(update.read) && clear(update.written);
        if fresh && index.writer(update.read) != Some(update.txn) {
            replaced[update.written as usize] = update.read;
        }
    }
    // By version: from which one it was reached, plus one.
    let mut reached = vec![0; replaced.len()];
    for start in 0..replaced.len() as u32 {
        let mut version = start;
        while version != NONE && reached[version as usize] == 0 {
            reached[version as usize] = start + 1;
            version = replaced[version as usize];
        }
        if version == NONE || reached[version as usize] != start + 1 {
            continue;
        }
        let mut circle = vec![version];
        let mut next = replaced[version as usize];
        while next != version {
            circle.push(next);
            next = replaced[next as usize];
        }
        circle.reverse();
        let writers: Vec<u32> =
            circle.iter().filter_map(|version| index.writer(*version)).collect();
        findings.add(Anomaly::CyclicVersions, &writers, |words| words.circle(&circle));
    }
}
