//! Interning: equal things get equal numbers, so that comparing states is comparing integers.
//!
//! [`Interner`] numbers whole things; [`Trie`] numbers sequences by their last symbol and the sequence before it, so
//! that a list that grows by one element costs one entry however long it is.

use std::hash::Hash;
use std::mem::size_of;

use rustc_hash::FxHashMap;

use crate::model::{ClassId, StateId};

/// Things among which looking at each is faster than a table.
const SCANNED_MAX: usize = 8;

/// Numbers things in the order in which they are first seen.
#[derive(Debug)]
pub(crate) struct Interner<T> {
    /// Empty while there are few.
    numbers: FxHashMap<T, u32>,
    things: Vec<T>,
}

impl<T: Clone + Eq + Hash> Interner<T> {
    pub(crate) fn new() -> Self {
        Self { numbers: FxHashMap::default(), things: Vec::new() }
    }

    /// The number of `thing`, a new one if it has none.
    pub(crate) fn intern(&mut self, thing: &T) -> u32 {
        if let Some(number) = self.find(thing) {
            return number;
        }
        let number = u32::try_from(self.things.len()).expect("fewer than 2^32 distinct things");
        if self.things.len() == SCANNED_MAX {
            self.numbers.reserve(4 * SCANNED_MAX);
            self.numbers.extend(self.things.iter().cloned().zip(0..));
        }
        if self.things.len() >= SCANNED_MAX {
            self.numbers.insert(thing.clone(), number);
        }
        self.things.push(thing.clone());
        number
    }

    /// The number of `thing`, if it has one.
    pub(crate) fn find(&self, thing: &T) -> Option<u32> {
        if self.numbers.is_empty() {
            return self.things.iter().position(|known| known == thing).map(|at| at as u32);
        }
        self.numbers.get(thing).copied()
    }

    pub(crate) fn get(&self, number: u32) -> &T {
        &self.things[number as usize]
    }

    pub(crate) fn len(&self) -> usize {
        self.things.len()
    }

    /// Bytes held, the things' own heap memory not counted.
    pub(crate) fn bytes(&self) -> usize {
        self.things.capacity() * size_of::<T>() + table_bytes(&self.numbers)
    }
}

/// What a hash map holds: its table has room for 8/7 of its capacity, and a control byte an entry.
pub(crate) fn table_bytes<K, V>(map: &FxHashMap<K, V>) -> usize {
    (map.capacity() * 8 / 7) * (size_of::<(K, V)>() + 1)
}

/// Numbers sequences of symbols. Number 0 is the empty sequence.
#[derive(Debug)]
pub(crate) struct Trie {
    children: FxHashMap<(u32, u32), u32>,
    /// Parent and last symbol; the root is its own parent.
    nodes: Vec<(u32, u32)>,
}

impl Trie {
    pub(crate) const EMPTY: u32 = 0;

    pub(crate) fn new() -> Self {
        Self { children: FxHashMap::default(), nodes: vec![(0, 0)] }
    }

    /// The sequence `node` with `symbol` after it.
    pub(crate) fn push(&mut self, node: u32, symbol: u32) -> u32 {
        if let Some(child) = self.children.get(&(node, symbol)) {
            return *child;
        }
        let child = u32::try_from(self.nodes.len()).expect("fewer than 2^32 distinct sequences");
        self.children.insert((node, symbol), child);
        self.nodes.push((node, symbol));
        child
    }

    /// The sequence `node` with `symbol` after it, if it was ever made.
    pub(crate) fn find(&self, node: u32, symbol: u32) -> Option<u32> {
        self.children.get(&(node, symbol)).copied()
    }

    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// The sequence without its last symbol; `None` for the empty sequence.
    pub(crate) fn parent(&self, node: u32) -> Option<u32> {
        (node != Self::EMPTY).then(|| self.nodes[node as usize].0)
    }

    /// The last symbol of a sequence that is not empty.
    pub(crate) fn last(&self, node: u32) -> u32 {
        self.nodes[node as usize].1
    }

    /// The symbols of a sequence.
    pub(crate) fn symbols(&self, mut node: u32) -> Vec<u32> {
        let mut symbols = Vec::new();
        while node != Self::EMPTY {
            let (parent, symbol) = self.nodes[node as usize];
            symbols.push(symbol);
            node = parent;
        }
        symbols.reverse();
        symbols
    }

    /// The last symbols of a sequence, at most so many, and whether others come before them.
    pub(crate) fn last_symbols(&self, mut node: u32, symbols_max: usize) -> (Vec<u32>, bool) {
        let mut symbols = Vec::new();
        while node != Self::EMPTY && symbols.len() < symbols_max {
            let (parent, symbol) = self.nodes[node as usize];
            symbols.push(symbol);
            node = parent;
        }
        symbols.reverse();
        (symbols, node != Self::EMPTY)
    }

    pub(crate) fn bytes(&self) -> usize {
        self.nodes.capacity() * size_of::<(u32, u32)>() + table_bytes(&self.children)
    }
}

/// Steps taken before, for models whose step costs more than a look-up.
#[derive(Debug, Default)]
pub(crate) struct StepTable {
    known: FxHashMap<(StateId, ClassId), Taken>,
}

/// Where a step leads, if it is legal.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Taken(pub(crate) Option<StateId>);

impl StepTable {
    pub(crate) fn get(&self, state: StateId, class: ClassId) -> Option<Taken> {
        self.known.get(&(state, class)).copied()
    }

    /// Remembers a step, and gives it back.
    pub(crate) fn put(
        &mut self,
        state: StateId,
        class: ClassId,
        next: Option<StateId>,
    ) -> Option<StateId> {
        self.known.insert((state, class), Taken(next));
        next
    }

    pub(crate) fn bytes(&self) -> usize {
        table_bytes(&self.known)
    }
}
