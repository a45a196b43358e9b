//! The harness's clients in the simulated world.
//!
//! Requests and responses travel as the bytes of etcd's API: the node decodes what the client encoded, with its own stubs.
//! Statuses are real ones, so that the one outcome table of the clients decides here as it does for processes.

use std::io;
use std::time::Duration;

use prost::Message;
use tonic::Status;

use super::booth::{Booth, Connection, Errand, News, Request, by_then};
use crate::etcd_api::etcdserverpb::{
    PutRequest, PutResponse, RangeRequest, RangeResponse, TxnRequest, TxnResponse,
};
use crate::reach::{NotOpened, Reach, Spent, Unanswered, Wire};

/// The way of one run's clients to its nodes.
#[derive(Debug, Clone)]
pub(super) struct Simulated {
    booth: Booth,
}

/// An open connection; closed when dropped.
#[derive(Debug)]
pub(super) struct Open {
    booth: Booth,
    node: usize,
    connection: Connection,
}

impl Simulated {
    pub(super) const fn new(booth: Booth) -> Self {
        Self { booth }
    }
}

impl Reach for Simulated {
    type Connection = Open;

    fn now(&self) -> Duration {
        Duration::from_nanos(self.booth.now())
    }

    async fn sleep_until(&self, moment: Duration) {
        if moment > self.now() {
            self.booth.wait(moment).await;
        }
    }

    async fn open(&self, node: usize, deadline: Duration) -> Result<Open, NotOpened> {
        let patience = deadline.saturating_sub(self.now());
        let booth = self.booth.clone();
        // Made first: whatever becomes of the attempt, the other end hears that it is over.
        let open = Open { connection: booth.new_connection(), node, booth };
        let errand = |slip| Errand::Open { slip, node, connection: open.connection };
        match by_then(self.booth.order(errand), self.booth.wait(deadline)).await {
            Some(News::Opened) => Ok(open),
            Some(News::Refused(reason)) => Err(NotOpened::Refused(reason.to_owned())),
            Some(_) => Err(NotOpened::Refused("connection reset by peer".to_owned())),
            None => Err(NotOpened::silent(patience)),
        }
    }
}

impl Open {
    async fn ask<T: Message + Default>(
        &mut self,
        request: Request,
        deadline: Duration,
    ) -> Result<T, Unanswered> {
        let (node, connection) = (self.node, self.connection);
        let asked = self.booth.order(|slip| Errand::Ask { slip, node, connection, request });
        match by_then(asked, self.booth.wait(deadline)).await {
            Some(News::Response(bytes)) => T::decode(bytes.as_slice())
                .map_err(|error| Status::internal(error.to_string()).into()),
            Some(News::Error(status)) => Err(status.into()),
            Some(News::Spent) => Err(Status::from_error(Box::new(Spent)).into()),
            Some(_) => Err(broken().into()),
            None => Err(Unanswered::Deadline),
        }
    }
}

/// As the transport reports it, with a source.
fn broken() -> Status {
    let reset: io::Error = io::ErrorKind::ConnectionReset.into();
    let mut status = Status::unavailable("the connection broke");
    status.set_source(std::sync::Arc::new(reset));
    status
}

impl Wire for Open {
    async fn range(
        &mut self,
        request: RangeRequest,
        deadline: Duration,
    ) -> Result<RangeResponse, Unanswered> {
        self.ask(Request::Range(request.encode_to_vec()), deadline).await
    }

    async fn put(
        &mut self,
        request: PutRequest,
        deadline: Duration,
    ) -> Result<PutResponse, Unanswered> {
        self.ask(Request::Put(request.encode_to_vec()), deadline).await
    }

    async fn txn(
        &mut self,
        request: TxnRequest,
        deadline: Duration,
    ) -> Result<TxnResponse, Unanswered> {
        self.ask(Request::Txn(request.encode_to_vec()), deadline).await
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.booth.leave(Errand::Close { node: self.node, connection: self.connection });
    }
}
