//! Random requests over few keys, so that they meet.

use proptest::prelude::*;

use super::*;

/// A read or a write.
#[derive(Debug, Clone)]
pub(super) enum AnyRequest {
    Range(RangeRequest),
    Write(KvRequest),
}

fn key() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        1 => Just(Vec::new()),
        250 => prop::sample::select(vec!["a", "b", "c", "ab", "b\0", "\0", "z"]).prop_map(Vec::from),
    ]
}

fn range_end() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        4 => Just(Vec::new()),
        2 => Just(vec![0]),
        3 => prop::sample::select(vec!["b", "c", "ac", "a", "zz", "\0\0"]).prop_map(Vec::from),
    ]
}

fn value() -> impl Strategy<Value = Vec<u8>> {
    prop::sample::select(vec!["", "1", "2", "10", "\u{ff}"]).prop_map(Vec::from)
}

/// Mostly "off", else near the start of the store's life, sometimes beyond it.
fn revision() -> impl Strategy<Value = i64> {
    prop_oneof![80 => Just(0), 2 => -3..0_i64, 16 => 1..60_i64, 1 => Just(i64::MAX)]
}

/// A bound of a filter: mostly "off", else one that some pairs pass.
fn bound() -> impl Strategy<Value = i64> {
    prop_oneof![12 => Just(0), 1 => 1..60_i64, 1 => 1..400_i64]
}

fn rarely() -> impl Strategy<Value = bool> {
    prop::bool::weighted(0.12)
}

pub(super) fn range_request() -> impl Strategy<Value = RangeRequest> {
    let limit = prop_oneof![4 => Just(0), 3 => 1..4_i64, 1 => Just(-1), 1 => Just(i64::MAX)];
    let filters = (bound(), bound(), bound(), bound());
    (key(), range_end(), limit, revision(), 0..3_i32, 0..5_i32, (rarely(), rarely()), filters)
        .prop_map(|(key, range_end, limit, revision, sort_order, sort_target, flags, filters)| {
            RangeRequest {
                key,
                range_end,
                limit,
                revision,
                sort_order,
                sort_target,
                serializable: false,
                keys_only: flags.0,
                count_only: flags.1,
                min_mod_revision: filters.0,
                max_mod_revision: filters.1,
                min_create_revision: filters.2,
                max_create_revision: filters.3,
            }
        })
}

fn put_request() -> impl Strategy<Value = PutRequest> {
    let lease = prop_oneof![120 => Just(0), 1 => Just(5_i64)];
    (key(), value(), lease, any::<bool>(), rarely(), rarely(), rarely()).prop_map(
        |(key, value, lease, prev_kv, ignore_value, ignore_lease, contradicts)| {
            // Most that ignore the value come without one, or nothing but the refusal would be tried.
            let value = if ignore_value && !contradicts { Vec::new() } else { value };
            PutRequest { key, value, lease, prev_kv, ignore_value, ignore_lease }
        },
    )
}

/// Mostly of one key, or the store would be empty most of the time.
fn delete_request() -> impl Strategy<Value = DeleteRangeRequest> {
    let range_end = prop_oneof![4 => Just(Vec::new()), 1 => range_end()];
    (key(), range_end, any::<bool>()).prop_map(|(key, range_end, prev_kv)| DeleteRangeRequest {
        key,
        range_end,
        prev_kv,
    })
}

fn compare() -> impl Strategy<Value = Compare> {
    let number = prop_oneof![3 => 0..4_i64, 2 => 1..60_i64];
    let operand = (0..7_u8, number, value()).prop_map(|(kind, number, value)| match kind {
        0 => Some(TargetUnion::Version(number)),
        1 => Some(TargetUnion::CreateRevision(number)),
        2 => Some(TargetUnion::ModRevision(number)),
        3 | 4 => Some(TargetUnion::Value(value)),
        5 => Some(TargetUnion::Lease(number)),
        _ => None,
    });
    (0..5_i32, 0..6_i32, key(), range_end(), operand).prop_map(
        |(result, target, key, range_end, target_union)| Compare {
            result,
            target,
            key,
            target_union,
            range_end,
        },
    )
}

fn txn_request() -> impl Strategy<Value = TxnRequest> {
    let leaf = prop_oneof![
        120 => range_request().prop_map(|range| Some(Request::RequestRange(range))),
        100 => put_request().prop_map(|put| Some(Request::RequestPut(put))),
        30 => delete_request().prop_map(|delete| Some(Request::RequestDeleteRange(delete))),
        1 => Just(None), // empty, and refused
    ]
    .prop_map(|request| RequestOp { request })
    .boxed();
    let op = leaf.prop_recursive(3, 12, 3, |op| txn_of(op).prop_map(op_txn).boxed());
    txn_of(op.boxed())
}

fn txn_of(op: BoxedStrategy<RequestOp>) -> impl Strategy<Value = TxnRequest> {
    let ops = prop::collection::vec(op, 0..4);
    (prop::collection::vec(compare(), 0..3), ops.clone(), ops)
        .prop_map(|(compare, success, failure)| TxnRequest { compare, success, failure })
}

pub(super) fn any_request() -> impl Strategy<Value = AnyRequest> {
    prop_oneof![
        3 => range_request().prop_map(AnyRequest::Range),
        4 => put_request().prop_map(|put| AnyRequest::Write(KvRequest::Put(put))),
        1 => delete_request().prop_map(|delete| AnyRequest::Write(KvRequest::DeleteRange(delete))),
        5 => txn_request().prop_map(|txn| AnyRequest::Write(KvRequest::Txn(txn))),
    ]
}
