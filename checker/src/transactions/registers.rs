//! What reads and writes of registers say about the order of transactions.
//!
//! A read names one write (where values are clear), which gives `wr`. Which of two writes came first is not read off
//! anywhere; it is inferred, each rule with what it rests on:
//! - the initial value is before every write: whoever read it comes before whoever wrote (`rw`);
//! - a transaction that read a version and wrote the key replaced that version: whoever else read it comes before that
//!   transaction. (Were the new version before the old one, its writer would precede, by writes, the writer of the old
//!   one, whose write it read: G1c. So models that forbid G1c allow the conclusion; `ww` itself is left out, as `wr` is
//!   beside it);
//! - by process, or by real time: if a transaction that read or wrote one version is done before one begins that read or
//!   wrote another, then the one version is before the other. (Were it the other way round, the later one would have seen
//!   a state that is older than what the earlier one saw, or wrote: G-single-process or G-single-realtime. So edges that
//!   rest on this count only for models that forbid these.)
//!
//! Only last writes of transactions that surely happened count. All rules are necessary conditions of strict
//! serializability, so what they blame is to blame; they are not sufficient (to decide it is NP-complete: Papadimitriou
//! 1979), so what they do not blame may still be wrong.
//!
//! **Real time in linear space.** For each version let `done` be the first completion, `begun` the last invocation, among
//! the transactions that read or wrote it. Version `a` is before `b` if `a.done < b.begun`. With the versions of a key
//! sorted by `begun` these are the ones behind a place: a fan. Only `a` itself must not be among them, so the fan is
//! entered behind both `a.done` and `a.begun`, and those between the two get a small fan of their own. Stretches from
//! `done` to `begun` of different versions (Gibbons and Korach 1997 call them forward zones) do not overlap, or the two
//! versions are each before the other and the key is left with that; so small fans are disjoint, and linear together.

pub(super) mod faults;
pub(super) mod touch;

use super::data::{NONE, Txns, What};
use super::graph::{Fan, GraphBuilder, Label};
use super::index::Index;
use touch::{Touches, external_reads};

/// Where readers and the writer of a version enter, by version.
struct Successors {
    replaced: Vec<Option<Fan>>,
    process: Vec<Option<Fan>>,
    zone: Vec<Option<Fan>>,
    /// The fan of the key, and where in it.
    realtime: Vec<Option<(Fan, u32)>>,
}

/// Adds all dependencies of data.
pub(super) fn edges(txns: &Txns, index: &Index, touches: &Touches, builder: &mut GraphBuilder) {
    let versions = txns.version_keys.len();
    let mut successors = Successors {
        replaced: vec![None; versions],
        process: vec![None; versions],
        zone: vec![None; versions],
        realtime: vec![None; versions],
    };
    let initial = after_initial(txns, index, builder);
    after_replaced(txns, index, &mut successors, builder);
    after_in_process(txns, index, touches, &mut successors, builder);
    after_in_time(txns, index, touches, &mut successors, builder);
    for txn in txns.committed() {
        external_reads(txns, index, txn, |key, what| match what {
            What::Initial if !txns.initial_rewritten[key as usize] && !txns.unknown_writes => {
                builder.enter(txn, initial[key as usize], 0, Label::Rw, key);
            }
            What::Version(version) => {
                let Some(writer) = index.writer(version).filter(|writer| *writer != txn) else {
                    return;
                };
                builder.edge(writer, txn, Label::Wr, key);
                let version = version as usize;
                let mut enter = |fan: Option<Fan>, at, label| {
                    if let Some(fan) = fan {
                        builder.enter(txn, fan, at, label, key);
                    }
                };
                enter(successors.replaced[version], 0, Label::Rw);
                enter(successors.process[version], 0, Label::RwProcess);
                enter(successors.zone[version], 0, Label::RwRealtime);
                if let Some((fan, at)) = successors.realtime[version] {
                    enter(Some(fan), at, Label::RwRealtime);
                }
            }
            _ => {}
        });
    }
}

/// By key: all that wrote it.
fn after_initial(txns: &Txns, index: &Index, builder: &mut GraphBuilder) -> Vec<Fan> {
    let mut writers: Vec<(u32, u32)> = Vec::new();
    for txn in (0..txns.len() as u32).filter(|txn| index.live[*txn as usize]) {
        for micro in &txns.micros[txns.span(txn)] {
            if let What::Write(_) = micro.what {
                writers.push((micro.key, txn));
            }
        }
    }
    writers.sort_unstable();
    writers.dedup();
    let mut rest = &writers[..];
    let keys = 0..txns.keys.len() as u32;
    keys.map(|key| {
        let (here, later) = rest.split_at(rest.partition_point(|writer| writer.0 <= key));
        rest = later;
        builder.fan(here.iter().map(|writer| writer.1))
    })
    .collect()
}

/// Those that read a version and wrote the key.
fn after_replaced(txns: &Txns, index: &Index, to: &mut Successors, builder: &mut GraphBuilder) {
    let mut pairs: Vec<(u32, u32)> = Vec::new();
    let mut wrote = vec![NONE; txns.keys.len()];
    for txn in txns.committed() {
        for micro in &txns.micros[txns.span(txn)] {
            if let What::Write(_) = micro.what {
                wrote[micro.key as usize] = txn;
            }
        }
        external_reads(txns, index, txn, |key, what| {
            if let What::Version(version) = what
                && wrote[key as usize] == txn
                && index.writer(version).is_some_and(|writer| writer != txn)
            {
                pairs.push((version, txn));
            }
        });
    }
    pairs.sort_unstable();
    pairs.dedup();
    for same in pairs.chunk_by(|a, b| a.0 == b.0) {
        let fan = builder.fan(same.iter().map(|pair| pair.1));
        to.replaced[same[0].0 as usize] = Some(fan);
    }
}

/// Versions that a process saw, or wrote, next.
fn after_in_process(
    txns: &Txns,
    index: &Index,
    touches: &Touches,
    to: &mut Successors,
    builder: &mut GraphBuilder,
) {
    for same in touches.steps.chunk_by(|a, b| a.before == b.before) {
        let before = same[0].before;
        let key = txns.version_keys[before as usize];
        let writers = same.iter().filter_map(|step| index.writer(step.after));
        let fan = builder.fan(writers);
        to.process[before as usize] = Some(fan);
        if let Some(writer) = index.writer(before) {
            builder.enter(writer, fan, 0, Label::WwProcess, key);
        }
    }
}

/// Versions that were touched after another was.
fn after_in_time(
    txns: &Txns,
    index: &Index,
    touches: &Touches,
    to: &mut Successors,
    builder: &mut GraphBuilder,
) {
    let key_of = |version: u32| txns.version_keys[version as usize];
    let begun_at = |version: u32| touches.begun[version as usize];
    let mut versions: Vec<u32> = (0..txns.version_keys.len() as u32)
        .filter(|version| touches.counts[*version as usize])
        .collect();
    versions.sort_unstable_by_key(|version| (key_of(*version), begun_at(*version), *version));
    for same in versions.chunk_by(|a, b| key_of(*a) == key_of(*b)) {
        let key = key_of(same[0]);
        if let Some((a, b)) = touches.overlapping(same) {
            if let (Some(a), Some(b)) = (index.writer(a), index.writer(b)) {
                builder.edge(a, b, Label::WwRealtime, key);
                builder.edge(b, a, Label::WwRealtime, key);
            }
            continue;
        }
        let all = builder.fan(same.iter().filter_map(|version| index.writer(*version)));
        for version in same {
            let (done, begun) = (touches.done[*version as usize], begun_at(*version));
            let Some(writer) = index.writer(*version).filter(|_| done != NONE) else { continue };
            let behind = same.partition_point(|other| begun_at(*other) <= done.max(begun)) as u32;
            builder.enter(writer, all, behind, Label::WwRealtime, key);
            to.realtime[*version as usize] = Some((all, behind));
            let from = same.partition_point(|other| begun_at(*other) <= done) as u32;
            if from + 1 < behind {
                let zone = same[from as usize..behind as usize].iter();
                let others = zone.filter(|other| *other != version);
                let zone = builder.fan(others.filter_map(|other| index.writer(*other)));
                builder.enter(writer, zone, 0, Label::WwRealtime, key);
                to.zone[*version as usize] = Some(zone);
            }
        }
    }
}
