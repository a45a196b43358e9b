//! The Raft core: events in, effects out.
//!
//! Owns the protocol: elections, replication, commitment, read positions, and what a client may be told of its write.
//! Refuses to own time (every step is told `now`), the disk (a step says what to write, and which messages have to wait
//! for it), the network (a message may be lost, late, doubled or overtaken), and the meaning of commands.
//!
//! ```text
//!             Tick, Receive, Propose, Read, Persisted, Unreachable
//!                                  |
//!                                  v
//!    shell  ---- now, event ---> Raft::step ---> effects, in order ----> shell
//!                                                  Role      who leads, for logs and metrics
//!                                                  Write     append to the disk, then report Persisted
//!                                                  Send      after the write it is bound to, if any
//!                                                  Refuse, Forget, Appended, ReadReady     answers
//!                                                  Apply     committed entries, for the state machine
//! ```
//!
//! # What a shell has to do
//!
//! 1. Call `step` for every event with the node's own monotonic clock, and `Event::Tick` once `next_deadline` has come.
//!    `step_all` takes events that are there together: one disk write and fewer, fuller messages.
//! 2. Carry effects out in order. A `Send` with `after > 0` leaves only when that write is durable; all others at once,
//!    also past a `Write` that is still on its way: that is what makes a leader's disk work in parallel with its followers'.
//! 3. Report `Persisted(io)` when everything up to `io` is durable; skipping numbers is fine, inventing them panics.
//! 4. Serve a `ReadReady` once entries up to its index are applied. One id may stand for many reads of clients if all of
//!    them came before `Event::Read`; a read that comes later needs an id of its own.
//! 5. Give each request an id that no incarnation of the node has used, with rising numbers.
//!
//! # The protocol, and where it is
//!
//! | part | source | file |
//! |---|---|---|
//! | elections, PreVote, CheckQuorum, votes refused while a leader is heard | paper 5.2, 5.4.1; thesis 9.6, 6.2, 4.2.3 | `election` |
//! | entries on a follower, conflict repair | paper 5.3 | `following`, `log` |
//! | entries on a leader, pipelining, commitment | paper 5.3, 5.4.2; thesis 10.2.1 | `replication`, `progress`, `quorum` |
//! | linearizable reads on any node | thesis 6.4 | `reads` |
//! | writes, handed on and answered | thesis 6.2 | `proposals` |
//! | durability as data | etcd-raft, asynchronous storage writes | `writes` |
//!
//! # Invariants
//!
//! Election safety, log matching, leader completeness and state machine safety (paper, figure 3) hold over any loss,
//! delay, doubling and reordering of messages, any pauses, and crashes that lose what was not durable. No clock is trusted
//! for safety: a wrong one costs elections, never answers. No message can make a core panic: what no correct member
//! could have sent is counted in [`Status::ignored`], what contradicts a committed entry in [`Status::conflicts`].
//!
//! # Caveats
//!
//! - No snapshots: the log stays in memory and on disk as a whole. No membership changes, no leadership transfer.
//! - No leases for reads: each batch of reads costs a round trip to a quorum.
//! - A write that is handed on and lost on the way is answered *unknown* after ten election timeouts, not repeated.
//! - A member that loses its disk must not come back under its old number.
//!
//! The built-in bugs ([`crate::bugs`]) are single guarded lines in these files; what takes more is in `broken`.
//! `ack-on-append` is one of the shell's (it answers on `Appended`); for `ack-before-fsync` the core stops waiting, and the
//! shell also syncs late.

mod broken;
mod config;
mod core;
mod election;
mod event;
mod following;
mod inspect;
mod log;
mod message;
mod progress;
mod proposals;
mod quorum;
mod reads;
mod replication;
mod status;
mod types;
mod writes;

pub use config::{Config, Recovered};
pub use core::Raft;
pub use event::{Effect, Event, Refusal, Role};
pub use inspect::Follower;
pub use message::{Message, Payload};
pub use status::Status;
pub use types::{Entry, HardState, IoSeq, LogIndex, Nanos, NodeId, RequestId, Term};
