//! From one history to many searches, and from many answers to one verdict.
//!
//! Objects are independent, so each key is searched on its own, on as many threads as the caller allows, the largest
//! first. Which thread finishes first must not show: a violation is reported for the key whose history goes wrong at the
//! earliest completion. So once a violation is known, the other keys are searched only up to its completion, and what
//! is being searched further is abandoned and begun anew.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::check::{CheckError, CheckReport, Job, Validity};
use crate::counterexample;
use crate::history::Op;
use crate::model::Object;
use crate::search::{Budget, Findings, KeyOp, Outcome, Problem, Stop, Tuning, search};

use super::{ModelKind, TOLD_TO_STOP};

/// Configurations that looking for the frontier may visit for each operation, beside [`FRONTIER_CONFIGURATIONS_MIN`].
const FRONTIER_CONFIGURATIONS_SHARE: u64 = 4;

/// Configurations that looking for the frontier may always visit.
const FRONTIER_CONFIGURATIONS_MIN: u64 = 10_000;

/// One object of the history.
pub(crate) struct Key<O> {
    pub(crate) name: Option<String>,
    /// In order of invocation.
    pub(crate) ops: Vec<KeyOp>,
    pub(crate) object: O,
}

/// What became of one key.
#[derive(Debug, Clone, Copy)]
enum Finding {
    /// Linearizable, as far as it had to be searched.
    Valid { configurations: u64 },
    /// Not linearizable from this completion on.
    Invalid { first: u64 },
    /// Not linearizable; the search for the completion was ended.
    InvalidSomewhere,
    /// Not decided.
    Undecided(Stop),
}

/// Checks each object that `make` describes, and sums up.
pub(super) fn check<O: Object>(
    job: &Job<'_>,
    make: impl Fn() -> O,
) -> Result<CheckReport, CheckError> {
    let mut keys = split(job, make)?;
    // The largest first, so that no thread is left with a large one at the end.
    keys.sort_by_key(|key| std::cmp::Reverse(key.ops.len()));
    let budget = Budget::new(job.options.memory_bytes_max);
    let race = Race {
        job,
        budget: &budget,
        next: AtomicUsize::new(0),
        earliest: AtomicU64::new(u64::MAX),
        keys: keys.into_iter().map(|key| Mutex::new((key, None))).collect(),
    };
    race.run();
    Ok(race.report())
}

/// Interprets every operation, object by object.
fn split<O: Object>(job: &Job<'_>, make: impl Fn() -> O) -> Result<Vec<Key<O>>, CheckError> {
    let mut keys: BTreeMap<Option<&str>, Key<O>> = BTreeMap::new();
    for operation in job.history.ops() {
        let name = name_of(operation, job.model);
        let key = keys.entry(name).or_insert_with(|| Key {
            name: name.map(str::to_owned),
            ops: Vec::new(),
            object: make(),
        });
        let meaning = key
            .object
            .interpret(operation)
            .map_err(|misfit| CheckError::new(misfit, operation, job.model))?;
        let ret = operation.ret().unwrap_or(u64::MAX);
        key.ops.push(KeyOp { id: operation.id(), call: operation.call(), ret, meaning });
    }
    Ok(keys.into_values().collect())
}

/// The object that an operation acts on. The transactions of a multi-register span its registers.
fn name_of(operation: Op<'_>, model: ModelKind) -> Option<&str> {
    match model {
        ModelKind::MultiRegister => None,
        _ => operation.key(),
    }
}

struct Race<'a, O> {
    job: &'a Job<'a>,
    budget: &'a Budget,
    next: AtomicUsize,
    /// The earliest completion known to make some key's history impossible.
    earliest: AtomicU64,
    keys: Vec<Mutex<(Key<O>, Option<Finding>)>>,
}

impl<O: Object> Race<'_, O> {
    fn run(&self) {
        let threads = self.job.options.threads.clamp(1, self.keys.len().max(1));
        if threads == 1 {
            self.work();
        } else {
            std::thread::scope(|scope| {
                for _ in 0..threads {
                    scope.spawn(|| self.work());
                }
            });
            self.retry();
        }
    }

    fn work(&self) {
        loop {
            let at = self.next.fetch_add(1, Ordering::Relaxed);
            let Some(entry) = self.keys.get(at) else { return };
            let mut entry = entry.lock().unwrap_or_else(PoisonError::into_inner);
            entry.1 = Some(self.judge(&mut entry.0));
        }
    }

    /// A search that ran out of memory beside others may have enough alone.
    fn retry(&self) {
        for entry in &self.keys {
            let mut entry = entry.lock().unwrap_or_else(PoisonError::into_inner);
            if matches!(entry.1, Some(Finding::Undecided(Stop::Memory))) {
                entry.1 = Some(self.judge(&mut entry.0));
            }
        }
    }

    fn judge(&self, key: &mut Key<O>) -> Finding {
        loop {
            let horizon = self.earliest.load(Ordering::Relaxed);
            let findings = self.search(key, horizon, &Tuning::full());
            let located = match findings.outcome {
                Outcome::Linearizable(_) => {
                    return Finding::Valid { configurations: findings.configurations };
                }
                Outcome::NotLinearizable => self.locate(key, horizon, findings.reach),
                Outcome::Stopped(Stop::Superseded) => continue,
                Outcome::Stopped(stop) => return Finding::Undecided(stop),
            };
            match located {
                Ok(first) => {
                    self.earliest.fetch_min(first, Ordering::Relaxed);
                    return Finding::Invalid { first };
                }
                Err(Stop::Superseded) => {}
                Err(Stop::Effort | Stop::Memory | Stop::Told) => return Finding::InvalidSomewhere,
            }
        }
    }

    /// The first completion after which the key's history is impossible. What is impossible stays so, so this is a search
    /// for a border. Where a search without lookahead gets stuck there is an order up to there, and most often none
    /// beyond, so that completion is tried first; then ever further ones, and last what is between two.
    fn locate(&self, key: &mut Key<O>, horizon: u64, reach: Option<u64>) -> Result<u64, Stop> {
        let mut completions: Vec<u64> = key
            .ops
            .iter()
            .filter(|op| op.ret <= horizon && op.ret != u64::MAX && op.meaning.completed.is_some())
            .map(|op| op.ret)
            .collect();
        completions.sort_unstable();
        let reached = |reach: Option<u64>| {
            completions.partition_point(|completion| Some(*completion) < reach)
        };
        let mut possible = reached(reach).max(reached(self.frontier(key, horizon)?));
        let mut impossible = completions.len() - 1;
        // How far above the possible to probe, until something impossible is found.
        let mut stride = Some(1);
        while possible < impossible {
            let half = (impossible - possible) / 2;
            let ahead = stride.map_or(half, |stride: usize| (stride - 1).min(half));
            let probe = possible + ahead;
            let findings = self.search(key, completions[probe], &Tuning::full());
            match findings.outcome {
                Outcome::Linearizable(_) => {
                    possible = probe + 1;
                    stride = stride.map(|stride| stride * 2);
                }
                Outcome::NotLinearizable => {
                    stride = None;
                    impossible = probe;
                    possible = possible.max(reached(findings.reach));
                }
                Outcome::Stopped(stop) => return Err(stop),
            }
        }
        Ok(completions[impossible])
    }

    /// How far an order certainly reaches: as far as one gets that does not look ahead, in about one pass.
    fn frontier(&self, key: &mut Key<O>, horizon: u64) -> Result<Option<u64>, Stop> {
        let operations = key.ops.len() as u64;
        let mut tuning = Tuning::full();
        tuning.lookahead = false;
        tuning.configurations_max =
            FRONTIER_CONFIGURATIONS_MIN + FRONTIER_CONFIGURATIONS_SHARE * operations;
        let findings = self.search(key, horizon, &tuning);
        match findings.outcome {
            Outcome::Stopped(stop @ (Stop::Superseded | Stop::Told)) => Err(stop),
            // Out of memory or effort: what was reached until then was reached.
            Outcome::Stopped(Stop::Effort | Stop::Memory)
            | Outcome::Linearizable(_)
            | Outcome::NotLinearizable => Ok(findings.reach),
        }
    }

    fn search(&self, key: &mut Key<O>, horizon: u64, tuning: &Tuning) -> Findings {
        let stop = || {
            if self.earliest.load(Ordering::Relaxed) < horizon {
                Some(Stop::Superseded)
            } else {
                (self.job.options.should_stop)().then_some(Stop::Told)
            }
        };
        let problem = Problem::build(&mut key.object, &key.ops, 0..key.ops.len(), horizon, false);
        let mut account = self.budget.account();
        search(&mut key.object, &problem, tuning, &mut account, &stop)
    }

    fn report(self) -> CheckReport {
        let mut report = CheckReport {
            validity: Validity::Valid,
            reason: None,
            operations: self.job.history.len(),
            crashed: self.job.history.crashed(),
            keys: self.keys.len(),
            configurations: 0,
            counterexample: None,
        };
        let earliest = self.earliest.load(Ordering::Relaxed);
        let entries: Vec<(Key<O>, Finding)> = self
            .keys
            .into_iter()
            .map(|entry| entry.into_inner().unwrap_or_else(PoisonError::into_inner))
            .map(|(key, finding)| (key, finding.unwrap_or(Finding::Undecided(Stop::Told))))
            .collect();
        if let Some(at) = entries.iter().position(
            |(_, finding)| matches!(finding, Finding::Invalid { first } if *first == earliest),
        ) {
            report.validity = Validity::Invalid;
            let mut entries = entries;
            let (key, _) = entries.swap_remove(at);
            drop(entries);
            let (configurations, counterexample) =
                counterexample::build(self.job, key, earliest, self.budget);
            report.configurations = configurations;
            report.reason = Some(counterexample.sentence.clone());
            report.counterexample = Some(counterexample);
        } else {
            sum_up(&mut report, &entries, self.job.options.memory_bytes_max);
        }
        report
    }
}

/// The verdict where no violation was located.
fn sum_up<O>(report: &mut CheckReport, entries: &[(Key<O>, Finding)], memory_bytes_max: usize) {
    let mut undecided: Vec<(&Key<O>, Stop)> = Vec::new();
    for (key, finding) in entries {
        match finding {
            Finding::Valid { configurations } => report.configurations += configurations,
            Finding::Invalid { .. } | Finding::InvalidSomewhere => {
                report.validity = Validity::Invalid;
                report.reason = Some(format!(
                    "{} is not linearizable; the budget ended before a counterexample was found",
                    name(key)
                ));
            }
            Finding::Undecided(stop) => undecided.push((key, *stop)),
        }
    }
    if report.validity == Validity::Valid && !undecided.is_empty() {
        report.validity = Validity::Unknown;
        report.reason = Some(unknown(&undecided, report.keys, memory_bytes_max));
    }
}

fn unknown<O>(undecided: &[(&Key<O>, Stop)], keys: usize, memory_bytes_max: usize) -> String {
    let out_of_memory = undecided.iter().any(|(_, stop)| *stop == Stop::Memory);
    let cause = if out_of_memory {
        format!("the memory budget of {} MiB is used up", memory_bytes_max >> 20)
    } else {
        TOLD_TO_STOP.to_owned()
    };
    let (first, _) = undecided[0];
    format!(
        "{cause}: {} of {keys} objects undecided, among them {} with {} operations",
        undecided.len(),
        name(first),
        first.ops.len()
    )
}

fn name<O>(key: &Key<O>) -> String {
    match &key.name {
        Some(name) => format!("key {name}"),
        None => "the one object".to_owned(),
    }
}
