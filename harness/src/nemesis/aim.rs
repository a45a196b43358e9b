//! From an aim to nodes: pure choices, given who leads and who is already stopped.

use std::collections::BTreeSet;

use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

use super::kind::Aim;

/// What a choice is made from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Field<'a> {
    /// Number of nodes.
    pub(crate) nodes: usize,
    /// The leader, if one is known.
    pub(crate) leader: Option<usize>,
    /// Nodes that another fault has stopped.
    pub(crate) stopped: &'a BTreeSet<usize>,
}

/// Members of the largest minority.
pub(crate) const fn minority(nodes: usize) -> usize {
    nodes.saturating_sub(1) / 2
}

/// Members of the smallest majority.
pub(crate) const fn majority(nodes: usize) -> usize {
    nodes / 2 + 1
}

/// The nodes to hit, in ascending order and at least one; else why there are none.
pub(crate) fn choose(
    aim: Aim,
    field: Field<'_>,
    rng: &mut ChaCha8Rng,
) -> Result<Vec<usize>, String> {
    let mut free: Vec<usize> =
        (0..field.nodes).filter(|node| !field.stopped.contains(node)).collect();
    free.shuffle(rng);
    let count = match aim {
        Aim::Leader => return leader_of(field).map(|leader| vec![leader]),
        Aim::Follower => {
            free.retain(|node| Some(*node) != field.leader);
            1
        }
        Aim::Random => 1,
        // With one or two nodes there is no minority; one node is the least that can be hit.
        Aim::Minority => minority(field.nodes).max(1),
        Aim::Majority => majority(field.nodes),
        Aim::All => field.nodes,
    };
    free.truncate(count);
    free.sort_unstable();
    if free.is_empty() { Err("no node is left to hit".to_owned()) } else { Ok(free) }
}

fn leader_of(field: Field<'_>) -> Result<usize, String> {
    match field.leader {
        None => Err("no leader is known".to_owned()),
        Some(leader) if field.stopped.contains(&leader) => {
            Err(format!("the leader n{} is stopped already", leader + 1))
        }
        Some(leader) => Ok(leader),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::Seed;

    fn hit(
        aim: Aim,
        nodes: usize,
        leader: Option<usize>,
        stopped: &[usize],
    ) -> Result<Vec<usize>, String> {
        let stopped = stopped.iter().copied().collect();
        choose(aim, Field { nodes, leader, stopped: &stopped }, &mut Seed(7).rng())
    }

    #[test]
    fn aims_hit_as_many_nodes_as_they_say() {
        for (aim, three, five) in
            [(Aim::Random, 1, 1), (Aim::Minority, 1, 2), (Aim::Majority, 2, 3), (Aim::All, 3, 5)]
        {
            assert_eq!(hit(aim, 3, Some(0), &[]).unwrap().len(), three, "{aim:?}");
            assert_eq!(hit(aim, 5, Some(0), &[]).unwrap().len(), five, "{aim:?}");
        }
    }

    #[test]
    fn the_leader_is_hit_only_if_it_is_known_and_runs() {
        assert_eq!(hit(Aim::Leader, 3, Some(2), &[0]), Ok(vec![2]));
        assert!(hit(Aim::Leader, 3, None, &[]).unwrap_err().contains("no leader"));
        assert!(hit(Aim::Leader, 3, Some(1), &[1]).unwrap_err().contains("n2"));
    }

    #[test]
    fn a_follower_is_never_the_leader_and_stopped_nodes_are_left_alone() {
        for seed in 0..50 {
            let mut rng = Seed(seed).rng();
            let stopped = BTreeSet::from([3]);
            let field = Field { nodes: 5, leader: Some(1), stopped: &stopped };
            let nodes = choose(Aim::Follower, field, &mut rng).unwrap();
            assert!(!nodes.contains(&1) && !nodes.contains(&3), "{nodes:?}");
            let all = choose(Aim::All, field, &mut rng).unwrap();
            assert_eq!(all, [0, 1, 2, 4]);
        }
        assert!(hit(Aim::Random, 2, None, &[0, 1]).is_err());
    }
}
