//! Looks on: tells every invariant what happens inside the nodes, and keeps what they find.
//!
//! Owns the record of what nodes have written, made durable and committed ([`Shadows`]), which the invariants share, and the
//! findings. Refuses to act: a world with and without a watch goes the same way.

use rashomon_node::kv::KvResponse;
use rashomon_node::raft::{IoSeq, LogIndex, Message, Nanos, Raft, Status};
use rashomon_node::replica::{Applied, Failure, WalJob};
use rashomon_node::storage::Replay;

use super::heap::Moment;
use super::invariants::{self, Invariant};
use super::part::{Marker, Part};

mod shadows;

pub(super) use shadows::{Fate, Mark, Shadow, Shadows, at, before, behind};

/// Something that happens inside a node. Nodes are numbered from 0.
#[derive(Debug)]
pub(super) enum Sight<'a> {
    /// A process has read its log.
    Booted { node: usize, replay: &'a Replay },
    /// A process is gone.
    Died { node: usize },
    /// While a process was down its disk was damaged on purpose: a bit turned over, or the log is gone. What the process
    /// promised before may be lost with it: of a damaged log a correct node reads everything but the last sync's batch,
    /// which it cannot tell from a torn one, or refuses to start. Its votes are not held against it any more, and what its
    /// disk had counts as if it were there still, as the node may have told others so.
    Damaged { node: usize },
    /// The core has handed a write to the log.
    Wrote { node: usize, job: &'a WalJob },
    /// Everything up to this write has been reported by the disk as durable.
    Durable { node: usize, io: IoSeq },
    /// A message leaves.
    Sent { node: usize, to: usize, message: &'a Message },
    /// A turn is over.
    Turned { node: usize, status: &'a Status, raft: &'a Raft },
    /// A node that stands for election is going to wait until this time of its own clock.
    Waits { node: usize, now: Nanos, until: Nanos },
    /// A command was applied; `ticket` of the client's write that waits for it here.
    Applied { node: usize, index: LogIndex, ticket: Option<u64>, result: &'a Applied },
    /// A client's write goes to the core.
    WriteAsked { node: usize, ticket: u64, command: &'a [u8] },
    /// A client's write is answered by something else than its application.
    WriteAnswered { node: usize, ticket: u64, result: &'a Result<KvResponse, Failure> },
    /// A client's read goes to the core.
    ReadAsked { node: usize, ticket: u64 },
    /// A read may be served once this is applied.
    ReadReady { node: usize, ticket: u64, index: LogIndex },
}

/// An invariant that does not hold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Breach {
    /// When that was seen, in nanoseconds.
    pub(super) at: Moment,
    /// The invariant's name.
    pub(super) invariant: &'static str,
    /// What was seen.
    pub(super) what: String,
}

/// All invariants of a run, and what they have found: of each the first breach.
#[derive(Debug)]
pub(super) struct Watch {
    pub(super) now: Moment,
    shadows: Shadows,
    invariants: Vec<(&'static str, Box<dyn Invariant>)>,
    breaches: Vec<Breach>,
    /// Told by everybody who begins something; this is what they all get to.
    pub(super) marker: Marker,
}

impl Watch {
    /// With all invariants but those `without`.
    pub(super) fn new(nodes: usize, without: &[String]) -> Self {
        let wanted = |name: &&'static str| !without.iter().any(|other| other == name);
        let invariants = invariants::all(nodes).filter(|(name, _)| wanted(name)).collect();
        let (shadows, marker) = (Shadows::new(nodes), Marker::default());
        Self { now: 0, shadows, invariants, breaches: Vec::new(), marker }
    }

    /// Tells every invariant.
    pub(super) fn see(&mut self, sight: &Sight<'_>) {
        let part = self.marker.set(Part::Invariants);
        self.shadows.before(sight);
        let Self { now, shadows, invariants, breaches, .. } = self;
        invariants.retain_mut(|(name, invariant)| match invariant.see(sight, shadows) {
            None => true,
            Some(what) => {
                breaches.push(Breach { at: *now, invariant: name, what });
                false
            }
        });
        self.shadows.after(sight);
        self.marker.set(part);
    }

    /// What was found, in order of time.
    pub(super) fn breaches(&self) -> &[Breach] {
        &self.breaches
    }

    /// What nodes have written, made durable and committed.
    pub(super) const fn shadows(&self) -> &Shadows {
        &self.shadows
    }
}
