//! Was it a real test? What a run did, counted, and the gates it must pass before "valid" means anything.
//!
//! A run in which nothing was read, or in which no fault bit, ends valid whatever the store does. Such a run is *unknown*,
//! with its reasons. The gates never touch an invalid verdict: a violation is one however little was done.

use std::collections::BTreeMap;

use rashomon_checker::history::{Event, EventKind};

use super::final_reads::FinalReads;
use crate::nemesis::{FaultPhase, FaultRecord};
use crate::verdict::{FaultCounts, OutcomeCounts};

/// Fewest `ok` operations while faults are in force, and again after the last one: below, the store was not looked at.
const OK_MIN: u64 = 20;

/// What is known about a run besides its verdict.
#[derive(Debug)]
pub(super) struct Evidence<'a> {
    /// The history, as read back from disk.
    pub(super) history: &'a [Event],
    /// The lines of `faults.jsonl`.
    pub(super) faults: &'a [FaultRecord],
    /// How the final reads went.
    pub(super) final_reads: FinalReads,
    /// Nodes that ended although nobody asked them to.
    pub(super) unexpected_exits: &'a [String],
    /// In words, faults that could not be shown to be gone before the final reads.
    pub(super) not_healed: &'a [String],
    /// A person stopped the load.
    pub(super) interrupted: bool,
}

/// The figures of a run.
#[derive(Debug, Default)]
pub(super) struct Coverage {
    /// Operations by function and outcome.
    pub(super) operations: BTreeMap<String, OutcomeCounts>,
    /// `ok` operations that completed while a fault was in force.
    pub(super) ok_during_faults: u64,
    /// `ok` operations that completed after the last heal.
    pub(super) ok_after_faults: u64,
    /// Faults by what became of them.
    pub(super) faults: FaultCounts,
    /// Nanoseconds from the start of the run to the first `ok` operation.
    pub(super) first_ok: Option<u64>,
}

impl Coverage {
    /// Counts a run.
    pub(super) fn of(history: &[Event], faults: &[FaultRecord]) -> Self {
        let windows = FaultWindows::of(faults);
        let mut coverage = Self { faults: fault_counts(faults), ..Self::default() };
        for event in history {
            let counts = match event.kind {
                EventKind::Invoke => continue,
                _ => coverage.operations.entry(event.f.clone()).or_default(),
            };
            match event.kind {
                EventKind::Ok => {
                    counts.ok += 1;
                    let time = event.time.unwrap_or_default();
                    coverage.first_ok.get_or_insert(time);
                    coverage.ok_during_faults += u64::from(windows.in_force(time));
                    coverage.ok_after_faults += u64::from(windows.all_over(time));
                }
                EventKind::Fail => counts.fail += 1,
                EventKind::Info | EventKind::Invoke => counts.info += 1,
            }
        }
        coverage
    }

    /// Operations by outcome, over all functions.
    pub(super) fn totals(&self) -> OutcomeCounts {
        self.operations.values().fold(OutcomeCounts::default(), |sum, counts| OutcomeCounts {
            ok: sum.ok + counts.ok,
            fail: sum.fail + counts.fail,
            info: sum.info + counts.info,
        })
    }

    /// Why a run without a violation proves nothing; empty if it passes every gate.
    pub(super) fn gaps(&self, evidence: &Evidence<'_>) -> Vec<String> {
        let mut gaps = Vec::new();
        self.operation_gaps(&mut gaps);
        self.fault_gaps(evidence, &mut gaps);
        let FinalReads { wanted, answered } = evidence.final_reads;
        if answered < wanted {
            gaps.push(format!("only {answered} of {wanted} final reads were answered"));
        }
        gaps.extend(evidence.not_healed.iter().map(|fault| format!("not healed: {fault}")));
        for exit in evidence.unexpected_exits {
            gaps.push(format!("a node ended although nobody stopped it: {exit}"));
        }
        gaps
    }

    fn operation_gaps(&self, gaps: &mut Vec<String>) {
        let OutcomeCounts { ok, fail, info } = self.totals();
        let all = ok + fail + info;
        if self.operations.get("read").is_none_or(|reads| reads.ok == 0) {
            gaps.push("no read was answered, so nothing was seen".to_owned());
        }
        if info * 2 > all {
            gaps.push(format!("{info} of {all} operations have an unknown outcome"));
        }
    }

    fn fault_gaps(&self, evidence: &Evidence<'_>, gaps: &mut Vec<String>) {
        let FaultCounts { planned, installed, not_installed, .. } = self.faults;
        if planned == 0 {
            return;
        }
        // A run that was stopped early is judged by the faults whose time had come.
        let due = if evidence.interrupted { installed + not_installed } else { planned };
        if installed == 0 {
            gaps.push(format!("none of {planned} planned faults took effect"));
        } else if installed * 2 < due {
            gaps.push(format!("only {installed} of {due} planned faults took effect"));
        }
        for (ok, when) in [
            (self.ok_during_faults, "while a fault was in force"),
            (self.ok_after_faults, "after the last fault"),
        ] {
            if installed > 0 && ok < OK_MIN {
                gaps.push(format!("only {ok} operations succeeded {when}; {OK_MIN} are needed"));
            }
        }
    }
}

/// When faults were in force.
struct FaultWindows {
    /// From the receipt of the installation to the receipt of the heal.
    windows: Vec<(u64, u64)>,
    last_end: Option<u64>,
}

impl FaultWindows {
    fn of(faults: &[FaultRecord]) -> Self {
        let mut windows: BTreeMap<u32, (u64, u64)> = BTreeMap::new();
        for record in faults {
            match record.phase {
                FaultPhase::Installed => {
                    windows.insert(record.id, (record.time, u64::MAX));
                }
                FaultPhase::Healed | FaultPhase::NotHealed => {
                    if let Some((_, end)) = windows.get_mut(&record.id) {
                        *end = record.time;
                    }
                }
                FaultPhase::Planned | FaultPhase::Resolved | FaultPhase::NotInstalled => {}
            }
        }
        let windows: Vec<(u64, u64)> = windows.into_values().collect();
        let last_end = windows.iter().map(|(_, end)| *end).max();
        Self { windows, last_end }
    }

    fn in_force(&self, time: u64) -> bool {
        self.windows.iter().any(|(start, end)| (*start..*end).contains(&time))
    }

    fn all_over(&self, time: u64) -> bool {
        self.last_end.is_some_and(|end| time >= end)
    }
}

fn fault_counts(faults: &[FaultRecord]) -> FaultCounts {
    let count = |phase| faults.iter().filter(|record| record.phase == phase).count() as u64;
    FaultCounts {
        planned: count(FaultPhase::Planned),
        installed: count(FaultPhase::Installed),
        not_installed: count(FaultPhase::NotInstalled),
        healed: count(FaultPhase::Healed),
    }
}

#[cfg(test)]
mod tests;
