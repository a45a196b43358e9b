//! A minority that stays apart for a while after everything else is healed.

use std::collections::BTreeSet;

use rashomon_node::storage::memory::Crash;

use super::nodes::Death;
use super::{Body, World};
use crate::nemesis::aim::minority;
use crate::proxy::{Link, LinkRule};
use crate::sim::dice::{Dice, Purpose};
use crate::sim::plan::Rest;

/// Out of a hundred links of a node that is partly cut off, those that are cut.
const CUT_PERCENT: u64 = 50;

impl World {
    /// Sets a minority apart, the leader as often as not among it. Who that is.
    pub(in crate::sim) fn set_apart(&mut self) -> Vec<usize> {
        let (nodes, rest) = (self.plan.nodes, self.plan.rest);
        let able = self.able_nodes();
        // Those that are broken for good belong to the minority already.
        let most = minority(nodes).saturating_sub(nodes - able.len());
        if rest == Rest::Healed || most == 0 {
            return Vec::new();
        }
        let mut dice = Dice::new(self.plan.seed, Purpose::Rest, 0);
        let count = dice.between(1, most as u64) as usize;
        let mut apart: Vec<usize> = self
            .leader()
            .filter(|leader| able.contains(leader) && dice.chance(500_000))
            .into_iter()
            .collect();
        while apart.len() < count {
            let node = able[dice.below(able.len() as u64) as usize];
            if !apart.contains(&node) {
                apart.push(node);
            }
        }
        apart.sort_unstable();
        if rest == Rest::Down {
            for node in &apart {
                self.die(*node, Death::Machine(Crash::LoseUnsynced));
            }
        } else {
            let links = match self.leader() {
                Some(leader) if rest == Rest::Partly && dice.chance(500_000) => {
                    bridged(leader, nodes, &apart)
                }
                _ => links_apart(rest, nodes, &apart, &mut dice),
            };
            self.lay(&links, LinkRule::Cut);
            self.apart_links = links;
        }
        apart
    }

    /// Whether the leader and all who hear it and are heard by it are a majority: then nobody has reason to replace it.
    pub(in crate::sim) fn leader_has_majority(&self) -> bool {
        let Some(leader) = self.leader() else { return false };
        let passes = |link| self.network.rule(link) == LinkRule::Pass;
        let talks = |node: &usize| {
            let node = *node;
            let is_up = matches!(self.nodes[node].body, Body::Up(_));
            let both_ways = passes(Link::peers(leader, node)) && passes(Link::peers(node, leader));
            node == leader || (is_up && both_ways)
        };
        (0..self.plan.nodes).filter(talks).count() > self.plan.nodes / 2
    }

    /// Brings the minority back.
    pub(in crate::sim) fn bring_back(&mut self) {
        let links = std::mem::take(&mut self.apart_links);
        self.lay(&links, LinkRule::Pass);
        for node in 0..self.plan.nodes {
            self.boot(node);
        }
    }
}

/// The links between the leader and each of a minority; if the leader is part of it, then with the next node instead. All
/// others are bridges: they hear both.
fn bridged(leader: usize, nodes: usize, apart: &[usize]) -> BTreeSet<Link> {
    let other = |node: &usize| if *node == leader { (leader + 1) % nodes } else { *node };
    let both_ways = |node| [Link::peers(leader, node), Link::peers(node, leader)];
    apart.iter().map(other).flat_map(both_ways).collect()
}

fn links_apart(rest: Rest, nodes: usize, apart: &[usize], dice: &mut Dice) -> BTreeSet<Link> {
    let mut links = BTreeSet::new();
    for node in apart {
        for other in (0..nodes).filter(|other| other != node) {
            for (link, outward) in
                [(Link::peers(*node, other), true), (Link::peers(other, *node), false)]
            {
                let cut = match rest {
                    Rest::Healed | Rest::Down => false,
                    Rest::Cut => true,
                    Rest::Deaf => !outward,
                    Rest::Mute => outward,
                    Rest::Partly => dice.below(100) < CUT_PERCENT,
                };
                if cut {
                    links.insert(link);
                }
            }
        }
    }
    links
}
