//! One member under a magnifying glass.

use rashomon_node::bugs::Bugs;
use rashomon_node::raft::{
    Config, Effect, Entry, Event, HardState, IoSeq, LogIndex, Message, Nanos, NodeId, Payload,
    Raft, Recovered, RequestId, Role, Term,
};

pub(crate) const MS: u64 = 1_000_000;
pub(crate) const ELECTION_TIMEOUT: Nanos = Nanos(150 * MS);
pub(crate) const N1: NodeId = NodeId(1);
pub(crate) const N2: NodeId = NodeId(2);
pub(crate) const N3: NodeId = NodeId(3);

/// A core with a clock and nothing else.
pub(crate) struct Solo {
    pub(crate) raft: Raft,
    pub(crate) now: Nanos,
    members: u64,
    last_io: IoSeq,
}

/// A message that left, or will once write `after` is durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) to: NodeId,
    pub(crate) term: Term,
    pub(crate) payload: Payload,
    pub(crate) after: IoSeq,
}

pub(crate) fn config(id: u64, members: u64, bugs: Bugs) -> Config {
    Config {
        id: NodeId(id),
        members: (1..=members).map(NodeId).collect(),
        election_timeout: ELECTION_TIMEOUT,
        heartbeat: Nanos(30 * MS),
        seed: 7,
        bugs,
        batch_bytes_max: 1 << 20,
        inflight_max: 8,
    }
}

/// A log whose entries have these terms, from index 1 on.
pub(crate) fn log(terms: &[u64]) -> Vec<Entry> {
    entries(1, terms)
}

pub(crate) fn entries(first: u64, terms: &[u64]) -> Vec<Entry> {
    let entry = |(index, term): (u64, &u64)| Entry {
        term: Term(*term),
        index: LogIndex(index),
        request: None,
        command: format!("{term}.{index}").into_bytes(),
    };
    (first..).zip(terms).map(entry).collect()
}

pub(crate) fn request(node: u64, number: u64) -> RequestId {
    RequestId { node: NodeId(node), number }
}

/// A heartbeat or entries behind (`prev_index`, `prev_term`).
pub(crate) fn append(prev: (u64, u64), terms: &[u64], commit: u64) -> Payload {
    append_in_round(prev, terms, commit, 1)
}

pub(crate) fn append_in_round(
    (prev_index, prev_term): (u64, u64),
    terms: &[u64],
    commit: u64,
    round: u64,
) -> Payload {
    Payload::AppendRequest {
        prev_index: LogIndex(prev_index),
        prev_term: Term(prev_term),
        entries: entries(prev_index + 1, terms),
        commit: LogIndex(commit),
        round,
    }
}

pub(crate) fn accepted(matched: u64, round: u64) -> Payload {
    Payload::AppendAccepted { matched: LogIndex(matched), round }
}

pub(crate) fn vote_request((last_index, last_term): (u64, u64)) -> Payload {
    Payload::VoteRequest { last_index: LogIndex(last_index), last_term: Term(last_term) }
}

pub(crate) fn pre_vote_request((last_index, last_term): (u64, u64)) -> Payload {
    Payload::PreVoteRequest { last_index: LogIndex(last_index), last_term: Term(last_term) }
}

impl Solo {
    /// Member 1 of `members`, whose disk has this.
    pub(crate) fn restarted(members: u64, hard: HardState, terms: &[u64]) -> Self {
        Self::with_bugs(members, hard, terms, Bugs::NONE)
    }

    pub(crate) fn with_bugs(members: u64, hard: HardState, terms: &[u64], bugs: Bugs) -> Self {
        let now = Nanos(1_000 * MS);
        let recovered = Recovered { hard, entries: log(terms) };
        let raft = Raft::new(config(1, members, bugs), recovered, now);
        Self { raft, now, members, last_io: IoSeq(0) }
    }

    /// In `term`, without a vote, with a log of these terms.
    pub(crate) fn in_term(members: u64, term: u64, terms: &[u64]) -> Self {
        Self::restarted(members, HardState { term: Term(term), ..HardState::default() }, terms)
    }

    pub(crate) fn step(&mut self, event: Event) -> Vec<Effect> {
        let mut out = Vec::new();
        self.raft.step(self.now, event, &mut out);
        for effect in &out {
            if let Effect::Write { io, .. } = effect {
                assert_eq!(io.0, self.last_io.0 + 1, "writes are consecutive");
                self.last_io = *io;
            }
        }
        out
    }

    pub(crate) fn receive(&mut self, from: NodeId, term: u64, payload: Payload) -> Vec<Effect> {
        self.step(Event::Receive { from, message: Message { term: Term(term), payload } })
    }

    pub(crate) fn wait(&mut self, ms: u64) {
        self.now = Nanos(self.now.0 + ms * MS);
    }

    /// Waits for the next deadline and ticks.
    pub(crate) fn tick(&mut self) -> Vec<Effect> {
        self.now = self.now.max(self.raft.next_deadline());
        self.step(Event::Tick)
    }

    /// Everything written is durable now.
    pub(crate) fn sync(&mut self) -> Vec<Effect> {
        self.step(Event::Persisted(self.last_io))
    }

    /// Wins an election with everybody's votes; the no-op is not durable yet. Says what the last step did.
    pub(crate) fn win(&mut self) -> Vec<Effect> {
        self.stand();
        let term = self.raft.status().term.0;
        for voter in self.others() {
            self.receive(voter, term, Payload::VoteResponse { granted: true });
        }
        let effects = self.sync();
        assert_eq!(self.raft.status().role, Role::Leader, "{:?}", self.raft.status());
        effects
    }

    /// Becomes a candidate; its own vote is not durable yet.
    pub(crate) fn stand(&mut self) -> Vec<Effect> {
        while self.raft.status().role == Role::Follower {
            self.tick();
        }
        let asked = self.raft.status().term.0 + 1;
        let mut effects = Vec::new();
        for voter in self.others() {
            effects.extend(self.receive(voter, asked, Payload::PreVoteResponse { granted: true }));
        }
        assert_eq!(self.raft.status().role, Role::Candidate, "{:?}", self.raft.status());
        effects
    }

    /// Leads, and its no-op is committed. Returns the no-op's index.
    pub(crate) fn lead(&mut self) -> u64 {
        self.win();
        self.sync();
        let status = self.raft.status();
        for follower in self.others() {
            self.receive(follower, status.term.0, accepted(status.last_index.0, 1));
        }
        assert_eq!(self.raft.status().commit, status.last_index);
        status.last_index.0
    }

    pub(crate) fn others(&self) -> Vec<NodeId> {
        (2..=self.members).map(NodeId).collect()
    }

    pub(crate) fn propose(&mut self, number: u64) -> Vec<Effect> {
        let request = request(1, number);
        self.step(Event::Propose { request, command: vec![number as u8] })
    }

    pub(crate) fn read(&mut self, number: u64) -> Vec<Effect> {
        self.step(Event::Read { request: request(1, number) })
    }

    pub(crate) fn term(&self) -> u64 {
        self.raft.status().term.0
    }

    pub(crate) fn role(&self) -> Role {
        self.raft.status().role
    }
}

pub(crate) fn sent(effects: &[Effect]) -> Vec<Sent> {
    let sent = |effect: &Effect| match effect {
        Effect::Send { to, message, after } => Some(Sent {
            to: *to,
            term: message.term,
            payload: message.payload.clone(),
            after: *after,
        }),
        _ => None,
    };
    effects.iter().filter_map(sent).collect()
}

/// The one message that left.
pub(crate) fn only(effects: &[Effect]) -> Sent {
    let mut all = sent(effects);
    assert_eq!(all.len(), 1, "{effects:?}");
    all.remove(0)
}

/// Answers to this node's clients.
pub(crate) fn answers(effects: &[Effect]) -> Vec<Effect> {
    let is_answer = |effect: &&Effect| {
        matches!(effect, Effect::Refuse { .. } | Effect::Forget { .. } | Effect::ReadReady { .. })
    };
    effects.iter().filter(is_answer).cloned().collect()
}

/// Terms of the entries in a message.
pub(crate) fn terms_in(payload: &Payload) -> Vec<u64> {
    match payload {
        Payload::AppendRequest { entries, .. } => {
            entries.iter().map(|entry| entry.term.0).collect()
        }
        other => panic!("not an append request: {other:?}"),
    }
}
