//! What a disk in memory holds: two images, and the calls that lie between them.

use std::collections::BTreeMap;
use std::io;

use super::Fault;

/// Names and files, as they are in one layer.
#[derive(Debug, Clone, Default)]
pub(super) struct Image {
    names: BTreeMap<String, usize>,
    files: Vec<Vec<u8>>,
}

/// A call that changed the page cache, or asked for it to be flushed.
#[derive(Debug, Clone)]
pub(super) enum Change {
    Create(String, usize),
    Remove(String),
    SyncDir,
    Write { inode: usize, offset: usize, bytes: Vec<u8> },
    Truncate { inode: usize, size: usize },
    Flush(usize),
}

/// A change with the moment at which it ends.
#[derive(Debug, Clone)]
pub(super) struct Timed {
    pub(super) moment: u64,
    /// A failed flush has marked it clean: it is seen, and no later flush will bring it to the platter.
    pub(super) forgotten: bool,
    pub(super) change: Change,
}

#[derive(Debug, Default)]
pub(super) struct State {
    /// What survives anything.
    pub(super) platter: Image,
    /// What processes see: the platter, and `changes` in their order.
    pub(super) cache: Image,
    pub(super) changes: Vec<Timed>,
    /// Where writes began that are in the cache, oldest first: file and offset.
    pub(super) writes: Vec<(usize, usize)>,
    pub(super) timed: bool,
    pub(super) incarnation: u64,
    pub(super) numbered: u64,
    pub(super) failures: u64,
    pub(super) faults: BTreeMap<u64, Fault>,
    pub(super) failing: bool,
    pub(super) free: Option<usize>,
    pub(super) power_is_out: bool,
}

impl Image {
    pub(super) fn names(&self) -> Vec<String> {
        self.names.keys().cloned().collect()
    }

    pub(super) fn inode(&self, name: &str) -> io::Result<usize> {
        self.names.get(name).copied().ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    pub(super) fn content(&self, name: &str) -> Option<&Vec<u8>> {
        self.names.get(name).map(|inode| &self.files[*inode])
    }

    pub(super) fn bytes(&self, inode: usize) -> &[u8] {
        &self.files[inode]
    }

    /// The file, which is there in every layer as soon as it is in one: only its name may be missing.
    pub(super) fn file(&mut self, inode: usize) -> &mut Vec<u8> {
        if self.files.len() <= inode {
            self.files.resize_with(inode + 1, Vec::new);
        }
        &mut self.files[inode]
    }

    pub(super) fn carry_out(&mut self, change: &Change) {
        match change {
            Change::Create(name, inode) => {
                self.names.insert(name.clone(), *inode);
                self.file(*inode);
            }
            Change::Remove(name) => {
                self.names.remove(name);
            }
            Change::Write { inode, offset, bytes } => {
                let file = self.file(*inode);
                let end = offset + bytes.len();
                if file.len() < end {
                    file.resize(end, 0);
                }
                file[*offset..end].copy_from_slice(bytes);
            }
            Change::Truncate { inode, size } => self.file(*inode).resize(*size, 0),
            Change::SyncDir | Change::Flush(_) => {}
        }
    }
}

impl Change {
    /// The file whose bytes it changes.
    pub(super) const fn content_of(&self) -> Option<usize> {
        match self {
            Self::Write { inode, .. } | Self::Truncate { inode, .. } => Some(*inode),
            Self::Create(..) | Self::Remove(_) | Self::SyncDir | Self::Flush(_) => None,
        }
    }

    /// Whether it writes bytes.
    pub(super) const fn is_write(&self) -> bool {
        matches!(self, Self::Write { .. })
    }

    const fn is_of_names(&self) -> bool {
        matches!(self, Self::Create(..) | Self::Remove(_))
    }

    /// Whether a flush or directory sync, `self`, brings `other` to the platter.
    fn covers(&self, other: &Self) -> bool {
        match self {
            Self::Flush(inode) => other.content_of() == Some(*inode),
            Self::SyncDir => other.is_of_names(),
            _ => false,
        }
    }

    const fn is_barrier(&self) -> bool {
        matches!(self, Self::Flush(_) | Self::SyncDir)
    }
}

impl State {
    /// Numbers a call, and says how it is to fail.
    pub(super) fn call(&mut self) -> io::Result<Option<Fault>> {
        if self.power_is_out {
            return Err(Fault::PowerCut.error());
        }
        self.numbered += 1;
        let fault = self.faults.remove(&self.numbered);
        let fault = if self.failing { Some(Fault::Eio) } else { fault };
        self.failures += u64::from(fault.is_some());
        if fault == Some(Fault::PowerCut) {
            self.power_is_out = true;
        }
        Ok(fault)
    }

    /// [`call`](Self::call) for those that fail without an effect.
    pub(super) fn simple_call(&mut self) -> io::Result<()> {
        self.call()?.map_or(Ok(()), |fault| Err(fault.error()))
    }

    /// [`call`](Self::call) for a write of `bytes` by which the file grows by `grows`.
    pub(super) fn call_that_grows(
        &mut self,
        bytes: usize,
        grows: usize,
    ) -> io::Result<Option<Fault>> {
        let fault = self.call()?;
        let Some(free) = &mut self.free else { return Ok(fault) };
        let missing = grows.saturating_sub(*free);
        *free = free.saturating_sub(grows);
        if missing == 0 || fault.is_some() {
            return Ok(fault);
        }
        self.failures += 1;
        Ok(Some(Fault::Enospc { written: bytes.saturating_sub(missing) }))
    }

    pub(super) fn new_inode(&self) -> usize {
        self.cache.files.len()
    }

    pub(super) fn change(&mut self, change: Change) {
        self.cache.carry_out(&change);
        if let Change::Write { inode, offset, .. } = &change {
            self.writes.push((*inode, *offset));
        }
        let barrier = change.is_barrier();
        self.changes.push(Timed { moment: 0, forgotten: false, change });
        if barrier && !self.timed {
            self.settle(u64::MAX);
        }
    }

    pub(super) fn settle(&mut self, moment: u64) {
        let due = |call: &Timed| call.change.is_barrier() && call.moment <= moment;
        while let Some(position) = self.changes.iter().position(due) {
            let barrier = self.changes.remove(position).change;
            let mut at = 0;
            self.changes.retain(|call| {
                let before = at < position;
                at += 1;
                let covered = before && !call.forgotten && barrier.covers(&call.change);
                if covered {
                    self.platter.carry_out(&call.change);
                }
                !covered
            });
        }
    }

    /// A flush has failed: what its file got since the last one that did not is taken for clean.
    pub(super) fn forget_dirty(&mut self, inode: usize) {
        let flushed = |call: &Timed| matches!(call.change, Change::Flush(file) if file == inode);
        let dirty_from = self.changes.iter().rposition(flushed).map_or(0, |at| at + 1);
        for call in &mut self.changes[dirty_from..] {
            call.forgotten |= call.change.content_of() == Some(inode);
        }
    }

    pub(super) fn flip_bit(&mut self, name: &str, byte: usize, bit: u8) {
        let State { platter, cache, .. } = self;
        let Ok(inode) = cache.inode(name) else { return };
        for layer in [cache, platter] {
            if let Some(byte) = layer.file(inode).get_mut(byte) {
                *byte ^= 1 << (bit % 8);
            }
        }
    }

    pub(super) fn plant(&mut self, name: &str, bytes: &[u8]) {
        let inode = self.cache.inode(name).unwrap_or_else(|_| self.new_inode());
        self.changes.retain(|call| call.change.content_of() != Some(inode));
        for layer in [&mut self.cache, &mut self.platter] {
            layer.names.insert(name.to_owned(), inode);
            *layer.file(inode) = bytes.to_vec();
        }
    }

    /// So many of the latest writes did not happen after all.
    pub(super) fn unwrite(&mut self, count: usize) {
        self.writes.truncate(self.writes.len().saturating_sub(count));
    }

    /// Where the latest write to a file began.
    pub(super) fn last_write(&self, name: &str) -> Option<usize> {
        let inode = self.cache.inode(name).ok()?;
        let to_it = |write: &&(usize, usize)| write.0 == inode;
        self.writes.iter().rev().find(to_it).map(|(_, offset)| *offset)
    }

    pub(super) fn wipe(&mut self) {
        self.changes.clear();
        self.writes.clear();
        (self.platter, self.cache) = (Image::default(), Image::default());
        self.incarnation += 1;
    }
}
