//! The answers of the bugs that do not wait (`ack-on-append`, `forward-ack`, `apply-off-by-one`): what a write would return
//! if it were applied to the store as it is now.
//!
//! Nothing is applied, so two writes that follow each other closely get the same revision, and two compare-and-sets of
//! the same key may both be told that they succeeded.

use crate::kv::{KvError, KvRequest, KvResponse, Store};
use crate::proto::etcdserverpb::request_op::Request;
use crate::proto::etcdserverpb::response_op::Response;
use crate::proto::etcdserverpb::{
    DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse, RangeRequest, RequestOp,
    ResponseHeader, ResponseOp, TxnRequest, TxnResponse,
};

/// The response that a client would get if `request` were applied right now.
pub(super) fn promise(store: &Store, request: &KvRequest) -> Result<KvResponse, KvError> {
    Ok(match request {
        KvRequest::Put(put) => KvResponse::Put(promise_put(store, put)?),
        KvRequest::DeleteRange(delete) => KvResponse::DeleteRange(promise_delete(store, delete)?),
        KvRequest::Txn(txn) => KvResponse::Txn(promise_txn(store, txn)?),
    })
}

/// A write makes the next revision.
fn header(store: &Store) -> ResponseHeader {
    ResponseHeader { revision: store.revision() + 1, ..ResponseHeader::default() }
}

fn promise_put(store: &Store, put: &PutRequest) -> Result<PutResponse, KvError> {
    let prev_kv = if put.prev_kv {
        let range = RangeRequest { key: put.key.clone(), ..RangeRequest::default() };
        store.range(&range)?.kvs.pop()
    } else {
        None
    };
    Ok(PutResponse { header: Some(header(store)), prev_kv })
}

fn promise_delete(
    store: &Store,
    delete: &DeleteRangeRequest,
) -> Result<DeleteRangeResponse, KvError> {
    let range = RangeRequest {
        key: delete.key.clone(),
        range_end: delete.range_end.clone(),
        count_only: !delete.prev_kv,
        ..RangeRequest::default()
    };
    let found = store.range(&range)?;
    let header = Some(header(store));
    Ok(DeleteRangeResponse { header, deleted: found.count, prev_kvs: found.kvs })
}

fn promise_txn(store: &Store, txn: &TxnRequest) -> Result<TxnResponse, KvError> {
    let compares = TxnRequest { compare: txn.compare.clone(), ..TxnRequest::default() };
    let succeeded = store.read_txn(&compares)?.succeeded;
    let ops = if succeeded { &txn.success } else { &txn.failure };
    let responses = ops.iter().map(|op| promise_op(store, op)).collect::<Result<_, _>>()?;
    Ok(TxnResponse { header: Some(header(store)), succeeded, responses })
}

fn promise_op(store: &Store, op: &RequestOp) -> Result<ResponseOp, KvError> {
    let response = match op.request.as_ref().ok_or(KvError::KeyNotFound)? {
        Request::RequestRange(range) => Response::ResponseRange(store.range(range)?),
        Request::RequestPut(put) => Response::ResponsePut(promise_put(store, put)?),
        Request::RequestDeleteRange(delete) => {
            Response::ResponseDeleteRange(promise_delete(store, delete)?)
        }
        Request::RequestTxn(txn) => Response::ResponseTxn(promise_txn(store, txn)?),
    };
    Ok(ResponseOp { response: Some(response) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proto::etcdserverpb::Compare;
    use crate::proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};

    fn put(value: &str) -> PutRequest {
        PutRequest { key: b"k".to_vec(), value: value.into(), ..PutRequest::default() }
    }

    fn cas(from: &str, to: &str) -> KvRequest {
        let compare = Compare {
            key: b"k".to_vec(),
            result: CompareResult::Equal.into(),
            target: CompareTarget::Value.into(),
            target_union: Some(TargetUnion::Value(from.into())),
            ..Compare::default()
        };
        let op = RequestOp { request: Some(Request::RequestPut(put(to))) };
        KvRequest::Txn(TxnRequest {
            compare: vec![compare],
            success: vec![op],
            failure: Vec::new(),
        })
    }

    /// Except for the headers inside transactions, the promise is what applying would answer.
    #[test]
    fn a_promise_is_what_applying_would_answer() {
        let mut store = Store::new();
        store.apply(KvRequest::Put(put("1"))).unwrap();
        let delete = DeleteRangeRequest { key: b"k".to_vec(), prev_kv: true, range_end: vec![0] };
        for request in [
            KvRequest::Put(PutRequest { prev_kv: true, ..put("2") }),
            KvRequest::DeleteRange(delete),
            cas("1", "2"),
        ] {
            let promised = promise(&store, &request).unwrap();
            assert_eq!(promised, store.clone().apply(request).unwrap());
        }
    }

    #[test]
    fn two_compare_and_sets_are_both_promised_success() {
        let mut store = Store::new();
        store.apply(KvRequest::Put(put("1"))).unwrap();
        for request in [cas("1", "2"), cas("1", "3")] {
            let KvResponse::Txn(response) = promise(&store, &request).unwrap() else { panic!() };
            assert!(response.succeeded);
        }
        let KvResponse::Txn(response) = promise(&store, &cas("0", "2")).unwrap() else { panic!() };
        assert!(!response.succeeded);
    }
}
