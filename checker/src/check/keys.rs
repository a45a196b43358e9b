//! From one history to many objects, and from many answers to one verdict.
//!
//! Objects are independent, so each key is judged on its own, on as many threads as the caller allows, the largest
//! first: by the decider of its data type if that applies, else by a search. Which thread finishes first must not show: a
//! violation is reported for the key whose history goes wrong at the earliest completion. So once a violation is known,
//! the other keys are searched only up to its completion, and what is being searched further is abandoned and begun anew.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::certificate;
use crate::check::{CheckError, CheckReport, Engine, EngineUse, Job, ObjectOrder, Validity};
use crate::counterexample;
use crate::decide::{Decision, Rule};
use crate::history::OpId;
use crate::model::{Misfit, Object};
use crate::search::{Budget, KeyOp, Stop};

use super::parts::{self, Part, Parts};
use super::{TOLD_TO_STOP, sweep, wgl};

/// Decides the history of one object, if the decider's preconditions hold. The numbers of operations in the decision and
/// in a flaw are indices into those of the part.
pub(super) type Decider = fn(&Job<'_>, Part<'_>) -> Result<Decision, (Misfit, u32)>;

/// One object of the history, interpreted.
pub(crate) struct Key<O> {
    pub(crate) name: Option<String>,
    /// In order of invocation.
    pub(crate) ops: Vec<KeyOp>,
    pub(crate) object: O,
}

impl<O: Object> Key<O> {
    /// Interprets these operations.
    fn of(
        job: &Job<'_>,
        key: u32,
        ids: impl ExactSizeIterator<Item = u32>,
        mut object: O,
    ) -> Result<Self, (Misfit, u32)> {
        let mut ops = Vec::with_capacity(ids.len());
        for id in ids {
            let op = job.history.op(OpId(id as usize));
            let meaning = object.interpret(op).map_err(|misfit| (misfit, id))?;
            let ret = op.ret().unwrap_or(u64::MAX);
            ops.push(KeyOp { id: op.id(), call: op.call(), ret, meaning });
        }
        let name = parts::name(job, key).map(str::to_owned);
        Ok(Self { name, ops, object })
    }
}

/// What all judges of one check share.
pub(super) struct Court<'a> {
    pub(super) job: &'a Job<'a>,
    pub(super) budget: &'a Budget,
    /// The earliest completion known to make some key's history impossible.
    pub(super) earliest: AtomicU64,
}

impl Court<'_> {
    /// Why a search that looks at nothing after `horizon` should stop, if it should.
    pub(super) fn stop(&self, horizon: u64) -> Option<Stop> {
        if self.earliest.load(Ordering::Relaxed) < horizon {
            Some(Stop::Superseded)
        } else {
            (self.job.options.should_stop)().then_some(Stop::Told)
        }
    }
}

/// What a search says about one key. Numbers of operations are indices into the key's.
#[derive(Debug)]
pub(super) enum Judgement {
    /// Linearizable, as far as it had to be searched; in this order, if that was to the end.
    Valid { configurations: u64, order: Option<Vec<u32>> },
    /// Not linearizable from this completion on.
    Invalid { first: u64 },
    /// Not linearizable; the search for the completion was ended.
    InvalidSomewhere,
    /// Not decided.
    Stopped(Stop),
}

/// What became of one key.
#[derive(Debug)]
struct Finding {
    verdict: Verdict,
    /// Who found it, and why not another.
    by: (&'static str, &'static str),
}

#[derive(Debug)]
enum Verdict {
    /// Linearizable, as far as it had to be searched; in this order, if it is to be kept.
    Valid { configurations: u64, order: Option<Vec<OpId>> },
    /// Not linearizable from this completion on, with operations that suffice to show it (indices into the part's) and
    /// the rule that they break, if a decider found it.
    Invalid { first: u64, core: Option<(Vec<u32>, Rule)> },
    /// Not linearizable; the search for the completion was ended.
    InvalidSomewhere,
    /// Not decided, for lack of a decider.
    Undecidable,
    /// Not decided.
    Undecided(Stop),
    /// An operation does not fit the model.
    Misfit(Misfit, u32),
    /// The checker contradicts itself.
    Wrong(String),
}

/// Checks each object that `make` describes, and sums up.
pub(super) fn check<O: Object>(
    job: &Job<'_>,
    make: impl Fn() -> O + Sync,
    decider: Option<Decider>,
) -> Result<CheckReport, CheckError> {
    let parts = Parts::of(job);
    let budget = Budget::new(job.options.memory_bytes_max);
    let court = Court { job, budget: &budget, earliest: AtomicU64::new(u64::MAX) };
    let entries = parts.by_size(job).into_iter().map(|part| (part, Mutex::new(None))).collect();
    let race = Race { court, make, decider, next: AtomicUsize::new(0), entries };
    race.run();
    race.report()
}

struct Race<'a, F> {
    court: Court<'a>,
    make: F,
    decider: Option<Decider>,
    next: AtomicUsize,
    entries: Vec<(Part<'a>, Mutex<Option<Finding>>)>,
}

impl<O: Object, F: Fn() -> O + Sync> Race<'_, F> {
    fn run(&self) {
        let threads = self.court.job.options.threads.clamp(1, self.entries.len().max(1));
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
            let Some((part, finding)) = self.entries.get(at) else { return };
            let found = self.judge(*part);
            *finding.lock().unwrap_or_else(PoisonError::into_inner) = Some(found);
        }
    }

    /// A search that ran out of memory beside others may have enough alone.
    fn retry(&self) {
        for (part, finding) in &self.entries {
            let mut finding = finding.lock().unwrap_or_else(PoisonError::into_inner);
            if let Some(Finding { verdict: Verdict::Undecided(Stop::Memory), .. }) = *finding {
                *finding = Some(self.judge(*part));
            }
        }
    }

    fn judge(&self, part: Part<'_>) -> Finding {
        let engine = self.court.job.options.engine;
        let decided = match (self.decider, engine) {
            (None, _) => Err(NO_DECIDER),
            (_, Engine::Frontier | Engine::Wgl) => Err(AS_TOLD),
            (Some(decider), Engine::Auto | Engine::Fast | Engine::Compare) => {
                self.decide(decider, part)
            }
        };
        let finding = match decided {
            Ok(finding) if engine != Engine::Compare => finding,
            Ok(finding) => self.compare(finding, part),
            Err(why) if engine == Engine::Fast => {
                Finding { verdict: Verdict::Undecidable, by: (NOBODY, why) }
            }
            Err(why) => self.search_alone(part, why),
        };
        if let Verdict::Invalid { first, .. } = finding.verdict {
            self.court.earliest.fetch_min(first, Ordering::Relaxed);
        }
        finding
    }

    /// What the decider says; `Err` with the reason if its preconditions do not hold.
    fn decide(&self, decider: Decider, part: Part<'_>) -> Result<Finding, &'static str> {
        let verdict = match decider(self.court.job, part) {
            Err((misfit, index)) => Verdict::Misfit(misfit, part.numbers()(index)),
            Ok(Decision::Inapplicable(why)) => return Err(why),
            Ok(Decision::Linearizable(order)) => self.certify(part, Some(order), 0),
            Ok(Decision::NotLinearizable(mut refutation)) => {
                // In order of invocation, whatever the order in which they were found.
                refutation.ops.sort_unstable();
                let first = u64::from(refutation.completion);
                Verdict::Invalid { first, core: Some((refutation.ops, refutation.rule)) }
            }
        };
        Ok(Finding { verdict, by: (DECIDER, "") })
    }

    /// What the search says that was chosen; where all are to be compared, what both say.
    fn search_alone(&self, part: Part<'_>, why: &'static str) -> Finding {
        match self.court.job.options.engine {
            Engine::Wgl => {
                Finding { verdict: self.search(Search::Wgl, &self.court, part), by: (WGL, why) }
            }
            // What was searched only up to another key's violation says nothing that could be compared.
            Engine::Compare => {
                let verdict = self.search(Search::Frontier, &self.undisturbed(), part);
                self.compare(Finding { verdict, by: (FRONTIER, why) }, part)
            }
            Engine::Auto | Engine::Fast | Engine::Frontier => {
                let verdict = self.search(Search::Frontier, &self.court, part);
                Finding { verdict, by: (FRONTIER, why) }
            }
        }
    }

    fn search(&self, search: Search, court: &Court<'_>, part: Part<'_>) -> Verdict {
        let mut key = match Key::of(self.court.job, part.key, part.ids(), (self.make)()) {
            Ok(key) => key,
            Err((misfit, id)) => return Verdict::Misfit(misfit, id),
        };
        let judgement = match search {
            Search::Frontier => sweep::judge(court, &mut key),
            Search::Wgl => wgl::judge(court, &mut key),
        };
        match judgement {
            Judgement::Valid { configurations, order } => self.certify(part, order, configurations),
            Judgement::Invalid { first } => Verdict::Invalid { first, core: None },
            Judgement::InvalidSomewhere => Verdict::InvalidSomewhere,
            Judgement::Stopped(stop) => Verdict::Undecided(stop),
        }
    }

    /// A court that knows of no other key's violation.
    fn undisturbed(&self) -> Court<'_> {
        let Court { job, budget, .. } = self.court;
        Court { job, budget, earliest: AtomicU64::new(u64::MAX) }
    }

    /// Replays an order, if there is one for the whole of the key's history.
    fn certify(&self, part: Part<'_>, order: Option<Vec<u32>>, configurations: u64) -> Verdict {
        let job = self.court.job;
        if job.options.certify
            && let Some(order) = &order
            && let Err(flaw) = certificate::replay_part(job, part, order)
        {
            return Verdict::Wrong(flaw);
        }
        let kept = order.filter(|_| job.options.keep_orders).map(|order| {
            let numbers = order.into_iter().map(part.numbers());
            numbers.map(|id| OpId(id as usize)).collect()
        });
        Verdict::Valid { configurations, order: kept }
    }

    /// Further opinions on what was found, each on the whole of the key's history.
    fn compare(&self, finding: Finding, part: Part<'_>) -> Finding {
        let Some(one) = told(&finding.verdict) else { return finding };
        for (search, name) in [(Search::Frontier, FRONTIER), (Search::Wgl, WGL)] {
            if name == finding.by.0 {
                continue;
            }
            let other = self.search(search, &self.undisturbed(), part);
            if let Verdict::Wrong(_) | Verdict::Misfit(..) = other {
                return Finding { verdict: other, ..finding };
            }
            if let Some(two) = told(&other).filter(|two| *two != one) {
                let what =
                    format!("the {} says {}, the {name} {}", finding.by.0, words(one), words(two));
                return Finding { verdict: Verdict::Wrong(what), ..finding };
            }
        }
        finding
    }

    fn report(self) -> Result<CheckReport, CheckError> {
        let job = self.court.job;
        let entries = self.entries.into_iter().map(|(part, finding)| {
            let finding = finding.into_inner().unwrap_or_else(PoisonError::into_inner);
            let untold =
                Finding { verdict: Verdict::Undecided(Stop::Told), by: (NOBODY, TOLD_TO_STOP) };
            (part, finding.unwrap_or(untold))
        });
        let entries: Vec<(Part<'_>, Finding)> = entries.collect();
        refuse(job, &entries)?;
        let mut report = CheckReport {
            validity: Validity::Valid,
            reason: None,
            operations: job.history.len(),
            crashed: job.history.crashed(),
            keys: entries.len(),
            configurations: 0,
            engines: engines(&entries),
            impossible_from: None,
            counterexample: None,
            linearizations: Vec::new(),
        };
        let earliest = self.court.earliest.load(Ordering::Relaxed);
        let culprit = entries.iter().find(
            |(_, finding)| matches!(finding.verdict, Verdict::Invalid { first, .. } if first == earliest),
        );
        let Some((part, finding)) = culprit else {
            sum_up(job, &mut report, &entries);
            if report.validity != Validity::Invalid {
                report.linearizations = orders(job, entries);
            }
            return Ok(report);
        };
        report.validity = Validity::Invalid;
        report.impossible_from = Some(earliest);
        if !job.options.explain {
            let name = name(job, *part);
            report.reason = Some(format!("{name} is not linearizable from event {earliest} on"));
            return Ok(report);
        }
        let core = match &finding.verdict {
            Verdict::Invalid { core: Some((core, _)), .. } => part.number_few(core),
            _ => part.ids().collect(),
        };
        let key = Key::of(job, part.key, core.iter().copied(), (self.make)())
            .map_err(|(misfit, id)| misfit_of(job, misfit, id))?;
        let (configurations, counterexample) =
            counterexample::build(job, key, &core, earliest, self.court.budget);
        report.configurations = configurations;
        report.reason = Some(counterexample.sentence.clone());
        report.counterexample = Some(counterexample);
        Ok(report)
    }
}

/// The searches.
#[derive(Debug, Clone, Copy)]
enum Search {
    Frontier,
    Wgl,
}

/// A verdict that can be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Linearizable,
    /// From this completion on there is no order.
    NotFrom(u64),
}

fn told(verdict: &Verdict) -> Option<Told> {
    match verdict {
        Verdict::Valid { .. } => Some(Told::Linearizable),
        Verdict::Invalid { first, .. } => Some(Told::NotFrom(*first)),
        _ => None,
    }
}

fn words(told: Told) -> String {
    match told {
        Told::Linearizable => "linearizable".to_owned(),
        Told::NotFrom(first) => format!("not linearizable from event {first} on"),
    }
}

/// Names of those who find verdicts.
const DECIDER: &str = "decider";
const FRONTIER: &str = "frontier";
const WGL: &str = "wgl";
const NOBODY: &str = "nobody";

/// Why a search was used.
const NO_DECIDER: &str = "the model has no decider";
const AS_TOLD: &str = "the engine was chosen";

/// The first thing that makes the whole check meaningless.
fn refuse(job: &Job<'_>, entries: &[(Part<'_>, Finding)]) -> Result<(), CheckError> {
    let misfits = entries.iter().filter_map(|(_, finding)| match &finding.verdict {
        Verdict::Misfit(misfit, id) => Some((*id, misfit)),
        _ => None,
    });
    if let Some((id, misfit)) = misfits.min_by_key(|(id, _)| *id) {
        return Err(misfit_of(job, misfit.clone(), id));
    }
    let mut wrong = entries.iter().filter_map(|(part, finding)| match &finding.verdict {
        Verdict::Wrong(what) => Some(format!("{}: {what}", name(job, *part))),
        _ => None,
    });
    wrong.next().map_or(Ok(()), |what| Err(CheckError::Contradiction { what }))
}

fn misfit_of(job: &Job<'_>, misfit: Misfit, id: u32) -> CheckError {
    CheckError::new(misfit, job.history.op(OpId(id as usize)), job.model)
}

/// Who judged how much.
fn engines(entries: &[(Part<'_>, Finding)]) -> Vec<EngineUse> {
    let mut uses: BTreeMap<(&str, &str), (usize, usize)> = BTreeMap::new();
    for (part, finding) in entries {
        let (keys, operations) = uses.entry(finding.by).or_default();
        *keys += 1;
        *operations += part.len();
    }
    let uses = uses.into_iter().map(|((engine, why), (keys, operations))| EngineUse {
        engine: engine.to_owned(),
        why: (!why.is_empty()).then(|| why.to_owned()),
        keys,
        operations,
    });
    uses.collect()
}

/// The orders that were kept, by name.
fn orders(job: &Job<'_>, entries: Vec<(Part<'_>, Finding)>) -> Vec<ObjectOrder> {
    let kept = entries.into_iter().filter_map(|(part, finding)| match finding.verdict {
        Verdict::Valid { order: Some(order), .. } => {
            Some(ObjectOrder { key: part.name(job).map(str::to_owned), order })
        }
        _ => None,
    });
    let mut orders: Vec<ObjectOrder> = kept.collect();
    orders.sort_by(|one, two| one.key.cmp(&two.key));
    orders
}

/// The verdict where no violation was located.
fn sum_up(job: &Job<'_>, report: &mut CheckReport, entries: &[(Part<'_>, Finding)]) {
    let mut undecided: Vec<(Part<'_>, &Finding)> = Vec::new();
    for (part, finding) in entries {
        match finding.verdict {
            Verdict::Valid { configurations, .. } => report.configurations += configurations,
            Verdict::Invalid { .. } | Verdict::InvalidSomewhere => {
                report.validity = Validity::Invalid;
                report.reason = Some(format!(
                    "{} is not linearizable; the budget ended before a counterexample was found",
                    name(job, *part)
                ));
            }
            Verdict::Undecided(_)
            | Verdict::Undecidable
            | Verdict::Misfit(..)
            | Verdict::Wrong(_) => undecided.push((*part, finding)),
        }
    }
    if report.validity == Validity::Valid
        && let Some((first, finding)) = undecided.first()
    {
        report.validity = Validity::Unknown;
        report.reason = Some(format!(
            "{}: {} of {} objects undecided, among them {} with {} operations",
            cause(job, &undecided, finding),
            undecided.len(),
            report.keys,
            name(job, *first),
            first.len()
        ));
    }
}

/// Why something is undecided.
fn cause(job: &Job<'_>, undecided: &[(Part<'_>, &Finding)], first: &Finding) -> String {
    let out_of_memory = undecided
        .iter()
        .any(|(_, finding)| matches!(finding.verdict, Verdict::Undecided(Stop::Memory)));
    if out_of_memory {
        let budget = job.options.memory_bytes_max >> 20;
        return format!("the memory budget of {budget} MiB is used up");
    }
    match first.verdict {
        Verdict::Undecidable => format!("no decider applies ({})", first.by.1),
        _ => TOLD_TO_STOP.to_owned(),
    }
}

fn name(job: &Job<'_>, part: Part<'_>) -> String {
    match part.name(job) {
        Some(name) => format!("key {name}"),
        None => "the one object".to_owned(),
    }
}
