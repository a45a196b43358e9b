//! Names of links, and the rules and figures that a link has.

use std::fmt;
use std::time::Duration;

/// One end of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Endpoint {
    /// All clients together.
    Client,
    /// A node, by its place in [`crate::cluster::Cluster::names`], from 0: `Node(0)` is `n1`.
    Node(usize),
}

impl fmt::Display for Endpoint {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Client => write!(out, "c"),
            Self::Node(node) => write!(out, "n{}", node + 1),
        }
    }
}

/// A directed link: what `from` sends to `to`, on whichever connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Link {
    /// Who sends.
    pub from: Endpoint,
    /// Who receives.
    pub to: Endpoint,
}

impl Link {
    /// What node `from` sends to node `to`.
    pub const fn peers(from: usize, to: usize) -> Self {
        Self { from: Endpoint::Node(from), to: Endpoint::Node(to) }
    }

    /// What clients send to a node.
    pub const fn to_node(node: usize) -> Self {
        Self { from: Endpoint::Client, to: Endpoint::Node(node) }
    }

    /// What a node sends to clients.
    pub const fn to_client(node: usize) -> Self {
        Self { from: Endpoint::Node(node), to: Endpoint::Client }
    }

    /// The other direction.
    #[must_use]
    pub const fn reverse(self) -> Self {
        Self { from: self.to, to: self.from }
    }
}

impl fmt::Display for Link {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}>{}", self.from, self.to)
    }
}

/// What a link does to the bytes and connects that would cross it.
///
/// A connect needs both directions: the rules for connects below hold for `a -> b` if either `a>b` or `b>a` has them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum LinkRule {
    /// Bytes pass at once.
    #[default]
    Pass,
    /// Nothing is forwarded; all of it arrives late, complete and in order, once the rule is gone. A new connection is
    /// accepted and goes nowhere until then.
    Stall,
    /// Nothing is forwarded, and what was held is lost: when the rule goes, every connection that lived under it is
    /// reset. A new connection is accepted, goes nowhere, and is reset as well. The nearest to a broken cable.
    Cut,
    /// As `Cut`, but a new `connect()` hangs, as if its packets were dropped.
    Blackhole,
    /// A new connect is answered with "connection refused", and existing connections are reset at once.
    Refuse,
    /// Everything arrives later by `mean` plus or minus up to `jitter`, in order.
    Delay {
        /// The middle of the added delays.
        mean: Duration,
        /// The largest distance from it; at most `mean` counts.
        jitter: Duration,
    },
    /// The link as a whole carries no more than this.
    Throttle {
        /// Bytes in a second; 0 counts as 1.
        bytes_per_second: u64,
    },
}

impl LinkRule {
    /// Whether bytes stay where they are.
    pub const fn holds(self) -> bool {
        matches!(self, Self::Stall | Self::Cut | Self::Blackhole | Self::Refuse)
    }

    /// Whether what was held is lost when the rule goes.
    pub const fn loses(self) -> bool {
        matches!(self, Self::Cut | Self::Blackhole)
    }
}

impl fmt::Display for LinkRule {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pass => write!(out, "pass"),
            Self::Stall => write!(out, "stall"),
            Self::Cut => write!(out, "cut"),
            Self::Blackhole => write!(out, "blackhole"),
            Self::Refuse => write!(out, "refuse"),
            Self::Delay { mean, jitter } => {
                write!(out, "delay {} ms +- {} ms", mean.as_millis(), jitter.as_millis())
            }
            Self::Throttle { bytes_per_second } => write!(out, "throttle {bytes_per_second} B/s"),
        }
    }
}

/// What happened on a link since the start. Counts only grow, except where a field says "now".
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LinkStats {
    /// Bytes handed on to the receiver.
    pub bytes_passed: u64,
    /// Bytes read from the sender and kept back now.
    pub bytes_held: u64,
    /// Bytes read from the sender and then lost with a connection that was reset.
    pub bytes_dropped: u64,
    /// Connections accepted on the link's listener (dialled by `from`).
    pub connects_accepted: u64,
    /// Connects, by either end, that this link's rule kept from being carried on.
    pub connects_blocked: u64,
    /// Of those, how many are kept waiting now.
    pub connects_waiting: u64,
    /// Connects, by either end, that were reset because of this link's rule, or (of `from`) because `to` does not listen.
    /// Connects that a closed listener refuses never reach us and are not counted.
    pub connects_refused: u64,
    /// Connections that were reset by a rule, or by its end.
    pub resets: u64,
    /// Chunks of bytes that were kept back and passed later.
    pub chunks_delayed: u64,
    /// For how long, summed over those chunks.
    pub delay_total: Duration,
    /// For how long, the longest of those chunks.
    pub delay_max: Duration,
}
