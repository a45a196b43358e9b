//! From an impossible history to a few operations that are impossible by themselves.
//!
//! Of a user's model nothing tells which operation saw what, so that simply taking operations away could invent a
//! violation: a read without its write is impossible, but the history is not to blame. Here an operation is never taken
//! away. It is moved to the *background*: there it may take effect at any moment, from the very start on, as often as one
//! likes, with any answer, or not at all. Whatever order explains the history explains it with operations in the background
//! too. So what stays impossible with a background is impossible *because* of the operations that are not in it, whatever
//! those in it did.
//!
//! Moving another operation to the background only allows more. Hence a core of which each single operation was tried and
//! had to stay is minimal, in whatever order they were tried; and everything up to the blocked completion stays possible, so
//! that this one stays the culprit.
//!
//! No hint of the model is believed here: what the core proves rests on the user's `step` alone.

use crate::model::{ClassId, Object, StateId};
use crate::search::{KeyOp, Outcome};

use super::Model;
use super::adapter::Adapter;
use super::decide::{Limits, Part, interpret, search};
use super::log::Log;
use super::report::Placed;

/// Searches that finding a core may make.
const TRIALS_MAX: u32 = 2_000;

/// Configurations that they may visit together, and one of them.
const CONFIGURATIONS_MAX: u64 = 4_000_000;
const TRIAL_CONFIGURATIONS_MAX: u64 = 100_000;

/// Kinds of operation that a background may have.
const BACKGROUND_MAX: usize = 4_096;

/// Operations that are first tried with all others in the background.
const LATEST_MIN: usize = 4;

/// What is left.
pub(super) struct Core<S> {
    /// Indices of the operations, in order of invocation.
    pub(super) ops: Vec<usize>,
    pub(super) minimal: bool,
    /// An order of them right before the blocked completion.
    pub(super) order: Vec<Placed<S>>,
    /// Whether that needs the background.
    pub(super) others_act: bool,
}

/// The core of a history that is impossible at `at`, the completion of the operation `blocked`; `None` if it turns out to
/// be possible where no hint is believed.
pub(super) fn find<M: Model>(
    model: &M,
    log: &Log<M::Input, M::Output>,
    part: &Part,
    (at, blocked): (u64, usize),
    limits: &Limits<'_>,
) -> Option<Core<M::State>> {
    let mut adapter = Adapter::new(model, false);
    let ops = interpret(&mut adapter, log, part);
    let begun = |index: &usize| ops[*index].call < at && ops[*index].meaning.open.is_some();
    let known: Vec<usize> = (0..ops.len()).filter(begun).collect();
    let mut finder = Finder {
        adapter,
        ops,
        kept: known.clone(),
        known,
        at,
        blocked,
        limits,
        trials: 0,
        configurations: 0,
        doubtful: false,
    };
    if !finder.narrow() {
        return None;
    }
    let minimal = finder.reduce();
    let (order, others_act) = finder.order();
    Some(Core { ops: finder.kept, minimal, order, others_act })
}

/// What one search says.
enum Trial {
    /// In this order.
    Possible(Vec<u32>),
    Impossible,
    /// That was too much to find out.
    GivenUp,
}

struct Finder<'a, 'b, M: Model> {
    adapter: Adapter<'a, M>,
    ops: Vec<KeyOp>,
    /// What was invoked before the blocked completion.
    known: Vec<usize>,
    /// What is not in the background.
    kept: Vec<usize>,
    at: u64,
    blocked: usize,
    limits: &'b Limits<'b>,
    trials: u32,
    configurations: u64,
    /// Whether a trial was given up.
    doubtful: bool,
}

impl<M: Model> Finder<'_, '_, M> {
    /// Puts all but the latest operations into the background, as few as it takes. False if all together are possible.
    fn narrow(&mut self) -> bool {
        let mut latest = LATEST_MIN;
        while latest < self.known.len() && !self.spent() {
            let begin = self.known.len() - latest;
            let mut kept = self.known[begin..].to_vec();
            if !kept.contains(&self.blocked) {
                kept.insert(0, self.blocked);
            }
            kept.sort_unstable();
            if self.is_impossible(&kept) == Some(true) {
                self.kept = kept;
                return true;
            }
            latest *= 2;
        }
        let all = self.known.clone();
        self.is_impossible(&all) != Some(false)
    }

    /// Puts what it can into the background. Whether every one that is left was tried.
    fn reduce(&mut self) -> bool {
        let mut size = self.kept.len().div_ceil(2);
        loop {
            self.doubtful = false;
            let mut begin = 0;
            while begin < self.kept.len() && !self.spent() {
                let end = (begin + size).min(self.kept.len());
                let blocked = self.blocked;
                let outside = |(place, index): (usize, &usize)| {
                    (place < begin || place >= end || *index == blocked).then_some(*index)
                };
                let rest: Vec<usize> = self.kept.iter().enumerate().filter_map(outside).collect();
                if rest.len() < self.kept.len() && self.is_impossible(&rest) == Some(true) {
                    self.kept = rest;
                } else {
                    begin = end;
                }
            }
            if self.spent() {
                return false;
            }
            if size <= 1 {
                return !self.doubtful;
            }
            size = size.div_ceil(2);
        }
    }

    fn spent(&self) -> bool {
        self.trials >= TRIALS_MAX
            || self.configurations >= CONFIGURATIONS_MAX
            || (self.limits.options.should_stop)()
    }

    /// Whether no order explains `kept` whatever the others did; `None` if that is too much to find out.
    fn is_impossible(&mut self, kept: &[usize]) -> Option<bool> {
        match self.search(kept, self.at, true) {
            Trial::Possible(_) => Some(false),
            Trial::Impossible => Some(true),
            Trial::GivenUp => {
                self.doubtful = true;
                None
            }
        }
    }

    /// Whether `kept` can be ordered, as they were known at `horizon`.
    fn search(&mut self, kept: &[usize], horizon: u64, others_act: bool) -> Trial {
        let background = if others_act { self.background(kept) } else { Vec::new() };
        if background.len() > BACKGROUND_MAX {
            return Trial::GivenUp;
        }
        self.trials += 1;
        self.adapter.clear_flaw();
        self.adapter.set_background(background);
        let chosen = kept.iter().copied();
        let max = TRIAL_CONFIGURATIONS_MAX;
        let findings = search(&mut self.adapter, &self.ops, chosen, horizon, max, self.limits);
        self.configurations += findings.configurations;
        match findings.outcome {
            Outcome::Linearizable(order) => Trial::Possible(order),
            Outcome::NotLinearizable if self.adapter.flaw().is_none() => Trial::Impossible,
            Outcome::NotLinearizable | Outcome::Stopped(_) => Trial::GivenUp,
        }
    }

    /// All that the other operations can have been.
    fn background(&self, kept: &[usize]) -> Vec<ClassId> {
        let others = self.known.iter().filter(|index| kept.binary_search(index).is_err());
        let mut classes: Vec<ClassId> = others
            .flat_map(|index| {
                let meaning = self.ops[*index].meaning;
                [meaning.open, meaning.completed]
            })
            .flatten()
            .collect();
        classes.sort_unstable();
        classes.dedup();
        classes
    }

    /// An order of the core right before the blocked completion, if possible without the others.
    fn order(&mut self) -> (Vec<Placed<M::State>>, bool) {
        let kept = self.kept.clone();
        for others_act in [false, true] {
            if let Trial::Possible(order) = self.search(&kept, self.at - 1, others_act) {
                return (self.path(&order), others_act);
            }
        }
        (Vec::new(), false)
    }

    /// The states along an order: forward all that are possible, and from one of the last ones back.
    fn path(&mut self, order: &[u32]) -> Vec<Placed<M::State>> {
        let mut layers: Vec<Vec<(StateId, usize)>> = vec![vec![(self.adapter.initial(), 0)]];
        for index in order {
            let KeyOp { ret, meaning, .. } = self.ops[*index as usize];
            let class = if ret < self.at { meaning.completed } else { meaning.open };
            let mut next: Vec<(StateId, usize)> = Vec::new();
            for (parent, (state, _)) in layers[layers.len() - 1].iter().enumerate() {
                let mut reached = Vec::new();
                if let Some(class) = class {
                    self.adapter.successors(*state, class, &mut reached);
                }
                next.extend(reached.into_iter().map(|state| (state, parent)));
            }
            next.sort_unstable();
            next.dedup_by_key(|(state, _)| *state);
            layers.push(next);
        }
        let mut steps = Vec::new();
        let mut place = 0;
        for (layer, index) in layers[1..].iter().zip(order).rev() {
            let Some((state, parent)) = layer.get(place) else { return Vec::new() };
            let op = self.ops[*index as usize].id;
            steps.push(Placed { op, state: self.adapter.state_of(*state).clone() });
            place = *parent;
        }
        steps.reverse();
        steps
    }
}
