//! A closed-loop load generator for any etcd v3 endpoint: for work on the node's speed.
//!
//! ```text
//! cargo run --release -p rashomon-node --example load -- --endpoints 127.0.0.1:2379 --op put --clients 64
//! put  64 clients  4 connections: 15010 ops/s  p50 4.02 ms  p99 9.80 ms  max 21.30 ms  0 errors
//! ```
//!
//! Each client sends its next request when the last one is answered. Clients share connections, connections go round the
//! endpoints. With `--pids`, the CPU time that these processes used meanwhile is read from `/proc`.
//!
//! Options: `--endpoints A,B,C` (required), `--op put|get|serializable|mix`, `--clients N`, `--connections N`,
//! `--seconds N`, `--value-bytes N`, `--keys N`, `--pids P,Q,R`.

#![expect(clippy::disallowed_methods, reason = "it measures time")]

use std::collections::BTreeMap;
use std::error::Error;
use std::io::Write as _;
use std::time::{Duration, Instant};

use rashomon_node::proto::etcdserverpb::kv_client::KvClient;
use rashomon_node::proto::etcdserverpb::{PutRequest, RangeRequest};
use tonic::transport::{Channel, Endpoint};

/// What clients do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Op {
    Put,
    Get,
    Serializable,
    /// Puts and linearizable gets in turn.
    Mix,
}

#[derive(Debug)]
struct Options {
    endpoints: Vec<String>,
    op: Op,
    op_name: String,
    clients: usize,
    connections: usize,
    seconds: u64,
    value_bytes: usize,
    keys: usize,
    pids: Vec<u32>,
}

/// What one client saw.
#[derive(Debug, Default)]
struct Seen {
    latencies: Vec<Duration>,
    errors: BTreeMap<String, u64>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let options = parse(std::env::args().skip(1))?;
    let mut channels = Vec::new();
    for index in 0..options.connections {
        let endpoint = &options.endpoints[index % options.endpoints.len()];
        let endpoint = Endpoint::from_shared(format!("http://{endpoint}"))?;
        channels.push(endpoint.tcp_nodelay(true).connect().await?);
    }
    fill(&channels[0], &options).await?;
    let cpu_before = cpu_seconds(&options.pids)?;
    let start = Instant::now();
    let end = start + Duration::from_secs(options.seconds);
    let clients: Vec<_> = (0..options.clients)
        .map(|client| {
            let channel = channels[client % channels.len()].clone();
            let (op, keys, value) = (options.op, options.keys, vec![b'v'; options.value_bytes]);
            tokio::spawn(run_client(channel, client, op, keys, value, end))
        })
        .collect();
    let mut all = Seen::default();
    for client in clients {
        let seen = client.await?;
        all.latencies.extend(seen.latencies);
        for (error, count) in seen.errors {
            *all.errors.entry(error).or_default() += count;
        }
    }
    let cpu = cpu_seconds(&options.pids)? - cpu_before;
    report(&options, all, start.elapsed(), cpu)
}

fn parse(words: impl Iterator<Item = String>) -> Result<Options, Box<dyn Error>> {
    let mut given = BTreeMap::new();
    let mut words = words.peekable();
    while let Some(word) = words.next() {
        let name = word.strip_prefix("--").ok_or(format!("{word:?} is not an option"))?;
        let value = words.next().ok_or(format!("--{name} needs a value"))?;
        given.insert(name.to_owned(), value);
    }
    let mut take =
        |name: &str, default: &str| given.remove(name).unwrap_or_else(|| default.to_owned());
    let op_name = take("op", "put");
    let list =
        |text: String| text.split(',').filter(|it| !it.is_empty()).map(str::to_owned).collect();
    let endpoints: Vec<String> = list(take("endpoints", ""));
    let pids: Vec<String> = list(take("pids", ""));
    let options = Options {
        op: match op_name.as_str() {
            "put" => Op::Put,
            "get" => Op::Get,
            "serializable" => Op::Serializable,
            "mix" => Op::Mix,
            other => return Err(format!("no operation is called {other:?}").into()),
        },
        op_name,
        clients: take("clients", "1").parse()?,
        connections: take("connections", "1").parse()?,
        seconds: take("seconds", "5").parse()?,
        value_bytes: take("value-bytes", "256").parse()?,
        keys: take("keys", "10000").parse()?,
        pids: pids.iter().map(|pid| pid.parse()).collect::<Result<_, _>>()?,
        endpoints,
    };
    if let Some(name) = given.keys().next() {
        return Err(format!("there is no option --{name}").into());
    }
    if options.endpoints.is_empty() || options.connections == 0 || options.keys == 0 {
        return Err("--endpoints, --connections and --keys must not be empty".into());
    }
    Ok(options)
}

/// Reads should find something.
async fn fill(channel: &Channel, options: &Options) -> Result<(), Box<dyn Error>> {
    if options.op == Op::Put {
        return Ok(());
    }
    let mut client = KvClient::new(channel.clone());
    for key in 0..options.keys.min(200) {
        client.put(put(key, vec![b'v'; options.value_bytes])).await?;
    }
    Ok(())
}

async fn run_client(
    channel: Channel,
    client: usize,
    op: Op,
    keys: usize,
    value: Vec<u8>,
    end: Instant,
) -> Seen {
    let mut kv = KvClient::new(channel);
    let mut seen = Seen::default();
    for round in 0_usize.. {
        let start = Instant::now();
        if start >= end {
            break;
        }
        // A stride that is prime to most key counts, so that clients do not walk in step.
        let key = (client * 7919 + round * 104_729) % keys;
        let result = match op {
            Op::Put => kv.put(put(key, value.clone())).await.map(drop),
            Op::Mix if round % 2 == 0 => kv.put(put(key, value.clone())).await.map(drop),
            Op::Get | Op::Mix => kv.range(get(key % 200, false)).await.map(drop),
            Op::Serializable => kv.range(get(key % 200, true)).await.map(drop),
        };
        match result {
            Ok(()) => seen.latencies.push(start.elapsed()),
            Err(status) => {
                let text = format!("{:?} {}", status.code(), status.message());
                *seen.errors.entry(text).or_default() += 1;
            }
        }
    }
    seen
}

fn put(key: usize, value: Vec<u8>) -> PutRequest {
    PutRequest { key: format!("key-{key:08}").into_bytes(), value, ..PutRequest::default() }
}

fn get(key: usize, serializable: bool) -> RangeRequest {
    let key = format!("key-{key:08}").into_bytes();
    RangeRequest { key, serializable, ..RangeRequest::default() }
}

/// User and system time of the processes so far.
fn cpu_seconds(pids: &[u32]) -> Result<f64, Box<dyn Error>> {
    /// Linux shows times in hundredths of a second, whatever its own clock does.
    const TICKS_PER_SECOND: f64 = 100.0;
    let mut ticks = 0_u64;
    for pid in pids {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
        // The name of the program may hold spaces, but it is in parentheses.
        let fields = stat.rsplit_once(')').ok_or("an odd /proc/PID/stat")?.1;
        let mut fields = fields.split_whitespace().skip(11);
        for _ in ["utime", "stime"] {
            ticks += fields.next().ok_or("a short /proc/PID/stat")?.parse::<u64>()?;
        }
    }
    Ok(ticks as f64 / TICKS_PER_SECOND)
}

fn report(
    options: &Options,
    mut all: Seen,
    took: Duration,
    cpu: f64,
) -> Result<(), Box<dyn Error>> {
    let mut out = std::io::stdout().lock();
    all.latencies.sort_unstable();
    let count = all.latencies.len();
    let quantile = |q: f64| {
        let at = ((count as f64 * q) as usize).min(count.saturating_sub(1));
        all.latencies.get(at).map_or(0.0, |latency| latency.as_secs_f64() * 1e3)
    };
    write!(
        out,
        "{:<12} {:>4} clients {:>3} connections: {:>6.0} ops/s  p50 {:.2} ms  p99 {:.2} ms  max {:.2} ms  {} errors",
        options.op_name,
        options.clients,
        options.connections,
        count as f64 / took.as_secs_f64(),
        quantile(0.5),
        quantile(0.99),
        quantile(1.0),
        all.errors.values().sum::<u64>(),
    )?;
    if cpu > 0.0 {
        write!(out, "  {:.0} ops per server CPU second", count as f64 / cpu)?;
    }
    writeln!(out)?;
    for (error, count) in all.errors {
        writeln!(out, "  {count} x {error}")?;
    }
    Ok(())
}
