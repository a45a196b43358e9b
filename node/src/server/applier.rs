//! Brings committed entries into the store, and answers those who waited for them.
//!
//! ```text
//!   driver --Apply--> quick, and nothing queued, and nobody reads the store? --yes--> applied on the spot
//!                                                |no
//!                                                +--> queue --> a thread of its own
//! ```
//!
//! On the spot saves a hand-over between threads, which costs more than a put. But neither a large command nor a reader
//! that holds the store may delay a heartbeat, hence the queue. It has no bound of its own: what is in it is also in the
//! core's log.
//!
//! What applying is, is said in [`crate::replica`]; here is when, and on which thread.
//!
//! Invariant: entries are applied in log order, each once; the driver is the only one who gives, and it applies itself
//! only while nothing is queued.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockWriteGuard, TryLockError};

use super::error::NodeError;
use super::inbox::{Inbox, Input, ReadReply, WriteReply};
use super::metrics::Metrics;
use super::view::View;
use crate::bugs::Bugs;
use crate::kv::Store;
use crate::raft::LogIndex;
use crate::replica::{self, Broken, Failure, Readers, run_batch};

/// The store as it is shared: applying writes, requests read.
pub(super) type SharedStore = Arc<RwLock<Store>>;

/// A batch with the clients that wait for it.
pub(super) type Batch = replica::Batch<WriteReply>;

/// What applies: shared by the driver and the thread.
#[derive(Debug)]
pub(super) struct Applier {
    store: SharedStore,
    view: Arc<View>,
    metrics: Arc<Metrics>,
    bugs: Bugs,
    /// Readers that wait for an entry.
    readers: Mutex<Readers<ReadReply>>,
    /// Batches given to the thread and not applied yet.
    queued: AtomicUsize,
}

/// The driver's end.
#[derive(Debug)]
pub(super) struct ApplyHandle {
    applier: Arc<Applier>,
    queue: Sender<Batch>,
}

impl ApplyHandle {
    /// Applies the batch now if that is quick, else soon.
    pub(super) fn give(&self, batch: Batch) -> Result<(), Broken> {
        let applier = &self.applier;
        // Pairs with the release after the last queued batch.
        if applier.queued.load(Ordering::Acquire) == 0 && batch.is_quick() {
            match applier.store.try_write() {
                Ok(store) => {
                    applier.apply(store, batch);
                    return Ok(());
                }
                // Left half changed by the thread, which has panicked.
                Err(TryLockError::Poisoned(_)) => return Err(Broken),
                Err(TryLockError::WouldBlock) => {}
            }
        }
        applier.queued.fetch_add(1, Ordering::Relaxed);
        self.queue.send(batch).map_err(|_| Broken)
    }

    /// Starts the thread that applies what is queued, until the handle is gone.
    pub(super) fn start_thread(
        &self,
        queue: Receiver<Batch>,
        inbox: Inbox,
    ) -> Result<(), NodeError> {
        let applier = Arc::clone(&self.applier);
        let work = move || {
            let _farewell = Farewell(inbox);
            applier.run(&queue);
        };
        let thread = std::thread::Builder::new().name("apply".to_owned()).spawn(work);
        thread.map(drop).map_err(|source| NodeError::System { what: "apply thread", source })
    }

    /// Lets readers go once everything up to `index` is in the store.
    pub(super) fn release_at(&self, index: LogIndex, replies: Vec<ReadReply>) {
        let mut readers = self.applier.lock_readers();
        // Under the lock: whoever applies publishes the index first and looks for readers then.
        let free = readers.wait(index, self.applier.view.applied(), replies);
        drop(readers);
        release(free);
    }
}

/// Tells the driver when the thread breaks: what is queued would never be applied.
struct Farewell(Inbox);

impl Drop for Farewell {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.put(Input::ApplierBroke);
        }
    }
}

impl Applier {
    /// The handle, and the queue for [`ApplyHandle::start_thread`].
    pub(super) fn split(
        store: SharedStore,
        view: Arc<View>,
        metrics: Arc<Metrics>,
        bugs: Bugs,
    ) -> (ApplyHandle, Receiver<Batch>) {
        let (queue, receiver) = channel();
        let (readers, queued) = (Mutex::default(), AtomicUsize::new(0));
        let applier = Arc::new(Self { store, view, metrics, bugs, readers, queued });
        (ApplyHandle { applier, queue }, receiver)
    }

    fn run(&self, queue: &Receiver<Batch>) {
        for batch in queue {
            let store = self.store.write().expect("the driver's thread did not break the store");
            self.apply(store, batch);
            self.queued.fetch_sub(1, Ordering::Release);
        }
    }

    fn apply(&self, mut store: RwLockWriteGuard<'_, Store>, batch: Batch) {
        let mut answers = Vec::with_capacity(batch.waiting());
        let ran =
            run_batch(&mut store, self.view.applied(), self.bugs, batch, |_, reply, result| {
                answers.extend(reply.map(|reply| (reply, result)));
            });
        drop(store);
        self.metrics.proposals_committed.add(ran.writes);
        self.view.set_applied(ran.last, ran.revision);
        for (reply, result) in answers {
            // Whoever asked may have given up.
            let _ = reply.send(result.map_err(Failure::Refused));
        }
        let free = self.lock_readers().up_to(ran.last);
        release(free);
    }

    fn lock_readers(&self) -> MutexGuard<'_, Readers<ReadReply>> {
        self.readers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn release(replies: Vec<ReadReply>) {
    for reply in replies {
        let _ = reply.send(Ok(()));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::path::PathBuf;

    use crate::kv::{KvError, KvRequest, encode_command};
    use crate::proto::etcdserverpb::{DeleteRangeRequest, PutRequest};
    use crate::raft::{Entry, NodeId, RequestId, Term};
    use tokio::sync::oneshot;

    fn applier() -> (ApplyHandle, Receiver<Batch>) {
        let view = Arc::new(View::new(NodeId(1), 1, PathBuf::new(), Term(0)));
        Applier::split(SharedStore::default(), view, Arc::default(), Bugs::NONE)
    }

    fn entry(index: u64, request: &KvRequest) -> Entry {
        Entry {
            term: Term(1),
            index: LogIndex(index),
            request: Some(RequestId { node: NodeId(1), number: index }),
            command: encode_command(request),
        }
    }

    fn put(index: u64, key: &str) -> Entry {
        entry(index, &KvRequest::Put(PutRequest { key: key.into(), ..PutRequest::default() }))
    }

    fn delete_all(index: u64) -> Entry {
        let (key, range_end) = (vec![0], vec![0]);
        let all = DeleteRangeRequest { key, range_end, ..DeleteRangeRequest::default() };
        entry(index, &KvRequest::DeleteRange(all))
    }

    fn noop(index: u64) -> Entry {
        Entry { request: None, command: Vec::new(), ..put(index, "x") }
    }

    fn batch(entries: &[Entry]) -> Batch {
        Batch::new(entries, Vec::new()).unwrap()
    }

    #[test]
    fn each_waiter_gets_the_answer_of_its_own_entry() {
        let (handle, _queue) = applier();
        let (first, mut first_answer) = oneshot::channel();
        let (second, mut second_answer) = oneshot::channel();
        let entries = vec![noop(1), put(2, "a"), put(3, "b"), put(4, "")];
        handle.give(Batch::new(&entries, vec![(2, first), (3, second)]).unwrap()).unwrap();
        let mut response = first_answer.try_recv().unwrap().unwrap();
        assert_eq!(response.header_mut().revision, 3);
        assert_eq!(second_answer.try_recv().unwrap(), Err(Failure::Refused(KvError::EmptyKey)));
        assert_eq!(handle.applier.store.read().unwrap().revision(), 3);
    }

    #[test]
    fn what_may_take_long_is_queued_and_what_follows_keeps_behind_it() {
        let (handle, queue) = applier();
        handle.give(batch(&[put(1, "a")])).unwrap();
        assert_eq!(handle.applier.view.applied(), LogIndex(1), "on the spot");
        handle.give(batch(&[delete_all(2)])).unwrap();
        handle.give(batch(&[put(3, "b")])).unwrap();
        assert_eq!(handle.applier.view.applied(), LogIndex(1), "queued");
        assert_eq!(handle.applier.queued.load(Ordering::Acquire), 2);
        let applier = Arc::clone(&handle.applier);
        drop(handle);
        applier.run(&queue);
        assert_eq!(applier.view.applied(), LogIndex(3));
        assert_eq!(applier.queued.load(Ordering::Acquire), 0);
    }

    #[test]
    fn a_broken_thread_is_reported() {
        let (handle, queue) = applier();
        let (inbox, mut inputs) = Inbox::new();
        handle.start_thread(queue, inbox).unwrap();
        // Queued, as it may take long, and out of order.
        handle.give(batch(&[delete_all(2)])).unwrap();
        assert!(matches!(inputs.blocking_recv(), Some(Input::ApplierBroke)));
    }

    #[test]
    fn a_reader_of_the_store_does_not_hold_the_driver_up() {
        let (handle, queue) = applier();
        let store = Arc::clone(&handle.applier.store);
        let reading = store.read().unwrap();
        handle.give(batch(&[put(1, "a")])).unwrap();
        assert_eq!(handle.applier.view.applied(), LogIndex(0));
        assert_eq!(queue.try_iter().count(), 1);
        drop(reading);
    }

    #[test]
    fn a_reader_waits_until_its_position_is_applied() {
        let (handle, _queue) = applier();
        let (reply, mut answer) = oneshot::channel();
        handle.release_at(LogIndex(2), vec![reply]);
        handle.give(batch(&[noop(1)])).unwrap();
        assert!(answer.try_recv().is_err(), "one entry early");
        handle.give(batch(&[put(2, "a")])).unwrap();
        assert_eq!(answer.try_recv().unwrap(), Ok(()));
        let (reply, mut answer) = oneshot::channel();
        handle.release_at(LogIndex(2), vec![reply]);
        assert_eq!(answer.try_recv().unwrap(), Ok(()), "already there");
    }
}
