//! What clients ask a process for, and what they get: the bytes of etcd's API.

use prost::Message;
use rashomon_node::kv::KvError;
use rashomon_node::proto::etcdserverpb::{PutRequest, RangeRequest, TxnRequest};
use rashomon_node::replica::{Answer, Call, Failure, Plan, Query, plan};
use tonic::Status;

use super::clerk::Clerk;
use super::shop::OpenCall;
use super::{Mail, Process, Street};
use crate::sim::booth::{Connection, News, Request, Slip};
use crate::sim::parcel::Parcel;
use crate::sim::watch::Sight;

impl Process {
    /// A client connects, and asks whether somebody is there.
    pub(in crate::sim) fn greet(
        &mut self,
        slip: Slip,
        connection: Connection,
        street: &mut Street<'_>,
    ) {
        self.shop.connections.insert(connection);
        let mut clerk = Clerk { shop: &mut self.shop, street };
        clerk.post(Parcel::Answer { slip, connection, news: News::Opened });
    }

    /// A client hangs up: nobody waits for its requests any more.
    pub(in crate::sim) fn hang_up(&mut self, connection: Connection) {
        self.shop.connections.remove(&connection);
    }

    /// A client asks; what has to go through the core, if anything.
    pub(in crate::sim) fn ask(
        &mut self,
        slip: Slip,
        connection: Connection,
        request: &Request,
        street: &mut Street<'_>,
    ) -> Option<Mail> {
        let node = self.shop.node;
        let mut clerk = Clerk { shop: &mut self.shop, street };
        let planned = call_of(request).map(|call| (call.is_write(), plan(call)));
        match planned {
            Ok((_, Ok(Plan::Write { command }))) => {
                let ticket = clerk.shop.note(OpenCall { slip, connection, query: None });
                clerk.street.watch.see(&Sight::WriteAsked { node, ticket, command: &command });
                Some(Mail::Write { command, ticket })
            }
            Ok((_, Ok(Plan::Read { query, serializable, .. }))) => {
                let query = Some(query);
                let ticket = clerk.shop.note(OpenCall { slip, connection, query });
                if serializable {
                    clerk.serve(ticket);
                    return None;
                }
                clerk.street.watch.see(&Sight::ReadAsked { node, ticket });
                Some(Mail::Read { ticket })
            }
            Ok((writes, Err(error))) => {
                let failure = Failure::Refused(error);
                let status =
                    if writes { failure.into_write_status() } else { failure.into_read_status() };
                clerk.post(Parcel::Answer { slip, connection, news: News::Error(status) });
                None
            }
            Err(status) => {
                clerk.post(Parcel::Answer { slip, connection, news: News::Error(status) });
                None
            }
        }
    }
}

fn call_of(request: &Request) -> Result<Call, Status> {
    let decoded = match request {
        Request::Range(bytes) => RangeRequest::decode(bytes.as_slice()).map(Call::Range),
        Request::Put(bytes) => PutRequest::decode(bytes.as_slice()).map(Call::Put),
        Request::Txn(bytes) => TxnRequest::decode(bytes.as_slice()).map(Call::Txn),
    };
    decoded.map_err(|error| Status::internal(error.to_string()))
}

impl Clerk<'_, '_> {
    /// Reads the store for a client whose read may be served.
    pub(super) fn serve(&mut self, ticket: u64) {
        let query = self.shop.call(ticket).and_then(|call| call.query.as_ref());
        let Some(answer) = query.map(|query: &Query| query.run(&self.shop.store, self.shop.bugs))
        else {
            return;
        };
        self.answer(ticket, answer, Failure::into_read_status);
    }

    /// Sends a client what its request came to.
    pub(super) fn answer(
        &mut self,
        ticket: u64,
        result: Result<impl Into<Answer>, KvError>,
        status: impl FnOnce(Failure) -> Status,
    ) {
        let news = match result {
            Ok(answer) => {
                let mut answer: Answer = answer.into();
                answer.sign(self.shop.cluster, self.shop.id, self.shop.term);
                News::Response(encode(&answer))
            }
            Err(error) => News::Error(status(Failure::Refused(error))),
        };
        self.reply(ticket, news);
    }
}

fn encode(answer: &Answer) -> Vec<u8> {
    match answer {
        Answer::Range(response) => response.encode_to_vec(),
        Answer::Put(response) => response.encode_to_vec(),
        Answer::DeleteRange(response) => response.encode_to_vec(),
        Answer::Txn(response) => response.encode_to_vec(),
    }
}
