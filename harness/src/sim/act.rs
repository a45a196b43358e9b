//! What can be done to a simulated world, with nothing left to choose: a schedule of these is a run that can be replayed.

use std::collections::BTreeSet;

use super::heap::Moment;
use super::network::{Act as OnLetters, Kinds};
use crate::proxy::{Endpoint, Link, LinkRule};

/// One thing done at a moment, and undone at a later one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Strike {
    /// Nanoseconds since the start.
    pub(super) at: Moment,
    /// When it is over.
    pub(super) until: Moment,
    /// What.
    pub(super) act: Act,
    /// The planned fault that it belongs to, if it belongs to one.
    pub(super) fault: Option<u32>,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Act {
    /// Links follow a rule.
    Links { links: BTreeSet<Link>, rule: LinkRule },
    /// Some kinds of letters are kept or lost, on one link or between all nodes.
    Letters { link: Option<Link>, kinds: Kinds, act: OnLetters },
    /// A process dies, and is started again at the end. What it wrote stays in the page cache.
    Kill { node: usize },
    /// A machine dies, and its process is started again at the end.
    Crash { node: usize, loss: Loss },
    /// A process stands still.
    Pause { node: usize },
    /// A disk does not work as it should.
    Disk { node: usize, trouble: Trouble },
    /// A bit of a file turns over, some bytes before the end of the log, while the process is down.
    FlipBit { node: usize, place: u64 },
    /// A process dies, and its log is gone when it is started again.
    Wipe { node: usize },
    /// A clock changes.
    Clock { node: usize, change: ClockChange },
}

/// What becomes of what was not synced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Loss {
    /// All is lost.
    All,
    /// All is kept.
    Nothing,
    /// A part, drawn from this seed.
    Torn(u64),
}

/// What is wrong with a disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Trouble {
    /// The call so many calls from now fails with an I/O error, once.
    FailOnce { after: u64 },
    /// Every call fails.
    Failing,
    /// There is room for so many more bytes.
    Full { bytes: u64 },
    /// A sync takes longer by so many nanoseconds.
    Slow { by: Moment },
}

/// What a clock does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ClockChange {
    /// It shows so many nanoseconds more at once.
    Jump { by: Moment },
    /// It runs at this many thousandths of true time, until the end.
    Pace { thousandths: u64 },
}

impl Act {
    /// The node that it is about, if it is about one.
    pub(super) const fn node(&self) -> Option<usize> {
        match self {
            Self::Links { .. } | Self::Letters { .. } => None,
            Self::Kill { node }
            | Self::Crash { node, .. }
            | Self::Pause { node }
            | Self::Disk { node, .. }
            | Self::FlipBit { node, .. }
            | Self::Wipe { node }
            | Self::Clock { node, .. } => Some(*node),
        }
    }

    /// Leaves out all links of a node. Whether anything is left to be done.
    pub(super) fn forget_links_of(&mut self, node: usize) -> bool {
        let touches = |link: &Link| [link.from, link.to].contains(&Endpoint::Node(node));
        match self {
            Self::Links { links, .. } => {
                links.retain(|link| !touches(link));
                !links.is_empty()
            }
            Self::Letters { link: Some(link), .. } => !touches(link),
            _ => true,
        }
    }

    /// Has another node take the place of one.
    pub(super) fn rename(&mut self, one: usize, other: usize) {
        let end =
            |end: Endpoint| if end == Endpoint::Node(one) { Endpoint::Node(other) } else { end };
        let renamed = |link: &Link| Link { from: end(link.from), to: end(link.to) };
        match self {
            Self::Links { links, .. } => *links = links.iter().map(renamed).collect(),
            Self::Letters { link, .. } => *link = link.as_ref().map(renamed),
            Self::Kill { node }
            | Self::Crash { node, .. }
            | Self::Pause { node }
            | Self::Disk { node, .. }
            | Self::FlipBit { node, .. }
            | Self::Wipe { node }
            | Self::Clock { node, .. } => {
                if *node == one {
                    *node = other;
                }
            }
        }
    }

    /// Whether it is about a node, among others.
    pub(super) fn names(&self, node: usize) -> bool {
        let touches = |link: &Link| [link.from, link.to].contains(&Endpoint::Node(node));
        match self {
            Self::Links { links, .. } => links.iter().any(touches),
            Self::Letters { link, .. } => link.as_ref().is_some_and(touches),
            _ => self.node() == Some(node),
        }
    }

    /// Whether its node stands still or is down meanwhile, so that no other such fault may have it. A node whose disk fails
    /// ends by itself, and must not be started before the disk works again.
    pub(super) const fn stops(&self) -> bool {
        match self {
            Self::Kill { .. }
            | Self::Crash { .. }
            | Self::Pause { .. }
            | Self::FlipBit { .. }
            | Self::Wipe { .. } => true,
            Self::Disk { trouble, .. } => !matches!(trouble, Trouble::Slow { .. }),
            Self::Links { .. } | Self::Letters { .. } | Self::Clock { .. } => false,
        }
    }
}
