//! The store against etcd's documented behaviour (here), a naive model (`property`) and etcd itself (`etcd`).

use super::*;
use crate::proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::proto::etcdserverpb::range_request::{SortOrder, SortTarget};
use crate::proto::etcdserverpb::request_op::Request;
use crate::proto::etcdserverpb::response_op::Response;
use crate::proto::etcdserverpb::{
    Compare, DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse, RangeRequest,
    RangeResponse, RequestOp, TxnRequest, TxnResponse,
};
use crate::proto::mvccpb::KeyValue;

mod etcd;
mod naive;
mod property;
mod refusals;
mod requests;
mod transactions;

fn put(key: &str, value: &str) -> PutRequest {
    PutRequest { key: key.into(), value: value.into(), ..PutRequest::default() }
}

fn range(key: &str, range_end: &str) -> RangeRequest {
    RangeRequest { key: key.into(), range_end: range_end.into(), ..RangeRequest::default() }
}

fn delete(key: &str, range_end: &str) -> DeleteRangeRequest {
    let (key, range_end) = (key.into(), range_end.into());
    DeleteRangeRequest { key, range_end, prev_kv: false }
}

fn op(request: Request) -> RequestOp {
    RequestOp { request: Some(request) }
}

fn op_put(key: &str, value: &str) -> RequestOp {
    op(Request::RequestPut(put(key, value)))
}

fn op_range(key: &str, range_end: &str) -> RequestOp {
    op(Request::RequestRange(range(key, range_end)))
}

fn op_delete(key: &str, range_end: &str) -> RequestOp {
    op(Request::RequestDeleteRange(delete(key, range_end)))
}

fn op_txn(txn: TxnRequest) -> RequestOp {
    op(Request::RequestTxn(txn))
}

fn then(success: Vec<RequestOp>) -> TxnRequest {
    TxnRequest { success, ..TxnRequest::default() }
}

fn apply(store: &mut Store, request: &KvRequest) -> Result<KvResponse, KvError> {
    store.apply(decode_command(&encode_command(request))?)
}

fn do_put(store: &mut Store, request: PutRequest) -> PutResponse {
    match apply(store, &KvRequest::Put(request)) {
        Ok(KvResponse::Put(response)) => response,
        other => panic!("{other:?}"),
    }
}

fn do_delete(store: &mut Store, request: DeleteRangeRequest) -> DeleteRangeResponse {
    match apply(store, &KvRequest::DeleteRange(request)) {
        Ok(KvResponse::DeleteRange(response)) => response,
        other => panic!("{other:?}"),
    }
}

fn do_txn(store: &mut Store, request: TxnRequest) -> TxnResponse {
    match apply(store, &KvRequest::Txn(request)) {
        Ok(KvResponse::Txn(response)) => response,
        other => panic!("{other:?}"),
    }
}

/// `key=value create/mod/version`, for comparisons that a reader can follow.
fn show(kvs: &[KeyValue]) -> Vec<String> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let pair = |kv: &KeyValue| {
        let (key, value) = (text(&kv.key), text(&kv.value));
        format!("{key}={value} {}/{}/{}", kv.create_revision, kv.mod_revision, kv.version)
    };
    kvs.iter().map(pair).collect()
}

fn read(store: &Store, request: &RangeRequest) -> Vec<String> {
    show(&store.range(request).unwrap().kvs)
}

fn all() -> RangeRequest {
    range("\0", "\0")
}

/// a, b, c and d at revisions 2 to 5, then b again at 6.
fn four_keys() -> Store {
    let mut store = Store::new();
    for (key, value) in [("a", "4"), ("b", "3"), ("c", "2"), ("d", "1"), ("b", "5")] {
        do_put(&mut store, put(key, value));
    }
    store
}

#[test]
fn revisions_count_changes_and_versions_count_lives() {
    let mut store = Store::new();
    assert_eq!(store.revision(), 1);
    do_put(&mut store, put("a", "1"));
    do_put(&mut store, put("a", "2"));
    assert_eq!(read(&store, &range("a", "")), ["a=2 2/3/2"]);
    assert_eq!(do_delete(&mut store, delete("a", "")).deleted, 1);
    assert_eq!(store.revision(), 4);
    assert_eq!(do_delete(&mut store, delete("a", "")).deleted, 0);
    assert_eq!(store.revision(), 4, "deleting nothing is no change");
    let header = do_put(&mut store, put("a", "3")).header.unwrap();
    assert_eq!(header.revision, 5);
    assert_eq!(read(&store, &range("a", "")), ["a=3 5/5/1"], "a new life");
}

#[test]
fn range_ends_name_one_key_an_interval_or_the_rest() {
    let store = four_keys();
    let keys = |key, end| {
        let found = store.range(&range(key, end)).unwrap().kvs;
        found.into_iter().map(|kv| String::from_utf8(kv.key).unwrap()).collect::<String>()
    };
    assert_eq!(keys("b", ""), "b");
    assert_eq!(keys("x", ""), "");
    assert_eq!(keys("a", "c"), "ab");
    assert_eq!(keys("b", "\0"), "bcd");
    assert_eq!(keys("\0", "\0"), "abcd");
    assert_eq!(keys("c", "a"), "", "an end before the start is empty, not an error");
    assert_eq!(keys("c", "c"), "");
}

#[test]
fn old_revisions_can_be_read_for_ever() {
    let mut store = four_keys();
    do_delete(&mut store, delete("a", "c"));
    let at = |revision| read(&store, &RangeRequest { revision, ..all() });
    assert_eq!(at(1), Vec::<String>::new());
    assert_eq!(at(3), ["a=4 2/2/1", "b=3 3/3/1"]);
    assert_eq!(at(6), ["a=4 2/2/1", "b=5 3/6/2", "c=2 4/4/1", "d=1 5/5/1"]);
    assert_eq!(at(7), ["c=2 4/4/1", "d=1 5/5/1"]);
    assert_eq!(at(0), at(7));
    assert_eq!(at(-7), at(7), "outside a transaction a negative revision means now");
    let header = store.range(&RangeRequest { revision: 3, ..all() }).unwrap().header.unwrap();
    assert_eq!(
        header.revision, 7,
        "the header tells the store's revision, not the one that was read"
    );
    assert_eq!(store.range(&RangeRequest { revision: 8, ..all() }), Err(KvError::FutureRevision));
}

#[test]
fn limits_cut_after_sorting_and_counts_ignore_them() {
    let store = four_keys();
    let request = RangeRequest {
        limit: 2,
        sort_order: SortOrder::Descend.into(),
        sort_target: SortTarget::Value.into(),
        ..all()
    };
    let response = store.range(&request).unwrap();
    assert_eq!(show(&response.kvs), ["b=5 3/6/2", "a=4 2/2/1"]);
    assert_eq!((response.more, response.count), (true, 4));
    // Without an order etcd sorts only the pairs that it fetched: as many as the limit, and one.
    let unordered = RangeRequest { sort_order: SortOrder::None.into(), limit: 1, ..request };
    let response = store.range(&unordered).unwrap();
    assert_eq!((show(&response.kvs), response.more), (vec!["a=4 2/2/1".to_owned()], true));
    let response = store.range(&RangeRequest { limit: 4, ..all() }).unwrap();
    assert_eq!((response.kvs.len(), response.more), (4, false));
    let response = store.range(&RangeRequest { limit: -1, ..all() }).unwrap();
    assert_eq!((response.kvs.len(), response.more), (4, false));
}

#[test]
fn every_sort_target_orders_both_ways() {
    let mut store = four_keys();
    do_put(&mut store, put("b", "0"));
    do_put(&mut store, put("c", "9"));
    let keys = |order: SortOrder, target: SortTarget| {
        let (sort_order, sort_target) = (order.into(), target.into());
        let found = store.range(&RangeRequest { sort_order, sort_target, ..all() }).unwrap().kvs;
        found.into_iter().map(|kv| String::from_utf8(kv.key).unwrap()).collect::<String>()
    };
    assert_eq!(keys(SortOrder::None, SortTarget::Key), "abcd");
    assert_eq!(keys(SortOrder::Descend, SortTarget::Key), "dcba");
    assert_eq!(keys(SortOrder::Ascend, SortTarget::Version), "adcb");
    assert_eq!(keys(SortOrder::Descend, SortTarget::Create), "dcba");
    assert_eq!(keys(SortOrder::Ascend, SortTarget::Mod), "adbc");
    assert_eq!(keys(SortOrder::None, SortTarget::Value), "bdac", "no order means ascending");
    assert_eq!(keys(SortOrder::Descend, SortTarget::Value), "cadb");
}

#[test]
fn filters_choose_by_revision_but_do_not_count() {
    let store = four_keys();
    let response = store.range(&RangeRequest { min_mod_revision: 4, ..all() }).unwrap();
    assert_eq!(show(&response.kvs), ["b=5 3/6/2", "c=2 4/4/1", "d=1 5/5/1"]);
    assert_eq!(response.count, 4);
    let keys = |request: RangeRequest| read(&store, &request).len();
    assert_eq!(keys(RangeRequest { max_mod_revision: 4, ..all() }), 2);
    assert_eq!(keys(RangeRequest { min_create_revision: 3, max_create_revision: 4, ..all() }), 2);
}

#[test]
fn keys_only_and_count_only_leave_out_the_rest() {
    let store = four_keys();
    assert_eq!(read(&store, &RangeRequest { keys_only: true, ..range("b", "") }), ["b= 3/6/2"]);
    let request = RangeRequest { count_only: true, limit: 1, min_mod_revision: 6, ..all() };
    let response = store.range(&request).unwrap();
    assert_eq!((response.kvs, response.count, response.more), (Vec::new(), 4, false));
}

#[test]
fn previous_pairs_are_returned_on_request() {
    let mut store = four_keys();
    let with_prev = |key, value| PutRequest { prev_kv: true, ..put(key, value) };
    assert_eq!(do_put(&mut store, with_prev("x", "1")).prev_kv, None);
    let previous = do_put(&mut store, with_prev("b", "6")).prev_kv.unwrap();
    assert_eq!(show(&[previous]), ["b=5 3/6/2"]);
    assert_eq!(do_put(&mut store, put("b", "7")).prev_kv, None);
    let request = DeleteRangeRequest { prev_kv: true, ..delete("b", "d") };
    let response = do_delete(&mut store, request);
    assert_eq!(show(&response.prev_kvs), ["b=7 3/9/4", "c=2 4/4/1"]);
    assert_eq!((response.deleted, response.header.unwrap().revision), (2, 10));
}

#[test]
fn ignoring_the_value_keeps_it() {
    let mut store = four_keys();
    do_put(&mut store, PutRequest { ignore_value: true, ..put("b", "") });
    assert_eq!(read(&store, &range("b", "")), ["b=5 3/7/3"]);
    do_put(&mut store, PutRequest { ignore_lease: true, ..put("b", "6") });
    assert_eq!(read(&store, &range("b", "")), ["b=6 3/8/4"]);
}

#[test]
fn the_bug_torn_scan_reads_half_a_range_as_it_was() {
    let mut store = Store::new();
    for (key, value) in [("a", "1"), ("b", "1"), ("c", "1"), ("d", "1")] {
        apply(&mut store, &KvRequest::Put(put(key, value))).unwrap();
    }
    for key in ["a", "b", "d"] {
        apply(&mut store, &KvRequest::Put(put(key, "2"))).unwrap();
    }
    let pairs = |response: RangeResponse| -> Vec<String> {
        let text = |pair: &KeyValue| {
            format!(
                "{}{}",
                String::from_utf8_lossy(&pair.key),
                String::from_utf8_lossy(&pair.value)
            )
        };
        response.kvs.iter().map(text).collect()
    };
    let torn = |request: &RangeRequest| pairs(store.torn_range(request).unwrap());
    assert_eq!(torn(&range("a", "z")), ["a1", "b1", "c1", "d2"]);
    assert_eq!(pairs(store.range(&range("a", "z")).unwrap()), ["a2", "b2", "c1", "d2"]);
    assert_eq!(torn(&range("a", "")), ["a2"], "a key is one");
    assert_eq!(torn(&RangeRequest { limit: 2, ..range("a", "z") }), ["a2", "b2"]);
    assert!(torn(&range("x", "z")).is_empty());
    // A key that is new is not there yet.
    apply(&mut store, &KvRequest::Put(put("Z", "1"))).unwrap();
    assert_eq!(pairs(store.torn_range(&range("A", "z")).unwrap()), ["a2", "b2", "c1", "d2"]);
}
