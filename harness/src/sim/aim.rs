//! From a planned fault to strikes: who and what, as things stand in the world now.
//!
//! Pure: the planned fault has a seed of its own, and nothing else is drawn from. So a fault that is taken out of a schedule
//! leaves the others as they were, and what comes out can be written down and replayed. Faults that real processes know as
//! well take aim by the same functions as there ([`crate::nemesis::aim`], [`crate::nemesis::shape`]).
//!
//! It refuses to own what a strike does ([`super::world`]), and when the next one comes ([`crate::nemesis::schedule`]).

use std::collections::BTreeSet;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

use super::act::{Act, ClockChange, Loss, Strike, Trouble};
use super::heap::Moment;
use super::network::{Act as OnLetters, Kinds};
use super::parcel::KINDS_BETWEEN_NODES;
use super::plan::MS;
use crate::nemesis::PlannedFault;
use crate::nemesis::aim::{self, choose, minority};
use crate::nemesis::kind::{Aim, Clock, Damage, Disk, Fault, Letters};
use crate::nemesis::shape;
use crate::proxy::{Link, LinkRule};

/// How long the others are down at least when a laggard is to ask first.
const BLINK: Moment = MS;
/// The shortest time for which a machine is without power, where the fault leaves a choice.
const OUTAGE_MIN: Moment = 5 * MS;
/// The longest of those outages that are short.
const SHORT_OUTAGE_MAX: Moment = 100 * MS;
/// How long connections are refused when they break, at least and at most.
const RESET: [Moment; 2] = [MS / 100, MS];
/// How much longer a slow disk takes for a sync, at least and at most.
const SLOW: [Moment; 2] = [5 * MS, 150 * MS];
/// How far a clock jumps at least.
const JUMP_MIN: Moment = MS;
/// Powers of two below which the rest of a jump is drawn, in nanoseconds: one millisecond to eight seconds.
const JUMP_BITS: [u32; 2] = [20, 33];
/// Calls after which one fails, at most: few, so that it fails while the fault lasts.
const CALLS_MAX: u64 = 7;
/// Powers of two below which the room on a full disk is drawn, in bytes.
const ROOM_BITS_MAX: u32 = 12;
/// Powers of two below which the place of a flipped bit is drawn, from the end of the log.
const PLACE_BITS: [u32; 2] = [3, 17];
/// Paces of clocks in thousandths, slow ones and fast ones: up to the factor of four, well past the two with which
/// election timeouts of one node fit into the silence of another.
const PACES: [[u64; 2]; 2] = [[250, 900], [1100, 4000]];

/// What a choice is made from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Field<'a> {
    /// Number of nodes.
    pub(super) nodes: usize,
    /// The leader of the highest term, if there is one.
    pub(super) leader: Option<usize>,
    /// Nodes that another fault has stopped.
    pub(super) stopped: &'a BTreeSet<usize>,
    /// How many nodes had their log damaged so far.
    pub(super) damaged: usize,
}

/// The strikes that a planned fault comes to if its time is `at`, in the order of their beginnings; at least one, or why
/// there is none.
pub(super) fn resolve(
    planned: &PlannedFault,
    at: Moment,
    field: Field<'_>,
) -> Result<Vec<Strike>, String> {
    let fault = Fault::named(&planned.fault.0).ok_or("there is no such fault")?;
    let least = fault.nodes_min();
    if field.nodes < least {
        return Err(format!("needs {least} nodes"));
    }
    let until = at.saturating_add(planned.duration);
    Archer { at, until, id: planned.id, field, rng: planned.seed.rng() }.shoot(fault)
}

/// Takes aim for one fault.
struct Archer<'a> {
    at: Moment,
    until: Moment,
    id: u32,
    field: Field<'a>,
    rng: ChaCha8Rng,
}

impl Archer<'_> {
    fn shoot(&mut self, fault: Fault) -> Result<Vec<Strike>, String> {
        let Field { nodes, leader, .. } = self.field;
        match fault {
            Fault::Partition(shape) => {
                let cut = shape::partition(shape, nodes, leader, &mut self.rng)?;
                Ok(vec![self.strike(Act::Links { links: cut.links, rule: cut.rule })])
            }
            Fault::Bend(bend) => {
                let fault = shape::bend(bend, nodes, leader, &mut self.rng)?;
                Ok(vec![self.strike(Act::Links { links: fault.links, rule: fault.rule })])
            }
            Fault::Kill(aim) => self.each(aim, |node| Act::Kill { node }),
            Fault::Pause(aim) => self.each(aim, |node| Act::Pause { node }),
            Fault::Laggard => self.laggard(),
            Fault::Crash(aim) => self.crash(aim),
            Fault::Disk(disk) => self.disk(disk),
            Fault::Damage(damage) => self.damage(damage),
            Fault::Letters(letters) => self.letters(letters),
            Fault::Clock(clock) => self.clock(clock),
            Fault::ResetLinks => self.reset(),
        }
    }

    /// One that lasts as long as the fault.
    fn strike(&self, act: Act) -> Strike {
        Strike { at: self.at, until: self.until, act, fault: Some(self.id) }
    }

    fn choose(&mut self, aim: Aim) -> Result<Vec<usize>, String> {
        let Field { nodes, leader, stopped, .. } = self.field;
        choose(aim, aim::Field { nodes, leader, stopped }, &mut self.rng)
    }

    fn each(&mut self, aim: Aim, act: impl Fn(usize) -> Act) -> Result<Vec<Strike>, String> {
        let nodes = self.choose(aim)?;
        Ok(nodes.into_iter().map(|node| self.strike(act(node))).collect())
    }

    /// One node that is not stopped: the leader every other time, as most goes through it.
    fn victim(&mut self) -> Result<usize, String> {
        let random = self.choose(Aim::Random)?[0];
        let leader = self.field.leader.filter(|leader| !self.field.stopped.contains(leader));
        Ok(if self.rng.random_bool(0.5) { leader.unwrap_or(random) } else { random })
    }

    /// A follower misses what the others commit; then all others are down at once, and are back before it has asked them
    /// for their votes: all but the leader, who could tell. See [`Fault::Laggard`].
    fn laggard(&mut self) -> Result<Vec<Strike>, String> {
        let leader = self.choose(Aim::Leader)?[0];
        let Field { nodes, stopped, .. } = self.field;
        let cut = shape::follower_alone(nodes, leader, &mut self.rng)?;
        let middle = self.at + (self.until - self.at) / 2;
        let victims =
            (0..nodes).filter(|node| !cut.nodes.contains(node) && !stopped.contains(node));
        let kills = victims.map(|node| {
            let until = if node == leader { self.until } else { middle.saturating_add(BLINK) };
            Strike { at: middle, until, ..self.strike(Act::Kill { node }) }
        });
        let kills: Vec<Strike> = kills.collect();
        let links = Act::Links { links: cut.links, rule: cut.rule };
        Ok([vec![Strike { until: middle, ..self.strike(links) }], kills].concat())
    }

    /// Every machine is back in its own time, some before anybody missed them.
    fn crash(&mut self, aim: Aim) -> Result<Vec<Strike>, String> {
        let nodes = self.choose(aim)?;
        let longest = self.until - self.at;
        let strike = |node| {
            let loss = match self.rng.random_range(0..8) {
                0 | 1 => Loss::All,
                2 => Loss::Nothing,
                _ => Loss::Torn(u64::from(self.rng.random::<u32>())),
            };
            let outage = if self.rng.random_bool(0.5) {
                self.rng.random_range(OUTAGE_MIN..=SHORT_OUTAGE_MAX).min(longest)
            } else {
                longest
            };
            let until = self.at + outage;
            Strike { until, ..self.strike(Act::Crash { node, loss }) }
        };
        Ok(nodes.into_iter().map(strike).collect())
    }

    fn disk(&mut self, disk: Disk) -> Result<Vec<Strike>, String> {
        let node = self.victim()?;
        let trouble = match disk {
            Disk::FailsOnce => Trouble::FailOnce { after: self.rng.random_range(0..=CALLS_MAX) },
            Disk::Fails => Trouble::Failing,
            Disk::Full => Trouble::Full { bytes: self.small(0, ROOM_BITS_MAX) },
            Disk::Slow => Trouble::Slow { by: self.rng.random_range(SLOW[0]..=SLOW[1]) },
        };
        Ok(vec![self.strike(Act::Disk { node, trouble })])
    }

    /// What was synced and acknowledged is lost: more than a minority of those may rightly lose data, and the same node may
    /// rightly stay down. One in a run is enough to see whether a node notices.
    fn damage(&mut self, damage: Damage) -> Result<Vec<Strike>, String> {
        if self.field.damaged >= minority(self.field.nodes).min(1) {
            return Err("a node was damaged already, and a second one could cost data".to_owned());
        }
        let node = self.choose(Aim::Random)?[0];
        let act = match damage {
            Damage::BitFlip => {
                Act::FlipBit { node, place: self.small(PLACE_BITS[0], PLACE_BITS[1]) }
            }
            Damage::WipeLog => Act::Wipe { node },
        };
        Ok(vec![self.strike(act)])
    }

    /// One kind, to or from one node, and all others or some.
    fn letters(&mut self, letters: Letters) -> Result<Vec<Strike>, String> {
        let node = self.victim()?;
        let kinds = Kinds(1 << self.rng.random_range(0..KINDS_BETWEEN_NODES));
        let act = match letters {
            Letters::Hold => OnLetters::Hold,
            Letters::Drop => OnLetters::Drop,
        };
        let mut others: Vec<usize> = (0..self.field.nodes).filter(|other| *other != node).collect();
        others.shuffle(&mut self.rng);
        if self.rng.random_bool(0.5) {
            others.truncate(self.rng.random_range(1..=others.len()));
        }
        others.sort_unstable();
        let outwards = self.rng.random_bool(0.5);
        let link =
            |other| if outwards { Link::peers(node, other) } else { Link::peers(other, node) };
        let strike = |other| self.strike(Act::Letters { link: Some(link(other)), kinds, act });
        Ok(others.into_iter().map(strike).collect())
    }

    fn clock(&mut self, clock: Clock) -> Result<Vec<Strike>, String> {
        let node = self.victim()?;
        match clock {
            Clock::Jump => {
                let by = JUMP_MIN + self.small(JUMP_BITS[0], JUMP_BITS[1]);
                let change = ClockChange::Jump { by };
                Ok(vec![Strike { until: self.at, ..self.strike(Act::Clock { node, change }) }])
            }
            Clock::Drift => {
                let [low, high] = PACES[usize::from(self.rng.random_bool(0.5))];
                let change = ClockChange::Pace { thousandths: self.rng.random_range(low..=high) };
                Ok(vec![self.strike(Act::Clock { node, change })])
            }
        }
    }

    /// Connections to other nodes, and every other time to clients as well.
    fn reset(&mut self) -> Result<Vec<Strike>, String> {
        let node = self.victim()?;
        let others = (0..self.field.nodes).filter(|other| *other != node);
        let mut links: Vec<Link> = others.map(|other| Link::peers(node, other)).collect();
        if self.rng.random_bool(0.5) {
            links.push(Link::to_node(node));
        }
        let links = links.into_iter().flat_map(|link| [link, link.reverse()]).collect();
        let act = Act::Links { links, rule: LinkRule::Refuse };
        let until = self.at.saturating_add(self.rng.random_range(RESET[0]..=RESET[1]));
        Ok(vec![Strike { until, ..self.strike(act) }])
    }

    /// Below a random power of two, so that small numbers are about as likely as large ones.
    fn small(&mut self, bits_min: u32, bits_max: u32) -> u64 {
        let bits = self.rng.random_range(bits_min..=bits_max);
        self.rng.random_range(0..1 << bits)
    }
}

#[cfg(test)]
mod tests;
