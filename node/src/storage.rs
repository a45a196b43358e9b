//! The write-ahead log: what this node promised, on disk before it promises.
//!
//! Owns the log's files: their format, their order, when they are synced, and what is believed after a crash. Refuses to
//! own what the entries mean, when to sync ([`Journal`](crate::replica::Journal) groups writes), which entries are
//! committed, and that only one process uses the directory (the shell has a lock).
//!
//! ```text
//!   DATA/0000000000000001.wal     segments, 16 MiB each unless a batch is longer
//!   DATA/0000000000000002.wal
//!
//!   segment = header | batch | batch | ...          a batch is what one sync wrote
//!
//!   header, 56 bytes                                batch header, 24 bytes
//!   +--------------------+  0                       +--------------------+  0
//!   | magic "RSHMNWAL"   |                          | magic "RWB1"       |
//!   | format version u32 |  8                       | header CRC u32     |  4
//!   | CRC u32            | 12                       | batch number u64   |  8
//!   | cluster u64        | 16                       | body length u32    | 16
//!   | node u64           | 24                       | chain CRC u32      | 20
//!   | segment number u64 | 32                       +--------------------+ 24
//!   | first batch u64    | 40                       | records ...        |
//!   | chain CRC u32      | 48                       +--------------------+
//!   | zero u32           | 52
//!   +--------------------+ 56                       record: kind u8 | length u32 | payload
//!                                                     1 hard state: term u64 | vote u64 | commit u64
//!   numbers are little-endian                         2 entry: term u64 | index u64 | request node u64 |
//!                                                              request number u64 | command
//! ```
//!
//! The *chain CRC* is a CRC-32C over every segment header and every batch (number, length, body) from the start of the
//! log on; each segment header carries on the value of its predecessor. Bytes of another log, of another place in this
//! one, or of a tail that was cut off never continue the chain.
//!
//! # Torn or damaged?
//! A batch is written only after its predecessor was synced, and a segment is created only after its predecessor was
//! synced. So the existence of batch n proves that all before it were durable: n is the identifier of the last synced
//! batch. After a crash
//! - the last batch may be missing, whole, or any mixture of old and new bytes: it was never acknowledged. An invalid
//!   end of the last segment is therefore *torn*: cut off, and the cut synced before anything is written behind it.
//! - anything invalid with the header of a *later* batch behind it, or in a segment that is not the last, was durable
//!   once: it is *damaged*. The log refuses to open. Cutting it would silently forget acknowledged entries and votes.
//!
//! To find later batches behind bytes that cannot be parsed, a batch header has a CRC of its own, over its place (node,
//! cluster, segment, offset) as well: an image of a header inside a client's value does not pass for one.
//!
//! What cannot be told: whether the very last batch was torn or damaged, when nothing follows it. Each opening, and each
//! clean stop, therefore appends an empty batch, the *sync mark*, so that this ambiguity never covers a batch that an
//! earlier incarnation left behind.
//!
//! # Failing disks
//! After a failed sync nobody knows what is durable, and the kernel may have marked the lost pages clean: asking again
//! would succeed and lie. So the log is *poisoned*: every later call fails, and the process has to restart. For the same
//! reason opening writes the last batch again before it syncs: the kernel may show it and yet not hold it on disk.
//!
//! # Sync lazily
//! [`Wal::append`] only buffers in this process, [`Wal::sync`] writes and syncs all that was buffered as one batch. A
//! caller that acknowledges after `append` and syncs now and then loses, at SIGKILL, exactly what it did not sync.
//!
//! Invariants:
//! - Bytes reach the kernel only inside `sync` (and while opening), so SIGKILL loses exactly what was unsynced.
//! - Term, vote and commit are one record; a batch is replayed whole or not at all.
//! - An entry at index i replaces those at i and above, also on replay; entries have no gaps.

mod disk;
mod error;
mod format;
pub mod memory;
mod real;
mod recovery;
mod wal;
mod window;

pub use disk::{Disk, DiskFile};
pub use error::WalError;
#[cfg(test)]
pub(crate) use memory::MemDisk;
pub(crate) use real::create_durably;
pub use real::{RealDisk, RealFile};
pub use recovery::{Replay, TornTail};
pub use wal::{BATCH_BYTES_MAX, SEGMENT_BYTES_DEFAULT, SEGMENT_BYTES_MIN, Wal, WalOptions};

#[cfg(test)]
mod tests;
