//! The lines of `faults.jsonl`, joined into one life a fault.

use std::collections::BTreeMap;

use crate::nemesis::{FaultPhase, FaultRecord};

/// When a phase was reached, and the evidence for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mark {
    pub(super) time: u64,
    pub(super) evidence: Option<String>,
}

/// One fault from plan to heal.
#[derive(Debug, Clone, Default)]
pub(super) struct FaultLife {
    pub(super) id: u32,
    pub(super) name: String,
    pub(super) planned: Option<u64>,
    /// Nanoseconds it was to last.
    pub(super) duration: u64,
    pub(super) nodes: Vec<String>,
    pub(super) links: Vec<String>,
    pub(super) installed: Option<Mark>,
    pub(super) not_installed: Option<Mark>,
    pub(super) healed: Option<Mark>,
    pub(super) not_healed: Option<Mark>,
}

/// How a fault ended up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FaultState {
    /// Installed and undone, both with evidence.
    Healed,
    /// Installed, but its end is not proven.
    NotHealed,
    /// Tried, without effect.
    NotInstalled,
    /// Never carried out: the run ended first.
    Planned,
}

impl FaultState {
    /// In words; also the class in the style sheet.
    pub(super) fn word(self) -> &'static str {
        match self {
            Self::Healed => "healed",
            Self::NotHealed => "not-healed",
            Self::NotInstalled => "not-installed",
            Self::Planned => "planned",
        }
    }
}

impl FaultLife {
    /// When it was in force: from the receipt of its installation to its end. `None` as end: it was never undone.
    pub(super) fn in_force(&self) -> Option<(u64, Option<u64>)> {
        let start = self.installed.as_ref()?.time;
        let end = self.healed.as_ref().or(self.not_healed.as_ref()).map(|mark| mark.time);
        Some((start, end.map(|end| end.max(start))))
    }

    /// Whether it was in force at any moment of the closed window.
    pub(super) fn overlaps(&self, from: u64, to: u64) -> bool {
        self.in_force().is_some_and(|(start, end)| start <= to && end.is_none_or(|end| end >= from))
    }

    /// How it ended up.
    pub(super) fn state(&self) -> FaultState {
        match (&self.installed, &self.healed) {
            (Some(_), Some(_)) => FaultState::Healed,
            (Some(_), None) => FaultState::NotHealed,
            (None, _) if self.not_installed.is_some() => FaultState::NotInstalled,
            (None, _) => FaultState::Planned,
        }
    }

    /// Where it aimed: the nodes, else the links, else nothing yet.
    pub(super) fn aim(&self) -> String {
        if self.nodes.is_empty() { self.links.join(" ") } else { self.nodes.join(" ") }
    }

    /// The first moment known of it.
    pub(super) fn first_time(&self) -> u64 {
        let marks = [&self.installed, &self.not_installed, &self.healed, &self.not_healed];
        let reached = marks.into_iter().flatten().map(|mark| mark.time).min();
        self.planned.or(reached).unwrap_or(0)
    }

    fn learn(&mut self, record: &FaultRecord) {
        self.name.clone_from(&record.fault);
        self.duration = record.duration;
        if !record.nodes.is_empty() {
            self.nodes.clone_from(&record.nodes);
        }
        if !record.links.is_empty() {
            self.links.clone_from(&record.links);
        }
        let mark = Mark {
            time: record.time,
            evidence: record.receipt.as_ref().map(|receipt| receipt.evidence.clone()),
        };
        match record.phase {
            FaultPhase::Planned => self.planned = Some(record.time),
            FaultPhase::Resolved => {}
            FaultPhase::Installed => self.installed = Some(mark),
            FaultPhase::NotInstalled => self.not_installed = Some(mark),
            FaultPhase::Healed => self.healed = Some(mark),
            FaultPhase::NotHealed => self.not_healed = Some(mark),
        }
    }
}

/// All faults, in order of their first moment.
pub(super) fn join(records: &[FaultRecord]) -> Vec<FaultLife> {
    let mut by_id: BTreeMap<u32, FaultLife> = BTreeMap::new();
    for record in records {
        let life = by_id.entry(record.id).or_default();
        life.id = record.id;
        life.learn(record);
    }
    let mut lives: Vec<_> = by_id.into_values().collect();
    lives.sort_by_key(|life| (life.first_time(), life.id));
    lives
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nemesis::Receipt;

    fn record(id: u32, phase: FaultPhase, time: u64) -> FaultRecord {
        let receipt = Some(Receipt { evidence: format!("{phase:?}") });
        let nodes = vec!["n1".to_owned()];
        FaultRecord {
            id,
            phase,
            time,
            fault: "kill-one".to_owned(),
            duration: 5,
            nodes,
            links: vec![],
            receipt,
        }
    }

    #[test]
    fn a_life_is_joined_from_its_lines() {
        let records = [
            record(1, FaultPhase::Planned, 10),
            record(0, FaultPhase::Planned, 20),
            record(1, FaultPhase::Installed, 12),
            record(1, FaultPhase::Healed, 17),
            record(0, FaultPhase::NotInstalled, 21),
        ];
        let lives = join(&records);
        assert_eq!(lives.iter().map(|life| life.id).collect::<Vec<_>>(), [1, 0]);
        assert_eq!(lives[0].in_force(), Some((12, Some(17))));
        assert_eq!(
            (lives[0].state(), lives[1].state()),
            (FaultState::Healed, FaultState::NotInstalled)
        );
        assert!(
            lives[0].overlaps(17, 30) && lives[0].overlaps(0, 12) && !lives[0].overlaps(18, 30)
        );
        assert!(!lives[1].overlaps(0, 100));
    }

    #[test]
    fn a_fault_without_an_end_is_in_force_for_ever() {
        let life = join(&[record(3, FaultPhase::Installed, 12)]).remove(0);
        assert_eq!(life.in_force(), Some((12, None)));
        assert!(life.overlaps(1_000, 2_000));
        assert_eq!(life.state(), FaultState::NotHealed);
    }
}
