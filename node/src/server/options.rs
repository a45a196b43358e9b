//! What a node is started with, and what can be wrong with it before anything is touched.

use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use super::error::NodeError;
use crate::bugs::Bugs;
use crate::raft::{Config, Nanos, NodeId};
use crate::replica::{Claim, Limits};

/// Everything a node needs to know.
#[derive(Debug, Clone)]
pub struct NodeOptions {
    /// This node; also its etcd member id.
    pub id: NodeId,
    /// Its data directory; created if it is not there. One node at a time.
    pub data: PathBuf,
    /// Where clients connect.
    pub client: SocketAddr,
    /// Where the other nodes connect.
    pub peer: SocketAddr,
    /// Where `/metrics` and `/health` are served, if at all.
    pub metrics: Option<SocketAddr>,
    /// The other members, and where this node dials each of them.
    pub peers: BTreeMap<NodeId, SocketAddr>,
    /// Base of the randomised election timeout, `[t, 2t)`.
    pub election_timeout: Duration,
    /// Time between a leader's heartbeats.
    pub heartbeat: Duration,
    /// Root of the node's randomness.
    pub seed: u64,
    /// The built-in bugs that are switched on.
    pub bugs: Bugs,
    /// Nodes of another cluster are refused, and so is their data directory.
    pub cluster_id: u64,
    /// Die with this process, which must be the parent.
    pub parent: Option<u32>,
    /// How much of everything.
    pub limits: Limits,
}

impl NodeOptions {
    /// Refuses what no node could run with.
    pub(super) fn check(&self) -> Result<(), NodeError> {
        let wrong = |reason: String| Err(NodeError::Options(reason));
        if self.id == NodeId(0) {
            return wrong("node ids count from 1".to_owned());
        }
        if self.peers.contains_key(&NodeId(0)) {
            return wrong("node ids count from 1, but a peer is called 0".to_owned());
        }
        if self.peers.contains_key(&self.id) {
            return wrong(format!("node {} is listed as its own peer", self.id));
        }
        if self.heartbeat.is_zero() {
            return wrong("the heartbeat interval must be longer than 0".to_owned());
        }
        if self.heartbeat >= self.election_timeout {
            return wrong(format!(
                "the heartbeat interval ({:?}) must be shorter than the election timeout ({:?})",
                self.heartbeat, self.election_timeout
            ));
        }
        Ok(())
    }

    /// All members, this node included.
    pub(super) fn members(&self) -> BTreeSet<NodeId> {
        self.peers.keys().copied().chain([self.id]).collect()
    }

    /// What the data directory has to agree with.
    pub(super) fn claim(&self) -> Claim {
        Claim { cluster: self.cluster_id, id: self.id, members: self.members() }
    }

    /// The core's share of the options.
    pub(super) fn raft_config(&self) -> Config {
        Config {
            id: self.id,
            members: self.members(),
            election_timeout: nanos(self.election_timeout),
            heartbeat: nanos(self.heartbeat),
            seed: self.seed,
            bugs: self.bugs,
            batch_bytes_max: self.limits.batch_bytes_max,
            inflight_max: self.limits.inflight_max,
        }
    }
}

/// A duration as the core counts it; five centuries at most.
pub(super) fn nanos(duration: Duration) -> Nanos {
    Nanos(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> NodeOptions {
        let any: SocketAddr = "127.0.0.1:0".parse().unwrap();
        NodeOptions {
            id: NodeId(1),
            data: PathBuf::from("unused"),
            client: any,
            peer: any,
            metrics: None,
            peers: BTreeMap::from([(NodeId(2), any), (NodeId(3), any)]),
            election_timeout: Duration::from_millis(150),
            heartbeat: Duration::from_millis(30),
            seed: 1,
            bugs: Bugs::NONE,
            cluster_id: 1,
            parent: None,
            limits: Limits::default(),
        }
    }

    fn refused(change: impl FnOnce(&mut NodeOptions)) -> String {
        let mut changed = options();
        change(&mut changed);
        match changed.check() {
            Err(NodeError::Options(reason)) => reason,
            other => panic!("not refused as an option: {other:?}"),
        }
    }

    #[test]
    fn sound_options_pass_and_name_all_members() {
        options().check().unwrap();
        let members: Vec<u64> = options().raft_config().members.iter().map(|id| id.0).collect();
        assert_eq!(members, [1, 2, 3]);
    }

    #[test]
    fn what_no_node_could_run_with_is_refused() {
        assert!(refused(|it| it.id = NodeId(0)).contains("count from 1"));
        assert!(refused(|it| it.id = NodeId(2)).contains("its own peer"));
        assert!(refused(|it| it.heartbeat = Duration::ZERO).contains("longer than 0"));
        assert!(refused(|it| it.heartbeat = it.election_timeout).contains("shorter than"));
        let any = options().peer;
        let with_zero = |it: &mut NodeOptions| it.peers.extend([(NodeId(0), any)]);
        assert!(refused(with_zero).contains("called 0"));
    }
}
