//! The client API: etcd's KV and Maintenance services, on top of the driver and the store.
//!
//! - What a request needs is said by [`plan`]: a write goes through the log (on a follower the core hands it to the leader,
//!   once), a read waits for a read position unless it need not, and then reads the store of the node that was asked.
//! - A request is taken if fewer than [`Limits`] says are under way; otherwise it is refused before anything happened.
//! - The answer is awaited for [`Limits::request_timeout`], or the client's own deadline if that is shorter; then the
//!   waiter is gone, and what becomes of a write is not known.
//!
//! Errors: see [`Failure`].

use std::sync::{Arc, TryLockError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, oneshot};
use tonic::Status;

use super::applier::SharedStore;
use super::inbox::Inbox;
use super::metrics::Metrics;
use super::view::View;
use crate::bugs::Bugs;
use crate::kv::KvResponse;
use crate::proto::etcdserverpb::kv_server::KvServer;
use crate::proto::etcdserverpb::maintenance_server::MaintenanceServer;
use crate::raft::Term;
use crate::replica::{Answer, Call, Failure, Input, Limits, Plan, Query, plan};

mod kv;
mod maintenance;

/// Largest message that is decoded at all. Longer than the longest valid request, so that one which is a little too
/// large is refused in etcd's words.
const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;

/// What serves requests.
#[derive(Debug)]
pub(super) struct Api {
    inbox: Inbox,
    view: Arc<View>,
    store: SharedStore,
    metrics: Arc<Metrics>,
    admission: Admission,
    request_timeout: Duration,
    bugs: Bugs,
}

/// Places for requests under way.
#[derive(Debug)]
struct Admission {
    writes: Semaphore,
    command_bytes: Semaphore,
    reads: Arc<Semaphore>,
}

impl Admission {
    fn new(limits: &Limits) -> Self {
        Self {
            writes: Semaphore::new(limits.writes_max),
            command_bytes: Semaphore::new(limits.command_bytes_max),
            reads: Arc::new(Semaphore::new(limits.reads_max)),
        }
    }

    /// A place for a write, held until it is answered or given up.
    fn write(&self, bytes: usize) -> Option<(SemaphorePermit<'_>, SemaphorePermit<'_>)> {
        let bytes = u32::try_from(bytes).ok()?;
        Some((self.writes.try_acquire().ok()?, self.command_bytes.try_acquire_many(bytes).ok()?))
    }

    /// A place for a read, held until it is done: also when its client has given up while a thread goes on reading.
    fn read(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.reads).try_acquire_owned().ok()
    }
}

impl Api {
    /// A service in front of a driver and a store.
    pub(super) fn new(
        inbox: Inbox,
        view: Arc<View>,
        store: SharedStore,
        metrics: Arc<Metrics>,
        limits: &Limits,
    ) -> Self {
        let admission = Admission::new(limits);
        let request_timeout = Duration::from_nanos(limits.request_timeout.0);
        Self { inbox, view, store, metrics, admission, request_timeout, bugs: Bugs::NONE }
    }

    /// With built-in bugs.
    #[must_use]
    pub(super) const fn with_bugs(mut self, bugs: Bugs) -> Self {
        self.bugs = bugs;
        self
    }

    /// The KV service as tonic serves it.
    pub(super) fn kv(self: &Arc<Self>) -> KvServer<Self> {
        KvServer::from_arc(Arc::clone(self)).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// The Maintenance service as tonic serves it.
    pub(super) fn maintenance(self: &Arc<Self>) -> MaintenanceServer<Self> {
        MaintenanceServer::from_arc(Arc::clone(self)).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// Serves a call of the KV service.
    async fn serve(&self, call: Call) -> Result<Answer, Status> {
        let writes = call.is_write();
        match self.try_serve(call).await {
            Ok(mut answer) => {
                answer.sign(self.view.cluster, self.view.id, Term(self.view.term()));
                Ok(answer)
            }
            Err(failure) if writes => {
                self.metrics.proposals_failed.increment();
                Err(failure.into_write_status())
            }
            Err(failure) => Err(failure.into_read_status()),
        }
    }

    async fn try_serve(&self, call: Call) -> Result<Answer, Failure> {
        match plan(call).map_err(Failure::Refused)? {
            Plan::Write { command } => self.write(command).await.map(Answer::from),
            Plan::Read { query, serializable, wide } => self.read(query, serializable, wide).await,
        }
    }

    /// Takes a write through the log.
    async fn write(&self, command: Vec<u8>) -> Result<KvResponse, Failure> {
        if self.view.is_stopping() {
            return Err(Failure::Stopping);
        }
        let _place = self.admission.write(command.len()).ok_or(Failure::TooManyRequests)?;
        let (ticket, answer) = oneshot::channel();
        self.inbox.put(Input::Write { command, ticket });
        match tokio::time::timeout(self.request_timeout, answer).await {
            Ok(Ok(result)) => result,
            // The driver ended with the request in its hands.
            Ok(Err(_)) => Err(Failure::Stopped),
            Err(_) => Err(Failure::TimedOut),
        }
    }

    /// Reads the store: as it is if `serializable`, else after a quorum has confirmed where the log stands. A `wide` read
    /// may take long, and so may one that meets a command being applied: both go to a thread where they hold up nobody.
    async fn read(&self, query: Query, serializable: bool, wide: bool) -> Result<Answer, Failure> {
        let place = self.admission.read().ok_or(Failure::TooManyRequests)?;
        if !serializable {
            self.confirm().await?;
        }
        if !wide {
            match self.store.try_read() {
                Ok(store) => return query.run(&store, self.bugs).map_err(Failure::Refused),
                // Left by an applier that broke: the node is about to end, and answers nothing more.
                Err(TryLockError::Poisoned(_)) => return Err(Failure::Stopping),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let (store, bugs) = (Arc::clone(&self.store), self.bugs);
        let reading = tokio::task::spawn_blocking(move || {
            let _held_until_done = place;
            match store.read() {
                Ok(store) => query.run(&store, bugs).map_err(Failure::Refused),
                Err(_) => Err(Failure::Stopping),
            }
        });
        reading.await.unwrap_or(Err(Failure::Stopping))
    }

    /// Waits until a quorum has confirmed a read position and the store has reached it.
    async fn confirm(&self) -> Result<(), Failure> {
        if self.view.is_stopping() {
            return Err(Failure::Stopping);
        }
        let (ticket, answer) = oneshot::channel();
        self.inbox.put(Input::Read { ticket });
        match tokio::time::timeout(self.request_timeout, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Failure::Stopping),
            Err(_) => Err(Failure::TimedOut),
        }
    }
}

#[cfg(test)]
mod tests;
