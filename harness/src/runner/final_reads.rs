//! The reads that end a run: every object, through every node.
//!
//! A write that was lost shows only if somebody looks, and a node whose copy went astray only if that node is asked. A
//! read that fails is tried again, as a new operation, as long as others are still answered: how many there are depends on
//! the length of the run, so there is no time for all of them together.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rashomon_workloads::Invocation;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::RunError;
use super::load::{Shared, Worker, each};
use crate::client::Completion;

/// Pause before a read that failed is tried again.
const RETRY_AFTER: Duration = Duration::from_millis(50);

/// How the final reads went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct FinalReads {
    /// Reads that were to be done: objects times nodes.
    pub(super) wanted: usize,
    /// Reads that were answered.
    pub(super) answered: usize,
}

struct Todo {
    queue: Mutex<VecDeque<(usize, Invocation)>>,
    answered: AtomicUsize,
    /// When the last answer came.
    heard: Mutex<Instant>,
    patience: Duration,
}

impl Todo {
    fn answered(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
        *self.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn is_hopeless(&self) -> bool {
        let heard = *self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        heard.elapsed() >= self.patience
    }

    fn queue<T>(&self, with: impl FnOnce(&mut VecDeque<(usize, Invocation)>) -> T) -> T {
        with(&mut self.queue.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Reads everything through each of `nodes` nodes, until `patience` went by without an answer, or until `stop`.
pub(super) async fn perform(
    workers: Vec<Worker>,
    shared: &Shared,
    nodes: usize,
    patience: Duration,
    stop: &CancellationToken,
) -> Result<FinalReads, RunError> {
    let reads = shared.final_reads();
    let queue: VecDeque<(usize, Invocation)> =
        reads.iter().flat_map(|read| (0..nodes).map(|node| (node, read.clone()))).collect();
    let wanted = queue.len();
    let todo = Arc::new(Todo {
        queue: Mutex::new(queue),
        answered: AtomicUsize::new(0),
        heard: Mutex::new(Instant::now()),
        patience,
    });
    each(workers, stop, |worker, stop| read_all(worker, Arc::clone(&todo), stop)).await?;
    Ok(FinalReads { wanted, answered: todo.answered.load(Ordering::Relaxed) })
}

/// Takes reads until there are none. A read that failed goes to the end, and the worker that put it there goes on.
async fn read_all(
    mut worker: Worker,
    todo: Arc<Todo>,
    stop: CancellationToken,
) -> Result<Worker, RunError> {
    while let Some((node, read)) = todo.queue(VecDeque::pop_front) {
        if todo.is_hopeless() {
            break;
        }
        // A read that is dropped stays open in the history, as it is.
        let completion = tokio::select! {
            biased;
            () = stop.cancelled() => break,
            completion = worker.operate(&read, node) => completion?,
        };
        match completion {
            Completion::Ok(_) => todo.answered(),
            Completion::Fail(_) | Completion::Info(_) => {
                todo.queue(|queue| queue.push_back((node, read)));
                sleep(RETRY_AFTER).await;
            }
        }
    }
    Ok(worker)
}
