//! Evidence that a rule on links bit, and that it is gone.

use std::fmt;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::Instant;

use super::shape::LinkFault;
use crate::proxy::{Link, LinkRule, LinkStats, Network};

/// Pause between two looks.
const POLL: Duration = Duration::from_millis(5);

/// How long a healed link may take until something gets through.
const HEAL_PATIENCE: Duration = Duration::from_secs(5);

/// How long one attempt to get something through may take.
const PROBE_PATIENCE: Duration = Duration::from_millis(500);

/// What an HTTP/2 client says first, with an empty SETTINGS frame: any gRPC server answers it.
const HTTP2_HELLO: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00";

/// What a rule has done to the links of a fault, summed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Traffic {
    held: u64,
    dropped: u64,
    blocked: u64,
    refused: u64,
    resets: u64,
    delayed: u64,
}

impl Traffic {
    /// The counts so far.
    pub(super) fn of(network: &Network, fault: &LinkFault) -> Self {
        fault.links.iter().map(|link| network.stats(*link)).fold(Self::default(), Self::add)
    }

    fn add(self, stats: LinkStats) -> Self {
        Self {
            held: self.held + stats.bytes_held,
            dropped: self.dropped + stats.bytes_dropped,
            blocked: self.blocked + stats.connects_blocked,
            refused: self.refused + stats.connects_refused,
            resets: self.resets + stats.resets,
            delayed: self.delayed + stats.chunks_delayed,
        }
    }

    /// What has come on top of `before`. What is held can also have become less: then nothing was added.
    pub(super) fn since(self, before: &Self) -> Self {
        Self {
            held: self.held.saturating_sub(before.held),
            dropped: self.dropped.saturating_sub(before.dropped),
            blocked: self.blocked.saturating_sub(before.blocked),
            refused: self.refused.saturating_sub(before.refused),
            resets: self.resets.saturating_sub(before.resets),
            delayed: self.delayed.saturating_sub(before.delayed),
        }
    }

    fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.held, "bytes held"),
            (self.dropped, "bytes lost"),
            (self.blocked, "connects blocked"),
            (self.refused, "connects refused"),
            (self.resets, "connections reset"),
            (self.delayed, "chunks delayed"),
        ];
        let seen = counts.iter().filter(|(count, _)| *count > 0);
        let words: Vec<String> = seen.map(|(count, what)| format!("{count} {what}")).collect();
        if words.is_empty() { out.write_str("nothing") } else { out.write_str(&words.join(", ")) }
    }
}

/// Waits until the rule has done something to some link, and tells what; `None` if it has not by `until`.
pub(super) async fn wait_for_bite(
    network: &Network,
    fault: &LinkFault,
    before: &Traffic,
    until: Instant,
) -> Option<String> {
    loop {
        let seen = Traffic::of(network, fault).since(before);
        if !seen.is_nothing() {
            let count = fault.links.len();
            return Some(format!("{count} links: {}; {seen} so far", fault.rule));
        }
        if Instant::now() >= until {
            return None;
        }
        tokio::time::sleep(POLL).await;
    }
}

/// Waits until something gets through every link of the fault that ought to be open. `open` tells which those are, each
/// time anew: other faults go on meanwhile.
pub(super) async fn links_pass(
    network: &Network,
    fault: &LinkFault,
    open: impl Fn() -> Vec<Link>,
) -> Result<String, String> {
    let until = Instant::now() + HEAL_PATIENCE;
    let mut proven = Vec::new();
    loop {
        let waiting: Vec<Link> = open().into_iter().filter(|link| !proven.contains(link)).collect();
        let Some(next) = waiting.first().copied() else {
            let others = fault.links.len() - proven.len();
            let rest = if others == 0 {
                String::new()
            } else {
                format!(", {others} are in the hands of other faults")
            };
            return Ok(format!("{} links pass{rest}", proven.len()));
        };
        if network.rule(next) == LinkRule::Pass && gets_through(network, next).await {
            proven.push(next);
        } else if Instant::now() >= until {
            return Err(format!("nothing gets through {next}"));
        } else {
            tokio::time::sleep(POLL).await;
        }
    }
}

/// Whether `link.to` hears something from `link.from`: on a connection that `to` dials, the answer of `from` crosses it.
async fn gets_through(network: &Network, link: Link) -> bool {
    let door = network.listen_addr(link.reverse()).or_else(|| network.listen_addr(link));
    let Some(door) = door else { return true };
    tokio::time::timeout(PROBE_PATIENCE, is_answered(door)).await.is_ok_and(|answer| answer.is_ok())
}

async fn is_answered(door: SocketAddr) -> std::io::Result<()> {
    let mut stream = TcpStream::connect(door).await?;
    stream.write_all(HTTP2_HELLO).await?;
    stream.read_u8().await.map(|_| ())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traffic_tells_what_was_added_and_says_so() {
        let before = Traffic { held: 100, dropped: 5, ..Traffic::default() };
        let after = Traffic { held: 40, dropped: 25, resets: 1, ..Traffic::default() };
        let seen = after.since(&before);
        assert_eq!(seen.to_string(), "20 bytes lost, 1 connections reset");
        assert!(before.since(&before).is_nothing());
        assert_eq!(before.since(&before).to_string(), "nothing");
    }
}
