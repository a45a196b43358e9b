use std::collections::BTreeMap;

use super::*;
use crate::nemesis::{FaultSpec, parse};
use crate::seed::Seed;
use crate::sim::plan::SECOND;

const AT: Moment = 1_204 * MS;
const DURATION: Moment = 800 * MS;

fn planned(name: &str, seed: u64) -> PlannedFault {
    let fault = FaultSpec(name.to_owned());
    PlannedFault { id: 12, at: SECOND, duration: DURATION, fault, seed: Seed(seed) }
}

fn strikes(name: &str, seed: u64, nodes: usize) -> Result<Vec<Strike>, String> {
    let field = Field { nodes, leader: Some(0), stopped: &BTreeSet::new(), damaged: 0 };
    resolve(&planned(name, seed), AT, field)
}

fn every_fault() -> Vec<String> {
    parse("all").unwrap().into_iter().map(|fault| fault.0).collect()
}

/// The nodes that an act names, links included.
fn named(act: &Act) -> BTreeSet<usize> {
    use crate::proxy::Endpoint;
    let ends = |link: &Link| [link.from, link.to];
    let ends: Vec<Endpoint> = match act {
        Act::Links { links, .. } => links.iter().flat_map(ends).collect(),
        Act::Letters { link, .. } => link.iter().flat_map(ends).collect(),
        other => other.node().map(Endpoint::Node).into_iter().collect(),
    };
    let node = |end| if let Endpoint::Node(node) = end { Some(node) } else { None };
    ends.into_iter().filter_map(node).collect()
}

#[test]
fn every_fault_strikes_clusters_of_every_size_or_says_why_not() {
    for name in every_fault() {
        let least = Fault::named(&name).unwrap().nodes_min();
        for nodes in [1, 3, 4, 5, 7] {
            for seed in 0..40 {
                let strikes = strikes(&name, seed, nodes);
                assert_eq!(strikes.is_ok(), nodes >= least, "{name} of {nodes}: {strikes:?}");
                let Ok(strikes) = strikes else { continue };
                assert!(!strikes.is_empty(), "{name} of {nodes}");
                for strike in strikes {
                    assert!(AT <= strike.at && strike.at <= strike.until, "{name}: {strike:?}");
                    assert!(strike.until <= AT + DURATION, "{name}: {strike:?}");
                    assert_eq!(strike.fault, Some(12));
                    let hit = named(&strike.act);
                    assert!(!hit.is_empty() && hit.iter().all(|node| *node < nodes), "{hit:?}");
                }
            }
        }
    }
}

#[test]
fn the_seed_decides_and_nothing_else() {
    for name in every_fault() {
        let all = |seed| strikes(&name, seed, 5).unwrap();
        assert!((0..20).all(|seed| all(seed) == all(seed)), "{name}");
        // The whole cluster, or its leader, is always the same; every other choice differs at times.
        let fixed = ["-all", "-leader", "leader-alone", "slow-links", "throttle-links"];
        let chosen = !fixed.iter().any(|end| name.ends_with(end)) || name.starts_with("crash");
        assert_eq!((1..20).any(|seed| all(seed) != all(0)), chosen, "{name}");
    }
}

#[test]
fn nobody_is_hit_whom_another_fault_has_stopped() {
    let stopped = BTreeSet::from([1, 3]);
    let field = Field { nodes: 5, leader: Some(2), stopped: &stopped, damaged: 0 };
    for name in every_fault() {
        for seed in 0..40 {
            let strikes = resolve(&planned(&name, seed), AT, field).unwrap();
            let hit: Vec<usize> = strikes.iter().filter_map(|strike| strike.act.node()).collect();
            assert!(hit.iter().all(|node| !stopped.contains(node)), "{name}: {hit:?}");
        }
    }
    let all = (0..5).collect();
    let field = Field { stopped: &all, ..field };
    for name in ["crash-random", "disk-full", "clock-jump", "wipe-log", "laggard-election"] {
        assert!(resolve(&planned(name, 1), AT, field).is_err(), "{name}");
    }
}

#[test]
fn aims_that_need_a_leader_say_that_there_is_none() {
    let field = Field { nodes: 5, leader: None, stopped: &BTreeSet::new(), damaged: 0 };
    for name in every_fault() {
        let needs = Fault::named(&name).unwrap().needs_leader();
        let resolved = resolve(&planned(&name, 3), AT, field);
        assert_eq!(resolved.is_err(), needs, "{name}: {resolved:?}");
        assert!(resolved.err().is_none_or(|why| why == "no leader is known"), "{name}");
    }
}

#[test]
fn one_node_is_damaged_at_most_and_never_one_of_two() {
    for name in ["bit-flip", "wipe-log"] {
        for nodes in 1..=9 {
            for damaged in 0..3 {
                let stopped = BTreeSet::new();
                let field = Field { nodes, leader: Some(0), stopped: &stopped, damaged };
                let resolved = resolve(&planned(name, nodes as u64), AT, field);
                let hit = resolved.map_or(0, |strikes| strikes.len());
                assert_eq!(hit, usize::from(damaged == 0 && nodes >= 3), "{name} of {nodes}");
                assert!(hit == 0 || damaged + hit <= minority(nodes));
            }
        }
    }
    assert!(strikes("wipe-log", 1, 2).unwrap_err().contains("needs 3 nodes"));
}

#[test]
fn of_a_crash_machines_lose_different_things_and_come_back_in_their_own_time() {
    let mut losses = BTreeMap::new();
    let mut short = 0;
    for strike in (0..40).flat_map(|seed| strikes("crash-all", seed, 5).unwrap()) {
        let Act::Crash { loss, .. } = strike.act else { panic!("{strike:?}") };
        let kind = match loss {
            Loss::All => "all",
            Loss::Nothing => "nothing",
            Loss::Torn(_) => "torn",
        };
        *losses.entry(kind).or_insert(0) += 1;
        let outage = strike.until - strike.at;
        assert!(outage == DURATION || outage <= SHORT_OUTAGE_MAX, "{outage}");
        short += usize::from(outage < DURATION);
    }
    assert!(losses.len() == 3 && losses["torn"] > 80, "{losses:?}");
    assert!((60..140).contains(&short), "{short}");
}

#[test]
fn the_laggard_comes_back_as_all_others_go_and_the_leader_stays_away() {
    let stopped = BTreeSet::from([4]);
    let field = Field { nodes: 5, leader: Some(2), stopped: &stopped, damaged: 0 };
    for seed in 0..20 {
        let strikes = resolve(&planned("laggard-election", seed), AT, field).unwrap();
        let middle = AT + DURATION / 2;
        let (cut, kills) = strikes.split_first().unwrap();
        assert_eq!((cut.at, cut.until), (AT, middle));
        let Act::Links { links, rule: LinkRule::Cut } = &cut.act else { panic!("{cut:?}") };
        let counts = |node| links.iter().filter(|link| **link == Link::peers(node, 2)).count();
        let laggard = (0..5).find(|node| counts(*node) == 1).unwrap();
        assert_ne!(laggard, 2);
        for kill in kills {
            let Act::Kill { node } = kill.act else { panic!("{kill:?}") };
            assert!(node != laggard && node != 4);
            let until = if node == 2 { AT + DURATION } else { middle + MS };
            assert_eq!((kill.at, kill.until), (middle, until));
        }
        let killed = kills.iter().filter_map(|kill| kill.act.node()).collect::<BTreeSet<_>>();
        assert_eq!(killed.len(), if laggard == 4 { 4 } else { 3 });
    }
}

#[test]
fn letters_of_one_kind_are_filtered_on_links_of_one_node_in_one_direction() {
    let mut seen = BTreeSet::new();
    for seed in 0..200 {
        let strikes = strikes("drop-kind", seed, 5).unwrap();
        let mut links = BTreeSet::new();
        for strike in &strikes {
            let Act::Letters { link: Some(link), kinds, act } = strike.act else {
                panic!("{strike:?}")
            };
            assert_eq!((kinds.0.count_ones(), act), (1, OnLetters::Drop));
            seen.insert(kinds.0);
            links.insert(link);
        }
        assert_eq!(links.len(), strikes.len());
        let ends = |end: fn(&Link) -> _| links.iter().map(end).collect::<BTreeSet<_>>().len();
        assert!(ends(|link| link.from) == 1 || ends(|link| link.to) == 1, "{links:?}");
    }
    assert_eq!(seen.len(), KINDS_BETWEEN_NODES as usize);
}

#[test]
fn connections_break_for_a_moment_and_clocks_jump_for_good() {
    for seed in 0..50 {
        let reset = &strikes("reset-links", seed, 3).unwrap()[0];
        assert!((RESET[0]..=RESET[1]).contains(&(reset.until - reset.at)));
        let Act::Links { links, rule: LinkRule::Refuse } = &reset.act else { panic!("{reset:?}") };
        assert!(links.iter().all(|link| links.contains(&link.reverse())));
        assert!(links.len() == 4 || links.len() == 6);
        let jump = &strikes("clock-jump", seed, 3).unwrap()[0];
        let Act::Clock { change: ClockChange::Jump { by }, .. } = jump.act else {
            panic!("{jump:?}")
        };
        assert!((MS..10 * SECOND).contains(&by), "{by}");
        assert_eq!(jump.until, jump.at);
    }
}

#[test]
fn a_fault_at_the_end_of_time_and_one_that_takes_no_time_are_no_trouble() {
    for name in every_fault() {
        for seed in 0..10 {
            for (at, duration) in [(Moment::MAX, 5), (Moment::MAX - 3, 9), (7, 0), (0, Moment::MAX)]
            {
                let fault = PlannedFault { duration, ..planned(&name, seed) };
                let stopped = BTreeSet::new();
                let field = Field { nodes: 5, leader: Some(0), stopped: &stopped, damaged: 0 };
                let strikes = resolve(&fault, at, field).unwrap();
                assert!(strikes.iter().all(|strike| strike.at <= strike.until), "{name}");
            }
        }
    }
    assert!(strikes("partition", 1, 3).unwrap_err().contains("no such fault"), "a group is none");
}
