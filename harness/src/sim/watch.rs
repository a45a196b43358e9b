//! Looks on: tells every invariant what happens inside the nodes, and keeps what they find.
//!
//! Owns the record of what nodes have written, made durable and committed ([`Shadows`]), which the invariants share, and the
//! findings. Refuses to act: a world with and without a watch goes the same way.

use rashomon_node::kv::KvResponse;
use rashomon_node::raft::{IoSeq, LogIndex, Message, Nanos, Raft, Status};
use rashomon_node::replica::{Applied, Failure, WalJob};
use rashomon_node::storage::Replay;

use super::heap::Moment;
use super::invariants::{self, About, Invariant};
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

/// What kind of thing is seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(super) enum SightKind {
    Booted,
    Died,
    Damaged,
    Wrote,
    Durable,
    Sent,
    Turned,
    Waits,
    Applied,
    WriteAsked,
    WriteAnswered,
    ReadAsked,
    ReadReady,
}

impl SightKind {
    /// How many there are.
    const COUNT: usize = Self::ReadReady as usize + 1;
}

impl Sight<'_> {
    const fn kind(&self) -> SightKind {
        match self {
            Self::Booted { .. } => SightKind::Booted,
            Self::Died { .. } => SightKind::Died,
            Self::Damaged { .. } => SightKind::Damaged,
            Self::Wrote { .. } => SightKind::Wrote,
            Self::Durable { .. } => SightKind::Durable,
            Self::Sent { .. } => SightKind::Sent,
            Self::Turned { .. } => SightKind::Turned,
            Self::Waits { .. } => SightKind::Waits,
            Self::Applied { .. } => SightKind::Applied,
            Self::WriteAsked { .. } => SightKind::WriteAsked,
            Self::WriteAnswered { .. } => SightKind::WriteAnswered,
            Self::ReadAsked { .. } => SightKind::ReadAsked,
            Self::ReadReady { .. } => SightKind::ReadReady,
        }
    }
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
    /// Those that hold so far.
    invariants: Vec<Option<(&'static str, Box<dyn Invariant>)>>,
    /// For each kind of sight, the places of the invariants that look at it.
    lookers: [Vec<usize>; SightKind::COUNT],
    breaches: Vec<Breach>,
    /// Told by everybody who begins something; this is what they all get to.
    pub(super) marker: Marker,
}

impl Watch {
    /// With all invariants but those `without`.
    pub(super) fn new(nodes: usize, without: &[String]) -> Self {
        let wanted = |about: &About| !without.iter().any(|other| other == about.name);
        let all = invariants::all(nodes).filter(|(about, _)| wanted(about));
        let mut lookers = [const { Vec::new() }; SightKind::COUNT];
        let mut invariants = Vec::new();
        for (place, (about, invariant)) in all.enumerate() {
            invariants.push(Some((about.name, invariant)));
            for kind in about.sees {
                lookers[*kind as usize].push(place);
            }
        }
        let (shadows, marker) = (Shadows::new(nodes), Marker::default());
        Self { now: 0, shadows, invariants, lookers, breaches: Vec::new(), marker }
    }

    /// Tells every invariant that looks at such a thing.
    pub(super) fn see(&mut self, sight: &Sight<'_>) {
        let part = self.marker.set(Part::Invariants);
        self.shadows.before(sight);
        let Self { now, shadows, invariants, lookers, breaches, .. } = self;
        for place in &lookers[sight.kind() as usize] {
            let Some((name, invariant)) = &mut invariants[*place] else { continue };
            if let Some(what) = invariant.see(sight, shadows) {
                breaches.push(Breach { at: *now, invariant: name, what });
                invariants[*place] = None;
            }
        }
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
