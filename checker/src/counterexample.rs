//! What to show a person about an invalid history.
//!
//! The search proves that some object's history is impossible from one completion on: the *blocked* operation. Around it
//! the rest of the history is taken away bit by bit while what is left stays impossible (`shrink`), the best order
//! of what is left is put beside it, and the case is told in words (`explain`).
//!
//! Every sentence says only what stands in the history: which operation answered what, what had completed before it
//! began. It never says why the store did so.

mod explain;
mod shrink;
mod words;

use serde::{Deserialize, Serialize};

use crate::check::{Job, Key, ModelKind};
use crate::history::{OpId, Operation, Outcome};
use crate::model::{Object, StateId};
use crate::search::{self, Budget, Problem, Stop, Tuning, search};

/// Configurations that finding out where a search gets stuck may visit: it is for a sentence only.
const STUCK_CONFIGURATIONS_MAX: u64 = 50_000;

/// Configurations that proving a core again, and ordering it, may take where a decider has proven it. Of a box with many
/// open takes there are too many.
const PROVEN_CONFIGURATIONS_MAX: u64 = 50_000;

/// Operations among which it is looked for: among more there are too many orders to know them all.
const STUCK_OPERATIONS_MAX: usize = 1_000;

/// States that a sentence names at most.
const STUCK_STATES_MAX: usize = 4;

/// A small failing part of a history, with the best order that was found for it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Counterexample {
    /// The model it violates.
    pub model: ModelKind,
    /// The object, if the history names objects.
    pub key: Option<String>,
    /// The operations to show, in order of invocation. An operation that completed only after `blocked` did is shown as
    /// it stood then: still open.
    pub operations: Vec<Operation>,
    /// The completion that no order explains: every prefix of the history before it is linearizable.
    pub blocked: OpId,
    /// The completed operation that `blocked` contradicts most plainly (for a stale read: the newer write that had
    /// completed before the read began), where there is one.
    pub contradicts: Option<OpId>,
    /// The longest order found, with the state after each step. `blocked` is not in it (but a blocked transaction's
    /// writes may be, if others saw them).
    pub linearization: Vec<Step>,
    /// State before the first step.
    pub initial_state: String,
    /// What the blocked operation would have needed, and what it could have met, in words.
    pub why: String,
    /// Whether removing any one shown operation makes the rest linearizable, proven by trying each. A write is removed
    /// together with everything that saw what it wrote, as otherwise those would have seen what nobody wrote.
    pub minimal: bool,
    /// One sentence for the top of the report and the terminal.
    pub sentence: String,
}

/// One step of an order.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Step {
    /// Which operation takes effect.
    pub op: OpId,
    /// The state right after it, in words.
    pub state: String,
}

/// Makes the counterexample for `key`, whose history is impossible from the completion at `first` on. `core` are numbers of
/// operations that contradict each other, with what they saw. Also says how many configurations the proof took.
pub(crate) fn build<O: Object>(
    job: &Job<'_>,
    mut key: Key<O>,
    core: &[u32],
    first: u64,
    budget: &Budget,
) -> (u64, Counterexample) {
    let blocked = key.ops.iter().position(|op| op.ret == first);
    let blocked = blocked.expect("the impossible completion belongs to an operation of its key");
    let mut scene = Scene { job, key: &mut key, first, blocked, budget };
    let core = shrink::shrink(&mut scene, core);
    let configurations = scene.proof(&core.ops);
    let linearization = scene.best_order(&core.ops);
    let stuck = scene.stuck_states(&core.ops);
    let mut shown: Vec<OpId> = core.ops.iter().map(|index| scene.key.ops[*index].id).collect();
    shown.sort_unstable();
    let story = explain::explain(job, first, scene.key.ops[blocked].id, &shown, &stuck);
    for id in &story.mentions {
        if !shown.contains(id) {
            shown.push(*id);
        }
    }
    shown.sort_unstable();
    let counterexample = Counterexample {
        model: job.model,
        key: scene.key.name.clone(),
        operations: shown.into_iter().map(|id| as_it_stood(job, id, first)).collect(),
        blocked: scene.key.ops[blocked].id,
        contradicts: story.contradicts,
        linearization,
        initial_state: scene.key.object.describe(scene.key.object.initial()),
        why: story.why,
        minimal: core.minimal,
        sentence: story.sentence,
    };
    (configurations, counterexample)
}

/// An operation as one could know it at the completion at `first`. What surely failed is shown as failed, whenever that
/// was known.
fn as_it_stood(job: &Job<'_>, id: OpId, first: u64) -> Operation {
    let mut operation = job.history.op(id).to_operation();
    let failed = matches!(operation.outcome, Outcome::Fail(_));
    if operation.ret.is_some_and(|ret| ret > first) && !failed {
        operation.outcome = Outcome::Info;
        operation.ret = None;
        operation.ret_time = None;
        operation.error = None;
    }
    operation
}

/// The object under examination.
struct Scene<'a, O> {
    job: &'a Job<'a>,
    key: &'a mut Key<O>,
    /// Position of the first impossible completion.
    first: u64,
    /// Index of its operation.
    blocked: usize,
    budget: &'a Budget,
}

impl<O: Object> Scene<'_, O> {
    fn search(
        &mut self,
        chosen: &[usize],
        horizon: u64,
        keep_unobserved: bool,
        tuning: &Tuning,
    ) -> search::Findings {
        let Key { ops, object, .. } = &mut *self.key;
        let chosen = chosen.iter().copied();
        let problem = Problem::build(object, ops, chosen, horizon, keep_unobserved);
        let stop = || (self.job.options.should_stop)().then_some(Stop::Told);
        search(object, &problem, tuning, &mut self.budget.account(), &stop)
    }

    /// Whether deciders judge such objects, and searches may take long.
    fn is_left_to_deciders(&self) -> bool {
        let boxes = explain::is_box(self.job.model);
        boxes || matches!(self.job.model, ModelKind::Counter | ModelKind::VersionedRegister)
    }

    /// How far a search may go for what is shown.
    fn tuning(&self) -> Tuning {
        let mut tuning = Tuning::full();
        if self.is_left_to_deciders() {
            tuning.configurations_max = PROVEN_CONFIGURATIONS_MAX;
        }
        tuning
    }

    /// How many configurations it takes to prove that the core is impossible; 0 if that is left to the decider.
    fn proof(&mut self, core: &[usize]) -> u64 {
        let tuning = self.tuning();
        let findings = self.search(core, self.first, false, &tuning);
        let is_proof = findings.outcome == search::Outcome::NotLinearizable;
        if is_proof || !self.is_left_to_deciders() { findings.configurations } else { 0 }
    }

    /// An order of the core as it stood right before the blocked completion.
    fn best_order(&mut self, core: &[usize]) -> Vec<Step> {
        let horizon = self.first - 1;
        let tuning = self.tuning();
        let order = match self.search(core, horizon, false, &tuning).outcome {
            search::Outcome::Linearizable(order) => order,
            search::Outcome::NotLinearizable | search::Outcome::Stopped(_) => Vec::new(),
        };
        let Key { ops, object, .. } = &mut *self.key;
        let mut state = object.initial();
        let mut steps = Vec::new();
        for index in order {
            let op = &ops[index as usize];
            let class = if op.ret <= horizon { op.meaning.completed } else { op.meaning.open };
            let next = class.and_then(|class| object.step(state, class));
            state = next.expect("the order that a search found can be repeated");
            steps.push(Step { op: op.id, state: object.describe(state) });
        }
        steps
    }

    /// The states that the other operations of the core can leave for the blocked one, if they are few and all known.
    fn stuck_states(&mut self, core: &[usize]) -> Vec<String> {
        if core.len() > STUCK_OPERATIONS_MAX {
            return Vec::new();
        }
        let mut tuning = Tuning::full();
        tuning.lookahead = false;
        tuning.configurations_max = STUCK_CONFIGURATIONS_MAX;
        tuning.watch = Some(self.blocked as u32);
        let findings = self.search(core, self.first, true, &tuning);
        let complete = findings.outcome == search::Outcome::NotLinearizable;
        if !complete || findings.stuck.len() > STUCK_STATES_MAX {
            return Vec::new();
        }
        let states: Vec<StateId> = findings.stuck.into_iter().collect();
        states.into_iter().map(|state| self.key.object.describe(state)).collect()
    }
}
