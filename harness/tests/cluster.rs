//! Real nodes as child processes: readiness, receipts, and that nobody survives.

#![expect(clippy::unwrap_used, reason = "a test that cannot set its stage has failed")]

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use rashomon::cluster::{Cluster, ClusterError, ClusterOptions};
use rashomon::etcd_api::etcdserverpb::kv_client::KvClient;
use rashomon::etcd_api::etcdserverpb::{PutRequest, RangeRequest};
use rashomon::proxy::{Link, LinkRule};
use rashomon::seed::Seed;
use tempfile::TempDir;
use tokio::time::{sleep, timeout};

const DEADLINE: Duration = Duration::from_secs(20);

/// Tells a copy of this test program to be a harness.
const ROLE: &str = "RASHOMON_TEST_ROLE";

fn options(folder: &Path, seed: u64) -> ClusterOptions {
    ClusterOptions {
        binary: PathBuf::from(env!("CARGO_BIN_EXE_rashomon")),
        nodes: 3,
        data_root: folder.join("nodes"),
        election_timeout: Duration::from_millis(150),
        heartbeat: Duration::from_millis(30),
        seed: Seed(seed),
        bugs: Vec::new(),
        proxied: true,
    }
}

async fn cluster(seed: u64) -> (Cluster, TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let cluster = Cluster::start(options(folder.path(), seed)).await.unwrap();
    (cluster, folder)
}

/// Writes until a write is acknowledged.
async fn put(cluster: &Cluster, node: usize, value: &str) {
    let addr = format!("http://{}", cluster.client_addr(node));
    let attempt = async || {
        let mut client = KvClient::connect(addr.clone()).await.ok()?;
        let (key, value) = (b"key".to_vec(), value.as_bytes().to_vec());
        client.put(PutRequest { key, value, ..PutRequest::default() }).await.ok()
    };
    until("a write is acknowledged", async || timeout(DEADLINE, attempt()).await.ok()?).await;
}

/// Reads until a read is answered.
async fn get(cluster: &Cluster, node: usize) -> String {
    let addr = format!("http://{}", cluster.client_addr(node));
    let attempt = async || {
        let mut client = KvClient::connect(addr.clone()).await.ok()?;
        let key = b"key".to_vec();
        let answer = client.range(RangeRequest { key, ..RangeRequest::default() }).await.ok()?;
        Some(String::from_utf8(answer.into_inner().kvs[0].value.clone()).unwrap())
    };
    until("a read is answered", async || timeout(DEADLINE, attempt()).await.ok()?).await
}

/// The leader, once there is one: there may be none for a moment at any time.
async fn leader(cluster: &Cluster) -> usize {
    until("somebody leads", async || cluster.leader().await).await
}

async fn until<T>(what: &str, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + DEADLINE;
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(Instant::now() < deadline, "not yet: {what}");
        sleep(Duration::from_millis(5)).await;
    }
}

/// Whether a process runs that may not be our child. A zombie whose parent does not reap is dead, too.
fn runs(pid: i32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(") ").is_some_and(|(_, rest)| !rest.starts_with(['Z', 'X']))
}

fn pids(cluster: &Cluster) -> Vec<i32> {
    (0..3).map(|node| cluster.pid(node).unwrap()).collect()
}

#[tokio::test]
async fn a_cluster_is_ready_when_it_says_so_and_stops_cleanly() {
    let (cluster, folder) = cluster(1).await;
    assert_eq!(cluster.names(), ["n1", "n2", "n3"]);
    leader(&cluster).await;
    put(&cluster, 0, "first").await;
    assert_eq!(get(&cluster, 2).await, "first");
    // The operations went through the proxy, and so did what the nodes said to each other.
    assert!(cluster.network().stats(Link::to_node(0)).bytes_passed > 0);
    let leader = leader(&cluster).await;
    let follower = (leader + 1) % 3;
    assert!(cluster.network().stats(Link::peers(leader, follower)).bytes_passed > 0);
    let pids = pids(&cluster);
    cluster.stop().await.unwrap();
    assert!(pids.iter().all(|pid| !runs(*pid)));
    assert!(cluster.unexpected_exits().is_empty(), "{:?}", cluster.unexpected_exits());
    assert_eq!(cluster.pid(0), None);
    for node in cluster.names() {
        let log = std::fs::read_to_string(folder.path().join("nodes").join(node).join("log.jsonl"));
        let log = log.unwrap();
        let first = log.lines().next().unwrap();
        assert!(first.starts_with('{') && first.ends_with('}'), "{first}");
    }
}

#[tokio::test]
async fn a_killed_node_comes_back_with_what_it_had() {
    let (cluster, _folder) = cluster(2).await;
    put(&cluster, 0, "kept").await;
    for node in 0..3 {
        let pid = cluster.pid(node).unwrap();
        let receipt = cluster.kill(node).await.unwrap();
        let name = format!("n{}", node + 1);
        assert_eq!(receipt.evidence, format!("{name} pid {pid} gone: signal 9 (SIGKILL)"));
        assert!(!runs(pid));
    }
    assert_eq!(cluster.leader().await, None);
    for node in 0..3 {
        let receipt = cluster.restart(node).await.unwrap();
        let pid = cluster.pid(node).unwrap();
        let start = format!("n{} pid {pid} answers after ", node + 1);
        assert!(receipt.evidence.starts_with(&start), "{}", receipt.evidence);
    }
    assert_eq!(get(&cluster, 1).await, "kept");
    assert!(cluster.unexpected_exits().is_empty(), "{:?}", cluster.unexpected_exits());
}

#[tokio::test]
async fn a_paused_leader_is_replaced_and_comes_back() {
    let (cluster, _folder) = cluster(3).await;
    put(&cluster, 0, "before").await;
    let leader = leader(&cluster).await;
    let pid = cluster.pid(leader).unwrap();
    let receipt = cluster.pause(leader).await.unwrap();
    assert_eq!(receipt.evidence, format!("n{} pid {pid} state T", leader + 1));
    let next =
        until("another leads", async || cluster.leader().await.filter(|node| *node != leader))
            .await;
    put(&cluster, next, "meanwhile").await;
    let receipt = cluster.resume(leader).await.unwrap();
    assert!(receipt.evidence.contains("state T, then "), "{}", receipt.evidence);
    assert!(receipt.evidence.contains("answers after"), "{}", receipt.evidence);
    assert_eq!(get(&cluster, leader).await, "meanwhile");
}

#[tokio::test]
async fn a_leader_that_is_cut_off_is_replaced_and_gives_in_at_the_heal() {
    let (cluster, _folder) = cluster(4).await;
    let old = leader(&cluster).await;
    let others: Vec<usize> = (0..3).filter(|node| *node != old).collect();
    for other in &others {
        cluster.network().apply(Link::peers(old, *other), LinkRule::Cut);
        cluster.network().apply(Link::peers(*other, old), LinkRule::Cut);
    }
    let new =
        until("another leads", async || cluster.leader().await.filter(|node| *node != old)).await;
    put(&cluster, new, "of the majority").await;
    let held = cluster.network().stats(Link::peers(old, new));
    assert!(held.bytes_held + held.connects_blocked > 0, "{held:?}");
    cluster.network().pass_all();
    assert!(cluster.network().settled(DEADLINE).await);
    assert_eq!(get(&cluster, old).await, "of the majority");
    until("all agree", async || {
        let statuses = cluster.statuses(Duration::from_secs(1)).await;
        let leaders = statuses.iter().map(|status| (*status)?.leader);
        leaders.collect::<Option<Vec<_>>>().filter(|all| all.iter().all(|one| *one == all[0]))
    })
    .await;
}

#[tokio::test]
async fn what_cannot_be_done_is_said() {
    let (cluster, _folder) = cluster(5).await;
    let said = |result: Result<_, ClusterError>| result.unwrap_err().to_string();
    assert_eq!(said(cluster.restart(0).await), "node n1 is already running");
    assert_eq!(said(cluster.resume(0).await), "node n1 is already running");
    cluster.kill(0).await.unwrap();
    assert_eq!(said(cluster.kill(0).await), "node n1 is already down");
    assert_eq!(said(cluster.pause(0).await), "node n1 is already down");
    cluster.pause(1).await.unwrap();
    assert_eq!(said(cluster.pause(1).await), "node n2 is already paused");
    // A paused node can be killed, and is then down.
    cluster.kill(1).await.unwrap();
    assert_eq!(said(cluster.resume(1).await), "node n2 is already down");
    assert_eq!(said(cluster.kill(7).await), "there is no node 7: the cluster has 3");
    // If the last one led, it finds out that it is alone.
    until("nobody leads", async || cluster.leader().await.is_none().then_some(())).await;
    cluster.stop().await.unwrap();
    cluster.stop().await.unwrap();
}

#[tokio::test]
async fn a_node_that_a_stranger_kills_is_a_finding_and_can_be_started_again() {
    let (cluster, _folder) = cluster(6).await;
    let pid = cluster.pid(1).unwrap();
    assert!(Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap().success());
    until("it is noticed", async || (!cluster.unexpected_exits().is_empty()).then_some(())).await;
    let findings = cluster.unexpected_exits();
    assert!(findings[0].starts_with(&format!("n2 (pid {pid}) ended after ")), "{findings:?}");
    assert!(findings[0].contains("signal 9 (SIGKILL), not by the harness"), "{findings:?}");
    assert!(findings[0].contains("\n  {"), "no log lines in {findings:?}");
    let error = cluster.kill(1).await.unwrap_err().to_string();
    assert!(error.contains("has ended: signal 9"), "{error}");
    cluster.restart(1).await.unwrap();
    put(&cluster, 1, "again").await;
    assert_eq!(cluster.unexpected_exits().len(), 1);
}

#[tokio::test]
async fn a_cluster_that_cannot_start_says_why_and_leaves_nothing_behind() {
    let folder = tempfile::tempdir().unwrap();
    let missing =
        ClusterOptions { binary: "/no/such/rashomon".into(), ..options(folder.path(), 7) };
    let error = Cluster::start(missing).await.unwrap_err().to_string();
    assert_eq!(error, "cannot start nodes: there is no program /no/such/rashomon");
    let none = ClusterOptions { nodes: 0, ..options(folder.path(), 7) };
    assert!(matches!(Cluster::start(none).await, Err(ClusterError::NoNodes)));
    let unknown = vec!["no-such-bug".to_owned()];
    let failing = ClusterOptions { bugs: unknown, ..options(folder.path(), 7) };
    let error = Cluster::start(failing).await.unwrap_err().to_string();
    assert!(
        error.starts_with("node n1 (pid ") && error.contains("has ended: exit code"),
        "{error}"
    );
    // Where the log is, and that it says more.
    let log = error.rsplit_once("see ").unwrap().1;
    assert!(std::fs::read_to_string(log).unwrap().contains("no-such-bug"));
}

#[tokio::test]
async fn dropping_a_cluster_kills_its_nodes() {
    let (cluster, _folder) = cluster(8).await;
    cluster.pause(2).await.unwrap();
    let pids = pids(&cluster);
    assert!(pids.iter().all(|pid| runs(*pid)));
    drop(cluster);
    assert!(pids.iter().all(|pid| !runs(*pid)));
}

/// Brings up a cluster with a paused node, tells its processes, and waits to be killed.
async fn be_a_harness() -> ! {
    let (cluster, _folder) = cluster(9).await;
    cluster.pause(0).await.unwrap();
    let mut out = std::io::stdout();
    writeln!(out, "\npids {:?}", pids(&cluster)).unwrap();
    out.flush().unwrap();
    loop {
        sleep(DEADLINE).await;
    }
}

#[tokio::test]
async fn nodes_die_with_a_harness_that_is_killed_paused_ones_as_well() {
    if std::env::var_os(ROLE).is_some() {
        be_a_harness().await;
    }
    let mut harness = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "nodes_die_with_a_harness_that_is_killed_paused_ones_as_well"])
        .args(["--nocapture"])
        .env(ROLE, "harness")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(harness.stdout.take().unwrap()).lines().map(Result::unwrap);
    let line = lines.find(|line| line.starts_with("pids ")).unwrap();
    let pids: Vec<i32> =
        line["pids [".len()..line.len() - 1].split(", ").map(|pid| pid.parse().unwrap()).collect();
    assert!(pids.len() == 3 && pids.iter().all(|pid| runs(*pid)), "{line}");
    harness.kill().unwrap();
    harness.wait().unwrap();
    until("all nodes are gone", async || (!pids.iter().any(|pid| runs(*pid))).then_some(())).await;
}
