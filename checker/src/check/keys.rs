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
use crate::history::Operation;
use crate::model::Object;
use crate::search::{Budget, Findings, KeyOp, Outcome, Problem, Stop, Tuning, search};

use super::ModelKind;

/// How close above the possible to probe for the impossible: at this part of what is between.
const PROBE_SHARE: usize = 8;

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
    for operation in job.history.operations() {
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
        let ret = operation.ret.unwrap_or(u64::MAX);
        key.ops.push(KeyOp { id: operation.id, call: operation.call, ret, meaning });
    }
    Ok(keys.into_values().collect())
}

/// The object that an operation acts on. The transactions of a multi-register span its registers.
fn name_of(operation: &Operation, model: ModelKind) -> Option<&str> {
    match model {
        ModelKind::MultiRegister => None,
        _ => operation.key.as_deref(),
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
            let findings = self.search(key, horizon);
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
    /// for a border. It probes close above what is known to be possible, as finding an order is much cheaper than
    /// finding that there is none.
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
        let mut possible = reached(reach);
        let mut impossible = completions.len() - 1;
        while possible < impossible {
            let probe = possible + (impossible - possible) / PROBE_SHARE;
            let findings = self.search(key, completions[probe]);
            match findings.outcome {
                Outcome::Linearizable(_) => possible = probe + 1,
                Outcome::NotLinearizable => {
                    impossible = probe;
                    possible = possible.max(reached(findings.reach));
                }
                Outcome::Stopped(stop) => return Err(stop),
            }
        }
        Ok(completions[impossible])
    }

    fn search(&self, key: &mut Key<O>, horizon: u64) -> Findings {
        let stop = || {
            if self.earliest.load(Ordering::Relaxed) < horizon {
                Some(Stop::Superseded)
            } else {
                (self.job.options.should_stop)().then_some(Stop::Told)
            }
        };
        let problem = Problem::build(&mut key.object, &key.ops, 0..key.ops.len(), horizon, false);
        let mut account = self.budget.account();
        search(&mut key.object, &problem, &Tuning::full(), &mut account, &stop)
    }

    fn report(self) -> CheckReport {
        let mut report = CheckReport {
            validity: Validity::Valid,
            reason: None,
            operations: self.job.history.operations().len(),
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
        "the search was told to stop".to_owned()
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
