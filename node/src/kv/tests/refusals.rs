//! Requests that are refused, each with etcd's text and code, and bytes that are no request.

use proptest::prelude::*;
use tonic::Code;

use super::*;

fn refusal(request: &KvRequest) -> (Code, String) {
    let mut store = four_keys();
    let before = store.clone();
    let error = apply(&mut store, request).unwrap_err();
    assert_eq!(store, before, "{error}");
    (error.code(), error.to_string())
}

fn assert_refused(request: &KvRequest, code: Code, text: &str) {
    assert_eq!(refusal(request), (code, text.to_owned()));
}

#[test]
fn keys_must_not_be_empty() {
    let text = "etcdserver: key is not provided";
    for request in [
        KvRequest::Put(put("", "1")),
        KvRequest::DeleteRange(delete("", "\0")),
        KvRequest::Txn(then(vec![op_put("", "1")])),
        KvRequest::Txn(then(vec![op_range("", "")])),
        KvRequest::Txn(TxnRequest { compare: vec![Compare::default()], ..TxnRequest::default() }),
        KvRequest::Txn(then(vec![op_txn(then(vec![op_delete("", "")]))])),
    ] {
        assert_refused(&request, Code::InvalidArgument, text);
    }
    assert_eq!(Store::new().range(&range("", "\0")), Err(KvError::EmptyKey));
}

#[test]
fn puts_that_contradict_themselves_are_refused() {
    let cases = [
        (PutRequest { ignore_value: true, ..put("a", "1") }, "etcdserver: value is provided"),
        (
            PutRequest { ignore_lease: true, lease: 1, ..put("a", "1") },
            "etcdserver: lease is provided",
        ),
        (PutRequest { ignore_value: true, ..put("absent", "") }, "etcdserver: key not found"),
        (PutRequest { ignore_lease: true, ..put("absent", "1") }, "etcdserver: key not found"),
    ];
    for (request, text) in cases {
        assert_refused(&KvRequest::Put(request.clone()), Code::InvalidArgument, text);
        let txn = then(vec![op(Request::RequestPut(request))]);
        assert_refused(&KvRequest::Txn(txn), Code::InvalidArgument, text);
    }
    let leased = KvRequest::Put(PutRequest { lease: 7, ..put("a", "1") });
    assert_refused(&leased, Code::NotFound, "etcdserver: requested lease not found");
}

#[test]
fn transactions_are_bounded_over_all_levels() {
    let puts = |count: usize| (0..count).map(|n| op_put(&format!("k{n}"), "")).collect::<Vec<_>>();
    let text = "etcdserver: too many operations in txn request";
    assert!(validate(&KvRequest::Txn(then(puts(128)))).is_ok());
    assert_refused(&KvRequest::Txn(then(puts(129))), Code::InvalidArgument, text);
    assert!(validate(&KvRequest::Txn(then(vec![op_txn(then(puts(127)))]))).is_ok());
    let nested = KvRequest::Txn(then(vec![op_txn(then(puts(128)))]));
    assert_refused(&nested, Code::InvalidArgument, text);
}

#[test]
fn an_empty_operation_is_refused() {
    let request = KvRequest::Txn(then(vec![RequestOp { request: None }]));
    assert_refused(&request, Code::InvalidArgument, "etcdserver: key not found");
}

#[test]
fn revisions_out_of_reach_are_refused_in_a_transaction() {
    let at = |revision| {
        KvRequest::Txn(then(vec![op(Request::RequestRange(RangeRequest { revision, ..all() }))]))
    };
    let future = "etcdserver: mvcc: required revision is a future revision";
    let compacted = "etcdserver: mvcc: required revision has been compacted";
    assert_refused(&at(7), Code::OutOfRange, future);
    assert_refused(&at(-2), Code::OutOfRange, compacted);
    assert!(apply(&mut four_keys(), &at(-1)).is_ok());
}

#[test]
fn unknown_sort_options_are_refused() {
    let store = four_keys();
    for request in [
        RangeRequest { sort_order: 3, ..all() },
        RangeRequest { sort_target: 5, ..all() },
        RangeRequest { sort_target: -1, ..all() },
    ] {
        let error = store.range(&request).unwrap_err();
        assert_eq!(error.to_string(), "etcdserver: invalid sort option");
        assert_eq!(error.code(), Code::InvalidArgument);
    }
}

#[test]
fn requests_are_bounded_in_size() {
    let long = |bytes: usize| KvRequest::Put(put("a", &"v".repeat(bytes)));
    assert!(validate(&long(REQUEST_BYTES_MAX - 100)).is_ok());
    assert_refused(
        &long(REQUEST_BYTES_MAX),
        Code::InvalidArgument,
        "etcdserver: request is too large",
    );
}

#[test]
fn many_deletes_and_puts_are_checked_in_reasonable_time() {
    // Forty nested transactions of eighty deletes, then of eighty puts: pairwise this would be ten million checks.
    let level = |op: &dyn Fn(usize) -> RequestOp| then((0..80).map(op).collect());
    let deletes = (0..20).map(|n| {
        op_txn(level(&|m| op_delete(&format!("d{n:02}{m:02}"), &format!("d{n:02}{m:02}x"))))
    });
    let puts = (0..20).map(|n| op_txn(level(&|m| op_put(&format!("p{n:02}{m:02}"), ""))));
    let mut ops: Vec<_> = deletes.chain(puts).collect();
    assert!(validate(&KvRequest::Txn(then(ops.clone()))).is_ok());
    ops.push(op_put("d0739w", ""));
    assert_eq!(validate(&KvRequest::Txn(then(ops))), Err(KvError::DuplicateKey));
}

#[test]
fn commands_round_trip_and_start_with_version_and_kind() {
    for (kind, request) in (1..).zip([
        KvRequest::Put(put("a", "1")),
        KvRequest::DeleteRange(delete("a", "b")),
        KvRequest::Txn(then(vec![op_put("a", "1")])),
    ]) {
        let command = encode_command(&request);
        assert_eq!(command[..2], [1, kind]);
        assert_eq!(decode_command(&command), Ok(request));
    }
    for bytes in [&[][..], &[1], &[2, 1], &[0, 1], &[1, 0], &[1, 4]] {
        let error = decode_command(bytes).unwrap_err();
        assert!(matches!(error, KvError::Malformed { .. }), "{bytes:?}");
        assert_eq!(error.code(), Code::Internal);
    }
}

#[test]
fn the_log_takes_as_deep_a_transaction_as_the_wire() {
    use prost::Message;
    let nested =
        |depth| (0..depth).fold(then(vec![op_put("a", "1")]), |txn, _| then(vec![op_txn(txn)]));
    let deepest = (1..100)
        .take_while(|depth| TxnRequest::decode(&nested(*depth).encode_to_vec()[..]).is_ok());
    let deepest = deepest.last().expect("one level decodes");
    assert!((40..60).contains(&deepest), "{deepest}");
    let mut store = Store::new();
    do_txn(&mut store, nested(deepest));
    assert_eq!(store.revision(), 2);
}

proptest! {
    #[test]
    fn any_bytes_are_a_command_or_an_error(
        bytes in prop_oneof![
            prop::collection::vec(any::<u8>(), 0..60),
            (1..4_u8, prop::collection::vec(any::<u8>(), 0..60))
                .prop_map(|(kind, body)| [&[1, kind], &body[..]].concat()),
        ],
    ) {
        let mut store = four_keys();
        let before = store.clone();
        let mut twin = store.clone();
        let apply = |store: &mut Store| store.apply(decode_command(&bytes)?);
        let result = apply(&mut store);
        if result.is_err() {
            prop_assert_eq!(&store, &before);
        }
        prop_assert_eq!(apply(&mut twin), result);
        prop_assert_eq!(twin, store);
    }
}
