//! The write-ahead log as a member uses it: group commit, and what may be reported as durable when.
//!
//! A group is everything that has queued up while the last sync ran: all of it is appended, synced once, and reported by
//! its last number. Under load one sync thus carries what arrived during the one before; alone, a write waits for nothing
//! but its own.
//!
//! Owns the order of appending, syncing and reporting. Refuses to own the thread that may block in the disk, the queue in
//! front of it, and time: a shell's.
//!
//! ```text
//!   jobs --take--> group --Report::AfterSync--> sync --> report the group's last write
//!                    |
//!                    +-----Report::AtOnce (a bug)--> report it now; sync when `sync_due` has come
//! ```
//!
//! Invariant: after an error nothing more is written ([`Wal`] is poisoned), and a shell reports nothing more.

use std::fmt;

use crate::bugs::{Bug, Bugs};
use crate::raft::{Entry, HardState, IoSeq, Nanos, NodeId, Term};
use crate::storage::{Disk, Replay, Wal, WalError, WalOptions};

/// Most writes in a group unless told otherwise.
pub const GROUP_MAX_DEFAULT: usize = 1024;

/// How long the log stays unsynced at most when acknowledgements do not wait for it (`ack-before-fsync`).
const LAZY_SYNC: Nanos = Nanos(1_000_000_000);

/// One write of the core.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WalJob {
    /// Its number.
    pub io: IoSeq,
    /// The hard state, if it changed.
    pub hard: Option<HardState>,
    /// Consecutive entries.
    pub entries: Vec<Entry>,
}

/// Writes that were appended together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Group {
    /// The last of them: reporting it reports them all.
    pub last: IoSeq,
    /// When that may be done.
    pub report: Report,
}

/// When a group may be reported as durable.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// Once [`Journal::sync`] has returned.
    AfterSync,
    /// At once, although nothing of it is on disk: a built-in bug.
    AtOnce {
        /// When [`Journal::sync`] is due, at the latest.
        sync_by: Nanos,
    },
}

/// A log, and when it is synced.
pub struct Journal<D: Disk> {
    wal: Wal<D>,
    bugs: Bugs,
    group_max: usize,
    /// When what was reported too early is synced.
    sync_due: Option<Nanos>,
    late: Late,
}

/// What the bugs `vote-term-nonatomic` and `io-reorder` leave for the next group.
#[derive(Debug, Default)]
struct Late {
    hard: Option<HardState>,
    /// The last vote that was appended.
    voted: Option<(Term, NodeId)>,
}

impl Late {
    /// What of a hard state is appended now.
    fn put_off(&mut self, bugs: Bugs, hard: Option<HardState>) -> Option<HardState> {
        if bugs.has(Bug::IoReorder) {
            self.hard = hard.or(self.hard);
            return None;
        }
        let hard = hard?;
        let vote = vote_of(&hard);
        if !bugs.has(Bug::VoteTermNonatomic) || vote.is_none() || vote == self.voted {
            self.hard = None;
            return Some(hard);
        }
        self.hard = Some(hard);
        Some(HardState { vote: None, ..hard })
    }

    /// What was put off, once.
    fn take(&mut self) -> Option<HardState> {
        let hard = self.hard.take()?;
        self.voted = vote_of(&hard);
        Some(hard)
    }
}

fn vote_of(hard: &HardState) -> Option<(Term, NodeId)> {
    hard.vote.map(|vote| (hard.term, vote))
}

impl<D: Disk> Journal<D> {
    /// Opens the log on `disk`, as [`Wal::open`] does.
    pub fn open(disk: D, options: WalOptions) -> Result<(Self, Replay), WalError> {
        let (wal, replay) = Wal::open(disk, options)?;
        let (bugs, group_max) = (options.bugs, GROUP_MAX_DEFAULT);
        let late = Late { hard: None, voted: vote_of(&replay.hard) };
        Ok((Self { wal, bugs, group_max, sync_due: None, late }, replay))
    }

    /// With at most `group_max` writes in a group, one at least, so that the first of them need not wait for ever.
    #[must_use]
    pub fn with_group_max(mut self, group_max: usize) -> Self {
        self.group_max = group_max.max(1);
        self
    }

    /// Appends what `jobs` has, up to a group's bound, and says what may be reported when; `None` if there was nothing.
    /// What it does not take stays in the iterator's source, so that must not be a draining one.
    pub fn take(
        &mut self,
        now: Nanos,
        jobs: impl IntoIterator<Item = WalJob>,
    ) -> Result<Option<Group>, WalError> {
        let mut last = None;
        for job in jobs.into_iter().take(self.group_max) {
            if last.is_none()
                && let Some(late) = self.late.take()
            {
                self.wal.append(Some(late), &[])?;
            }
            let hard = self.late.put_off(self.bugs, job.hard);
            self.wal.append(hard, &job.entries)?;
            last = Some(job.io);
        }
        Ok(last.map(|last| Group { last, report: self.report(now) }))
    }

    fn report(&mut self, now: Nanos) -> Report {
        if !self.bugs.has(Bug::AckBeforeFsync) {
            return Report::AfterSync;
        }
        let later = Nanos(now.0.saturating_add(LAZY_SYNC.0));
        Report::AtOnce { sync_by: *self.sync_due.get_or_insert(later) }
    }

    /// When a sync is due although nobody waits for it; never in a correct build.
    pub const fn sync_due(&self) -> Option<Nanos> {
        self.sync_due
    }

    /// Makes everything that was taken durable; no I/O if that is nothing.
    pub fn sync(&mut self) -> Result<(), WalError> {
        self.sync_due = None;
        self.wal.sync()
    }

    /// Syncs, and leaves a mark that spares the next start the question whether the end was torn.
    pub fn close(mut self) -> Result<(), WalError> {
        self.wal.append(self.late.take(), &[])?;
        self.wal.close()
    }
}

// Not derived: disks and their files need not be printable.
impl<D: Disk> fmt::Debug for Journal<D> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.wal.last_index();
        out.debug_struct("Journal")
            .field("last", &last)
            .field("sync_due", &self.sync_due)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::{LogIndex, NodeId, Term};
    use crate::storage::MemDisk;

    fn open(disk: &MemDisk, bugs: Bugs) -> (Journal<MemDisk>, Replay) {
        let options = WalOptions { bugs, ..WalOptions::new(1, NodeId(1)) };
        let (journal, replay) = Journal::open(disk.clone(), options).unwrap();
        (journal.with_group_max(3), replay)
    }

    fn job(io: u64) -> WalJob {
        let term = Term(1);
        let entry = Entry { term, index: LogIndex(io), request: None, command: Vec::new() };
        let hard = HardState { term, ..HardState::default() };
        WalJob { io: IoSeq(io), hard: Some(hard), entries: vec![entry] }
    }

    /// What a process that starts now finds in the log, after this one was killed.
    fn entries_after_kill(disk: &MemDisk) -> usize {
        disk.kill();
        open(disk, Bugs::NONE).1.entries.len()
    }

    #[test]
    fn a_group_is_bounded_and_leaves_the_rest_where_it_is() {
        let disk = MemDisk::default();
        let (mut journal, _) = open(&disk, Bugs::NONE);
        let mut queue = (1..=4).map(job);
        let group = |last| Some(Group { last: IoSeq(last), report: Report::AfterSync });
        assert_eq!(journal.take(Nanos(0), queue.by_ref()).unwrap(), group(3));
        journal.sync().unwrap();
        assert_eq!(journal.take(Nanos(0), queue.by_ref()).unwrap(), group(4));
        assert_eq!(journal.take(Nanos(0), queue.by_ref()).unwrap(), None);
        assert_eq!(journal.sync_due(), None);
        assert_eq!(entries_after_kill(&disk), 3, "the last group was not synced");
    }

    #[test]
    fn the_bug_reports_at_once_and_syncs_within_a_second_of_the_first_write() {
        let disk = MemDisk::default();
        let (mut journal, _) = open(&disk, Bugs::NONE.with(Bug::AckBeforeFsync));
        let sync_by = Nanos(5 + LAZY_SYNC.0);
        for (now, io) in [(5, 1), (6, 2)] {
            let group = journal.take(Nanos(now), [job(io)]).unwrap().unwrap();
            assert_eq!(group.report, Report::AtOnce { sync_by });
        }
        assert_eq!(journal.sync_due(), Some(sync_by));
        journal.sync().unwrap();
        assert_eq!(journal.sync_due(), None);
        journal.take(Nanos(7), [job(3)]).unwrap();
        assert_eq!(entries_after_kill(&disk), 2);
    }

    #[test]
    fn a_clean_end_loses_nothing_whatever_was_reported() {
        let disk = MemDisk::default();
        let (mut journal, _) = open(&disk, Bugs::NONE.with(Bug::AckBeforeFsync));
        journal.take(Nanos(0), [job(1)]).unwrap();
        journal.close().unwrap();
        assert_eq!(entries_after_kill(&disk), 1);
    }

    /// What is left of two jobs, one after the other, if the process dies before there is a third.
    fn left_of(bugs: Bugs, jobs: [WalJob; 2]) -> (HardState, usize) {
        let disk = MemDisk::default();
        let (mut journal, _) = open(&disk, bugs);
        for job in jobs {
            let group = journal.take(Nanos(0), [job]).unwrap().unwrap();
            assert_eq!(group.report, Report::AfterSync);
            journal.sync().unwrap();
        }
        disk.kill();
        let replay = open(&disk, Bugs::NONE).1;
        (replay.hard, replay.entries.len())
    }

    fn vote(term: u64, node: u64) -> HardState {
        HardState { term: Term(term), vote: Some(NodeId(node)), ..HardState::default() }
    }

    #[test]
    fn the_bug_vote_term_nonatomic_keeps_a_new_term_without_its_vote() {
        let jobs = || [vote(1, 2), vote(2, 3)].map(|hard| WalJob { hard: Some(hard), ..job(1) });
        assert_eq!(left_of(Bugs::NONE, jobs()).0, vote(2, 3));
        let bugs = Bugs::NONE.with(Bug::VoteTermNonatomic);
        assert_eq!(left_of(bugs, jobs()).0, HardState { vote: None, ..vote(2, 3) });
        // The next group brings the vote, and nothing is late any more.
        let jobs = [vote(1, 2), vote(1, 2)].map(|hard| WalJob { hard: Some(hard), ..job(1) });
        assert_eq!(left_of(bugs, jobs).0, vote(1, 2));
    }

    #[test]
    fn the_bug_io_reorder_keeps_entries_without_what_came_with_them() {
        let second = || WalJob { hard: Some(vote(2, 3)), ..job(2) };
        assert_eq!(left_of(Bugs::NONE, [job(1), second()]), (vote(2, 3), 2));
        let bugs = Bugs::NONE.with(Bug::IoReorder);
        assert_eq!(left_of(bugs, [job(1), second()]), (job(1).hard.unwrap(), 2));
    }

    #[test]
    fn a_clean_end_leaves_nothing_behind_that_was_put_off() {
        for bug in [Bug::VoteTermNonatomic, Bug::IoReorder] {
            let disk = MemDisk::default();
            let (mut journal, _) = open(&disk, Bugs::NONE.with(bug));
            journal.take(Nanos(0), [WalJob { hard: Some(vote(2, 3)), ..job(1) }]).unwrap();
            journal.close().unwrap();
            assert_eq!(open(&disk, Bugs::NONE).1.hard, vote(2, 3), "{bug}");
        }
    }

    #[test]
    fn a_job_that_the_log_refuses_is_an_error() {
        let (mut journal, _) = open(&MemDisk::default(), Bugs::NONE);
        assert!(matches!(journal.take(Nanos(0), [job(5)]), Err(WalError::Gap { .. })));
    }
}
