//! How a node starts, what keeps it from starting, and how it ends.
#![expect(clippy::unwrap_used, reason = "a test may panic, in its helpers too")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::process::{Command, Stdio};
use std::time::Duration;

use rashomon_tests::node_process::{TestCluster, eventually, exit_of, get, put, values};
use serde_json::Value;

const USAGE: i32 = 254;
const INTERNAL: i32 = 255;

/// Runs a node that is expected to end by itself: exit code and stderr.
async fn run_to_end(command: &mut Command) -> (Option<i32>, String) {
    let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
    let status = exit_of(&mut child).await;
    let mut text = String::new();
    child.stderr.take().unwrap().read_to_string(&mut text).unwrap();
    (status.code(), text)
}

/// The message of the one line that is an error.
fn only_error(log: &str) -> String {
    let lines = log.lines().map(|line| serde_json::from_str::<Value>(line).expect(line));
    let mut errors: Vec<Value> = lines.filter(|line| line["level"] == "ERROR").collect();
    assert_eq!(errors.len(), 1, "{log}");
    errors.remove(0)["message"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn sigterm_ends_a_node_cleanly_and_soon_also_with_clients_and_peers_connected() {
    let mut cluster = TestCluster::start("sigterm", 3, &[]);
    let leader = cluster.leader().await;
    let mut kv = cluster.kv(leader);
    kv.put(put("k", "v")).await.unwrap();
    for node in [leader, leader % 3 + 1] {
        let (status, took) = cluster.terminate(node).await;
        assert_eq!(status.code(), Some(0), "{status}{}", cluster.logs());
        assert!(took < Duration::from_secs(2), "{took:?}");
    }
    cluster.start_node(leader);
    cluster.start_node(leader % 3 + 1);
    cluster.leader().await;
    let read = eventually("a read", async || {
        cluster.kv(leader).range(get("k")).await.map_err(|error| error.to_string())
    });
    assert_eq!(values(read.await.get_ref()), ["v"]);
    let log = std::fs::read_to_string(cluster.log(leader)).unwrap();
    assert!(!log.contains("torn"), "a clean stop leaves a clean log:\n{log}");
}

#[tokio::test]
async fn every_log_line_is_json_with_node_term_and_role() {
    let mut cluster = TestCluster::start("log-lines", 3, &[]);
    let leader = cluster.leader().await;
    cluster.kv(leader).put(put("k", "v")).await.unwrap();
    cluster.terminate(leader).await;
    let log = std::fs::read_to_string(cluster.log(leader)).unwrap();
    let lines: Vec<Value> =
        log.lines().map(|line| serde_json::from_str(line).expect(line)).collect();
    for line in &lines {
        assert_eq!(line["node"], format!("n{leader}"), "{line}");
        assert!(line["term"].is_u64() && line["role"].is_string(), "{line}");
    }
    let elected = lines.iter().find(|line| line["message"] == "elected: this node leads");
    let elected = elected.expect("a leader logs its election");
    assert_eq!(elected["role"], "leader");
    assert!(elected["term"].as_u64().unwrap() >= 1);
    assert!(lines.len() < 40, "requests and heartbeats do not belong here:\n{log}");
}

#[tokio::test]
async fn a_node_dies_with_its_parent() {
    let cluster = TestCluster::new("parent", 1, &[]);
    // A shell between us and the node, which names itself as the parent.
    let node = cluster.command_with(1, &[("--parent", "PARENT")]);
    let quoted: Vec<String> = std::iter::once(node.get_program())
        .chain(node.get_args())
        .map(|word| format!("'{}'", word.to_str().unwrap()))
        .collect();
    let line = quoted.join(" ").replace("'PARENT'", "$$");
    let mut shell = Command::new("sh")
        .args(["-c", &format!("{line} 2>/dev/null & echo $!; wait")])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    cluster.leader().await;
    shell.kill().unwrap();
    let mut pid = String::new();
    let mut output = shell.stdout.take().unwrap();
    // Ends when the node, which shares it, is gone.
    output.read_to_string(&mut pid).unwrap();
    shell.wait().unwrap();
    let stat = format!("/proc/{}/stat", pid.trim());
    eventually("the end of the node", async || match std::fs::read_to_string(&stat) {
        Ok(text) if !text.contains(") Z ") => Err(text),
        _ => Ok(()),
    })
    .await;
}

#[tokio::test]
async fn a_node_whose_parent_is_another_does_not_start() {
    let cluster = TestCluster::new("orphan", 1, &[]);
    let mut command = cluster.command_with(1, &[("--parent", "999999999")]);
    let (code, log) = run_to_end(&mut command).await;
    assert_eq!(code, Some(INTERNAL));
    assert!(only_error(&log).contains("parent process 999999999 is gone"), "{log}");
    assert!(!cluster.data(1).exists(), "it touched its data directory");
}

#[tokio::test]
async fn two_nodes_never_share_a_data_directory() {
    let cluster = TestCluster::start("shared-data", 1, &[]);
    cluster.leader().await;
    let other = TestCluster::new("shared-data-other", 1, &[]);
    let data = cluster.data(1).display().to_string();
    let mut command = other.command_with(1, &[("--data", &data)]);
    let (code, log) = run_to_end(&mut command).await;
    assert_eq!(code, Some(INTERNAL));
    assert!(only_error(&log).contains("is in use by process "), "{log}");
    cluster.kv(1).put(put("k", "the first one goes on")).await.unwrap();
}

#[tokio::test]
async fn the_directory_of_another_cluster_is_refused() {
    let mut cluster = TestCluster::start("foreign-data", 1, &[]);
    cluster.leader().await;
    cluster.terminate(1).await;
    let (code, log) = run_to_end(&mut cluster.command_with(1, &[("--cluster-id", "77")])).await;
    assert_eq!(code, Some(USAGE));
    assert!(only_error(&log).contains("belongs to node n1 of cluster 0x1"), "{log}");
}

#[tokio::test]
async fn a_member_of_three_started_without_its_peers_does_not_lead_itself() {
    let mut cluster = TestCluster::start("alone", 3, &[]);
    cluster.leader().await;
    cluster.terminate(1).await;
    let alone = TestCluster::new("alone-other", 1, &[]);
    let data = cluster.data(1).display().to_string();
    let (code, log) = run_to_end(&mut alone.command_with(1, &[("--data", &data)])).await;
    assert_eq!(code, Some(USAGE));
    let error = only_error(&log);
    assert!(error.contains("belongs to a cluster of n1, n2, n3"), "{error}");
    assert!(error.contains("but this start names n1;"), "{error}");
    cluster.start_node(1);
    cluster.leader().await;
}

#[tokio::test]
async fn a_node_that_lost_its_log_does_not_come_back_empty() {
    let mut cluster = TestCluster::start("lost-log", 1, &[]);
    cluster.leader().await;
    cluster.kv(1).put(put("k", "v")).await.unwrap();
    cluster.terminate(1).await;
    let (wal, kept) = (cluster.data(1).join("wal"), cluster.data(1).join("kept"));
    std::fs::rename(&wal, &kept).unwrap();
    // Gone, and then created anew by the attempt before.
    for _ in 0..2 {
        let (code, log) = run_to_end(&mut cluster.command(1)).await;
        assert_eq!(code, Some(INTERNAL));
        let error = only_error(&log);
        assert!(error.contains(wal.to_str().unwrap()), "{error}");
        assert!(error.contains("must not come back under its old id"), "{error}");
    }
    std::fs::remove_dir(&wal).unwrap();
    std::fs::rename(&kept, &wal).unwrap();
    cluster.start_node(1);
    cluster.leader().await;
    let read = cluster.kv(1).range(get("k")).await.unwrap();
    assert_eq!(values(read.get_ref()), ["v"]);
}

#[tokio::test]
async fn a_port_in_use_is_named() {
    let cluster = TestCluster::new("port-in-use", 1, &[]);
    for (address, purpose) in [
        (cluster.client_addr(1), "clients"),
        (cluster.peer_addr(1), "peers"),
        (cluster.metrics_addr(1), "metrics"),
    ] {
        let _taken = TcpListener::bind(address).unwrap();
        let (code, log) = run_to_end(&mut cluster.command(1)).await;
        assert_eq!(code, Some(INTERNAL));
        let error = only_error(&log);
        assert!(error.contains(&format!("cannot listen for {purpose} on {address}")), "{error}");
    }
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_made_is_named() {
    let cluster = TestCluster::new("no-data", 1, &[]);
    std::fs::write(cluster.data(1), b"a file").unwrap();
    let (code, log) = run_to_end(&mut cluster.command(1)).await;
    assert_eq!(code, Some(INTERNAL));
    let error = only_error(&log);
    assert!(error.contains("cannot use the data directory"), "{error}");
    assert!(error.contains(cluster.data(1).to_str().unwrap()), "{error}");
}

#[tokio::test]
async fn a_damaged_log_keeps_the_node_down_and_names_the_file() {
    let mut cluster = TestCluster::start("damaged-log", 1, &[]);
    cluster.leader().await;
    for number in 0..10 {
        cluster.kv(1).put(put("k", &number.to_string())).await.unwrap();
    }
    cluster.terminate(1).await;
    let wal = cluster.data(1).join("wal");
    let mut segments: Vec<_> = std::fs::read_dir(&wal)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "wal"))
        .collect();
    segments.sort();
    let mut bytes = std::fs::read(&segments[0]).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0x10;
    std::fs::write(&segments[0], bytes).unwrap();
    let (code, log) = run_to_end(&mut cluster.command(1)).await;
    assert_eq!(code, Some(INTERNAL));
    let error = only_error(&log);
    assert!(error.contains("is damaged at byte"), "{error}");
    assert!(error.contains(segments[0].file_name().unwrap().to_str().unwrap()), "{error}");
}

#[tokio::test]
async fn a_full_disk_ends_the_node_and_loses_nothing_that_was_acknowledged() {
    let mut cluster = TestCluster::new("full-disk", 1, &[]);
    let node = cluster.command_with(1, &[("--parent", "PARENT")]);
    // No file may grow beyond 64 blocks of 512 bytes; without the trap the kernel would end the process at once.
    let mut shell = Command::new("sh");
    shell.args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$@\"", "sh"]).arg(node.get_program());
    let ours = std::process::id().to_string();
    let words = node.get_args().map(|word| if word == "PARENT" { ours.as_ref() } else { word });
    let mut child = shell.args(words).stderr(Stdio::piped()).spawn().unwrap();
    cluster.leader().await;
    let mut kv = cluster.kv(1);
    let mut acknowledged = 0;
    while kv.put(put(&format!("k{acknowledged}"), &"x".repeat(500))).await.is_ok() {
        acknowledged += 1;
    }
    assert!(acknowledged > 10, "{acknowledged}");
    let status = exit_of(&mut child).await;
    assert_eq!(status.code(), Some(INTERNAL));
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    let error = only_error(&log);
    assert!(error.contains(".wal: File too large"), "{error}");
    assert!(log.contains("make room and start the node again"), "{log}");

    cluster.start_node(1);
    cluster.leader().await;
    for number in 0..acknowledged {
        let read = cluster.kv(1).range(get(&format!("k{number}"))).await.unwrap();
        assert_eq!(read.get_ref().count, 1, "k{number} of {acknowledged}");
    }
}

#[tokio::test]
async fn arguments_that_contradict_each_other_are_bad_usage() {
    let cluster = TestCluster::new("bad-usage", 3, &[]);
    for change in [("--heartbeat-ms", "150"), ("--peer-of", "1=127.0.0.1:1"), ("--bug", "none")] {
        let (code, log) = run_to_end(&mut cluster.command_with(1, &[change])).await;
        assert_eq!(code, Some(USAGE), "{change:?}: {log}");
        assert!(!log.contains("panicked"), "{log}");
    }
    assert!(!cluster.data(1).exists(), "bad usage touches nothing");
}

#[tokio::test]
async fn garbage_on_any_port_does_no_harm() {
    let cluster = TestCluster::start("garbage", 1, &[]);
    cluster.leader().await;
    for address in [cluster.client_addr(1), cluster.peer_addr(1), cluster.metrics_addr(1)] {
        for garbage in [b"\0\xff\x01garbage\r\n\r\n".as_slice(), b"GET / HTTP/1.1\r\n\r\n"] {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            // Answered or hung up on; either way the node goes on.
            let _ = stream.write_all(garbage);
            let _ = stream.shutdown(std::net::Shutdown::Write);
            let _ = stream.read_to_end(&mut Vec::new());
        }
    }
    cluster.kv(1).put(put("k", "v")).await.unwrap();
}

#[tokio::test]
async fn metrics_and_health_tell_who_leads() {
    let cluster = TestCluster::start("metrics", 3, &[]);
    let leader = cluster.leader().await;
    cluster.kv(leader).put(put("k", "v")).await.unwrap();
    let sample = |page: &str, name: &str| {
        let prefix = format!("{name} ");
        let line = page.lines().find_map(|line| line.strip_prefix(&prefix)).map(str::to_owned);
        line.unwrap_or_else(|| panic!("no {name} in\n{page}")).parse::<f64>().unwrap()
    };
    let mut leaders = 0.0;
    for node in cluster.numbers() {
        let page = http_get(&cluster, node, "/metrics");
        assert!(page.starts_with("HTTP/1.1 200 "), "{page}");
        assert!(sample(&page, "has_leader") > 0.0);
        assert!(sample(&page, "leader_changes_total") >= 1.0);
        assert!(sample(&page, "etcd_disk_wal_fsync_duration_seconds_count") >= 1.0);
        leaders += sample(&page, "is_leader");
        assert!(http_get(&cluster, node, "/health").contains("{\"health\":\"true\"}"));
    }
    assert!((leaders - 1.0).abs() < f64::EPSILON, "{leaders} leaders");
    let page = http_get(&cluster, leader, "/metrics");
    assert!(sample(&page, "etcd_server_proposals_committed_total") >= 1.0);
}

fn http_get(cluster: &TestCluster, node: usize, path: &str) -> String {
    let mut stream = TcpStream::connect(cluster.metrics_addr(node)).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).unwrap();
    reply
}
