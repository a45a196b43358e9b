//! A user's model as the searches want it: operations and states as small numbers.

use rustc_hash::FxHashMap;

use crate::history::Op;
use crate::model::intern::{Interner, table_bytes};
use crate::model::{ClassId, Meaning, Misfit, Object, StateId};

use super::Model;
use super::log::Entry;
use super::report::Reason;

/// States that one step may lead to.
const SUCCESSORS_MAX: usize = 1 << 16;

/// States that what is in the background may lead to from one state.
const BACKGROUND_STATES_MAX: usize = 128;

/// An operation as the model sees it.
struct Class<'a, M: Model> {
    input: &'a M::Input,
    output: Option<&'a M::Output>,
    observer: bool,
    /// What it leaves behind wherever it is done.
    leaves: Option<StateId>,
    rank: u32,
}

/// An operation as it is looked up.
type ClassKey<'a, M> = (&'a <M as Model>::Input, Option<&'a <M as Model>::Output>);

/// One object of a user's type.
pub(super) struct Adapter<'a, M: Model> {
    model: &'a M,
    /// Whether the model's hints are believed.
    trusting: bool,
    states: Interner<M::State>,
    initial: StateId,
    state_bytes: usize,
    classes: Vec<Class<'a, M>>,
    numbers: FxHashMap<ClassKey<'a, M>, u32>,
    /// By state and class: where in `reached` its successors are.
    steps: FxHashMap<(StateId, ClassId), (usize, usize)>,
    reached: Vec<StateId>,
    /// Operations that may take effect before any other, as often as one likes.
    background: Vec<ClassId>,
    /// By state: what the background makes of it.
    closures: FxHashMap<StateId, Vec<StateId>>,
    flaw: Option<Reason>,
}

impl<'a, M: Model> Adapter<'a, M> {
    pub(super) fn new(model: &'a M, trusting: bool) -> Self {
        let mut adapter = Self {
            model,
            trusting,
            states: Interner::new(),
            initial: StateId(0),
            state_bytes: 0,
            classes: Vec::new(),
            numbers: FxHashMap::default(),
            steps: FxHashMap::default(),
            reached: Vec::new(),
            background: Vec::new(),
            closures: FxHashMap::default(),
            flaw: None,
        };
        adapter.initial = adapter.state(&model.init());
        adapter
    }

    /// What an operation means.
    pub(super) fn interpret_entry(&mut self, entry: &'a Entry<M::Input, M::Output>) -> Meaning {
        if entry.failed() {
            return Meaning::NOTHING;
        }
        let open = self.class(&entry.input, None);
        let completed = entry.output().map(|output| self.class(&entry.input, Some(output)));
        Meaning { completed: completed.or(Some(open)), open: Some(open) }
    }

    /// Lets these operations take effect before any other, as often as one likes.
    pub(super) fn set_background(&mut self, mut classes: Vec<ClassId>) {
        classes.sort_unstable();
        classes.dedup();
        if classes != self.background {
            self.background = classes;
            self.closures.clear();
        }
    }

    /// What makes the answers worthless, if something was seen to.
    pub(super) fn flaw(&self) -> Option<Reason> {
        self.flaw.clone()
    }

    pub(super) fn state_of(&self, state: StateId) -> &M::State {
        self.states.get(state.0)
    }

    fn class(&mut self, input: &'a M::Input, output: Option<&'a M::Output>) -> ClassId {
        if let Some(number) = self.numbers.get(&(input, output)) {
            return ClassId(*number);
        }
        let number = u32::try_from(self.classes.len()).expect("fewer than 2^32 kinds of operation");
        let leaves = self.model.leaves(input, output).filter(|_| self.trusting);
        let leaves = leaves.map(|state| self.state(&state));
        let observer = self.trusting && self.model.is_observer(input);
        let rank = self.model.rank(input, output);
        self.classes.push(Class { input, output, observer, leaves, rank });
        self.numbers.insert((input, output), number);
        ClassId(number)
    }

    fn state(&mut self, state: &M::State) -> StateId {
        let before = self.states.len();
        let number = self.states.intern(state);
        if self.states.len() > before {
            // Kept twice: to be found, and to be looked up.
            self.state_bytes += 2 * self.model.heap_bytes(state);
        }
        StateId(number)
    }

    /// Where the states after a step are, the background left aside.
    fn steps_from(&mut self, from: StateId, class: ClassId) -> (usize, usize) {
        if let Some(known) = self.steps.get(&(from, class)) {
            return *known;
        }
        let start = self.reached.len();
        let Class { input, output, observer, leaves, .. } = self.classes[class.0 as usize];
        if let Some(left) = leaves {
            self.reached.push(left);
        } else {
            let state = self.states.get(from.0);
            let next = self.model.step(state, input, output).into_iter();
            let next: Vec<M::State> = next.take(SUCCESSORS_MAX + 1).collect();
            if next.len() > SUCCESSORS_MAX {
                self.flaw.get_or_insert(Reason::TooManySuccessors);
            }
            for state in &next {
                let number = self.state(state);
                if observer && number != from {
                    self.flaw.get_or_insert(Reason::BrokenHint);
                }
                if !self.reached[start..].contains(&number) {
                    self.reached.push(number);
                }
            }
        }
        let steps = (start, self.reached.len());
        self.steps.insert((from, class), steps);
        steps
    }

    /// All that the background makes of a state, the state itself first.
    fn closure(&mut self, state: StateId) -> Vec<StateId> {
        if let Some(known) = self.closures.get(&state) {
            return known.clone();
        }
        let mut all = vec![state];
        if self.flaw.is_some() {
            // The search is worth nothing any more, and is to end soon.
            return all;
        }
        let mut at = 0;
        while let Some(from) = all.get(at).copied() {
            at += 1;
            for number in 0..self.background.len() {
                let (start, end) = self.steps_from(from, self.background[number]);
                for next in &self.reached[start..end] {
                    if !all.contains(next) {
                        all.push(*next);
                    }
                }
                if all.len() > BACKGROUND_STATES_MAX {
                    self.flaw.get_or_insert(Reason::TooManySuccessors);
                    return all;
                }
            }
        }
        self.closures.insert(state, all.clone());
        all
    }

    /// Forgets a flaw that only concerns the last search.
    pub(super) fn clear_flaw(&mut self) {
        self.flaw = None;
    }
}

impl<M: Model> Object for Adapter<'_, M> {
    /// Operations of a log come by [`Adapter::interpret_entry`]; none of a history fits.
    fn interpret(&mut self, _operation: Op<'_>) -> Result<Meaning, Misfit> {
        Err(Misfit::Function)
    }

    fn initial(&self) -> StateId {
        self.initial
    }

    fn step(&mut self, state: StateId, class: ClassId) -> Option<StateId> {
        if self.background.is_empty() {
            let (start, end) = self.steps_from(state, class);
            return self.reached[start..end].first().copied();
        }
        let mut all = Vec::new();
        self.successors(state, class, &mut all);
        all.first().copied()
    }

    fn successors(&mut self, state: StateId, class: ClassId, into: &mut Vec<StateId>) {
        if self.background.is_empty() {
            let (start, end) = self.steps_from(state, class);
            into.extend_from_slice(&self.reached[start..end]);
            return;
        }
        let first = into.len();
        for from in self.closure(state) {
            let (start, end) = self.steps_from(from, class);
            for next in &self.reached[start..end] {
                if !into[first..].contains(next) {
                    into.push(*next);
                }
            }
        }
    }

    /// With operations in the background no write is certain to stay what is there.
    fn blind(&self, class: ClassId) -> Option<StateId> {
        self.classes[class.0 as usize].leaves.filter(|_| self.background.is_empty())
    }

    fn is_observer(&self, class: ClassId) -> bool {
        self.classes[class.0 as usize].observer
    }

    fn rank(&self, class: ClassId) -> u32 {
        self.classes[class.0 as usize].rank
    }

    fn describe(&self, state: StateId) -> String {
        format!("state {}", state.0)
    }

    fn bytes(&self) -> usize {
        self.states.bytes()
            + self.state_bytes
            + self.classes.capacity() * size_of::<Class<'_, M>>()
            + table_bytes(&self.numbers)
            + table_bytes(&self.steps)
            + table_bytes(&self.closures)
            + self.closures.len() * BACKGROUND_STATES_MAX * size_of::<StateId>()
            + self.reached.capacity() * size_of::<StateId>()
    }
}
