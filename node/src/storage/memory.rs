//! A disk in memory that forgets, for tests and simulation. Deterministic: torn writes come from a seed.
//!
//! Three layers, as on a real machine:
//! ```text
//!   handle's buffer  --sync: write-->  page cache  --sync: flush-->  platter
//!   lost by kill()                     lost by crash()               kept
//!                                      (all, none, or a torn part)
//! ```
//! Names have the last two layers as well: what is created or removed may be undone by a crash before `sync_dir`.
//! Every call that changes something has a number, from 1; [`MemDisk::fail_at`] makes one of them fail.
//!
//! In a simulation a sync takes time, and a crash may come in the middle of one. There the disk is [`MemDisk::timed`]: calls
//! are carried out at once, so that the caller can go on, but [`MemDisk::spread`] says afterwards when each of them would
//! have ended, and a crash undoes what it came before. Until [`MemDisk::settle`] nothing is on the platter.
//!
//! It refuses to own time: moments are numbers that somebody else counts.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use self::state::{Change, State};
use super::{Disk, DiskFile};

mod crash;
mod state;

/// What a crash does to bytes and names that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    /// None of them survives.
    LoseUnsynced,
    /// All of them survive.
    KeepUnsynced,
    /// A part survives, chosen by this seed: any bytes, any length in between, any names.
    Torn(u64),
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// An I/O error. A failed flush leaves the bytes visible, but takes them for clean: the next flush succeeds without
    /// them, and they are not on the platter.
    Eio,
    /// The disk is full. A write gets this many bytes through before.
    Enospc {
        /// How many.
        written: usize,
    },
    /// The power fails before the call has an effect (a flush: with the bytes in the page cache). Every later call fails
    /// until [`MemDisk::crash`].
    PowerCut,
}

/// The disk. Clones are the same disk.
#[derive(Debug, Clone, Default)]
pub struct MemDisk {
    state: Arc<Mutex<State>>,
}

/// An open file of a [`MemDisk`]; dead after a kill or crash.
#[derive(Debug)]
pub struct MemFile {
    disk: MemDisk,
    inode: usize,
    incarnation: u64,
    buffered: Vec<(usize, Vec<u8>)>,
}

impl MemDisk {
    /// An empty disk on which calls take no time.
    pub fn new() -> Self {
        Self::default()
    }

    /// An empty disk whose flushes reach the platter when [`settle`](Self::settle) says so.
    pub fn timed() -> Self {
        let disk = Self::default();
        disk.lock().timed = true;
        disk
    }

    /// The process dies, the machine goes on: buffers of open files are lost, the page cache is not.
    pub fn kill(&self) {
        self.kill_at(u64::MAX);
    }

    /// The same at a moment: calls that would have ended later never happened.
    pub fn kill_at(&self, moment: u64) {
        self.lock().kill(moment);
    }

    /// The machine dies.
    pub fn crash(&self, crash: Crash) {
        self.crash_at(u64::MAX, crash);
    }

    /// The same at a moment: calls that would have ended later never happened. Says how many bytes and names were not
    /// synced and did not survive.
    pub fn crash_at(&self, moment: u64, crash: Crash) -> u64 {
        let mut state = self.lock();
        state.kill(moment);
        state.crash(crash)
    }

    /// Makes the call with this number fail.
    pub fn fail_at(&self, call: u64, fault: Fault) {
        self.lock().faults.insert(call, fault);
    }

    /// No call fails any more that was to.
    pub fn forget_faults(&self) {
        self.lock().faults.clear();
    }

    /// From now on every call fails with an I/O error, or no longer.
    pub fn set_failing(&self, failing: bool) {
        self.lock().failing = failing;
    }

    /// From now on files can grow by this many bytes together; `None` for without end.
    pub fn set_free(&self, bytes: Option<usize>) {
        self.lock().free = bytes;
    }

    /// How many calls that change something were made so far.
    pub fn calls(&self) -> u64 {
        self.lock().numbered
    }

    /// How many of them failed.
    pub fn failures(&self) -> u64 {
        self.lock().failures
    }

    /// How many calls wait for their moment or for a flush: where [`spread`](Self::spread) is to begin later.
    pub fn mark(&self) -> usize {
        self.lock().changes.len()
    }

    /// Gives the calls since `mark` the moments at which they end, evenly over `[from, to]`, the last one at `to`.
    pub fn spread(&self, mark: usize, from: u64, to: u64) {
        let mut state = self.lock();
        let calls = state.changes.get_mut(mark..).unwrap_or_default();
        let count = calls.len() as u64;
        for (call, number) in calls.iter_mut().zip(1..) {
            call.moment = from + (to - from) * number / count;
        }
    }

    /// Brings to the platter what flushes have asked for that ended by `moment`.
    pub fn settle(&self, moment: u64) {
        self.lock().settle(moment);
    }

    /// Flips one bit of a file, wherever it is held. Nothing if there is no such byte.
    pub fn flip_bit(&self, name: &str, byte: usize, bit: u8) {
        self.lock().flip_bit(name, byte, bit);
    }

    /// Where the latest write to a file began that is whole or on the platter; `None` if there is none.
    pub fn last_write(&self, name: &str) -> Option<usize> {
        self.lock().last_write(name)
    }

    /// The file as a reader would see it; empty if there is none.
    pub fn content(&self, name: &str) -> Vec<u8> {
        self.lock().cache.content(name).cloned().unwrap_or_default()
    }

    /// Replaces a file's content, durably, without a call; creates it if need be.
    pub fn plant(&self, name: &str, bytes: &[u8]) {
        self.lock().plant(name, bytes);
    }

    /// Removes every file, durably, without a call.
    pub fn wipe(&self) {
        self.lock().wipe();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Fault {
    fn error(self) -> io::Error {
        match self {
            Self::Eio => io::Error::other("input/output error"),
            Self::Enospc { .. } => io::ErrorKind::StorageFull.into(),
            Self::PowerCut => io::Error::other("the power is out"),
        }
    }
}

impl Disk for MemDisk {
    type File = MemFile;

    fn list(&mut self) -> io::Result<Vec<String>> {
        Ok(self.lock().cache.names())
    }

    fn open(&mut self, name: &str) -> io::Result<MemFile> {
        let state = self.lock();
        let (inode, incarnation) = (state.cache.inode(name)?, state.incarnation);
        Ok(MemFile { disk: self.clone(), inode, incarnation, buffered: Vec::new() })
    }

    fn create(&mut self, name: &str) -> io::Result<MemFile> {
        let mut state = self.lock();
        if state.cache.inode(name).is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        state.simple_call()?;
        let inode = state.new_inode();
        state.change(Change::Create(name.to_owned(), inode));
        drop(state);
        self.open(name)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.cache.inode(name)?;
        state.simple_call()?;
        state.change(Change::Remove(name.to_owned()));
        Ok(())
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        let mut state = self.lock();
        state.simple_call()?;
        state.change(Change::SyncDir);
        Ok(())
    }
}

impl MemFile {
    fn state(&self) -> io::Result<MutexGuard<'_, State>> {
        let state = self.disk.lock();
        if state.incarnation == self.incarnation {
            Ok(state)
        } else {
            Err(io::Error::other("the process that opened this file is dead"))
        }
    }

    fn write_through(&self, offset: usize, mut bytes: Vec<u8>) -> io::Result<()> {
        let mut state = self.state()?;
        let grows = (offset + bytes.len()).saturating_sub(state.cache.bytes(self.inode).len());
        let fault = state.call_that_grows(bytes.len(), grows)?;
        bytes.truncate(match fault {
            None => bytes.len(),
            Some(Fault::Enospc { written }) => written,
            Some(Fault::Eio | Fault::PowerCut) => 0,
        });
        if !bytes.is_empty() {
            state.change(Change::Write { inode: self.inode, offset, bytes });
        }
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }
}

impl DiskFile for MemFile {
    fn size(&self) -> io::Result<u64> {
        Ok(self.state()?.cache.bytes(self.inode).len() as u64)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        let state = self.state()?;
        let rest = state.cache.bytes(self.inode).get(offset..).unwrap_or_default();
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) {
        let offset = usize::try_from(offset).expect("a file in memory fits into memory");
        self.buffered.push((offset, bytes.to_vec()));
    }

    fn write_out(&mut self) -> io::Result<()> {
        for (offset, bytes) in std::mem::take(&mut self.buffered) {
            self.write_through(offset, bytes)?;
        }
        Ok(())
    }

    fn sync(&mut self) -> io::Result<()> {
        self.write_out()?;
        let mut state = self.state()?;
        match state.call()? {
            None => {
                state.change(Change::Flush(self.inode));
                Ok(())
            }
            Some(Fault::PowerCut) => Err(Fault::PowerCut.error()),
            Some(fault) => {
                state.forget_dirty(self.inode);
                Err(fault.error())
            }
        }
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        let size = usize::try_from(size).map_err(io::Error::other)?;
        let mut state = self.state()?;
        state.simple_call()?;
        state.change(Change::Truncate { inode: self.inode, size });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
