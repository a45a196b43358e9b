//! What waits: for an answer, or for the disk.

use std::collections::BTreeMap;

use crate::raft::{IoSeq, Message, Nanos, NodeId, RequestId};

/// The waiting room of a member, for writes with tickets `W` and reads with tickets `R`.
#[derive(Debug)]
pub(super) struct Waiting<W, R> {
    /// Writes that the core has taken.
    pub(super) writes: BTreeMap<RequestId, Writer<W>>,
    /// Reads that the core has taken; one id stands for all reads of a turn.
    pub(super) reads: BTreeMap<RequestId, Vec<R>>,
    /// Messages by the write that must be durable first; those of one write in order.
    pub(super) sends: BTreeMap<IoSeq, Vec<(NodeId, Message)>>,
    /// The last write that was handed to the disk.
    pub(super) issued: IoSeq,
    /// Every write up to here is durable.
    pub(super) persisted: IoSeq,
    /// Client writes that the core has not seen.
    pub(super) fresh: Vec<(Vec<u8>, W)>,
    /// Until when they are kept back, if they are.
    pub(super) hold_until: Option<Nanos>,
}

/// Who waits for a write.
#[derive(Debug)]
pub(super) struct Writer<W> {
    pub(super) ticket: W,
    /// Kept for built-in bugs.
    pub(super) command: Option<Vec<u8>>,
}

impl<W, R> Default for Waiting<W, R> {
    fn default() -> Self {
        Self {
            writes: BTreeMap::new(),
            reads: BTreeMap::new(),
            sends: BTreeMap::new(),
            issued: IoSeq(0),
            persisted: IoSeq(0),
            fresh: Vec::new(),
            hold_until: None,
        }
    }
}

impl<W, R> Waiting<W, R> {
    /// Whether fresh writes go on waiting for the disk, which they do on a leader and for `hold_max` at most.
    pub(super) fn holds_writes(&mut self, now: Nanos, leads: bool, hold_max: Nanos) -> bool {
        let busy = self.persisted < self.issued;
        let latest = Nanos(now.0.saturating_add(hold_max.0));
        let until = self.hold_until.unwrap_or(latest);
        let holds = busy && leads && now < until;
        self.hold_until = holds.then_some(until);
        holds
    }
}
