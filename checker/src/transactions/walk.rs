//! Shortest cycles through a transaction, breadth first.
//!
//! A fan is entered at the cost of one edge; passing from one of its positions to the next costs nothing, and what lies
//! behind a position is looked at once. So a walk is linear although fans stand for quadratically many edges.

use std::collections::VecDeque;

use super::components::Space;
use super::graph::Label;
use super::{Stop, Stopped};

/// After how many steps the stop test is asked again.
const STOP_ASKED_EVERY: u64 = 1 << 16;

/// One edge of a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hop {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) label: Label,
    pub(super) key: u32,
}

/// Memory of the search, kept between searches.
#[derive(Default)]
pub(super) struct Walker {
    /// By state: in which search it was last seen.
    seen: Vec<u32>,
    search: u32,
    /// By state: the state of the transaction that it was reached from, and by which edge.
    parents: Vec<u32>,
    edges: Vec<u32>,
    queue: VecDeque<u32>,
    /// Positions of fans that lead to the start and that it entered itself.
    own: Vec<u32>,
    steps: u64,
}

impl Walker {
    /// How many steps the last search took.
    pub(super) fn steps(&self) -> u64 {
        self.steps
    }

    /// A shortest cycle through `start` that begins with an edge of one of the labels `first`.
    pub(super) fn cycle(
        &mut self,
        space: &Space<'_>,
        start: u32,
        first: u16,
        stop: Stop<'_>,
    ) -> Result<Option<Vec<Hop>>, Stopped> {
        self.begin(space);
        let origin = space.state(start);
        if let Some(end) = self.expand(space, start, origin, first) {
            return Ok(Some(self.trace(space, start, end)));
        }
        while let Some(state) = self.queue.pop_front() {
            self.steps += 1;
            if self.steps.is_multiple_of(STOP_ASKED_EVERY) {
                stop.ask()?;
            }
            let node = space.node(state);
            let end = if space.graph.is_fan(node) {
                self.pass(space, start, state)
            } else {
                self.expand(space, start, state, space.labels)
            };
            if let Some(end) = end {
                return Ok(Some(self.trace(space, start, end)));
            }
        }
        Ok(None)
    }

    fn begin(&mut self, space: &Space<'_>) {
        let states = space.states().max(self.seen.len());
        self.seen.resize(states, 0);
        self.parents.resize(states, 0);
        self.edges.resize(states, 0);
        if self.search == u32::MAX {
            self.seen.fill(0);
            self.search = 0;
        }
        self.search += 1;
        self.queue.clear();
        self.own.clear();
        self.steps = 0;
    }

    /// Follows the edges of a transaction. Answers the last edge of a cycle, with the state that it leaves.
    fn expand(
        &mut self,
        space: &Space<'_>,
        start: u32,
        state: u32,
        labels: u16,
    ) -> Option<(u32, u32)> {
        let graph = space.graph;
        let from_start = space.node(state) == start;
        for edge in graph.span(space.node(state)) {
            self.steps += 1;
            let Some(next) = space.along(state, edge, labels) else { continue };
            let to = space.node(next);
            let closes = if graph.is_fan(to) {
                // The part of the fan that is behind may have been passed already, from the start itself.
                !from_start && self.own.iter().any(|own| to <= *own && *own < graph.end(to))
            } else {
                to == start
            };
            // A cycle begins with an anti-dependency where these must alternate, so it cannot end with one.
            if closes && !space.is_after_anti(next) {
                return Some((state, edge));
            }
            if to != start && self.discover(next, state, edge) {
                if graph.is_fan(to) {
                    self.queue.push_front(next);
                } else {
                    self.queue.push_back(next);
                }
            }
        }
        None
    }

    /// Looks at a position of a fan: its target, and the next position.
    fn pass(&mut self, space: &Space<'_>, start: u32, state: u32) -> Option<(u32, u32)> {
        let graph = space.graph;
        let node = space.node(state);
        let anti = space.is_after_anti(state);
        let (parent, edge) = (self.parents[state as usize], self.edges[state as usize]);
        let target = graph.target(node);
        if target == start {
            if space.node(parent) == start {
                self.own.push(node);
            } else if !anti {
                return Some((parent, edge));
            }
        } else if space.contains(target) {
            let next = space.state_after(target, anti);
            if self.discover(next, parent, edge) {
                self.queue.push_back(next);
            }
        }
        if let Some(next) = graph.next(node).filter(|next| space.contains(*next)) {
            let next = space.state_after(next, anti);
            if self.discover(next, parent, edge) {
                self.queue.push_front(next);
            }
        }
        None
    }

    fn discover(&mut self, state: u32, parent: u32, edge: u32) -> bool {
        let seen = &mut self.seen[state as usize];
        let new = *seen != self.search;
        if new {
            *seen = self.search;
            self.parents[state as usize] = parent;
            self.edges[state as usize] = edge;
        }
        new
    }

    /// The cycle that ends with this edge from this state.
    fn trace(&self, space: &Space<'_>, start: u32, (mut state, mut edge): (u32, u32)) -> Vec<Hop> {
        let mut to = start;
        let mut hops = Vec::new();
        loop {
            let from = space.node(state);
            let through = space.graph.edge(edge);
            hops.push(Hop { from, to, label: through.label, key: through.key });
            if from == start {
                break;
            }
            to = from;
            (state, edge) = (self.parents[state as usize], self.edges[state as usize]);
        }
        hops.reverse();
        hops
    }
}
