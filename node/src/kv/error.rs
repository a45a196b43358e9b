//! Why a request was refused, in etcd's words.

/// A refusal. It is decided by request and state alone, so every node refuses alike, and it changes nothing.
///
/// Texts and codes are etcd's: clients compare them letter by letter.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// A key is empty.
    #[error("etcdserver: key is not provided")]
    EmptyKey,
    /// `ignore_value` or `ignore_lease` on a key that does not exist, or an operation of a transaction that is empty.
    #[error("etcdserver: key not found")]
    KeyNotFound,
    /// `ignore_value` together with a value.
    #[error("etcdserver: value is provided")]
    ValueProvided,
    /// `ignore_lease` together with a lease.
    #[error("etcdserver: lease is provided")]
    LeaseProvided,
    /// A transaction has more than [`TXN_OPS_MAX`](super::TXN_OPS_MAX) compares or operations.
    #[error("etcdserver: too many operations in txn request")]
    TooManyOps,
    /// A transaction puts a key twice, or puts one that it deletes.
    #[error("etcdserver: duplicate key given in txn request")]
    DuplicateKey,
    /// Sort order or target is a number that etcd does not know.
    #[error("etcdserver: invalid sort option")]
    InvalidSortOption,
    /// A transaction reads at a revision that is no longer kept.
    #[error("etcdserver: mvcc: required revision has been compacted")]
    Compacted,
    /// A read at a revision that has not happened yet.
    #[error("etcdserver: mvcc: required revision is a future revision")]
    FutureRevision,
    /// The request names a lease; there are none.
    #[error("etcdserver: requested lease not found")]
    LeaseNotFound,
    /// The request is longer than [`REQUEST_BYTES_MAX`](super::REQUEST_BYTES_MAX).
    #[error("etcdserver: request is too large")]
    RequestTooLarge,
    /// A store is full. Without a built-in bug there is no such limit, as a limit of each node's own cannot be.
    #[error("etcdserver: mvcc: database space exceeded")]
    NoSpace,
    /// The bytes are not a command of this version. Not etcd's: only a defect or a foreign log leads here.
    #[error("rashomon: malformed command: {reason}")]
    Malformed {
        /// What is wrong with them.
        reason: String,
    },
}

impl KvError {
    /// The gRPC status code that etcd answers with.
    pub const fn code(&self) -> tonic::Code {
        match self {
            Self::EmptyKey
            | Self::KeyNotFound
            | Self::ValueProvided
            | Self::LeaseProvided
            | Self::TooManyOps
            | Self::DuplicateKey
            | Self::InvalidSortOption
            | Self::RequestTooLarge => tonic::Code::InvalidArgument,
            Self::Compacted | Self::FutureRevision => tonic::Code::OutOfRange,
            Self::NoSpace => tonic::Code::ResourceExhausted,
            Self::LeaseNotFound => tonic::Code::NotFound,
            Self::Malformed { .. } => tonic::Code::Internal,
        }
    }

    pub(crate) fn malformed(reason: impl Into<String>) -> Self {
        Self::Malformed { reason: reason.into() }
    }
}
