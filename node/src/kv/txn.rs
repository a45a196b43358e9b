//! Transactions: compares choose branches, then the chosen operations run one after the other.
//!
//! All compares, those of nested transactions too, see the state before the transaction; so do the checks that can
//! refuse it. The operations see what earlier ones of the same transaction did.

use super::command::header;
use super::history::Keys;
use super::store::Writing;
use super::{KvError, compare, range};
use crate::proto::etcdserverpb::request_op::Request;
use crate::proto::etcdserverpb::response_op::Response;
use crate::proto::etcdserverpb::{
    PutRequest, RangeRequest, RequestOp, ResponseOp, TxnRequest, TxnResponse,
};

/// Oldest revision that is kept, as a store that was never compacted reports it.
const FIRST_REVISION: i64 = -1;

/// Whether `txn` can be served as a read: every operation of both branches is a range. A nested transaction makes it a
/// write even if it only reads, as in etcd.
pub fn is_read_only(txn: &TxnRequest) -> bool {
    ranges(txn).all(|range| range.is_some())
}

/// Whether a read-only `txn` may be answered from this node's own state: every range of both branches asks for that.
pub fn is_serializable(txn: &TxnRequest) -> bool {
    ranges(txn).all(|range| range.is_some_and(|range| range.serializable))
}

fn ranges(txn: &TxnRequest) -> impl Iterator<Item = Option<&RangeRequest>> {
    txn.success.iter().chain(&txn.failure).map(|op| match &op.request {
        Some(Request::RequestRange(range)) => Some(range),
        _ => None,
    })
}

/// A transaction whose compares are decided.
pub(crate) struct Branch<'a> {
    succeeded: bool,
    ops: &'a [RequestOp],
    /// One per nested transaction among `ops`, in order.
    nested: Vec<Self>,
}

impl<'a> Branch<'a> {
    /// Decides every compare, and refuses what etcd refuses after looking at the store.
    pub(crate) fn choose(keys: &Keys, revision: i64, txn: &'a TxnRequest) -> Result<Self, KvError> {
        let branch = Self::decide(keys, revision, txn);
        // Two passes, because the order shows when a transaction has both faults.
        branch.try_for_each_op(&mut |op| match &op.request {
            Some(Request::RequestPut(put)) => check_put(keys, put),
            _ => Ok(()),
        })?;
        branch.try_for_each_op(&mut |op| match &op.request {
            Some(Request::RequestRange(range)) => check_range(revision, range),
            _ => Ok(()),
        })?;
        Ok(branch)
    }

    fn decide(keys: &Keys, revision: i64, txn: &'a TxnRequest) -> Self {
        let succeeded = txn.compare.iter().all(|compare| compare::holds(keys, revision, compare));
        let ops = if succeeded { &txn.success } else { &txn.failure };
        let nested = ops
            .iter()
            .filter_map(|op| match &op.request {
                Some(Request::RequestTxn(nested)) => Some(Self::decide(keys, revision, nested)),
                _ => None,
            })
            .collect();
        Self { succeeded, ops, nested }
    }

    fn try_for_each_op(
        &self,
        check: &mut impl FnMut(&RequestOp) -> Result<(), KvError>,
    ) -> Result<(), KvError> {
        let mut nested = self.nested.iter();
        for op in self.ops {
            if matches!(op.request, Some(Request::RequestTxn(_))) {
                let branch = nested.next().expect("decide made one branch per nested transaction");
                branch.try_for_each_op(check)?;
            } else {
                check(op)?;
            }
        }
        Ok(())
    }

    /// Runs the operations. A failure leaves changes behind: the caller rolls back.
    pub(crate) fn write(&self, writing: &mut Writing<'_>) -> Result<TxnResponse, KvError> {
        let mut nested = self.nested.iter();
        let mut responses = Vec::with_capacity(self.ops.len());
        for op in self.ops {
            let response = match &op.request {
                Some(Request::RequestRange(range)) => {
                    Response::ResponseRange(writing.range(range)?)
                }
                Some(Request::RequestPut(put)) => Response::ResponsePut(writing.put(put.clone())?),
                Some(Request::RequestDeleteRange(delete)) => {
                    Response::ResponseDeleteRange(writing.delete_range(delete))
                }
                Some(Request::RequestTxn(_)) => {
                    let branch = nested.next().expect("one branch per nested transaction");
                    Response::ResponseTxn(branch.write(writing)?)
                }
                None => return Err(KvError::KeyNotFound),
            };
            responses.push(ResponseOp { response: Some(response) });
        }
        // Nested headers stay empty, as etcd leaves them; the outermost one is set by the caller.
        Ok(TxnResponse { header: header(0), succeeded: self.succeeded, responses })
    }

    /// Runs the operations of a transaction that only reads.
    pub(crate) fn read(&self, keys: &Keys, revision: i64) -> Result<TxnResponse, KvError> {
        let mut responses = Vec::with_capacity(self.ops.len());
        for op in self.ops {
            let Some(Request::RequestRange(range)) = &op.request else {
                return Err(KvError::malformed("a transaction that writes was asked of a read"));
            };
            let response = Response::ResponseRange(range::execute(keys, revision, range)?);
            responses.push(ResponseOp { response: Some(response) });
        }
        Ok(TxnResponse { header: header(revision), succeeded: self.succeeded, responses })
    }
}

fn check_put(keys: &Keys, put: &PutRequest) -> Result<(), KvError> {
    if (put.ignore_value || put.ignore_lease) && keys.live(&put.key).is_none() {
        return Err(KvError::KeyNotFound);
    }
    if put.lease == 0 { Ok(()) } else { Err(KvError::LeaseNotFound) }
}

/// Stricter than a range outside a transaction, which takes any negative revision for "now".
fn check_range(current: i64, range: &RangeRequest) -> Result<(), KvError> {
    if range.revision > current {
        Err(KvError::FutureRevision)
    } else if range.revision < FIRST_REVISION {
        Err(KvError::Compacted)
    } else {
        Ok(())
    }
}
