//! What a leader knows of one follower, and when it may send it what.
//!
//! ```text
//!         answer that reaches the probe
//!   Probe ------------------------------> Replicate
//!     ^   one message, then wait for      |  next moves when sent (optimistic),
//!     |   the answer or the next round    |  up to `inflight_max` messages on the way
//!     +-----------------------------------+
//!        rejection, broken connection
//! ```
//! Invariant: `matched < next`. `matched` never falls within a term.

use std::collections::VecDeque;

use super::types::{LogIndex, Nanos};

/// A follower seen from its leader.
#[derive(Debug, Clone)]
pub(super) struct Progress {
    /// Highest index that the follower has confirmed, durably, to be like ours.
    pub(super) matched: LogIndex,
    /// The last round that it had been sent when it confirmed that: messages of later ones left with it known.
    confirmed_by: u64,
    /// The first entry of the next message.
    pub(super) next: LogIndex,
    /// How to send.
    pub(super) mode: Mode,
    /// When the follower last answered in this term.
    pub(super) contact: Nanos,
    /// The latest heartbeat round it has answered.
    pub(super) round_answered: u64,
    /// The latest heartbeat round it was sent.
    pub(super) round_sent: u64,
    /// How many messages may be on the way, besides the bound for all: little after a rejection, twice as many with each round trip
    /// in which nothing is rejected.
    window: usize,
    /// The commit index it was told last, since the mode last changed.
    pub(super) commit_sent: LogIndex,
}

/// How messages are sent to a follower.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mode {
    /// Where the logs agree is not known yet.
    Probe {
        /// A probe is on its way.
        waiting: bool,
    },
    /// The follower's log is a prefix of ours, as far as it answered.
    Replicate {
        /// Last index of each unanswered message with entries, rising.
        inflight: VecDeque<LogIndex>,
    },
}

impl Progress {
    /// A follower about which nothing is known but that it was there at `now`.
    pub(super) fn new(next: LogIndex, now: Nanos) -> Self {
        Self {
            matched: LogIndex(0),
            confirmed_by: 0,
            next,
            mode: Mode::Probe { waiting: false },
            contact: now,
            round_answered: 0,
            round_sent: 0,
            window: usize::MAX,
            commit_sent: LogIndex(0),
        }
    }

    /// Whether a message with entries may leave now.
    pub(super) fn has_room(&self, inflight_max: usize) -> bool {
        match &self.mode {
            Mode::Probe { waiting } => !waiting,
            Mode::Replicate { inflight } => inflight.len() < inflight_max.min(self.window),
        }
    }

    /// Whether the follower should be told that `commit` moved. While probing it could not make use of it.
    pub(super) fn owes_commit(&self, commit: LogIndex) -> bool {
        matches!(self.mode, Mode::Replicate { .. }) && self.commit_sent < commit
    }

    /// A message left whose last entry is `last` (`None`: it had no entries).
    pub(super) fn sent(&mut self, last: Option<LogIndex>) {
        match (&mut self.mode, last) {
            (Mode::Probe { waiting }, _) => *waiting = true,
            (Mode::Replicate { .. }, None) => {}
            (Mode::Replicate { inflight }, Some(last)) => {
                inflight.push_back(last);
                self.next = last.next();
            }
        }
    }

    /// The follower's log matches up to `matched`.
    pub(super) fn accepted(&mut self, matched: LogIndex) {
        if matched > self.matched {
            self.matched = matched;
            self.confirmed_by = self.round_sent;
        }
        self.next = self.next.max(self.matched.next());
        match &mut self.mode {
            Mode::Probe { .. } if matched >= self.next.prev() => {
                self.mode = Mode::Replicate { inflight: VecDeque::new() };
                self.commit_sent = LogIndex(0);
            }
            // An answer from before we began to probe, or one that confirms the round ahead of entries that are not durable
            // yet: neither says that the logs agree where we probe.
            Mode::Probe { .. } => {}
            Mode::Replicate { inflight } => {
                while inflight.front().is_some_and(|last| *last <= matched) {
                    inflight.pop_front();
                    self.window = self.window.saturating_add(1);
                }
            }
        }
    }

    /// The follower refused entries behind `prev`; the logs may agree at `guess`. `false`: the answer is out of date.
    ///
    /// Each message of a window may be rejected, so a rejection must not have a whole window sent again: where messages
    /// overtake each other, that grows without end. What is sent is to match what gets through (Jacobson, 1988).
    pub(super) fn rejected(&mut self, prev: LogIndex, guess: LogIndex) -> bool {
        match self.mode {
            Mode::Replicate { .. } if prev <= self.matched => false,
            Mode::Replicate { .. } => {
                self.probe();
                self.window = 1;
                true
            }
            Mode::Probe { .. } if self.next.prev() != prev => false,
            Mode::Probe { .. } => {
                self.next = prev.min(guess.next()).max(self.matched.next());
                self.mode = Mode::Probe { waiting: false };
                true
            }
        }
    }

    /// Whether a rejection means that the follower has lost what it had confirmed, and not that the message it answers
    /// overtook others.
    pub(super) fn has_lost(&self, prev: LogIndex, guess: LogIndex, round: u64) -> bool {
        prev <= self.matched && guess < self.matched && round > self.confirmed_by
    }

    /// The follower has lost what it had confirmed; only a built-in bug can make it. Starts over at its own word, with the
    /// next heartbeat: a follower that says so again and again must not keep both busy.
    pub(super) fn forget_match(&mut self, guess: LogIndex) {
        self.matched = self.matched.min(guess);
        self.probe();
        self.mode = Mode::Probe { waiting: true };
    }

    /// Probes at `next`, also below what is confirmed: only built-in bugs do.
    pub(super) fn rewind(&mut self, next: LogIndex) {
        self.probe();
        self.next = next.max(LogIndex(1));
    }

    /// Starts over at the last index that is known to match.
    pub(super) fn probe(&mut self) {
        self.next = self.matched.next();
        self.mode = Mode::Probe { waiting: false };
        self.commit_sent = LogIndex(0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn replicating(matched: u64) -> Progress {
        let mut progress = Progress::new(LogIndex(matched + 1), Nanos(0));
        progress.accepted(LogIndex(matched));
        progress
    }

    #[test]
    fn a_probe_sends_once_and_then_waits() {
        let mut progress = Progress::new(LogIndex(8), Nanos(0));
        assert!(progress.has_room(4));
        progress.sent(Some(LogIndex(9)));
        assert!(!progress.has_room(4));
        assert_eq!(progress.next, LogIndex(8));
        assert!(progress.rejected(LogIndex(7), LogIndex(3)));
        assert!(progress.has_room(4));
        assert_eq!(progress.next, LogIndex(4));
    }

    #[test]
    fn replication_is_optimistic_and_bounded_by_the_window() {
        let mut progress = replicating(3);
        progress.sent(Some(LogIndex(5)));
        progress.sent(Some(LogIndex(6)));
        assert_eq!(progress.next, LogIndex(7));
        assert!(!progress.has_room(2));
        progress.accepted(LogIndex(5));
        assert!(progress.has_room(2));
        assert_eq!((progress.matched, progress.next), (LogIndex(5), LogIndex(7)));
    }

    /// The late, lower answer of `reference: match-regress`.
    #[test]
    fn matched_never_falls() {
        let mut progress = replicating(6);
        progress.accepted(LogIndex(4));
        assert_eq!(progress.matched, LogIndex(6));
    }

    #[test]
    fn a_lost_message_sends_replication_back_to_the_last_match() {
        let mut progress = replicating(3);
        progress.sent(Some(LogIndex(9)));
        assert!(progress.rejected(LogIndex(9), LogIndex(3)));
        assert_eq!(
            (progress.next, progress.mode.clone()),
            (LogIndex(4), Mode::Probe { waiting: false })
        );
    }

    /// Found by simulation (seeds 41 and 438): messages that overtook each other were rejected, each rejection had the
    /// window sent again, and of that more was rejected.
    #[test]
    fn after_a_rejection_little_is_sent_and_then_more_and_more() {
        let mut progress = replicating(3);
        let fill = |progress: &mut Progress| {
            let before = progress.next;
            while progress.has_room(16) {
                progress.sent(Some(progress.next));
            }
            progress.next.0 - before.0
        };
        assert_eq!(fill(&mut progress), 16);
        assert!(progress.rejected(LogIndex(7), LogIndex(3)));
        progress.sent(Some(LogIndex(4)));
        progress.accepted(LogIndex(4));
        let mut sent = Vec::new();
        for _ in 0..6 {
            sent.push(fill(&mut progress));
            progress.accepted(progress.next.prev());
        }
        assert_eq!(sent, [1, 2, 4, 8, 16, 16]);
    }

    /// A follower with a slow disk confirms a round before it has stored what it was sent earlier.
    #[test]
    fn an_answer_below_the_probe_does_not_send_replication_back() {
        let mut progress = Progress::new(LogIndex(9), Nanos(0));
        progress.sent(Some(LogIndex(9)));
        progress.accepted(LogIndex(4));
        assert_eq!((progress.matched, progress.next), (LogIndex(4), LogIndex(9)));
        assert!(!progress.has_room(4), "the probe is still on its way");
        progress.accepted(LogIndex(9));
        assert_eq!((progress.matched, progress.next), (LogIndex(9), LogIndex(10)));
        assert!(progress.has_room(1));
    }

    #[test]
    fn late_rejections_change_nothing() {
        let mut progress = replicating(5);
        assert!(!progress.rejected(LogIndex(4), LogIndex(2)));
        progress.probe();
        progress.sent(None);
        assert!(!progress.rejected(LogIndex(9), LogIndex(2)));
        assert!(!progress.has_room(1));
    }

    /// A heartbeat of round 6 overtook the entries before it: that it was rejected says nothing about them.
    #[test]
    fn a_rejection_is_no_loss_unless_its_message_came_after_the_confirmation() {
        let mut progress = replicating(3);
        progress.sent(Some(LogIndex(5)));
        progress.round_sent = 6;
        progress.accepted(LogIndex(5));
        assert!(!progress.has_lost(LogIndex(5), LogIndex(3), 6));
        assert!(progress.has_lost(LogIndex(5), LogIndex(3), 7));
        assert!(!progress.has_lost(LogIndex(6), LogIndex(5), 7), "nothing that it had confirmed");
    }

    /// A hint is a place to try, never a confirmation (`hint-as-match`), and never below what is confirmed.
    #[test]
    fn a_hint_moves_next_but_not_matched() {
        let mut progress = Progress::new(LogIndex(9), Nanos(0));
        assert!(progress.rejected(LogIndex(8), LogIndex(8)));
        assert_eq!((progress.matched, progress.next), (LogIndex(0), LogIndex(8)));
        let mut known = replicating(5);
        known.probe();
        assert!(known.rejected(LogIndex(5), LogIndex(1)));
        assert_eq!(known.next, LogIndex(6));
    }
}
