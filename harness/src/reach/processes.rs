//! Real processes: sockets, gRPC, and the machine's monotonic clock.
//!
//! A gRPC channel reconnects behind its user's back, and then nobody can tell whether a request was sent before or after.
//! Here a channel gets exactly one TCP connection; when that is gone, every request is refused before it leaves, with an
//! error ([`Spent`]) that the outcome table knows.
//!
//! Opening includes one question and answer (`Maintenance.Status`, which a node answers whatever its role). A proxy accepts
//! connections for a node that is dead, and a paused node's kernel accepts for it: without the question, the first write
//! to such a node would be unknown although it never had a chance.

use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until, timeout_at};
use tonic::transport::{Channel, Endpoint};
use tonic::{Response, Status};

use super::{NotOpened, Reach, Spent, Unanswered, Wire, deepest};
use crate::descriptors;
use crate::etcd_api::etcdserverpb::kv_client::KvClient;
use crate::etcd_api::etcdserverpb::maintenance_client::MaintenanceClient;
use crate::etcd_api::etcdserverpb::{
    PutRequest, PutResponse, RangeRequest, RangeResponse, StatusRequest, TxnRequest, TxnResponse,
};

/// Nodes behind addresses. Needs a tokio runtime.
#[derive(Debug, Clone)]
pub struct Processes {
    /// What times are counted from.
    origin: Instant,
    /// Of the nodes, by position.
    addresses: Arc<[SocketAddr]>,
}

impl Processes {
    /// The nodes at these addresses. Time is counted from now on.
    pub fn new(addresses: &[SocketAddr]) -> Self {
        Self { origin: Instant::now(), addresses: addresses.into() }
    }
}

impl Reach for Processes {
    type Connection = Connection;

    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    async fn sleep_until(&self, moment: Duration) {
        sleep_until(self.origin + moment).await;
    }

    async fn open(&self, node: usize, deadline: Duration) -> Result<Connection, NotOpened> {
        let patience = deadline.saturating_sub(self.now());
        let opened = timeout_at(self.origin + deadline, connect_and_ask(self.addresses[node]));
        let channel = opened.await.map_err(|_| NotOpened::silent(patience))??;
        Ok(Connection { kv: KvClient::new(channel), origin: self.origin })
    }
}

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    /// The key-value service at the other end.
    kv: KvClient<Channel>,
    origin: Instant,
}

impl Wire for Connection {
    async fn range(
        &mut self,
        request: RangeRequest,
        deadline: Duration,
    ) -> Result<RangeResponse, Unanswered> {
        answer(self.origin + deadline, self.kv.range(request)).await
    }

    async fn put(
        &mut self,
        request: PutRequest,
        deadline: Duration,
    ) -> Result<PutResponse, Unanswered> {
        answer(self.origin + deadline, self.kv.put(request)).await
    }

    async fn txn(
        &mut self,
        request: TxnRequest,
        deadline: Duration,
    ) -> Result<TxnResponse, Unanswered> {
        answer(self.origin + deadline, self.kv.txn(request)).await
    }
}

/// One request and its answer.
async fn answer<T>(
    deadline: Instant,
    request: impl Future<Output = Result<Response<T>, Status>>,
) -> Result<T, Unanswered> {
    let answered = timeout_at(deadline, request).await;
    Ok(answered.map_err(|_| Unanswered::Deadline)??.into_inner())
}

async fn connect_and_ask(address: SocketAddr) -> Result<Channel, NotOpened> {
    let stream = TcpStream::connect(address).await.map_err(|error| no_stream(&error))?;
    stream.set_nodelay(true).map_err(|error| no_stream(&error))?;
    let channel = channel_over(stream, address).await;
    let channel = channel.map_err(|error| NotOpened::Refused(deepest(&error)))?;
    let mut maintenance = MaintenanceClient::new(channel.clone());
    match maintenance.status(StatusRequest {}).await {
        // A node that answers with an error is there all the same; what it refuses, it refuses to the operation.
        Err(status) if status.source().is_some() => Err(NotOpened::Refused(deepest(&status))),
        Ok(_) | Err(_) => Ok(channel),
    }
}

fn no_stream(error: &io::Error) -> NotOpened {
    let kind =
        if descriptors::are_exhausted(error) { NotOpened::NoSocket } else { NotOpened::Refused };
    kind(error.to_string())
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

#[cfg(test)]
mod tests {
    use rustix::io::Errno;

    use super::*;

    #[test]
    fn a_lack_of_descriptors_is_the_fault_of_this_machine_and_a_refusal_is_not() {
        let full = io::Error::from_raw_os_error(Errno::MFILE.raw_os_error());
        let NotOpened::NoSocket(reason) = no_stream(&full) else {
            panic!("{full} must not stand in a history");
        };
        assert!(reason.starts_with("Too many open files"), "{reason}");
        let refused = io::Error::from_raw_os_error(Errno::CONNREFUSED.raw_os_error());
        assert!(matches!(no_stream(&refused), NotOpened::Refused(_)));
    }
}
