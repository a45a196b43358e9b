//! The wire types, generated at build time from `proto/*.proto`.
//!
//! Owns nothing but the inclusion: what a field means is said in the `.proto` files, what a request does in
//! [`crate::kv`]. The packages are etcd's own (`etcdserverpb`, `mvccpb`), so that etcd's clients work unchanged, and
//! `rashomon.raft`, which only our nodes speak among themselves.

/// etcd's client API: requests, responses and the gRPC services.
#[expect(
    missing_docs,
    clippy::allow_attributes,
    clippy::pedantic,
    reason = "generated code; the .proto files are its documentation"
)]
pub mod etcdserverpb {
    tonic::include_proto!("etcdserverpb");
}

/// etcd's stored pair.
#[expect(missing_docs, reason = "generated code; the .proto files are its documentation")]
pub mod mvccpb {
    tonic::include_proto!("mvccpb");
}

/// What nodes tell each other.
#[expect(
    missing_docs,
    clippy::allow_attributes,
    clippy::pedantic,
    reason = "generated code; the .proto files are its documentation"
)]
pub mod raft {
    tonic::include_proto!("rashomon.raft");
}
