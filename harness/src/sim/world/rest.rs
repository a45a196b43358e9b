//! A minority that stays apart for a while after everything else is healed.

use std::collections::BTreeSet;

use rashomon_node::storage::memory::Crash;

use super::World;
use super::nodes::Death;
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
            let links = links_apart(rest, nodes, &apart, &mut dice);
            self.lay(&links, LinkRule::Cut);
            self.apart_links = links;
        }
        apart
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
