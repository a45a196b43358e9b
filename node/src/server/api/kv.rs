//! etcd's KV service.

use tonic::{Request, Response, Status};

use super::Api;
use crate::kv::{KvRequest, KvResponse, is_read_only, is_serializable, validate, validate_range};
use crate::proto::etcdserverpb::kv_server::Kv;
use crate::proto::etcdserverpb::{
    DeleteRangeRequest, DeleteRangeResponse, PutRequest, PutResponse, RangeRequest, RangeResponse,
    TxnRequest, TxnResponse,
};
use crate::server::failure::Failure;

/// What a state machine that answers a put with something else deserves.
const WRONG_KIND: &str = "the state machine answers in kind";

#[tonic::async_trait]
impl Kv for Api {
    async fn range(
        &self,
        request: Request<RangeRequest>,
    ) -> Result<Response<RangeResponse>, Status> {
        let result = self.do_range(request.into_inner()).await;
        result.map(Response::new).map_err(Failure::into_read_status)
    }

    async fn put(&self, request: Request<PutRequest>) -> Result<Response<PutResponse>, Status> {
        match self.write(KvRequest::Put(request.into_inner())).await? {
            KvResponse::Put(response) => Ok(Response::new(response)),
            other => unreachable!("{WRONG_KIND}: {other:?}"),
        }
    }

    async fn delete_range(
        &self,
        request: Request<DeleteRangeRequest>,
    ) -> Result<Response<DeleteRangeResponse>, Status> {
        match self.write(KvRequest::DeleteRange(request.into_inner())).await? {
            KvResponse::DeleteRange(response) => Ok(Response::new(response)),
            other => unreachable!("{WRONG_KIND}: {other:?}"),
        }
    }

    async fn txn(&self, request: Request<TxnRequest>) -> Result<Response<TxnResponse>, Status> {
        let request = request.into_inner();
        if is_read_only(&request) {
            let result = self.do_read_txn(request).await;
            return result.map(Response::new).map_err(Failure::into_read_status);
        }
        match self.write(KvRequest::Txn(request)).await? {
            KvResponse::Txn(response) => Ok(Response::new(response)),
            other => unreachable!("{WRONG_KIND}: {other:?}"),
        }
    }
}

impl Api {
    async fn do_range(&self, request: RangeRequest) -> Result<RangeResponse, Failure> {
        validate_range(&request).map_err(Failure::Refused)?;
        let (serializable, wide) = (request.serializable, !request.range_end.is_empty());
        let mut response =
            self.read(serializable, wide, move |store| store.range(&request)).await?;
        self.complete(response.header.get_or_insert_default());
        Ok(response)
    }

    async fn do_read_txn(&self, request: TxnRequest) -> Result<TxnResponse, Failure> {
        // One without any range would count as serializable in etcd, and its compares could be decided on old state.
        let asks_for_it = !(request.success.is_empty() && request.failure.is_empty());
        let serializable = asks_for_it && is_serializable(&request);
        let request = KvRequest::Txn(request);
        validate(&request).map_err(Failure::Refused)?;
        let KvRequest::Txn(request) = request else { unreachable!("made two lines above") };
        let mut response =
            self.read(serializable, true, move |store| store.read_txn(&request)).await?;
        self.complete(response.header.get_or_insert_default());
        Ok(response)
    }
}
