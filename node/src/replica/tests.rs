//! A member in a shell that writes down what it is asked for. The test plays disk, peers and clients, turn by turn.

use std::collections::{BTreeMap, BTreeSet};

use super::*;
use crate::kv::{KvRequest, encode_command};
use crate::proto::etcdserverpb::PutRequest;
use crate::raft::{Payload, Refusal};

mod bugs;

/// Base of the election timeout.
const ELECTION: u64 = 1_000_000_000;
const N1: NodeId = NodeId(1);
const N2: NodeId = NodeId(2);
const N3: NodeId = NodeId(3);

type WriteAnswer = Result<KvResponse, Failure>;

/// What was asked for. Tickets are numbers that the test hands out.
#[derive(Debug, Default)]
struct Recorder {
    jobs: Vec<WalJob>,
    sent: Vec<(NodeId, Message)>,
    /// What the next send throws away.
    overflow: Vec<RequestId>,
    store: Store,
    applied: LogIndex,
    readers: Readers<u32>,
    written: BTreeMap<u32, WriteAnswer>,
    read: BTreeMap<u32, Result<(), Failure>>,
    given_up: BTreeSet<u32>,
    standings: Vec<Standing>,
    breaks: bool,
}

impl Shell<u32, u32> for Recorder {
    fn append(&mut self, job: WalJob) {
        self.jobs.push(job);
    }

    fn send(&mut self, to: NodeId, message: Message) -> Vec<RequestId> {
        self.sent.push((to, message));
        mem::take(&mut self.overflow)
    }

    fn apply(&mut self, batch: Batch<u32>) -> Result<(), Broken> {
        if self.breaks {
            return Err(Broken);
        }
        let written = &mut self.written;
        let tell = |_, ticket: Option<u32>, result: Applied| {
            written.extend(ticket.map(|ticket| (ticket, result.map_err(Failure::Refused))));
        };
        self.applied = run_batch(&mut self.store, self.applied, Bugs::NONE, batch, tell).last;
        let free = self.readers.up_to(self.applied);
        self.read.extend(free.into_iter().map(|ticket| (ticket, Ok(()))));
        Ok(())
    }

    fn release_at(&mut self, index: LogIndex, tickets: Vec<u32>) {
        let free = self.readers.wait(index, self.applied, tickets);
        self.read.extend(free.into_iter().map(|ticket| (ticket, Ok(()))));
    }

    fn answer_write(&mut self, ticket: u32, result: WriteAnswer) {
        assert_eq!(self.written.insert(ticket, result), None, "{ticket} is answered once");
    }

    fn answer_read(&mut self, ticket: u32, result: Result<(), Failure>) {
        assert_eq!(self.read.insert(ticket, result), None, "{ticket} is answered once");
    }

    fn gave_up(&self, ticket: &u32) -> bool {
        self.given_up.contains(ticket)
    }

    fn look<T>(&self, look: impl FnOnce(&Store) -> T) -> T {
        look(&self.store)
    }

    fn stand(&mut self, standing: Standing) {
        self.standings.push(standing);
    }
}

/// A member, its shell, and the time.
struct Bench {
    replica: Replica<u32, u32>,
    shell: Recorder,
    now: Nanos,
}

fn bench(members: &[NodeId], bugs: Bugs) -> Bench {
    bench_with(members, bugs, Recovered::default())
}

fn bench_with(members: &[NodeId], bugs: Bugs, recovered: Recovered) -> Bench {
    let config = Config {
        id: N1,
        members: members.iter().copied().collect(),
        election_timeout: Nanos(ELECTION),
        heartbeat: Nanos(ELECTION / 5),
        seed: 1,
        bugs,
        batch_bytes_max: Limits::default().batch_bytes_max,
        inflight_max: Limits::default().inflight_max,
    };
    let now = Nanos(0);
    let replica = Replica::new(config, recovered, 1, now);
    Bench { replica, shell: Recorder::default(), now }
}

/// The leader of itself, with nothing left to do.
fn single_leader(bugs: Bugs) -> Bench {
    let mut bench = bench(&[N1], bugs);
    bench.ring();
    bench.sync();
    assert_eq!(bench.replica.standing().role, Role::Leader);
    bench
}

impl Bench {
    fn turn(&mut self, inputs: impl IntoIterator<Item = Input<u32, u32>>) {
        self.replica.turn(self.now, inputs, &mut self.shell).unwrap();
    }

    /// Lets time pass until the member wants to be woken.
    fn ring(&mut self) {
        self.now = self.replica.next_deadline();
        self.turn([]);
    }

    /// The disk does all it was asked, and says so.
    fn sync(&mut self) {
        while let Some(job) = mem::take(&mut self.shell.jobs).pop() {
            self.turn([Input::Persisted(job.io)]);
        }
    }

    fn perform(&mut self, effect: Effect) {
        self.replica.perform(effect, &mut self.shell).unwrap();
    }

    /// A write that the core knows of.
    fn waiting_write(&mut self, ticket: u32) -> RequestId {
        let request = self.replica.numbers.take().unwrap();
        self.replica.waiting.writes.insert(request, Writer { ticket, command: None });
        request
    }

    /// Terms of the messages that left for a peer.
    fn terms_sent_to(&self, peer: NodeId) -> Vec<u64> {
        self.shell.sent.iter().filter(|(to, _)| *to == peer).map(|(_, it)| it.term.0).collect()
    }
}

fn write(ticket: u32) -> Input<u32, u32> {
    let put = PutRequest { key: b"k".to_vec(), ..PutRequest::default() };
    Input::Write { command: encode_command(&KvRequest::Put(put)), ticket }
}

fn read(ticket: u32) -> Input<u32, u32> {
    Input::Read { ticket }
}

fn message(term: u64) -> Message {
    Message { term: Term(term), payload: Payload::VoteResponse { granted: true } }
}

/// What a leader of term 1 without entries says.
fn heartbeat() -> Message {
    let (prev_index, prev_term, commit) = (LogIndex(0), Term(0), LogIndex(0));
    let payload =
        Payload::AppendRequest { prev_index, prev_term, entries: Vec::new(), commit, round: 1 };
    Message { term: Term(1), payload }
}

fn revision(answer: &WriteAnswer) -> i64 {
    answer.clone().unwrap().header_mut().revision
}

#[test]
fn a_message_waits_for_its_write_and_keeps_its_place_among_those_of_the_same_write() {
    let mut bench = bench(&[N1, N2, N3], Bugs::NONE);
    for (io, term) in [(1, 1), (2, 2), (2, 3)] {
        bench.perform(Effect::Write { io: IoSeq(io), hard: None, entries: Vec::new() });
        bench.perform(Effect::Send { to: N2, message: message(term), after: IoSeq(io) });
    }
    bench.perform(Effect::Send { to: N3, message: message(9), after: IoSeq(0) });
    assert_eq!((bench.terms_sent_to(N2), bench.terms_sent_to(N3)), (vec![], vec![9]));
    bench.replica.persisted(IoSeq(1), &mut bench.shell);
    assert_eq!(bench.terms_sent_to(N2), [1]);
    bench.replica.persisted(IoSeq(2), &mut bench.shell);
    assert_eq!(bench.terms_sent_to(N2), [1, 2, 3]);
    bench.perform(Effect::Send { to: N2, message: message(4), after: IoSeq(2) });
    assert_eq!(bench.terms_sent_to(N2), [1, 2, 3, 4]);
}

#[test]
fn a_single_node_answers_a_write_when_its_disk_has_it() {
    let mut bench = single_leader(Bugs::NONE);
    bench.turn([write(7)]);
    assert!(bench.shell.written.is_empty(), "before the disk");
    bench.sync();
    assert_eq!(revision(&bench.shell.written[&7]), 2);
}

#[test]
fn a_leader_keeps_writes_back_while_its_disk_is_busy_and_then_shares_one_write() {
    let mut bench = single_leader(Bugs::NONE);
    bench.turn([write(0)]);
    let busy = bench.shell.jobs.pop().expect("the first write goes out at once");
    for ticket in 1..=3 {
        bench.turn([write(ticket)]);
    }
    let until = bench.now.0 + Limits::default().hold_max.0;
    assert_eq!(bench.replica.next_deadline(), Nanos(until), "it would wake up by itself");
    assert!(bench.shell.jobs.is_empty(), "kept back");
    assert_eq!(bench.replica.pending(), 4);
    bench.turn([Input::Persisted(busy.io)]);
    assert!(bench.shell.written[&0].is_ok());
    assert_eq!(bench.shell.jobs.len(), 1);
    assert_eq!(bench.shell.jobs[0].entries.len(), 3);
    bench.sync();
    assert!((1..=3).all(|ticket| bench.shell.written[&ticket].is_ok()));
    assert_eq!(bench.replica.pending(), 0);
}

#[test]
fn writes_are_kept_back_for_a_limited_time_only() {
    let mut bench = single_leader(Bugs::NONE);
    bench.replica = bench.replica.with_hold_max(Nanos(50));
    bench.turn([write(0)]);
    bench.turn([write(1)]);
    assert_eq!(bench.shell.jobs.len(), 1);
    let asked = bench.now;
    bench.ring();
    assert_eq!(bench.now, Nanos(asked.0 + 50));
    assert_eq!(bench.shell.jobs.len(), 2, "the disk is still busy with the first");
}

#[test]
fn reads_of_one_turn_share_a_position() {
    let mut bench = single_leader(Bugs::NONE);
    bench.turn([read(1), read(2), read(3)]);
    assert!((1..=3).all(|ticket| bench.shell.read[&ticket] == Ok(())));
    let used = bench.replica.numbers.take().unwrap().number - (1 << 40);
    assert_eq!(used, 2, "one number for three reads, one for this question");
}

#[test]
fn without_a_leader_everything_is_refused() {
    let mut bench = bench(&[N1, N2, N3], Bugs::NONE);
    bench.turn([write(1), read(2)]);
    assert_eq!(bench.shell.written[&1], Err(Failure::NoLeader));
    assert_eq!(bench.shell.read[&2], Err(Failure::NoLeader));
}

#[test]
fn each_way_to_fail_has_its_own_answer() {
    let mut bench = bench(&[N1, N2, N3], Bugs::NONE);
    for (ticket, reason, expected) in [
        (1, Refusal::NoLeader, Failure::NoLeader),
        (2, Refusal::NotLeader(N2), Failure::NotLeader(N2)),
        (3, Refusal::Busy, Failure::TooManyRequests),
        (4, Refusal::Declined, Failure::Declined),
        (5, Refusal::NoAnswer, Failure::TimedOut),
    ] {
        let request = bench.waiting_write(ticket);
        bench.perform(Effect::Refuse { request, reason });
        assert_eq!(bench.shell.written[&ticket], Err(expected));
    }
    let request = bench.waiting_write(6);
    bench.perform(Effect::Forget { request });
    assert_eq!(bench.shell.written[&6], Err(Failure::LeaderChanged));
    let request = bench.waiting_write(7);
    bench.turn([Input::NeverSent(vec![request])]);
    assert_eq!(bench.shell.written[&7], Err(Failure::LeaderUnreachable));
    // The core may still forget it, and apply what it forgot: nobody listens any more.
    bench.perform(Effect::Forget { request });
}

#[test]
fn a_write_that_made_room_for_another_message_has_failed() {
    let mut bench = bench(&[N1, N2, N3], Bugs::NONE);
    let request = bench.waiting_write(1);
    bench.shell.overflow.push(request);
    bench.perform(Effect::Send { to: N2, message: message(1), after: IoSeq(0) });
    assert_eq!(bench.shell.written[&1], Err(Failure::LeaderUnreachable));
}

#[test]
fn a_stop_answers_everybody() {
    let mut bench = single_leader(Bugs::NONE);
    bench.turn([write(1)]);
    bench.turn([write(2)]);
    assert_eq!(bench.replica.pending(), 2, "one under way, one kept back");
    bench.replica.waiting.reads.insert(RequestId { node: N1, number: 1 }, vec![3]);
    bench.replica.stop(&mut bench.shell);
    assert_eq!(bench.shell.written[&1], Err(Failure::Stopped));
    assert_eq!(bench.shell.written[&2], Err(Failure::Stopping));
    assert_eq!(bench.shell.read[&3], Err(Failure::Stopping));
    assert_eq!(bench.replica.pending(), 0);
}

#[test]
fn a_client_that_gave_up_costs_no_entry() {
    let mut bench = single_leader(Bugs::NONE);
    bench.shell.given_up.insert(1);
    bench.turn([write(1)]);
    assert!(bench.shell.jobs.is_empty());
    assert_eq!(bench.replica.pending(), 0);
}

/// A node that was stopped for longer than an election timeout does not campaign before it has heard what came meanwhile.
#[test]
fn the_clock_speaks_last() {
    for (heard, role) in [(true, Role::Follower), (false, Role::PreCandidate)] {
        let mut bench = bench(&[N1, N2, N3], Bugs::NONE);
        bench.turn([]);
        bench.now = Nanos(10 * ELECTION);
        bench.turn(heard.then(|| Input::Deliver { from: N2, messages: vec![heartbeat()] }));
        assert_eq!(bench.replica.standing().role, role);
        assert_eq!(bench.shell.standings.last(), Some(&bench.replica.standing()));
    }
}

#[test]
fn a_broken_store_ends_the_turn() {
    let mut bench = single_leader(Bugs::NONE);
    bench.turn([write(1)]);
    let io = bench.shell.jobs.pop().unwrap().io;
    bench.shell.breaks = true;
    let turn = bench.replica.turn(bench.now, [Input::Persisted(io)], &mut bench.shell);
    assert_eq!(turn, Err(Broken));
}

#[test]
fn who_looks_on_sees_log_and_followers() {
    let mut bench = single_leader(Bugs::NONE);
    bench.turn([write(1)]);
    bench.sync();
    let raft = bench.replica.raft();
    let indices =
        |from| raft.entries(LogIndex(from)).iter().map(|it| it.index.0).collect::<Vec<_>>();
    assert_eq!((indices(0), indices(1), indices(2)), (vec![1, 2], vec![1, 2], vec![2]));
    assert!(indices(3).is_empty() && indices(u64::MAX).is_empty());
    assert_eq!(raft.followers().count(), 0);
    assert_eq!(bench.replica.status().commit, LogIndex(2));
}

#[test]
fn the_bug_ack_on_append_answers_before_the_disk() {
    let mut bench = single_leader(Bugs::NONE.with(Bug::AckOnAppend));
    bench.turn([write(1)]);
    assert_eq!(revision(&bench.shell.written[&1]), 2);
    assert_eq!(bench.shell.applied, LogIndex(1), "only the leader's no-op is applied");
}
