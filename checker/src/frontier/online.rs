//! The sweep over a history that still happens.
//!
//! A sweep over a whole history knows every answer from the invocation on. While a history happens, the answers of the
//! open operations are not known yet, and the question at each completion is whether everything up to now, what is
//! open being free to act or not, can be ordered.
//!
//! # Two frontiers
//!
//! The *base* is the frontier right before the oldest invocation whose outcome is not known. What it has passed is known
//! as well as in a whole history, so it is exact. The events since then wait in a queue. With an outcome known, the base
//! goes on to the next invocation whose outcome is not.
//!
//! To decide about a completion, a copy of the base takes the waiting events. An operation that is open gets a slot like
//! any other, for what it may do without its answer, and just never ends: nothing ever asks whether it took effect, so
//! it acts once, later or never, as it may. A blind write that never ends is not forced out of its slot either; that
//! it may be seen later makes it differ from one that was used, as before. So the rules of [`crate::frontier`] hold as
//! they stand, and no configuration is left exactly if there is no order.
//!
//! That copy stays, as the *guess*, and takes the next events itself. Each of its configurations is an order of all up
//! to now, whatever is left out; while there is one the history is possible, and nothing else need be done:
//! - an update that turns out to be what it could be without its answer ends like any other;
//! - an observer took effect where the way of a configuration went through a state in which it is legal, since its
//!   invocation; other configurations go on until it is;
//! - an operation that failed, or of which the answer tells more, is taken out where it has not taken effect, and takes
//!   effect now. Configurations in which it has are dropped;
//! - an operation whose outcome will stay unknown goes on as such.
//!
//! What is dropped there, or was not told apart because nobody knew which answers would come, may be missing later. So
//! where the guess has no configuration left, it is made anew from the base. At first with few configurations, which suffice
//! almost always; if those are too few, with all.
//!
//! # Effort
//!
//! With many operations of unknown outcome there can be very many ways in which things can stand. A watch that cannot keep
//! pace is of no use, so what it may try is limited in proportion to what has completed; beyond that it ends
//! undecided. So it does where the caller says to stop, who is asked as often.
//!
//! # Memory
//!
//! That of the two frontiers, and of the operations since the oldest invocation that is open, and the model's tables of
//! different values, answers and states.

use std::cell::Cell;
use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::Meter;
use super::antichain::Order;
use super::bits::Wide;
use super::outlook::Outlook;
use super::sweep::{Effort, Frontier, Halt};
use crate::model::{ClassId, Object};
use crate::search::{Budget, Stop};

/// No slot.
const NONE: u32 = u32::MAX;

/// The guess at first.
const NARROW: Effort =
    Effort { width_max: if cfg!(test) { 4 } else { 64 }, slack: 2, lavish: false };

/// How often a watch may ask whether to go on before anything completed. It asks each 1,024 steps.
const CREDIT_MAX: u32 = 20_000;

/// How often more it may with each completion.
const CREDIT_EACH: u32 = 4;

/// What the watch of one object may take.
#[derive(Clone, Copy)]
pub(crate) struct Limits<'a> {
    /// Bytes that a frontier may hold, about.
    pub(crate) bytes_max: usize,
    /// Whether to stop.
    pub(crate) should_stop: &'a (dyn Fn() -> bool + Sync),
}

/// Watches one object.
pub(crate) struct Online<'a, O> {
    object: O,
    base: Frontier<Wide>,
    guess: Frontier<Wide>,
    /// What the base has still to take.
    events: VecDeque<Event>,
    /// Operations of which it has an end still to take.
    ops: FxHashMap<u32, Tracked>,
    /// Completions so far.
    completions: u64,
    limits: Limits<'a>,
    /// How often it may still ask whether to go on.
    credit: Cell<u32>,
    #[cfg(test)]
    sabotage: Option<Sabotage>,
}

#[derive(Debug, Clone, Copy)]
enum Event {
    Begin(u32),
    End(u32),
}

/// What is known of an operation.
#[derive(Debug, Clone, Copy)]
struct Tracked {
    /// What it may do while its outcome is not known.
    open: Option<ClassId>,
    fate: Fate,
    base_slot: u32,
    guess_slot: u32,
    /// Events of the guess at its invocation.
    since: u32,
}

#[derive(Debug, Clone, Copy)]
enum Fate {
    /// Not known yet.
    Open,
    /// It took effect; by number of its completion.
    Completed(ClassId, u64),
    /// Never known.
    Crashed,
    /// It says nothing.
    Void,
}

/// Known-wrong variants of the rules. Each must be caught by the tests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(not(test), expect(dead_code, reason = "only tests break rules"))]
pub(crate) enum Sabotage {
    /// The guess is never made anew.
    GuessIsAll,
    /// A new guess is content with few configurations.
    NarrowIsAll,
    /// An operation that failed may have taken effect.
    FailedStays,
    /// An observer may have taken effect before its invocation.
    SeesThePast,
    /// What is open cannot have taken effect.
    OpenDoesNothing,
    /// What will stay unknown did not take effect.
    CrashedIsVoid,
}

impl<'a, O: Object> Online<'a, O> {
    /// Before the first event. A frontier that would pass the limits ends the watch.
    pub(crate) fn new(object: O, limits: Limits<'a>) -> Self {
        let fresh = || Frontier::new(object.initial(), Order::default(), Effort::FULL);
        let (mut base, guess) = (fresh(), fresh());
        base.forget_way(true);
        let mut online = Self {
            base,
            guess,
            object,
            events: VecDeque::new(),
            ops: FxHashMap::default(),
            completions: 0,
            limits,
            credit: Cell::new(CREDIT_MAX),
            #[cfg(test)]
            sabotage: None,
        };
        online.guess.copy_from(&online.base, NARROW);
        online
    }

    /// With a rule broken.
    #[cfg(test)]
    pub(crate) fn with_sabotage(self, sabotage: Sabotage) -> Self {
        Self { sabotage: Some(sabotage), ..self }
    }

    /// With less to begin with.
    #[cfg(test)]
    pub(crate) fn with_credit(self, credit: u32) -> Self {
        self.credit.set(credit);
        self
    }

    /// For interpreting operations.
    pub(crate) fn object(&mut self) -> &mut O {
        &mut self.object
    }

    /// Configurations and events that it holds.
    pub(crate) fn remembered(&self) -> usize {
        self.base.width() + self.guess.width() + self.events.len()
    }

    /// An operation begins. `open` is what it may do without its answer.
    pub(crate) fn invoke(&mut self, op: u32, open: Option<ClassId>) -> Result<(), Stop> {
        let open = open.filter(|class| !self.object.is_observer(*class));
        let open = open.filter(|_| !self.breaks(Sabotage::OpenDoesNothing));
        let since = self.guess.event();
        let mut tracked =
            Tracked { open, fate: Fate::Open, base_slot: NONE, guess_slot: NONE, since };
        if let Some(class) = open {
            let budget = Budget::new(self.limits.bytes_max);
            let mut account = budget.account();
            let stop_test = || self.limits.spend(&self.credit);
            let mut meter = Meter::new(&mut account, &stop_test);
            let (object, begun) = (&mut self.object, (op, class, u64::MAX));
            let slot = self.guess.begin(object, &Outlook::default(), &mut meter, begun);
            tracked.guess_slot = slot.map_err(stop)?;
        }
        self.ops.insert(op, tracked);
        self.events.push_back(Event::Begin(op));
        Ok(())
    }

    /// What becomes of an operation will never be known.
    pub(crate) fn crash(&mut self, op: u32) -> Result<(), Stop> {
        let Some(tracked) = self.ops.get_mut(&op) else { return Ok(()) };
        tracked.fate = Fate::Crashed;
        let slot = std::mem::replace(&mut tracked.guess_slot, NONE);
        if self.breaks(Sabotage::CrashedIsVoid) {
            return self.complete(op, None).map(|_| ());
        }
        if slot != NONE {
            self.guess.crash(slot).map_err(stop)?;
        }
        self.advance().map(|_| ())
    }

    /// An operation completes, and means this; nothing, if it failed. Whether everything up to now is possible.
    pub(crate) fn complete(&mut self, op: u32, class: Option<ClassId>) -> Result<bool, Stop> {
        let Some(tracked) = self.ops.get_mut(&op) else { return Ok(true) };
        let before = *tracked;
        tracked.fate = Fate::Void;
        tracked.guess_slot = NONE;
        if let Some(class) = class {
            tracked.fate = Fate::Completed(class, self.completions);
            self.events.push_back(Event::End(op));
        }
        self.completions += 1;
        self.credit.set((self.credit.get() + CREDIT_EACH).min(CREDIT_MAX));
        let mut lives = self.guess_on(op, before, class)?;
        if !lives && !self.breaks(Sabotage::GuessIsAll) {
            lives = self.guess_anew(NARROW)?;
            if !lives && !self.guess.is_complete() && !self.breaks(Sabotage::NarrowIsAll) {
                lives = self.guess_anew(Effort::FULL)?;
            }
        }
        self.guess.forget_way(false);
        // What the guess explains the base does, too.
        Ok(lives && self.advance()?)
    }

    /// The guess takes a completion. False if it cannot.
    fn guess_on(
        &mut self,
        op: u32,
        tracked: Tracked,
        class: Option<ClassId>,
    ) -> Result<bool, Stop> {
        let budget = Budget::new(self.limits.bytes_max);
        let mut account = budget.account();
        let mut slot = tracked.guess_slot;
        if slot != NONE && class != tracked.open {
            if self.breaks(Sabotage::FailedStays) {
                return Ok(true);
            }
            if !self.guess.withdraw(slot) {
                return Ok(false);
            }
            slot = NONE;
        }
        let Some(class) = class else { return Ok(true) };
        let Self { object, guess, limits, credit, .. } = self;
        let stop_test = || limits.spend(credit);
        let mut meter = Meter::new(&mut account, &stop_test);
        if slot == NONE {
            #[cfg(test)]
            let tracked = match self.sabotage {
                Some(Sabotage::SeesThePast) => Tracked { since: 0, ..tracked },
                _ => tracked,
            };
            let begun = guess.begin_late(object, &mut meter, (op, class), tracked.since);
            slot = begun.map_err(stop)?;
        }
        guess.end(object, &mut Outlook::default(), &mut meter, slot).map_err(stop)
    }

    /// The guess is made anew. False if nothing explains the events.
    fn guess_anew(&mut self, effort: Effort) -> Result<bool, Stop> {
        let budget = Budget::new(self.limits.bytes_max);
        let mut account = budget.account();
        let mut outlook = Outlook::default();
        let Self { object, base, guess, events, ops, limits, credit, .. } = self;
        let stop_test = || limits.spend(credit);
        let mut meter = Meter::new(&mut account, &stop_test);
        guess.copy_from(base, effort);
        for event in &*events {
            let (Event::Begin(op) | Event::End(op)) = *event;
            let Some(tracked) = ops.get_mut(&op) else { continue };
            if matches!(event, Event::End(_)) {
                let begun_before = tracked.base_slot != NONE;
                let slot = if begun_before { tracked.base_slot } else { tracked.guess_slot };
                if !guess.end(object, &mut outlook, &mut meter, slot).map_err(stop)? {
                    return Ok(false);
                }
                continue;
            }
            tracked.since = guess.event();
            let begun = match (tracked.fate, tracked.open) {
                (Fate::Completed(class, ret), _) => (op, class, ret),
                (Fate::Open, Some(class)) => (op, class, u64::MAX),
                (Fate::Crashed, Some(class)) => {
                    guess.begin_crashed(object, op, class);
                    continue;
                }
                (Fate::Open | Fate::Crashed, None) | (Fate::Void, _) => continue,
            };
            let slot = guess.begin(object, &outlook, &mut meter, begun);
            tracked.guess_slot = slot.map_err(stop)?;
        }
        Ok(true)
    }

    /// The base goes on to the oldest invocation whose outcome is not known.
    fn advance(&mut self) -> Result<bool, Stop> {
        let budget = Budget::new(self.limits.bytes_max);
        let mut account = budget.account();
        let mut outlook = Outlook::default();
        let Self { object, base, events, ops, limits, credit, .. } = self;
        let stop_test = || limits.spend(credit);
        let mut meter = Meter::new(&mut account, &stop_test);
        let mut moved = false;
        while let Some(event) = events.front().copied() {
            let (Event::Begin(op) | Event::End(op)) = event;
            let Some(tracked) = ops.get_mut(&op) else { break };
            match (event, tracked.fate, tracked.open) {
                (Event::Begin(_), Fate::Open, _) => break,
                (Event::Begin(_), Fate::Completed(class, ret), _) => {
                    let begun = base.begin(object, &outlook, &mut meter, (op, class, ret));
                    tracked.base_slot = begun.map_err(stop)?;
                }
                (Event::Begin(_), fate, open) => {
                    if let (Fate::Crashed, Some(class)) = (fate, open) {
                        base.begin_crashed(object, op, class);
                    }
                    ops.remove(&op);
                }
                (Event::End(_), ..) => {
                    if !base
                        .end(object, &mut outlook, &mut meter, tracked.base_slot)
                        .map_err(stop)?
                    {
                        return Ok(false);
                    }
                    ops.remove(&op);
                }
            }
            events.pop_front();
            moved = true;
        }
        if moved {
            base.forget_way(true);
        }
        Ok(true)
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

impl Limits<'_> {
    /// Says to stop when the caller says so, or there is no credit left.
    fn spend(&self, credit: &Cell<u32>) -> Option<Stop> {
        if (self.should_stop)() {
            return Some(Stop::Told);
        }
        let left = credit.get().checked_sub(1);
        credit.set(left.unwrap_or(0));
        left.is_none().then_some(Stop::Effort)
    }
}

/// A set of any size is never full, but for memory.
fn stop(halt: Halt) -> Stop {
    match halt {
        Halt::Stop(stop) => stop,
        Halt::Full => Stop::Memory,
    }
}
