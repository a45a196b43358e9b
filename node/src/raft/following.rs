//! A follower and its leader's entries (section 5.3).
//!
//! Three rules carry the safety of this file:
//! - entries are replaced only where a term really differs, so a late or repeated message never cuts off what a newer one
//!   brought;
//! - an acknowledgement vouches for the entries of the message it answers and no others, once they are durable; that the
//!   leader was heard is true at once, and said so, lest its reads and its office wait for a slow disk here;
//! - the commit index moves to the last entry that *this* message has verified, at most, and never back.

use super::core::{Raft, RoleState};
use super::message::{Message, Payload};
use super::types::{Entry, IoSeq, LogIndex, NodeId, Term};
use crate::bugs::Bug;

impl Raft {
    /// Handles entries or a heartbeat in the current term.
    pub(super) fn on_append_request(&mut self, from: NodeId, message: Message) {
        let Payload::AppendRequest { prev_index, prev_term, entries, commit, round } =
            message.payload
        else {
            return;
        };
        if !self.accept_leader(from) {
            return;
        }
        match self.log.term_at(prev_index) {
            Some(term) if term == prev_term || self.config.bugs.has(Bug::NoPrevTermCheck) => {
                self.take_entries(from, prev_index, entries, commit, round);
            }
            Some(_) if prev_index <= self.log.commit() && !self.forgiving() => self.conflicts += 1,
            _ => self.reject(from, prev_index, prev_term, round),
        }
    }

    /// Follows the sender. `false`: it cannot be the leader of this term, as another node is.
    fn accept_leader(&mut self, from: NodeId) -> bool {
        if self.config.bugs.has(Bug::ZombieHeartbeats) && self.is_zombie() {
            return false;
        }
        let rival = self.leader.is_some_and(|leader| leader != from);
        // Two leaders in one term do not exist, unless a built-in bug made them; then the last word wins.
        if rival && !self.forgiving() {
            self.ignored += 1;
            return false;
        }
        if self.leader != Some(from) || !matches!(self.role, RoleState::Follower) {
            self.become_role(RoleState::Follower, self.term, Some(from));
        }
        if self.config.bugs.has(Bug::VotedForResetOnAppend) {
            self.vote = None;
        }
        self.leader_heard = self.now;
        self.reset_election_timer();
        true
    }

    /// The logs agree at `prev_index`: take what is new.
    fn take_entries(
        &mut self,
        from: NodeId,
        prev_index: LogIndex,
        entries: Vec<Entry>,
        commit: LogIndex,
        round: u64,
    ) {
        let mut matched = LogIndex(prev_index.0 + entries.len() as u64);
        let verified = self.verified(matched, entries.is_empty());
        if !self.store(prev_index, entries) {
            self.conflicts += 1;
            return;
        }
        let told = commit.min(verified.min(self.log.last_index()));
        if self.config.bugs.has(Bug::CommitRegress) {
            self.log.commit_back_to(told);
        }
        self.log.commit_to(told);
        if self.config.bugs.has(Bug::AckOwnLastIndex) {
            matched = self.log.last_index();
        }
        let after = self.acknowledge_after(matched);
        self.confirm_round(from, matched, round, after);
        self.send(from, Payload::AppendAccepted { matched, round }, after);
    }

    /// Takes those of `entries`, which begin behind `prev`, that are new. `false`: they contradict what is committed.
    fn store(&mut self, prev: LogIndex, mut entries: Vec<Entry>) -> bool {
        if self.stores_in_its_own_way() {
            self.store_in_its_own_way(prev, entries);
            return true;
        }
        let Some(at) = self.log.first_missing(&entries) else { return true };
        let missing = entries.split_off(at);
        let first = missing[0].index;
        if first <= self.log.commit() && !self.forgiving() {
            return false;
        }
        self.log.replace_from(missing);
        self.writes.touch(first);
        true
    }

    /// Answers a round ahead of the acknowledgement that is to leave `after` a write: the term has to be durable for it,
    /// and what it says to match, but no more. Once a round, or every message with entries would have two answers.
    fn confirm_round(&mut self, leader: NodeId, matched: LogIndex, round: u64, after: IoSeq) {
        if round <= self.round_confirmed {
            return;
        }
        self.round_confirmed = round;
        let promise = self.promise_after();
        if after > promise {
            let matched = self.writes.durable_index(self.log.last_index()).min(matched);
            self.send(leader, Payload::AppendAccepted { matched, round }, promise);
        }
    }

    /// When the log up to `matched` and the term it was taken in are durable.
    fn acknowledge_after(&self, matched: LogIndex) -> IoSeq {
        if self.config.bugs.has(Bug::AckBeforeFsync) {
            return IoSeq(0);
        }
        self.writes.log_after(matched).max(self.promise_after())
    }

    /// The logs differ at `prev_index`, or ours ends before: say where they may agree. The leader has been heard all the
    /// same, which is why the answer carries its round, and waits for the term to be durable as any confirmation does.
    fn reject(&mut self, from: NodeId, prev_index: LogIndex, prev_term: Term, round: u64) {
        let (hint_index, hint_term) = self.log.last_with_term_up_to(prev_index, prev_term);
        let answer = Payload::AppendRejected { prev_index, hint_index, hint_term, round };
        self.send(from, answer, self.promise_after());
    }

    /// Whether a built-in bug may lose committed entries, so that doing what naive code does is better than refusing.
    pub(super) fn forgiving(&self) -> bool {
        self.config.bugs.forgiving()
    }
}
