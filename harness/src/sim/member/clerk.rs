//! Carries out what a replica asks for.

use rashomon_node::kv::{KvResponse, Store};
use rashomon_node::raft::{LogIndex, Message, NodeId, Payload, RequestId};
use rashomon_node::replica::{Batch, Broken, Failure, Shell, Standing, WalJob, run_batch};

use super::shop::Shop;
use crate::proxy::Link;
use crate::sim::booth::News;
use crate::sim::heap::Moment;
use crate::sim::network::{Network, Sent};
use crate::sim::parcel::Parcel;
use crate::sim::part::Part;
use crate::sim::watch::{Sight, Watch};

/// What lies outside a process.
pub(in crate::sim) struct Street<'a> {
    pub(in crate::sim) now: Moment,
    /// The life of the process.
    pub(in crate::sim) life: u64,
    pub(in crate::sim) network: &'a mut Network<Parcel>,
    /// Letters on their way, for the heap.
    pub(in crate::sim) sent: &'a mut Vec<Sent<Parcel>>,
    pub(in crate::sim) watch: &'a mut Watch,
}

pub(super) struct Clerk<'a, 'b> {
    pub(super) shop: &'a mut Shop,
    pub(super) street: &'a mut Street<'b>,
}

impl Shell<u64, u64> for Clerk<'_, '_> {
    fn append(&mut self, job: WalJob) {
        self.street.watch.see(&Sight::Wrote { node: self.shop.node, job: &job });
        self.shop.jobs.push_back(job);
    }

    fn send(&mut self, to: NodeId, message: Message) -> Vec<RequestId> {
        let to = to.0 as usize - 1;
        let from = self.shop.id;
        self.street.watch.see(&Sight::Sent { node: self.shop.node, to, message: &message });
        let lane = self.street.network.lane(Link::peers(self.shop.node, to));
        let parcel = Parcel::Peer { from, incarnation: self.street.life, message };
        let part = self.street.watch.marker.set(Part::World);
        let thrown = self.street.network.post(self.street.now, lane, parcel, self.street.sent);
        self.street.watch.marker.set(part);
        thrown.as_ref().and_then(forwarded).into_iter().collect()
    }

    fn apply(&mut self, batch: Batch<u64>) -> Result<(), Broken> {
        self.shop.batches.push_back(batch);
        if !self.shop.slow_apply {
            self.apply_next();
        }
        Ok(())
    }

    fn release_at(&mut self, index: LogIndex, tickets: Vec<u64>) {
        for ticket in &tickets {
            let node = self.shop.node;
            self.street.watch.see(&Sight::ReadReady { node, ticket: *ticket, index });
        }
        let part = self.street.watch.marker.set(Part::Stores);
        for ticket in self.shop.readers.wait(index, self.shop.applied, tickets) {
            self.serve(ticket);
        }
        self.street.watch.marker.set(part);
    }

    fn answer_write(&mut self, ticket: u64, result: Result<KvResponse, Failure>) {
        let node = self.shop.node;
        self.street.watch.see(&Sight::WriteAnswered { node, ticket, result: &result });
        match result {
            Ok(response) => self.answer(ticket, Ok(response), Failure::into_write_status),
            Err(failure) => self.reply(ticket, News::Error(failure.into_write_status())),
        }
    }

    fn answer_read(&mut self, ticket: u64, result: Result<(), Failure>) {
        match result {
            Ok(()) => self.serve(ticket),
            Err(failure) => self.reply(ticket, News::Error(failure.into_read_status())),
        }
    }

    fn gave_up(&self, ticket: &u64) -> bool {
        let connection = self.shop.call(*ticket).map(|call| call.connection);
        connection.is_none_or(|connection| !self.shop.connections.contains(&connection))
    }

    fn look<T>(&self, look: impl FnOnce(&Store) -> T) -> T {
        look(&self.shop.store)
    }

    fn stand(&mut self, standing: Standing) {
        self.shop.term = standing.term;
    }
}

impl Clerk<'_, '_> {
    /// Applies the batch that has waited longest.
    pub(super) fn apply_next(&mut self) {
        let Some(batch) = self.shop.batches.pop_front() else { return };
        let part = self.street.watch.marker.set(Part::Stores);
        let mut answers = Vec::new();
        let Shop { node, store, applied, bugs, .. } = &mut *self.shop;
        let watch = &mut *self.street.watch;
        let ran = run_batch(store, *applied, *bugs, batch, |index, ticket, result| {
            watch.see(&Sight::Applied { node: *node, index, ticket, result: &result });
            if let Some(ticket) = ticket {
                answers.push((ticket, result));
            }
        });
        *applied = ran.last;
        for (ticket, result) in answers {
            self.answer(ticket, result, Failure::into_write_status);
        }
        for ticket in self.shop.readers.up_to(ran.last) {
            self.serve(ticket);
        }
        self.street.watch.marker.set(part);
    }

    /// Sends a client what came of its request.
    pub(super) fn reply(&mut self, ticket: u64, news: News) {
        let Some(call) = self.shop.redeem(ticket) else { return };
        self.post(Parcel::Answer { slip: call.slip, connection: call.connection, news });
    }

    /// Sends something to clients.
    pub(super) fn post(&mut self, parcel: Parcel) {
        let part = self.street.watch.marker.set(Part::World);
        let lane = self.street.network.lane(Link::to_client(self.shop.node));
        self.street.network.post(self.street.now, lane, parcel, self.street.sent);
        self.street.watch.marker.set(part);
    }
}

/// The request, if the letter hands on a client's write.
pub(in crate::sim) fn forwarded(parcel: &Parcel) -> Option<RequestId> {
    match parcel {
        Parcel::Peer { message, .. } => match message.payload {
            Payload::Propose { request, .. } => Some(request),
            _ => None,
        },
        _ => None,
    }
}
