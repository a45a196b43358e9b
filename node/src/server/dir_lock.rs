//! One process a data directory.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use rustix::fs::{FlockOperation, flock};

/// A lock on a directory, held until the value is dropped or the process is gone; the kernel lets go of it even after
/// SIGKILL.
#[derive(Debug)]
pub(super) struct DirLock {
    /// Never read: its being open is the lock.
    _file: File,
}

/// Why a directory is not locked.
#[derive(Debug)]
pub(super) enum LockError {
    /// Somebody else has it: who, as far as it can be told.
    Held(String),
    /// The system refuses.
    Io(io::Error),
}

impl DirLock {
    /// Takes the lock, which lies in `file`; does not wait for it.
    pub(super) fn take(file: &Path) -> Result<Self, LockError> {
        let mut lock = File::options()
            .read(true)
            .write(true)
            .create(true)
            .truncate(false)
            .open(file)
            .map_err(LockError::Io)?;
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(rustix::io::Errno::WOULDBLOCK) => return Err(LockError::Held(holder(&mut lock))),
            Err(errno) => return Err(LockError::Io(errno.into())),
        }
        // Only for whoever comes second: the lock itself is the kernel's.
        lock.set_len(0)
            .and_then(|()| writeln!(lock, "{}", std::process::id()))
            .map_err(LockError::Io)?;
        Ok(Self { _file: lock })
    }
}

fn holder(lock: &mut File) -> String {
    let mut text = String::new();
    match lock.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => format!("process {}", text.trim()),
        _ => "another process".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_second_is_told_who_came_first() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("lock");
        std::fs::write(&file, "a process id of an earlier life, longer than any\n").unwrap();
        let first = DirLock::take(&file).unwrap();
        match DirLock::take(&file) {
            Err(LockError::Held(holder)) => {
                assert_eq!(holder, format!("process {}", std::process::id()));
            }
            other => panic!("{other:?}"),
        }
        drop(first);
        DirLock::take(&file).unwrap();
    }
}
