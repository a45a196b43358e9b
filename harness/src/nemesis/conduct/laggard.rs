//! A follower that is behind is put in the place of one that could be elected.
//!
//! ```text
//! laggard  | cut off           | asks for votes
//! others   | commit without it | SIGKILL, restart at once
//! leader   | commits           | SIGKILL                     | restart
//!          0          half of the time                      end
//! ```
//!
//! The others restart so that the laggard asks first: who has just lost touch with a leader refuses to vote for a while, and
//! then asks itself.

use std::time::Duration;

use rand::rngs::ChaCha8Rng;
use tokio::time::Instant;

use super::{Conductor, End, Stop};
use crate::nemesis::FaultRecord;
use crate::nemesis::shape::{self, LinkFault};

/// Who plays which part.
pub(super) struct Parts {
    leader: usize,
    /// Neither leader nor laggard.
    others: Vec<usize>,
    /// Those of the laggard.
    pub(super) links: LinkFault,
}

impl Parts {
    /// Everybody.
    pub(super) fn nodes(&self) -> Vec<usize> {
        [&self.links.nodes[..], &self.victims()].concat()
    }

    fn victims(&self) -> Vec<usize> {
        [&self.others[..], &[self.leader]].concat()
    }
}

impl Conductor {
    /// Chooses the laggard, and takes the nodes that are to be killed besides the leader, which is taken already.
    pub(super) fn give_parts(&self, leader: usize, rng: &mut ChaCha8Rng) -> Result<Parts, String> {
        let nodes = self.cluster.names().len();
        let mut in_force = self.in_force();
        let links =
            shape::follower_alone(nodes, leader, rng).inspect_err(|_| in_force.go_on(leader))?;
        let stopped = in_force.stopped();
        let free = |node: &usize| !links.nodes.contains(node) && !stopped.contains(node);
        let others: Vec<usize> = (0..nodes).filter(free).collect();
        in_force.stop(&others);
        Ok(Parts { leader, others, links })
    }

    /// The whole life of the fault.
    pub(super) async fn laggard(&self, record: &FaultRecord, parts: &Parts) -> End {
        let begin = Instant::now();
        let opening = begin + Duration::from_nanos(record.duration / 2);
        if let Err(end) = self.impose(record, &parts.links, opening).await {
            self.spare(parts);
            return end;
        }
        self.hold_until(opening).await;
        let seen = if self.stop.is_cancelled() {
            self.spare(parts);
            let told = |lifted| format!("{lifted}; nobody was killed: the run was stopped");
            self.lift(record, &parts.links).await.map(told).map_err(told)
        } else {
            self.let_it_ask(record, parts, begin + Duration::from_nanos(record.duration)).await
        };
        self.record_heal(record, seen)
    }

    /// Nobody was killed.
    fn spare(&self, parts: &Parts) {
        for node in parts.victims() {
            self.in_force().go_on(node);
        }
    }

    /// Kills all but the laggard, and brings the leader back at the end.
    async fn let_it_ask(
        &self,
        record: &FaultRecord,
        parts: &Parts,
        end: Instant,
    ) -> Result<String, String> {
        let kill = |cluster, node| Stop::Kill.strike(cluster, node);
        let killed = self.each(&parts.victims(), kill).await;
        // First of all, so that the laggard finds its way to the others as soon as they are up.
        let in_all = self.open(record, &parts.links);
        let others = self.heal_nodes(Stop::Kill, &parts.others).await;
        let lifted = self.passes(&parts.links, in_all).await;
        self.hold_until(end).await;
        let leader = self.heal_nodes(Stop::Kill, &[parts.leader]).await;
        let all_well = others.is_ok() && lifted.is_ok() && leader.is_ok();
        let told = |seen: Result<_, _>| seen.unwrap_or_else(|why| why);
        let seen = [told(lifted), self.tell(&killed), told(others), told(leader)].join("; ");
        if all_well { Ok(seen) } else { Err(seen) }
    }
}
