//! What can be refused by looking at the request alone, before it is proposed.
//!
//! The shell asks first, so that a bad request costs no log entry; [`Store::apply`](super::Store::apply) asks again,
//! since a log may have been written by another build.

use std::collections::{BTreeMap, BTreeSet};

use prost::Message;

use super::{KvError, KvRequest};
use crate::proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use crate::proto::etcdserverpb::request_op::Request;
use crate::proto::etcdserverpb::{
    DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest,
};

/// Most compares, and most operations of a branch, in a transaction; nested ones count against what is left.
pub const TXN_OPS_MAX: usize = 128;

/// Longest request, as etcd ships (`--max-request-bytes`).
pub const REQUEST_BYTES_MAX: usize = 1536 * 1024;

/// Refuses what etcd refuses without looking at the store.
pub fn validate(request: &KvRequest) -> Result<(), KvError> {
    let bytes = match request {
        KvRequest::Put(put) => {
            check_put(put)?;
            put.encoded_len()
        }
        KvRequest::DeleteRange(delete) => {
            check_delete(delete)?;
            delete.encoded_len()
        }
        KvRequest::Txn(txn) => {
            check_txn(txn, TXN_OPS_MAX)?;
            // After the check above, which bounds the work: etcd's order, and it shows in which error wins.
            Writes::of(&txn.success)?;
            Writes::of(&txn.failure)?;
            txn.encoded_len()
        }
    };
    if bytes > REQUEST_BYTES_MAX { Err(KvError::RequestTooLarge) } else { Ok(()) }
}

/// Refuses a read that etcd refuses without looking at the store.
pub fn validate_range(range: &RangeRequest) -> Result<(), KvError> {
    if range.key.is_empty() {
        return Err(KvError::EmptyKey);
    }
    let known = SortOrder::try_from(range.sort_order).is_ok()
        && SortTarget::try_from(range.sort_target).is_ok();
    if known { Ok(()) } else { Err(KvError::InvalidSortOption) }
}

fn check_put(put: &PutRequest) -> Result<(), KvError> {
    if put.key.is_empty() {
        return Err(KvError::EmptyKey);
    }
    if put.ignore_value && !put.value.is_empty() {
        return Err(KvError::ValueProvided);
    }
    if put.ignore_lease && put.lease != 0 {
        return Err(KvError::LeaseProvided);
    }
    Ok(())
}

fn check_delete(delete: &DeleteRangeRequest) -> Result<(), KvError> {
    if delete.key.is_empty() { Err(KvError::EmptyKey) } else { Ok(()) }
}

fn check_txn(txn: &TxnRequest, ops_max: usize) -> Result<(), KvError> {
    let ops = txn.compare.len().max(txn.success.len()).max(txn.failure.len());
    let left = ops_max.checked_sub(ops).ok_or(KvError::TooManyOps)?;
    if txn.compare.iter().any(|compare| compare.key.is_empty()) {
        return Err(KvError::EmptyKey);
    }
    txn.success.iter().chain(&txn.failure).try_for_each(|op| check_op(op, left))
}

fn check_op(op: &RequestOp, ops_max: usize) -> Result<(), KvError> {
    match &op.request {
        Some(Request::RequestRange(range)) => validate_range(range),
        Some(Request::RequestPut(put)) => check_put(put),
        Some(Request::RequestDeleteRange(delete)) => check_delete(delete),
        Some(Request::RequestTxn(txn)) => check_txn(txn, ops_max),
        None => Err(KvError::KeyNotFound),
    }
}

/// What the operations of one branch put and delete, to refuse a branch whose outcome would hang on their order.
#[derive(Default)]
struct Writes<'a> {
    puts: BTreeSet<&'a [u8]>,
    deletes: Intervals,
}

impl<'a> Writes<'a> {
    /// Collects in etcd's order, because the order shows: this level's deletes, then nested transactions one by one,
    /// then this level's puts. So a nested delete clashes with puts that come after it, not with those before.
    fn of(ops: &'a [RequestOp]) -> Result<Self, KvError> {
        let mut writes = Self::default();
        for op in ops {
            if let Some(Request::RequestDeleteRange(delete)) = &op.request {
                writes.deletes.insert(&delete.key, &delete.range_end);
            }
        }
        for op in ops {
            if let Some(Request::RequestTxn(txn)) = &op.request {
                writes.nested(txn)?;
            }
        }
        for op in ops {
            if let Some(Request::RequestPut(put)) = &op.request {
                writes.put(&put.key)?;
            }
        }
        Ok(writes)
    }

    /// Adds a nested transaction. Its two branches exclude each other, so both may put the same key.
    fn nested(&mut self, txn: &'a TxnRequest) -> Result<(), KvError> {
        let then = Self::of(&txn.success)?;
        let or_else = Self::of(&txn.failure)?;
        for key in &then.puts {
            self.put(key)?;
        }
        for key in &or_else.puts {
            if !then.puts.contains(key) {
                self.put(key)?;
            }
        }
        self.deletes.union(then.deletes);
        self.deletes.union(or_else.deletes);
        Ok(())
    }

    fn put(&mut self, key: &'a [u8]) -> Result<(), KvError> {
        if self.deletes.contains(key) || !self.puts.insert(key) {
            return Err(KvError::DuplicateKey);
        }
        Ok(())
    }
}

/// A union of half-open key intervals, kept disjoint: start -> end.
#[derive(Default)]
struct Intervals(BTreeMap<Vec<u8>, Vec<u8>>);

impl Intervals {
    /// Adds what a delete covers. Like etcd, a range end of one zero byte ("every key from `key` on") is taken
    /// literally here and covers nothing, so that such a delete clashes with no put.
    fn insert(&mut self, key: &[u8], range_end: &[u8]) {
        let end = if range_end.is_empty() { successor(key) } else { range_end.to_vec() };
        if key < end.as_slice() {
            self.insert_interval(key.to_vec(), end);
        }
    }

    fn insert_interval(&mut self, mut start: Vec<u8>, mut end: Vec<u8>) {
        // Everything that touches the new interval is swallowed by it: at most one from the left, any from the right.
        while let Some((left, right)) = self.0.range(..=end.clone()).next_back() {
            if *right < start {
                break;
            }
            let left = left.clone();
            let right = self.0.remove(&left).expect("the interval was just found");
            start = start.min(left);
            end = end.max(right);
        }
        self.0.insert(start, end);
    }

    fn union(&mut self, other: Self) {
        for (start, end) in other.0 {
            self.insert_interval(start, end);
        }
    }

    fn contains(&self, key: &[u8]) -> bool {
        self.0
            .range::<[u8], _>((std::ops::Bound::Unbounded, std::ops::Bound::Included(key)))
            .next_back()
            .is_some_and(|(_, end)| key < end.as_slice())
    }
}

/// The first key after `key`.
fn successor(key: &[u8]) -> Vec<u8> {
    let mut next = key.to_vec();
    next.push(0);
    next
}
