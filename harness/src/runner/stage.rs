//! The part of a run in which nodes are alive: load, faults, final reads.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::coverage::OK_MIN;
use super::final_reads::{self, FinalReads, Todo};
use super::load::{self, Shared};
use super::replicas;
use super::watch::{Sights, Watch};
use super::{Run, RunError, Runtimes};
use crate::cluster::{Cluster, ClusterOptions};
use crate::nemesis::{self, FaultRecord, NemesisSummary, Tempo};
use crate::progress::Progress;
use crate::reach::{Processes, Reach};
use crate::recorder::{FaultJournal, Recorder};

/// Heartbeats in one election timeout.
const HEARTBEATS_PER_ELECTION: u32 = 5;
/// How long to wait for a leader before the final reads are tried anyway.
const SETTLE_MAX: Duration = Duration::from_secs(10);
/// Pause between two questions for the leader.
const ASK_EVERY: Duration = Duration::from_millis(20);
/// How long the load goes on after the last heal.
const RECOVERY: Duration = Duration::from_secs(1);
/// How much longer it goes on while too little of it succeeds: elections and repeated restarts take their time.
pub(super) const RECOVERY_MAX: Duration = Duration::from_secs(20);
/// How long the final reads go on without an answer.
const FINAL_READS_PATIENCE: Duration = Duration::from_secs(15);

/// What the stage is set with.
#[derive(Clone, Copy)]
pub(super) struct Stage<'a> {
    pub(super) run: &'a Run<'a>,
    pub(super) runtimes: &'a Runtimes,
    pub(super) interrupt: &'a CancellationToken,
    pub(super) progress: &'a Arc<Progress>,
}

/// What happened besides the history.
#[derive(Debug)]
pub(super) struct Staged {
    pub(super) faults: Vec<FaultRecord>,
    pub(super) nemesis: NemesisSummary,
    /// Events in the history when the load was over.
    pub(super) load_events: u64,
    pub(super) final_reads: FinalReads,
    /// In what the replicas differed in the end.
    pub(super) differing: Option<String>,
    pub(super) unexpected_exits: Vec<String>,
    pub(super) leader_changes: u64,
    pub(super) interrupted: bool,
}

impl Stage<'_> {
    /// Brings the cluster up, performs, and takes the cluster down whatever happened.
    pub(super) fn perform(
        self,
        recorder: Recorder,
        journal: &Arc<FaultJournal>,
    ) -> Result<Staged, RunError> {
        self.runtimes.harness.block_on(async {
            self.progress.phase(&format!("starting {} nodes", self.run.plan.nodes));
            // Until there is load there is nothing to check: a signal ends this at once.
            let cluster = tokio::select! {
                biased;
                () = self.interrupt.cancelled() => return Err(RunError::Interrupted),
                started = Cluster::start(self.cluster_options()?) => Arc::new(started?),
            };
            let staged = self.with_cluster(&cluster, recorder, journal).await;
            let stopped = cluster.stop().await;
            // The first error is the one to tell.
            let mut staged = staged?;
            stopped?;
            // Also of those that did not end as they were told to.
            staged.unexpected_exits = cluster.unexpected_exits();
            Ok(staged)
        })
    }

    fn cluster_options(self) -> Result<ClusterOptions, RunError> {
        let plan = self.run.plan;
        Ok(ClusterOptions {
            binary: ClusterOptions::this_binary()?,
            nodes: plan.nodes,
            data_root: self.run.folder.file("nodes"),
            election_timeout: plan.election_timeout(),
            heartbeat: plan.election_timeout() / HEARTBEATS_PER_ELECTION,
            seed: plan.seed.derive("cluster"),
            bugs: plan.bugs.clone(),
            proxied: true,
        })
    }

    async fn with_cluster(
        self,
        cluster: &Arc<Cluster>,
        recorder: Recorder,
        journal: &Arc<FaultJournal>,
    ) -> Result<Staged, RunError> {
        let plan = self.run.plan;
        let shared = Arc::new(Shared::new(plan, cluster.names(), recorder));
        let watch = Watch::start(Sights {
            cluster: Arc::clone(cluster),
            shared: Arc::clone(&shared),
            journal: Arc::clone(journal),
            progress: Arc::clone(self.progress),
        });
        let addresses: Vec<_> = (0..plan.nodes).map(|node| cluster.client_addr(node)).collect();
        let reach = Processes::new(&addresses);
        let loaded = self.load_and_faults(cluster, &reach, &shared, journal).await;
        let (workers, nemesis) = loaded?;
        if let Some(error) = journal.error() {
            return Err(error.into());
        }
        if let Some(what) = nemesis.broken {
            return Err(RunError::Nemesis(what));
        }
        let load_events = shared.events();
        self.progress.phase("final reads");
        // A signal that ended the load asked for what was recorded to be checked, and the final reads belong to that. One
        // from now on ends them.
        let stop = if self.interrupt.is_cancelled() {
            CancellationToken::new()
        } else {
            self.interrupt.child_token()
        };
        let final_reads = self.final_reads(cluster, &reach, workers, &shared, &stop).await?;
        let differing = tokio::select! {
            differing = replicas::difference(cluster) => differing,
            () = stop.cancelled() => None,
        };
        Ok(Staged {
            faults: journal.records(),
            nemesis,
            load_events,
            final_reads,
            differing,
            unexpected_exits: Vec::new(),
            leader_changes: watch.leader_changes().await?,
            interrupted: self.interrupt.is_cancelled(),
        })
    }

    /// Load and faults until the time is over or somebody stops them. The load goes on until every fault is healed.
    async fn load_and_faults(
        self,
        cluster: &Arc<Cluster>,
        reach: &Processes,
        shared: &Arc<Shared>,
        journal: &Arc<FaultJournal>,
    ) -> Result<(Vec<load::Worker<Processes>>, NemesisSummary), RunError> {
        let Run { plan, workload, .. } = *self.run;
        self.progress.phase("load");
        let workers = load::workers(plan, workload, reach, shared);
        let schedule = nemesis::plan_schedule(
            plan.seed.derive("nemesis"),
            &plan.faults,
            plan.fault_interval(),
            plan.time_limit(),
            Tempo::default(),
        );
        let (load_stop, faults_stop) = (CancellationToken::new(), CancellationToken::new());
        let (reach, stop) = (reach.clone(), load_stop.clone());
        let load = async move { load::work(workers, reach.now(), &stop).await };
        let load = self.runtimes.clients.spawn(load);
        let log = Arc::<FaultJournal>::clone(journal);
        let faults =
            tokio::spawn(nemesis::run(Arc::clone(cluster), schedule, log, faults_stop.clone()));
        tokio::select! {
            () = sleep(plan.time_limit()) => {}
            () = self.interrupt.cancelled() => {}
            // The clients stopped by themselves: the history cannot be written.
            () = load_stop.cancelled() => {}
        }
        self.progress.phase("healing");
        faults_stop.cancel();
        let nemesis = faults.await?;
        if nemesis.installed > 0 {
            self.recover(shared, &load_stop).await;
        }
        load_stop.cancel();
        Ok((load.await??, nemesis))
    }

    /// Lets the load go on after the last heal, until enough of it has succeeded to mean something.
    async fn recover(self, shared: &Shared, load_stop: &CancellationToken) {
        self.progress.phase("load after the faults");
        let (begin, before) = (Instant::now(), shared.tally().counts()[0]);
        let seen_enough = async {
            sleep(RECOVERY).await;
            let patience = RECOVERY_MAX + self.run.plan.time_for(OK_MIN);
            while shared.tally().counts()[0] < before + OK_MIN && begin.elapsed() < patience {
                sleep(ASK_EVERY).await;
            }
        };
        tokio::select! {
            () = seen_enough => {}
            () = self.interrupt.cancelled() => {}
            () = load_stop.cancelled() => {}
        }
    }

    async fn final_reads(
        self,
        cluster: &Cluster,
        reach: &Processes,
        workers: Vec<load::Worker<Processes>>,
        shared: &Shared,
        stop: &CancellationToken,
    ) -> Result<FinalReads, RunError> {
        tokio::select! {
            () = settle(cluster) => {}
            () = stop.cancelled() => {}
        }
        let nodes: Vec<usize> = (0..self.run.plan.nodes).collect();
        let todo = Todo::new(shared, &nodes, FINAL_READS_PATIENCE, reach.now());
        let stop = stop.clone();
        let reads = async move { final_reads::perform(workers, todo, &stop).await };
        self.runtimes.clients.spawn(reads).await?
    }
}

/// Waits until some node leads again: reads before that would only fail.
async fn settle(cluster: &Cluster) {
    let deadline = Instant::now() + SETTLE_MAX;
    while cluster.leader().await.is_none() && Instant::now() < deadline {
        sleep(ASK_EVERY).await;
    }
}
