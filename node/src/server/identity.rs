//! Whose data directory this is, that only one node uses it, and how often it has started.
//!
//! ```text
//!   DIR/lock        held (flock) for as long as the node lives; names the process
//!   DIR/identity    cluster, node, members, incarnation; replaced as a whole at every start: see record.rs
//!   DIR/wal/        the write-ahead log, see crate::storage
//! ```
//!
//! The incarnation counts starts. It is written, synced and renamed into place before the node does anything that the
//! outside could see, so no two lives of a node ever share one. Two things hang on it: request ids, which must never be
//! used twice ([`RequestNumbers`](crate::replica::RequestNumbers)), and the peers' right to ignore what an earlier life of this node still has in flight.
//!
//! The members are those of the first start. A node that came back as a member of something smaller could commit alone
//! what the others have never seen.
//!
//! That there is a log is written down before the log holds anything. So a log that is gone is noticed, and not taken for
//! one that never was: the node would have forgotten its votes and what it acknowledged.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

mod record;

use record::Record;

use super::dir_lock::{DirLock, LockError};
use super::error::NodeError;
use crate::replica::{Claim, INCARNATION_MAX, Members};
use crate::storage::create_durably;

/// A data directory that this process owns until the value, and every copy of its lock, is dropped.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    record: Record,
    lock: Arc<DirLock>,
}

impl DataDir {
    /// Takes the directory into use: creates what is missing, locks it, checks whose it is, and counts this start.
    pub(super) fn open(path: &Path, claim: &Claim) -> Result<Self, NodeError> {
        create_durably(path).map_err(|source| at(path, source))?;
        let lock = Arc::new(take_lock(path)?);
        let file = path.join("identity");
        let mut record = match fs::read(&file) {
            Ok(bytes) => checked(&bytes, path, &file, claim)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                first_start(path, &file, claim)?
            }
            Err(source) => return Err(at(&file, source)),
        };
        if record.incarnation >= INCARNATION_MAX {
            let starts = record.incarnation;
            let reason = format!("this node has started {starts} times, which is all it can count");
            return Err(NodeError::DamagedIdentity { path: file, reason });
        }
        record.incarnation += 1;
        let dir = Self { path: path.to_path_buf(), record, lock };
        dir.write()?;
        Ok(dir)
    }

    /// How many times the node has started, this time included.
    pub(super) fn incarnation(&self) -> u64 {
        self.record.incarnation
    }

    /// Where the write-ahead log lives.
    pub(super) fn wal(&self) -> PathBuf {
        self.path.join("wal")
    }

    /// Whether there must be a log, as one was opened here before.
    pub(super) fn has_log(&self) -> bool {
        self.record.has_log
    }

    /// From now on there must be a log. Call before anything is written to it.
    pub(super) fn log_opened(&mut self) -> Result<(), NodeError> {
        if self.record.has_log {
            return Ok(());
        }
        self.record.has_log = true;
        self.write()
    }

    /// For whoever may outlive this value and still writes to the directory.
    pub(super) fn lock(&self) -> Arc<DirLock> {
        Arc::clone(&self.lock)
    }

    /// Replaces the file as a whole and makes that durable: after a crash the old or the new one is there.
    fn write(&self) -> Result<(), NodeError> {
        let (file, new) = (self.path.join("identity"), self.path.join("identity.new"));
        let mut out = File::create(&new).map_err(|source| at(&new, source))?;
        out.write_all(self.record.render().as_bytes())
            .and_then(|()| out.sync_all())
            .map_err(|source| at(&new, source))?;
        fs::rename(&new, &file).map_err(|source| at(&file, source))?;
        let synced = File::open(&self.path).and_then(|dir| dir.sync_all());
        synced.map_err(|source| at(&self.path, source))
    }
}

fn take_lock(path: &Path) -> Result<DirLock, NodeError> {
    let file = path.join("lock");
    DirLock::take(&file).map_err(|error| match error {
        LockError::Held(holder) => NodeError::DataDirLocked { path: path.to_path_buf(), holder },
        LockError::Io(source) => at(&file, source),
    })
}

/// No identity: fine in a new directory. Next to a log it is not, since a count that starts over could name two
/// requests alike.
fn first_start(path: &Path, file: &Path, claim: &Claim) -> Result<Record, NodeError> {
    let wal = path.join("wal");
    let is_empty = match fs::read_dir(&wal) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(at(&wal, error)),
    };
    if !is_empty {
        let reason = "missing, although there is a write-ahead log".to_owned();
        return Err(NodeError::DamagedIdentity { path: file.to_path_buf(), reason });
    }
    let Claim { cluster, id, members } = claim.clone();
    Ok(Record { cluster, node: id, members, incarnation: 0, has_log: false })
}

/// What the file says, once it is found to be this node's.
fn checked(bytes: &[u8], path: &Path, file: &Path, claim: &Claim) -> Result<Record, NodeError> {
    let damaged = |reason| NodeError::DamagedIdentity { path: file.to_path_buf(), reason };
    let record = Record::parse(bytes).map_err(damaged)?;
    let path = path.to_path_buf();
    let Claim { cluster, id, ref members } = *claim;
    if (record.node, record.cluster) != (id, cluster) {
        let (found_id, found_cluster) = (record.node, record.cluster);
        return Err(NodeError::ForeignDataDir { path, id, cluster, found_id, found_cluster });
    }
    if record.members != *members {
        let (members, found) = (Members(members.clone()), Members(record.members));
        return Err(NodeError::OtherMembers { path, members, found });
    }
    Ok(record)
}

fn at(path: &Path, source: io::Error) -> NodeError {
    NodeError::DataDir { path: path.to_path_buf(), source }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::raft::NodeId;

    const CLUSTER: u64 = 7;
    const ID: NodeId = NodeId(2);

    fn claim() -> Claim {
        Claim { cluster: CLUSTER, id: ID, members: [1, 2, 3].map(NodeId).into() }
    }

    #[test]
    fn every_start_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        for expected in 1..=3 {
            let data = DataDir::open(&dir.path().join("new"), &claim()).unwrap();
            assert_eq!(data.incarnation(), expected);
        }
    }

    #[test]
    fn a_second_node_is_kept_out_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataDir::open(dir.path(), &claim()).unwrap();
        let still_writing = first.lock();
        let refused = |second: Result<DataDir, NodeError>| {
            let error = second.unwrap_err();
            assert!(matches!(error, NodeError::DataDirLocked { .. }), "{error}");
            let holder = format!("in use by process {}", std::process::id());
            assert!(error.to_string().contains(&holder), "{error}");
        };
        refused(DataDir::open(dir.path(), &claim()));
        drop(first);
        refused(DataDir::open(dir.path(), &claim()));
        drop(still_writing);
        assert_eq!(DataDir::open(dir.path(), &claim()).unwrap().incarnation(), 2);
    }

    #[test]
    fn the_directory_of_another_node_or_cluster_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        drop(DataDir::open(dir.path(), &claim()).unwrap());
        for other in [Claim { id: NodeId(3), ..claim() }, Claim { cluster: CLUSTER + 1, ..claim() }]
        {
            let error = DataDir::open(dir.path(), &other).unwrap_err();
            assert!(matches!(error, NodeError::ForeignDataDir { .. }), "{error}");
            assert!(error.is_usage());
        }
        assert_eq!(DataDir::open(dir.path(), &claim()).unwrap().incarnation(), 2);
    }

    #[test]
    fn a_member_of_three_does_not_come_back_alone_or_in_other_company() {
        let dir = tempfile::tempdir().unwrap();
        drop(DataDir::open(dir.path(), &claim()).unwrap());
        for members in [vec![2], vec![1, 2], vec![1, 2, 4], vec![1, 2, 3, 4]] {
            let members = members.into_iter().map(NodeId).collect();
            let error = DataDir::open(dir.path(), &Claim { members, ..claim() }).unwrap_err();
            assert!(error.is_usage(), "{error}");
            assert!(error.to_string().contains("belongs to a cluster of n1, n2, n3"), "{error}");
        }
        assert_eq!(DataDir::open(dir.path(), &claim()).unwrap().incarnation(), 2);
    }

    #[test]
    fn that_a_log_was_opened_is_remembered() {
        let dir = tempfile::tempdir().unwrap();
        let mut data = DataDir::open(dir.path(), &claim()).unwrap();
        assert!(!data.has_log());
        data.log_opened().unwrap();
        drop(data);
        let data = DataDir::open(dir.path(), &claim()).unwrap();
        assert!(data.has_log());
        assert_eq!(data.incarnation(), 2);
    }

    #[test]
    fn a_damaged_identity_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        drop(DataDir::open(dir.path(), &claim()).unwrap());
        let whole = fs::read_to_string(dir.path().join("identity")).unwrap();
        let overflowing = whole.replace("incarnation 1\n", &format!("incarnation {}\n", u64::MAX));
        for text in ["", "something else\n", &whole[..whole.len() - 4], &overflowing] {
            fs::write(dir.path().join("identity"), text).unwrap();
            let error = DataDir::open(dir.path(), &claim()).unwrap_err();
            assert!(matches!(error, NodeError::DamagedIdentity { .. }), "{text:?}: {error}");
        }
    }

    #[test]
    fn the_last_incarnation_is_not_followed_by_another() {
        let dir = tempfile::tempdir().unwrap();
        let mut data = DataDir::open(dir.path(), &claim()).unwrap();
        for (incarnation, fits) in
            [(INCARNATION_MAX - 1, true), (INCARNATION_MAX, false), (u64::MAX, false)]
        {
            data.record.incarnation = incarnation;
            data.write().unwrap();
            drop(data);
            let again = DataDir::open(dir.path(), &claim());
            assert_eq!(again.is_ok(), fits, "{again:?}");
            drop(again);
            data = DataDir {
                path: dir.path().to_path_buf(),
                record: first_start(dir.path(), dir.path(), &claim()).unwrap(),
                lock: Arc::new(take_lock(dir.path()).unwrap()),
            };
        }
    }

    #[test]
    fn a_log_without_identity_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("wal")).unwrap();
        drop(DataDir::open(dir.path(), &claim()).unwrap());
        fs::remove_file(dir.path().join("identity")).unwrap();
        fs::write(dir.path().join("wal/segment"), b"x").unwrap();
        let error = DataDir::open(dir.path(), &claim()).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
    }
}
