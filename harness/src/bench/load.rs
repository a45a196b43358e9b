//! Closed-loop load: each client sends its next request when the last one is answered.
//!
//! Clients share connections, at least one to each endpoint, and each client goes round all of them: every node gets the same
//! part of the load, with few clients as with many, whichever leads.
//!
//! After a warm-up with the same load, an operation counts if it was begun in the measured time, and that ends with the
//! last answer: who left out what is under way when the time is up would leave out the slowest.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Duration;

use clap::ValueEnum;
use serde::Serialize;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep, sleep_until};
use tonic::Status;
use tonic::transport::{Channel, Endpoint};

use super::BenchError;
use super::cpu::{Processes, own_time};
use super::figures::{Latencies, LatencyFigures};
use crate::etcd_api::etcdserverpb::kv_client::KvClient;
use crate::etcd_api::etcdserverpb::maintenance_client::MaintenanceClient;
use crate::etcd_api::etcdserverpb::{PutRequest, RangeRequest, StatusRequest};

/// How long an endpoint may take to answer: the first question, and each operation.
const PATIENCE: Duration = Duration::from_secs(10);
/// Pause of a client after an error, so that a server in trouble is not measured by how fast it refuses.
const AFTER_ERROR: Duration = Duration::from_millis(10);
/// Writes under way at a time while the keys are written that reads will find.
const FILLERS: usize = 64;

/// What clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, ValueEnum)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Op {
    /// Write one key
    Put,
    /// Read one key, linearizable
    Get,
    /// Read one key from the asked node's own state
    SerializableGet,
}

impl Op {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Put => "put",
            Self::Get => "get",
            Self::SerializableGet => "serializable-get",
        }
    }
}

/// What every measurement of a comparison has in common.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Shape {
    /// Seconds before the measured time.
    pub(crate) warm_up_s: f64,
    /// Seconds in which measured operations begin.
    pub(crate) duration_s: f64,
    /// Bytes of a value.
    pub(crate) value_bytes: usize,
    /// Keys to choose from.
    pub(crate) keys: usize,
    /// Most connections to have; never more than clients, and at least one to each endpoint.
    pub(crate) connections_max: usize,
}

/// Who serves, and what that costs them.
#[derive(Debug)]
pub(super) struct Target {
    pub(super) name: &'static str,
    pub(super) endpoints: Vec<SocketAddr>,
    pub(super) processes: Processes,
}

/// One measurement.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Measured {
    /// Seconds from the start of the measured time to the last answer.
    pub(crate) seconds: f64,
    /// Operations that were begun in the measured time and succeeded.
    pub(crate) ok: u64,
    /// Those, by the second.
    pub(crate) ops_per_second: f64,
    /// How long they took.
    #[serde(flatten)]
    pub(crate) latency: LatencyFigures,
    /// Operations for each second that the servers' processors computed; `None` if their processes are not known.
    pub(crate) ops_per_server_cpu_second: Option<f64>,
    /// Processors that the servers kept busy.
    pub(crate) server_cpus: Option<f64>,
    /// Processors that the load generator kept busy.
    pub(crate) client_cpus: f64,
    /// Operations that did not succeed, by what was said.
    pub(crate) errors: BTreeMap<String, u64>,
}

/// What one client saw.
struct Seen {
    latencies: Latencies,
    errors: BTreeMap<String, u64>,
    /// When its last answer came.
    ended: Instant,
}

impl Target {
    /// Asks every endpoint, so that a wrong one is named before anything is measured.
    pub(super) async fn answers(&self) -> Result<(), BenchError> {
        for address in &self.endpoints {
            let refused = |reason| BenchError::Endpoint { address: *address, reason };
            let channel = connect(*address).await.map_err(&refused)?;
            let asked = MaintenanceClient::new(channel).status(StatusRequest {}).await;
            asked.map_err(|status| refused(in_words(&status)))?;
        }
        Ok(())
    }

    /// Writes every key once.
    pub(super) async fn fill(&self, shape: &Shape) -> Result<(), BenchError> {
        let channels = self.connections(FILLERS.min(shape.connections_max)).await?;
        let mut fillers = JoinSet::new();
        for filler in 0..FILLERS {
            let mut kv = KvClient::new(channels[filler % channels.len()].clone());
            let (keys, value) = (shape.keys, vec![b'v'; shape.value_bytes]);
            fillers.spawn(async move {
                for key in (filler..keys).step_by(FILLERS) {
                    kv.put(put(key, value.clone())).await?;
                }
                Ok::<(), Status>(())
            });
        }
        while let Some(filler) = fillers.join_next().await {
            filler?.map_err(|status| self.nothing_worked(Op::Put, FILLERS, in_words(&status)))?;
        }
        Ok(())
    }

    /// Puts the load on, and says what came of it.
    pub(super) async fn measure(
        &self,
        op: Op,
        clients: usize,
        shape: &Shape,
    ) -> Result<Measured, BenchError> {
        let channels = self.connections(clients.min(shape.connections_max)).await?;
        let from = Instant::now() + Duration::from_secs_f64(shape.warm_up_s);
        let until = from + Duration::from_secs_f64(shape.duration_s);
        let mut working = JoinSet::new();
        for client in 0..clients {
            let nodes = channels.iter().cloned().map(KvClient::new).collect();
            let value = vec![b'v'; shape.value_bytes];
            working.spawn(work(
                Requests { nodes, op, client, keys: shape.keys, value },
                from,
                until,
            ));
        }
        sleep_until(from).await;
        let before = (self.processes.time(), own_time());
        let mut seen = Seen::nothing(until);
        while let Some(client) = working.join_next().await {
            let client = client?;
            seen.latencies.add(&client.latencies);
            seen.ended = seen.ended.max(client.ended);
            for (error, count) in client.errors {
                *seen.errors.entry(error).or_default() += count;
            }
        }
        let after = (self.processes.time(), own_time());
        let busy = |before: Option<Duration>, after: Option<Duration>| {
            Some(after?.saturating_sub(before?).as_secs_f64())
        };
        let (server, own) = (busy(before.0, after.0), busy(before.1, after.1));
        let ok = seen.latencies.count();
        if ok == 0 {
            let most = seen.errors.into_iter().max_by_key(|(_, count)| *count);
            let reason = most.map_or_else(|| "no answer".to_owned(), |(error, _)| error);
            return Err(self.nothing_worked(op, clients, reason));
        }
        let seconds = (seen.ended - from).as_secs_f64();
        Ok(Measured {
            seconds,
            ok,
            ops_per_second: ok as f64 / seconds,
            latency: seen.latencies.figures(),
            ops_per_server_cpu_second: server
                .filter(|time| *time > 0.0)
                .map(|time| ok as f64 / time),
            server_cpus: server.map(|time| time / seconds),
            client_cpus: own.unwrap_or_default() / seconds,
            errors: seen.errors,
        })
    }

    fn nothing_worked(&self, op: Op, clients: usize, reason: String) -> BenchError {
        BenchError::NothingWorked { target: self.name, op: op.name(), clients, reason }
    }

    async fn connections(&self, count: usize) -> Result<Vec<Channel>, BenchError> {
        let mut channels = Vec::new();
        for index in 0..count.max(self.endpoints.len()) {
            let address = self.endpoints[index % self.endpoints.len()];
            let channel = connect(address).await;
            channels.push(channel.map_err(|reason| BenchError::Endpoint { address, reason })?);
        }
        Ok(channels)
    }
}

async fn connect(address: SocketAddr) -> Result<Channel, String> {
    let endpoint =
        Endpoint::from_shared(format!("http://{address}")).map_err(|error| error.to_string())?;
    let endpoint = endpoint.tcp_nodelay(true).connect_timeout(PATIENCE).timeout(PATIENCE);
    endpoint.connect().await.map_err(|error| crate::client::deepest(&error))
}

/// The requests of one client.
struct Requests {
    nodes: Vec<KvClient<Channel>>,
    op: Op,
    client: usize,
    keys: usize,
    value: Vec<u8>,
}

impl Requests {
    /// A stride that is prime to most numbers of keys, so that clients do not walk in step.
    fn key(&self, round: usize) -> usize {
        (self.client.wrapping_mul(7_919)).wrapping_add(round.wrapping_mul(104_729)) % self.keys
    }
}

/// What a client can ask of a server.
trait Ask: Send {
    /// Performs operation number `round`.
    fn ask(&mut self, round: usize) -> impl Future<Output = Result<(), Status>> + Send;
}

impl Ask for Requests {
    async fn ask(&mut self, round: usize) -> Result<(), Status> {
        let key = self.key(round);
        let node = self.client.wrapping_add(round) % self.nodes.len();
        let kv = &mut self.nodes[node];
        match self.op {
            Op::Put => kv.put(put(key, self.value.clone())).await.map(drop),
            Op::Get => kv.range(get(key, false)).await.map(drop),
            Op::SerializableGet => kv.range(get(key, true)).await.map(drop),
        }
    }
}

impl Seen {
    fn nothing(ended: Instant) -> Self {
        Self { latencies: Latencies::new(), errors: BTreeMap::new(), ended }
    }
}

/// One client's turn. It begins one operation after `from` in any case, however long those before took.
async fn work(mut server: impl Ask, from: Instant, until: Instant) -> Seen {
    let mut seen = Seen::nothing(from);
    let mut any_counts = false;
    for round in 0_usize.. {
        let sent = Instant::now();
        if sent >= until && any_counts {
            break;
        }
        let result = server.ask(round).await;
        let answered = Instant::now();
        let counts = sent >= from;
        if counts {
            any_counts = true;
            seen.ended = answered;
        }
        match result {
            Ok(()) if counts => seen.latencies.record(answered - sent),
            Ok(()) => {}
            Err(status) => {
                if counts {
                    *seen.errors.entry(in_words(&status)).or_default() += 1;
                }
                sleep(AFTER_ERROR).await;
            }
        }
    }
    seen
}

fn in_words(status: &Status) -> String {
    format!("{:?}: {}", status.code(), status.message())
}

fn name(key: usize) -> Vec<u8> {
    format!("bench/{key:08}").into_bytes()
}

fn put(key: usize, value: Vec<u8>) -> PutRequest {
    PutRequest { key: name(key), value, ..PutRequest::default() }
}

fn get(key: usize, serializable: bool) -> RangeRequest {
    RangeRequest { key: name(key), serializable, ..RangeRequest::default() }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Answers after so long, the first one and each later one.
    struct Slow(Duration, Duration);

    impl Ask for Slow {
        async fn ask(&mut self, round: usize) -> Result<(), Status> {
            sleep(if round == 0 { self.0 } else { self.1 }).await;
            Ok(())
        }
    }

    /// A disk that stalls for longer than a turn is slow, not broken.
    #[tokio::test]
    async fn what_is_slower_than_the_measured_time_counts() {
        let ms = Duration::from_millis;
        for (first, later) in [(ms(60), ms(1)), (ms(60), ms(60)), (ms(1), ms(60))] {
            let from = Instant::now() + ms(10);
            let until = from + ms(20);
            let seen = work(Slow(first, later), from, until).await;
            assert!(seen.latencies.count() > 0, "{first:?}, then {later:?}");
            assert!(seen.ended > from && seen.errors.is_empty(), "{first:?}, then {later:?}");
        }
    }
}
