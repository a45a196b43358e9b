//! Whose data directory this is, that only one node uses it, and how often it has started.
//!
//! ```text
//!   DIR/lock        held (flock) for as long as the node lives; the kernel lets go of it even after SIGKILL
//!   DIR/identity    format, cluster, node, incarnation; replaced as a whole at every start
//!   DIR/wal/        the write-ahead log, see crate::storage
//! ```
//!
//! The incarnation counts starts. It is written, synced and renamed into place before the node does anything that the
//! outside could see, so no two lives of a node ever share one. Two things hang on it: request ids, which must never be
//! used twice ([`RequestNumbers`]), and the peers' right to ignore what an earlier life of this node still has in flight.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::error::NodeError;
use crate::raft::{NodeId, RequestId};

/// First line of the identity file.
const FORMAT: &str = "rashomon-node 1";
/// Bits of a request number that count within one incarnation: at a million requests a second it takes twelve days to
/// use up 2^40, and the 2^24 incarnations that remain are a restart a second for half a year.
const COUNTER_BITS: u32 = 40;
/// The highest incarnation that leaves room for the counter.
const INCARNATION_MAX: u64 = (1 << (u64::BITS - COUNTER_BITS)) - 1;

/// A data directory that this process owns until the value is dropped.
#[derive(Debug)]
pub(super) struct DataDir {
    path: PathBuf,
    incarnation: u64,
    /// Holds the lock; never read.
    _lock: File,
}

impl DataDir {
    /// Takes the directory into use: creates what is missing, locks it, checks whose it is, and counts this start.
    pub(super) fn open(path: &Path, id: NodeId, cluster: u64) -> Result<Self, NodeError> {
        fs::create_dir_all(path).map_err(|source| at(path, source))?;
        let lock = take_lock(path)?;
        let file = path.join("identity");
        let last = match fs::read_to_string(&file) {
            Ok(text) => parse(&text, path, &file, id, cluster)?,
            Err(error) if error.kind() == io::ErrorKind::NotFound => first_start(path, &file)?,
            Err(source) => return Err(at(&file, source)),
        };
        let incarnation = last + 1;
        if incarnation > INCARNATION_MAX {
            let reason = format!("this node has started {last} times, which is all it can count");
            return Err(NodeError::DamagedIdentity { path: file, reason });
        }
        write(path, &file, &render(id, cluster, incarnation))?;
        Ok(Self { path: path.to_path_buf(), incarnation, _lock: lock })
    }

    /// How many times the node has started, this time included.
    pub(super) fn incarnation(&self) -> u64 {
        self.incarnation
    }

    /// Where the write-ahead log lives.
    pub(super) fn wal(&self) -> PathBuf {
        self.path.join("wal")
    }
}

/// Numbers for requests that this node takes, unique over all its incarnations.
#[derive(Debug)]
pub(super) struct RequestNumbers {
    node: NodeId,
    next: u64,
    end: u64,
}

impl RequestNumbers {
    /// The numbers of one incarnation.
    pub(super) fn new(node: NodeId, incarnation: u64) -> Self {
        let next = incarnation << COUNTER_BITS;
        Self { node, next, end: next | ((1 << COUNTER_BITS) - 1) }
    }

    /// A number that was never used before; `None` once this incarnation has used up its own.
    pub(super) fn next(&mut self) -> Option<RequestId> {
        if self.next == self.end {
            return None;
        }
        self.next += 1;
        Some(RequestId { node: self.node, number: self.next })
    }
}

fn take_lock(path: &Path) -> Result<File, NodeError> {
    let file = path.join("lock");
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&file)
        .map_err(|source| at(&file, source))?;
    match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(lock),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            Err(NodeError::DataDirLocked { path: path.to_path_buf() })
        }
        Err(errno) => Err(at(&file, errno.into())),
    }
}

/// No identity: fine in a new directory. Next to a log it is not, since a count that starts over could name two
/// requests alike.
fn first_start(path: &Path, file: &Path) -> Result<u64, NodeError> {
    let wal = path.join("wal");
    let is_empty = match fs::read_dir(&wal) {
        Ok(mut entries) => entries.next().is_none(),
        Err(error) if error.kind() == io::ErrorKind::NotFound => true,
        Err(error) => return Err(at(&wal, error)),
    };
    if is_empty {
        return Ok(0);
    }
    let reason = "missing, although there is a write-ahead log".to_owned();
    Err(NodeError::DamagedIdentity { path: file.to_path_buf(), reason })
}

fn render(id: NodeId, cluster: u64, incarnation: u64) -> String {
    format!("{FORMAT}\ncluster {cluster}\nnode {}\nincarnation {incarnation}\n", id.0)
}

/// The last incarnation, once the file is found to be this node's.
fn parse(text: &str, path: &Path, file: &Path, id: NodeId, cluster: u64) -> Result<u64, NodeError> {
    let damaged = |reason: String| NodeError::DamagedIdentity { path: file.to_path_buf(), reason };
    let mut lines = text.lines();
    if lines.next() != Some(FORMAT) {
        return Err(damaged(format!("the first line is not {FORMAT:?}")));
    }
    let mut number = |name: &str| {
        lines
            .next()
            .and_then(|line| line.strip_prefix(name)?.strip_prefix(' ')?.parse::<u64>().ok())
            .ok_or_else(|| damaged(format!("no line \"{name} NUMBER\" where there should be")))
    };
    let (found_cluster, found_id, last) =
        (number("cluster")?, NodeId(number("node")?), number("incarnation")?);
    if (found_id, found_cluster) != (id, cluster) {
        let path = path.to_path_buf();
        return Err(NodeError::ForeignDataDir { path, id, cluster, found_id, found_cluster });
    }
    Ok(last)
}

/// Replaces the file as a whole and makes that durable: after a crash the old or the new one is there.
fn write(path: &Path, file: &Path, text: &str) -> Result<(), NodeError> {
    let new = path.join("identity.new");
    let mut out = File::create(&new).map_err(|source| at(&new, source))?;
    out.write_all(text.as_bytes())
        .and_then(|()| out.sync_all())
        .map_err(|source| at(&new, source))?;
    fs::rename(&new, file).map_err(|source| at(file, source))?;
    File::open(path).and_then(|dir| dir.sync_all()).map_err(|source| at(path, source))
}

fn at(path: &Path, source: io::Error) -> NodeError {
    NodeError::DataDir { path: path.to_path_buf(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CLUSTER: u64 = 7;
    const ID: NodeId = NodeId(2);

    #[test]
    fn every_start_is_counted() {
        let dir = tempfile::tempdir().unwrap();
        for expected in 1..=3 {
            let data = DataDir::open(&dir.path().join("new"), ID, CLUSTER).unwrap();
            assert_eq!(data.incarnation(), expected);
        }
    }

    #[test]
    fn a_second_node_is_kept_out_until_the_first_is_gone() {
        let dir = tempfile::tempdir().unwrap();
        let first = DataDir::open(dir.path(), ID, CLUSTER).unwrap();
        let second = DataDir::open(dir.path(), ID, CLUSTER);
        assert!(matches!(second, Err(NodeError::DataDirLocked { .. })), "{second:?}");
        drop(first);
        assert_eq!(DataDir::open(dir.path(), ID, CLUSTER).unwrap().incarnation(), 2);
    }

    #[test]
    fn the_directory_of_another_node_or_cluster_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        drop(DataDir::open(dir.path(), ID, CLUSTER).unwrap());
        for (id, cluster) in [(NodeId(3), CLUSTER), (ID, CLUSTER + 1)] {
            let error = DataDir::open(dir.path(), id, cluster).unwrap_err();
            assert!(matches!(error, NodeError::ForeignDataDir { .. }), "{error}");
        }
        assert_eq!(DataDir::open(dir.path(), ID, CLUSTER).unwrap().incarnation(), 2);
    }

    #[test]
    fn a_damaged_identity_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        drop(DataDir::open(dir.path(), ID, CLUSTER).unwrap());
        let whole = fs::read_to_string(dir.path().join("identity")).unwrap();
        for text in ["", "something else\n", &whole[..whole.len() - 4], &whole.replace('2', "x")] {
            fs::write(dir.path().join("identity"), text).unwrap();
            let error = DataDir::open(dir.path(), ID, CLUSTER).unwrap_err();
            assert!(matches!(error, NodeError::DamagedIdentity { .. }), "{text:?}: {error}");
        }
    }

    #[test]
    fn a_log_without_identity_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("wal")).unwrap();
        drop(DataDir::open(dir.path(), ID, CLUSTER).unwrap());
        fs::remove_file(dir.path().join("identity")).unwrap();
        fs::write(dir.path().join("wal/segment"), b"x").unwrap();
        let error = DataDir::open(dir.path(), ID, CLUSTER).unwrap_err();
        assert!(error.to_string().contains("missing"), "{error}");
    }

    #[test]
    fn numbers_of_different_incarnations_never_meet() {
        let mut last = 0;
        for incarnation in 1..4 {
            let mut numbers = RequestNumbers::new(ID, incarnation);
            let first = numbers.next().unwrap().number;
            assert!(first > last, "{first} after {last}");
            numbers.next = numbers.end - 1;
            last = numbers.next().unwrap().number;
            assert_eq!(numbers.next(), None, "used up");
        }
        assert!(RequestNumbers::new(ID, INCARNATION_MAX).next().is_some());
    }
}
