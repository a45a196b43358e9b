//! Evidence that a rule on links bit, and that it is gone.

use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::shape::LinkFault;
use crate::cluster::Cluster;
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
pub(crate) struct Traffic {
    held: u64,
    blocked: u64,
    refused: u64,
    resets: u64,
    delayed: u64,
}

impl Traffic {
    /// What `rule` did to a link between two looks. Only what such a rule does counts: when a stronger rule goes, the
    /// connections that it condemned are reset a little later, and bytes to a dead process are lost under any rule. What is
    /// held can also have become less: then nothing was added.
    fn done_by(rule: LinkRule, before: &LinkStats, now: &LinkStats) -> Self {
        let held = now.bytes_held.saturating_sub(before.bytes_held);
        let blocked = now.connects_blocked.saturating_sub(before.connects_blocked);
        let refused = now.connects_refused.saturating_sub(before.connects_refused);
        let resets = now.resets.saturating_sub(before.resets);
        let delayed = now.chunks_delayed.saturating_sub(before.chunks_delayed);
        match rule {
            LinkRule::Pass => Self::default(),
            LinkRule::Delay { .. } | LinkRule::Throttle { .. } => {
                Self { held, delayed, ..Self::default() }
            }
            LinkRule::Stall | LinkRule::Cut | LinkRule::Blackhole => {
                Self { held, blocked, ..Self::default() }
            }
            LinkRule::Refuse => Self { refused, resets, ..Self::default() },
        }
    }

    /// Both together.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            held: self.held + other.held,
            blocked: self.blocked + other.blocked,
            refused: self.refused + other.refused,
            resets: self.resets + other.resets,
            delayed: self.delayed + other.delayed,
        }
    }

    /// Whether the rule has not bitten.
    pub(crate) fn is_nothing(self) -> bool {
        self == Self::default()
    }
}

impl fmt::Display for Traffic {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.held, "bytes held"),
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

/// What one fault did to one link. Faults overlap, and the counters of a link do not tell whose doing something was: so only
/// the time counts in which the link does what this fault asks of it.
#[derive(Debug, Default)]
pub(super) struct Share {
    /// The link's figures at the last look; `None` while it does what another fault asks.
    since: Option<LinkStats>,
    /// Of the bytes held now, at most so many were held when the fault got the link.
    inherited: u64,
    seen: Traffic,
    ever: bool,
}

impl Share {
    /// Takes note of what happened since the last look, and of whether the link does what `rule` asks from now on.
    pub(super) fn look(&mut self, rule: LinkRule, acts: bool, now: &LinkStats) {
        match self.since {
            Some(before) => {
                let mut seen = Traffic::done_by(rule, &before, now);
                if self.inherited > 0 {
                    // Chunks that another rule held count as delayed when they pass at last.
                    seen.delayed = 0;
                }
                self.seen = self.seen.plus(seen);
                self.inherited = self.inherited.min(now.bytes_held);
            }
            None if acts => self.inherited = now.bytes_held,
            None => {}
        }
        self.since = acts.then_some(*now);
        self.ever |= acts;
    }

    /// What the fault did to the link.
    pub(super) fn seen(&self) -> Traffic {
        self.seen
    }

    /// Whether the link ever did what the fault asks.
    pub(super) fn was_in_hand(&self) -> bool {
        self.ever
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
                format!(", {others} wait for another fault or a stopped node")
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

/// Waits until something has got through each of these links once; tells those that stay shut.
pub(super) async fn shut_links(cluster: &Arc<Cluster>, links: Vec<Link>) -> Vec<Link> {
    let mut probes = JoinSet::new();
    for link in links {
        let cluster = Arc::clone(cluster);
        probes.spawn(async move {
            let until = Instant::now() + HEAL_PATIENCE;
            while !gets_through(cluster.network(), link).await {
                if Instant::now() >= until {
                    return Some(link);
                }
                tokio::time::sleep(POLL).await;
            }
            None
        });
    }
    let mut shut: Vec<Link> = probes.join_all().await.into_iter().flatten().collect();
    shut.sort_unstable();
    shut
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

    const CUT: LinkRule = LinkRule::Cut;
    const THROTTLE: LinkRule = LinkRule::Throttle { bytes_per_second: 1 };

    fn held(bytes_held: u64) -> LinkStats {
        LinkStats { bytes_held, ..LinkStats::default() }
    }

    #[test]
    fn only_what_happens_while_the_link_is_in_hand_counts() {
        let mut share = Share::default();
        for (bytes, acts) in [(0, false), (500, false), (600, true), (610, true), (700, false)] {
            share.look(CUT, acts, &held(bytes));
        }
        share.look(CUT, false, &held(9_000));
        assert_eq!(share.seen().to_string(), "100 bytes held");
    }

    #[test]
    fn a_link_that_is_never_in_hand_shows_nothing() {
        let mut share = Share::default();
        for bytes in [0, 500, 900] {
            share.look(CUT, false, &held(bytes));
        }
        assert!(share.seen().is_nothing() && !share.was_in_hand());
        assert_eq!(share.seen().to_string(), "nothing");
    }

    #[test]
    fn what_a_stronger_rule_leaves_behind_is_not_the_work_of_a_weaker_one() {
        let mut share = Share::default();
        share.look(THROTTLE, true, &held(80));
        // The connections of the cut that ended are reset, what it held is lost, and a stall's chunks pass late.
        let aftermath = LinkStats {
            bytes_held: 30,
            bytes_dropped: 50,
            resets: 2,
            chunks_delayed: 4,
            ..LinkStats::default()
        };
        share.look(THROTTLE, true, &aftermath);
        assert!(share.seen().is_nothing(), "{}", share.seen());
        share.look(THROTTLE, true, &LinkStats { bytes_held: 0, ..aftermath });
        share.look(THROTTLE, true, &LinkStats { bytes_held: 9, chunks_delayed: 5, ..aftermath });
        assert_eq!(share.seen().to_string(), "9 bytes held, 1 chunks delayed");
    }
}
