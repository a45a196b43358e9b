//! How fast the simulator is, and what takes the time.
//!
//! Every case is the same seeds in every turn, on one thread, so what differs between turns is the machine. Cases are
//! measured in turn, by this thread's own processor time as well as by the wall. One more round, before those that count,
//! is looked at from another thread every now and then: which part is at work? ([`Marker`]) Nothing that is measured has a
//! timer in it.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use rashomon_workloads::Workload;
use rustix::time::{ClockId, clock_gettime};
use serde::Serialize;

use super::Steps;
use crate::sim::{Marker, Part, SimPlan, Wishes, Work, draw, invariant_names, run_marked};

/// How often the other thread looks.
const LOOK_EVERY: Duration = Duration::from_micros(100);

/// What to measure.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct SimBench {
    /// Sizes of clusters under the default load, one after the other.
    pub(crate) nodes: Vec<usize>,
    /// Operations a second there.
    pub(crate) rate: f64,
    /// Virtual time of the load there, in seconds.
    pub(crate) load_s: f64,
    /// The seeds of a turn.
    #[serde(serialize_with = "as_text")]
    pub(crate) seeds: Range<u64>,
    /// Turns.
    pub(crate) turns: usize,
}

fn as_text<S: serde::Serializer>(seeds: &Range<u64>, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(&format_args!("{}..{}", seeds.start, seeds.end))
}

/// What the clusters go through.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Load {
    /// Nobody asks for anything: what is left are heartbeats.
    Idle,
    /// The default load, and no faults.
    Calm,
    /// What each seed draws, as for `rashomon sim --seeds`: size, load, settings, weather and faults.
    Storm,
}

impl Load {
    /// Its name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Idle => "idle",
            Self::Calm => "calm",
            Self::Storm => "storm",
        }
    }
}

/// What is measured in each turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub(crate) struct Case {
    /// What the clusters go through.
    pub(crate) load: Load,
    /// Their size; `None` where each seed draws its own.
    pub(crate) nodes: Option<usize>,
    /// Whether invariants are looked at.
    pub(crate) invariants: bool,
}

/// What it came to.
#[derive(Debug, Serialize)]
pub(crate) struct SimFigures {
    /// What was measured.
    #[serde(flatten)]
    pub(crate) bench: SimBench,
    /// Every measurement, in the order they were taken.
    pub(crate) rounds: Vec<Round>,
    /// Where the time went, case by case.
    pub(crate) shares: Vec<Shares>,
}

/// All seeds of a case, once.
#[derive(Debug, Serialize)]
pub(crate) struct Round {
    #[serde(flatten)]
    pub(crate) case: Case,
    pub(crate) turn: usize,
    #[serde(flatten)]
    pub(crate) measured: Measured,
}

/// What a turn did, and in what time.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Measured {
    /// Virtual time, in seconds.
    pub(crate) simulated_s: f64,
    /// Time by the wall.
    pub(crate) wall_s: f64,
    /// Processor time of the one thread.
    pub(crate) cpu_s: f64,
    /// Operations of clients, whatever became of them.
    pub(crate) operations: u64,
    /// What happened for them.
    #[serde(flatten)]
    pub(crate) work: Work,
    /// Runs in which something was found. There should be none.
    pub(crate) failed: u64,
}

/// The parts that were at work when somebody looked.
#[derive(Debug, Serialize)]
pub(crate) struct Shares {
    #[serde(flatten)]
    pub(crate) case: Case,
    /// How often somebody looked.
    pub(crate) looks: u64,
    /// Of these, the share that met each part.
    pub(crate) parts: BTreeMap<Part, f64>,
}

impl SimBench {
    /// What is measured in each turn.
    fn cases(&self) -> Vec<Case> {
        let mut cases = Vec::new();
        for nodes in self.nodes.iter().copied().map(Some) {
            cases.push(Case { load: Load::Idle, nodes, invariants: true });
            for invariants in [true, false] {
                cases.push(Case { load: Load::Calm, nodes, invariants });
            }
        }
        for invariants in [true, false] {
            cases.push(Case { load: Load::Storm, nodes: None, invariants });
        }
        cases
    }

    fn plan(&self, case: Case, seed: u64) -> SimPlan {
        let mut plan = match (case.load, case.nodes) {
            (Load::Idle | Load::Calm, Some(nodes)) => SimPlan::calm(seed, nodes),
            _ => return draw(seed, &Wishes { without: without(case), ..Wishes::default() }),
        };
        plan.storm = Duration::from_secs_f64(self.load_s).as_nanos() as u64;
        plan.rate = self.rate;
        plan.without = without(case);
        if case.load == Load::Idle {
            plan.omit_all();
        }
        plan
    }
}

fn without(case: Case) -> Vec<String> {
    if case.invariants {
        return Vec::new();
    }
    invariant_names().map(str::to_owned).collect()
}

/// Measures.
pub(crate) fn run(bench: &SimBench, steps: &Steps) -> SimFigures {
    let mut cases = bench.cases();
    steps.plan(cases.len() * (bench.turns + 1));
    let mut shares = Vec::new();
    for case in &cases {
        shares.push(look(bench, *case));
        steps.done(&format!("{}: where the time goes", spell(*case)));
    }
    let mut rounds = Vec::new();
    for turn in 1..=bench.turns {
        for case in &cases {
            let measured = measure(bench, *case, &Marker::default());
            let speed = measured.simulated_s / measured.cpu_s;
            let (what, turns) = (spell(*case), bench.turns);
            steps
                .done(&format!("{what}, turn {turn} of {turns}: {speed:.0} simulated s per CPU s"));
            rounds.push(Round { case: *case, turn, measured });
        }
        // Whoever comes second may find the machine warmer.
        cases.reverse();
    }
    SimFigures { bench: bench.clone(), rounds, shares }
}

/// A case, for people.
fn spell(case: Case) -> String {
    let nodes = case.nodes.map_or_else(String::new, |nodes| format!(", {nodes} nodes"));
    let invariants = if case.invariants { "" } else { ", no invariants" };
    format!("{}{nodes}{invariants}", case.load.name())
}

fn measure(bench: &SimBench, case: Case, marker: &Marker) -> Measured {
    let mut measured = Measured::default();
    let (wall, cpu) = (Instant::now(), cpu_seconds());
    for seed in bench.seeds.clone() {
        let plan = bench.plan(case, seed);
        let outcome = run_marked(&plan, workload(&plan), marker);
        measured.simulated_s += Duration::from_nanos(outcome.time).as_secs_f64();
        let operations = outcome.operations;
        measured.operations += operations.ok + operations.fail + operations.info;
        measured.work += outcome.work;
        measured.failed += u64::from(!outcome.findings.is_empty());
    }
    measured.wall_s = wall.elapsed().as_secs_f64();
    measured.cpu_s = cpu_seconds() - cpu;
    measured
}

/// Carries a case out while another thread looks which part is at work.
fn look(bench: &SimBench, case: Case) -> Shares {
    let (marker, over) = (Marker::default(), AtomicBool::new(false));
    let mut seen: BTreeMap<Part, u64> = Part::ALL.into_iter().map(|part| (part, 0)).collect();
    thread::scope(|scope| {
        let watched = scope.spawn(|| {
            measure(bench, case, &marker);
            over.store(true, Ordering::Relaxed);
        });
        while !over.load(Ordering::Relaxed) && !watched.is_finished() {
            thread::sleep(LOOK_EVERY);
            *seen.entry(marker.part()).or_default() += 1;
        }
    });
    let looks: u64 = seen.values().sum();
    let share = |(part, count)| (part, count as f64 / looks.max(1) as f64);
    Shares { case, looks, parts: seen.into_iter().map(share).collect() }
}

fn workload(plan: &SimPlan) -> &'static dyn Workload {
    rashomon_workloads::by_name(&plan.workload).expect("plans name workloads that there are")
}

/// Processor time of this thread.
fn cpu_seconds() -> f64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bench() -> SimBench {
        SimBench { nodes: vec![3, 5], rate: 50.0, load_s: 1.0, seeds: 0..2, turns: 1 }
    }

    #[test]
    fn each_size_has_its_cases_and_storms_have_theirs() {
        let cases: Vec<String> = bench().cases().into_iter().map(spell).collect();
        assert_eq!(
            cases,
            [
                "idle, 3 nodes",
                "calm, 3 nodes",
                "calm, 3 nodes, no invariants",
                "idle, 5 nodes",
                "calm, 5 nodes",
                "calm, 5 nodes, no invariants",
                "storm",
                "storm, no invariants"
            ]
        );
    }

    #[test]
    fn a_case_does_the_same_work_in_every_turn_with_and_without_invariants() {
        let case = |load, invariants| Case { load, nodes: Some(3), invariants };
        let of = |case| measure(&bench(), case, &Marker::default());
        let calm = of(case(Load::Calm, true));
        assert_eq!(calm.failed, 0);
        for other in [of(case(Load::Calm, true)), of(case(Load::Calm, false))] {
            assert_eq!((other.work, other.operations), (calm.work, calm.operations));
        }
        let idle = of(case(Load::Idle, true));
        assert!(idle.operations < calm.operations / 2, "{idle:?}");
        assert!(idle.work.events > 0 && idle.work.events < calm.work.events, "{idle:?}");
    }
}
