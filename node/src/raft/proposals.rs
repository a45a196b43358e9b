//! Clients' writes: appended by a leader, handed on once by a follower, and what their clients may be told.
//!
//! | what happened | answer |
//! |---|---|
//! | the entry is applied here | the entry itself, in `Apply` |
//! | never appended, and surely never will be | `Refuse` |
//! | leader or term changed, or no word for ten election timeouts | `Forget`: may be committed, now or later |
//!
//! A handed-on write may arrive twice, and must be appended at most once. A leader takes it only in the term it was sent
//! in, so it needs to remember one term: the last [`SEEN_MAX`] requests one by one, and of each origin the highest number
//! that dropped out of that window. What is at or below this number and not in the window is not appended. (Origins give
//! out rising numbers; one that arrives after 65,536 later ones is treated as a repetition: not appended, not answered.)
//! A refused request is remembered too, so that its copy does not come true after its client was told "surely not".

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::core::Raft;
use super::event::{Effect, Refusal};
use super::message::Payload;
use super::types::{IoSeq, Nanos, NodeId, RequestId, Term};
use crate::bugs::Bug;

/// Bytes of entries that a leader keeps uncommitted before it refuses more. An entry larger than this is still taken when
/// there is no other.
const UNCOMMITTED_BYTES_MAX: usize = 64 << 20;

/// Writes that a node keeps waiting before it refuses more.
const PENDING_MAX: usize = 1 << 16;

/// Requests of other nodes that a leader remembers one by one.
const SEEN_MAX: usize = 1 << 16;

/// Election timeouts after which a node gives up a request that it handed on and heard nothing of.
pub(super) const PATIENCE_TIMEOUTS: u64 = 10;

/// This node's writes under way, and what it has seen of others' as a leader.
#[derive(Debug, Default)]
pub(super) struct Proposals {
    /// Since when, for those that were handed on; `None`: appended here.
    pending: BTreeMap<RequestId, Option<Nanos>>,
    handed_on: usize,
    seen: Seen,
}

impl Proposals {
    pub(super) fn len(&self) -> usize {
        self.pending.len()
    }

    pub(super) fn waits_for_others(&self) -> bool {
        self.handed_on > 0
    }

    /// Leadership of `term` begins.
    pub(super) fn begin_term(&mut self, term: Term) {
        self.seen = Seen { term, ..Seen::default() };
    }

    /// The request is done with; whether it was under way.
    pub(super) fn settle(&mut self, request: RequestId) -> bool {
        let settled = self.pending.remove(&request);
        self.handed_on -= usize::from(matches!(settled, Some(Some(_))));
        settled.is_some()
    }

    pub(super) fn take_all(&mut self) -> impl Iterator<Item = RequestId> + use<> {
        self.handed_on = 0;
        std::mem::take(&mut self.pending).into_keys()
    }

    fn begin(&mut self, request: RequestId, handed_on_at: Option<Nanos>) {
        self.handed_on += usize::from(handed_on_at.is_some());
        let twice = self.pending.insert(request, handed_on_at);
        assert!(twice.is_none(), "request {request:?} was proposed twice by its own node");
    }

    fn handed_on_before(&self, moment: Nanos) -> Vec<RequestId> {
        let old = |since: Option<Nanos>| since.is_some_and(|since| since <= moment);
        self.pending.iter().filter(|(_, since)| old(**since)).map(|(request, _)| *request).collect()
    }
}

/// Requests of other nodes that this node has decided about as the leader of `term`.
#[derive(Debug, Default)]
struct Seen {
    term: Term,
    window: BTreeSet<RequestId>,
    order: VecDeque<RequestId>,
    /// Highest number that left the window, by origin.
    dropped: BTreeMap<NodeId, u64>,
}

impl Seen {
    /// Remembers `request`; `false` if it was, or may have been, here before.
    fn first_time(&mut self, request: RequestId, window_max: usize) -> bool {
        let dropped = self.dropped.get(&request.node);
        if dropped.is_some_and(|number| request.number <= *number) || !self.window.insert(request) {
            return false;
        }
        self.order.push_back(request);
        if self.order.len() > window_max
            && let Some(oldest) = self.order.pop_front()
        {
            self.window.remove(&oldest);
            let dropped = self.dropped.entry(oldest.node).or_default();
            *dropped = oldest.number.max(*dropped);
        }
        true
    }

    /// The built-in bug `dedupe-last-only`.
    fn differs_from_last(&mut self, request: RequestId) -> bool {
        self.dropped.insert(request.node, request.number) != Some(request.number)
    }
}

impl Raft {
    /// A client of this node wants to write.
    pub(super) fn on_client_write(&mut self, request: RequestId, command: Vec<u8>) {
        match self.leader {
            Some(leader) if leader == self.config.id && self.has_room_for(&command) => {
                self.proposals.begin(request, None);
                let index = self.append_own(Some(request), command);
                self.answer(Effect::Appended { request, index });
            }
            Some(leader) if leader != self.config.id && self.proposals.len() < PENDING_MAX => {
                self.arm_sweep();
                self.proposals.begin(request, Some(self.now));
                self.send(leader, Payload::Propose { request, command }, IoSeq(0));
            }
            Some(_) => self.answer(Effect::Refuse { request, reason: Refusal::Busy }),
            None => self.answer(Effect::Refuse { request, reason: Refusal::NoLeader }),
        }
    }

    /// A follower hands on a write, in the current term.
    pub(super) fn on_propose(&mut self, from: NodeId, request: RequestId, command: Vec<u8>) {
        if request.node != from {
            self.ignored += 1;
            return;
        }
        if self.proposals.seen.term != self.term {
            // Not a leader of this term in this incarnation. An earlier one may have been, and may have appended it: then
            // nobody here can say "surely not", and the asker learns of the change soon.
            if self.vote != Some(self.config.id) {
                self.send(from, Payload::ProposeRejected { request }, IoSeq(0));
            }
            return;
        }
        if !self.is_new(request) {
            return;
        }
        if self.is_leader() && self.has_room_for(&command) {
            let index = self.append_own(Some(request), command);
            self.answer(Effect::Appended { request, index });
        } else {
            self.send(from, Payload::ProposeRejected { request }, IoSeq(0));
        }
    }

    /// Whether a handed-on write has not been here before.
    fn is_new(&mut self, request: RequestId) -> bool {
        let (bugs, seen) = (self.config.bugs, &mut self.proposals.seen);
        if bugs.has(Bug::DedupeLastOnly) {
            return seen.differs_from_last(request);
        }
        if bugs.has(Bug::EvictThenExecute) {
            seen.dropped.clear();
            return seen.first_time(request, 2);
        }
        seen.first_time(request, SEEN_MAX) || bugs.has(Bug::NoDedupe)
    }

    /// The leader has not appended a write of ours, and will not.
    pub(super) fn on_propose_rejected(&mut self, from: NodeId, request: RequestId) {
        if self.leader == Some(from) && self.proposals.settle(request) {
            self.answer(Effect::Refuse { request, reason: Refusal::Declined });
        }
    }

    /// Gives up writes that were handed on long ago: the message or its fate may be lost.
    pub(super) fn sweep_writes(&mut self) {
        let patience = self.config.election_timeout.0.saturating_mul(PATIENCE_TIMEOUTS);
        let Some(limit) = self.now.0.checked_sub(patience) else { return };
        for request in self.proposals.handed_on_before(Nanos(limit)) {
            self.proposals.settle(request);
            self.answer(Effect::Forget { request });
        }
    }

    fn has_room_for(&self, command: &[u8]) -> bool {
        let open = self.log.uncommitted_bytes();
        open == 0 || open.saturating_add(command.len()) <= UNCOMMITTED_BYTES_MAX
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(node: u64, number: u64) -> RequestId {
        RequestId { node: NodeId(node), number }
    }

    #[test]
    fn a_request_is_seen_for_the_first_time_once() {
        let mut seen = Seen::default();
        assert!(seen.first_time(request(2, 7), 4));
        assert!(!seen.first_time(request(2, 7), 4));
        assert!(seen.first_time(request(3, 7), 4));
        assert!(seen.first_time(request(2, 6), 4));
    }

    #[test]
    fn what_dropped_out_of_the_window_is_still_not_new() {
        let mut seen = Seen::default();
        for number in 1..=10 {
            assert!(seen.first_time(request(2, number), 4));
        }
        for number in 1..=10 {
            assert!(!seen.first_time(request(2, number), 4), "{number}");
        }
        assert!(seen.first_time(request(3, 1), 4));
        assert!(seen.first_time(request(2, 11), 4));
        assert_eq!(seen.order.len(), 4);
    }
}
