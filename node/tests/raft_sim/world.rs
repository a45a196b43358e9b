//! A whole cluster in one thread: virtual time, a network, disks, clients, and things that go wrong.
//!
//! Everything is drawn from one seed, events are ordered by (time, number), so a seed is a run, byte for byte.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use rand::rngs::ChaCha8Rng;
use rand::{RngExt, SeedableRng};
use rashomon_node::bugs::{Bug, Bugs};
use rashomon_node::raft::{
    Config, Effect, Entry, Event, IoSeq, LogIndex, Message, Nanos, NodeId, Raft, RequestId, Role,
    Status,
};

use crate::disk::{Disk, replace_from};
use crate::invariants::{Checked, Invariants};
use crate::nemesis::{self, Fault, Temper};
use crate::network::{MS, Network};
use crate::oracle::Oracle;
use crate::violation::{Kind, Violation, require};

/// The election timeout of all runs; heartbeats are a fifth of it.
pub(crate) const ELECTION_TIMEOUT: u64 = 150 * MS;

/// Far more than any run needs.
const STEPS_MAX: u64 = 1_000_000;

/// What makes a run.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Options {
    pub(crate) seed: u64,
    pub(crate) nodes: u64,
    pub(crate) bugs: Bugs,
    /// How long things go wrong.
    pub(crate) storm: u64,
    /// How long the healed cluster has until every request is answered and all nodes have applied the same; a write and
    /// a read have to be served on every node in half of it.
    pub(crate) recovery: u64,
    /// Whether properties that clients cannot see end a run.
    pub(crate) look_inside: bool,
    pub(crate) trace: bool,
}

impl Options {
    pub(crate) fn of(seed: u64) -> Self {
        Self {
            seed,
            nodes: [3, 5, 4, 3, 1, 5, 2, 3, 5, 7][(seed % 10) as usize],
            bugs: Bugs::NONE,
            storm: 3_000 * MS,
            recovery: 32 * ELECTION_TIMEOUT,
            look_inside: true,
            trace: false,
        }
    }
}

/// What a run was like.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) steps: u64,
    pub(crate) elections: u64,
    pub(crate) writes: usize,
    pub(crate) reads: u64,
    pub(crate) crashes: u64,
    /// Time from healing to a write and a read done on every node.
    pub(crate) recovered_after: u64,
    pub(crate) virtual_time: u64,
}

/// Runs `options` to its end.
pub(crate) fn run(options: Options) -> (Result<Summary, Violation>, String) {
    let mut world = World::new(options);
    let result = world.run();
    (result.map(|()| world.summary), world.trace)
}

#[derive(Debug)]
enum Happening {
    Tick { node: usize },
    Deliver { from: NodeId, to: usize, message: Message },
    Persisted { node: usize, incarnation: u64, io: IoSeq },
    Clients,
    Fault,
    Restart { node: usize, incarnation: u64 },
    Resume { node: usize, incarnation: u64 },
    Doom { node: usize, incarnation: u64 },
    Probe,
}

#[derive(Debug)]
struct Held {
    after: IoSeq,
    to: NodeId,
    message: Message,
}

#[derive(Debug)]
struct Node {
    id: NodeId,
    /// This node's clock runs at `pace` thousandths of true time, from `origin`.
    pace: u64,
    origin: u64,
    raft: Option<Raft>,
    incarnation: u64,
    paused: bool,
    backlog: Vec<Event>,
    disk: Disk,
    persisted: IoSeq,
    held: Vec<Held>,
    log: Vec<Entry>,
    state: Vec<RequestId>,
    applied: LogIndex,
    writes: BTreeSet<RequestId>,
    reads: BTreeSet<RequestId>,
    ready: Vec<(RequestId, LogIndex)>,
    status: Option<Status>,
    tick_at: u64,
}

impl Node {
    fn local(&self, now: u64) -> Nanos {
        Nanos(self.origin + now / 1000 * self.pace)
    }

    fn global(&self, local: Nanos) -> u64 {
        (local.0.saturating_sub(self.origin)).div_ceil(self.pace) * 1000
    }
}

struct World {
    options: Options,
    rng: ChaCha8Rng,
    now: u64,
    queue: BTreeMap<(u64, u64), Happening>,
    numbered: u64,
    nodes: Vec<Node>,
    network: Network,
    temper: Temper,
    invariants: Invariants,
    oracle: Oracle,
    requests: u64,
    healed_at: Option<u64>,
    /// After healing: nodes on which a write, and a read, has been answered.
    wrote: BTreeSet<NodeId>,
    read: BTreeSet<NodeId>,
    summary: Summary,
    trace: String,
}

impl World {
    fn new(options: Options) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(options.seed);
        let network = Network::stormy(&mut rng);
        let temper = Temper::draw(&mut rng);
        let mut world = Self {
            options,
            now: 0,
            queue: BTreeMap::new(),
            numbered: 0,
            nodes: (1..=options.nodes).map(|id| new_node(NodeId(id), &mut rng)).collect(),
            rng,
            network,
            temper,
            invariants: Invariants::default(),
            oracle: Oracle::default(),
            requests: 0,
            healed_at: None,
            wrote: BTreeSet::new(),
            read: BTreeSet::new(),
            summary: Summary::default(),
            trace: String::new(),
        };
        for at in 0..world.nodes.len() {
            world.start(at);
        }
        world.schedule(400 * MS, Happening::Clients);
        world.schedule(400 * MS, Happening::Fault);
        world
    }

    fn run(&mut self) -> Checked {
        while let Some(((time, _), happening)) = self.queue.pop_first() {
            self.now = self.now.max(time);
            if self.healed_at.is_none() && self.now >= self.options.storm {
                self.heal()?;
            }
            self.happen(happening)?;
            if self.is_settled() {
                break;
            }
            self.check_liveness()?;
        }
        self.summary.virtual_time = self.now;
        self.summary.writes = self.oracle.writes_answered();
        self.summary.reads = self.oracle.reads_served;
        let states = self.nodes.iter().map(|node| (node.id, node.state.as_slice()));
        self.oracle.final_states(&states.collect::<Vec<_>>())
    }

    fn happen(&mut self, happening: Happening) -> Checked {
        match happening {
            Happening::Tick { node } if self.nodes[node].tick_at <= self.now => {
                self.nodes[node].tick_at = u64::MAX;
                self.step(node, vec![Event::Tick])
            }
            Happening::Tick { .. } => Ok(()),
            Happening::Deliver { from, to, message } => {
                if self.network.cut.contains(&(from, self.nodes[to].id)) {
                    return Ok(());
                }
                self.step(to, vec![Event::Receive { from, message }])
            }
            Happening::Persisted { node, incarnation, io } => {
                self.on_persisted(node, incarnation, io)
            }
            Happening::Clients => self.clients(),
            Happening::Fault => self.fault(),
            Happening::Restart { node, incarnation } => {
                if self.nodes[node].raft.is_none() && self.nodes[node].incarnation == incarnation {
                    self.start(node);
                }
                Ok(())
            }
            Happening::Resume { node, incarnation } => {
                let same = self.nodes[node].incarnation == incarnation;
                if same { self.resume(node) } else { Ok(()) }
            }
            Happening::Doom { node, incarnation } => {
                let same = self.nodes[node].incarnation == incarnation;
                if same && self.healed_at.is_none() {
                    let down = self.rng.random_range(MS..=self.temper.down_max);
                    self.crash(node, down);
                }
                Ok(())
            }
            Happening::Probe => self.probe(),
        }
    }

    // Nodes.

    fn start(&mut self, at: usize) {
        let options = self.options;
        let node = &mut self.nodes[at];
        let recovered = node.disk.recovered();
        node.log.clone_from(&recovered.entries);
        let config = Config {
            id: node.id,
            members: (1..=options.nodes).map(NodeId).collect(),
            election_timeout: Nanos(ELECTION_TIMEOUT),
            heartbeat: Nanos(ELECTION_TIMEOUT / 5),
            seed: options.seed,
            bugs: options.bugs,
            batch_bytes_max: 400,
            inflight_max: 4,
        };
        let raft = Raft::new(config, recovered, node.local(self.now));
        node.tick_at = node.global(raft.next_deadline());
        node.raft = Some(raft);
        node.incarnation += 1;
        self.numbered += 1;
        self.queue.insert((self.nodes[at].tick_at, self.numbered), Happening::Tick { node: at });
    }

    /// Kills a node, if it lives, and brings it back after `down`.
    fn crash(&mut self, at: usize, down: u64) {
        let node = &mut self.nodes[at];
        if node.raft.is_none() {
            return;
        }
        let mut disk = std::mem::take(&mut node.disk);
        disk.crash(&mut self.rng);
        let (id, pace, origin, incarnation) = (node.id, node.pace, node.origin, node.incarnation);
        *node = Node { pace, origin, incarnation, disk, ..new_node(id, &mut self.rng) };
        self.summary.crashes += 1;
        self.schedule(down, Happening::Restart { node: at, incarnation });
    }

    fn step(&mut self, at: usize, events: Vec<Event>) -> Checked {
        let node = &mut self.nodes[at];
        let now = node.local(self.now);
        let Some(raft) = &mut node.raft else { return Ok(()) };
        if node.paused {
            node.backlog.extend(events);
            return Ok(());
        }
        self.summary.steps += 1;
        let shown = if self.options.trace { format!("{events:?}") } else { String::new() };
        let mut effects = Vec::new();
        raft.step_all(now, events, &mut effects);
        let status = raft.status();
        let deadline = raft.next_deadline();
        let tick_at = node.global(deadline);
        if self.options.trace {
            let id = node.id;
            let _ = writeln!(self.trace, "{} {id} {shown} -> {effects:?}", self.now);
        }
        if node.tick_at != tick_at {
            node.tick_at = tick_at;
            self.schedule_at(tick_at, Happening::Tick { node: at });
        }
        for effect in effects {
            self.perform(at, effect, &status)?;
        }
        self.serve_reads(at)?;
        self.inspect(at, status)?;
        self.tempt(at);
        Ok(())
    }

    /// A brittle node dies between two steps, now and then, and comes back soon.
    fn tempt(&mut self, at: usize) {
        let Temper { brittle, down_max, .. } = self.temper;
        if brittle == 0 || self.healed_at.is_some() || !self.rng.random_ratio(1, brittle) {
            return;
        }
        let down = self.rng.random_range(MS..=down_max);
        self.crash(at, down);
    }

    fn perform(&mut self, at: usize, effect: Effect, status: &Status) -> Checked {
        match effect {
            Effect::Write { io, hard, entries } => {
                let delay = self.disk_delay(self.nodes[at].disk.is_promise(hard));
                let node = &mut self.nodes[at];
                let incarnation = node.incarnation;
                if let Some(first) = entries.first().map(|entry| entry.index) {
                    replace_from(&mut node.log, entries.clone());
                    let checked = self.invariants.on_log_change(&node.log, first);
                    inside(self.options, checked)?;
                }
                node.disk.write(io, hard, entries);
                self.schedule(delay, Happening::Persisted { node: at, incarnation, io });
            }
            Effect::Send { to, message, after } => {
                if after > self.nodes[at].persisted {
                    self.nodes[at].held.push(Held { after, to, message });
                } else {
                    self.transmit(at, to, &message)?;
                }
            }
            Effect::Apply { entries } => self.apply(at, &entries, status)?,
            Effect::ReadReady { request, index } => self.nodes[at].ready.push((request, index)),
            Effect::Refuse { request, .. } => {
                self.nodes[at].writes.remove(&request);
                self.nodes[at].reads.remove(&request);
                self.oracle.refused(request);
                inside(self.options, self.invariants.on_refuse(request))?;
            }
            Effect::Forget { request } => {
                self.nodes[at].writes.remove(&request);
            }
            Effect::Appended { request, index } => {
                if self.options.bugs.has(Bug::AckOnAppend) {
                    self.answer_write(at, request, index);
                }
            }
            Effect::Role { role: Role::Leader, .. } => self.elected(at),
            Effect::Role { .. } => {}
        }
        Ok(())
    }

    fn elected(&mut self, at: usize) {
        self.summary.elections += 1;
        if self.rng.random_ratio(self.temper.doomed_leaders, 100) {
            let (life, incarnation) =
                (self.rng.random_range(0..40 * MS), self.nodes[at].incarnation);
            self.schedule(life, Happening::Doom { node: at, incarnation });
        }
    }

    /// A shell with the bug `ack-before-fsync` syncs in the background; promises it keeps, or nobody could be elected.
    fn disk_delay(&mut self, promise: bool) -> u64 {
        if self.options.bugs.has(Bug::AckBeforeFsync) && !promise {
            return self.rng.random_range(300 * MS..1_000 * MS);
        }
        let slow = self.rng.random_ratio(1, 20);
        let max = if slow { 150 * MS } else { self.temper.disk_max };
        self.rng.random_range(MS / 10..=max)
    }

    fn on_persisted(&mut self, at: usize, incarnation: u64, io: IoSeq) -> Checked {
        let node = &mut self.nodes[at];
        if node.incarnation != incarnation || node.raft.is_none() || !node.disk.sync(io) {
            return Ok(());
        }
        node.persisted = node.persisted.max(io);
        let held = std::mem::take(&mut node.held);
        let (free, held) = held.into_iter().partition(|held: &Held| held.after <= io);
        node.held = held;
        for Held { to, message, .. } in free {
            self.transmit(at, to, &message)?;
        }
        self.step(at, vec![Event::Persisted(io)])
    }

    fn transmit(&mut self, at: usize, to: NodeId, message: &Message) -> Checked {
        let from = self.nodes[at].id;
        inside(self.options, self.invariants.on_send(from, to, message))?;
        for delay in self.network.delays((from, to), &mut self.rng) {
            let (to, message) = (to.0 as usize - 1, message.clone());
            self.schedule(delay, Happening::Deliver { from, to, message });
        }
        Ok(())
    }

    fn apply(&mut self, at: usize, entries: &[Entry], status: &Status) -> Checked {
        let known = self.invariants.applied_count();
        for entry in entries {
            let node = &mut self.nodes[at];
            let expected = node.applied.next();
            let applier = (node.id, status.term);
            inside(self.options, self.invariants.on_apply(applier, expected, entry))?;
            node.applied = entry.index;
            if let Some(request) = entry.request {
                node.state.push(request);
                self.answer_write(at, request, entry.index);
            }
        }
        for node in self.nodes.iter().filter(|_| self.options.look_inside) {
            if let Some(status) = node.status.as_ref().filter(|status| status.role == Role::Leader)
            {
                self.invariants.leader_is_complete(status, &node.log, known)?;
            }
        }
        Ok(())
    }

    fn answer_write(&mut self, at: usize, request: RequestId, index: LogIndex) {
        let node = &mut self.nodes[at];
        if node.writes.remove(&request) {
            self.oracle.write_answered(request, index);
            if self.healed_at.is_some() {
                self.wrote.insert(node.id);
            }
        }
    }

    fn serve_reads(&mut self, at: usize) -> Checked {
        let node = &mut self.nodes[at];
        let applied = node.applied;
        let ready = std::mem::take(&mut node.ready);
        let (serve, wait) = ready.into_iter().partition(|(_, index)| *index <= applied);
        node.ready = wait;
        let serve: Vec<(RequestId, LogIndex)> = serve;
        for (request, _) in serve {
            self.nodes[at].reads.remove(&request);
            self.oracle.read_served(request, applied)?;
            if self.healed_at.is_some() {
                self.read.insert(self.nodes[at].id);
            }
        }
        Ok(())
    }

    fn inspect(&mut self, at: usize, status: Status) -> Checked {
        if self.options.look_inside {
            let node = &self.nodes[at];
            self.invariants.on_status(node.status.as_ref(), &status, &node.log)?;
            let disks = self.nodes.iter().map(|node| &node.disk);
            self.invariants.on_commit(&status, &node.log, self.nodes.len(), |index, term| {
                disks.clone().filter(|disk| disk.term_at(index) == Some(term)).count()
            })?;
        }
        self.nodes[at].status = Some(status);
        Ok(())
    }

    // Clients.

    fn clients(&mut self) -> Checked {
        let again = self.rng.random_range(MS..20 * MS);
        self.schedule(again, Happening::Clients);
        if self.wrote.len() == self.nodes.len() && self.read.len() == self.nodes.len() {
            return Ok(());
        }
        let at = self.rng.random_range(0..self.nodes.len());
        // A burst comes in one step, as a shell under load would hand it over.
        let burst = if self.rng.random_ratio(1, 10) { self.rng.random_range(2..12) } else { 1 };
        let mut events = Vec::new();
        for _ in 0..burst {
            let write = self.rng.random_bool(0.6);
            events.extend(self.invoke(at, write));
        }
        self.step(at, events)
    }

    /// A client of node `at` begins an operation, if the node can be reached.
    fn invoke(&mut self, at: usize, write: bool) -> Option<Event> {
        self.requests += 1;
        let node = &mut self.nodes[at];
        node.raft.as_ref()?;
        let request = RequestId { node: node.id, number: self.requests };
        if write {
            node.writes.insert(request);
            Some(Event::Propose { request, command: vec![7; 1 + (self.requests % 90) as usize] })
        } else {
            node.reads.insert(request);
            self.oracle.read_begins(request);
            Some(Event::Read { request })
        }
    }

    // Faults.

    fn fault(&mut self) -> Checked {
        if self.healed_at.is_some() {
            return Ok(());
        }
        let again = self.rng.random_range(20 * MS..=self.temper.fault_pause_max);
        self.schedule(again, Happening::Fault);
        let leads = |node: &&Node| node.status.as_ref().is_some_and(|it| it.role == Role::Leader);
        let leader = self.nodes.iter().find(leads).map(|node| node.id);
        let fault = nemesis::draw(&mut self.rng, self.options.nodes, leader);
        if self.options.trace {
            let _ = writeln!(self.trace, "{} {fault:?}", self.now);
        }
        self.inflict(fault)
    }

    fn inflict(&mut self, fault: Fault) -> Checked {
        let at = |node: NodeId| node.0 as usize - 1;
        let ids = (1..=self.options.nodes).map(NodeId);
        match fault {
            Fault::Crash(node, down) => self.crash(at(node), down),
            Fault::Pause(node, span) => {
                self.nodes[at(node)].paused = true;
                let (node, incarnation) = (at(node), self.nodes[at(node)].incarnation);
                self.schedule(span, Happening::Resume { node, incarnation });
            }
            Fault::CutOneWay(from, to) => {
                self.network.cut.insert((from, to));
            }
            Fault::Isolate(node) => self.network.isolate(node, ids),
            Fault::Split(last) => {
                for (a, b) in ids.clone().flat_map(|a| ids.clone().map(move |b| (a, b))) {
                    if (a <= last) != (b <= last) {
                        self.network.cut.insert((a, b));
                    }
                }
            }
            Fault::Deaf(node, hears_nobody) => {
                for other in ids {
                    let link = if hears_nobody { (other, node) } else { (node, other) };
                    self.network.cut.insert(link);
                }
            }
            Fault::MendNetwork => self.network.cut.clear(),
            Fault::NewWeather => {
                let cut = std::mem::take(&mut self.network.cut);
                self.network = Network { cut, ..Network::stormy(&mut self.rng) };
            }
            Fault::Reset(node, peer) => return self.step(at(node), vec![Event::Unreachable(peer)]),
        }
        Ok(())
    }

    fn resume(&mut self, at: usize) -> Checked {
        self.nodes[at].paused = false;
        let backlog = std::mem::take(&mut self.nodes[at].backlog);
        // All at once, or one by one; a real shell does either.
        if self.rng.random_bool(0.5) {
            return self.step(at, backlog);
        }
        backlog.into_iter().try_for_each(|event| self.step(at, vec![event]))
    }

    fn heal(&mut self) -> Checked {
        self.healed_at = Some(self.now);
        self.network = Network::calm();
        for at in 0..self.nodes.len() {
            if self.nodes[at].raft.is_none() {
                self.start(at);
            }
            self.resume(at)?;
        }
        self.schedule(0, Happening::Probe);
        Ok(())
    }

    /// After healing: a write and a read on every node that has not answered one yet.
    fn probe(&mut self) -> Checked {
        self.schedule(50 * MS, Happening::Probe);
        for at in 0..self.nodes.len() {
            let id = self.nodes[at].id;
            let mut events = Vec::new();
            if !self.wrote.contains(&id) {
                events.extend(self.invoke(at, true));
            }
            if !self.read.contains(&id) {
                events.extend(self.invoke(at, false));
            }
            self.step(at, events)?;
        }
        Ok(())
    }

    /// Healed, served everywhere, no request without an answer, and all nodes have applied the same.
    fn is_settled(&mut self) -> bool {
        let Some(healed_at) = self.healed_at else { return false };
        let everywhere =
            self.wrote.len() == self.nodes.len() && self.read.len() == self.nodes.len();
        if !everywhere {
            return false;
        }
        if self.summary.recovered_after == 0 {
            self.summary.recovered_after = (self.now - healed_at).max(1);
        }
        let last = self.nodes.iter().map(|node| node.log.len() as u64).max();
        self.nodes.iter().all(|node| {
            let quiet = node.writes.is_empty() && node.reads.is_empty();
            quiet && Some(node.applied.0) == last
        })
    }

    fn check_liveness(&self) -> Checked {
        // A node that asks for a tick again and again keeps time from going on.
        let runaway = self.summary.steps > STEPS_MAX;
        require(!runaway, Kind::Liveness, || format!("{STEPS_MAX} steps by {} ns", self.now))?;
        let served = self.summary.recovered_after > 0;
        let span = if served { self.options.recovery } else { self.options.recovery / 2 };
        let limit = self.healed_at.map_or(u64::MAX, |healed| healed + span);
        require(self.now <= limit, Kind::Liveness, || {
            let statuses = self.nodes.iter().map(|node| node.status.as_ref());
            let statuses = statuses.collect::<Vec<_>>();
            let open = self.nodes.iter().map(|node| (&node.writes, &node.reads));
            let open = open.collect::<Vec<_>>();
            let (wrote, read) = (&self.wrote, &self.read);
            format!("wrote on {wrote:?}, read on {read:?}, open {open:?}: {statuses:#?}")
        })
    }

    fn schedule(&mut self, delay: u64, happening: Happening) {
        self.schedule_at(self.now + delay, happening);
    }

    fn schedule_at(&mut self, time: u64, happening: Happening) {
        self.numbered += 1;
        self.queue.insert((time, self.numbered), happening);
    }
}

/// Properties that clients cannot see are passed over if only clients are asked.
fn inside(options: Options, checked: Checked) -> Checked {
    if options.look_inside { checked } else { Ok(()) }
}

fn new_node(id: NodeId, rng: &mut ChaCha8Rng) -> Node {
    Node {
        id,
        pace: rng.random_range(950..1050),
        origin: rng.random_range(0..1 << 40),
        raft: None,
        incarnation: 0,
        paused: false,
        backlog: Vec::new(),
        disk: Disk::default(),
        persisted: IoSeq(0),
        held: Vec::new(),
        log: Vec::new(),
        state: Vec::new(),
        applied: LogIndex(0),
        writes: BTreeSet::new(),
        reads: BTreeSet::new(),
        ready: Vec::new(),
        status: None,
        tick_at: u64::MAX,
    }
}
