//! Three real nodes: what clients can rely on through crashes and restarts.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rashomon::etcd_api::etcdserverpb::compare::{CompareResult, CompareTarget, TargetUnion};
use rashomon::etcd_api::etcdserverpb::request_op::Request;
use rashomon::etcd_api::etcdserverpb::{
    Compare, DeleteRangeRequest, PutRequest, RangeRequest, RequestOp, TxnRequest,
};
use rashomon_tests::node_process::{PATIENCE, TestCluster, eventually, get, outcome, put, values};
use tonic::Code;

/// Elections so slow that a busy machine does not cause any: for tests whose requests must not be repeated.
const CALM: [&str; 4] = ["--election-timeout-ms", "2000", "--heartbeat-ms", "200"];

/// Writes until it works: for setting up, where a leader may still be missing.
async fn put_eventually(cluster: &TestCluster, node: usize, key: &str, value: &str) {
    let mut kv = cluster.kv(node);
    let attempt = async || {
        let written = kv.put(put(key, value)).await;
        written.map(drop).map_err(|error| format!("{error}{}", cluster.logs()))
    };
    eventually("a write", attempt).await;
}

/// Linearizable read that is tried until the node answers.
async fn get_eventually(cluster: &TestCluster, node: usize, key: &str) -> Vec<String> {
    let mut kv = cluster.kv(node);
    let attempt = async || match kv.range(get(key)).await {
        Ok(response) => Ok(values(response.get_ref())),
        Err(error) => Err(format!("{error}{}", cluster.logs())),
    };
    eventually("a read", attempt).await
}

fn compare_and_set(key: &str, from: &str, to: &str) -> TxnRequest {
    TxnRequest {
        compare: vec![Compare {
            key: key.into(),
            result: CompareResult::Equal.into(),
            target: CompareTarget::Value.into(),
            target_union: Some(TargetUnion::Value(from.into())),
            ..Compare::default()
        }],
        success: vec![RequestOp { request: Some(Request::RequestPut(put(key, to))) }],
        failure: vec![RequestOp { request: Some(Request::RequestRange(get(key))) }],
    }
}

#[tokio::test]
async fn every_node_serves_puts_gets_deletes_and_transactions() {
    let cluster = TestCluster::start("every-node-serves", 3, &CALM);
    cluster.leader().await;
    for node in cluster.numbers() {
        let mut kv = cluster.kv(node);
        let key = format!("key-{node}");
        let written = kv.put(put(&key, "1")).await.unwrap().into_inner().header.unwrap();
        assert_eq!(written.member_id, node as u64);
        assert!(written.raft_term >= 1, "{written:?}");
        let read = kv.range(get(&key)).await.unwrap().into_inner();
        assert_eq!(values(&read), ["1"]);
        assert_eq!(read.kvs[0].mod_revision, written.revision);

        let swapped = kv.txn(compare_and_set(&key, "1", "2")).await.unwrap().into_inner();
        assert!(swapped.succeeded);
        let refused = kv.txn(compare_and_set(&key, "1", "3")).await.unwrap().into_inner();
        assert!(!refused.succeeded);
        assert_eq!(values(kv.range(get(&key)).await.unwrap().get_ref()), ["2"]);

        let delete = DeleteRangeRequest { key: key.clone().into(), ..Default::default() };
        assert_eq!(kv.delete_range(delete).await.unwrap().get_ref().deleted, 1);
        assert_eq!(kv.range(get(&key)).await.unwrap().get_ref().count, 0);
    }
}

#[tokio::test]
async fn a_write_on_a_follower_is_seen_by_the_leader_at_once() {
    let cluster = TestCluster::start("follower-forwards", 3, &CALM);
    let leader = cluster.leader().await;
    let follower = leader % 3 + 1;
    put_eventually(&cluster, follower, "k", "by follower").await;
    assert_eq!(get_eventually(&cluster, leader, "k").await, ["by follower"]);
}

#[tokio::test]
async fn bad_requests_are_refused_in_etcds_words() {
    let cluster = TestCluster::start("bad-requests", 3, &CALM);
    let leader = cluster.leader().await;
    let mut kv = cluster.kv(leader);
    let error = kv.put(PutRequest::default()).await.unwrap_err();
    assert_eq!(error.code(), Code::InvalidArgument);
    assert_eq!(error.message(), "etcdserver: key is not provided");
    assert_eq!(outcome(&error), "fail");

    let huge = "x".repeat(2 * 1024 * 1024);
    let error = kv.put(put("k", &huge)).await.unwrap_err();
    assert_eq!(error.message(), "etcdserver: request is too large");
    assert_eq!(outcome(&error), "fail");

    let future = RangeRequest { revision: 1_000_000, ..get("k") };
    let error = kv.range(future).await.unwrap_err();
    assert_eq!(error.code(), Code::OutOfRange);
}

#[tokio::test]
async fn after_the_leader_is_killed_another_one_has_everything() {
    let mut cluster = TestCluster::start("leader-killed", 3, &CALM);
    let first = cluster.leader().await;
    for number in 0..20 {
        put_eventually(&cluster, first, &format!("k{number}"), "kept").await;
    }
    let term = cluster.status(first).await.unwrap().raft_term;
    cluster.kill(first);
    let left: Vec<usize> = cluster.numbers().into_iter().filter(|node| *node != first).collect();
    let second = cluster.leader_among(&left).await;
    assert!(cluster.status(second).await.unwrap().raft_term > term);
    for number in 0..20 {
        let read = get_eventually(&cluster, left[number % 2], &format!("k{number}")).await;
        assert_eq!(read, ["kept"], "k{number}");
    }

    put_eventually(&cluster, second, "meanwhile", "written").await;
    cluster.start_node(first);
    cluster.leader().await;
    assert_eq!(get_eventually(&cluster, first, "meanwhile").await, ["written"]);
    let local = RangeRequest { serializable: true, ..get("k7") };
    let own_state = cluster.kv(first).range(local).await.unwrap();
    assert_eq!(values(own_state.get_ref()), ["kept"], "recovered from its own disk");
}

/// Writes unique keys on one node until it is gone; returns those that were acknowledged.
async fn write_until_killed(mut kv: KvClient, node: usize) -> BTreeMap<String, String> {
    let mut acknowledged = BTreeMap::new();
    for number in 0_u64.. {
        let (key, value) = (format!("n{node}-{number}"), number.to_string());
        match kv.put(put(&key, &value)).await {
            Ok(_) => drop(acknowledged.insert(key, value)),
            Err(error) if error.message().starts_with("etcdserver:") => {}
            Err(_) => break,
        }
    }
    acknowledged
}

type KvClient = rashomon::etcd_api::etcdserverpb::kv_client::KvClient<tonic::transport::Channel>;

#[tokio::test]
async fn what_was_acknowledged_survives_the_death_of_all_nodes_at_once() {
    const AT_LEAST: u64 = 100;
    let mut cluster = TestCluster::start("all-killed", 3, &[]);
    cluster.leader().await;
    let mut acknowledged = BTreeMap::new();
    for round in 0..2_usize {
        let writers: Vec<_> = cluster
            .numbers()
            .into_iter()
            .map(|node| tokio::spawn(write_until_killed(cluster.kv(node), node + 3 * round)))
            .collect();
        let before = acknowledged.len() as u64;
        let enough = async || {
            let status = cluster.status(1).await.map_err(|error| error.to_string())?;
            let applied = status.raft_applied_index;
            if applied > before + AT_LEAST { Ok(()) } else { Err(format!("{applied} applied")) }
        };
        eventually("writes", enough).await;
        // In the middle of the load.
        cluster.kill_all(&[1, 2, 3]);
        for writer in writers {
            acknowledged.extend(writer.await.unwrap());
        }
        for node in cluster.numbers() {
            cluster.start_node(node);
        }
        cluster.leader().await;
    }
    assert!(acknowledged.len() as u64 >= AT_LEAST, "only {} writes", acknowledged.len());
    for node in cluster.numbers() {
        let everything = RangeRequest { range_end: vec![0], ..get("\0") };
        let mut kv = cluster.kv(node);
        let read = eventually("a read of everything", async || {
            kv.range(everything.clone()).await.map_err(|error| error.to_string())
        })
        .await
        .into_inner();
        let found: BTreeMap<String, String> =
            read.kvs.into_iter().map(|kv| (text(kv.key), text(kv.value))).collect();
        for (key, value) in &acknowledged {
            assert_eq!(found.get(key), Some(value), "{key} on n{node}{}", cluster.logs());
        }
    }
}

fn text(bytes: Vec<u8>) -> String {
    String::from_utf8(bytes).expect("the test writes text")
}

#[tokio::test]
async fn a_minority_neither_writes_nor_reads_except_what_it_says_is_old() {
    let mut cluster = TestCluster::start("minority", 3, &[]);
    let alone = cluster.leader().await;
    put_eventually(&cluster, alone, "k", "old").await;
    let others: Vec<usize> = cluster.numbers().into_iter().filter(|node| *node != alone).collect();
    cluster.kill_all(&others);

    // At first it may still believe that it leads; then it must not answer, later it says that nobody leads.
    let mut kv = cluster.kv(alone);
    let start = Instant::now();
    loop {
        let write = kv.put(put("k", "new")).await.expect_err("a minority wrote");
        let read = kv.range(get("k")).await.expect_err("a minority answered a linearizable read");
        let words = [write.message(), read.message()];
        if words == ["etcdserver: no leader"; 2] {
            assert_eq!([outcome(&write), outcome(&read)], ["fail"; 2]);
            break;
        }
        assert!(start.elapsed() < PATIENCE, "still {words:?}");
    }
    let status = cluster.status(alone).await.unwrap();
    assert_eq!(
        (status.leader, status.errors.as_slice()),
        (0, &["etcdserver: no leader".into()][..])
    );
    let old = kv.range(RangeRequest { serializable: true, ..get("k") }).await.unwrap();
    assert_eq!(values(old.get_ref()), ["old"]);

    cluster.start_node(others[0]);
    cluster.leader_among(&[alone, others[0]]).await;
    put_eventually(&cluster, alone, "after", "1").await;
    assert_eq!(get_eventually(&cluster, others[0], "after").await, ["1"]);
}

#[tokio::test]
async fn a_write_under_way_when_the_leader_dies_is_answered_soon() {
    let mut cluster = TestCluster::start("in-flight", 3, &[]);
    let leader = cluster.leader().await;
    let follower = leader % 3 + 1;
    let mut kv = cluster.kv(follower);
    cluster.kill(leader);
    let start = Instant::now();
    let result = kv.put(put("k", "v")).await;
    let took = start.elapsed();
    // Far below the 7 seconds that a request may take: the follower notices that its leader is gone.
    assert!(took < Duration::from_secs(3), "{took:?}: {result:?}");
    if let Err(error) = result {
        assert_ne!(outcome(&error), "nothing stated", "{error}");
    }
}

#[tokio::test]
async fn a_single_node_is_its_own_majority() {
    let mut cluster = TestCluster::start("single", 1, &[]);
    cluster.leader().await;
    put_eventually(&cluster, 1, "k", "v").await;
    cluster.kill(1);
    cluster.start_node(1);
    cluster.leader().await;
    assert_eq!(get_eventually(&cluster, 1, "k").await, ["v"]);
}
