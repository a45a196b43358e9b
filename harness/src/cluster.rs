//! The nodes of a run: child processes with the faulty network between them.
//!
//! ```text
//!  harness ── spawner thread ──► n1, n2, n3        each in a process group of its own, its parent's death is its own
//!     │                           │ listen on ports that are held for them over every restart
//!     ├── proxy thread ── n1>n2, n1>n3, ... c>n1   each node dials its peers, and clients their nodes, through these
//!     └── Status, asked directly ──►               readiness, leader, "answers again"
//! ```
//!
//! **Owns** processes, their ports, logs and ends. **Refuses to own** when to kill or cut (the nemesis) and what clients
//! do.
//!
//! Invariants:
//! - Signals go to children of ours only, by number, and never after the child was reaped (`process`).
//! - An end that nobody asked for is kept as a finding, with the last lines of the node's log.
//! - Dropping the cluster kills the nodes; a harness that is killed takes them along (`spawner`).
//! - Ready means that each node answered and a majority agrees on the leader, not that time went by.
//!
//! Nodes are numbered from 0 here, by their place in [`Cluster::names`]: node 0 is `n1`, its member id is 1.

mod error;
mod log_tail;
mod node;
mod process;
mod spawner;
mod status;

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError};
use std::time::{Duration, Instant};

use tokio::task::JoinSet;
use tokio::time::sleep;

pub use self::error::ClusterError;
pub use self::status::NodeStatus;

use self::node::{Node, NodeParts, NodePorts};
use self::process::Findings;
use self::spawner::Spawner;
use self::status::{Asker, ask_all, is_led, leader_of};
use crate::nemesis::Receipt;
use crate::ports::{PortError, PortPool};
use crate::proxy::{Link, Network, NetworkOptions};
use crate::seed::Seed;

/// How long the cluster may take to elect its first leader.
const LEADER_PATIENCE: Duration = Duration::from_secs(20);

/// Pause between two questions about the leader while there is none.
const ASK_EVERY: Duration = Duration::from_millis(10);

/// How long a node may take to say what it knows of the leader. Short: paused nodes never answer.
const LEADER_QUESTION_PATIENCE: Duration = Duration::from_millis(150);

/// How long a killed node may take to be gone when the cluster is dropped.
const DROP_PATIENCE: Duration = Duration::from_secs(5);

/// What to start.
#[derive(Debug, Clone)]
pub struct ClusterOptions {
    /// The program that has the verb `node`; see [`ClusterOptions::this_binary`].
    pub binary: PathBuf,
    /// How many nodes.
    pub nodes: usize,
    /// Folder with a folder per node, each with `log.jsonl` and `data`.
    pub data_root: PathBuf,
    /// Base election timeout of the nodes.
    pub election_timeout: Duration,
    /// Heartbeat interval of the nodes.
    pub heartbeat: Duration,
    /// The run's seed.
    pub seed: Seed,
    /// Built-in bugs to switch on.
    pub bugs: Vec<String>,
    /// Whether nodes and clients reach nodes through a proxy, which faults and only faults need.
    pub proxied: bool,
}

impl ClusterOptions {
    /// The program that is running: one binary is the whole product.
    pub fn this_binary() -> Result<PathBuf, ClusterError> {
        // Not its path: by the time a node is started again, somebody may have built a new one there.
        let this = PathBuf::from("/proc/self/exe");
        if this.exists() {
            Ok(this)
        } else {
            std::env::current_exe().map_err(ClusterError::NoBinary)
        }
    }
}

/// Running nodes with the network between them. Dropping it kills the nodes.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Arc<Node>>,
    askers: Vec<Asker>,
    network: Network,
    findings: Findings,
    spawner: Arc<Spawner>,
}

impl Cluster {
    /// Starts the nodes and waits until each answers and a majority agrees on the leader.
    pub async fn start(options: ClusterOptions) -> Result<Self, ClusterError> {
        let cluster = Self::prepare(&options)?;
        for node in &cluster.nodes {
            node.launch(&cluster.spawner).await?;
        }
        cluster.ready().await?;
        Ok(cluster)
    }

    /// Everything but the processes.
    fn prepare(options: &ClusterOptions) -> Result<Self, ClusterError> {
        if options.nodes == 0 {
            return Err(ClusterError::NoNodes);
        }
        if !options.binary.is_file() {
            return Err(ClusterError::BinaryMissing(options.binary.clone()));
        }
        let mut pool = PortPool::new(options.seed);
        let ports = (0..options.nodes)
            .map(|_| {
                let (client, peer) = (pool.reserve()?, pool.reserve()?);
                Ok(NodePorts { client, peer, metrics: pool.reserve()? })
            })
            .collect::<Result<Vec<_>, PortError>>()?;
        let addresses = |of: fn(&NodePorts) -> SocketAddr| {
            if options.proxied { ports.iter().map(of).collect() } else { Vec::new() }
        };
        let network = NetworkOptions {
            peers: addresses(|ports| ports.peer.addr()),
            clients: addresses(|ports| ports.client.addr()),
            seed: options.seed.derive("network"),
        };
        let network = Network::start(&network, &mut pool)?;
        let peers: Vec<SocketAddr> = ports.iter().map(|ports| ports.peer.addr()).collect();
        let spawner = Arc::new(Spawner::start().map_err(ClusterError::Spawner)?);
        let findings = Findings::default();
        let mut nodes = Vec::new();
        for (node, ports) in ports.into_iter().enumerate() {
            let dial = dialled(&network, node, &peers);
            let made_of = parts(options, &dial, node, ports, &findings)?;
            nodes.push(Arc::new(Node::new(made_of)));
        }
        let askers = nodes.iter().map(|node| node.asker.clone()).collect();
        Ok(Self { nodes, askers, network, findings, spawner })
    }

    async fn ready(&self) -> Result<(), ClusterError> {
        for node in &self.nodes {
            if let Some(process) = node.process() {
                node.answers(&process).await?;
            }
        }
        let deadline = Instant::now() + LEADER_PATIENCE;
        loop {
            let answers = ask_all(&self.askers, LEADER_QUESTION_PATIENCE, is_led).await;
            if is_led(&answers) {
                return Ok(());
            }
            if Instant::now() > deadline {
                let seen = self.in_words(&answers);
                return Err(ClusterError::NoLeader { patience: LEADER_PATIENCE, seen });
            }
            sleep(ASK_EVERY).await;
        }
    }

    fn in_words(&self, answers: &[Option<NodeStatus>]) -> String {
        let words = self.nodes.iter().zip(answers).map(|(node, answer)| {
            let name = &node.name;
            match answer {
                None => format!("{name} nothing"),
                Some(NodeStatus { term, leader: None, .. }) => {
                    format!("{name} no leader in term {term}")
                }
                Some(NodeStatus { term, leader: Some(leader), .. }) => {
                    format!("{name} leader n{leader} in term {term}")
                }
            }
        });
        words.collect::<Vec<_>>().join(", ")
    }

    /// `n1`, `n2`...
    pub fn names(&self) -> Vec<String> {
        self.nodes.iter().map(|node| node.name.clone()).collect()
    }

    /// Where clients reach a node: through its proxy, if it has one.
    pub fn client_addr(&self, node: usize) -> SocketAddr {
        self.network.listen_addr(Link::to_node(node)).unwrap_or_else(|| self.direct_addr(node))
    }

    /// Where the harness reaches a node for its own questions; never for operations of a workload.
    pub fn direct_addr(&self, node: usize) -> SocketAddr {
        self.nodes[node].direct_addr()
    }

    /// Where a node tells its figures as Prometheus text.
    pub fn metrics_addr(&self, node: usize) -> SocketAddr {
        self.nodes[node].ports.metrics.addr()
    }

    /// The process number of a node; `None` while it is down.
    pub fn pid(&self, node: usize) -> Option<i32> {
        let process = self.nodes[node].process()?;
        process.exit().is_none().then(|| process.pid())
    }

    /// The node that leads, asked now: of those that say so, the one with the highest term.
    pub async fn leader(&self) -> Option<usize> {
        leader_of(&ask_all(&self.askers, LEADER_QUESTION_PATIENCE, is_led).await)
    }

    /// What each node says of itself, by node; `None` for those that do not answer within `within`.
    pub async fn statuses(&self, within: Duration) -> Vec<Option<NodeStatus>> {
        ask_all(&self.askers, within, |_| false).await
    }

    /// The network between the nodes, and between clients and nodes.
    pub fn network(&self) -> &Network {
        &self.network
    }

    /// Kills a node, running or paused, with SIGKILL. Its data stays as its last sync left them.
    pub async fn kill(&self, node: usize) -> Result<Receipt, ClusterError> {
        self.node(node)?.kill().await
    }

    /// Starts a killed node again on its data, and waits until it answers.
    pub async fn restart(&self, node: usize) -> Result<Receipt, ClusterError> {
        self.node(node)?.restart(&self.spawner).await
    }

    /// Stops a node's execution with SIGSTOP.
    pub async fn pause(&self, node: usize) -> Result<Receipt, ClusterError> {
        self.node(node)?.pause().await
    }

    /// Lets a paused node run on, and waits until it answers.
    pub async fn resume(&self, node: usize) -> Result<Receipt, ClusterError> {
        self.node(node)?.resume().await
    }

    fn node(&self, node: usize) -> Result<&Node, ClusterError> {
        let nodes = self.nodes.len();
        self.nodes.get(node).map(|node| &**node).ok_or(ClusterError::NoSuchNode { node, nodes })
    }

    /// Nodes that ended although nobody asked them to: how, and the last lines of their logs.
    pub fn unexpected_exits(&self) -> Vec<String> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Ends the nodes: SIGTERM, then SIGKILL for those that take too long. All are reaped.
    pub async fn stop(&self) -> Result<(), ClusterError> {
        let mut stopping = JoinSet::new();
        for node in self.nodes.iter().map(Arc::clone) {
            stopping.spawn(async move { node.stop().await });
        }
        // All of them, whatever the first one says.
        stopping.join_all().await.into_iter().collect()
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        let processes: Vec<_> = self.nodes.iter().filter_map(|node| node.process()).collect();
        for process in &processes {
            process.kill();
        }
        for process in &processes {
            process.ended_blocking(DROP_PATIENCE);
        }
    }
}

/// Where a node reaches its peers: at the listener of its own link, or where they listen if there is none.
fn dialled(network: &Network, node: usize, peers: &[SocketAddr]) -> BTreeMap<usize, SocketAddr> {
    let others = peers.iter().enumerate().filter(|(peer, _)| *peer != node);
    others
        .map(|(peer, direct)| {
            (peer, network.listen_addr(Link::peers(node, peer)).unwrap_or(*direct))
        })
        .collect()
}

/// What node number `node` is made of; its folder is made on the way.
fn parts(
    options: &ClusterOptions,
    dial: &BTreeMap<usize, SocketAddr>,
    node: usize,
    ports: NodePorts,
    findings: &Findings,
) -> Result<NodeParts, ClusterError> {
    let name = format!("n{}", node + 1);
    let folder = options.data_root.join(&name);
    let made = std::fs::create_dir_all(&folder);
    made.map_err(|source| ClusterError::Folder { path: folder.clone(), source })?;
    Ok(NodeParts {
        args: node_args(options, node, &folder.join("data"), &ports, dial),
        binary: options.binary.clone(),
        log: folder.join("log.jsonl"),
        findings: Arc::clone(findings),
        name,
        ports,
    })
}

/// The command line of a node.
fn node_args(
    options: &ClusterOptions,
    node: usize,
    data: &Path,
    ports: &NodePorts,
    dial: &BTreeMap<usize, SocketAddr>,
) -> Vec<OsString> {
    let mut args: Vec<OsString> = vec!["node".into()];
    let mut flag = |name: &str, value: &dyn AsRef<std::ffi::OsStr>| {
        args.push(name.into());
        args.push(value.as_ref().into());
    };
    let seed = options.seed.derive(&format!("node n{}", node + 1)).0;
    // Nodes of another run that found our ports would be refused; 0 may mean "none" to somebody.
    let cluster_id = options.seed.derive("cluster id").0 | 1;
    flag("--id", &(node + 1).to_string());
    flag("--data", &data);
    flag("--client", &ports.client.addr().to_string());
    flag("--peer", &ports.peer.addr().to_string());
    flag("--metrics", &ports.metrics.addr().to_string());
    for (peer, addr) in dial {
        flag("--peer-of", &format!("{}={addr}", peer + 1));
    }
    flag("--election-timeout-ms", &options.election_timeout.as_millis().to_string());
    flag("--heartbeat-ms", &options.heartbeat.as_millis().max(1).to_string());
    flag("--seed", &seed.to_string());
    flag("--cluster-id", &cluster_id.to_string());
    flag("--parent", &std::process::id().to_string());
    for bug in &options.bugs {
        flag("--bug", bug);
    }
    args
}

#[cfg(test)]
mod tests;
