//! The graph of which transaction must come before which, in linear space.
//!
//! Many edges come as *fans*: a transaction that completed comes before every one that was invoked later; a read of an
//! initial value before every write of that key. A fan is a list of targets; entering it at a position stands for an edge
//! to every target from there on. It is held as a chain: each position leads to its target and to the next position. So
//! the order of real time costs two words a transaction, however many overlap, and is complete: no hop of a cycle needs
//! more than one edge.
//!
//! A chain leads only to where it should: whoever reaches a position entered the fan at or before it. The one exception is
//! an edge from a transaction to itself, where it is a target of a fan it enters. Such an edge joins no two transactions,
//! so strongly connected components are the same with it; the search for cycles passes over it.

/// What an edge says, and what it rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum Label {
    /// The second wrote after the first did.
    Ww,
    /// The second read what the first wrote.
    Wr,
    /// The first read a version before the second's write.
    Rw,
    /// The second followed the first in the same process.
    Process,
    /// The first completed before the second was invoked.
    Realtime,
    /// As `Ww` and `Rw`, where the order of versions is known from that of a process.
    WwProcess,
    RwProcess,
    /// As `Ww` and `Rw`, where the order of versions is known from real time.
    WwRealtime,
    RwRealtime,
}

impl Label {
    /// As a member of a set of labels.
    pub(super) const fn bit(self) -> u16 {
        1 << self as u8
    }

    pub(super) fn is_in(self, set: u16) -> bool {
        set & self.bit() != 0
    }
}

/// The labels of anti-dependencies.
pub(super) const ANTI: u16 = Label::Rw.bit() | Label::RwProcess.bit() | Label::RwRealtime.bit();

/// An edge. Its target is a transaction or, above those, a position of a fan.
#[derive(Debug, Clone, Copy)]
pub(super) struct Edge {
    pub(super) to: u32,
    /// The key that it is about, or [`super::data::NONE`].
    pub(super) key: u32,
    pub(super) label: Label,
}

/// Where a fan begins, and how long it is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fan {
    start: u32,
    len: u32,
}

/// Takes edges in any order.
pub(super) struct GraphBuilder {
    nodes: u32,
    froms: Vec<u32>,
    edges: Vec<Edge>,
    targets: Vec<u32>,
    /// By position: one past the last position of its fan.
    ends: Vec<u32>,
}

impl GraphBuilder {
    pub(super) fn new(nodes: usize) -> Self {
        Self {
            nodes: nodes as u32,
            froms: Vec::with_capacity(4 * nodes),
            edges: Vec::with_capacity(4 * nodes),
            targets: Vec::with_capacity(2 * nodes),
            ends: Vec::with_capacity(2 * nodes),
        }
    }

    /// An edge between two transactions. One to itself says nothing.
    pub(super) fn edge(&mut self, from: u32, to: u32, label: Label, key: u32) {
        if from != to {
            self.froms.push(from);
            self.edges.push(Edge { to, key, label });
        }
    }

    /// A fan that nobody enters yet.
    pub(super) fn fan(&mut self, targets: impl Iterator<Item = u32>) -> Fan {
        let start = self.targets.len() as u32;
        self.targets.extend(targets);
        let end = self.targets.len() as u32;
        self.ends.resize(self.targets.len(), end);
        Fan { start, len: end - start }
    }

    /// Edges to all targets of a fan from a position on.
    pub(super) fn enter(&mut self, from: u32, fan: Fan, at: u32, label: Label, key: u32) {
        let alone = at + 1 == fan.len && self.targets[(fan.start + at) as usize] == from;
        if at < fan.len && !alone {
            self.froms.push(from);
            self.edges.push(Edge { to: self.nodes + fan.start + at, key, label });
        }
    }

    pub(super) fn finish(self) -> Graph {
        let mut starts = vec![0_u32; self.nodes as usize + 1];
        for from in &self.froms {
            starts[*from as usize + 1] += 1;
        }
        for node in 0..self.nodes as usize {
            starts[node + 1] += starts[node];
        }
        let mut next = starts.clone();
        let mut edges = vec![Edge { to: 0, key: 0, label: Label::Ww }; self.edges.len()];
        for (from, edge) in self.froms.iter().zip(&self.edges) {
            let place = &mut next[*from as usize];
            edges[*place as usize] = *edge;
            *place += 1;
        }
        Graph { nodes: self.nodes, starts, edges, targets: self.targets, ends: self.ends }
    }
}

/// All edges, by the transaction that they leave.
#[derive(Debug)]
pub(super) struct Graph {
    /// Transactions; higher numbers are positions of fans.
    pub(super) nodes: u32,
    starts: Vec<u32>,
    edges: Vec<Edge>,
    targets: Vec<u32>,
    ends: Vec<u32>,
}

impl Graph {
    /// Transactions and positions of fans together.
    pub(super) fn len(&self) -> usize {
        self.nodes as usize + self.targets.len()
    }

    /// Edges, positions of fans included.
    pub(super) fn size(&self) -> usize {
        self.edges.len() + 2 * self.targets.len()
    }

    pub(super) fn is_fan(&self, node: u32) -> bool {
        node >= self.nodes
    }

    /// The edges that leave a transaction, as indices.
    pub(super) fn span(&self, txn: u32) -> std::ops::Range<u32> {
        self.starts[txn as usize]..self.starts[txn as usize + 1]
    }

    pub(super) fn edge(&self, number: u32) -> Edge {
        self.edges[number as usize]
    }

    /// The target of a fan's position.
    pub(super) fn target(&self, node: u32) -> u32 {
        self.targets[(node - self.nodes) as usize]
    }

    /// The position after this one, if its fan has more.
    pub(super) fn next(&self, node: u32) -> Option<u32> {
        (node + 1 < self.end(node)).then_some(node + 1)
    }

    /// One past the last position of this position's fan.
    pub(super) fn end(&self, node: u32) -> u32 {
        self.ends[(node - self.nodes) as usize] + self.nodes
    }
}
