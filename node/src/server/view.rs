//! What the rest of the node may know about its core without asking it: a snapshot behind atomics.
//!
//! Owned by the driver and the applier, who write it; read by the client API, the metrics page and the log. Nothing in
//! it decides whether a request is answered: it is old as soon as it is read.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::raft::{LogIndex, NodeId, Role, Term};
use crate::replica::Standing;

/// The snapshot.
#[derive(Debug)]
pub(super) struct View {
    /// This node.
    pub(super) id: NodeId,
    /// Its cluster.
    pub(super) cluster: u64,
    wal: PathBuf,
    standing: Mutex<Standing>,
    /// The term once more, for the header of every response.
    term: AtomicU64,
    commit: AtomicU64,
    applied: AtomicU64,
    revision: AtomicI64,
    stopping: AtomicBool,
}

impl View {
    /// A node that knows nothing yet but its term; `wal` is the directory of its log.
    pub(super) fn new(id: NodeId, cluster: u64, wal: PathBuf, term: Term) -> Self {
        Self {
            id,
            cluster,
            wal,
            standing: Mutex::new(Standing { role: Role::Follower, term, leader: None }),
            term: AtomicU64::new(term.0),
            commit: AtomicU64::new(0),
            applied: AtomicU64::new(0),
            revision: AtomicI64::new(1),
            stopping: AtomicBool::new(false),
        }
    }

    /// Role, term and leader, of one moment.
    pub(super) fn standing(&self) -> Standing {
        *self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Sets them, and returns what they were.
    pub(super) fn set_standing(&self, standing: Standing) -> Standing {
        self.term.store(standing.term.0, Ordering::Relaxed);
        let mut held = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::replace(&mut *held, standing)
    }

    /// The term, cheaply.
    pub(super) fn term(&self) -> u64 {
        self.term.load(Ordering::Relaxed)
    }

    /// Highest index known to be committed.
    pub(super) fn commit(&self) -> u64 {
        self.commit.load(Ordering::Relaxed)
    }

    /// Called by the driver after each step.
    pub(super) fn set_commit(&self, commit: LogIndex) {
        self.commit.store(commit.0, Ordering::Relaxed);
    }

    /// Everything up to here is in the store.
    pub(super) fn applied(&self) -> LogIndex {
        // Pairs with `set_applied`: who sees the index sees the store as of it (or later).
        LogIndex(self.applied.load(Ordering::Acquire))
    }

    /// The store's revision there.
    pub(super) fn revision(&self) -> i64 {
        self.revision.load(Ordering::Relaxed)
    }

    /// Called by who applies, after letting go of the store.
    pub(super) fn set_applied(&self, index: LogIndex, revision: i64) {
        self.revision.store(revision, Ordering::Relaxed);
        self.applied.store(index.0, Ordering::Release);
    }

    /// Bytes of the write-ahead log on disk, as the directory has them; 0 if it cannot be read.
    pub(super) fn wal_bytes(&self) -> u64 {
        let Ok(entries) = std::fs::read_dir(&self.wal) else { return 0 };
        entries.flatten().filter_map(|entry| entry.metadata().ok()).map(|file| file.len()).sum()
    }

    /// Whether the node has been told to stop.
    pub(super) fn is_stopping(&self) -> bool {
        self.stopping.load(Ordering::Relaxed)
    }

    /// No more requests from now on.
    pub(super) fn set_stopping(&self) {
        self.stopping.store(true, Ordering::Relaxed);
    }
}
