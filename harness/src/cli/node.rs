//! The hidden verb that becomes a node: one binary is the whole product.
//!
//! Started by the harness for every node of a cluster, and by hand to look at one. Everything it has to say goes to
//! stderr as JSON lines; stdout stays empty.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::PossibleValuesParser;
use rashomon_node::bugs::{Bug, Bugs};
use rashomon_node::raft::NodeId;
use rashomon_node::replica::Limits;
use rashomon_node::server::{NodeError, NodeOptions, init_logging, run};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

use crate::exit::Exit;

/// Threads that serve clients, at most; the core and the write-ahead log have their own. A cluster shares one machine,
/// and every further thread costs wake-ups: a quarter of the processors is enough.
const CLIENT_THREADS_MAX: usize = 4;

/// Be one node of the bundled store
#[derive(Debug, clap::Args)]
pub struct Args {
    /// This node's number, from 1; also its etcd member id
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..))]
    id: u64,
    /// Data directory; created if it is not there
    #[arg(long, value_name = "DIR")]
    data: PathBuf,
    /// Where clients connect
    #[arg(long, value_name = "ADDRESS")]
    client: SocketAddr,
    /// Where the other nodes connect
    #[arg(long, value_name = "ADDRESS")]
    peer: SocketAddr,
    /// Where /metrics and /health are served
    #[arg(long, value_name = "ADDRESS")]
    metrics: Option<SocketAddr>,
    /// Another member and where to dial it, once for each
    #[arg(long, value_name = "ID=ADDRESS", value_parser = parse_peer)]
    peer_of: Vec<(u64, SocketAddr)>,
    /// Base of the randomised election timeout: each wait is between this and twice this
    #[arg(long, value_name = "MS", default_value_t = 150)]
    election_timeout_ms: u64,
    /// Time between a leader's heartbeats
    #[arg(long, value_name = "MS", default_value_t = 30)]
    heartbeat_ms: u64,
    /// Root of the node's randomness; nodes of one cluster may share it
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// A built-in bug to switch on; may be given several times
    #[arg(long, value_name = "NAME", value_parser = PossibleValuesParser::new(Bug::ALL.map(Bug::name)))]
    bug: Vec<String>,
    /// Die with this process, which must be the parent
    #[arg(long, value_name = "PID")]
    parent: Option<u32>,
    /// Nodes of another cluster are refused
    #[arg(long, value_name = "ID", default_value_t = 1)]
    cluster_id: u64,
}

/// Runs the node until SIGTERM or SIGINT, or until it fails. Stopping waits for the disk, for ever if that hangs; a second
/// signal ends the process whatever it waits for.
pub fn main(args: Args) -> Exit {
    init_logging(NodeId(args.id));
    match args.into_options().and_then(serve) {
        Ok(()) => Exit::Valid,
        Err(error) => {
            tracing::error!(remedy = error.remedy(), "{}", in_words(&error));
            if error.is_usage() { Exit::Usage } else { Exit::Internal }
        }
    }
}

impl Args {
    fn into_options(self) -> Result<NodeOptions, NodeError> {
        let mut peers = std::collections::BTreeMap::new();
        for (id, address) in self.peer_of {
            if peers.insert(NodeId(id), address).is_some() {
                return Err(NodeError::Options(format!("peer {id} is given twice")));
            }
        }
        if !(self.bug.is_empty() || Bugs::COMPILED_IN) {
            return Err(NodeError::Options("this program was built without bugs".to_owned()));
        }
        let bug = |name: &String| name.parse::<Bug>().expect("the parser took only these names");
        Ok(NodeOptions {
            id: NodeId(self.id),
            data: self.data,
            client: self.client,
            peer: self.peer,
            metrics: self.metrics,
            peers,
            election_timeout: Duration::from_millis(self.election_timeout_ms),
            heartbeat: Duration::from_millis(self.heartbeat_ms),
            seed: self.seed,
            bugs: self.bug.iter().map(bug).collect(),
            cluster_id: self.cluster_id,
            parent: self.parent,
            limits: Limits::default(),
        })
    }
}

fn serve(options: NodeOptions) -> Result<(), NodeError> {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    let threads = (processors / 4).clamp(1, CLIENT_THREADS_MAX);
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(threads)
        .enable_all()
        .build()
        .map_err(|source| NodeError::System { what: "runtime", source })?;
    let result = runtime.block_on(async {
        let failed = |source| NodeError::System { what: "signal handler", source };
        let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
        let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
        let signal = async || {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
        };
        let node = |stopped: oneshot::Receiver<()>| {
            run(options, async {
                // An error: nobody is left who could say so.
                let _ = stopped.await;
            })
        };
        run_until_told(node, signal).await
    });
    // After a failure a thread may hang in the very thing that failed: do not wait for it.
    runtime.shutdown_background();
    result
}

/// Runs what stops at the first signal, and gives it up at the second.
async fn run_until_told<R>(
    run: impl FnOnce(oneshot::Receiver<()>) -> R,
    mut signal: impl AsyncFnMut(),
) -> Result<(), NodeError>
where
    R: Future<Output = Result<(), NodeError>>,
{
    let (stop, stopped) = oneshot::channel();
    let told_twice = async {
        signal().await;
        // Fails only if the node has ended already.
        let _ = stop.send(());
        signal().await;
    };
    tokio::select! {
        biased;
        end = run(stopped) => end,
        () = told_twice => Err(NodeError::StoppedTwice),
    }
}

/// `2=127.0.0.1:4002`
fn parse_peer(text: &str) -> Result<(u64, SocketAddr), String> {
    let (id, address) = text.split_once('=').ok_or("expected ID=ADDRESS")?;
    let id = id.parse::<u64>().ok().filter(|id| *id > 0);
    let id = id.ok_or_else(|| format!("{text:?}: node ids are whole numbers from 1"))?;
    let address = address.parse().map_err(|error| format!("{text:?}: {error}"))?;
    Ok((id, address))
}

/// The error with its causes, each once.
fn in_words(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let part = error.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[derive(Debug, Parser)]
    struct Line {
        #[command(flatten)]
        args: Args,
    }

    fn parse(more: &[&str]) -> Result<Args, clap::Error> {
        let line = "node --id 2 --data d --client 127.0.0.1:1 --peer 127.0.0.1:2";
        let words = line.split(' ').chain(more.iter().copied());
        Line::try_parse_from(words).map(|line| line.args)
    }

    /// A node whose disk hangs never ends by itself.
    #[tokio::test]
    async fn the_second_signal_ends_what_the_first_could_not() {
        let told = Arc::new(AtomicUsize::new(0));
        let (count, seen) = (Arc::clone(&told), Arc::clone(&told));
        let hangs = |stopped: oneshot::Receiver<()>| async move {
            stopped.await.unwrap();
            assert_eq!(seen.load(Ordering::Relaxed), 1);
            std::future::pending().await
        };
        let signal = async move || {
            tokio::task::yield_now().await;
            count.fetch_add(1, Ordering::Relaxed);
        };
        let end = run_until_told(hangs, signal).await;
        assert!(matches!(end, Err(NodeError::StoppedTwice)), "{end:?}");
        assert_eq!(told.load(Ordering::Relaxed), 2);
    }

    #[test]
    fn a_full_command_line_makes_options() {
        let line = "--metrics 127.0.0.1:3 --peer-of 1=127.0.0.1:4 --peer-of 3=127.0.0.1:5 --seed 9 \
                    --election-timeout-ms 200 --heartbeat-ms 40 --bug half-quorum --parent 7 --cluster-id 11";
        let words: Vec<_> = line.split_whitespace().collect();
        let options = parse(&words).unwrap().into_options().unwrap();
        assert_eq!(options.id, NodeId(2));
        assert_eq!(options.peers.keys().map(|id| id.0).collect::<Vec<_>>(), [1, 3]);
        assert_eq!(options.heartbeat, Duration::from_millis(40));
        assert!(options.bugs.has(Bug::HalfQuorum) && !options.bugs.has(Bug::CommitMinority));
        assert_eq!((options.parent, options.cluster_id), (Some(7), 11));
    }

    #[test]
    fn what_makes_no_sense_is_refused_by_the_parser() {
        for more in [
            ["--peer-of", "1"],
            ["--peer-of", "0=127.0.0.1:4"],
            ["--peer-of", "1=nowhere"],
            ["--bug", "half-quorums"],
            ["--heartbeat-ms", "-1"],
        ] {
            assert!(parse(&more).is_err(), "{more:?}");
        }
    }

    #[test]
    fn a_peer_given_twice_is_a_usage_error() {
        let args = parse(&["--peer-of", "1=127.0.0.1:4", "--peer-of", "1=127.0.0.1:5"]).unwrap();
        assert!(args.into_options().unwrap_err().is_usage());
    }
}
