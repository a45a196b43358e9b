//! What a seed makes of a run.
//!
//! One mix of everything for all seeds would drown each fault in all others: a bug that needs three crashes in a row shows
//! only where nothing but crashes happens, and one that needs small batches only where batches are small. So each seed
//! leaves out about half of the faults, and draws the size of the cluster, its settings, its load and its weather (swarm
//! testing: Groce et al., ISSTA 2012).

use super::dice::{Dice, Purpose};
use super::network::Weather;
use super::plan::{DiskPlan, MS, NodePlan, Rest, SECOND, SimPlan, Temper};
use crate::nemesis::FaultSpec;

/// What all seeds have in common; `None` leaves the choice to the seed.
#[derive(Debug, Clone, Default)]
pub struct Wishes {
    /// The number of nodes.
    pub nodes: Option<usize>,
    /// The workload.
    pub workload: Option<String>,
    /// The faults to draw from.
    pub faults: Option<Vec<FaultSpec>>,
    /// Built-in bugs that are switched on.
    pub bugs: Vec<String>,
    /// Invariants that are switched off.
    pub without: Vec<String>,
    /// How long things go wrong, in nanoseconds.
    pub storm: Option<u64>,
}

/// The run of a seed.
pub fn draw(seed: u64, wishes: &Wishes) -> SimPlan {
    let mut dice = Dice::new(seed, Purpose::Swarm, 0);
    let nodes = dice.pick(&[1, 3, 3, 3, 4, 5, 5, 7]);
    let nodes = wishes.nodes.unwrap_or(nodes);
    let workload = dice.pick(&["register", "register", "append", "set"]);
    let clients = dice.between(2, 3 * nodes as u64) as usize;
    let rate = dice.pick(&[20.0, 50.0, 100.0, 200.0, 400.0]);
    let op_timeout = dice.pick(&[200 * MS, 500 * MS, SECOND, 2 * SECOND]);
    let node = draw_node(&mut dice);
    let storm = (dice.between(20, 60) * node.election_timeout).max(2 * SECOND);
    SimPlan {
        seed,
        nodes,
        workload: wishes.workload.clone().unwrap_or_else(|| workload.to_owned()),
        clients,
        rate,
        op_timeout,
        storm: wishes.storm.unwrap_or(storm),
        faults: draw_faults(nodes, wishes, &mut dice),
        fault_interval: dice.pick(&[2, 4, 8, 16]) * node.election_timeout,
        bugs: wishes.bugs.clone(),
        without: wishes.without.clone(),
        node,
        weather: draw_weather(&mut dice),
        disk: draw_disk(&node, &mut dice),
        temper: draw_temper(&mut dice),
        rest: draw_rest(nodes, &mut dice),
        omitted: Vec::new(),
    }
}

/// About half of what there is; at least one, unless nothing is wished for.
fn draw_faults(nodes: usize, wishes: &Wishes, dice: &mut Dice) -> Vec<String> {
    let all = match &wishes.faults {
        Some(faults) => faults.clone(),
        None => crate::nemesis::simulated_faults(),
    };
    let fits = |fault: &&FaultSpec| crate::nemesis::nodes_min(fault) <= nodes;
    let fitting: Vec<&FaultSpec> = all.iter().filter(fits).collect();
    if wishes.faults.is_some() {
        return fitting.into_iter().map(|fault| fault.0.clone()).collect();
    }
    let share = dice.pick(&[100_000, 300_000, 500_000, 800_000]);
    let mut drawn: Vec<String> = Vec::new();
    for fault in &fitting {
        if dice.chance(share) {
            drawn.push(fault.0.clone());
        }
    }
    if drawn.is_empty() && !fitting.is_empty() {
        drawn.push(fitting[dice.below(fitting.len() as u64) as usize].0.clone());
    }
    drawn
}

fn draw_node(dice: &mut Dice) -> NodePlan {
    let election_timeout = dice.pick(&[50, 150, 150, 150, 300]) * MS;
    NodePlan {
        election_timeout,
        heartbeat: election_timeout / dice.pick(&[3, 5, 10]),
        batch_bytes_max: dice.pick(&[64, 400, 4096, 1024 * 1024]),
        inflight_max: dice.pick(&[1, 4, 256]),
        segment_bytes: dice.pick(&[4096, 65_536, 16 * 1024 * 1024]),
        group_max: dice.pick(&[1, 4, 1024]),
        hold_max: dice.pick(&[0, MS, MS]),
        turn: dice.pick(&[0, 0, 20_000, 200_000]),
        apply_max: dice.pick(&[0, 0, MS, 20 * MS]),
        skew: dice.pick(&[0, 50, 50, 200]),
        boot_max: dice.pick(&[2, 5, 50]) * MS,
    }
}

fn draw_weather(dice: &mut Dice) -> Weather {
    let mean = dice.pick(&[50_000, 300_000, 300_000, 2 * MS]);
    let tail = dice.pick(&[0, 1_000, 10_000]);
    let tail_max = dice.pick(&[50, 400]) * MS;
    let datagrams = dice.chance(400_000);
    let loss = dice.pick(&[0, 0, 10_000, 100_000]);
    let double = dice.pick(&[0, 0, 10_000, 150_000]);
    let double_max = dice.pick(&[5 * MS, 300 * MS, 5 * SECOND]);
    let [loss, double] = [loss, double].map(|chance| if datagrams { chance } else { 0 });
    Weather { mean, tail, tail_max, datagrams, loss, double, double_max, ..Weather::CALM }
}

fn draw_disk(node: &NodePlan, dice: &mut Dice) -> DiskPlan {
    let sync_max = dice.pick(&[200_000, MS, 5 * MS]);
    DiskPlan {
        sync_min: sync_max / 10,
        sync_max,
        slow: dice.pick(&[0, 10_000, 50_000]),
        slow_max: dice.pick(&[20 * MS, node.election_timeout]).max(sync_max),
    }
}

/// In one run of three a minority stays as it is for a while.
fn draw_rest(nodes: usize, dice: &mut Dice) -> Rest {
    let (_, rest) = dice.pick(&Rest::ALL[1..]);
    if dice.chance(333_333) && nodes >= 3 { rest } else { Rest::Healed }
}

fn draw_temper(dice: &mut Dice) -> Temper {
    Temper {
        brittle: dice.pick(&[0, 0, 0, 300, 2_000]),
        doomed: dice.pick(&[0, 0, 0, 30, 80]),
        doom_max: dice.pick(&[5, 40]) * MS,
        down_max: dice.pick(&[5, 50, 400]) * MS,
        power: dice.pick(&[0, 50, 100]),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn seeds_draw_different_runs_and_the_same_again() {
        let wishes = Wishes::default();
        let plans: Vec<SimPlan> = (0..200).map(|seed| draw(seed, &wishes)).collect();
        assert_eq!(plans[7], draw(7, &wishes));
        let of = |field: fn(&SimPlan) -> String| plans.iter().map(field).collect::<BTreeSet<_>>();
        assert_eq!(of(|plan| plan.nodes.to_string()).len(), 5);
        assert_eq!(of(|plan| plan.workload.clone()).len(), 3);
        assert_eq!(of(|plan| plan.weather.datagrams.to_string()).len(), 2);
        assert!(of(|plan| plan.faults.join(" ")).len() > 150);
        assert!(plans.iter().all(|plan| !plan.faults.is_empty()));
    }

    #[test]
    fn wishes_are_kept_and_change_nothing_else() {
        let wishes = Wishes { nodes: Some(3), storm: Some(SECOND), ..Wishes::default() };
        for seed in 0..50 {
            let (free, bound) = (draw(seed, &Wishes::default()), draw(seed, &wishes));
            assert_eq!((bound.nodes, bound.storm), (3, SECOND));
            assert_eq!((free.rate as u64, free.node), (bound.rate as u64, bound.node));
        }
    }
}
