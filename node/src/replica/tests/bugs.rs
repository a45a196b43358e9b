//! Built-in bugs of the member, each on and off.

use super::*;
use crate::kv::is_read_only;
use crate::proto::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use crate::proto::etcdserverpb::request_op::Request;
use crate::proto::etcdserverpb::{Compare, RequestOp, TxnRequest};

/// What a story shows with the bug, and without.
fn on_and_off<T>(bug: Bug, story: impl Fn(Bugs) -> T) -> (T, T) {
    (story(Bugs::NONE.with(bug)), story(Bugs::NONE))
}

fn put_of(value: &str) -> Request {
    Request::RequestPut(PutRequest {
        key: b"k".to_vec(),
        value: value.into(),
        ..PutRequest::default()
    })
}

fn put() -> Vec<u8> {
    let Request::RequestPut(put) = put_of("") else { unreachable!("made as one") };
    encode_command(&KvRequest::Put(put))
}

/// Puts `to` if the key has `from`.
fn cas(from: &str, to: &str) -> Vec<u8> {
    let compare = Compare {
        key: b"k".to_vec(),
        result: CompareResult::Equal.into(),
        target: CompareTarget::Value.into(),
        target_union: Some(TargetUnion::Value(from.into())),
        ..Compare::default()
    };
    let success = vec![RequestOp { request: Some(put_of(to)) }];
    let txn = TxnRequest { compare: vec![compare], success, failure: Vec::new() };
    assert!(!is_read_only(&txn));
    encode_command(&KvRequest::Txn(txn))
}

fn entry(index: u64, request: Option<RequestId>, command: Vec<u8>) -> Entry {
    Entry { term: Term(1), index: LogIndex(index), request, command }
}

/// Somebody else's put.
fn foreign(index: u64) -> Entry {
    entry(index, Some(RequestId { node: N3, number: 7 }), put())
}

/// A member of three that has heard its leader.
fn follower(bugs: Bugs) -> Bench {
    let mut bench = bench(&[N1, N2, N3], bugs);
    bench.turn([Input::Deliver { from: N2, messages: vec![heartbeat()] }]);
    assert_eq!(bench.replica.standing().leader, Some(N2));
    bench
}

impl Bench {
    /// A write with this command that the core knows of.
    fn waiting_command(&mut self, ticket: u32, command: Vec<u8>) -> RequestId {
        let request = self.waiting_write(ticket);
        self.replica.waiting.writes.insert(request, Writer { ticket, command: Some(command) });
        request
    }

    /// Names of the writes that were handed on.
    fn handed_on(&self) -> Vec<RequestId> {
        let name = |(_, message): &(NodeId, Message)| match message.payload {
            Payload::Propose { request, .. } => Some(request),
            _ => None,
        };
        self.shell.sent.iter().filter_map(name).collect()
    }

    /// Names of the questions for a read position.
    fn asked(&self) -> Vec<RequestId> {
        let name = |(_, message): &(NodeId, Message)| match message.payload {
            Payload::ReadIndexRequest { request } => Some(request),
            _ => None,
        };
        self.shell.sent.iter().filter_map(name).collect()
    }

    fn answered(&self, ticket: u32) -> bool {
        self.shell.written.contains_key(&ticket)
    }
}

#[test]
fn fail_means_maybe() {
    let story = |bugs| {
        let mut bench = bench(&[N1, N2, N3], bugs);
        let request = bench.waiting_write(1);
        bench.perform(Effect::Forget { request });
        bench.shell.written.remove(&1).unwrap().unwrap_err()
    };
    let told = on_and_off(Bug::FailMeansMaybe, story);
    assert_eq!(told, (Failure::NoLeader, Failure::LeaderChanged));
}

#[test]
fn waiter_by_index() {
    let story = |bugs| {
        let mut bench = bench(&[N1, N2, N3], bugs);
        let request = bench.waiting_command(1, put());
        bench.perform(Effect::Appended { request, index: LogIndex(1) });
        bench.perform(Effect::Forget { request });
        bench.perform(Effect::Apply { entries: vec![foreign(1)] });
        bench.shell.written.remove(&1).unwrap().map(drop)
    };
    let told = on_and_off(Bug::WaiterByIndex, story);
    assert_eq!(told, (Ok(()), Err(Failure::LeaderChanged)));
}

#[test]
fn serve_before_replay() {
    let story = |bugs| {
        let recovered = Recovered { entries: vec![foreign(1)], ..Recovered::default() };
        let mut bench = bench_with(&[N1, N2, N3], bugs, recovered);
        bench.turn([read(1)]);
        bench.shell.read.remove(&1).unwrap()
    };
    assert_eq!(on_and_off(Bug::ServeBeforeReplay, story), (Ok(()), Err(Failure::NoLeader)));
    // With nothing to replay the bug has nothing to serve too early.
    let mut fresh = bench(&[N1, N2, N3], Bugs::NONE.with(Bug::ServeBeforeReplay));
    fresh.turn([read(1)]);
    assert_eq!(fresh.shell.read[&1], Err(Failure::NoLeader));
}

#[test]
fn read_before_apply() {
    let story = |bugs| {
        let mut bench = bench(&[N1, N2, N3], bugs);
        let request = bench.replica.numbers.take().unwrap();
        bench.replica.waiting.reads.insert(request, vec![1]);
        bench.perform(Effect::ReadReady { request, index: LogIndex(1) });
        let early = bench.shell.read.contains_key(&1);
        bench.perform(Effect::Apply { entries: vec![foreign(1)] });
        (early, bench.shell.read.contains_key(&1))
    };
    assert_eq!(on_and_off(Bug::ReadBeforeApply, story), ((true, true), (false, true)));
}

#[test]
fn readindex_ctx_reuse() {
    let story = |bugs| {
        let mut bench = follower(bugs);
        bench.turn([read(1)]);
        bench.turn([read(2)]);
        let asked = bench.asked();
        assert_eq!(asked.len(), 2);
        let (request, index) = (asked[0], Some(LogIndex(0)));
        let payload = Payload::ReadIndexResponse { request, index };
        let messages = vec![Message { term: Term(1), payload }];
        bench.turn([Input::Deliver { from: N2, messages }]);
        (asked[0] == asked[1], bench.shell.read.keys().copied().collect::<Vec<_>>())
    };
    let shown = on_and_off(Bug::ReadindexCtxReuse, story);
    assert_eq!(shown, ((true, vec![1, 2]), (false, vec![1])));
}

#[test]
fn no_incarnation() {
    let story = |bugs| {
        let mut bench = follower(bugs);
        bench.turn([write(1)]);
        let number = bench.handed_on()[0].number;
        // What an earlier life has written, under a number that comes again.
        let old = RequestId { node: N1, number: 1 };
        bench.perform(Effect::Apply { entries: vec![entry(1, Some(old), put())] });
        (number == 1, bench.answered(1))
    };
    assert_eq!(on_and_off(Bug::NoIncarnation, story), ((true, true), (false, false)));
}

#[test]
fn reply_mismatch() {
    let story = |bugs| {
        let mut bench = bench(&[N1, N2, N3], bugs);
        let first = bench.waiting_command(1, put());
        bench.waiting_command(2, put());
        bench.waiting_command(3, cas("", "1"));
        bench.perform(Effect::Apply { entries: vec![entry(1, Some(first), put())] });
        bench.shell.written.into_keys().collect::<Vec<_>>()
    };
    // Not the third: it waits for the answer to a transaction.
    assert_eq!(on_and_off(Bug::ReplyMismatch, story), (vec![2], vec![1]));
}

#[test]
fn forward_ack() {
    let story = |bugs| {
        let mut bench = follower(bugs);
        bench.turn([write(1)]);
        assert_eq!(bench.handed_on().len(), 1);
        bench.answered(1)
    };
    assert_eq!(on_and_off(Bug::ForwardAck, story), (true, false));
}

#[test]
fn transport_retry() {
    let story = |bugs| {
        let mut bench = follower(bugs);
        bench.turn([write(1)]);
        let first = bench.handed_on()[0];
        bench.perform(Effect::Forget { request: first });
        let answered = bench.answered(1);
        let pending = bench.replica.pending();
        bench.turn([]);
        let again = bench.handed_on().len() == 2 && bench.handed_on()[1] != first;
        (answered, pending, again)
    };
    assert_eq!(on_and_off(Bug::TransportRetry, story), ((false, 1, true), (true, 0, false)));
}

#[test]
fn a_retry_waits_for_a_leader_and_is_answered_when_the_member_stops() {
    let mut bench = bench(&[N1, N2, N3], Bugs::NONE.with(Bug::TransportRetry));
    let request = bench.waiting_command(1, put());
    bench.perform(Effect::Forget { request });
    bench.turn([]);
    assert!(bench.handed_on().is_empty() && !bench.answered(1));
    bench.replica.stop(&mut bench.shell);
    assert_eq!(bench.shell.written[&1], Err(Failure::Stopped));
}

#[test]
fn endless_reapply() {
    let story = |bugs| {
        let mut bench = follower(bugs);
        bench.turn([write(1)]);
        for round in 1..=3 {
            // Of the last turn the last: what came back, if anything did.
            let request = bench.handed_on().pop();
            bench.perform(Effect::Apply { entries: vec![entry(round, request, put())] });
            bench.turn([write(1 + round as u32)]);
        }
        assert!(bench.answered(1));
        bench.handed_on().len()
    };
    // Four writes of clients, and three times the first of them.
    assert_eq!(on_and_off(Bug::EndlessReapply, story), (7, 4));
}

#[test]
fn propose_time_cas() {
    let succeeded = |answer: &WriteAnswer| match answer {
        Ok(KvResponse::Txn(response)) => response.succeeded,
        other => panic!("{other:?}"),
    };
    let story = |bugs| {
        let mut bench = single_leader(bugs);
        bench.turn([write(0)]);
        bench.sync();
        let commands = [cas("", "1"), cas("", "2"), cas("9", "3")];
        bench.turn((1..).zip(commands).map(|(ticket, command)| Input::Write { command, ticket }));
        bench.sync();
        [1, 2, 3].map(|ticket| succeeded(&bench.shell.written[&ticket]))
    };
    let shown = on_and_off(Bug::ProposeTimeCas, story);
    assert_eq!(shown, ([true, true, false], [true, false, false]));
}
