//! etcd's Maintenance service: who this node is and how it stands. Answered from a snapshot, whatever the core does.

use tonic::{Request, Response, Status};

use super::Api;
use crate::proto::etcdserverpb::maintenance_server::Maintenance;
use crate::proto::etcdserverpb::{ResponseHeader, StatusRequest, StatusResponse};

/// What clients see as the server's version: the etcd release whose API this is a subset of, and who it really is.
const VERSION: &str = "3.4.0-rashomon";

#[tonic::async_trait]
impl Maintenance for Api {
    async fn status(&self, _: Request<StatusRequest>) -> Result<Response<StatusResponse>, Status> {
        Ok(Response::new(self.do_status()))
    }
}

impl Api {
    fn do_status(&self) -> StatusResponse {
        let standing = self.view.standing();
        let bytes = i64::try_from(self.view.wal_bytes()).unwrap_or(i64::MAX);
        let mut errors = Vec::new();
        if standing.leader.is_none() {
            errors.push("etcdserver: no leader".to_owned());
        }
        StatusResponse {
            header: Some(ResponseHeader {
                cluster_id: self.view.cluster,
                member_id: self.view.id.0,
                revision: self.view.revision(),
                raft_term: standing.term.0,
            }),
            version: VERSION.to_owned(),
            db_size: bytes,
            leader: standing.leader.map_or(0, |leader| leader.0),
            raft_index: self.view.commit(),
            raft_term: standing.term.0,
            raft_applied_index: self.view.applied().0,
            errors,
            db_size_in_use: bytes,
            is_learner: false,
        }
    }
}
