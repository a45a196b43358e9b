//! The world's side of its clients: who runs when, what their errands lead to, and what becomes of their connections.

use std::collections::VecDeque;
use std::fmt;
use std::pin::Pin;
use std::task::{Context, Waker};

use super::{Body, Happening, World};
use crate::proxy::{Link, LinkRule};
use crate::sim::booth::{Connection, Errand, News, Slip};
use crate::sim::parcel::Parcel;
use crate::sim::part::Part;

/// Tasks of clients.
#[derive(Default)]
pub(in crate::sim) struct Crew {
    tasks: Vec<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
    ready: VecDeque<usize>,
    at_work: usize,
}

impl fmt::Debug for Crew {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Crew").field("at_work", &self.at_work).finish_non_exhaustive()
    }
}

/// A connection of a client, as its own end knows it.
#[derive(Debug)]
pub(super) struct Talk {
    node: usize,
    /// Requests without an answer.
    waiting: Vec<Slip>,
    broken: bool,
}

impl World {
    /// Lets a client begin.
    pub(in crate::sim) fn hire(&mut self, task: impl Future<Output = ()> + Send + 'static) {
        self.crew.ready.push_back(self.crew.tasks.len());
        self.crew.tasks.push(Some(Box::pin(task)));
        self.crew.at_work += 1;
    }

    /// Polls every client: something that they all look at has changed.
    pub(in crate::sim) fn rouse(&mut self) {
        self.crew.ready.extend(0..self.crew.tasks.len());
    }

    /// Polls clients that have news, and does what they ask for, until none has.
    pub(super) fn run_errands(&mut self) {
        while let Some(client) = self.crew.ready.pop_front() {
            let Some(task) = &mut self.crew.tasks[client] else { continue };
            let part = self.watch.marker.set(Part::Clients);
            self.booth.set_client(client);
            if task.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready() {
                self.crew.tasks[client] = None;
                self.crew.at_work -= 1;
            }
            let mut errands = std::mem::take(&mut self.errands);
            self.booth.take_errands(&mut errands);
            self.watch.marker.set(part);
            for errand in errands.drain(..) {
                self.run(errand);
            }
            self.errands = errands;
            self.send_off();
        }
    }

    fn run(&mut self, errand: Errand) {
        match errand {
            Errand::Wait { slip, until } => {
                let news = News::Time;
                self.heap.push(until.max(self.now), Happening::Tell { slip, news });
            }
            Errand::Open { slip, node, connection } => self.open(slip, node, connection),
            Errand::Ask { slip, node, connection, request } => {
                let Some(talk) = self.connections.get_mut(&connection) else { return };
                if talk.broken {
                    self.heap.push(self.now, Happening::Tell { slip, news: News::Spent });
                    return;
                }
                talk.waiting.push(slip);
                self.post(Link::to_node(node), Parcel::Ask { slip, connection, request });
            }
            Errand::Close { node, connection } => {
                if self.connections.remove(&connection).is_some_and(|talk| !talk.broken) {
                    self.post(Link::to_node(node), Parcel::HangUp { connection });
                }
            }
        }
    }

    fn open(&mut self, slip: Slip, node: usize, connection: Connection) {
        let rules =
            [Link::to_node(node), Link::to_client(node)].map(|link| self.network.rule(link));
        if rules.contains(&LinkRule::Refuse) {
            let soon = self.now + self.plan.weather.client;
            let news = News::Refused("connection refused");
            self.heap.push(soon, Happening::Tell { slip, news });
            return;
        }
        let talk = Talk { node, waiting: vec![slip], broken: false };
        self.connections.insert(connection, talk);
        self.post(Link::to_node(node), Parcel::Knock { slip, connection });
    }

    /// Posts a letter of the world's own making.
    pub(super) fn post(&mut self, link: Link, parcel: Parcel) {
        let lane = self.network.lane(link);
        self.network.post(self.now, lane, parcel, &mut self.sent);
    }

    pub(super) fn tell(&mut self, slip: Slip, news: News) {
        self.crew.ready.extend(self.booth.deliver(slip, news));
    }

    /// A letter for a client is there.
    pub(super) fn arrive_at_client(&mut self, parcel: Parcel) {
        match parcel {
            Parcel::Answer { slip, connection, news } => {
                let Some(talk) = self.connections.get_mut(&connection) else { return };
                if talk.broken {
                    return;
                }
                talk.waiting.retain(|waiting| *waiting != slip);
                self.tell(slip, news);
            }
            Parcel::Reset { connection } => self.break_connection(connection),
            Parcel::Peer { .. }
            | Parcel::Knock { .. }
            | Parcel::Ask { .. }
            | Parcel::HangUp { .. } => {}
        }
    }

    fn break_connection(&mut self, connection: Connection) {
        let Some(talk) = self.connections.get_mut(&connection) else { return };
        talk.broken = true;
        for slip in std::mem::take(&mut talk.waiting) {
            self.tell(slip, News::Broken);
        }
    }

    /// The connections of all clients to a node break, for their ends and for the node's.
    pub(super) fn break_connections(&mut self, node: usize) {
        let talks = self.connections.iter();
        let broken: Vec<_> =
            talks.filter(|(_, talk)| talk.node == node).map(|(number, _)| *number).collect();
        for connection in broken {
            self.break_connection(connection);
            if let Body::Up(process) = &mut self.nodes[node].body {
                process.hang_up(connection);
            }
        }
    }

    /// A process is gone: the kernel of its machine says so to all who were connected.
    pub(super) fn reset_connections(&mut self, node: usize) {
        let talks = self.connections.iter();
        let whole: Vec<_> = talks
            .filter(|(_, talk)| talk.node == node && !talk.broken)
            .map(|(number, _)| *number)
            .collect();
        for connection in whole {
            self.post(Link::to_client(node), Parcel::Reset { connection });
        }
    }
}
