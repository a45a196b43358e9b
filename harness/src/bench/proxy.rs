//! What one link of the proxy costs: the time it adds to a round trip, and how fast it carries bulk.
//!
//! An echo and a sink, each a thread on blocking sockets, dialled directly and through a passing link, in turn. Blocking
//! sockets, because a runtime's own wake-ups would be measured with the proxy's.

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use serde::Serialize;

use super::figures::{Latencies, LatencyFigures};
use super::{BenchError, Steps};
use crate::ports::PortPool;
use crate::proxy::{Link, Network, NetworkOptions};
use crate::seed::Seed;

/// Round trips before those that count.
const WARM_UP: usize = 200;
/// Bytes of one write in bulk.
const CHUNK: usize = 64 * 1024;
/// How long one read or write may take before the measurement is given up.
const PATIENCE: Duration = Duration::from_secs(30);

/// What to measure.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct ProxyBench {
    /// Bytes of a message that is echoed.
    pub(crate) message_bytes: usize,
    /// Round trips a round.
    pub(crate) round_trips: usize,
    /// Bytes in bulk a round.
    pub(crate) bulk_bytes: u64,
    /// Turns.
    pub(crate) rounds: usize,
}

/// What it came to.
#[derive(Debug, Serialize)]
pub(crate) struct ProxyFigures {
    /// What was measured.
    #[serde(flatten)]
    pub(crate) bench: ProxyBench,
    /// Every turn.
    pub(crate) rounds: Vec<Round>,
}

/// One turn.
#[derive(Debug, Serialize)]
pub(crate) struct Round {
    pub(crate) direct: Way,
    pub(crate) proxied: Way,
}

/// One way to get there.
#[derive(Debug, Serialize)]
pub(crate) struct Way {
    /// Round trips of one message.
    pub(crate) round_trip: LatencyFigures,
    /// Bytes a second in bulk, one connection, from the first byte sent to the last one taken.
    pub(crate) bytes_per_second: f64,
}

/// Measures.
pub(crate) fn run(bench: &ProxyBench, steps: &Steps) -> Result<ProxyFigures, BenchError> {
    let message_bytes = bench.message_bytes;
    let echo = serve(move |stream| echo(stream, message_bytes))?;
    let sink = serve(drain)?;
    let seed = Seed(u64::from(std::process::id()));
    let options = NetworkOptions { peers: Vec::new(), clients: vec![echo, sink], seed };
    let network = Network::start(&options, &mut PortPool::new(seed))?;
    let through =
        |node| network.listen_addr(Link::to_node(node)).expect("every client link is dialled");
    let (direct, proxied) = ((echo, sink), (through(0), through(1)));
    steps.plan(bench.rounds);
    let mut rounds = Vec::new();
    for round in 1..=bench.rounds {
        // In turn, so that neither always comes first.
        let measured = if round % 2 == 1 {
            let direct = way(bench, direct)?;
            Round { direct, proxied: way(bench, proxied)? }
        } else {
            let proxied = way(bench, proxied)?;
            Round { direct: way(bench, direct)?, proxied }
        };
        let p50 = |way: &Way| way.round_trip.p50_us;
        steps.done(&format!(
            "turn {round} of {}: p50 {:.1} us direct, {:.1} us through the proxy",
            bench.rounds,
            p50(&measured.direct),
            p50(&measured.proxied)
        ));
        rounds.push(measured);
    }
    Ok(ProxyFigures { bench: bench.clone(), rounds })
}

fn way(bench: &ProxyBench, (echo, sink): (SocketAddr, SocketAddr)) -> Result<Way, BenchError> {
    let measure = || -> io::Result<Way> {
        Ok(Way {
            round_trip: round_trips(bench, echo)?,
            bytes_per_second: bulk(bench.bulk_bytes, sink)?,
        })
    };
    measure().map_err(BenchError::io("the measured connection broke"))
}

fn round_trips(bench: &ProxyBench, echo: SocketAddr) -> io::Result<LatencyFigures> {
    let mut stream = dial(echo)?;
    let mut message = vec![7; bench.message_bytes];
    let mut latencies = Latencies::new();
    for round in 0..WARM_UP + bench.round_trips {
        let sent = Instant::now();
        stream.write_all(&message)?;
        stream.read_exact(&mut message)?;
        if round >= WARM_UP {
            latencies.record(sent.elapsed());
        }
    }
    Ok(latencies.figures())
}

fn bulk(bytes: u64, sink: SocketAddr) -> io::Result<f64> {
    let mut stream = dial(sink)?;
    let chunk = vec![7; CHUNK];
    let started = Instant::now();
    let mut left = bytes;
    while left > 0 {
        let now = left.min(CHUNK as u64);
        stream.write_all(&chunk[..usize::try_from(now).expect("at most a chunk")])?;
        left -= now;
    }
    stream.shutdown(Shutdown::Write)?;
    let mut taken = [0; 8];
    stream.read_exact(&mut taken)?;
    let took = started.elapsed();
    let taken = u64::from_le_bytes(taken);
    if taken != bytes {
        return Err(io::Error::other(format!("{taken} of {bytes} bytes arrived")));
    }
    Ok(bytes as f64 / took.as_secs_f64())
}

fn dial(address: SocketAddr) -> io::Result<TcpStream> {
    let stream = TcpStream::connect(address)?;
    stream.set_nodelay(true)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    Ok(stream)
}

/// A listener whose connections are handled one after the other, on a thread that ends with the program.
fn serve(
    handle: impl Fn(TcpStream) -> io::Result<()> + Send + 'static,
) -> Result<SocketAddr, BenchError> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(BenchError::io("cannot listen"))?;
    let address = listener.local_addr().map_err(BenchError::io("cannot listen"))?;
    let handle = move || {
        for stream in listener.incoming() {
            // What breaks here breaks at the other end too, where it is told.
            let _ = stream.and_then(&handle);
        }
    };
    let thread = thread::Builder::new().name("bench-server".to_owned()).spawn(handle);
    thread.map_err(BenchError::io("cannot start a thread"))?;
    Ok(address)
}

fn echo(mut stream: TcpStream, message_bytes: usize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut message = vec![0; message_bytes];
    loop {
        stream.read_exact(&mut message)?;
        stream.write_all(&message)?;
    }
}

/// Takes everything, and says at the end how much it was.
fn drain(mut stream: TcpStream) -> io::Result<()> {
    let mut buffer = vec![0; CHUNK];
    let mut taken = 0_u64;
    loop {
        match stream.read(&mut buffer)? {
            0 => return stream.write_all(&taken.to_le_bytes()),
            count => taken += count as u64,
        }
    }
}
