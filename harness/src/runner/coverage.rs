//! Was it a real test? What a run did, counted, and the gates it must pass before "valid" means anything.
//!
//! A run in which nothing was written or read, or in which no fault bit, ends valid whatever the store does. Such a run is
//! *unknown*, with its reasons. The gates never touch an invalid verdict: a violation is one however little was done.
//!
//! The final reads are always there, so they fill no gate but their own: the others count the operations of the load.

use std::collections::BTreeMap;

use rashomon_checker::history::{Event, EventKind, ProcessId};

use super::final_reads::FinalReads;
use crate::nemesis::{FaultPhase, FaultRecord};
use crate::verdict::{FaultCounts, OutcomeCounts};

/// Fewest `ok` operations of the load in all, and again after the last fault: below, the store was not looked at.
pub(crate) const OK_MIN: u64 = 20;

/// What is known about a run besides its verdict.
#[derive(Debug)]
pub(crate) struct Evidence<'a> {
    /// The history, as read back from disk.
    pub(crate) history: &'a [Event],
    /// How many of its events are the load's. The final reads follow.
    pub(crate) load_events: u64,
    /// How many clients there were.
    pub(crate) clients: u64,
    /// Whether any faults were asked for.
    pub(crate) faults_wanted: bool,
    /// The lines of `faults.jsonl`.
    pub(crate) faults: &'a [FaultRecord],
    /// How the final reads went.
    pub(crate) final_reads: FinalReads,
    /// Nodes that ended although nobody asked them to.
    pub(crate) unexpected_exits: &'a [String],
    /// In words, faults that could not be shown to be gone before the final reads.
    pub(crate) not_healed: &'a [String],
    /// The load was stopped early.
    pub(crate) interrupted: bool,
}

/// The figures of a run.
#[derive(Debug, Default)]
pub(crate) struct Coverage {
    /// Operations by function and outcome, final reads included.
    pub(crate) operations: BTreeMap<String, OutcomeCounts>,
    /// `ok` operations of the load.
    pub(crate) ok_in_load: u64,
    /// Operations of the load that were open at some time while a fault was in force, whatever became of them.
    pub(crate) tried_during_faults: u64,
    /// `ok` operations of the load that completed while a fault was in force.
    pub(crate) ok_during_faults: u64,
    /// `ok` operations of the load that completed after the last heal.
    pub(crate) ok_after_faults: u64,
    /// Faults by what became of them.
    pub(crate) faults: FaultCounts,
    /// Nanoseconds from the start of the run to the first `ok` operation.
    pub(crate) first_ok: Option<u64>,
}

impl Coverage {
    /// Counts a run of which the first `load_events` events are the load's.
    pub(crate) fn of(history: &[Event], load_events: u64, faults: &[FaultRecord]) -> Self {
        let windows = FaultWindows::of(faults);
        let mut coverage = Self { faults: fault_counts(faults), ..Self::default() };
        let load = usize::try_from(load_events).unwrap_or(usize::MAX).min(history.len());
        for event in history {
            coverage.count(event);
        }
        coverage.count_load(&history[..load], &windows);
        coverage
    }

    fn count(&mut self, event: &Event) {
        if event.kind == EventKind::Invoke {
            return;
        }
        let counts = self.operations.entry(event.f.clone()).or_default();
        match event.kind {
            EventKind::Ok => {
                counts.ok += 1;
                self.first_ok.get_or_insert(event.time.unwrap_or_default());
            }
            EventKind::Fail => counts.fail += 1,
            EventKind::Info | EventKind::Invoke => counts.info += 1,
        }
    }

    fn count_load(&mut self, load: &[Event], windows: &FaultWindows) {
        let mut open: BTreeMap<ProcessId, u64> = BTreeMap::new();
        for event in load {
            let time = event.time.unwrap_or_default();
            if event.kind == EventKind::Invoke {
                open.insert(event.process, time);
                continue;
            }
            let begin = open.remove(&event.process).unwrap_or(time);
            self.tried_during_faults += u64::from(windows.overlap(begin, time));
            if event.kind == EventKind::Ok {
                self.ok_in_load += 1;
                self.ok_during_faults += u64::from(windows.in_force(time));
                self.ok_after_faults += u64::from(windows.all_over(time));
            }
        }
    }

    /// Operations by outcome, over all functions.
    pub(crate) fn totals(&self) -> OutcomeCounts {
        self.operations.values().fold(OutcomeCounts::default(), |sum, counts| OutcomeCounts {
            ok: sum.ok + counts.ok,
            fail: sum.fail + counts.fail,
            info: sum.info + counts.info,
        })
    }

    /// Why a run without a violation proves nothing; empty if it passes every gate.
    pub(crate) fn gaps(&self, evidence: &Evidence<'_>) -> Vec<String> {
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
        if self.operations.iter().all(|(f, counts)| f == "read" || counts.ok == 0) {
            gaps.push("no write was acknowledged, so there was nothing to lose".to_owned());
        }
        if self.ok_in_load < OK_MIN {
            let ok = self.ok_in_load;
            gaps.push(format!("only {ok} operations of the load succeeded; {OK_MIN} are needed"));
        }
        if info * 2 > all {
            gaps.push(format!("{info} of {all} operations have an unknown outcome"));
        }
    }

    fn fault_gaps(&self, evidence: &Evidence<'_>, gaps: &mut Vec<String>) {
        let FaultCounts { planned, installed, not_installed, .. } = self.faults;
        if planned == 0 {
            if evidence.faults_wanted {
                gaps.push("faults were asked for, but none was planned".to_owned());
            }
            return;
        }
        // A run that was stopped early is judged by the faults whose time had come.
        let due = if evidence.interrupted { installed + not_installed } else { planned };
        if installed == 0 {
            gaps.push(format!("none of {planned} planned faults took effect"));
            return;
        }
        if installed * 2 < due {
            gaps.push(format!("only {installed} of {due} planned faults took effect"));
        }
        // While most nodes are down nothing can succeed, and each client may wait for one answer all along. So what
        // counts is that they tried.
        let (tried, needed) = (self.tried_during_faults, OK_MIN.min(evidence.clients));
        if tried < needed {
            gaps.push(format!(
                "only {tried} operations were tried while a fault was in force; {needed} are needed"
            ));
        }
        // Nobody waited for more of them when a person stopped the load; the final reads have looked at everything.
        let ok = self.ok_after_faults;
        if ok < OK_MIN && !evidence.interrupted {
            gaps.push(format!(
                "only {ok} operations succeeded after the last fault; {OK_MIN} are needed"
            ));
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

    /// Whether a fault was in force at some time in this interval, which is closed.
    fn overlap(&self, from: u64, to: u64) -> bool {
        self.windows.iter().any(|(start, end)| *start <= to && from < *end)
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
