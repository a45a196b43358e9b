//! Makes a failing run small: the fewest faults, clients and operations, in the least time, that still go wrong in the same way.
//!
//! ```text
//! outcome --> end at the finding --> kinds of faults --> faults --> spans --> clients --> operations --> settings --> nodes --+
//!                   ^                                                                                                         |
//!                   +-------------------------- again, until nothing can be spared any more ---------------------------------+
//! ```
//!
//! Each step proposes a smaller schedule; it is taken if its run, from the start, fails *in the same way*: the first finding
//! is of the same oracle, and for an invariant of the same one. That works because chance is drawn by place (see
//! [`super::dice`]): what is left alone stays as it was.
//!
//! **Owns** what is tried, and in which order. **Refuses to own** the time: the caller says when to stop. Apart from that the
//! result depends on the outcome alone.

use std::collections::{BTreeMap, BTreeSet};

use rashomon_checker::history::EventKind;
use rashomon_workloads::Workload;
use serde::Serialize;

use super::act::Strike;
use super::heap::Moment;
use super::plan::{MS, Omitted, SimPlan, Temper};
use super::run::{Outcome, replay};
use super::schedule::Schedule;
use crate::finding::Oracle;
use ddmin::ddmin;

mod ddmin;
mod settings;

/// Runs that are tried, unless something else is said.
pub const TRIES_MAX: u32 = 400;
/// The shortest span that is halved.
const SPAN_MIN: Moment = 2 * MS;

/// How large a run is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Size {
    /// Nodes.
    pub nodes: usize,
    /// Things done to the cluster.
    pub faults: usize,
    /// Clients that do something.
    pub clients: usize,
    /// Operations that were begun.
    pub operations: usize,
    /// Nanoseconds.
    pub time: Moment,
}

/// A run made small.
#[derive(Debug, Clone)]
pub struct Shrunk {
    /// What it was.
    pub before: Size,
    /// What it is.
    pub after: Size,
    /// Runs that were tried.
    pub tries: u32,
    /// The small run.
    pub outcome: Outcome,
}

impl Size {
    /// Of a run.
    pub fn of(outcome: &Outcome) -> Self {
        let clients: BTreeSet<usize> = outcome.begun.iter().map(|(client, _)| *client).collect();
        let begins = |kind| kind == EventKind::Invoke;
        Self {
            nodes: outcome.plan.nodes,
            faults: outcome.strikes.len(),
            clients: clients.len(),
            operations: outcome.history.iter().filter(|event| begins(event.kind)).count(),
            time: outcome.time,
        }
    }
}

/// The smallest run that was found to fail as this one does, in so many tries at most, or until `stop` says so. `None` if
/// this one did not fail, or does not when it is replayed.
pub fn shrink(outcome: &Outcome, tries_max: u32, stop: &dyn Fn() -> bool) -> Option<Shrunk> {
    let signature = outcome.findings.first()?.oracle.clone();
    let workload = rashomon_workloads::by_name(&outcome.plan.workload)?;
    let best = replay(&plain(outcome), workload);
    if best.findings.first()?.oracle != signature {
        return None;
    }
    let mut shrinker = Shrinker { workload, signature, best, tries: 1, tries_max, stop };
    shrinker.shrink();
    let Shrinker { best, tries, .. } = shrinker;
    Some(Shrunk { before: Size::of(outcome), after: Size::of(&best), tries, outcome: best })
}

/// Its schedule, without what only mattered as long as strikes were drawn.
fn plain(outcome: &Outcome) -> Schedule {
    let mut schedule = outcome.as_schedule();
    schedule.plan.temper = Temper::CALM;
    schedule.plan.faults = Vec::new();
    schedule.strikes.iter_mut().for_each(|strike| strike.fault = None);
    schedule
}

struct Shrinker<'a> {
    workload: &'a dyn Workload,
    signature: Oracle,
    /// The smallest failing run so far.
    best: Outcome,
    tries: u32,
    tries_max: u32,
    stop: &'a dyn Fn() -> bool,
}

impl Shrinker<'_> {
    fn shrink(&mut self) {
        loop {
            let before = self.best.as_schedule();
            self.cut_end();
            self.cut_storm();
            self.drop_kinds();
            self.drop_strikes();
            self.shorten_strikes();
            self.drop_clients();
            self.drop_operations();
            self.calm();
            self.drop_nodes();
            self.cut_end();
            if self.is_over() || self.best.as_schedule() == before {
                break;
            }
        }
        self.round();
    }

    fn is_over(&self) -> bool {
        self.tries >= self.tries_max || (self.stop)()
    }

    /// Takes this schedule if its run fails in the same way. Whether it does; nothing does any more when it is over.
    fn attempt(&mut self, schedule: &Schedule) -> bool {
        if self.is_over() {
            return false;
        }
        self.tries += 1;
        let outcome = replay(schedule, self.workload);
        let same = outcome.findings.first().is_some_and(|first| first.oracle == self.signature);
        if same {
            self.best = outcome;
        }
        same
    }

    /// The same with other strikes.
    fn attempt_strikes(&mut self, strikes: &[Strike]) -> bool {
        self.attempt(&Schedule { strikes: strikes.to_vec(), ..self.best.as_schedule() })
    }

    /// The same with another plan.
    fn attempt_plan(&mut self, change: impl FnOnce(&mut SimPlan)) -> bool {
        let mut schedule = self.best.as_schedule();
        change(&mut schedule.plan);
        schedule.plan != self.best.plan && self.attempt(&schedule)
    }

    fn found_at(&self) -> Moment {
        self.best.findings.first().map_or(self.best.time, |first| first.at)
    }

    /// Nothing after the finding matters; but that something does not happen can only be said at the end.
    fn cut_end(&mut self) {
        let end = (self.found_at() / MS + 1) * MS;
        if self.signature != Oracle::Liveness && self.best.end.is_none_or(|known| known > end) {
            self.attempt(&Schedule { end: Some(end), ..self.best.as_schedule() });
        }
    }

    /// What is found after the storm may not need all of it.
    fn cut_storm(&mut self) {
        for (parts, of) in [(0, 1), (1, 2), (3, 4)] {
            while self.found_at() > self.best.plan.storm {
                let storm = self.best.plan.storm / of * parts / MS * MS;
                let end = None;
                let plan = SimPlan { storm, ..self.best.plan.clone() };
                if storm == self.best.plan.storm
                    || !self.attempt(&Schedule { plan, end, ..self.best.as_schedule() })
                {
                    break;
                }
            }
        }
        self.cut_end();
    }

    /// All strikes of a kind at once.
    fn drop_kinds(&mut self) {
        let kind = |strike: &Strike| std::mem::discriminant(&strike.act);
        let mut seen = Vec::new();
        for strike in self.best.strikes.clone() {
            if seen.contains(&kind(&strike)) {
                continue;
            }
            seen.push(kind(&strike));
            let mut rest = self.best.strikes.clone();
            rest.retain(|other| kind(other) != kind(&strike));
            self.attempt_strikes(&rest);
        }
    }

    fn drop_strikes(&mut self) {
        ddmin(self.best.strikes.clone(), |part| self.attempt_strikes(part));
    }

    fn shorten_strikes(&mut self) {
        for place in 0..self.best.strikes.len() {
            let mut strikes = self.best.strikes.clone();
            while let Some(strike) = strikes.get_mut(place) {
                let span = strike.until.saturating_sub(strike.at);
                strike.until = strike.at + span / 2;
                if span < SPAN_MIN || !self.attempt_strikes(&strikes) {
                    break;
                }
                strikes.clone_from(&self.best.strikes);
            }
        }
    }

    fn drop_clients(&mut self) {
        let clients: BTreeSet<usize> = self.best.begun.iter().map(|(client, _)| *client).collect();
        let all = self.best.plan.clients;
        let omitted = self.best.plan.omitted.clone();
        ddmin(clients.into_iter().collect(), |part| {
            let mut omitted = omitted.clone();
            omitted.retain(|one| part.contains(&one.client));
            let idle = (0..all).filter(|client| !part.contains(client));
            omitted.extend(idle.map(|client| Omitted { client, operations: None }));
            self.attempt_plan(|plan| plan.omitted = omitted)
        });
    }

    fn drop_operations(&mut self) {
        let clients = self.best.plan.clients;
        ddmin(self.best.begun.clone(), |part| {
            self.attempt_plan(|plan| plan.omitted = all_but(part, clients))
        });
    }

    /// The settings of a calm run, all at once, or as many of them as will do.
    fn calm(&mut self) {
        if self.attempt_plan(|plan| settings::ALL.iter().for_each(|calm| calm(plan))) {
            return;
        }
        for calm in settings::ALL {
            self.attempt_plan(calm);
        }
    }

    /// Takes nodes away, the last first, as long as no strike is about it alone.
    fn drop_nodes(&mut self) {
        while let Some(last) = self.best.plan.nodes.checked_sub(1).filter(|last| *last > 0) {
            let mut schedule = self.best.as_schedule();
            schedule.plan.nodes = last;
            schedule.strikes.retain_mut(|strike| strike.act.forget_links_of(last));
            let is_named = |strike: &Strike| strike.act.node() == Some(last);
            if schedule.strikes.iter().any(is_named) || !self.attempt(&schedule) {
                return;
            }
        }
    }

    /// Moments that are easier to read: whole milliseconds, for all strikes or for some.
    fn round(&mut self) {
        let rounded = |strike: &mut Strike| {
            strike.at = strike.at / MS * MS;
            strike.until = strike.until.div_ceil(MS) * MS;
        };
        let mut strikes = self.best.strikes.clone();
        strikes.iter_mut().for_each(rounded);
        if strikes == self.best.strikes || self.attempt_strikes(&strikes) {
            return;
        }
        for place in 0..self.best.strikes.len() {
            let mut strikes = self.best.strikes.clone();
            let Some(strike) = strikes.get_mut(place) else { return };
            rounded(strike);
            if strikes != self.best.strikes {
                self.attempt_strikes(&strikes);
            }
        }
    }
}

/// Leaves out everything but these operations, of so many clients.
fn all_but(kept: &[(usize, u64)], clients: usize) -> Vec<Omitted> {
    let mut places: BTreeMap<usize, BTreeSet<u64>> = BTreeMap::new();
    for (client, place) in kept {
        places.entry(*client).or_default().insert(*place);
    }
    let mut omitted = Vec::new();
    for client in 0..clients {
        let Some(places) = places.get(&client) else {
            omitted.push(Omitted { client, operations: None });
            continue;
        };
        let mut next = 0;
        for place in places {
            if *place > next {
                omitted.push(Omitted { client, operations: Some(next..=place - 1) });
            }
            next = place + 1;
        }
        omitted.push(Omitted { client, operations: Some(next..=u64::MAX) });
    }
    omitted
}

#[cfg(test)]
mod tests;
