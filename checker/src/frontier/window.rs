//! The operations that are open now: what every configuration chooses from.
//!
//! An operation that will complete gets a *slot*: the bit that stands for it in a configuration while it is open. The
//! update operations of one class form a *group*, out of which a configuration always takes the member that is open for
//! the shortest time. Operations of unknown outcome never end; of those, only the ones that some configurations used
//! and others did not need a slot. The others of their class wait in the group's stock, or are forgotten.

use smallvec::SmallVec;

use crate::frontier::antichain::{Config, Order, Roles};
use crate::frontier::bits::Bits;
use crate::frontier::sabotage::Sabotage;
use crate::model::{ClassId, Object, StateId};

/// No group.
const NONE: u32 = u32::MAX;

/// Room from the start, which mostly suffices, for what is open at once and for kinds of operations.
const WIDTH: usize = 16;
const CLASSES: usize = 64;

/// How an operation acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It changes no state.
    Observer,
    /// It is legal everywhere and always leaves this state.
    Blind(StateId),
    /// Any other update.
    Update,
}

impl Role {
    pub(super) fn of<O: Object>(object: &O, class: ClassId) -> Self {
        if object.is_observer(class) {
            Self::Observer
        } else {
            object.blind(class).map_or(Self::Update, Self::Blind)
        }
    }
}

/// An open operation that will complete.
#[derive(Debug, Clone, Copy)]
pub(super) struct Open {
    pub(super) op: u32,
    pub(super) class: ClassId,
    pub(super) role: Role,
    /// Position of its completion.
    pub(super) ret: u64,
    group: u32,
}

/// Mostly there are not more: then they need no memory of their own.
type Few = SmallVec<[u32; 4]>;

/// Updates that the model cannot tell apart.
#[derive(Debug, Clone, Default)]
struct Group {
    class: Option<ClassId>,
    blind: bool,
    /// Slots, the operation that completes first in front.
    open: Few,
    /// Slots of operations of unknown outcome, in the order in which configurations use them.
    used: Few,
    /// Operations of unknown outcome that no configuration used.
    stock: Few,
}

/// The operation that a configuration would take out of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Pick {
    /// Of this slot.
    Open(u32),
    /// Of unknown outcome, of this slot.
    Crashed(u32),
    /// Of unknown outcome, this one, and it stays as it is.
    Lavish(u32),
}

/// Where a group's members lead.
#[derive(Debug, Clone, Copy)]
pub(super) struct Move {
    pub(super) group: u32,
    pub(super) class: ClassId,
    pub(super) blind: bool,
    pub(super) next: StateId,
}

/// What the open operations can do in one state.
#[derive(Debug)]
pub(super) struct Facts<B> {
    /// Observers that are legal.
    pub(super) observers: B,
    /// Blind writes that would leave this very state.
    pub(super) idle: B,
    /// Whether an update that is not blind is legal.
    pub(super) enables: bool,
    /// Into [`Window::moves`].
    first: u32,
    end: u32,
}

/// The open operations.
#[derive(Debug)]
pub(super) struct Window<B> {
    open: Vec<Open>,
    free_open: Vec<u32>,
    crashed: Vec<u32>,
    free_crashed: Vec<u32>,
    /// Slots of operations of unknown outcome that are not free.
    in_use: B,
    groups: Vec<Group>,
    free_groups: Vec<u32>,
    /// Groups with members.
    active: Vec<u32>,
    group_of: Vec<u32>,
    pub(super) roles: Roles<B>,
    /// Counts changes; facts of an earlier version are stale.
    version: u32,
    facts_version: u32,
    facts: Vec<Facts<B>>,
    /// By state: of which version its facts are, and where.
    facts_of: Vec<(u32, u32)>,
    moves: Vec<Move>,
    reached: Vec<StateId>,
    /// Operations of unknown outcome so far.
    stocked: usize,
    order: Order,
    /// Whether operations of unknown outcome are never used up.
    lavish: bool,
}

impl<B: Bits> Window<B> {
    pub(super) fn new(order: Order, lavish: bool) -> Self {
        Self {
            open: Vec::with_capacity(WIDTH),
            free_open: Vec::with_capacity(WIDTH),
            crashed: Vec::new(),
            free_crashed: Vec::new(),
            in_use: B::default(),
            groups: Vec::with_capacity(WIDTH),
            free_groups: Vec::with_capacity(WIDTH),
            active: Vec::with_capacity(WIDTH),
            group_of: Vec::with_capacity(CLASSES),
            roles: Roles::default(),
            version: 1,
            facts_version: 0,
            facts: Vec::with_capacity(WIDTH),
            facts_of: Vec::with_capacity(WIDTH),
            moves: Vec::with_capacity(CLASSES),
            reached: Vec::new(),
            stocked: 0,
            order,
            lavish,
        }
    }

    /// Slots given out so far, those given back included.
    pub(super) fn slots(&self) -> usize {
        self.open.len().max(self.crashed.len())
    }

    /// Whether the next operation that will complete finds a slot.
    pub(super) fn has_room(&self) -> bool {
        !self.free_open.is_empty() || self.open.len() < B::SLOTS_MAX
    }

    pub(super) fn slot(&self, slot: u32) -> &Open {
        &self.open[slot as usize]
    }

    /// The operation of unknown outcome in this slot.
    pub(super) fn crashed(&self, slot: u32) -> u32 {
        self.crashed[slot as usize]
    }

    /// An operation begins that will complete at `ret`.
    pub(super) fn begin(&mut self, op: u32, class: ClassId, role: Role, ret: u64) -> u32 {
        self.change();
        let group = match role {
            Role::Observer => NONE,
            Role::Blind(_) | Role::Update => self.group(class, role),
        };
        let opened = Open { op, class, role, ret, group };
        let slot = if let Some(slot) = self.free_open.pop() {
            self.open[slot as usize] = opened;
            slot
        } else {
            self.open.push(opened);
            self.open.len() as u32 - 1
        };
        match role {
            Role::Observer => self.roles.observers.set(slot),
            Role::Blind(_) => self.roles.blinds.set(slot),
            Role::Update => self.roles.updates.set(slot),
        }
        if group != NONE {
            let open = &self.open;
            let members = &mut self.groups[group as usize].open;
            let at = members.partition_point(|other| open[*other as usize].ret < ret);
            members.insert(at, slot);
        }
        slot
    }

    /// An update begins whose outcome will stay unknown.
    pub(super) fn begin_crashed(&mut self, op: u32, class: ClassId, role: Role) {
        self.change();
        self.stocked += 1;
        let group = self.group(class, role);
        self.groups[group as usize].stock.push(op);
    }

    /// The operation of this slot is over.
    pub(super) fn end(&mut self, slot: u32) {
        self.change();
        let group = self.open[slot as usize].group;
        self.roles.observers.clear(slot);
        self.roles.blinds.clear(slot);
        self.roles.updates.clear(slot);
        self.free_open.push(slot);
        if group != NONE {
            self.groups[group as usize].open.retain(|other| *other != slot);
            self.retire(group);
        }
    }

    /// What becomes of the operation of this slot stays unknown. Returns the slot that it has as such.
    pub(super) fn crash(&mut self, slot: u32) -> Result<u32, Full> {
        let Open { op, group, class, role, .. } = self.open[slot as usize];
        debug_assert_ne!(role, Role::Observer, "of which nothing can be learnt");
        let crashed = self.crashed_slot(op)?;
        self.stocked += 1;
        let group = if group == NONE { self.group(class, role) } else { group };
        self.groups[group as usize].used.push(crashed);
        self.end(slot);
        Ok(crashed)
    }

    /// Becomes what `other` is. What was worked out here is stale, but the room for it is kept.
    pub(super) fn copy_from(&mut self, other: &Self) {
        for group in &self.active {
            if let Some(class) = self.groups[*group as usize].class {
                self.group_of[class.0 as usize] = NONE;
            }
        }
        self.open.clone_from(&other.open);
        self.free_open.clone_from(&other.free_open);
        self.crashed.clone_from(&other.crashed);
        self.free_crashed.clone_from(&other.free_crashed);
        self.in_use = other.in_use.clone();
        self.groups.clone_from(&other.groups);
        self.free_groups.clone_from(&other.free_groups);
        self.active.clone_from(&other.active);
        self.roles = other.roles.clone();
        self.stocked = other.stocked;
        for group in &other.active {
            if let Some(class) = self.groups[*group as usize].class {
                let at = class.0 as usize;
                if at >= self.group_of.len() {
                    self.group_of.resize(at + 1, NONE);
                }
                self.group_of[at] = *group;
            }
        }
        self.change();
    }

    /// Whether some operation of unknown outcome has a slot.
    pub(super) fn tracks_crashed(&self) -> bool {
        !self.in_use.is_empty()
    }

    /// Slots of operations of unknown outcome.
    pub(super) fn crashed_slots(&self) -> B {
        self.in_use.clone()
    }

    /// Whether an observer is legal in a state.
    pub(super) fn is_legal<O: Object>(
        &mut self,
        object: &mut O,
        state: StateId,
        class: ClassId,
    ) -> bool {
        self.reached.clear();
        object.successors(state, class, &mut self.reached);
        !self.reached.is_empty()
    }

    /// Every configuration used the operation of this slot: it is over.
    pub(super) fn end_crashed(&mut self, slot: u32) {
        self.give_back(slot, false);
    }

    /// No configuration that is left used the operation of this slot.
    pub(super) fn restock(&mut self, slot: u32) {
        self.give_back(slot, true);
    }

    fn give_back(&mut self, slot: u32, restock: bool) {
        self.change();
        self.free_crashed.push(slot);
        self.in_use.clear(slot);
        let op = self.crashed[slot as usize];
        let holds = |group: &&u32| self.groups[**group as usize].used.contains(&slot);
        let Some(group) = self.active.iter().find(holds).copied() else { return };
        let members = &mut self.groups[group as usize];
        members.used.retain(|other| *other != slot);
        if restock {
            members.stock.push(op);
        }
        self.retire(group);
    }

    fn group(&mut self, class: ClassId, role: Role) -> u32 {
        let at = class.0 as usize;
        if at >= self.group_of.len() {
            self.group_of.resize(at + 1, NONE);
        }
        if self.group_of[at] != NONE {
            return self.group_of[at];
        }
        let number = self.free_groups.pop().unwrap_or_else(|| {
            self.groups.push(Group::default());
            self.groups.len() as u32 - 1
        });
        let group = &mut self.groups[number as usize];
        group.class = Some(class);
        group.blind = matches!(role, Role::Blind(_));
        self.group_of[at] = number;
        self.active.push(number);
        number
    }

    /// Forgets a group without members.
    fn retire(&mut self, number: u32) {
        let group = &mut self.groups[number as usize];
        if !group.open.is_empty() || !group.used.is_empty() || !group.stock.is_empty() {
            return;
        }
        if let Some(class) = group.class.take() {
            self.group_of[class.0 as usize] = NONE;
        }
        self.active.retain(|other| *other != number);
        self.free_groups.push(number);
    }

    #[cfg(test)]
    /// Whether some operation of unknown outcome was not used by every configuration.
    pub(super) fn any_crashed(&self) -> bool {
        self.groups.iter().any(|group| !group.stock.is_empty()) || self.tracks_crashed()
    }

    /// The member of a group that a configuration would take; `None` if it took all. `Err` if there is no slot for it.
    pub(super) fn pick(&mut self, group: u32, config: &Config<B>) -> Result<Option<Pick>, Full> {
        let members = &mut self.groups[group as usize];
        let pending = |slot: &&u32| !config.done.has(**slot);
        let first = if self.order.breaks(Sabotage::LatestOfEquals) {
            members.open.iter().rev().find(pending)
        } else {
            members.open.iter().find(pending)
        };
        if let Some(slot) = first {
            return Ok(Some(Pick::Open(*slot)));
        }
        if self.lavish {
            return Ok(members.stock.last().map(|op| Pick::Lavish(*op)));
        }
        if let Some(slot) = members.used.iter().find(|slot| !config.used.has(**slot)) {
            return Ok(Some(Pick::Crashed(*slot)));
        }
        let Some(op) = members.stock.last().copied() else { return Ok(None) };
        let slot = self.crashed_slot(op)?;
        let members = &mut self.groups[group as usize];
        members.stock.pop();
        members.used.push(slot);
        Ok(Some(Pick::Crashed(slot)))
    }

    /// A slot for an operation of unknown outcome.
    fn crashed_slot(&mut self, op: u32) -> Result<u32, Full> {
        if self.free_crashed.is_empty() && self.crashed.len() == B::SLOTS_MAX {
            return Err(Full);
        }
        let slot = if let Some(slot) = self.free_crashed.pop() {
            self.crashed[slot as usize] = op;
            slot
        } else {
            self.crashed.push(op);
            self.crashed.len() as u32 - 1
        };
        self.in_use.set(slot);
        Ok(slot)
    }

    pub(super) fn moves(&self, facts: usize) -> std::ops::Range<usize> {
        self.facts[facts].first as usize..self.facts[facts].end as usize
    }

    pub(super) fn move_at(&self, at: usize) -> Move {
        self.moves[at]
    }

    pub(super) fn facts(&self, facts: usize) -> &Facts<B> {
        &self.facts[facts]
    }

    /// Looks up or works out what can be done in `state`. `same` says whether a state is as good as this one.
    pub(super) fn look<O: Object>(
        &mut self,
        object: &mut O,
        state: StateId,
        same: impl Fn(StateId) -> bool,
    ) -> usize {
        let at = state.0 as usize;
        if at >= self.facts_of.len() {
            self.facts_of.resize(at + 1, (0, 0));
        }
        let (version, place) = self.facts_of[at];
        if version == self.version {
            return place as usize;
        }
        if self.facts_version != self.version {
            self.facts_version = self.version;
            self.facts.clear();
            self.moves.clear();
        }
        let place = self.facts.len();
        self.facts_of[at] = (self.version, place as u32);
        let facts = self.work_out(object, state, same);
        self.facts.push(facts);
        place
    }

    fn work_out<O: Object>(
        &mut self,
        object: &mut O,
        state: StateId,
        same: impl Fn(StateId) -> bool,
    ) -> Facts<B> {
        let (mut observers, mut idle) = (B::default(), B::default());
        let (open, reached) = (&self.open, &mut self.reached);
        self.roles.observers.each(|slot| {
            reached.clear();
            object.successors(state, open[slot as usize].class, reached);
            if !reached.is_empty() {
                observers.set(slot);
            }
        });
        self.roles.blinds.each(|slot| {
            if matches!(open[slot as usize].role, Role::Blind(made) if same(made)) {
                idle.set(slot);
            }
        });
        let first = self.moves.len() as u32;
        let mut enables = false;
        for group in &self.active {
            let Group { class: Some(class), blind, .. } = self.groups[*group as usize] else {
                continue;
            };
            reached.clear();
            object.successors(state, class, reached);
            enables |= !blind && !reached.is_empty();
            let group = *group;
            let moves = reached.iter().map(|next| Move { group, class, blind, next: *next });
            self.moves.extend(moves);
        }
        Facts { observers, idle, enables, first, end: self.moves.len() as u32 }
    }

    /// Something changed: what was worked out is stale.
    fn change(&mut self) {
        if self.version == u32::MAX {
            self.facts_of.clear();
            self.version = 0;
            self.facts_version = 0;
        }
        self.version += 1;
    }

    pub(super) fn bytes(&self) -> usize {
        self.facts_of.capacity() * size_of::<(u32, u32)>()
            + self.group_of.capacity() * size_of::<u32>()
            + self.facts.capacity() * size_of::<Facts<B>>()
            + self.moves.capacity() * size_of::<Move>()
            + self.groups.capacity() * size_of::<Group>()
            + self.open.capacity() * size_of::<Open>()
            + self.stocked * size_of::<u32>()
    }
}

/// There are more slots than a set can hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Full;
