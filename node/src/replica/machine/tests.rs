//! Batches against a store, and readers against an index.

use super::*;
use crate::bugs::Bug;
use crate::kv::encode_command;
use crate::proto::etcdserverpb::{DeleteRangeRequest, PutRequest, RangeRequest, TxnRequest};
use crate::raft::{NodeId, RequestId, Term};

fn entry(index: u64, request: &KvRequest) -> Entry {
    Entry {
        term: Term(1),
        index: LogIndex(index),
        request: Some(RequestId { node: NodeId(1), number: index }),
        command: encode_command(request),
    }
}

fn put(index: u64, key: &str) -> Entry {
    entry(index, &KvRequest::Put(PutRequest { key: key.into(), ..PutRequest::default() }))
}

fn noop(index: u64) -> Entry {
    Entry { request: None, command: Vec::new(), ..put(index, "x") }
}

/// Applies entries behind `applied`, and collects what was told.
fn run(
    store: &mut Store,
    applied: u64,
    bugs: Bugs,
    entries: &[Entry],
    tickets: Vec<(usize, char)>,
) -> (Ran, Vec<(u64, Option<char>, Applied)>) {
    let batch = Batch::new(entries, tickets).unwrap();
    let mut told = Vec::new();
    let ran = run_batch(store, LogIndex(applied), bugs, batch, |index, ticket, result| {
        told.push((index.0, ticket, result));
    });
    (ran, told)
}

#[test]
fn every_command_is_told_and_each_waiter_is_matched_with_its_own_entry() {
    let mut store = Store::new();
    let entries = [noop(1), put(2, "a"), put(3, "b"), put(4, ""), put(5, "c")];
    let tickets = vec![(2, 'x'), (3, 'y')];
    let (ran, told) = run(&mut store, 0, Bugs::NONE, &entries, tickets);
    assert_eq!(ran, Ran { last: LogIndex(5), writes: 4, revision: 4 });
    let who: Vec<_> = told.iter().map(|(index, ticket, _)| (*index, *ticket)).collect();
    assert_eq!(who, [(2, None), (3, Some('x')), (4, Some('y')), (5, None)]);
    let mut response = told[1].2.clone().unwrap();
    assert_eq!(response.header_mut().revision, 3);
    assert_eq!(told[2].2, Err(KvError::EmptyKey));
}

#[test]
fn no_entries_are_no_batch() {
    assert!(Batch::<()>::new(&[], Vec::new()).is_none());
}

#[test]
#[should_panic(expected = "entry 2 was handed out for application, but 1 is next")]
fn a_gap_is_a_broken_invariant() {
    run(&mut Store::new(), 0, Bugs::NONE, &[put(2, "a")], Vec::new());
}

#[test]
fn a_bug_that_replaces_what_was_committed_may_repeat_an_index() {
    let mut store = Store::new();
    let bugs = Bugs::NONE.with(Bug::CommitMinority);
    run(&mut store, 0, bugs, &[put(1, "a")], Vec::new());
    let (ran, _) = run(&mut store, 1, bugs, &[put(1, "b")], Vec::new());
    assert_eq!(ran, Ran { last: LogIndex(1), writes: 1, revision: 3 });
}

#[test]
fn only_requests_about_single_keys_are_quick() {
    let quick =
        |request: &KvRequest| Batch::<()>::new(&[entry(1, request)], vec![]).unwrap().is_quick();
    let key = || b"k".to_vec();
    let delete = |range_end| DeleteRangeRequest { key: key(), range_end, prev_kv: false };
    assert!(quick(&KvRequest::Put(PutRequest { key: key(), ..PutRequest::default() })));
    assert!(quick(&KvRequest::DeleteRange(delete(Vec::new()))));
    assert!(!quick(&KvRequest::DeleteRange(delete(vec![0]))));
    let txn = |range_end| {
        let range = RangeRequest { key: key(), range_end, ..RangeRequest::default() };
        let success = vec![RequestOp { request: Some(Request::RequestRange(range)) }];
        KvRequest::Txn(TxnRequest { success, ..TxnRequest::default() })
    };
    assert!(quick(&txn(Vec::new())));
    assert!(!quick(&txn(vec![0])));
    assert!(Batch::<()>::new(&[noop(1)], vec![]).unwrap().is_quick());
}

#[test]
fn what_differs_is_encoded_differently() {
    let mut store = Store::new();
    let entries = [put(1, "a"), put(2, "a"), put(3, "")];
    let (_, told) = run(&mut store, 0, Bugs::NONE, &entries, Vec::new());
    let encoded: Vec<Vec<u8>> = told
        .iter()
        .map(|(_, _, result)| {
            let mut bytes = vec![7];
            encode_applied(result, &mut bytes);
            bytes
        })
        .collect();
    assert!(encoded.iter().all(|bytes| bytes[0] == 7), "behind what was there");
    assert_ne!(encoded[0], encoded[1], "their revisions differ");
    assert_ne!(encoded[1], encoded[2]);
    let (_, again) = run(&mut Store::new(), 0, Bugs::NONE, &entries, Vec::new());
    assert_eq!(told, again);
}

#[test]
fn a_reader_waits_until_its_position_is_applied() {
    let mut readers = Readers::default();
    assert_eq!(readers.wait(LogIndex(2), LogIndex(2), vec!['a']), ['a'], "already there");
    assert!(readers.wait(LogIndex(3), LogIndex(2), vec!['b', 'c']).is_empty());
    assert!(readers.wait(LogIndex(5), LogIndex(2), vec!['d']).is_empty());
    assert!(readers.wait(LogIndex(3), LogIndex(2), vec!['e']).is_empty());
    assert!(readers.up_to(LogIndex(2)).is_empty(), "one entry early");
    assert_eq!(readers.up_to(LogIndex(4)), ['b', 'c', 'e']);
    assert_eq!(readers.up_to(LogIndex(9)), ['d']);
    assert!(readers.up_to(LogIndex(9)).is_empty());
}

/// [`run`], behind nothing, for a member that was there before.
fn run_of(origin: Origin, bugs: Bugs, entries: &[Entry]) -> (Store, Vec<Applied>) {
    let mut store = Store::new();
    let batch = Batch::<()>::new(entries, Vec::new()).unwrap().with_origin(origin);
    let mut told = Vec::new();
    run_batch(&mut store, LogIndex(0), bugs, batch, |_, _, result| told.push(result));
    (store, told)
}

fn values(index: u64, value: &str) -> Entry {
    let (key, value) = (b"k".to_vec(), value.into());
    entry(index, &KvRequest::Put(PutRequest { key, value, ..PutRequest::default() }))
}

fn value(store: &Store) -> Vec<u8> {
    let range = RangeRequest { key: b"k".to_vec(), ..RangeRequest::default() };
    store.range(&range).unwrap().kvs.pop().unwrap().value
}

#[test]
fn the_bug_apply_off_by_one_leaves_out_the_last_of_several() {
    let bugs = Bugs::NONE.with(Bug::ApplyOffByOne);
    let entries = [values(1, "a"), values(2, "b")];
    let (store, told) = run_of(Origin::UNKNOWN, bugs, &entries);
    assert_eq!((value(&store), told.len()), (b"a".to_vec(), 2));
    let mut response = told[1].clone().unwrap();
    assert_eq!(response.header_mut().revision, 3, "as if it had been applied");
    assert_eq!(value(&run_of(Origin::UNKNOWN, Bugs::NONE, &entries).0), b"b");
    assert_eq!(value(&run_of(Origin::UNKNOWN, bugs, &entries[..1]).0), b"a", "one alone");
}

#[test]
fn the_bug_nondeterministic_apply_lets_other_guards_hold_on_each_node() {
    let guarded = |index| {
        let compare = crate::proto::etcdserverpb::Compare {
            key: b"none".to_vec(),
            target_union: Some(crate::proto::etcdserverpb::compare::TargetUnion::Version(1)),
            ..Default::default()
        };
        let txn = TxnRequest { compare: vec![compare], ..TxnRequest::default() };
        entry(index, &KvRequest::Txn(txn))
    };
    let entries: Vec<Entry> = (1..=1000).map(guarded).collect();
    let lucky = |node, bugs| {
        let origin = Origin { node: NodeId(node), ..Origin::UNKNOWN };
        let told = run_of(origin, bugs, &entries).1;
        let holds = |result: &Applied| matches!(result, Ok(KvResponse::Txn(it)) if it.succeeded);
        told.iter().map(holds).collect::<Vec<_>>()
    };
    let bugs = Bugs::NONE.with(Bug::NondeterministicApply);
    let (one, two) = (lucky(1, bugs), lucky(2, bugs));
    let count = one.iter().filter(|holds| **holds).count();
    assert!((5..50).contains(&count), "{count}");
    assert_ne!(one, two);
    assert!(lucky(1, Bugs::NONE).iter().all(|holds| !holds));
}

#[test]
fn the_bug_parallel_apply_goes_by_something_else_than_the_log() {
    let entries: Vec<Entry> = (1..=9).map(|index| values(index, &index.to_string())).collect();
    let tickets: Vec<(usize, char)> = vec![(0, 'a'), (8, 'i')];
    for (bugs, in_order) in [(Bugs::NONE, true), (Bugs::NONE.with(Bug::ParallelApply), false)] {
        let mut store = Store::new();
        let (ran, told) = run(&mut store, 0, bugs, &entries, tickets.clone());
        assert_eq!(ran, Ran { last: LogIndex(9), writes: 9, revision: 10 });
        assert_eq!(value(&store) == b"9", in_order);
        let mut answered: Vec<char> = told.iter().filter_map(|(_, ticket, _)| *ticket).collect();
        answered.sort_unstable();
        assert_eq!(answered, ['a', 'i'], "everybody who waits");
    }
}

#[test]
fn the_bug_error_not_replicated_refuses_what_others_take() {
    let entries: Vec<Entry> = (1..=16).map(|index| values(index, "v")).collect();
    let refused = |bugs, bytes, replayed| {
        let origin = Origin { bytes, replayed: LogIndex(replayed), ..Origin::UNKNOWN };
        let told = run_of(origin, bugs, &entries).1;
        told.iter().filter(|result| **result == Err(KvError::NoSpace)).count()
    };
    let bugs = Bugs::NONE.with(Bug::ErrorNotReplicated);
    assert_eq!(refused(bugs, 1 << 20, 0), 2);
    assert_eq!(refused(bugs, 1 << 20, 15), 1, "what was there before has room");
    assert_eq!(refused(bugs, 0, 0), 0, "so has what comes first");
    assert_eq!(refused(Bugs::NONE, 1 << 20, 0), 0);
}

#[test]
fn the_bug_replay_twice_repeats_what_the_disk_knew() {
    let origin = Origin { replayed: LogIndex(2), ..Origin::UNKNOWN };
    let entries = [values(1, "a"), values(2, "b"), values(3, "c")];
    let bugs = Bugs::NONE.with(Bug::ReplayTwice);
    assert_eq!(run_of(origin, bugs, &entries).0.revision(), 6);
    assert_eq!(run_of(origin, Bugs::NONE, &entries).0.revision(), 4);
}
