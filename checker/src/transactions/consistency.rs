//! Consistency models: what each forbids, and which is stronger than which.
//!
//! A model forbids its own anomalies, those of every weaker model, and all that are special cases of these
//! ([`Anomaly::implies`]). The lattice follows Adya's thesis, Bailis et al. ("Highly Available Transactions", 2013),
//! Cerone et al. ("A Framework for Transactional Consistency Models with Atomic Visibility", 2015) and, for the session
//! and strong variants, Daudjee and Salem (2004, 2006), as Elle puts them together. What cannot be told from reads and
//! writes of single keys (predicates, cursors) is not in it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::anomaly::{Anomaly, CycleClass, OrderBasis, UnknownName};

/// A promise that a store can make about its transactions. The names are those that Jepsen uses.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[serde(into = "String", try_from = "String")]
pub enum Consistency {
    /// PL-1: writes of different transactions do not interleave.
    ReadUncommitted,
    /// The same, where each process sees its transactions in order.
    StrongSessionReadUncommitted,
    /// The same in real time.
    StrongReadUncommitted,
    /// PL-2: reads see only what committed, and only its final state.
    ReadCommitted,
    /// The same, where each process sees its transactions in order.
    StrongSessionReadCommitted,
    /// The same in real time.
    StrongReadCommitted,
    /// A transaction does not contradict itself. Not all that the model promises is looked at.
    ReadAtomic,
    /// PL-CS: what a transaction read and then writes was not changed in between.
    CursorStability,
    /// PL-2+: every read sees a state that was there at once.
    ConsistentView,
    /// PSI: snapshots that different sites may order differently.
    ParallelSnapshotIsolation,
    /// PL-2.99: serializable but for predicates.
    RepeatableRead,
    /// Reads from a snapshot, and no two concurrent transactions write the same.
    SnapshotIsolation,
    /// The same, where each process sees its transactions in order.
    StrongSessionSnapshotIsolation,
    /// The same in real time.
    StrongSnapshotIsolation,
    /// PL-3: as if one transaction had run after the other.
    Serializable,
    /// The same, in an order that agrees with that of each process.
    StrongSessionSerializable,
    /// The same, in an order that agrees with real time.
    #[default]
    StrictSerializable,
}

impl Consistency {
    /// All models, weaker ones before stronger ones.
    pub const ALL: [Self; 17] = [
        Self::ReadUncommitted,
        Self::StrongSessionReadUncommitted,
        Self::StrongReadUncommitted,
        Self::ReadCommitted,
        Self::StrongSessionReadCommitted,
        Self::StrongReadCommitted,
        Self::ReadAtomic,
        Self::CursorStability,
        Self::ConsistentView,
        Self::ParallelSnapshotIsolation,
        Self::RepeatableRead,
        Self::SnapshotIsolation,
        Self::StrongSessionSnapshotIsolation,
        Self::StrongSnapshotIsolation,
        Self::Serializable,
        Self::StrongSessionSerializable,
        Self::StrictSerializable,
    ];

    /// As a command line names it.
    pub fn name(self) -> &'static str {
        match self {
            Self::ReadUncommitted => "read-uncommitted",
            Self::StrongSessionReadUncommitted => "strong-session-read-uncommitted",
            Self::StrongReadUncommitted => "strong-read-uncommitted",
            Self::ReadCommitted => "read-committed",
            Self::StrongSessionReadCommitted => "strong-session-read-committed",
            Self::StrongReadCommitted => "strong-read-committed",
            Self::ReadAtomic => "read-atomic",
            Self::CursorStability => "cursor-stability",
            Self::ConsistentView => "consistent-view",
            Self::ParallelSnapshotIsolation => "parallel-snapshot-isolation",
            Self::RepeatableRead => "repeatable-read",
            Self::SnapshotIsolation => "snapshot-isolation",
            Self::StrongSessionSnapshotIsolation => "strong-session-snapshot-isolation",
            Self::StrongSnapshotIsolation => "strong-snapshot-isolation",
            Self::Serializable => "serializable",
            Self::StrongSessionSerializable => "strong-session-serializable",
            Self::StrictSerializable => "strict-serializable",
        }
    }

    /// The models next below: whatever satisfies this one satisfies them.
    fn weaker(self) -> &'static [Self] {
        match self {
            Self::ReadUncommitted => &[],
            Self::StrongSessionReadUncommitted | Self::ReadCommitted => &[Self::ReadUncommitted],
            Self::StrongReadUncommitted => &[Self::StrongSessionReadUncommitted],
            Self::StrongSessionReadCommitted => {
                &[Self::ReadCommitted, Self::StrongSessionReadUncommitted]
            }
            Self::StrongReadCommitted => {
                &[Self::StrongSessionReadCommitted, Self::StrongReadUncommitted]
            }
            Self::ReadAtomic | Self::CursorStability | Self::ConsistentView => {
                &[Self::ReadCommitted]
            }
            Self::ParallelSnapshotIsolation => &[Self::ReadAtomic, Self::ConsistentView],
            Self::RepeatableRead => &[Self::CursorStability],
            Self::SnapshotIsolation => &[Self::ParallelSnapshotIsolation],
            Self::StrongSessionSnapshotIsolation => {
                &[Self::SnapshotIsolation, Self::StrongSessionReadCommitted]
            }
            Self::StrongSnapshotIsolation => {
                &[Self::StrongSessionSnapshotIsolation, Self::StrongReadCommitted]
            }
            Self::Serializable => &[Self::RepeatableRead, Self::SnapshotIsolation],
            Self::StrongSessionSerializable => {
                &[Self::Serializable, Self::StrongSessionSnapshotIsolation]
            }
            Self::StrictSerializable => {
                &[Self::StrongSessionSerializable, Self::StrongSnapshotIsolation]
            }
        }
    }

    /// What it forbids beyond what the weaker models forbid.
    fn forbids_itself(self) -> &'static [Anomaly] {
        use Anomaly::{Cycle, DuplicateElements, G1a, G1b, GarbageRead, Internal, LostUpdate};
        use CycleClass::{G0, G1c, G2Item, GNonadjacent, GSingle};
        use OrderBasis::{Data, Process, Realtime};
        match self {
            Self::ReadUncommitted => &[Cycle(G0, Data), DuplicateElements, GarbageRead],
            Self::StrongSessionReadUncommitted => &[Cycle(G0, Process)],
            Self::StrongReadUncommitted => &[Cycle(G0, Realtime)],
            Self::ReadCommitted => &[G1a, G1b, Cycle(G1c, Data)],
            Self::StrongSessionReadCommitted => &[Cycle(G1c, Process)],
            Self::StrongReadCommitted => &[Cycle(G1c, Realtime)],
            Self::ReadAtomic => &[Internal],
            Self::CursorStability => &[LostUpdate],
            Self::ConsistentView => &[Cycle(GSingle, Data)],
            Self::ParallelSnapshotIsolation => &[],
            Self::RepeatableRead | Self::Serializable => &[Cycle(G2Item, Data)],
            Self::SnapshotIsolation => &[Cycle(GNonadjacent, Data)],
            Self::StrongSessionSnapshotIsolation => &[Cycle(GNonadjacent, Process)],
            Self::StrongSnapshotIsolation => &[Cycle(GNonadjacent, Realtime)],
            Self::StrongSessionSerializable => &[Cycle(G2Item, Process)],
            Self::StrictSerializable => &[Cycle(G2Item, Realtime)],
        }
    }

    /// Whether everything that satisfies this model satisfies `other`.
    pub fn implies(self, other: Self) -> bool {
        self == other || self.weaker().iter().any(|weaker| weaker.implies(other))
    }

    /// Whether a history with this anomaly cannot come from a store that keeps this promise.
    pub fn forbids(self, anomaly: Anomaly) -> bool {
        self.forbids_itself().iter().any(|forbidden| anomaly.implies(*forbidden))
            || self.weaker().iter().any(|weaker| weaker.forbids(anomaly))
    }
}

impl fmt::Display for Consistency {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(self.name())
    }
}

/// Adya's names (`PL-2.99`) are understood too.
impl FromStr for Consistency {
    type Err = UnknownName;

    fn from_str(name: &str) -> Result<Self, UnknownName> {
        let by_level = match name {
            "PL-1" => Some(Self::ReadUncommitted),
            "PL-2" => Some(Self::ReadCommitted),
            "PL-2+" => Some(Self::ConsistentView),
            "PL-CS" => Some(Self::CursorStability),
            "PL-2.99" => Some(Self::RepeatableRead),
            "PL-SI" => Some(Self::SnapshotIsolation),
            "PL-3" => Some(Self::Serializable),
            "PL-SS" | "strong-serializable" => Some(Self::StrictSerializable),
            _ => None,
        };
        by_level
            .or_else(|| Self::ALL.into_iter().find(|model| model.name() == name))
            .ok_or_else(|| UnknownName { name: name.to_owned(), what: "consistency model" })
    }
}

impl From<Consistency> for String {
    fn from(model: Consistency) -> Self {
        model.name().to_owned()
    }
}

impl TryFrom<String> for Consistency {
    type Error = UnknownName;

    fn try_from(name: String) -> Result<Self, UnknownName> {
        name.parse()
    }
}

/// Which models a history with these anomalies rules out, weaker ones first.
pub(super) fn ruled_out(anomalies: &[Anomaly]) -> Vec<Consistency> {
    let broken = |model: &Consistency| anomalies.iter().any(|anomaly| model.forbids(*anomaly));
    Consistency::ALL.into_iter().filter(broken).collect()
}

/// Of these models, those that imply no other of them.
pub(super) fn weakest(models: &[Consistency]) -> Vec<Consistency> {
    let weakest =
        |model: &Consistency| models.iter().all(|other| other == model || !model.implies(*other));
    models.iter().copied().filter(weakest).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stronger_models_forbid_all_that_weaker_ones_do() {
        for strong in Consistency::ALL {
            assert!(Consistency::StrictSerializable.implies(strong));
            assert_eq!(strong.name().parse(), Ok(strong));
            for weak in Consistency::ALL.into_iter().filter(|weak| strong.implies(*weak)) {
                for anomaly in Anomaly::all() {
                    assert!(!weak.forbids(anomaly) || strong.forbids(anomaly), "{strong} {weak}");
                }
            }
        }
    }

    #[test]
    fn every_anomaly_has_a_name_and_somebody_who_forbids_it() {
        for anomaly in Anomaly::all() {
            assert_eq!(anomaly.to_string().parse(), Ok(anomaly));
            assert!(Consistency::StrictSerializable.forbids(anomaly), "{anomaly}");
        }
        assert!("G3".parse::<Anomaly>().is_err());
        assert!("acid".parse::<Consistency>().is_err());
    }

    #[test]
    fn the_textbook_lines_between_the_models() {
        let forbidden_by = |name: &str| {
            let names = weakest(&ruled_out(&[name.parse().unwrap()]));
            names.into_iter().map(Consistency::name).collect::<Vec<_>>()
        };
        assert_eq!(forbidden_by("write-skew"), ["repeatable-read"]);
        assert_eq!(forbidden_by("lost-update"), ["cursor-stability", "consistent-view"]);
        assert_eq!(forbidden_by("G-nonadjacent"), ["repeatable-read", "snapshot-isolation"]);
        assert_eq!(forbidden_by("G-single-realtime"), ["strong-snapshot-isolation"]);
        assert_eq!(forbidden_by("G2-item-process"), ["strong-session-serializable"]);
        assert_eq!(forbidden_by("G1a"), ["read-committed"]);
        assert_eq!(forbidden_by("G0"), ["read-uncommitted"]);
        assert_eq!(forbidden_by("internal"), ["read-atomic"]);
    }
}
