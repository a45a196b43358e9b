//! What the core does under built-in bugs, where that takes more than a line.
//!
//! The branches themselves stand where the right thing is done, and call here. Nothing in this file runs without a bug but
//! the questions whether there is one.

use super::core::{Raft, RoleState};
use super::message::Payload;
use super::progress::Progress;
use super::replication::Leader;
use super::types::{Entry, HardState, IoSeq, LogIndex, NodeId, Term};
use crate::bugs::{Bug, Bugs};

/// `term-not-persisted`: what is left of the hard state after a restart. The log has the terms of its entries.
pub(super) fn forgotten(hard: HardState, entries: &[Entry]) -> HardState {
    let term = entries.last().map_or(Term(0), |entry| entry.term);
    HardState { term, vote: None, ..hard }
}

/// `no-backoff`, `stale-nack` and `hint-as-match`: what a leader makes of a rejection. `false`: the right thing.
pub(super) fn misreads_rejection(
    bugs: Bugs,
    follower: &mut Progress,
    prev: LogIndex,
    hint: LogIndex,
    guess: LogIndex,
) -> bool {
    if bugs.has(Bug::HintAsMatch) {
        follower.accepted(hint);
    }
    if bugs.has(Bug::HintAsMatch) || bugs.has(Bug::StaleNack) {
        follower.rewind(prev.min(guess.next()));
        return true;
    }
    bugs.has(Bug::NoBackoff)
}

/// The log.
impl Raft {
    /// Whether a built-in bug decides what a follower takes.
    pub(super) fn stores_in_its_own_way(&self) -> bool {
        let bugs = self.config.bugs;
        bugs.has(Bug::NoConflictTruncate)
            || bugs.has(Bug::FirstIndexZero)
            || bugs.has(Bug::TruncateAlways)
            || bugs.has(Bug::AppendAtEnd)
            || bugs.has(Bug::StaleNack)
    }

    /// Takes `entries`, which begin behind `prev`, as naive code would.
    pub(super) fn store_in_its_own_way(&mut self, prev: LogIndex, mut entries: Vec<Entry>) {
        let bugs = self.config.bugs;
        if bugs.has(Bug::AppendAtEnd) {
            return self.append_behind_all(entries);
        }
        let heartbeat = entries.is_empty();
        if bugs.has(Bug::TruncateAlways) || (bugs.has(Bug::StaleNack) && heartbeat) {
            self.cut_behind(prev);
        }
        let keeps = bugs.has(Bug::NoConflictTruncate);
        let new = if keeps || (bugs.has(Bug::FirstIndexZero) && prev == LogIndex(0)) {
            let last = self.log.last_index();
            entries.iter().position(|entry| entry.index > last)
        } else {
            self.log.first_missing(&entries)
        };
        if let Some(at) = new {
            let missing = entries.split_off(at);
            self.writes.touch(missing[0].index);
            self.log.replace_from(missing);
        }
    }

    /// `append-at-end`
    fn append_behind_all(&mut self, entries: Vec<Entry>) {
        for entry in entries {
            let index = self.log.push(entry);
            self.writes.touch(index);
        }
    }

    /// `truncate-always` and `stale-nack`: the log ends at `prev` now. The disk hears of it with the next entries.
    fn cut_behind(&mut self, prev: LogIndex) {
        if prev < self.log.last_index() {
            self.log.truncate_from(prev.next());
            self.writes.touch(prev.next());
        }
    }
}

/// Commitment and what is applied.
impl Raft {
    /// Up to where a message that ends at `matched` is taken for a proof that logs agree.
    pub(super) fn verified(&self, matched: LogIndex, heartbeat: bool) -> LogIndex {
        let bugs = self.config.bugs;
        let all = bugs.has(Bug::FollowerCommitOwnLast)
            || (bugs.has(Bug::HeartbeatCommitUnbounded) && heartbeat);
        if all { LogIndex(u64::MAX) } else { matched }
    }

    /// Whether a leader takes its own disk for synced.
    pub(super) fn trusts_its_disk(&self) -> bool {
        let bugs = self.config.bugs;
        bugs.has(Bug::AckBeforeFsync)
            || bugs.has(Bug::LeaderCountsUnsyncedSelf)
            || (bugs.has(Bug::ApplyBeforeOwnWal) && self.peers.is_empty())
    }

    /// `uncommitted-visible`: a leader applies what it has appended, up to the first entry that a client of its own waits
    /// for: applying it would answer it.
    pub(super) fn visible_to_reads(&self) -> LogIndex {
        let commit = self.log.commit();
        if !self.is_leader() {
            return commit;
        }
        let own = |entry: &Entry| entry.request.is_some_and(|it| it.node == self.config.id);
        let open = &self.log.entries()[commit.0 as usize..];
        let visible = open.iter().position(own).unwrap_or(open.len());
        LogIndex(commit.0 + visible as u64)
    }
}

/// Elections.
impl Raft {
    /// Whether a message of an earlier term is handled as if it were of this one.
    pub(super) fn takes_stale(&self, payload: &Payload) -> bool {
        let bugs = self.config.bugs;
        match payload {
            Payload::VoteResponse { .. } => {
                bugs.has(Bug::StaleVoteCounted) || bugs.has(Bug::WinWithoutRecheck)
            }
            Payload::AppendRequest { .. } => bugs.has(Bug::AcceptOldTermAppend),
            Payload::Propose { .. } => bugs.has(Bug::DedupePerTerm),
            Payload::ReadIndexResponse { .. } => bugs.has(Bug::ReadindexLeaderRace),
            _ => false,
        }
    }

    /// `ignore-higher-term-reply`: whether this is an answer, whose later term goes unnoticed.
    pub(super) fn overhears(&self, payload: &Payload) -> bool {
        let is_answer = matches!(
            payload,
            Payload::PreVoteResponse { .. }
                | Payload::VoteResponse { .. }
                | Payload::AppendAccepted { .. }
                | Payload::AppendRejected { .. }
        );
        self.config.bugs.has(Bug::IgnoreHigherTermReply) && is_answer
    }

    /// `vote-without-term-update`: answers in the candidate's term, and stays in its own with its own vote.
    pub(super) fn vote_in_passing(
        &mut self,
        from: NodeId,
        term: Term,
        last_index: LogIndex,
        last_term: Term,
    ) {
        let granted = self.log_is_good(last_index, last_term);
        if granted {
            self.reset_election_timer();
        }
        self.send_in_term(term, from, Payload::VoteResponse { granted }, IoSeq(0));
    }

    /// `never-campaigns` and `stuck-candidate`: whether this node lets its time to stand go by.
    pub(super) fn does_not_stand(&self) -> bool {
        let bugs = self.config.bugs;
        let stuck = !matches!(self.role, RoleState::Follower);
        bugs.has(Bug::NeverCampaigns) || (bugs.has(Bug::StuckCandidate) && stuck)
    }

    /// `win-without-recheck`: a vote for a candidacy that is over, which is looked at by nobody who knows that.
    pub(super) fn count_late_vote(&mut self, from: NodeId, term: Term) {
        let bugs = self.config.bugs;
        let Some((candidacy, tally)) = &mut self.bygone else { return };
        if *candidacy != term {
            return;
        }
        tally.count(from, true);
        if self.quorum.won(tally.votes(bugs)) && !self.is_leader() {
            self.bygone = None;
            self.become_leader();
        }
    }

    /// `zombie-heartbeats`: takes the term and keeps the office.
    pub(super) fn lead_on_in(&mut self, term: Term) {
        self.term = term;
        self.vote = None;
    }

    /// Whether this leader leads a term that it was not elected in.
    pub(super) fn is_zombie(&self) -> bool {
        self.is_leader() && self.vote != Some(self.config.id)
    }

    /// `resume-as-leader`: whoever voted for itself before it was restarted takes that for an election that it won.
    pub(super) fn resume_as_leader(&mut self) {
        let own = self.config.id;
        if self.vote == Some(own) && self.term > Term(0) {
            let leader = Leader::new(&self.peers, self.log.last_index(), self.now);
            self.become_role(RoleState::Leader(leader), self.term, Some(own));
            self.proposals.begin_term(self.term);
        }
    }
}
