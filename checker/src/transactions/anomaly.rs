//! The names of what can be wrong with a history of transactions, and which name says more than which.
//!
//! Names and meanings are those of Adya ("Weak Consistency", 1999) and Elle (Kingsbury and Alvaro, VLDB 2020). Cycles come
//! in five classes, each in three variants: of data dependencies alone, with the order of each process, with real time.
//! There are no predicates here, so what Adya calls G2 is always G2-item.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// The shapes of cycles of dependencies, by how many of their edges are anti-dependencies (a read before a write).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CycleClass {
    /// Writes only: dirty writes.
    G0,
    /// Writes and reads of what was written: circular information flow.
    G1c,
    /// Exactly one anti-dependency: read skew, stale reads.
    GSingle,
    /// Several anti-dependencies, no two in a row: long fork.
    GNonadjacent,
    /// Several anti-dependencies, two in a row somewhere: write skew and its like.
    G2Item,
}

impl CycleClass {
    pub(super) const ALL: [Self; 5] =
        [Self::G0, Self::G1c, Self::GSingle, Self::GNonadjacent, Self::G2Item];

    fn name(self) -> &'static str {
        match self {
            Self::G0 => "G0",
            Self::G1c => "G1c",
            Self::GSingle => "G-single",
            Self::GNonadjacent => "G-nonadjacent",
            Self::G2Item => "G2-item",
        }
    }

    fn implies(self, other: Self) -> bool {
        match self {
            Self::G0 | Self::G1c => self <= other && other <= Self::G1c,
            Self::GSingle | Self::GNonadjacent | Self::G2Item => self <= other,
        }
    }
}

/// What orders transactions beside the data they share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OrderBasis {
    /// Nothing: dependencies of data alone.
    Data,
    /// A process does one transaction after the other.
    Process,
    /// A transaction that completed before another was invoked comes first.
    Realtime,
}

impl OrderBasis {
    pub(super) const ALL: [Self; 3] = [Self::Data, Self::Process, Self::Realtime];

    fn suffix(self) -> &'static str {
        match self {
            Self::Data => "",
            Self::Process => "-process",
            Self::Realtime => "-realtime",
        }
    }
}

/// Something that a history shows and that some consistency model forbids. Ordered as a report lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(into = "String", try_from = "String")]
pub enum Anomaly {
    /// A read of a value that nobody wrote.
    GarbageRead,
    /// An element stands in a list more often than it was appended.
    DuplicateElements,
    /// Two reads of a list, neither a prefix of the other; or a transaction's own appends out of order.
    IncompatibleOrder,
    /// The versions of a register would have to follow each other in a circle.
    CyclicVersions,
    /// A transaction contradicts itself: it does not see what it wrote or read before.
    Internal,
    /// A transaction reads what it writes only later.
    FutureRead,
    /// A read of what a failed transaction wrote.
    G1a,
    /// A write that builds on what a failed transaction wrote.
    DirtyUpdate,
    /// A read of what a transaction wrote and then overwrote or added to.
    G1b,
    /// Two transactions read the same version and both replaced it.
    LostUpdate,
    /// Two transactions, each of which read what the other wrote, before it did: a G2-item cycle over two keys.
    WriteSkew,
    /// A cycle of transactions, each of which must come before the next.
    Cycle(CycleClass, OrderBasis),
}

impl Anomaly {
    const DIRECT: [Self; 11] = [
        Self::GarbageRead,
        Self::DuplicateElements,
        Self::IncompatibleOrder,
        Self::CyclicVersions,
        Self::Internal,
        Self::FutureRead,
        Self::G1a,
        Self::DirtyUpdate,
        Self::G1b,
        Self::LostUpdate,
        Self::WriteSkew,
    ];

    /// Every anomaly there is.
    pub fn all() -> impl Iterator<Item = Self> {
        let cycles = CycleClass::ALL
            .into_iter()
            .flat_map(|class| OrderBasis::ALL.into_iter().map(move |o| Self::Cycle(class, o)));
        Self::DIRECT.into_iter().chain(cycles)
    }

    /// What this anomaly is a special case of, if it is one.
    fn general(self) -> Option<Self> {
        match self {
            Self::CyclicVersions | Self::FutureRead => {
                Some(Self::Cycle(CycleClass::G1c, OrderBasis::Data))
            }
            Self::IncompatibleOrder | Self::DirtyUpdate => Some(Self::G1a),
            // Whichever of the two writes comes first in the order of versions, its transaction has seen nothing of the
            // other, which has read the version before both: one anti-dependency closes the circle.
            Self::LostUpdate => Some(Self::Cycle(CycleClass::GSingle, OrderBasis::Data)),
            Self::WriteSkew => Some(Self::Cycle(CycleClass::G2Item, OrderBasis::Data)),
            Self::GarbageRead
            | Self::DuplicateElements
            | Self::Internal
            | Self::G1a
            | Self::G1b
            | Self::Cycle(..) => None,
        }
    }

    /// Whether a history with this anomaly has `other` too, so that whoever forbids `other` forbids this.
    pub fn implies(self, other: Self) -> bool {
        if self == other {
            return true;
        }
        match (self, other) {
            (Self::Cycle(class, order), Self::Cycle(other_class, other_order)) => {
                class.implies(other_class) && order <= other_order
            }
            _ => self.general().is_some_and(|general| general.implies(other)),
        }
    }

    /// What it means, in a few words.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::GarbageRead => "a read of a value that nobody wrote",
            Self::DuplicateElements => "an element that was appended once stands there twice",
            Self::IncompatibleOrder => "reads that contradict each other about the order of writes",
            Self::CyclicVersions => "versions that would have to follow each other in a circle",
            Self::Internal => "a transaction that contradicts what it read or wrote itself",
            Self::FutureRead => "a transaction that read what it wrote only later",
            Self::G1a => "a read of what a failed transaction wrote",
            Self::DirtyUpdate => "a write on top of what a failed transaction wrote",
            Self::G1b => "a read of an intermediate state of another transaction",
            Self::LostUpdate => "two transactions replaced the same version",
            Self::WriteSkew => "two transactions each read what the other was about to change",
            Self::Cycle(CycleClass::G0, _) => "a cycle of writes",
            Self::Cycle(CycleClass::G1c, _) => "a cycle of writes and of reads of them",
            Self::Cycle(CycleClass::GSingle, _) => "a cycle in which one read missed a write",
            Self::Cycle(CycleClass::GNonadjacent, _) => {
                "a cycle in which several reads missed a write, none right after another"
            }
            Self::Cycle(CycleClass::G2Item, _) => "a cycle in which several reads missed a write",
        }
    }
}

impl fmt::Display for Anomaly {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::GarbageRead => "garbage-read",
            Self::DuplicateElements => "duplicate-elements",
            Self::IncompatibleOrder => "incompatible-order",
            Self::CyclicVersions => "cyclic-versions",
            Self::Internal => "internal",
            Self::FutureRead => "future-read",
            Self::G1a => "G1a",
            Self::DirtyUpdate => "dirty-update",
            Self::G1b => "G1b",
            Self::LostUpdate => "lost-update",
            Self::WriteSkew => "write-skew",
            Self::Cycle(class, order) => {
                return write!(out, "{}{}", class.name(), order.suffix());
            }
        })
    }
}

/// A text that names no anomaly or no consistency model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnknownName {
    pub(super) name: String,
    pub(super) what: &'static str,
}

impl fmt::Display for UnknownName {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "there is no {} `{}`", self.what, self.name)
    }
}

impl std::error::Error for UnknownName {}

impl FromStr for Anomaly {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let unknown = || UnknownName { name: name.to_owned(), what: "anomaly" };
        Self::all().find(|anomaly| anomaly.to_string() == name).ok_or_else(unknown)
    }
}

impl From<Anomaly> for String {
    fn from(anomaly: Anomaly) -> Self {
        anomaly.to_string()
    }
}

impl TryFrom<String> for Anomaly {
    type Error = UnknownName;

    fn try_from(name: String) -> Result<Self, UnknownName> {
        name.parse()
    }
}
