//! A directory of the operating system.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use super::{Disk, DiskFile, WalError};

/// A directory that no other process uses, which the caller has to see to.
#[derive(Debug)]
pub struct RealDisk {
    directory: PathBuf,
    /// Kept open for `sync_dir`.
    handle: File,
}

impl RealDisk {
    /// Opens `directory`, creating it (and its parents) if need be.
    pub fn open(directory: &Path) -> Result<Self, WalError> {
        let failed = |action: &'static str, path: &Path| {
            let file = path.display().to_string();
            move |source| WalError::Io { action, file, source }
        };
        create_durably(directory).map_err(failed("create", directory))?;
        let handle = File::open(directory).map_err(failed("open", directory))?;
        Ok(Self { directory: directory.to_owned(), handle })
    }
}

/// Creates a directory, and its parents, whose names survive a crash. That of one which is there already is made durable
/// too: whoever created it may have died before.
pub(crate) fn create_durably(directory: &Path) -> io::Result<()> {
    create_and_sync(directory, &mut |parent| File::open(parent)?.sync_all())
}

fn create_and_sync(
    directory: &Path,
    sync: &mut impl FnMut(&Path) -> io::Result<()>,
) -> io::Result<()> {
    let parent = match directory.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    if directory.is_dir() {
        return match sync(parent) {
            // Where this process could not have created it, it is not its to make durable.
            Err(error) if is_somebody_elses(&error) => Ok(()),
            other => other,
        };
    }
    create_and_sync(parent, sync)?;
    match fs::create_dir(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => sync(parent),
    }
}

fn is_somebody_elses(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem)
}

impl Disk for RealDisk {
    type File = RealFile;

    fn list(&mut self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.directory)? {
            // A name that is not UTF-8 is none of ours.
            names.extend(entry?.file_name().into_string());
        }
        names.sort();
        Ok(names)
    }

    fn open(&mut self, name: &str) -> io::Result<RealFile> {
        let file = OpenOptions::new().read(true).write(true).open(self.directory.join(name))?;
        Ok(RealFile { file, buffered: Vec::new(), resized: false })
    }

    fn create(&mut self, name: &str) -> io::Result<RealFile> {
        let path = self.directory.join(name);
        let file = OpenOptions::new().read(true).write(true).create_new(true).open(path)?;
        Ok(RealFile { file, buffered: Vec::new(), resized: false })
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        fs::remove_file(self.directory.join(name))
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        self.handle.sync_all()
    }

    fn locate(&self, name: &str) -> String {
        self.directory.join(name).display().to_string()
    }
}

/// A file of the operating system, with its buffer in this process.
#[derive(Debug)]
pub struct RealFile {
    file: File,
    /// Runs of bytes with their offsets, in the order in which they were written.
    buffered: Vec<(u64, Vec<u8>)>,
    resized: bool,
}

impl DiskFile for RealFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.file.metadata()?.len())
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.file.read_at(into, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                other => return other,
            }
        }
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) {
        match self.buffered.last_mut() {
            Some((start, run)) if *start + run.len() as u64 == offset => run.extend(bytes),
            _ => self.buffered.push((offset, bytes.to_vec())),
        }
    }

    fn write_out(&mut self) -> io::Result<()> {
        for (offset, run) in std::mem::take(&mut self.buffered) {
            self.file.write_all_at(&run, offset)?;
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.write_out()?;
        // fdatasync must make a grown file's length durable; of a shrunk one POSIX does not say so.
        if std::mem::take(&mut self.resized) { self.file.sync_all() } else { self.file.sync_data() }
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        self.resized = true;
        self.file.set_len(size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn synced_for(directory: &Path) -> Vec<PathBuf> {
        let mut synced = Vec::new();
        let mut note = |parent: &Path| {
            synced.push(parent.to_owned());
            Ok(())
        };
        create_and_sync(directory, &mut note).unwrap();
        assert!(directory.is_dir());
        synced
    }

    #[test]
    fn every_new_name_is_synced_in_its_parent_and_an_old_one_again() {
        let root = tempfile::tempdir().unwrap();
        let outside = root.path().parent().unwrap();
        let new = root.path().join("new");
        let data = new.join("data");
        assert_eq!(synced_for(&data), [outside, root.path(), &*new]);
        assert_eq!(synced_for(&data), [&*new]);
        create_durably(&data).unwrap();
    }

    #[test]
    fn a_name_that_somebody_else_made_is_not_ours_to_sync() {
        let root = tempfile::tempdir().unwrap();
        let mut denied = |_: &Path| Err(io::ErrorKind::PermissionDenied.into());
        create_and_sync(root.path(), &mut denied).unwrap();
        create_and_sync(&root.path().join("new"), &mut denied).unwrap_err();
    }
}
