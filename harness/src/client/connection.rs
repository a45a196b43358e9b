//! One connection to one node, good for one life.
//!
//! A gRPC channel reconnects behind its user's back, and then nobody can tell whether a request was sent before or after.
//! Here a channel gets exactly one TCP connection; when that is gone, every request is refused before it leaves, with an
//! error ([`Spent`]) that the outcome table knows.
//!
//! Opening includes one question and answer (`Maintenance.Status`, which a node answers whatever its role). A proxy accepts
//! connections for a node that is dead, and a paused node's kernel accepts for it: without the question, the first write
//! to such a node would be unknown although it never had a chance.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tonic::transport::{Channel, Endpoint};

use super::outcome::Failure;
use crate::descriptors;
use crate::etcd_api::etcdserverpb::StatusRequest;
use crate::etcd_api::etcdserverpb::kv_client::KvClient;
use crate::etcd_api::etcdserverpb::maintenance_client::MaintenanceClient;

/// An open connection.
#[derive(Debug)]
pub(super) struct Connection {
    /// The key-value service at the other end.
    pub(super) kv: KvClient<Channel>,
}

impl Connection {
    /// Connects and sees the node answer, or gives up after `patience`.
    pub(super) async fn open(address: SocketAddr, patience: Duration) -> Result<Self, Failure> {
        let deadline = Instant::now() + patience;
        let opened = timeout_at(deadline, connect_and_ask(address)).await;
        let channel = match opened {
            Ok(Ok(channel)) => channel,
            Ok(Err(failure)) => return Err(failure),
            Err(_) => return Err(Failure::not_opened(&format!("no answer in {patience:?}"))),
        };
        Ok(Self { kv: KvClient::new(channel) })
    }
}

async fn connect_and_ask(address: SocketAddr) -> Result<Channel, Failure> {
    let stream = TcpStream::connect(address).await.map_err(|error| no_stream(&error))?;
    stream.set_nodelay(true).map_err(|error| no_stream(&error))?;
    let channel = channel_over(stream, address).await;
    let channel = channel.map_err(|error| Failure::not_opened(&deepest(&error)))?;
    let mut maintenance = MaintenanceClient::new(channel.clone());
    match maintenance.status(StatusRequest {}).await {
        // A node that answers with an error is there all the same; what it refuses, it refuses to the operation.
        Err(status) if status.source().is_some() => Err(Failure::not_opened(&deepest(&status))),
        Ok(_) | Err(_) => Ok(channel),
    }
}

fn no_stream(error: &io::Error) -> Failure {
    if descriptors::are_exhausted(error) {
        Failure::no_socket(error)
    } else {
        Failure::not_opened(&error.to_string())
    }
}

async fn channel_over(
    stream: TcpStream,
    address: SocketAddr,
) -> Result<Channel, tonic::transport::Error> {
    let only = Arc::new(Mutex::new(Some(stream)));
    let connector = tower::service_fn(move |_| {
        let stream = only.lock().unwrap_or_else(PoisonError::into_inner).take();
        async move { stream.map(TokioIo::new).ok_or_else(|| io::Error::other(Spent)) }
    });
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .expect("an address makes an authority, which makes a URI");
    endpoint.connect_with_connector(connector).await
}

/// The connection is used up: the request that met this error never left.
#[derive(Debug)]
pub(super) struct Spent;

impl fmt::Display for Spent {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str("the connection was lost earlier")
    }
}

impl Error for Spent {}

/// The last of a chain of errors: the one that says what happened (`connection reset by peer`).
pub(crate) fn deepest(error: &(dyn Error + 'static)) -> String {
    let mut last = error;
    while let Some(source) = last.source() {
        last = source;
    }
    last.to_string()
}

/// Whether a [`Spent`] is somewhere in the chain.
pub(super) fn is_spent(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        // An I/O error made from another one does not name it as its source.
        let inner = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
        if error.is::<Spent>() || inner.and_then(|inner| inner.downcast_ref::<Spent>()).is_some() {
            return true;
        }
        next = error.source();
    }
    false
}

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;
    use crate::client::ClientError;

    #[test]
    fn a_lack_of_descriptors_is_the_fault_of_the_harness_and_a_refusal_is_not() {
        let full = io::Error::from_raw_os_error(Errno::MFILE.raw_os_error());
        let Some(ClientError::NoSocket(reason)) = no_stream(&full).of_the_harness() else {
            panic!("{full} must not stand in a history");
        };
        assert!(reason.starts_with("Too many open files"), "{reason}");
        let refused = io::Error::from_raw_os_error(Errno::CONNREFUSED.raw_os_error());
        assert_eq!(no_stream(&refused).of_the_harness(), None);
    }
}
