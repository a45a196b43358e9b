//! etcd's KV service.

use tonic::{Request, Response, Status};

use super::Api;
use crate::proto::etcdserverpb::kv_server::Kv;
use crate::proto::etcdserverpb::{
    DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse, RangeRequest, RangeResponse,
    TxnRequest, TxnResponse,
};
use crate::replica::{Answer, Call};

/// What a member that answers a put with something else deserves.
const WRONG_KIND: &str = "a call is answered in kind";

#[tonic::async_trait]
impl Kv for Api {
    async fn range(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<RangeResponse>, Status> {
        match self.serve(Call::Range(request.into_inner())).await? {
            Answer::Range(response) => Ok(Response::new(response)),
            other => unreachable!("{WRONG_KIND}: {other:?}"),
        }
    }

    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        match self.serve(Call::Put(request.into_inner())).await? {
            Answer::Put(response) => Ok(Response::new(response)),
            other => unreachable!("{WRONG_KIND}: {other:?}"),
        }
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        match self.serve(Call::DeleteRange(request.into_inner())).await? {
            Answer::DeleteRange(response) => Ok(Response::new(response)),
            other => unreachable!("{WRONG_KIND}: {other:?}"),
        }
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Result<Response<TxnResponse>, Status> {
        match self.serve(Call::Txn(request.into_inner())).await? {
            Answer::Txn(response) => Ok(Response::new(response)),
            other => unreachable!("{WRONG_KIND}: {other:?}"),
        }
    }
}
