//! The bundled replicated store: a key-value store with etcd's API, kept by a few nodes that agree by Raft.
//!
//! ```text
//!   server     tokio, tonic, real files, the clock          waits, locks, touches the outside
//!     replica    one member, as a thing without threads     who waits for what, what becomes of effects
//!       raft       the protocol: events in, effects out     elections, replication, read positions
//!       storage    the write-ahead log on any disk          what is durable, what is believed after a crash
//!       kv         the state machine                        what a command means
//! ```
//!
//! Below `server` there is no clock, no thread, no socket and no hidden randomness: the same inputs at the same times
//! give the same outputs. [`bugs`] are known defects as switches, all off by default.
#![deny(clippy::disallowed_methods, clippy::disallowed_types)]

pub mod bugs;
pub mod kv;
pub mod proto;
pub mod raft;
pub mod replica;
pub mod server;
pub mod storage;
