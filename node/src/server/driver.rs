//! The task that owns the core: inputs in, effects out.
//!
//! ```text
//!   inbox --batch--> Raft::step_all --effects--> perform:  Write  -> WAL thread     (answers with Input::Persisted)
//!                         ^                                Send   -> outbox, or held until its write is durable
//!                     next_deadline                        Apply, ReadReady -> applier
//!                                                          Refuse, Forget   -> the waiting client
//! ```
//!
//! A leader whose disk is still busy with the last write keeps client writes back until it is done, or for [`HOLD_MAX`]:
//! they could not be durable here any sooner, and one larger batch costs every node less than two small ones. With one
//! client at a time nothing is ever kept back.
//!
//! It has a thread of its own with the peers' connections on it, and never blocks: what is slow (disk, store, clients)
//! lives elsewhere. Everything that has queued up is one step, so that proposals that came together share a write and a
//! message, and all reads of a step share one read position.
//!
//! Invariants:
//! - A message leaves no earlier than the write it is bound to is durable.
//! - Every request that was taken is answered once, or its client has given up.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::{OwnedSemaphorePermit, oneshot};

use super::applier::{ApplyHandle, Batch, SharedStore};
use super::error::NodeError;
use super::failure::Failure;
use super::identity::RequestNumbers;
use super::inbox::{Input, ReadReply, WriteReply};
use super::logging;
use super::metrics::Metrics;
use super::promise::promise;
use super::transport::Outbox;
use super::view::{Standing, View};
use super::wal_thread::{WalJob, WalThread};
use crate::bugs::{Bug, Bugs};
use crate::kv::decode_command;
use crate::raft::{
    Effect, Entry, Event, IoSeq, LogIndex, Message, Nanos, NodeId, Raft, RequestId, Role,
};

/// Inputs that make one step, at most. Frames of peers count as one.
const STEP_INPUTS_MAX: usize = 512;

/// How long client writes wait for the disk to be done with those before them. Short, so that a leader with a slow disk
/// still hands them to followers that may be faster.
const HOLD_MAX: Duration = Duration::from_millis(1);

/// Everything the driver works with.
#[derive(Debug)]
pub(super) struct Driver {
    /// The core.
    pub(super) raft: Raft,
    /// Where the node's time starts.
    pub(super) origin: Instant,
    /// The built-in bugs that are switched on.
    pub(super) bugs: Bugs,
    /// Names for requests.
    pub(super) numbers: RequestNumbers,
    /// To the disk.
    pub(super) wal: WalThread,
    /// To the store.
    pub(super) applier: ApplyHandle,
    /// To the other nodes.
    pub(super) outboxes: BTreeMap<NodeId, Arc<Outbox>>,
    /// To be kept up to date.
    pub(super) view: Arc<View>,
    /// Counts.
    pub(super) metrics: Arc<Metrics>,
    /// Read by the bug `ack-on-append` only.
    pub(super) store: SharedStore,
    /// Where requests wait for their answers.
    pub(super) waiting: Waiting,
}

/// What waits: for an answer, or for the disk.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    writes: BTreeMap<RequestId, Writer>,
    reads: BTreeMap<RequestId, Vec<ReadReply>>,
    /// Messages by the write that must be durable first; those of one write in order.
    sends: BTreeMap<IoSeq, Vec<(NodeId, Message)>>,
    /// The last write that was handed to the disk.
    issued: IoSeq,
    /// Every write up to here is durable.
    persisted: IoSeq,
    /// Client writes that are kept back, and until when.
    fresh: Vec<(Vec<u8>, WriteReply)>,
    hold_until: Option<Nanos>,
}

#[derive(Debug)]
struct Writer {
    reply: WriteReply,
    /// Kept for the bug `ack-on-append`.
    command: Option<Vec<u8>>,
}

/// The parts of a step.
#[derive(Debug, Default)]
struct Step {
    events: Vec<Event>,
    readers: Vec<ReadReply>,
    places: Vec<OwnedSemaphorePermit>,
    end: Option<End>,
}

/// Why the driver ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// It was asked to.
    Stopped,
    /// Nothing can be made durable any more.
    DiskGone,
    /// Nothing can be applied any more.
    StoreGone,
}

impl Driver {
    /// Works until told to stop, or until something fails that a node cannot go on without.
    pub(super) async fn run(
        mut self,
        mut inputs: UnboundedReceiver<Input>,
    ) -> Result<(), NodeError> {
        let mut batch = Vec::with_capacity(STEP_INPUTS_MAX);
        let mut effects = Vec::new();
        let alarm = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(alarm);
        loop {
            let deadline = self.at(self.next_deadline());
            if alarm.deadline() != deadline {
                alarm.as_mut().reset(deadline);
            }
            tokio::select! {
                biased;
                count = inputs.recv_many(&mut batch, STEP_INPUTS_MAX) => {
                    if count == 0 {
                        return Ok(());
                    }
                }
                () = &mut alarm => {}
            }
            match self.turn(&mut batch, &mut effects)? {
                None => {}
                Some(End::Stopped) => {
                    self.answer_everybody();
                    return self.wal.end();
                }
                Some(End::DiskGone) => {
                    self.wal.end()?;
                    return Err(NodeError::Crashed("write-ahead log thread"));
                }
                Some(End::StoreGone) => return Err(NodeError::Crashed("applier")),
            }
        }
    }

    /// One step of the core. Says if it was the last.
    fn turn(
        &mut self,
        batch: &mut Vec<Input>,
        effects: &mut Vec<Effect>,
    ) -> Result<Option<End>, NodeError> {
        let mut step = Step::default();
        for input in batch.drain(..) {
            self.take(input, &mut step);
        }
        if !step.readers.is_empty() {
            self.take_readers(&mut step);
        }
        let now = self.now();
        if !self.waiting.fresh.is_empty() && !self.holds_writes(now) {
            for (command, reply) in std::mem::take(&mut self.waiting.fresh) {
                self.take_write(command, reply, &mut step);
            }
        }
        if matches!(step.end, Some(End::DiskGone | End::StoreGone)) {
            return Ok(step.end);
        }
        if self.raft.next_deadline() <= now {
            // Last: a node that was stopped for a while first hears what its peers have said meanwhile.
            step.events.push(Event::Tick);
        }
        self.raft.step_all(now, step.events, effects);
        for effect in effects.drain(..) {
            self.perform(effect)?;
        }
        drop(step.places);
        self.publish();
        Ok(step.end)
    }

    fn take(&mut self, input: Input, step: &mut Step) {
        match input {
            Input::Write { command, reply } => self.waiting.fresh.push((command, reply)),
            Input::Read { reply } => step.readers.push(reply),
            Input::Deliver { from, messages, place } => {
                let receive = |message| Event::Receive { from, message };
                step.events.extend(messages.into_iter().map(receive));
                step.places.push(place);
            }
            Input::Unreachable(peer) => step.events.push(Event::Unreachable(peer)),
            Input::NeverSent(requests) => self.never_sent(requests),
            Input::Persisted(io) => {
                self.persisted(io);
                step.events.push(Event::Persisted(io));
            }
            Input::WalEnded => step.end = Some(End::DiskGone),
            Input::ApplierBroke => step.end = Some(End::StoreGone),
            Input::Stop => step.end = Some(End::Stopped),
        }
    }

    /// Whether fresh writes wait for the disk.
    fn holds_writes(&mut self, now: Nanos) -> bool {
        let busy = self.waiting.persisted < self.waiting.issued;
        let leads = self.view.standing().role == Role::Leader;
        let until = self.waiting.hold_until.unwrap_or_else(|| later(now, HOLD_MAX));
        let holds = busy && leads && now < until;
        self.waiting.hold_until = holds.then_some(until);
        holds
    }

    /// When there is something to do even if nothing happens.
    fn next_deadline(&self) -> Nanos {
        let raft = self.raft.next_deadline();
        self.waiting.hold_until.map_or(raft, |until| until.min(raft))
    }

    fn take_write(&mut self, command: Vec<u8>, reply: WriteReply, step: &mut Step) {
        if reply.is_closed() {
            return;
        }
        let Some(request) = self.numbers.next() else {
            let _ = reply.send(Err(Failure::TooManyRequests));
            return;
        };
        let kept = self.bugs.has(Bug::AckOnAppend).then(|| command.clone());
        self.waiting.writes.insert(request, Writer { reply, command: kept });
        step.events.push(Event::Propose { request, command });
    }

    /// All readers of a step came before it, so one position serves them all.
    fn take_readers(&mut self, step: &mut Step) {
        let readers = std::mem::take(&mut step.readers);
        let Some(request) = self.numbers.next() else {
            for reply in readers {
                let _ = reply.send(Err(Failure::TooManyRequests));
            }
            return;
        };
        self.waiting.reads.insert(request, readers);
        step.events.push(Event::Read { request });
    }

    fn perform(&mut self, effect: Effect) -> Result<(), NodeError> {
        match effect {
            Effect::Write { io, hard, entries } => {
                self.waiting.issued = io;
                self.wal.write(WalJob { io, hard, entries });
            }
            Effect::Send { to, message, after } if after <= self.waiting.persisted => {
                self.send(to, message);
            }
            Effect::Send { to, message, after } => {
                self.waiting.sends.entry(after).or_default().push((to, message));
            }
            Effect::Apply { entries } => return self.apply(&entries),
            Effect::ReadReady { request, index } => self.read_ready(request, index),
            Effect::Refuse { request, reason } => self.refuse(request, reason.into()),
            Effect::Forget { request } => self.fail_write(request, Failure::LeaderChanged),
            Effect::Appended { request, .. } => self.appended(request),
            Effect::Role { role, term, leader } => self.stand(Standing { role, term, leader }),
        }
        Ok(())
    }

    fn send(&mut self, to: NodeId, message: Message) {
        let Some(outbox) = self.outboxes.get(&to) else { return };
        let lost = outbox.push(message);
        if !lost.is_empty() {
            self.never_sent(lost);
        }
    }

    /// Messages that waited for the disk leave in the order of the writes they waited for.
    fn persisted(&mut self, io: IoSeq) {
        self.waiting.persisted = self.waiting.persisted.max(io);
        while let Some(first) = self.waiting.sends.first_entry()
            && *first.key() <= io
        {
            for (to, message) in first.remove() {
                self.send(to, message);
            }
        }
    }

    fn apply(&mut self, entries: &[Entry]) -> Result<(), NodeError> {
        let mut replies = Vec::new();
        for (position, entry) in entries.iter().enumerate() {
            if let Some(writer) = entry.request.and_then(|id| self.waiting.writes.remove(&id)) {
                replies.push((position, writer.reply));
            }
        }
        Batch::new(entries, replies).map_or(Ok(()), |batch| self.applier.give(batch))
    }

    fn read_ready(&mut self, request: RequestId, index: LogIndex) {
        if let Some(replies) = self.waiting.reads.remove(&request) {
            self.applier.release_at(index, replies);
        }
    }

    fn refuse(&mut self, request: RequestId, failure: Failure) {
        if let Some(replies) = self.waiting.reads.remove(&request) {
            for reply in replies {
                let _ = reply.send(Err(failure.clone()));
            }
        } else {
            self.fail_write(request, failure);
        }
    }

    /// Forwarded writes that this node threw away itself.
    fn never_sent(&mut self, requests: Vec<RequestId>) {
        for request in requests {
            self.fail_write(request, Failure::LeaderUnreachable);
        }
    }

    fn fail_write(&mut self, request: RequestId, failure: Failure) {
        if let Some(writer) = self.waiting.writes.remove(&request) {
            let _ = writer.reply.send(Err(failure));
        }
    }

    /// Nothing to do but for the bug `ack-on-append`.
    fn appended(&mut self, request: RequestId) {
        if !self.bugs.has(Bug::AckOnAppend) {
            return;
        }
        let Some(writer) = self.waiting.writes.remove(&request) else { return };
        let store = self.store.read().unwrap_or_else(PoisonError::into_inner);
        let command = writer.command.unwrap_or_default();
        let result = decode_command(&command).and_then(|asked| promise(&store, &asked));
        let _ = writer.reply.send(result.map_err(Failure::Refused));
    }

    fn stand(&mut self, standing: Standing) {
        let Standing { role, term, leader } = standing;
        let before = self.view.set_standing(standing);
        logging::set_standing(role, term);
        let leader_now = leader.map(|leader| leader.to_string());
        match role {
            Role::Leader => tracing::info!("elected: this node leads"),
            Role::Follower if before.role == Role::Leader => {
                tracing::info!(leader = leader_now, "stepped down");
            }
            Role::Follower if leader.is_none() => tracing::info!("no leader known"),
            Role::Follower => tracing::info!(leader = leader_now, "following"),
            Role::PreCandidate => tracing::info!("heard no leader: asking for pre-votes"),
            Role::Candidate => tracing::info!("campaigning"),
        }
    }

    fn publish(&self) {
        let status = self.raft.status();
        self.view.set_commit(status.commit);
        self.metrics.leader_changes.raise_to(status.leader_changes);
        let pending = (self.waiting.writes.len() + self.waiting.fresh.len()) as u64;
        self.metrics.proposals_pending.store(pending, Ordering::Relaxed);
    }

    /// The node stops: nobody shall wait for an answer that will not come.
    fn answer_everybody(&mut self) {
        for (_, reply) in std::mem::take(&mut self.waiting.fresh) {
            let _ = reply.send(Err(Failure::Stopping));
        }
        for (_, writer) in std::mem::take(&mut self.waiting.writes) {
            let _ = writer.reply.send(Err(Failure::Stopped));
        }
        for reply in std::mem::take(&mut self.waiting.reads).into_values().flatten() {
            let _ = reply.send(Err(Failure::Stopping));
        }
    }

    fn now(&self) -> Nanos {
        super::options::nanos(self.origin.elapsed())
    }

    fn at(&self, moment: Nanos) -> tokio::time::Instant {
        (self.origin + Duration::from_nanos(moment.0)).into()
    }
}

fn later(now: Nanos, wait: Duration) -> Nanos {
    Nanos(now.0 + super::options::nanos(wait).0)
}

/// Starts the thread that runs `work`, and hands back how it ends; nothing at all if it panicked.
pub(super) fn on_own_thread<F>(
    name: &str,
    work: F,
) -> std::io::Result<oneshot::Receiver<Result<(), NodeError>>>
where
    F: Future<Output = Result<(), NodeError>> + Send + 'static,
{
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (sender, end) = oneshot::channel();
    std::thread::Builder::new().name(name.to_owned()).spawn(move || {
        let result = runtime.block_on(work);
        let _ = sender.send(result);
    })?;
    Ok(end)
}

#[cfg(test)]
mod tests;
