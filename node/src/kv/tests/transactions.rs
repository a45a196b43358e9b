//! Transactions: branches, what their operations see, and what they may not do together.

use super::*;

fn compare(key: &str, target: CompareTarget, result: CompareResult, with: TargetUnion) -> Compare {
    let (target, result) = (target.into(), result.into());
    Compare { key: key.into(), target, result, target_union: Some(with), range_end: Vec::new() }
}

fn value_equals(key: &str, value: &str) -> Compare {
    compare(key, CompareTarget::Value, CompareResult::Equal, TargetUnion::Value(value.into()))
}

fn holds(store: &Store, compare: Compare) -> bool {
    let request = TxnRequest { compare: vec![compare], ..TxnRequest::default() };
    store.read_txn(&request).unwrap().succeeded
}

#[test]
fn all_changes_of_a_transaction_share_a_revision() {
    let mut store = four_keys();
    let response =
        do_txn(&mut store, then(vec![op_put("x", "1"), op_delete("a", "c"), op_put("y", "2")]));
    assert_eq!(response.header.unwrap().revision, 7);
    assert_eq!(read(&store, &all()), ["c=2 4/4/1", "d=1 5/5/1", "x=1 7/7/1", "y=2 7/7/1"]);
    let response = do_txn(&mut store, then(vec![op_delete("nothing", ""), op_range("x", "")]));
    assert_eq!((response.header.unwrap().revision, store.revision()), (7, 7));
}

#[test]
fn compares_choose_the_branch() {
    let mut store = four_keys();
    let txn = |value| TxnRequest {
        compare: vec![value_equals("a", "4"), value_equals("b", value)],
        success: vec![op_put("chosen", "success")],
        failure: vec![op_put("chosen", "failure")],
    };
    assert!(do_txn(&mut store, txn("5")).succeeded);
    assert_eq!(read(&store, &range("chosen", "")), ["chosen=success 7/7/1"]);
    assert!(!do_txn(&mut store, txn("wrong")).succeeded);
    assert_eq!(read(&store, &range("chosen", "")), ["chosen=failure 7/8/2"]);
}

#[test]
fn compares_know_every_target_and_relation() {
    use CompareResult::{Equal, Greater, Less, NotEqual};
    use CompareTarget::{Create, Lease, Mod, Value, Version};
    let store = four_keys();
    let check = |target, result, with| holds(&store, compare("b", target, result, with));
    assert!(check(Version, Equal, TargetUnion::Version(2)));
    assert!(check(Version, Greater, TargetUnion::Version(1)));
    assert!(check(Create, Less, TargetUnion::CreateRevision(4)));
    assert!(check(Mod, NotEqual, TargetUnion::ModRevision(5)));
    assert!(check(Value, Greater, TargetUnion::Value(b"4".to_vec())));
    assert!(check(Lease, Equal, TargetUnion::Lease(0)));
    assert!(!check(Mod, Less, TargetUnion::ModRevision(6)));
    assert!(!check(Mod, Equal, TargetUnion::Version(6)), "an operand of another type counts as 0");
}

#[test]
fn an_absent_key_has_zeros_but_no_value() {
    use CompareResult::{Equal, NotEqual};
    let store = four_keys();
    let check = |target, result, with| holds(&store, compare("absent", target, result, with));
    assert!(check(CompareTarget::Version, Equal, TargetUnion::Version(0)));
    assert!(check(CompareTarget::Create, Equal, TargetUnion::CreateRevision(0)));
    assert!(!check(CompareTarget::Mod, NotEqual, TargetUnion::ModRevision(0)));
    for result in [Equal, NotEqual] {
        assert!(!check(CompareTarget::Value, result, TargetUnion::Value(Vec::new())));
    }
}

#[test]
fn a_compare_of_a_range_must_hold_for_every_key() {
    let store = four_keys();
    let of_range = |end: &str, version| Compare {
        range_end: end.into(),
        ..compare("a", CompareTarget::Version, CompareResult::Equal, TargetUnion::Version(version))
    };
    assert!(holds(&store, of_range("b", 1)));
    assert!(!holds(&store, of_range("c", 1)), "b has version 2");
    assert!(
        holds(&store, Compare { key: b"x".to_vec(), ..of_range("y", 0) }),
        "an empty range is an absent key"
    );
}

#[test]
fn operations_see_earlier_ones_but_compares_do_not() {
    let mut store = four_keys();
    let nested = TxnRequest {
        compare: vec![value_equals("a", "new")],
        success: vec![op_range("d", "")],
        failure: vec![op_range("a", "")],
    };
    let response =
        do_txn(&mut store, then(vec![op_range("a", ""), op_put("a", "new"), op_txn(nested)]));
    let [before, _, nested] = &response.responses[..] else { panic!("{response:?}") };
    let Some(Response::ResponseRange(before)) = &before.response else { panic!("{before:?}") };
    assert_eq!(show(&before.kvs), ["a=4 2/2/1"]);
    assert_eq!(before.header.as_ref().unwrap().revision, 6);
    let Some(Response::ResponseTxn(nested)) = &nested.response else { panic!("{nested:?}") };
    assert!(!nested.succeeded, "compares see the state before the transaction");
    let Some(Response::ResponseRange(after)) = &nested.responses[0].response else {
        panic!("{nested:?}")
    };
    assert_eq!(show(&after.kvs), ["a=new 2/7/2"]);
    assert_eq!(after.header.as_ref().unwrap().revision, 7);
}

#[test]
fn a_key_may_be_put_once_on_every_path() {
    let duplicate = |txn| validate(&KvRequest::Txn(txn)) == Err(KvError::DuplicateKey);
    let either = |success, failure| TxnRequest { success, failure, ..TxnRequest::default() };
    assert!(duplicate(then(vec![op_put("a", "1"), op_put("a", "1")])));
    assert!(duplicate(either(vec![], vec![op_put("a", "1"), op_put("a", "2")])));
    assert!(duplicate(then(vec![op_put("a", "1"), op_txn(then(vec![op_put("a", "2")]))])));
    assert!(duplicate(then(vec![
        op_txn(then(vec![op_put("a", "1")])),
        op_txn(either(vec![], vec![op_put("a", "2")])),
    ])));
    // The branches of one transaction exclude each other.
    assert!(!duplicate(either(vec![op_put("a", "1")], vec![op_put("a", "2")])));
    let nested = either(vec![op_put("a", "1")], vec![op_put("a", "2")]);
    assert!(!duplicate(then(vec![op_txn(nested)])));
}

#[test]
fn a_put_may_not_meet_a_delete_of_its_key() {
    let duplicate = |txn| validate(&KvRequest::Txn(txn)) == Err(KvError::DuplicateKey);
    let nested = |op| op_txn(then(vec![op]));
    assert!(duplicate(then(vec![op_put("b", "1"), op_delete("b", "")])));
    assert!(duplicate(then(vec![op_delete("a", "c"), op_put("b", "1")])));
    assert!(duplicate(then(vec![op_delete("a", "b"), op_delete("b", "c"), op_put("b", "1")])));
    assert!(!duplicate(then(vec![op_delete("a", "b"), op_put("b", "1")])), "the end is not part");
    assert!(!duplicate(then(vec![op_delete("b", ""), op_delete("a", "c")])), "deletes may overlap");
    assert!(duplicate(then(vec![nested(op_delete("b", "")), op_put("b", "1")])));
    assert!(duplicate(then(vec![op_delete("b", ""), nested(op_put("b", "1"))])));
    assert!(duplicate(then(vec![nested(op_delete("b", "")), nested(op_put("b", "1"))])));
    // etcd's gaps, kept: a later nested delete, and a delete of "everything from the key on".
    assert!(!duplicate(then(vec![nested(op_put("b", "1")), nested(op_delete("b", ""))])));
    assert!(!duplicate(then(vec![op_delete("a", "\0"), op_put("b", "1")])));
}

#[test]
fn a_key_can_die_and_live_again_within_one_revision() {
    let mut store = four_keys();
    do_txn(&mut store, then(vec![op_delete("a", "\0"), op_put("b", "again")]));
    assert_eq!(read(&store, &all()), ["b=again 7/7/1"]);
    let put_then_delete =
        then(vec![op_txn(then(vec![op_put("x", "1")])), op_txn(then(vec![op_delete("x", "")]))]);
    do_txn(&mut store, put_then_delete);
    assert_eq!(read(&store, &all()), ["b=again 7/7/1"]);
    assert_eq!(store.revision(), 8, "something happened, though nothing is left of it");
}

#[test]
fn a_failing_transaction_changes_nothing() {
    let mut store = four_keys();
    let before = store.clone();
    let keep_value =
        |key| op(Request::RequestPut(PutRequest { ignore_value: true, ..put(key, "") }));
    // Refused before anything runs, or half way through, after the key was deleted: the same to an onlooker.
    for ops in [
        vec![op_put("x", "1"), keep_value("absent")],
        vec![op_put("x", "1"), op_delete("a", "\0"), keep_value("b")],
        vec![op_put("x", "1"), op(Request::RequestRange(RangeRequest { revision: 7, ..all() }))],
        vec![op_put("x", "1"), op(Request::RequestRange(RangeRequest { revision: -2, ..all() }))],
        vec![op_put("x", "1"), op(Request::RequestPut(PutRequest { lease: 5, ..put("y", "") }))],
    ] {
        assert!(apply(&mut store, &KvRequest::Txn(then(ops.clone()))).is_err(), "{ops:?}");
        assert_eq!(store, before, "{ops:?}");
    }
}

#[test]
fn read_only_transactions_are_told_apart() {
    let mut reads = then(vec![op_range("a", ""), op_range("b", "")]);
    assert!(is_read_only(&reads) && !is_serializable(&reads));
    for op in &mut reads.success {
        let Some(Request::RequestRange(range)) = &mut op.request else { panic!("{op:?}") };
        range.serializable = true;
    }
    assert!(is_serializable(&reads));
    assert!(!is_read_only(&then(vec![op_put("a", "1")])));
    assert!(!is_read_only(&then(vec![op_txn(reads.clone())])), "nested ones go through the log");
    assert!(matches!(
        Store::new().read_txn(&then(vec![op_put("a", "1")])),
        Err(KvError::Malformed { .. })
    ));
    let mut store = four_keys();
    assert_eq!(store.clone().read_txn(&reads).unwrap(), do_txn(&mut store, reads));
}
