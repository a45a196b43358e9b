//! The sending end of a link: dials, keeps one stream open, dials again.

use std::error::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tonic::transport::{Channel, Endpoint};

use super::outbox::Outbox;
use super::{CONNECTION_WINDOW, FRAME_BYTES_MAX, STREAM_WINDOW};
use crate::proto::raft::peer_client::PeerClient;
use crate::raft::NodeId;
use crate::replica::{Claim, Input};
use crate::server::inbox::Inbox;

const CONNECT_TIMEOUT: Duration = Duration::from_millis(500);
const BACKOFF_MIN: Duration = Duration::from_millis(20);
/// Also how long a stream must live to count as up: through a proxy, a connection to a dead node opens and closes.
const BACKOFF_MAX: Duration = Duration::from_millis(200);

/// What a link needs to know.
#[derive(Debug)]
pub(in crate::server) struct Dialer {
    /// The other end.
    pub(in crate::server) peer: NodeId,
    /// Where it is dialled.
    pub(in crate::server) address: SocketAddr,
    /// This node, its cluster and the members.
    pub(in crate::server) claim: Claim,
    /// How many times this node has started.
    pub(in crate::server) incarnation: u64,
    /// What waits to be sent.
    pub(in crate::server) outbox: Arc<Outbox>,
    /// To be told about losses.
    pub(in crate::server) inbox: Inbox,
}

/// Keeps the link up for as long as the driver lives.
pub(in crate::server) async fn run_link(dialer: Dialer) {
    let mut backoff = BACKOFF_MIN;
    let mut news = News { peer: dialer.peer, said_down: false };
    while !dialer.inbox.is_closed() {
        let (lived, reason) = dialer.attempt(&mut news).await;
        if lived {
            backoff = BACKOFF_MIN;
        }
        news.down(&reason, lived);
        let lost = dialer.outbox.clear();
        if !lost.is_empty() {
            dialer.inbox.put(Input::NeverSent(lost));
        }
        dialer.inbox.put(Input::Unreachable(dialer.peer));
        tokio::time::sleep(backoff).await;
        backoff = BACKOFF_MAX.min(backoff * 2);
    }
}

impl Dialer {
    /// Opens a stream and waits for its end. Says whether it was up for a while, and why it ended.
    async fn attempt(&self, news: &mut News) -> (bool, String) {
        let channel = match self.endpoint().connect().await {
            Ok(channel) => channel,
            Err(error) => return (false, chain(&error)),
        };
        let mut stream = std::pin::pin!(self.speak(channel));
        tokio::select! {
            reason = &mut stream => return (false, reason),
            () = tokio::time::sleep(BACKOFF_MAX) => news.up(self.address),
        }
        (true, stream.await)
    }

    /// Sends until the stream ends.
    async fn speak(&self, channel: Channel) -> String {
        let hello = self.claim.hello(self.peer, self.incarnation);
        let mut client = PeerClient::new(channel).max_encoding_message_size(FRAME_BYTES_MAX);
        match client.deliver(self.outbox.stream(hello)).await {
            Ok(_) => "closed by the peer".to_owned(),
            Err(status) if status.source().is_some() => chain(&status),
            Err(status) => format!("{:?}: {}", status.code(), status.message()),
        }
    }

    fn endpoint(&self) -> Endpoint {
        Endpoint::from_shared(format!("http://{}", self.address))
            .expect("a socket address makes a valid URI")
            .connect_timeout(CONNECT_TIMEOUT)
            .tcp_nodelay(true)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
    }
}

/// Tells changes, not attempts: a dead peer is dialled five times a second.
struct News {
    peer: NodeId,
    said_down: bool,
}

impl News {
    fn up(&mut self, address: SocketAddr) {
        self.said_down = false;
        tracing::info!(peer = %self.peer, %address, "connected to peer");
    }

    fn down(&mut self, reason: &str, was_up: bool) {
        let peer = self.peer;
        if was_up {
            tracing::info!(%peer, reason, "connection to peer lost");
        } else if !self.said_down {
            tracing::info!(%peer, reason, "cannot reach peer, trying on");
        } else {
            tracing::debug!(%peer, reason, "cannot reach peer");
        }
        self.said_down = true;
    }
}

/// An error with its causes; the outermost text of a transport error says nothing by itself.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
