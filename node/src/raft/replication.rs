//! A leader and its followers' logs (section 5.3), and what it may commit (section 5.4.2).
//!
//! What to send is not decided where something happens but once, at the end of a step: [`Raft::lead`] compares what each
//! follower was sent with what it should have (entries, commit index, heartbeat round) and makes up the difference. So
//! entries proposed together leave together, and nothing is sent twice in a step.
//!
//! Messages with entries leave in parallel with the leader's own disk write (thesis, section 10.2.1); the leader counts
//! itself for commitment only up to what its own disk has confirmed.

use std::collections::BTreeMap;

use super::broken;
use super::core::{Raft, RoleState};
use super::message::Payload;
use super::progress::Progress;
use super::reads::ReadRounds;
use super::types::{Entry, IoSeq, LogIndex, Nanos, NodeId, RequestId, Term};
use crate::bugs::Bug;

/// What only a leader knows.
#[derive(Debug)]
pub(super) struct Leader {
    pub(super) followers: BTreeMap<NodeId, Progress>,
    /// The latest heartbeat round, counted from 1 in each term.
    pub(super) round: u64,
    pub(super) heartbeat_due: Nanos,
    pub(super) reads: ReadRounds,
    /// Index of this leader's first entry, its no-op.
    pub(super) first_own: LogIndex,
}

impl Leader {
    /// A leader whose log ended at `last_index` when it was elected.
    pub(super) fn new(peers: &[NodeId], last_index: LogIndex, now: Nanos) -> Self {
        let progress = |peer: &NodeId| (*peer, Progress::new(last_index.next(), now));
        Self {
            followers: peers.iter().map(progress).collect(),
            round: 0,
            heartbeat_due: now,
            reads: ReadRounds::default(),
            first_own: last_index.next(),
        }
    }
}

impl Raft {
    /// Brings everything that follows from this step about, if this node leads.
    pub(super) fn lead(&mut self) {
        if !self.is_leader() {
            return;
        }
        self.advance_commit();
        self.confirm_reads();
        self.start_read_round();
        for peer in self.peers.clone().iter().copied() {
            while self.replicate_to(peer) {}
        }
    }

    /// Appends an entry of this leader's term.
    pub(super) fn append_own(&mut self, request: Option<RequestId>, command: Vec<u8>) -> LogIndex {
        let entry = Entry { term: self.term, index: LogIndex(0), request, command };
        let index = self.log.push(entry);
        self.writes.touch(index);
        index
    }

    /// When the leader has not heard a quorum for an election timeout, itself included.
    pub(super) fn quorum_lost_at(&self, leader: &Leader) -> Nanos {
        // A leader that does not ask a quorum before it reads does not miss one either, as in etcd 0.4: stepping down in
        // time would hide most of the damage, since followers wait as long before they elect another.
        let bugs = self.config.bugs;
        let deaf = bugs.has(Bug::NoCheckQuorum) || bugs.has(Bug::ZombieHeartbeats);
        if deaf || bugs.has(Bug::LocalLeaderRead) {
            return Nanos(u64::MAX);
        }
        let contacts = leader.followers.values().map(|follower| follower.contact);
        let heard = self.quorum.reached(contacts.chain([self.now]));
        heard.after(self.config.election_timeout)
    }

    pub(super) fn on_append_accepted(&mut self, from: NodeId, matched: LogIndex, round: u64) {
        let last_index = self.log.last_index();
        let regress = self.config.bugs.has(Bug::MatchRegress);
        let Some(follower) = self.heard_from(from, round) else { return };
        if matched > last_index {
            self.ignored += 1;
            return;
        }
        if regress {
            follower.matched = follower.matched.min(matched);
        }
        follower.accepted(matched);
    }

    pub(super) fn on_append_rejected(
        &mut self,
        from: NodeId,
        prev_index: LogIndex,
        (hint_index, hint_term): (LogIndex, Term),
        round: u64,
    ) {
        let (bugs, hint) = (self.config.bugs, hint_index.min(self.log.last_index()));
        let guess = self.log.last_with_term_up_to(hint_index, hint_term).0;
        let Some(follower) = self.heard_from(from, round) else { return };
        if broken::misreads_rejection(bugs, follower, prev_index, hint, guess) {
            return;
        }
        // Correct followers keep what they have acknowledged. Those that may lose it would be stuck for ever here.
        if bugs.forgiving() && follower.has_lost(prev_index, guess, round) {
            follower.forget_match(guess);
        } else {
            follower.rejected(prev_index, guess);
        }
    }

    pub(super) fn on_unreachable(&mut self, peer: NodeId) {
        if let RoleState::Leader(leader) = &mut self.role
            && let Some(follower) = leader.followers.get_mut(&peer)
        {
            follower.probe();
        }
    }

    /// Any answer of a follower in this term: it is alive, and it followed us after `round` began.
    fn heard_from(&mut self, from: NodeId, round: u64) -> Option<&mut Progress> {
        let now = self.now;
        let any_round = self.config.bugs.has(Bug::AckAnyRound);
        let RoleState::Leader(leader) = &mut self.role else { return None };
        if round > leader.round {
            self.ignored += 1;
            return None;
        }
        let follower = leader.followers.get_mut(&from)?;
        follower.contact = now;
        let answered = if any_round { leader.round } else { round };
        follower.round_answered = follower.round_answered.max(answered);
        Some(follower)
    }

    /// Commits what enough members have, provided that it is of our own term: entries of older terms can be on a majority
    /// and still be replaced (figure 8).
    fn advance_commit(&mut self) {
        let own = if self.trusts_its_disk() {
            self.log.last_index()
        } else {
            self.writes.durable_index(self.log.last_index())
        };
        let RoleState::Leader(leader) = &self.role else { return };
        let matched = leader.followers.values().map(|follower| follower.matched);
        let index = self.quorum.committed(matched.chain([own]));
        let any_term = self.config.bugs.has(Bug::Figure8);
        if any_term || self.log.term_at(index) == Some(self.term) {
            self.log.commit_to(index);
        }
    }

    /// Sends one message to `peer` if it lacks something and may be sent to. `false`: nothing to send.
    fn replicate_to(&mut self, peer: NodeId) -> bool {
        let (commit, last) = (self.log.commit(), self.log.last_index());
        let RoleState::Leader(leader) = &mut self.role else { return false };
        let round = leader.round;
        let Some(follower) = leader.followers.get_mut(&peer) else { return false };
        let has_room = follower.has_room(self.config.inflight_max);
        let owes_entries = has_room && follower.next <= last;
        let owes_commit = follower.owes_commit(commit);
        if !owes_entries && !owes_commit && follower.round_sent == round {
            return false;
        }
        let prev_index = follower.next.prev();
        let to = if owes_entries { last } else { prev_index };
        let bytes_max = self.config.batch_bytes_max;
        let entries = if self.config.bugs.has(Bug::GapInBatch) {
            self.log.batch_with_gaps(follower.next, to, bytes_max)
        } else {
            self.log.batch(follower.next, to, bytes_max)
        };
        follower.sent(entries.last().map(|entry| entry.index));
        follower.round_sent = round;
        follower.commit_sent = commit;
        let prev_term = self.log.term_at(prev_index);
        let prev_term = prev_term.expect("a follower's next is at most one behind the log's end");
        let request = Payload::AppendRequest { prev_index, prev_term, entries, commit, round };
        self.send(peer, request, IoSeq(0));
        true
    }

    /// Begins a heartbeat round: every follower is sent something, and reads that have come by now ride on the answers.
    pub(super) fn start_round(&mut self) {
        let commit = self.log.commit();
        let guesses = self.config.bugs.has(Bug::ReadindexNoNoop);
        let RoleState::Leader(leader) = &mut self.role else { return };
        leader.round += 1;
        leader.heartbeat_due = self.now.after(self.config.heartbeat);
        if commit >= leader.first_own || guesses {
            leader.reads.board(leader.round, commit);
        }
    }
}
