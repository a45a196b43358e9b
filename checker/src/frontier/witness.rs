//! From the updates that took effect visibly to a whole order.
//!
//! Each other operation goes where it fits first after its invocation: an observer where it is legal, a blind write
//! right before the next one, or where it changes nothing. The sweep saw just these moments pass.

use crate::frontier::outlook::Outlook;
use crate::frontier::plan::Plan;
use crate::frontier::trace::Step;
use crate::model::{Object, StateId};

struct Replay<'a, O> {
    object: &'a mut O,
    plan: &'a Plan,
    outlook: &'a Outlook,
    state: StateId,
    /// The last completion passed.
    now: u64,
    /// Selected operations that have no place yet.
    waiting: Vec<u32>,
    placed: Vec<u32>,
    reached: Vec<StateId>,
}

/// The order (indices into the operations) that `steps` are the visible updates of.
pub(super) fn order<O: Object>(
    object: &mut O,
    plan: &Plan,
    outlook: &Outlook,
    steps: &[Step],
) -> Vec<u32> {
    let mut visible = vec![false; plan.selected.len()];
    for step in steps {
        visible[step.op as usize] = true;
    }
    let state = object.initial();
    let placed = Vec::with_capacity(plan.selected.len());
    let (waiting, reached) = (Vec::new(), Vec::new());
    let mut replay = Replay { object, plan, outlook, state, now: 0, waiting, placed, reached };
    let mut steps = steps.iter().peekable();
    for (event, moment) in plan.moments.iter().enumerate() {
        let op = &plan.selected[moment.selected as usize];
        if moment.ends {
            while let Some(step) = steps.next_if(|step| step.event as usize == event) {
                replay.step(step);
            }
            replay.now = moment.position;
        } else if !visible[moment.selected as usize] && !op.is_crashed() {
            replay.waiting.push(moment.selected);
            replay.place();
        }
    }
    replay.placed
}

impl<O: Object> Replay<'_, O> {
    /// A visible update, the writes that it hides before it, and what can be observed after it.
    fn step(&mut self, step: &Step) {
        let selected = &self.plan.selected;
        if self.object.blind(selected[step.op as usize].class).is_some() {
            let (object, placed) = (&*self.object, &mut self.placed);
            self.waiting.retain(|number| {
                let op = &selected[*number as usize];
                let hidden = object.blind(op.class).is_some();
                if hidden {
                    placed.push(op.op);
                }
                !hidden
            });
        }
        self.placed.push(selected[step.op as usize].op);
        self.state = step.state;
        self.place();
    }

    /// Places what fits now.
    fn place(&mut self) {
        let mut waiting = std::mem::take(&mut self.waiting);
        waiting.retain(|number| {
            let op = &self.plan.selected[*number as usize];
            let fits = match self.object.blind(op.class) {
                Some(made) => {
                    let (outlook, now) = (self.outlook, self.now);
                    made == self.state
                        || outlook.is_idle_at(made, now) && outlook.is_idle_at(self.state, now)
                }
                None if self.object.is_observer(op.class) => {
                    self.reached.clear();
                    self.object.successors(self.state, op.class, &mut self.reached);
                    !self.reached.is_empty()
                }
                None => false,
            };
            if fits {
                self.placed.push(op.op);
                self.state = self.object.blind(op.class).unwrap_or(self.state);
            }
            !fits
        });
        self.waiting = waiting;
    }
}
