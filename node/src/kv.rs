//! The key-value state machine: etcd's data model, revision for revision.
//!
//! Owns what a committed command does and what a read returns. Refuses to own who may ask, when a read is linearizable
//! and which node answers: that is the shell's and the Raft core's. It has no clock, no randomness and no I/O, so every
//! node that applies the same commands in the same order holds the same state and gives the same answers, errors
//! included.
//!
//! ```text
//!   client request --validate--> KvRequest --encode_command--> bytes in the Raft log
//!                                                                    | committed
//!   PutResponse, ... <-----------------------------------------  Store::apply
//!   RangeResponse    <-----------------------------------------  Store::range, Store::read_txn
//! ```
//!
//! A key's life is a list of changes; a read at revision `r` sees the last change at or before `r`:
//!
//! ```text
//!   revision   2        3        4        5
//!   "a"        put v=1  put v=2  delete   put v=1     create_revision 2, 2, -, 5
//!   "b"                 put v=1                       both changes of one txn share main revision 3
//! ```
//!
//! Invariants:
//! - The revision starts at 1 and grows by exactly one per command that changed something, however much it changed.
//! - A command that fails, or is not understood, changes nothing.
//! - `create_revision <= mod_revision <= revision`, and `version` counts the changes since creation, from 1.
//!
//! Caveats: nothing is compacted, so memory grows with the number of changes, as etcd's does until someone compacts it;
//! there are no leases, so a request that names one is refused as etcd refuses an unknown lease; a transaction nested
//! deeper than about fifty levels is not decoded (prost's recursion limit), etcd allows 128.
//!
//! Source: etcd API v3 as release 3.4 behaves (`etcdserver/api/v3rpc/key.go`, `etcdserver/apply.go`, `mvcc`); where its
//! behaviour surprises, the code says so.

mod command;
mod compare;
mod error;
mod history;
mod range;
mod store;
mod txn;
mod validate;

pub use command::{KvRequest, KvResponse, decode_command, encode_command};
pub use error::KvError;
pub use store::Store;
pub use txn::{is_read_only, is_serializable};
pub use validate::{REQUEST_BYTES_MAX, TXN_OPS_MAX, validate, validate_range};

#[cfg(test)]
mod tests;
