//! A disk that forgets: what was not confirmed when the node crashed may be gone, in whole or in part.

use std::collections::VecDeque;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rashomon_node::raft::{Entry, HardState, IoSeq, LogIndex, Recovered, Term};

/// One node's disk.
#[derive(Debug, Default)]
pub(crate) struct Disk {
    durable: Recovered,
    pending: VecDeque<PendingWrite>,
}

#[derive(Debug)]
struct PendingWrite {
    io: IoSeq,
    hard: Option<HardState>,
    entries: Vec<Entry>,
}

impl Disk {
    pub(crate) fn write(&mut self, io: IoSeq, hard: Option<HardState>, entries: Vec<Entry>) {
        self.pending.push_back(PendingWrite { io, hard, entries });
    }

    /// Whether a write with this hard state changes a promise (term or vote) over everything written so far.
    pub(crate) fn is_promise(&self, hard: Option<HardState>) -> bool {
        let written = self.pending.iter().rev().find_map(|write| write.hard);
        let written = written.unwrap_or(self.durable.hard);
        hard.is_some_and(|hard| (hard.term, hard.vote) != (written.term, written.vote))
    }

    /// Makes everything up to `io` durable; whether there was anything.
    pub(crate) fn sync(&mut self, io: IoSeq) -> bool {
        let before = self.pending.len();
        while self.pending.front().is_some_and(|write| write.io <= io) {
            if let Some(write) = self.pending.pop_front() {
                keep(&mut self.durable, write.hard, write.entries);
            }
        }
        self.pending.len() < before
    }

    /// The node dies. Some of what was on its way survives: a prefix of the writes, and perhaps half of the next one.
    pub(crate) fn crash(&mut self, rng: &mut ChaCha8Rng) {
        let mut pending = std::mem::take(&mut self.pending);
        for _ in 0..rng.random_range(0..=pending.len()) {
            if let Some(write) = pending.pop_front() {
                keep(&mut self.durable, write.hard, write.entries);
            }
        }
        let Some(mut torn) = pending.pop_front() else { return };
        torn.entries.truncate(rng.random_range(0..=torn.entries.len()));
        let hard = if rng.random_bool(0.5) { torn.hard } else { None };
        if rng.random_bool(0.5) {
            keep(&mut self.durable, hard, torn.entries);
        }
    }

    pub(crate) fn recovered(&self) -> Recovered {
        self.durable.clone()
    }

    /// The durable entry's term at `index`.
    pub(crate) fn term_at(&self, index: LogIndex) -> Option<Term> {
        self.durable.entries.get(index.0 as usize - 1).map(|entry| entry.term)
    }
}

fn keep(durable: &mut Recovered, hard: Option<HardState>, entries: Vec<Entry>) {
    durable.hard = hard.unwrap_or(durable.hard);
    replace_from(&mut durable.entries, entries);
}

/// Entries replace any from their first index on.
pub(crate) fn replace_from(log: &mut Vec<Entry>, entries: Vec<Entry>) {
    if let Some(first) = entries.first() {
        let kept = first.index.0 as usize - 1;
        assert!(kept <= log.len(), "entry {} would leave a gap after {}", first.index, log.len());
        log.truncate(kept);
        log.extend(entries);
    }
}
