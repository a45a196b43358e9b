//! What was handed to the disk, and what the disk has confirmed.
//!
//! ```text
//!   in memory:    1 2 3 4 5 6 7 8      unwritten from 8 (goes into the next Write)
//!   in flight:            io 7: 5..    io 8: 6..  (replaced 6 and 7 of io 7)
//!   durable:      1 2 3 4              = one before the lowest first entry still in flight
//! ```
//!
//! A confirmation of io 7 leaves the durable mark at 5 in this picture, not 7: entries 6 and 7 of io 7 have been
//! replaced since, and the ones that count now come with io 8. So a late confirmation never vouches for newer entries
//! (the append ABA race of async storage). For the same reason an acknowledgement of entry `i` waits for the *last* write
//! that began at or before `i`.

use std::collections::VecDeque;

use super::event::Effect;
use super::log::Log;
use super::types::{HardState, IoSeq, LogIndex};
use crate::bugs::{Bug, Bugs};

/// Book-keeping of disk writes.
#[derive(Debug, Clone)]
pub(super) struct Writes {
    /// The last number given out.
    issued: IoSeq,
    /// The last number confirmed.
    confirmed: IoSeq,
    /// What the disk knows or will know once everything in flight is done.
    written: HardState,
    /// The write that carries `written`'s term and vote.
    promise_io: IoSeq,
    /// Lowest index that changed since the last write.
    unwritten_from: Option<LogIndex>,
    in_flight: VecDeque<InFlight>,
    bugs: Bugs,
    /// Where the longest of the confirmed writes ended; only the built-in bug `append-aba` takes it for a durable index.
    ended: LogIndex,
}

#[derive(Debug, Clone)]
struct InFlight {
    io: IoSeq,
    first: Option<LogIndex>,
    /// Where the log ended then.
    last: LogIndex,
}

impl Writes {
    /// Everything recovered is durable.
    pub(super) fn new(written: HardState, bugs: Bugs) -> Self {
        Self {
            issued: IoSeq(0),
            confirmed: IoSeq(0),
            written,
            promise_io: IoSeq(0),
            unwritten_from: None,
            in_flight: VecDeque::new(),
            bugs,
            ended: LogIndex(0),
        }
    }

    /// Entries from `first` on were appended or replaced.
    pub(super) fn touch(&mut self, first: LogIndex) {
        self.unwritten_from = Some(self.unwritten_from.map_or(first, |from| from.min(first)));
    }

    /// The write that makes `hard`'s term and vote durable: 0 if they are.
    pub(super) fn promise_after(&self, hard: &HardState) -> IoSeq {
        if self.breaks_new_ground(hard) {
            self.upcoming()
        } else {
            self.unless_confirmed(self.promise_io)
        }
    }

    /// The write that makes the log up to `index` durable: 0 if it is.
    pub(super) fn log_after(&self, index: LogIndex) -> IoSeq {
        if self.unwritten_from.is_some_and(|from| from <= index) {
            return self.upcoming();
        }
        let covers = |write: &&InFlight| write.first.is_some_and(|first| first <= index);
        let mut covering = self.in_flight.iter().filter(covers);
        let aba = self.bugs.has(Bug::AppendAba);
        let write = if aba { covering.next() } else { covering.next_back() };
        write.map_or(IoSeq(0), |write| write.io)
    }

    /// Highest index up to which the log, as it is in memory, is durable.
    pub(super) fn durable_index(&self, last_index: LogIndex) -> LogIndex {
        let firsts = self.in_flight.iter().filter_map(|write| write.first);
        let durable =
            firsts.chain(self.unwritten_from).map(LogIndex::prev).fold(last_index, LogIndex::min);
        if self.bugs.has(Bug::AppendAba) {
            return durable.max(self.ended.min(last_index));
        }
        durable
    }

    /// Everything up to `io` is durable. An old or repeated confirmation changes nothing.
    pub(super) fn confirm(&mut self, io: IoSeq) {
        assert!(io <= self.issued, "write {io} confirmed, but only {} issued", self.issued);
        self.confirmed = self.confirmed.max(io);
        while self.in_flight.front().is_some_and(|write| write.io <= self.confirmed) {
            let write = self.in_flight.pop_front();
            self.ended = write.map_or(self.ended, |write| write.last.max(self.ended));
        }
    }

    /// The write that brings the disk up to date, if something that matters is not on its way yet. A new commit index
    /// alone is no reason to wake the disk: it is a hint, and rides along with the next write.
    pub(super) fn take(&mut self, hard: HardState, log: &Log) -> Option<Effect> {
        let promise = self.breaks_new_ground(&hard);
        let first = self.unwritten_from.take();
        if !promise && first.is_none() {
            return None;
        }
        let io = self.upcoming();
        self.issued = io;
        if promise {
            self.promise_io = io;
        }
        let changed = hard != self.written;
        self.written = hard;
        self.in_flight.push_back(InFlight { io, first, last: log.last_index() });
        let entries = first.map_or_else(Vec::new, |first| log.tail(first));
        Some(Effect::Write { io, hard: changed.then_some(hard), entries })
    }

    fn breaks_new_ground(&self, hard: &HardState) -> bool {
        (hard.term, hard.vote) != (self.written.term, self.written.vote)
    }

    fn upcoming(&self) -> IoSeq {
        IoSeq(self.issued.0 + 1)
    }

    fn unless_confirmed(&self, io: IoSeq) -> IoSeq {
        if io <= self.confirmed { IoSeq(0) } else { io }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::types::{Entry, Term};

    fn log_of(terms: &[u64]) -> Log {
        let entry = |(index, term): (u64, &u64)| Entry {
            term: Term(*term),
            index: LogIndex(index),
            request: None,
            command: Vec::new(),
        };
        Log::new((1..).zip(terms).map(entry).collect(), LogIndex(0), false)
    }

    fn write(writes: &mut Writes, first: u64, terms: &[u64]) -> IoSeq {
        writes.touch(LogIndex(first));
        match writes.take(HardState::default(), &log_of(terms)) {
            Some(Effect::Write { io, .. }) => io,
            other => panic!("no write: {other:?}"),
        }
    }

    /// etcd-raft: `async_storage_writes_append_aba_race`.
    #[test]
    fn a_late_confirmation_does_not_vouch_for_entries_that_replaced_the_confirmed_ones() {
        let mut writes = Writes::new(HardState::default(), Bugs::NONE);
        let old = write(&mut writes, 1, &[1, 1, 1]);
        let new = write(&mut writes, 2, &[1, 2, 2]);
        let newest = write(&mut writes, 2, &[1, 3, 3]);
        let last = LogIndex(3);
        writes.confirm(old);
        assert_eq!(writes.durable_index(last), LogIndex(1));
        writes.confirm(new);
        assert_eq!(writes.durable_index(last), LogIndex(1));
        assert_eq!(writes.log_after(LogIndex(2)), newest);
        assert_eq!(writes.log_after(LogIndex(1)), IoSeq(0));
        writes.confirm(newest);
        assert_eq!(writes.durable_index(last), LogIndex(3));
    }

    #[test]
    fn an_acknowledgement_waits_for_its_own_entries_only() {
        let mut writes = Writes::new(HardState::default(), Bugs::NONE);
        let first = write(&mut writes, 1, &[1, 1]);
        let second = write(&mut writes, 3, &[1, 1, 1]);
        assert_eq!(writes.log_after(LogIndex(2)), first);
        assert_eq!(writes.log_after(LogIndex(3)), second);
        writes.touch(LogIndex(4));
        assert_eq!(writes.log_after(LogIndex(4)), IoSeq(3));
    }

    #[test]
    fn a_promise_waits_for_term_and_vote_but_not_for_the_commit_hint() {
        let mut writes = Writes::new(HardState::default(), Bugs::NONE);
        let hinted = HardState { commit: LogIndex(4), ..HardState::default() };
        assert_eq!(writes.take(hinted, &log_of(&[])), None);
        let bumped = HardState { term: Term(2), ..hinted };
        assert_eq!(writes.promise_after(&bumped), IoSeq(1));
        let effect = writes.take(bumped, &log_of(&[]));
        assert_eq!(
            effect,
            Some(Effect::Write { io: IoSeq(1), hard: Some(bumped), entries: Vec::new() })
        );
        assert_eq!(writes.promise_after(&bumped), IoSeq(1));
        writes.confirm(IoSeq(1));
        assert_eq!(writes.promise_after(&bumped), IoSeq(0));
    }

    #[test]
    #[should_panic(expected = "write 2 confirmed, but only 1 issued")]
    fn confirming_what_was_never_written_is_a_broken_shell() {
        let mut writes = Writes::new(HardState::default(), Bugs::NONE);
        write(&mut writes, 1, &[1]);
        writes.confirm(IoSeq(2));
    }
}
