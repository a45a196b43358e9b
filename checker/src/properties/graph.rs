//! What must come before what, and where that goes round in a circle.
//!
//! Strongly connected components by Tarjan's algorithm (SIAM J. Comput. 1972) with its own stack, so that long chains do
//! not overflow the thread's; within each a short cycle by breadth-first search from a few of its nodes. All linear.

use std::collections::VecDeque;

use crate::stop::{Pace, Stopped};

/// Nodes of a component from which to look for a short cycle.
const STARTS_MAX: usize = 8;

const NONE: u32 = u32::MAX;

/// `from` comes before `to`, for a reason that the caller knows by its number.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Edge {
    pub(super) from: u32,
    pub(super) to: u32,
    pub(super) reason: u32,
}

/// Tells one cycle of each strongly connected component that has one, the shortest through the first few of its nodes;
/// components in the order of their lowest nodes. No edge may lead from a node to itself.
pub(super) fn cycles(
    nodes: usize,
    mut edges: Vec<Edge>,
    pace: &Pace<'_>,
    mut tell: impl FnMut(&[Edge]),
) -> Result<(), Stopped> {
    edges.sort_by_key(|edge| edge.from);
    let mut first = vec![0; nodes + 1];
    for edge in &edges {
        first[edge.from as usize + 1] += 1;
    }
    for node in 0..nodes {
        first[node + 1] += first[node];
    }
    let graph = Graph { first, edges };
    let components = graph.components(pace)?;
    let mut members: Vec<Vec<u32>> = Vec::new();
    let mut group = vec![NONE; nodes];
    let mut sizes = vec![0_u32; nodes];
    for component in &components {
        sizes[*component as usize] += 1;
    }
    for (node, component) in components.iter().enumerate() {
        pace.step(1)?;
        let component = *component as usize;
        if sizes[component] < 2 {
            continue;
        }
        if group[component] == NONE {
            group[component] = members.len() as u32;
            members.push(Vec::new());
        }
        let members = &mut members[group[component] as usize];
        if members.len() < STARTS_MAX {
            members.push(node as u32);
        }
    }
    let came_by = vec![NONE; nodes];
    let mut search = Search { graph: &graph, components: &components, came_by, pace };
    for starts in members {
        let mut shortest: Option<Vec<Edge>> = None;
        for start in starts {
            let cycle = search.cycle_through(start)?;
            if shortest.as_ref().is_none_or(|shortest| cycle.len() < shortest.len()) {
                shortest = Some(cycle);
            }
        }
        if let Some(cycle) = shortest {
            tell(&cycle);
        }
    }
    Ok(())
}

struct Graph {
    /// By node: where its edges begin.
    first: Vec<usize>,
    edges: Vec<Edge>,
}

impl Graph {
    fn range(&self, node: u32) -> std::ops::Range<usize> {
        self.first[node as usize]..self.first[node as usize + 1]
    }

    /// By node: the number of its component.
    fn components(&self, pace: &Pace<'_>) -> Result<Vec<u32>, Stopped> {
        let nodes = self.first.len() - 1;
        let mut tarjan = Tarjan {
            components: vec![NONE; nodes],
            order: vec![NONE; nodes],
            low: vec![0; nodes],
            stack: Vec::new(),
            visited: 0,
            found: 0,
        };
        for node in 0..nodes as u32 {
            if tarjan.order[node as usize] == NONE {
                tarjan.visit(self, node, pace)?;
            }
        }
        Ok(tarjan.components)
    }
}

struct Tarjan {
    components: Vec<u32>,
    /// By node: when it was visited.
    order: Vec<u32>,
    /// By node: the earliest visited that it can come back to.
    low: Vec<u32>,
    stack: Vec<u32>,
    visited: u32,
    found: u32,
}

impl Tarjan {
    fn visit(&mut self, graph: &Graph, root: u32, pace: &Pace<'_>) -> Result<(), Stopped> {
        let mut path = vec![self.enter(graph, root)];
        while let Some((node, edges)) = path.last_mut() {
            pace.step(1)?;
            let node = *node;
            if let Some(at) = edges.next() {
                let to = graph.edges[at].to;
                if self.order[to as usize] == NONE {
                    path.push(self.enter(graph, to));
                } else if self.components[to as usize] == NONE {
                    self.low[node as usize] = self.low[node as usize].min(self.order[to as usize]);
                }
                continue;
            }
            path.pop();
            if let Some((parent, _)) = path.last() {
                let parent = *parent as usize;
                self.low[parent] = self.low[parent].min(self.low[node as usize]);
            }
            self.leave(node);
        }
        Ok(())
    }

    fn enter(&mut self, graph: &Graph, node: u32) -> (u32, std::ops::Range<usize>) {
        self.order[node as usize] = self.visited;
        self.low[node as usize] = self.visited;
        self.visited += 1;
        self.stack.push(node);
        (node, graph.range(node))
    }

    /// If `node` cannot come back to an earlier one, it and what lies on the stack above it are a component.
    fn leave(&mut self, node: u32) {
        if self.low[node as usize] != self.order[node as usize] {
            return;
        }
        while let Some(member) = self.stack.pop() {
            self.components[member as usize] = self.found;
            if member == node {
                break;
            }
        }
        self.found += 1;
    }
}

struct Search<'a> {
    graph: &'a Graph,
    components: &'a [u32],
    /// By node: the edge by which it was reached; all [`NONE`] between searches.
    came_by: Vec<u32>,
    pace: &'a Pace<'a>,
}

impl Search<'_> {
    /// A shortest cycle through `start`, which is in a component with others.
    fn cycle_through(&mut self, start: u32) -> Result<Vec<Edge>, Stopped> {
        let mut queue = VecDeque::from([start]);
        let mut reached = Vec::new();
        let mut cycle = Vec::new();
        'search: while let Some(node) = queue.pop_front() {
            for at in self.graph.range(node) {
                self.pace.step(1)?;
                let to = self.graph.edges[at].to;
                if to == start {
                    self.trace(start, at, &mut cycle);
                    break 'search;
                }
                let inside = self.components[to as usize] == self.components[start as usize];
                if inside && self.came_by[to as usize] == NONE {
                    self.came_by[to as usize] = at as u32;
                    reached.push(to);
                    queue.push_back(to);
                }
            }
        }
        for node in reached {
            self.came_by[node as usize] = NONE;
        }
        Ok(cycle)
    }

    /// Follows the edges back from the one that closes the cycle.
    fn trace(&self, start: u32, closing: usize, cycle: &mut Vec<Edge>) {
        let mut edge = self.graph.edges[closing];
        cycle.push(edge);
        while edge.from != start {
            edge = self.graph.edges[self.came_by[edge.from as usize] as usize];
            cycle.push(edge);
        }
        cycle.reverse();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn edges(pairs: &[(u32, u32)]) -> Vec<Edge> {
        let edge = |(reason, (from, to)): (usize, &(u32, u32))| Edge {
            from: *from,
            to: *to,
            reason: reason as u32,
        };
        pairs.iter().enumerate().map(edge).collect()
    }

    fn found(nodes: usize, edges: Vec<Edge>) -> Vec<Vec<Edge>> {
        let mut found = Vec::new();
        let told = cycles(nodes, edges, &Pace::new(&|| false), |cycle| found.push(cycle.to_vec()));
        assert_eq!(told, Ok(()));
        found
    }

    #[test]
    fn each_component_shows_one_short_cycle() {
        let all = edges(&[(0, 1), (1, 2), (2, 3), (3, 1), (2, 1), (4, 5), (5, 4), (3, 4)]);
        let reasons: Vec<Vec<u32>> = found(6, all)
            .iter()
            .map(|cycle| cycle.iter().map(|edge| edge.reason).collect())
            .collect();
        assert_eq!(reasons, [vec![1, 4], vec![5, 6]]);
    }

    #[test]
    fn a_chain_of_a_million_has_no_cycle_and_overflows_no_stack() {
        let pairs: Vec<(u32, u32)> = (0..999_999).map(|node| (node, node + 1)).collect();
        assert!(found(1_000_000, edges(&pairs)).is_empty());
        let mut ring = pairs;
        ring.push((999_999, 0));
        assert_eq!(found(1_000_000, edges(&ring))[0].len(), 1_000_000);
    }
}
