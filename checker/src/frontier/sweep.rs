//! The sweep itself: begins and ends of operations in, a set of configurations that is never empty while all is well.
//! See [`crate::frontier`] for the rules and why they are right.

mod late;

use std::collections::BTreeSet;

use crate::frontier::antichain::{Antichain, Config, Order};
use crate::frontier::bits::Bits;
use crate::frontier::meter::Meter;
use crate::frontier::outlook::Outlook;
use crate::frontier::sabotage::Sabotage;
use crate::frontier::trace::{START, Step, Trace};
use crate::frontier::window::{Full, Move, Pick, Role, Window};
use crate::model::{ClassId, Object, StateId};
use crate::search::Stop;

/// Configurations on the way to a completion, for each that is kept after it, beyond which no more are looked at.
const SEEN_SHARE: usize = 8;

/// Why an event could not be dealt with.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Halt {
    /// The limits were reached.
    Stop(Stop),
    /// Wider sets are needed; the frontier is as it was before the event.
    Full,
}

impl From<Stop> for Halt {
    fn from(stop: Stop) -> Self {
        Self::Stop(stop)
    }
}

impl From<Full> for Halt {
    fn from(Full: Full) -> Self {
        Self::Full
    }
}

/// The configurations in which everything up to now can have led, as far as they differ for what is to come.
pub(super) struct Frontier<B> {
    front: Antichain<B>,
    /// The frontier after the completion being dealt with.
    next: Antichain<B>,
    /// Configurations on the way there.
    seen: Antichain<B>,
    queue: Queue,
    window: Window<B>,
    trace: Trace,
    /// Events so far.
    event: u32,
    configurations: u64,
    effort: Effort,
    /// Whether nothing was left out to save effort.
    complete: bool,
    /// Whether something was left out because of what is still to come.
    foresaw: bool,
}

/// How much to try.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Effort {
    /// Most configurations to keep; of more, those that used the fewest operations of unknown outcome are kept.
    pub(super) width_max: usize,
    /// How many operations of unknown outcome more than the thriftiest configuration another one may use on the way to
    /// a completion.
    pub(super) slack: u32,
    /// Whether operations of unknown outcome may take effect as often as one likes: what is impossible even then is
    /// impossible.
    pub(super) lavish: bool,
}

impl Effort {
    /// Everything, exactly.
    pub(super) const FULL: Self = Self { width_max: usize::MAX, slack: u32::MAX, lavish: false };
}

/// What a completion asks of a configuration.
#[derive(Debug, Clone, Copy)]
struct Goal {
    slot: u32,
    role: Role,
}

impl<B: Bits> Frontier<B> {
    pub(super) fn new(initial: StateId, order: Order, effort: Effort) -> Self {
        let mut front = Antichain::new(order);
        front.start(Config {
            state: initial,
            trace: START,
            done: B::default(),
            free: B::default(),
            used: B::default(),
        });
        Self {
            front,
            next: Antichain::new(order),
            seen: Antichain::new(order),
            queue: Queue::default(),
            window: Window::new(order, effort.lavish),
            trace: Trace::default(),
            event: 0,
            configurations: 1,
            effort,
            complete: true,
            foresaw: false,
        }
    }

    /// An operation begins that completes at `ret`, with this class. Returns its slot.
    pub(super) fn begin<O: Object>(
        &mut self,
        object: &mut O,
        outlook: &Outlook,
        meter: &mut Meter<'_, '_>,
        (op, class, ret): (u32, ClassId, u64),
    ) -> Result<u32, Halt> {
        if !self.window.has_room() {
            return Err(Halt::Full);
        }
        self.event += 1;
        let role = Role::of(object, class);
        let slot = self.window.begin(op, class, role, ret);
        let order = self.front.order;
        let configs = self.front.configs_mut();
        if meter.step(configs.len()) {
            meter.poll(object.bytes() + self.window.bytes())?;
        }
        for config in configs {
            match role {
                Role::Observer => {
                    if self.window.is_legal(object, config.state, class) {
                        config.done.set(slot);
                    }
                }
                Role::Blind(made) if outlook.merge(made) == config.state => {
                    if order.breaks(Sabotage::EagerIdleWrites) {
                        config.done.set(slot);
                    } else {
                        config.free.set(slot);
                    }
                }
                Role::Blind(made) if order.breaks(Sabotage::EagerWrites) => {
                    config.done.set(slot);
                    config.state = made;
                }
                Role::Blind(_) if order.breaks(Sabotage::FreeFromTheStart) => config.free.set(slot),
                Role::Blind(_) | Role::Update => {}
            }
        }
        Ok(slot)
    }

    /// An update begins whose outcome will stay unknown.
    pub(super) fn begin_crashed<O: Object>(&mut self, object: &O, op: u32, class: ClassId) {
        self.event += 1;
        let role = Role::of(object, class);
        if role != Role::Observer {
            self.window.begin_crashed(op, class, role);
        }
    }

    /// The operation of this slot completes. False if it cannot have: then the frontier stays as it was before.
    pub(super) fn end<O: Object>(
        &mut self,
        object: &mut O,
        outlook: &mut Outlook,
        meter: &mut Meter<'_, '_>,
        slot: u32,
    ) -> Result<bool, Halt> {
        let goal = Goal { slot, role: self.window.slot(slot).role };
        let ret = self.window.slot(slot).ret;
        if meter.step(self.front.len()) {
            meter.poll(object.bytes() + self.window.bytes())?;
        }
        let settled = self.front.configs().iter().all(|config| config.done.has(slot));
        if settled && !outlook.changes_at(ret) {
            for config in self.front.configs_mut() {
                config.done.clear(slot);
            }
            self.leave(outlook, goal, ret);
            return Ok(true);
        }
        self.next.clear();
        self.seen.clear();
        self.queue.clear();
        let slots = self.window.slots();
        self.next.size_for(slots);
        self.seen.size_for(slots);
        self.divide(goal, meter)?;
        self.close(object, outlook, meter, goal)?;
        self.next.settle();
        if self.next.is_empty() {
            return Ok(false);
        }
        self.complete &= self.next.narrow(self.effort.width_max);
        std::mem::swap(&mut self.front, &mut self.next);
        self.leave(outlook, goal, ret);
        self.merge(outlook, meter)?;
        self.settle_crashed();
        self.trace.prune(self.front.configs_mut().iter_mut().map(|config| &mut config.trace));
        Ok(true)
    }

    /// The operation is over.
    fn leave(&mut self, outlook: &mut Outlook, goal: Goal, ret: u64) {
        self.event += 1;
        self.window.end(goal.slot);
        outlook.pass(ret);
        if goal.role == Role::Observer {
            outlook.end_observer();
        }
    }

    /// Takes over the configurations in which the operation took effect already; the others are to go on.
    fn divide(&mut self, goal: Goal, meter: &mut Meter<'_, '_>) -> Result<(), Halt> {
        for config in self.front.configs() {
            let done = config.done.has(goal.slot);
            // A blind write that may have taken effect unseen may instead take effect now, for the last time.
            let retires = config.free.has(goal.slot);
            if done || retires {
                let mut config = config.clone();
                config.done.clear(goal.slot);
                config.free.clear(goal.slot);
                self.next.insert(config, &self.window.roles, meter)?;
            }
            let rests = retires && self.next.order.breaks(Sabotage::RetireOnly);
            if !done && !rests {
                let level = config.used.count();
                if let Some(at) = self.seen.insert(config.clone(), &self.window.roles, meter)? {
                    self.queue.push(level, at, meter)?;
                }
            }
        }
        Ok(())
    }

    /// Goes on from every configuration until the operation took effect.
    fn close<O: Object>(
        &mut self,
        object: &mut O,
        outlook: &Outlook,
        meter: &mut Meter<'_, '_>,
        goal: Goal,
    ) -> Result<(), Halt> {
        let given = self.next.len();
        let used = |next: &Antichain<B>| next.each().map(|config| config.used.count()).min();
        let mut thriftiest = used(&self.next);
        while let Some(at) = self.queue.pop() {
            let found = self.next.len() - given;
            // What is never used up may lead on for ever.
            let enough = found > 0 || self.effort.lavish;
            if found >= self.effort.width_max
                || enough && self.seen.len() / SEEN_SHARE >= self.effort.width_max
            {
                self.complete = false;
                return Ok(());
            }
            let config = self.seen.get(at).clone();
            if config.is_gone() {
                continue;
            }
            if found > 0 && thriftiest.is_none() {
                thriftiest = used(&self.next);
            }
            let spent = config.used.count();
            if thriftiest.is_some_and(|least| spent > least.saturating_add(self.effort.slack)) {
                self.complete = false;
                return Ok(());
            }
            let state = config.state;
            let facts = self.window.look(object, state, |made| outlook.merge(made) == state);
            let moves = self.window.moves(facts);
            let moves = match self.first_at_once(object, outlook, &config, moves.clone())? {
                Some(at) => at..at + 1,
                None => moves,
            };
            for at in moves {
                if meter.step(1) {
                    meter.poll(object.bytes() + self.window.bytes())?;
                }
                let taken = self.window.move_at(at);
                self.go_on(object, outlook, meter, goal, &config, taken)?;
            }
        }
        Ok(())
    }

    /// How many observers are still to take effect after a configuration, if that is known.
    fn observers_left(&self, outlook: &Outlook, config: &Config<B>) -> Option<u32> {
        // Asked first, as it costs nothing.
        outlook.observers_left(0)?;
        let mut done = config.done.clone();
        done.keep(&self.window.roles.observers);
        outlook.observers_left(done.count())
    }

    /// A move that can be made at once without losing an order: updates commute, and all that still look contain it.
    fn first_at_once<O: Object>(
        &mut self,
        object: &O,
        outlook: &Outlook,
        config: &Config<B>,
        moves: std::ops::Range<usize>,
    ) -> Result<Option<usize>, Halt> {
        let Some(left) = self.observers_left(outlook, config).filter(|_| object.commutes()) else {
            return Ok(None);
        };
        for at in moves {
            let Move { group, class, next, .. } = self.window.move_at(at);
            let idle = object.is_idle_in(config.state, class);
            if idle || object.agreeing(class, next) == left {
                let pick = self.window.pick(group, config)?;
                if pick.is_some_and(|pick| !idle || matches!(pick, Pick::Open(_))) {
                    return Ok(Some(at));
                }
            }
        }
        Ok(None)
    }

    /// Makes one move, if it may lead to something that other moves do not.
    fn go_on<O: Object>(
        &mut self,
        object: &mut O,
        outlook: &Outlook,
        meter: &mut Meter<'_, '_>,
        goal: Goal,
        config: &Config<B>,
        taken: Move,
    ) -> Result<(), Halt> {
        let Some(pick) = self.window.pick(taken.group, config)? else { return Ok(()) };
        let disagrees = |left| object.agreeing(taken.class, taken.next) < left;
        if taken.next != config.state && self.observers_left(outlook, config).is_some_and(disagrees)
        {
            self.foresaw = true;
            return Ok(());
        }
        let last = pick == Pick::Open(goal.slot);
        let state = outlook.merge(taken.next);
        let optional = !last && (taken.blind || !matches!(pick, Pick::Open(_)));
        if optional && state == config.state && !(taken.blind && self.hides(config, pick)) {
            return Ok(());
        }
        let facts = self.window.look(object, state, |made| outlook.merge(made) == state);
        let facts = self.window.facts(facts);
        let enables = facts.enables && !self.next.order.breaks(Sabotage::WritesMustBeRead);
        if optional && !enables && !facts.observers.exceeds(&config.done) {
            return Ok(());
        }
        let mut after = config.clone();
        after.state = state;
        let op = match pick {
            Pick::Open(slot) => {
                after.done.set(slot);
                after.free.clear(slot);
                self.window.slot(slot).op
            }
            Pick::Crashed(slot) => {
                after.used.set(slot);
                self.window.crashed(slot)
            }
            Pick::Lavish(op) => op,
        };
        after.done.join(&facts.observers);
        let hides = taken.blind || self.next.order.breaks(Sabotage::EveryUpdateHides);
        let hidden = if hides { &self.window.roles.blinds } else { &facts.idle };
        after.free.add(hidden, &after.done);
        let reached = last || goal.role == Role::Observer && after.done.has(goal.slot);
        let level = after.used.count();
        let into = if reached { &mut self.next } else { &mut self.seen };
        if reached {
            after.done.clear(goal.slot);
            after.free.clear(goal.slot);
        }
        let Some(at) = into.insert(after, &self.window.roles, meter)? else { return Ok(()) };
        into.mark(at, self.trace.push(config.trace, op, self.event, taken.next, meter)?);
        self.configurations += 1;
        if !reached {
            self.queue.push(level, at, meter)?;
        }
        Ok(())
    }

    /// Whether a blind write that changes nothing hides another one that otherwise would be seen.
    fn hides(&self, config: &Config<B>, pick: Pick) -> bool {
        let mut seen = config.done.clone();
        seen.join(&config.free);
        if let Pick::Open(slot) = pick {
            seen.set(slot);
        }
        self.window.roles.blinds.exceeds(&seen)
            && !self.next.order.breaks(Sabotage::IdleWritesHideNothing)
    }

    /// States that nothing to come tells apart become one.
    fn merge(&mut self, outlook: &Outlook, meter: &mut Meter<'_, '_>) -> Result<(), Halt> {
        let merges = |config: &Config<B>| outlook.merge(config.state) != config.state;
        if !self.front.configs().iter().any(merges) {
            return Ok(());
        }
        self.next.clear();
        for config in self.front.configs() {
            let config = Config { state: outlook.merge(config.state), ..config.clone() };
            self.next.insert(config, &self.window.roles, meter)?;
        }
        self.next.settle();
        std::mem::swap(&mut self.front, &mut self.next);
        Ok(())
    }

    /// An operation of unknown outcome needs a slot only while some configurations used it and others did not.
    fn settle_crashed(&mut self) {
        if !self.window.tracks_crashed() {
            return;
        }
        let configs = self.front.configs();
        let Some(first) = configs.first() else { return };
        let (mut all, mut any) = (first.used.clone(), first.used.clone());
        for config in &configs[1..] {
            all.keep(&config.used);
            any.join(&config.used);
        }
        self.window.crashed_slots().each(|slot| {
            if all.has(slot) {
                self.window.end_crashed(slot);
                self.front.configs_mut().iter_mut().for_each(|config| config.used.clear(slot));
            } else if !any.has(slot) {
                self.window.restock(slot);
            }
        });
    }

    /// The states in which everything up to now can have led, as they truly are.
    pub(super) fn states(&self, initial: StateId) -> BTreeSet<StateId> {
        let configs = self.front.configs().iter();
        configs
            .map(|config| self.trace.last(config.trace).map_or(initial, |step| step.state))
            .collect()
    }

    /// The updates that took effect visibly on one way to here, in order, each with the event at which.
    pub(super) fn way(&self) -> Vec<Step> {
        let end = self.front.configs().first().map_or(START, |config| config.trace);
        let mut steps: Vec<Step> = self.trace.back(end).copied().collect();
        steps.reverse();
        steps
    }

    /// Whether every operation of unknown outcome took effect.
    #[cfg(test)]
    pub(super) fn all_used(&self) -> bool {
        !self.window.any_crashed()
    }

    /// Whether the frontier may have become empty before that was certain.
    pub(super) fn foresaw(&self) -> bool {
        self.foresaw
    }

    /// Whether every configuration that there is was kept.
    pub(super) fn is_complete(&self) -> bool {
        self.complete
    }

    pub(super) fn configurations(&self) -> u64 {
        self.configurations
    }
}

/// Places in [`Frontier::seen`], those with the fewest used operations of unknown outcome first.
#[derive(Debug, Default)]
struct Queue {
    /// By number of used operations: places, and how many of them were taken.
    levels: Vec<(Vec<u32>, usize)>,
    lowest: usize,
}

impl Queue {
    fn clear(&mut self) {
        for (places, taken) in &mut self.levels {
            places.clear();
            *taken = 0;
        }
        self.lowest = 0;
    }

    fn push(&mut self, level: u32, place: u32, meter: &mut Meter<'_, '_>) -> Result<(), Stop> {
        let level = level as usize;
        if level >= self.levels.len() {
            self.levels.resize_with(level + 1, Default::default);
        }
        meter.room(&mut self.levels[level].0, 0)?;
        self.levels[level].0.push(place);
        self.lowest = self.lowest.min(level);
        Ok(())
    }

    fn pop(&mut self) -> Option<u32> {
        while let Some((places, taken)) = self.levels.get_mut(self.lowest) {
            if let Some(place) = places.get(*taken) {
                *taken += 1;
                return Some(*place);
            }
            self.lowest += 1;
        }
        None
    }
}
