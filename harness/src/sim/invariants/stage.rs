//! Made-up runs for the tests of invariants: one of them looks on.

use std::collections::BTreeMap;

use rashomon_node::bugs::Bugs;
use rashomon_node::kv::KvResponse;
use rashomon_node::proto::etcdserverpb::PutResponse;
use rashomon_node::raft::{
    Config, Entry, HardState, IoSeq, LogIndex, Message, Nanos, NodeId, Payload, Raft, Recovered,
    RequestId, Role, Status, Term,
};
use rashomon_node::replica::{Failure, WalJob};
use rashomon_node::storage::Replay;

use super::{ALL, About};
use crate::sim::watch::{Sight, Watch};

/// A cluster in which everything happens that a test says.
pub(super) struct Stage {
    watch: Watch,
    raft: Raft,
    ios: BTreeMap<usize, u64>,
}

impl Stage {
    pub(super) fn new(nodes: usize, about: &About) -> Self {
        let others = ALL.iter().filter(|other| other.name != about.name);
        let others: Vec<String> = others.map(|other| other.name.to_owned()).collect();
        let config = Config {
            id: NodeId(1),
            members: [NodeId(1)].into(),
            election_timeout: Nanos(10),
            heartbeat: Nanos(1),
            seed: 0,
            bugs: Bugs::NONE,
            batch_bytes_max: 1,
            inflight_max: 1,
        };
        let raft = Raft::new(config, Recovered::default(), Nanos(0));
        Self { watch: Watch::new(nodes, &others), raft, ios: BTreeMap::new() }
    }

    pub(super) fn see(&mut self, sight: &Sight<'_>) {
        self.watch.see(sight);
    }

    /// A process dies, and another one reads this.
    pub(super) fn reboot(&mut self, node: usize, hard: HardState, entries: &[Entry]) {
        self.see(&Sight::Died { node });
        let replay = Replay { hard, entries: entries.to_vec(), ..Replay::default() };
        self.ios.remove(&node);
        self.see(&Sight::Booted { node, replay: &replay });
    }

    /// A node hands this to its log.
    pub(super) fn write(&mut self, node: usize, hard: Option<HardState>, entries: &[Entry]) {
        let io = self.ios.entry(node).or_default();
        *io += 1;
        let job = WalJob { io: IoSeq(*io), hard, entries: entries.to_vec() };
        self.see(&Sight::Wrote { node, job: &job });
    }

    /// All that a node has written becomes durable.
    pub(super) fn sync(&mut self, node: usize) {
        let io = IoSeq(self.ios.get(&node).copied().unwrap_or_default());
        self.see(&Sight::Durable { node, io });
    }

    /// Nodes write entries, and their disks are quick.
    pub(super) fn store(&mut self, nodes: &[usize], entries: &[Entry]) {
        for node in nodes {
            self.write(*node, None, entries);
            self.sync(*node);
        }
    }

    /// A node takes up a hard state, and its disk is quick.
    pub(super) fn promise(&mut self, node: usize, hard: HardState) {
        self.write(node, Some(hard), &[]);
        self.sync(node);
    }

    pub(super) fn turn(&mut self, node: usize, status: &Status) {
        let Self { watch, raft, .. } = self;
        watch.see(&Sight::Turned { node, status, raft });
    }

    /// A node's turn is over, and this is committed for it.
    pub(super) fn commit(&mut self, node: usize, term: u64, commit: u64) {
        self.turn(node, &Status { commit: LogIndex(commit), ..follower(term) });
    }

    pub(super) fn send(&mut self, node: usize, to: usize, term: u64, payload: Payload) {
        let message = Message { term: Term(term), payload };
        self.see(&Sight::Sent { node, to, message: &message });
    }

    pub(super) fn grant(&mut self, node: usize, to: usize, term: u64) {
        self.send(node, to, term, Payload::VoteResponse { granted: true });
    }

    pub(super) fn campaign(&mut self, node: usize, term: u64) {
        let (last_index, last_term) = (LogIndex(0), Term(0));
        self.send(node, 0, term, Payload::VoteRequest { last_index, last_term });
    }

    pub(super) fn apply(&mut self, node: usize, index: u64, ticket: Option<u64>) {
        let result = Ok(done());
        self.see(&Sight::Applied { node, index: LogIndex(index), ticket, result: &result });
    }

    pub(super) fn ask(&mut self, node: usize, ticket: u64, command: &[u8]) {
        self.see(&Sight::WriteAsked { node, ticket, command });
    }

    pub(super) fn fail(&mut self, node: usize, ticket: u64, failure: Failure) {
        self.see(&Sight::WriteAnswered { node, ticket, result: &Err(failure) });
    }

    pub(super) fn holds(&self) {
        assert_eq!(self.watch.breaches(), []);
    }

    /// There is one finding, in these words.
    pub(super) fn breaks(&self, what: &str) {
        let found: Vec<&str> = self.watch.breaches().iter().map(|breach| &*breach.what).collect();
        assert_eq!(found, [what]);
    }
}

/// A response to a write.
pub(super) fn done() -> KvResponse {
    KvResponse::Put(PutResponse::default())
}

pub(super) fn hard(term: u64, vote: Option<u64>) -> HardState {
    HardState { term: Term(term), vote: vote.map(NodeId), commit: LogIndex(0) }
}

/// A client's write, unlike any other.
pub(super) fn entry(index: u64, term: u64) -> Entry {
    let request = Some(RequestId { node: NodeId(1), number: index << 16 | term });
    let command = format!("write {index} of {term}").into_bytes();
    Entry { term: Term(term), index: LogIndex(index), request, command }
}

pub(super) fn no_op(index: u64, term: u64) -> Entry {
    Entry { request: None, command: Vec::new(), ..entry(index, term) }
}

/// Client's writes of these terms, from an index on.
pub(super) fn entries(first: u64, terms: &[u64]) -> Vec<Entry> {
    (first..).zip(terms).map(|(index, term)| entry(index, *term)).collect()
}

/// A node in this term that has done nothing yet.
pub(super) fn follower(term: u64) -> Status {
    Status {
        id: NodeId(1),
        role: Role::Follower,
        term: Term(term),
        vote: None,
        leader: None,
        commit: LogIndex(0),
        applied: LogIndex(0),
        first_index: LogIndex(1),
        last_index: LogIndex(0),
        last_term: Term(0),
        durable: LogIndex(0),
        pending_writes: 0,
        pending_reads: 0,
        leader_changes: 0,
        ignored: 0,
        conflicts: 0,
    }
}

/// A node that leads this term.
pub(super) fn leader(node: usize, term: u64) -> Status {
    Status { role: Role::Leader, vote: Some(super::id(node)), ..follower(term) }
}
