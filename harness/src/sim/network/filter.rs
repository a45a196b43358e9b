//! Faults on single kinds of letters, which a stream of bytes cannot have: only here, in the simulator.

use crate::proxy::Link;

/// A set of kinds of letters; one bit each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sim) struct Kinds(pub(in crate::sim) u32);

/// What becomes of the letters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::sim) enum Act {
    /// They are kept until the filter is gone, and then go on in order.
    Hold,
    /// They are lost.
    Drop,
}

/// Acts on some kinds of letters of one link.
#[derive(Debug)]
pub(in crate::sim) struct Filter<L> {
    /// The fault it belongs to.
    pub(in crate::sim) id: u32,
    /// The link; `None` for all between nodes.
    pub(in crate::sim) link: Option<Link>,
    /// What it acts on.
    pub(in crate::sim) kinds: Kinds,
    /// What it does.
    pub(in crate::sim) act: Act,
    pub(super) touched: u64,
    pub(super) held: Vec<(usize, L)>,
}

impl Kinds {
    /// Whether they have a kind in common.
    pub(in crate::sim) const fn meet(self, other: Self) -> bool {
        self.0 & other.0 != 0
    }
}

impl<L: super::Letter> Filter<L> {
    /// A filter that has touched nothing yet.
    pub(in crate::sim) const fn new(id: u32, link: Option<Link>, kinds: Kinds, act: Act) -> Self {
        Self { id, link, kinds, act, touched: 0, held: Vec::new() }
    }

    /// What it leaves of a letter.
    pub(super) fn take(&mut self, link: Link, lane: usize, letter: L) -> Option<L> {
        if !self.kinds.meet(letter.kind()) || self.link.is_some_and(|only| only != link) {
            return Some(letter);
        }
        self.touched += 1;
        if self.act == Act::Hold {
            self.held.push((lane, letter));
        }
        None
    }
}
