//! The replicated log in memory, and the two marks in it: committed and applied.
//!
//! Invariants, asserted where they could break:
//! - entry `i` sits at position `i - 1`; terms never fall from one entry to the next (unless the log is `forgiving`);
//! - `applied <= commit <= last` (under the built-in bugs `apply-on-receipt` and `uncommitted-visible`:
//!   `applied <= last`);
//! - committed entries are never replaced, and neither mark moves back. Built-in bugs that lose committed entries by
//!   design make the log `forgiving`: the marks then move back with the truncation, as naive code would have it, so that
//!   the process lives on and clients see the damage.
//!
//! What is durable is not known here: see [`super::writes`].

use super::types::{Entry, LogIndex, Term};

/// What an entry costs besides its command, for limits in bytes.
const ENTRY_OVERHEAD_BYTES: usize = 32;

/// The log of one member.
#[derive(Debug, Clone)]
pub(super) struct Log {
    entries: Vec<Entry>,
    commit: LogIndex,
    applied: LogIndex,
    uncommitted_bytes: usize,
    forgiving: bool,
}

impl Log {
    /// The log that a disk remembers. `commit` is a hint and cut to what is there.
    pub(super) fn new(entries: Vec<Entry>, commit: LogIndex, forgiving: bool) -> Self {
        let mut before = Term(0);
        for (at, entry) in entries.iter().enumerate() {
            let (index, term) = (entry.index, entry.term);
            assert!(index.0 == at as u64 + 1, "recovered entry {index} at position {at}");
            assert!(
                term >= before || forgiving,
                "recovered entry {index} of term {term} after {before}"
            );
            before = term;
        }
        let commit = commit.min(LogIndex(entries.len() as u64));
        let uncommitted_bytes = entries[commit.0 as usize..].iter().map(entry_bytes).sum();
        Self { entries, commit, applied: LogIndex(0), uncommitted_bytes, forgiving }
    }

    /// The last entry's index; 0 if there is none.
    pub(super) fn last_index(&self) -> LogIndex {
        LogIndex(self.entries.len() as u64)
    }

    /// The last entry's term; 0 if there is none.
    pub(super) fn last_term(&self) -> Term {
        self.entries.last().map_or(Term(0), |entry| entry.term)
    }

    /// The term at `index`: 0 before the first entry, `None` behind the last.
    pub(super) fn term_at(&self, index: LogIndex) -> Option<Term> {
        match index.0.checked_sub(1) {
            None => Some(Term(0)),
            Some(at) => self.entries.get(usize::try_from(at).ok()?).map(|entry| entry.term),
        }
    }

    /// Highest index known to be committed.
    pub(super) fn commit(&self) -> LogIndex {
        self.commit
    }

    /// Highest index handed to the state machine.
    pub(super) fn applied(&self) -> LogIndex {
        self.applied
    }

    /// Bytes of entries that are not known to be committed.
    pub(super) fn uncommitted_bytes(&self) -> usize {
        self.uncommitted_bytes
    }

    /// Whether a log that ends like this is at least as up to date as ours (section 5.4.1).
    pub(super) fn is_not_ahead_of(&self, last_index: LogIndex, last_term: Term) -> bool {
        (last_term, last_index) >= (self.last_term(), self.last_index())
    }

    /// Appends one entry as a leader and says where.
    pub(super) fn push(&mut self, mut entry: Entry) -> LogIndex {
        entry.index = self.last_index().next();
        let (term, last_term) = (entry.term, self.last_term());
        assert!(
            term >= last_term || self.forgiving,
            "entry of term {term} behind one of term {last_term}"
        );
        self.uncommitted_bytes += entry_bytes(&entry);
        self.entries.push(entry);
        self.last_index()
    }

    /// The first of `entries` (consecutive, starting at most one behind our last) that we do not have.
    pub(super) fn first_missing(&self, entries: &[Entry]) -> Option<usize> {
        entries.iter().position(|entry| self.term_at(entry.index) != Some(entry.term))
    }

    /// Replaces everything from the first of `entries` on. The caller has seen to it that this is a real conflict.
    pub(super) fn replace_from(&mut self, entries: Vec<Entry>) {
        let Some(first) = entries.first().map(|entry| entry.index) else { return };
        let last = self.last_index();
        assert!(
            first.0 >= 1 && first <= last.next(),
            "entry {first} would leave a gap after {last}"
        );
        self.truncate_from(first);
        self.uncommitted_bytes += entries.iter().map(entry_bytes).sum::<usize>();
        self.entries.extend(entries);
    }

    /// Cuts off everything from `first` on.
    pub(super) fn truncate_from(&mut self, first: LogIndex) {
        if first > self.last_index() {
            return;
        }
        let (commit, applied) = (self.commit, self.applied);
        if self.forgiving {
            self.commit = commit.min(first.prev());
            self.applied = applied.min(first.prev());
        } else {
            assert!(first > commit, "truncation from {first} on would undo commit {commit}");
            assert!(first > applied, "truncation from {first} on would undo applied {applied}");
        }
        self.entries.truncate(first.prev().0 as usize);
        self.recount_uncommitted();
    }

    fn recount_uncommitted(&mut self) {
        let open = &self.entries[self.commit.0 as usize..];
        self.uncommitted_bytes = open.iter().map(entry_bytes).sum();
    }

    /// Moves the commit mark up to `index`; never down.
    pub(super) fn commit_to(&mut self, index: LogIndex) {
        let (commit, last) = (self.commit, self.last_index());
        assert!(index <= last, "commit {index} past the log's end {last}");
        if index <= commit {
            return;
        }
        let closed = &self.entries[commit.0 as usize..index.0 as usize];
        self.uncommitted_bytes -= closed.iter().map(entry_bytes).sum::<usize>();
        self.commit = index;
    }

    /// The built-in bug `commit-regress`: moves both marks down to `index`.
    pub(super) fn commit_back_to(&mut self, index: LogIndex) {
        self.commit = self.commit.min(index);
        self.applied = self.applied.min(index);
        self.recount_uncommitted();
    }

    /// The built-in bug `total-loss-on-failover`: takes what is committed for applied.
    pub(super) fn skip_to_commit(&mut self) {
        self.applied = self.commit;
    }

    /// Entries from `from` on, at least one if there is one, then as many as fit into `bytes_max`.
    pub(super) fn batch(&self, from: LogIndex, to: LogIndex, bytes_max: usize) -> Vec<Entry> {
        if from > to {
            return Vec::new();
        }
        let range = &self.entries[from.prev().0 as usize..to.0 as usize];
        let mut bytes = 0;
        let fitting = range.iter().take_while(|entry| {
            bytes += entry_bytes(entry);
            bytes <= bytes_max
        });
        let count = fitting.count().clamp(1, range.len());
        range[..count].to_vec()
    }

    /// The built-in bug `gap-in-batch`: leaves out what does not fit, goes on with what does, and numbers it anew.
    pub(super) fn batch_with_gaps(
        &self,
        from: LogIndex,
        to: LogIndex,
        bytes_max: usize,
    ) -> Vec<Entry> {
        let whole = self.batch(from, to, usize::MAX);
        let (mut index, mut left) = (from, bytes_max);
        let mut fitting = Vec::new();
        for entry in whole {
            let bytes = entry_bytes(&entry);
            if bytes <= left || fitting.is_empty() {
                left = left.saturating_sub(bytes);
                fitting.push(Entry { index, ..entry });
                index = index.next();
            }
        }
        fitting
    }

    /// The next entries for the state machine up to `limit`, marked as applied; empty if there are none.
    pub(super) fn take_applicable(&mut self, limit: LogIndex, bytes_max: usize) -> Vec<Entry> {
        let (limit, last) = (limit, self.last_index());
        assert!(limit <= last, "apply limit {limit} past the log's end {last}");
        let entries = self.batch(self.applied.next(), limit, bytes_max);
        if let Some(entry) = entries.last() {
            self.applied = entry.index;
        }
        entries
    }

    /// The highest index up to `index` whose term is at most `term`, with its term: where a log that has `term` at
    /// `index` may agree with this one. Both sides of a repair use it, so a round trip skips a whole term.
    pub(super) fn last_with_term_up_to(&self, index: LogIndex, term: Term) -> (LogIndex, Term) {
        let index = index.min(self.last_index());
        let prefix = &self.entries[..index.0 as usize];
        let count = prefix.partition_point(|entry| entry.term <= term);
        let found = LogIndex(count as u64);
        (found, self.term_at(found).unwrap_or_default())
    }

    /// Entries from `first` to the end, for the disk.
    pub(super) fn tail(&self, first: LogIndex) -> Vec<Entry> {
        self.entries[first.prev().0 as usize..].to_vec()
    }

    /// All entries.
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }
}

fn entry_bytes(entry: &Entry) -> usize {
    entry.command.len() + ENTRY_OVERHEAD_BYTES
}

#[cfg(test)]
mod tests {
    use super::*;

    fn log_of(terms: &[u64], commit: u64) -> Log {
        Log::new(entries(1, terms), LogIndex(commit), false)
    }

    fn entries(first: u64, terms: &[u64]) -> Vec<Entry> {
        let entry = |(index, term): (u64, &u64)| Entry {
            term: Term(*term),
            index: LogIndex(index),
            request: None,
            command: vec![0; 10],
        };
        (first..).zip(terms).map(entry).collect()
    }

    /// Section 5.4.1: the later term wins, then the longer log.
    #[test]
    fn up_to_date_compares_terms_before_lengths() {
        let log = log_of(&[1, 2, 2], 0);
        assert!(log.is_not_ahead_of(LogIndex(3), Term(2)));
        assert!(log.is_not_ahead_of(LogIndex(1), Term(3)));
        assert!(!log.is_not_ahead_of(LogIndex(9), Term(1)));
        assert!(!log.is_not_ahead_of(LogIndex(2), Term(2)));
    }

    #[test]
    fn first_missing_skips_what_matches() {
        let log = log_of(&[1, 1, 2], 0);
        assert_eq!(log.first_missing(&entries(1, &[1, 1])), None);
        assert_eq!(log.first_missing(&entries(2, &[1, 2, 2])), Some(2));
        assert_eq!(log.first_missing(&entries(2, &[1, 3])), Some(1));
    }

    #[test]
    fn a_conflict_replaces_the_suffix_and_its_bytes() {
        let mut log = log_of(&[1, 1, 2, 2], 1);
        log.replace_from(entries(3, &[3]));
        assert_eq!((log.last_index(), log.last_term()), (LogIndex(3), Term(3)));
        assert_eq!(log.uncommitted_bytes(), 2 * (10 + ENTRY_OVERHEAD_BYTES));
        log.commit_to(LogIndex(3));
        assert_eq!(log.uncommitted_bytes(), 0);
    }

    #[test]
    #[should_panic(expected = "would undo commit 2")]
    fn a_committed_entry_is_never_replaced() {
        log_of(&[1, 1], 2).replace_from(entries(2, &[3]));
    }

    #[test]
    fn a_forgiving_log_moves_both_marks_back() {
        let mut log = Log::new(entries(1, &[1, 1]), LogIndex(2), true);
        log.take_applicable(LogIndex(2), 1000);
        log.replace_from(entries(2, &[3, 3]));
        assert_eq!((log.commit(), log.applied()), (LogIndex(1), LogIndex(1)));
    }

    #[test]
    fn commit_never_moves_back() {
        let mut log = log_of(&[1, 1, 1], 0);
        log.commit_to(LogIndex(2));
        log.commit_to(LogIndex(1));
        assert_eq!(log.commit(), LogIndex(2));
    }

    #[test]
    fn a_batch_has_one_entry_at_least_and_keeps_to_the_limit() {
        let log = log_of(&[1; 5], 0);
        let size = 10 + ENTRY_OVERHEAD_BYTES;
        assert_eq!(log.batch(LogIndex(1), LogIndex(5), 1).len(), 1);
        assert_eq!(log.batch(LogIndex(2), LogIndex(5), 2 * size).len(), 2);
        assert_eq!(log.batch(LogIndex(2), LogIndex(5), 1 << 20).len(), 4);
        assert!(log.batch(LogIndex(6), LogIndex(5), 1 << 20).is_empty());
    }

    /// The examples of etcd's `findConflictByTerm`.
    #[test]
    fn repair_hints_skip_whole_terms() {
        let log = log_of(&[2, 2, 4, 4, 4, 6, 6], 0);
        let hint = |index, term| {
            let (index, term) = log.last_with_term_up_to(LogIndex(index), Term(term));
            (index.0, term.0)
        };
        assert_eq!(hint(7, 6), (7, 6));
        assert_eq!(hint(7, 5), (5, 4));
        assert_eq!(hint(5, 3), (2, 2));
        assert_eq!(hint(4, 4), (4, 4));
        assert_eq!(hint(7, 1), (0, 0));
        assert_eq!(hint(99, 9), (7, 6));
        assert_eq!(hint(0, 0), (0, 0));
    }

    #[test]
    fn a_commit_hint_beyond_the_log_is_cut() {
        assert_eq!(log_of(&[1, 1], 9).commit(), LogIndex(2));
    }
}
