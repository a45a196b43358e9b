//! One simulated run, from its plan to its findings.
//!
//! ```text
//!   boot --> load ............................................ final reads -> calm -> all lose power -> audit -> verdict
//!              |<--- storm: faults, brittle nodes --->| heal
//!                                                     | each node serves a write and a read   | as before
//!              |<------------ safety ---------------->|<------------ liveness --------------->|
//! ```
//!
//! While it storms nothing has to work, but nothing may go wrong. Then everything is healed, and within a bounded time every
//! node must serve, all must have applied the same, and the leader must stay. At last all machines lose power at once, and
//! every key is read from every node: what was acknowledged must be there.
//!
//! Findings come from oracles that know nothing of each other: the history by the checker, invariants by the watch, liveness
//! by these phases, and processes that broke. Which of them saw something first is part of the result.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rashomon_checker::Value;
use rashomon_checker::check::ModelKind;
use rashomon_checker::counterexample::Counterexample;
use rashomon_checker::history::{Event, EventKind, EventRef};
use rashomon_checker::monitor::{Monitor, MonitorOptions};
use rashomon_workloads::{Invocation, Shape, Workload};
use tokio_util::sync::CancellationToken;

use super::act::Strike;
use super::explain::concerned;
use super::heap::Moment;
use super::part::{Marker, Part};
use super::plan::{MS, Omitted, SECOND, SimPlan};
use super::reach::Simulated;
use super::schedule::{Schedule, ScheduleError};
use super::trace::Story;
use super::world::{Work, World};
use crate::client::{Client, Completion};
use crate::finding::{Finding, Oracle};
use crate::plan::{Plan, SCHEMA_VERSION};
use crate::recorder::{Recorder, RunClock};
use crate::runner::agenda::Agenda;
use crate::runner::final_reads::{Todo, read_all};
use crate::runner::load::{Shared, Worker, workers};
use crate::seed::Seed;
use crate::verdict::OutcomeCounts;

/// Election timeouts within which every node has to serve a write and a read once all is healed.
const SERVE_WITHIN: u64 = 16;
/// Election timeouts within which all have applied the same.
const CONVERGE_WITHIN: u64 = 32;
/// Election timeouts during which the leader stays if nothing happens.
const CALM: u64 = 20;
/// How much longer an entry may take that a node missed: they may have to be sent one by one.
const PER_MISSED_ENTRY: Moment = 4 * MS;
/// How long the final reads go on without an answer.
const READS_PATIENCE: Duration = Duration::from_secs(10);

/// The invariant that whole stores are compared for.
const SAME_STATE: &str = "same-state";

/// What a run came to.
#[derive(Debug, Clone)]
pub struct Outcome {
    /// The plan.
    pub plan: SimPlan,
    /// The same number is the same run.
    pub hash: u64,
    /// Everything that was found, the first first.
    pub findings: Vec<Finding>,
    /// What clients saw.
    pub history: Vec<Event>,
    /// Operations by what became of them.
    pub operations: OutcomeCounts,
    /// Things that were done to the cluster.
    pub faults: u64,
    /// Nanoseconds of virtual time.
    pub time: Moment,
    /// How much happened meanwhile.
    pub work: Work,
    pub(super) strikes: Vec<Strike>,
    /// When it was stopped, if it was.
    pub(super) end: Option<Moment>,
    /// Operations that were begun during the load: the client, and the place among its own.
    pub(super) begun: Vec<(usize, u64)>,
}

impl Outcome {
    /// The run as text that can be replayed: nothing in it is left to chance.
    pub fn schedule(&self) -> String {
        self.as_schedule().to_string()
    }

    /// The same with only those settings that a calm run does not have; as long as calm runs stay what they are, it is the
    /// same run.
    pub fn brief_schedule(&self) -> String {
        let calm = SimPlan::calm(self.plan.seed, self.plan.nodes);
        let calm = Schedule { plan: calm, strikes: Vec::new(), end: None }.to_string();
        let usual: Vec<&str> = calm.lines().skip(2).collect();
        let all = self.schedule();
        let told = all.lines().filter(|line| !usual.contains(line));
        told.collect::<Vec<_>>().join("\n") + "\n"
    }

    pub(super) fn as_schedule(&self) -> Schedule {
        Schedule { plan: self.plan.clone(), strikes: self.strikes.clone(), end: self.end }
    }
}

/// Carries a plan out. The workload has to be the one that the plan names.
pub fn run(plan: &SimPlan, workload: &dyn Workload) -> Outcome {
    run_marked(plan, workload, &Marker::default())
}

/// The same, with a marker that says which part of it is at work.
pub fn run_marked(plan: &SimPlan, workload: &dyn Workload, marker: &Marker) -> Outcome {
    let mut stage = Stage::new(plan, workload);
    stage.world.watch.marker = marker.clone();
    stage.world.plan_faults();
    stage.perform(plan, workload)
}

/// Carries out what is said in a schedule, and nothing else.
pub(super) fn replay(schedule: &Schedule, workload: &dyn Workload) -> Outcome {
    staged(schedule, workload).perform(&schedule.plan, workload)
}

/// The run of an outcome once more, up to its first finding, and what happened there last. The counterexample, if that is what
/// was found first, says who matters.
pub fn tell(outcome: &Outcome, example: Option<&Counterexample>) -> Option<Story> {
    let finding = outcome.findings.first()?;
    let until = finding.at;
    let concerned = concerned(finding, example, outcome.plan.clients);
    let workload = rashomon_workloads::by_name(&outcome.plan.workload)?;
    let mut stage = staged(&outcome.as_schedule(), workload);
    stage.world.write_down(until);
    stage.go_through(&outcome.plan);
    let history = stage.kept.take();
    let lines = stage.world.take_notes();
    Some(Story::new(lines, &history, outcome.plan.clients, until, &concerned))
}

/// Everything in place for what is said in a schedule.
fn staged(schedule: &Schedule, workload: &dyn Workload) -> Stage {
    let mut plan = schedule.plan.clone();
    // What nodes did of themselves is among the strikes.
    (plan.temper.brittle, plan.temper.doomed) = (0, 0);
    let mut stage = Stage::new(&plan, workload);
    for strike in &schedule.strikes {
        stage.world.plan_strike(strike.clone());
    }
    stage.world.end = schedule.end.unwrap_or(Moment::MAX);
    stage
}

/// Carries out what is said in the text of a schedule.
pub fn replay_text(text: &str) -> Result<Outcome, ScheduleError> {
    let schedule: Schedule = text.parse()?;
    let workload = rashomon_workloads::by_name(&schedule.plan.workload);
    Ok(replay(&schedule, workload.expect("a schedule names a workload that there is")))
}

impl Stage {
    /// The whole run of this plan, or as much of it as there is until its end.
    fn perform(mut self, plan: &SimPlan, workload: &dyn Workload) -> Outcome {
        self.go_through(plan);
        self.conclude(plan, workload.model())
    }

    /// One phase after the other.
    fn go_through(&mut self, plan: &SimPlan) {
        self.world.run_until(plan.storm, |_| false);
        let after: [fn(&mut Self); 4] =
            [Self::recover, Self::read_everything, Self::calm, Self::audit];
        for phase in after {
            if !self.world.is_over() {
                phase(self);
            }
        }
    }
}

/// Workers that are done with what they had to do.
type Returned = Arc<Mutex<Vec<Worker<Simulated>>>>;

struct Stage {
    world: World,
    reach: Simulated,
    shared: Arc<Shared>,
    kept: crate::recorder::Kept,
    returned: Returned,
    /// How many clients there are.
    hired: usize,
    /// What each client has begun.
    begun: Vec<(usize, Arc<Mutex<Vec<u64>>>)>,
    stop: CancellationToken,
    findings: Vec<Finding>,
}

/// Who leads at a moment.
#[derive(Debug, Clone, Copy)]
struct Reign {
    at: Moment,
    /// The highest term of any node.
    term: u64,
    leader: Option<usize>,
}

impl Stage {
    fn new(plan: &SimPlan, workload: &dyn Workload) -> Self {
        let mut world = World::new(plan.clone());
        let reach = Simulated::new(world.booth().clone());
        let (recorder, kept) = Recorder::in_memory(RunClock::told_by(world.clock()));
        let as_run = run_plan(plan);
        let names = (1..=plan.nodes).map(|node| format!("n{node}")).collect();
        let shared = Arc::new(Shared::new(&as_run, names, recorder));
        let stop = CancellationToken::new();
        let returned = Returned::default();
        // Two timeouts, so that there is somebody to ask.
        let start = Duration::from_nanos(2 * plan.node.election_timeout);
        let mut begun = Vec::new();
        for (client, worker) in workers(&as_run, workload, &reach, &shared).into_iter().enumerate()
        {
            let Some(agenda) = agenda(&plan.omitted, client) else { continue };
            begun.push((client, agenda.begun()));
            let worker = worker.with_agenda(agenda);
            let (stop, returned) = (stop.clone(), Arc::clone(&returned));
            world.hire(async move {
                if let Ok(worker) = worker.work(start, stop).await {
                    lock(&returned).push(worker);
                }
            });
        }
        let hired = begun.len();
        let findings = Vec::new();
        Self { world, reach, shared, kept, returned, hired, begun, stop, findings }
    }

    /// Everything is healed while the load goes on; then the clients end what they do.
    fn recover(&mut self) {
        let late = self.world.latest_letter();
        self.world.heal_all();
        self.world.calm_down();
        self.serve_without_some(late);
        let missed = self.world.missed_entries();
        let serve = self.bound(SERVE_WITHIN, missed) + late;
        let probes = self.probe();
        let until = self.world.now + serve;
        let expected = self.world.able_nodes().len();
        self.world.run_until(until, |_| lock(&probes).len() >= expected);
        for node in self.world.able_nodes() {
            if !lock(&probes).contains(&node) {
                let how = self.world.how_it_stands();
                let node = node + 1;
                let what = format!("n{node} served no write and read in {}; {how}", spell(serve));
                self.found(Oracle::Liveness, what);
            }
        }
        self.stop.cancel();
        self.world.rouse();
        // Clients end by their own deadlines; probes that never end are left behind.
        let limit = self.world.now + 2 * self.world.plan.op_timeout + SECOND;
        let clients = self.hired;
        let returned = Arc::clone(&self.returned);
        self.world.run_until(limit, |_| lock(&returned).len() >= clients);
        self.converge(missed);
    }

    /// While a minority is apart, the others have a leader that stays, and one of them at least serves. (Not every one has
    /// to: a leader in the minority that hears a majority may not be heard by all.)
    fn serve_without_some(&mut self, late: Moment) {
        let missed = self.world.missed_entries();
        let apart = self.world.set_apart();
        if apart.is_empty() {
            return;
        }
        let serve = self.bound(SERVE_WITHIN, missed) + late;
        let served = self.probe();
        let whole = |node: &usize| !apart.contains(node);
        let until = self.world.now + serve;
        self.world.run_until(until, |_| lock(&served).iter().any(whole));
        if lock(&served).iter().any(whole) {
            // Whoever is led by nobody yet has some time to find a leader.
            self.world.run_until(self.world.now + self.bound(CALM, 0), |_| false);
            let rest = self.world.plan.rest.name();
            self.stay_calm(&format!("while only {} stayed {rest}", names(&apart)));
        } else {
            let how = self.world.how_it_stands();
            let what = format!(
                "with {} {}, nobody served a write and a read in {}; {how}",
                names(&apart),
                self.world.plan.rest.name(),
                spell(serve)
            );
            self.found(Oracle::Liveness, what);
        }
        self.world.bring_back();
    }

    /// All nodes have to apply the same, soon.
    fn converge(&mut self, missed: u64) {
        let within = self.bound(CONVERGE_WITHIN, missed);
        let until = self.world.now + within;
        self.world.run_until(until, World::has_converged);
        if !self.world.has_converged() {
            let what =
                format!("not all nodes have applied the same {} after healing", spell(within));
            self.found(Oracle::Liveness, what);
        } else if !self.world.plan.without.iter().any(|name| name == SAME_STATE)
            && let Some(what) = self.world.differing_stores()
        {
            self.found(Oracle::Invariant(SAME_STATE.to_owned()), what);
        }
    }

    /// A span of so many election timeouts, by the slowest clock, and the time for missed entries.
    fn bound(&self, timeouts: u64, missed: u64) -> Moment {
        let plan = &self.world.plan;
        let slowest = plan.node.election_timeout * 1000 / (1000 - plan.node.skew.min(900));
        let disk = plan.disk.sync_max + 4 * (plan.node.turn + plan.node.apply_max + 2 * MS);
        timeouts * (slowest + disk) + missed * (PER_MISSED_ENTRY + disk)
    }

    /// Asks each node to write and to read, until it does. The nodes that did.
    fn probe(&mut self) -> Arc<Mutex<Vec<usize>>> {
        let served = Arc::new(Mutex::new(Vec::new()));
        let nodes = self.world.plan.nodes;
        for node in self.world.able_nodes() {
            let timeout = Duration::from_nanos(2 * self.world.plan.node.election_timeout);
            let client = Client::new(self.reach.clone(), Shape::Register, nodes, timeout);
            let served = Arc::clone(&served);
            self.world.hire(async move {
                serve_once(client, node).await;
                lock(&served).push(node);
            });
        }
        served
    }

    /// Every key through every node.
    fn read_everything(&mut self) {
        let crew = std::mem::take(&mut *lock(&self.returned));
        let now = Duration::from_nanos(self.world.now);
        let nodes = self.world.able_nodes();
        let todo = Arc::new(Todo::new(&self.shared, &nodes, READS_PATIENCE, now));
        let clients = crew.len();
        for worker in crew {
            let (todo, returned) = (Arc::clone(&todo), Arc::clone(&self.returned));
            let never = CancellationToken::new();
            self.world.hire(async move {
                if let Ok(worker) = read_all(worker, todo, never).await {
                    lock(&returned).push(worker);
                }
            });
        }
        let returned = Arc::clone(&self.returned);
        let limit = self.world.now + 600 * SECOND;
        self.world.run_until(limit, |_| lock(&returned).len() >= clients);
        let reads = todo.so_far();
        if reads.answered < reads.wanted {
            let what = format!("{} of {} final reads were answered", reads.answered, reads.wanted);
            self.found(Oracle::Liveness, what);
        }
    }

    /// Nothing happens, so the leader stays.
    fn calm(&mut self) {
        self.stay_calm("although nothing was wrong");
        // Once more with a minority apart, now that no write tells its logs from the others'.
        let before = self.reign();
        let apart = self.world.set_apart();
        if apart.is_empty() {
            return;
        }
        // A change that has no reason may come once only: the next leader's first entry is what the last one lacks.
        let steady = self.world.leader_has_majority().then_some(before);
        self.world.run_until(self.world.now + self.bound(CALM, 0), |_| false);
        let before = steady.unwrap_or_else(|| self.reign());
        let rest = self.world.plan.rest.name();
        self.stay_with(
            before,
            &format!("while only {} stayed {rest}, without load", names(&apart)),
        );
        self.world.bring_back();
        self.converge(0);
    }

    /// Who leads now.
    fn reign(&self) -> Reign {
        let World { now, .. } = self.world;
        Reign { at: now, term: self.world.highest_term(), leader: self.world.leader() }
    }

    fn stay_calm(&mut self, when: &str) {
        self.stay_with(self.reign(), when);
    }

    /// The leader stays that there was before.
    fn stay_with(&mut self, before: Reign, when: &str) {
        let span = self.bound(CALM, 0);
        self.world.run_until(self.world.now + span, |_| false);
        let after = self.reign();
        if (after.term, after.leader) == (before.term, before.leader) {
            return;
        }
        let name = |reign: &Reign| reign.leader.map_or("nobody".to_owned(), |node| names(&[node]));
        let what = format!(
            "{} led term {}, and {} later {} leads term {}, {when}",
            name(&before),
            before.term,
            spell(after.at - before.at),
            name(&after),
            after.term
        );
        self.found(Oracle::Liveness, what);
    }

    /// All machines lose power, and what was acknowledged has to be there when they are back.
    fn audit(&mut self) {
        self.world.power_cut();
        let wait = self.bound(SERVE_WITHIN, 0);
        self.world.run_until(self.world.now + wait, |world| world.leader().is_some());
        self.read_everything();
        self.converge(0);
    }

    /// Notes a finding; not one that time was cut short for.
    fn found(&mut self, oracle: Oracle, what: String) {
        if self.world.is_over() {
            return;
        }
        self.findings.push(Finding { oracle, at: self.world.now, what });
    }

    fn conclude(mut self, plan: &SimPlan, model: ModelKind) -> Outcome {
        let history = self.kept.take();
        for breach in self.world.watch.breaches() {
            let oracle = Oracle::Invariant(breach.invariant.to_owned());
            self.findings.push(Finding { oracle, at: breach.at, what: breach.what.clone() });
        }
        for collapse in self.world.collapses() {
            let what = format!("n{}: {}", collapse.node + 1, collapse.what);
            self.findings.push(Finding { oracle: Oracle::Crash, at: collapse.at, what });
        }
        if let Some(much) = &self.world.ran_away {
            let what = format!(
                "{much} after {} of virtual time: something goes round and round",
                spell(self.world.now)
            );
            self.findings.push(Finding { oracle: Oracle::Liveness, at: self.world.now, what });
        }
        self.world.watch.marker.set(Part::Checker);
        self.findings.extend(judge(&history, model));
        self.world.watch.marker.set(Part::World);
        self.findings.sort_by_key(|finding| finding.at);
        let mut operations = OutcomeCounts::default();
        for event in &history {
            match event.kind {
                EventKind::Ok => operations.ok += 1,
                EventKind::Fail => operations.fail += 1,
                EventKind::Info => operations.info += 1,
                EventKind::Invoke => {}
            }
        }
        Outcome {
            hash: self.world.hash(),
            findings: self.findings,
            history,
            operations,
            faults: self.world.strikes().count() as u64,
            strikes: self.world.strikes().map(|(strike, _)| strike.clone()).collect(),
            time: self.world.now,
            work: self.world.work,
            end: (self.world.end < Moment::MAX).then_some(self.world.end),
            begun: self.begun.iter().flat_map(places).collect(),
            plan: plan.clone(),
        }
    }
}

/// What a client leaves out; `None` if there is no such client.
fn agenda(omitted: &[Omitted], client: usize) -> Option<Agenda> {
    let own = omitted.iter().filter(|one| one.client == client);
    own.map(|one| one.operations.clone()).collect::<Option<_>>().map(Agenda::without)
}

fn places((client, begun): &(usize, Arc<Mutex<Vec<u64>>>)) -> Vec<(usize, u64)> {
    lock(begun).iter().map(|place| (*client, *place)).collect()
}

/// What the checker finds in a history: the first event with which no order explains it.
pub(super) fn judge(history: &[Event], model: ModelKind) -> Option<Finding> {
    let mut monitor = Monitor::new(model, MonitorOptions::default());
    for event in history {
        let seen = monitor.push(&EventRef::from(event));
        let what = match seen {
            Ok(None) => continue,
            Ok(Some(violation)) => violation.to_string(),
            Err(error) => error.to_string(),
        };
        let at = event.time.unwrap_or_default();
        return Some(Finding { oracle: Oracle::Linearizability, at, what });
    }
    None
}

/// A write and a read on one node, again and again until both succeed.
async fn serve_once(mut client: Client<Simulated>, node: usize) {
    let key = format!("rashomon/probe/{node}");
    for number in 0.. {
        let value = Value::Int(number);
        let write = Invocation { f: "write", key: key.clone(), value };
        let read = Invocation::read(key.clone());
        let mut done = 0;
        for operation in [&write, &read] {
            let answer = client.perform(operation, node).await;
            done += u32::from(matches!(answer, Ok(Completion::Ok(_))));
        }
        if done == 2 {
            return;
        }
        client.pause(Duration::from_millis(10)).await;
    }
}

/// The plan as the harness's load knows plans.
fn run_plan(plan: &SimPlan) -> Plan {
    Plan {
        schema_version: SCHEMA_VERSION,
        tool_version: env!("CARGO_PKG_VERSION").to_owned(),
        started_at: String::new(),
        seed: Seed(plan.seed),
        workload: plan.workload.clone(),
        nodes: plan.nodes,
        time_limit_s: plan.storm as f64 / SECOND as f64,
        concurrency: plan.clients,
        rate: plan.rate,
        op_timeout_ms: plan.op_timeout / MS,
        fault_interval_ms: plan.fault_interval / MS,
        faults: Vec::new(),
        bugs: plan.bugs.clone(),
        election_timeout_ms: plan.node.election_timeout / MS,
        check_time_limit_s: 60.0,
        check_memory_bytes: 1 << 31,
        command: String::new(),
    }
}

/// Nodes by name.
fn names(nodes: &[usize]) -> String {
    let names: Vec<String> = nodes.iter().map(|node| format!("n{}", node + 1)).collect();
    names.join(", ")
}

/// Milliseconds, for people.
fn spell(span: Moment) -> String {
    format!("{} ms", span / MS)
}

/// Nobody leaves these half changed by a panic.
fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
