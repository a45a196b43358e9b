//! The task that owns the member: inputs in, turns of the [`Replica`], and what they ask of the world.
//!
//! ```text
//!   inbox --batch--> Replica::turn --> Duties:  append -> WAL thread   (answers with Input::Persisted)
//!                         ^                     send   -> outbox
//!                     next_deadline             apply, release_at -> applier
//!                                               answer -> the waiting client
//! ```
//!
//! It has a thread of its own with the peers' connections on it, and never blocks: what is slow (disk, store, clients)
//! lives elsewhere. Everything that has queued up is one turn.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;

use super::applier::{ApplyHandle, Batch, SharedStore};
use super::error::NodeError;
use super::inbox::{Input, ReadReply, WriteReply};
use super::logging;
use super::metrics::Metrics;
use super::options::nanos;
use super::transport::Outbox;
use super::view::View;
use super::wal_thread::WalThread;
use crate::kv::{KvResponse, Store};
use crate::raft::{LogIndex, Message, Nanos, NodeId, RequestId, Role};
use crate::replica::{self, Broken, Failure, Replica, Shell, Standing, WalJob};

/// Inputs that make one turn, at most. Frames of peers count as one.
const TURN_INPUTS_MAX: usize = 512;

/// A member and everything around it.
#[derive(Debug)]
pub(super) struct Driver {
    /// The member.
    pub(super) replica: Replica<WriteReply, ReadReply>,
    /// What it works with.
    pub(super) duties: Duties,
    /// Where the node's time starts.
    pub(super) origin: Instant,
    /// Counts.
    pub(super) metrics: Arc<Metrics>,
}

/// What the member may ask for: its shell in this process.
#[derive(Debug)]
pub(super) struct Duties {
    /// To the disk.
    pub(super) wal: WalThread,
    /// To the store.
    pub(super) applier: ApplyHandle,
    /// To the other nodes.
    pub(super) outboxes: BTreeMap<NodeId, Arc<Outbox>>,
    /// To be kept up to date.
    pub(super) view: Arc<View>,
    /// Looked at for built-in bugs only.
    pub(super) store: SharedStore,
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
        let mut batch = Vec::with_capacity(TURN_INPUTS_MAX);
        let alarm = tokio::time::sleep(Duration::ZERO);
        tokio::pin!(alarm);
        loop {
            let deadline = self.at(self.replica.next_deadline());
            if alarm.deadline() != deadline {
                alarm.as_mut().reset(deadline);
            }
            tokio::select! {
                biased;
                count = inputs.recv_many(&mut batch, TURN_INPUTS_MAX) => {
                    if count == 0 {
                        return Ok(());
                    }
                }
                () = &mut alarm => {}
            }
            match self.turn(&mut batch) {
                None => {}
                Some(End::Stopped) => {
                    self.replica.stop(&mut self.duties);
                    return self.duties.wal.end();
                }
                Some(End::DiskGone) => {
                    self.duties.wal.end()?;
                    return Err(NodeError::Crashed("write-ahead log thread"));
                }
                Some(End::StoreGone) => return Err(NodeError::Crashed("applier")),
            }
        }
    }

    /// One turn of the member. Says if it was the last.
    fn turn(&mut self, batch: &mut Vec<Input>) -> Option<End> {
        // Without its disk or store a node does nothing more, not even with what came before.
        if let Some(end) = batch.iter().find_map(breakdown) {
            return Some(end);
        }
        let now = self.now();
        let mut end = None;
        let mut places = Vec::new();
        let inputs = batch.drain(..).filter_map(|input| match input {
            Input::Member(input) => Some(input),
            Input::Frame { from, messages, place } => {
                places.push(place);
                Some(replica::Input::Deliver { from, messages })
            }
            Input::Stop => {
                end = Some(End::Stopped);
                None
            }
            // There is none: see above.
            Input::WalEnded | Input::ApplierBroke => None,
        });
        if self.replica.turn(now, inputs, &mut self.duties) == Err(Broken) {
            return Some(End::StoreGone);
        }
        drop(places);
        self.publish();
        end
    }

    fn publish(&self) {
        let status = self.replica.status();
        self.duties.view.set_commit(status.commit);
        self.metrics.leader_changes.raise_to(status.leader_changes);
        self.metrics.proposals_pending.store(self.replica.pending() as u64, Ordering::Relaxed);
    }

    fn now(&self) -> Nanos {
        nanos(self.origin.elapsed())
    }

    fn at(&self, moment: Nanos) -> tokio::time::Instant {
        (self.origin + Duration::from_nanos(moment.0)).into()
    }
}

/// The end that an input brings, if the node cannot go on without what it tells of.
fn breakdown(input: &Input) -> Option<End> {
    match input {
        Input::WalEnded => Some(End::DiskGone),
        Input::ApplierBroke => Some(End::StoreGone),
        Input::Member(_) | Input::Frame { .. } | Input::Stop => None,
    }
}

impl Shell<WriteReply, ReadReply> for Duties {
    fn append(&mut self, job: WalJob) {
        self.wal.write(job);
    }

    fn send(&mut self, to: NodeId, message: Message) -> Vec<RequestId> {
        self.outboxes.get(&to).map_or_else(Vec::new, |outbox| outbox.push(message))
    }

    fn apply(&mut self, batch: Batch) -> Result<(), Broken> {
        self.applier.give(batch)
    }

    fn release_at(&mut self, index: LogIndex, replies: Vec<ReadReply>) {
        self.applier.release_at(index, replies);
    }

    // Below: whoever asked may have given up.

    fn answer_write(&mut self, reply: WriteReply, result: Result<KvResponse, Failure>) {
        let _ = reply.send(result);
    }

    fn answer_read(&mut self, reply: ReadReply, result: Result<(), Failure>) {
        let _ = reply.send(result);
    }

    fn gave_up(&self, reply: &WriteReply) -> bool {
        reply.is_closed()
    }

    fn look<T>(&self, look: impl FnOnce(&Store) -> T) -> T {
        look(&self.store.read().unwrap_or_else(PoisonError::into_inner))
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
