//! How each configuration came about: steps that point back to the step before.
//!
//! Most configurations share most of their past, so steps that none of them rests on any more are thrown out whenever
//! there are twice as many as after the last time: what stays is one line through the past and a few loose ends.

use crate::frontier::meter::Meter;
use crate::model::StateId;
use crate::search::Stop;

/// Before the first step.
pub(super) const START: u32 = u32::MAX;

/// Steps up to which throwing out is not worth the trouble.
const KEPT_MIN: usize = 4096;

/// An update that took effect.
#[derive(Debug, Clone, Copy)]
pub(super) struct Step {
    before: u32,
    pub(super) op: u32,
    /// The event at which it was found to have taken effect.
    pub(super) event: u32,
    /// The state that it left.
    pub(super) state: StateId,
}

/// The steps of all configurations.
#[derive(Debug, Default)]
pub(super) struct Trace {
    steps: Vec<Step>,
    kept: usize,
}

impl Trace {
    pub(super) fn push(
        &mut self,
        before: u32,
        op: u32,
        event: u32,
        state: StateId,
        meter: &mut Meter<'_, '_>,
    ) -> Result<u32, Stop> {
        // And a place in the list that throwing out needs.
        meter.room(&mut self.steps, size_of::<u32>())?;
        let at = u32::try_from(self.steps.len()).ok().filter(|at| *at != START);
        self.steps.push(Step { before, op, event, state });
        at.ok_or(Stop::Memory)
    }

    /// Becomes what `other` is.
    pub(super) fn copy_from(&mut self, other: &Self) {
        self.steps.clone_from(&other.steps);
        self.kept = other.kept;
    }

    /// How many steps there are.
    pub(super) fn len(&self) -> usize {
        self.steps.len()
    }

    /// Forgets all but the state in which each way ended.
    pub(super) fn restart<'a>(
        &mut self,
        event: u32,
        ends: impl Iterator<Item = (&'a mut u32, StateId)>,
    ) {
        self.steps.clear();
        for (end, state) in ends {
            *end = self.steps.len() as u32;
            self.steps.push(Step { before: START, op: u32::MAX, event, state });
        }
        self.kept = self.steps.len();
    }

    /// The states that the way to `at` went through from the event `since` on, as far as it is known.
    pub(super) fn held(&self, at: u32, since: u32) -> impl Iterator<Item = StateId> {
        let mut over = false;
        let steps =
            self.back(at).take_while(move |step| !std::mem::replace(&mut over, step.event < since));
        steps.map(|step| step.state)
    }

    /// The last step of a configuration.
    pub(super) fn last(&self, at: u32) -> Option<&Step> {
        self.steps.get(at as usize)
    }

    /// The steps up to `at`, the last one first.
    pub(super) fn back(&self, at: u32) -> impl Iterator<Item = &Step> {
        let mut at = at;
        std::iter::from_fn(move || {
            let step = self.steps.get(at as usize)?;
            at = step.before;
            Some(step)
        })
    }

    /// Throws out what none of `ends` rests on, if that is due.
    pub(super) fn prune<'a>(&mut self, ends: impl Iterator<Item = &'a mut u32>) {
        if self.steps.len() < 2 * self.kept + KEPT_MIN {
            return;
        }
        let ends: Vec<&mut u32> = ends.collect();
        let mut places = vec![START; self.steps.len()];
        for end in ends.iter().filter(|end| ***end != START) {
            places[**end as usize] = 0;
        }
        // A step comes after the one that it points back to.
        for at in (0..self.steps.len()).rev() {
            let before = self.steps[at].before;
            if places[at] != START && before != START {
                places[before as usize] = 0;
            }
        }
        let mut kept = 0;
        for at in 0..self.steps.len() {
            if places[at] != START {
                places[at] = kept;
                let mut step = self.steps[at];
                if step.before != START {
                    step.before = places[step.before as usize];
                }
                self.steps[kept as usize] = step;
                kept += 1;
            }
        }
        self.steps.truncate(kept as usize);
        self.kept = kept as usize;
        for end in ends.into_iter().filter(|end| **end != START) {
            *end = places[*end as usize];
        }
    }
}
