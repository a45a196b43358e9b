//! What is in force at the moment, over all faults: which nodes are stopped, and which rules lie on which link.
//!
//! Faults overlap. A link does what the strongest of the rules on it asks, so the end of one partition does not open a
//! link that another one still cuts; and a node that one fault has stopped is not hit by a second one.

use std::collections::{BTreeMap, BTreeSet};

use super::shape::LinkFault;
use crate::proxy::{Link, LinkRule};

/// The faults in force.
#[derive(Debug, Default)]
pub(super) struct InForce {
    stopped: BTreeSet<usize>,
    /// By link, by fault: later faults have higher numbers.
    rules: BTreeMap<Link, BTreeMap<u32, LinkRule>>,
}

impl InForce {
    /// Nodes that a fault has stopped.
    pub(super) fn stopped(&self) -> &BTreeSet<usize> {
        &self.stopped
    }

    pub(super) fn stop(&mut self, nodes: &[usize]) {
        self.stopped.extend(nodes);
    }

    pub(super) fn go_on(&mut self, node: usize) {
        self.stopped.remove(&node);
    }

    /// Adds a fault's rules; what each of its links is to do from now on.
    pub(super) fn add(&mut self, id: u32, fault: &LinkFault) -> Vec<(Link, LinkRule)> {
        for link in &fault.links {
            self.rules.entry(*link).or_default().insert(id, fault.rule);
        }
        self.effective(fault)
    }

    /// Takes a fault's rules away; what each of its links is to do from now on.
    pub(super) fn remove(&mut self, id: u32, fault: &LinkFault) -> Vec<(Link, LinkRule)> {
        for link in &fault.links {
            if let Some(rules) = self.rules.get_mut(link) {
                rules.remove(&id);
            }
        }
        self.effective(fault)
    }

    /// The rule that a link is to follow.
    pub(super) fn rule(&self, link: Link) -> LinkRule {
        let rules = self.rules.get(&link).into_iter().flatten();
        // Of equally strong rules, the latest.
        rules.map(|(_, rule)| *rule).max_by_key(|rule| strength(*rule)).unwrap_or_default()
    }

    fn effective(&self, fault: &LinkFault) -> Vec<(Link, LinkRule)> {
        fault.links.iter().map(|link| (*link, self.rule(*link))).collect()
    }
}

const fn strength(rule: LinkRule) -> u8 {
    match rule {
        LinkRule::Pass => 0,
        LinkRule::Delay { .. } => 1,
        LinkRule::Throttle { .. } => 2,
        LinkRule::Stall => 3,
        LinkRule::Cut => 4,
        LinkRule::Blackhole => 5,
        LinkRule::Refuse => 6,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault(links: &[(usize, usize)], rule: LinkRule) -> LinkFault {
        let links = links.iter().map(|(from, to)| Link::peers(*from, *to)).collect();
        LinkFault { links, rule, nodes: Vec::new() }
    }

    #[test]
    fn the_end_of_one_partition_does_not_open_what_another_cuts() {
        let mut in_force = InForce::default();
        let wide = fault(&[(0, 1), (0, 2)], LinkRule::Cut);
        let narrow = fault(&[(0, 1)], LinkRule::Cut);
        in_force.add(1, &wide);
        in_force.add(2, &narrow);
        let left = in_force.remove(1, &wide);
        assert_eq!(left, [(Link::peers(0, 1), LinkRule::Cut), (Link::peers(0, 2), LinkRule::Pass)]);
        assert_eq!(in_force.remove(2, &narrow), [(Link::peers(0, 1), LinkRule::Pass)]);
    }

    #[test]
    fn the_strongest_rule_wins_whatever_the_order() {
        let slow = fault(&[(0, 1)], LinkRule::Throttle { bytes_per_second: 1 });
        let cut = fault(&[(0, 1)], LinkRule::Cut);
        for (first, second) in [(&slow, &cut), (&cut, &slow)] {
            let mut in_force = InForce::default();
            in_force.add(1, first);
            assert_eq!(in_force.add(2, second), [(Link::peers(0, 1), LinkRule::Cut)]);
        }
        let mut in_force = InForce::default();
        in_force.add(1, &slow);
        in_force.add(2, &cut);
        assert_eq!(in_force.remove(2, &cut), [(Link::peers(0, 1), slow.rule)]);
    }

    #[test]
    fn stopped_nodes_are_known_until_they_go_on() {
        let mut in_force = InForce::default();
        in_force.stop(&[0, 2]);
        in_force.go_on(0);
        assert_eq!(in_force.stopped(), &BTreeSet::from([2]));
    }
}
