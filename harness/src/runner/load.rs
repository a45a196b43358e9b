//! The clients of a run, working side by side.
//!
//! ```text
//! generator -> client 0 (stays at n1, mostly reads)  -> record, perform, record, observe
//! generator -> client 1 (stays at n2, mostly reads)  -> ...
//! generator -> client 3 (stays at n1, mostly writes) -> ...
//! generator -> client 6 (roams)                      -> ...
//!     |             what they know of each other: the board
//! ```
//!
//! Each client has its own generator and does one operation at a time, so that the seed decides what it does. After an
//! `info` its process number is retired (the next one is higher by the number of clients, so numbers never meet), it starts
//! over with fresh connections, and its stream goes on. Now and then a client follows its own acknowledged write with a
//! read of the same object from another node: that is where a stale read hides.
//!
//! Clients run on threads of their own, so that proxy and nemesis cannot delay the moment at which an answer is seen.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rashomon_checker::history::ProcessId;
use rashomon_workloads::{Board, Generator, Invocation, Leaning, Place, Workload};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::RunError;
use super::agenda::Agenda;
use super::pace::Pace;
use super::routing::Routing;
use crate::client::{Client, Completion};
use crate::plan::Plan;
use crate::progress::Tally;
use crate::reach::Reach;
use crate::recorder::Recorder;

/// Out of 100 acknowledged writes, those that are followed by a read elsewhere.
const PROBE_PERCENT: u32 = 15;
/// How long a client rests after an operation for which it got no connection: a dead node refuses at once, and a client that
/// stays with it would fill the history with failures.
const REST: Duration = Duration::from_millis(100);

/// What all clients of a run share.
pub(crate) struct Shared {
    board: Mutex<Board>,
    recorder: Recorder,
    tally: Tally,
    /// Names of the nodes, by position.
    nodes: Vec<String>,
    clients: u64,
}

impl Shared {
    pub(crate) fn new(plan: &Plan, nodes: Vec<String>, recorder: Recorder) -> Self {
        Self {
            board: Mutex::default(),
            recorder,
            tally: Tally::default(),
            nodes,
            clients: plan.concurrency as u64,
        }
    }

    /// Operations by outcome so far.
    pub(crate) fn tally(&self) -> &Tally {
        &self.tally
    }

    /// Lines in the history so far.
    pub(crate) fn events(&self) -> u64 {
        self.recorder.events()
    }

    /// The reads that end the run, one for each object there was.
    pub(crate) fn final_reads(&self) -> Vec<Invocation> {
        self.board().final_reads()
    }

    fn board(&self) -> MutexGuard<'_, Board> {
        self.board.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One client with its habits.
pub(crate) struct Worker<R: Reach> {
    shared: Arc<Shared>,
    generator: Box<dyn Generator>,
    client: Client<R>,
    process: ProcessId,
    routing: Routing,
    pace: Pace,
    rng: ChaCha8Rng,
    /// What it leaves out, if it may leave out anything.
    agenda: Option<Agenda>,
}

/// All clients of a run, not yet working.
pub(crate) fn workers<R: Reach>(
    plan: &Plan,
    workload: &dyn Workload,
    reach: &R,
    shared: &Arc<Shared>,
) -> Vec<Worker<R>> {
    (0..plan.concurrency)
        .map(|number| {
            let seed = plan.seed.derive(&format!("client {number}"));
            let routing = seed.derive("routing").rng();
            let routing = Routing::new(plan.nodes, number, plan.concurrency, routing);
            let place = Place {
                seed: plan.seed.derive("workload").0,
                client: number as u64,
                clients: plan.concurrency as u64,
                leaning: routing.leaning(),
            };
            Worker {
                shared: Arc::clone(shared),
                generator: workload.generator(place),
                client: Client::new(reach.clone(), workload.shape(), plan.nodes, plan.op_timeout()),
                process: ProcessId(number as u64),
                routing,
                pace: Pace::new(plan.rate, plan.concurrency, seed.derive("pace").rng()),
                rng: seed.derive("probes").rng(),
                agenda: None,
            }
        })
        .collect()
}

/// Lets all clients work from `start` until `stop`, each as a task, and hands them back. Every operation that was begun is
/// completed.
///
/// If the history cannot be written, all of them stop.
pub(crate) async fn work<R: Reach>(
    workers: Vec<Worker<R>>,
    start: Duration,
    stop: &CancellationToken,
) -> Result<Vec<Worker<R>>, RunError> {
    each(workers, stop, move |worker, stop| worker.work(start, stop)).await
}

/// Runs a task for each worker; the first error stops all of them.
pub(crate) async fn each<R: Reach, F>(
    workers: Vec<Worker<R>>,
    stop: &CancellationToken,
    task: impl Fn(Worker<R>, CancellationToken) -> F,
) -> Result<Vec<Worker<R>>, RunError>
where
    F: Future<Output = Result<Worker<R>, RunError>> + Send + 'static,
{
    let mut tasks = JoinSet::new();
    for worker in workers {
        tasks.spawn(task(worker, stop.clone()));
    }
    let mut first_error = None;
    let mut done = Vec::with_capacity(tasks.len());
    while let Some(joined) = tasks.join_next().await {
        match joined {
            Ok(Ok(worker)) => done.push(worker),
            Ok(Err(error)) => {
                stop.cancel();
                first_error.get_or_insert(error);
            }
            Err(panic) => {
                stop.cancel();
                first_error.get_or_insert(RunError::Panicked(panic));
            }
        }
    }
    first_error.map_or(Ok(done), Err)
}

impl<R: Reach> Worker<R> {
    /// The same, which leaves some operations out.
    pub(crate) fn with_agenda(self, agenda: Agenda) -> Self {
        Self { agenda: Some(agenda), ..self }
    }

    /// Works until `stop`; its pace counts from `start`. An operation that was begun is completed.
    pub(crate) async fn work(
        mut self,
        start: Duration,
        stop: CancellationToken,
    ) -> Result<Self, RunError> {
        loop {
            tokio::select! {
                biased;
                () = stop.cancelled() => return Ok(self),
                () = self.reach().sleep_until(start + self.pace.due()) => {}
            }
            let invocation = self.generator.next(&mut self.shared.board());
            let node = self.routing.next();
            if !self.agenda.as_mut().is_none_or(Agenda::admits_next) {
                self.pace.advance(self.since(start));
                continue;
            }
            let completion = self.operate(&invocation, node).await?;
            match completion {
                Completion::Ok(_) if invocation.is_read() => {}
                Completion::Ok(_) => self.probe(&invocation, node).await?,
                Completion::Fail(_) if self.client.is_connected(node) => {
                    // A write may have been declined for its guard, which is no trouble; a read is never declined.
                    if invocation.is_read() {
                        self.routing.trouble();
                    }
                }
                Completion::Fail(_) | Completion::Info(_) => {
                    self.routing.trouble();
                    self.pace.rest(self.since(start) + REST);
                }
            }
            self.pace.advance(self.since(start));
        }
    }

    /// Where it works.
    pub(crate) fn reach(&self) -> &R {
        self.client.reach()
    }

    fn since(&self, start: Duration) -> Duration {
        self.reach().now().saturating_sub(start)
    }

    /// Now and then reads what was just written, from another node. One that stays to write does not: where the others
    /// wait for a new leader, so would it, and miss what the old one still acknowledges.
    async fn probe(&mut self, written: &Invocation, node: usize) -> Result<(), RunError> {
        let moves = self.routing.leaning() != Leaning::Writes;
        if moves && self.rng.random_range(0..100) < PROBE_PERCENT {
            let other = self.routing.other(node);
            self.operate(&Invocation::read(written.key.clone()), other).await?;
        }
        Ok(())
    }

    /// One operation, from its line in the history to its other line.
    pub(crate) async fn operate(
        &mut self,
        invocation: &Invocation,
        node: usize,
    ) -> Result<Completion, RunError> {
        let shared = &self.shared;
        let name = &shared.nodes[node];
        shared.recorder.invoke(self.process, invocation, name)?;
        let completion = self.client.perform(invocation, node).await?;
        shared.recorder.complete(self.process, invocation, name, &completion)?;
        shared.tally.count(&completion);
        let answer = match &completion {
            Completion::Ok(answer) => Some(answer),
            Completion::Fail(_) | Completion::Info(_) => None,
        };
        self.generator.observe(&mut shared.board(), invocation, answer);
        if let Completion::Info(_) = completion {
            self.process = ProcessId(self.process.0 + shared.clients);
            self.client.reset();
        }
        Ok(completion)
    }
}
