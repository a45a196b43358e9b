//! The reads that end a run: every object, through every node.
//!
//! A write that was lost shows only if somebody looks, and a node whose copy went astray only if that node is asked. A
//! read that fails is tried again, as a new operation, as long as others are still answered: how many there are depends on
//! the length of the run, so there is no time for all of them together.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rashomon_workloads::Invocation;
use tokio_util::sync::CancellationToken;

use super::RunError;
use super::load::{Shared, Worker, each};
use crate::client::Completion;
use crate::reach::Reach;

/// Pause before a read that failed is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// How the final reads went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct FinalReads {
    /// Reads that were to be done: objects times nodes.
    pub(crate) wanted: usize,
    /// Reads that were answered.
    pub(crate) answered: usize,
}

/// The reads to be done, for all workers together.
pub(crate) struct Todo {
    queue: Mutex<VecDeque<(usize, Invocation)>>,
    wanted: usize,
    answered: AtomicUsize,
    /// When the last answer came.
    heard: Mutex<Duration>,
    patience: Duration,
}

impl Todo {
    /// Everything through each of these nodes, until `patience` went by without an answer, from `now` on.
    pub(crate) fn new(shared: &Shared, nodes: &[usize], patience: Duration, now: Duration) -> Self {
        let reads = shared.final_reads();
        let queue: VecDeque<(usize, Invocation)> =
            reads.iter().flat_map(|read| nodes.iter().map(|node| (*node, read.clone()))).collect();
        let wanted = queue.len();
        let (queue, heard) = (Mutex::new(queue), Mutex::new(now));
        Self { queue, wanted, answered: AtomicUsize::new(0), heard, patience }
    }

    /// How it went so far.
    pub(crate) fn so_far(&self) -> FinalReads {
        FinalReads { wanted: self.wanted, answered: self.answered.load(Ordering::Relaxed) }
    }

    fn answered(&self, now: Duration) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        *lock(&self.heard) = now;
    }

    fn is_hopeless(&self, now: Duration) -> bool {
        now.saturating_sub(*lock(&self.heard)) >= self.patience
    }
}

/// Nobody leaves these half changed by a panic.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Does the reads with all workers, each as a task, until there are none left, or none is answered any more, or `stop`.
pub(crate) async fn perform<R: Reach>(
    workers: Vec<Worker<R>>,
    todo: Todo,
    stop: &CancellationToken,
) -> Result<FinalReads, RunError> {
    let todo = Arc::new(todo);
    each(workers, stop, |worker, stop| read_all(worker, Arc::clone(&todo), stop)).await?;
    Ok(todo.so_far())
}

/// What one worker does: it takes reads until there are none. A read that failed goes to the end, and the worker that put
/// it there goes on.
pub(crate) async fn read_all<R: Reach>(
    mut worker: Worker<R>,
    todo: Arc<Todo>,
    stop: CancellationToken,
) -> Result<Worker<R>, RunError> {
    loop {
        let next = lock(&todo.queue).pop_front();
        let Some((node, read)) = next else { break };
        if todo.is_hopeless(worker.reach().now()) {
            break;
        }
        // A read that is dropped stays open in the history, as it is.
        let completion = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            completion = worker.operate(&read, node) => completion?,
        };
        let now = worker.reach().now();
        match completion {
            Completion::Ok(_) => todo.answered(now),
            Completion::Fail(_) | Completion::Info(_) => {
                lock(&todo.queue).push_back((node, read));
                worker.reach().sleep_until(now + RETRY_AFTER).await;
            }
        }
    }
    Ok(worker)
}
