//! The simulated world: one thread, virtual time, one thing after the other.
//!
//! ```text
//!            +----------------------------- heap: (moment, number) -----------------------------+
//!            v                                                                                   |
//!         happening --> nodes (turns of the real replica) --> letters, syncs, alarms ------------+
//!                  \--> clients (the harness's own, polled) --> errands -------------------------+
//!                  \--> strikes of the nemesis --> rules, deaths, pauses, disks, clocks ----------+
//! ```
//!
//! Invariants:
//! - Everything is decided by the plan: no clock, no thread, no address, no hash order. The order of events is that of
//!   (moment, number), and each draw depends on its purpose and place alone.
//! - Nodes know nothing of the world: they hear local time, letters and what became of syncs.
//! - The watch looks on and changes nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::AddAssign;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use rashomon_node::bugs::{Bug, Bugs};
use rashomon_node::raft::{Config, Nanos, NodeId};
use rashomon_node::storage::WalOptions;
use rashomon_node::storage::memory::MemDisk;

use super::booth::{Booth, Connection, Errand, News, Slip};
use super::clock::Clock;
use super::dice::{Dice, Purpose};
use super::heap::{Heap, Moment};
use super::member::{Mail, Nature, Process, Waking};
use super::network::{Network, Sent};
use super::parcel::Parcel;
use super::part::Part;
use super::plan::{SECOND, SimPlan};
use super::trace::{Hash, Scribe};
use super::watch::Watch;
use crate::nemesis::in_force::InForce;
use crate::proxy::Link;

mod clients;
mod lines;
mod nodes;
mod notes;
mod rest;
mod state;
mod strikes;

pub(super) use clients::Crew;
use strikes::Force;
#[cfg(test)]
pub(super) use strikes::Health;

/// How much may happen in a run: in any, and with each second of virtual time so much more. Beyond that something goes round
/// and round. Events alone are no measure of work: with `append-at-end` a log doubles with each batch that is sent twice, and
/// takes all memory within a few thousand events.
#[derive(Debug, Clone, Copy)]
pub(super) struct Allowance {
    /// Events.
    pub(super) events: (u64, u64),
    /// Entries of a log.
    pub(super) entries: (u64, u64),
}

impl Allowance {
    /// Ten times what busy clusters need.
    pub(super) const AMPLE: Self = Self { events: (500_000, 100_000), entries: (20_000, 10_000) };

    const fn covers((any, per_second): (u64, u64), number: u64, now: Moment) -> bool {
        number <= any + now / SECOND * per_second
    }
}

/// What comes to pass at a moment.
#[derive(Debug)]
pub(super) enum Happening {
    /// A letter is there.
    Arrive(Sent<Parcel>),
    /// A node wants a turn because time has passed.
    Alarm { node: usize, life: u64 },
    /// A node is done with its last turn.
    Rested { node: usize, life: u64 },
    /// A sync is over.
    Synced { node: usize, life: u64 },
    /// A sync that nobody waits for may be due.
    SyncLazily { node: usize, life: u64 },
    /// A batch is applied.
    Applied { node: usize, life: u64 },
    /// A process that has read its disk begins to work.
    Up { node: usize, life: u64 },
    /// A process that ended by itself is started again.
    Restart { node: usize, life: u64 },
    /// A line is dialled.
    Dial { from: usize, to: usize, life: u64 },
    /// A node notices that its line to another one broke.
    LineBroke { from: usize, to: usize },
    /// Something for a client that no letter brings.
    Tell { slip: Slip, news: News },
    /// The time of a planned fault has come; by number.
    Aim(usize),
    /// Something is done to the world; by number.
    Strike(usize),
    /// It is over.
    Heal(usize),
    /// A node that has just been elected dies.
    Doom { node: usize, life: u64 },
}

/// Whether a process runs.
#[derive(Debug)]
pub(super) enum Body {
    /// None does.
    Down,
    /// One has read its disk, and will work in a moment.
    Booting(Box<Waking>),
    /// One works.
    Up(Box<Process>),
    /// It refuses to start. It will not come back by itself.
    Broken(String),
}

/// A node: the machine, and the process on it.
#[derive(Debug)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is about something else, and all combinations occur"
)]
pub(super) struct Node {
    nature: Nature,
    disk: MemDisk,
    clock: Clock,
    /// What its clock's pace is when nothing is done to it.
    pace: u64,
    body: Body,
    /// How many processes have been started here.
    life: u64,
    paused: bool,
    /// What came while it was paused, in order.
    backlog: VecDeque<Happening>,
    mailbox: Vec<Mail>,
    /// When an alarm is set, the earliest.
    alarm: Moment,
    /// Until when its last turn takes.
    busy_until: Moment,
    rests: bool,
    applying: bool,
    /// What a sync takes longer because of a fault.
    slow_by: Moment,
    /// Whether the disk was in trouble by somebody's will in this life: then the process may rightly end by itself.
    excused: bool,
    /// Whether the log was damaged on purpose, so that the node may rightly refuse to start.
    damaged: bool,
    dice: NodeDice,
}

#[derive(Debug)]
struct NodeDice {
    disk: Dice,
    tear: Dice,
    boot: Dice,
    temper: Dice,
    apply: Dice,
}

/// How much happened in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Serialize)]
pub struct Work {
    /// Things that happened.
    pub events: u64,
    /// Letters that came, of nodes and of clients.
    pub letters: u64,
    /// Turns of nodes.
    pub turns: u64,
    /// Syncs that were over.
    pub syncs: u64,
}

impl AddAssign for Work {
    fn add_assign(&mut self, other: Self) {
        self.events += other.events;
        self.letters += other.letters;
        self.turns += other.turns;
        self.syncs += other.syncs;
    }
}

/// Why a run found the cluster at fault, besides invariants and history.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Collapse {
    pub(super) at: Moment,
    pub(super) node: usize,
    /// In words.
    pub(super) what: String,
}

/// The world.
pub(super) struct World {
    pub(super) plan: SimPlan,
    pub(super) now: Moment,
    /// When everything stops, whatever is going on.
    pub(super) end: Moment,
    heap: Heap<Happening>,
    network: Network<Parcel>,
    nodes: Vec<Node>,
    /// For each line, the life of the process that it was dialled to.
    lines: Vec<u64>,
    booth: Booth,
    clock: Arc<AtomicU64>,
    crew: Crew,
    connections: BTreeMap<Connection, clients::Talk>,
    pub(super) watch: Watch,
    force: Force,
    in_force: InForce,
    /// Links that are cut while a minority is set apart.
    apart_links: BTreeSet<Link>,
    /// Whether nodes may die of themselves.
    stormy: bool,
    hash: Hash,
    /// Who writes everything down, if anybody does.
    scribe: Option<Box<Scribe>>,
    pub(super) work: Work,
    /// More than this happens only where something goes round and round.
    pub(super) allowance: Allowance,
    /// Why the run was ended, if that was the reason.
    pub(super) ran_away: Option<String>,
    collapses: Vec<Collapse>,
    /// Room that is used again and again.
    sent: Vec<Sent<Parcel>>,
    errands: Vec<Errand>,
}

impl World {
    /// A world as it is before anything happens.
    pub(super) fn new(plan: SimPlan) -> Self {
        let bugs = plan.bugs.iter().filter_map(|name| name.parse::<Bug>().ok()).collect();
        let nodes: Vec<Node> = (0..plan.nodes).map(|node| Node::new(&plan, node, bugs)).collect();
        let mut world = Self {
            now: 0,
            end: Moment::MAX,
            heap: Heap::new(),
            network: Network::new(plan.seed, plan.nodes, plan.weather),
            lines: vec![0; plan.nodes * plan.nodes],
            nodes,
            booth: Booth::default(),
            clock: Arc::default(),
            crew: Crew::default(),
            connections: BTreeMap::new(),
            watch: Watch::new(plan.nodes, &plan.without),
            force: Force::default(),
            in_force: InForce::default(),
            apart_links: BTreeSet::new(),
            stormy: true,
            hash: Hash::default(),
            scribe: None,
            work: Work::default(),
            allowance: Allowance::AMPLE,
            ran_away: None,
            collapses: Vec::new(),
            sent: Vec::new(),
            errands: Vec::new(),
            plan,
        };
        (0..world.plan.nodes).for_each(|node| world.boot(node));
        world
    }

    /// Goes on until `until`, or until `done` says so after something happened; then it is as late as that was.
    pub(super) fn run_until(&mut self, until: Moment, mut done: impl FnMut(&Self) -> bool) {
        let until = until.min(self.end);
        self.run_errands();
        while !done(self) {
            let due = self.heap.peek().is_some_and(|at| at <= until);
            let Some((at, happening)) = due.then(|| self.heap.pop()).flatten() else {
                return self.advance(until);
            };
            self.advance(at);
            let node = happening.node();
            self.happen(happening);
            self.run_errands();
            self.note_changes();
            // Kept once it is known: others may still come to something at this very moment.
            if let Some(much) = self.too_much(node) {
                self.ran_away = Some(much);
                self.end = self.now;
                return;
            }
        }
    }

    /// Of what there is more than any cluster needs, after something happened to this node.
    fn too_much(&self, node: Option<usize>) -> Option<String> {
        let Allowance { events, entries } = self.allowance;
        if !Allowance::covers(events, self.work.events, self.now) {
            return Some(format!("{} events", self.work.events));
        }
        let node = node?;
        let last = self.last_entry(node);
        let much = !Allowance::covers(entries, last, self.now);
        much.then(|| format!("{last} entries in the log of n{}", node + 1))
    }

    /// Whether the end has come.
    pub(super) const fn is_over(&self) -> bool {
        self.now >= self.end
    }

    fn advance(&mut self, to: Moment) {
        self.now = self.now.max(to);
        self.watch.now = self.now;
        self.booth.set_now(self.now);
        self.clock.store(self.now, Ordering::Relaxed);
    }

    fn happen(&mut self, happening: Happening) {
        self.work.events += 1;
        self.trace(&happening);
        let node = happening.node();
        if let Some(node) = node
            && self.nodes[node].paused
            && happening.waits_for_process()
        {
            self.nodes[node].backlog.push_back(happening);
            return;
        }
        match happening {
            Happening::Arrive(sent) => {
                self.work.letters += 1;
                self.arrive(sent);
            }
            Happening::Alarm { node, life } => self.alarm(node, life),
            Happening::Rested { node, life } => self.rested(node, life),
            Happening::Synced { node, life } => self.synced(node, life),
            Happening::SyncLazily { node, life } => self.sync_lazily(node, life),
            Happening::Applied { node, life } => self.applied(node, life),
            Happening::Up { node, life } => self.up(node, life),
            Happening::Restart { node, life } => self.restart(node, life),
            Happening::Dial { from, to, life } => self.dial(from, to, life),
            Happening::LineBroke { from, to } => self.line_broke(from, to),
            Happening::Tell { slip, news } => self.tell(slip, news),
            Happening::Aim(number) => self.take_aim(number),
            Happening::Strike(number) => self.strike(number),
            Happening::Heal(number) => self.heal(number),
            Happening::Doom { node, life } => self.doom(node, life),
        }
    }

    /// Notes what happens in the hash: what happens to the cluster, not how that came to be planned.
    fn trace(&mut self, happening: &Happening) {
        let Some((kind, a, b)) = happening.digest() else { return };
        let part = self.watch.marker.set(Part::Hash);
        self.hash.number(self.now);
        self.hash.number(kind << 56 ^ a << 40 ^ b);
        if let Happening::Arrive(sent) = happening {
            sent.letter.digest(&mut self.hash);
        }
        self.watch.marker.set(part);
    }

    /// Notes in the hash that a node's alarm wakes it.
    fn trace_waking(&mut self, node: usize, life: u64) {
        self.hash.number(self.now);
        self.hash.number(2 << 56 ^ (node as u64) << 40 ^ life);
    }

    /// The hash of everything that happened so far.
    pub(super) const fn hash(&self) -> u64 {
        self.hash.value()
    }

    /// Nodes that broke although nothing was done to them.
    pub(super) fn collapses(&self) -> &[Collapse] {
        &self.collapses
    }

    /// Hands letters on their way to the heap.
    fn send_off(&mut self) {
        let mut sent = std::mem::take(&mut self.sent);
        self.note_letters(&mut sent);
        for letter in sent.drain(..) {
            self.heap.push(letter.at, Happening::Arrive(letter));
        }
        self.sent = sent;
    }
}

impl Happening {
    /// The node that it is about, if it is about one.
    const fn node(&self) -> Option<usize> {
        match self {
            Self::Arrive(sent) => sent.to_node,
            Self::Alarm { node, .. }
            | Self::Rested { node, .. }
            | Self::Synced { node, .. }
            | Self::SyncLazily { node, .. }
            | Self::Applied { node, .. }
            | Self::Up { node, .. }
            | Self::Restart { node, .. }
            | Self::Doom { node, .. } => Some(*node),
            Self::Dial { from, .. } | Self::LineBroke { from, .. } => Some(*from),
            Self::Tell { .. } | Self::Aim(_) | Self::Strike(_) | Self::Heal(_) => None,
        }
    }

    /// Whether a process that stands still cannot take note of it.
    const fn waits_for_process(&self) -> bool {
        !matches!(
            self,
            Self::Tell { .. } | Self::Aim(_) | Self::Strike(_) | Self::Heal(_) | Self::Doom { .. }
        )
    }

    /// A number for its kind, and two more for what it is about.
    const fn digest(&self) -> Option<(u64, u64, u64)> {
        Some(match self {
            Self::Arrive(sent) => (1, sent.lane as u64, 0),
            Self::Rested { node, life } => (3, *node as u64, *life),
            Self::Synced { node, life } => (4, *node as u64, *life),
            Self::SyncLazily { node, life } => (5, *node as u64, *life),
            Self::Applied { node, life } => (6, *node as u64, *life),
            Self::Up { node, life } => (7, *node as u64, *life),
            Self::Restart { node, life } => (15, *node as u64, *life),
            Self::Dial { from, to, .. } => (8, *from as u64, *to as u64),
            Self::LineBroke { from, to } => (9, *from as u64, *to as u64),
            Self::Tell { .. } => (10, 0, 0),
            // Some of these come to nothing, and those are in no schedule; alarms are noted when they wake somebody.
            Self::Strike(_)
            | Self::Heal(_)
            | Self::Aim(_)
            | Self::Doom { .. }
            | Self::Alarm { .. } => return None,
        })
    }
}

impl Node {
    fn new(plan: &SimPlan, node: usize, bugs: Bugs) -> Self {
        let place = node as u64;
        let dice = |purpose| Dice::new(plan.seed, purpose, place);
        let id = NodeId(place + 1);
        let NodePlanParts { config, wal } = parts(plan, id, bugs);
        let nature = Nature {
            node,
            config,
            wal,
            group_max: plan.node.group_max,
            hold_max: Nanos(plan.node.hold_max),
            slow_apply: plan.node.apply_max > 0,
        };
        let clock = Clock::new(plan.node.skew, &mut dice(Purpose::Clock));
        Self {
            nature,
            disk: MemDisk::timed(),
            pace: clock.pace(),
            clock,
            body: Body::Down,
            life: 0,
            paused: false,
            backlog: VecDeque::new(),
            mailbox: Vec::new(),
            alarm: Moment::MAX,
            busy_until: 0,
            rests: false,
            applying: false,
            slow_by: 0,
            excused: false,
            damaged: false,
            dice: NodeDice {
                disk: dice(Purpose::Disk),
                tear: dice(Purpose::Tear),
                boot: dice(Purpose::Boot),
                temper: dice(Purpose::Temper),
                apply: dice(Purpose::Apply),
            },
        }
    }
}

struct NodePlanParts {
    config: Config,
    wal: WalOptions,
}

fn parts(plan: &SimPlan, id: NodeId, bugs: Bugs) -> NodePlanParts {
    let node = &plan.node;
    let config = Config {
        id,
        members: (1..=plan.nodes as u64).map(NodeId).collect(),
        election_timeout: Nanos(node.election_timeout),
        heartbeat: Nanos(node.heartbeat),
        seed: 0,
        bugs,
        batch_bytes_max: node.batch_bytes_max,
        inflight_max: node.inflight_max,
    };
    // Any number that is the same on all nodes.
    let cluster_id = plan.seed | 1;
    let wal =
        WalOptions { segment_bytes: node.segment_bytes, bugs, ..WalOptions::new(cluster_id, id) };
    NodePlanParts { config, wal }
}
