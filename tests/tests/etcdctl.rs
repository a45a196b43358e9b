//! etcd's own command line client against our nodes: an outside opinion on the API.
//!
//! Skipped, with a message, where `etcdctl` is not installed (Debian package `etcd-client`).
#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::io::Write as _;
use std::process::{Command, Stdio};

use rashomon_tests::node_process::TestCluster;
use serde_json::Value;

/// Whether there is an `etcdctl`; says so if not.
fn etcdctl_is_missing() -> bool {
    let found = Command::new("etcdctl").env("ETCDCTL_API", "3").arg("version").output();
    if found.is_ok_and(|output| output.status.success()) {
        return false;
    }
    // Straight to stderr: a skipped test must not look like one that ran.
    let _ =
        std::io::stderr().write_all(b"SKIPPED: etcdctl is not installed (package etcd-client)\n");
    true
}

struct Etcdctl(String);

impl Etcdctl {
    fn new(cluster: &TestCluster, nodes: &[usize]) -> Self {
        let endpoints = nodes.iter().map(|node| cluster.client_addr(*node).to_string());
        Self(endpoints.collect::<Vec<_>>().join(","))
    }

    /// What it prints; it must succeed.
    fn run(&self, args: &[&str], input: &str) -> String {
        let mut child = Command::new("etcdctl")
            .env("ETCDCTL_API", "3")
            .args(["--endpoints", &self.0])
            .args(args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let errors = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "etcdctl {args:?}: {}\n{errors}", output.status);
        // Some of its verbs report on stderr.
        String::from_utf8(output.stdout).unwrap() + &errors
    }

    fn json(&self, args: &[&str]) -> Value {
        let mut all = args.to_vec();
        all.extend(["-w", "json"]);
        let text = self.run(&all, "");
        serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"))
    }
}

#[tokio::test]
async fn puts_gets_and_deletes_with_revisions() {
    if etcdctl_is_missing() {
        return;
    }
    let cluster = TestCluster::start("etcdctl-kv", 3, &[]);
    let leader = cluster.leader().await;
    let follower = leader % 3 + 1;
    let etcdctl = Etcdctl::new(&cluster, &[follower]);
    assert_eq!(etcdctl.run(&["put", "a/1", "one"], ""), "OK\n");
    assert_eq!(etcdctl.run(&["put", "a/2", "two"], ""), "OK\n");
    assert_eq!(etcdctl.run(&["put", "b", "other"], ""), "OK\n");
    assert_eq!(etcdctl.run(&["get", "--prefix", "a/"], ""), "a/1\none\na/2\ntwo\n");
    assert_eq!(etcdctl.run(&["get", "--prefix", "a/", "--keys-only"], ""), "a/1\n\na/2\n\n");
    let order = ["get", "--prefix", "a/", "--order=DESCEND", "--sort-by=KEY", "--limit=1"];
    assert_eq!(etcdctl.run(&order, ""), "a/2\ntwo\n");

    let first = etcdctl.json(&["get", "a/1"]);
    let revision = first["header"]["revision"].as_i64().unwrap();
    assert_eq!(first["kvs"][0]["version"], 1);
    assert_eq!(etcdctl.run(&["put", "--prev-kv", "a/1", "uno"], ""), "OK\na/1\none\n");
    let old = format!("--rev={revision}");
    assert_eq!(etcdctl.run(&["get", "a/1", &old], ""), "a/1\none\n");
    assert_eq!(etcdctl.run(&["get", "a/1"], ""), "a/1\nuno\n");
    assert_eq!(etcdctl.json(&["get", "a/1"])["kvs"][0]["version"], 2);

    assert_eq!(etcdctl.run(&["del", "--prefix", "a/"], ""), "2\n");
    assert_eq!(etcdctl.run(&["get", "--prefix", "a/"], ""), "");
    assert_eq!(etcdctl.run(&["del", "a/1"], ""), "0\n");
}

#[tokio::test]
async fn transactions_take_the_branch_that_the_compares_choose() {
    if etcdctl_is_missing() {
        return;
    }
    let cluster = TestCluster::start("etcdctl-txn", 3, &[]);
    cluster.leader().await;
    let etcdctl = Etcdctl::new(&cluster, &[1, 2, 3]);
    etcdctl.run(&["put", "k", "1"], "");
    let script = "value(\"k\") = \"1\"\n\nput k 2\nget k\n\nget k\n\n";
    let first = etcdctl.run(&["txn"], script);
    assert!(first.starts_with("SUCCESS\n\nOK\n\nk\n2"), "{first}");
    let second = etcdctl.run(&["txn"], script);
    assert!(second.starts_with("FAILURE\n\nk\n2"), "{second}");
    let interactive = etcdctl.run(&["txn", "-i"], "version(\"k\") = \"2\"\n\ndel k\n\n\n");
    assert!(interactive.contains("SUCCESS\n\n1"), "{interactive}");
    assert_eq!(etcdctl.run(&["get", "k"], ""), "");
}

#[tokio::test]
async fn endpoints_report_status_and_health() {
    if etcdctl_is_missing() {
        return;
    }
    let mut cluster = TestCluster::start("etcdctl-endpoints", 3, &[]);
    let leader = cluster.leader().await;
    let etcdctl = Etcdctl::new(&cluster, &[1, 2, 3]);
    etcdctl.run(&["put", "k", "v"], "");
    let rows = etcdctl.json(&["endpoint", "status"]);
    let rows = rows.as_array().unwrap();
    assert_eq!(rows.len(), 3);
    for (row, node) in rows.iter().zip(1_u64..) {
        let status = &row["Status"];
        assert_eq!(status["header"]["member_id"], node, "{row}");
        assert_eq!(status["leader"], leader as u64, "{row}");
        assert!(status["version"].as_str().unwrap().ends_with("-rashomon"), "{row}");
        assert!(status["raftTerm"].as_u64().unwrap() >= 1, "{row}");
        assert!(status["dbSize"].as_u64().unwrap() > 0, "{row}");
    }
    let health = etcdctl.run(&["endpoint", "health"], "");
    assert_eq!(health.matches("is healthy").count(), 3, "{health}");

    cluster.kill(leader);
    let left: Vec<usize> = cluster.numbers().into_iter().filter(|node| *node != leader).collect();
    cluster.leader_among(&left).await;
    let health = Etcdctl::new(&cluster, &left).run(&["endpoint", "health"], "");
    assert_eq!(health.matches("is healthy").count(), 2, "{health}");
}
