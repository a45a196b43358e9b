//! The faulty network: one TCP listener per directed link, each with a gate for the bytes of that direction.
//!
//! ```text
//!            dials n1>n2                                         dials n2>n1
//!   n1 ──────────────────► [listener n1>n2] ── gate n1>n2 ──► n2 ─────────► [listener n2>n1] ── gate n2>n1 ──► n1
//!      ◄────────────────── gate n2>n1 ◄─────────────────────     ◄───────── gate n1>n2 ◄──────────────────────
//! ```
//!
//! Nodes are told the listener of their own link as the address of each peer, and clients one listener a node. A proxy
//! per destination would not do: a node's own outbound connections would stay alive through its "partition". And gates
//! act on the direction of bytes, not on who dialled: `n1>n2` holds what n1 sends to n2 on every connection of the two.
//!
//! **Owns** connections, their bytes and the figures of each link. **Refuses to own** when and where rules are put in
//! force (the nemesis) and what the bytes mean: it forwards opaque TCP streams, so it can stall, cut, refuse, delay and
//! throttle, but dropping or reordering bytes would be corruption and is not offered.
//!
//! Invariants:
//! - When [`Network::apply`] has returned, no byte is written against the new rule, on any connection, in whatever state
//!   it is (`gate`). What had been written before lies in the receiver's socket buffer: it had arrived.
//! - What was held under a rule that loses is never passed: such connections are reset when the rule goes.
//! - Bytes of one direction keep their order under every rule.
//! - What a connection keeps is bounded (`lane`); beyond that, the sender feels it.
//! - The proxy runs on a thread of its own, so that its work does not delay the clients' stamps.

mod connection;
mod gate;
mod lane;
mod link;
mod listener;
mod queue;
mod timer;
mod trouble;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::Runtime;
use tokio::sync::{oneshot, watch};
use tokio::task::JoinSet;

pub use link::{Endpoint, Link, LinkRule, LinkStats};

use self::connection::Path;
use self::gate::Gate;
use self::listener::{Listener, Mode};
use self::trouble::Trouble;
use crate::ports::{PortError, PortPool, ReservedPort};
use crate::seed::Seed;

/// Why there is no network.
#[derive(Debug, thiserror::Error)]
pub enum ProxyError {
    /// No port for a listener.
    #[error(transparent)]
    Ports(#[from] PortError),
    /// A listener or the proxy's thread could not be set up.
    #[error("cannot start the proxy: {0}")]
    Io(#[from] std::io::Error),
}

/// What lies behind the proxies.
#[derive(Debug, Clone)]
pub struct NetworkOptions {
    /// Where each node listens for its peers; empty if peers are not proxied.
    pub peers: Vec<SocketAddr>,
    /// Where each node listens for clients.
    pub clients: Vec<SocketAddr>,
    /// Root of the jitter.
    pub seed: Seed,
}

/// All links of a cluster. Dropping it closes every connection.
#[derive(Debug)]
pub struct Network {
    gates: BTreeMap<Link, Arc<Gate>>,
    doors: BTreeMap<Link, Door>,
    trouble: Trouble,
    /// Dropped first: that ends the thread, which is then joined.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
}

/// What the outside needs of a listener.
#[derive(Debug)]
struct Door {
    port: Arc<ReservedPort>,
    mode: watch::Receiver<Mode>,
}

/// A listener that is bound but not yet served.
struct Unserved {
    listener: Listener,
    socket: std::net::TcpListener,
}

impl Network {
    /// Opens a listener for every link, all of them passing.
    pub fn start(options: &NetworkOptions, ports: &mut PortPool) -> Result<Self, ProxyError> {
        let dialled = dialled_links(options);
        let gates: BTreeMap<Link, Arc<Gate>> = dialled
            .iter()
            .flat_map(|(link, _)| [*link, link.reverse()])
            .map(|link| (link, Arc::new(Gate::new(link, options.seed))))
            .collect();
        let trouble = Trouble::default();
        let mut doors = BTreeMap::new();
        let mut unserved = Vec::new();
        for (link, upstream) in dialled {
            let port = Arc::new(ports.reserve()?);
            let socket = listener::listen_on(&port)?;
            let (mode_sender, mode) = watch::channel(Mode::Open);
            let path = Path {
                forward: Arc::clone(&gates[&link]),
                backward: Arc::clone(&gates[&link.reverse()]),
                upstream,
                trouble: trouble.clone(),
            };
            let listener = Listener::new(Arc::new(path), Arc::clone(&port), mode_sender);
            unserved.push(Unserved { listener, socket });
            doors.insert(link, Door { port, mode });
        }
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let noticed = trouble.clone();
        let thread = std::thread::Builder::new()
            .name("proxy".to_owned())
            .spawn(move || serve_all(&runtime, unserved, stopped, &noticed))?;
        Ok(Self { gates, doors, trouble, stop: Some(stop), thread: Some(thread) })
    }

    /// Every directed link, both ways between clients and nodes included, in a fixed order.
    pub fn links(&self) -> Vec<Link> {
        self.gates.keys().copied().collect()
    }

    /// Where `link.from` has to dial to reach `link.to`; `None` for what nobody dials, as from a node to its clients.
    pub fn listen_addr(&self, link: Link) -> Option<SocketAddr> {
        self.doors.get(&link).map(|door| door.port.addr())
    }

    /// Puts a rule in force. When this returns, no byte crosses the link against it. Listeners follow within
    /// milliseconds: see [`Network::settled`].
    ///
    /// # Panics
    /// If there is no such link: see [`Network::links`].
    pub fn apply(&self, link: Link, rule: LinkRule) {
        self.gate(link).apply(rule);
    }

    /// The rule in force.
    ///
    /// # Panics
    /// If there is no such link.
    pub fn rule(&self, link: Link) -> LinkRule {
        self.gate(link).state().rule
    }

    /// Every link passes again.
    pub fn pass_all(&self) {
        for gate in self.gates.values() {
            gate.apply(LinkRule::Pass);
        }
    }

    /// Waits until every listener does what the rules in force ask of it; false if that took longer than `within`.
    pub async fn settled(&self, within: Duration) -> bool {
        let settle = async {
            for (link, door) in &self.doors {
                let mut mode = door.mode.clone();
                let wanted = || Mode::of(self.rule(*link), self.rule(link.reverse()));
                if mode.wait_for(|mode| *mode == wanted()).await.is_err() {
                    return false;
                }
            }
            true
        };
        tokio::time::timeout(within, settle).await.unwrap_or(false)
    }

    /// What happened on a link so far.
    ///
    /// # Panics
    /// If there is no such link.
    pub fn stats(&self, link: Link) -> LinkStats {
        self.gate(link).counters.snapshot()
    }

    /// Why the network no longer does what it is told, if so: a part of the proxy has died, or the machine refuses it a
    /// socket. Then links are dead that no fault holds, and no operation that failed says anything of the nodes.
    pub fn broken(&self) -> Option<String> {
        let ended = self.thread.as_ref().is_some_and(std::thread::JoinHandle::is_finished);
        let dead = || ended.then(|| "its thread has ended".to_owned());
        self.trouble.first().or_else(dead)
    }

    fn gate(&self, link: Link) -> &Gate {
        self.gates.get(&link).unwrap_or_else(|| panic!("no link {link} in {:?}", self.gates.keys()))
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed there, and there is nothing left to serve.
            let _ = thread.join();
        }
    }
}

/// The links that somebody dials, with what lies behind each.
fn dialled_links(options: &NetworkOptions) -> Vec<(Link, SocketAddr)> {
    let mut dialled = Vec::new();
    for (to, upstream) in options.peers.iter().enumerate() {
        for from in (0..options.peers.len()).filter(|from| *from != to) {
            dialled.push((Link::peers(from, to), *upstream));
        }
    }
    for (to, upstream) in options.clients.iter().enumerate() {
        dialled.push((Link::to_node(to), *upstream));
    }
    dialled.sort();
    dialled
}

/// The proxy's thread: serves until told to stop, or until the network is gone.
fn serve_all(
    runtime: &Runtime,
    listeners: Vec<Unserved>,
    stopped: oneshot::Receiver<()>,
    trouble: &Trouble,
) {
    runtime.block_on(async {
        let mut tasks = JoinSet::new();
        for Unserved { listener, socket } in listeners {
            tasks.spawn(listener.run(socket));
        }
        trouble.watch(&mut tasks, stopped).await;
        // The tasks are dropped with the set, and the connections with them.
    });
}
