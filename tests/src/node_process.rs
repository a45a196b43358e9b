//! Clusters of real node processes, without proxies, for tests of the node itself.
//!
//! Ports are reserved for the life of the cluster, data lies in a temporary folder, and everything is killed and reaped
//! when the cluster is dropped, or, should even that not happen, when the test's thread ends.

use std::fmt::Write as _;
use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rashomon::etcd_api::etcdserverpb::kv_client::KvClient;
use rashomon::etcd_api::etcdserverpb::maintenance_client::MaintenanceClient;
use rashomon::etcd_api::etcdserverpb::{
    PutRequest, RangeRequest, RangeResponse, StatusRequest, StatusResponse,
};
use rashomon::ports::{PortPool, ReservedPort};
use rashomon::seed::Seed;
use rustix::process::{Pid, Signal, kill_process};
use tempfile::TempDir;
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

/// How long anything may take that a test waits for; far more than needed, as machines are shared.
pub const PATIENCE: Duration = Duration::from_secs(20);
/// Deadline of a single request while polling.
const REQUEST: Duration = Duration::from_secs(2);
/// Pause between two looks at a condition.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// The built binary, which lies two folders above the test executable.
///
/// # Panics
/// If it is not there: cargo builds it with the tests of the whole workspace, but not with those of one package.
pub fn binary() -> PathBuf {
    let test = std::env::current_exe().expect("a test has an executable");
    let profile = test.parent().and_then(Path::parent).expect("target/PROFILE/deps/TEST");
    let binary = profile.join("rashomon");
    assert!(binary.is_file(), "{} is missing: run cargo build first", binary.display());
    binary
}

/// Looks until `attempt` succeeds.
///
/// # Panics
/// With what the last look saw, when that takes longer than [`PATIENCE`].
pub async fn eventually<T>(what: &str, mut attempt: impl AsyncFnMut() -> Result<T, String>) -> T {
    let start = Instant::now();
    loop {
        match attempt().await {
            Ok(value) => return value,
            Err(seen) => {
                assert!(start.elapsed() < PATIENCE, "{what}: not within {PATIENCE:?}: {seen}");
            }
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

/// Nodes `n1..nN`, each a process; numbered from 1 here too.
#[derive(Debug)]
pub struct TestCluster {
    nodes: Vec<TestNode>,
    folder: TempDir,
    options: Vec<String>,
}

/// One member, running or not.
#[derive(Debug)]
struct TestNode {
    client: ReservedPort,
    peer: ReservedPort,
    metrics: ReservedPort,
    child: Option<Child>,
}

impl TestCluster {
    /// Starts `size` nodes with `options` on top of the necessary ones. `name` keeps tests that run at the same time from
    /// looking for ports at the same place.
    pub fn start(name: &str, size: usize, options: &[&str]) -> Self {
        let mut cluster = Self::new(name, size, options);
        for node in cluster.numbers() {
            cluster.start_node(node);
        }
        cluster
    }

    /// The cluster with nothing running yet.
    pub fn new(name: &str, size: usize, options: &[&str]) -> Self {
        let mut pool = PortPool::new(Seed(1).derive(name));
        let mut reserve = || pool.reserve().expect("a machine has free ports");
        let node =
            |_| TestNode { client: reserve(), peer: reserve(), metrics: reserve(), child: None };
        Self {
            nodes: (0..size).map(node).collect(),
            folder: TempDir::new().expect("a temporary folder can be made"),
            options: options.iter().map(ToString::to_string).collect(),
        }
    }

    /// 1..=N
    pub fn numbers(&self) -> Vec<usize> {
        (1..=self.nodes.len()).collect()
    }

    /// The command that starts a node, complete but for where its output goes.
    pub fn command(&self, node: usize) -> Command {
        self.command_with(node, &[])
    }

    /// The same with other values for some flags, or with more flags.
    pub fn command_with(&self, node: usize, changes: &[(&str, &str)]) -> Command {
        let this = &self.nodes[node - 1];
        let mut flags = vec![
            ("--id", node.to_string()),
            ("--data", self.data(node).display().to_string()),
            ("--client", this.client.addr().to_string()),
            ("--peer", this.peer.addr().to_string()),
            ("--metrics", this.metrics.addr().to_string()),
            ("--parent", std::process::id().to_string()),
        ];
        flags.retain(|(flag, _)| !changes.iter().any(|(changed, _)| changed == flag));
        for other in self.numbers().into_iter().filter(|other| *other != node) {
            flags.push(("--peer-of", format!("{other}={}", self.nodes[other - 1].peer.addr())));
        }
        flags.extend(changes.iter().map(|(flag, value)| (*flag, (*value).to_owned())));
        let mut command = Command::new(binary());
        command.arg("node").args(flags.iter().flat_map(|(flag, value)| [flag, value.as_str()]));
        command.args(&self.options).stdin(Stdio::null()).stdout(Stdio::null());
        command
    }

    /// Starts a node that is not running.
    pub fn start_node(&mut self, node: usize) {
        assert!(self.nodes[node - 1].child.is_none(), "n{node} runs already");
        let log = File::options().create(true).append(true).open(self.log(node));
        let log = log.expect("the temporary folder takes files");
        let child = self.command(node).stderr(log).spawn().expect("the binary can be started");
        self.nodes[node - 1].child = Some(child);
    }

    /// SIGKILL, and gone for good when this returns.
    pub fn kill(&mut self, node: usize) {
        self.kill_all(&[node]);
    }

    /// SIGKILL to all of them before any is waited for.
    pub fn kill_all(&mut self, nodes: &[usize]) {
        for node in nodes {
            let child = self.nodes[node - 1].child.as_mut().expect("only what runs is killed");
            child.kill().expect("a child can be killed");
        }
        for node in nodes {
            let mut child = self.nodes[node - 1].child.take().expect("seen above");
            child.wait().expect("a child can be waited for");
        }
    }

    /// SIGTERM; returns how the process ended, and how long that took.
    pub async fn terminate(&mut self, node: usize) -> (ExitStatus, Duration) {
        let mut child = self.nodes[node - 1].child.take().expect("only what runs is stopped");
        let start = Instant::now();
        kill_process(pid(&child), Signal::TERM).expect("a child can be signalled");
        let status = exit_of(&mut child).await;
        (status, start.elapsed())
    }

    /// Where clients connect.
    pub fn client_addr(&self, node: usize) -> SocketAddr {
        self.nodes[node - 1].client.addr()
    }

    /// Where the other nodes connect.
    pub fn peer_addr(&self, node: usize) -> SocketAddr {
        self.nodes[node - 1].peer.addr()
    }

    /// Where metrics are served.
    pub fn metrics_addr(&self, node: usize) -> SocketAddr {
        self.nodes[node - 1].metrics.addr()
    }

    /// The data directory.
    pub fn data(&self, node: usize) -> PathBuf {
        self.folder.path().join(format!("n{node}"))
    }

    /// Where stderr goes.
    pub fn log(&self, node: usize) -> PathBuf {
        self.folder.path().join(format!("n{node}.log"))
    }

    /// A key-value client of one node.
    pub fn kv(&self, node: usize) -> KvClient<Channel> {
        KvClient::new(self.channel(node))
    }

    fn channel(&self, node: usize) -> Channel {
        Endpoint::from_shared(format!("http://{}", self.client_addr(node)))
            .expect("an address makes a URI")
            .timeout(REQUEST)
            .connect_lazy()
    }

    /// What a node says about itself.
    pub async fn status(&self, node: usize) -> Result<StatusResponse, Status> {
        let mut client = MaintenanceClient::new(self.channel(node));
        client.status(StatusRequest {}).await.map(tonic::Response::into_inner)
    }

    /// The leader, once `nodes` agree on one of them.
    pub async fn leader_among(&self, nodes: &[usize]) -> usize {
        let look = async || {
            let mut seen = Vec::new();
            for node in nodes {
                let status = self.status(*node).await.map_err(|error| error.to_string())?;
                seen.push((status.raft_term, status.leader));
            }
            let leader = usize::try_from(seen[0].1).expect("a small number");
            let agreed = seen.iter().all(|other| *other == seen[0]) && nodes.contains(&leader);
            if agreed {
                Ok(leader)
            } else {
                Err(format!("term and leader {seen:?}{}", self.logs()))
            }
        };
        eventually("a leader", look).await
    }

    /// The leader, once all nodes agree on one.
    pub async fn leader(&self) -> usize {
        self.leader_among(&self.numbers()).await
    }

    /// All logs, for the message of a failed test.
    pub fn logs(&self) -> String {
        let mut all = String::new();
        for node in self.numbers() {
            let text = std::fs::read_to_string(self.log(node)).unwrap_or_default();
            let _ = write!(all, "\n--- n{node}\n{text}");
        }
        all
    }
}

impl Drop for TestCluster {
    fn drop(&mut self) {
        for child in self.nodes.iter_mut().filter_map(|node| node.child.as_mut()) {
            // It may have died meanwhile; waiting is what matters.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// Its process id.
pub fn pid(child: &Child) -> Pid {
    Pid::from_child(child)
}

/// How a child ends, which has to be within [`PATIENCE`].
pub async fn exit_of(child: &mut Child) -> ExitStatus {
    eventually("the end of a node", async || {
        child.try_wait().map_err(|error| error.to_string())?.ok_or("still running".to_owned())
    })
    .await
}

/// A put of text.
pub fn put(key: &str, value: &str) -> PutRequest {
    PutRequest { key: key.into(), value: value.into(), ..PutRequest::default() }
}

/// A linearizable read of one key.
pub fn get(key: &str) -> RangeRequest {
    RangeRequest { key: key.into(), ..RangeRequest::default() }
}

/// The values in a response, as text.
pub fn values(response: &RangeResponse) -> Vec<String> {
    response.kvs.iter().map(|kv| String::from_utf8_lossy(&kv.value).into_owned()).collect()
}

/// What the node says a failed request did: `fail` or `info`.
pub fn outcome(status: &Status) -> &str {
    let trailer = status.metadata().get("rashomon-outcome");
    trailer.and_then(|value| value.to_str().ok()).unwrap_or("nothing stated")
}
