//! The lives of nodes: boot, turns, syncs, death.

use std::collections::VecDeque;

use rashomon_node::raft::Role;
use rashomon_node::storage::memory::Crash;

use super::{Body, Collapse, Happening, World};
use crate::sim::caught::caught;
use crate::sim::dice::{Dice, Purpose};
use crate::sim::heap::Moment;
use crate::sim::member::{Mail, Street, Waking, Wishes};
use crate::sim::part::Part;
use crate::sim::plan::{DiskPlan, MS};
use crate::sim::watch::Sight;

/// The shortest time a process takes to come up.
const BOOT_MIN: Moment = MS;

/// After how long a process that ended by itself is started again.
const RESTART_AFTER: Moment = 50 * MS;

/// How a process comes to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Death {
    /// It alone: what it has written is in the page cache.
    Process,
    /// With its machine.
    Machine(Crash),
}

impl World {
    /// Starts a process, if none runs.
    pub(super) fn boot(&mut self, node: usize) {
        let here = &mut self.nodes[node];
        if !matches!(here.body, Body::Down) {
            return;
        }
        here.life += 1;
        here.excused = self.force.troubles(node);
        let mark = here.disk.mark();
        let (nature, disk, life) = (&here.nature, &here.disk, here.life);
        let started = caught(|| Waking::read(nature, disk, life));
        let up = self.now + here.dice.boot.between(BOOT_MIN, self.plan.node.boot_max.max(BOOT_MIN));
        here.disk.spread(mark, self.now, up);
        match started {
            Ok(Ok(waking)) => {
                here.body = Body::Booting(Box::new(waking));
                self.heap.push(up, Happening::Up { node, life });
            }
            Ok(Err(error)) => self.break_down(node, error.to_string()),
            Err(what) => self.break_down(node, what),
        }
    }

    /// A process cannot come up; it is tried again if its disk is in trouble.
    fn break_down(&mut self, node: usize, what: String) {
        let here = &mut self.nodes[node];
        if here.excused && !here.damaged {
            here.body = Body::Down;
            let at = self.now + RESTART_AFTER;
            self.heap.push(at, Happening::Restart { node, life: here.life });
            return;
        }
        here.body = Body::Broken(what.clone());
        if !here.damaged {
            self.collapses.push(Collapse { at: self.now, node, what });
        }
    }

    pub(super) fn up(&mut self, node: usize, life: u64) {
        let here = &mut self.nodes[node];
        if here.life != life {
            return;
        }
        let waking = match std::mem::replace(&mut here.body, Body::Down) {
            Body::Booting(waking) => waking,
            other => {
                here.body = other;
                return;
            }
        };
        here.disk.settle(self.now);
        let seed = Dice::new(self.plan.seed, Purpose::Root, node as u64 ^ life << 32).next();
        let (nature, local) = (&here.nature, here.clock.local(self.now));
        let watch = &mut self.watch;
        let woken = caught(|| waking.wake(nature, seed, local, watch));
        match woken {
            Ok(process) => here.body = Body::Up(Box::new(process)),
            Err(what) => return self.break_down(node, what),
        }
        self.dial_all(node);
        self.turn(node);
    }

    /// Something for a process that works. It takes its turn as soon as it is done with the last one.
    pub(super) fn deliver(&mut self, node: usize, mail: Mail) {
        self.nodes[node].mailbox.push(mail);
        self.want_turn(node);
    }

    fn want_turn(&mut self, node: usize) {
        let here = &mut self.nodes[node];
        if here.busy_until <= self.now {
            self.turn(node);
        } else if !here.rests {
            here.rests = true;
            self.heap.push(here.busy_until, Happening::Rested { node, life: here.life });
        }
    }

    pub(super) fn rested(&mut self, node: usize, life: u64) {
        if self.nodes[node].life == life {
            self.nodes[node].rests = false;
            self.turn(node);
        }
    }

    pub(super) fn alarm(&mut self, node: usize, life: u64) {
        let here = &mut self.nodes[node];
        // An earlier alarm may have been set since. It has done what there was to do, and set the next one.
        if here.life != life || here.alarm != self.now {
            return;
        }
        here.alarm = Moment::MAX;
        let Body::Up(process) = &here.body else { return };
        if process.next_deadline() <= here.clock.local(self.now) {
            if !here.rests {
                self.trace_waking(node, life);
            }
            self.want_turn(node);
        } else {
            self.set_alarm(node);
        }
    }

    /// Takes what is in the mailbox, until it is empty or a turn takes time.
    fn turn(&mut self, node: usize) {
        loop {
            let here = &mut self.nodes[node];
            let Body::Up(process) = &mut here.body else { return };
            let local = here.clock.local(self.now);
            let led = process.replica().standing().role == Role::Leader;
            let mut street = Street {
                now: self.now,
                life: here.life,
                network: &mut self.network,
                sent: &mut self.sent,
                watch: &mut self.watch,
            };
            let mailbox = &mut here.mailbox;
            self.work.turns += 1;
            let part = street.watch.marker.set(Part::Nodes);
            let turned = caught(|| process.turn(local, mailbox, &mut street));
            self.watch.marker.set(part);
            let leads = process.replica().standing().role == Role::Leader;
            here.busy_until = self.now + self.plan.node.turn;
            self.send_off();
            match turned {
                Ok(wishes) => self.grant(node, wishes),
                Err(what) => return self.perish(node, what),
            }
            if leads && !led {
                self.elected(node);
            }
            self.tempt(node);
            let here = &self.nodes[node];
            if here.mailbox.is_empty() || !matches!(here.body, Body::Up(_)) {
                break;
            }
            if here.busy_until > self.now {
                self.want_turn(node);
                break;
            }
        }
        self.set_alarm(node);
    }

    /// Does what a process asked for.
    fn grant(&mut self, node: usize, wishes: Wishes) {
        if let Some(what) = wishes.end {
            return self.perish(node, what);
        }
        if let Some(mark) = wishes.sync_from {
            self.begin_sync(node, mark);
        }
        let here = &mut self.nodes[node];
        let life = here.life;
        if let Some(due) = wishes.lazy {
            self.heap.push(here.clock.moment(due), Happening::SyncLazily { node, life });
        }
        if wishes.apply && !here.applying {
            here.applying = true;
            let at = self.now + here.dice.apply.between(0, self.plan.node.apply_max);
            self.heap.push(at, Happening::Applied { node, life });
        }
    }

    fn begin_sync(&mut self, node: usize, mark: usize) {
        let part = self.watch.marker.set(Part::Logs);
        let here = &mut self.nodes[node];
        let until = self.now + draw_sync(&self.plan.disk, &mut here.dice.disk) + here.slow_by;
        here.disk.spread(mark, self.now, until);
        self.heap.push(until, Happening::Synced { node, life: here.life });
        self.watch.marker.set(part);
    }

    pub(super) fn synced(&mut self, node: usize, life: u64) {
        let here = &mut self.nodes[node];
        if here.life != life {
            return;
        }
        self.work.syncs += 1;
        let part = self.watch.marker.set(Part::Logs);
        here.disk.settle(self.now);
        self.watch.marker.set(part);
        let Body::Up(process) = &mut here.body else { return };
        match process.synced(&mut self.watch) {
            Ok(Some(mail)) => self.deliver(node, mail),
            Ok(None) => self.want_turn(node),
            Err(what) => self.perish(node, what),
        }
    }

    pub(super) fn sync_lazily(&mut self, node: usize, life: u64) {
        let here = &mut self.nodes[node];
        if here.life != life {
            return;
        }
        let local = here.clock.local(self.now);
        let Body::Up(process) = &mut here.body else { return };
        if let Some(mark) = process.sync_lazily(local) {
            self.begin_sync(node, mark);
        }
    }

    pub(super) fn applied(&mut self, node: usize, life: u64) {
        let here = &mut self.nodes[node];
        if here.life != life {
            return;
        }
        here.applying = false;
        let Body::Up(process) = &mut here.body else { return };
        let mut street = Street {
            now: self.now,
            life,
            network: &mut self.network,
            sent: &mut self.sent,
            watch: &mut self.watch,
        };
        let more = caught(|| process.apply_next(&mut street));
        self.send_off();
        match more {
            Ok(false) => {}
            Ok(true) => self.grant(node, Wishes { apply: true, ..Wishes::default() }),
            Err(what) => self.perish(node, what),
        }
    }

    pub(super) fn set_alarm(&mut self, node: usize) {
        let here = &mut self.nodes[node];
        let Body::Up(process) = &here.body else { return };
        let at = here.clock.moment(process.next_deadline()).max(self.now);
        if at < here.alarm {
            here.alarm = at;
            self.heap.push(at, Happening::Alarm { node, life: here.life });
        }
    }

    /// A process ends by itself. That is no fault of the cluster's if its disk was in trouble.
    fn perish(&mut self, node: usize, what: String) {
        let excused = self.nodes[node].excused;
        self.die(node, Death::Process);
        if excused {
            // Whoever looks after the machine starts it again.
            let at = self.now + RESTART_AFTER;
            self.heap.push(at, Happening::Restart { node, life: self.nodes[node].life });
        } else {
            self.nodes[node].body = Body::Broken(what.clone());
            self.collapses.push(Collapse { at: self.now, node, what });
        }
    }

    /// A process that ended by itself is started again, unless it was already.
    pub(super) fn restart(&mut self, node: usize, life: u64) {
        if self.nodes[node].life == life {
            self.boot(node);
        }
    }

    /// A process is no more.
    pub(super) fn die(&mut self, node: usize, death: Death) {
        let here = &mut self.nodes[node];
        if !matches!(here.body, Body::Up(_) | Body::Booting(_)) {
            return;
        }
        match death {
            Death::Process => here.disk.kill_at(self.now),
            Death::Machine(crash) => drop(here.disk.crash_at(self.now, crash)),
        }
        here.body = Body::Down;
        here.paused = false;
        here.mailbox.clear();
        here.backlog = VecDeque::new();
        here.alarm = Moment::MAX;
        (here.rests, here.applying, here.busy_until) = (false, false, 0);
        self.watch.see(&Sight::Died { node });
        self.reset_connections(node);
        self.lose_lines(node);
        self.send_off();
    }

    /// A process that stood still goes on: it takes note of everything that came meanwhile.
    pub(super) fn resume(&mut self, node: usize) {
        let here = &mut self.nodes[node];
        if !std::mem::take(&mut here.paused) {
            return;
        }
        for happening in std::mem::take(&mut here.backlog) {
            // First of all, what was in the socket: in the order in which it came.
            self.heap.push(self.now, happening);
        }
        self.nodes[node].alarm = Moment::MAX;
        self.set_alarm(node);
    }
}

fn draw_sync(disk: &DiskPlan, dice: &mut Dice) -> Moment {
    if dice.chance(disk.slow) {
        dice.between(disk.sync_max, disk.slow_max)
    } else {
        dice.between(disk.sync_min, disk.sync_max)
    }
}
