//! The production shell around the core: tokio, tonic, real files, the clock.
//!
//! Owns everything that waits or touches the outside: threads, sockets, the data directory, time, the log, metrics, and
//! the etcd API. Refuses to own decisions: what to write, send, apply and answer is said by [`crate::replica`]
//! (and below it [`crate::raft`]), what a command means by [`crate::kv`], what is durable by [`crate::storage`].
//!
//! ```text
//!   clients' runtime (the caller's)          core thread                        WAL thread
//!   +---------------------------+            +---------------------------+      +--------------+
//!   | api  (KV, Maintenance)    |--Input---->| driver (owns the member)  |--job-->| append, sync |
//!   | metrics                   |<--reply----| applier (quick commands)  |<-Input-|              |
//!   +---------------------------+            | transport (peers)         |      +--------------+
//!             |                              +---------------------------+        apply thread
//!             +--reads--> store <--writes----------+---------------------------- (slow commands)
//! ```
//!
//! Why so: an election timeout is short, so whatever could hold up a heartbeat (a sync, a long range read, a thousand
//! clients) lives on another thread than the core; and the core shares its thread with the peers' connections, so that a
//! message costs no hand-over.
//!
//! Invariants:
//! - One node a data directory, one incarnation a start, and the same members for ever; a log that was there once is
//!   never replaced by an empty one (`identity.rs`).
//! - After a failure of the disk nothing is acknowledged and the node ends ([`NodeError::Wal`]).
//! - Every queue is bounded, by its own size or by what clients and the log may hold; see there.
//!
//! Caveats: memory grows with the log and the history of keys (neither is compacted yet); while a range over very many
//! keys is copied, writes wait; connections are neither encrypted nor authenticated, which is why addresses should be
//! loopback ones.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::oneshot;
use tokio::task::JoinHandle;

mod api;
mod applier;
mod dir_lock;
mod driver;
mod error;
mod identity;
mod inbox;
mod logging;
mod metrics;
mod options;
mod parent;
mod services;
mod transport;
mod view;
mod wal_thread;
mod wire;

pub use crate::replica::{LEADER_TRAILER, Members, OUTCOME_TRAILER};
pub use error::NodeError;
pub use logging::init_logging;
pub use options::NodeOptions;

use crate::replica::{Journal, Replica};
use api::Api;
use applier::{Applier, SharedStore};
use driver::{Driver, Duties};
use identity::DataDir;
use inbox::{Inbox, Input};
use metrics::Metrics;
use services::Sockets;
use transport::{Dialer, Outbox, PeerService};
use view::View;

use crate::raft::{Nanos, NodeId};
use crate::storage::{RealDisk, Replay, WalOptions};

/// How long clients have to take their last answers when the node stops.
const CLOSE_TIMEOUT: Duration = Duration::from_millis(300);

/// Runs a node until `stop` resolves, or until it fails.
///
/// Must be polled on a tokio runtime with time and I/O; requests of clients are served there. When it returns `Ok`, the
/// log is on disk and the ports are free. After an error the process should end: threads may still be at work.
pub async fn run(
    options: NodeOptions,
    stop: impl Future<Output = ()> + Send,
) -> Result<(), NodeError> {
    options.check()?;
    parent::tie(options.parent)?;
    let mut data = DataDir::open(&options.data, &options.claim())?;
    let (journal, replay) = open_journal(&options, &data).await?;
    data.log_opened()?;
    let sockets = Sockets::bind(&options)?;
    let address = |address: SocketAddr| address.to_string();
    tracing::info!(
        client = address(options.client),
        peer = address(options.peer),
        metrics = options.metrics.map(address),
        incarnation = data.incarnation(),
        entries = replay.entries.len(),
        "started"
    );
    Node::start(&options, data, journal, replay, sockets)?.run_until(stop).await
}

/// Recovers the log, on a thread where it may take its time.
async fn open_journal(
    options: &NodeOptions,
    data: &DataDir,
) -> Result<(Journal<RealDisk>, Replay), NodeError> {
    let mut wal_options = WalOptions::new(options.cluster_id, options.id);
    wal_options.must_exist = data.has_log();
    wal_options.bugs = options.bugs;
    let group_max = options.limits.group_max;
    let path = data.wal();
    let opening =
        tokio::task::spawn_blocking(move || Journal::open(RealDisk::open(&path)?, wal_options));
    let (journal, replay) = opening.await.map_err(|_| NodeError::Crashed("recovery"))??;
    let Replay { hard, entries, torn_tail, batches, segments, created } = &replay;
    if *created {
        tracing::info!("new write-ahead log");
    } else {
        let (term, entries) = (hard.term.0, entries.len());
        tracing::info!(term, entries, batches, segments, "recovered the write-ahead log");
    }
    if let Some(torn) = torn_tail {
        tracing::warn!("torn end of the write-ahead log: {torn}");
    }
    Ok((journal.with_group_max(group_max), replay))
}

/// The parts of a running node that have to be watched and ended.
struct Node {
    /// Holds the lock on the data directory, as does the thread of the log.
    _data: DataDir,
    inbox: Inbox,
    view: Arc<View>,
    /// How the core's thread ends; an error of the channel is a panic.
    core: oneshot::Receiver<Result<(), NodeError>>,
    clients: JoinHandle<Result<(), tonic::transport::Error>>,
    close_clients: oneshot::Sender<()>,
    metrics: Option<JoinHandle<()>>,
}

impl Node {
    fn start(
        options: &NodeOptions,
        data: DataDir,
        journal: Journal<RealDisk>,
        replay: Replay,
        sockets: Sockets,
    ) -> Result<Self, NodeError> {
        let (inbox, inputs) = Inbox::new();
        let metrics = Arc::new(Metrics::default());
        let view = View::new(options.id, options.cluster_id, data.wal(), replay.hard.term);
        let view = Arc::new(view);
        let store = SharedStore::default();
        let (applier, queue) =
            Applier::split(store.clone(), view.clone(), metrics.clone(), options.bugs);
        applier.start_thread(queue, inbox.clone())?;
        let outboxes: BTreeMap<_, _> =
            options.peers.keys().map(|id| (*id, Outbox::new(Arc::clone(&metrics)))).collect();
        let driver = Driver {
            replica: new_replica(options, replay, data.incarnation()),
            duties: Duties {
                wal: wal_thread::spawn(journal, data.lock(), inbox.clone(), Arc::clone(&metrics))?,
                applier,
                outboxes: outboxes.clone(),
                view: Arc::clone(&view),
                store: Arc::clone(&store),
            },
            origin: origin(),
            metrics: Arc::clone(&metrics),
        };
        let links = dialers(options, &data, &inbox, outboxes);
        let peers = PeerService::new(options.claim(), options.bugs, inbox.clone(), metrics.clone());
        let work = services::core(driver, inputs, links, sockets.peer, peers);
        let core = driver::on_own_thread("core", work)
            .map_err(|source| NodeError::System { what: "core thread", source })?;
        let scrapes = |listener| metrics::http::serve(listener, metrics.clone(), view.clone());
        let api = Api::new(inbox.clone(), view.clone(), store, metrics.clone(), &options.limits)
            .with_bugs(options.bugs);
        let metrics = sockets.metrics.map(services::listener).transpose()?;
        let metrics = metrics.map(|listener| tokio::spawn(scrapes(listener)));
        let (close_clients, closed) = oneshot::channel();
        let clients = services::listener(sockets.client)?;
        let clients = tokio::spawn(services::clients(clients, Arc::new(api), closed));
        Ok(Self { _data: data, inbox, view, core, clients, close_clients, metrics })
    }
}

impl Node {
    /// Serves until `stop` resolves or something breaks.
    async fn run_until(mut self, stop: impl Future<Output = ()>) -> Result<(), NodeError> {
        let stop = std::pin::pin!(stop);
        let failure = tokio::select! {
            biased;
            end = &mut self.core => core_failure(end),
            end = &mut self.clients => {
                NodeError::Service { service: "client", reason: format!("{end:?}") }
            }
            () = stop => return self.stop().await,
        };
        self.clients.abort();
        Err(failure)
    }

    /// Takes no more requests, answers those under way, and leaves everything that was accepted on disk.
    async fn stop(self) -> Result<(), NodeError> {
        tracing::info!("stopping");
        self.view.set_stopping();
        self.inbox.put(Input::Stop);
        // Fails only if the service has ended already.
        let _ = self.close_clients.send(());
        let end = self.core.await.unwrap_or(Err(NodeError::Crashed("core")));
        let abort = self.clients.abort_handle();
        if tokio::time::timeout(CLOSE_TIMEOUT, self.clients).await.is_err() {
            abort.abort();
        }
        if let Some(metrics) = self.metrics {
            metrics.abort();
        }
        if end.is_ok() {
            tracing::info!("stopped");
        }
        end
    }
}

/// Why the core's thread ended although nobody asked it to.
fn core_failure(end: Result<Result<(), NodeError>, oneshot::error::RecvError>) -> NodeError {
    match end {
        Ok(Err(error)) => error,
        Ok(Ok(())) | Err(_) => NodeError::Crashed("core"),
    }
}

fn dialers(
    options: &NodeOptions,
    data: &DataDir,
    inbox: &Inbox,
    mut outboxes: BTreeMap<NodeId, Arc<Outbox>>,
) -> Vec<Dialer> {
    let dialer = |(peer, address): (&NodeId, &SocketAddr)| Dialer {
        peer: *peer,
        address: *address,
        claim: options.claim(),
        incarnation: data.incarnation(),
        outbox: outboxes.remove(peer).expect("every peer has an outbox"),
        inbox: inbox.clone(),
    };
    options.peers.iter().map(dialer).collect()
}

/// The member as the disk remembers it, at time 0.
fn new_replica<W, R>(options: &NodeOptions, replay: Replay, incarnation: u64) -> Replica<W, R> {
    let config = options.raft_config();
    Replica::new(config, replay.into(), incarnation, Nanos::default())
        .with_hold_max(options.limits.hold_max)
}

#[expect(clippy::disallowed_methods, reason = "the shell owns the clock")]
fn origin() -> Instant {
    Instant::now()
}
