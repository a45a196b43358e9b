//! Which node a client asks.
//!
//! As long as there are enough clients, one of them *stays* at each node whatever happens: a stale read shows only if
//! somebody still asks the node that lost touch. The others *roam*: they move now and then, and often after trouble, so that
//! work goes on where the store still works and one client's view passes from node to node. With fewer clients than
//! nodes, each client goes round.
//!
//! Those who stay mostly read. In a node that was cut off, a write waits until its deadline, and a client that waits sees
//! nothing; the moments in which an old leader still answers reads are short. The moments in which one still acknowledges
//! writes, which are then lost, are as short, and there a read waits: with three clients a node, one more stays at each,
//! and mostly writes.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rashomon_workloads::Leaning;

/// A roaming client moves once in so many operations.
const MOVE_ONE_IN: u32 = 8;

/// The way of one client through the nodes.
#[derive(Debug)]
pub(crate) struct Routing {
    nodes: usize,
    at: usize,
    habit: Habit,
    rng: ChaCha8Rng,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Habit {
    Stay(Leaning),
    Roam,
    GoRound,
}

impl Routing {
    /// For client number `client` of `clients`.
    pub(crate) fn new(nodes: usize, client: usize, clients: usize, rng: ChaCha8Rng) -> Self {
        let habit = match client {
            _ if clients < nodes => Habit::GoRound,
            _ if client < nodes => Habit::Stay(Leaning::Reads),
            _ if client < 2 * nodes && clients >= 3 * nodes => Habit::Stay(Leaning::Writes),
            _ => Habit::Roam,
        };
        Self { nodes, at: client % nodes, habit, rng }
    }

    /// What this client is to do most of the time.
    pub(crate) fn leaning(&self) -> Leaning {
        match self.habit {
            Habit::Stay(leaning) => leaning,
            Habit::Roam | Habit::GoRound => Leaning::Even,
        }
    }

    /// The node for the next operation.
    pub(crate) fn next(&mut self) -> usize {
        match self.habit {
            Habit::Stay(_) => {}
            Habit::Roam => {
                if self.rng.random_range(0..MOVE_ONE_IN) == 0 {
                    self.at = self.other(self.at);
                }
            }
            Habit::GoRound => self.at = (self.at + 1) % self.nodes,
        }
        self.at
    }

    /// The last operation had no answer: a roaming client leaves every other time.
    pub(crate) fn trouble(&mut self) {
        if self.habit == Habit::Roam && self.rng.random_range(0..2) == 0 {
            self.at = self.other(self.at);
        }
    }

    /// A node that is not `node`; with one node there is no other.
    pub(crate) fn other(&mut self, node: usize) -> usize {
        if self.nodes == 1 {
            return node;
        }
        (node + self.rng.random_range(1..self.nodes)) % self.nodes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::seed::Seed;

    fn asked(nodes: usize, client: usize, clients: usize, operations: usize) -> Vec<usize> {
        let mut routing = Routing::new(nodes, client, clients, Seed(client as u64).rng());
        (0..operations)
            .map(|_| {
                let node = routing.next();
                routing.trouble();
                node
            })
            .collect()
    }

    #[test]
    fn somebody_stays_at_every_node() {
        for node in 0..5 {
            assert!(asked(5, node, 10, 200).iter().all(|&at| at == node));
        }
    }

    #[test]
    fn where_clients_are_many_one_reads_and_one_writes_at_every_node() {
        let leaning =
            |nodes, client, clients| Routing::new(nodes, client, clients, Seed(1).rng()).leaning();
        for node in 0..3 {
            assert_eq!(leaning(3, node, 9), Leaning::Reads);
            assert_eq!(leaning(3, 3 + node, 9), Leaning::Writes);
            assert!(asked(3, 3 + node, 9, 200).iter().all(|&at| at == node));
            assert_eq!(leaning(3, 6 + node, 9), Leaning::Even);
            assert_eq!(leaning(3, 3 + node, 8), Leaning::Even, "somebody has to move");
        }
    }

    #[test]
    fn others_see_every_node() {
        let seen: BTreeSet<usize> = asked(3, 7, 10, 50).into_iter().collect();
        assert_eq!(seen.len(), 3);
    }

    #[test]
    fn a_few_clients_go_round_many_nodes() {
        assert_eq!(asked(4, 1, 2, 5), [2, 3, 0, 1, 2]);
    }

    #[test]
    fn another_node_is_another_node() {
        let mut routing = Routing::new(3, 0, 10, Seed(1).rng());
        let others: BTreeSet<usize> = (0..50).map(|_| routing.other(1)).collect();
        assert_eq!(others, BTreeSet::from([0, 2]));
        assert_eq!(Routing::new(1, 0, 1, Seed(1).rng()).other(0), 0);
    }
}
