//! Who wrote what, and who is known to have happened.
//!
//! A version is *clear* if exactly one micro-operation can have written it, those of failed transactions not counted. Only
//! clear versions lead to anything; values that were written twice are passed over.

use super::data::{Fate, NONE, Txns, What};

/// Look-ups by version, by micro-operation and by transaction.
#[derive(Debug)]
pub(super) struct Index {
    /// By version: how many micro-operations can have written it.
    pub(super) writes: Vec<u32>,
    /// By version: a micro-operation that can have written it, or [`NONE`].
    pub(super) writer_micro: Vec<u32>,
    /// By version: the transaction of that micro-operation, or [`NONE`].
    pub(super) writer_txn: Vec<u32>,
    /// By version: a failed transaction that wanted to write it, or [`NONE`].
    pub(super) failed_writer: Vec<u32>,
    /// By micro-operation that writes: the next and previous write of the same key in its transaction, or [`NONE`].
    pub(super) next_write: Vec<u32>,
    pub(super) previous_write: Vec<u32>,
    /// By micro-operation: whether its transaction wrote the key before.
    pub(super) after_write: Vec<bool>,
    /// By version: its position in the order of its list, or [`NONE`].
    pub(super) position: Vec<u32>,
    /// By version: whether any completed read shows it.
    pub(super) seen: Vec<bool>,
    /// By transaction: whether it surely happened.
    pub(super) live: Vec<bool>,
}

impl Index {
    pub(super) fn new(txns: &Txns) -> Self {
        let versions = txns.version_keys.len();
        let mut index = Self {
            writes: vec![0; versions],
            writer_micro: vec![NONE; versions],
            writer_txn: vec![NONE; versions],
            failed_writer: vec![NONE; versions],
            next_write: vec![NONE; txns.micros.len()],
            previous_write: vec![NONE; txns.micros.len()],
            after_write: vec![false; txns.micros.len()],
            position: vec![NONE; versions],
            seen: vec![false; versions],
            live: txns.fates.iter().map(|fate| *fate == Fate::Committed).collect(),
        };
        index.find_writers(txns);
        index.find_seen(txns);
        if txns.unknown_writes {
            // Whoever can have written anything can have written each of these.
            index.writes.fill(u32::MAX);
        }
        for version in 0..versions {
            if index.seen[version] && index.writes[version] == 1 {
                index.live[index.writer_txn[version] as usize] = true;
            }
        }
        index
    }

    fn find_writers(&mut self, txns: &Txns) {
        // By key: the last write seen; it counts only if it is of the same transaction.
        let mut last_write = vec![NONE; txns.keys.len()];
        for txn in 0..txns.len() as u32 {
            let span = txns.span(txn);
            for micro in span.clone() {
                let last = &mut last_write[txns.micros[micro].key as usize];
                let before = (*last != NONE && *last as usize >= span.start).then_some(*last);
                self.after_write[micro] = before.is_some();
                let What::Write(version) = txns.micros[micro].what else { continue };
                if let Some(before) = before {
                    self.next_write[before as usize] = micro as u32;
                    self.previous_write[micro] = before;
                }
                *last = micro as u32;
                if txns.fates[txn as usize] == Fate::Failed {
                    self.failed_writer[version as usize] = txn;
                } else {
                    self.writes[version as usize] += 1;
                    self.writer_micro[version as usize] = micro as u32;
                    self.writer_txn[version as usize] = txn;
                }
            }
        }
    }

    fn find_seen(&mut self, txns: &Txns) {
        for key in 0..txns.keys.len() as u32 {
            for (position, version) in txns.order[txns.order_span(key)].iter().enumerate() {
                let place = &mut self.position[*version as usize];
                *place = (*place).min(position as u32);
                self.seen[*version as usize] = true;
            }
        }
        for version in txns.odd.iter().flatten() {
            self.seen[*version as usize] = true;
        }
        for micro in &txns.micros {
            if let What::Version(version) = micro.what {
                self.seen[version as usize] = true;
            }
        }
    }

    /// The transaction that wrote a clear version.
    pub(super) fn writer(&self, version: u32) -> Option<u32> {
        (self.writes[version as usize] == 1).then(|| self.writer_txn[version as usize])
    }

    /// The transaction that wrote what stands at this position of a list, if the version is clear and stands there first.
    pub(super) fn writer_at(&self, version: u32, position: u32) -> Option<u32> {
        self.writer(version).filter(|_| self.position[version as usize] == position)
    }

    /// Whether nobody but failed transactions can have written it.
    pub(super) fn is_aborted(&self, version: u32) -> bool {
        self.writes[version as usize] == 0 && self.failed_writer[version as usize] != NONE
    }

    /// Whether nobody can have written it.
    pub(super) fn is_garbage(&self, version: u32) -> bool {
        self.writes[version as usize] == 0 && self.failed_writer[version as usize] == NONE
    }
}
