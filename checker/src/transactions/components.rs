//! Strongly connected components, by Tarjan's algorithm (1972) with a stack of its own instead of the machine's.

use super::graph::{ANTI, Graph};
use super::{Stop, Stopped};

/// After how many steps the stop test is asked again.
const STOP_ASKED_EVERY: u32 = 1 << 16;

/// Stands for a state whose component is complete.
const DONE: u32 = u32::MAX;

/// The part of a graph that is walked.
///
/// Where anti-dependencies must alternate with other edges, a state is a node and whether an anti-dependency was the last
/// edge; from such a state no other leads on. Numbers of states are twice those of nodes then, plus one for that.
#[derive(Clone, Copy)]
pub(super) struct Space<'g> {
    pub(super) graph: &'g Graph,
    /// Labels of edges that may be taken.
    pub(super) labels: u16,
    /// Whether anti-dependencies must not follow each other.
    pub(super) alternating: bool,
    /// By node: a tag; only nodes with the second of these are walked. Empty: all are.
    pub(super) tags: &'g [u32],
    pub(super) tag: u32,
}

/// What a successor number stands for.
pub(super) enum Successor {
    /// There are no more.
    End,
    /// This one does not belong to the space.
    Outside,
    State(u32),
}

impl Space<'_> {
    pub(super) fn states(&self) -> usize {
        if self.alternating { 2 * self.graph.len() } else { self.graph.len() }
    }

    /// The state of a node that no anti-dependency led to.
    pub(super) fn state(&self, node: u32) -> u32 {
        self.state_after(node, false)
    }

    /// The state of a node after an edge.
    pub(super) fn state_after(&self, node: u32, anti: bool) -> u32 {
        if self.alternating { 2 * node + u32::from(anti) } else { node }
    }

    pub(super) fn node(&self, state: u32) -> u32 {
        if self.alternating { state / 2 } else { state }
    }

    pub(super) fn is_after_anti(&self, state: u32) -> bool {
        self.alternating && state % 2 == 1
    }

    pub(super) fn contains(&self, node: u32) -> bool {
        self.tags.is_empty() || self.tags[node as usize] == self.tag
    }

    /// The state that an edge leads to, if it may be taken from this state.
    pub(super) fn along(&self, state: u32, edge: u32, labels: u16) -> Option<u32> {
        let edge = self.graph.edge(edge);
        let anti = edge.label.is_in(ANTI);
        let barred = anti && self.is_after_anti(state);
        let taken = edge.label.is_in(labels) && !barred && self.contains(edge.to);
        taken.then(|| self.state_after(edge.to, anti))
    }

    fn successor(&self, state: u32, number: u32) -> Successor {
        let node = self.node(state);
        let anti = self.is_after_anti(state);
        let next = if !self.graph.is_fan(node) {
            let span = self.graph.span(node);
            if span.start + number >= span.end {
                return Successor::End;
            }
            return self
                .along(state, span.start + number, self.labels)
                .map_or(Successor::Outside, Successor::State);
        } else if number == 0 {
            self.graph.target(node)
        } else if let (1, Some(next)) = (number, self.graph.next(node)) {
            next
        } else {
            return Successor::End;
        };
        if self.contains(next) {
            Successor::State(self.state_after(next, anti))
        } else {
            Successor::Outside
        }
    }
}

/// Memory of the search, kept between searches; all zero then.
#[derive(Default)]
pub(super) struct Tarjan {
    /// By state: when it was found, from 1; 0 if it was not, [`DONE`] after.
    found: Vec<u32>,
    low: Vec<u32>,
    stack: Vec<u32>,
    visits: Vec<(u32, u32)>,
    touched: Vec<u32>,
}

impl Tarjan {
    /// Calls `component` with the states of each component of at least two transactions that can be reached from the
    /// roots.
    pub(super) fn run(
        &mut self,
        space: &Space<'_>,
        roots: impl Iterator<Item = u32>,
        stop: Stop<'_>,
        mut component: impl FnMut(&[u32]),
    ) -> Result<(), Stopped> {
        self.found.resize(space.states().max(self.found.len()), 0);
        self.low.resize(self.found.len(), 0);
        let mut steps = 0;
        for root in roots {
            let root = space.state(root);
            if self.found[root as usize] == 0 {
                self.visit(root);
            }
            while let Some((state, number)) = self.visits.last_mut() {
                steps += 1;
                if steps % STOP_ASKED_EVERY == 0 {
                    stop.ask()?;
                }
                let state = *state;
                let successor = space.successor(state, *number);
                *number += 1;
                match successor {
                    Successor::State(next) => self.look_at(state, next),
                    Successor::Outside => {}
                    Successor::End => self.leave(state, space, &mut component),
                }
            }
        }
        for state in self.touched.drain(..) {
            self.found[state as usize] = 0;
        }
        Ok(())
    }

    fn visit(&mut self, state: u32) {
        self.touched.push(state);
        let number = self.touched.len() as u32;
        self.found[state as usize] = number;
        self.low[state as usize] = number;
        self.stack.push(state);
        self.visits.push((state, 0));
    }

    fn look_at(&mut self, state: u32, next: u32) {
        match self.found[next as usize] {
            0 => self.visit(next),
            DONE => {}
            found => self.low[state as usize] = self.low[state as usize].min(found),
        }
    }

    fn leave(&mut self, state: u32, space: &Space<'_>, component: &mut impl FnMut(&[u32])) {
        self.visits.pop();
        let low = self.low[state as usize];
        if let Some((parent, _)) = self.visits.last() {
            let parent = &mut self.low[*parent as usize];
            *parent = (*parent).min(low);
        }
        if low != self.found[state as usize] {
            return;
        }
        let start = self.stack.iter().rposition(|other| *other == state).unwrap_or_default();
        let members = &self.stack[start..];
        let txns = members.iter().map(|member| space.node(*member));
        let mut txns = txns.filter(|node| !space.graph.is_fan(*node));
        let first = txns.next();
        if txns.any(|txn| Some(txn) != first) {
            component(members);
        }
        for member in self.stack.drain(start..) {
            self.found[member as usize] = DONE;
        }
    }
}
