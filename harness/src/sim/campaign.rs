//! Many seeds, on several threads, within a budget of time.
//!
//! A seed is a unit that depends on nothing but itself, so the number of threads decides when results come, and never what
//! they are: they are told in the order of seeds.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;

use super::heap::Moment;
use super::run::{Outcome, run};
use super::swarm::{Wishes, draw};
use crate::finding::Finding;
use crate::verdict::OutcomeCounts;

/// What a campaign is to do.
#[derive(Debug, Clone)]
pub struct Campaign {
    /// The seeds.
    pub seeds: Range<u64>,
    /// Threads.
    pub jobs: usize,
    /// What all of them have in common.
    pub wishes: Wishes,
}

/// What one seed came to, without its history.
#[derive(Debug, Clone)]
pub struct Told {
    /// The seed.
    pub seed: u64,
    /// See [`Outcome::hash`].
    pub hash: u64,
    /// See [`Outcome::findings`].
    pub findings: Vec<Finding>,
    /// See [`Outcome::operations`].
    pub operations: OutcomeCounts,
    /// See [`Outcome::faults`].
    pub faults: u64,
    /// See [`Outcome::time`].
    pub time: Moment,
}

/// Figures of a campaign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Totals {
    /// Seeds that were carried out.
    pub seeds: u64,
    /// Those with findings.
    pub failed: u64,
    /// Operations.
    pub operations: OutcomeCounts,
    /// Things done to clusters.
    pub faults: u64,
    /// Nanoseconds of virtual time.
    pub time: u128,
}

impl Totals {
    /// Counts a seed.
    pub fn count(&mut self, told: &Told) {
        self.seeds += 1;
        self.failed += u64::from(!told.findings.is_empty());
        self.operations.ok += told.operations.ok;
        self.operations.fail += told.operations.fail;
        self.operations.info += told.operations.info;
        self.faults += told.faults;
        self.time += u128::from(told.time);
    }

    /// Operations, whatever became of them.
    pub const fn all_operations(&self) -> u64 {
        self.operations.ok + self.operations.fail + self.operations.info
    }
}

impl From<Outcome> for Told {
    fn from(outcome: Outcome) -> Self {
        Self {
            seed: outcome.plan.seed,
            hash: outcome.hash,
            findings: outcome.findings,
            operations: outcome.operations,
            faults: outcome.faults,
            time: outcome.time,
        }
    }
}

/// Carries seeds out until there are none left or `stop` says so, and tells each in order of seeds. `stop` is asked by
/// several threads. Seeds behind one that was not carried out are not told either.
pub fn campaign(campaign: &Campaign, stop: &(dyn Fn() -> bool + Sync), mut tell: impl FnMut(Told)) {
    let next = AtomicU64::new(campaign.seeds.start);
    let stopped = AtomicBool::new(false);
    let (sender, results) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..campaign.jobs.max(1) {
            let (sender, next, stopped) = (sender.clone(), &next, &stopped);
            scope.spawn(move || {
                while !stopped.load(Ordering::Relaxed) {
                    if stop() {
                        stopped.store(true, Ordering::Relaxed);
                        return;
                    }
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= campaign.seeds.end
                        || sender.send(one(seed, &campaign.wishes)).is_err()
                    {
                        return;
                    }
                }
            });
        }
        drop(sender);
        let mut due = campaign.seeds.start;
        let mut early: BTreeMap<u64, Told> = BTreeMap::new();
        for told in results {
            early.insert(told.seed, told);
            while let Some(told) = early.remove(&due) {
                due += 1;
                tell(told);
            }
        }
    });
}

fn one(seed: u64, wishes: &Wishes) -> Told {
    outcome_of(seed, wishes).into()
}

/// The run of one seed.
pub fn outcome_of(seed: u64, wishes: &Wishes) -> Outcome {
    let plan = draw(seed, wishes);
    let workload = rashomon_workloads::by_name(&plan.workload);
    run(&plan, workload.expect("names of workloads are checked before"))
}
