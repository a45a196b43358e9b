//! The client API: etcd's KV and Maintenance services, on top of the driver and the store.
//!
//! - Writes (`Put`, `DeleteRange`, `Txn`) go through the log; on a follower the core hands them to the leader, once.
//! - `Range`, and a `Txn` that only reads, wait for a read position that a quorum has confirmed, then read the store of
//!   the node that was asked; with `serializable` set they read it as it is. So a reading `Txn` costs no log entry, as
//!   in etcd.
//! - A request is taken if fewer than [`WRITES_MAX`] (or [`READS_MAX`]) are under way and their commands fit into
//!   [`COMMAND_BYTES_MAX`]; otherwise it is refused before anything happened.
//! - The answer is awaited for [`REQUEST_TIMEOUT`], or the client's own deadline if that is shorter; then the waiter is
//!   gone, and what becomes of a write is not known.
//!
//! Errors: see [`super::failure`].

use std::sync::{Arc, TryLockError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, SemaphorePermit, oneshot};
use tonic::Status;

use super::applier::SharedStore;
use super::failure::Failure;
use super::inbox::{Inbox, Input};
use super::metrics::Metrics;
use super::view::View;
use crate::kv::{KvError, KvRequest, KvResponse, Store, encode_command, validate};
use crate::proto::etcdserverpb::ResponseHeader;
use crate::proto::etcdserverpb::kv_server::KvServer;
use crate::proto::etcdserverpb::maintenance_server::MaintenanceServer;

mod kv;
mod maintenance;

/// How long a request is waited for: etcd's 5 s plus twice its election timeout of 1 s.
pub(super) const REQUEST_TIMEOUT: Duration = Duration::from_secs(7);
/// Writes under way.
const WRITES_MAX: usize = 8192;
/// Linearizable reads under way.
const READS_MAX: usize = 16384;
/// Bytes of the commands of writes under way.
const COMMAND_BYTES_MAX: usize = 64 * 1024 * 1024;
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
}

/// Places for requests under way.
#[derive(Debug)]
struct Admission {
    writes: Semaphore,
    command_bytes: Semaphore,
    reads: Arc<Semaphore>,
}

impl Admission {
    fn new() -> Self {
        Self {
            writes: Semaphore::new(WRITES_MAX),
            command_bytes: Semaphore::new(COMMAND_BYTES_MAX),
            reads: Arc::new(Semaphore::new(READS_MAX)),
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
    ) -> Self {
        Self { inbox, view, store, metrics, admission: Admission::new() }
    }

    /// The KV service as tonic serves it.
    pub(super) fn kv(self: &Arc<Self>) -> KvServer<Self> {
        KvServer::from_arc(Arc::clone(self)).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// The Maintenance service as tonic serves it.
    pub(super) fn maintenance(self: &Arc<Self>) -> MaintenanceServer<Self> {
        MaintenanceServer::from_arc(Arc::clone(self)).max_decoding_message_size(MESSAGE_BYTES_MAX)
    }

    /// Takes a write through the log.
    async fn write(&self, request: KvRequest) -> Result<KvResponse, Status> {
        match self.try_write(&request).await {
            Ok(mut response) => {
                self.complete(response.header_mut());
                Ok(response)
            }
            Err(failure) => {
                self.metrics.proposals_failed.increment();
                Err(failure.into_write_status())
            }
        }
    }

    async fn try_write(&self, request: &KvRequest) -> Result<KvResponse, Failure> {
        validate(request).map_err(Failure::Refused)?;
        if self.view.is_stopping() {
            return Err(Failure::Stopping);
        }
        let command = encode_command(request);
        let _place = self.admission.write(command.len()).ok_or(Failure::TooManyRequests)?;
        let (reply, answer) = oneshot::channel();
        self.inbox.put(Input::Write { command, reply });
        match tokio::time::timeout(REQUEST_TIMEOUT, answer).await {
            Ok(Ok(result)) => result,
            // The driver ended with the request in its hands.
            Ok(Err(_)) => Err(Failure::Stopped),
            Err(_) => Err(Failure::TimedOut),
        }
    }

    /// Reads the store: as it is if `serializable`, else after a quorum has confirmed where the log stands. A `wide` read
    /// may take long, and so may one that meets a command being applied: both go to a thread where they hold up nobody.
    async fn read<T: Send + 'static>(
        &self,
        serializable: bool,
        wide: bool,
        read: impl FnOnce(&Store) -> Result<T, KvError> + Send + 'static,
    ) -> Result<T, Failure> {
        let place = self.admission.read().ok_or(Failure::TooManyRequests)?;
        if !serializable {
            self.confirm().await?;
        }
        if !wide {
            match self.store.try_read() {
                Ok(store) => return read(&store).map_err(Failure::Refused),
                // Left by an applier that broke: the node is about to end, and answers nothing more.
                Err(TryLockError::Poisoned(_)) => return Err(Failure::Stopping),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        let store = Arc::clone(&self.store);
        let reading = tokio::task::spawn_blocking(move || {
            let _held_until_done = place;
            match store.read() {
                Ok(store) => read(&store).map_err(Failure::Refused),
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
        let (reply, answer) = oneshot::channel();
        self.inbox.put(Input::Read { reply });
        match tokio::time::timeout(REQUEST_TIMEOUT, answer).await {
            Ok(Ok(result)) => result,
            Ok(Err(_)) => Err(Failure::Stopping),
            Err(_) => Err(Failure::TimedOut),
        }
    }

    /// Adds what the state machine does not know.
    fn complete(&self, header: &mut ResponseHeader) {
        header.cluster_id = self.view.cluster;
        header.member_id = self.view.id.0;
        header.raft_term = self.view.term();
    }
}

#[cfg(test)]
mod tests;
