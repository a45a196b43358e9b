//! A network that loses, doubles, delays and thereby reorders, per directed link.

use std::collections::BTreeSet;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rashomon_node::raft::NodeId;

/// One millisecond.
pub(crate) const MS: u64 = 1_000_000;

/// The links and their weather.
#[derive(Debug)]
pub(crate) struct Network {
    /// Directed links that carry nothing.
    pub(crate) cut: BTreeSet<(NodeId, NodeId)>,
    /// Percent of messages lost.
    pub(crate) loss: u32,
    /// Percent of messages that arrive twice.
    pub(crate) doubled: u32,
    /// The longest usual delay.
    pub(crate) delay_max: u64,
    /// Percent of messages that take very long.
    pub(crate) straggling: u32,
}

impl Network {
    pub(crate) fn calm() -> Self {
        Self { cut: BTreeSet::new(), loss: 0, doubled: 0, delay_max: 2 * MS, straggling: 0 }
    }

    pub(crate) fn stormy(rng: &mut ChaCha8Rng) -> Self {
        Self {
            cut: BTreeSet::new(),
            loss: rng.random_range(0..10),
            doubled: rng.random_range(0..15),
            delay_max: rng.random_range(1..20) * MS,
            straggling: rng.random_range(0..4),
        }
    }

    /// After which delays a message sent now arrives: none, one, or two times.
    pub(crate) fn delays(&self, link: (NodeId, NodeId), rng: &mut ChaCha8Rng) -> Vec<u64> {
        let copies = 1 + u32::from(rng.random_ratio(self.doubled, 100));
        let mut delays = Vec::new();
        for _ in 0..copies {
            let lost = rng.random_ratio(self.loss, 100) || self.cut.contains(&link);
            let far =
                if rng.random_ratio(self.straggling, 100) { 400 * MS } else { self.delay_max };
            let delay = rng.random_range(MS / 10..=far);
            if !lost {
                delays.push(delay);
            }
        }
        delays
    }

    pub(crate) fn isolate(&mut self, node: NodeId, others: impl Iterator<Item = NodeId>) {
        for other in others.filter(|other| *other != node) {
            self.cut.insert((node, other));
            self.cut.insert((other, node));
        }
    }
}
