//! What must hold inside any correct cluster, one check a property, over everything that ever happened in a run.
//!
//! | property | source | check |
//! |---|---|---|
//! | election safety | figure 3 | one leader a term |
//! | one vote a term | 5.2 | granted votes that left a node |
//! | log matching | figure 3 | an (index, term) has one content and one predecessor |
//! | leader completeness | figure 3 | a leader has everything applied anywhere |
//! | state machine safety | figure 3 | one applied sequence, without gaps |
//! | committed on a quorum | 5.4.2 | a majority of disks has what anyone calls committed |
//! | monotone term, commit, applied | 5.1 | within an incarnation |
//! | a write once | - | no request at two indices; refused requests nowhere |
//!
//! Not checked here: what clients see (see `oracle`).

use std::collections::{BTreeMap, BTreeSet};

use rashomon_node::raft::{
    Entry, LogIndex, Message, NodeId, Payload, RequestId, Role, Status, Term,
};

use crate::violation::{Kind, Violation, require};

/// The memory of a run.
#[derive(Debug, Default)]
pub(crate) struct Invariants {
    leaders: BTreeMap<Term, NodeId>,
    votes: BTreeMap<(Term, NodeId), NodeId>,
    entries: BTreeMap<(LogIndex, Term), (Option<RequestId>, Term)>,
    /// What was applied at index i + 1, by whoever came first.
    applied: Vec<(Term, Option<RequestId>)>,
    /// In which term, at the latest, that entry was committed.
    commit_terms: Vec<Term>,
    placed: BTreeMap<RequestId, LogIndex>,
    pub(crate) refused: BTreeSet<RequestId>,
    committed: LogIndex,
}

impl Invariants {
    pub(crate) fn on_send(&mut self, from: NodeId, to: NodeId, message: &Message) -> Checked {
        if message.payload != (Payload::VoteResponse { granted: true }) {
            return Ok(());
        }
        let chosen = *self.votes.entry((message.term, from)).or_insert(to);
        require(chosen == to, Kind::OneVote, || {
            format!("{from} voted for {chosen} and {to} in term {}", message.term)
        })
    }

    /// `log` is the node's log in memory after entries from `first` on were replaced.
    pub(crate) fn on_log_change(&mut self, log: &[Entry], first: LogIndex) -> Checked {
        for at in first.0 as usize - 1..log.len() {
            let entry = &log[at];
            let before = if at == 0 { Term(0) } else { log[at - 1].term };
            let found = (entry.request, before);
            let known = *self.entries.entry((entry.index, entry.term)).or_insert(found);
            require(known == found, Kind::LogMatching, || {
                format!("entry {} of term {}: {known:?} and {found:?}", entry.index, entry.term)
            })?;
        }
        Ok(())
    }

    /// One entry applied, in `term`, by a node that had applied everything before `expected`.
    pub(crate) fn on_apply(
        &mut self,
        (node, term): (NodeId, Term),
        expected: LogIndex,
        entry: &Entry,
    ) -> Checked {
        let index = entry.index;
        require(index == expected, Kind::StateMachineSafety, || {
            format!("{node} applied {index}, expected {expected}")
        })?;
        let found = (entry.term, entry.request);
        let Some(known) = self.applied.get(index.0 as usize - 1) else {
            self.applied.push(found);
            self.commit_terms.push(term);
            return self.on_first_apply(entry);
        };
        require(*known == found, Kind::StateMachineSafety, || {
            format!("{node} applied {found:?} at {index}, another node {known:?}")
        })
    }

    fn on_first_apply(&mut self, entry: &Entry) -> Checked {
        let Some(request) = entry.request else { return Ok(()) };
        let refused = self.refused.contains(&request);
        require(!refused, Kind::RefusedWriteApplied, || format!("{request:?} at {}", entry.index))?;
        let before = self.placed.insert(request, entry.index);
        require(before.is_none(), Kind::WriteAppliedTwice, || {
            format!("{request:?} at {before:?} and {}", entry.index)
        })
    }

    /// A request was refused: it may not have been applied, nor ever be.
    pub(crate) fn on_refuse(&mut self, request: RequestId) -> Checked {
        self.refused.insert(request);
        let placed = self.placed.get(&request);
        require(placed.is_none(), Kind::RefusedWriteApplied, || {
            format!("{request:?} at {placed:?}")
        })
    }

    /// A node's status after a step, with its log in memory and its status before, in the same incarnation.
    pub(crate) fn on_status(
        &mut self,
        before: Option<&Status>,
        now: &Status,
        log: &[Entry],
    ) -> Checked {
        let id = now.id;
        require(now.ignored == 0 && now.conflicts == 0, Kind::Absurd, || format!("{now:?}"))?;
        require(now.last_index.0 == log.len() as u64, Kind::LogMatching, || {
            format!("{id} has {} entries and wrote {}", now.last_index, log.len())
        })?;
        if let Some(before) = before {
            let rose = before.term <= now.term
                && before.commit <= now.commit
                && before.applied <= now.applied;
            require(rose, Kind::Monotone, || format!("{before:?} then {now:?}"))?;
            let kept = before.term < now.term || before.vote.is_none() || before.vote == now.vote;
            require(kept, Kind::OneVote, || format!("{before:?} then {now:?}"))?;
        }
        if now.role == Role::Leader {
            let leader = *self.leaders.entry(now.term).or_insert(id);
            require(leader == id, Kind::ElectionSafety, || {
                format!("{leader} and {id} lead term {}", now.term)
            })?;
            let elected = before.is_none_or(|before| before.role != Role::Leader);
            if elected {
                return self.leader_is_complete(now, log, 0);
            }
        }
        Ok(())
    }

    /// How many entries were applied by anyone.
    pub(crate) fn applied_count(&self) -> usize {
        self.applied.len()
    }

    /// `log` of a leader has everything that was committed by its term, from position `from` on.
    pub(crate) fn leader_is_complete(
        &self,
        leader: &Status,
        log: &[Entry],
        from: usize,
    ) -> Checked {
        for (at, wanted) in self.applied.iter().enumerate().skip(from) {
            let here = log.get(at).map(|entry| (entry.term, entry.request));
            let complete = self.commit_terms[at] > leader.term || here == Some(*wanted);
            require(complete, Kind::LeaderCompleteness, || {
                let (id, term, index) = (leader.id, leader.term, at + 1);
                format!("{id} leads term {term} with {here:?} at {index}, {wanted:?} was applied")
            })?;
        }
        Ok(())
    }

    /// `commit` was reached by a node with `log`; `durable` counts the disks that have an entry.
    pub(crate) fn on_commit(
        &mut self,
        status: &Status,
        log: &[Entry],
        members: usize,
        durable: impl Fn(LogIndex, Term) -> usize,
    ) -> Checked {
        while self.committed < status.commit {
            let index = self.committed.next();
            let term = log[index.0 as usize - 1].term;
            let disks = durable(index, term);
            require(disks > members / 2, Kind::CommittedOnQuorum, || {
                format!("{} committed {index} of term {term}, durable on {disks}", status.id)
            })?;
            self.committed = index;
        }
        Ok(())
    }
}

/// Nothing, or what broke.
pub(crate) type Checked = Result<(), Violation>;
