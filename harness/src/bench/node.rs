//! The node's speed: the bundled cluster, and another etcd v3 server in turn with it.
//!
//! The bundled nodes are started for the purpose, on real files, and dial each other directly: what is measured is the node,
//! not the proxy. The other server is as its owner set it up; its processes are found by the ports they listen on.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use rustix::fs::{FsWord, statfs};
use serde::Serialize;
use tempfile::TempDir;
use tokio::runtime::Builder;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;

use super::cpu::Processes;
use super::load::{Measured, Shape, Target};
use super::{BenchError, Op, Steps};
use crate::cluster::{Cluster, ClusterOptions};
use crate::seed::Seed;

/// etcd's defaults: what is compared should wait alike.
const ELECTION_TIMEOUT: Duration = Duration::from_secs(1);
const HEARTBEAT: Duration = Duration::from_millis(100);

/// What the bundled nodes are called in figures.
pub(crate) const BUNDLED: &str = "bundled";
/// What the other server is called.
pub(crate) const ENDPOINTS: &str = "endpoints";

/// `TMPFS_MAGIC` of `statfs(2)`.
const TMPFS: FsWord = 0x0102_1994;

/// What to measure.
#[derive(Debug, Clone)]
pub(crate) struct NodeBench {
    /// Bundled nodes to start.
    pub(crate) nodes: usize,
    /// The other server; empty for none.
    pub(crate) endpoints: Vec<SocketAddr>,
    /// In here, a folder for the nodes' data is made, and removed afterwards.
    pub(crate) data_root: PathBuf,
    /// What clients do, one after the other.
    pub(crate) ops: Vec<Op>,
    /// Numbers of clients, one after the other.
    pub(crate) clients: Vec<usize>,
    /// Turns.
    pub(crate) rounds: usize,
    /// What all measurements have in common.
    pub(crate) shape: Shape,
}

/// What it came to.
#[derive(Debug, Serialize)]
pub(crate) struct NodeFigures {
    /// Processors that servers and load generator shared.
    pub(crate) processors: usize,
    /// Bundled nodes.
    pub(crate) nodes: usize,
    /// Whether the bundled nodes' data are on a disk that is none: syncing costs nothing there.
    pub(crate) data_in_memory: bool,
    /// The other server's endpoints.
    pub(crate) endpoints: Vec<SocketAddr>,
    /// Processes that serve these, as far as they are known.
    pub(crate) endpoint_processes: usize,
    /// What all measurements have in common.
    #[serde(flatten)]
    pub(crate) shape: Shape,
    /// Every measurement, in the order they were taken.
    pub(crate) rounds: Vec<Round>,
    /// Whether somebody stopped it before all of them were.
    pub(crate) interrupted: bool,
}

/// One measurement, and whose.
#[derive(Debug, Serialize)]
pub(crate) struct Round {
    pub(crate) op: Op,
    pub(crate) clients: usize,
    pub(crate) turn: usize,
    pub(crate) target: &'static str,
    #[serde(flatten)]
    pub(crate) measured: Measured,
}

/// Measures.
pub(crate) fn run(bench: &NodeBench, steps: &Steps) -> Result<NodeFigures, BenchError> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    // Half of the machine for the load, half for what is measured.
    let mut runtime = Builder::new_multi_thread();
    let runtime = runtime.worker_threads((processors / 2).max(1)).enable_all().build();
    let runtime = runtime.map_err(BenchError::io("cannot start the runtime"))?;
    let made = std::fs::create_dir_all(&bench.data_root)
        .and_then(|()| tempfile::Builder::new().prefix("bench-").tempdir_in(&bench.data_root));
    let data =
        made.map_err(|source| BenchError::Folder { path: bench.data_root.clone(), source })?;
    let mut figures = NodeFigures {
        processors,
        nodes: bench.nodes,
        data_in_memory: in_memory(&data),
        endpoints: bench.endpoints.clone(),
        endpoint_processes: 0,
        shape: bench.shape.clone(),
        rounds: Vec::new(),
        interrupted: false,
    };
    runtime.block_on(async {
        let stop = interrupt()?;
        let measured = tokio::select! {
            measured = compare(bench, &data, steps, &mut figures) => measured,
            () = stop.cancelled() => Ok(()),
        };
        figures.interrupted = stop.is_cancelled();
        measured
    })?;
    Ok(figures)
}

/// Both sides in turn. Whatever ends this early, the cluster's nodes end with it.
async fn compare(
    bench: &NodeBench,
    data: &TempDir,
    steps: &Steps,
    figures: &mut NodeFigures,
) -> Result<(), BenchError> {
    let peer = (!bench.endpoints.is_empty()).then(|| Target {
        name: ENDPOINTS,
        endpoints: bench.endpoints.clone(),
        processes: Processes::listening_on(&bench.endpoints),
    });
    if let Some(peer) = &peer {
        peer.answers().await?;
        figures.endpoint_processes = peer.processes.count();
    }
    steps.note(&format!("starting {} nodes", bench.nodes));
    let cluster = start(bench, data).await?;
    let bundled = Target {
        name: BUNDLED,
        endpoints: (0..bench.nodes).map(|node| cluster.direct_addr(node)).collect(),
        processes: Processes::new((0..bench.nodes).filter_map(|node| cluster.pid(node)).collect()),
    };
    let mut targets: Vec<&Target> = [Some(&bundled), peer.as_ref()].into_iter().flatten().collect();
    steps.plan(bench.ops.len() * bench.clients.len() * bench.rounds * targets.len());
    for target in &targets {
        steps.note(&format!("{}: writing {} keys", target.name, bench.shape.keys));
        target.fill(&bench.shape).await?;
    }
    for (op, clients) in pairs(&bench.ops, &bench.clients) {
        for turn in 1..=bench.rounds {
            for target in &targets {
                let measured = target.measure(op, clients, &bench.shape).await?;
                let speed = measured.ops_per_second;
                let (op_name, of) = (op.name(), bench.rounds);
                steps.done(&format!(
                    "{op_name}, {clients} clients, turn {turn} of {of}: {} {speed:.0} ops/s",
                    target.name
                ));
                figures.rounds.push(Round { op, clients, turn, target: target.name, measured });
            }
            // Whoever comes second may find the machine warmer, or the disk busier.
            targets.reverse();
        }
    }
    cluster.stop().await?;
    Ok(())
}

async fn start(bench: &NodeBench, data: &TempDir) -> Result<Cluster, BenchError> {
    let cluster = Cluster::start(ClusterOptions {
        binary: ClusterOptions::this_binary()?,
        nodes: bench.nodes,
        data_root: data.path().to_owned(),
        election_timeout: ELECTION_TIMEOUT,
        heartbeat: HEARTBEAT,
        seed: Seed(u64::from(std::process::id())),
        bugs: Vec::new(),
        proxied: false,
    });
    Ok(cluster.await?)
}

fn pairs(ops: &[Op], clients: &[usize]) -> impl Iterator<Item = (Op, usize)> {
    ops.iter().flat_map(move |op| clients.iter().map(move |clients| (*op, *clients)))
}

/// Cancelled by Ctrl-C or SIGTERM.
fn interrupt() -> Result<CancellationToken, BenchError> {
    let signal = |kind| signal(kind).map_err(BenchError::io("cannot listen for Ctrl-C"));
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let token = CancellationToken::new();
    let cancelled = token.clone();
    tokio::spawn(async move {
        tokio::select! {
            _ = interrupt.recv() => {}
            _ = terminate.recv() => {}
        }
        cancelled.cancel();
    });
    Ok(token)
}

fn in_memory(data: &TempDir) -> bool {
    statfs(data.path()).is_ok_and(|found| found.f_type == TMPFS)
}
