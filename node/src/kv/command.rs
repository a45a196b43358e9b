//! Requests that write, their responses, and how a request travels in the Raft log.
//!
//! ```text
//!   +---------+------+--------------------------+
//!   | version | kind | the request, as protobuf |
//!   |  1 byte |  1   | 0 or more bytes          |
//!   +---------+------+--------------------------+
//! ```
//!
//! The kind is a byte of our own rather than a protobuf `oneof`: a wrapper would nest the request one level deeper, and
//! a transaction that was just decoded from the wire could then be too deep for the log.

use prost::Message;

use super::KvError;
use crate::proto::etcdserverpb::{
    DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse, ResponseHeader, TxnRequest,
    TxnResponse,
};

/// Version of the encoding, the first byte of every command.
const VERSION: u8 = 1;
const KIND_PUT: u8 = 1;
const KIND_DELETE_RANGE: u8 = 2;
const KIND_TXN: u8 = 3;

/// A request that goes through the Raft log.
#[derive(Debug, Clone, PartialEq)]
pub enum KvRequest {
    /// Write one key.
    Put(PutRequest),
    /// Delete a range of keys.
    DeleteRange(DeleteRangeRequest),
    /// Compare, then read and write atomically.
    Txn(TxnRequest),
}

/// What applying a [`KvRequest`] answers. Headers carry the revision only; cluster, member and term are the shell's.
#[derive(Debug, Clone, PartialEq)]
pub enum KvResponse {
    /// Answers [`KvRequest::Put`].
    Put(PutResponse),
    /// Answers [`KvRequest::DeleteRange`].
    DeleteRange(DeleteRangeResponse),
    /// Answers [`KvRequest::Txn`].
    Txn(TxnResponse),
}

impl KvResponse {
    /// The outermost header, for the shell to fill in; etcd leaves those of a transaction's operations alone.
    pub fn header_mut(&mut self) -> &mut ResponseHeader {
        let header = match self {
            Self::Put(response) => &mut response.header,
            Self::DeleteRange(response) => &mut response.header,
            Self::Txn(response) => &mut response.header,
        };
        header.get_or_insert_default()
    }
}

/// The command to propose for `request`.
pub fn encode_command(request: &KvRequest) -> Vec<u8> {
    match request {
        KvRequest::Put(put) => encode(KIND_PUT, put),
        KvRequest::DeleteRange(delete) => encode(KIND_DELETE_RANGE, delete),
        KvRequest::Txn(txn) => encode(KIND_TXN, txn),
    }
}

/// The request that a command carries; any bytes that [`encode_command`] did not write are refused, never a panic.
pub fn decode_command(command: &[u8]) -> Result<KvRequest, KvError> {
    let [version, kind, body @ ..] = command else {
        return Err(KvError::malformed(format!("{} bytes are too few", command.len())));
    };
    if *version != VERSION {
        return Err(KvError::malformed(format!("version {version}, this build reads {VERSION}")));
    }
    let request = match *kind {
        KIND_PUT => PutRequest::decode(body).map(KvRequest::Put),
        KIND_DELETE_RANGE => DeleteRangeRequest::decode(body).map(KvRequest::DeleteRange),
        KIND_TXN => TxnRequest::decode(body).map(KvRequest::Txn),
        other => return Err(KvError::malformed(format!("unknown kind {other}"))),
    };
    request.map_err(|error| KvError::malformed(error.to_string()))
}

fn encode(kind: u8, request: &impl Message) -> Vec<u8> {
    let mut command = Vec::with_capacity(2 + request.encoded_len());
    command.extend([VERSION, kind]);
    request.encode_raw(&mut command);
    command
}

/// A header with the one field that the state machine knows.
#[expect(clippy::unnecessary_wraps, reason = "protobuf fields of message type are optional")]
pub(crate) fn header(revision: i64) -> Option<ResponseHeader> {
    Some(ResponseHeader { cluster_id: 0, member_id: 0, revision, raft_term: 0 })
}
