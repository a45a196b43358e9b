//! One member: its state, its single entry point, and how a step's effects are put in order.
//!
//! Owns the state that all roles share and every change of role, term or known leader ([`Raft::become_role`] is the only
//! place where those change). What each event does lives beside: [`super::election`], [`super::replication`] (leader),
//! [`super::following`] (follower), [`super::reads`], [`super::proposals`].
//!
//! A step runs its events against memory only and collects messages and answers; then [`Raft::finish`] brings a leader's
//! followers up to date, and emits role, disk write, messages, answers, entries to apply, in this order. As the number of
//! the upcoming write is known in advance, a message can be bound to it before it exists.

use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::ChaCha8Rng;

use super::broken;
use super::config::{Config, Recovered};
use super::election::Tally;
use super::event::{Effect, Event, Refusal, Role};
use super::log::Log;
use super::message::{Message, Payload};
use super::proposals::Proposals;
use super::quorum::Quorum;
use super::reads::AskedReads;
use super::replication::Leader;
use super::status::Status;
use super::types::{HardState, IoSeq, LogIndex, Nanos, NodeId, Term};
use super::writes::Writes;
use crate::bugs::Bug;

/// Bytes of entries in a step's `Apply` effect, so that a shell stays responsive while a node catches up.
const APPLY_BYTES_MAX: usize = 1 << 20;

/// Terms and indices from here on are not real: no message with one is believed.
const NUMBER_MAX: u64 = 1 << 62;

/// One member of the cluster.
#[derive(Debug)]
pub struct Raft {
    pub(super) config: Config,
    /// The other members, in order.
    pub(super) peers: Arc<[NodeId]>,
    pub(super) quorum: Quorum,
    pub(super) rng: ChaCha8Rng,
    pub(super) now: Nanos,
    pub(super) term: Term,
    pub(super) vote: Option<NodeId>,
    pub(super) leader: Option<NodeId>,
    pub(super) role: RoleState,
    pub(super) log: Log,
    pub(super) writes: Writes,
    /// When a node that does not lead campaigns.
    pub(super) election_due: Nanos,
    /// When `leader` was last heard.
    pub(super) leader_heard: Nanos,
    /// The latest round of `leader` that was confirmed, not counting answers that wait for entries.
    pub(super) round_confirmed: u64,
    pub(super) proposals: Proposals,
    pub(super) asked: AskedReads,
    /// The last candidacy that came to nothing, by its term: only a built-in bug remembers it.
    pub(super) bygone: Option<(Term, Tally)>,
    /// When requests that another node has to answer are looked through; only meaningful while there are any.
    pub(super) sweep_due: Nanos,
    pub(super) ignored: u64,
    pub(super) conflicts: u64,
    leader_changes: u64,
    /// What the last `Role` effect said.
    shown: Option<(Role, Term, Option<NodeId>)>,
    sends: Vec<Effect>,
    answers: Vec<Effect>,
}

/// A role with what only it needs.
#[derive(Debug)]
pub(super) enum RoleState {
    Follower,
    PreCandidate(Tally),
    Candidate(Tally),
    Leader(Leader),
}

impl RoleState {
    fn role(&self) -> Role {
        match self {
            Self::Follower => Role::Follower,
            Self::PreCandidate(_) => Role::PreCandidate,
            Self::Candidate(_) => Role::Candidate,
            Self::Leader(_) => Role::Leader,
        }
    }
}

impl Raft {
    /// A member as its disk remembers it, about to wait for a leader. Recovered entries up to the commit hint come out as
    /// `Apply` on the first steps; `next_deadline` is `now` until then, so a shell that just obeys it ticks at once.
    ///
    /// # Panics
    /// If the configuration makes no sense (a member of nothing, a heartbeat slower than elections) or the recovered log
    /// has gaps: both have to be refused before.
    pub fn new(config: Config, recovered: Recovered, now: Nanos) -> Self {
        config.assert_sound();
        let Recovered { mut hard, entries } = recovered;
        if config.bugs.has(Bug::TermNotPersisted) {
            hard = broken::forgotten(hard, &entries);
        }
        let log = Log::new(entries, hard.commit, config.bugs.forgiving());
        let others = config.members.iter().copied().filter(|member| *member != config.id);
        let mut raft = Self {
            peers: others.collect(),
            quorum: Quorum::new(config.members.len(), config.bugs),
            rng: rng_of(&config),
            now,
            term: hard.term,
            vote: hard.vote,
            leader: None,
            role: RoleState::Follower,
            writes: Writes::new(hard, config.bugs),
            log,
            election_due: now,
            leader_heard: now,
            round_confirmed: 0,
            proposals: Proposals::default(),
            asked: AskedReads::default(),
            bygone: None,
            sweep_due: now,
            ignored: 0,
            conflicts: 0,
            leader_changes: 0,
            shown: None,
            sends: Vec::new(),
            answers: Vec::new(),
            config,
        };
        raft.adopt_term_of_torn_write();
        raft.reset_election_timer();
        if raft.config.bugs.has(Bug::ResumeAsLeader) {
            raft.resume_as_leader();
        }
        raft
    }

    /// A crash can keep a write's entries and lose its term. The entries were taken from a leader of that term, so it is
    /// safe to stand in it; nobody can have got our vote in it, as a vote would have had to be durable on its own.
    fn adopt_term_of_torn_write(&mut self) {
        if self.log.last_term() > self.term {
            self.term = self.log.last_term();
            self.vote = None;
        }
    }

    /// Handles one event; `now` is this node's monotonic clock and never falls. Same as [`Raft::step_all`] with one event.
    pub fn step(&mut self, now: Nanos, event: Event, out: &mut Vec<Effect>) {
        self.step_all(now, [event], out);
    }

    /// Handles events that came together, in order, as one step: at most one `Write`, and entries proposed together leave
    /// in shared messages. Equivalent to single steps whose messages were delayed a little.
    pub fn step_all(
        &mut self,
        now: Nanos,
        events: impl IntoIterator<Item = Event>,
        out: &mut Vec<Effect>,
    ) {
        self.now = self.now.max(now);
        for event in events {
            self.handle(event);
        }
        self.finish(out);
    }

    fn handle(&mut self, event: Event) {
        match event {
            Event::Tick => self.on_tick(),
            Event::Receive { from, message } => self.on_receive(from, message),
            Event::Propose { request, command } => self.on_client_write(request, command),
            Event::Read { request } => self.on_client_read(request),
            Event::Persisted(io) => self.on_persisted(io),
            Event::Unreachable(peer) => self.on_unreachable(peer),
        }
    }

    /// When the core wants an `Event::Tick`, at the latest; it may change with every step.
    pub fn next_deadline(&self) -> Nanos {
        let role = match &self.role {
            _ if self.log.applied() < self.apply_limit() => self.now,
            RoleState::Leader(leader) => leader.heartbeat_due.min(self.quorum_lost_at(leader)),
            _ => self.election_due,
        };
        if self.waits_for_others() { role.min(self.sweep_due) } else { role }
    }

    /// A snapshot for metrics and `Maintenance.Status`.
    pub fn status(&self) -> Status {
        let reads_here = match &self.role {
            RoleState::Leader(leader) => leader.reads.len(),
            _ => self.asked.len(),
        };
        let last_index = self.log.last_index();
        Status {
            id: self.config.id,
            role: self.role.role(),
            term: self.term,
            vote: self.vote,
            leader: self.leader,
            commit: self.log.commit(),
            applied: self.log.applied(),
            first_index: LogIndex(1),
            last_index,
            last_term: self.log.last_term(),
            durable: self.writes.durable_index(last_index),
            pending_writes: self.proposals.len(),
            pending_reads: reads_here,
            leader_changes: self.leader_changes,
            ignored: self.ignored,
            conflicts: self.conflicts,
        }
    }

    fn on_tick(&mut self) {
        match &self.role {
            RoleState::Leader(leader) if self.quorum_lost_at(leader) <= self.now => {
                self.become_role(RoleState::Follower, self.term, None);
            }
            RoleState::Leader(leader) if leader.heartbeat_due <= self.now => self.start_round(),
            RoleState::Leader(_) => {}
            _ if self.election_due <= self.now => self.pre_campaign(),
            _ => {}
        }
        if self.waits_for_others() && self.sweep_due <= self.now {
            self.sweep();
        }
    }

    /// Gives up, or asks again for, what another node should have answered long ago.
    fn sweep(&mut self) {
        self.sweep_due = self.now.after(self.config.election_timeout);
        self.sweep_writes();
        self.sweep_reads();
    }

    fn waits_for_others(&self) -> bool {
        self.proposals.waits_for_others() || self.asked.len() > 0
    }

    /// Call before the first request is handed on: from then on there is something to sweep.
    pub(super) fn arm_sweep(&mut self) {
        if !self.waits_for_others() {
            self.sweep_due = self.now.after(self.config.election_timeout);
        }
    }

    fn on_persisted(&mut self, io: IoSeq) {
        self.writes.confirm(io);
        self.count_own_vote();
    }

    fn on_receive(&mut self, from: NodeId, message: Message) {
        if !self.is_peer(from) || is_absurd(&message, self.forgiving()) {
            self.ignored += 1;
            return;
        }
        if message.term < self.term && !self.takes_stale(&message.payload) {
            self.answer_from_the_future(from, &message.payload);
            return;
        }
        if message.term > self.term && !self.enter_term_of(from, &message) {
            return;
        }
        self.dispatch(from, message);
    }

    /// Moves to the term of a message from a later one. `false`: the message is not to be looked at.
    fn enter_term_of(&mut self, from: NodeId, message: &Message) -> bool {
        match message.payload {
            // Neither a pre-vote nor the promise of one is a term yet; that is the point of asking first.
            Payload::PreVoteRequest { .. } if !self.config.bugs.has(Bug::PrevoteBumpsTerm) => {}
            Payload::PreVoteResponse { granted: true } => {}
            // A node that lost touch must not depose a leader that a quorum can hear (section 4.2.3 of the thesis). It
            // learns the term, or the leader learns its term, when the leader's next message reaches it.
            Payload::VoteRequest { .. } if self.hears_a_leader() => return false,
            Payload::VoteRequest { last_index, last_term }
                if self.config.bugs.has(Bug::VoteWithoutTermUpdate) =>
            {
                self.vote_in_passing(from, message.term, last_index, last_term);
                return false;
            }
            _ if self.overhears(&message.payload) => return false,
            Payload::AppendRequest { .. } => {
                self.become_role(RoleState::Follower, message.term, Some(from));
            }
            _ => self.become_role(RoleState::Follower, message.term, None),
        }
        true
    }

    /// The sender lives in an old term: let it know, where that can free it or answers a client sooner.
    fn answer_from_the_future(&mut self, to: NodeId, payload: &Payload) {
        let answer = match *payload {
            // Also how a node whose term ran ahead tells a leader that will not be deposed by its vote requests.
            Payload::AppendRequest { prev_index, .. } => Payload::AppendRejected {
                prev_index,
                hint_index: LogIndex(0),
                hint_term: Term(0),
                round: 0,
            },
            Payload::PreVoteRequest { .. } => Payload::PreVoteResponse { granted: false },
            Payload::VoteRequest { .. } => Payload::VoteResponse { granted: false },
            Payload::Propose { request, .. } => Payload::ProposeRejected { request },
            Payload::ReadIndexRequest { request } => {
                Payload::ReadIndexResponse { request, index: None }
            }
            _ => return,
        };
        self.send(to, answer, IoSeq(0));
    }

    fn dispatch(&mut self, from: NodeId, message: Message) {
        match message.payload {
            Payload::PreVoteRequest { last_index, last_term } => {
                self.on_pre_vote_request(from, message.term, last_index, last_term);
            }
            Payload::PreVoteResponse { granted } => {
                self.on_pre_vote_response(from, message.term, granted);
            }
            Payload::VoteRequest { last_index, last_term } => {
                self.on_vote_request(from, last_index, last_term);
            }
            Payload::VoteResponse { granted } => {
                self.on_vote_response(from, message.term, granted);
            }
            Payload::AppendRequest { .. } => self.on_append_request(from, message),
            Payload::AppendAccepted { matched, round } => {
                self.on_append_accepted(from, matched, round);
            }
            Payload::AppendRejected { prev_index, hint_index, hint_term, round } => {
                self.on_append_rejected(from, prev_index, (hint_index, hint_term), round);
            }
            Payload::ReadIndexRequest { request } => self.on_read_index_request(from, request),
            Payload::ReadIndexResponse { request, index } => {
                self.on_read_index_response(from, request, index);
            }
            Payload::Propose { request, command } => self.on_propose(from, request, command),
            Payload::ProposeRejected { request } => self.on_propose_rejected(from, request),
        }
    }

    /// The only way to another role, term or leader. Requests under way end here: their fate was bound to the old leader.
    pub(super) fn become_role(&mut self, role: RoleState, term: Term, leader: Option<NodeId>) {
        assert!(term >= self.term, "{}: term {} cannot fall to {term}", self.config.id, self.term);
        if term > self.term && self.config.bugs.has(Bug::ZombieHeartbeats) && self.is_leader() {
            return self.lead_on_in(term);
        }
        let ended = self.term;
        let moved = term != self.term || leader != self.leader;
        if term > self.term {
            self.term = term;
            self.vote = None;
        }
        if leader.is_some() && leader != self.leader {
            self.leader_changes += 1;
        }
        self.leader = leader;
        let before = std::mem::replace(&mut self.role, role);
        match before {
            RoleState::Leader(deposed) => {
                self.refuse_reads_of(deposed);
                // A leader had no election timer; a follower's goes on, or a candidate that cannot win could keep the
                // others from trying for as long as it wants.
                self.reset_election_timer();
            }
            RoleState::Candidate(tally) if self.config.bugs.has(Bug::WinWithoutRecheck) => {
                self.bygone = Some((ended, tally));
            }
            _ => {}
        }
        if moved {
            self.round_confirmed = 0;
            self.abandon_requests();
        }
    }

    fn abandon_requests(&mut self) {
        for request in self.proposals.take_all() {
            self.answer(Effect::Forget { request });
        }
        if self.config.bugs.has(Bug::ReadindexLeaderRace) {
            return;
        }
        let reason = self.who_leads();
        for request in self.asked.take_all() {
            self.answer(Effect::Refuse { request, reason });
        }
    }

    pub(super) fn send(&mut self, to: NodeId, payload: Payload, after: IoSeq) {
        self.send_in_term(self.term, to, payload, after);
    }

    pub(super) fn send_in_term(&mut self, term: Term, to: NodeId, payload: Payload, after: IoSeq) {
        self.sends.push(Effect::Send { to, message: Message { term, payload }, after });
    }

    pub(super) fn answer(&mut self, effect: Effect) {
        self.answers.push(effect);
    }

    /// Why a request is refused that was bound to another leader, or to none.
    pub(super) fn who_leads(&self) -> Refusal {
        self.leader.map_or(Refusal::NoLeader, Refusal::NotLeader)
    }

    pub(super) fn is_leader(&self) -> bool {
        matches!(self.role, RoleState::Leader(_))
    }

    /// The write after which term and vote can be relied on.
    pub(super) fn promise_after(&self) -> IoSeq {
        self.writes.promise_after(&self.hard_state())
    }

    fn hard_state(&self) -> HardState {
        HardState { term: self.term, vote: self.vote, commit: self.log.commit() }
    }

    fn is_peer(&self, node: NodeId) -> bool {
        node != self.config.id && self.config.members.contains(&node)
    }

    fn finish(&mut self, out: &mut Vec<Effect>) {
        self.lead();
        let shown = (self.role.role(), self.term, self.leader);
        if self.shown != Some(shown) {
            self.shown = Some(shown);
            let (role, term, leader) = shown;
            out.push(Effect::Role { role, term, leader });
        }
        out.extend(self.writes.take(self.hard_state(), &self.log));
        out.append(&mut self.sends);
        out.append(&mut self.answers);
        self.apply(out);
    }

    /// One batch a step: what is left makes the next deadline `now`, and messages and timers get their turn in between.
    fn apply(&mut self, out: &mut Vec<Effect>) {
        let entries = self.log.take_applicable(self.apply_limit(), APPLY_BYTES_MAX);
        if entries.is_empty() {
            return;
        }
        for request in entries.iter().filter_map(|entry| entry.request) {
            self.proposals.settle(request);
        }
        out.push(Effect::Apply { entries });
    }

    fn apply_limit(&self) -> LogIndex {
        let bugs = self.config.bugs;
        if bugs.has(Bug::ApplyOnReceipt) {
            self.log.last_index()
        } else if bugs.has(Bug::UncommittedVisible) {
            self.visible_to_reads()
        } else if bugs.has(Bug::TotalLossOnFailover) && !self.is_leader() {
            self.log.applied()
        } else {
            self.log.commit()
        }
    }
}

/// Each member draws from its own stream, also when all share a seed.
fn rng_of(config: &Config) -> ChaCha8Rng {
    let mut seed = *b"................raft election ..";
    seed[..8].copy_from_slice(&config.seed.to_le_bytes());
    seed[8..16].copy_from_slice(&config.id.0.to_le_bytes());
    ChaCha8Rng::from_seed(seed)
}

/// Whether no correct member could have sent this, so that handling code need not think of overflow and gaps.
/// Built-in bugs can send logs whose terms fall (`forgiving`).
fn is_absurd(message: &Message, forgiving: bool) -> bool {
    let far = |index: LogIndex| index.0 >= NUMBER_MAX;
    message.term.0 >= NUMBER_MAX
        || match &message.payload {
            Payload::PreVoteRequest { last_index, .. }
            | Payload::VoteRequest { last_index, .. } => far(*last_index),
            Payload::AppendRequest { prev_index, prev_term, entries, .. } => {
                let mut before = (*prev_index, *prev_term);
                let follows = |entry: &super::types::Entry| {
                    let rises = entry.term >= before.1 || forgiving;
                    let fits = entry.index == before.0.next() && rises;
                    before = (entry.index, entry.term);
                    fits
                };
                far(*prev_index)
                    || (prev_index.0 == 0 && prev_term.0 != 0)
                    || !entries.iter().all(follows)
                    || before.1 > message.term
            }
            Payload::AppendAccepted { matched, .. } => far(*matched),
            Payload::AppendRejected { prev_index, hint_index, .. } => {
                far(*prev_index) || far(*hint_index)
            }
            Payload::ReadIndexResponse { index, .. } => index.is_some_and(far),
            _ => false,
        }
}

impl Nanos {
    /// This moment plus `span`.
    pub(super) fn after(self, span: Self) -> Self {
        Self(self.0.saturating_add(span.0))
    }
}
