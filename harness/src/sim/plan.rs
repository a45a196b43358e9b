//! Everything about one simulated run, resolved: the same plan is the same run, to the byte.

use std::ops::RangeInclusive;

use serde::{Deserialize, Serialize};

use super::heap::Moment;
use super::network::Weather;

/// Nanoseconds of a millisecond.
pub(super) const MS: Moment = 1_000_000;
/// Nanoseconds of a second.
pub(super) const SECOND: Moment = 1000 * MS;

/// A simulated run. Spans are in nanoseconds of virtual time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SimPlan {
    /// Root of all chance.
    pub seed: u64,
    /// Nodes of the cluster.
    pub nodes: usize,
    /// Name of the workload.
    pub workload: String,
    /// Clients working at the same time.
    pub clients: usize,
    /// Operations a second, over all clients.
    pub rate: f64,
    /// After which a client gives an operation up.
    pub op_timeout: Moment,
    /// How long things go wrong, load included.
    pub storm: Moment,
    /// Faults to draw from, by name.
    pub faults: Vec<String>,
    /// Mean time between two of them.
    pub fault_interval: Moment,
    /// Built-in bugs that are switched on, by name.
    pub bugs: Vec<String>,
    /// Invariants that are switched off, by name.
    pub without: Vec<String>,
    /// The nodes' settings.
    pub node: NodePlan,
    /// The network between faults.
    pub weather: Weather,
    /// The disks between faults.
    pub disk: DiskPlan,
    /// What nodes do of themselves.
    pub temper: Temper,
    /// What keeps a minority from the others for a while after everything else is healed.
    #[serde(default)]
    pub rest: Rest,
    /// Operations that are left out: they keep their places, so that the others stay as they are.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub omitted: Vec<Omitted>,
}

/// Operations of a client that do not take place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Omitted {
    /// The client, from 0.
    pub client: usize,
    /// The places of the operations among all of the client, from 0; `None` for all of them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub operations: Option<RangeInclusive<u64>>,
}

/// How a minority of the nodes is, while all others are whole and have to serve: a cluster that works only when nothing is
/// wrong any more is of little use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rest {
    /// As all others.
    #[default]
    Healed,
    /// They are down.
    Down,
    /// They are cut off.
    Cut,
    /// They hear nobody.
    Deaf,
    /// Nobody hears them.
    Mute,
    /// Some of their links are cut, or those to the leader only.
    Partly,
}

impl Rest {
    /// All of them, by name.
    pub(super) const ALL: [(&'static str, Self); 6] = [
        ("healed", Self::Healed),
        ("down", Self::Down),
        ("cut", Self::Cut),
        ("deaf", Self::Deaf),
        ("mute", Self::Mute),
        ("partly", Self::Partly),
    ];

    /// Its name.
    pub(super) fn name(self) -> &'static str {
        let known = Self::ALL.into_iter().find(|(_, rest)| *rest == self);
        known.map_or("", |(name, _)| name)
    }
}

/// Settings that all nodes of a run share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct NodePlan {
    /// Base election timeout.
    pub election_timeout: Moment,
    /// Time between heartbeats.
    pub heartbeat: Moment,
    /// Bytes of entries in a message.
    pub batch_bytes_max: usize,
    /// Unanswered messages with entries to one follower.
    pub inflight_max: usize,
    /// Bytes of a segment of the log.
    pub segment_bytes: u64,
    /// Writes that share a sync.
    pub group_max: usize,
    /// How long a leader keeps client writes back for its disk.
    pub hold_max: Moment,
    /// How long a turn takes; what comes meanwhile is one turn.
    pub turn: Moment,
    /// How long a batch takes to be applied, at most; 0: applied at once.
    pub apply_max: Moment,
    /// Thousandths by which clocks are off at most.
    pub skew: u64,
    /// How long a process takes to come up, at most.
    pub boot_max: Moment,
}

/// What disks are like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DiskPlan {
    /// The shortest sync.
    pub sync_min: Moment,
    /// The longest, usually.
    pub sync_max: Moment,
    /// Of a million syncs, those that are slow.
    pub slow: u64,
    /// How long those take, at most.
    pub slow_max: Moment,
}

/// What goes wrong without being planned: nodes die just when it hurts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Temper {
    /// Of a million turns, those after which the process dies at once.
    pub brittle: u64,
    /// Of a hundred elected leaders, those that die soon.
    pub doomed: u64,
    /// Within how much time those die.
    pub doom_max: Moment,
    /// How long such a process stays down, at most.
    pub down_max: Moment,
    /// Of a hundred of these deaths, those that take the machine with them.
    pub power: u64,
}

impl SimPlan {
    /// The default load on a calm cluster of so many nodes: ten clients, 100 operations a second.
    pub fn calm(seed: u64, nodes: usize) -> Self {
        Self {
            seed,
            nodes,
            workload: "register".to_owned(),
            clients: 10,
            rate: 100.0,
            op_timeout: SECOND,
            storm: 10 * SECOND,
            faults: Vec::new(),
            fault_interval: SECOND,
            bugs: Vec::new(),
            without: Vec::new(),
            node: NodePlan::DEFAULT,
            weather: Weather::CALM,
            disk: DiskPlan::DEFAULT,
            temper: Temper::CALM,
            rest: Rest::Healed,
            omitted: Vec::new(),
        }
    }
}

impl SimPlan {
    /// Leaves every operation of every client out.
    pub fn omit_all(&mut self) {
        let all = |client| Omitted { client, operations: None };
        self.omitted = (0..self.clients).map(all).collect();
    }
}

impl NodePlan {
    /// What a node started by `rashomon run` has.
    pub const DEFAULT: Self = Self {
        election_timeout: 150 * MS,
        heartbeat: 30 * MS,
        batch_bytes_max: 1024 * 1024,
        inflight_max: 256,
        segment_bytes: 16 * 1024 * 1024,
        group_max: 1024,
        hold_max: MS,
        turn: 0,
        apply_max: 0,
        skew: 50,
        boot_max: 20 * MS,
    };
}

impl DiskPlan {
    /// A good disk.
    pub const DEFAULT: Self = Self { sync_min: MS / 10, sync_max: MS, slow: 0, slow_max: 150 * MS };
}

impl Temper {
    /// Nothing.
    pub const CALM: Self =
        Self { brittle: 0, doomed: 0, doom_max: 40 * MS, down_max: 400 * MS, power: 50 };
}
