//! What goes wrong in a run, drawn from its seed.

use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rashomon_node::raft::NodeId;

use crate::network::MS;

/// The character of a run: seeds differ in more than the order of events.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Temper {
    /// Longest time between two faults.
    pub(crate) fault_pause_max: u64,
    /// One step in so many kills its node, right after its effects are carried out; 0: none.
    pub(crate) brittle: u32,
    /// Longest time a brittle node stays down; short enough to come back before anybody noticed.
    pub(crate) down_max: u64,
    /// Percent of leaders that die within 40 ms of being elected: entries then sit on a few disks each, as in figure 8.
    pub(crate) doomed_leaders: u32,
    /// Longest usual time of a disk write.
    pub(crate) disk_max: u64,
}

impl Temper {
    pub(crate) fn draw(rng: &mut ChaCha8Rng) -> Self {
        let pick = |rng: &mut ChaCha8Rng, of: [u64; 4]| of[rng.random_range(0..4)];
        Self {
            fault_pause_max: pick(rng, [100, 250, 500, 1000]) * MS,
            brittle: pick(rng, [0, 0, 60, 250]) as u32,
            doomed_leaders: pick(rng, [0, 0, 30, 80]) as u32,
            down_max: pick(rng, [5, 30, 100, 400]) * MS,
            disk_max: pick(rng, [1, 5, 30, 150]) * MS,
        }
    }
}

/// One thing that goes wrong, or right again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// Dies, and comes back after so long.
    Crash(NodeId, u64),
    /// Stands still for so long, and then finds everything that came meanwhile.
    Pause(NodeId, u64),
    /// Nothing gets through in one direction.
    CutOneWay(NodeId, NodeId),
    /// One node alone.
    Isolate(NodeId),
    /// Nodes up to this one against the rest.
    Split(NodeId),
    /// The first node hears nobody (`true`), or is heard by nobody.
    Deaf(NodeId, bool),
    MendNetwork,
    NewWeather,
    /// A connection breaks and comes back.
    Reset(NodeId, NodeId),
}

/// Draws the next fault in a cluster of `nodes`.
pub(crate) fn draw(rng: &mut ChaCha8Rng, nodes: u64, leader: Option<NodeId>) -> Fault {
    let any = NodeId(rng.random_range(1..=nodes));
    let other = NodeId(rng.random_range(1..=nodes));
    // Leaders are worth more trouble than others.
    let victim = if rng.random_bool(0.5) { leader.unwrap_or(any) } else { any };
    let span = rng.random_range(MS..600 * MS);
    match rng.random_range(0..18) {
        0..=1 => Fault::Crash(victim, span),
        2..=3 => Fault::Pause(victim, span),
        4..=5 => Fault::CutOneWay(victim, other),
        6 => Fault::Isolate(victim),
        7 => Fault::Split(NodeId(rng.random_range(1..nodes.max(2)))),
        8 => Fault::Deaf(victim, rng.random_bool(0.5)),
        9..=15 => Fault::MendNetwork,
        16 => Fault::NewWeather,
        _ => Fault::Reset(victim, other),
    }
}
