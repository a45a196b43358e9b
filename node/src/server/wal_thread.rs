//! The thread that may block in the disk: it feeds the [`Journal`] what has queued up, and reports what it says.
//!
//! The first failure is the last: it is reported, nothing more is written, and the node ends.
//!
//! The queue has no bound of its own: what is in it is also in the core's log, whose growth is bounded by what clients
//! may have under way.

#![expect(clippy::disallowed_methods, reason = "part of the shell, which owns the clock")]

use std::iter;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use super::dir_lock::DirLock;
use super::error::NodeError;
use super::inbox::{Inbox, Input};
use super::metrics::Metrics;
use super::options::nanos;
use crate::raft::Nanos;
use crate::replica::{self, Journal, Report, WalJob};
use crate::storage::{RealDisk, WalError};

/// A sync that takes longer is worth a line.
const SLOW_SYNC: Duration = Duration::from_millis(500);

/// The thread, as the driver holds it.
#[derive(Debug)]
pub(super) struct WalThread {
    jobs: Sender<WalJob>,
    thread: JoinHandle<Result<(), WalError>>,
}

impl WalThread {
    /// Queues a write. If the thread has ended, the write is lost; the inbox has, or will have, [`Input::WalEnded`].
    pub(super) fn write(&self, job: WalJob) {
        let _ = self.jobs.send(job);
    }

    /// A disk that the test plays itself.
    #[cfg(test)]
    pub(super) fn played() -> (Self, Receiver<WalJob>) {
        let (jobs, queue) = channel();
        (Self { jobs, thread: std::thread::spawn(|| Ok(())) }, queue)
    }

    /// Waits until everything queued is on disk, and says how the thread ended.
    pub(super) fn end(self) -> Result<(), NodeError> {
        drop(self.jobs);
        match self.thread.join() {
            Ok(end) => end.map_err(NodeError::Wal),
            Err(_) => Err(NodeError::Crashed("write-ahead log thread")),
        }
    }
}

/// Starts the thread. It ends when it is asked to, after everything queued is on disk, or at the first failure. Until
/// then it keeps the `lock`: a node may give up a thread that hangs in the disk, but no other must write meanwhile.
pub(super) fn spawn(
    journal: Journal<RealDisk>,
    lock: Arc<DirLock>,
    inbox: Inbox,
    metrics: Arc<Metrics>,
) -> Result<WalThread, NodeError> {
    let (sender, jobs) = channel();
    let thread = std::thread::Builder::new().name("wal".to_owned()).spawn(move || {
        let _locked = lock;
        let _farewell = Farewell(inbox.clone());
        let mut writer = Writer { journal, jobs, inbox, metrics, origin: Instant::now() };
        writer.run()?;
        writer.journal.close()
    });
    let thread = thread.map_err(|source| NodeError::System { what: "log thread", source })?;
    Ok(WalThread { jobs: sender, thread })
}

/// Tells the driver that the thread is at its end, on every way out of it, panics included.
struct Farewell(Inbox);

impl Drop for Farewell {
    fn drop(&mut self) {
        self.0.put(Input::WalEnded);
    }
}

struct Writer {
    journal: Journal<RealDisk>,
    jobs: Receiver<WalJob>,
    inbox: Inbox,
    metrics: Arc<Metrics>,
    /// Where the thread's time starts.
    origin: Instant,
}

impl Writer {
    /// Works until nobody can ask for more, or the disk fails.
    fn run(&mut self) -> Result<(), WalError> {
        loop {
            match self.next_job() {
                Ok(first) => {
                    let jobs = iter::once(first).chain(self.jobs.try_iter());
                    let group = self.journal.take(nanos(self.origin.elapsed()), jobs)?;
                    let Some(group) = group else { continue };
                    if group.report == Report::AfterSync {
                        self.sync()?;
                    }
                    self.inbox.put(replica::Input::Persisted(group.last));
                }
                Err(RecvTimeoutError::Timeout) => self.sync()?,
                Err(RecvTimeoutError::Disconnected) => return Ok(()),
            }
        }
    }

    /// Waits for a job; times out when a sync is due.
    fn next_job(&self) -> Result<WalJob, RecvTimeoutError> {
        let Some(Nanos(due)) = self.journal.sync_due() else {
            return self.jobs.recv().map_err(|_| RecvTimeoutError::Disconnected);
        };
        let left = Duration::from_nanos(due).saturating_sub(self.origin.elapsed());
        // Not a job, however many wait: a queue that never empties must not put the sync off.
        if left.is_zero() {
            return Err(RecvTimeoutError::Timeout);
        }
        self.jobs.recv_timeout(left)
    }

    fn sync(&mut self) -> Result<(), WalError> {
        let start = Instant::now();
        self.journal.sync()?;
        let took = start.elapsed();
        self.metrics.fsync.observe(took);
        if took >= SLOW_SYNC {
            let took_ms = took.as_millis() as u64;
            tracing::warn!(took_ms, "slow sync of the write-ahead log");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bugs::{Bug, Bugs};
    use crate::raft::{Entry, HardState, IoSeq, LogIndex, NodeId, Term};
    use crate::storage::{Replay, WalOptions};
    use tokio::sync::mpsc::UnboundedReceiver;

    fn open_with(dir: &tempfile::TempDir, bugs: Bugs) -> (Journal<RealDisk>, Replay) {
        let options = WalOptions { bugs, ..WalOptions::new(1, NodeId(1)) };
        Journal::open(RealDisk::open(dir.path()).unwrap(), options).unwrap()
    }

    fn open(dir: &tempfile::TempDir) -> (Journal<RealDisk>, Replay) {
        open_with(dir, Bugs::NONE)
    }

    fn start(dir: &tempfile::TempDir, bugs: Bugs) -> (WalThread, UnboundedReceiver<Input>) {
        let (inbox, inputs) = Inbox::new();
        let lock = Arc::new(DirLock::take(&dir.path().join("lock")).unwrap());
        (spawn(open_with(dir, bugs).0, lock, inbox, Arc::default()).unwrap(), inputs)
    }

    fn job(io: u64) -> WalJob {
        let entry = Entry {
            term: Term(1),
            index: LogIndex(io),
            request: None,
            command: vec![u8::try_from(io).unwrap()],
        };
        let hard = HardState { term: Term(1), ..HardState::default() };
        WalJob { io: IoSeq(io), hard: Some(hard), entries: vec![entry] }
    }

    fn wait_for(inputs: &mut UnboundedReceiver<Input>, last: u64) {
        loop {
            match inputs.blocking_recv() {
                Some(Input::Member(replica::Input::Persisted(IoSeq(io)))) if io == last => return,
                Some(Input::Member(replica::Input::Persisted(_))) => {}
                other => panic!("unexpected: {other:?}"),
            }
        }
    }

    #[test]
    fn what_is_reported_is_on_disk_and_the_end_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let (thread, mut inputs) = start(&dir, Bugs::NONE);
        for io in 1..=20 {
            thread.write(job(io));
        }
        wait_for(&mut inputs, 20);
        // Read behind the thread's back, as a crash would leave it.
        let copy = tempfile::tempdir().unwrap();
        for file in std::fs::read_dir(dir.path()).unwrap() {
            let path = file.unwrap().path();
            std::fs::copy(&path, copy.path().join(path.file_name().unwrap())).unwrap();
        }
        assert_eq!(open(&copy).1.entries.len(), 20);
        thread.end().unwrap();
        assert!(matches!(inputs.blocking_recv(), Some(Input::WalEnded)));
        let replay = open(&dir).1;
        assert_eq!((replay.entries.len(), replay.torn_tail), (20, None));
    }

    #[test]
    fn the_bug_reports_before_anything_is_on_disk_but_a_clean_end_loses_nothing() {
        let dir = tempfile::tempdir().unwrap();
        let (thread, mut inputs) = start(&dir, Bugs::NONE.with(Bug::AckBeforeFsync));
        let size = || -> u64 {
            let files = std::fs::read_dir(dir.path()).unwrap();
            files.map(|file| file.unwrap().metadata().unwrap().len()).sum()
        };
        let before = size();
        thread.write(job(1));
        wait_for(&mut inputs, 1);
        assert_eq!(size(), before, "written within a second");
        thread.end().unwrap();
        assert_eq!(open(&dir).1.entries.len(), 1);
    }

    #[test]
    fn a_log_that_refuses_ends_the_thread_with_the_reason() {
        let dir = tempfile::tempdir().unwrap();
        let (thread, mut inputs) = start(&dir, Bugs::NONE);
        // A gap.
        thread.write(job(5));
        assert!(matches!(inputs.blocking_recv(), Some(Input::WalEnded)));
        assert!(matches!(thread.end(), Err(NodeError::Wal(WalError::Gap { .. }))));
    }
}
