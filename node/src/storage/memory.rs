//! A disk in memory that crashes on request, for tests and simulation. Deterministic: torn writes come from a seed.
//!
//! Three layers, as on a real machine:
//! ```text
//!   handle's buffer  --sync: write-->  page cache  --sync: flush-->  platter
//!   lost by kill()                     lost by crash()               kept
//!                                      (all, none, or a torn part)
//! ```
//! Names have the last two layers as well: what is created or removed may be undone by a crash before `sync_dir`.
//! Every call that changes something has a number, from 1; [`MemDisk::fail_at`] makes one of them fail.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Disk, DiskFile};

/// What a crash does to bytes and names that were not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Crash {
    /// None of them survives.
    LoseUnsynced,
    /// All of them survive.
    KeepUnsynced,
    /// A part survives, chosen by this seed: any bytes, any length in between, any names.
    Torn(u64),
}

/// How a call fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fault {
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
pub(super) struct MemDisk {
    state: Arc<Mutex<State>>,
}

/// An open file of a [`MemDisk`]; dead after a kill or crash.
#[derive(Debug)]
pub(super) struct MemFile {
    disk: MemDisk,
    inode: u64,
    incarnation: u64,
    buffered: Vec<(usize, Vec<u8>)>,
}

#[derive(Debug, Default)]
struct State {
    names: BTreeMap<String, u64>,
    durable_names: BTreeMap<String, u64>,
    unsynced_names: Vec<NameChange>,
    files: BTreeMap<u64, Content>,
    incarnation: u64,
    calls: u64,
    faults: BTreeMap<u64, Fault>,
    power_is_out: bool,
}

#[derive(Debug, Default)]
struct Content {
    cache: Vec<u8>,
    platter: Vec<u8>,
    dirty: Vec<Range<usize>>,
}

#[derive(Debug, Clone)]
enum NameChange {
    Create(String, u64),
    Remove(String),
}

impl MemDisk {
    /// An empty disk.
    pub(super) fn new() -> Self {
        Self::default()
    }

    /// The process dies, the machine goes on: buffers of open files are lost, the page cache is not.
    pub(super) fn kill(&self) {
        self.lock().incarnation += 1;
    }

    /// The machine dies.
    pub(super) fn crash(&self, crash: Crash) {
        let mut state = self.lock();
        let mut coin = Coin::new(crash);
        state.incarnation += 1;
        state.power_is_out = false;
        state.faults.clear();
        for change in std::mem::take(&mut state.unsynced_names) {
            if coin.toss() {
                change.carry_out(&mut state.durable_names);
            }
        }
        state.names = state.durable_names.clone();
        for content in state.files.values_mut() {
            content.crash(&mut coin);
        }
    }

    /// Makes the call with this number fail.
    pub(super) fn fail_at(&self, call: u64, fault: Fault) {
        self.lock().faults.insert(call, fault);
    }

    /// How many calls that change something were made so far.
    pub(super) fn calls(&self) -> u64 {
        self.lock().calls
    }

    /// Flips one bit of a file, wherever it is held.
    pub(super) fn flip_bit(&self, name: &str, byte: usize, bit: u8) {
        self.edit(name, |content| {
            for layer in [&mut content.cache, &mut content.platter] {
                layer[byte] ^= 1 << bit;
            }
        });
    }

    /// The file as a reader would see it.
    pub(super) fn content(&self, name: &str) -> Vec<u8> {
        let mut bytes = Vec::new();
        self.edit(name, |content| bytes.clone_from(&content.cache));
        bytes
    }

    /// Replaces a file's content, durably, without a call; creates it if need be.
    pub(super) fn plant(&self, name: &str, bytes: &[u8]) {
        let mut state = self.lock();
        let inode = state.names.get(name).copied().unwrap_or(state.files.len() as u64);
        state.names.insert(name.to_owned(), inode);
        state.durable_names.insert(name.to_owned(), inode);
        let content = Content { cache: bytes.to_vec(), platter: bytes.to_vec(), dirty: Vec::new() };
        state.files.insert(inode, content);
    }

    fn edit(&self, name: &str, edit: impl FnOnce(&mut Content)) {
        let mut state = self.lock();
        let inode = *state.names.get(name).expect("the test names a file that exists");
        edit(state.files.get_mut(&inode).expect("every name has a file"));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no test panics while it holds the disk")
    }
}

impl State {
    /// Numbers a call, and says how it is to fail.
    fn call(&mut self) -> io::Result<Option<Fault>> {
        if self.power_is_out {
            return Err(io::Error::other("the power is out"));
        }
        self.calls += 1;
        let fault = self.faults.remove(&self.calls);
        if fault == Some(Fault::PowerCut) {
            self.power_is_out = true;
        }
        Ok(fault)
    }

    /// [`call`](Self::call) for those that fail without an effect.
    fn simple_call(&mut self) -> io::Result<()> {
        self.call()?.map_or(Ok(()), |fault| Err(fault.error()))
    }

    fn change_names(&mut self, change: NameChange) -> io::Result<()> {
        self.simple_call()?;
        change.carry_out(&mut self.names);
        self.unsynced_names.push(change);
        Ok(())
    }

    fn inode(&self, name: &str) -> io::Result<u64> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
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

impl NameChange {
    fn carry_out(&self, names: &mut BTreeMap<String, u64>) {
        match self {
            Self::Create(name, inode) => {
                names.insert(name.clone(), *inode);
            }
            Self::Remove(name) => {
                names.remove(name);
            }
        }
    }
}

impl Content {
    fn write(&mut self, offset: usize, bytes: &[u8]) {
        let end = offset + bytes.len();
        if self.cache.len() < end {
            self.cache.resize(end, 0);
        }
        self.cache[offset..end].copy_from_slice(bytes);
        self.dirty.push(offset..end);
    }

    fn flush(&mut self) {
        self.platter.resize(self.cache.len(), 0);
        for range in std::mem::take(&mut self.dirty) {
            let range = range.start.min(self.cache.len())..range.end.min(self.cache.len());
            self.platter[range.clone()].copy_from_slice(&self.cache[range]);
        }
    }

    fn crash(&mut self, coin: &mut Coin) {
        let length = coin.between(self.platter.len(), self.cache.len());
        self.platter.resize(length, 0);
        let known = length.min(self.cache.len());
        for range in std::mem::take(&mut self.dirty) {
            let granule = coin.granule();
            for start in range.clone().step_by(granule) {
                let piece = start.min(known)..(start + granule).min(range.end).min(known);
                if coin.toss() {
                    self.platter[piece.clone()].copy_from_slice(&self.cache[piece]);
                }
            }
        }
        self.cache.clone_from(&self.platter);
    }
}

impl Disk for MemDisk {
    type File = MemFile;

    fn list(&mut self) -> io::Result<Vec<String>> {
        Ok(self.lock().names.keys().cloned().collect())
    }

    fn open(&mut self, name: &str) -> io::Result<MemFile> {
        let state = self.lock();
        let (inode, incarnation) = (state.inode(name)?, state.incarnation);
        Ok(MemFile { disk: self.clone(), inode, incarnation, buffered: Vec::new() })
    }

    fn create(&mut self, name: &str) -> io::Result<MemFile> {
        let mut state = self.lock();
        if state.names.contains_key(name) {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let inode = state.files.len() as u64;
        state.change_names(NameChange::Create(name.to_owned(), inode))?;
        state.files.insert(inode, Content::default());
        drop(state);
        self.open(name)
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        let mut state = self.lock();
        state.inode(name)?;
        state.change_names(NameChange::Remove(name.to_owned()))
    }

    fn sync_dir(&mut self) -> io::Result<()> {
        let mut state = self.lock();
        state.simple_call()?;
        state.durable_names = state.names.clone();
        state.unsynced_names.clear();
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

    fn with_content<T>(&self, use_it: impl FnOnce(&mut Content) -> T) -> io::Result<T> {
        let mut state = self.state()?;
        Ok(use_it(state.files.get_mut(&self.inode).expect("files are never forgotten")))
    }

    fn write_through(&self, offset: usize, bytes: &[u8]) -> io::Result<()> {
        let fault = self.state()?.call()?;
        let through = match fault {
            None => bytes.len(),
            Some(Fault::Enospc { written }) => written.min(bytes.len()),
            Some(Fault::Eio | Fault::PowerCut) => 0,
        };
        self.with_content(|content| content.write(offset, &bytes[..through]))?;
        fault.map_or(Ok(()), |fault| Err(fault.error()))
    }
}

impl DiskFile for MemFile {
    fn size(&self) -> io::Result<u64> {
        self.with_content(|content| content.cache.len() as u64)
    }

    fn read_at(&self, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let offset = usize::try_from(offset).map_err(io::Error::other)?;
        self.with_content(|content| {
            let rest = content.cache.get(offset..).unwrap_or_default();
            let count = rest.len().min(into.len());
            into[..count].copy_from_slice(&rest[..count]);
            count
        })
    }

    fn write_at(&mut self, offset: u64, bytes: &[u8]) {
        let offset = usize::try_from(offset).expect("a test file fits into memory");
        self.buffered.push((offset, bytes.to_vec()));
    }

    fn sync(&mut self) -> io::Result<()> {
        for (offset, bytes) in std::mem::take(&mut self.buffered) {
            self.write_through(offset, &bytes)?;
        }
        let fault = self.state()?.call()?;
        match fault {
            None => self.with_content(Content::flush),
            Some(Fault::PowerCut) => Err(Fault::PowerCut.error()),
            Some(fault) => {
                self.with_content(|content| content.dirty.clear())?;
                Err(fault.error())
            }
        }
    }

    fn truncate(&mut self, size: u64) -> io::Result<()> {
        self.state()?.simple_call()?;
        let size = usize::try_from(size).map_err(io::Error::other)?;
        self.with_content(|content| content.cache.resize(size, 0))
    }
}

/// Decides what survives a crash.
enum Coin {
    Always(bool),
    /// The state of a `SplitMix64` generator.
    Seeded(u64),
}

impl Coin {
    fn new(crash: Crash) -> Self {
        match crash {
            Crash::LoseUnsynced => Self::Always(false),
            Crash::KeepUnsynced => Self::Always(true),
            Crash::Torn(seed) => Self::Seeded(seed),
        }
    }

    fn toss(&mut self) -> bool {
        match self {
            Self::Always(side) => *side,
            Self::Seeded(state) => next(state) & 1 == 1,
        }
    }

    /// A length between what is durable and what was asked for.
    fn between(&mut self, durable: usize, asked: usize) -> usize {
        match self {
            Self::Always(false) => durable,
            Self::Always(true) => asked,
            Self::Seeded(state) => {
                let (low, high) = (durable.min(asked), durable.max(asked));
                low + (next(state) % (high - low + 1) as u64) as usize
            }
        }
    }

    /// How many bytes live or die together: a sector, or less, since a test wants the worst.
    fn granule(&mut self) -> usize {
        match self {
            Self::Always(_) => 512,
            Self::Seeded(state) => [1, 7, 64, 512][(next(state) % 4) as usize],
        }
    }
}

fn next(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}
