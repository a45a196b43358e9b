//! What scripts do to the world at once, and what they want to know of its nodes.

use rashomon_node::raft::Status;

use super::Struck;
use crate::sim::act::{Act, Strike};
use crate::sim::heap::Moment;
use crate::sim::world::{Body, World};

/// How a node is, from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::sim) enum Health {
    /// Its process works; whether it is paused.
    Up { status: Status, paused: bool },
    /// Its process has read its disk, and is about to work.
    Starts,
    /// No process runs.
    Down,
    /// No process can run, for this reason.
    Broken(String),
}

impl World {
    /// Does something at once, until it is relented. Its number; `None` if it could not be done.
    pub(in crate::sim) fn impose(&mut self, act: Act) -> Option<usize> {
        let number = self.force.strikes.len();
        let strike = Strike { at: self.now, until: Moment::MAX, act, fault: None };
        self.force.strikes.push(Struck { strike, tried: false, stands: false, receipt: None });
        self.strike(number);
        self.force.strikes[number].stands.then_some(number)
    }

    /// Undoes what was imposed.
    pub(in crate::sim) fn relent(&mut self, number: usize) {
        self.heal(number);
    }

    /// How a node is.
    pub(in crate::sim) fn health(&self, node: usize) -> Health {
        let here = &self.nodes[node];
        match &here.body {
            Body::Up(process) => {
                Health::Up { status: process.replica().status(), paused: here.paused }
            }
            Body::Booting(_) => Health::Starts,
            Body::Down => Health::Down,
            Body::Broken(why) => Health::Broken(why.clone()),
        }
    }

    /// The terms of the entries in a node's log, as its core has it.
    pub(in crate::sim) fn log_terms(&self, node: usize) -> Vec<u64> {
        self.watch.shadows().nodes[node].written.iter().map(|mark| mark.term.0).collect()
    }

    /// Whether all nodes whose processes work have applied everything that any of them has in its log.
    pub(in crate::sim) fn is_settled(&self) -> bool {
        let up =
            self.nodes.iter().filter(|node| !node.paused).filter_map(|node| match &node.body {
                Body::Up(process) => Some(process),
                _ => None,
            });
        let last = up.clone().map(|process| process.replica().status().last_index).max();
        up.map(|process| process.shop().applied()).min() >= last
    }
}
