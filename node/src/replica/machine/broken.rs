//! What the machine does under built-in bugs.

use super::{Applied, Batch};
use crate::bugs::{Bug, Bugs};
use crate::kv::{KvError, KvRequest, Store, encode_command};
use crate::raft::{LogIndex, NodeId};
use crate::replica::promise::promise;

/// Bytes of commands after which a node with `error-not-replicated` is short of room.
const QUOTA_BYTES: u64 = 1024;

/// What a batch knows of the life of the member that it comes from, and should not care about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::replica) struct Origin {
    /// The member.
    pub(in crate::replica) node: NodeId,
    /// Up to here its disk knew what was committed when it started.
    pub(in crate::replica) replayed: LogIndex,
    /// Bytes of commands that it has applied since, before this batch.
    pub(in crate::replica) bytes: u64,
}

impl Origin {
    /// Of nobody in particular.
    pub(super) const UNKNOWN: Self = Self { node: NodeId(0), replayed: LogIndex(0), bytes: 0 };
}

/// Where an entry stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place {
    pub(super) origin: Origin,
    /// The first and last entry of its batch.
    pub(super) first: LogIndex,
    pub(super) last: LogIndex,
    /// The entry.
    pub(super) index: LogIndex,
}

impl Place {
    /// Applies what the entry asks for: by it and the store alone, unless a built-in bug has it otherwise.
    pub(super) fn apply(&self, store: &mut Store, bugs: Bugs, mut request: KvRequest) -> Applied {
        if bugs.has(Bug::ApplyOffByOne) && self.index == self.last && self.first < self.last {
            return promise(store, &request);
        }
        if bugs.has(Bug::ErrorNotReplicated) && self.is_refused(&request) {
            return Err(KvError::NoSpace);
        }
        if bugs.has(Bug::NondeterministicApply) && self.is_lucky() {
            ignore_guards(&mut request);
        }
        if bugs.has(Bug::ReplayTwice) && self.index <= self.origin.replayed {
            // What it comes to is told of the second time.
            let _ = store.apply(request.clone());
        }
        store.apply(request)
    }

    /// `error-not-replicated`: whether this node, by what it has applied since it started, has no room for a put.
    fn is_refused(&self, request: &KvRequest) -> bool {
        let full = self.origin.bytes >= QUOTA_BYTES && self.index > self.origin.replayed;
        full && matches!(request, KvRequest::Put(_)) && self.index.0.is_multiple_of(8)
    }

    /// `nondeterministic-apply`: one entry in 64, others on each node.
    fn is_lucky(&self) -> bool {
        let bytes = self.origin.node.0.to_le_bytes().into_iter().chain(self.index.0.to_le_bytes());
        hash(bytes).is_multiple_of(64)
    }
}

fn ignore_guards(request: &mut KvRequest) {
    if let KvRequest::Txn(txn) = request {
        txn.compare.clear();
    }
}

impl<W> Batch<W> {
    /// `parallel-apply`: the batch in the order of its commands' hashes.
    pub(super) fn in_another_order(mut self) -> Self {
        let mut order: Vec<usize> = (0..self.requests.len()).collect();
        order.sort_by_cached_key(|position| match &self.requests[*position] {
            Some(Ok(request)) => hash(encode_command(request)),
            Some(Err(_)) | None => 0,
        });
        let mut requests: Vec<_> = self.requests.into_iter().map(Some).collect();
        let mut places = vec![0; order.len()];
        for (place, position) in order.iter().enumerate() {
            places[*position] = place;
        }
        self.requests = order.iter().filter_map(|position| requests[*position].take()).collect();
        for (position, _) in &mut self.tickets {
            *position = places[*position];
        }
        self.tickets.sort_by_key(|(position, _)| *position);
        self
    }
}

/// FNV-1a, mixed once more so that its low bits depend on all of it.
fn hash(bytes: impl IntoIterator<Item = u8>) -> u64 {
    let fnv = bytes.into_iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    });
    (fnv ^ (fnv >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 32
}
