//! Reading a log back: what is whole, what was torn, what is damaged. Only reads; [`Wal::open`](super::Wal::open) repairs.

use std::fmt;
use std::io;

use super::format::{
    BATCH_HEADER_BYTES, BatchHeader, FORMAT_VERSION, HeaderFault, Identity, Place, Record,
    SEGMENT_HEADER_BYTES, SegmentHeader, decode_record,
};
use super::window::Window;
use super::{Disk, DiskFile, WalError};
use crate::bugs::{Bug, Bugs};
use crate::raft::{Entry, HardState, Recovered};

/// What a log held when it was opened.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Replay {
    /// The last hard state; the default if there never was one.
    pub hard: HardState,
    /// The entries, from index 1, without gaps.
    pub entries: Vec<Entry>,
    /// The unacknowledged end that was cut off, if any. Worth a warning.
    pub torn_tail: Option<TornTail>,
    /// How many batches were read.
    pub batches: u64,
    /// How many segments were read.
    pub segments: u64,
    /// Whether the log was created by this opening.
    pub created: bool,
}

impl From<Replay> for Recovered {
    fn from(replay: Replay) -> Self {
        Self { hard: replay.hard, entries: replay.entries }
    }
}

/// An end of the log that a crash left half written. It was never acknowledged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TornTail {
    /// The file.
    pub file: String,
    /// Where it was cut.
    pub offset: u64,
    /// How many bytes were cut off.
    pub bytes: u64,
    /// What was invalid there.
    pub reason: String,
}

impl fmt::Display for TornTail {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { file, offset, bytes, reason } = self;
        write!(
            out,
            "{file}: cut {bytes} bytes off at byte {offset}: {reason}; they were never acknowledged"
        )
    }
}

/// Where and how the log goes on.
pub(super) struct Recovery<F> {
    pub(super) replay: Replay,
    /// The last usable segment; `None` if there is none yet.
    pub(super) tail: Option<Tail<F>>,
    /// A segment whose creation was not finished, if any: to be removed.
    pub(super) unfinished: Vec<String>,
    pub(super) chain: u32,
    pub(super) next_batch: u64,
}

/// The last segment.
pub(super) struct Tail<F> {
    pub(super) file: F,
    pub(super) name: String,
    pub(super) segment: u64,
    /// Where its valid content ends.
    pub(super) end: u64,
    /// Length of the file, at least `end`.
    pub(super) size: u64,
    /// Where its last batch with records starts; 0 (the header) if it has none. Only sync marks follow.
    pub(super) last_written: u64,
}

pub(super) fn segment_name(segment: u64) -> String {
    format!("{segment:016x}.wal")
}

fn segment_number(name: &str) -> Option<u64> {
    let number = u64::from_str_radix(name.strip_suffix(".wal")?, 16).ok()?;
    (segment_name(number) == name).then_some(number)
}

/// Reads the whole log.
pub(super) fn recover<D: Disk>(
    disk: &mut D,
    identity: Identity,
    bugs: Bugs,
) -> Result<Recovery<D::File>, WalError> {
    let names = disk.list().map_err(io_error(disk, "list", ""))?;
    let segments: Vec<u64> = names.iter().filter_map(|name| segment_number(name)).collect();
    let mut reader = Reader::new(disk, identity, bugs);
    for (position, &segment) in (1..).zip(&segments) {
        if segment != position {
            let reason = format!("this segment is missing, yet segment {segment} exists");
            return Err(reader.corrupt(&segment_name(position), 0, reason));
        }
        let goes_on = reader.segment(segment, position == segments.len() as u64)?;
        if !goes_on {
            let rest = segments.iter().filter(|later| **later > segment);
            reader.recovery.unfinished.extend(rest.map(|later| segment_name(*later)));
            break;
        }
    }
    let mut recovery = reader.recovery;
    recovery.replay.segments = recovery.tail.as_ref().map_or(0, |tail| tail.segment);
    recovery.replay.batches = recovery.next_batch - 1;
    Ok(recovery)
}

pub(super) fn io_error<D: Disk>(
    disk: &D,
    action: &'static str,
    name: &str,
) -> impl FnOnce(io::Error) -> WalError + use<D> {
    let file = disk.locate(name);
    move |source| WalError::Io { action, file, source }
}

struct Reader<'a, D: Disk> {
    disk: &'a mut D,
    identity: Identity,
    bugs: Bugs,
    recovery: Recovery<D::File>,
}

/// How a segment's valid content ends.
struct End {
    offset: u64,
    last_written: u64,
    /// What is invalid at `offset`; `None` at the end of the file, or where only zeros follow.
    fault: Option<String>,
}

impl<'a, D: Disk> Reader<'a, D> {
    fn new(disk: &'a mut D, identity: Identity, bugs: Bugs) -> Self {
        let recovery = Recovery {
            replay: Replay::default(),
            tail: None,
            unfinished: Vec::new(),
            chain: 0,
            next_batch: 1,
        };
        Self { disk, identity, bugs, recovery }
    }

    /// Reads a segment. `false`: the log ends here, although there are more (a built-in bug).
    fn segment(&mut self, segment: u64, is_last: bool) -> Result<bool, WalError> {
        let name = segment_name(segment);
        let file = self.disk.open(&name).map_err(io_error(self.disk, "open", &name))?;
        let failed = io_error(self.disk, "read", &name);
        let mut window = Window::new(&file).map_err(failed)?;
        let size = window.size();
        if !self.header(&name, segment, is_last, &mut window)? {
            self.recovery.unfinished.push(name);
            return Ok(true);
        }
        let end = self.batches(&name, segment, &mut window)?;
        let broken_off = !is_last && (end.offset != size || end.fault.is_some());
        let cuts = self.bugs.has(Bug::MidlogTruncate);
        if broken_off && !cuts {
            let fault = end.fault.unwrap_or_else(|| "only zeros follow".to_owned());
            let reason = format!("{fault}, yet a later segment exists");
            return Err(self.corrupt(&name, end.offset, reason));
        }
        if let Some(reason) = end.fault {
            if !cuts {
                self.must_be_torn(&name, segment, end.offset, &mut window)?;
            }
            let (file, offset) = (self.disk.locate(&name), end.offset);
            let bytes = size - offset;
            self.recovery.replay.torn_tail = Some(TornTail { file, offset, bytes, reason });
        }
        let (end, last_written) = (end.offset, end.last_written);
        self.recovery.tail = Some(Tail { file, name, segment, end, size, last_written });
        Ok(!broken_off)
    }

    /// Checks the header and takes over its chain. `false`: the segment's creation was never finished.
    fn header(
        &mut self,
        name: &str,
        segment: u64,
        is_last: bool,
        window: &mut Window<'_, D::File>,
    ) -> Result<bool, WalError> {
        let failed = io_error(self.disk, "read", name);
        let header = match window.get(0, SEGMENT_HEADER_BYTES).map_err(failed)? {
            Some(bytes) => SegmentHeader::decode(bytes),
            None => Err(HeaderFault::Invalid("the file is shorter than a segment header")),
        };
        let header = match header {
            Ok(header) => header,
            Err(HeaderFault::Version(found)) => {
                let file = self.disk.locate(name);
                return Err(WalError::Version { file, found, supported: FORMAT_VERSION });
            }
            // Batches are written only after the header was synced: without any, nothing can be lost.
            Err(_) if is_last && window.size() <= SEGMENT_HEADER_BYTES => return Ok(false),
            Err(HeaderFault::Invalid(reason)) => {
                return Err(self.corrupt(name, 0, format!("{reason}, yet more was written later")));
            }
        };
        self.check_identity(name, &header)?;
        let expected = SegmentHeader {
            identity: self.identity,
            segment,
            first_batch: self.recovery.next_batch,
            chain: self.recovery.chain,
        };
        if header != expected {
            let reason = format!(
                "it continues segment {} before batch {}, expected segment {segment} before batch {}, with the same \
                 chain",
                header.segment, header.first_batch, self.recovery.next_batch
            );
            return Err(self.corrupt(name, 0, reason));
        }
        self.recovery.chain = header.chain_after();
        Ok(true)
    }

    fn check_identity(&self, name: &str, header: &SegmentHeader) -> Result<(), WalError> {
        if header.identity == self.identity {
            return Ok(());
        }
        Err(WalError::Foreign {
            file: self.disk.locate(name),
            found_node: header.identity.node,
            found_cluster: header.identity.cluster,
            node: self.identity.node,
            cluster: self.identity.cluster,
        })
    }

    /// Replays batches until the first that is not valid.
    fn batches(
        &mut self,
        name: &str,
        segment: u64,
        window: &mut Window<'_, D::File>,
    ) -> Result<End, WalError> {
        let mut offset = SEGMENT_HEADER_BYTES;
        let mut last_written = 0;
        loop {
            let place = Place { identity: self.identity, segment, offset };
            let next = self.next_batch(place, window);
            match next.map_err(io_error(self.disk, "read", name))? {
                Next::Valid(header) => {
                    let body = window
                        .get(offset + BATCH_HEADER_BYTES, u64::from(header.body_bytes))
                        .map_err(io_error(self.disk, "read", name))?
                        .expect("the batch was just checked");
                    if let Err(reason) = replay(&mut self.recovery.replay, body, self.bugs) {
                        if self.bugs.has(Bug::CrcIgnored) {
                            return Ok(End { offset, last_written, fault: Some(reason) });
                        }
                        return Err(self.corrupt(name, offset, reason));
                    }
                    self.recovery.chain = header.chain;
                    self.recovery.next_batch += 1;
                    if header.body_bytes > 0 {
                        last_written = offset;
                    }
                    offset += header.bytes();
                }
                Next::Invalid(fault) => return Ok(End { offset, last_written, fault }),
            }
        }
    }

    fn next_batch(&self, place: Place, window: &mut Window<'_, D::File>) -> io::Result<Next> {
        let expected = self.recovery.next_batch;
        let header = window.get(place.offset, BATCH_HEADER_BYTES)?;
        let Some(header) = header.and_then(|bytes| BatchHeader::decode(place, bytes)) else {
            let blank = first_nonzero(window, place.offset)?.is_none();
            let fault = format!("batch {expected} has no valid header");
            return Ok(Next::Invalid((!blank).then_some(fault)));
        };
        let body = window.get(place.offset + BATCH_HEADER_BYTES, u64::from(header.body_bytes))?;
        let fault = match body {
            _ if header.batch != expected => {
                format!("batch {} is in the place of batch {expected}", header.batch)
            }
            None => format!("the file ends within batch {expected}"),
            Some(_) if self.bugs.has(Bug::CrcIgnored) => return Ok(Next::Valid(header)),
            Some(body)
                if BatchHeader::chain_over(self.recovery.chain, expected, body) != header.chain =>
            {
                format!("batch {expected} fails its CRC")
            }
            Some(_) => return Ok(Next::Valid(header)),
        };
        Ok(Next::Invalid(Some(fault)))
    }

    /// Refuses an invalid end that must have been synced once: one that a later batch follows.
    fn must_be_torn(
        &self,
        name: &str,
        segment: u64,
        end: u64,
        window: &mut Window<'_, D::File>,
    ) -> Result<(), WalError> {
        let expected = self.recovery.next_batch;
        let place = |offset| Place { identity: self.identity, segment, offset };
        let later = find_later_batch(window, end, expected, place);
        if let Some((offset, batch)) = later.map_err(io_error(self.disk, "read", name))? {
            let reason =
                format!("batch {expected} is invalid, yet batch {batch} follows at byte {offset}");
            return Err(self.corrupt(name, end, reason));
        }
        // A torn batch ends where its header says: it was the last thing ever written.
        let header =
            window.get(end, BATCH_HEADER_BYTES).map_err(io_error(self.disk, "read", name))?;
        if let Some(header) = header.and_then(|bytes| BatchHeader::decode(place(end), bytes)) {
            let after = end + header.bytes();
            let more = first_nonzero(window, after).map_err(io_error(self.disk, "read", name))?;
            if let Some(offset) = more {
                let reason =
                    format!("batch {expected} is invalid, yet more was written at byte {offset}");
                return Err(self.corrupt(name, end, reason));
            }
        }
        Ok(())
    }

    fn corrupt(&self, name: &str, offset: u64, reason: String) -> WalError {
        WalError::Corrupt { file: self.disk.locate(name), offset, reason }
    }
}

enum Next {
    Valid(BatchHeader),
    /// With the fault, or none if only zeros (or nothing) are left.
    Invalid(Option<String>),
}

/// Carries out the records of a batch.
fn replay(replay: &mut Replay, mut body: &[u8], bugs: Bugs) -> Result<(), String> {
    while !body.is_empty() {
        match decode_record(&mut body)? {
            Record::HardState(hard) => replay.hard = hard,
            Record::Entry(entry) => {
                let last = replay.entries.len() as u64;
                if entry.index.0 == 0 || entry.index.0 > last + 1 {
                    return Err(format!("entry {} follows entry {last}", entry.index));
                }
                let keep = usize::try_from(entry.index.0 - 1).map_err(|error| error.to_string())?;
                match replay.entries.get_mut(keep) {
                    Some(old) if bugs.has(Bug::TruncateNotLogged) => *old = entry,
                    _ => {
                        replay.entries.truncate(keep);
                        replay.entries.push(entry);
                    }
                }
            }
        }
    }
    Ok(())
}

/// Offset of the first byte that is not zero, from `from` on.
fn first_nonzero<F: DiskFile>(window: &mut Window<'_, F>, from: u64) -> io::Result<Option<u64>> {
    const STEP: u64 = 4096;
    let mut offset = from;
    while offset < window.size() {
        let count = STEP.min(window.size() - offset);
        let bytes = window.get(offset, count)?.unwrap_or_default();
        if let Some(at) = bytes.iter().position(|byte| *byte != 0) {
            return Ok(Some(offset + at as u64));
        }
        offset += count;
    }
    Ok(None)
}

/// The first valid batch header from `from` on whose number is above `expected`: its offset and number.
fn find_later_batch<F: DiskFile>(
    window: &mut Window<'_, F>,
    from: u64,
    expected: u64,
    place: impl Fn(u64) -> Place,
) -> io::Result<Option<(u64, u64)>> {
    let mut offset = from;
    while let Some(bytes) = window.get(offset, BATCH_HEADER_BYTES)? {
        match BatchHeader::decode(place(offset), bytes) {
            Some(header) if header.batch > expected => return Ok(Some((offset, header.batch))),
            _ => offset += 1,
        }
    }
    Ok(None)
}
