//! The machine that committed entries drive: what they ask for, in log order, and who waits for it.
//!
//! Owns decoding, the order of application, and the matching of results and readers to those who wait. Refuses to own the
//! store's lock, when a batch is applied and on which thread: a shell's.
//!
//! Invariant: entries are applied in log order, each once. A gap or a repetition would fork the replicas.

use std::collections::BTreeMap;

use prost::Message;

use crate::bugs::{Bug, Bugs};
use crate::kv::{KvError, KvRequest, KvResponse, Store, decode_command};
use crate::proto::etcdserverpb::RequestOp;
use crate::proto::etcdserverpb::request_op::Request;
use crate::raft::{Entry, LogIndex};

mod broken;

pub(super) use broken::Origin;
use broken::Place;

/// Consecutive committed entries, and the tickets (`W`) of those who wait for some of them.
#[derive(Debug)]
pub struct Batch<W> {
    first: LogIndex,
    last: LogIndex,
    /// What the entries ask for, decoded before the store is locked; nothing for a leader's no-op.
    requests: Vec<Option<Result<KvRequest, KvError>>>,
    /// Who waits for which of them, by rising position.
    tickets: Vec<(usize, W)>,
    /// For built-in bugs.
    origin: Origin,
}

impl<W> Batch<W> {
    /// Decodes entries; `None` if there are none. `tickets` name positions among the entries, rising.
    pub fn new(entries: &[Entry], tickets: Vec<(usize, W)>) -> Option<Self> {
        let (first, last) = (entries.first()?.index, entries.last()?.index);
        let requests = entries.iter().map(request_of).collect();
        Some(Self { first, last, requests, tickets, origin: Origin::UNKNOWN })
    }

    /// With what built-in bugs go by.
    #[must_use]
    pub(super) const fn with_origin(mut self, origin: Origin) -> Self {
        self.origin = origin;
        self
    }

    /// Index of the first entry.
    pub const fn first(&self) -> LogIndex {
        self.first
    }

    /// Index of the last entry.
    pub const fn last(&self) -> LogIndex {
        self.last
    }

    /// How many wait for one of the entries.
    pub fn waiting(&self) -> usize {
        self.tickets.len()
    }

    /// Whether applying takes microseconds: every request is about single keys. (Its bytes are bounded by the core.)
    pub fn is_quick(&self) -> bool {
        self.requests.iter().flatten().flatten().all(|request| match request {
            KvRequest::Put(_) => true,
            KvRequest::DeleteRange(delete) => delete.range_end.is_empty(),
            KvRequest::Txn(txn) => {
                let single = |op: &RequestOp| match &op.request {
                    Some(Request::RequestPut(_)) | None => true,
                    Some(Request::RequestRange(range)) => range.range_end.is_empty(),
                    Some(Request::RequestDeleteRange(delete)) => delete.range_end.is_empty(),
                    Some(Request::RequestTxn(_)) => false,
                };
                txn.compare.iter().all(|compare| compare.range_end.is_empty())
                    && txn.success.iter().chain(&txn.failure).all(single)
            }
        })
    }
}

/// What a command came to: a response, or an error that every node gets alike.
pub type Applied = Result<KvResponse, KvError>;

/// Where a store stands after a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ran {
    /// Everything up to here is in the store.
    pub last: LogIndex,
    /// How many entries carried a command.
    pub writes: u64,
    /// The store's revision.
    pub revision: i64,
}

/// Applies a batch to a store that has everything up to `applied`, and tells what came of each entry that carries a
/// command, with the ticket of who waits for it, if anybody does.
///
/// # Panics
/// If the batch does not follow `applied`, unless a built-in bug wants just that.
pub fn run_batch<W>(
    store: &mut Store,
    applied: LogIndex,
    bugs: Bugs,
    batch: Batch<W>,
    mut tell: impl FnMut(LogIndex, Option<W>, Applied),
) -> Ran {
    let batch = if bugs.has(Bug::ParallelApply) { batch.in_another_order() } else { batch };
    let Batch { first, last, requests, tickets, origin } = batch;
    let expected = applied.next();
    assert!(
        first == expected || bugs.forgiving(),
        "entry {first} was handed out for application, but {expected} is next"
    );
    let mut tickets = tickets.into_iter().peekable();
    let mut writes = 0;
    for (position, request) in requests.into_iter().enumerate() {
        let Some(request) = request else { continue };
        writes += 1;
        let index = LogIndex(first.0 + position as u64);
        let place = Place { origin, first, last, index };
        let result = request.and_then(|request| place.apply(store, bugs, request));
        let waiting = tickets.next_if(|(waiting, _)| *waiting == position);
        tell(index, waiting.map(|(_, ticket)| ticket), result);
    }
    Ran { last, writes, revision: store.revision() }
}

/// Puts what a command came to behind `bytes`: the same bytes on every node, for whoever compares replicas by hashes.
/// They start with a kind; then comes the response as protobuf, or the text of the error.
pub fn encode_applied(applied: &Applied, bytes: &mut Vec<u8>) {
    match applied {
        Ok(KvResponse::Put(response)) => encode(1, response, bytes),
        Ok(KvResponse::DeleteRange(response)) => encode(2, response, bytes),
        Ok(KvResponse::Txn(response)) => encode(3, response, bytes),
        Err(error) => {
            bytes.push(0);
            bytes.extend(error.to_string().bytes());
        }
    }
}

fn encode(kind: u8, response: &impl Message, bytes: &mut Vec<u8>) {
    bytes.push(kind);
    response.encode_raw(bytes);
}

fn request_of(entry: &Entry) -> Option<Result<KvRequest, KvError>> {
    let noop = entry.request.is_none() && entry.command.is_empty();
    (!noop).then(|| decode_command(&entry.command))
}

/// Who waits for an entry to be applied, each with a ticket (`R`).
#[derive(Debug)]
pub struct Readers<R>(BTreeMap<LogIndex, Vec<R>>);

impl<R> Default for Readers<R> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<R> Readers<R> {
    /// Makes readers wait for entry `at`; gives back those that need not, as everything up to `applied` is in the store.
    #[must_use]
    pub fn wait(&mut self, at: LogIndex, applied: LogIndex, tickets: Vec<R>) -> Vec<R> {
        if at <= applied {
            return tickets;
        }
        self.0.entry(at).or_default().extend(tickets);
        Vec::new()
    }

    /// Takes out those who have what they waited for, now that everything up to `applied` is in the store.
    #[must_use]
    pub fn up_to(&mut self, applied: LogIndex) -> Vec<R> {
        let mut free = Vec::new();
        while let Some(first) = self.0.first_entry()
            && *first.key() <= applied
        {
            let mut group = first.remove();
            if free.is_empty() {
                // Nearly always the only one: nothing is copied.
                free = group;
            } else {
                free.append(&mut group);
            }
        }
        free
    }
}

#[cfg(test)]
mod tests;
