//! Hunting one built-in bug in the simulator: seed after seed, until it was caught often enough or the time is over.
//!
//! The first half of the time the hunt is *blind*: the seeds are those of any campaign, which know nothing of the bug. If that
//! finds nothing, it is *directed*: to the number of nodes, the workload and the faults that the table of bugs names.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use serde::{Deserialize, Serialize};

use super::statistics::Median;
use super::{About, Bug};
use crate::nemesis::FaultSpec;
use crate::sim::{Finding, Outcome, Wishes, outcome_of};
use crate::verdict::OutcomeCounts;

/// Catches after which enough is known of how long one takes.
pub const CATCHES_ENOUGH: u64 = 10;
/// Catches with which a hunt ends after a tenth of its time: fewer say little of how long one takes.
const CATCHES_FEW: u64 = 3;

/// What a hunt has come to so far. A line of `bugs.jsonl`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Hunt {
    /// The bug's name; `none` for a correct build.
    pub bug: String,
    /// Version of the tool.
    pub tool_version: String,
    /// Which backend.
    pub backend: String,
    /// Whether it needed to be told where to look.
    pub directed: bool,
    /// The seed to go on with.
    pub next_seed: u64,
    /// Runs so far.
    pub runs: u64,
    /// Operations so far.
    pub operations: u64,
    /// Seconds so far: of one core in the simulator, of a clock with processes.
    pub seconds: f64,
    /// Runs that found something; in the simulator only where the same seed on a correct build finds nothing.
    pub catches: u64,
    /// Runs that found something, but so did the same seed on a correct build.
    pub alarms: u64,
    /// Runs without a result because the harness failed.
    #[serde(default)]
    pub troubles: u64,
    /// Who found something first, and how often.
    pub first: BTreeMap<String, u64>,
    /// Who found something at all, and how often.
    pub seen_by: BTreeMap<String, u64>,
    /// The first catch.
    pub example: Option<Example>,
}

/// One catch.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Example {
    /// The seed.
    pub seed: u64,
    /// What was found first.
    pub finding: Finding,
    /// The command that shows it again.
    pub command: String,
    /// The folder of the run, of real processes, below that of the hunts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub folder: Option<String>,
}

impl Hunt {
    /// Nothing done yet. `bug`: `None` for a correct build.
    pub fn new(bug: Option<Bug>, backend: &str) -> Self {
        Self {
            bug: bug.map_or("none", Bug::name).to_owned(),
            tool_version: env!("CARGO_PKG_VERSION").to_owned(),
            backend: backend.to_owned(),
            directed: false,
            next_seed: 0,
            runs: 0,
            operations: 0,
            seconds: 0.0,
            catches: 0,
            alarms: 0,
            troubles: 0,
            first: BTreeMap::new(),
            seen_by: BTreeMap::new(),
            example: None,
        }
    }

    /// Whether there is no use in going on.
    pub fn is_over(&self, budget: Duration) -> bool {
        self.catches >= CATCHES_ENOUGH
            || self.seconds >= budget.as_secs_f64()
            || (self.catches >= CATCHES_FEW && self.seconds >= budget.as_secs_f64() / 10.0)
    }

    /// Seconds of one core until a catch.
    pub fn seconds_to_catch(&self) -> Option<Median> {
        Median::of(self.seconds, self.catches)
    }

    /// Runs until a catch.
    pub fn runs_to_catch(&self) -> Option<Median> {
        Median::of(self.runs as f64, self.catches)
    }

    /// Operations until a catch.
    pub fn operations_to_catch(&self) -> Option<Median> {
        Median::of(self.operations as f64, self.catches)
    }

    /// One seed more.
    pub fn step(&mut self, bug: Option<Bug>, budget: Duration) {
        if let Some(bug) = bug
            && !self.directed
            && self.catches == 0
            && self.seconds >= budget.as_secs_f64() / 2.0
        {
            // Another hunt, with figures of its own.
            *self = Self {
                directed: true,
                next_seed: self.next_seed,
                seconds: self.seconds,
                ..Self::new(Some(bug), &self.backend)
            };
        }
        let wishes = wishes(bug, self.directed);
        let begin = thread_time();
        let outcome = outcome_of(self.next_seed, &wishes);
        self.seconds += thread_time().saturating_sub(begin).as_secs_f64();
        self.take(bug, &wishes, &outcome);
    }

    /// Whether a correct build fails at the same seed: then it proves nothing.
    fn is_alarm(&mut self, wishes: &Wishes, seed: u64) -> bool {
        let begin = thread_time();
        let correct = outcome_of(seed, &Wishes { bugs: Vec::new(), ..wishes.clone() });
        self.seconds += thread_time().saturating_sub(begin).as_secs_f64();
        !correct.findings.is_empty()
    }

    fn take(&mut self, bug: Option<Bug>, wishes: &Wishes, outcome: &Outcome) {
        self.count_run(outcome.operations);
        if !outcome.findings.is_empty() && bug.is_some() && self.is_alarm(wishes, outcome.plan.seed)
        {
            self.alarms += 1;
            return;
        }
        let seed = outcome.plan.seed;
        self.count_findings(&outcome.findings, |finding| Example {
            seed,
            finding,
            command: command(bug, wishes, seed),
            folder: None,
        });
    }

    /// A run came to its end.
    pub fn count_run(&mut self, operations: OutcomeCounts) {
        self.runs += 1;
        self.next_seed += 1;
        self.operations += operations.ok + operations.fail + operations.info;
    }

    /// What the run found, the first first; nothing, perhaps. `example`: the run as one, if it is the first that found
    /// something.
    pub fn count_findings(
        &mut self,
        findings: &[Finding],
        example: impl FnOnce(Finding) -> Example,
    ) {
        let Some(first) = findings.first() else { return };
        self.catches += 1;
        *self.first.entry(first.oracle.to_string()).or_default() += 1;
        let seen: BTreeSet<String> =
            findings.iter().map(|finding| finding.oracle.to_string()).collect();
        for oracle in seen {
            *self.seen_by.entry(oracle).or_default() += 1;
        }
        self.example.get_or_insert_with(|| example(first.clone()));
    }
}

/// What the seeds of a hunt have in common.
pub fn wishes(bug: Option<Bug>, directed: bool) -> Wishes {
    let bugs = bug.map(|bug| bug.name().to_owned()).into_iter().collect();
    let wishes = Wishes { bugs, ..Wishes::default() };
    let (Some(bug), true) = (bug, directed) else { return wishes };
    let About { nodes, workload, faults, .. } = *bug.about();
    let faults: Vec<FaultSpec> =
        faults.iter().filter_map(|name| crate::nemesis::parse(name).ok()).flatten().collect();
    Wishes {
        nodes: Some(usize::from(nodes)),
        workload: Some(workload.to_owned()),
        faults: (!faults.is_empty()).then_some(faults),
        ..wishes
    }
}

fn command(bug: Option<Bug>, wishes: &Wishes, seed: u64) -> String {
    let mut words = vec![format!("rashomon sim --seed {seed}")];
    words.extend(bug.map(|bug| format!("--bug {bug}")));
    words.extend(wishes.nodes.map(|nodes| format!("--nodes {nodes}")));
    words.extend(wishes.workload.as_ref().map(|workload| format!("--workload {workload}")));
    words.extend(wishes.faults.as_ref().map(|faults| {
        let names: Vec<&str> = faults.iter().map(|fault| fault.0.as_str()).collect();
        format!("--faults {}", names.join(","))
    }));
    words.join(" ")
}

/// Time that this thread has computed.
fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs() as u32)
}
