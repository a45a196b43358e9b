//! Writing the log.

use std::io;

use super::format::{
    BATCH_HEADER_BYTES, BatchHeader, Identity, Place, SEGMENT_HEADER_BYTES, SegmentHeader,
    encode_entry, encode_hard_state, entry_bytes, hard_state_bytes,
};
use super::recovery::{Recovery, Replay, Tail, io_error, recover, segment_name};
use super::{Disk, DiskFile, WalError};
use crate::bugs::{Bug, Bugs};
use crate::raft::{Entry, HardState, LogIndex, NodeId};

/// Segment length unless the options say otherwise.
pub const SEGMENT_BYTES_DEFAULT: u64 = 16 * 1024 * 1024;

/// Shortest segment length; smaller wishes are raised to it.
pub const SEGMENT_BYTES_MIN: u64 = 4 * 1024;

/// Most bytes between two syncs.
pub const BATCH_BYTES_MAX: usize = 1 << 30;

/// A batch buffer that has grown beyond this is given back after its sync.
const BUFFER_KEPT_BYTES: usize = 4 * 1024 * 1024;

/// Whose log it is, and how it is cut into files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WalOptions {
    /// The cluster; a log of another one is refused.
    pub cluster_id: u64,
    /// The node; the log of another one is refused.
    pub node: NodeId,
    /// A segment that has reached this length is followed by a new one.
    pub segment_bytes: u64,
    /// There has been a log here before, so one that is gone must not be replaced by an empty one.
    pub must_exist: bool,
    /// The built-in bugs that are switched on.
    pub bugs: Bugs,
}

impl WalOptions {
    /// With segments of [`SEGMENT_BYTES_DEFAULT`], created if it is not there, and correct.
    pub const fn new(cluster_id: u64, node: NodeId) -> Self {
        Self {
            cluster_id,
            node,
            segment_bytes: SEGMENT_BYTES_DEFAULT,
            must_exist: false,
            bugs: Bugs::NONE,
        }
    }
}

/// An open log.
#[derive(Debug)]
pub struct Wal<D: Disk> {
    disk: D,
    identity: Identity,
    segment_bytes: u64,
    bugs: Bugs,
    file: D::File,
    name: String,
    segment: u64,
    /// Where the next batch goes.
    end: u64,
    chain: u32,
    next_batch: u64,
    /// The batch in the making: room for its header, then records.
    batch: Vec<u8>,
    /// Last index in the log, what is buffered included.
    last: LogIndex,
    poisoned: bool,
}

impl<D: Disk> Wal<D> {
    /// Opens the log on `disk`, or creates it on an empty one (unless it must exist). On return all that was replayed is durable, a torn end is
    /// cut off for good, and a sync mark vouches for what is left.
    pub fn open(mut disk: D, options: WalOptions) -> Result<(Self, Replay), WalError> {
        let bugs = options.bugs;
        let identity = Identity { cluster: options.cluster_id, node: options.node };
        let Recovery { mut replay, tail, unfinished, mut chain, next_batch } =
            recover(&mut disk, identity, bugs)?;
        if tail.is_none() && options.must_exist && !bugs.has(Bug::AmnesiaRejoin) {
            return Err(WalError::Lost { directory: disk.locate("") });
        }
        for name in &unfinished {
            disk.remove(name).map_err(io_error(&disk, "remove", name))?;
        }
        // Also for the segments that are kept: who created them may have died before their names were durable.
        sync_names(&mut disk)?;
        replay.created = tail.is_none();
        let tail = if let Some(tail) = tail {
            tail
        } else {
            let tail = create_segment(&mut disk, identity, 1, next_batch, &mut chain)?;
            sync_names(&mut disk)?;
            tail
        };
        let mut wal = Self {
            disk,
            identity,
            segment_bytes: options.segment_bytes.max(SEGMENT_BYTES_MIN),
            bugs,
            file: tail.file,
            name: tail.name,
            segment: tail.segment,
            end: tail.end,
            chain,
            next_batch,
            batch: empty_batch(),
            last: LogIndex(replay.entries.len() as u64),
            poisoned: false,
        };
        if !replay.created {
            wal.repair(tail.size, tail.last_written)?;
        }
        Ok((wal, replay))
    }

    /// Last index in the log, what is not synced yet included; 0 if it is empty.
    pub const fn last_index(&self) -> LogIndex {
        self.last
    }

    /// Buffers a hard state and entries, in this process only. The entries replace those that the log has at and above
    /// their first index. After an error nothing of it was appended.
    pub fn append(&mut self, hard: Option<HardState>, entries: &[Entry]) -> Result<(), WalError> {
        self.check_usable()?;
        self.check_order(entries)?;
        let hard_bytes = hard.map_or(0, |_| hard_state_bytes());
        let bytes = self.batch.len() + hard_bytes + entries.iter().map(entry_bytes).sum::<usize>();
        if bytes > BATCH_BYTES_MAX {
            return Err(WalError::BatchTooLarge { bytes });
        }
        // The hard state first: entries of a term are never replayed without the term.
        if let Some(hard) = hard {
            encode_hard_state(&hard, &mut self.batch);
        }
        for entry in entries {
            encode_entry(entry, &mut self.batch);
        }
        self.last = entries.last().map_or(self.last, |entry| entry.index);
        Ok(())
    }

    /// Makes all that was appended durable, as one batch; no I/O if that is nothing. An error poisons the log.
    pub fn sync(&mut self) -> Result<(), WalError> {
        self.check_usable()?;
        if self.batch.len() as u64 == BATCH_HEADER_BYTES {
            return Ok(());
        }
        self.poisoned = true;
        self.write_batch()?;
        self.poisoned = false;
        Ok(())
    }

    /// Syncs, and leaves a sync mark, so that the next opening need not wonder whether the last batch was torn.
    pub fn close(mut self) -> Result<(), WalError> {
        self.sync()?;
        self.write_batch()
    }

    fn check_usable(&self) -> Result<(), WalError> {
        if self.poisoned { Err(WalError::Poisoned) } else { Ok(()) }
    }

    fn check_order(&self, entries: &[Entry]) -> Result<(), WalError> {
        let mut last = self.last;
        for (position, entry) in entries.iter().enumerate() {
            let (found, in_order) = match position {
                0 => (entry.index, entry.index.0 > 0 && entry.index <= last.next()),
                _ => (entry.index, entry.index == last.next()),
            };
            if !in_order {
                return Err(WalError::Gap { found, last });
            }
            last = found;
        }
        Ok(())
    }

    /// Cuts a torn end off, makes sure of what is left, and vouches for it.
    fn repair(&mut self, size: u64, last_written: u64) -> Result<(), WalError> {
        if size > self.end {
            // Synced on its own: until the cut is durable nothing may be written behind it, or a second crash could
            // leave old bytes after new ones.
            let cut = self.file.truncate(self.end).and_then(|()| self.file.sync());
            cut.map_err(io_error(&self.disk, "cut", &self.name))?;
        }
        // An earlier process may have seen the sync of the last records fail. Then the kernel shows bytes that it believes
        // to be on disk and that are not; only writing them again makes them so. With them the sync marks behind: processes
        // that opened the log since then may have failed here.
        let read = read_exactly(&self.file, last_written, self.end);
        let bytes = read.map_err(io_error(&self.disk, "read", &self.name))?;
        self.file.write_at(last_written, &bytes);
        self.write_batch()
    }

    /// Writes what is buffered as one batch, in a new segment if this one is full.
    fn write_batch(&mut self) -> Result<(), WalError> {
        let long = self.end + self.batch.len() as u64 > self.segment_bytes;
        let full = long && self.end > SEGMENT_HEADER_BYTES && !self.is_mark();
        let unsynced = full && self.bugs.has(Bug::FsyncNewSegmentOnly);
        if full && !unsynced {
            self.rotate()?;
        }
        let body = &self.batch[BATCH_HEADER_BYTES as usize..];
        let header = BatchHeader {
            batch: self.next_batch,
            body_bytes: u32::try_from(body.len()).expect("append bounds the batch"),
            chain: BatchHeader::chain_over(self.chain, self.next_batch, body),
        };
        let place = Place { identity: self.identity, segment: self.segment, offset: self.end };
        header.encode_into(place, &mut self.batch);
        self.file.write_at(self.end, &self.batch);
        let written = if unsynced { self.file.write_out() } else { self.sync_file() };
        written.map_err(io_error(&self.disk, "write and sync", &self.name))?;
        self.chain = header.chain;
        self.next_batch += 1;
        self.end += header.bytes();
        self.batch.truncate(BATCH_HEADER_BYTES as usize);
        self.batch.shrink_to(BUFFER_KEPT_BYTES);
        if unsynced { self.rotate() } else { Ok(()) }
    }

    /// Writes and syncs. An error is an error, but for built-in bugs.
    fn sync_file(&mut self) -> io::Result<()> {
        match self.file.sync() {
            Err(_) if self.bugs.has(Bug::FsyncErrorRetry) => self.file.sync(),
            Err(error) if self.bugs.has(Bug::ShortWriteOk) => {
                let full = error.kind() == io::ErrorKind::StorageFull;
                if full { Ok(()) } else { Err(error) }
            }
            other => other,
        }
    }

    /// A sync mark never starts a segment: it belongs behind the batch that it vouches for.
    fn is_mark(&self) -> bool {
        self.batch.len() as u64 == BATCH_HEADER_BYTES
    }

    fn begin_segment(&mut self, segment: u64, batch: u64) -> Result<Tail<D::File>, WalError> {
        let (disk, chain) = (&mut self.disk, &mut self.chain);
        let tail = create_segment(disk, self.identity, segment, batch, chain)?;
        if !self.bugs.has(Bug::NoDirFsync) {
            sync_names(disk)?;
        }
        Ok(tail)
    }

    /// Goes on in a new segment. The old one is synced: every batch is, before the next is written.
    fn rotate(&mut self) -> Result<(), WalError> {
        let (segment, batch) = (self.segment + 1, self.next_batch);
        let tail = self.begin_segment(segment, batch)?;
        (self.file, self.name, self.segment, self.end) =
            (tail.file, tail.name, tail.segment, tail.end);
        Ok(())
    }
}

/// A segment with nothing but its header, durable but for its name. Carries `chain` over the header.
fn create_segment<D: Disk>(
    disk: &mut D,
    identity: Identity,
    segment: u64,
    first_batch: u64,
    chain: &mut u32,
) -> Result<Tail<D::File>, WalError> {
    let name = segment_name(segment);
    let header = SegmentHeader { identity, segment, first_batch, chain: *chain };
    let mut file = disk.create(&name).map_err(io_error(disk, "create", &name))?;
    file.write_at(0, &header.encode());
    file.sync().map_err(io_error(disk, "write and sync", &name))?;
    *chain = header.chain_after();
    let size = SEGMENT_HEADER_BYTES;
    Ok(Tail { file, name, segment, end: size, size, last_written: 0 })
}

/// Makes durable which segments there are.
fn sync_names<D: Disk>(disk: &mut D) -> Result<(), WalError> {
    disk.sync_dir().map_err(io_error(disk, "sync", ""))
}

fn read_exactly<F: DiskFile>(file: &F, from: u64, to: u64) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::try_from(to - from).map_err(io::Error::other)?];
    let mut filled = 0;
    while filled < bytes.len() {
        match file.read_at(from + filled as u64, &mut bytes[filled..])? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            read => filled += read,
        }
    }
    Ok(bytes)
}

/// Room for the header of a batch.
fn empty_batch() -> Vec<u8> {
    vec![0; BATCH_HEADER_BYTES as usize]
}
