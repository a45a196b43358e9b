//! What a process has besides its core and its log: the store, and the requests under way.

use std::collections::{BTreeSet, VecDeque};

use rashomon_node::bugs::Bugs;
use rashomon_node::kv::Store;
use rashomon_node::raft::{LogIndex, NodeId, Term};
use rashomon_node::replica::{Batch, Query, Readers, WalJob};

use super::Nature;
use crate::sim::booth::{Connection, Slip};

/// A request of a client that has no answer yet.
#[derive(Debug)]
pub(super) struct OpenCall {
    pub(super) slip: Slip,
    pub(super) connection: Connection,
    /// What to read once that may be done; `None` for a write.
    pub(super) query: Option<Query>,
}

#[derive(Debug)]
pub(in crate::sim) struct Shop {
    pub(super) node: usize,
    pub(super) id: NodeId,
    pub(super) cluster: u64,
    pub(super) term: Term,
    pub(super) bugs: Bugs,
    pub(super) store: Store,
    pub(super) applied: LogIndex,
    pub(super) readers: Readers<u64>,
    pub(super) jobs: VecDeque<WalJob>,
    /// Batches that wait to be applied, if applying takes time.
    pub(super) batches: VecDeque<Batch<u64>>,
    pub(super) slow_apply: bool,
    calls: Vec<Option<OpenCall>>,
    free: Vec<usize>,
    pub(super) connections: BTreeSet<Connection>,
}

impl Shop {
    pub(super) fn new(nature: &Nature) -> Self {
        Self {
            node: nature.node,
            id: nature.config.id,
            cluster: nature.wal.cluster_id,
            term: Term(0),
            bugs: nature.config.bugs,
            store: Store::new(),
            applied: LogIndex(0),
            readers: Readers::default(),
            jobs: VecDeque::new(),
            batches: VecDeque::new(),
            slow_apply: nature.slow_apply,
            calls: Vec::new(),
            free: Vec::new(),
            connections: BTreeSet::new(),
        }
    }

    pub(super) fn has_batches(&self) -> bool {
        !self.batches.is_empty()
    }

    /// A ticket for a request.
    pub(super) fn note(&mut self, call: OpenCall) -> u64 {
        if let Some(place) = self.free.pop() {
            self.calls[place] = Some(call);
            return place as u64;
        }
        self.calls.push(Some(call));
        self.calls.len() as u64 - 1
    }

    /// The request of a ticket, which is used up by that.
    pub(super) fn redeem(&mut self, ticket: u64) -> Option<OpenCall> {
        let place = usize::try_from(ticket).ok()?;
        let call = self.calls.get_mut(place)?.take()?;
        self.free.push(place);
        Some(call)
    }

    pub(super) fn call(&self, ticket: u64) -> Option<&OpenCall> {
        self.calls.get(usize::try_from(ticket).ok()?)?.as_ref()
    }

    /// The store, to look at.
    pub(in crate::sim) const fn store(&self) -> &Store {
        &self.store
    }

    /// Everything up to here is in the store.
    pub(in crate::sim) const fn applied(&self) -> LogIndex {
        self.applied
    }
}
