//! Several members over links that a test cuts by hand; messages arrive after one millisecond, disks take none.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use rashomon_node::bugs::Bugs;
use rashomon_node::raft::{
    Effect, Entry, Event, LogIndex, Message, Nanos, NodeId, Payload, Raft, Recovered, RequestId,
    Role, Status, Term,
};

use crate::solo::{MS, config};

/// The members, their disks, and what is on its way.
pub(crate) struct Cluster {
    members: u64,
    bugs: Bugs,
    now: Nanos,
    nodes: BTreeMap<NodeId, Member>,
    disks: BTreeMap<NodeId, Recovered>,
    wire: VecDeque<(Nanos, NodeId, NodeId, Message)>,
    cuts: BTreeSet<(NodeId, NodeId)>,
    deliveries: usize,
}

struct Member {
    raft: Raft,
    applied: Vec<Entry>,
    answers: Vec<Effect>,
}

impl Cluster {
    pub(crate) fn new(members: u64) -> Self {
        Self::with_bugs(members, Bugs::NONE)
    }

    pub(crate) fn with_bugs(members: u64, bugs: Bugs) -> Self {
        let logs = vec![Vec::new(); members as usize];
        Self::with_logs(bugs, 0, logs)
    }

    /// One member for each log, all in `term` and without a vote.
    pub(crate) fn with_logs(bugs: Bugs, term: u64, logs: Vec<Vec<Entry>>) -> Self {
        let mut cluster = Self {
            members: logs.len() as u64,
            bugs,
            now: Nanos(0),
            nodes: BTreeMap::new(),
            disks: BTreeMap::new(),
            wire: VecDeque::new(),
            cuts: BTreeSet::new(),
            deliveries: 0,
        };
        for (id, entries) in (1..).map(NodeId).zip(logs) {
            let mut disk = Recovered { entries, ..Recovered::default() };
            disk.hard.term = Term(term);
            cluster.disks.insert(id, disk);
            cluster.start(id);
        }
        cluster
    }

    pub(crate) fn start(&mut self, id: NodeId) {
        let recovered = self.disks.get(&id).cloned().unwrap_or_default();
        let raft = Raft::new(config(id.0, self.members, self.bugs), recovered, self.now);
        self.nodes.insert(id, Member { raft, applied: Vec::new(), answers: Vec::new() });
    }

    pub(crate) fn crash(&mut self, id: NodeId) {
        self.nodes.remove(&id);
    }

    pub(crate) fn disk_mut(&mut self, id: NodeId) -> &mut Recovered {
        self.disks.entry(id).or_default()
    }

    pub(crate) fn cut(&mut self, from: NodeId, to: NodeId) {
        self.cuts.insert((from, to));
    }

    pub(crate) fn isolate(&mut self, node: NodeId) {
        self.split(&[node]);
    }

    /// `side` against all others.
    pub(crate) fn split(&mut self, side: &[NodeId]) {
        let all: Vec<NodeId> = (1..=self.members).map(NodeId).collect();
        for (a, b) in all.iter().flat_map(|a| all.iter().map(move |b| (*a, *b))) {
            if side.contains(&a) != side.contains(&b) {
                self.cuts.insert((a, b));
            }
        }
    }

    pub(crate) fn heal(&mut self) {
        self.cuts.clear();
    }

    /// Lets `ms` go by.
    pub(crate) fn run(&mut self, ms: u64) {
        let end = Nanos(self.now.0 + ms * MS);
        for _ in 0..200_000 {
            let ticks = self.nodes.iter().map(|(id, node)| (node.raft.next_deadline(), *id));
            let tick = ticks.min();
            let message = self.wire.front().map(|(at, ..)| *at);
            match (message, tick) {
                (Some(at), tick) if at <= end && tick.is_none_or(|(due, _)| at <= due) => {
                    self.now = self.now.max(at);
                    self.deliver();
                }
                (_, Some((due, id))) if due <= end => {
                    self.now = self.now.max(due);
                    self.step(id, Event::Tick);
                }
                _ => {
                    self.now = end;
                    return;
                }
            }
        }
        panic!("time stands still at {:?}, somebody asks for one tick after another", self.now);
    }

    /// Runs until somebody leads and has committed its no-op everywhere.
    pub(crate) fn elect(&mut self) -> NodeId {
        self.run(1_000);
        self.leader().expect("a leader after a second")
    }

    /// Makes `id` campaign and win now.
    pub(crate) fn make_leader(&mut self, id: NodeId) {
        for _ in 0..200 {
            if self.status(id).role == Role::Leader {
                return;
            }
            // Only this node's clock runs on; the others stay quiet, but have forgotten older leaders.
            let due = self.nodes[&id].raft.next_deadline();
            self.now = self.now.max(due);
            self.step(id, Event::Tick);
            self.settle();
        }
        panic!("{id} does not win: {:?}", self.status(id));
    }

    /// Delivers what is on its way until nothing is, without letting anybody's timer fire.
    pub(crate) fn settle(&mut self) {
        while let Some((at, ..)) = self.wire.front() {
            self.now = self.now.max(*at);
            self.deliver();
        }
    }

    fn deliver(&mut self) {
        let Some((_, from, to, message)) = self.wire.pop_front() else { return };
        if !self.cuts.contains(&(from, to)) {
            self.deliveries += 1;
            self.step(to, Event::Receive { from, message });
        }
    }

    /// Feeds an event and carries its effects out; disks are instantaneous.
    pub(crate) fn step(&mut self, id: NodeId, event: Event) {
        let mut events = VecDeque::from([event]);
        while let Some(event) = events.pop_front() {
            let Some(node) = self.nodes.get_mut(&id) else { return };
            let mut effects = Vec::new();
            node.raft.step(self.now, event, &mut effects);
            for effect in effects {
                match effect {
                    Effect::Write { io, hard, entries } => {
                        let disk = self.disks.entry(id).or_default();
                        disk.hard = hard.unwrap_or(disk.hard);
                        if let Some(first) = entries.first() {
                            disk.entries.truncate(first.index.0 as usize - 1);
                            disk.entries.extend(entries);
                        }
                        events.push_back(Event::Persisted(io));
                    }
                    Effect::Send { to, message, .. } => {
                        self.wire.push_back((Nanos(self.now.0 + MS), id, to, message));
                    }
                    Effect::Apply { entries } => node.applied.extend(entries),
                    Effect::Role { .. } | Effect::Appended { .. } => {}
                    answer => node.answers.push(answer),
                }
            }
        }
    }

    pub(crate) fn propose(&mut self, id: NodeId, number: u64) -> RequestId {
        let request = RequestId { node: id, number };
        self.step(id, Event::Propose { request, command: number.to_le_bytes().to_vec() });
        request
    }

    pub(crate) fn read(&mut self, id: NodeId, number: u64) -> RequestId {
        let request = RequestId { node: id, number };
        self.step(id, Event::Read { request });
        request
    }

    /// Writes on `id` and waits until it is applied there.
    pub(crate) fn write(&mut self, id: NodeId, number: u64) {
        let request = self.propose(id, number);
        self.run(20);
        assert!(self.has_applied(id, request), "{request:?}: {:?}", self.status(id));
    }

    pub(crate) fn has_applied(&self, id: NodeId, request: RequestId) -> bool {
        self.nodes[&id].applied.iter().any(|entry| entry.request == Some(request))
    }

    pub(crate) fn applied(&self, id: NodeId) -> Vec<(LogIndex, Term)> {
        self.nodes[&id].applied.iter().map(|entry| (entry.index, entry.term)).collect()
    }

    pub(crate) fn durable_terms(&self, id: NodeId) -> Vec<u64> {
        self.disks[&id].entries.iter().map(|entry| entry.term.0).collect()
    }

    /// What this node's client was told about `request`.
    pub(crate) fn answer(&self, id: NodeId, request: RequestId) -> Option<Effect> {
        let is_it = |effect: &&Effect| match effect {
            Effect::ReadReady { request: about, .. }
            | Effect::Refuse { request: about, .. }
            | Effect::Forget { request: about } => *about == request,
            _ => false,
        };
        self.nodes[&id].answers.iter().find(is_it).cloned()
    }

    /// How many messages have arrived.
    pub(crate) fn deliveries(&self) -> usize {
        self.deliveries
    }

    pub(crate) fn status(&self, id: NodeId) -> Status {
        self.nodes[&id].raft.status()
    }

    /// Who leads in the highest term.
    pub(crate) fn leader(&self) -> Option<NodeId> {
        let statuses = self.nodes.values().map(|node| node.raft.status());
        let leaders = statuses.filter(|status| status.role == Role::Leader);
        leaders.max_by_key(|status| status.term).map(|status| status.id)
    }

    pub(crate) fn followers(&self, leader: NodeId) -> Vec<NodeId> {
        (1..=self.members).map(NodeId).filter(|id| *id != leader).collect()
    }

    /// Repeats the last message that `from` sent and that is still on its way, `count` times.
    pub(crate) fn double_on_wire(&mut self, from: NodeId, count: usize) {
        let doubled = self.wire.iter().rfind(|(_, sender, ..)| *sender == from).cloned();
        let doubled = doubled.expect("a message on the wire");
        for _ in 0..count {
            self.wire.push_back(doubled.clone());
        }
    }
}

/// For stories in which a leader is stopped in the middle of a step.
impl Cluster {
    /// Elects `id` with everybody's vote and loses every entry that it sends as a leader.
    pub(crate) fn make_leader_without_appends(&mut self, id: NodeId) {
        for _ in 0..20 {
            let due = self.nodes[&id].raft.next_deadline();
            self.now = self.now.max(due);
            self.step(id, Event::Tick);
            while self.status(id).role != Role::Leader && !self.wire.is_empty() {
                self.now = Nanos(self.now.0 + MS);
                self.deliver();
            }
            self.wire.clear();
            if self.status(id).role == Role::Leader {
                return;
            }
        }
        panic!("{id} does not win: {:?}", self.status(id));
    }

    /// `entries` of the leader `from` reach `to`; the answer is lost.
    pub(crate) fn hand_over(
        &mut self,
        from: NodeId,
        to: NodeId,
        prev_index: LogIndex,
        prev_term: Term,
        entries: Vec<Entry>,
    ) {
        let commit = LogIndex(0);
        let payload = Payload::AppendRequest { prev_index, prev_term, entries, commit, round: 1 };
        let term = self.status(from).term;
        self.step(to, Event::Receive { from, message: Message { term, payload } });
        self.wire.clear();
    }

    /// `node` receives a message that `from` sent, or could have sent.
    pub(crate) fn receive(&mut self, node: NodeId, from: NodeId, term: u64, payload: Payload) {
        let message = Message { term: Term(term), payload };
        self.step(node, Event::Receive { from, message });
        self.wire.clear();
    }
}
