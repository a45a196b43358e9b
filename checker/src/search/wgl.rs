//! The walk through configurations. See [`crate::search`] for the algorithm and what may be left out.

use std::collections::BTreeSet;

use crate::model::{Object, StateId};
use crate::search::budget::{Account, Stop};
use crate::search::links::Links;
use crate::search::lookahead::Lookahead;
use crate::search::memo::Memo;
use crate::search::problem::{Item, Problem};

/// Looks at operations between two looks at the stop test and the memory account.
const POLL_INTERVAL: u64 = 1024;

/// Says why to stop, if there is a reason.
type StopTest<'a> = &'a dyn Fn() -> Option<Stop>;

/// Operations that are equal in effect because nothing asks for what they write.
const IDLE_WRITES: usize = 0;

/// How to search.
#[derive(Debug, Clone)]
pub(crate) struct Tuning {
    /// Whether to turn round as soon as what is to come is known to be lost. Off only to see where a search gets stuck.
    pub(crate) lookahead: bool,
    /// Most configurations to visit.
    pub(crate) configurations_max: u64,
    /// Collect the states in which this operation is the only completed one left, and cannot be ordered.
    pub(crate) watch: Option<u32>,
    /// A rule to break, to see that the tests notice.
    #[cfg(test)]
    pub(crate) sabotage: Option<Sabotage>,
}

/// Known-wrong variants of the rules. Each must be caught by the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sabotage {
    /// A write is ordered as soon as it is legal.
    EagerWrites,
    /// A write of the current value is ordered at once, as if it could not be needed later.
    EagerIdleWrites,
    /// Of equal operations the one that completes last is tried.
    LatestOfEquals,
    /// Configurations are merged although they have used different crashed operations.
    MergeUsed,
    /// Configurations are merged although their states differ.
    MergeStates,
    /// The search is content when only one completed operation is left.
    StopEarly,
    /// A crashed operation must take effect.
    CrashedMustHappen,
}

impl Tuning {
    /// All rules, no limit.
    pub(crate) fn full() -> Self {
        Self {
            lookahead: true,
            configurations_max: u64::MAX,
            watch: None,
            #[cfg(test)]
            sabotage: None,
        }
    }

    #[cfg(test)]
    fn breaks(&self, rule: Sabotage) -> bool {
        self.sabotage == Some(rule)
    }

    #[cfg(not(test))]
    #[expect(clippy::unused_self, reason = "the same call in tests, where rules can be broken")]
    fn breaks(&self, _rule: Sabotage) -> bool {
        false
    }
}

/// What a search found.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) outcome: Outcome,
    /// Configurations visited.
    pub(crate) configurations: u64,
    /// The latest completion before which everything could be ordered: what is impossible is so from here on at the
    /// earliest. `None` if the search did not begin, or got through.
    pub(crate) reach: Option<u64>,
    /// See [`Tuning::watch`].
    pub(crate) stuck: BTreeSet<StateId>,
}

/// The answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// This order (indices into the operations) explains every answer.
    Linearizable(Vec<u32>),
    /// No order does.
    NotLinearizable,
    /// The search was ended.
    Stopped(Stop),
}

/// Searches for an order. `stop` is asked now and then.
pub(crate) fn search<O: Object>(
    object: &mut O,
    problem: &Problem,
    tuning: &Tuning,
    account: &mut Account<'_>,
    stop: StopTest<'_>,
) -> Findings {
    let mut walk = Walk::new(object, problem, tuning);
    let outcome = match walk.run(account, stop) {
        Ok(true) => Outcome::Linearizable(walk.order()),
        Ok(false) => Outcome::NotLinearizable,
        Err(stop) => Outcome::Stopped(stop),
    };
    let reach = problem.items[..problem.completed].get(walk.base_max).map(|item| item.ret);
    Findings { outcome, configurations: walk.configurations, reach, stuck: walk.stuck }
}

/// One operation ordered, and what to restore when that is undone.
#[derive(Debug, Clone, Copy)]
struct Move {
    item: u32,
    base: u32,
    state: StateId,
}

/// A configuration on the way: its candidates are `candidates[start..]`, up to those of the next frame.
#[derive(Debug, Clone, Copy)]
struct Frame {
    moves: usize,
    start: usize,
    cursor: usize,
}

struct Walk<'a, O> {
    object: &'a mut O,
    problem: &'a Problem,
    tuning: &'a Tuning,
    lookahead: Lookahead,
    /// First completed operation, by completion, that is not ordered.
    base: usize,
    state: StateId,
    /// By slot: whether a completed operation that is open at the base's completion is ordered.
    mask: Vec<u64>,
    /// By slot: whether a crashed operation is used.
    used: Vec<u64>,
    ordered: Vec<bool>,
    open: Links,
    crashed: Links,
    moves: Vec<Move>,
    frames: Vec<Frame>,
    candidates: Vec<(u32, StateId)>,
    /// States that one operation leads to, while they are looked at.
    successors: Vec<StateId>,
    /// By kind of operation, completed and crashed: the configuration in which one of them was last a candidate.
    stamps: [Vec<u64>; 2],
    memo: Memo,
    row: Vec<u64>,
    configurations: u64,
    /// Operations looked at.
    steps: u64,
    /// The furthest that the base came.
    base_max: usize,
    stuck: BTreeSet<StateId>,
}

impl<'a, O: Object> Walk<'a, O> {
    fn new(object: &'a mut O, problem: &'a Problem, tuning: &'a Tuning) -> Self {
        let mask_words = problem.slots.div_ceil(64);
        let used_words = problem.crashed().div_ceil(64);
        let crashed: Vec<u32> = (0..problem.crashed() as u32).collect();
        let kinds = problem.items.iter().map(|item| item.class.0 as usize + 2).max().unwrap_or(1);
        let stamps = vec![0; kinds];
        Self {
            lookahead: Lookahead::new(object, problem),
            base: 0,
            state: object.initial(),
            mask: vec![0; mask_words],
            used: vec![0; used_words],
            ordered: vec![false; problem.completed],
            open: Links::new(&problem.by_call),
            crashed: Links::new(&crashed),
            moves: Vec::new(),
            frames: Vec::new(),
            candidates: Vec::new(),
            successors: Vec::new(),
            stamps: [stamps.clone(), stamps],
            memo: Memo::new(1 + mask_words, used_words),
            row: Vec::with_capacity(1 + mask_words + used_words),
            configurations: 0,
            steps: 0,
            base_max: 0,
            stuck: BTreeSet::new(),
            object,
            problem,
            tuning,
        }
    }

    /// Whether there is an order.
    fn run(&mut self, account: &mut Account<'_>, stop: StopTest<'_>) -> Result<bool, Stop> {
        self.poll(account, stop)?;
        if self.tuning.lookahead && self.lookahead.lost_from_the_start(self.object.initial()) {
            return Ok(false);
        }
        if self.arrive(account, stop)? {
            return Ok(true);
        }
        while let Some(frame) = self.frames.last_mut() {
            let (moves, cursor) = (frame.moves, frame.cursor);
            self.undo_to(moves);
            if let Some(&(item, next)) = self.candidates.get(cursor) {
                if let Some(frame) = self.frames.last_mut() {
                    frame.cursor += 1;
                }
                self.take(item, next);
                if self.arrive(account, stop)? {
                    return Ok(true);
                }
            } else if let Some(done) = self.frames.pop() {
                self.candidates.truncate(done.start);
            }
        }
        Ok(false)
    }

    /// Looks at the configuration just reached: done, visited before, or a new frame with candidates.
    fn arrive(&mut self, account: &mut Account<'_>, stop: StopTest<'_>) -> Result<bool, Stop> {
        self.settle(account, stop)?;
        let spare = usize::from(self.tuning.breaks(Sabotage::StopEarly));
        let all_used =
            !self.tuning.breaks(Sabotage::CrashedMustHappen) || self.crashed.first().is_none();
        if self.base + spare >= self.problem.completed && all_used {
            return Ok(true);
        }
        self.note_row();
        let others = self.bytes_beside_memo();
        if !self.memo.visit(&self.row, others, account)? {
            return Ok(false);
        }
        self.configurations += 1;
        self.base_max = self.base_max.max(self.base);
        self.count_step(account, stop)?;
        if self.configurations > self.tuning.configurations_max {
            return Err(Stop::Effort);
        }
        self.watch();
        let start = self.candidates.len();
        self.find_candidates(account, stop)?;
        if self.candidates.len() > start {
            self.frames.push(Frame { moves: self.moves.len(), start, cursor: start });
        }
        Ok(false)
    }

    /// Orders everything that can be ordered without a choice: goes round until a whole round orders nothing.
    fn settle(&mut self, account: &mut Account<'_>, stop: StopTest<'_>) -> Result<(), Stop> {
        loop {
            let state = self.state;
            let mut at = self.open.first();
            while let Some(index) = at.filter(|index| self.is_concurrent(*index)) {
                at = self.open.after(index);
                if let Some(next) = self.step_at_once(index, true, account, stop)? {
                    self.take(index, next);
                }
            }
            if self.tuning.lookahead && self.object.commutes() {
                self.settle_crashed(account, stop)?;
            }
            if self.state == state {
                return Ok(());
            }
        }
    }

    fn settle_crashed(
        &mut self,
        account: &mut Account<'_>,
        stop: StopTest<'_>,
    ) -> Result<(), Stop> {
        let mut at = self.crashed.first();
        while let Some(number) = at {
            let index = number + self.problem.completed as u32;
            if !self.is_concurrent(index) {
                break;
            }
            at = self.crashed.after(number);
            let next = self.step_at_once(index, false, account, stop)?;
            if let Some(next) = next.filter(|next| *next != self.state) {
                self.take(index, next);
            }
        }
        Ok(())
    }

    /// The state after an operation, if it is legal now and ordering it now loses nothing.
    fn step_at_once(
        &mut self,
        index: u32,
        completed: bool,
        account: &mut Account<'_>,
        stop: StopTest<'_>,
    ) -> Result<Option<StateId>, Stop> {
        self.count_step(account, stop)?;
        let item = &self.problem.items[index as usize];
        // Asked before the step, as a step may make a state that nobody needs.
        let hurries = item.observer
            || self.tuning.lookahead && self.lookahead.hurries(self.object, item, self.state);
        let wrong = completed && self.tuning.breaks(Sabotage::EagerWrites);
        let idle_wrong = completed && self.tuning.breaks(Sabotage::EagerIdleWrites);
        if !hurries && !wrong && !idle_wrong {
            return Ok(None);
        }
        let next = self.object.step(self.state, item.class);
        Ok(next.filter(|next| hurries || wrong || *next == self.state))
    }

    /// Counts a look at an operation, and now and then asks whether to go on.
    fn count_step(&mut self, account: &mut Account<'_>, stop: StopTest<'_>) -> Result<(), Stop> {
        self.steps += 1;
        if self.steps.is_multiple_of(POLL_INTERVAL) { self.poll(account, stop) } else { Ok(()) }
    }

    fn poll(&mut self, account: &mut Account<'_>, stop: StopTest<'_>) -> Result<(), Stop> {
        account.hold(self.bytes_beside_memo() + self.object.bytes() + self.memo.bytes())?;
        stop().map_or(Ok(()), Err)
    }

    /// Whether an operation was invoked before the base completes.
    fn is_concurrent(&self, index: u32) -> bool {
        self.base < self.problem.completed
            && self.problem.items[index as usize].call < self.problem.items[self.base].ret
    }

    /// Appends the operations to try next: completed ones by completion, then crashed ones by invocation.
    fn find_candidates(
        &mut self,
        account: &mut Account<'_>,
        stop: StopTest<'_>,
    ) -> Result<(), Stop> {
        let start = self.candidates.len();
        let mut at = self.open.first();
        while let Some(index) = at.filter(|index| self.is_concurrent(*index)) {
            self.count_step(account, stop)?;
            self.consider(index, true);
            at = self.open.after(index);
        }
        let (object, items) = (&*self.object, &self.problem.items);
        self.candidates[start..].sort_unstable_by_key(|(index, next)| {
            (object.rank(items[*index as usize].class), *index, *next)
        });
        if self.tuning.breaks(Sabotage::LatestOfEquals) {
            self.candidates[start..].reverse();
        }
        let mut at = self.crashed.first();
        while let Some(number) = at {
            let index = number + self.problem.completed as u32;
            if !self.is_concurrent(index) {
                break;
            }
            self.count_step(account, stop)?;
            self.consider(index, false);
            at = self.crashed.after(number);
        }
        self.drop_equals(start);
        Ok(())
    }

    fn consider(&mut self, index: u32, completed: bool) {
        let item = &self.problem.items[index as usize];
        if item.observer {
            // It would have been ordered by now if it were legal.
            return;
        }
        let lost = self.tuning.lookahead && self.lookahead.is_lost(self.object, item, self.state);
        if lost {
            return;
        }
        self.successors.clear();
        self.object.successors(self.state, item.class, &mut self.successors);
        for next in self.successors.iter().copied() {
            let idle = !completed && next == self.state;
            let allowed = !self.tuning.lookahead
                || self.lookahead.allows(self.object, item, completed, self.state, next);
            if !idle && allowed {
                self.candidates.push((index, next));
            }
        }
    }

    /// Keeps the first of equal candidates, with all states that it can lead to: these stand side by side.
    fn drop_equals(&mut self, start: usize) {
        let mut kept = start;
        for at in start..self.candidates.len() {
            let (index, next) = self.candidates[at];
            let item = &self.problem.items[index as usize];
            let crashed = index as usize >= self.problem.completed;
            let idle =
                self.tuning.lookahead && item.needs.is_none() && self.lookahead.is_idle(next);
            let kind = if idle { IDLE_WRITES } else { item.class.0 as usize + 1 };
            let stamp = &mut self.stamps[usize::from(crashed)][kind];
            let same = kept > start && self.candidates[kept - 1].0 == index;
            if *stamp != self.configurations || same {
                *stamp = self.configurations;
                self.candidates[kept] = (index, next);
                kept += 1;
            }
        }
        self.candidates.truncate(kept);
    }

    fn take(&mut self, index: u32, next: StateId) {
        self.moves.push(Move { item: index, base: self.base as u32, state: self.state });
        self.state = next;
        let at = index as usize;
        let completed = at < self.problem.completed;
        self.lookahead.take(&self.problem.items[at], completed);
        if !completed {
            set(&mut self.used, self.problem.items[at].slot);
            self.crashed.take(index - self.problem.completed as u32);
            return;
        }
        self.open.take(index);
        self.ordered[at] = true;
        set(&mut self.mask, self.problem.items[at].slot);
        // Past the base, everything is ordered, so its bit is free for the next operation in that slot.
        while self.base < self.problem.completed && self.ordered[self.base] {
            clear(&mut self.mask, self.problem.items[self.base].slot);
            self.base += 1;
        }
    }

    fn undo_to(&mut self, moves: usize) {
        while self.moves.len() > moves {
            let Some(step) = self.moves.pop() else { return };
            let at = step.item as usize;
            let item = &self.problem.items[at];
            self.state = step.state;
            self.lookahead.put_back(item, at < self.problem.completed);
            if at >= self.problem.completed {
                clear(&mut self.used, item.slot);
                self.crashed.put_back(step.item - self.problem.completed as u32);
                continue;
            }
            while self.base > step.base as usize {
                self.base -= 1;
                set(&mut self.mask, self.problem.items[self.base].slot);
            }
            clear(&mut self.mask, item.slot);
            self.ordered[at] = false;
            self.open.put_back(step.item);
        }
    }

    /// Writes the present configuration down as the memo wants it.
    fn note_row(&mut self) {
        let idle = self.tuning.lookahead && self.lookahead.is_idle(self.state);
        let merged = idle || self.tuning.breaks(Sabotage::MergeStates);
        let state = if merged { u32::MAX } else { self.state.0 };
        self.row.clear();
        self.row.push((self.base as u64) << 32 | u64::from(state));
        self.row.extend_from_slice(&self.mask);
        if self.tuning.breaks(Sabotage::MergeUsed) {
            self.row.resize(self.row.len() + self.used.len(), 0);
        } else {
            self.row.extend_from_slice(&self.used);
        }
    }

    fn watch(&mut self) {
        let Some(watched) = self.tuning.watch else { return };
        let base = &self.problem.items[self.base];
        let mut others = self.base + 1..self.problem.completed;
        if base.op == watched && others.all(|at| self.ordered[at]) {
            self.stuck.insert(self.state);
        }
    }

    fn order(&self) -> Vec<u32> {
        self.moves.iter().map(|step| self.problem.items[step.item as usize].op).collect()
    }

    fn bytes_beside_memo(&self) -> usize {
        self.lookahead.bytes()
            + self.open.bytes()
            + self.crashed.bytes()
            + self.ordered.capacity()
            + self.moves.capacity() * size_of::<Move>()
            + self.frames.capacity() * size_of::<Frame>()
            + self.candidates.capacity() * size_of::<(u32, StateId)>()
            + self.problem.items.capacity() * size_of::<Item>()
            + 2 * self.stamps[0].capacity() * size_of::<u64>()
    }
}

fn set(bits: &mut [u64], at: u32) {
    bits[at as usize / 64] |= 1 << (at % 64);
}

fn clear(bits: &mut [u64], at: u32) {
    bits[at as usize / 64] &= !(1 << (at % 64));
}
