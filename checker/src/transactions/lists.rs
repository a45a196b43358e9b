//! What reads and appends of lists say about the order of transactions.
//!
//! A list that was read names every append before it, in order: the longest list read of a key is the order of its
//! versions, and every other read must be a prefix of it. From this follow, for transactions that surely happened:
//! - `ww`: from the writer of each element to that of the next;
//! - `wr`: from the writer of the last element that a read shows to the reader;
//! - `rw`: from the reader to the writer of the first element that it does not show.
//!
//! An append that surely happened and that no read shows comes after all that were read. So the writer of the last
//! element, and all who read the longest list, come before it. (Elle leaves these out.)
//!
//! **Nothing is missing.** Let every value be appended once and no anomaly be found. Take any order of the transactions
//! that agrees with all edges, and run it. Lists grow in the order of their versions, because the elements of one
//! transaction stand together, in its own order (else: incompatible-order, or a cycle), and `ww` orders the others; unread
//! appends come last. A read shows what its transaction must see: everything up to its last element is there by `wr` and
//! `ww`, nothing of another is beyond by `rw`, and with its own appends it agrees (else: internal, future-read). So the
//! order explains every answer: the history is strictly serializable, or serializable, by the edges that were included.

pub(super) mod faults;

use super::data::{NONE, Txns, What};
use super::graph::{Fan, GraphBuilder, Label};
use super::index::Index;

/// By entry of the order of all keys: whose element it is, and who is next to it.
struct Owners {
    /// The transaction whose element stands here, or [`NONE`] where that is not clear.
    owner: Vec<u32>,
    /// The same of the nearest position up to here, or after here and here, of the same key.
    at_or_before: Vec<u32>,
    at_or_after: Vec<u32>,
}

impl Owners {
    fn new(txns: &Txns, index: &Index) -> Self {
        let mut owner = vec![NONE; txns.order.len()];
        let mut at_or_before = owner.clone();
        let mut at_or_after = owner.clone();
        for key in 0..txns.keys.len() as u32 {
            let span = txns.order_span(key);
            let mut last = NONE;
            for at in span.clone() {
                let writer = index.writer_at(txns.order[at], (at - span.start) as u32);
                owner[at] = writer.unwrap_or(NONE);
                last = writer.unwrap_or(last);
                at_or_before[at] = last;
            }
            let mut next = NONE;
            for at in span.rev() {
                next = if owner[at] == NONE { next } else { owner[at] };
                at_or_after[at] = next;
            }
        }
        Self { owner, at_or_before, at_or_after }
    }
}

/// Adds all dependencies of data.
pub(super) fn edges(txns: &Txns, index: &Index, builder: &mut GraphBuilder) {
    let owners = Owners::new(txns, index);
    for key in 0..txns.keys.len() as u32 {
        let mut last = NONE;
        for owner in owners.owner[txns.order_span(key)].iter().filter(|owner| **owner != NONE) {
            if last != NONE {
                builder.edge(last, *owner, Label::Ww, key);
            }
            last = *owner;
        }
    }
    let unread = unread(txns, index, builder);
    for key in 0..txns.keys.len() as u32 {
        let last = txns.order_span(key).last().map_or(NONE, |at| owners.at_or_before[at]);
        if last != NONE {
            builder.enter(last, unread[key as usize], 0, Label::Ww, key);
        }
    }
    for txn in txns.committed() {
        for micro in &txns.micros[txns.span(txn)] {
            match micro.what {
                What::Prefix(len) => {
                    let span = txns.order_span(micro.key);
                    let next = span.start + len as usize;
                    if len > 0 && owners.at_or_before[next - 1] != NONE {
                        builder.edge(owners.at_or_before[next - 1], txn, Label::Wr, micro.key);
                    }
                    if next < span.end && owners.at_or_after[next] != NONE {
                        builder.edge(txn, owners.at_or_after[next], Label::Rw, micro.key);
                    } else {
                        builder.enter(txn, unread[micro.key as usize], 0, Label::Rw, micro.key);
                    }
                }
                What::Odd(number) => {
                    let shown = txns.odd[number as usize].iter().rev();
                    if let Some(writer) = shown.copied().find_map(|v| index.writer(v)) {
                        builder.edge(writer, txn, Label::Wr, micro.key);
                    }
                }
                What::Write(_) | What::Unknown | What::Initial | What::Version(_) => {}
            }
        }
    }
}

/// By key: the transactions that happened and appended what no read shows.
fn unread(txns: &Txns, index: &Index, builder: &mut GraphBuilder) -> Vec<Fan> {
    let mut writers: Vec<(u32, u32)> = Vec::new();
    for txn in (0..txns.len() as u32).filter(|txn| index.live[*txn as usize]) {
        for micro in &txns.micros[txns.span(txn)] {
            if let What::Write(version) = micro.what
                && !index.seen[version as usize]
            {
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
