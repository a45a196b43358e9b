//! What the log needs of a disk. The seam at which a test or a simulator puts one that forgets.

use std::io;

/// One flat directory of files.
///
/// Creating and removing are visible at once but survive a crash only after [`sync_dir`](Self::sync_dir).
pub trait Disk {
    /// An open file.
    type File: DiskFile;

    /// Names of all files, sorted.
    fn list(&mut self) -> io::Result<Vec<String>>;

    /// Opens an existing file for reading and writing.
    fn open(&mut self, name: &str) -> io::Result<Self::File>;

    /// Creates an empty file; fails if the name exists.
    fn create(&mut self, name: &str) -> io::Result<Self::File>;

    /// Removes a file.
    fn remove(&mut self, name: &str) -> io::Result<()>;

    /// Makes all creations and removals durable.
    fn sync_dir(&mut self) -> io::Result<()>;

    /// How a person finds the file, for error messages.
    fn locate(&self, name: &str) -> String {
        name.to_owned()
    }
}

/// An open file. What is written stays in this process until [`sync`](Self::sync).
pub trait DiskFile {
    /// Length of the file, without what is buffered.
    fn size(&self) -> io::Result<u64>;

    /// Reads up to `into.len()` bytes at `offset`, without what is buffered; 0 at the end of the file.
    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize>;

    /// Buffers bytes to be written at `offset`. Neither the kernel nor a reader sees them before `sync`.
    fn write_at(&mut self, offset: u64, bytes: &[u8]);

    /// Hands the buffered bytes to the kernel, all of them, and no further: they survive this process, not the machine.
    fn write_out(&mut self) -> io::Result<()>;

    /// Hands the buffered bytes to the kernel, all of them, and returns once they and the file's length are durable.
    /// After a failure the buffer is empty and nobody knows what is durable.
    fn sync(&mut self) -> io::Result<()>;

    /// Shortens or extends (with zeros) the file; durable after the next `sync`.
    fn truncate(&mut self, size: u64) -> io::Result<()>;
}
