//! The desk: what a client's request needs, and how its answer is made out.
//!
//! ```text
//!   Call --plan--> Write --> log --> KvResponse ------+
//!            |                                        +--> Answer --sign--> client
//!            +---> Read --(read position)--> Query::run
//! ```
//!
//! - Writes (`Put`, `DeleteRange`, `Txn`) go through the log.
//! - `Range`, and a `Txn` that only reads, wait for a read position that a quorum has confirmed, then read the store of
//!   the node that was asked; with `serializable` set they read it as it is. So a reading `Txn` costs no log entry, as
//!   in etcd.
//!
//! Owns validation and routing. Refuses to own how many requests may be under way and for how long: a shell's, by
//! [`Limits`](super::Limits).

use crate::bugs::{Bug, Bugs};
use crate::kv::{
    KvError, KvRequest, KvResponse, Store, encode_command, is_read_only, is_serializable, validate,
    validate_range,
};
use crate::proto::etcdserverpb::{
    DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse, RangeRequest, RangeResponse,
    ResponseHeader, TxnRequest, TxnResponse,
};
use crate::raft::{NodeId, Term};

/// A request of a client.
#[derive(Debug, Clone, PartialEq)]
pub enum Call {
    /// Read keys.
    Range(RangeRequest),
    /// Write one key.
    Put(PutRequest),
    /// Delete keys.
    DeleteRange(DeleteRangeRequest),
    /// Compare, then read and write atomically.
    Txn(TxnRequest),
}

impl Call {
    /// Whether it goes through the log: then its failure may leave doubt, and
    /// [`Failure::into_write_status`](super::Failure::into_write_status) is the answer.
    pub fn is_write(&self) -> bool {
        match self {
            Self::Range(_) => false,
            Self::Put(_) | Self::DeleteRange(_) => true,
            Self::Txn(txn) => !is_read_only(txn),
        }
    }
}

/// What has to be done for a call.
#[derive(Debug, Clone, PartialEq)]
pub enum Plan {
    /// Put a command through the log.
    Write {
        /// For [`Input::Write`](super::Input::Write).
        command: Vec<u8>,
    },
    /// Read the store.
    Read {
        /// What.
        query: Query,
        /// The store as it is will do. Otherwise [`Input::Read`](super::Input::Read) comes first.
        serializable: bool,
        /// It may take long.
        wide: bool,
    },
}

/// Decides what a call needs, or refuses what etcd refuses without looking at the store.
pub fn plan(call: Call) -> Result<Plan, KvError> {
    match call {
        Call::Range(range) => {
            validate_range(&range)?;
            let (serializable, wide) = (range.serializable, !range.range_end.is_empty());
            Ok(Plan::Read { query: Query::Range(range), serializable, wide })
        }
        Call::Put(put) => plan_write(&KvRequest::Put(put)),
        Call::DeleteRange(delete) => plan_write(&KvRequest::DeleteRange(delete)),
        Call::Txn(txn) if is_read_only(&txn) => plan_read_txn(txn),
        Call::Txn(txn) => plan_write(&KvRequest::Txn(txn)),
    }
}

fn plan_write(request: &KvRequest) -> Result<Plan, KvError> {
    validate(request)?;
    Ok(Plan::Write { command: encode_command(request) })
}

fn plan_read_txn(txn: TxnRequest) -> Result<Plan, KvError> {
    // One without any range would count as serializable in etcd, and its compares could be decided on old state.
    let asks_for_it = !(txn.success.is_empty() && txn.failure.is_empty());
    let serializable = asks_for_it && is_serializable(&txn);
    let request = KvRequest::Txn(txn);
    validate(&request)?;
    let KvRequest::Txn(txn) = request else { unreachable!("made two lines above") };
    Ok(Plan::Read { query: Query::Txn(txn), serializable, wide: true })
}

/// A read of the store, checked.
#[derive(Debug, Clone, PartialEq)]
pub enum Query {
    /// Read keys.
    Range(RangeRequest),
    /// Compare, then read.
    Txn(TxnRequest),
}

impl Query {
    /// Reads a store that may answer.
    pub fn run(&self, store: &Store, bugs: Bugs) -> Result<Answer, KvError> {
        match self {
            Self::Range(range) if bugs.has(Bug::TornScan) => {
                store.torn_range(range).map(Answer::Range)
            }
            Self::Range(range) => store.range(range).map(Answer::Range),
            Self::Txn(txn) => store.read_txn(txn).map(Answer::Txn),
        }
    }
}

/// What a client gets, in the kind of its [`Call`].
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Answers [`Call::Range`].
    Range(RangeResponse),
    /// Answers [`Call::Put`].
    Put(PutResponse),
    /// Answers [`Call::DeleteRange`].
    DeleteRange(DeleteRangeResponse),
    /// Answers [`Call::Txn`].
    Txn(TxnResponse),
}

impl From<KvResponse> for Answer {
    fn from(response: KvResponse) -> Self {
        match response {
            KvResponse::Put(response) => Self::Put(response),
            KvResponse::DeleteRange(response) => Self::DeleteRange(response),
            KvResponse::Txn(response) => Self::Txn(response),
        }
    }
}

impl Answer {
    /// Adds to the header what the store does not know; the revision is there already. Like etcd, it leaves those of a
    /// transaction's operations alone.
    pub fn sign(&mut self, cluster: u64, member: NodeId, term: Term) {
        let header = self.header_mut();
        header.cluster_id = cluster;
        header.member_id = member.0;
        header.raft_term = term.0;
    }

    fn header_mut(&mut self) -> &mut ResponseHeader {
        let header = match self {
            Self::Range(response) => &mut response.header,
            Self::Put(response) => &mut response.header,
            Self::DeleteRange(response) => &mut response.header,
            Self::Txn(response) => &mut response.header,
        };
        header.get_or_insert_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kv::decode_command;
    use crate::proto::etcdserverpb::request_op::Request;
    use crate::proto::etcdserverpb::{Compare, RequestOp};

    fn range() -> RangeRequest {
        RangeRequest { key: b"k".to_vec(), ..RangeRequest::default() }
    }

    fn put() -> PutRequest {
        PutRequest { key: b"k".to_vec(), value: b"v".to_vec(), ..PutRequest::default() }
    }

    fn op(request: Request) -> RequestOp {
        RequestOp { request: Some(request) }
    }

    fn txn(ops: Vec<RequestOp>) -> TxnRequest {
        TxnRequest { success: ops, ..TxnRequest::default() }
    }

    /// Serializable and wide, if the call is a read.
    fn as_read(call: Call) -> Option<(bool, bool)> {
        assert_eq!(call.is_write(), matches!(plan(call.clone()), Ok(Plan::Write { .. })));
        match plan(call).unwrap() {
            Plan::Write { .. } => None,
            Plan::Read { serializable, wide, .. } => Some((serializable, wide)),
        }
    }

    #[test]
    fn only_what_changes_something_costs_a_log_entry() {
        let serializable = || RangeRequest { serializable: true, ..range() };
        let delete = DeleteRangeRequest { key: b"k".to_vec(), ..DeleteRangeRequest::default() };
        let wide = RangeRequest { range_end: vec![0], ..range() };
        for (call, expected) in [
            (Call::Put(put()), None),
            (Call::DeleteRange(delete), None),
            (Call::Range(range()), Some((false, false))),
            (Call::Range(serializable()), Some((true, false))),
            (Call::Range(wide), Some((false, true))),
            (Call::Txn(txn(vec![op(Request::RequestPut(put()))])), None),
            (Call::Txn(txn(vec![op(Request::RequestRange(range()))])), Some((false, true))),
            (Call::Txn(txn(vec![op(Request::RequestRange(serializable()))])), Some((true, true))),
            // Nothing but compares: not serializable, as etcd would have it.
            (Call::Txn(txn(Vec::new())), Some((false, true))),
        ] {
            assert_eq!(as_read(call.clone()), expected, "{call:?}");
        }
    }

    #[test]
    fn what_is_invalid_is_refused_before_anything_happens() {
        let nobody = Compare::default();
        for call in [
            Call::Put(PutRequest::default()),
            Call::DeleteRange(DeleteRangeRequest::default()),
            Call::Range(RangeRequest::default()),
            Call::Txn(TxnRequest { compare: vec![nobody], ..TxnRequest::default() }),
            Call::Txn(txn(vec![op(Request::RequestPut(PutRequest::default()))])),
        ] {
            assert_eq!(plan(call.clone()), Err(KvError::EmptyKey), "{call:?}");
        }
    }

    #[test]
    fn a_command_carries_the_request_and_an_answer_is_signed() {
        let Plan::Write { command } = plan(Call::Put(put())).unwrap() else { panic!("a write") };
        let request = decode_command(&command).unwrap();
        assert_eq!(request, KvRequest::Put(put()));
        let mut store = Store::new();
        let written = Answer::from(store.apply(request).unwrap());
        let Plan::Read { query, .. } = plan(Call::Range(range())).unwrap() else {
            panic!("a read")
        };
        let read = query.run(&store, Bugs::NONE).unwrap();
        for mut answer in [written, read] {
            answer.sign(9, NodeId(2), Term(5));
            let expected =
                ResponseHeader { cluster_id: 9, member_id: 2, revision: 2, raft_term: 5 };
            assert_eq!(*answer.header_mut(), expected);
        }
    }
}
