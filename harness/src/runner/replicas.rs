//! Whether all nodes hold the same state in the end: each key with its value and revisions, as each node has it itself.
//!
//! Clients read values. A replica that has applied something twice, or not at all, may give the right ones for a long time;
//! its revisions tell. Nodes are asked past the proxies when nothing is going on any more, again and again until they agree.

use std::time::Duration;

use tokio::time::{Instant, sleep};
use tonic::transport::{Channel, Endpoint};

use crate::cluster::Cluster;
use crate::etcd_api::etcdserverpb::RangeRequest;
use crate::etcd_api::etcdserverpb::kv_client::KvClient;
use crate::etcd_api::mvccpb::KeyValue;

/// How long replicas may take to become the same.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause between two questions.
const ASK_EVERY: Duration = Duration::from_millis(100);
/// Keys in an answer: small enough for what a message may hold.
const PAGE: i64 = 1_000;

/// What a node holds.
#[derive(Debug, Clone, PartialEq)]
struct Held {
    revision: i64,
    keys: Vec<KeyValue>,
}

/// In what the replicas differ, if they go on to do so; `None` as well if one of them does not answer.
pub(super) async fn difference(cluster: &Cluster) -> Option<String> {
    let names = cluster.names();
    let clients: Vec<KvClient<Channel>> = (0..names.len())
        .map(|node| {
            let address = format!("http://{}", cluster.direct_addr(node));
            let endpoint = Endpoint::from_shared(address).expect("an address is a valid authority");
            KvClient::new(endpoint.connect_lazy())
        })
        .collect();
    let deadline = Instant::now() + PATIENCE;
    loop {
        let asked = tokio::time::timeout_at(deadline, all(&clients)).await;
        let held = asked.ok().flatten()?;
        let differing = compare(&names, &held)?;
        if Instant::now() + ASK_EVERY > deadline {
            return Some(differing);
        }
        sleep(ASK_EVERY).await;
    }
}

async fn all(clients: &[KvClient<Channel>]) -> Option<Vec<Held>> {
    let mut held = Vec::new();
    for client in clients {
        held.push(everything(client.clone()).await?);
    }
    Some(held)
}

/// All that a node holds, page by page.
async fn everything(mut client: KvClient<Channel>) -> Option<Held> {
    let mut held = Held { revision: 0, keys: Vec::new() };
    let mut key = vec![0];
    loop {
        let page = RangeRequest {
            key,
            range_end: vec![0],
            limit: PAGE,
            serializable: true,
            ..RangeRequest::default()
        };
        let page = client.range(page).await.ok()?.into_inner();
        held.revision = page.header?.revision;
        held.keys.extend(page.kvs);
        if !page.more {
            return Some(held);
        }
        key = held.keys.last()?.key.clone();
        key.push(0);
    }
}

/// The first thing in which somebody differs from the first node.
fn compare(names: &[String], held: &[Held]) -> Option<String> {
    let (first, others) = held.split_first()?;
    let at = others.iter().position(|other| other != first)?;
    let (name, other, odd) = (&names[0], &names[at + 1], &others[at]);
    let keys = first.keys.len().max(odd.keys.len());
    let differing =
        (0..keys).map(|at| (first.keys.get(at), odd.keys.get(at))).find(|(one, two)| one != two);
    let what = match differing {
        Some((one, two)) => format!("{name} holds {}, {other} {}", told(one), told(two)),
        None => format!("{name} is at revision {}, {other} at {}", first.revision, odd.revision),
    };
    Some(format!("{what}, although nothing is going on any more"))
}

fn told(held: Option<&KeyValue>) -> String {
    let Some(KeyValue { key, value, create_revision, mod_revision, version, .. }) = held else {
        return "no such key".to_owned();
    };
    let [key, value] =
        [key, value].map(|bytes| String::from_utf8_lossy(bytes).escape_debug().to_string());
    format!(
        "{key} = {value} (version {version}, created at {create_revision}, modified at {mod_revision})"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(revision: i64, keys: &[(&str, &str, i64)]) -> Held {
        let keys = keys.iter().map(|(key, value, version)| KeyValue {
            key: key.as_bytes().to_vec(),
            value: value.as_bytes().to_vec(),
            version: *version,
            create_revision: 2,
            mod_revision: 2,
            ..KeyValue::default()
        });
        Held { revision, keys: keys.collect() }
    }

    #[test]
    fn the_first_difference_is_told() {
        let names = ["n1", "n2", "n3"].map(str::to_owned);
        let whole = held(3, &[("a", "1", 1), ("b", "2", 1)]);
        let compared = |odd: &Held| compare(&names, &[whole.clone(), whole.clone(), odd.clone()]);
        assert_eq!(compared(&whole), None);
        let twice = compared(&held(3, &[("a", "1", 1), ("b", "2", 2)])).unwrap();
        assert!(
            twice.starts_with(
                "n1 holds b = 2 (version 1, created at 2, modified at 2), n3 b = 2 (version 2"
            ),
            "{twice}"
        );
        let lost = compared(&held(3, &[("a", "1", 1)])).unwrap();
        assert!(lost.contains("n3 no such key"), "{lost}");
        let behind = compared(&held(2, &[("a", "1", 1), ("b", "2", 1)])).unwrap();
        assert!(behind.starts_with("n1 is at revision 3, n3 at 2"), "{behind}");
        assert_eq!(compare(&[], &[]), None);
    }
}
