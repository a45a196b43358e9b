//! Linearizable reads by ReadIndex (thesis, section 6.4), on leaders and followers.
//!
//! A read position is the leader's commit index, as soon as the leader knows that it still led when the read came. It
//! knows once a quorum has answered a heartbeat round that began *after* the read came:
//!
//! ```text
//!   read a, read b ...wait...  round 7 begins (position 41)  ......quorum answers 7: a, b served at 41
//!                                  read c comes, waits .............round 8 begins (position 44) ... c at 44
//! ```
//! - A read never joins a round that is on its way (`read-joins-old-batch`), and answers of an earlier round confirm
//!   nothing for it (`ack-any-round`); an answer to a later one does.
//! - Before the leader's own no-op is committed its commit index may be too low, so reads wait (`readindex-no-noop`).
//! - A round starts at once when reads wait and none is on its way; else they take the next one.
//! - A follower asks its leader, again after each election timeout, under the same id: whichever answer comes belongs to
//!   a round that began after the read did, so it cannot be too old. Answers of another term are not believed; when
//!   leader or term change, reads are refused at once, and after ten election timeouts in any case.

use std::collections::{BTreeMap, VecDeque};

use super::core::{Raft, RoleState};
use super::event::{Effect, Refusal};
use super::message::Payload;
use super::proposals::PATIENCE_TIMEOUTS;
use super::replication::Leader;
use super::types::{IoSeq, LogIndex, Nanos, NodeId, RequestId};
use crate::bugs::{Bug, Bugs};

/// Reads that one node keeps waiting; more are refused.
const READS_MAX: usize = 1 << 16;

/// One read on its leader.
#[derive(Debug, Clone, Copy)]
struct Reader {
    /// The follower that asks; `None`: a client of this node.
    asker: Option<NodeId>,
    request: RequestId,
}

/// A leader's reads.
#[derive(Debug, Default)]
pub(super) struct ReadRounds {
    /// For the next round.
    waiting: Vec<Reader>,
    /// On their way, by rising round.
    confirming: VecDeque<Batch>,
}

#[derive(Debug)]
struct Batch {
    round: u64,
    index: LogIndex,
    readers: Vec<Reader>,
}

impl ReadRounds {
    pub(super) fn len(&self) -> usize {
        self.waiting.len() + self.confirming.iter().map(|batch| batch.readers.len()).sum::<usize>()
    }

    fn enqueue(&mut self, reader: Reader, bugs: Bugs) {
        match self.confirming.back_mut() {
            Some(batch) if bugs.has(Bug::ReadJoinsOldBatch) => batch.readers.push(reader),
            _ => self.waiting.push(reader),
        }
    }

    /// `round` begins: everything that waits goes with it.
    pub(super) fn board(&mut self, round: u64, index: LogIndex) {
        if !self.waiting.is_empty() {
            let readers = std::mem::take(&mut self.waiting);
            self.confirming.push_back(Batch { round, index, readers });
        }
    }

    fn take_confirmed(&mut self, round: u64) -> Option<Batch> {
        let done = self.confirming.front().is_some_and(|batch| batch.round <= round);
        if done { self.confirming.pop_front() } else { None }
    }
}

/// Reads of this node's clients that its leader was asked about, with when they came.
#[derive(Debug, Default)]
pub(super) struct AskedReads(BTreeMap<RequestId, Nanos>);

impl AskedReads {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn take_all(&mut self) -> impl Iterator<Item = RequestId> + use<> {
        std::mem::take(&mut self.0).into_keys()
    }
}

impl Raft {
    /// A client of this node wants to read.
    pub(super) fn on_client_read(&mut self, request: RequestId) {
        if self.config.bugs.has(Bug::FollowerLocalRead) {
            let index = self.log.commit();
            return self.answer(Effect::ReadReady { request, index });
        }
        match self.leader {
            Some(leader) if leader == self.config.id => self.enqueue_read(None, request),
            Some(leader) if self.asked.len() < READS_MAX => {
                self.arm_sweep();
                self.asked.0.insert(request, self.now);
                self.send(leader, Payload::ReadIndexRequest { request }, IoSeq(0));
            }
            Some(_) => self.answer(Effect::Refuse { request, reason: Refusal::Busy }),
            None => self.answer(Effect::Refuse { request, reason: Refusal::NoLeader }),
        }
    }

    /// A follower wants to read.
    pub(super) fn on_read_index_request(&mut self, from: NodeId, request: RequestId) {
        self.enqueue_read(Some(from), request);
    }

    fn enqueue_read(&mut self, asker: Option<NodeId>, request: RequestId) {
        let reader = Reader { asker, request };
        let (bugs, commit) = (self.config.bugs, self.log.commit());
        let local = bugs.has(Bug::LocalLeaderRead) || bugs.has(Bug::ReadindexNoQuorum);
        match &mut self.role {
            RoleState::Leader(_) if local => self.serve(reader, Ok(commit)),
            RoleState::Leader(leader) if leader.reads.len() < READS_MAX => {
                leader.reads.enqueue(reader, bugs);
            }
            _ => self.serve(reader, Err(Refusal::Busy)),
        }
    }

    /// The leader's answer to a read that this node asked it about.
    pub(super) fn on_read_index_response(
        &mut self,
        from: NodeId,
        request: RequestId,
        index: Option<LogIndex>,
    ) {
        let told_by_leader = self.leader == Some(from);
        let believed = told_by_leader || self.config.bugs.has(Bug::ReadindexLeaderRace);
        if !believed || self.asked.0.remove(&request).is_none() {
            return;
        }
        self.answer(match index {
            Some(index) => Effect::ReadReady { request, index },
            None => Effect::Refuse { request, reason: Refusal::Declined },
        });
    }

    /// Serves reads whose round a quorum has answered.
    pub(super) fn confirm_reads(&mut self) {
        let quorum = self.quorum;
        let RoleState::Leader(leader) = &mut self.role else { return };
        if leader.reads.confirming.is_empty() {
            return;
        }
        let answered = leader.followers.values().map(|follower| follower.round_answered);
        let confirmed = quorum.reached(answered.chain([leader.round]));
        let mut done = Vec::new();
        while let Some(batch) = leader.reads.take_confirmed(confirmed) {
            done.push(batch);
        }
        self.serve_all(done);
    }

    /// Begins a round for reads that wait, unless one is on its way or positions are not known yet.
    pub(super) fn start_read_round(&mut self) {
        let commit = self.log.commit();
        let RoleState::Leader(leader) = &self.role else { return };
        let reads = &leader.reads;
        let known = commit >= leader.first_own || self.config.bugs.has(Bug::ReadindexNoNoop);
        if reads.waiting.is_empty() || !reads.confirming.is_empty() || !known {
            return;
        }
        self.start_round();
        // A single node is its own quorum.
        self.confirm_reads();
    }

    /// This node does not lead any more, so it cannot tell where the reads belong.
    pub(super) fn refuse_reads_of(&mut self, deposed: Leader) {
        let ReadRounds { waiting, mut confirming } = deposed.reads;
        if self.config.bugs.has(Bug::ReadindexLeaderRace) {
            self.serve_all(std::mem::take(&mut confirming));
        }
        let readers = confirming.into_iter().flat_map(|batch| batch.readers);
        let reason = self.who_leads();
        for reader in readers.chain(waiting) {
            self.serve(reader, Err(reason));
        }
    }

    fn serve_all(&mut self, batches: impl IntoIterator<Item = Batch>) {
        for batch in batches {
            for reader in batch.readers {
                self.serve(reader, Ok(batch.index));
            }
        }
    }

    fn serve(&mut self, reader: Reader, position: Result<LogIndex, Refusal>) {
        let Reader { asker, request } = reader;
        match (asker, position) {
            (Some(asker), position) => {
                let index = position.ok();
                self.send(asker, Payload::ReadIndexResponse { request, index }, IoSeq(0));
            }
            (None, Ok(index)) => self.answer(Effect::ReadReady { request, index }),
            (None, Err(reason)) => self.answer(Effect::Refuse { request, reason }),
        }
    }

    /// Asks again about reads without an answer, and refuses the very old ones.
    pub(super) fn sweep_reads(&mut self) {
        let Some(leader) = self.leader else { return };
        // A correct node that leads has asked nobody: changing the leader refused what was asked before.
        let own = self.config.id;
        let patience = Nanos(self.config.election_timeout.0.saturating_mul(PATIENCE_TIMEOUTS));
        let asked = self.asked.0.iter().map(|(request, since)| (*request, *since));
        for (request, since) in asked.collect::<Vec<_>>() {
            if since.after(patience) <= self.now {
                self.asked.0.remove(&request);
                self.answer(Effect::Refuse { request, reason: Refusal::NoAnswer });
            } else if since.after(self.config.election_timeout) <= self.now && leader != own {
                self.send(leader, Payload::ReadIndexRequest { request }, IoSeq(0));
            }
        }
    }
}
