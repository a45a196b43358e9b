//! Messages between nodes: one client stream per directed link.
//!
//! ```text
//!   node i                                            node j
//!   driver --push--> Outbox(j) --stream--> [ TCP ] --> accept::PeerService --Input::Frame--> driver
//!                    bounded, drops         i dials j,      asks the Door, newest stream
//!                    the oldest             only i speaks   of a sender wins
//! ```
//!
//! Owns connections, framing, and what is done when they break. Refuses to own reliability: Raft tolerates loss,
//! duplication and reordering, so nothing is ever sent twice here, and what does not fit is dropped and counted.
//!
//! Choices:
//! - **One stream a direction.** A cut of one direction must not silence the other, so no answer travels back on a
//!   stream: answers are messages on the other node's stream.
//! - **Large windows** (16 MiB a stream, 32 MiB a connection), because window updates are the one thing that does travel
//!   back: with the reverse direction cut, a link goes on until a window is used up. A connection that is *opened* during
//!   such a cut has HTTP/2's initial 64 KiB, since the receiver's settings cannot reach the sender.
//! - **No HTTP/2 keepalive**, which would take a one-way cut for a dead link. Who is alive is Raft's to decide.

use std::time::Duration;

mod accept;
mod dial;
mod outbox;

pub(super) use accept::PeerService;
pub(super) use dial::{Dialer, run_link};
pub(super) use outbox::Outbox;

/// HTTP/2 window of a stream.
pub(super) const STREAM_WINDOW: u32 = 16 * 1024 * 1024;
/// HTTP/2 window of a connection.
pub(super) const CONNECTION_WINDOW: u32 = 32 * 1024 * 1024;
/// Largest frame: an outbox stops filling a batch at a fraction of it, but one entry may be large.
const FRAME_BYTES_MAX: usize = 64 * 1024 * 1024;
/// How long a stream may stay silent before its hello.
const HELLO_TIMEOUT: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests;
