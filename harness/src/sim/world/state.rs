//! What those who stage a run want to know of the world.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use super::nodes::Death;
use super::{Body, World};
use crate::sim::booth::Booth;
use crate::sim::heap::Moment;
use crate::sim::network::Weather;
use crate::sim::plan::Temper;
use rashomon_node::raft::LogIndex;
use rashomon_node::storage::memory::Crash;

impl World {
    /// Where clients meet the world.
    pub(in crate::sim) const fn booth(&self) -> &Booth {
        &self.booth
    }

    /// The world's time in nanoseconds, always up to date.
    pub(in crate::sim) fn clock(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.clock)
    }

    /// How long letters may yet arrive that were sent before the weather turned calm. Until then a heartbeat that was doubled
    /// may keep followers waiting for a leader that has long stepped down in the same term.
    pub(in crate::sim) fn latest_letter(&self) -> Moment {
        let weather = self.plan.weather;
        let double_max = if weather.double > 0 { weather.double_max } else { 0 };
        weather.tail_max + double_max
    }

    /// From now on nothing is late, lost or slow.
    pub(in crate::sim) fn calm_down(&mut self) {
        let datagrams = self.plan.weather.datagrams;
        self.network.set_weather(Weather { datagrams, ..Weather::CALM });
        self.plan.disk.slow = 0;
        (self.plan.node.apply_max, self.plan.node.turn) = (0, 0);
        self.plan.temper = Temper::CALM;
    }

    /// The nodes that have to work: all but those whose log was damaged on purpose and is refused.
    pub(in crate::sim) fn able_nodes(&self) -> Vec<usize> {
        let able = |node: &usize| !(self.nodes[*node].damaged && self.is_broken(*node));
        (0..self.plan.nodes).filter(able).collect()
    }

    fn is_broken(&self, node: usize) -> bool {
        matches!(self.nodes[node].body, Body::Broken(_))
    }

    /// The most entries that a node lacks of what is committed anywhere.
    pub(in crate::sim) fn missed_entries(&self) -> u64 {
        let committed = self.watch.shadows().committed.len() as u64;
        let least = self.able_nodes().into_iter().map(|node| self.applied_by(node).0).min();
        committed.saturating_sub(least.unwrap_or(0))
    }

    fn applied_by(&self, node: usize) -> LogIndex {
        match &self.nodes[node].body {
            Body::Up(process) => process.shop().applied(),
            _ => LogIndex(0),
        }
    }

    /// The index of a node's last entry.
    pub(super) fn last_entry(&self, node: usize) -> u64 {
        match &self.nodes[node].body {
            Body::Up(process) => process.replica().status().last_index.0,
            _ => 0,
        }
    }

    /// How each node stands, in words.
    pub(in crate::sim) fn how_it_stands(&self) -> String {
        let one = |(place, node): (usize, &super::Node)| match &node.body {
            Body::Up(process) => {
                let status = process.replica().status();
                let (role, term) = (status.role.name(), status.term);
                let (commit, last) = (status.commit, status.last_index);
                let applied = process.shop().applied();
                format!(
                    "n{} {role} of term {term}, {applied} applied, {commit} committed of {last}",
                    place + 1
                )
            }
            Body::Booting(_) => format!("n{} starts", place + 1),
            Body::Down => format!("n{} is down", place + 1),
            Body::Broken(why) => format!("n{} is broken: {why}", place + 1),
        };
        self.nodes.iter().enumerate().map(one).collect::<Vec<_>>().join("; ")
    }

    /// Whether all nodes that have to work do, and have applied everything that any of them has in its log.
    pub(in crate::sim) fn has_converged(&self) -> bool {
        let (mut longest, mut slowest) = (LogIndex(0), LogIndex(u64::MAX));
        for node in self.able_nodes() {
            let Body::Up(process) = &self.nodes[node].body else { return false };
            longest = longest.max(process.replica().status().last_index);
            slowest = slowest.min(process.shop().applied());
        }
        slowest >= longest
    }

    /// In words, which nodes have applied the same entries and hold different stores.
    pub(in crate::sim) fn differing_stores(&self) -> Option<String> {
        let mut first = None;
        for node in self.able_nodes() {
            let Body::Up(process) = &self.nodes[node].body else { continue };
            let store = process.shop().store();
            match first {
                None => first = Some((node, store)),
                Some((other, known)) if known != store => {
                    return Some(format!(
                        "n{} and n{} have applied the same entries and hold different stores",
                        other + 1,
                        node + 1
                    ));
                }
                Some(_) => {}
            }
        }
        None
    }

    /// The highest term of any node.
    pub(in crate::sim) fn highest_term(&self) -> u64 {
        let term = |node: &super::Node| match &node.body {
            Body::Up(process) => process.replica().standing().term.0,
            _ => 0,
        };
        self.nodes.iter().map(term).max().unwrap_or(0)
    }

    /// All machines lose power at once, and what was not synced with it; then all start again.
    pub(in crate::sim) fn power_cut(&mut self) {
        for node in 0..self.plan.nodes {
            self.die(node, Death::Machine(Crash::LoseUnsynced));
        }
        for node in 0..self.plan.nodes {
            self.boot(node);
        }
    }
}
