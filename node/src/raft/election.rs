//! Elections: timers, pre-votes, votes, and becoming leader.
//!
//! Source: sections 5.2 and 5.4.1 of the paper; section 9.6 (PreVote), 4.2.3 (votes are refused while a leader is heard)
//! and 6.2 (a leader steps down that hears no quorum) of the thesis.
//!
//! Durability: a vote for somebody else leaves when it is durable. A candidate's requests leave when its own vote is
//! durable, not before: otherwise it could win, send entries, forget the term in a crash, win the *same* term again with
//! another log, and two different entries of one term would have one index. The cost is one disk write an election. Its
//! own vote counts from then on, too.

use std::collections::BTreeSet;

use rand::RngExt;

use super::core::{Raft, RoleState};
use super::message::Payload;
use super::replication::Leader;
use super::types::{IoSeq, LogIndex, Nanos, NodeId, Term};
use crate::bugs::{Bug, Bugs};

/// Who said what in one election. Voters, not answers, are counted: an answer may come twice.
#[derive(Debug, Default)]
pub(super) struct Tally {
    granted: BTreeSet<NodeId>,
    rejected: BTreeSet<NodeId>,
    /// How many answers said yes; only a built-in bug looks at it.
    grants: usize,
}

impl Tally {
    pub(super) fn count(&mut self, voter: NodeId, granted: bool) {
        self.grants += usize::from(granted);
        // The first answer of a voter stands.
        if granted && !self.rejected.contains(&voter) {
            self.granted.insert(voter);
        } else if !granted && !self.granted.contains(&voter) {
            self.rejected.insert(voter);
        }
    }

    pub(super) fn votes(&self, bugs: Bugs) -> usize {
        if bugs.has(Bug::VotesDoubleCounted) { self.grants } else { self.granted.len() }
    }
}

impl Raft {
    /// Draws a new time at which to campaign, in `[t, 2t)` from now.
    pub(super) fn reset_election_timer(&mut self) {
        let timeout = self.config.election_timeout.0;
        let wait = if self.config.bugs.has(Bug::FixedTimeouts) {
            timeout
        } else {
            self.rng.random_range(timeout..timeout.saturating_mul(2))
        };
        self.election_due = self.now.after(Nanos(wait));
    }

    /// Whether a leader is alive as far as this node can know: then it helps nobody else into office.
    pub(super) fn hears_a_leader(&self) -> bool {
        if self.config.bugs.has(Bug::PrevoteNoLease) {
            return false;
        }
        let lease_end = self.leader_heard.after(self.config.election_timeout);
        self.is_leader() || (self.leader.is_some() && self.now < lease_end)
    }

    /// Asks around whether an election could be won.
    pub(super) fn pre_campaign(&mut self) {
        self.reset_election_timer();
        if self.does_not_stand() {
            return;
        }
        let mut tally = Tally::default();
        tally.count(self.config.id, true);
        let bumps = self.config.bugs.has(Bug::PrevoteBumpsTerm);
        let term = if bumps { self.term.next() } else { self.term };
        self.become_role(RoleState::PreCandidate(tally), term, None);
        let (last_index, last_term) = (self.log.last_index(), self.log.last_term());
        for peer in self.peers.clone().iter().copied() {
            let request = Payload::PreVoteRequest { last_index, last_term };
            self.send_in_term(self.term.next(), peer, request, IoSeq(0));
        }
        self.conclude_pre_vote();
    }

    fn campaign(&mut self) {
        self.reset_election_timer();
        self.become_role(RoleState::Candidate(Tally::default()), self.term.next(), None);
        if !self.config.bugs.has(Bug::SelfVoteUnrecorded) {
            self.vote = Some(self.config.id);
        }
        let (last_index, last_term) = (self.log.last_index(), self.log.last_term());
        let after = self.promise_after();
        for peer in self.peers.clone().iter().copied() {
            self.send(peer, Payload::VoteRequest { last_index, last_term }, after);
        }
    }

    /// Answers, without changing any state, whether `from` would get a vote in `term`.
    pub(super) fn on_pre_vote_request(
        &mut self,
        from: NodeId,
        term: Term,
        last_index: LogIndex,
        last_term: Term,
    ) {
        let free = term > self.term || self.can_vote_for(from);
        let granted = free && !self.hears_a_leader() && self.log_is_good(last_index, last_term);
        // A grant speaks of the term asked for. A refusal carries ours, so that a node that fell behind catches up.
        let answer_term = if granted { term } else { self.term };
        self.send_in_term(answer_term, from, Payload::PreVoteResponse { granted }, IoSeq(0));
    }

    pub(super) fn on_pre_vote_response(&mut self, from: NodeId, term: Term, granted: bool) {
        let asked = self.term.next();
        let RoleState::PreCandidate(tally) = &mut self.role else { return };
        if granted && term != asked {
            return;
        }
        tally.count(from, granted);
        self.conclude_pre_vote();
    }

    fn conclude_pre_vote(&mut self) {
        let RoleState::PreCandidate(tally) = &self.role else { return };
        if self.quorum.won(tally.votes(self.config.bugs)) {
            self.campaign();
        } else if self.quorum.lost(tally.rejected.len()) {
            self.give_up();
        }
    }

    pub(super) fn on_vote_request(&mut self, from: NodeId, last_index: LogIndex, last_term: Term) {
        let granted = self.can_vote_for(from) && self.log_is_good(last_index, last_term);
        if granted {
            self.vote = Some(from);
            self.reset_timer_as_voter();
        }
        let unsynced = granted && self.config.bugs.has(Bug::VoteUnsynced);
        let after = if unsynced { IoSeq(0) } else { self.promise_after() };
        self.send(from, Payload::VoteResponse { granted }, after);
    }

    /// A voter does not stand itself before the candidate had its chance.
    pub(super) fn reset_timer_as_voter(&mut self) {
        if !self.config.bugs.has(Bug::FixedTimeouts) {
            self.reset_election_timer();
        }
    }

    pub(super) fn on_vote_response(&mut self, from: NodeId, term: Term, granted: bool) {
        if self.config.bugs.has(Bug::WinWithoutRecheck) && granted {
            self.count_late_vote(from, term);
        }
        if term != self.term && !self.config.bugs.has(Bug::StaleVoteCounted) {
            return;
        }
        let RoleState::Candidate(tally) = &mut self.role else { return };
        tally.count(from, granted);
        self.conclude_vote();
    }

    /// A candidate's own vote is worth as much as any other: nothing until it is durable.
    pub(super) fn count_own_vote(&mut self) {
        if self.promise_after() != IoSeq(0) {
            return;
        }
        let RoleState::Candidate(tally) = &mut self.role else { return };
        tally.count(self.config.id, true);
        self.conclude_vote();
    }

    fn conclude_vote(&mut self) {
        let own = self.config.id;
        let RoleState::Candidate(tally) = &self.role else { return };
        // With the requests bound to our own vote, no answer can be earlier than it; a forged one could.
        if self.quorum.won(tally.votes(self.config.bugs)) && tally.granted.contains(&own) {
            self.become_leader();
        } else if self.quorum.lost(tally.rejected.len()) {
            self.give_up();
        }
    }

    /// The election cannot be won: waits for the next, or for a leader.
    fn give_up(&mut self) {
        if !self.config.bugs.has(Bug::StuckCandidate) {
            self.become_role(RoleState::Follower, self.term, None);
        }
    }

    pub(super) fn become_leader(&mut self) {
        let (own, vote) = (self.config.id, self.vote);
        assert!(
            vote == Some(own) || self.forgiving(),
            "{own} won term {} with its own vote at {vote:?}",
            self.term
        );
        let leader = Leader::new(&self.peers, self.log.last_index(), self.now);
        self.become_role(RoleState::Leader(leader), self.term, Some(own));
        self.proposals.begin_term(self.term);
        if self.config.bugs.has(Bug::TotalLossOnFailover) {
            self.log.skip_to_commit();
        }
        // An entry of our own term: only through it can the entries of older terms be committed (section 5.4.2), and
        // only when it is do we know how far they are (section 6.4 of the thesis).
        self.append_own(None, Vec::new());
        self.start_round();
    }

    fn can_vote_for(&self, candidate: NodeId) -> bool {
        self.vote == Some(candidate) || (self.vote.is_none() && self.leader.is_none())
    }

    pub(super) fn log_is_good(&self, last_index: LogIndex, last_term: Term) -> bool {
        let bugs = self.config.bugs;
        let no_shorter = last_index >= self.log.last_index();
        if bugs.has(Bug::VoteIgnoresLog) || (bugs.has(Bug::VoteIndexOnly) && no_shorter) {
            return true;
        }
        if (bugs.has(Bug::VoteIndexOnly) || bugs.has(Bug::VoteVectorCompare)) && !no_shorter {
            return false;
        }
        self.log.is_not_ahead_of(last_index, last_term)
    }
}
