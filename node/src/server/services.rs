//! Listeners, and what is served on them.

use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::Arc;

use tokio::net::TcpListener;
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::oneshot;
use tonic::transport::Server;
use tonic::transport::server::TcpIncoming;

use super::api::Api;
use super::driver::Driver;
use super::error::NodeError;
use super::inbox::Input;
use super::options::NodeOptions;
use super::transport::{CONNECTION_WINDOW, Dialer, PeerService, STREAM_WINDOW, run_link};

/// Concurrent requests on one client connection; what is under way in all is bounded by the API.
const CLIENT_STREAMS_MAX: u32 = 16 * 1024;

/// The ports of a node, open.
#[derive(Debug)]
pub(super) struct Sockets {
    /// For clients.
    pub(super) client: StdListener,
    /// For the other nodes.
    pub(super) peer: StdListener,
    /// For the metrics page.
    pub(super) metrics: Option<StdListener>,
}

impl Sockets {
    /// Opens them all, or says which one cannot be had.
    pub(super) fn bind(options: &NodeOptions) -> Result<Self, NodeError> {
        Ok(Self {
            client: bind("clients", options.client)?,
            peer: bind("peers", options.peer)?,
            metrics: options.metrics.map(|address| bind("metrics", address)).transpose()?,
        })
    }
}

fn bind(purpose: &'static str, address: SocketAddr) -> Result<StdListener, NodeError> {
    let listener = StdListener::bind(address)
        .and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
    listener.map_err(|source| NodeError::Listen { purpose, address, source })
}

/// Hands an open port to the runtime that this is called on.
pub(super) fn listener(socket: StdListener) -> Result<TcpListener, NodeError> {
    TcpListener::from_std(socket).map_err(|source| NodeError::System { what: "listener", source })
}

/// The core's thread: links, the peers' service and the driver, until the driver ends.
pub(super) async fn core(
    driver: Driver,
    inputs: UnboundedReceiver<Input>,
    links: Vec<Dialer>,
    socket: StdListener,
    peers: PeerService,
) -> Result<(), NodeError> {
    let incoming = TcpIncoming::from(listener(socket)?).with_nodelay(Some(true));
    let service = Server::builder()
        .initial_stream_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .add_service(peers.into_server())
        .serve_with_incoming(incoming);
    let service = tokio::spawn(service);
    for link in links {
        tokio::spawn(run_link(link));
    }
    // A task, not the runtime's main future: waking that one costs a system call, and a task queues up behind the
    // connections that have something for it.
    let driver = tokio::spawn(driver.run(inputs));
    tokio::select! {
        end = driver => end.unwrap_or(Err(NodeError::Crashed("core"))),
        end = service => Err(NodeError::Service { service: "peer", reason: format!("{end:?}") }),
    }
}

/// The client API, until `closed` resolves and the requests under way are answered.
pub(super) async fn clients(
    listener: TcpListener,
    api: Arc<Api>,
    closed: oneshot::Receiver<()>,
) -> Result<(), tonic::transport::Error> {
    let incoming = TcpIncoming::from(listener).with_nodelay(Some(true));
    let shutdown = async {
        // An error means that the node is gone: reason enough.
        let _ = closed.await;
    };
    Server::builder()
        .max_concurrent_streams(CLIENT_STREAMS_MAX)
        .add_service(api.kv())
        .add_service(api.maintenance())
        .serve_with_incoming_shutdown(incoming, shutdown)
        .await
}
