//! Many histories, each judged twice: by brute force and by the checker.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};

use rashomon_checker::check::{CheckOptions, CheckReport, Engine, ModelKind, Validity, check};

use super::brute::Brute;
use super::case::{Case, End};
use super::examine;
use super::make;
use super::shrink::shrink;

/// Of the histories that are not linearizable, one in so many has its counterexample looked at: that takes longer than
/// all the rest.
const EXAMINE_EVERY: u64 = 16;

/// Histories that a thread takes at once.
const CHUNK: u64 = 4_096;

/// What to run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Plan {
    pub(crate) model: ModelKind,
    pub(crate) engine: Engine,
    pub(crate) seed: u64,
    pub(crate) histories: u64,
    pub(crate) jobs: usize,
}

/// What was met. The same for the same plan, however many threads met it.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    pub(crate) histories: u64,
    /// Not linearizable, says brute force.
    pub(crate) invalid: u64,
    /// With operations of unknown outcome.
    pub(crate) crashed: u64,
    /// Every object by its decider.
    pub(crate) decided: u64,
    /// Of these, not linearizable.
    pub(crate) decided_invalid: u64,
    pub(crate) mismatches: u64,
    /// The round of the first mismatch.
    pub(crate) first: Option<u64>,
}

impl Tally {
    fn add(&mut self, other: &Self) {
        self.histories += other.histories;
        self.invalid += other.invalid;
        self.crashed += other.crashed;
        self.decided += other.decided;
        self.decided_invalid += other.decided_invalid;
        self.mismatches += other.mismatches;
        self.first = self.first.into_iter().chain(other.first).min();
    }
}

/// Judges all histories of a plan. `progress` is told now and then how many are done.
pub(crate) fn run(plan: &Plan, progress: &(dyn Fn(u64) + Sync)) -> Tally {
    let next = AtomicU64::new(0);
    let done = AtomicU64::new(0);
    let work = || {
        let (mut brute, mut tally) = (Brute::new(), Tally::default());
        loop {
            let start = next.fetch_add(CHUNK, Ordering::Relaxed);
            if start >= plan.histories {
                return tally;
            }
            let end = plan.histories.min(start + CHUNK);
            (start..end).for_each(|round| count(plan, round, &mut brute, &mut tally));
            progress(done.fetch_add(end - start, Ordering::Relaxed) + end - start);
        }
    };
    std::thread::scope(|scope| {
        let workers: Vec<_> = (0..plan.jobs.max(1)).map(|_| scope.spawn(work)).collect();
        let mut all = Tally::default();
        for worker in workers {
            all.add(&worker.join().expect("a worker catches what the checker throws"));
        }
        all
    })
}

fn count(plan: &Plan, round: u64, brute: &mut Brute, tally: &mut Tally) {
    let case = make::case(plan.model, plan.seed, round);
    let judged = judge(&case, plan.engine, round.is_multiple_of(EXAMINE_EVERY), brute);
    tally.histories += 1;
    tally.crashed += u64::from(case.ops.iter().any(|op| op.end == End::Info));
    if let Ok(Judged { invalid, decided }) = judged {
        tally.invalid += u64::from(invalid);
        tally.decided += u64::from(decided);
        tally.decided_invalid += u64::from(decided && invalid);
    } else {
        tally.mismatches += 1;
        tally.first = tally.first.into_iter().chain([round]).min();
    }
}

/// What both agree on.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Judged {
    pub(crate) invalid: bool,
    /// Whether no search was needed.
    pub(crate) decided: bool,
}

/// Compares the two; `Err` says how they differ.
pub(crate) fn judge(
    case: &Case,
    engine: Engine,
    explain: bool,
    brute: &mut Brute,
) -> Result<Judged, String> {
    let expected = brute.first_impossible(case).map(u64::from);
    let explain = explain && expected.is_some();
    let options = CheckOptions { explain, ..case.rules.options(engine) };
    let checked = || check(&case.history(), case.rules.model, &options);
    let report = catch_unwind(AssertUnwindSafe(checked))
        .map_err(|_| "the checker panics".to_owned())?
        .map_err(|error| error.to_string())?;
    let found = match report.validity {
        Validity::Valid => None,
        Validity::Invalid => report.impossible_from,
        Validity::Unknown => return Err(format!("undecided: {:?}", report.reason)),
    };
    if found != expected || (report.validity == Validity::Valid) != expected.is_none() {
        return Err(format!("expected {}, found {}", words(expected), words(found)));
    }
    if explain && let Some(flaw) = flaw(case, &report, expected) {
        return Err(flaw.to_owned());
    }
    let decided = report.engines.iter().all(|used| used.engine == "decider");
    Ok(Judged { invalid: expected.is_some(), decided })
}

fn flaw(case: &Case, report: &CheckReport, expected: Option<u64>) -> Option<&'static str> {
    let blocked = report.counterexample.as_ref()?.blocked;
    if case.history().op(blocked).ret() != expected {
        return Some("the counterexample blames another operation");
    }
    examine::flaw(report, &case.rules.plain())
}

fn words(first: Option<u64>) -> String {
    match first {
        None => "linearizable".to_owned(),
        Some(event) => format!("not linearizable from event {event} on (they count from 0)"),
    }
}

/// The mismatch of a round, made small: how the two differ, and the history.
pub(crate) fn explain(plan: &Plan, round: u64) -> String {
    let case = make::case(plan.model, plan.seed, round);
    let mut brute = Brute::new();
    let mut differ = |case: &Case| judge(case, plan.engine, true, &mut brute).err();
    let small = shrink(case, &mut |case| differ(case).is_some());
    let how = differ(&small).unwrap_or_default();
    format!("{} (seed {}, round {round}): {how}\n{}\n", plan.model, plan.seed, small.show())
}
