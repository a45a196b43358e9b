//! From everything that was known at the impossible completion to a few operations that are impossible by themselves.
//!
//! First each of the newest updates is tried with the blocked operation alone (and what the two saw): most violations are
//! a contradiction between two. If that is not it, the last few operations before the completion are tried by
//! themselves, with what they saw, then twice as many, and so on: most of the rest are local, and small problems are
//! searched fast, however long the history.
//!
//! Then operations are taken away in halves, quarters and so on down to one at a time, as long as what is left stays
//! impossible *and* is possible right before the blocked completion, so that this one stays the culprit.
//!
//! A read goes freely. An update goes only together with everything that saw its trace: a read whose write was taken
//! away would be impossible for a reason that is not in the history. What is left is then impossible because the whole
//! is: from an order of the whole, dropping all that concerns a value leaves an order of the rest.

use std::cell::Cell;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::check::ModelKind;
use crate::counterexample::Scene;
use crate::history::ProcessId;
use crate::model::{ClassId, Object};
use crate::search::{Outcome, Problem, Stop, Tuning};

/// Searches that shrinking may make.
const TRIALS_MAX: u32 = 4_000;

/// Configurations that they may visit together.
const CONFIGURATIONS_MAX: u64 = 4_000_000;

/// Configurations that one of them may visit.
const TRIAL_CONFIGURATIONS_MAX: u64 = 200_000;

/// The same for objects that deciders judge, whose cores are few operations most often. Each configuration of a box takes
/// as long as there are elements in it.
const DECIDED_CONFIGURATIONS_MAX: u64 = 200_000;
const DECIDED_TRIAL_CONFIGURATIONS_MAX: u64 = 10_000;

/// Pairs of operation and trace that finding out who saw what may look at in one trial.
const PAIRS_MAX: usize = 4_000_000;

/// The same, in all trials together.
const LOOKS_MAX: usize = 200_000_000;

/// How many times a look's cost it takes to prepare for looks at what is not a number.
const MAKING: usize = 32;

/// Updates that are tried with the blocked operation alone.
const PAIRS_TRIED_MAX: usize = 64;

/// Operations that are first tried by themselves.
const LATEST_MIN: usize = 8;

/// Models whose operations carry no values that tell which of them belong together.
const LOCKS: [ModelKind; 3] = [ModelKind::Mutex, ModelKind::OwnedMutex, ModelKind::FencedMutex];

/// What is left.
pub(super) struct Core {
    /// Indices of the operations, in order of invocation.
    pub(super) ops: Vec<usize>,
    /// Whether no single one of them (with what depends on it) can go.
    pub(super) minimal: bool,
}

/// Takes away what can be taken away.
pub(super) fn shrink<O: Object>(scene: &mut Scene<'_, O>, core: &[u32]) -> Core {
    let mut shrinker = Shrinker::new(scene);
    let minimal = shrinker.run(core);
    Core { ops: shrinker.kept, minimal }
}

struct Shrinker<'a, 'b, O> {
    scene: &'a mut Scene<'b, O>,
    kept: Vec<usize>,
    /// For a lock: the release that ends an acquire, and the acquire before a release. For operations that belong
    /// together: the next of them, and after the last the first.
    partners: Vec<Option<usize>>,
    trials: u32,
    configurations: u64,
    /// Pairs of operation and trace looked at, by what a look costs.
    looks: Cell<usize>,
    /// How many all trials, and one, may visit.
    configurations_max: [u64; 2],
    /// Whether a trial was given up: then nothing can be said to be minimal.
    doubtful: bool,
}

impl<'a, 'b, O: Object> Shrinker<'a, 'b, O> {
    fn new(scene: &'a mut Scene<'b, O>) -> Self {
        let all = 0..scene.key.ops.len();
        let key = &mut *scene.key;
        // What the search has no use for goes at once: the problem is the same without it.
        let problem = Problem::build(&mut key.object, &key.ops, all, scene.first, false);
        let kept = problem.operations();
        let partners = partners(scene);
        let configurations_max = if scene.is_left_to_deciders() {
            [DECIDED_CONFIGURATIONS_MAX, DECIDED_TRIAL_CONFIGURATIONS_MAX]
        } else {
            [CONFIGURATIONS_MAX, TRIAL_CONFIGURATIONS_MAX]
        };
        Self {
            scene,
            kept,
            partners,
            trials: 0,
            configurations: 0,
            looks: Cell::new(0),
            configurations_max,
            doubtful: false,
        }
    }

    fn run(&mut self, core: &[u32]) -> bool {
        self.keep(core);
        // Of a counter not all is shown that was seen, and of a box there may be more orders than can be tried.
        let is_whole = self.scene.job.model == ModelKind::VersionedRegister;
        let is_doubtful = self.scene.is_left_to_deciders() && !is_whole;
        if is_doubtful && !self.is_culprit_in(&self.kept.clone()) {
            return false;
        }
        if !self.pair() {
            self.narrow();
        }
        let mut size = self.kept.len().div_ceil(2);
        loop {
            self.doubtful = false;
            let removed = self.pass(size);
            if self.spent() {
                return false;
            }
            if size > 1 {
                size = size.div_ceil(2);
            } else if !removed {
                return !self.doubtful;
            }
        }
    }

    /// Keeps only what is known to contradict itself, and what it saw, if that is so.
    fn keep(&mut self, core: &[u32]) {
        let ops = &self.scene.key.ops;
        if core.len() == ops.len() {
            return;
        }
        let place = |id: &u32| ops.binary_search_by_key(&(*id as usize), |op| op.id.0).ok();
        let core: FxHashSet<usize> = core.iter().filter_map(place).collect();
        let core: Vec<usize> =
            self.kept.iter().copied().filter(|index| core.contains(index)).collect();
        if let Some(rest) = self.with_what_they_saw(&core)
            && rest.len() < self.kept.len()
            && self.is_culprit_in(&rest)
        {
            self.kept = rest;
        }
    }

    /// Keeps the newest update that by itself contradicts the blocked operation, if there is one: of several writes that
    /// a stale read missed, the last is the one to show.
    fn pair(&mut self) -> bool {
        let ops = &self.scene.key.ops;
        let begun = ops[self.scene.blocked].call;
        let earlier = |index: &usize| ops[*index].ret < begun && ops[*index].meaning.open.is_some();
        let mut updates: Vec<usize> = self.kept.iter().copied().filter(earlier).collect();
        updates.sort_unstable_by_key(|index| std::cmp::Reverse(ops[*index].ret));
        // What the blocked one saw is beside it anyway: one such update tells as much as all.
        let Some(beside) = self.with_what_they_saw(&[]) else { return false };
        let mut alone = false;
        for update in updates.into_iter().take(PAIRS_TRIED_MAX) {
            if beside.binary_search(&update).is_ok() && std::mem::replace(&mut alone, true) {
                continue;
            }
            let Some(rest) = self.with_what_they_saw(&[update]) else { return false };
            if self.spent() {
                return false;
            }
            if self.is_culprit_in(&rest) {
                self.kept = rest;
                return true;
            }
        }
        false
    }

    /// Keeps only as many of the latest operations as it takes.
    fn narrow(&mut self) {
        let mut latest = LATEST_MIN;
        while latest < self.kept.len() && !self.spent() {
            let first = self.kept.len() - latest;
            let Some(rest) = self.with_what_they_saw(&self.kept[first..]) else { return };
            if rest.len() < self.kept.len() && self.is_culprit_in(&rest) {
                self.kept = rest;
                return;
            }
            latest *= 2;
        }
    }

    /// These operations, the blocked one, and all whose traces one of them shows, down to the first; `None` if that
    /// takes too long to find out.
    fn with_what_they_saw(&self, latest: &[usize]) -> Option<Vec<usize>> {
        let key = &*self.scene.key;
        let mut staying: FxHashSet<usize> = latest.iter().copied().collect();
        staying.insert(self.scene.blocked);
        staying.extend(latest.iter().filter_map(|index| self.partners[*index]));
        let mut fresh: Vec<usize> = staying.iter().copied().collect();
        let mut pairs = 0;
        while !fresh.is_empty() {
            self.add_partners(&mut staying, &mut fresh);
            let classes = fresh.iter().filter_map(|index| self.class(*index));
            let mut shown: Vec<ClassId> = classes.filter(|class| key.object.sees(*class)).collect();
            shown.sort_unstable();
            shown.dedup();
            fresh.clear();
            for class in shown {
                pairs += self.look(class, self.kept.len());
                if pairs > PAIRS_MAX || self.looks.get() > LOOKS_MAX {
                    return None;
                }
                let sight = key.object.sight(class);
                for index in self.kept.iter().filter(|index| !staying.contains(index)) {
                    if self.traces(*index).into_iter().any(&sight) {
                        fresh.push(*index);
                    }
                    self.poll()?;
                }
                staying.extend(&fresh);
            }
        }
        Some(self.kept.iter().copied().filter(|index| staying.contains(index)).collect())
    }

    /// Adds the partners of fresh operations, and theirs.
    fn add_partners(&self, staying: &mut FxHashSet<usize>, fresh: &mut Vec<usize>) {
        let is_lock = LOCKS.contains(&self.scene.job.model);
        let mut at = 0;
        while at < fresh.len() {
            let alone = is_lock && fresh[at] == self.scene.blocked;
            let partner = self.partners[fresh[at]].filter(|_| !alone);
            fresh.extend(partner.filter(|partner| staying.insert(*partner)));
            at += 1;
        }
    }

    /// What the operation was known to be at the blocked completion.
    fn class(&self, index: usize) -> Option<ClassId> {
        let op = &self.scene.key.ops[index];
        if op.ret <= self.scene.first { op.meaning.completed } else { op.meaning.open }
    }

    /// Whether the operation's answer depends on one of the traces.
    fn saw(&self, index: usize, traces: &[u32]) -> bool {
        let object = &self.scene.key.object;
        let class = self.class(index).filter(|class| object.sees(*class));
        class.is_some_and(|class| {
            self.look(class, traces.len());
            traces.iter().copied().any(object.sight(class))
        })
    }

    /// Counts looks at so many traces, and says what they cost.
    fn look(&self, class: ClassId, traces: usize) -> usize {
        let each = self.scene.key.object.sight_cost(class);
        let cost = traces.saturating_mul(each).saturating_add(MAKING * (each - 1));
        self.looks.set(self.looks.get().saturating_add(cost));
        cost
    }

    /// `None` if the caller wants no more of this. Asked for every operation looked at: one look may take a long text.
    fn poll(&self) -> Option<()> {
        (!(self.scene.job.options.should_stop)()).then_some(())
    }

    /// The traces that the operation leaves.
    fn traces(&self, index: usize) -> Vec<u32> {
        self.class(index).map(|class| self.scene.key.object.traces(class)).unwrap_or_default()
    }

    /// Tries to take away each run of `size` operations, the oldest first.
    fn pass(&mut self, size: usize) -> bool {
        let mut removed = false;
        let mut at = 0;
        while at < self.kept.len() && !self.spent() {
            let end = (at + size).min(self.kept.len());
            if self.try_without(at, end) {
                removed = true;
            } else {
                at = end;
            }
        }
        removed
    }

    fn spent(&self) -> bool {
        self.trials >= TRIALS_MAX
            || self.looks.get() > LOOKS_MAX
            || self.configurations >= self.configurations_max[0]
            || (self.scene.job.options.should_stop)()
    }

    fn try_without(&mut self, start: usize, end: usize) -> bool {
        let blocked = self.scene.blocked;
        let going = self.kept[start..end].iter().copied().filter(|index| *index != blocked);
        let Some(rest) = self.without(going.collect()) else { return false };
        if rest.len() == self.kept.len() {
            return false;
        }
        let culprit_stays = self.is_culprit_in(&rest);
        if culprit_stays {
            self.kept = rest;
        }
        culprit_stays
    }

    /// Whether these operations are impossible, and possible right before the blocked completion.
    fn is_culprit_in(&mut self, rest: &[usize]) -> bool {
        self.is_possible(rest, self.scene.first) == Some(false)
            && self.is_possible(rest, self.scene.first - 1) == Some(true)
    }

    /// What is left without these operations and those that saw their traces; `None` if the blocked one did.
    fn without(&mut self, mut going: FxHashSet<usize>) -> Option<Vec<usize>> {
        let mut fresh: Vec<usize> = going.iter().copied().collect();
        fresh.sort_unstable();
        let mut pairs = 0;
        while !fresh.is_empty() {
            let mut traces: Vec<u32> = Vec::new();
            let mut more = Vec::new();
            for index in fresh {
                traces.extend(self.traces(index));
                more.extend(self.partners[index].filter(|partner| !going.contains(partner)));
            }
            traces.sort_unstable();
            traces.dedup();
            // The blocked operation first: of a long read most traces are in its answer, and then they all stay.
            if self.saw(self.scene.blocked, &traces) {
                return None;
            }
            pairs += traces.len() * self.kept.len();
            if pairs > PAIRS_MAX {
                self.doubtful = true;
                return None;
            }
            for index in self.kept.iter().filter(|index| !going.contains(index)) {
                if self.saw(*index, &traces) {
                    more.push(*index);
                }
                self.poll()?;
            }
            more.sort_unstable();
            more.dedup();
            going.extend(&more);
            fresh = more;
        }
        if going.contains(&self.scene.blocked) {
            return None;
        }
        Some(self.kept.iter().copied().filter(|index| !going.contains(index)).collect())
    }

    /// Whether some order explains `ops` as they stood at `horizon`; `None` if that took too long.
    fn is_possible(&mut self, ops: &[usize], horizon: u64) -> Option<bool> {
        self.trials += 1;
        let limited = Tuning { configurations_max: self.configurations_max[1], ..Tuning::full() };
        let findings = self.scene.search(ops, horizon, false, &limited);
        self.configurations += findings.configurations;
        match findings.outcome {
            Outcome::Linearizable(_) => Some(true),
            Outcome::NotLinearizable => Some(false),
            Outcome::Stopped(Stop::Superseded | Stop::Effort | Stop::Memory | Stop::Told) => {
                self.doubtful = true;
                None
            }
        }
    }
}

/// A lock's operations carry no values, so that nothing tells which release a later acquire needed. They go in pairs:
/// an acquire with the same process's next release.
fn partners<O: Object>(scene: &Scene<'_, O>) -> Vec<Option<usize>> {
    if !LOCKS.contains(&scene.job.model) {
        return rings(scene);
    }
    let mut partners = vec![None; scene.key.ops.len()];
    let history = scene.job.history;
    let mut holding: Vec<(ProcessId, usize)> = Vec::new();
    for (index, op) in scene.key.ops.iter().enumerate() {
        let operation = history.op(op.id);
        if op.meaning.open.is_none() {
            continue;
        }
        let held = holding.iter().position(|(process, _)| *process == operation.process());
        if operation.f() == "acquire" {
            holding.push((operation.process(), index));
        } else if let Some(at) = held {
            let (_, acquire) = holding.swap_remove(at);
            partners[acquire] = Some(index);
            partners[index] = Some(acquire);
        }
    }
    partners
}

/// Operations that [`Object::belongs_to`] one group, in rings.
fn rings<O: Object>(scene: &Scene<'_, O>) -> Vec<Option<usize>> {
    let mut partners = vec![None; scene.key.ops.len()];
    // By group: the first and the latest.
    let mut ends: FxHashMap<u32, (usize, usize)> = FxHashMap::default();
    for (index, op) in scene.key.ops.iter().enumerate() {
        let known = if op.ret <= scene.first { op.meaning.completed } else { op.meaning.open };
        let Some(group) = known.and_then(|class| scene.key.object.belongs_to(class)) else {
            continue;
        };
        let (first, latest) = ends.entry(group).or_insert((index, index));
        partners[*latest] = Some(index);
        partners[index] = Some(*first);
        *latest = index;
    }
    partners
}
