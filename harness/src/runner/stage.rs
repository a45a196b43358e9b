//! The part of a run in which nodes are alive: load, faults, final reads.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

use super::final_reads::{self, FinalReads};
use super::load::{self, Shared};
use super::watch::{Sights, Watch};
use super::{Run, RunError, Runtimes};
use crate::cluster::{Cluster, ClusterOptions};
use crate::nemesis::{self, FaultRecord, NemesisSummary};
use crate::progress::Progress;
use crate::recorder::{FaultJournal, Recorder};

/// Heartbeats in one election timeout.
const HEARTBEATS_PER_ELECTION: u32 = 5;
/// How long to wait for a leader before the final reads are tried anyway.
const SETTLE_MAX: Duration = Duration::from_secs(10);
/// Pause between two questions for the leader.
const ASK_EVERY: Duration = Duration::from_millis(20);
/// How long the final reads may take together.
const FINAL_READS_MAX: Duration = Duration::from_secs(15);

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
    pub(super) final_reads: FinalReads,
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
            let cluster = Arc::new(Cluster::start(self.cluster_options()?).await?);
            let staged = self.with_cluster(&cluster, recorder, journal).await;
            let stopped = cluster.stop().await;
            // The first error is the one to tell.
            let staged = staged?;
            stopped?;
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
        let Run { plan, workload, .. } = *self.run;
        let shared = Arc::new(Shared::new(plan, workload, cluster.names(), recorder));
        let watch = Watch::start(Sights {
            cluster: Arc::clone(cluster),
            shared: Arc::clone(&shared),
            journal: Arc::clone(journal),
            progress: Arc::clone(self.progress),
        });
        let (workers, nemesis) = self.load_and_faults(cluster, &shared, journal).await?;
        if let Some(error) = journal.error() {
            return Err(error.into());
        }
        if let Some(what) = nemesis.broken {
            return Err(RunError::Nemesis(what));
        }
        let interrupted = self.interrupt.is_cancelled();
        self.progress.phase("final reads");
        settle(cluster).await;
        let final_reads = self.final_reads(workers, &shared).await?;
        Ok(Staged {
            faults: journal.records(),
            nemesis,
            final_reads,
            unexpected_exits: cluster.unexpected_exits(),
            leader_changes: watch.leader_changes().await?,
            interrupted,
        })
    }

    /// Load and faults until the time is over or somebody stops them. The load goes on until every fault is healed.
    async fn load_and_faults(
        self,
        cluster: &Arc<Cluster>,
        shared: &Arc<Shared>,
        journal: &Arc<FaultJournal>,
    ) -> Result<(Vec<load::Worker>, NemesisSummary), RunError> {
        let Run { plan, workload, .. } = *self.run;
        self.progress.phase("load");
        let addresses: Vec<_> = (0..plan.nodes).map(|node| cluster.client_addr(node)).collect();
        let workers = load::workers(plan, workload, &addresses, shared);
        let schedule = nemesis::plan_schedule(
            plan.seed.derive("nemesis"),
            &plan.faults,
            plan.fault_interval(),
            plan.time_limit(),
        );
        let (load_stop, faults_stop) = (CancellationToken::new(), CancellationToken::new());
        let stop = load_stop.clone();
        let load = self.runtimes.clients.spawn(async move { load::work(workers, &stop).await });
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
        load_stop.cancel();
        Ok((load.await??, nemesis))
    }

    async fn final_reads(
        self,
        workers: Vec<load::Worker>,
        shared: &Arc<Shared>,
    ) -> Result<FinalReads, RunError> {
        let (shared, nodes) = (Arc::clone(shared), self.run.plan.nodes);
        let reads = async move {
            let stop = CancellationToken::new();
            final_reads::perform(workers, &shared, nodes, FINAL_READS_MAX, &stop).await
        };
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
