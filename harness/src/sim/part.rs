//! Which part of a simulation is at work, for somebody on another thread who wants to know what takes the time.
//!
//! Reading a clock at every change would cost more than most of what lies between two changes. Here a change is one byte
//! written, and whoever looks at that byte often enough knows the shares: what a profiler does, with parts for functions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// A part of a simulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
#[repr(u8)]
pub enum Part {
    /// The world itself: what comes next, letters and links, and whatever is none of the others.
    World,
    /// Turns of nodes: the Raft core, and requests taken apart.
    Nodes,
    /// The nodes' stores: entries applied, reads served, answers made.
    Stores,
    /// The nodes' logs, and the disks below them.
    Logs,
    /// The harness's clients, and the recorder.
    Clients,
    /// Invariants, and what is noted for them.
    Invariants,
    /// The hash of everything that happens.
    Hash,
    /// The checker.
    Checker,
}

impl Part {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::World,
        Self::Nodes,
        Self::Stores,
        Self::Logs,
        Self::Clients,
        Self::Invariants,
        Self::Hash,
        Self::Checker,
    ];

    /// Its name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::World => "world",
            Self::Nodes => "nodes",
            Self::Stores => "stores",
            Self::Logs => "logs",
            Self::Clients => "clients",
            Self::Invariants => "invariants",
            Self::Hash => "hash",
            Self::Checker => "checker",
        }
    }
}

/// Says which part is at work. Clones are the same one.
#[derive(Debug, Clone, Default)]
pub struct Marker(Arc<AtomicU8>);

impl Marker {
    /// The part that is at work just now.
    pub fn part(&self) -> Part {
        Part::ALL[usize::from(self.0.load(Ordering::Relaxed))]
    }

    /// From now on it is this part. The one before, to be set again afterwards.
    pub(super) fn set(&self, part: Part) -> Part {
        let before = self.part();
        self.0.store(part as u8, Ordering::Relaxed);
        before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_in_the_order_of_their_numbers() {
        for (place, part) in Part::ALL.into_iter().enumerate() {
            assert_eq!(part as usize, place);
        }
        let marker = Marker::default();
        assert_eq!(marker.set(Part::Logs), Part::World);
        assert_eq!(marker.clone().set(Part::Hash), Part::Logs, "a clone is the same one");
        assert_eq!(marker.part(), Part::Hash);
    }
}
