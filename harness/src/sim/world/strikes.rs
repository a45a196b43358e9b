//! What is done to the world: strikes of a schedule, and their ends.
//!
//! A strike says what it has done in figures of the world (bytes kept, calls failed): the receipt of its fault.

use std::collections::BTreeSet;
use std::time::Duration;

use rashomon_node::raft::Role;
use rashomon_node::storage::Disk;
use rashomon_node::storage::memory::{Crash, Fault};

use super::nodes::Death;
use super::{Body, Happening, World};
use crate::nemesis::shape::LinkFault;
use crate::nemesis::{FaultSpec, PlannedFault, Tempo, plan_schedule};
use crate::proxy::{Endpoint, Link, LinkRule};
use crate::seed::Seed;
use crate::sim::act::{Act, ClockChange, Loss, Strike, Trouble};
use crate::sim::aim::{Field, resolve};
use crate::sim::dice::Dice;
use crate::sim::heap::Moment;
use crate::sim::network::Filter;
use crate::sim::watch::Sight;

#[cfg(test)]
mod scripted;

#[cfg(test)]
pub(in crate::sim) use scripted::Health;

/// Everything that was or will be done to the world.
#[derive(Debug, Default)]
pub(super) struct Force {
    planned: Vec<PlannedFault>,
    strikes: Vec<Struck>,
}

#[derive(Debug)]
struct Struck {
    strike: Strike,
    /// Whether its time has come.
    tried: bool,
    /// Whether it has been carried out and not undone.
    stands: bool,
    /// What was done, in words; `None` if nothing was.
    receipt: Option<String>,
}

impl Force {
    /// What is wrong with the disk of a node by somebody's will.
    fn troubles_of(&self, node: usize) -> impl Iterator<Item = Trouble> {
        self.strikes.iter().filter(|struck| struck.stands).filter_map(move |struck| {
            match struck.strike.act {
                Act::Disk { node: other, trouble } if other == node => Some(trouble),
                _ => None,
            }
        })
    }

    /// Whether the disk of a node is in trouble by somebody's will.
    pub(super) fn troubles(&self, node: usize) -> bool {
        self.troubles_of(node).any(|trouble| !matches!(trouble, Trouble::Slow { .. }))
    }

    /// Nodes that are stopped, or will be by a strike that has been resolved already.
    fn stopped(&self) -> BTreeSet<usize> {
        let takes =
            |struck: &&Struck| (struck.stands || !struck.tried) && struck.strike.act.stops();
        self.strikes.iter().filter(takes).filter_map(|struck| struck.strike.act.node()).collect()
    }

    /// All strikes so far that were carried out.
    pub(super) fn done(&self) -> impl Iterator<Item = (&Strike, &str)> {
        self.strikes.iter().filter_map(|struck| Some((&struck.strike, struck.receipt.as_deref()?)))
    }
}

impl World {
    /// Something will be done to the world, at its time.
    pub(in crate::sim) fn plan_strike(&mut self, strike: Strike) {
        let number = self.force.strikes.len();
        self.heap.push_fault(strike.at.max(self.now), Happening::Strike(number));
        self.force.strikes.push(Struck { strike, tried: false, stands: false, receipt: None });
    }

    /// Draws the schedule of the plan's faults; each takes aim when its time comes.
    pub(in crate::sim) fn plan_faults(&mut self) {
        let plan = &self.plan;
        let faults: Vec<FaultSpec> = plan.faults.iter().cloned().map(FaultSpec).collect();
        let [interval, storm] = [plan.fault_interval, plan.storm].map(Duration::from_nanos);
        let timeout = Duration::from_nanos(plan.node.election_timeout);
        let tempo = Tempo {
            healthy: timeout * 4,
            shortest: timeout,
            longest: timeout * 12,
            ..Tempo::default()
        };
        let seed = Seed(plan.seed).derive("nemesis");
        self.force.planned = plan_schedule(seed, &faults, interval, storm, tempo);
        for (number, planned) in self.force.planned.iter().enumerate() {
            self.heap.push_fault(planned.at, Happening::Aim(number));
        }
    }

    /// The time of a planned fault has come: who and what it hits depends on how things stand.
    pub(super) fn take_aim(&mut self, number: usize) {
        if !self.stormy {
            return;
        }
        let planned = self.force.planned[number].clone();
        let stopped = self.force.stopped();
        let damaged = self.nodes.iter().filter(|node| node.damaged).count();
        let (nodes, leader) = (self.plan.nodes, self.leader());
        let field = Field { nodes, leader, stopped: &stopped, damaged };
        // Where there is nobody to aim at, there is no strike.
        for strike in resolve(&planned, self.now, field).unwrap_or_default() {
            self.plan_strike(strike);
        }
    }

    /// What was done so far, with receipts.
    pub(in crate::sim) fn strikes(&self) -> impl Iterator<Item = (&Strike, &str)> {
        self.force.done()
    }

    pub(super) fn strike(&mut self, number: usize) {
        let strike = self.force.strikes[number].strike.clone();
        self.force.strikes[number].tried = true;
        let Some(receipt) = self.carry_out(number, &strike.act) else { return };
        self.note_strike(&receipt);
        self.note_act(&strike.act, true);
        let struck = &mut self.force.strikes[number];
        (struck.stands, struck.receipt) = (true, Some(receipt));
        self.heap.push_heal(strike.until.max(self.now), Happening::Heal(number));
        self.send_off();
    }

    pub(super) fn heal(&mut self, number: usize) {
        let struck = &mut self.force.strikes[number];
        if !std::mem::take(&mut struck.stands) {
            return;
        }
        let act = struck.strike.act.clone();
        self.note_strike("over");
        self.note_act(&act, false);
        self.undo(number, &act);
        self.send_off();
    }

    /// Something was done: the hash hears of it. Numbers of strikes count those that came to nothing, so they stay out of it.
    fn note_strike(&mut self, told: &str) {
        self.hash.number(self.now);
        self.hash.bytes(told.as_bytes());
    }

    /// Ends every strike, and keeps those that were to come from coming.
    pub(in crate::sim) fn heal_all(&mut self) {
        self.stormy = false;
        for number in 0..self.force.strikes.len() {
            self.heal(number);
            self.force.strikes[number].tried = true;
        }
        for node in 0..self.plan.nodes {
            self.resume(node);
            self.boot(node);
        }
    }

    /// Does it; what was done, in words, or nothing if it could not be.
    fn carry_out(&mut self, number: usize, act: &Act) -> Option<String> {
        if !self.stormy {
            return None;
        }
        match act {
            Act::Links { links, rule } => {
                let fault = link_fault(links.iter().copied(), *rule);
                self.change_rules(number, &fault, true);
                Some(format!("{} links: {rule}", links.len()))
            }
            Act::Letters { link, kinds, act } => {
                self.network.add_filter(Filter::new(number as u32, *link, *kinds, *act));
                Some("letters filtered".to_owned())
            }
            Act::Kill { node } => self.take_down(*node, Death::Process),
            Act::Crash { node, loss } => self.take_down(*node, Death::Machine(crash_of(*loss))),
            Act::Wipe { node } => {
                let told = self.take_down(*node, Death::Process)?;
                self.nodes[*node].disk.wipe();
                self.damage(*node);
                Some(format!("{told}, log wiped"))
            }
            Act::FlipBit { node, place } => self.flip_bit(*node, *place),
            Act::Pause { node } => {
                let here = &mut self.nodes[*node];
                if here.paused || !matches!(here.body, Body::Up(_) | Body::Booting(_)) {
                    return None;
                }
                here.paused = true;
                Some(format!("n{} stands still", node + 1))
            }
            Act::Disk { node, trouble } => Some(self.trouble(*node, *trouble)),
            Act::Clock { node, change } => {
                let clock = &mut self.nodes[*node].clock;
                match change {
                    ClockChange::Jump { by } => clock.jump(self.now, *by),
                    ClockChange::Pace { thousandths } => clock.set_pace(self.now, *thousandths),
                }
                self.clock_changed(*node);
                Some(format!("clock of n{} changed", node + 1))
            }
        }
    }

    fn undo(&mut self, number: usize, act: &Act) {
        match act {
            Act::Links { links, rule } => {
                let fault = link_fault(links.iter().copied(), *rule);
                self.change_rules(number, &fault, false);
            }
            Act::Letters { .. } => {
                self.network.remove_filters(self.now, number as u32, &mut self.sent);
            }
            Act::Kill { node }
            | Act::Crash { node, .. }
            | Act::Wipe { node }
            | Act::FlipBit { node, .. } => self.boot(*node),
            Act::Pause { node } => self.resume(*node),
            Act::Disk { node, .. } => {
                let here = &mut self.nodes[*node];
                here.disk.forget_faults();
                here.disk.set_failing(false);
                here.disk.set_free(None);
                here.slow_by = 0;
                for trouble in self.force.troubles_of(*node).collect::<Vec<_>>() {
                    self.trouble(*node, trouble);
                }
                self.boot(*node);
            }
            Act::Clock { node, change: ClockChange::Pace { .. } } => {
                let here = &mut self.nodes[*node];
                here.clock.set_pace(self.now, here.pace);
                self.clock_changed(*node);
            }
            Act::Clock { change: ClockChange::Jump { .. }, .. } => {}
        }
    }

    /// The alarm may have to come sooner.
    fn clock_changed(&mut self, node: usize) {
        self.nodes[node].alarm = Moment::MAX;
        self.set_alarm(node);
    }

    fn change_rules(&mut self, number: usize, fault: &LinkFault, adds: bool) {
        let id = number as u32;
        let stats = |link| self.network.stats(link);
        let changes = if adds {
            self.in_force.add(id, fault, stats)
        } else {
            self.in_force.remove(id, fault, stats)
        };
        for (link, rule) in changes {
            self.lay_rule(link, rule);
        }
    }

    /// Puts a rule on links, whatever other rules there were.
    pub(super) fn lay(&mut self, links: &BTreeSet<Link>, rule: LinkRule) {
        for link in links {
            self.lay_rule(*link, rule);
        }
        self.send_off();
    }

    fn lay_rule(&mut self, link: Link, rule: LinkRule) {
        let broke = self.network.set_rule(self.now, link, rule, &mut self.sent);
        self.send_off();
        match (link.from, link.to) {
            (Endpoint::Node(from), Endpoint::Node(to)) => {
                if broke {
                    self.break_line(from, to);
                    self.break_line(to, from);
                } else if !rule.holds() && !self.network.has_datagrams() {
                    self.look_at_line(from, to);
                    self.look_at_line(to, from);
                }
            }
            (Endpoint::Node(node), Endpoint::Client) | (Endpoint::Client, Endpoint::Node(node))
                if broke =>
            {
                self.break_connections(node);
            }
            _ => {}
        }
    }

    fn take_down(&mut self, node: usize, death: Death) -> Option<String> {
        if !matches!(self.nodes[node].body, Body::Up(_) | Body::Booting(_)) {
            return None;
        }
        self.die(node, death);
        Some(format!("n{} died", node + 1))
    }

    /// From now on the node's log may rightly be refused.
    fn damage(&mut self, node: usize) {
        self.nodes[node].damaged = true;
        self.watch.see(&Sight::Damaged { node });
    }

    fn flip_bit(&mut self, node: usize, place: u64) -> Option<String> {
        let told = self.take_down(node, Death::Process)?;
        let here = &mut self.nodes[node];
        let names = here.disk.clone().list().unwrap_or_default();
        let Some(name) = names.last() else { return Some(told) };
        // Before the last write: damage to that cannot be told from a write that was torn, by nobody.
        let bytes = here.disk.last_write(name)?.min(here.disk.content(name).len());
        let Some(byte) = bytes.checked_sub(1 + (place / 8) as usize % bytes.max(1)) else {
            return Some(told);
        };
        here.disk.flip_bit(name, byte, (place % 8) as u8);
        self.damage(node);
        Some(format!("{told}, bit {} of byte {byte} of {name} flipped", place % 8))
    }

    fn trouble(&mut self, node: usize, trouble: Trouble) -> String {
        let here = &mut self.nodes[node];
        here.excused |= !matches!(trouble, Trouble::Slow { .. });
        match trouble {
            Trouble::FailOnce { after } => {
                here.disk.fail_at(here.disk.calls() + 1 + after, Fault::Eio);
            }
            Trouble::Failing => here.disk.set_failing(true),
            Trouble::Full { bytes } => {
                here.disk.set_free(Some(usize::try_from(bytes).unwrap_or(usize::MAX)));
            }
            Trouble::Slow { by } => here.slow_by = by,
        }
        format!("disk of n{} in trouble", node + 1)
    }

    /// A node has just been elected: some die of it.
    pub(super) fn elected(&mut self, node: usize) {
        let temper = self.plan.temper;
        let here = &mut self.nodes[node];
        if self.stormy && here.dice.temper.below(100) < temper.doomed {
            let at = self.now + 1 + here.dice.temper.below(temper.doom_max);
            self.heap.push(at, Happening::Doom { node, life: here.life });
        }
    }

    pub(super) fn doom(&mut self, node: usize, life: u64) {
        if self.nodes[node].life == life && self.stormy {
            self.strike_down(node, 1);
        }
    }

    /// After a turn: a brittle node may die of it.
    pub(super) fn tempt(&mut self, node: usize) {
        let brittle = self.plan.temper.brittle;
        if self.stormy && self.nodes[node].dice.temper.chance(brittle) {
            self.strike_down(node, 1);
        }
    }

    /// Plans the death of a node in so many nanoseconds.
    fn strike_down(&mut self, node: usize, soon: Moment) {
        let temper = self.plan.temper;
        let here = &mut self.nodes[node];
        let power = here.dice.temper.below(100) < temper.power;
        let down = here.dice.temper.between(1, temper.down_max.max(1));
        let act = if power {
            Act::Crash { node, loss: draw_loss(&mut here.dice.tear) }
        } else {
            Act::Kill { node }
        };
        let at = self.now + soon;
        self.plan_strike(Strike { at, until: at + down, act, fault: None });
    }

    /// The leader of the highest term.
    pub(in crate::sim) fn leader(&self) -> Option<usize> {
        let standing = |node: usize| match &self.nodes[node].body {
            Body::Up(process) => Some(process.replica().standing()),
            _ => None,
        };
        let leads = |node: &usize| standing(*node).is_some_and(|it| it.role == Role::Leader);
        (0..self.plan.nodes).filter(leads).max_by_key(|node| standing(*node).map(|it| it.term))
    }
}

/// What a crash leaves of what was not synced.
pub(in crate::sim) fn draw_loss(dice: &mut Dice) -> Loss {
    match dice.below(4) {
        0 => Loss::All,
        1 => Loss::Nothing,
        _ => Loss::Torn(dice.next()),
    }
}

const fn crash_of(loss: Loss) -> Crash {
    match loss {
        Loss::All => Crash::LoseUnsynced,
        Loss::Nothing => Crash::KeepUnsynced,
        Loss::Torn(seed) => Crash::Torn(seed),
    }
}

fn link_fault(links: impl Iterator<Item = Link>, rule: LinkRule) -> LinkFault {
    LinkFault { links: links.collect(), rule, nodes: Vec::new() }
}
