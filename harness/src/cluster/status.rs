//! What a node says of itself: `Maintenance.Status`, asked on its own address, past the proxies.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::task::JoinSet;
use tonic::transport::{Channel, Endpoint};

use crate::etcd_api::etcdserverpb::StatusRequest;
use crate::etcd_api::etcdserverpb::maintenance_client::MaintenanceClient;

/// A node's answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NodeStatus {
    /// Its term.
    pub term: u64,
    /// The member id of the leader it knows, itself perhaps; `None` if it knows none.
    pub leader: Option<u64>,
    /// Its own member id.
    pub member: u64,
}

impl NodeStatus {
    /// Whether it says that it leads.
    pub fn leads(&self) -> bool {
        self.leader == Some(self.member)
    }
}

/// Asks one node, again and again, over one connection that comes back by itself.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    channel: Channel,
}

impl Asker {
    /// Nothing is sent yet.
    pub(super) fn new(addr: SocketAddr) -> Self {
        let endpoint = Endpoint::from_shared(format!("http://{addr}"))
            .expect("an address is a valid authority")
            .tcp_nodelay(true);
        Self { channel: endpoint.connect_lazy() }
    }

    /// What the node says; `None` if it does not answer in time.
    pub(super) async fn ask(&self, within: Duration) -> Option<NodeStatus> {
        let mut client = MaintenanceClient::new(self.channel.clone());
        let question = client.status(StatusRequest {});
        let answer = tokio::time::timeout(within, question).await.ok()?.ok()?.into_inner();
        let leader = (answer.leader != 0).then_some(answer.leader);
        let member = answer.header.map_or(0, |header| header.member_id);
        Some(NodeStatus { term: answer.raft_term, leader, member })
    }
}

/// Asks all nodes at once until `enough` says so or time is up. The answers are by node.
pub(super) async fn ask_all(
    askers: &[Asker],
    within: Duration,
    enough: impl Fn(&[Option<NodeStatus>]) -> bool,
) -> Vec<Option<NodeStatus>> {
    let mut questions = JoinSet::new();
    for (node, asker) in askers.iter().cloned().enumerate() {
        questions.spawn(async move { (node, asker.ask(within).await) });
    }
    let mut answers = vec![None; askers.len()];
    while let Some(answered) = questions.join_next().await {
        let Ok((node, answer)) = answered else { continue };
        answers[node] = answer;
        if enough(&answers) {
            break;
        }
    }
    answers
}

/// The node that leads: of those that say so, the one with the highest term. A node that was cut off may still think
/// that it leads an old one.
pub(super) fn leader_of(answers: &[Option<NodeStatus>]) -> Option<usize> {
    let leading = answers.iter().enumerate().filter_map(|(node, answer)| Some((node, (*answer)?)));
    leading
        .filter(|(_, answer)| answer.leads())
        .max_by_key(|(_, answer)| answer.term)
        .map(|it| it.0)
}

/// Whether a majority of all nodes, the leader among them, agree on the leader and the term. Then no later leader can
/// have been elected when they were asked.
pub(super) fn is_led(answers: &[Option<NodeStatus>]) -> bool {
    let Some(leader) = leader_of(answers).and_then(|node| answers[node]) else { return false };
    let agreeing = answers
        .iter()
        .flatten()
        .filter(|answer| answer.term == leader.term && answer.leader == leader.leader);
    agreeing.count() * 2 > answers.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::unnecessary_wraps, reason = "as answers come")]
    fn says(member: u64, term: u64, leader: u64) -> Option<NodeStatus> {
        Some(NodeStatus { term, leader: (leader != 0).then_some(leader), member })
    }

    #[test]
    fn the_highest_term_leads() {
        // n1 was cut off and has not noticed.
        let answers = [says(1, 3, 1), says(2, 4, 2), says(3, 4, 2)];
        assert_eq!(leader_of(&answers), Some(1));
        assert!(is_led(&answers));
    }

    #[test]
    fn a_leader_that_does_not_answer_does_not_count() {
        let answers = [None, says(2, 3, 1), says(3, 3, 1)];
        assert_eq!(leader_of(&answers), None);
        assert!(!is_led(&answers));
    }

    #[test]
    fn a_leader_without_a_majority_is_known_but_does_not_lead_the_cluster() {
        let answers = [says(1, 3, 1), says(2, 4, 0), None];
        assert_eq!(leader_of(&answers), Some(0));
        assert!(!is_led(&answers));
        assert_eq!(leader_of(&[]), None);
    }
}
