//! Letters that arrive, and the lines between nodes: as the node's transport has them.

use super::{Body, Happening, World};
use crate::proxy::{Link, LinkRule};
use crate::sim::booth::News;
use crate::sim::member::{Mail, Process, Street, forwarded};
use crate::sim::network::{Failed, Sent};
use crate::sim::parcel::Parcel;
use crate::sim::part::Part;

/// How long a process that has come up takes to dial the others.
const FIRST_DIAL: u64 = 1_000_000;

impl World {
    pub(super) fn arrive(&mut self, sent: Sent<Parcel>) {
        let written = sent.note;
        if !self.network.arrives(&sent) {
            return self.note_arrival(written, false);
        }
        let Some(node) = sent.to_node else { return self.arrive_at_client(sent.letter) };
        match sent.letter {
            Parcel::Peer { from, incarnation, message } => {
                let sender = from.0 as usize - 1;
                let current = self.network.has_datagrams()
                    || self.lines[sender * self.plan.nodes + node] == self.nodes[node].life;
                let taken = match &mut self.nodes[node].body {
                    Body::Up(process) => current && process.admits(from, incarnation),
                    _ => false,
                };
                self.note_arrival(written, taken);
                if taken {
                    self.deliver(node, Mail::Deliver { from, messages: vec![message] });
                }
            }
            Parcel::Knock { slip, connection } => {
                let greeted = self.with_process(node, |process, street| {
                    process.greet(slip, connection, street);
                });
                if greeted.is_none() {
                    let news = News::Refused("connection refused");
                    self.post(Link::to_client(node), Parcel::Answer { slip, connection, news });
                }
            }
            Parcel::Ask { slip, connection, request } => {
                let asked = self.with_process(node, |process, street| {
                    process.ask(slip, connection, &request, street)
                });
                if let Some(mail) = asked.flatten() {
                    self.deliver(node, mail);
                }
            }
            Parcel::HangUp { connection } => {
                if let Body::Up(process) = &mut self.nodes[node].body {
                    process.hang_up(connection);
                }
            }
            Parcel::Answer { .. } | Parcel::Reset { .. } => {}
        }
        self.send_off();
    }

    /// Has the process of a node do something, if it works.
    fn with_process<T>(
        &mut self,
        node: usize,
        act: impl FnOnce(&mut Process, &mut Street<'_>) -> T,
    ) -> Option<T> {
        let here = &mut self.nodes[node];
        let Body::Up(process) = &mut here.body else { return None };
        let mut street = Street {
            now: self.now,
            life: here.life,
            network: &mut self.network,
            sent: &mut self.sent,
            watch: &mut self.watch,
        };
        let part = street.watch.marker.set(Part::Nodes);
        let done = act(process, &mut street);
        street.watch.marker.set(part);
        Some(done)
    }

    /// A process that has just come up dials all others.
    pub(super) fn dial_all(&mut self, node: usize) {
        if self.network.has_datagrams() {
            return;
        }
        let life = self.nodes[node].life;
        for to in (0..self.plan.nodes).filter(|to| *to != node) {
            self.heap.push(self.now + FIRST_DIAL, Happening::Dial { from: node, to, life });
        }
    }

    pub(super) fn dial(&mut self, from: usize, to: usize, life: u64) {
        let here = &self.nodes[from];
        if here.life != life || !matches!(here.body, Body::Up(_)) {
            return;
        }
        let listens = matches!(self.nodes[to].body, Body::Up(_));
        let link = Link::peers(from, to);
        match self.network.dial(self.now, link, listens, &mut self.sent) {
            Ok(()) => {
                self.lines[from * self.plan.nodes + to] = self.nodes[to].life;
                self.send_off();
            }
            Err(Failed { lost, again }) => {
                self.heap.push(again, Happening::Dial { from, to, life });
                let lost: Vec<_> = lost.iter().filter_map(forwarded).collect();
                if !lost.is_empty() {
                    self.nodes[from].mailbox.push(Mail::NeverSent(lost));
                }
                let peer = self.nodes[to].nature.config.id;
                self.deliver(from, Mail::Unreachable(peer));
            }
        }
    }

    /// A line breaks, if its link lets the news through.
    pub(super) fn line_broke(&mut self, from: usize, to: usize) {
        let link = Link::peers(from, to);
        let held = [link, link.reverse()].iter().any(|link| {
            matches!(
                self.network.rule(*link),
                LinkRule::Stall | LinkRule::Cut | LinkRule::Blackhole
            )
        });
        if !held {
            self.break_line(from, to);
        }
    }

    /// A line breaks, and its sender hears of it.
    pub(super) fn break_line(&mut self, from: usize, to: usize) {
        let Some(again) = self.network.break_line(self.now, Link::peers(from, to)) else { return };
        let life = self.nodes[from].life;
        self.heap.push(again, Happening::Dial { from, to, life });
        if matches!(self.nodes[from].body, Body::Up(_)) {
            let peer = self.nodes[to].nature.config.id;
            self.deliver(from, Mail::Unreachable(peer));
        }
    }

    /// A process is gone: its lines are down, and those to it break as soon as their senders can hear of it.
    pub(super) fn lose_lines(&mut self, node: usize) {
        if self.network.has_datagrams() {
            return;
        }
        self.network.forget_sender(node);
        let soon = self.now + self.plan.weather.base;
        for from in (0..self.plan.nodes).filter(|from| *from != node) {
            self.heap.push(soon, Happening::LineBroke { from, to: node });
        }
    }

    /// A link is free again: whether the process at its other end is still the one that the line was dialled to.
    pub(super) fn look_at_line(&mut self, from: usize, to: usize) {
        let whole = matches!(self.nodes[to].body, Body::Up(_))
            && self.lines[from * self.plan.nodes + to] == self.nodes[to].life;
        if !whole {
            self.line_broke(from, to);
        }
    }
}
