//! The driver with a disk, peers and a store that the test plays, one step at a time.

use std::path::PathBuf;
use std::sync::mpsc::Receiver;

use tokio::sync::oneshot::error::TryRecvError;

use super::*;
use crate::kv::{KvRequest, KvResponse, encode_command};
use crate::proto::etcdserverpb::PutRequest;
use crate::raft::{Config, LogIndex, Payload, Recovered, Refusal, Term};
use crate::server::applier::Applier;

/// A driver and the other ends of what it holds.
struct Bench {
    driver: Driver,
    disk: Receiver<WalJob>,
    batch: Vec<Input>,
    effects: Vec<Effect>,
}

type WriteAnswer = oneshot::Receiver<Result<KvResponse, Failure>>;

#[expect(clippy::disallowed_methods, reason = "the driver's origin of time")]
fn bench(members: &[u64], bugs: Bugs) -> Bench {
    let config = Config {
        id: NodeId(1),
        members: members.iter().map(|id| NodeId(*id)).collect(),
        // Long enough to never pass in a test that only looks at what it asked for.
        election_timeout: Nanos(3_600_000_000_000),
        heartbeat: Nanos(60_000_000_000),
        seed: 1,
        bugs,
        batch_bytes_max: 1 << 20,
        inflight_max: 64,
    };
    let metrics = Arc::new(Metrics::default());
    let view = Arc::new(View::new(NodeId(1), 1, PathBuf::new(), Term(0)));
    let store = SharedStore::default();
    let (applier, _) = Applier::split(store.clone(), view.clone(), metrics.clone(), bugs);
    let (wal, disk) = WalThread::played();
    let peers = members.iter().filter(|id| **id != 1);
    let driver = Driver {
        raft: Raft::new(config, Recovered::default(), Nanos(0)),
        origin: Instant::now(),
        bugs,
        numbers: RequestNumbers::new(NodeId(1), 1),
        wal,
        applier,
        outboxes: peers.map(|id| (NodeId(*id), Outbox::new(metrics.clone()))).collect(),
        view,
        metrics,
        store,
        waiting: Waiting::default(),
    };
    Bench { driver, disk, batch: Vec::new(), effects: Vec::new() }
}

impl Bench {
    fn step(&mut self, inputs: impl IntoIterator<Item = Input>) -> Option<End> {
        self.batch.extend(inputs);
        self.driver.turn(&mut self.batch, &mut self.effects).unwrap()
    }

    fn do_effect(&mut self, effect: Effect) {
        self.driver.perform(effect).unwrap();
    }

    /// The disk does all it was asked, and says so.
    fn sync(&mut self) {
        while let Some(last) = self.disk.try_iter().last() {
            self.step([Input::Persisted(last.io)]);
        }
    }

    fn queued_for(&self, peer: u64) -> usize {
        self.driver.outboxes[&NodeId(peer)].len()
    }

    fn waiting_write(&mut self) -> (RequestId, WriteAnswer) {
        let (reply, answer) = oneshot::channel();
        let request = self.driver.numbers.next().unwrap();
        self.driver.waiting.writes.insert(request, Writer { reply, command: None });
        (request, answer)
    }

    /// Makes a single node the leader of itself.
    fn lead(&mut self) {
        let heard = self.driver.raft.next_deadline();
        self.driver.raft.step(heard, Event::Tick, &mut self.effects);
        let due = self.driver.raft.next_deadline();
        self.driver.raft.step(due, Event::Tick, &mut self.effects);
        for effect in std::mem::take(&mut self.effects) {
            self.do_effect(effect);
        }
        self.sync();
        assert_eq!(self.driver.view.standing().role, Role::Leader);
    }
}

fn command() -> Vec<u8> {
    let put = PutRequest { key: b"k".to_vec(), ..PutRequest::default() };
    encode_command(&KvRequest::Put(put))
}

fn write() -> (Input, WriteAnswer) {
    let (reply, answer) = oneshot::channel();
    (Input::Write { command: command(), reply }, answer)
}

fn message(term: u64) -> Message {
    Message { term: Term(term), payload: Payload::VoteResponse { granted: true } }
}

#[test]
fn a_message_waits_for_its_write_and_keeps_its_place_among_those_of_the_same_write() {
    let mut bench = bench(&[1, 2, 3], Bugs::NONE);
    for (io, term) in [(1, 1), (2, 2), (2, 3)] {
        bench.do_effect(Effect::Write { io: IoSeq(io), hard: None, entries: Vec::new() });
        let (to, after) = (NodeId(2), IoSeq(io));
        bench.do_effect(Effect::Send { to, message: message(term), after });
    }
    bench.do_effect(Effect::Send { to: NodeId(3), message: message(9), after: IoSeq(0) });
    assert_eq!((bench.queued_for(2), bench.queued_for(3)), (0, 1));
    bench.driver.persisted(IoSeq(1));
    assert_eq!(bench.queued_for(2), 1);
    bench.driver.persisted(IoSeq(2));
    let terms: Vec<u64> =
        bench.driver.outboxes[&NodeId(2)].messages().iter().map(|it| it.term.0).collect();
    assert_eq!(terms, [1, 2, 3]);
    bench.do_effect(Effect::Send { to: NodeId(2), message: message(4), after: IoSeq(2) });
    assert_eq!(bench.queued_for(2), 4);
}

#[test]
fn a_single_node_answers_a_write_when_its_disk_has_it() {
    let mut bench = bench(&[1], Bugs::NONE);
    bench.lead();
    let (input, mut answer) = write();
    bench.step([input]);
    assert_eq!(answer.try_recv(), Err(TryRecvError::Empty), "before the disk");
    bench.sync();
    let mut response = answer.try_recv().unwrap().unwrap();
    assert_eq!(response.header_mut().revision, 2);
}

#[test]
fn a_leader_keeps_writes_back_while_its_disk_is_busy_and_then_shares_one_write() {
    let mut bench = bench(&[1], Bugs::NONE);
    bench.lead();
    let (first, mut first_answer) = write();
    bench.step([first]);
    let busy = bench.disk.try_iter().last().expect("the first write goes out at once");
    let later: Vec<_> = (0..3).map(|_| write()).collect();
    let (inputs, mut answers): (Vec<_>, Vec<_>) = later.into_iter().unzip();
    for input in inputs {
        bench.step([input]);
    }
    let deadline = bench.driver.next_deadline();
    assert_eq!(bench.driver.waiting.hold_until, Some(deadline), "it would wake up by itself");
    assert!(bench.disk.try_iter().next().is_none(), "kept back");
    bench.step([Input::Persisted(busy.io)]);
    assert!(first_answer.try_recv().unwrap().is_ok());
    let shared: Vec<WalJob> = bench.disk.try_iter().collect();
    assert_eq!(shared.iter().map(|job| job.entries.len()).collect::<Vec<_>>(), [3]);
    bench.step([Input::Persisted(shared[0].io)]);
    for answer in &mut answers {
        assert!(answer.try_recv().unwrap().is_ok());
    }
}

#[test]
fn reads_of_one_step_share_a_position() {
    let mut bench = bench(&[1], Bugs::NONE);
    bench.lead();
    let (replies, mut answers): (Vec<_>, Vec<_>) = (0..3).map(|_| oneshot::channel()).unzip();
    bench.step(replies.into_iter().map(|reply| Input::Read { reply }));
    for answer in &mut answers {
        assert_eq!(answer.try_recv(), Ok(Ok(())));
    }
    let used = bench.driver.numbers.next().unwrap().number - (1 << 40);
    assert_eq!(used, 2, "one number for three reads, one for this question");
}

#[test]
fn without_a_leader_everything_is_refused() {
    let mut bench = bench(&[1, 2, 3], Bugs::NONE);
    let (input, mut written) = write();
    let (reply, mut read) = oneshot::channel();
    bench.step([input, Input::Read { reply }]);
    assert_eq!(written.try_recv(), Ok(Err(Failure::NoLeader)));
    assert_eq!(read.try_recv(), Ok(Err(Failure::NoLeader)));
}

#[test]
fn each_way_to_fail_has_its_own_answer() {
    let mut bench = bench(&[1, 2, 3], Bugs::NONE);
    for (reason, expected) in [
        (Refusal::NoLeader, Failure::NoLeader),
        (Refusal::NotLeader(NodeId(2)), Failure::NotLeader(NodeId(2))),
        (Refusal::Busy, Failure::TooManyRequests),
        (Refusal::Declined, Failure::Declined),
        (Refusal::NoAnswer, Failure::TimedOut),
    ] {
        let (request, mut answer) = bench.waiting_write();
        bench.do_effect(Effect::Refuse { request, reason });
        assert_eq!(answer.try_recv(), Ok(Err(expected)));
    }
    let (request, mut answer) = bench.waiting_write();
    bench.do_effect(Effect::Forget { request });
    assert_eq!(answer.try_recv(), Ok(Err(Failure::LeaderChanged)));
    let (request, mut answer) = bench.waiting_write();
    bench.step([Input::NeverSent(vec![request])]);
    assert_eq!(answer.try_recv(), Ok(Err(Failure::LeaderUnreachable)));
    // The core may still forget it, and apply what it forgot: nobody listens any more.
    bench.do_effect(Effect::Forget { request });
}

#[test]
fn a_stop_answers_everybody() {
    let mut bench = bench(&[1], Bugs::NONE);
    bench.lead();
    let (under_way, mut unknown) = write();
    bench.step([under_way]);
    let (kept_back, mut untouched) = write();
    assert_eq!(bench.step([kept_back, Input::Stop]), Some(End::Stopped));
    bench.driver.answer_everybody();
    assert_eq!(unknown.try_recv(), Ok(Err(Failure::Stopped)));
    assert_eq!(untouched.try_recv(), Ok(Err(Failure::Stopping)));
}

#[test]
fn a_client_that_gave_up_costs_no_entry() {
    let mut bench = bench(&[1], Bugs::NONE);
    bench.lead();
    let (input, answer) = write();
    drop(answer);
    bench.step([input]);
    assert!(bench.disk.try_iter().next().is_none());
}

#[test]
fn the_bug_ack_on_append_answers_before_the_disk() {
    let mut bench = bench(&[1], Bugs::NONE.with(Bug::AckOnAppend));
    bench.lead();
    let (input, mut answer) = write();
    bench.step([input]);
    let mut response = answer.try_recv().unwrap().unwrap();
    assert_eq!(response.header_mut().revision, 2);
    assert_eq!(bench.driver.view.applied(), LogIndex(1), "only the leader's no-op is applied");
}

#[test]
fn after_the_disk_is_gone_nothing_more_is_done() {
    let mut bench = bench(&[1], Bugs::NONE);
    bench.lead();
    let (input, mut answer) = write();
    assert_eq!(bench.step([input, Input::WalEnded]), Some(End::DiskGone));
    assert_eq!(answer.try_recv(), Err(TryRecvError::Empty));
    assert!(bench.disk.try_iter().next().is_none());
}
