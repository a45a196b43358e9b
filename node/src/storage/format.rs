//! Bytes of segment headers, batches and records; the picture is in [`crate::storage`].
//!
//! Everything here is pure: bytes in, values out, and back.

use crate::raft::{Entry, HardState, LogIndex, NodeId, RequestId, Term};

pub(super) const FORMAT_VERSION: u32 = 1;
pub(super) const SEGMENT_HEADER_BYTES: u64 = 56;
pub(super) const BATCH_HEADER_BYTES: u64 = 24;

const SEGMENT_MAGIC: [u8; 8] = *b"RSHMNWAL";
const BATCH_MAGIC: [u8; 4] = *b"RWB1";
const KIND_HARD_STATE: u8 = 1;
const KIND_ENTRY: u8 = 2;
const RECORD_HEADER_BYTES: usize = 5;
const HARD_STATE_BYTES: usize = 24;
const ENTRY_FIXED_BYTES: usize = 32;

/// Who writes the log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Identity {
    pub(super) cluster: u64,
    pub(super) node: NodeId,
}

/// Start of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SegmentHeader {
    pub(super) identity: Identity,
    pub(super) segment: u64,
    /// Number of the first batch in this segment.
    pub(super) first_batch: u64,
    /// The chain up to this segment.
    pub(super) chain: u32,
}

/// Why bytes are not a segment header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum HeaderFault {
    /// Not a header, or damaged.
    Invalid(&'static str),
    /// A whole header of another format version.
    Version(u32),
}

impl SegmentHeader {
    pub(super) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(56);
        bytes.extend(SEGMENT_MAGIC);
        bytes.extend(FORMAT_VERSION.to_le_bytes());
        bytes.extend([0; 4]);
        bytes.extend(self.identity.cluster.to_le_bytes());
        bytes.extend(self.identity.node.0.to_le_bytes());
        bytes.extend(self.segment.to_le_bytes());
        bytes.extend(self.first_batch.to_le_bytes());
        bytes.extend(self.chain.to_le_bytes());
        bytes.extend([0; 4]);
        let crc = Self::crc(&bytes);
        bytes[12..16].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    /// `bytes` are the first [`SEGMENT_HEADER_BYTES`] of a segment.
    pub(super) fn decode(bytes: &[u8]) -> Result<Self, HeaderFault> {
        if !bytes.starts_with(&SEGMENT_MAGIC) {
            return Err(HeaderFault::Invalid("it does not start like a segment"));
        }
        if u32_at(bytes, 12) != Self::crc(bytes) {
            return Err(HeaderFault::Invalid("the segment header fails its CRC"));
        }
        match u32_at(bytes, 8) {
            FORMAT_VERSION => Ok(Self {
                identity: Identity { cluster: u64_at(bytes, 16), node: NodeId(u64_at(bytes, 24)) },
                segment: u64_at(bytes, 32),
                first_batch: u64_at(bytes, 40),
                chain: u32_at(bytes, 48),
            }),
            other => Err(HeaderFault::Version(other)),
        }
    }

    /// The chain from this header on.
    pub(super) fn chain_after(&self) -> u32 {
        crc32c::crc32c_append(self.chain, &self.encode())
    }

    fn crc(bytes: &[u8]) -> u32 {
        crc32c::crc32c_append(crc32c::crc32c(&bytes[..12]), &bytes[16..])
    }
}

/// Where a batch is. Part of what its header's CRC covers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) identity: Identity,
    pub(super) segment: u64,
    pub(super) offset: u64,
}

/// Start of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct BatchHeader {
    /// From 1, without gaps over all segments.
    pub(super) batch: u64,
    pub(super) body_bytes: u32,
    /// The chain up to and including this batch.
    pub(super) chain: u32,
}

impl BatchHeader {
    /// Fills in the first [`BATCH_HEADER_BYTES`] of a batch.
    pub(super) fn encode_into(&self, place: Place, bytes: &mut [u8]) {
        bytes[..4].copy_from_slice(&BATCH_MAGIC);
        bytes[8..16].copy_from_slice(&self.batch.to_le_bytes());
        bytes[16..20].copy_from_slice(&self.body_bytes.to_le_bytes());
        bytes[20..24].copy_from_slice(&self.chain.to_le_bytes());
        let crc = Self::crc(place, &bytes[8..24]);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
    }

    /// The header at the start of `bytes`, if there is a whole and valid one for this place.
    pub(super) fn decode(place: Place, bytes: &[u8]) -> Option<Self> {
        if !bytes.starts_with(&BATCH_MAGIC) || u32_at(bytes, 4) != Self::crc(place, &bytes[8..24]) {
            return None;
        }
        Some(Self {
            batch: u64_at(bytes, 8),
            body_bytes: u32_at(bytes, 16),
            chain: u32_at(bytes, 20),
        })
    }

    /// The chain after a batch of `batch` and `body`, when it was `chain` before.
    pub(super) fn chain_over(chain: u32, batch: u64, body: &[u8]) -> u32 {
        let chain = crc32c::crc32c_append(chain, &batch.to_le_bytes());
        let chain = crc32c::crc32c_append(chain, &(body.len() as u64).to_le_bytes());
        crc32c::crc32c_append(chain, body)
    }

    /// Length of the whole batch.
    pub(super) fn bytes(&self) -> u64 {
        BATCH_HEADER_BYTES + u64::from(self.body_bytes)
    }

    fn crc(place: Place, fields: &[u8]) -> u32 {
        let mut crc = crc32c::crc32c(&place.identity.cluster.to_le_bytes());
        for number in [place.identity.node.0, place.segment, place.offset] {
            crc = crc32c::crc32c_append(crc, &number.to_le_bytes());
        }
        crc32c::crc32c_append(crc, fields)
    }
}

/// One record of a batch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Record {
    HardState(HardState),
    Entry(Entry),
}

pub(super) const fn hard_state_bytes() -> usize {
    RECORD_HEADER_BYTES + HARD_STATE_BYTES
}

pub(super) const fn entry_bytes(entry: &Entry) -> usize {
    RECORD_HEADER_BYTES + ENTRY_FIXED_BYTES + entry.command.len()
}

pub(super) fn encode_hard_state(hard: &HardState, out: &mut Vec<u8>) {
    record_header(KIND_HARD_STATE, HARD_STATE_BYTES, out);
    for number in [hard.term.0, hard.vote.map_or(0, |node| node.0), hard.commit.0] {
        out.extend(number.to_le_bytes());
    }
}

pub(super) fn encode_entry(entry: &Entry, out: &mut Vec<u8>) {
    record_header(KIND_ENTRY, ENTRY_FIXED_BYTES + entry.command.len(), out);
    let (node, number) = entry.request.map_or((0, 0), |request| (request.node.0, request.number));
    for number in [entry.term.0, entry.index.0, node, number] {
        out.extend(number.to_le_bytes());
    }
    out.extend(&entry.command);
}

fn record_header(kind: u8, payload_bytes: usize, out: &mut Vec<u8>) {
    let bytes = u32::try_from(payload_bytes).expect("append refuses batches of 4 GiB");
    out.push(kind);
    out.extend(bytes.to_le_bytes());
}

/// Takes the next record off `body`. An error can only come from a writer that this build does not understand, since
/// the batch has passed its CRC.
pub(super) fn decode_record(body: &mut &[u8]) -> Result<Record, String> {
    let (head, rest) = body.split_at_checked(RECORD_HEADER_BYTES).ok_or("a record is cut short")?;
    let length = u32_at(head, 1) as usize;
    let (payload, rest) =
        rest.split_at_checked(length).ok_or("a record is longer than its batch")?;
    *body = rest;
    match head[0] {
        KIND_HARD_STATE if length == HARD_STATE_BYTES => Ok(Record::HardState(HardState {
            term: Term(u64_at(payload, 0)),
            vote: Some(NodeId(u64_at(payload, 8))).filter(|node| node.0 != 0),
            commit: LogIndex(u64_at(payload, 16)),
        })),
        KIND_ENTRY if length >= ENTRY_FIXED_BYTES => Ok(Record::Entry(Entry {
            term: Term(u64_at(payload, 0)),
            index: LogIndex(u64_at(payload, 8)),
            request: Some(RequestId {
                node: NodeId(u64_at(payload, 16)),
                number: u64_at(payload, 24),
            })
            .filter(|request| request.node.0 != 0),
            command: payload[ENTRY_FIXED_BYTES..].to_vec(),
        })),
        kind => Err(format!("a record of kind {kind} and {length} bytes is unknown")),
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}
