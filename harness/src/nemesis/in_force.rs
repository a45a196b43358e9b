//! What is in force at the moment, over all faults: which nodes are stopped, and which rules lie on which link.
//!
//! Faults overlap. A link does what the strongest of the rules on it asks, so the end of one partition does not open a
//! link that another one still cuts; and a node that one fault has stopped is not hit by a second one. Evidence follows the
//! rule in force: what happens on a link is the doing of those faults that ask for just that rule.

use std::collections::{BTreeMap, BTreeSet};

use super::evidence::{Share, Traffic};
use super::shape::LinkFault;
use crate::proxy::{Link, LinkRule, LinkStats};

/// The faults in force.
#[derive(Debug, Default)]
pub(crate) struct InForce {
    stopped: BTreeSet<usize>,
    /// By link, by fault: later faults have higher numbers.
    holds: BTreeMap<Link, BTreeMap<u32, Hold>>,
}

/// What one fault asks of a link, and what came of that.
#[derive(Debug)]
struct Hold {
    rule: LinkRule,
    share: Share,
}

impl InForce {
    /// Nodes that a fault has stopped.
    pub(crate) fn stopped(&self) -> &BTreeSet<usize> {
        &self.stopped
    }

    pub(crate) fn stop(&mut self, nodes: &[usize]) {
        self.stopped.extend(nodes);
    }

    pub(crate) fn go_on(&mut self, node: usize) {
        self.stopped.remove(&node);
    }

    /// Adds a fault's rules; what each of its links is to do from now on. `stats` gives the figures of a link now.
    pub(crate) fn add(
        &mut self,
        id: u32,
        fault: &LinkFault,
        stats: impl Fn(Link) -> LinkStats,
    ) -> Vec<(Link, LinkRule)> {
        self.change(fault, stats, |holds| {
            holds.insert(id, Hold { rule: fault.rule, share: Share::default() });
        })
    }

    /// Takes a fault's rules away; what each of its links is to do from now on.
    pub(crate) fn remove(
        &mut self,
        id: u32,
        fault: &LinkFault,
        stats: impl Fn(Link) -> LinkStats,
    ) -> Vec<(Link, LinkRule)> {
        self.change(fault, stats, |holds| {
            holds.remove(&id);
        })
    }

    fn change(
        &mut self,
        fault: &LinkFault,
        stats: impl Fn(Link) -> LinkStats,
        change: impl Fn(&mut BTreeMap<u32, Hold>),
    ) -> Vec<(Link, LinkRule)> {
        let change_one = |link: &Link| {
            let now = stats(*link);
            let holds = self.holds.entry(*link).or_default();
            // What was seen until now belongs to those who had the link until now.
            look(holds, &now);
            change(holds);
            (*link, look(holds, &now))
        };
        fault.links.iter().map(change_one).collect()
    }

    /// What a fault has done so far to the links that did what it asks; `None` if no link ever did, because others asked
    /// for more.
    pub(crate) fn traffic(
        &mut self,
        id: u32,
        fault: &LinkFault,
        stats: impl Fn(Link) -> LinkStats,
    ) -> Option<Traffic> {
        let mut traffic = None;
        for link in &fault.links {
            let Some(holds) = self.holds.get_mut(link) else { continue };
            look(holds, &stats(*link));
            if let Some(Hold { share, .. }) = holds.get(&id)
                && share.was_in_hand()
            {
                traffic = Some(traffic.unwrap_or(Traffic::default()).plus(share.seen()));
            }
        }
        traffic
    }

    /// The rule that a link is to follow.
    pub(crate) fn rule(&self, link: Link) -> LinkRule {
        self.holds.get(&link).map_or(LinkRule::Pass, strongest)
    }
}

/// Of equally strong rules, the latest.
fn strongest(holds: &BTreeMap<u32, Hold>) -> LinkRule {
    let rules = holds.values().map(|hold| hold.rule);
    rules.max_by_key(|rule| strength(*rule)).unwrap_or_default()
}

/// Credits each fault with what happened on the link, and tells the rule that the link is to follow.
fn look(holds: &mut BTreeMap<u32, Hold>, now: &LinkStats) -> LinkRule {
    let strongest = strongest(holds);
    for Hold { rule, share } in holds.values_mut() {
        share.look(*rule, *rule == strongest, now);
    }
    strongest
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

    fn quiet(_: Link) -> LinkStats {
        LinkStats::default()
    }

    #[test]
    fn the_end_of_one_partition_does_not_open_what_another_cuts() {
        let mut in_force = InForce::default();
        let wide = fault(&[(0, 1), (0, 2)], LinkRule::Cut);
        let narrow = fault(&[(0, 1)], LinkRule::Cut);
        in_force.add(1, &wide, quiet);
        in_force.add(2, &narrow, quiet);
        let left = in_force.remove(1, &wide, quiet);
        assert_eq!(left, [(Link::peers(0, 1), LinkRule::Cut), (Link::peers(0, 2), LinkRule::Pass)]);
        assert_eq!(in_force.remove(2, &narrow, quiet), [(Link::peers(0, 1), LinkRule::Pass)]);
    }

    #[test]
    fn the_strongest_rule_wins_whatever_the_order() {
        let slow = fault(&[(0, 1)], LinkRule::Throttle { bytes_per_second: 1 });
        let cut = fault(&[(0, 1)], LinkRule::Cut);
        for (first, second) in [(&slow, &cut), (&cut, &slow)] {
            let mut in_force = InForce::default();
            in_force.add(1, first, quiet);
            assert_eq!(in_force.add(2, second, quiet), [(Link::peers(0, 1), LinkRule::Cut)]);
        }
        let mut in_force = InForce::default();
        in_force.add(1, &slow, quiet);
        in_force.add(2, &cut, quiet);
        assert_eq!(in_force.remove(2, &cut, quiet), [(Link::peers(0, 1), slow.rule)]);
    }

    #[test]
    fn a_fault_is_not_credited_with_the_effect_of_another_one() {
        let now = std::cell::Cell::new(0);
        let stats = |_| LinkStats { bytes_held: now.get(), ..LinkStats::default() };
        let slow = fault(&[(0, 1), (1, 0)], LinkRule::Throttle { bytes_per_second: 1 });
        let cut = fault(&[(0, 1), (1, 0)], LinkRule::Cut);
        let mut in_force = InForce::default();
        in_force.add(1, &cut, stats);
        in_force.add(2, &slow, stats);
        now.set(100);
        assert_eq!(in_force.traffic(2, &slow, stats), None);
        let seen = in_force.traffic(1, &cut, stats).unwrap();
        assert_eq!(seen.to_string(), "200 bytes held");
        // From now on the throttle has the links, and nothing has happened on them.
        in_force.remove(1, &cut, stats);
        assert!(in_force.traffic(2, &slow, stats).unwrap().is_nothing());
        now.set(107);
        assert_eq!(in_force.traffic(2, &slow, stats).unwrap().to_string(), "14 bytes held");
    }

    #[test]
    fn faults_that_ask_for_the_same_share_its_effect() {
        let now = std::cell::Cell::new(0);
        let stats = |_| LinkStats { bytes_held: now.get(), ..LinkStats::default() };
        let cut = fault(&[(0, 1)], LinkRule::Cut);
        let mut in_force = InForce::default();
        in_force.add(1, &cut, stats);
        now.set(50);
        in_force.add(2, &cut, stats);
        now.set(60);
        assert_eq!(in_force.traffic(1, &cut, stats).unwrap().to_string(), "60 bytes held");
        assert_eq!(in_force.traffic(2, &cut, stats).unwrap().to_string(), "10 bytes held");
    }

    #[test]
    fn stopped_nodes_are_known_until_they_go_on() {
        let mut in_force = InForce::default();
        in_force.stop(&[0, 2]);
        in_force.go_on(0);
        assert_eq!(in_force.stopped(), &BTreeSet::from([2]));
    }
}
