//! A directory of the operating system.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use super::{Disk, DiskFile, WalError};

const LOCK_FILE: &str = "LOCK";

/// A directory that this process, and no other, uses. The lock ends with the value, or with the process.
#[derive(Debug)]
pub struct RealDisk {
    directory: PathBuf,
    /// Kept open for `sync_dir`.
    handle: File,
    _lock: File,
}

impl RealDisk {
    /// Opens `directory`, creating it (and its parents) if need be, and locks it.
    pub fn open(directory: &Path) -> Result<Self, WalError> {
        let failed = |action: &'static str, path: &Path| {
            let file = path.display().to_string();
            move |source| WalError::Io { action, file, source }
        };
        create_durably(directory).map_err(failed("create", directory))?;
        let handle = File::open(directory).map_err(failed("open", directory))?;
        let lock = lock(directory)?;
        Ok(Self { directory: directory.to_owned(), handle, _lock: lock })
    }
}

/// Creates a directory whose name survives a crash.
fn create_durably(directory: &Path) -> io::Result<()> {
    if directory.is_dir() {
        return Ok(());
    }
    let parent = match directory.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    create_durably(parent)?;
    match fs::create_dir(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => File::open(parent)?.sync_all(),
    }
}

fn lock(directory: &Path) -> Result<File, WalError> {
    let path = directory.join(LOCK_FILE);
    let failed = |source| WalError::Io { action: "lock", file: path.display().to_string(), source };
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .map_err(failed)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => {}
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let directory = directory.to_owned();
            return Err(WalError::Locked { directory, holder: holder(&mut file) });
        }
        Err(error) => return Err(failed(error.into())),
    }
    // Only for the message above: the lock itself is the kernel's, and goes with the process.
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
    Ok(file)
}

fn holder(file: &mut File) -> String {
    let mut text = String::new();
    match file.read_to_string(&mut text) {
        Ok(_) if !text.trim().is_empty() => format!("process {}", text.trim()),
        _ => "another process".to_owned(),
    }
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

    fn rename(&mut self, from: &str, to: &str) -> io::Result<()> {
        fs::rename(self.directory.join(from), self.directory.join(to))
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

    fn sync(&mut self) -> io::Result<()> {
        for (offset, run) in std::mem::take(&mut self.buffered) {
            self.file.write_all_at(&run, offset)?;
        }
        // fdatasync must make a grown file's length durable; of a shrunk one POSIX does not say so.
        if std::mem::take(&mut self.resized) { self.file.sync_all() } else { self.file.sync_data() }
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        self.resized = true;
        self.file.set_len(size)
    }
}
