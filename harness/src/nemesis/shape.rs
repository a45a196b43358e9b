//! From a shape to directed links: pure choices, given who leads.

use std::collections::BTreeSet;
use std::time::Duration;

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rand::seq::SliceRandom;

use super::aim::{majority, minority};
use super::kind::{Bend, Fault, Shape};
use crate::proxy::{Link, LinkRule};

/// Links and the rule to put on them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LinkFault {
    /// The links, in order; at least one.
    pub(crate) links: BTreeSet<Link>,
    /// What they are to do.
    pub(crate) rule: LinkRule,
    /// The nodes it is about, ascending: those on the smaller side.
    pub(crate) nodes: Vec<usize>,
}

/// The links that a partition cuts, or why there are none.
pub(crate) fn partition(
    shape: Shape,
    nodes: usize,
    leader: Option<usize>,
    rng: &mut ChaCha8Rng,
) -> Result<LinkFault, String> {
    enough(nodes, Fault::Partition(shape))?;
    let order = shuffled(nodes, rng);
    let (links, about) = match shape {
        Shape::One => between(&order[..1], &order[1..]),
        Shape::Halves => between(&order[..nodes / 2], &order[nodes / 2..]),
        Shape::MajorityMinority => {
            let (small, large) = order.split_at(minority(nodes).max(1));
            between(small, large)
        }
        Shape::Ring => (ring(&order), order.clone()),
        Shape::Bridge => {
            let (sides, _) = order.split_at(nodes - 1);
            let (left, right) = sides.split_at(sides.len() / 2);
            between(left, right)
        }
        Shape::LeaderAlone => {
            let leader = leader.ok_or("no leader is known")?;
            let others: Vec<usize> = (0..nodes).filter(|node| *node != leader).collect();
            between(&[leader], &others)
        }
        Shape::OneWayIn => {
            let node = victim(nodes, leader, rng);
            (others(node, nodes).map(|other| Link::peers(other, node)).collect(), vec![node])
        }
        Shape::OneWayOut => {
            let node = victim(nodes, leader, rng);
            (others(node, nodes).map(|other| Link::peers(node, other)).collect(), vec![node])
        }
    };
    Ok(link_fault(links, LinkRule::Cut, about))
}

/// A random follower of `leader`, cut off from all others.
pub(crate) fn follower_alone(
    nodes: usize,
    leader: usize,
    rng: &mut ChaCha8Rng,
) -> Result<LinkFault, String> {
    enough(nodes, Fault::Laggard)?;
    let mut followers: Vec<usize> = others(leader, nodes).collect();
    followers.shuffle(rng);
    let rest: Vec<usize> = others(followers[0], nodes).collect();
    let (links, about) = between(&followers[..1], &rest);
    Ok(link_fault(links, LinkRule::Cut, about))
}

/// The links that are bent, and how.
pub(crate) fn bend(
    bend: Bend,
    nodes: usize,
    leader: Option<usize>,
    rng: &mut ChaCha8Rng,
) -> Result<LinkFault, String> {
    enough(nodes, Fault::Bend(bend))?;
    let node = victim(nodes, leader, rng);
    let out = || others(node, nodes).map(|other| Link::peers(node, other));
    let all =
        || (0..nodes).flat_map(|from| others(from, nodes).map(move |to| Link::peers(from, to)));
    let (links, rule, about): (BTreeSet<Link>, _, _) = match bend {
        Bend::SlowLinks => {
            let rule = LinkRule::Delay {
                mean: Duration::from_millis(50),
                jitter: Duration::from_millis(40),
            };
            (all().collect(), rule, (0..nodes).collect())
        }
        Bend::ThrottleLinks => {
            (all().collect(), LinkRule::Throttle { bytes_per_second: 4_000 }, (0..nodes).collect())
        }
        Bend::StallOneWay => (out().collect(), LinkRule::Stall, vec![node]),
        Bend::RefusePeers => (both_ways(out()), LinkRule::Refuse, vec![node]),
        Bend::BlackholePeers => (both_ways(out()), LinkRule::Blackhole, vec![node]),
        Bend::ClientsCut => {
            (both_ways(std::iter::once(Link::to_node(node))), LinkRule::Cut, vec![node])
        }
        Bend::AnswersCut => (BTreeSet::from([Link::to_client(node)]), LinkRule::Cut, vec![node]),
    };
    Ok(link_fault(links, rule, about))
}

fn enough(nodes: usize, fault: Fault) -> Result<(), String> {
    let least = fault.nodes_min();
    if nodes < least { Err(format!("needs {least} nodes")) } else { Ok(()) }
}

fn link_fault(links: BTreeSet<Link>, rule: LinkRule, mut nodes: Vec<usize>) -> LinkFault {
    nodes.sort_unstable();
    LinkFault { links, rule, nodes }
}

/// One node: the leader every other time, because one-sided links hurt most there.
fn victim(nodes: usize, leader: Option<usize>, rng: &mut ChaCha8Rng) -> usize {
    let random = rng.random_range(0..nodes);
    if rng.random_bool(0.5) { leader.unwrap_or(random) } else { random }
}

fn shuffled(nodes: usize, rng: &mut ChaCha8Rng) -> Vec<usize> {
    let mut order: Vec<usize> = (0..nodes).collect();
    order.shuffle(rng);
    order
}

fn others(node: usize, nodes: usize) -> impl Iterator<Item = usize> {
    (0..nodes).filter(move |other| *other != node)
}

fn both_ways(links: impl Iterator<Item = Link>) -> BTreeSet<Link> {
    links.flat_map(|link| [link, link.reverse()]).collect()
}

/// Both directions between every node of one side and every node of the other; the smaller side is what it is about.
fn between(one: &[usize], other: &[usize]) -> (BTreeSet<Link>, Vec<usize>) {
    let pairs = one.iter().flat_map(|a| other.iter().map(|b| Link::peers(*a, *b)));
    let about = if one.len() <= other.len() { one } else { other };
    (both_ways(pairs), about.to_vec())
}

/// On a circle, each node hears itself and its neighbours, as many as make a majority (Jepsen's majorities ring; with
/// three nodes each hears one neighbour only, so the links are one-sided).
fn ring(order: &[usize]) -> BTreeSet<Link> {
    let nodes = order.len();
    let behind = (majority(nodes) - 1) / 2;
    let mut cut = BTreeSet::new();
    for (at, to) in order.iter().enumerate() {
        let heard: BTreeSet<usize> =
            (0..majority(nodes)).map(|step| order[(at + nodes - behind + step) % nodes]).collect();
        cut.extend(
            order.iter().filter(|from| !heard.contains(from)).map(|from| Link::peers(*from, *to)),
        );
    }
    cut
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::proxy::Endpoint;
    use crate::seed::Seed;

    fn cut(shape: Shape, nodes: usize, seed: u64) -> LinkFault {
        partition(shape, nodes, Some(0), &mut Seed(seed).rng()).unwrap()
    }

    /// The nodes that `node` hears, itself included.
    fn heard(fault: &LinkFault, node: usize, nodes: usize) -> BTreeSet<usize> {
        (0..nodes)
            .filter(|from| *from == node || !fault.links.contains(&Link::peers(*from, node)))
            .collect()
    }

    fn is_symmetric(fault: &LinkFault) -> bool {
        fault.links.iter().all(|link| fault.links.contains(&link.reverse()))
    }

    #[test]
    fn two_sided_shapes_part_the_nodes_into_two_groups_of_the_right_sizes() {
        for nodes in 2..=9 {
            for seed in 0..20 {
                for (shape, small) in [
                    (Shape::One, 1),
                    (Shape::Halves, nodes / 2),
                    (Shape::MajorityMinority, minority(nodes).max(1)),
                    (Shape::LeaderAlone, 1),
                ] {
                    let fault = cut(shape, nodes, seed);
                    assert_eq!(fault.nodes.len(), small, "{shape:?} of {nodes}");
                    assert!(is_symmetric(&fault));
                    assert_eq!(fault.links.len(), 2 * small * (nodes - small));
                    for node in 0..nodes {
                        let inside = fault.nodes.contains(&node);
                        let group = if inside { small } else { nodes - small };
                        assert_eq!(heard(&fault, node, nodes).len(), group);
                    }
                }
            }
        }
    }

    #[test]
    fn the_leader_alone_is_the_leader() {
        let fault = partition(Shape::LeaderAlone, 5, Some(3), &mut Seed(1).rng()).unwrap();
        assert_eq!(fault.nodes, [3]);
        let nobody = partition(Shape::LeaderAlone, 5, None, &mut Seed(1).rng());
        assert!(nobody.unwrap_err().contains("no leader"));
    }

    #[test]
    fn the_follower_alone_is_never_the_leader() {
        for seed in 0..30 {
            let fault = follower_alone(5, 2, &mut Seed(seed).rng()).unwrap();
            assert_ne!(fault.nodes, [2]);
            assert_eq!(heard(&fault, fault.nodes[0], 5).len(), 1);
        }
        assert!(follower_alone(2, 0, &mut Seed(1).rng()).is_err());
    }

    #[test]
    fn in_a_ring_every_node_hears_a_majority_and_no_two_the_same() {
        for nodes in 3..=9 {
            for seed in 0..20 {
                let fault = cut(Shape::Ring, nodes, seed);
                let views: BTreeSet<_> =
                    (0..nodes).map(|node| heard(&fault, node, nodes)).collect();
                assert_eq!(views.len(), nodes, "{nodes} nodes");
                assert!(views.iter().all(|view| view.len() == majority(nodes)));
            }
        }
    }

    #[test]
    fn a_bridge_node_hears_everybody_and_the_sides_only_it() {
        for nodes in 3..=9 {
            for seed in 0..20 {
                let fault = cut(Shape::Bridge, nodes, seed);
                assert!(is_symmetric(&fault));
                let full = (0..nodes).filter(|node| heard(&fault, *node, nodes).len() == nodes);
                assert_eq!(full.count(), 1, "{nodes} nodes");
            }
        }
    }

    #[test]
    fn one_way_shapes_cut_one_direction_of_one_node() {
        for seed in 0..40 {
            let deaf = cut(Shape::OneWayIn, 5, seed);
            assert_eq!(heard(&deaf, deaf.nodes[0], 5).len(), 1);
            let mute = cut(Shape::OneWayOut, 5, seed);
            for fault in [&deaf, &mute] {
                assert_eq!(fault.links.len(), 4);
                assert!(fault.links.iter().all(|link| !fault.links.contains(&link.reverse())));
            }
            assert!(mute.links.iter().all(|link| link.from == Endpoint::Node(mute.nodes[0])));
        }
    }

    #[test]
    fn shapes_that_need_more_nodes_say_so() {
        let too_few = |shape, nodes| partition(shape, nodes, Some(0), &mut Seed(1).rng());
        assert!(too_few(Shape::Halves, 1).unwrap_err().contains("needs 2"));
        assert!(too_few(Shape::Bridge, 2).unwrap_err().contains("needs 3"));
    }

    #[test]
    fn client_faults_touch_client_links_only_and_the_others_peer_links_only() {
        for kind in [
            Bend::SlowLinks,
            Bend::ThrottleLinks,
            Bend::StallOneWay,
            Bend::RefusePeers,
            Bend::BlackholePeers,
            Bend::ClientsCut,
            Bend::AnswersCut,
        ] {
            let fault = bend(kind, 3, Some(1), &mut Seed(3).rng()).unwrap();
            let at_client =
                |link: &Link| link.from == Endpoint::Client || link.to == Endpoint::Client;
            let client_side = matches!(kind, Bend::ClientsCut | Bend::AnswersCut);
            assert!(fault.links.iter().all(|link| at_client(link) == client_side), "{kind:?}");
            assert!(!fault.links.is_empty());
        }
    }
}
